"""What is simpler: one rule for each function whose calls may be written in fewer words.

A rule gets the simplifier and what was given to a call, and returns a simpler value, or None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .value import Value

Rule = Callable[..., Any]


def _multiply(s: Any, a: Any, b: Any) -> Any:
    (left, one), (right, other) = s.split(a), s.split(b)
    if left * right == 0:
        return None
    if one is None or other is None:
        return s.scaled(left * right, other if one is None else one)
    return s.scaled(left * right, _product(s, one, other))


def _product(s: Any, a: Value, b: Value) -> Any:
    a, b = s.slim(np.multiply, (a, b))
    if a is b:
        return s.call(np.power, (a, 2))
    column, row = _axis_added(a, -1), b if b.ndim == 1 else _axis_added(b, -2)
    if column is not None and row is not None and column.ndim == row.ndim == 1:
        return s.call(np.outer, (column, row))
    return s.call(np.multiply, (a, b))


def _axis_added(value: Value, axis: int) -> Any:
    """What an index has given a new axis: x in x[..., None] or x[:, None], or x[..., None, :]."""
    if value.function is not operator.getitem:
        return None
    inner, index = value.arguments
    whole = slice(None)
    known = [(..., None), (whole, None)] if axis == -1 else [(..., None, whole), (None, whole)]
    return inner if isinstance(index, tuple) and index in known else None


def _divide(s: Any, a: Any, b: Any) -> Any:
    (above, one), (below, other) = s.split(a), s.split(b)
    if below == 0 or above == 0:
        return None
    if other is None:
        return s.scaled(above / below, one)
    if one is None:
        ratio = above / below
        return s.call(np.true_divide, (s.short(ratio), other))
    return s.scaled(above / below, s.call(np.true_divide, (one, other)))


def _negative(s: Any, a: Value) -> Any:
    coefficient, rest = s.split(a)
    return s.scaled(-coefficient, rest)


def _add(s: Any, a: Any, b: Any) -> Any:
    if a is b:
        return s.scaled(Fraction(2), a)
    for one, other in ((a, b), (b, a)):
        if s.number(one) == 0 and isinstance(other, Value):
            return other
        if (opposite := _opposite(s, other)) is not None:
            return s.made(np.subtract, one, opposite)
    return None


def _subtract(s: Any, a: Any, b: Any) -> Any:
    if s.number(b) == 0 and isinstance(a, Value):
        return a
    if s.number(a) == 0:
        return s.made(np.negative, b)
    if (opposite := _opposite(s, b)) is not None:
        return s.made(np.add, a, opposite)
    return None


def _opposite(s: Any, value: Any) -> Any:
    """What a value is minus of."""
    is_minus = isinstance(value, Value) and value.function is np.negative
    return value.arguments[0] if is_minus and (value.fixed or value not in s.whole) else None


def _power(s: Any, a: Any, b: Any) -> Any:
    return a if b == 1 and isinstance(a, Value) else None


def _matmul(s: Any, a: Any, b: Any) -> Any:
    if not (isinstance(a, Value) and isinstance(b, Value)):
        return None
    (left, one), (right, other) = s.split(a), s.split(b)
    if left * right == 0 or one is None or other is None:
        return None
    column, row = _transposed(one), _as_row(other)
    column = None if column is None else _as_row(column)
    if column is not None and row is not None:
        product = s.call(np.outer, (column, row))
    elif one.ndim == 1 and other.ndim == 2:
        product = s.call(np.matmul, (s.made(np.transpose, other), one))
    else:
        product = s.call(np.matmul, (one, other))
    return s.scaled(left * right, product)


def _transposed(value: Value) -> Any:
    return value.arguments[0] if value.function is np.transpose else None


def _as_row(value: Value) -> Any:
    """The vector that a matrix of one row was made of."""
    if value.function is not np.reshape or value.shape[:1] != (1,):
        return None
    vector: Value = value.arguments[0]
    return vector if vector.ndim == 1 else None


def _transpose(s: Any, a: Value, axes: Any = None) -> Any:
    if a.ndim == 1:
        return a
    if axes is None:
        inner = _transposed(a)
        if inner is None and a.function is np.matmul and any(map(_transposed, a.arguments)):
            one, other = (s.made(np.transpose, part) for part in reversed(a.arguments))
            return s.made(np.matmul, one, other)
        return inner or s.call(np.transpose, (a,))
    axes = tuple(axes.array.tolist() if isinstance(axes, Value) else axes)
    if axes == tuple(range(a.ndim)):
        return a
    return s.made(np.transpose, a) if axes == (1, 0) else s.call(np.transpose, (a, axes))


def _swapaxes(s: Any, a: Value, one: int, other: int) -> Any:
    if one % a.ndim == other % a.ndim:
        return a
    return s.made(np.transpose, a) if a.ndim == 2 else None


def _reshape(s: Any, a: Value, shape: Any, **options: Any) -> Any:
    result = s.call(np.reshape, (a, shape), options).shape
    if result == a.shape:
        return a
    if len(result) == 1 and a.shape == (1, *result):
        row = _as_row(a.arguments[0]) if a.function is np.matmul else None
        if row is not None:
            return s.made(np.matmul, row, a.arguments[1])
        if a.function is np.add and a.arguments[0].shape == a.shape:
            one, other = a.arguments
            return s.made(np.add, s.made(np.reshape, one, result), other)
    if a.function is np.sum and isinstance(a.keywords.get("axis"), int):
        kept = s.call(np.sum, a.arguments, {**a.keywords, "keepdims": True})
        if kept.shape == result:
            return kept
    return a.arguments[0] if a.function is np.reshape and a.arguments[0].shape == result else None


def _getitem(s: Any, a: Value, index: Any) -> Any:
    if isinstance(index, tuple) and index == (..., 0) and a.function is np.matmul:
        matrix, column = a.arguments
        vector = _axis_added(column, -1)
        if vector is not None and vector.ndim == 1:
            return s.made(np.matmul, matrix, vector)
    return None


def _sum(s: Any, a: Value, **options: Any) -> Any:
    coefficient, rest = s.split(a)
    if rest is None or coefficient == 1:
        return None
    return s.scaled(coefficient, s.call(np.sum, (rest,), options))


def _vdot(s: Any, a: Any, b: Any) -> Any:
    return s.made(np.sum, s.made(np.power, a, 2)) if a is b else None


RULES: dict[Any, Rule] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.true_divide: _divide,
    np.negative: _negative,
    np.power: _power,
    np.square: lambda s, a: s.made(np.power, a, 2),
    np.reciprocal: lambda s, a: s.made(np.true_divide, 1, a),
    np.matmul: _matmul,
    np.vdot: _vdot,
    np.sum: _sum,
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.reshape: _reshape,
    operator.getitem: _getitem,
    np.broadcast_to: lambda s, a, shape: a if a.shape == tuple(shape) else None,
    np.copy: lambda s, a: a,
    np.positive: lambda s, a: a,
}
