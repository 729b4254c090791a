"""Functions of NumPy's in terms of the few that a page knows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..derivatives.numpys_own import on_tensors
from .value import astype


def _mean_by_sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = np.sum(a, axis=axis, keepdims=keepdims)
    return total / (a.size / total.size)


def _var_by_sum(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    total = np.sum((a - _mean_by_sum(a, axis, True)) ** 2, axis=axis, keepdims=keepdims)
    return total / (a.size / total.size - ddof)


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


def _astype(a: Any, dtype: Any) -> Any:
    return a != 0 if dtype.kind == "b" else a * 1.0 if dtype.kind == "f" else np.trunc(a * 1.0)


def _matmul(a: Any, b: Any) -> Any:
    i, k = (letter * (each.ndim > 1) for letter, each in (("i", a), ("k", b)))
    return np.einsum(f"{'...' * len(i)}{i}j,{'...' * len(k)}j{k}->...{i}{k}", a, b)


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    a, axis = (np.reshape(a, -1), 0) if axis is None else (a, axis)
    return np.take_along_axis(a, np.argsort(a, axis=axis), axis=axis)


def _take_along_axis(a: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        return np.reshape(a, -1)[indices]
    index = list(np.ix_(*map(np.arange, a.shape)))
    index[axis] = indices
    return a[tuple(index)]


def _searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    v = v[..., None]
    before = (a <= v) if side == "right" else (a < v)
    return np.sum(before | np.isnan(v), axis=-1)  # nan comes last


SPELLED: dict[Any, Callable[..., Any]] = {
    **{function: on_tensors(function) for function in (np.diff, np.unwrap)},  # by NumPy's own code
    np.sort: _sort,
    np.take_along_axis: _take_along_axis,
    np.searchsorted: _searchsorted,
    astype: _astype,
    np.matmul: _matmul,
    np.mean: _mean_by_sum,
    np.nansum: lambda a, **options: np.sum(np.where(np.isnan(a), 0, a), **options),
    operator.pow: lambda a, b: np.power(a, b),
    np.add.reduce: lambda a, axis=0, **options: np.sum(a, axis=axis, **options),
    np.maximum.reduce: lambda a, axis=0, **options: np.max(a, axis=axis, **options),
    np.minimum.reduce: lambda a, axis=0, **options: np.min(a, axis=axis, **options),
    np.multiply.reduce: lambda a, axis=0, **options: np.prod(a, axis=axis, **options),
    np.var: _var_by_sum,
    np.std: lambda *args, **options: np.sqrt(_var_by_sum(*args, **options)),
    np.clip: _clip,
    np.outer: lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1)),
    np.vecdot: lambda a, b: np.sum(a * b, axis=-1),
    np.vdot: lambda a, b: np.sum(np.reshape(a, -1) * np.reshape(b, -1)),
}
