"""Sequences of unequal lengths as one batch, padded or packed: `nn.utils.rnn`, as PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import at_least, check_choice, require
from microgradnd.operators import plain

from ..init import numbers


class PackedSequence(NamedTuple):
    """Sequences of a batch without padding, as RNN, LSTM and GRU take it: all first steps, then all
    second steps, and so on, the longest first."""

    data: Any
    batch_sizes: Array  # how many sequences there are at each step
    sorted_indices: Array | None = None  # the numbers of the sequences, the longest first
    unsorted_indices: Array | None = None  # the places of the sequences among these

    def runs(self) -> list[Any]:
        """The data, cut where a sequence ends: arrays of shape (steps, sequences, ...)."""
        parts, start = [], 0
        for n, steps in itertools.groupby(self.batch_sizes.tolist()):
            end = start + n * len(list(steps))
            parts.append(self.data[start:end].reshape(-1, n, *self.data.shape[1:]))
            start = end
        return parts


def pad_sequence(
    sequences: Iterable[ArrayLike], batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:  # fmt: skip
    """Makes one array, (longest, N, ...), of sequences of unequal lengths, (steps, ...), filled up
    with `padding_value` at the end, or at the beginning with padding_side "left".

    >>> pad_sequence([[1.0, 2.0, 3.0], [4.0]], batch_first=True)
    array([[1., 2., 3.],
           [4., 0., 0.]])
    """
    arrays = [numbers(sequence) for sequence in sequences]
    fits = arrays and len({x.shape[1:] for x in arrays}) == 1 and all(x.ndim for x in arrays)
    found = f"got shapes {[x.shape for x in arrays]}"
    require(fits, f"expected arrays that differ only in their lengths, {found}")
    check_choice("padding_side", padding_side, "left", "right")
    most = max(map(len, arrays))
    padded = []
    for x in arrays:
        rest = np.full((most - len(x), *x.shape[1:]), padding_value, x.dtype)
        padded.append(np.concatenate([x, rest] if padding_side == "right" else [rest, x]))
    return np.stack(padded, axis=0 if batch_first else 1)


def pack_padded_sequence(
    input: ArrayLike, lengths: ArrayLike, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leaves the padding out of sequences of shape (steps, N, ...), for a recurrent layer; unless
    `enforce_sorted`, the longest need not come first.

    >>> packed = pack_padded_sequence([[1.0, 4.0], [2.0, 0.0], [3.0, 0.0]], [3, 1])
    >>> packed.data, packed.batch_sizes
    (array([1., 4., 2., 3.]), array([2, 1, 1]))
    """
    x, length = numbers(input), np.asarray(plain(lengths))
    x = x.swapaxes(0, 1) if batch_first else x
    fits = length.shape == x.shape[1:2] and length.dtype.kind in "iu"
    found = f"got {length.dtype} of shape {length.shape}"
    require(fits, f"expected a length for each of {x.shape[1]} sequences, {found}")
    fits = length.size and 0 < length.min() <= length.max() <= len(x)
    require(fits, f"expected lengths from 1 to {len(x)}, got {length}")
    order = back = None
    if not enforce_sorted:
        order = np.argsort(-length, kind="stable")
        back, length, x = np.argsort(order), length[order], x[:, order]
    falling = not (np.diff(length) > 0).any()
    require(falling, f"expected the longest first, got {length}; use enforce_sorted=False")
    is_there = length > np.arange(length[0])[:, None]
    return PackedSequence(x[: length[0]][is_there], np.sum(is_there, axis=1), order, back)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, Array]:  # fmt: skip
    """Returns the sequences with padding again, (steps, N, ...), and their lengths; there are
    `total_length` steps, or as many as the longest has.

    >>> packed = pack_padded_sequence([[1.0, 4.0], [2.0, 0.0]], [2, 1])
    >>> pad_packed_sequence(packed, padding_value=-1.0)
    (array([[ 1.,  4.],
           [ 2., -1.]]), array([2, 1]))
    """
    found = f"got {type(sequence).__name__}"
    require(isinstance(sequence, PackedSequence), f"expected a PackedSequence, {found}", TypeError)
    data, sizes, _, back = sequence
    at_least(len(sizes), None, total_length=total_length)
    sizes = np.pad(sizes, (0, (total_length or len(sizes)) - len(sizes)))
    number = np.arange(sizes[0])
    is_there = number < sizes[:, None]
    place = np.where(is_there, np.cumsum(sizes)[:, None] - sizes[:, None] + number, 0)
    each = is_there.reshape(*is_there.shape, *[1] * (data.ndim - 1))
    padding, lengths = data.dtype.type(padding_value), np.sum(is_there, axis=0)
    x = np.where(each, data[place], padding)
    if back is not None:
        x, lengths = x[:, back], lengths[back]
    return x.swapaxes(0, 1) if batch_first else x, lengths
