"""A value: an array that is never overwritten, and the call that made it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..tree import leaves_of, map_leaves


class NotDerivableError(RuntimeError):
    """A function does what no line of NumPy says; the message says what, and in which line."""


class Value:
    """An array, a tuple of arrays, or a number, and the call that made it; a leaf has no function.

    It is `fixed` if it is a constant, or computed from constants alone. `place` is where a program
    computes it, if it is no number; if that is not `array`, this is only of its form.
    """

    __slots__ = ("_used", "arguments", "array", "fixed", "function", "keywords", "place")

    def __init__(
        self,
        array: Any,
        function: Any = None,
        arguments: Any = (),
        keywords: Any = None,
        fixed: bool = False,
    ) -> None:
        self.array = self.place = array
        self.function, self.fixed = function, fixed
        self.arguments, self.keywords = arguments, keywords or {}
        self._used: list[Value] | None = None

    shape = property(lambda self: np.shape(self.array))
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: np.ndim(self.array))
    is_number = property(lambda self: not (self.fixed or isinstance(self.place, np.ndarray)))

    def used(self) -> list[Value]:
        """The values among its arguments, once for each time that they stand there."""
        if self._used is None:
            self._used = values_in([self.arguments, self.keywords])
        return self._used


def values_in(tree: Any) -> list[Value]:
    """All values inside."""
    return [leaf for leaf in leaves_of(tree) if isinstance(leaf, Value)]


def arrays_of(tree: Any) -> Any:
    """The same with the arrays of the values."""
    return map_leaves(lambda leaf: leaf.array if isinstance(leaf, Value) else leaf, tree)


def computed(function: Any, arguments: Any, keywords: Any) -> Any:
    """What a call on arrays returns, not to be overwritten."""
    result = function(*arguments, **keywords)
    if isinstance(result, bool | int | float):  # as of np.allclose
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


def at_place(target: Array, function: Any, place: int, *others: Any, **options: Any) -> Any:
    """A function of the target, which is not the first of its arguments."""
    return function(*others[:place], target, *others[place:], **options)


def astype(array: Any, dtype: Any) -> Any:
    """An array, or a single number of NumPy's, in another dtype."""
    return array.astype(dtype)


def opaque(function: Any, *arguments: Any) -> Any:
    """A function that looks into arrays with Python, called as it is."""
    return np.array(function(*arguments))


def frozen(tree: Any) -> Any:
    """A key that is equal for equal arguments."""
    if isinstance(tree, Value) or callable(tree):
        return tree
    if isinstance(tree, tuple | list):
        return type(tree).__name__, *map(frozen, tree)
    if isinstance(tree, dict):
        return tuple((name, frozen(part)) for name, part in tree.items())
    if isinstance(tree, slice):
        return "slice", tree.start, tree.stop, tree.step
    return type(tree), repr(tree) if isinstance(tree, float | complex | np.generic) else tree


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
