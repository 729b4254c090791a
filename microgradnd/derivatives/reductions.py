"""Functions that reduce axes: sums, products, extremes; and their running values."""

import math
from functools import partial

import numpy as np

from ..arrays import holds, in_dtype
from ..chain_rule import wide
from ..operators import array_of, plain, real
from ..primitive import derivative, primitive
from ..table import composed, table
from .elementwise import nonzero
from .indexing import zeros_with

routes, selects = (partial(derivative, kind=kind) for kind in ("routes", "selects"))


def spread(value, a, axis, keepdims):
    """A reduction's value or gradient with the reduced axes of a put back, to broadcast."""
    return value if keepdims or axis is None or a.ndim == 0 else np.expand_dims(value, axis)


def among(where, value):
    """The value where the reduction included an entry, 0 elsewhere."""
    return value if where is True else np.where(where, value, 0)


def filled(g, shape):
    """g broadcast to the shape, by a quicker way than NumPy's for a single number."""
    if isinstance(g, np.generic):
        return np.ndarray(shape, g.dtype, g, strides=(0,) * len(shape))
    return np.broadcast_to(g, shape)


def count(x, axis, where):
    """How many entries each result of a reduction includes (with its axes kept)."""
    if where is True:
        axes = range(x.ndim) if axis is None or x.ndim == 0 else np.atleast_1d(axis).tolist()
        return math.prod(x.shape[a] for a in axes)
    return np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=True)


# ---- sums and averages ---------------------------------------------------------------------------


@routes(np.sum, forward=lambda a, **options: a.sum(**options))
def _sum(g, y, a, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    return among(where, filled(spread(g, a, axis, keepdims), a.shape))


@routes(np.mean, forward=lambda a, **options: a.mean(**options))
def _mean(g, y, a, axis=None, dtype=None, out=None, keepdims=False, where=True):
    each = wide(spread(g, a, axis, keepdims)) / count(a, axis, where)
    return among(where, filled(each, a.shape))


def _centred(a, axis, where):
    chosen = {} if where is True else {"where": where}
    return a - np.mean(a, axis=axis, keepdims=True, **chosen)


@derivative(np.var)
def _var(
    g, y, a, axis=None, dtype=None, keepdims=False, where=True, ddof=0, correction=None, mean=None
):
    divisor = np.maximum(count(a, axis, where) - (ddof if correction is None else correction), 0)
    deviations = _centred(wide(a), axis, where) if mean is None else wide(a) - mean
    return among(where, wide(spread(g, a, axis, keepdims)) * (2 / divisor) * deviations)


@derivative(np.std)
def _std(g, y, a, axis=None, dtype=None, keepdims=False, where=True, **options):
    """The root of the variance, where it is not always 0."""
    if options.get("mean") is None and holds(np.all(count(a, axis, where) == 1)):
        return 0 * a
    if a.dtype == np.float16:  # y may have overflowed
        y = np.std(wide(a), axis=axis, keepdims=keepdims, where=where, **options)
    if options.get("mean") is None:  # of a constant the deviations would be rounding errors
        a = _centred(wide(a), axis, where)
    return _var(g / (2 * nonzero(y)), y, a, axis, dtype, keepdims, where, **options)


# ---- products ------------------------------------------------------------------------------------


def product_of_the_others(x, axis):
    """For each entry along an axis, the product of those before it and of those behind it there.

    Exact at zeros, since it never divides.
    """

    def before(x):
        return np.cumprod(np.concatenate([np.ones_like(x[:1]), x[:-1]]), axis=0)

    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(before(x) * before(x[::-1])[::-1], 0, axis)


@derivative(np.prod)
def _prod(g, y, a, axis=None, dtype=None, keepdims=False, initial=1, where=True):
    factors = in_dtype(a if where is True else np.where(where, a, 1), y.dtype)
    others = spread(g, a, axis, keepdims) * initial
    for each in range(a.ndim) if axis is None or a.ndim == 0 else np.atleast_1d(axis).tolist():
        others = others * product_of_the_others(factors, each)
        factors = np.prod(factors, axis=each, keepdims=True)
    return among(where, others)


# ---- without nan ---------------------------------------------------------------------------------


def _without_nan(rule):
    """A rule for the entries that are not nan, made from the one for all."""

    def skipping(g, y, a, where=True, **options):
        there = ~np.isnan(a) & where
        return rule(g, y, np.where(there, a, 0), where=there, **options)

    return skipping


def _of_enough(rule):
    """The rule of a spread, which is nan of too few entries, whatever they are."""

    def skipping(g, y, a, axis=None, where=True, ddof=0, **options):
        there = ~np.isnan(a) & where
        there = there & (count(a, axis, there) > ddof)
        return rule(g, y, np.where(there, a, 0), axis, where=there, ddof=ddof, **options)

    return skipping


selects(np.nansum, _without_nan(_sum))
selects(np.nanmean, _without_nan(_mean))
derivative(np.nanprod, _without_nan(_prod))
derivative(np.nanvar, _of_enough(_var))
derivative(np.nanstd, _of_enough(_std))


_instead = primitive(
    lambda a, number: np.where(np.isnan(a), number, a),
    lambda g, y, a, number: np.where(np.isnan(a), 0, g),
    name="nan_to_num",
    kind="selects",
)


@composed(np.nancumsum)
def nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(_instead(a, number=0), axis, dtype)


@composed(np.nancumprod)
def nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(_instead(a, number=1), axis, dtype)


# ---- extremes: ties share evenly -----------------------------------------------------------------


def extreme_rule(g, y, a, axis=None, keepdims=False, initial=None, where=True):
    ties = among(where, (a == spread(y, a, axis, keepdims)) * g.dtype.type(1))
    total = np.sum(wide(ties), axis=axis, keepdims=True)
    return spread(g, a, axis, keepdims) * (ties / np.maximum(total, 1))


for extreme in (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin):
    selects(extreme, extreme_rule)


@composed(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# ---- running totals, and the methods of ufuncs ---------------------------------------------------


@routes(np.cumsum)
def _cumsum(g, y, a, axis=None, dtype=None):
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(wide(g)))), a.shape)
    return np.flip(np.cumsum(np.flip(wide(g), axis), axis=axis), axis)


