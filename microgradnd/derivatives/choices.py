"""Functions that return one of their arguments: the gradient goes to the one that was taken."""

import functools

import numpy as np

from ..arrays import in_dtype
from ..operators import array_of, plain
from ..primitive import derivative, primitive
from ..table import composed
from .indexing import with_entries

selects = functools.partial(derivative, kind="selects")


def taken(g, y, mine, *arguments):
    """The part of g for one argument: g where y is its value; ties share evenly."""
    one = g.dtype.type(1)
    ties = sum((argument == y) * one for argument in arguments if argument is not None)
    return g * ((mine == y) / np.maximum(ties, one))


for choice in (np.maximum, np.minimum, np.fmax, np.fmin):
    selects(
        choice, lambda g, y, a, b: taken(g, y, a, a, b), lambda g, y, a, b: taken(g, y, b, a, b)
    )


clipped = primitive(
    lambda x, low, high: np.clip(x, low, high),
    lambda g, y, x, low, high: taken(g, y, x, x, low, high),
    lambda g, y, x, low, high: taken(g, y, low, x, low, high),
    lambda g, y, x, low, high: taken(g, y, high, x, low, high),
    name="clip",
    kind="selects",
)


@composed(np.clip)
def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    return np.copy(a) if low is None and high is None else clipped(a, low, high)


chosen = primitive(
    np.where,
    lambda g, y, condition, x, z: 0,
    lambda g, y, condition, x, z: np.where(condition, g, 0),
    lambda g, y, condition, x, z: np.where(condition, 0, g),
    name="where",
    kind="selects",
)


@composed(np.where)
def where(condition, *branches):
    return chosen(condition, *branches) if branches else np.nonzero(plain(condition))


@composed(np.select)
def select(condlist, choicelist, default=0):
    np.select([True] * len(condlist), [0] * len(choicelist))  # which refuses mistakes
    value = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        value = np.where(condition, choice, value)
    each = plain([*choicelist, default])  # Python's numbers take the dtype of arrays
    return in_dtype(value, np.result_type(*(x if np.isscalar(x) else array_of(x) for x in each)))


@composed(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    conditions = np.atleast_1d(plain(condlist)).astype(bool)
    if conditions.ndim == np.ndim(x):  # one condition alone
        conditions = conditions[None]
    np.piecewise(np.zeros(1), [[True]] * len(conditions), [0] * len(funclist))  # refuses mistakes
    if len(funclist) == len(conditions) + 1:  # the last function is for all others
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    value = np.zeros_like(plain(x))
    for condition, f in zip(conditions, funclist, strict=True):
        if np.any(condition):
            chosen = f(x[condition], *args, **kw) if callable(f) else f
            value = with_entries(value, chosen, index=condition)
    return in_dtype(value, plain(x).dtype)  # also where the functions return another


def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if not copy:
        raise TypeError("nan_to_num(copy=False) would overwrite its argument; use copy=True")
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@selects(np.nan_to_num, forward=_nan_to_num)
def _nan_to_num_rule(g, y, x, copy=True, nan=0, posinf=None, neginf=None):
    return np.where(np.isfinite(x), g, 0)
