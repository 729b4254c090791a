"""The slope of a cost: ∂C/∂a, from the outputs of the last layer and their targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .neurons import Array, sigmoid, softmax

Slope = Callable[[Array], Array]  # from outputs in rows to ∂C/∂a


class Cost(NamedTuple):
    """The slope of a cost by the outputs of the network. Where sigmoids make these, the slope by
    the sums z before them may be simpler: a division by a(1 - a) and the sigmoid's slope cancel."""

    by_outputs: Slope
    by_sums: Slope | None = None


def cost_of(loss: Any, y: Array) -> Cost:
    """The slopes of one of nn's losses for targets y, one row or one label for each point."""
    kind = type(loss).__name__
    if kind not in _COSTS or not type(loss).__module__.startswith("nn."):
        raise TypeError(f"{kind} has no closed form here; {', '.join(_COSTS)} have")
    for option in ("weight", "pos_weight"):
        if getattr(loss, option, None) is not None:
            raise TypeError(f"{kind} with a {option} has no closed form here")
    if getattr(loss, "reduction", "mean") == "none":
        raise TypeError(f"{kind}(reduction='none') gives no single number to differentiate")
    return _COSTS[kind](loss, y)


def _entries(loss: Any, a: Array) -> int:
    """What a loss over single entries is divided by."""
    return a.size if loss.reduction == "mean" else 1


def _entropy(y: Array, divisor: Callable[[Array], int], of_sums: bool) -> Cost:
    """-y log a - (1 - y) log(1 - a), over the divisor, by a and by z with a = σ(z)."""

    def by_sums(z: Array) -> Array:
        return (sigmoid.of(z) - _values(y, z)) / divisor(z)

    def by_outputs(a: Array) -> Array:
        return (a - _values(y, a)) / (a * (1 - a)) / divisor(a)

    return Cost(by_sums) if of_sums else Cost(by_outputs, by_sums)


def _cross_entropy(loss: Any, y: Array) -> Cost:
    """-Σ q log p with p = softmax(z): ∂C/∂z = p - q, as the probabilities q add up to 1."""

    def slope(z: Array) -> Array:
        q, examples = _probabilities(loss, y, z)
        smoothing = loss.label_smoothing
        counted = np.any(q, axis=-1, keepdims=True) if y.ndim < z.ndim else 1
        q = (1 - smoothing) * q + smoothing / z.shape[-1] * counted
        return (softmax(-1).of(z) * np.sum(q, axis=-1, keepdims=True) - q) / examples

    return Cost(slope)


def _log_likelihood(loss: Any, y: Array) -> Cost:
    """-Σ q log p by log p."""

    def slope(log_p: Array) -> Array:
        q, examples = _probabilities(loss, y, log_p)
        return -q / examples

    return Cost(slope)


_COSTS: dict[str, Callable[[Any, Array], Cost]] = {
    "QuadraticLoss": lambda loss, y: Cost(lambda a: (a - _values(y, a)) / len(a)),
    "MSELoss": lambda loss, y: Cost(lambda a: 2 * (a - _values(y, a)) / _entries(loss, a)),
    "L1Loss": lambda loss, y: Cost(lambda a: np.sign(a - _values(y, a)) / _entries(loss, a)),
    "HuberLoss": lambda loss, y: Cost(
        lambda a: np.clip(a - _values(y, a), -loss.delta, loss.delta) / _entries(loss, a)
    ),
    "BCELoss": lambda loss, y: _entropy(y, lambda a: _entries(loss, a), of_sums=False),
    "BCEWithLogitsLoss": lambda loss, y: _entropy(y, lambda a: _entries(loss, a), of_sums=True),
    "SigmoidCrossEntropyLoss": lambda loss, y: _entropy(y, len, of_sums=loss.logits),
    "CrossEntropyLoss": _cross_entropy,
    "NLLLoss": _log_likelihood,
}


def _values(y: Array, a: Array) -> Array:
    """Targets like the outputs: labels become one-hot rows."""
    if y.ndim == a.ndim - 1 and y.dtype.kind in "iu":
        return (y[:, np.newaxis] == np.arange(a.shape[-1])).astype(a.dtype)
    if y.shape != a.shape:
        raise ValueError(f"the outputs have shape {a.shape}, and the targets {y.shape}")
    return y


def _probabilities(loss: Any, y: Array, a: Array) -> tuple[Array, float]:
    """The target probabilities of the classes, and the number that the loss is divided by."""
    labels = y.ndim == a.ndim - 1
    examples = int(np.count_nonzero(y != loss.ignore_index)) if labels else len(a)
    q = _values(y, a)
    if labels:
        q = q * (y != loss.ignore_index)[:, np.newaxis]
    return q, examples if loss.reduction == "mean" else 1
