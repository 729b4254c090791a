"""Examples to learn from: inputs and a label for each, in parts, in mini-batches, standardised."""

from __future__ import annotations

import copy
import math
import operator
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, overload

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import explain_options
from microgradnd.habits import require as require  # also for nn.equations: no engine there
from microgradnd.operators import plain

from .. import init
from ..files.state import check_alike
from ..init import numbers, whole_numbers, zeros
from ..layers.embedding import one_hot
from .in_file import InFile, floats_in, in_file, rows

Seed: TypeAlias = "int | np.random.Generator | None"


def generator_from(seed: Seed) -> np.random.Generator:
    """A new generator for a number, a generator itself, and that of `nn` for None."""
    if seed is None or seed is init.generator:
        return init.generator
    return np.random.default_rng(seed)


class Data:
    """Inputs and their labels: `inputs[i]` belongs to `labels[i]`.

    Arrays stay as they are, lists get the default dtype. An integer picks one example, any other
    index of NumPy's a part. Arrays in files (np.memmap, h5py, zarr, Dask) are read batch by batch.

    Arguments:
        inputs: numbers, an example in each entry of the first axis.
        labels: a label for each example. Whole numbers become int64; words become the positions
            of their names in `classes`; other numbers are targets of a regression.
        classes: the names of the classes; by default the words in alphabetical order.
        columns: how the inputs were read from a table, see `nn.data.csv`.

    >>> flowers = Data([[5.1, 3.5], [6.2, 2.2], [4.7, 3.2]], ["setosa", "other", "setosa"])
    >>> flowers.labels, flowers.classes
    (array([1, 0, 1]), ('other', 'setosa'))
    >>> flowers[flowers.labels == 1]
    Data(2 examples of shape (2,), 2 classes)
    """

    def __init__(
        self, inputs: Any, labels: Any, classes: Sequence[str] = (), columns: Any = None
    ) -> None:
        self.columns = columns
        self.inputs: Array = _numbers(inputs)
        dtype, shape = self.inputs.dtype, self.inputs.shape
        require(dtype.kind in "biuf", f"inputs must be numbers, got dtype {dtype}", TypeError)
        self.labels, self.classes = _numbered(labels, tuple(classes))
        paired = shape and shape[:1] == self.labels.shape[:1]
        require(paired, f"each input needs a label, got shapes {shape} and {self.labels.shape}")

    def __len__(self) -> int:
        return int(self.inputs.shape[0])

    @overload
    def __getitem__(self, which: int) -> tuple[Array, Array]: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | np.ndarray[Any, Any]) -> Data: ...
    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, int | np.integer):
            return self.inputs[which], self.labels[which]
        inputs, labels = _some_rows(self.inputs, which), _some_rows(self.labels, which)
        return Data(inputs, labels, self.classes, self.columns)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return zip(self.inputs, self.labels, strict=True)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("a Data has inputs and labels; use data.inputs where inputs are expected")

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"Data({len(self)} examples of shape {self.inputs.shape[1:]}{classes})"

    @staticmethod
    def of(data: Any, dtype: Any = None) -> Data:
        """Returns a Data, or a pair of inputs and labels as one, with its floats in a dtype."""
        pair = data if isinstance(data, tuple | list) else ()
        if not isinstance(data, Data):
            found = f"expected Data, or a pair of inputs and labels, got {type(data).__name__}"
            found += "; use its .train or .test" * hasattr(data, "train")
            require(len(pair) == 2 and not isinstance(pair[0], Data), found, TypeError)
            data = Data(*pair)
        inputs, labels = floats_in(data.inputs, dtype), floats_in(data.labels, dtype)
        return Data(inputs, labels, data.classes, data.columns)

    @property
    def images(self) -> Array:
        """The inputs as square images: of shape (n, 28, 28) where they are (n, 784)."""
        return as_images(self.inputs)

    def map(self, change: Callable[[Array], Array]) -> Data:
        """Returns the same labels with changed inputs."""
        return Data(change(self.inputs), self.labels, self.classes, self.columns)

    def one_hot(self, num_classes: int | None = None) -> Data:
        """Returns the same inputs, each label as a row of zeros with a one in its place.

        By default there are as many classes as names of classes, or else as the labels need.
        """
        count = num_classes or len(self.classes) or -1
        rows = one_hot(self.labels, count).astype(zeros().dtype)
        return Data(self.inputs, rows, self.classes, self.columns)

    @explain_options
    def split(self, *sizes: float, seed: Seed = None, stratified: bool = False) -> tuple[Data, ...]:
        """Returns random parts of these sizes, and the rest.

        Arguments:
            sizes: fractions below 1, or whole numbers of examples.
            seed: a number, a generator, or None for the generator of `nn`.
            stratified: whether each part has the classes in the proportions of the whole.

        >>> train, validation = Data([7.0] * 5, [0, 1, 0, 1, 2]).split(0.6, seed=0)
        >>> len(train), len(validation)
        (3, 2)
        """
        count = len(self)
        counts = [s if isinstance(s, int | np.integer) else round(s * count) for s in sizes]
        required = "sizes must be fractions below 1 or whole numbers, and leave a part of"
        leaves = min(counts, default=0) > 0 and sum(counts) < count
        require(leaves, f"{required} the {count} examples for each and for the rest, got {sizes}")
        order = generator_from(seed).permutation(count)
        if stratified:
            discrete = self.labels.ndim == 1 and self.labels.dtype.kind != "f"
            found = f"{self.labels.dtype} of shape {self.labels.shape}"
            require(discrete, f"a stratified split needs whole numbers or words, got {found}")
            labels, place = self.labels[order], np.empty(count)
            for label in np.unique(labels):  # how far into its class each is, between 0 and 1
                members = labels == label
                place[members] = (np.arange(members.sum()) + 0.5) / members.sum()
            order = order[np.argsort(place, kind="stable")]  # any front of it is in proportion
        return tuple(self[part] for part in np.split(order, np.cumsum(counts)))

    def folds(self, k: int = 5, seed: Seed = None) -> Iterator[tuple[Data, Data]]:
        """Iterates over k pairs of training and validation data: each example is held out once.

        Arguments:
            k: number of folds.
            seed: a number, a generator, or None for the generator of `nn`.

        >>> for train, validation in Data([7.0] * 5, [0, 1, 0, 1, 2]).folds(2, seed=0):
        ...     print(len(train), len(validation))
        2 3
        3 2
        """
        require(1 < k <= len(self), f"k must be from 2 to {len(self)}, got {k}")
        order = generator_from(seed).permutation(len(self))
        for fold in range(k):
            held_out = order[fold::k]
            yield self[np.setdiff1d(order, held_out)], self[np.sort(held_out)]

    def batches(
        self, batch_size: int | None = None, shuffle: bool = True, seed: Seed = None,
        drop_last: bool = False,
    ) -> Batches:  # fmt: skip
        """Returns the data in mini-batches, for a `for` loop over each epoch.

        Arguments:
            batch_size: examples in a batch; None makes one batch of all data.
            shuffle: whether each epoch has the examples in a new random order.
            seed: a number, a generator, or None for the generator of `nn`.
            drop_last: whether a last batch with fewer examples is left out.

        >>> for x, y in Data([0.0, 1.0, 2.0], [0, 1, 0]).batches(2, shuffle=False):
        ...     print(x, y)
        [0. 1.] [0 1]
        [2.] [0]
        """
        return Batches(self, batch_size, shuffle, seed, drop_last)


