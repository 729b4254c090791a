"""Functions that reduce axes: sums, averages, products, extremes, norms."""

import functools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import holds, in_dtype
from ..chain_rule import wide
from ..operators import plain, real
from ..primitive import derivative, primitive
from ..table import composed, table
from .elementwise import nonzero

routes = functools.partial(derivative, kind="routes")


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


def _sum(g, y, a, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    return among(where, filled(spread(g, a, axis, keepdims), a.shape))


def _mean(g, y, a, axis=None, dtype=None, out=None, keepdims=False, where=True):
    each = wide(spread(g, a, axis, keepdims)) / count(a, axis, where)
    return among(where, filled(each, a.shape))


def _deviations(a, axis, where, ddof, correction, mean):
    """The deviations from the mean, and the divisor of their squares' sum in var."""
    divisor = count(a, axis, where) - (ddof if correction is None else correction)
    deviations = _centred(wide(a), axis, where) if mean is None else wide(a) - mean
    return deviations, np.maximum(divisor, 0)


def _centred(a, axis, where):
    chosen = {} if where is True else {"where": where}
    return a - np.mean(a, axis=axis, keepdims=True, **chosen)


def _var(
    g,
    y,
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    where=True,
    mean=None,
    correction=None,
):
    deviations, divisor = _deviations(a, axis, where, ddof, correction, mean)
    return among(where, wide(spread(g, a, axis, keepdims)) * (2 / divisor) * deviations)


def _std(
    g,
    y,
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    where=True,
    mean=None,
    correction=None,
):
    deviations, divisor = _deviations(a, axis, where, ddof, correction, mean)
    if mean is None:  # of a constant the deviations were rounding errors
        deviations = _centred(deviations, axis, where)
    g, y = wide(spread(g, a, axis, keepdims)), spread(y, a, axis, keepdims)
    if a.dtype == np.float16:  # y may have overflowed
        squares = among(where, deviations**2)
        y = np.sqrt(np.sum(squares, axis=axis, keepdims=True) / divisor)
    return among(where, g / (divisor * nonzero(y)) * deviations)


routes(np.sum, _sum, forward=lambda a, **options: a.sum(**options))
routes(np.mean, _mean, forward=lambda a, **options: a.mean(**options))
derivative(np.var, _var)
derivative(np.std, _std)


def _nansum(g, y, a, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    return _sum(g, y, a, axis, dtype, out, keepdims, initial, where & ~np.isnan(a))


def _nanmean(g, y, a, axis=None, dtype=None, out=None, keepdims=False, where=True):
    return _mean(g, y, a, axis, dtype, out, keepdims, where & ~np.isnan(a))


selects = functools.partial(derivative, kind="selects")
selects(np.nansum, _nansum)
selects(np.nanmean, _nanmean)


@composed(np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = real(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.ones_like(mean) * count(a, axis, True)
    else:
        weights = _weights_along(weights, np.shape(a), axis)
        total = np.sum(weights + np.zeros_like(a), axis=axis, keepdims=keepdims)
        if not holds(np.all(plain(total) != 0)):
            raise ZeroDivisionError("average: the sum of the weights must not be 0")
        mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


def _weights_along(weights, shape, axis):
    """np.average's weights in a shape that broadcasts; they may have the averaged axes only."""
    weights = real(weights)
    if weights.shape == shape:
        return weights
    if axis is None:
        raise TypeError(
            f"average: weights of shape {weights.shape} need an axis for values of shape {shape}"
        )
    axes = list(normalize_axis_tuple(axis, len(shape)))
    if weights.shape != tuple(shape[a] for a in axes):
        raise ValueError(
            f"average: weights of shape {weights.shape} do not match axis {axis} of {shape}"
        )
    order = np.argsort(axes)
    places = [shape[a] if a in axes else 1 for a in range(len(shape))]
    return np.reshape(np.transpose(weights, order), places)


# ---- extremes: ties share evenly -----------------------------------------------------------------


def _extreme(g, y, a, axis=None, out=None, keepdims=False, initial=None, where=True):
    ties = among(where, (a == spread(y, a, axis, keepdims)) * g.dtype.type(1))
    total = np.sum(wide(ties), axis=axis, keepdims=True)
    return spread(g, a, axis, keepdims) * (ties / np.maximum(total, 1))


for extreme in (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin):
    selects(extreme, _extreme)


@composed(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composed(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# ---- products ------------------------------------------------------------------------------------


def product_of_the_others(x):
    """For each entry along the last axis, the product of all the others there.

    Exact at zeros, since it never divides: the product of all other pairs, times the other entry
    of the pair; halving the axis each time takes log n steps.
    """
    n = x.shape[-1]
    if n <= 1:
        return np.ones_like(x)
    if n % 2:
        x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)
    pairs = np.reshape(x, (*x.shape[:-1], x.shape[-1] // 2, 2))
    others = product_of_the_others(pairs[..., 0] * pairs[..., 1])
    return np.reshape(others[..., None] * pairs[..., ::-1], x.shape)[..., :n]


def _prod(g, y, a, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    every, a = axis is None or a.ndim == 0, in_dtype(a, y.dtype)
    axes = tuple(range(a.ndim)) if every else tuple(np.atleast_1d(axis) % a.ndim)
    last = tuple(range(a.ndim - len(axes), a.ndim))
    factors = np.moveaxis(a if where is True else np.where(where, a, 1), axes, last)
    flat = np.reshape(
        factors,
        (*factors.shape[: a.ndim - len(axes)], math.prod(factors.shape[a.ndim - len(axes) :])),
    )
    others = np.reshape(product_of_the_others(flat), factors.shape)
    return among(where, spread(g, a, axis, keepdims) * initial * np.moveaxis(others, last, axes))


derivative(np.prod, _prod)


# ---- running totals, and the methods of ufuncs ---------------------------------------------------


def _cumsum(g, y, a, axis=None, dtype=None, out=None):
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(wide(g)))), a.shape)
    return np.flip(np.cumsum(np.flip(wide(g), axis), axis=axis), axis)


routes(np.cumsum, _cumsum)


def running(combine, x, axis):
    """x₀, x₀∘x₁, x₀∘x₁∘x₂, … for an associative ∘, in log n steps that reach ever further back."""
    x, reach = np.moveaxis(x, axis, 0), 1
    while reach < len(x):
        x = np.concatenate([x[:reach], combine(x[reach:], x[:-reach])])
        reach *= 2
    return np.moveaxis(x, 0, axis)


@composed(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    a = real(a) if dtype is None else a.astype(dtype)
    flat = axis is None or np.ndim(a) == 0
    return running(np.multiply, np.ravel(a), 0) if flat else running(np.multiply, a, axis)


def _accumulate(ufunc):
    def accumulate(array, axis=0, dtype=None, out=None):
        return running(ufunc, real(array) if dtype is None else array.astype(dtype), axis)

    return accumulate


def _reduce(function):
    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, **options):
        array = array if dtype is None else array.astype(dtype)
        return function(array, axis=axis, keepdims=keepdims, **options)

    return reduce


def _log_of_sum(a, axis=None, keepdims=False):
    """log Σ exp(a); the largest term is taken out first so that nothing overflows."""
    largest = np.max(a, axis=axis, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = largest + np.log(np.sum(np.exp(a - largest), axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis)


def _shares_of_sum(g, y, a, axis=None, keepdims=False):
    """exp(a) / Σ exp(a); where the sum is infinite, the terms that are so share evenly."""
    y = spread(y, a, axis, keepdims)
    ties = (plain(a) == plain(y)) * g.dtype.type(1)
    ties = ties / np.maximum(np.sum(ties, axis=axis, keepdims=True), 1)
    finite = np.isfinite(y)
    shares = np.where(finite, np.exp(a - np.where(finite, y, 0)), ties)
    return spread(g, a, axis, keepdims) * shares


_logsumexp = primitive(_log_of_sum, _shares_of_sum, name="logaddexp.reduce")


def logsumexp(a, axis=None, keepdims=False, initial=None, where=True):
    a = real(a) if where is True else np.where(where, a, -np.inf)
    total = _logsumexp(a, axis=axis, keepdims=keepdims)
    return total if initial is None else np.logaddexp(total, initial)


for ufunc, whole in (
    (np.add, np.sum),
    (np.multiply, np.prod),
    (np.maximum, np.max),
    (np.minimum, np.min),
    (np.logaddexp, logsumexp),
):
    table[ufunc, "reduce"] = _reduce(whole)
    table[ufunc, "accumulate"] = _accumulate(ufunc)
table[np.add, "accumulate"] = lambda array, axis=0, dtype=None, out=None: np.cumsum(
    array, axis, dtype
)
for ufunc in (
    np.add,
    np.subtract,
    np.multiply,
    np.true_divide,
    np.power,
    np.maximum,
    np.minimum,
    np.logaddexp,
    np.arctan2,
    np.hypot,
):

    def outer(a, b, *, ufunc=ufunc, **options):
        return ufunc(np.reshape(a, (*np.shape(a), *[1] * np.ndim(b))), b, **options)

    table[ufunc, "outer"] = outer


# ---- norms ---------------------------------------------------------------------------------------


def _euclidean(x, axis=None, keepdims=False):
    x = np.abs(x) if x.dtype.kind == "c" else x
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


euclidean = primitive(
    _euclidean,
    lambda g, y, x, axis=None, keepdims=False: (
        spread(g, x, axis, keepdims) * x / (nonzero(spread(y, x, axis, keepdims)) if x.size else 1)
    ),
    name="norm",
)


def _power_norm(x, order, axis, keepdims):
    """(Σ |x|ᵖ)^(1/p); where the sum is 0 the root has no slope, and 0 is a subgradient."""
    total = np.sum(np.abs(x) ** order, axis=axis, keepdims=keepdims)
    return np.where(total == 0, 0, np.where(total == 0, 1, total) ** (1 / order))


def _vector_norm(x, ord, axis, keepdims):
    if ord is None or ord == 2:
        return euclidean(x, axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.sign(np.abs(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: vectors have no norm of order {ord!r}")
    return _power_norm(x, ord, axis, keepdims)


def _matrix_norm(x, ord, axis, keepdims):
    if ord is None or ord == "fro":
        return euclidean(x, axis=axis, keepdims=keepdims)
    x = np.moveaxis(x, axis, (-2, -1))
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
    elif ord in (2, -2, "nuc"):
        sums = np.linalg.svd(x, full_matrices=False)[1]
    else:
        raise ValueError(f"norm: matrices have no norm of order {ord!r}")
    if ord == "nuc":
        value = np.sum(sums, axis=-1)
    else:  # an empty matrix has norm 0
        value = np.max(sums, axis=-1, initial=0) if ord > 0 else np.min(sums, axis=-1)
    return np.expand_dims(value, tuple(a % (x.ndim) for a in axis)) if keepdims else value


@composed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = real(x)
    if axis is None and ord is None:
        return euclidean(x, axis=None, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis).tolist())
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: expected one or two axes, got axis {axis} of shape {x.shape}")
