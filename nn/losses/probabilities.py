"""Losses of probabilities, or of the scores from which a sigmoid or a softmax computes them."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.replay import holds

from ..functions import _log_softmax, _logsigmoid, _sigmoid, elementwise, module_of
from ..init import numbers
from ..module import Module
from .targets import (
    Loss,
    alike,
    as_one_hot,
    as_values,
    check_reduction,
    classes_last,
    constant_like,
    count_examples,
    reduced,
    with_shape,
)

# ---- single events -------------------------------------------------------------------------------

_STEEPEST = float(np.float32(1e-12))  # PyTorch's number, to the last digit


@np.errstate(divide="ignore")
def _log_not_below(x: Any) -> Any:
    return np.maximum(np.log(x), -100)


# log x, but never less than -100: so it can be multiplied by 0, and a cost stays finite.
_bounded_log = elementwise(
    _log_not_below,
    lambda g, y, x: g * (y > -100) / np.where(y > -100, x, 1),
    name="bounded_log",
)


def _surprise(p: Any, t: Any) -> Any:
    if not holds(np.all((p >= 0) & (p <= 1))) and np.any(wrong := (p < 0) | (p > 1)):
        raise ValueError(
            f"expected probabilities between 0 and 1, got {p[wrong][0]}; for the scores before a "
            "sigmoid use binary_cross_entropy_with_logits"
        )
    return -t * _bounded_log(p) - (1 - t) * _bounded_log(1 - p)


_binary_cross_entropy = elementwise(
    _surprise,
    lambda g, y, p, t: g * (p - t) / np.maximum(p * (1 - p), _STEEPEST),
    lambda g, y, p, t: g * (_bounded_log(1 - p) - _bounded_log(p)),
    name="binary_cross_entropy",
)


def _surprise_of_scores(z: Any, t: Any, pos_weight: Any) -> Any:
    rest = np.log1p(np.exp(-np.abs(z)))  # -log sigmoid(z) = max(-z, 0) + rest
    return pos_weight * t * (np.maximum(-z, 0) + rest) + (1 - t) * (np.maximum(z, 0) + rest)


_binary_cross_entropy_with_logits = elementwise(
    _surprise_of_scores,
    lambda g, y, z, t, pos_weight: g * ((1 - t) * _sigmoid(z) - pos_weight * t * _sigmoid(-z)),
    lambda g, y, z, t, pos_weight: g * (_logsigmoid(-z) - pos_weight * _logsigmoid(z)),
    name="binary_cross_entropy_with_logits",
)


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Computes -t log p - (1 - t) log(1 - p) of probabilities p and targets t.

    As in PyTorch a logarithm is at least -100, and a slope is divided by at least 1e-12, so that
    certainty in what is wrong costs 100 rather than infinity. `weight` multiplies the entries.

    >>> from nn.losses import BCELoss, binary_cross_entropy
    >>> binary_cross_entropy([0.5, 1.0, 1.0], [1.0, 1.0, 0.0], reduction="none").round(4)
    array([  0.6931,   0.    , 100.    ])
    >>> float(BCELoss()([0.5, 1.0], [1.0, 1.0]).round(4))
    0.3466
    """
    p, t = alike(input, target, "binary_cross_entropy")
    return reduced(_binary_cross_entropy(p, t), reduction, weight)


