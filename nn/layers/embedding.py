"""Names, words and classes as numbers: a learnt vector for each, or a one among zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.arrays import Array, ArrayLike, add_at, is_foreign
from microgradnd.habits import at_least, check_choice, explain_options, require
from microgradnd.operators import beside, plain
from microgradnd.program import afresh, being_recorded

from .. import init
from ..functions import FunctionModule
from ..init import check_shapes, numbers, whole_numbers
from ..module import Parameter
from .layer import Layer


def _added_at(g: Any, indices: Array, count: int) -> Any:
    """A table of `count` rows, with the rows of g added where they were read."""
    table, rows = np.zeros((count, g.shape[-1]), g.dtype), g.reshape(-1, g.shape[-1])
    read = indices.ravel()
    order = np.argsort(read.astype(np.min_scalar_type(count)), kind="stable")
    read = read[order]
    starts = np.flatnonzero(np.diff(read, prepend=-1))
    table[read[starts]] = rows.take(order[starts], axis=0)
    # Rows that were read again are added in pairs of neighbours, then pairs of pairs, and so on.
    repeated = np.arange(read.size) - np.repeat(starts, np.diff(starts, append=read.size))
    again = np.flatnonzero(repeated)
    rows, read, place = rows.take(order[again], axis=0), read[again], repeated[again] - 1
    left, apart = np.flatnonzero(place), 1
    while left.size:
        is_second = place[left] // apart % 2 == 1
        second = left[is_second]
        rows[second - apart] += rows[second]
        left, apart = left[~is_second], 2 * apart
    table[read[place == 0]] += rows[place == 0]
    return table


def _added_plainly(g: Any, indices: Array, count: int) -> Any:
    return add_at(np.zeros_like(g, shape=(count, g.shape[-1])), indices, g)


_rows_added: Any = primitive(
    lambda g, indices, count: (
        _added_plainly(g, indices, count)
        if is_foreign(g)
        else afresh(_added_at, g, indices, count, plainly=_added_plainly)
    ),
    lambda h, y, g, indices, count: _rows(h, indices),
    None,
    None,
    name="embedding_gradient",
)
_rows: Any = primitive(
    lambda weight, indices, padding=None, shares=None: np.take(weight, indices, axis=0),
    lambda g, y, weight, indices, padding=None, shares=None: _rows_added(
        _counting(g, indices, padding, shares), indices, len(weight)
    ),
    None,
    name="embedding",
)


def _counting(g: Any, indices: Array, padding: int | None, shares: Any) -> Any:
    g = g if padding is None else np.where((indices == padding)[..., None], 0, g)
    return g if shares is None else g * beside(shares[..., None].astype(g.dtype), g)


def _shares(read: Array) -> Any:
    """For each index one over how often it is there."""
    return 1 / np.bincount(read.ravel())[read]


def _shortened(table: Array, read: Array, max_norm: float, norm_type: float) -> Any:
    """A table in which the rows that are read are at most `max_norm` long."""
    length = np.linalg.norm(table, norm_type, axis=-1)
    is_read = beside(np.bincount(read.ravel(), minlength=len(table)) > 0, table)
    factor = np.where(is_read & (length > max_norm), max_norm / (length + 1e-7), 1)
    return table * factor[:, None].astype(table.dtype)


def _shorten(weight: Any, indices: Array, max_norm: float | None, norm_type: float) -> Any:
    """The weight with the rows that are read shortened, a Tensor in place; nothing is recorded."""
    if max_norm is None:
        return weight
    at_least(0.0, max_norm=max_norm)
    computed = getattr(weight, "operation", None) is not None
    leaf = "max_norm changes the weight: expected a leaf, such as a Parameter"
    require(not computed, f"{leaf}, got {getattr(weight, 'title', '')}; use None", TypeError)
    news = afresh(_shortened, plain(weight), indices, max_norm, norm_type)
    if not isinstance(weight, Tensor):
        return news
    if being_recorded() or not np.array_equal(news, plain(weight)):
        weight.hold(news)
    return weight


@explain_options
def embedding(
    input: ArrayLike, weight: ArrayLike, padding_idx: int | None = None,
    max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:  # fmt: skip
    """Reads the row of the weight for each index; the row of `padding_idx` gets no gradient.

    Arguments:
        max_norm: if given, rows that are longer are shortened when they are read, in the weight
            itself if it is a Tensor; the gradient is that of the shortened row.
        norm_type: the p of the norm that measures them.
        scale_grad_by_freq: whether a row's gradient is divided by how often it is read.
        sparse: changes nothing, as gradients are arrays here.

    >>> embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.]])
    """
    w = numbers(weight)
    indices = whole_numbers(input, "embedding", len(w), IndexError)
    w = _shorten(w, indices, max_norm, norm_type)
    shares = afresh(_shares, indices) if scale_grad_by_freq else None
    return _rows(w, indices, padding=_padding(padding_idx, len(w)), shares=shares)


class _Table(Layer, FunctionModule):
    num_embeddings: int
    embedding_dim: int
    weight: Parameter

    _sizes = "num_embeddings embedding_dim"

    def __post_init__(self: Any) -> None:
        self.padding_idx = _padding(self.padding_idx, self.num_embeddings)
        self._learn(weight=(self.num_embeddings, self.embedding_dim))

    def reset_parameters(self: Any) -> None:
        """Starts anew: normal with variance 1, and zeros for the padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.data[self.padding_idx])

    @classmethod
    def from_pretrained(
        cls, embeddings: ArrayLike, freeze: bool = True, *options: Any, **more: Any
    ) -> Any:
        """Makes one of vectors that were learned before; `freeze` keeps them as they are. Further
        options are those of the constructor, from `padding_idx` on.

        >>> Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])([1]).numpy()
        array([[3., 4.]])
        """
        vectors = numbers(plain(embeddings))
        check_shapes(vectors.ndim == 2, "a vector in each row", vectors)
        made = cls(*vectors.shape, *options, **more)
        made.weight = Parameter(vectors, requires_grad=not freeze)
        return made

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many connections have a weight, and how many a bias, for one example."""
        return math.prod(output_shape), 0


class Embedding(_Table, of=embedding, inputs=""):
    """A learned vector of `embedding_dim` entries for each of `num_embeddings` things, looked up by
    their numbers.

    Arguments:
        padding_idx: number of the thing whose vector begins as zeros and is not learned.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `nn.functional.embedding`.

    >>> words = Embedding(1000, 8)
    >>> words([[3, 14, 15], [92, 65, 35]]).shape
    (2, 3, 8)
    """

    _usual = "padding_idx=None max_norm=None norm_type=2.0 scale_grad_by_freq=False sparse=False"


def embedding_bag(
    input: ArrayLike, weight: ArrayLike, offsets: ArrayLike | None = None,
    max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
    mode: str = "mean", sparse: bool = False, per_sample_weights: ArrayLike | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """Reads the rows of the weight for bags of indices, and returns one row for each bag.

    Arguments:
        input: a bag in each row; or all bags one after the other.
        offsets: where each bag begins, in the second case.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `embedding`.
        mode: what is made of the rows: "sum", "mean" or "max"; zeros for an empty bag.
        per_sample_weights: what each row is multiplied by before the sum, in the input's shape.
        include_last_offset: whether the last offset is the end of the last bag.
        padding_idx: an index that does not count.

    >>> embedding_bag([[0, 1], [1, 1]], [[1.0, 2.0], [3.0, 4.0]])
    array([[2., 3.],
           [3., 4.]])
    """
    w = numbers(weight)
    factors: Any = None if per_sample_weights is None else numbers(per_sample_weights, w.dtype)
    indices: Any = whole_numbers(input, "embedding_bag", len(w), IndexError)
    check_choice("mode", mode, "sum", "mean", "max")
    fits = factors is None or (mode == "sum" and np.shape(factors) == indices.shape)
    found = f"got mode {mode!r} and shape {np.shape(factors)}"
    require(fits, f"per_sample_weights are for mode 'sum', of shape {indices.shape}, {found}")
    by_frequency = mode != "max" or not scale_grad_by_freq
    require(by_frequency, "scale_grad_by_freq is for the modes 'sum' and 'mean', got 'max'")
    fits = indices.ndim == (2 if offsets is None else 1)
    check_shapes(fits, "a bag in each row, or one row of bags and offsets", indices)
    w = _shorten(w, indices, max_norm, norm_type)
    shares = afresh(_shares, indices) if scale_grad_by_freq else None
    counts: Any = np.ones(indices.shape, bool)
    if offsets is not None:  # write each bag in a row
        starts = whole_numbers(offsets, "embedding_bag's offsets", len(indices) + 1, IndexError)
        ends = starts[1:] if include_last_offset else np.append(starts[1:], len(indices))
        starts = starts[: len(ends)]
        rise = starts.ndim == 1 and (ends >= starts).all() and not starts[:1].any()
        require(rise, f"expected offsets that rise from 0, got {starts}")
        place = starts[:, None] + np.arange((ends - starts).max(initial=0))
        counts = place < ends[:, None]
        place = np.where(counts, place, 0)
        given = indices, factors, shares
        indices, factors, shares = (x if x is None else x[place] for x in given)
    padding = _padding(padding_idx, len(w))
    counts = counts if padding is None else counts & (indices != padding)
    rows, counted = _rows(w, indices, shares=shares), counts[..., None]
    if mode == "max" and rows.shape[1]:  # else all bags are empty, and their sum is 0
        largest = np.max(np.where(counted, rows, -np.inf), axis=1)
        return np.where(np.any(counted, axis=1), largest, 0).astype(w.dtype)
    share = counted.astype(w.dtype)
    if factors is not None:
        share = share * factors[..., None]
    elif mode == "mean":
        share = share / np.maximum(np.sum(share, axis=1, keepdims=True), 1)
    return np.sum(np.where(counted, rows, 0) * share, axis=1)


class EmbeddingBag(_Table, of=embedding_bag, inputs="offsets per_sample_weights"):
    """A learned vector for each of `num_embeddings` things, and the mean of those in a bag. Options
    are those of `Embedding` and `embedding_bag`.

    >>> EmbeddingBag(1000, 8)([3, 14, 15, 92], offsets=[0, 3]).shape
    (2, 8)
    """

    _usual = "max_norm=None norm_type=2.0 scale_grad_by_freq=False mode= padding_idx=None"

    def extra_repr(self: Any) -> str:
        return super().extra_repr().replace(f"mode={self.mode}", f"mode={self.mode!r}")


@explain_options
def one_hot(input: ArrayLike, num_classes: int = -1) -> Array:
    """Returns for each label zeros with a one in its place. -1: as many as the labels need.

    >>> one_hot([0, 2])
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    at_least(-1, num_classes=num_classes)
    stop = math.inf if num_classes == -1 else num_classes
    labels = whole_numbers(input, "one_hot", stop, IndexError)
    if num_classes == -1:
        require(labels.size, "one_hot of no labels needs num_classes")
        num_classes = int(labels.max()) + 1
    return np.equal(labels[..., None], np.arange(num_classes)).astype(np.int64)


def _padding(index: int | None, count: int) -> int | None:
    fits = index is None or -count <= index < count
    require(fits, f"padding_idx must be from {-count} to {count - 1}, got {index}")
    return index if index is None else index % count
