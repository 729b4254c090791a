"""Functions that depend on the order of the entries: sorting, quantiles, sets, histograms."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import holds, in_dtype
from ..operators import array_of, plain, real
from ..primitive import derivative
from ..table import composed, table
from .indexing import plus_entries
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

    The quantile of 0, 1, …, n - 1 is the position on it, whatever the method. With weights a
    quantile is one of the entries.
    """
    last, total = int(count(a, axis, True)) - 1, 0
    for place in np.ndindex(np.shape(q)):
        if weights is None:
            position = np.quantile(np.arange(last + 1.0), np.asarray(q)[place], method=method)
            options = {"axis": axis, "method": "nearest", "keepdims": True}
            neighbours = [
                (np.quantile(plain(a), at / max(last, 1), **options), 1 - abs(position - at))
                for at in {np.floor(position), np.ceil(position)}
            ]
        else:
            neighbours = [(spread(plain(y[place]), a, axis, keepdims), 1)]
        for entry, share in neighbours:
            ties = plain(a) == entry
            count_of_ties = np.maximum(np.sum(ties, axis=axis, keepdims=True), 1)
            shares = ties * g.dtype.type(share) / count_of_ties
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


# ---- covariances, and counts of what falls into bins ---------------------------------------------


@composed(np.corrcoef)
def corrcoef(x, y=None, rowvar=True, **cast):
    c = np.cov(x, y, rowvar, **cast)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.diagonal(c))
    return c / deviations[:, None] / deviations


@composed(np.bincount)
def bincount(x, /, weights=None, minlength=0):
    counts = np.bincount(plain(x), plain(weights), minlength)
    if weights is None:
        return counts
    return plus_entries(np.zeros(len(counts)), real(weights).astype(float), index=np.asarray(x))


@composed(np.histogram_bin_edges)
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    """Edges that follow the extremes of the data have a slope; how many there are has none."""
    found = np.histogram_bin_edges(*plain((a, bins, range, weights)))
    if np.ndim(bins):
        return array_of(bins)
    if range is None and not np.size(a):
        return found
    low, high = (np.min(a), np.max(a)) if range is None else range
    if plain(low) == plain(high):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, len(found), dtype=found.dtype)


def _histogram(samples, edges, counts, density, weights, dtype=float):
    """Counts become sums of weights if there are any, and densities if asked for."""
    if weights is not None:
        inside, places = True, []
        for x, edge in zip(samples, map(plain, edges), strict=True):
            place = np.searchsorted(edge, x, side="right") - 1
            place = np.where(x == edge[-1], len(edge) - 2, place)  # the last bin is closed
            inside = inside & (place >= 0) & (place < len(edge) - 1)
            places.append(place)
        index = np.ravel_multi_index([place[inside] for place in places], counts.shape)
        sums = np.bincount(index, np.ravel(weights)[inside], counts.size)
        counts = sums.reshape(counts.shape).astype(dtype)
    if density:
        counts = counts / np.sum(counts)
        for axis, edge in enumerate(edges):
            counts = np.moveaxis(np.moveaxis(counts, axis, -1) / np.diff(edge), -1, axis)
    return counts


@composed(np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    edges = np.histogram_bin_edges(a, bins, range, weights)
    counts = np.histogram(*plain((a, bins, range)))[0]
    dtype = float if weights is None else np.asarray(plain(weights)).dtype
    return _histogram([np.ravel(plain(a))], [edges], counts, density, weights, dtype), edges


@composed(np.histogramdd)
def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    columns = list(np.atleast_2d(sample.T if hasattr(sample, "ndim") else np.stack(sample)))
    each = list(bins) if np.iterable(bins) else [bins] * len(columns)
    ranges = [None] * len(columns) if range is None else range
    edges = [
        table[np.histogram_bin_edges](*options)
        for options in zip(columns, each, ranges, strict=True)
    ]
    samples = [plain(x) for x in columns]
    counts = np.histogramdd(samples, [plain(edge) for edge in edges])[0]
    return _histogram(samples, edges, counts, density, weights), tuple(edges)
