"""Functions that depend on the order of the entries: sorting, quantiles, interpolation."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import holds, in_dtype
from ..operators import Operators, foreign, plain, real
from ..primitive import derivative
from ..table import composed, table
from .reductions import count, spread


@composed(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    positions = np.argsort(plain(a), axis=axis, kind="stable" if stable else kind)
    return np.take_along_axis(a, positions, axis)


@composed(np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    order = np.argsort(plain(a), axis=axis, kind="stable")
    arranged = np.partition(plain(a), kth, axis=axis, kind=kind)  # in NumPy's own order
    ranks = np.argsort(np.argsort(arranged, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(a, np.take_along_axis(order, ranks, axis), axis)


def _quantile(g, y, a, q, axis=None, method="linear", keepdims=False, weights=None):
    """A quantile lies on the line between two neighbours in sorted order; ties share evenly.

    The quantile of 0, 1, …, n - 1 is the position on it, whatever the method.
    """
    n = int(count(a, axis, True))
    values, total = plain(a), 0
    if weights is not None:
        return _of_one_entry(g, y, a, q, axis, keepdims)
    for place in np.ndindex(np.shape(q)):
        position = np.quantile(np.arange(n, dtype=float), np.asarray(q)[place], method=method)
        for neighbour in {np.floor(position), np.ceil(position)}:
            at = np.quantile(
                values, neighbour / max(n - 1, 1), axis=axis, method="nearest", keepdims=True
            )
            ties = (values == at) * g.dtype.type(1 - abs(position - neighbour))
            shares = ties / np.maximum(np.sum(values == at, axis=axis, keepdims=True), 1)
            total = total + spread(g[place], a, axis, keepdims) * shares.astype(g.dtype)
    return total


def _of_one_entry(g, y, a, q, axis, keepdims):
    """A quantile with weights is one of the entries; ties share evenly."""
    total = 0
    for place in np.ndindex(np.shape(q)):
        ties = plain(a) == spread(plain(y[place]), a, axis, keepdims)
        shares = ties / np.sum(ties, axis=axis, keepdims=True)
        total = total + spread(g[place], a, axis, keepdims) * shares.astype(g.dtype)
    return total


derivative(np.quantile, _quantile, None, kind="selects")
_quantile_at = table[np.quantile]  # a q that has no gradient


@composed(np.quantile)
def quantile(a, q, axis=None, out=None, *arguments, **options):
    if not getattr(q, "requires_grad", False):
        return _quantile_at(a, q, axis, out, *arguments, **options)
    if arguments[1:2] not in ((), ("linear",)) or options.get("method", "linear") != "linear":
        raise TypeError("quantile: only method='linear' has a derivative with respect to q")
    if holds(np.any((plain(q) < 0) | (plain(q) > 1))):
        raise ValueError("quantile: q must be in the range [0, 1]")
    a = real(a)
    last = count(a, axis, True) - 1
    below = np.minimum(np.floor(plain(q) * last), max(last - 1, 0))
    low, high = (
        np.quantile(a, end / max(last, 1), axis, None, *arguments, **options)
        for end in (below, np.minimum(below + 1, last))
    )
    within = np.reshape(q * last - below, (*q.shape, *[1] * (low.ndim - q.ndim)))
    return low + (high - low) * within  # on the line between the two neighbours


def _of_hundred(q, a):
    dtype = getattr(a, "dtype", np.dtype(int))  # as NumPy chooses it
    return np.true_divide(q, dtype.type(100) if dtype.kind == "f" else 100)


@composed(np.percentile)
def percentile(a, q, axis=None, out=None, *arguments, **options):
    return table[np.quantile](a, _of_hundred(q, a), axis, None, *arguments, **options)


derivative(np.median, lambda g, y, a, **options: _quantile(g, y, a, 0.5, **options), kind="selects")


@composed(np.nanquantile)
def nanquantile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    a = real(a)

    def of_row(row):
        there = ~np.isnan(plain(row))
        if not np.any(there):
            return np.full(np.shape(q), np.nan, a.dtype)
        w = None if weights is None else np.asarray(weights)[there]
        return np.quantile(row[there], q, method=method, weights=w)

    axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
    rows = np.moveaxis(a, axes, range(-len(axes), 0))
    rows = np.reshape(rows, (*rows.shape[: a.ndim - len(axes)], -1))
    value = table[np.apply_along_axis](of_row, -1, rows)
    value = np.moveaxis(value, -1, 0) if np.ndim(q) else value
    return np.expand_dims(value, tuple(np.ndim(q) + np.array(axes))) if keepdims else value


@composed(np.nanpercentile)
def nanpercentile(a, q, *arguments, **options):
    return table[np.nanquantile](a, _of_hundred(q, a), *arguments, **options)


@composed(np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return table[np.nanquantile](a, 0.5, axis, keepdims=keepdims)


# ---- sets: each value comes from the first entry that has it -------------------------------------


def _picking(function):
    """A function whose (first) result has entries of its arguments."""

    def picking(*arguments, **options):
        found = function(*plain(arguments), **options)
        values, *others = found if isinstance(found, tuple) else (found,)
        arrays = [a for a in arguments if not isinstance(a, bool)]  # assume_unique
        arrays.sort(key=lambda a: not getattr(a, "requires_grad", False))  # not from a constant
        entries = np.concatenate([np.ravel(a) for a in arrays])
        order = np.argsort(plain(entries), kind="stable")
        picked = in_dtype(
            entries[order[np.searchsorted(plain(entries)[order], values)]], values.dtype
        )
        return (picked, *others) if isinstance(found, tuple) else picked

    return picking


for function in (np.union1d, np.setdiff1d, np.setxor1d, np.intersect1d):
    table[function] = _picking(function)


@composed(np.unique)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **options):
    found = np.unique(plain(ar), True, return_inverse, return_counts, axis, **options)
    picked = np.take(np.ravel(ar) if axis is None else ar, found[1], axis or 0)
    others = found[1 if return_index else 2 :]
    return (picked, *others) if others else picked


@composed(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = (real(each).astype(float) for each in (x, xp, fp))  # as NumPy computes it
    if len(xp) != len(fp) or not len(xp):
        raise ValueError(
            f"interp: expected as many values fp as points xp, got {len(fp)} for {len(xp)}"
        )
    if period is not None:
        if period == 0:
            raise ValueError("interp: the period must not be 0")
        x, xp, left, right = np.mod(x, abs(period)), np.mod(xp, abs(period)), None, None
        order = np.argsort(plain(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    where, points = plain(x), plain(xp)
    if len(points) > 1:
        i = np.clip(np.searchsorted(points, where, side="right") - 1, 0, len(points) - 2)
        xp, fp = (v if isinstance(v, Operators) else foreign(v, i) for v in (xp, fp))
        gap = xp[i + 1] - xp[i]
        within = np.where(plain(gap) == 0, 1, (x - xp[i]) / np.where(plain(gap) == 0, 1, gap))
        inside = fp[i] + (fp[i + 1] - fp[i]) * within
    else:
        inside = fp[0] + 0 * x
    value = np.where(where < points[0], fp[0] if left is None else left, inside)
    return np.where(where > points[-1], fp[-1] if right is None else right, value)