@module_of(binary_cross_entropy, buffers=("weight",))
class BCELoss(Loss):
    """The module of `binary_cross_entropy`."""

    weight: Any = None
    _: KW_ONLY
    reduction: str = "mean"


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Computes the binary cross-entropy of sigmoid(input) from the input: exact for any score.

    `weight` multiplies the entries, `pos_weight` the part of the targets that are 1.

    >>> from nn.losses import BCEWithLogitsLoss, binary_cross_entropy_with_logits
    >>> binary_cross_entropy_with_logits([0.0, 1e4, 1e4], [1.0, 1.0, 0.0], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])
    >>> float(BCEWithLogitsLoss()([0.0, 1e4], [1.0, 1.0]).round(4))
    0.3466
    """
    z, t = alike(input, target, "binary_cross_entropy_with_logits")
    positive = 1 if pos_weight is None else constant_like(pos_weight, z)
    each = _binary_cross_entropy_with_logits(z, t, pos_weight=positive)
    return reduced(each, reduction, weight)


@module_of(binary_cross_entropy_with_logits, buffers=("weight", "pos_weight"))
class BCEWithLogitsLoss(Loss):
    """The module of `binary_cross_entropy_with_logits`."""

    weight: Any = None
    _: KW_ONLY
    reduction: str = "mean"
    pos_weight: Any = None


def sigmoid_cross_entropy(input: Any, target: Any, logits: bool = False) -> Any:
    """Computes the cross-entropy of K sigmoid outputs a: summed over them, the mean of n examples.

    E = -1/n Σᵢ Σₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)), for targets as in `quadratic_loss`.

    An a that was rounded to 1 where y is 0 no longer tells how wrong it is, and its neuron stops
    learning, though nothing becomes nan: logarithms are bounded as in `binary_cross_entropy`. From
    the weighted sums z the slope with respect to z is the exact (a - y) / n, however large z is.

    Arguments:
        logits: whether the input is the weighted sums z before the sigmoid, instead of a.

    >>> from nn.losses import SigmoidCrossEntropyLoss, sigmoid_cross_entropy
    >>> float(sigmoid_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1]).round(4))
    0.6931
    >>> float(sigmoid_cross_entropy([[0.0, 0.0], [-1e4, 1e4]], [0, 1], logits=True).round(4))
    0.6931
    >>> float(SigmoidCrossEntropyLoss(logits=True)([0.0, 1e4], [1, 1]).round(4))
    0.6931
    """
    outputs = numbers(input)
    targets = as_values(outputs, target, "sigmoid_cross_entropy")
    entropy = binary_cross_entropy_with_logits if logits else binary_cross_entropy
    return entropy(outputs, targets, reduction="sum") / count_examples(outputs)


@module_of(sigmoid_cross_entropy)
class SigmoidCrossEntropyLoss(Module):
    """The module of `sigmoid_cross_entropy`."""

    logits: bool = False


# ---- one class out of several --------------------------------------------------------------------


def _count_up(log_p: Any, q: Any, axis: int | None = None) -> Any:
    possible = np.where(q == 0, 0, log_p)  # 0 · log 0 is 0
    return -np.add.reduce(q * possible, axis=axis)


# -Σ q log p over examples and classes, where q says how much each counts. The classes are along
# the last axis; with axis=-1 there is one sum for each example.
_nll = primitive(
    _count_up,
    lambda g, y, log_p, q, axis=None: -g[..., None] * q,
    lambda g, y, log_p, q, axis=None: -g[..., None] * log_p,
    name="nll_loss",
)


def _likelihood(
    loss: str,
    log_p: Any,
    target: Any,
    by_probability: bool,
    weight: Any,
    ignored: int,
    reduction: str,
    smoothing: float = 0.0,
) -> Any:
    """-Σ q log p, reduced, where q is 1 at the labels, or the probabilities of the classes."""
    check_reduction(reduction)
    classes = log_p.shape[-1]
    if weight is not None:
        weight = constant_like(weight, log_p)
        if weight.shape != (classes,):
            raise ValueError(
                f"{loss}: expected a weight for each of {classes} classes, got shape {weight.shape}"
            )
    if by_probability:
        q, examples = classes_last(numbers(target), loss), log_p.size / classes
    else:
        q = as_one_hot(target, log_p, loss, ignored)
        examples = _total(q, weight)
    if smoothing:
        counted = 1 if by_probability else q.any(axis=-1, keepdims=True)
        q = (1 - smoothing) * q + smoothing / classes * counted
    q = q.astype(log_p.dtype) if q.dtype != log_p.dtype else q
    if weight is not None:
        q = q * weight
    if reduction == "none":
        return _nll(log_p, q, axis=-1)
    if reduction == "mean":
        if not holds(examples != 0):
            raise ValueError(f"{loss}: there is no example to average over")
        q = q / examples
    return _nll(log_p, q)


def _total(hot: Any, weight: Any) -> Any:
    """How many labels there are, each counted as much as its class."""
    if weight is not None:
        return np.sum(hot * weight)
    labels = hot.size // hot.shape[-1]
    return labels if holds(np.count_nonzero(hot) == labels) else int(np.count_nonzero(hot))


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Computes -log softmax(input) at the right classes, the loss of a classification from scores.

    Its slope with respect to the scores is softmax(input) - target.

    Arguments:
        input: the scores, of shape (N, C), (C,) or (N, C, d1, ...).
        target: labels, of that shape without C, or probabilities of the classes, of that shape.
        weight: how much each class counts; the mean over labels is then the weighted one.
        ignore_index: a label that does not count at all.
        label_smoothing: the part of the target that is spread evenly over the classes.

    >>> from nn.losses import CrossEntropyLoss, cross_entropy
    >>> float(cross_entropy([[0.0, 0.0], [1e4, -1e4]], [1, 0]).round(4))
    0.3466
    >>> float(CrossEntropyLoss()([[0.0, 0.0], [1e4, -1e4]], [1, 0]).round(4))
    0.3466
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
    scores, target = numbers(input), with_shape(target)
    log_p = _log_softmax(classes_last(scores, "cross_entropy"))
    given = target, target.shape == scores.shape, weight, ignore_index, reduction
    return _likelihood("cross_entropy", log_p, *given, label_smoothing)


@module_of(cross_entropy, buffers=("weight",))
class CrossEntropyLoss(Loss):
    """The module of `cross_entropy`."""

    weight: Any = None
    _: KW_ONLY
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Computes minus the input, which is logarithms of probabilities, at the labels.

    Of the output of a `log_softmax` it is the `cross_entropy`; shapes and options are as there.

    >>> import numpy as np
    >>> from nn.losses import NLLLoss, nll_loss
    >>> float(nll_loss(np.log([[0.5, 0.5], [0.25, 0.75]]), [1, 0], reduction="sum").round(4))
    2.0794
    >>> float(NLLLoss()([[-0.5, -1.5]], [1]))
    1.5
    """
    log_p = classes_last(numbers(input), "nll_loss")
    given = with_shape(target), False, weight, ignore_index, reduction
    return _likelihood("nll_loss", log_p, *given)


@module_of(nll_loss, buffers=("weight",))
class NLLLoss(Loss):
    """The module of `nll_loss`."""

    weight: Any = None
    _: KW_ONLY
    ignore_index: int = -100
    reduction: str = "mean"