def starts(count: int, size: int, drop_last: bool = False) -> range:
    """Where the batches of so many examples begin."""
    return range(0, count - size + 1 if drop_last else count, size)


class Batches:
    """Data in mini-batches. Each `for` over it is an epoch in a new order.

    When an epoch begins, its order is drawn at once as `generator.permutation(len(data))`, and
    nothing else is drawn, or nothing at all without shuffling and where all data is one batch. So
    the state of the generator before that and the number of the next batch are a position in the
    data, to which `epoch(first)` returns. The arguments are those of `Data.batches`.

    >>> [len(labels) for _, labels in Batches(Data(np.eye(5), np.arange(5)), batch_size=2)]
    [2, 2, 1]
    """

    def __init__(
        self, data: Data, batch_size: int | None = None, shuffle: bool = True, seed: Seed = None,
        drop_last: bool = False,
    ) -> None:  # fmt: skip
        count = len(data)
        size = count if batch_size is None else operator.index(batch_size)
        some = size > 0 and not (drop_last and size > count)
        require(some, f"there are no batches of {size} examples in {count}")
        self.data, self.batch_size, self.drop_last = data, size, drop_last
        self.shuffle = shuffle and size < count
        self.generator = generator_from(seed)

    labels = property(lambda self: self.data.labels)
    examples = property(lambda self: len(self.data))

    def of(self, data: Data) -> Batches:
        """The same batches of other data; those with less than a batch are one."""
        batches, size = copy.copy(self), self.batch_size  # of a user's kind also
        drop_last = self.drop_last and size <= len(data)
        Batches.__init__(batches, data, size, self.shuffle, self.generator, drop_last)
        return batches

    def described(self) -> tuple[str, str]:
        """The sizes, and what tells the data from others, in words for a checkpoint."""
        inputs, labels, count = self.data.inputs, self.labels, self.examples
        some = np.linspace(0, count - 1, min(count, 100)).astype(int)
        checksum = zlib.crc32(rows(inputs, some).tobytes() + rows(labels, some).tobytes())
        found = f"{inputs.dtype} of shape {inputs.shape}, checksum {checksum:08x}"
        return f"{count} examples in batches of {self.batch_size}", found

    def __len__(self) -> int:
        return len(starts(self.examples, self.batch_size, self.drop_last))

    def epoch(
        self, first: int = 0, cut: Callable[[int, int], slice] = slice
    ) -> Iterator[tuple[Array, Array]]:
        """Returns one epoch, from the batch with the number `first` on; `cut` returns the part to
        take of a batch that goes from here to there."""
        size, count = self.batch_size, self.examples
        left = starts(count, size, self.drop_last)[first:]
        parts: Iterator[Any] = (cut(start, min(start + size, count)) for start in left)
        if self.shuffle:
            parts = map(self.generator.permutation(count).__getitem__, parts)
        inputs, labels = self.data.inputs, self.labels
        return ((rows(inputs, part), rows(labels, part)) for part in parts)

    __iter__ = epoch


