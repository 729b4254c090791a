"""Datasets and loaders, beside PyTorch's."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn.data import DataLoader, Dataset, TensorDataset, random_split

X, Y = np.arange(14.0).reshape(7, 2), np.arange(7)


class Dicts(Dataset):
    def __getitem__(self, index):
        return {"x": X[index], "y": (index, float(index))}

    def __len__(self):
        return 7


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}])
def test_batches_are_those_of_pytorch(options):
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    theirs = data.DataLoader(data.TensorDataset(torch.tensor(X), torch.tensor(Y)), **options)
    ours = DataLoader(TensorDataset(Tensor(X), Y), **options)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_array_equal(a, b.numpy())


def test_each_epoch_has_all_examples_in_a_new_order():
    loader = DataLoader(nn.data.Data(X, Y), batch_size=2, shuffle=True, generator=0)
    first, second = ([np.concatenate(part) for part in zip(*loader, strict=True)] for _ in "12")
    for x, y in (first, second):
        np.testing.assert_array_equal(x, X[y])
        assert sorted(y) == list(range(7))
    assert list(first[1]) != list(second[1])


def test_examples_of_any_form():
    batch = next(iter(DataLoader(Dicts(), batch_size=2)))
    assert batch["x"].tolist() == [[0, 1], [2, 3]]
    assert [part.tolist() for part in batch["y"]] == [[0, 1], [0.0, 1.0]]
    assert next(iter(DataLoader(Dicts(), collate_fn=len))) == 1


def test_random_parts_share_nothing():
    for lengths in ([4, 3], [0.5, 0.5]):
        parts = random_split(TensorDataset(Y), lengths, generator=1)
        assert [len(part) for part in parts] == [4, 3]
        assert sorted(int(part[i][0]) for part in parts for i in range(len(part))) == list(Y)
