"""What a person would not write, taken out of the calls of a tape: factors of one, double signs,
needless broadcasts and transpositions.

No rule is trusted: what it returns must have the shape, the dtype and the numbers of the value that
it replaces.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Container
from fractions import Fraction
from typing import Any

import numpy as np

from ..tree import map_leaves
from .rules import RULES
from .value import Value, evaluated

Coefficient = Fraction | float
LARGE = 100  # entries of a constant from which no other constant is computed

SAME_AS = {  # what is written by the name on the right
    operator.pow: np.power, np.amax: np.max, np.amin: np.min,
    np.add.reduce: np.sum, np.multiply.reduce: np.prod, np.maximum.reduce: np.max,
    np.minimum.reduce: np.min, np.logical_and.reduce: np.all, np.logical_or.reduce: np.any,
}  # fmt: skip
ENTRY_BY_ENTRY = {
    np.add, np.subtract, np.multiply, np.true_divide, np.power, np.negative, np.maximum, np.minimum,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.where,
}  # fmt: skip
REDUCTIONS = {np.sum, np.prod, np.max, np.min, np.all, np.any, np.mean, np.var, np.std}
USUAL = {"axis": None, "keepdims": False, "dtype": None, "out": None, "where": True}


class Simplifier:
    """Builds values anew from simpler ones. Those in `whole`, which have names, stay in one piece.

    >>> x = Value(np.array([1.0, 2.0]))
    >>> y = Simplifier().made(np.multiply, x, 1.0)
    >>> y is x
    True
    """

    def __init__(self) -> None:
        self.whole = set[Value]()
        self._known: dict[Any, Value] = {}

    def all_of(self, order: list[Value], named: Container[Value]) -> dict[Value, Value]:
        """For each value, each behind its arguments, the simpler one."""
        new: dict[Value, Value] = {}
        uses = Counter(used for value in order for used in value.used())
        for old in order:
            if old.function is None:
                new[old] = old
                continue
            renew = lambda leaf: new.get(leaf, leaf) if isinstance(leaf, Value) else leaf  # noqa: E731
            arguments, keywords = map_leaves(renew, [tuple(old.arguments), old.keywords])
            simpler = self._simplest(old.function, arguments, keywords, old.array)
            if not _is_same(simpler, old):
                simpler = self.call(old.function, arguments, keywords, old.array)
            if old in named and simpler.fixed and simpler.function:
                simpler = Value(simpler.array, fixed=True)
            new[old] = simpler
            if old in named or uses[old] > 1:
                self.whole.add(simpler)
        return new

    def call(self, function: Any, arguments: Any, keywords: Any = None, array: Any = None) -> Value:
        """The value of a call as it is, the same for equal calls; computed if it is not known."""
        keywords = keywords or {}
        key = function, repr(map_leaves(self._key, [arguments, keywords]))
        if key not in self._known:
            if array is None:
                array = evaluated(function, arguments, keywords)
            value = self._known[key] = Value(array, function, arguments, keywords)
            value.fixed = all(used.fixed for used in value.used())
        return self._known[key]

    def _key(self, leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            return leaf
        if not self.is_constant(leaf) or leaf.array.size > LARGE:
            return "value", id(leaf)
        return leaf.shape, str(leaf.dtype), np.asarray(leaf.array).tobytes()

    def made(self, function: Any, *arguments: Any, **keywords: Any) -> Value:
        """The value of a call, simplified."""
        return self._simplest(function, arguments, keywords)

    def _simplest(
        self, function: Any, arguments: Any, keywords: dict[str, Any], array: Any = None
    ) -> Value:
        given = function, arguments, dict(keywords)
        if function in SAME_AS:
            function = SAME_AS[function]
            if function in REDUCTIONS and len(arguments) == 1:
                keywords = {"axis": 0, **keywords}
        if keywords.get("order") == "C":
            del keywords["order"]
        if function in REDUCTIONS:
            keywords, arguments = _reduced(keywords, arguments), arguments[:1]
        if function in ENTRY_BY_ENTRY and not keywords:
            arguments = self.slim(function, arguments)
        if (function, arguments, keywords) != given:  # then nobody has computed it yet
            array = None
        usual = self.call(function, arguments, keywords, array)
        if self._is_computed_now(usual):
            return Value(usual.array, fixed=True)
        is_known = not keywords or function not in ENTRY_BY_ENTRY
        rule = RULES.get(function) if is_known else None
        simpler = None if rule is None else rule(self, *arguments, **keywords)
        return simpler if simpler is not None and _is_same(simpler, usual) else usual

    # ---- numbers ---------------------------------------------------------------------------------

    def is_constant(self, value: Any) -> bool:
        return not isinstance(value, Value) or (value.function is None and value.fixed)

    def _is_computed_now(self, value: Value) -> bool:
        """Whether a call on constants becomes one; arithmetic on arrays stays as it is written."""
        if isinstance(value.array, tuple) or not all(map(self.is_constant, value.used())):
            return False
        if value.function in (np.reshape, np.transpose):
            return self._is_uniform(value.array)
        if value.function not in ENTRY_BY_ENTRY:  # indices, and what is small
            is_large = any(used.array.size > LARGE for used in (value, *value.used()))
            return value.dtype.kind in "iu" or not is_large or self._is_uniform(value.array)
        return value.function is not np.true_divide and self._is_uniform(value.array)

    def _is_uniform(self, array: Any) -> bool:
        return bool(np.size(array) and np.all(array == np.ravel(array)[0]))

    def slim(self, function: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments without what broadcasting does anyway."""
        shape = np.broadcast_shapes(*map(_shape, arguments))
        for place, argument in enumerate(arguments):
            inner = self._slim(argument)
            if inner is not None:
                fewer = (*arguments[:place], inner, *arguments[place + 1 :])
                if np.broadcast_shapes(*map(_shape, fewer)) == shape:
                    arguments = fewer
        return arguments

    def _slim(self, value: Any) -> Value | None:
        if not isinstance(value, Value):
            return None
        if self.is_constant(value) and value.array.size > 1 and self._is_uniform(value.array):
            return Value(value.array.flat[0], fixed=True)
        if value in self.whole:
            return None
        if value.function is np.broadcast_to:
            return value.arguments[0]  # type: ignore[no-any-return]
        if (
            value.function in REDUCTIONS
            and value.keywords.get("keepdims")
            and value.array.size == 1
        ):
            return self.call(value.function, value.arguments[:1])
        return None

    def number(self, value: Any) -> Coefficient | None:
        """The number that a constant is, or that all of its entries are; a quotient stays exact."""
        if isinstance(value, Value):
            if not value.fixed or isinstance(value.array, tuple):
                return None
            if value.function in EXACT:
                numbers = list(map(self.number, value.arguments[: EXACT[value.function][0]]))
                if None not in numbers and numbers[-1]:
                    return EXACT[value.function][1](*numbers)  # type: ignore[no-any-return]
        array = np.asarray(value.array if isinstance(value, Value) else value)
        if array.dtype.kind not in "iuf" or not self._is_uniform(array):
            return None
        found = array.flat[0].item()
        ratio = Fraction(found).limit_denominator(1000) if abs(found) < 1e6 else Fraction(0)
        return ratio if float(ratio) == found and _is_shorter(ratio, found) else found

    def split(self, value: Any) -> tuple[Coefficient, Any]:
        """A value as a coefficient times another value, which is None for a number."""
        number = self.number(value)
        if number is not None:
            return number, None
        if value not in self.whole and value.function in (np.negative, *_PRODUCTS):
            first, *others = value.arguments
            if value.function is np.negative:
                coefficient, rest = self.split(first)
                return -coefficient, rest
            factor = self.number(others[0] if value.function is np.true_divide else first)
            if factor is not None and factor != 0:
                divides = value.function is np.true_divide
                coefficient, rest = self.split(first if divides else others[0])
                return (coefficient / factor if divides else coefficient * factor), rest
        return Fraction(1), value

    def short(self, number: Coefficient) -> float | int:
        """A number as Python writes it with fewest characters."""
        return int(number) if number == int(number) else float(number)

    def scaled(self, coefficient: Coefficient, value: Any) -> Value:
        """A coefficient times a value."""
        if value is None:
            value, coefficient = 1.0, coefficient
        if coefficient < 0:
            return self.call(np.negative, (self.scaled(-coefficient, value),))
        if not isinstance(coefficient, Fraction):
            return self.call(np.multiply, (coefficient, value))
        above, below = float(coefficient.numerator), float(coefficient.denominator)
        if not isinstance(value, Value):
            value = above if below == 1 else self.call(np.true_divide, (above, below))
            return value if isinstance(value, Value) else Value(np.float64(value), fixed=True)
        value = value if above == 1 else self.call(np.multiply, (self.short(above), value))
        return value if below == 1 else self.call(np.true_divide, (value, self.short(below)))