def running(combine, x, axis):
    """x₀, x₀∘x₁, x₀∘x₁∘x₂, … for an associative ∘, in log n steps that reach ever further back."""
    x, reach = np.moveaxis(x, axis, 0), 1
    while reach < len(x):
        x = np.concatenate([x[:reach], combine(x[reach:], x[:-reach])])
        reach *= 2
    return np.moveaxis(x, 0, axis)


def _accumulate(ufunc, array, axis=0, dtype=None):
    array = array_of(array)
    dtype = dtype or ufunc.accumulate(np.empty(0, array.dtype)).dtype  # products grow to 64 bits
    return running(ufunc, in_dtype(array, dtype), axis)


@composed(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    flat = axis is None or np.ndim(a) == 0
    return _accumulate(np.multiply, np.ravel(a) if flat else a, 0 if flat else axis, dtype)


def _reduce(function, array, axis=0, dtype=None, keepdims=False, **options):
    array = array if dtype is None else array.astype(dtype)
    return function(array, axis=axis, keepdims=keepdims, **options)


def _log_of_sum(a, axis=None, keepdims=False):
    """log Σ exp(a); the largest term is taken out first so that nothing overflows."""
    of_nothing = {} if a.size else {"initial": -np.inf}  # which CuPy does not know
    largest = np.max(a, axis=axis, keepdims=True, **of_nothing)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = largest + np.log(np.sum(np.exp(a - largest), axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis)


def _shares_of_sum(g, y, a, axis=None, keepdims=False):
    """exp(a) / Σ exp(a); where the sum is infinite, the terms that are so share evenly."""
    g, y = (spread(x, a, axis, keepdims) for x in (g, y))
    finite, ties = np.isfinite(y), extreme_rule(g, plain(y), plain(a), axis, True)
    return np.where(finite, g * np.exp(a - np.where(finite, y, 0)), ties)


_logsumexp = primitive(_log_of_sum, _shares_of_sum, name="logaddexp.reduce")


def logsumexp(a, axis=None, keepdims=False, initial=None, where=True):
    a = real(a) if where is True else np.where(where, a, -np.inf)
    total = _logsumexp(a, axis=axis, keepdims=keepdims)
    return total if initial is None else np.logaddexp(total, initial)


WHOLE = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
for ufunc, whole in (*WHOLE.items(), (np.logaddexp, logsumexp)):
    table[ufunc, "reduce"] = partial(_reduce, whole)
    table[ufunc, "accumulate"] = partial(_accumulate, ufunc)
table[np.add, "accumulate"] = lambda array, axis=0, dtype=None: np.cumsum(array, axis, dtype)


def _reduceat_rule(g, y, a, indices):
    lengths = np.maximum(np.diff(indices, append=len(a)), 1)
    segments = np.repeat(np.arange(len(indices)), lengths)
    within = np.arange(len(segments)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return zeros_with(g[segments], like=plain(a), index=np.asarray(indices)[segments] + within)


_sums_from = primitive(
    lambda a, indices: np.add.reduceat(a, indices),
    _reduceat_rule,
    name="add.reduceat",
    kind="routes",
)


@composed((np.add, "reduceat"))
def _reduceat(array, indices, axis=0, dtype=None, out=None):
    """Sums along an axis from each index to the next, or of one entry if the next is not later."""
    array = array if dtype is None else array.astype(dtype)
    sums = _sums_from(np.moveaxis(array, axis, 0), indices=np.asarray(plain(indices)))
    return np.moveaxis(sums, 0, axis)


def _outer(ufunc, a, b, **options):
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **options)


OUTER = np.add, np.subtract, np.multiply, np.true_divide, np.power, np.maximum, np.minimum
for ufunc in (*OUTER, np.logaddexp, np.arctan2, np.hypot):
    table[ufunc, "outer"] = partial(_outer, ufunc)
