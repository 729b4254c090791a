"""Functions that depend on the order of the entries: sorting, quantiles, sets, histograms."""

from functools import partial

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import holds, in_dtype
from ..operators import Operators, array_of, plain, real
from ..primitive import Primitive, derivative
from ..table import composed, each, table
from .anew import at_once
from .indexing import plus_entries
from .reductions import count, extreme_rule, spread


def _ranks(a, axis):
    return np.argsort(np.argsort(plain(a), axis=axis), axis=axis)


@derivative(np.sort, kind="routes")
def _sort_rule(g, y, a, axis=-1, **options):
    return np.reshape(np.take_along_axis(g, _ranks(a, axis), axis), a.shape)


@derivative(np.partition, kind="routes")
def _partition_rule(g, y, a, axis=-1, **options):
    """g where the entries came from: those of the same rank belong together."""
    places = np.take_along_axis(np.argsort(plain(y), axis=axis), _ranks(a, axis), axis)
    return np.reshape(np.take_along_axis(g, places, axis), a.shape)


def _quantile(g, y, a, q, axis=None, method="linear", keepdims=False, weights=None):
    """A quantile lies on the line between two neighbours in sorted order; ties share evenly.

    The quantile of 0, 1, …, n - 1 is the position on it, whatever the method. With weights a
    quantile is one of the entries.
    """
    last, total = count(a, axis, True) - 1, 0
    learned = getattr(q, "requires_grad", False)
    q = array_of(q)
    for place in np.ndindex(q.shape) if a.size else ():
        mine, value, at = (x[place] if place else x for x in (g, y, q))
        mine, value = (spread(x, a, axis, keepdims) for x in (mine, value))
        if weights is not None:
            total = total + extreme_rule(mine, value, a, axis, True)
            continue
        position = np.quantile(np.arange(last + 1.0), at, method=method)
        below = np.minimum(np.floor(plain(position)), max(last - 1, 0))
        within = position - below
        for end, share in ((below, 1 - within), (np.minimum(below + 1, last), within)):
            if learned or holds(share != 0):
                options = {"axis": axis, "method": "nearest", "keepdims": True}
                entry = np.quantile(plain(a), end / max(last, 1), **options)
                total = total + extreme_rule(mine * share, entry, a, axis, True)
    return total


def _quantile_of_q(g, y, a, q, axis=None, method="linear", keepdims=False, weights=None):
    """The slope of the line between the two neighbours."""
    if method != "linear" or weights is not None:
        raise TypeError("only method='linear' has a derivative with respect to q")
    last = count(real(a), axis, True) - 1
    below = np.clip(np.floor(plain(q) * last), 0, max(last - 1, 0)) / max(last, 1)
    ends = below, np.minimum(below + 1 / max(last, 1), 1)
    low, high = (np.quantile(a, end, axis, keepdims=keepdims) for end in ends)
    return np.sum(g * (high - low), axis=tuple(range(np.ndim(q), g.ndim))) * last


derivative(np.quantile, _quantile, _quantile_of_q, kind="selects")


derivative(
    np.percentile,
    lambda g, y, a, q, **options: _quantile(g, y, a, np.true_divide(q, 100), **options),
    lambda g, y, a, q, **options: _quantile_of_q(g, y, a, np.true_divide(q, 100), **options) / 100,
    kind="selects",
)
derivative(np.median, lambda g, y, a, **options: _quantile(g, y, a, 0.5, **options), kind="selects")


def _past_nan(quantile):
    """The quantile of the entries that are not nan."""

    def past_nan(
        a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False,
        weights=None,
    ):  # fmt: skip
        a = real(a)

        def of_row(row):
            there = ~np.isnan(plain(row))
            if not np.any(there):
                return np.full(np.shape(q), np.nan, a.dtype)
            w = None if weights is None else np.asarray(weights)[there]
            return quantile(row[there], q, method=method, weights=w)

        axes = tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)
        rows = np.moveaxis(a, axes, range(-len(axes), 0))
        rows = np.reshape(rows, (*rows.shape[: a.ndim - len(axes)], -1))
        value = table[np.apply_along_axis](of_row, -1, rows)
        value = np.moveaxis(value, range(-np.ndim(q), 0), range(np.ndim(q)))  # of q come first
        return np.expand_dims(value, tuple(np.ndim(q) + np.array(axes))) if keepdims else value

    return past_nan