EXACT: dict[Any, Any] = {  # how many of its arguments count, and how to compute with fractions
    np.true_divide: (2, operator.truediv), np.multiply: (2, operator.mul),
    np.negative: (1, operator.neg), np.broadcast_to: (1, operator.pos),
}  # fmt: skip
_PRODUCTS = (np.multiply, np.true_divide)


def _is_shorter(ratio: Fraction, number: float) -> bool:
    """Whether a number is better written as a whole one, or as a quotient."""
    return ratio.denominator == 1 or len(repr(number)) > 8


def _is_same(one: Value, other: Value) -> bool:
    if isinstance(other.array, tuple):
        return isinstance(one.array, tuple)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    tolerance = 1e-9 if one.dtype.itemsize >= 8 else 1e-2
    return np.allclose(one.array, other.array, tolerance, tolerance * 1e-6, equal_nan=True)


def _reduced(keywords: dict[str, Any], arguments: Any) -> dict[str, Any]:
    """The options of a reduction, as far as they are not the usual ones."""
    options = dict(zip(("axis", "dtype", "out", "keepdims"), arguments[1:], strict=False))
    options |= {name: v for name, v in keywords.items() if v is not np._NoValue}
    axis, ndim = options.get("axis"), np.ndim(arguments[0].array)
    if isinstance(axis, tuple) and len(axis) == 1:
        options["axis"] = axis = axis[0]
    if axis is not None and ndim == len(np.atleast_1d(axis)):
        options["axis"] = None
    return {
        name: value
        for name, value in options.items()
        if not (name in USUAL and value is USUAL[name]) and (name, value) != ("initial", 0)
    }


def _shape(argument: Any) -> tuple[int, ...]:
    return argument.shape if isinstance(argument, Value) else np.shape(argument)
