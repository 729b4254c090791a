"""Running totals, and the methods of ufuncs: reduce, accumulate, reduceat, outer."""

import numpy as np

from ..arrays import in_dtype
from ..chain_rule import wide
from ..operators import array_of, plain, real
from ..primitive import primitive
from ..table import composed, table
from .indexing import zeros_with
from .reductions import routes, spread


def _cumsum(g, y, a, axis=None, dtype=None):
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
    a = array_of(a)
    a = in_dtype(a, dtype or np.cumprod(np.empty(0, a.dtype)).dtype)  # integers grow to 64 bits
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
    of_nothing = {} if a.size else {"initial": -np.inf}  # which CuPy does not know
    largest = np.max(a, axis=axis, keepdims=True, **of_nothing)
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


def _reduceat(array, indices, axis=0, dtype=None, out=None):
    """Sums along an axis from each index to the next, or of one entry if the next is not later."""
    array = array if dtype is None else array.astype(dtype)
    sums = _sums_from(np.moveaxis(array, axis, 0), indices=np.asarray(plain(indices)))
    return np.moveaxis(sums, 0, axis)


table[np.add, "reduceat"] = _reduceat
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
