"""Losses of probabilities, or of the scores from which a sigmoid or a softmax computes them."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.program import holds

from ..functions import _log_softmax, _logsigmoid, _sigmoid, elementwise, module_of
from ..init import numbers
from ..module import Module
from . import targets
from .targets import Loss

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss", "SigmoidCrossEntropyLoss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss",
    "sigmoid_cross_entropy",
]  # fmt: skip

# ---- probabilities of single events --------------------------------------------------------------

_STEEPEST = float(np.float32(1e-12))  # PyTorch's number, to the last digit

# log x, but never less than -100: so it can be multiplied by 0, and a cost stays finite.
_bounded_log = elementwise(
    np.errstate(divide="ignore")(lambda x: np.maximum(np.log(x), -100)),
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

    >>> binary_cross_entropy([0.5, 1.0, 1.0], [1.0, 1.0, 0.0], reduction="none").round(4)
    array([  0.6931,   0.    , 100.    ])
    >>> float(BCELoss()([0.5, 1.0], [1.0, 1.0]).round(4))
    0.3466
    """
    p, t = targets.pair(input, target, "binary_cross_entropy")
    return targets.reduced(_binary_cross_entropy(p, t), reduction, weight)


@module_of(binary_cross_entropy, buffers=("weight",))
class BCELoss(Loss):
    weight: Any = None
    _: KW_ONLY
    reduction: str = "mean"


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Computes the binary cross-entropy of sigmoid(input) from the input: exact for any score.

    `weight` multiplies the entries, `pos_weight` the part of the targets that are 1.

    >>> binary_cross_entropy_with_logits([0.0, 1e4, 1e4], [1.0, 1.0, 0.0], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])
    >>> float(BCEWithLogitsLoss()([0.0, 1e4], [1.0, 1.0]).round(4))
    0.3466
    """
    z, t = targets.pair(input, target, "binary_cross_entropy_with_logits")
    positive = 1 if pos_weight is None else targets.constant(pos_weight, z)
    each = _binary_cross_entropy_with_logits(z, t, pos_weight=positive)
    return targets.reduced(each, reduction, weight)


@module_of(binary_cross_entropy_with_logits, buffers=("weight", "pos_weight"))
class BCEWithLogitsLoss(Loss):
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

    >>> float(sigmoid_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1]).round(4))
    0.6931
    >>> float(SigmoidCrossEntropyLoss(logits=True)([0.0, 1e4], [1, 1]).round(4))
    0.6931
    """
    a, y = targets.pair(input, target, "sigmoid_cross_entropy", labels=True)
    entropy = binary_cross_entropy_with_logits if logits else binary_cross_entropy
    return entropy(a, y, reduction="sum") / targets.count_examples(a)


@module_of(sigmoid_cross_entropy)
class SigmoidCrossEntropyLoss(Module):
    logits: bool = False


# ---- probabilities of one class out of several ---------------------------------------------------


# -Σ q log p over examples and classes, where q says how much each counts. The classes are along
# the last axis; with axis=-1 there is one sum for each example. 0 · log 0 is 0.
_nll = primitive(
    lambda log_p, q, axis=None: -np.add.reduce(q * np.where(q == 0, 0, log_p), axis=axis),
    lambda g, y, log_p, q, axis=None: -g[..., None] * q,
    lambda g, y, log_p, q, axis=None: -g[..., None] * log_p,
    name="nll_loss",
)


def _likelihood(
    loss: str, log_p: Any, target: Any, weight: Any, ignored: int, reduction: str,
    smoothing: float = 0.0, by_probability: bool = False,
) -> Any:  # fmt: skip
    """-Σ q log p, reduced, where q is 1 at the labels, or the probabilities of the classes."""
    targets.check_reduction(reduction)
    classes = log_p.shape[-1]
    if weight is not None and (weight := targets.constant(weight, log_p)).shape != (classes,):
        raise ValueError(
            f"{loss}: expected a weight for each of {classes} classes, got shape {weight.shape}"
        )
    if by_probability:
        q, examples = targets.classes_last(numbers(target), loss), log_p.size / classes
    else:
        q, examples = targets.one_hot(target, log_p, loss, ignored)
        examples = examples if weight is None else np.sum(q * weight)
    if smoothing:
        counted = 1 if by_probability else q.any(axis=-1, keepdims=True)
        q = (1 - smoothing) * q + smoothing / classes * counted
    q = q.astype(log_p.dtype) if q.dtype != log_p.dtype else q
    q = q if weight is None else q * weight
    if reduction == "none":
        return _nll(log_p, q, axis=-1)
    if reduction == "mean":
        targets.check_some(holds(examples != 0), f"{loss}: ")
        q = q / examples
    return _nll(log_p, q)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, *,
    ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Computes -log softmax(input) at the right classes, the loss of a classification from scores.

    Its slope with respect to the scores is softmax(input) - target.

    Arguments:
        input: the scores, of shape (N, C), (C,) or (N, C, d1, ...).
        target: labels, of that shape without C, or probabilities of the classes, of that shape.
        weight: how much each class counts; the mean over labels is then the weighted one.
        ignore_index: a label that does not count at all.
        label_smoothing: the part of the target that is spread evenly over the classes.

    >>> scores, labels = [[0.0, 0.0], [1e4, -1e4]], [1, 0]
    >>> float(cross_entropy(scores, labels)), float(CrossEntropyLoss()(scores, labels))
    (0.34657359027997264, 0.34657359027997264)
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
    scores, target = numbers(input), targets.as_array(target)
    log_p = _log_softmax(targets.classes_last(scores, "cross_entropy"))
    given = target, weight, ignore_index, reduction, label_smoothing, target.shape == scores.shape
    return _likelihood("cross_entropy", log_p, *given)


@module_of(cross_entropy, buffers=("weight",))
class CrossEntropyLoss(Loss):
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

    >>> float(nll_loss([[-0.5, -1.5]], [1])), NLLLoss(reduction="none")([[-0.5, -1.5]], [0])
    (1.5, array([0.5]))
    """
    log_p = targets.classes_last(numbers(input), "nll_loss")
    return _likelihood("nll_loss", log_p, targets.as_array(target), weight, ignore_index, reduction)


@module_of(nll_loss, buffers=("weight",))
class NLLLoss(Loss):
    weight: Any = None
    _: KW_ONLY
    ignore_index: int = -100
    reduction: str = "mean"
