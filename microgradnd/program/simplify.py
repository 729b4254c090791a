"""What a person would not write, taken out of the calls of a tape: factors of one, double signs,
needless broadcasts and transpositions."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from ..tree import map_leaves
from .value import Value, changed, form, part_of, values_in
from .value_tape import ValueTape, method_of

FEW = 20  # entries of a constant that is written out
SHAPES = {np.transpose, np.swapaxes, np.reshape, np.broadcast_to, np.expand_dims}
FREE = {operator.getitem, *SHAPES}  # cost nothing
LINEAR = {np.multiply, np.true_divide, np.matmul, np.sum, *SHAPES} - {np.broadcast_to}
REDUCTIONS = {np.sum, np.prod, np.max, np.min, np.all, np.any, np.mean, np.var, np.std}


class Pattern(np.lib.mixins.NDArrayOperatorsMixin):
    """One side of a rule: a letter, or the call of a function on such."""

    def __init__(self, function: Any, arguments: Any = None, keywords: Any = None) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords or {}

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        called = function if method == "__call__" else method_of(function, method)
        return Pattern(called, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, inputs: Any, keywords: Any) -> Any:
        return Pattern(function, inputs, keywords)

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        return Pattern(self.function, inputs, keywords)

    def __getitem__(self, index: Any) -> Any:
        return Pattern(operator.getitem, (self, index))

    T = property(lambda self: np.transpose(self))


def _axes(thing: Any) -> Any:
    """How many an array has; several results in a tuple have none."""
    return getattr(getattr(thing, "array", None), "ndim", None)


KINDS: dict[str, Callable[[Any], bool]] = {  # what a letter may stand for; others for anything
    "u": lambda vector: _axes(vector) == 1,
    "v": lambda vector: _axes(vector) == 1,
    "A": lambda matrix: _axes(matrix) == 2,
    "m": lambda number: number is not None,  # an array whose entries are this one, too
    "k": lambda number: number is not None,
    "n": lambda number: number is not None and number < 0,
    "f": lambda function: isinstance(function, np.ufunc) and function.signature is None,
    "g": lambda function: function in REDUCTIONS,
    "h": lambda function: function in LINEAR,
    "i": lambda function: function in SHAPES,
}
_letters: Any = map(Pattern, "abcstuvAmknfghi")
a, b, c, s, t, u, v, A, m, k, n, f, g, h, i = _letters

# A call, and what one writes for it; the first that fits is used. A rule is used where both sides
# have the same shape, dtype and numbers when random numbers stand in the places of the letters, so
# it may promise too much. Options that the left side does not mention stay.
RULES: list[tuple[Any, Any]] = [
    (+a, a),
    (Pattern(np.asarray)(a), a),
    (-a, -1 * a),
    (1 * a, a),
    (a * m, m * a),
    (a / m, (1 / m) * a),
    (m * (k * a), (m * k) * a),
    (m * (k / a), (m * k) / a),
    (h(m * a), m * h(a)),
    (h(m * a, b), m * h(a, b)),
    (h(a, m * b), m * h(a, b)),
    (a * (m / b), m * (a / b)),
    ((m / a) * b, m * (b / a)),
    (a / (m * b), (1 / m) * (a / b)),
    (a + 0, a),
    (0 + a, a),
    (a - 0, a),
    (0 - a, -1 * a),
    (a + n, a - (-1 * n)),
    (n + a, a - (-1 * n)),
    (a + a, 2 * a),
    (a + n * b, a - (-1 * n) * b),
    (n * a + b, b - (-1 * n) * a),
    (a - n * b, a + (-1 * n) * b),
    (a * a, a**2),
    (a**1, a),
    (Pattern(operator.pow)(a, b), a**b),
    (np.square(a), a**2),
    (np.vdot(a, a), np.sum(a**2)),
    (np.vecdot(a, b), np.sum(a * b, axis=-1)),
    (a @ 1, np.sum(a, axis=-1, keepdims=True)),
    (u @ A, A.T @ u),
    ((A @ u[..., None])[..., 0], A @ u),
    (u[s] * v, np.outer(u, v)),
    (u[s] * v[t], np.outer(u, v)),
    (np.reshape(u, s).T @ np.reshape(v, t), np.outer(u, v)),
    (a.T, a),
    (i(a, s), a),
    (i(a, s, t), a),
    (np.transpose(a, s), a.T),
    (np.swapaxes(a, s, t), a.T),
    (a.T.T, a),
    ((a.T @ b).T, b.T @ a),
    (np.reshape(a, s, order=t), np.reshape(a, s)),
    (np.reshape(np.reshape(a, s), t), np.reshape(a, t)),
    (np.reshape(np.reshape(u, s) @ A, t), A.T @ u),
    (np.reshape(np.reshape(u, s) @ A + b, t), A.T @ u + b),
    (np.reshape(g(a, axis=s, keepdims=c), t), g(a, axis=s)),
    (i(g(a, axis=s), t), g(a, axis=s, keepdims=True)),
    (np.broadcast_to(a, shape=s), np.broadcast_to(a, s)),
    (np.where(1, a, b), a),
    (np.where(c, a, m), np.where(c, a, m)),
    (np.where(c, m, a), np.where(c, m, a)),
    (f(m, a), f(m, a)),
    (f(a, m), f(a, m)),
    (f(a, i(b, s)), f(a, b)),
    (f(i(a, s), b), f(a, b)),
    (f(a, g(b, keepdims=True)), f(a, g(b))),
    (f(g(a, keepdims=True), b), f(g(a), b)),
    (np.add.reduce(a), np.sum(a, axis=0)),
    (np.maximum.reduce(a), np.max(a, axis=0)),
    (g(a, axis=(s,)), g(a, axis=s)),
    (g(a, axis=s), g(a)),
    (g(a, keepdims=s), g(a)),
]


class Simplifier:
    """Builds values anew from simpler ones. Those in `whole`, which have names, stay in one piece.

    >>> x = Value(np.array([1.0, 2.0]))
    >>> y = Simplifier().made(np.multiply, x, 1.0)
    >>> y is x
    True
    """

    def __init__(self) -> None:
        self.tape, self.whole = ValueTape(), set[Value]()
        self._rng = np.random.default_rng(0)
        self._simple: dict[Value, Value] = {}

    def all_of(
        self, order: list[Value], named: Container[Value], recorded: Container[Value] = ()
    ) -> dict[Value, Value]:
        """For each value, each behind its arguments, the simpler one; constants that were recorded
        stay, whatever they are, since a mask of ones may have been decided by data."""
        new: dict[Value, Value] = {}
        uses = Counter(used for value in order for used in value.used())
        renewed = lambda x: new.get(x, x) if isinstance(x, Value) else x  # noqa: E731
        for old in order:
            if old.function is None:
                is_array = is_constant(old) and old.ndim
                new[old] = self.tape.valued(old.array) if is_array else old
                if old in recorded:
                    new[old] = Value(old.array)
                continue
            arguments, keywords = map_leaves(renewed, [tuple(old.arguments), old.keywords])
            new[old] = self.made(old.function, *arguments, **keywords)
            if old in named or uses[old] > 1:
                self.whole.add(new[old])
        return new

    def made(self, function: Any, *arguments: Any, **keywords: Any) -> Any:
        """The value of a call, simplified; a number if there are only numbers in it."""
        value = self.tape.value(function, arguments, keywords)
        if not value.used():
            return value.array.item()
        if value not in self._simple:
            self._simple[value] = value
            self._simple[value] = self._simpler(value)
        return self._simple[value]

    def _simpler(self, value: Value) -> Value:
        if any(isinstance(each.array, tuple) for each in (value, *value.used())):
            return value
        if value.function is changed and _is_whole(*value.arguments):
            return value.arguments[-1]  # type: ignore[no-any-return]
        if all(map(is_constant, value.used())):
            constant = Value(value.array, fixed=True)
            stays = isinstance(value.function, np.ufunc) or value.function in FREE
            is_short = value.array.size <= FEW or value.dtype.kind in "iu"
            if (is_short and not stays) or not value.array.size or number(constant) is not None:
                return constant
        for left, right in RULES:
            found: dict[str, Any] = {}
            if matches(left, value, found, self.whole) and self._agrees(value, right, found):
                simpler = _built(right, found, self.made)
                is_new = isinstance(simpler, Value) and simpler is not value  # and no number
                if is_new and simpler.dtype == value.dtype:
                    return simpler  # type: ignore[no-any-return]
        return value

    def _agrees(self, value: Value, right: Any, found: dict[str, Any]) -> bool:
        """Whether the right side of a rule is the same for random numbers."""
        options = values_in(found.get("options", {}))
        arrays = {x: x.array if x in options else self._random(x) for x in values_in(found)}
        meant = map_leaves(lambda x: arrays[x] if isinstance(x, Value) else x, found)
        stand_ins: dict[Any, Any] = {found.get("f"): np.add, found.get("g"): np.sum}

        def generic(function: Any) -> Any:
            """Rules for any f or g are about shapes: of others, results may agree by accident."""
            return stand_ins.get(function, function)

        with np.errstate(all="ignore"):
            try:
                mine = np.asarray(_computed_from(value, arrays, generic))
                other = np.asarray(_built(right, meant, lambda f, *a, **o: generic(f)(*a, **o)))
            except (TypeError, ValueError, IndexError, ArithmeticError):
                return False
        alike = mine.shape == other.shape and mine.dtype == other.dtype
        tolerance = 1e-9 if mine.dtype.itemsize >= 8 else 1e-4
        return alike and np.allclose(mine, other, tolerance, 0, equal_nan=True)

    def _random(self, value: Value) -> Any:
        """Other numbers in the place of these, each another."""
        array = value.array
        if value.fixed or array.dtype.kind not in "biufc":
            return array
        order = self._rng.permutation(array.size).reshape(array.shape)
        is_whole = array.dtype.kind in "iu"
        more = self._rng.integers(1 << 20) if is_whole else self._rng.uniform(1, 2, array.shape)
        numbers = (order + more)[()]
        return numbers if array.dtype == bool else numbers.astype(array.dtype)


def _is_whole(base: Value, path: Any, function: Any, index: Any, new: Any = None) -> bool:
    """Whether all of an array is overwritten by another one of its form."""
    alike = isinstance(new, Value) and (new.shape, new.dtype) == (base.shape, base.dtype)
    whole = index is Ellipsis and form(part_of(base.array, path)) == form(base.array)
    return function is operator.setitem and alike and whole


def matches(pattern: Any, thing: Any, found: dict[str, Any], whole: Container[Value]) -> bool:
    """Whether a thing is what a pattern says; then `found` has the meaning of its letters."""
    if isinstance(pattern, tuple):
        if not isinstance(thing, tuple) or len(thing) != len(pattern):
            return False
        return all(matches(p, x, found, whole) for p, x in zip(pattern, thing, strict=True))
    if not isinstance(pattern, Pattern):
        return thing is pattern or (type(pattern) is int and number(thing) == pattern)
    if pattern.arguments is None:
        return _means(pattern.function, thing, found)
    if not isinstance(thing, Value) or (thing in whole and thing.function not in FREE):
        return False
    if not (pattern.function is thing.function or _means(pattern.function, thing.function, found)):
        return False
    options = {name: x for name, x in thing.keywords.items() if name not in pattern.keywords}
    if options and isinstance(thing.function, np.ufunc):
        return False
    found.update({"options": options} if options else {})
    parts = (*pattern.arguments, *pattern.keywords.values())
    things = (*thing.arguments, *(thing.keywords.get(name, ...) for name in pattern.keywords))
    return pattern.keywords.keys() <= thing.keywords.keys() and matches(parts, things, found, whole)


def _means(letter: Any, thing: Any, found: dict[str, Any]) -> bool:
    """Whether a letter can stand, and does, for a thing."""
    if not isinstance(letter, str):
        return False
    meant = number(thing) if letter in "mkn" else thing
    known = found.setdefault(letter, meant)
    same = known is meant or (not isinstance(known, Value) and known == meant)
    return same and (letter not in KINDS or KINDS[letter](meant))


def _built(pattern: Any, found: dict[str, Any], make: Callable[..., Any]) -> Any:
    """A side of a rule, for this meaning of its letters."""
    if not isinstance(pattern, Pattern):
        return pattern
    function = found.get(pattern.function, pattern.function)
    if pattern.arguments is None:
        return function
    arguments = [_built(part, found, make) for part in pattern.arguments]
    options = {name: _built(part, found, make) for name, part in pattern.keywords.items()}
    if not isinstance(function, np.ufunc):
        options |= found.get("options", {})
    return make(function, *arguments, **options)


def _computed_from(thing: Any, arrays: dict[Value, Any], generic: Callable[[Any], Any]) -> Any:
    """A value from other arrays, and by other functions."""
    if not isinstance(thing, Value) or thing in arrays or thing.function is None:
        return arrays.get(thing, thing.array) if isinstance(thing, Value) else thing
    parts = [tuple(thing.arguments), thing.keywords]
    given = map_leaves(lambda x: _computed_from(x, arrays, generic), parts)
    return generic(thing.function)(*given[0], **given[1])


def is_constant(value: Value) -> bool:
    """Whether it is an array that does not depend on arguments."""
    return value.function is None and value.fixed


def number(thing: Any) -> Any:
    """The number that a constant is, or that all of its entries are."""
    if isinstance(thing, Value):
        array = thing.array if is_constant(thing) else np.array(())
    elif isinstance(thing, bool) or not isinstance(thing, int | float | np.number):
        return None
    else:
        array = np.asarray(thing)
    is_one = array.size and array.dtype.kind in "biuf" and np.all(array == array.flat[0])
    return array.flat[0].item() if is_one else None
