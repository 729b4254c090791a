"""What is inside of values: arrays and where they lie, numbers, and the parts of tuples."""

from __future__ import annotations

import mmap
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..arrays import Array
from ..tree import leaves_of, like_tuple

LARGE = 1 << 16  # bytes of an array


def is_equal(one: Any, other: Any) -> bool:
    """Whether two values have the same arrays and numbers in them, to the last bit."""
    if isinstance(one, tuple) and set(map(type, one)) == {int}:  # a generator's state has hundreds
        return bool(one == other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    one, other = getattr(one, "_array", one), getattr(other, "_array", other)
    if isinstance(one, np.ndarray | np.generic):
        mine, others = np.ravel(one), np.ravel(other)
        starts = range(0, mine.size, LARGE)  # in pieces, so that no large copies are made
        pieces = ((a[n : n + LARGE].tobytes() for a in (mine, others)) for n in starts)
        return mine.nbytes == others.nbytes and all(a == b for a, b in pieces)
    return bool(one == other)


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


def arrays_at(value: Any) -> list[Array]:
    """An array that is held, or those in a tuple."""
    if isinstance(value, tuple):
        return [array for part in value for array in arrays_at(part)]
    return [value] if isinstance(value, np.ndarray) else []


def part_by_part(change: Callable[[Any, Any], Any], value: Any, before: Any = None) -> Any:
    """A tuple with each part changed by a function, which also gets the part that was there before.
    Where the parts are those of one of the two tuples, returns that one."""
    old = before if isinstance(before, tuple) and len(before) == len(value) else value
    parts = list(map(change, value, old))
    for same in (before, value):
        if type(same) is type(value) and is_same(parts, list(same)):
            return same
    return like_tuple(value, parts)


def is_same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(one) == len(other) and all(map(operator.is_, one, other))
