"""Data in torch's words: datasets that are indexed one by one, and a loader of batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.habits import at_least, explain_options, require
from microgradnd.operators import plain
from microgradnd.tree import flatten, leaves_along

from .examples import Seed, generator_from, starts


class Dataset:
    """Examples by their number: a subclass defines `__getitem__` and `__len__`.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return float(index), float(index) ** 2
    ...     def __len__(self):
    ...         return 4
    >>> next(iter(DataLoader(Squares(), batch_size=3)))
    (array([0., 1., 2.]), array([0., 1., 4.]))
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__(self, index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a method __len__(self)")


class TensorDataset(Dataset):
    """Arrays or Tensors side by side: example i has entry i of each.

    >>> TensorDataset([1.0, 2.0], [0, 1])[1]
    (np.float64(2.0), np.int64(1))
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(np.asarray(plain(tensor)) for tensor in tensors)
        sizes = [tensor.shape[:1] for tensor in self.tensors]
        require(len(set(sizes)) == 1 and sizes[0], f"expected arrays of one length, got {sizes}")

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The examples of a dataset with these numbers.

    >>> Subset(TensorDataset(np.arange(5.0)), [4, 0])[0]
    (np.float64(4.0),)
    """

    def __init__(self, dataset: Any, indices: ArrayLike) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Seed = None) -> list[Subset]:
    """Returns random parts of a dataset, of these numbers of examples, or fractions that sum to 1.

    >>> [len(part) for part in random_split(TensorDataset(np.zeros(10)), [0.75, 0.25], generator=0)]
    [8, 2]
    """
    count = len(dataset)
    fractions = sum(lengths) != count and np.isclose(sum(lengths), 1)
    sizes = [int(size * count if fractions else size) for size in lengths]
    if fractions:  # what is left goes to the first parts
        sizes = [size + (place < count - sum(sizes)) for place, size in enumerate(sizes)]
    fits = sum(sizes) == count and min(sizes, default=0) >= 0
    require(fits, f"expected parts of {count} examples in all, got {lengths}")
    order = generator_from(generator).permutation(count)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


class DataLoader:
    """Batches of a dataset, for a `for` loop over each epoch: tuples of arrays.

    Arguments:
        dataset: a TensorDataset, a Data, or anything with `__getitem__` and `__len__`.
        batch_size: examples in a batch.
        shuffle: whether each epoch has the examples in a new random order.
        drop_last: whether a last batch with fewer examples is left out.
        collate_fn: makes a batch of a list of examples; by default arrays are stacked.
        generator: a number, a generator, or None for the generator of `nn`.
        num_workers, pin_memory: change nothing, as one process makes the batches, on the host.

    >>> for x, y in DataLoader(TensorDataset([1.0, 2.0, 3.0], [0, 1, 0]), batch_size=2):
    ...     print(x, y)
    [1. 2.] [0 1]
    [3.] [0]
    """

    @explain_options
    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        generator: Seed = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        at_least(1, batch_size=batch_size)
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.drop_last, self.collate_fn = drop_last, collate_fn or _stacked
        self.generator = generator_from(generator)

    def __len__(self) -> int:
        return len(starts(len(self.dataset), self.batch_size, self.drop_last))

    def __iter__(self) -> Iterator[Any]:
        count = len(self.dataset)
        order = self.generator.permutation(count) if self.shuffle else np.arange(count)
        for start in starts(count, self.batch_size, self.drop_last):
            examples = [self.dataset[int(i)] for i in order[start : start + self.batch_size]]
            yield self.collate_fn(examples)


def _stacked(examples: list[Any]) -> Any:
    """The examples, each of one form, with an array in place of each entry."""
    _, rebuild = flatten(examples[0])
    columns = zip(*(leaves_along(examples[0], example) for example in examples), strict=True)
    stacked: Any = map(np.stack, columns)  # Tensors where a gradient goes on to the examples
    return rebuild(a if getattr(a, "requires_grad", False) else plain(a) for a in stacked)
