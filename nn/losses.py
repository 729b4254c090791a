"""Losses: how far outputs are from their targets, as one number to be lowered; each also a module.

All take the outputs of a network as `input`, then `target`. The classes of a classification are
along axis 1 of the input, or along its only axis; labels are integers from 0. As in PyTorch,
`reduction` is "mean", "sum" or "none".
"""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import partial
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.operators import plain
from microgradnd.program import holds

from .functions import FunctionModule, log_softmax, logsigmoid, sigmoid
from .init import numbers

_REDUCTIONS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda each: each}


def _check(reduction: str, examples: Any = 1, loss: str = "") -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if reduction == "mean" and not examples:
        raise ValueError(f"{loss}there is no example to average over")


class Loss(FunctionModule):
    """A loss with a reduction, checked when it is made; its repr is as short as PyTorch's."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        _check(self.reduction)

    def extra_repr(self) -> str:
        return ""


class _Weighted(Loss, buffers=("weight",)):
    weight: Any = None
    _: KW_ONLY
    reduction: str = "mean"


def _reduced(each: Any, reduction: str, weight: Any = None) -> Any:
    _check(reduction, each.size)
    return _REDUCTIONS[reduction](each if weight is None else each * _constant(weight, each))


def _constant(weight: Any, values: Any) -> Any:
    """A weight as an array in the dtype of the values, unless this would drop a gradient."""
    weight = np.asarray(weight) if isinstance(weight, Tensor) else _as_array(weight)
    return weight.astype(values.dtype, copy=False)


def _as_array(target: Any) -> Any:
    return target if hasattr(target, "__array_function__") else np.asarray(target)


def _pair(input: Any, target: Any, loss: str, labels: bool = False) -> tuple[Any, Any]:
    """Outputs and targets of one shape and dtype; if labels are allowed, they become one-hot."""
    outputs, target = numbers(input), _as_array(target)
    if labels and target.ndim == outputs.ndim - 1:
        hot, _ = _one_hot(target, _classes_last(outputs, loss), loss)
        target = np.moveaxis(hot, -1, 1) if hot.ndim > 2 else hot
    if target.shape != outputs.shape:
        expected = f"a target of the input's shape {outputs.shape}"
        raise ValueError(f"{loss}: expected {expected}, got {target.shape}")
    return outputs, target if target.dtype == outputs.dtype else target.astype(outputs.dtype)


def _one_hot(labels: Any, outputs: Any, loss: str, ignored: int | None = None) -> tuple[Any, Any]:
    """Whether a label names a class, for the classes along the last axis; how many labels count."""
    labels, (*shape, classes) = plain(labels), outputs.shape
    if labels.shape != tuple(shape):
        expected = f"labels of shape {tuple(shape)} for an input of {classes} classes"
        raise ValueError(f"{loss}: expected {expected} (or probabilities), got {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{loss}: expected integers as labels, got {labels.dtype}")
    hot = labels[..., None] == np.arange(classes)
    if ignored is not None and 0 <= ignored < classes:
        hot[..., ignored] = False
    if holds(np.count_nonzero(hot) == labels.size):
        return hot, labels.size
    known = hot.any(axis=-1)
    if ignored is not None:
        known = known | (labels == ignored)
    if not holds(np.all(known)):
        wrong = labels[~known].flat[0]
        raise ValueError(f"{loss}: labels go from 0 to {classes - 1}, got {wrong}")
    return hot, np.sum(hot).astype(outputs.dtype)


def _classes_last(x: Any, loss: str) -> Any:
    if x.ndim == 0:
        raise ValueError(f"{loss}: expected an input with an axis of classes, got a single number")
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


def _count_examples(outputs: Any) -> int:
    """The number of examples; outputs with a single axis are those of one."""
    _check("mean", outputs.size)
    return len(outputs) if outputs.ndim > 1 else 1


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


def _squared_then_straight(a: Any, t: Any, delta: float) -> Any:
    near = np.clip(a - t, -delta, delta)
    return near * (a - t - near / 2)


_huber_error = _elementwise(
    _squared_then_straight,
    lambda g, y, a, t, delta: g * np.clip(a - t, -delta, delta),
    lambda g, y, a, t, delta: g * np.clip(t - a, -delta, delta),
    name="huber_error",
)


def _half_squared(a: Any, y: Any) -> Any:
    error = a - y
    return np.vdot(error, error) / (2 * _count_examples(a))


_quadratic_cost = primitive(
    _half_squared,
    lambda g, cost, a, y: g / _count_examples(a) * (a - y),
    lambda g, cost, a, y: g / _count_examples(a) * (y - a),
    name="quadratic_loss",
)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Computes the squared errors, (input - target)², averaged over all entries.

    >>> float(mse_loss([1.0, 2.0], [0.0, 4.0])), MSELoss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (2.5, array([1., 4.]))
    """
    return _reduced(_squared_error(*_pair(input, target, "mse_loss")), reduction)