composed(np.nanquantile)(_past_nan(np.quantile))
composed(np.nanpercentile)(_past_nan(np.percentile))


@composed(np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return table[np.nanquantile](a, 0.5, axis, keepdims=keepdims)


# ---- sets: each value comes from the first entry that has it -------------------------------------


def _pick(function, *arguments, **options):
    """Call a function whose (first) result has entries of its arguments."""
    found = function(*plain(arguments), **options)
    values, *others = found if isinstance(found, tuple) else (found,)
    arrays = [a for a in arguments if not isinstance(a, bool)]  # assume_unique
    arrays.sort(key=lambda a: not getattr(a, "requires_grad", False))  # not from a constant
    entries = np.concatenate([np.ravel(a) for a in arrays])
    order = np.argsort(plain(entries), kind="stable")
    places = order[np.searchsorted(plain(entries)[order], values)]
    picked = in_dtype(entries[places], values.dtype)
    return (picked, *others) if isinstance(found, tuple) else picked


for function in (np.union1d, np.setdiff1d, np.setxor1d, np.intersect1d):
    table[function] = partial(_pick, function)


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
    return _edges(low, high, count=len(found), dtype=found.dtype)


@at_once("histogram_bin_edges")
def _edges(low, high, count, dtype):
    around = 0.5 * (plain(low) == plain(high))  # a range is never empty
    return np.linspace(low - around, high + around, count, dtype=dtype)


@composed(np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    each = None if weights is None else np.ravel(weights)
    counts, (edges,) = histogramdd([np.ravel(a)], [bins], [range], density, each)
    dtype = int if weights is None else np.asarray(plain(weights)).dtype
    return counts if density else counts.astype(dtype), edges


def _weight_rule(position, g, y, weights, *columns_and_edges):
    """A weight counts in the bin of its sample; the last bin is closed on both sides."""
    if position:
        return 0
    given = plain(columns_and_edges)
    pairs = list(zip(given[: y.ndim], given[y.ndim :], strict=True))
    bins = [np.searchsorted(at, x, "right") - 1 - (x == at[-1]) for x, at in pairs]
    inside = [(x >= at[0]) & (x <= at[-1]) for x, at in pairs]
    places = tuple(np.clip(bin, 0, size - 1) for bin, size in zip(bins, y.shape, strict=True))
    return np.where(np.all(inside, axis=0), g[places], 0)


_counted = Primitive(
    lambda weights, *given: np.histogramdd(
        given[: len(given) // 2], given[len(given) // 2 :], weights=weights
    )[0],
    each(_weight_rule),
    "histogramdd",
)


@composed(np.histogramdd)
def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    """Counts become sums of weights if there are any, and densities if asked for."""
    columns = list(np.atleast_2d(sample.T if hasattr(sample, "ndim") else np.stack(sample)))
    each = list(bins) if np.iterable(bins) else [bins] * len(columns)
    ranges = [None] * len(columns) if range is None else range
    options = zip(columns, each, ranges, strict=True)
    edges = tuple(table[np.histogram_bin_edges](*column, weights) for column in options)
    given = (weights, *columns, *edges)
    alone = not density and not isinstance(weights, Operators)  # counts, which have no slope
    counts = _counted.apply(plain(given) if alone else given, {})
    if density:
        counts = counts / np.sum(counts)
        for axis, edge in enumerate(edges):
            counts = np.moveaxis(np.moveaxis(counts, axis, -1) / np.diff(edge), -1, axis)
    return counts, edges
