"""Examples to learn from: inputs and a label for each, in parts, in mini-batches, standardised."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from microgradnd import Tensor

from ..layers.embedding import one_hot
from ..module import numbers, zeros
from .seeds import Seed, generator_from

Array = Any  # a NumPy array


class Data:
    """Inputs, and the label of each: `inputs[i]` belongs to `labels[i]`.

    Arrays stay as they are, lists get the default dtype. Labels that are whole numbers are made
    int64; words become the positions of their names in `classes`, which are the words in
    alphabetical order unless they are given. Labels may also be any other numbers to be learnt.

    A number picks one example, anything else that NumPy takes picks a part of the data.

    >>> from nn.data import Data
    >>> flowers = Data([[5.1, 3.5], [6.2, 2.2], [4.7, 3.2]], ["setosa", "other", "setosa"])
    >>> flowers
    Data(3 examples of shape (2,), 2 classes)
    >>> flowers.labels, flowers.classes
    (array([1, 0, 1]), ('other', 'setosa'))
    >>> flowers[1]
    (array([6.2, 2.2]), np.int64(0))
    >>> flowers[flowers.labels == 1].inputs
    array([[5.1, 3.5],
           [4.7, 3.2]])
    """

    def __init__(self, inputs: Any, labels: Any, classes: Sequence[str] = ()) -> None:
        self.inputs: Array = inputs if isinstance(inputs, np.ndarray) else numbers(_plain(inputs))
        if self.inputs.dtype.kind not in "biuf":
            raise TypeError(f"inputs are numbers, found dtype {self.inputs.dtype}")
        self.labels, self.classes = _numbered(_plain(labels), tuple(classes))
        if not self.inputs.ndim or not self.labels.ndim or len(self.inputs) != len(self.labels):
            raise ValueError(
                "each input needs a label: found inputs of shape "
                f"{self.inputs.shape} and labels of shape {self.labels.shape}"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @overload
    def __getitem__(self, which: int) -> tuple[Array, Array]: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | np.ndarray[Any, Any]) -> Data: ...
    def __getitem__(self, which: Any) -> Any:
        inputs, labels = self.inputs[which], self.labels[which]
        if isinstance(which, int | np.integer):
            return inputs, labels
        return Data(inputs, labels, self.classes)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return zip(self.inputs, self.labels, strict=True)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"Data({len(self)} examples of shape {self.inputs.shape[1:]}{classes})"

    @property
    def images(self) -> Array:
        """The inputs as square images: of shape (n, 28, 28) where they are (n, 784)."""
        return as_images(self.inputs)

    def map(self, change: Callable[[Array], Array]) -> Data:
        """The same labels with changed inputs.

        >>> from nn.data import Data
        >>> Data([[1.0], [2.0]], [0, 1]).map(lambda x: 10 * x).inputs
        array([[10.],
               [20.]])
        """
        return Data(change(self.inputs), self.labels, self.classes)

    def one_hot(self, num_classes: int | None = None) -> Data:
        """The same inputs, each label as zeros with a one in its place.

        There are as many classes as there are names of them, or else as the labels need.

        >>> from nn.data import Data
        >>> Data([[1.0], [2.0]], [0, 1]).one_hot().labels
        array([[1., 0.],
               [0., 1.]])
        """
        count = num_classes or len(self.classes) or -1
        return Data(self.inputs, one_hot(self.labels, count).astype(zeros().dtype), self.classes)

    def split(self, *sizes: float, seed: Seed = None, stratified: bool = False) -> tuple[Data, ...]:
        """Parts of these sizes and the rest, at random; a size is a fraction or a whole number.

        Stratified, each part has the classes in the proportions of the whole.

        >>> import numpy as np
        >>> from nn.data import Data
        >>> data = Data(np.zeros((50, 2)), [0] * 40 + [1] * 10)
        >>> train, validation = data.split(0.8, seed=0, stratified=True)
        >>> train, np.bincount(validation.labels)
        (Data(40 examples of shape (2,)), array([8, 2]))
        """
        counts = [_count(size, len(self)) for size in sizes]
        if not sizes or min(counts) < 1 or sum(counts) >= len(self):
            raise ValueError(
                f"split({', '.join(map(str, sizes))}) of {len(self)} examples leaves a part "
                "without any; sizes are fractions below 1, or whole numbers, and leave a rest"
            )
        order = generator_from(seed).permutation(len(self))
        if stratified:
            if self.labels.ndim > 1 or self.labels.dtype.kind == "f":
                raise TypeError(
                    "a stratified split takes labels that are whole numbers or words, found shape "
                    f"{self.labels.shape} and dtype {self.labels.dtype}"
                )
            order = order[np.argsort(_places_in_classes(self.labels[order]), kind="stable")]
        return tuple(self[part] for part in np.split(order, np.cumsum(counts)))

    def batches(
        self,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: Seed = None,
        drop_last: bool = False,
    ) -> Batches:
        """The data in mini-batches, for a `for` loop over each epoch.

        1 is purely stochastic, None the whole data as one batch. The last batch has what remains,
        or is dropped.

        >>> from nn.data import Data
        >>> data = Data([[0.0], [1.0], [2.0]], [0, 1, 0])
        >>> for x, y in data.batches(2, shuffle=False):
        ...     print(x.ravel(), y)
        [0. 1.] [0 1]
        [2.] [0]
        """
        return Batches(self, batch_size, shuffle, seed, drop_last)


class Batches:
    """Data in mini-batches. Each `for` over it is an epoch, and has an order of its own.

    When an epoch begins, its order is drawn at once as `generator.permutation(len(data))`, and
    nothing else is drawn. The state of the generator before that and the number of the next batch
    are therefore a position in the data, to which `epoch(first)` returns. Without shuffling, and
    where all data is one batch, nothing is drawn.

    >>> from nn.data import Data
    >>> batches = Data([[0.0], [1.0], [2.0]], [0, 1, 2]).batches(2, seed=1)
    >>> len(batches)
    2
    >>> state = batches.generator.bit_generator.state
    >>> [y.tolist() for x, y in batches], [y.tolist() for x, y in batches]
    ([[0, 1], [2]], [[2, 0], [1]])
    >>> batches.generator.bit_generator.state = state
    >>> [y.tolist() for x, y in batches.epoch(first=1)]
    [[2]]
    """

    def __init__(
        self,
        data: Data,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: Seed = None,
        drop_last: bool = False,
    ) -> None:
        size = len(data) if batch_size is None else operator.index(batch_size)
        if size < 1 or (drop_last and size > len(data)):
            raise ValueError(f"there are no batches of {size} examples in {len(data)}")
        self.data, self.batch_size, self.drop_last = data, size, drop_last
        self.shuffle = shuffle and size < len(data)
        self.generator = generator_from(seed)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.data), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return self.epoch()

    def epoch(self, first: int = 0) -> Iterator[tuple[Array, Array]]:
        """One epoch, from the batch with the number `first` on."""
        order = self.generator.permutation(len(self.data)) if self.shuffle else None
        return self._in_order(order, first)

    def _in_order(self, order: Array, first: int) -> Iterator[tuple[Array, Array]]:
        for number in range(first, len(self)):
            part = slice(number * self.batch_size, (number + 1) * self.batch_size)
            if order is None:
                yield self.data.inputs[part], self.data.labels[part]
            else:
                which = order[part]
                yield self.data.inputs.take(which, 0), self.data.labels.take(which, 0)


class Standardise:
    """Subtracts from each column its mean and divides by its standard deviation.

    Both are those of the examples given here. Give the training data alone, and use the result on
    all data: what is held out must not be looked at. Columns that never vary become zeros.

    >>> from nn.data import Standardise
    >>> scaler = Standardise([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler([[5.0, 7.0]])
    array([[3., 0.]])
    """

    def __init__(self, inputs: Any) -> None:
        x = numbers(_plain(inputs))
        if not x.ndim or not len(x):
            raise ValueError(f"to standardise takes examples, found shape {x.shape}")
        varies = np.ptp(x, axis=0) > 0  # of equal numbers a mean, and so a deviation, is rounded
        self.mean = np.where(varies, np.mean(x, axis=0, dtype=float), x[0])
        self.deviation = np.where(varies, np.std(x, axis=0, dtype=float), 1)

    def __call__(self, inputs: Any) -> Array:
        """The inputs in units of the standard deviation."""
        x = numbers(_plain(inputs))
        if x.shape[1:] != self.mean.shape:
            raise ValueError(
                f"this was fitted on examples of shape {self.mean.shape}, found {x.shape[1:]}"
            )
        return (x - self.mean.astype(x.dtype)) / self.deviation.astype(x.dtype)


def as_images(inputs: Array) -> Array:
    """Rows of pixels as square images, without copying. An axis for a single channel goes.

    >>> import numpy as np
    >>> from nn.data.arrays import as_images
    >>> as_images(np.zeros((5, 784))).shape
    (5, 28, 28)
    """
    if inputs.ndim == 3:
        return inputs
    if inputs.ndim == 4 and inputs.shape[1] == 1:
        return inputs[:, 0]
    side = math.isqrt(math.prod(inputs.shape[1:]))
    if inputs.ndim < 2 or inputs.size != len(inputs) * side * side:
        raise ValueError(f"inputs of shape {inputs.shape} are no square images")
    return inputs.reshape(len(inputs), side, side)


def _plain(values: Any) -> Array:
    return values.numpy() if isinstance(values, Tensor) else values


def _numbered(labels: Any, classes: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Labels as numbers, and the names of the classes."""
    given, labels = labels, np.asarray(labels)
    if labels.dtype.kind in "OSUT":
        words, which = np.unique(labels.astype(str), return_inverse=True)
        classes = classes or tuple(words.tolist())
        number_of = {name: number for number, name in enumerate(classes)}
        unknown = [word for word in words.tolist() if word not in number_of]
        if unknown:
            raise ValueError(f"the label {unknown[0]!r} is not among the classes {classes}")
        numbered = np.array([number_of[word] for word in words.tolist()], np.int64)
        return numbered[which], classes
    if labels.dtype.kind in "biu":
        labels = labels.astype(np.int64, copy=False)
        if classes and labels.size and not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError(
                f"labels of {len(classes)} classes are whole numbers from 0 to {len(classes) - 1}, "
                f"found {labels.min()} to {labels.max()}"
            )
        return labels, classes
    if labels.dtype.kind != "f":
        raise TypeError(f"labels are numbers or words, found dtype {labels.dtype}")
    return (labels if isinstance(given, np.ndarray) else numbers(given)), classes


def _count(size: float, examples: int) -> int:
    if isinstance(size, int | np.integer):
        return int(size)
    return round(size * examples) if 0 < size < 1 else 0


def _places_in_classes(labels: Array) -> Array:
    """How far into its class each example is, between 0 and 1.

    Sorted by it, whatever one takes from the front has all classes in their proportions.
    """
    _, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    by_class = np.argsort(labels, kind="stable")
    starts = np.cumsum(counts) - counts
    ranks = np.empty(len(labels), int)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return (ranks + 0.5) / counts[labels]
