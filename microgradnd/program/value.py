"""A value: an array that is never overwritten, and the call that made it; and what arrays are."""

from __future__ import annotations

import mmap
import operator
from collections.abc import Container, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..arrays import Array
from ..tensor import Tensor
from ..tree import leaves_of, map_leaves

PLAIN = {int, bool, str, type(None)}  # equal where they are the same
_ARRAYS = (np.ndarray, np.generic)
LARGE = 1 << 18  # bytes of an array


class NotDerivableError(RuntimeError):
    """A function does what no line of NumPy says; the message says what, and in which line."""


class Value:
    """An array, a tuple of arrays, or a number, and the call that made it; a leaf has no function.

    It is `fixed` if it is a constant, or computed from constants alone. `place` is where a program
    computes it, if it is no number; if that is not `array`, this is only of its form. A program
    computes what `lasts` even if nobody needs it.
    """

    __slots__ = ("_used", "arguments", "array", "fixed", "function", "keywords", "lasts", "place")

    def __init__(
        self,
        array: Any,
        function: Any = None,
        arguments: Any = (),
        keywords: Any = None,
        fixed: bool = False,
    ) -> None:
        self.array = self.place = array
        self.function, self.fixed, self.lasts = function, fixed, False
        self.arguments, self.keywords = arguments, keywords or {}
        self._used: list[Value] | None = None

    shape = property(lambda self: np.shape(self.array))
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: np.ndim(self.array))
    is_number = property(lambda self: not (self.fixed or isinstance(self.place, np.ndarray)))

    def is_like(self, result: Any) -> bool:
        """Whether an array may be that of this value, as far as its form says."""
        return self.array.shape == result.shape and self.array.dtype == result.dtype  # type: ignore

    def used(self) -> list[Value]:
        """The values among its arguments, once for each time that they stand there."""
        if self._used is None:
            self._used = values_in([self.arguments, self.keywords])
        return self._used


def values_in(tree: Any) -> list[Value]:
    return [leaf for leaf in leaves_of(tree) if type(leaf) is Value]


def arrays_of(tree: Any) -> Any:
    return map_leaves(lambda leaf: leaf.array if isinstance(leaf, Value) else leaf, tree)


def computed(function: Any, arguments: Any, keywords: Any) -> Any:
    """What a call on arrays returns, not to be overwritten."""
    result = function(*arguments, **keywords)
    if type(result) in (bool, int, float):  # as of np.allclose
        return np.asarray(result)[()]
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return result


def part_of(whole: Any, path: Any) -> Any:
    """The part of an array to which a path leads."""
    for step, others, options in path:
        whole = step(whole, *arrays_of(others), **arrays_of(options))
    return whole


def changed(whole: Array, path: Any, function: Any, *arguments: Any) -> Array:
    """A copy in which a function has changed the part to which the path leads."""
    whole = np.copy(whole)
    function(part_of(whole, path), *arguments)
    return whole


def astype(array: Any, dtype: Any) -> Any:
    return array.astype(dtype)


def opaque(function: Any, *arguments: Any) -> Any:
    """A function that looks into arrays with Python, called as it is."""
    return np.array(function(*arguments))


def frozen(tree: Any) -> Any:
    """A key that is equal for equal arguments."""
    if isinstance(tree, Value):
        return tree
    if isinstance(tree, (tuple, list)):
        return type(tree), *map(frozen, tree)
    if type(tree) in PLAIN:
        return type(tree), tree
    if isinstance(tree, dict):
        return tuple((name, frozen(part)) for name, part in tree.items())
    if isinstance(tree, slice):
        return "slice", tree.start, tree.stop, tree.step
    if isinstance(tree, float | complex | np.generic):
        return type(tree), repr(tree)
    known = tree if isinstance(tree, Hashable) else id(tree)  # the value of the key holds it
    return type(tree), known


