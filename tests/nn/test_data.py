"""Data sets, their parts and mini-batches, standardisation, and shapes in the plane."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnd import Tensor, set_default_dtype
from nn import data
from nn.data import Data, DataLoader, Dataset, Standardise, TensorDataset, random_split, sonnets
from nn.init import manual_seed


def numbered(count):
    """Examples that show their place, with three classes of different sizes."""
    return Data(np.arange(2.0 * count).reshape(count, 2), np.arange(count) % 7 % 3)


def places(part):
    return (part.inputs[:, 0] / 2).astype(int).tolist()


def test_arrays_stay_and_lists_get_the_default_dtype():
    inputs, targets = np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)
    kept = Data(inputs, targets)
    assert kept.inputs is inputs
    assert kept.labels is targets
    with set_default_dtype(np.float32):
        assert Data([[1], [2]], [0.5, 1.5]).inputs.dtype == np.float32
        assert Data([[1], [2]], [0.5, 1.5]).labels.dtype == np.float32
        assert Data([[1], [2]], [0, 1]).one_hot().labels.dtype == np.float32
    for labels in ([1, 0], np.array([1, 0], np.uint8), [True, False], Tensor(np.array([1, 0]))):
        found = Data(Tensor([[1.0], [2.0]]), labels).labels
        assert (found.dtype, found.tolist()) == (np.int64, [1, 0])


def test_words_are_numbered_by_their_class():
    words = ["cat", "ant", "cat", "bee"]
    by_name = Data(np.zeros((4, 1)), words)
    assert [by_name.classes[label] for label in by_name.labels] == words
    given = Data(np.zeros((4, 1)), np.array(words, object), classes=["cat", "dog", "bee", "ant"])
    assert given.labels.tolist() == [0, 3, 0, 2]
    assert given[1:].classes == given.classes
    assert given.one_hot().labels.shape == (4, 4)


def test_a_part_is_what_numpy_picks():
    whole = numbered(20)
    for which in (slice(3, 9), slice(None, None, -2), [4, 1, 4], np.arange(20) % 3 == 0, []):
        expected = np.arange(20)[which].tolist()
        part = whole[which]
        assert places(part) == expected
        np.testing.assert_array_equal(part.labels, whole.labels[expected])
    x, y = whole[np.int64(5)]
    assert x.tolist() == [10, 11]
    assert y == whole.labels[5]
    assert [y for x, y in whole] == whole.labels.tolist()


SIZES = st.lists(st.floats(0.02, 0.45) | st.integers(1, 20), min_size=1, max_size=2)


@given(st.integers(3, 60), SIZES, st.booleans(), st.integers(0, 5))
def test_a_split_has_every_example_once(count, sizes, stratified, seed):
    whole = numbered(count)
    expected = [round(size * count) if isinstance(size, float) else size for size in sizes]
    if min(expected) < 1 or sum(expected) >= count:
        with pytest.raises(ValueError, match="leave a part of the"):
            whole.split(*sizes)
        return
    parts = whole.split(*sizes, seed=seed, stratified=stratified)
    assert [len(part) for part in parts] == [*expected, count - sum(expected)]
    assert sorted(place for part in parts for place in places(part)) == list(range(count))
    again = whole.split(*sizes, seed=seed, stratified=stratified)
    assert list(map(places, again)) == list(map(places, parts))


@given(st.lists(st.integers(1, 60), min_size=2, max_size=8), st.integers(0, 99))
def test_a_stratified_split_keeps_the_proportions(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    whole = Data(np.zeros((len(labels), 1)), np.random.default_rng(seed).permutation(labels))
    for part in whole.split(0.5, seed=seed, stratified=True):
        fair = np.array(counts) * len(part) / len(whole)
        # Each class is rounded, and so is the whole, over which few classes have to agree.
        assert np.all(np.abs(np.bincount(part.labels, minlength=len(counts)) - fair) <= 1.5)
    one = Data(np.arange(20), [1] + [0] * 19)  # whose place is random
    assert {one.split(10, seed=s, stratified=True)[0].labels.sum() for s in range(40)} == {0, 1}
    assert [*one.split(10, seed=seed)[0].inputs] != [*one.split(10, seed=seed + 1)[0].inputs]
    exact = Data(np.zeros((150, 1)), np.repeat([0, 1, 2], [100, 40, 10]))
    parts = exact.split(0.7, 0.1, seed=seed, stratified=True)
    found = [np.bincount(part.labels).tolist() for part in parts]
    assert found == [[70, 28, 7], [10, 4, 1], [20, 8, 2]]


@given(st.integers(1, 30), st.integers(1, 30), st.booleans(), st.booleans())
def test_an_epoch_has_every_example_once(count, size, shuffle, drop_last):
    whole = numbered(count)
    if drop_last and size > count:
        with pytest.raises(ValueError, match="no batches"):
            whole.batches(size, shuffle, seed=0, drop_last=drop_last)
        return
    batches = whole.batches(size, shuffle, seed=0, drop_last=drop_last)
    epoch = list(batches)
    assert len(epoch) == len(batches)
    met = [int(x[0]) // 2 for xs, _ in epoch for x in xs]
    assert len(set(met)) == len(met) == (count - count % size if drop_last else count)
    assert all(len(x) == size for x, _ in (epoch if drop_last else epoch[:-1]))
    assert shuffle or met == list(range(len(met)))
    for x, y in epoch:
        np.testing.assert_array_equal(y, whole.labels[(x[:, 0] / 2).astype(int)])


@pytest.mark.parametrize("seed", [int, np.random.default_rng, lambda _: None])  # None: that of nn
def test_the_order_of_each_epoch_is_the_permutation_that_is_documented(seed):
    manual_seed(7)
    twin, batches = np.random.default_rng(7), numbered(23).batches(5, seed=seed(7))
    for first in (0, 3, 1):  # an interrupted epoch goes on where it was
        epoch = batches.epoch(first)
        order = twin.permutation(23)[5 * first :]
        assert batches.generator.bit_generator.state == twin.bit_generator.state  # at once
        assert [int(x) // 2 for xs, _ in epoch for x in xs[:, 0]] == order.tolist()
    assert batches.generator.bit_generator.state == twin.bit_generator.state  # and nothing since


def test_the_whole_and_what_is_not_shuffled_are_no_copies_and_nothing_is_drawn():
    whole = numbered(9)
    few = numbered(30).batches(10, seed=0, drop_last=True).of(whole)  # less than a batch is one
    for batches in (whole.batches(seed=0), whole.batches(3, shuffle=False, seed=0), few):
        state = batches.generator.bit_generator.state
        for x, y in batches:
            assert np.shares_memory(x, whole.inputs)
            assert np.shares_memory(y, whole.labels)
        assert batches.generator.bit_generator.state == state
    assert [len(x) for x, _ in whole.batches()] == [9]


@pytest.mark.parametrize("value", [0.1, 0.0, -1e8 / 3, 1e-310])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_that_never_varies_becomes_zeros(value, dtype):
    train = np.full((1001, 1), value, dtype)
    for few in (train, train[:1]):
        np.testing.assert_array_equal(Standardise(few)(few), 0)
        np.testing.assert_array_equal(Standardise(few)(few + 1), few + 1 - few)


@pytest.mark.parametrize("shape", [data.moons, data.circles, data.spirals, data.xor, data.blobs])
def test_shapes_are_balanced_seeded_and_of_the_default_dtype(shape):
    found = shape(101, seed=2)
    assert np.ptp(np.bincount(found.labels)) <= 1
    assert found.labels.max() == (2 if shape is data.blobs else 1)
    assert not np.array_equal(found.labels, np.sort(found.labels))
    np.testing.assert_array_equal(found.inputs, shape(101, seed=2).inputs)
    assert (found.inputs.shape, len(shape()), len(shape(1))) == ((101, 2), 200, 1)
    with set_default_dtype(np.float32):
        assert shape(10, seed=0).inputs.dtype == np.float32
    spread = shape(20_000, noise=0.3, seed=0).inputs - shape(20_000, noise=0, seed=0).inputs
    assert np.std(spread) == pytest.approx(0.3, rel=0.02)


def test_shapes_without_noise_are_where_they_should_be():
    moons, circles = (shape(300, noise=0, seed=0) for shape in (data.moons, data.circles))
    xor = data.xor(300, seed=0)
    for label, centre, side in ((0, (0, 0), 1), (1, (1, 0.5), -1)):
        away = moons.inputs[moons.labels == label] - centre
        np.testing.assert_allclose(np.hypot(*away.T), 1)
        assert np.all(side * away[:, 1] >= 0)
    np.testing.assert_allclose(np.hypot(*circles.inputs.T), np.where(circles.labels, 0.5, 1))
    np.testing.assert_array_equal(np.prod(xor.inputs, axis=1) < 0, xor.labels == 1)
    assert np.all(np.abs(xor.inputs) <= 1)
    blobs = data.blobs(100, noise=0, classes=4, seed=0)
    corners = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    np.testing.assert_allclose(blobs.inputs, corners[blobs.labels], atol=1e-12)
    spiral = data.spirals(300, noise=0, arms=3, turns=1.5, seed=0)
    x, y = spiral.inputs.T
    apart = (np.arctan2(y, x) / (2 * np.pi) - 1.5 * np.hypot(x, y) - spiral.labels / 3) % 1
    np.testing.assert_allclose(np.minimum(apart, 1 - apart), 0, atol=1e-9)  # arms are turned copies
    assert np.hypot(x, y).max() <= 1


# ---- datasets and loaders, beside PyTorch's; letters -----------------------------------------------

X, Y = np.arange(14.0).reshape(7, 2), np.arange(7)


class Dicts(Dataset):
    def __getitem__(self, index):
        example = {"x": X[index], "y": (index, float(index))}
        return dict(sorted(example.items(), reverse=index % 2))  # the order of the keys is free

    def __len__(self):
        return 7


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}])
def test_batches_are_those_of_pytorch(options, torch):
    data = torch.utils.data
    theirs = data.DataLoader(data.TensorDataset(torch.tensor(X), torch.tensor(Y)), **options)
    ours = DataLoader(TensorDataset(Tensor(X), Y), **options)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_array_equal(a, b.numpy())


def test_each_epoch_has_all_examples_in_a_new_order():
    loader = DataLoader(Data(X, Y), batch_size=2, shuffle=True, generator=0)
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
    w = Tensor([2.0, 3.0], requires_grad=True)
    np.sum(next(iter(DataLoader([w, w**2], batch_size=2)))).backward()
    assert w.grad.tolist() == [5, 7]


def test_random_parts_share_nothing():
    for lengths in ([4, 3], [0.5, 0.5]):
        parts = random_split(TensorDataset(Y), lengths, generator=1)
        assert [len(part) for part in parts] == [4, 3]
        assert sorted(int(part[i][0]) for part in parts for i in range(len(part))) == list(Y)


def test_batches_go_with_their_data():
    data = Data(X, Y)
    batches = data.batches(3, shuffle=False)
    data.labels = data.labels + 10
    assert np.concatenate([y for _, y in batches]).tolist() == [y + 10 for y in Y]
    batches.data = data[:4]
    assert [len(y) for _, y in batches] == [3, 1]


def test_all_154_sonnets_are_there_and_come_back_from_their_numbers():
    text = sonnets()
    assert len(re.findall(r"^[IVXLC]+$", text.text, flags=re.MULTILINE)) == 154
    assert text.text.endswith("water cools not love.\n")
    assert text.decode(text.numbers) == text.text
    np.testing.assert_array_equal(np.unique(text.numbers), np.arange(len(text.letters)))
    assert list(text.letters) == sorted(set(text.text))
