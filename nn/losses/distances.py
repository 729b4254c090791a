"""Losses that compare each output with its own target."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike
from microgradnd.habits import explain_options, require
from microgradnd.operators import plain
from microgradnd.program import holds

from ..functions import FunctionModule, logsigmoid, sigmoid
from ..init import numbers
from .targets import Loss, check_fits, count_examples, fitting_pair, reduced, weight_like

_elementwise = partial(primitive, kind="elementwise")

_squared_error = _elementwise(
    lambda a, t: np.square(a - t),
    lambda g, y, a, t: 2 * g * (a - t),
    lambda g, y, a, t: 2 * g * (t - a),
    name="squared_error",
)
_absolute_error = _elementwise(
    lambda a, t: np.abs(a - t),
    lambda g, y, a, t: g * np.sign(a - t),
    lambda g, y, a, t: g * np.sign(t - a),
    name="absolute_error",
)
_huber_error = _elementwise(
    lambda a, t, delta: (near := np.clip(a - t, -delta, delta)) * (a - t - near / 2),
    lambda g, y, a, t, delta: g * np.clip(a - t, -delta, delta),
    lambda g, y, a, t, delta: g * np.clip(t - a, -delta, delta),
    name="huber_error",
)
_quadratic_cost = primitive(
    lambda a, y: np.vdot(error := a - y, error) / (2 * count_examples(a)),
    lambda g, cost, a, y: g / count_examples(a) * (a - y),
    lambda g, cost, a, y: g / count_examples(a) * (y - a),
    name="quadratic_loss",
)


@explain_options
def mse_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", weight: ArrayLike | None = None
) -> Any:
    """Computes the squared errors, (input - target)²; a `weight` makes the mean a weighted one.

    >>> float(mse_loss([1.0, 2.0], [0.0, 4.0])), MSELoss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (2.5, array([1., 4.]))
    """
    each = _squared_error(*fitting_pair(input, target, "mse_loss"))
    return reduced(each, reduction, weight, over_weights=True)


@explain_options
def l1_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", weight: ArrayLike | None = None
) -> Any:
    """Computes the absolute errors, |input - target|; a `weight` makes the mean a weighted one.

    >>> float(l1_loss([1.0, 2.0], [0.0, 4.0])), L1Loss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (1.5, array([1., 2.]))
    """
    each = _absolute_error(*fitting_pair(input, target, "l1_loss"))
    return reduced(each, reduction, weight, over_weights=True)


@explain_options
def huber_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", delta: float = 1.0,
    weight: ArrayLike | None = None,
) -> Any:  # fmt: skip
    """Computes half the squared error up to `delta`, and from there on a straight line; a `weight`
    multiplies the entries, and the mean is over their number, as PyTorch's.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], "none"), float(HuberLoss(delta=2.0)([3.0], [0.0]))
    (array([0.125, 2.5  ]), 4.0)
    """
    require(delta > 0, f"huber_loss: delta must be positive, got {delta}")
    each = _huber_error(*fitting_pair(input, target, "huber_loss"), delta=delta)
    return reduced(each, reduction, weight, over_weights=False)


@explain_options
def smooth_l1_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """Computes the absolute error, but a parabola up to `beta`: `huber_loss` divided by beta.

    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], "none"), SmoothL1Loss(beta=2.0)([3.0], [0.0]).item()
    (array([0.125, 2.5  ]), 2.0)
    """
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, beta) / beta


def quadratic_loss(input: ArrayLike, target: ArrayLike) -> Any:
    """Computes the quadratic cost C = 1/2n Σ ‖y - a‖² of the outputs a of n examples, or of one
    without an axis n; y holds values like the outputs, or a label for each example.

    >>> outputs = [[0.0, 1.0], [1.0, 0.0]]
    >>> float(quadratic_loss(outputs, [[0, 1], [0, 1]])), float(QuadraticLoss()(outputs, [1, 1]))
    (0.5, 0.5)
    """
    return _quadratic_cost.apply(fitting_pair(input, target, "quadratic_loss", labels=True), {})


_STEEPEST = float(np.float32(1e-12))  # PyTorch's number, to the last digit

# log x, but never less than -100: so it can be multiplied by 0, and a cost stays finite.
_bounded_log = _elementwise(
    np.errstate(divide="ignore")(lambda x: np.maximum(np.log(x), -100)),
    lambda g, y, x: g * (y > -100) / np.where(y > -100, x, 1),
    name="bounded_log",
)


def _surprise(p: Any, t: Any) -> Any:
    if not holds(np.all((p >= 0) & (p <= 1))) and np.any(wrong := (p < 0) | (p > 1)):
        instead = "for the scores before a sigmoid use binary_cross_entropy_with_logits"
        raise ValueError(f"expected probabilities from 0 to 1, got {p[wrong][0]}; {instead}")
    return -t * _bounded_log(p) - (1 - t) * _bounded_log(1 - p)


_binary_cross_entropy = _elementwise(
    _surprise,
    lambda g, y, p, t: g * (p - t) / np.maximum(p * (1 - p), _STEEPEST),
    lambda g, y, p, t: g * (_bounded_log(1 - p) - _bounded_log(p)),
    name="binary_cross_entropy",
)


def _surprise_of_scores(z: Any, t: Any, pos_weight: Any) -> Any:
    rest = np.log1p(np.exp(-np.abs(z)))  # -log sigmoid(z) = max(-z, 0) + rest
    return pos_weight * t * (np.maximum(-z, 0) + rest) + (1 - t) * (np.maximum(z, 0) + rest)


_binary_cross_entropy_with_logits = _elementwise(
    _surprise_of_scores,
    lambda g, y, z, t, pos_weight: g * ((1 - t) * sigmoid(z) - pos_weight * t * sigmoid(-z)),
    lambda g, y, z, t, pos_weight: g * (logsigmoid(-z) - pos_weight * logsigmoid(z)),
    name="binary_cross_entropy_with_logits",
)


@explain_options
def binary_cross_entropy(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean"
) -> Any:
    """Computes -t log p - (1 - t) log(1 - p) of probabilities p and targets t. As in PyTorch a
    logarithm is at least -100, and a slope is divided by at least 1e-12.

    >>> float(binary_cross_entropy(0.5, 1.0)), BCELoss(reduction="none")([1.0, 1.0], [1.0, 0.0])
    (0.6931471805599453, array([  0., 100.]))
    """
    p, t = fitting_pair(input, target, "binary_cross_entropy")
    return reduced(_binary_cross_entropy(p, t), reduction, weight)


@explain_options
def binary_cross_entropy_with_logits(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *,
    reduction: str = "mean", pos_weight: ArrayLike | None = None,
) -> Any:  # fmt: skip
    """Computes the binary cross-entropy of sigmoid(input), exact for any score; `pos_weight`
    multiplies the part of the targets that are 1.

    >>> float(binary_cross_entropy_with_logits(0.0, 1.0)), float(BCEWithLogitsLoss()(1e4, 0.0))
    (0.6931471805599453, 10000.0)
    """
    z, t = fitting_pair(input, target, "binary_cross_entropy_with_logits")
    positive = 1 if pos_weight is None else weight_like(pos_weight, z)
    check_fits("pos_weight", np.shape(positive), z.shape)
    each = _binary_cross_entropy_with_logits(z, t, pos_weight=positive)
    return reduced(each, reduction, weight)


def sigmoid_cross_entropy(input: ArrayLike, target: ArrayLike, logits: bool = False) -> Any:
    """Computes E = -1/n Σᵢ Σₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)) of sigmoid outputs a.

    Targets are as in `quadratic_loss`, logarithms bounded as in `binary_cross_entropy`: an a that
    was rounded to 1 where y is 0 stops learning. With `logits` the input is the weighted sums z
    before the sigmoid, and the slope with respect to z is the exact (a - y) / n.

    >>> float(sigmoid_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1]).round(4))
    0.6931
    >>> float(SigmoidCrossEntropyLoss(logits=True)([0.0, 1e4], [1, 1]).round(4))
    0.6931
    """
    a, y = fitting_pair(input, target, "sigmoid_cross_entropy", labels=True)
    entropy = binary_cross_entropy_with_logits if logits else binary_cross_entropy
    return entropy(a, y, reduction="sum") / count_examples(a)


def _times_log(t: Any) -> Any:
    return t * np.log(np.where(t == 0, 1, t))  # 0 · log 0 is 0


def kl_div(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", log_target: bool = False
) -> Any:
    """Computes the Kullback-Leibler divergence q (log q - log p) of each entry.

    Arguments:
        input: log p, such as the output of a `log_softmax`.
        target: q, or log q if `log_target`.
        reduction: also "batchmean", the sum divided by the number of examples.

    >>> float(kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]], "batchmean").round(4))
    0.6931
    >>> KLDivLoss("sum", log_target=True)([-1.0], [-1.0]).item()
    0.0
    """
    log_p, q = fitting_pair(input, target, "kl_div")
    each = np.exp(q) * (q - log_p) if log_target else _times_log(q) - q * log_p
    if reduction == "batchmean":
        return np.sum(each) / (len(each) if each.ndim else 1)
    return reduced(each, reduction)


def gaussian_nll_loss(
    input: ArrayLike, target: ArrayLike, var: ArrayLike, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes ½ (log v + (input - target)² / v) for a mean, the input, and a variance v.

    Arguments:
        var: v, in the input's shape, with a last axis of length 1 or none, or one number.
        full: whether the constant ½ log 2π is added.
        eps: the least v; the gradient is as if it were not limited.

    >>> gaussian_nll_loss([1.0], [3.0], [4.0]).round(4).item()
    1.1931
    >>> GaussianNLLLoss(full=True)([1.0], [1.0], [1.0]).round(4).item()
    0.9189
    """
    x, t = fitting_pair(input, target, "gaussian_nll_loss")
    v = numbers(var, x.dtype)
    v = np.expand_dims(v, -1) if v.ndim and v.shape == x.shape[:-1] else v
    check_fits("var", v.shape, x.shape)
    negative = holds(np.any(plain(v) < 0))
    require(not negative, "expected variances of 0 or more in var, got negative ones")
    v = v + (np.maximum(plain(v), eps) - plain(v)).astype(x.dtype)
    constant = math.log(2 * math.pi) / 2 if full else 0.0
    return reduced((np.log(v) + np.square(x - t) / v) / 2 + constant, reduction)