def reachable(ends: Iterable[Value], known: Container[Value] = ()) -> list[Value]:
    """All values from which the ends were computed that are not known, behind their arguments."""
    order: dict[Value, None] = {}
    stack = [end for end in ends if end not in known][::-1]
    while stack:
        value = stack[-1]
        missing = [each for each in value.used() if each not in order and each not in known]
        if missing and value not in order:
            stack.extend(reversed(missing))
            continue
        order.setdefault(stack.pop())
    return list(order)


# ---- where arrays lie, and what is in them -------------------------------------------------------


def digested(tree: Any) -> Any:
    """The same with the bits of the arrays and numbers in it, or what stands for them: equal for
    equal values."""

    def bits(leaf: Any) -> Any:
        leaf = getattr(leaf, "_array", leaf)
        if not isinstance(leaf, np.ndarray | np.generic):
            return repr(leaf) if isinstance(leaf, float) else leaf
        array: Any = np.asarray(leaf, order="C")
        if array.dtype.kind in "fc" and np.isnan(array).any():  # one is like another, of any sign
            array = np.where(np.isnan(array), np.nan, array).astype(array.dtype, copy=False)
        if array.nbytes <= LARGE:
            return array.shape, array.dtype, array.tobytes()
        from hashlib import blake2b  # only a step with large arrays needs it

        return array.shape, array.dtype, blake2b(array.data).digest()

    return map_leaves(bits, tree)


def is_number(value: Any) -> bool:
    """Whether it is one that may change from step to step, such as a rate."""
    return type(value) in (int, float) or isinstance(value, np.floating)


def kind_of(value: Any) -> Any:
    """What a program is made for: the type of an input, with shape, dtype and where its entries
    lie; the value of what is neither an array nor a number."""
    kind = type(value)
    if isinstance(value, Tensor):
        data = value._array
        return kind, data.shape, data.strides, data.dtype, value._requires_grad
    if isinstance(value, _ARRAYS):
        return kind, value.shape, value.strides, value.dtype
    return kind if kind in (int, float) else (kind, value)


def owner(array: Array) -> Array:
    """The array whose memory this one looks at."""
    while array.base is not None:
        base: Any = array.base
        if not isinstance(base, np.ndarray):  # as_strided() puts an object between the two
            base = getattr(base, "base", None)
        if not isinstance(base, np.ndarray):
            break
        array = base
    return array


def bounds(array: Array) -> tuple[int, int]:
    if not array.flags.forc:
        return byte_bounds(array)
    start = array.__array_interface__["data"][0]
    return start, start + array.nbytes


def imagined(like: Any) -> Array:
    """A new array of the same form, which takes memory only where somebody writes to it."""
    as_usual = like.dtype.hasobject or not like.size
    if like.nbytes <= LARGE or as_usual or not like.flags.forc:
        made: Array = np.empty_like(like)
        if as_usual or made.strides == like.strides:
            return made
    low, high = bounds(like)
    start = like.__array_interface__["data"][0] - low
    room = mmap.mmap(-1, high - low) if high - low > LARGE else bytearray(high - low)
    return np.ndarray(like.shape, like.dtype, room, start, like.strides)


def copied_as_is(array: Any) -> Array:
    """A copy of the same form, which `np.array` may not make: NumPy multiplies arrays with their
    entries elsewhere in another way."""
    made = imagined(array)
    np.copyto(made, array)
    return made


def form(array: Array) -> tuple[Any, ...]:
    """How the entries of an array lie, wherever it begins."""
    return array.shape, array.strides, array.dtype


def viewed(whole: Array, start: int, form: tuple[Any, ...]) -> Array:
    """A view of this form of the memory of an array, from so many bytes behind its beginning."""
    shape, strides, dtype = form
    buffer: Any = whole if whole.flags.c_contiguous else whole.T
    return np.ndarray(shape, dtype, buffer, start, strides)


def is_same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether the two hold the very same objects."""
    return len(one) == len(other) and all(map(operator.is_, one, other))
