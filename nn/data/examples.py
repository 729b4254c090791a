"""Examples to learn from: inputs and a label for each, in parts, in mini-batches, standardised."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, overload

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array

from .. import init
from ..init import numbers, zeros
from ..layers.embedding import one_hot

Seed: TypeAlias = int | np.random.Generator | None


def generator_from(seed: Seed) -> np.random.Generator:
    """Returns a new generator for a number, a generator itself, and that of `nn` for None."""
    return init.generator if seed is None else np.random.default_rng(seed)


class Data:
    """Inputs and their labels: `inputs[i]` belongs to `labels[i]`.

    Arrays stay as they are, lists get the default dtype. An integer picks one example; anything
    else that NumPy accepts as an index picks a part of the data.

    Arguments:
        inputs: numbers, an example in each entry of the first axis.
        labels: a label for each example. Whole numbers become int64; words become the positions
            of their names in `classes`; other numbers are targets of a regression.
        classes: the names of the classes; by default the words in alphabetical order.

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
        self.inputs: Array = _numbers(inputs)
        if self.inputs.dtype.kind not in "biuf":
            raise TypeError(f"inputs must be numbers, got dtype {self.inputs.dtype}")
        self.labels, self.classes = _numbered(labels, tuple(classes))
        if not self.inputs.ndim or not self.labels.ndim or len(self.inputs) != len(self.labels):
            raise ValueError(
                "each input needs a label: got inputs of shape "
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
        """Returns the same labels with changed inputs.

        >>> from nn.data import Data
        >>> Data([[1.0], [2.0]], [0, 1]).map(lambda x: 10 * x).inputs
        array([[10.],
               [20.]])
        """
        return Data(change(self.inputs), self.labels, self.classes)

    def one_hot(self, num_classes: int | None = None) -> Data:
        """Returns the same inputs, each label as a row of zeros with a one in its place.

        By default there are as many classes as names of classes, or else as the labels need.

        >>> from nn.data import Data
        >>> Data([[1.0], [2.0]], [0, 1]).one_hot().labels
        array([[1., 0.],
               [0., 1.]])
        """
        count = num_classes or len(self.classes) or -1
        return Data(self.inputs, one_hot(self.labels, count).astype(zeros().dtype), self.classes)

    def split(self, *sizes: float, seed: Seed = None, stratified: bool = False) -> tuple[Data, ...]:
        """Returns random parts of these sizes, and the rest.

        Arguments:
            sizes: fractions below 1, or whole numbers of examples.
            seed: a number, a generator, or None for the generator of `nn`.
            stratified: whether each part has the classes in the proportions of the whole.

        >>> import numpy as np
        >>> from nn.data import Data
        >>> data = Data(np.zeros((50, 2)), [0] * 40 + [1] * 10)
        >>> train, validation = data.split(0.8, seed=0, stratified=True)
        >>> train, np.bincount(validation.labels)
        (Data(40 examples of shape (2,)), array([8, 2]))
        """
        counts = [
            size if isinstance(size, int | np.integer) else round(size * len(self) * (0 < size < 1))
            for size in sizes
        ]
        if not sizes or min(counts) < 1 or sum(counts) >= len(self):
            raise ValueError(
                f"split({', '.join(map(str, sizes))}) of {len(self)} examples leaves a part "
                "without any; sizes must be fractions below 1 or whole numbers, and leave a rest"
            )
        order = generator_from(seed).permutation(len(self))
        if stratified:
            if self.labels.ndim > 1 or self.labels.dtype.kind == "f":
                raise TypeError(
                    "a stratified split needs labels that are whole numbers or words, got shape "
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
        """Returns the data in mini-batches, for a `for` loop over each epoch.

        Arguments:
            batch_size: examples in a batch; None makes one batch of all data.
            shuffle: whether each epoch has the examples in a new random order.
            seed: a number, a generator, or None for the generator of `nn`.
            drop_last: whether a last batch with fewer examples is left out.

        >>> from nn.data import Data
        >>> data = Data([[0.0], [1.0], [2.0]], [0, 1, 0])
        >>> for x, y in data.batches(2, shuffle=False):
        ...     print(x.ravel(), y)
        [0. 1.] [0 1]
        [2.] [0]
        """
        return Batches(self, batch_size, shuffle, seed, drop_last)


class Batches:
    """Data in mini-batches. Each `for` over it is an epoch in a new order.

    When an epoch begins, its order is drawn at once as `generator.permutation(len(data))`, and
    nothing else is drawn. The state of the generator before that and the number of the next batch
    are therefore a position in the data, to which `epoch(first)` returns. Without shuffling, and
    where all data is one batch, nothing is drawn. The arguments are those of `Data.batches`.

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
        """Returns one epoch, from the batch with the number `first` on."""
        inputs, labels, size = self.data.inputs, self.data.labels, self.batch_size
        parts = (slice(n * size, (n + 1) * size) for n in range(first, len(self)))
        if not self.shuffle:
            return ((inputs[part], labels[part]) for part in parts)
        order = self.generator.permutation(len(self.data))
        chosen = (order[part] for part in parts)
        return ((inputs.take(which, 0), labels.take(which, 0)) for which in chosen)


class Standardise:
    """Subtracts from each column its mean, and divides by its standard deviation.

    Both are computed from the inputs given here. Give the training data alone, and use the result
    on all data: held-out data must not be looked at. Columns that never vary become zeros.

    >>> from nn.data import Standardise
    >>> scaler = Standardise([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler([[5.0, 7.0]])
    array([[3., 0.]])
    """

    def __init__(self, inputs: Any) -> None:
        x = numbers(_numbers(inputs))
        if not x.ndim or not len(x):
            raise ValueError(f"expected examples to standardise, got shape {x.shape}")
        varies = np.ptp(x, axis=0) > 0  # the mean of equal numbers is rounded: ask for no deviation
        self.mean = np.where(varies, np.mean(x, axis=0, dtype=float), x[0])
        self.deviation = np.where(varies, np.std(x, axis=0, dtype=float), 1)

    def __call__(self, inputs: Any) -> Array:
        """Returns the inputs in units of the standard deviation."""
        x: Array = numbers(_numbers(inputs))
        if x.shape[1:] != self.mean.shape:
            raise ValueError(f"expected examples of shape {self.mean.shape}, got {x.shape[1:]}")
        x = x - self.mean.astype(x.dtype)
        return np.divide(x, self.deviation, dtype=x.dtype)


def as_images(inputs: Array) -> Array:
    """Returns rows of pixels as square images, without copying and without an axis of one channel.

    >>> import numpy as np
    >>> from nn.data.examples import as_images
    >>> as_images(np.zeros((5, 784))).shape
    (5, 28, 28)
    """
    if inputs.ndim == 3:
        return inputs
    if inputs.ndim == 4 and inputs.shape[1] == 1:
        return inputs[:, 0]
    side = math.isqrt(math.prod(inputs.shape[1:]))
    if inputs.ndim < 2 or inputs.size != len(inputs) * side * side:
        raise ValueError(f"inputs of shape {inputs.shape} are not square images")
    return inputs.reshape(len(inputs), side, side)


def _numbers(values: Any) -> Array:
    """Arrays as they are, lists in the default dtype."""
    values = values.numpy() if isinstance(values, Tensor) else values
    return values if isinstance(values, np.ndarray) else numbers(values)


def _numbered(labels: Any, classes: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Labels as numbers, and the names of the classes."""
    found = np.asarray(labels.numpy() if isinstance(labels, Tensor) else labels)
    if found.dtype.kind in "OSUT":
        words, found = np.unique(found.astype(str), return_inverse=True)
        classes = classes or tuple(words.tolist())
        number_of = {name: number for number, name in enumerate(classes)}
        for word in words.tolist():
            if word not in number_of:
                raise ValueError(f"the label {word!r} is not among the classes {classes}")
        return np.array([number_of[word] for word in words.tolist()], np.int64)[found], classes
    if found.dtype.kind in "biu":
        found = found.astype(np.int64, copy=False)
        if classes and found.size and not 0 <= found.min() <= found.max() < len(classes):
            raise ValueError(
                f"labels of {len(classes)} classes are whole numbers from 0 to {len(classes) - 1}, "
                f"got {found.min()} to {found.max()}"
            )
        return found, classes
    if found.dtype.kind != "f":
        raise TypeError(f"labels must be numbers or words, got dtype {found.dtype}")
    return _numbers(labels), classes


def _places_in_classes(labels: Array) -> Array:
    """How far into its class each example is, between 0 and 1.

    Sorted by it, any number of examples from the front has all classes in their proportions.
    """
    places = np.empty(len(labels))
    for label in np.unique(labels):
        members = labels == label
        count = np.count_nonzero(members)
        places[members] = (np.arange(count) + 0.5) / count
    return places
