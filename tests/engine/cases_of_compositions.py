"""Calls of the functions whose derivatives come from others: one or more each, as in `cases`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.engine.cases import Case, case, inside, positive, values

linalg = np.linalg


def symmetric(n: int) -> np.ndarray:
    a = values(n, n)
    return a + a.T + np.diag(np.arange(n) * 2.0)


def make() -> Iterator[Case]:
    def cases(function: Any, *calls: Any) -> Iterator[Case]:
        """Each call: the inputs, then what stands behind them, then the options."""
        for inputs, *more in calls:
            others, options = [*more, *[(), {}][len(more) :]]
            yield case(function, _call(function, others, options), *inputs)

    square, row, table = values(3, 3), values(5), values(3, 4)
    holes = np.where(np.eye(3, 4, dtype=bool), np.nan, 0.0)
    weights = positive(5)

    # ---- parts, ranges, running totals
    for f in (np.real, np.imag, np.angle, np.real_if_close, np.spacing, np.fix):
        yield from cases(f, ([table],))
    yield from cases(np.ldexp, ([row], (np.arange(5),)))
    yield case(np.nextafter, lambda x: np.nextafter(x, 9.0), row)
    yield case(np.modf, lambda x: np.modf(x), row)
    yield case(np.divmod, lambda x: np.divmod(x, 0.7), row)
    yield case(np.frexp, lambda x: np.frexp(x)[0], row)
    yield from cases(np.i0, ([table],), ([values(4, low=3.1, high=9.2)],))
    for f in (np.cumulative_sum, np.cumulative_prod):
        yield from cases(f, ([row],), ([table], (), {"axis": 1, "include_initial": True}))
    for f in (np.linspace, np.logspace):
        yield from cases(f, ([values(2), values(2)], (4,)), ([values(), values()], (3, False)))
        yield from cases(f, ([values(2), values(3, 1)], (4,), {"axis": 1}))
    yield case(np.logspace, lambda b: np.logspace(0.3, 1.5, 4, base=b), positive())
    yield case(np.logspace, lambda a, b: np.logspace(a, 1.5, 4, base=b), values(), positive(3))
    yield case(np.linspace, lambda a: np.linspace(a, 3.3, 4, retstep=True), values())
    yield from cases(np.geomspace, ([positive(2), positive(2)], (4,)))
    yield from cases(np.geomspace, ([-positive(), -positive()],))
    yield case(np.ediff1d, lambda x, y: np.ediff1d(x, to_end=y, to_begin=1.5), row, values(2))
    yield from cases(np.unwrap, ([4 * row],), ([4 * table], (), {"axis": 0, "period": 5.0}))
    yield case(np.unwrap, lambda x, t: np.unwrap(x, period=t), 4 * row, positive())
    indices = [0, 3, 1, 4]
    yield case((np.add, "reduceat"), lambda x: np.add.reduceat(x, indices), row)
    yield case((np.add, "reduceat"), lambda x: np.add.reduceat(x, [2, 0], axis=1), table)

    # ---- without nan
    for f in (np.nanprod, np.nanvar, np.nanstd, np.nanmedian):
        yield case(f, lambda x, f=f: f(x + holes), table)
        yield case(f, lambda x, f=f: f(x + holes, axis=1, keepdims=True), table)
    for f in (np.nancumsum, np.nancumprod):
        yield case(f, lambda x, f=f: f(x + holes), table)
        yield case(f, lambda x, f=f: f(x + holes, axis=0), table)
    yield case(np.nanvar, lambda x: np.nanvar(x + holes, axis=0, ddof=1), table)
    yield case(np.nanquantile, lambda x: np.nanquantile(x + holes, [0.3, 0.8], axis=0), table)
    yield case(np.nanquantile, lambda x: np.nanquantile(x + holes, [[0.3, 0.8]], axis=0), table)
    yield case(np.nanpercentile, lambda x: np.nanpercentile(x + holes, 35), table)
    inverted = {"method": "inverted_cdf", "weights": weights}
    for q in (0.4, [0.2, 0.9]):
        yield case(np.quantile, lambda x, q=q: np.quantile(x, q, **inverted), row)
        of_90 = np.multiply(q, 90)
        yield case(np.percentile, lambda x, q=of_90: np.percentile(x, q, **inverted), row)

    yield case(np.quantile, lambda x, q: np.quantile(x, q, axis=0), table, inside(2) / 2 + 0.5)
    yield case(np.percentile, lambda q: np.percentile(row, q), positive(2) * 20)
    yield case(np.quantile, lambda q: np.quantile(np.arange(5), q), np.array([0.25, 0.6]))
    yield case(np.nanmedian, lambda x: np.nanmedian(x, 0, None, False, True), table)

    # ---- statistics
    yield case(np.cov, lambda w: np.cov(table, aweights=w), positive(4))
    yield from cases(np.cov, ([table],), ([row],), ([table.T], (), {"rowvar": False, "bias": True}))
    yield case(np.cov, lambda x, y: np.cov(x, y, ddof=0), row, values(5))
    counts = {"fweights": [1, 3, 2, 1], "aweights": [0.5, 1.0, 2.0, 0.7]}
    yield case(np.cov, lambda x: np.cov(x, **counts), table)
    yield from cases(np.corrcoef, ([table],), ([row],), ([row, values(5)],))
    places = np.array([0, 2, 2, 5, 1])
    yield case(np.bincount, lambda w: np.bincount(places, w, minlength=8), row)
    edges = [-2.0, -1.0, 0.5, 2.5]
    for options in ({}, {"density": True}):
        for bins in (4, edges):
            weighed = lambda w, o=options, b=bins: np.histogram(row, b, weights=w, **o)[0]  # noqa: E731
            yield case(np.histogram, weighed, positive(5))
        both = lambda w, o=options: np.histogram2d(row, row**2, 3, weights=w, **o)[0]  # noqa: E731
        yield case(np.histogram2d, both, positive(5))
    yield case(np.histogram, lambda x: np.histogram(x, 3, density=True), row)
    yield case(np.histogram, lambda b: np.histogram(row, b, density=True), np.array(edges))
    for bins in (4, "auto"):
        yield case(np.histogram_bin_edges, lambda x, b=bins: np.histogram_bin_edges(x, b), row)
    sample = values(6, 2)
    both = lambda x, y: np.histogramdd([x, y], 3)[1]  # noqa: E731
    yield case(np.histogramdd, both, values(6), values(6))
    yield case(np.histogramdd, lambda x: np.histogramdd(x, 3)[1], row)
    mixed = lambda x, b: np.histogram2d(x, x**2, [b, 3], density=True)  # noqa: E731
    yield case(np.histogram2d, mixed, row, np.array(edges))
    yield case(np.histogramdd, lambda w: np.histogramdd(sample, 3, weights=w)[0], positive(6))

    # ---- arranging
    yield from cases(np.delete, ([row], ([0, 3],)), ([table], (1, 0)))
    yield case(np.insert, lambda x, y: np.insert(x, [1, 3], y), row, values(2))
    yield case(np.insert, lambda x, y: np.insert(x, 2, y, axis=1), table, values(3))
    yield from cases(np.resize, ([row], ((3, 4),)), ([table], (5,)))
    yield case(np.append, lambda x, y: np.append([x[0], x[1]], y), row, values(2))
    for f in (np.fft.fftshift, np.fft.ifftshift):
        yield from cases(f, ([row],), ([table], (1,)))
    which = np.array([[0, 1], [1, 0]])
    yield case(np.choose, lambda x, y: np.choose(which, [x, y]), values(2, 2), values(2, 2))
    yield case(np.choose, lambda x: np.choose(which + 3, [x, 2 * x], mode="wrap"), values(2, 2))
    for mode in ("mean", "median", "maximum", "minimum", "linear_ramp"):
        yield case(np.pad, lambda x, m=mode: np.pad(x, ((1, 2), (0, 3)), m), table)
    yield case(np.pad, lambda x: np.pad(x, 2, "mean", stat_length=2), row)
    yield case(np.pad, lambda x: np.pad(x, 2, "linear_ramp", end_values=(0.5, 3.0)), row)
    along = lambda x: np.apply_along_axis(lambda r: np.outer(r, r), 0, x)  # noqa: E731
    yield case(np.apply_along_axis, along, table)
    yield case(np.apply_along_axis, lambda x: np.apply_along_axis(np.sum, 1, x), table)
    yield case(np.apply_over_axes, lambda x: np.apply_over_axes(np.sum, x, [0, 2]), values(2, 3, 2))
    pieces = lambda x: np.piecewise(x, [x < 0, x > 1], [np.square, 0.5, np.sin])  # noqa: E731
    yield case(np.piecewise, pieces, row)
    padded = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    yield case(np.trim_zeros, lambda x: np.trim_zeros(x * padded), values(6))
    yield case(np.trim_zeros, lambda x: np.trim_zeros(x * padded, "f"), values(6))

    # ---- sets
    twice = lambda x: np.concatenate([x, x[:2]])  # noqa: E731
    yield case(np.unique, lambda x: np.unique(twice(x)), row)
    yield case(np.unique, lambda x: np.unique(twice(x), return_counts=True)[0], row)
    yield case(np.unique, lambda x: np.unique(twice(x), axis=0), table)
    yield case(np.unique_values, lambda x: np.sort(np.unique_values(twice(x))), row)
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        yield case(f, lambda x, f=f: f(twice(x)).values, row)
    other = np.append(row[:2], 9.5)
    yield case(np.union1d, lambda x: np.union1d(x, other + 10), row)
    yield case(np.setdiff1d, lambda x: np.setdiff1d(x, [9.5]), row)
    yield case(np.setxor1d, lambda x: np.setxor1d(x, other + 10), row)
    yield case(np.intersect1d, lambda x: np.intersect1d(x, twice(x)), row)

    # ---- linear algebra
    yield from cases(linalg.matmul, ([square, values(3, 2)],))
    yield from cases(linalg.outer, ([row, values(3)],))
    yield from cases(linalg.trace, ([values(2, 3, 3)],), ([square], (), {"offset": 1}))
    yield from cases(linalg.diagonal, ([values(2, 3, 3)],), ([square], (), {"offset": -1}))
    yield from cases(linalg.tensordot, ([table, values(4, 2)], (), {"axes": 1}))
    yield from cases(linalg.vecdot, ([table, values(3, 4)],))
    yield from cases(linalg.vecdot, ([table, values(3, 1)], (), {"axis": 0}))
    yield from cases(linalg.cross, ([values(2, 3), values(2, 3)],))
    if hasattr(np, "matvec"):
        yield from cases(np.matvec, ([values(2, 3, 4), values(4)],), ([square, values(2, 3)],))
        yield from cases(np.vecmat, ([values(3), values(2, 3, 4)],))
    yield from cases(linalg.svdvals, ([table],), ([values(2, 2, 3)],))
    for order in (1, 2, 3.5, np.inf, -np.inf):
        for more in ({}, {"axis": 1, "keepdims": True}):
            yield from cases(linalg.vector_norm, ([table], (), {"ord": order, **more}))
    yield case(linalg.norm, lambda x, p: linalg.norm(x, p), positive(4), np.array(2.0))
    for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        yield from cases(linalg.matrix_norm, ([values(2, 3, 3)], (), {"ord": order}))
        yield from cases(linalg.cond, ([square], (order,)))
    yield from cases(linalg.cond, ([square],))
    yield case(linalg.lstsq, lambda a, b: linalg.lstsq(a, b)[0], values(5, 3), values(5))
    yield case(linalg.lstsq, lambda a, b: linalg.lstsq(a, b)[1], values(5, 3), values(5, 2))
    yield case(linalg.lstsq, lambda a: linalg.lstsq(a, np.ones(3))[3], values(3, 4))
    yield from cases(linalg.tensorsolve, ([values(2, 3, 6), values(2, 3)],))
    aside = {"axes": (0, 1)}
    yield from cases(linalg.tensorsolve, ([values(2, 3, 2, 3), values(2, 3)], (), aside))
    yield from cases(linalg.tensorinv, ([values(2, 3, 6)],), ([square], (1,)))
    real = symmetric(3) + np.triu(values(3, 3)) * 0.2
    yield from cases(linalg.eigvals, ([real],))
    yield case(linalg.eig, lambda a: (linalg.eig(a)[0], linalg.eig(a)[1] ** 2), real)

    # ---- polynomials
    yield from cases(np.polyval, ([values(3), table],))
    yield from cases(np.vander, ([row],), ([row], (3, True)))
    yield from cases(np.poly, ([row],), ([symmetric(3)],))
    yield case(np.roots, lambda p: np.sort(np.roots(p)), np.array([1.0, -6.1, 10.7, -5.2]))
    yield case(np.roots, lambda p: np.sort(np.roots(p)), np.array([2.0, -3.0, 1.0, 0.0]))
    for f in (np.polyadd, np.polysub, np.polymul):
        yield from cases(f, ([row, values(3)],))
    yield from cases(np.polydiv, ([row, np.array([1.0, -0.4, 0.7])],))
    yield from cases(np.polyder, ([row],), ([row], (2,)))
    yield from cases(np.polyint, ([row],), ([row], (2, 0.5)))
    yield case(np.polyint, lambda p, k: np.polyint(p, 2, k), row, values(3))
    yield from cases(np.polyfit, ([values(6), values(6)], (2,)), ([values(6), values(6, 2)], (1,)))
    yield case(np.polyfit, lambda x, y: np.polyfit(x, y, 1, w=weights), row, values(5))
    yield case(np.polyfit, lambda w: np.polyfit(range(5), [2, 3, 4, 6, 7], 1, w=w), positive(5))

    # ---- one condition, one point, one sample
    yield case(np.partition, lambda x: np.partition(x, 2, axis=None), table)
    yield case(np.piecewise, lambda x: np.piecewise(x, x > 0.5, [np.sin, np.cos]), row)
    yield case(np.inner, lambda x: np.inner(x, 2.0), table)
    yield case(np.interp, lambda x: np.interp(x, [1.5], [2.0]), row)
    yield case(np.interp, lambda y: np.interp(1.0, [1.5], y), values(1))
    yield case(np.var, lambda x: np.var(x[:1], axis=0), table)
    histogram = lambda w: np.histogram(np.full((3, 4), 2.0), 3, weights=w)[0]  # noqa: E731
    yield case(np.histogram, histogram, table)
    yield case(np.full_like, lambda x: np.full_like(x, np.sum(x)), row)
    yield case(linalg.matrix_transpose, linalg.matrix_transpose, table)


def _call(function: Any, others: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return lambda *inputs: function(*inputs, *others, **options)


CASES = list(make())
