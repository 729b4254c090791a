"""Functions that depend on the order of the entries: sorting, quantiles, interpolation."""

import numpy as np

from ..operators import Operators, foreign, plain, real
from ..primitive import derivative
from ..table import composed
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
    return np.take_along_axis(a, np.argpartition(plain(a), kth, axis=axis, kind=kind), axis)


def _quantile(
    g,
    y,
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
    """A quantile lies on the line between two neighbours in sorted order; ties share evenly.

    The quantile of 0, 1, …, n - 1 is the position on it, whatever the method.
    """
    n = int(count(a, axis, True))
    values, total = plain(a), 0
    for place in np.ndindex(np.shape(q)):
        position = np.quantile(np.arange(n, dtype=float), np.asarray(q)[place], method=method)
        for neighbour in {np.floor(position), np.ceil(position)}:
            at = np.quantile(
                values, neighbour / max(n - 1, 1), axis=axis, method="nearest", keepdims=True
            )
            ties = (values == at) * g.dtype.type(1 - abs(position - neighbour))
            shares = ties / np.maximum(np.sum(values == at, axis=axis, keepdims=True), 1)
            total = total + spread(g[place], a, axis, keepdims) * shares.astype(g.dtype)
    return total


def _refuse_weights(function):
    def forward(a, q, **options):
        if options.get("weights") is not None:
            raise TypeError("quantiles with weights have no derivative here")
        return function(a, q, **options)

    return forward


def _percentile(
    g,
    y,
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
    return _quantile(g, y, a, np.true_divide(q, 100), axis, method=method, keepdims=keepdims)


derivative(np.quantile, _quantile, None, kind="selects", forward=_refuse_weights(np.quantile))
derivative(np.percentile, _percentile, None, kind="selects", forward=_refuse_weights(np.percentile))
derivative(
    np.median,
    lambda g, y, a, axis=None, out=None, overwrite_input=False, keepdims=False: _quantile(
        g, y, a, 0.5, axis=axis, keepdims=keepdims
    ),
    kind="selects",
)


@composed(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = (real(each).astype(float) for each in (x, xp, fp))  # as NumPy computes it
    if len(xp) != len(fp) or not len(xp):
        raise ValueError(
            f"interp: expected as many values fp as points xp, got {len(fp)} for {len(xp)}"
        )
    if period is not None:
        if period == 0:
            raise ValueError("interp: the period must not be 0")
        x, xp, left, right = np.mod(x, abs(period)), np.mod(xp, abs(period)), None, None
        order = np.argsort(plain(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    where, points = plain(x), plain(xp)
    if len(points) > 1:
        i = np.clip(np.searchsorted(points, where, side="right") - 1, 0, len(points) - 2)
        xp, fp = (v if isinstance(v, Operators) else foreign(v, i) for v in (xp, fp))
        gap = xp[i + 1] - xp[i]
        within = np.where(plain(gap) == 0, 1, (x - xp[i]) / np.where(plain(gap) == 0, 1, gap))
        inside = fp[i] + (fp[i + 1] - fp[i]) * within
    else:
        inside = fp[0] + 0 * x
    value = np.where(where < points[0], fp[0] if left is None else left, inside)
    return np.where(where > points[-1], fp[-1] if right is None else right, value)
