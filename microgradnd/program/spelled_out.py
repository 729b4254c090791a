"""Functions that a tape spells out, in calls that get the array to write to.

Each returns NotImplemented where its arguments ask for more than it knows.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .recorded import plain

OUT = object()  # stands for the array to write to, among the arguments of a call


def _reduced(ufunc: np.ufunc) -> Any:
    def reduce(tape: Any, a: Any, axis: Any = None, *more: Any, **options: Any) -> Any:
        given = {name: value for name, value in options.items() if value is not np._NoValue}
        return NotImplemented if more else ufunc.reduce(a, axis, **given)

    return reduce


def _mean(tape: Any, a: Any, axis: Any = None, *more: Any, **options: Any) -> Any:
    keepdims = options.pop("keepdims", False) is True
    unknown = more or any(value is not np._NoValue for value in options.values())
    if unknown or a.dtype.char not in "fd":
        return NotImplemented
    total = np.add.reduce(a, axis, keepdims=keepdims)  # type: ignore[call-overload]
    total /= max(a.size, 1) // max(total.size, 1)
    return total


def _where(tape: Any, condition: Any, *values: Any) -> Any:
    if len(values) != 2 or np.dtype(bool) != getattr(condition, "dtype", None):
        return NotImplemented
    x, y = values
    made = tape.see(np.array(np.where(plain(condition), plain(x), plain(y))))
    tape.copy(made.array, y)
    tape.copy(made.array, x, where=condition)
    return made


def _filled(tape: Any, a: Any, value: Any, *more: Any, **options: Any) -> Any:
    made = _empty(tape, a, *more, **options)
    tape.copy(made.array, value)
    return made


def _empty(tape: Any, a: Any, *more: Any, **options: Any) -> Any:
    return tape.see(np.empty_like(plain(a), *more, **options))


def _concatenated(tape: Any, arrays: Any, axis: Any = 0, *more: Any, **options: Any) -> Any:
    if axis is None or more or options:
        return NotImplemented
    made = tape.see(np.concatenate([plain(array) for array in arrays], axis))
    ends = itertools.accumulate(np.shape(plain(array))[axis] for array in arrays)
    for array, end in zip(arrays, ends, strict=True):
        start = end - np.shape(plain(array))[axis]
        tape.copy(np.moveaxis(np.moveaxis(made.array, axis, 0)[start:end], 0, axis), array)
    return made


def _inner_product(tape: Any, a: Any, b: Any) -> Any:
    if np.iscomplexobj(plain(a)):
        return NotImplemented
    return tape.compute(np.dot, [np.ravel(a), np.ravel(b), OUT], {}, None)


SPELLED_OUT: dict[Any, Any] = {
    np.vdot: _inner_product,
    np.sum: _reduced(np.add),
    np.max: _reduced(np.maximum),
    np.min: _reduced(np.minimum),
    np.mean: _mean,
    np.where: _where,
    np.concatenate: _concatenated,
    np.copy: lambda tape, a, **options: NotImplemented if options else a.astype(a.dtype),
    np.empty_like: _empty,
    np.zeros_like: lambda tape, a, *more, **options: _filled(tape, a, 0, *more, **options),
    np.ones_like: lambda tape, a, *more, **options: _filled(tape, a, 1, *more, **options),
    np.full_like: _filled,
}
OF_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}
