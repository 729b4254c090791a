"""What is inside of values: arrays and where they lie, numbers, and the parts of tuples."""

from __future__ import annotations

import mmap
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..arrays import Array
from ..tree import leaves_of, map_leaves

LARGE = 1 << 16  # bytes of an array


def digested(tree: Any) -> Any:
    """The same with the bits of the arrays and numbers in it, or what stands for them: equal for
    equal values."""

    def bits(leaf: Any) -> Any:
        leaf = getattr(leaf, "_array", leaf)
        if not isinstance(leaf, np.ndarray | np.generic):
            return repr(leaf) if isinstance(leaf, float) else leaf
        array: Any = np.asarray(leaf, order="C")
        if array.dtype.kind in "fc":  # one nan is like another, whatever its sign
            array = np.where(np.isnan(array), np.nan, array).astype(array.dtype, copy=False)
        if array.nbytes <= LARGE:
            return array.shape, array.dtype, array.tobytes()
        from hashlib import blake2b  # only a step with large arrays needs it

        return array.shape, array.dtype, blake2b(array.data).digest()

    return map_leaves(bits, tree)


def is_number(value: Any) -> bool:
    """Whether it is one that may change from step to step, such as a rate."""
    return type(value) in (int, float) or isinstance(value, np.floating)


def arrays_in(value: Any) -> list[Array]:
    """All arrays inside."""
    return [leaf for leaf in leaves_of(value) if isinstance(leaf, np.ndarray)]


def owner(array: Array) -> Array:
    """The array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def bounds(array: Array) -> tuple[int, int]:
    """Where the memory of an array begins and ends."""
    if not array.flags.forc:
        return byte_bounds(array)
    start = array.__array_interface__["data"][0]
    return start, start + array.nbytes


def imagined(like: Any) -> Array:
    """A new array of the same form, which takes memory only where somebody writes to it."""
    if like.nbytes <= LARGE or like.flags.forc is False:
        return np.empty_like(like)
    return np.ndarray(like.shape, like.dtype, mmap.mmap(-1, like.nbytes), 0, like.strides)


def form(array: Array) -> tuple[Any, ...]:
    """How the entries of an array lie, wherever it begins."""
    return array.shape, array.strides, array.dtype


def viewed(whole: Array, start: int, form: tuple[Any, ...]) -> Array:
    """A view of this form of the memory of an array, from so many bytes behind its beginning."""
    shape, strides, dtype = form
    buffer: Any = whole if whole.flags.c_contiguous else whole.T
    return np.ndarray(shape, dtype, buffer, start, strides)


def is_same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two lists or tuples hold the very same objects."""
    return len(one) == len(other) and all(map(operator.is_, one, other))