def poisson_nll_loss(
    input: ArrayLike, target: ArrayLike, log_input: bool = True, full: bool = False,
    eps: float = 1e-8, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes rate - count · log(rate), for counts that follow Poisson's distribution.

    Arguments:
        input: the logarithm of the rate; the rate itself without `log_input`.
        target: the counts.
        full: whether Stirling's approximation of log(count!) is added, of counts above 1.
        eps: added to the rate in the logarithm.

    >>> poisson_nll_loss([0.0], [2.0]).item(), PoissonNLLLoss(log_input=False)([1.0], [0.0]).item()
    (1.0, 1.0)
    """
    x, t = fitting_pair(input, target, "poisson_nll_loss")
    each = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        large = np.where(t > 1, t, 1)
        stirling = _times_log(large) - large + np.log(2 * math.pi * large) / 2
        each = each + np.where(t > 1, stirling, 0)
    return reduced(each, reduction)


# fmt: off
# These functions as modules, with their options.
class _Unweighted(Loss):  # the function alone takes a weight, as PyTorch's
    reduction: str = "mean"
class MSELoss(_Unweighted, of=mse_loss): ...
class L1Loss(_Unweighted, of=l1_loss): ...
class HuberLoss(_Unweighted, of=huber_loss):
    delta: float = 1.0
class SmoothL1Loss(Loss, of=smooth_l1_loss): ...
class QuadraticLoss(FunctionModule, of=quadratic_loss): ...
class BCELoss(Loss, of=binary_cross_entropy): ...
class BCEWithLogitsLoss(Loss, of=binary_cross_entropy_with_logits): ...
class SigmoidCrossEntropyLoss(FunctionModule, of=sigmoid_cross_entropy): ...
class GaussianNLLLoss(Loss, of=gaussian_nll_loss): ...
class PoissonNLLLoss(Loss, of=poisson_nll_loss): ...
class KLDivLoss(Loss, of=kl_div):
    _reductions = "mean", "sum", "none", "batchmean"
