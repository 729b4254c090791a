"""Names, words and classes as numbers: a learnt vector for each, or a one among zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.replay import afresh, holds

from .. import init
from ..init import numbers, zeros
from ..module import Module, Parameter

Array = np.ndarray[Any, Any]


def _added_at(g: Any, indices: Array, padding: int | None, count: int) -> Any:
    """A table of `count` rows, with the rows of g added where they were read; none at `padding`."""
    table = np.zeros((count, g.shape[-1]), g.dtype)
    if indices.size:
        flat, rows = indices.ravel(), g.reshape(-1, g.shape[-1])
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        table[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    if padding is not None:
        table[padding] = 0
    return table


def _read(g: Any, indices: Array, padding: int | None) -> Any:
    rows = _rows(g, indices, None)
    return rows if padding is None else rows * (indices != padding)[..., None]


_rows_added = primitive(
    lambda g, indices, padding, count: afresh(_added_at, g, indices, padding, count),
    lambda h, y, g, indices, padding, count: _read(h, indices, padding),
    None,
    None,
    None,
    name="embedding_gradient",
)
_rows = primitive(
    lambda weight, indices, padding: weight[indices],
    lambda g, y, weight, indices, padding: _rows_added(g, indices, padding, len(weight)),
    None,
    None,
    name="embedding",
)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The row of the weight for each index. The row of `padding_idx` gets no gradient.

    >>> from nn.layers.embedding import embedding
    >>> embedding([1, 1, 0], [[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    weight = numbers(weight)
    count = len(weight)
    if padding_idx is not None and not -count <= padding_idx < count:
        raise ValueError(f"padding_idx is {padding_idx}, the weight has {count} rows")
    padding = padding_idx % count if padding_idx is not None else None
    return _rows(weight, _indices(input, count, "embedding"), padding)


class Embedding(Module):
    """A learnt vector for each of `num_embeddings` things, looked up by their numbers.

    The vector of `padding_idx` begins as zeros and is not learnt.

    >>> from nn.layers.embedding import Embedding
    >>> words = Embedding(1000, 8)
    >>> words([[3, 14, 15], [92, 65, 35]]).shape
    (2, 3, 8)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None
    ) -> None:
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx is {padding_idx}, of {num_embeddings} embeddings")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(zeros(num_embeddings, embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start anew: normal with variance 1, and zeros for the padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.data[self.padding_idx])

    def forward(self, input: Any) -> Any:
        indices = _indices(input, self.num_embeddings, self._where())
        return _rows(self.weight, indices, self.padding_idx)

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many connections have a weight, and how many a bias, for one example."""
        return math.prod(output_shape), 0

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


def one_hot(input: Any, num_classes: int = -1) -> Array:
    """For each label a vector of zeros with a one in its place. -1: as many as the labels need.

    >>> from nn.layers.embedding import one_hot
    >>> one_hot([0, 2])
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels = _whole_numbers(input, "one_hot")
    if num_classes == -1:
        if not labels.size:
            raise ValueError("one_hot of no labels needs to be told num_classes")
        num_classes = int(labels.max()) + 1
    _check_range(labels, num_classes, "one_hot")
    return np.equal(labels[..., None], np.arange(num_classes)).astype(np.int64)


def _indices(input: Any, count: int, where: str) -> Array:
    indices = _whole_numbers(input, where)
    _check_range(indices, count, where)
    return indices


def _whole_numbers(input: Any, where: str) -> Array:
    if isinstance(input, Tensor):
        input = input.numpy()
    values: Array = input if hasattr(input, "dtype") else np.asarray(input)
    if isinstance(input, list) and not values.size:  # NumPy makes floats of an empty list
        return np.zeros(values.shape, np.int64)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{where} takes an array of whole numbers, found dtype {values.dtype}")
    return values


def _check_range(indices: Array, count: int, where: str) -> None:
    if indices.size and not holds((indices.min() >= 0) & (indices.max() < count)):
        wrong = indices[(indices < 0) | (indices >= count)].ravel()[0]
        raise IndexError(f"{where} takes numbers from 0 to {count - 1}, found {wrong}")