class Standardise:
    """Subtracts from each column its mean, and divides by its standard deviation.

    Make it from the training data alone, and use it on all data: held-out data must not be looked
    at. Columns that never vary become zeros.

    Arguments:
        inputs: an array or a Data; nothing, if `nn.load(model, path, scaler)` is to fill it.
        fill: whether missing numbers (nan) are left out of mean and deviation, and become 0, which
            is the mean; else they are refused.

    >>> scaler = Standardise([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler([[5.0, 7.0]]), scaler.inverse([[3.0, 0.0]])
    (array([[3., 0.]]), array([[5., 7.]]))
    >>> scaler(Data([[5.0, 7.0]], ["up"]))
    Data(1 examples of shape (2,), 1 classes)
    """

    def __init__(self, inputs: Any = None, fill: bool = False) -> None:
        self.fill, self.mean, self.deviation = fill, zeros(0), zeros(0)
        if inputs is None:
            return
        x = numbers(_numbers(inputs.inputs if isinstance(inputs, Data) else inputs))
        require(x.shape[:1] > (0,), f"expected examples to standardise, got shape {x.shape}")
        missing = np.isnan(x).all(axis=0) if fill else np.isnan(x)
        hint = "; fill=True leaves nan out" * (not fill)
        finite = not missing.any() and not np.isinf(x).any()
        require(finite, f"expected finite numbers in each column{hint}")
        low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
        squared = "expected numbers below 1e150, which are squared; divide all data by one of them"
        require(np.all(np.maximum(-low, high).astype(float) < 1e150), squared)
        varies = high > low  # the mean of equal numbers is rounded: ask for no deviation
        self.mean = np.where(varies, np.nanmean(x, axis=0, dtype=float), low)
        self.deviation = np.where(varies, np.nanstd(x, axis=0, dtype=float), 1)

    def __call__(self, inputs: Any) -> Any:
        """Returns the inputs in units of the standard deviation: an array, or a Data of a Data."""
        if isinstance(inputs, Data):
            return inputs.map(self)
        x: Array = numbers(_numbers(inputs))
        shape = self.mean.shape
        require(shape != (0,), "this Standardise is empty: load it, or give it training data")
        require(x.shape[1:] == shape, f"expected examples of shape {shape}, got {x.shape[1:]}")
        x = x - self.mean.astype(x.dtype)
        x = np.divide(x, self.deviation, dtype=x.dtype)
        return np.where(np.isnan(x), x.dtype.type(0), x) if self.fill else x

    def inverse(self, inputs: Any) -> Array:
        """Returns what is in units of the standard deviation as it was before."""
        x = numbers(_numbers(inputs))
        before: Array = x * self.deviation.astype(x.dtype) + self.mean.astype(x.dtype)
        return before

    def state_dict(self) -> dict[str, Any]:
        """What is saved with a model."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was saved."""
        check_alike(vars(self), state_dict)
        vars(self).update(state_dict)


