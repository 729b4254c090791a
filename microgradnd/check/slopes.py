"""How fast something changes along a line, by differences, and how large the error may be.

`along(t)` computes a vector of values at the distance t from here; each of its entries has its own
slope. Nothing in this file knows Tensors or gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array

Along = Callable[[float], Array]

EPSILON = float(np.finfo(np.float64).eps)


class Slope(NamedTuple):
    """A slope, and its largest possible error."""

    value: Array
    error: Array


class Slopes(NamedTuple):
    """The slopes through a point, to its left and to its right."""

    through: Slope
    left: Slope
    right: Slope

    def at(self, i: int) -> list[tuple[float, float]]:
        """Entry i of each slope, and its error."""
        return [(float(slope.value[i]), float(slope.error[i])) for slope in self]


def moving(array: Array, entries: Any, signs: Any, values: Callable[[], Array]) -> Along:
    """What `values` computes with these entries moved along the signs; then they are put back."""
    flat, before = array.flat, array.flat[entries]  # in any layout

    def along(distance: float) -> Array:
        flat[entries] = before + distance * signs
        try:
            return values()
        finally:
            flat[entries] = before

    return along


def quick_slope(along: Along, scale: float, here: Array) -> tuple[Slope, Array]:
    """One central difference with its error from rounding, and how far the slope jumps here."""
    step = _power_of_two(scale * EPSILON ** (1 / 3))
    ahead, behind = along(step), along(-step)
    rounding = 4 * EPSILON * np.maximum(np.abs(ahead), np.abs(behind)) / step
    return Slope((ahead - behind) / (2 * step), rounding), np.abs(ahead + behind - 2 * here) / step


@np.errstate(all="ignore")  # what is not finite does not count: a step may leave f's domain
def careful_slopes(along: Along, scale: float, size: float, nearer: float = 1.0) -> Slopes:
    """Slopes from steps of all sizes, with Richardson's extrapolation and errors measured.

    All steps are multiplied by `nearer`, to see what lies too near for the steps of usual size.
    """
    widest = _power_of_two(nearer * max(scale, 1.0) / 8)
    narrowest = max(nearer * 1e-8 * min(scale, 1.0, size or 1.0), 16 * EPSILON * size)
    levels = max(6, int(math.log(widest / narrowest, 4)))
    steps = (widest / 4.0 ** np.arange(levels))[:, None]
    here = along(0.0)
    ahead, behind = (np.stack([along(k * float(s)) for s in steps[:, 0]]) for k in (1, -1))
    central = (ahead - behind) / (2 * steps)
    jumps = np.abs(np.diff(central[-4:], axis=0)) * steps[-3:]
    last_bits = EPSILON * np.where(np.isfinite(here), np.abs(here), 1)
    rounding = np.fmax(np.max(np.where(np.isfinite(jumps), jumps, 0), axis=0), last_bits)
    jump = 1e3 * last_bits
    return Slopes(
        _extrapolated(central, steps, rounding, jump, (2, 4)),
        _extrapolated((here - behind) / steps, steps, rounding, jump, (1, 2)),
        _extrapolated((ahead - here) / steps, steps, rounding, jump, (1, 2)),
    )


def _extrapolated(
    differences: Array, steps: Array, rounding: Array, jump: Array, orders: tuple[int, int]
) -> Slope:
    """The best of the slopes that three steps each predict for a step of zero.

    The differences err by terms of the two given orders in the step, each a quarter of the one
    before: two of them in the right proportion cancel the term. The error of the result is its
    distance from its neighbours and from the level before, plus rounding. Wide steps may agree on
    something that is not the slope here: those that contradict narrower ones do not count.
    """
    first, second = differences, differences
    for order in orders:
        first, second = second, second[1:] + np.diff(second, axis=0) / (4.0**order - 1)
    spread = np.maximum(np.abs(second[:-1] - first[1:-1]), np.abs(second[:-1] - second[1:]))
    error = spread + 4 * rounding / steps[2 : len(spread) + 2]
    error = np.where(np.isfinite(error), error, np.inf)
    value = second[:-1]
    low, high = np.full(error.shape[1], -np.inf), np.full(error.shape[1], np.inf)
    for level in reversed(range(len(error))):
        lowest, highest = (value[level] - 10 * error[level], value[level] + 10 * error[level])
        agrees = (lowest <= high) & (highest >= low)
        error[level] = np.where(agrees, error[level], np.inf)
        low = np.where(agrees, np.fmax(low, lowest), low)
        high = np.where(agrees, np.fmin(high, highest), high)
    best = np.argmin(error, axis=0), np.arange(error.shape[1])
    found = np.where(np.isinf(error[best]), np.nan, value[best])
    diverging = _divergence(differences, steps, jump)
    known = diverging == 0
    return Slope(np.where(known, found, diverging), np.where(known, error[best], 0))


def _divergence(differences: Array, steps: Array, jump: Array) -> Array:
    """inf or -inf where the differences grow at every narrower step, like those of √x at 0."""
    last = differences[-6:]
    ratios = last[1:] / last[:-1]
    least, most = np.min(ratios, axis=0), np.max(ratios, axis=0)
    grows = (least > 1.4) & (most < 1.3 * least) & (np.abs(last[-1]) * steps[-1] > jump)
    return np.where(grows, np.copysign(np.inf, last[-1]), 0.0)


def _power_of_two(size: float) -> float:
    """A step that can be added to numbers of about this size without rounding."""
    return 2.0 ** round(math.log2(size))
