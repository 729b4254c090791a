"""Losses of values: the distances of outputs from their targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import primitive

from ..functions import elementwise, module_of
from ..module import Module
from .targets import Loss, count_examples, pair, reduced

__all__ = [
    "HuberLoss", "L1Loss", "MSELoss", "QuadraticLoss", "huber_loss", "l1_loss", "mse_loss",
    "quadratic_loss",
]  # fmt: skip

_squared_error = elementwise(
    lambda a, t: np.square(a - t),
    lambda g, y, a, t: 2 * g * (a - t),
    lambda g, y, a, t: 2 * g * (t - a),
    name="squared_error",
)
_absolute_error = elementwise(
    lambda a, t: np.abs(a - t),
    lambda g, y, a, t: g * np.sign(a - t),
    lambda g, y, a, t: g * np.sign(t - a),
    name="absolute_error",
)


def _squared_then_straight(a: Any, t: Any, delta: float) -> Any:
    near = np.clip(a - t, -delta, delta)
    return near * (a - t - near / 2)


_huber_error = elementwise(
    _squared_then_straight,
    lambda g, y, a, t, delta: g * np.clip(a - t, -delta, delta),
    lambda g, y, a, t, delta: g * np.clip(t - a, -delta, delta),
    name="huber_error",
)


def _half_squared(a: Any, y: Any) -> Any:
    error = a - y
    return np.vdot(error, error) / (2 * count_examples(a))


_quadratic_cost = primitive(
    _half_squared,
    lambda g, cost, a, y: g / count_examples(a) * (a - y),
    lambda g, cost, a, y: g / count_examples(a) * (y - a),
    name="quadratic_loss",
)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Computes the squared errors, (input - target)², averaged over all entries.

    >>> float(mse_loss([1.0, 2.0], [0.0, 4.0])), MSELoss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (2.5, array([1., 4.]))
    """
    return reduced(_squared_error(*pair(input, target, "mse_loss")), reduction)


@module_of(mse_loss)
class MSELoss(Loss):
    reduction: str = "mean"


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Computes the absolute errors, |input - target|, averaged over all entries.

    >>> float(l1_loss([1.0, 2.0], [0.0, 4.0])), L1Loss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (1.5, array([1., 2.]))
    """
    return reduced(_absolute_error(*pair(input, target, "l1_loss")), reduction)


@module_of(l1_loss)
class L1Loss(Loss):
    reduction: str = "mean"


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Computes half the squared error up to `delta`, and from there on a straight line.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], "none"), float(HuberLoss(delta=2.0)([3.0], [0.0]))
    (array([0.125, 2.5  ]), 4.0)
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    return reduced(_huber_error(*pair(input, target, "huber_loss"), delta=delta), reduction)


@module_of(huber_loss)
class HuberLoss(Loss):
    reduction: str = "mean"
    delta: float = 1.0


def quadratic_loss(input: Any, target: Any) -> Any:
    """Computes the quadratic cost C = 1/2n Σ ‖y - a‖² of the outputs a of n examples.

    The target y holds values like the outputs, such as one-hot rows, or a label for each example.
    Outputs with a single axis are those of one example. (`mse_loss` divides by the number of all
    entries instead, and not by 2.)

    >>> float(quadratic_loss([[0.0, 1.0], [1.0, 0.0]], [[0, 1], [0, 1]]))
    0.5
    >>> float(QuadraticLoss()([[0.0, 1.0], [1.0, 0.0]], [1, 1]))
    0.5
    """
    return _quadratic_cost(*pair(input, target, "quadratic_loss", labels=True))


@module_of(quadratic_loss)
class QuadraticLoss(Module): ...
