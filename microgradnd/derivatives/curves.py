"""Sampled curves: ranges, differences, slopes, interpolation, polynomials."""

import numpy as np

from ..arrays import holds, in_dtype
from ..operators import Operators, foreign, moved, plain, real
from ..primitive import derivative, primitive
from ..table import composed
from .anew import at_once
from .indexing import with_entries


@composed(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    steps = np.diff(np.ravel(ary))
    parts = [real(part, steps) for part in (to_begin, steps, to_end) if part is not None]
    return np.concatenate(list(map(np.ravel, parts)), dtype=steps.dtype)


_unwrapped = primitive(
    lambda p, period, **options: np.unwrap(p, period=period, **options),
    lambda g, y, p, period, discont=None, axis=-1: g,
    lambda g, y, p, period, **options: g * np.rint((y - p) / period),  # by so many turns
    name="unwrap",
)


@composed(np.unwrap)
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    return _unwrapped(p, period, discont=discont, axis=axis)


@composed(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    start, stop = (x if type(x) in (int, float) else real(x) for x in (start, stop))
    count = num - 1 if endpoint else num
    distance = stop - start
    steps = np.reshape(np.arange(num), (-1, *[1] * np.ndim(distance))).astype(distance.dtype)
    samples = start + steps * (distance / max(count, 1))
    if endpoint and num > 1:  # the last is the stop itself, to the last bit
        samples = with_entries(samples, stop, index=-1)
    samples = np.moveaxis(samples, 0, axis)
    if dtype is not None:
        whole = np.issubdtype(dtype, np.integer)
        samples = in_dtype(np.floor(samples) if whole else samples, np.dtype(dtype))
    return (samples, distance / count if count else np.nan * distance) if retstep else samples


@composed(np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(start, stop, base)
        base = np.expand_dims(base, axis)
    powers = base ** np.linspace(start, stop, num, endpoint, axis=axis)
    return powers if dtype is None else powers.astype(dtype)


@composed(np.geomspace)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = real(start).astype(float), real(stop).astype(float)  # as NumPy computes it
    if holds(np.any(plain(start * stop) <= 0)):
        raise ValueError("geomspace: expected a start and a stop of one sign, and not 0")
    powers = np.logspace(np.log10(abs(start)), np.log10(abs(stop)), num, endpoint, axis=axis)
    samples = powers * np.expand_dims(np.sign(start + 0 * stop), axis)
    return samples if dtype is None else samples.astype(dtype)


@composed(np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Second-order differences inside, one-sided ones of the given order at both ends."""
    f = real(f)
    alike = [np.reshape(np.arange(1.0, np.size(x) + 1), np.shape(x)) for x in (f, *varargs)]
    np.gradient(*alike, axis=axis, edge_order=edge_order)  # which refuses mistakes
    axes = range(f.ndim) if axis is None else np.atleast_1d(axis).tolist()
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    slopes = [_slope(f, h, a, edge_order) for a, h in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f, spacing, axis, edge_order):
    f = np.moveaxis(f, axis, 0)
    steps = np.diff(real(spacing)) if np.ndim(spacing) else spacing * np.ones(len(f) - 1)
    steps = np.reshape(steps.astype(f.dtype), (-1, *[1] * (f.ndim - 1)))
    slopes = (f[1:] - f[:-1]) / steps
    before, after = steps[:-1], steps[1:]
    if np.ndim(spacing):
        inside = (slopes[:-1] * after + slopes[1:] * before) / (before + after)
    else:  # a nan has no part in the slope at its own place
        inside = (f[2:] - f[:-2]) / (before + after)
    first, last = slopes[:1], slopes[-1:]
    if edge_order != 1:  # extend the change of slope over half a step
        first = first + (slopes[:1] - slopes[1:2]) * steps[:1] / (steps[:1] + steps[1:2])
        last = last + (slopes[-1:] - slopes[-2:-1]) * steps[-1:] / (steps[-1:] + steps[-2:-1])
    return np.moveaxis(np.concatenate([first, inside, last]), 0, axis)


@at_once("interp")
def interpolated(x, xp, fp, left, right):
    """np.interp, but for its period."""
    x, xp, fp = (real(each).astype(float) for each in (x, xp, fp))  # as NumPy computes it
    x, xp, fp = moved([x, xp, fp]) or (x, xp, fp)
    where, points = plain(x), plain(xp)
    np.interp(0.0, range(len(xp)), range(len(fp)))  # which refuses mistakes
    below = np.clip(np.searchsorted(points, where, side="right") - 1, 0, max(len(points) - 2, 0))
    above = np.minimum(below + 1, len(points) - 1)
    xp, fp = (v if isinstance(v, Operators) else foreign(v, below) for v in (xp, fp))
    gap = xp[above] - xp[below]
    within = np.where(plain(gap) == 0, 1, (x - xp[below]) / np.where(plain(gap) == 0, 1, gap))
    inside = fp[below] + (fp[above] - fp[below]) * within
    value = np.where(where < points[0], fp[0] if left is None else left, inside)
    return np.where(where > points[-1], fp[-1] if right is None else right, value)


# ---- polynomials: coefficients with the highest power first --------------------------------------


@composed(np.vander)
def vander(x, N=None, increasing=False):
    np.vander(np.ones((1, *np.shape(x)[1:])), N)  # which refuses mistakes
    powers = np.arange(len(x) if N is None else N)
    x = x.astype(np.promote_types(x.dtype, int))
    return x[:, None] ** (powers if increasing else powers[::-1])


def _real_roots(p):
    roots = np.roots(p)
    if roots.dtype.kind == "c":
        raise TypeError("roots: some roots are complex; a gradient needs real ones")
    return roots


@derivative(np.roots, forward=_real_roots)
def _roots_rule(g, y, p):
    """p(r) = 0 at a root r, whatever its coefficients: dr/dpₖ = -rⁿ⁻ᵏ / p'(r)."""
    slopes = np.polyval(np.polyder(p), y)
    if holds(np.any(plain(slopes) == 0)):
        raise ValueError("a root that occurs more than once has no derivative")
    return -(g / slopes) @ np.vander(y, len(p))


@composed(np.polymul)
def polymul(a1, a2):
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    zeros = (np.append(plain(a[:-1]) == 0, False).argmin() for a in (a1, a2))  # that lead
    return np.convolve(a1, a2)[sum(zeros) :]


@composed(np.polydiv)
def polydiv(u, v):
    size = len(np.polydiv(plain(u), plain(v))[1])  # as NumPy cuts the remainder
    dtype = np.result_type(plain(real(u)), plain(real(v)), np.float16)
    u, v = (in_dtype(np.atleast_1d(real(x)), dtype) for x in (u, v))
    quotient = []
    while len(u) >= len(v):
        quotient.append(u[0] / v[0])
        u = np.concatenate([u[: len(v)] - quotient[-1] * v, u[len(v) :]])[1:]
    rest = np.concatenate([np.zeros(max(size - len(u), 0), u.dtype), u[max(len(u) - size, 0) :]])
    return (np.stack(quotient) if quotient else np.zeros(1, dtype)), rest
