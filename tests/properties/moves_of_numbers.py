"""Moves of a draft: functions entry by entry, choices, and functions of many entries to one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.properties.calls import NUMPY, V
from tests.properties.drafts import Draft, Shape, named, some_axes

# ---- entry by entry ------------------------------------------------------------------------------


ANYWHERE, POSITIVE, INSIDE = (-math.inf, math.inf), (0.3, math.inf), (-0.9, 0.9)

ONE = {
    **dict.fromkeys(named("negative positive absolute fabs sign exp exp2 expm1 square"), ANYWHERE),
    **dict.fromkeys(named("sin cos sinh cosh tanh arctan arcsinh sinc nan_to_num copy"), ANYWHERE),
    **dict.fromkeys(named("deg2rad rad2deg degrees radians floor ceil trunc rint round"), ANYWHERE),
    **dict.fromkeys(["operator.neg", "operator.pos", "operator.abs"], ANYWHERE),
    **dict.fromkeys(named("log log2 log10 log1p sqrt cbrt reciprocal"), POSITIVE),
    **dict.fromkeys(named("arcsin arccos arctanh tan"), INSIDE),
    "np.arccosh": (1.2, math.inf),
}
"""Functions of one value, with the interval that it has to lie in."""

TWO = {
    **dict.fromkeys(named("add subtract multiply maximum minimum fmax fmin"), (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(named("logaddexp logaddexp2 copysign"), (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(["operator.add", "operator.sub", "operator.mul"], (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(named("true_divide divide arctan2 hypot"), (ANYWHERE, POSITIVE)),
    **dict.fromkeys(named("remainder mod fmod floor_divide"), (ANYWHERE, POSITIVE)),
    **dict.fromkeys(["operator.truediv", "operator.mod"], (ANYWHERE, POSITIVE)),
    **dict.fromkeys([*named("power float_power"), "operator.pow"], (POSITIVE, ANYWHERE)),
}

COMPARISONS = named("greater less greater_equal less_equal")


def one(d: Draft) -> V:
    name = d.choice(ONE)
    v = d.pick()
    writes = d.refused and name == "np.nan_to_num" and d.of(v) and d.maybe()
    options = {"copy": False} if writes else {}
    return d.do(name, d.within(v, *ONE[name]), **options)


def two(d: Draft) -> V:
    """A function of two values, which broadcast."""
    name, v = d.choice(TWO), d.pick()
    pair = v, d.of_shape(d.partner(v))
    left, right = pair if d.maybe() else pair[::-1]
    return d.do(name, d.within(left, *TWO[name][0]), d.within(right, *TWO[name][1]))


def with_constant(d: Draft) -> V:
    name, v = d.choice(TWO), d.pick()
    if name in ("np.power", "operator.pow") and d.maybe():
        return d.do(name, v, d.choice([0, 1, 2, 3, 2.0, np.uint16(0), np.uint8(2), np.int8(3)]))
    mine = d.upto(0, 1)
    constant = d.operand(d.partner(v) if d.maybe() else (), TWO[name][1 - mine] is POSITIVE)
    v = d.within(v, *TWO[name][mine])
    return d.do(name, constant, v) if mine else d.do(name, v, constant)


# ---- choosing ------------------------------------------------------------------------------------


def condition(d: Draft, shape: Shape) -> Any:
    """Booleans: constant, or from comparing a value."""
    if d.maybe():
        return d.constants().integers(0, 2, shape) > 0
    return d.do(d.choice(COMPARISONS), d.of_shape(shape), d.constant() + 0.1)


def where(d: Draft) -> V:
    v = d.pick()
    other = d.operand() if d.upto(0, 2) == 0 else d.of_shape(d.partner(v))
    branches = (v, other) if d.maybe() else (other, v)
    return d.do("np.where", condition(d, d.of(v)), *branches)


def select(d: Draft) -> V:
    v = d.pick()
    conditions = [condition(d, d.of(v)) for _ in "ab"]
    return d.do("np.select", conditions, [v, d.of_shape(d.of(v))], d.operand())


def clip(d: Draft) -> V:
    v = d.pick()
    low = d.choice([-1.1, None, np.int8(-1), d.constant(d.of(v)) - 1.0])
    if low is None:
        return d.do("np.clip", v, low, d.choice([0.7, 1.6, np.uint8(1)]))
    high = d.choice([1.1, None, d.constant(d.of(v)) + 1.2])
    return d.do("np.clip", v, low, high)


# ---- many to one ---------------------------------------------------------------------------------

REDUCTIONS = named("sum mean prod max min amax amin ptp median average var std nansum nanmean")
REDUCTIONS += ["np.add.reduce", "np.multiply.reduce", "np.maximum.reduce", "np.minimum.reduce"]
REDUCTIONS += ["np.logaddexp.reduce", "np.linalg.norm"]


def over_axes(d: Draft, ndim: int) -> dict[str, Any]:
    options: dict[str, Any] = {"axis": some_axes(d, ndim)}
    return {**options, "keepdims": True} if d.maybe() else options


def reduction(d: Draft) -> V:
    name, v = d.choice(REDUCTIONS), d.pick()
    options = over_axes(d, d[v].ndim)
    if name in ("np.var", "np.std") and np.var(d[v]) > 0 and d.maybe():
        options["ddof"] = 0.5
    if name == "np.linalg.norm":
        if d[v].ndim != 1 or options["axis"] is None:
            v, options["axis"] = d.pick(least_ndim=1), -1
        options["ord"] = d.choice([None, 1, 2, 3, np.inf, -np.inf])
    if name in ("np.std", "np.linalg.norm") and np.min(NUMPY(name)(d[v], **options)) < 0.1:
        name, options = "np.sum", {"axis": options["axis"]}  # a root near 0
    return d.do(name, v, **options)


def masked_reduction(d: Draft) -> V:
    name, v = d.choice(named("sum mean prod max min")), d.pick(least_ndim=1)
    mask = d.constants().integers(0, 2, d.of(v)) > 0
    axis = d.axis(d[v].ndim)
    if name == "np.mean":
        return d.do(name, v, axis=axis, where=mask | ~np.any(mask, axis=axis, keepdims=True))
    return d.do(name, v, axis=axis, where=mask, initial=d.choice([0.6, 1.3]))


def reduction_with_holes(d: Draft) -> V:
    """A function that leaves nans out, of a value with some, but not all along the axis."""
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    hole = d.constants().integers(0, 2, d.of(v)) > 0
    hole &= ~np.all(hole, axis=axis, keepdims=True)
    v = d.do("operator.add", v, np.where(hole, np.nan, 0.0))
    return d.do(d.choice(named("nansum nanmean nanmax nanmin")), v, axis=axis)


def quantile(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    q = d.choice([0.37, 0.61, [0.13, 0.83]])
    options = over_axes(d, d[v].ndim) | ({"overwrite_input": True} if d.maybe() else {})
    name = d.choice(named("quantile percentile median"))
    if name == "np.median":
        return d.do(name, v, **options)
    q = np.array(q) * (100 if name == "np.percentile" else 1)
    method = d.choice(["linear", "lower", "higher", "midpoint"])
    return d.do(name, v, q, method=method, **options)


def weighted_average(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    weights = d.within(d.of_shape(d.of(v)), *POSITIVE)
    return d.do("np.average", v, axis=d.axis(d[v].ndim), weights=weights)


RUNNING = ["np.add", "np.multiply", "np.maximum", "np.minimum", "np.logaddexp"]


def running(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice([*named("cumsum cumprod"), *(f"{ufunc}.accumulate" for ufunc in RUNNING)])
    return d.do(name, v, axis=None if name.startswith("np.cum") and d.maybe() else axis)


def difference(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    size = d.of(v)[axis]
    name = d.choice(named("diff gradient trapezoid")) if size > 1 else "np.trapezoid"
    if name == "np.gradient":
        return d.do(name, v, *[d.operand(positive=True)] * d.upto(0, 1), axis=axis)
    if name == "np.diff":
        first = d.operand(tuple(np.take(d[v], [0], axis).shape)) if d.maybe() else np._NoValue
        options = {} if first is np._NoValue else {"prepend": first}
        return d.do(name, v, n=d.upto(1, size - 1), axis=axis, **options)
    x = {"x": np.cumsum(d.constants().integers(1, 9, size)).astype("u1")} if d.maybe() else {}
    return d.do(name, v, axis=axis, **x)


MOVES = [
    *[one] * 5,
    *[two] * 6,
    *[with_constant] * 2,
    *[where, select, clip],
    *[reduction] * 3,
    *[masked_reduction, reduction_with_holes, quantile, weighted_average, running, difference],
]
