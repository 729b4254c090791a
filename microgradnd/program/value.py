"""A value: an array that is never overwritten, and the call that made it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..tree import flatten, map_leaves


class NotDerivableError(RuntimeError):
    """A function does what no line of NumPy says; the message says what, and in which line."""


class Value:
    """An array, or a tuple of arrays, and the call that made it; a leaf has no function.

    It is `fixed` if it is a constant, or computed from constants alone.
    """

    __slots__ = ("arguments", "array", "fixed", "function", "keywords")

    def __init__(
        self,
        array: Any,
        function: Any = None,
        arguments: Any = (),
        keywords: Any = None,
        fixed: bool = False,
    ) -> None:
        self.array, self.function, self.fixed = array, function, fixed
        self.arguments, self.keywords = arguments, keywords or {}

    shape = property(lambda self: np.shape(self.array))
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: np.ndim(self.array))

    def used(self) -> list[Value]:
        """The values among its arguments, once for each time that they stand there."""
        return values_in([self.arguments, self.keywords])


def values_in(tree: Any) -> list[Value]:
    """All values inside, also of slices."""
    inside = [parts_of(leaf) for leaf in flatten(tree)[0]]
    return [leaf for parts in inside for leaf in parts if isinstance(leaf, Value)]


def parts_of(leaf: Any) -> list[Any]:
    return [leaf.start, leaf.stop, leaf.step] if isinstance(leaf, slice) else [leaf]


def arrays_of(tree: Any) -> Any:
    """The same with the arrays of the values."""
    return map_leaves(lambda leaf: leaf.array if isinstance(leaf, Value) else leaf, tree)


def evaluated(function: Any, arguments: Any, keywords: Any) -> Any:
    """What a call on values returns, not to be overwritten."""
    result = function(*arrays_of(arguments), **arrays_of(keywords))
    if isinstance(result, bool | int | float):  # as of np.allclose
        return np.asarray(result)[()]
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return result


def changed(whole: Array, path: Any, function: Any, *arguments: Any) -> Array:
    """A copy in which a function has changed the part to which the path leads."""
    target = whole = np.copy(whole)
    for step, others, options in path:
        target = step(target, *others, **options)
    function(target, *arguments)
    return whole


def astype(array: Any, dtype: Any) -> Any:
    """An array, or a single number of NumPy's, in another dtype."""
    return array.astype(dtype)


def opaque(function: Any, *arguments: Any) -> Any:
    """A function that looks into arrays with Python, called as it is."""
    return np.array(function(*arguments))


def frozen(tree: Any) -> Any:
    """A key that is equal for equal arguments."""
    if isinstance(tree, dict):
        return tuple((name, frozen(part)) for name, part in tree.items())
    if isinstance(tree, tuple | list):
        return type(tree).__name__, *map(frozen, tree)
    if isinstance(tree, slice):
        return "slice", *map(frozen, parts_of(tree))
    if isinstance(tree, Value):
        return "value", id(tree)
    return type(tree), repr(tree) if isinstance(tree, float | np.generic) else tree


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