def as_images(inputs: Array) -> Array:
    """Returns rows of pixels as square images: a view, without an axis for one channel."""
    if inputs.ndim == 3:
        return inputs
    if inputs.ndim == 4 and inputs.shape[1] == 1:
        return inputs[:, 0]
    side = math.isqrt(math.prod(inputs.shape[1:]))
    square = inputs.ndim > 1 and inputs.size == len(inputs) * side * side
    require(square, f"inputs of shape {inputs.shape} are not square images")
    return inputs.reshape(len(inputs), side, side)


def _numbers(values: Any) -> Any:
    """Arrays as they are, lists in the default dtype."""
    values = plain(values)
    return values if isinstance(values, np.ndarray) or in_file(values) else numbers(values)


def _some_rows(values: Any, which: Any) -> Any:
    """Some rows: in memory, or where they are."""
    if not in_file(values):
        return values[which]
    return InFile(values, which=np.arange(values.shape[0])[which])


def _numbered(labels: Any, classes: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Labels as numbers, and the names of the classes."""
    labels = plain(labels)
    if in_file(labels) and len(labels.shape) > 1:  # as large as inputs
        whole = labels.dtype.kind in "biu"
        return (InFile(labels, np.int64) if whole else labels), classes
    found = np.asarray(labels)
    if found.dtype.kind in "OSUT":
        refuse_missing(labels)
        names, places = np.unique(found.astype(str), return_inverse=True)
        classes = classes or tuple(names.tolist())
        number_of = {name: number for number, name in enumerate(classes)}
        unknown = str([name for name in names.tolist() if name not in number_of])[1:-1]
        require(not unknown, f"the label {unknown} is not among the classes {classes}")
        return np.array([number_of[name] for name in names.tolist()], np.int64)[places], classes
    if found.dtype.kind in "biu":
        found = found.astype(np.int64, copy=False)
        if classes:
            whole_numbers(found, "labels of these classes", len(classes))
        return found, classes
    required = f"labels must be numbers or words, got dtype {found.dtype}"
    require(found.dtype.kind == "f", required, TypeError)
    return _numbers(labels), classes


def refuse_missing(labels: Any) -> None:
    """Raises an error if words have nan or the like among them."""
    others = (w for w in np.asarray(labels, object).flat if not isinstance(w, str | bytes))
    missing = {str(w) for w in others} & {"None", "nan", "<NA>", "NaT"}
    require(not missing, f"expected a label for each example, got {', '.join(missing)}")
