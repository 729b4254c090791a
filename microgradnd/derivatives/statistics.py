"""Covariances, and counts of what falls into bins."""

import numpy as np

from ..operators import array_of, plain, real
from ..table import composed, table
from .indexing import plus_entries


@composed(np.corrcoef)
def corrcoef(x, y=None, rowvar=True, **cast):
    c = np.cov(x, y, rowvar, **cast)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.diagonal(c))
    return c / deviations[:, None] / deviations


# ---- bins ----------------------------------------------------------------------------------------


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