class MSELoss(Loss, of=mse_loss): ...


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Computes the absolute errors, |input - target|, averaged over all entries.

    >>> float(l1_loss([1.0, 2.0], [0.0, 4.0])), L1Loss(reduction="none")([1.0, 2.0], [0.0, 4.0])
    (1.5, array([1., 2.]))
    """
    return _reduced(_absolute_error(*_pair(input, target, "l1_loss")), reduction)


class L1Loss(Loss, of=l1_loss): ...


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Computes half the squared error up to `delta`, and from there on a straight line.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], "none"), float(HuberLoss(delta=2.0)([3.0], [0.0]))
    (array([0.125, 2.5  ]), 4.0)
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    return _reduced(_huber_error(*_pair(input, target, "huber_loss"), delta=delta), reduction)


class HuberLoss(Loss, of=huber_loss):
    delta: float = 1.0


def quadratic_loss(input: Any, target: Any) -> Any:
    """Computes the quadratic cost C = 1/2n Σ ‖y - a‖² of the outputs a of n examples.

    The target y holds values like the outputs, such as one-hot rows, or a label for each example.
    Outputs with a single axis are those of one example.

    >>> outputs = [[0.0, 1.0], [1.0, 0.0]]
    >>> float(quadratic_loss(outputs, [[0, 1], [0, 1]])), float(QuadraticLoss()(outputs, [1, 1]))
    (0.5, 0.5)
    """
    return _quadratic_cost(*_pair(input, target, "quadratic_loss", labels=True))


class QuadraticLoss(FunctionModule, of=quadratic_loss): ...


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


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Computes -t log p - (1 - t) log(1 - p) of probabilities p and targets t.

    As in PyTorch a logarithm is at least -100, and a slope is divided by at least 1e-12, so that
    certainty in what is wrong costs 100 rather than infinity. `weight` multiplies the entries.

    >>> float(binary_cross_entropy(0.5, 1.0)), BCELoss(reduction="none")([1.0, 1.0], [1.0, 0.0])
    (0.6931471805599453, array([  0., 100.]))
    """
    p, t = _pair(input, target, "binary_cross_entropy")
    return _reduced(_binary_cross_entropy(p, t), reduction, weight)


class BCELoss(_Weighted, of=binary_cross_entropy): ...


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Computes the binary cross-entropy of sigmoid(input) from the input: exact for any score.

    `weight` multiplies the entries, `pos_weight` the part of the targets that are 1.

    >>> float(binary_cross_entropy_with_logits(0.0, 1.0)), float(BCEWithLogitsLoss()(1e4, 0.0))
    (0.6931471805599453, 10000.0)
    """
    z, t = _pair(input, target, "binary_cross_entropy_with_logits")
    positive = 1 if pos_weight is None else _constant(pos_weight, z)
    each = _binary_cross_entropy_with_logits(z, t, pos_weight=positive)
    return _reduced(each, reduction, weight)


class BCEWithLogitsLoss(_Weighted, of=binary_cross_entropy_with_logits, buffers=("pos_weight",)):
    _: KW_ONLY
    pos_weight: Any = None


def sigmoid_cross_entropy(input: Any, target: Any, logits: bool = False) -> Any:
    """Computes the cross-entropy of K sigmoid outputs a: summed over them, the mean of n examples.

    E = -1/n Σᵢ Σₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)), for targets as in `quadratic_loss`.

    An a that was rounded to 1 where y is 0 no longer tells how wrong it is, and its neuron stops
    learning, though nothing becomes nan: logarithms are bounded as in `binary_cross_entropy`. With
    `logits` the input is the weighted sums z before the sigmoid, instead of a, and the slope with
    respect to z is the exact (a - y) / n, however large z is.

    >>> float(sigmoid_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1]).round(4))
    0.6931
    >>> float(SigmoidCrossEntropyLoss(logits=True)([0.0, 1e4], [1, 1]).round(4))
    0.6931
    """
    a, y = _pair(input, target, "sigmoid_cross_entropy", labels=True)
    entropy = binary_cross_entropy_with_logits if logits else binary_cross_entropy
    return entropy(a, y, reduction="sum") / _count_examples(a)


class SigmoidCrossEntropyLoss(FunctionModule, of=sigmoid_cross_entropy):
    logits: bool = False


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
    classes = log_p.shape[-1]
    if weight is not None and (weight := _constant(weight, log_p)).shape != (classes,):
        found = f"got shape {weight.shape}"
        raise ValueError(f"{loss}: expected a weight for each of {classes} classes, {found}")
    if by_probability:
        q, examples = _classes_last(numbers(target), loss), log_p.size / classes
    else:
        q, examples = _one_hot(target, log_p, loss, ignored)
        examples = examples if weight is None else np.sum(q * weight)
    if smoothing:
        counted = 1 if by_probability else q.any(axis=-1, keepdims=True)
        q = (1 - smoothing) * q + smoothing / classes * counted
    q = q.astype(log_p.dtype) if q.dtype != log_p.dtype else q
    q = q if weight is None else q * weight
    if reduction == "none":
        return _nll(log_p, q, axis=-1)
    _check(reduction, reduction != "mean" or holds(examples != 0), f"{loss}: ")
    return _nll(log_p, q / examples if reduction == "mean" else q)


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
    scores, target = numbers(input), _as_array(target)
    log_p = log_softmax(_classes_last(scores, "cross_entropy"), -1)
    given = target, weight, ignore_index, reduction, label_smoothing, target.shape == scores.shape
    return _likelihood("cross_entropy", log_p, *given)


class CrossEntropyLoss(_Weighted, of=cross_entropy):
    _: KW_ONLY
    ignore_index: int = -100
    label_smoothing: float = 0.0


def nll_loss(
    input: Any, target: Any, weight: Any = None, *,
    ignore_index: int = -100, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes minus the input, which is logarithms of probabilities, at the labels.

    Of the output of a `log_softmax` it is the `cross_entropy`; shapes and options are as there.

    >>> float(nll_loss([[-0.5, -1.5]], [1])), NLLLoss(reduction="none")([[-0.5, -1.5]], [0])
    (1.5, array([0.5]))
    """
    log_p = _classes_last(numbers(input), "nll_loss")
    return _likelihood("nll_loss", log_p, _as_array(target), weight, ignore_index, reduction)


class NLLLoss(_Weighted, of=nll_loss):
    _: KW_ONLY
    ignore_index: int = -100
