"""Losses as functions: how far outputs are from their targets, as one number to be lowered.

The classes of a classification are along axis 1 of the
outputs, or along the only axis if there is one; labels are whole numbers from 0. As in PyTorch,
`reduction` is "mean", "sum" or "none".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.replay import holds

from .functions import _log_softmax, _logsigmoid, _sigmoid
from .init import numbers

# ---- the errors of single entries ----------------------------------------------------------------

_squared_error = primitive(
    lambda a, t: np.square(a - t),
    lambda g, y, a, t: 2 * g * (a - t),
    lambda g, y, a, t: 2 * g * (t - a),
    name="squared_error",
    kind="elementwise",
)
_absolute_error = primitive(
    lambda a, t: np.abs(a - t),
    lambda g, y, a, t: g * np.sign(a - t),
    lambda g, y, a, t: g * np.sign(t - a),
    name="absolute_error",
    kind="elementwise",
)


def _squared_then_straight(a: Any, t: Any, delta: float) -> Any:
    near = np.clip(a - t, -delta, delta)
    return near * (a - t - near / 2)


_huber_error = primitive(
    _squared_then_straight,
    lambda g, y, a, t, delta: g * np.clip(a - t, -delta, delta),
    lambda g, y, a, t, delta: g * np.clip(t - a, -delta, delta),
    name="huber_error",
    kind="elementwise",
)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared errors, (input - target)², averaged over all entries.

    >>> from nn.loss_functions import mse_loss
    >>> float(mse_loss([1.0, 2.0], [0.0, 4.0]))
    2.5
    """
    return _reduce(_squared_error(*_alike(input, target, "mse_loss")), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute errors, |input - target|, averaged over all entries.

    >>> from nn.loss_functions import l1_loss
    >>> float(l1_loss([1.0, 2.0], [0.0, 4.0]))
    1.5
    """
    return _reduce(_absolute_error(*_alike(input, target, "l1_loss")), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, and from there on straight, averaged over all entries.

    >>> from nn.loss_functions import huber_loss
    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, not {delta}")
    return _reduce(_huber_error(*_alike(input, target, "huber_loss"), delta=delta), reduction)


def _half_squared(a: Any, y: Any) -> Any:
    error = a - y
    return np.vdot(error, error) / (2 * _examples(a))


_quadratic_cost = primitive(
    _half_squared,
    lambda g, cost, a, y: g / _examples(a) * (a - y),
    lambda g, cost, a, y: g / _examples(a) * (y - a),
    name="quadratic_loss",
)


def quadratic_loss(input: Any, target: Any) -> Any:
    """The quadratic cost C = 1/2n Σ ‖y - a‖² of the outputs a of n examples.

    The target y holds values like the outputs, such as one-hot rows, or a label for each example.
    Outputs with a single axis are those of one example. (`mse_loss` divides by the number of all
    entries instead, and not by 2.)

    >>> from nn.loss_functions import quadratic_loss
    >>> float(quadratic_loss([[0.0, 1.0], [1.0, 0.0]], [[0, 1], [0, 1]]))
    0.5
    >>> float(quadratic_loss([[0.0, 1.0], [1.0, 0.0]], [1, 1]))
    0.5
    """
    outputs = numbers(input)
    return _quadratic_cost(outputs, _values(outputs, target, "quadratic_loss"))


# ---- probabilities of single events --------------------------------------------------------------

STEEPEST = float(np.float32(1e-12))  # PyTorch's number, to the last digit


@np.errstate(divide="ignore")
def _log_not_below(x: Any) -> Any:
    return np.maximum(np.log(x), -100)


# log x, but never less than -100: so it can be multiplied by 0, and a cost stays finite.
_bounded_log = primitive(
    _log_not_below,
    lambda g, y, x: g * (y > -100) / np.where(y > -100, x, 1),
    name="bounded_log",
    kind="elementwise",
)


def _surprise(p: Any, t: Any) -> Any:
    if not holds(np.all((p >= 0) & (p <= 1))) and np.any(wrong := (p < 0) | (p > 1)):
        raise ValueError(
            f"the input must be probabilities between 0 and 1, found {p[wrong][0]}; "
            "for the scores before a sigmoid there is binary_cross_entropy_with_logits"
        )
    return -t * _bounded_log(p) - (1 - t) * _bounded_log(1 - p)


_binary_cross_entropy = primitive(
    _surprise,
    lambda g, y, p, t: g * (p - t) / np.maximum(p * (1 - p), STEEPEST),
    lambda g, y, p, t: g * (_bounded_log(1 - p) - _bounded_log(p)),
    name="binary_cross_entropy",
    kind="elementwise",
)


def _surprise_of_scores(z: Any, t: Any, pos_weight: Any) -> Any:
    rest = np.log1p(np.exp(-np.abs(z)))  # -log sigmoid(z) = max(-z, 0) + rest
    return pos_weight * t * (np.maximum(-z, 0) + rest) + (1 - t) * (np.maximum(z, 0) + rest)


_binary_cross_entropy_with_logits = primitive(
    _surprise_of_scores,
    lambda g, y, z, t, pos_weight: g * ((1 - t) * _sigmoid(z) - pos_weight * t * _sigmoid(-z)),
    lambda g, y, z, t, pos_weight: g * (_logsigmoid(-z) - pos_weight * _logsigmoid(z)),
    name="binary_cross_entropy_with_logits",
    kind="elementwise",
)


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """-t log p - (1 - t) log(1 - p) of probabilities p and targets t, averaged over all entries.

    As in PyTorch a logarithm is at least -100, and a slope is divided by at least 1e-12, so that
    certainty in what is wrong costs 100 rather than infinity. `weight` multiplies the entries.

    >>> from nn.loss_functions import binary_cross_entropy
    >>> binary_cross_entropy([0.5, 1.0, 1.0], [1.0, 1.0, 0.0], reduction="none").round(4)
    array([  0.6931,   0.    , 100.    ])
    """
    p, t = _alike(input, target, "binary_cross_entropy")
    return _reduce(_binary_cross_entropy(p, t), reduction, weight)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """The binary cross-entropy of sigmoid(input), from the input itself: exact for any score.

    `weight` multiplies the entries, `pos_weight` the part of the targets that are 1.

    >>> from nn.loss_functions import binary_cross_entropy_with_logits
    >>> binary_cross_entropy_with_logits([0.0, 1e4, 1e4], [1.0, 1.0, 0.0], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+04])
    """
    z, t = _alike(input, target, "binary_cross_entropy_with_logits")
    positive = 1 if pos_weight is None else _constant_like(pos_weight, z)
    each = _binary_cross_entropy_with_logits(z, t, pos_weight=positive)
    return _reduce(each, reduction, weight)


def sigmoid_cross_entropy(input: Any, target: Any, logits: bool = False) -> Any:
    """The cross-entropy of K sigmoid outputs a, summed over them and averaged over n examples.

    E = -1/n Σᵢ Σₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)), for targets as in `quadratic_loss`.

    The input is the activations a, bounded as in `binary_cross_entropy`: nothing becomes nan. But
    an a that was rounded to 1 where y is 0 has lost how wrong it is, and its neuron no longer
    learns. With `logits=True` the input is the weighted sums z before the sigmoid; then the slope
    by z is the exact (a - y) / n, however far out z is.

    >>> from nn.loss_functions import sigmoid_cross_entropy
    >>> float(sigmoid_cross_entropy([[0.5, 0.5], [0.0, 1.0]], [0, 1]).round(4))
    0.6931
    >>> float(sigmoid_cross_entropy([[0.0, 0.0], [-1e4, 1e4]], [0, 1], logits=True).round(4))
    0.6931
    """
    outputs = numbers(input)
    targets = _values(outputs, target, "sigmoid_cross_entropy")
    entropy = binary_cross_entropy_with_logits if logits else binary_cross_entropy
    return entropy(outputs, targets, reduction="sum") / _examples(outputs)


# ---- one class out of several --------------------------------------------------------------------

# -Σ q log p over examples and classes, where q says how much each counts. The classes are along
# the last axis; with axis=-1 there is one sum for each example.


def _count_up(log_p: Any, q: Any, axis: int | None = None) -> Any:
    possible = np.where(q == 0, 0, log_p)  # 0 · log 0 is 0
    return -np.add.reduce(q * possible, axis=axis)


_nll = primitive(
    _count_up,
    lambda g, y, log_p, q, axis=None: -g[..., None] * q,
    lambda g, y, log_p, q, axis=None: -g[..., None] * log_p,
    name="nll_loss",
)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log softmax(input) at the right classes: the loss of a classification, from its scores.

    As the `nll_loss` of their `log_softmax` it has the slope softmax(input) - target by the scores.
    The input has shape (N, C), or (C,), or (N, C, d1, ...). The target has that shape without C and
    holds labels, or has that very shape and holds the probabilities of the classes.

    `weight` says how much each class counts; the mean over labels is then the weighted one. Labels
    equal to `ignore_index` do not count at all. Of the target a part of `label_smoothing` is spread
    evenly over the classes.

    >>> from nn.loss_functions import cross_entropy
    >>> float(cross_entropy([[0.0, 0.0], [1e4, -1e4]], [1, 0]).round(4))
    0.3466
    """
    loss = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{loss}: label_smoothing is between 0 and 1, not {label_smoothing}")
    scores, target = numbers(input), _array(target)
    by_probability = target.shape == scores.shape
    scores = _classes_last(scores, loss)
    weight = _weights(weight, scores, loss)
    if by_probability:
        q = _classes_last(numbers(target), loss)
        examples = scores.size / scores.shape[-1]
    else:
        q = _one_hot(target, scores, loss, ignore_index)
        examples = _total(q, weight)
    if label_smoothing:
        even = label_smoothing / scores.shape[-1]
        counted = 1 if by_probability else q.any(axis=-1, keepdims=True)
        q = (1 - label_smoothing) * q + even * counted
    return _summed(_log_softmax(scores), q, weight, examples, reduction, loss)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Minus the input, which is logarithms of probabilities, at the labels.

    Of the output of a `log_softmax` it is the `cross_entropy`; shapes and options are as there.

    >>> import numpy as np
    >>> from nn.loss_functions import nll_loss
    >>> float(nll_loss(np.log([[0.5, 0.5], [0.25, 0.75]]), [1, 0], reduction="sum").round(4))
    2.0794
    """
    log_p = _classes_last(numbers(input), "nll_loss")
    weight = _weights(weight, log_p, "nll_loss")
    q = _one_hot(_array(target), log_p, "nll_loss", ignore_index)
    return _summed(log_p, q, weight, _total(q, weight), reduction, "nll_loss")


def _summed(log_p: Any, q: Any, weight: Any, examples: float, reduction: str, loss: str) -> Any:
    """-Σ q log p with the weights of the classes, reduced."""
    check_reduction(reduction)
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


def _weights(weight: Any, scores: Any, loss: str) -> Any:
    """The weights of the classes, if there are any, in the dtype of the scores."""
    if weight is None:
        return None
    weight = _constant_like(weight, scores)
    if weight.shape != scores.shape[-1:]:
        raise ValueError(
            f"{loss}: weight must have an entry for each class, shape {scores.shape[-1:]}, "
            f"not {weight.shape}"
        )
    return weight


def _total(hot: Any, weight: Any) -> Any:
    """How many labels there are, each counted as much as its class."""
    if weight is not None:
        return np.sum(hot * weight)
    labels = hot.size // hot.shape[-1]
    return labels if holds(np.count_nonzero(hot) == labels) else int(np.count_nonzero(hot))


# ---- targets and results -------------------------------------------------------------------------

_REDUCTIONS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda each: each}


def check_reduction(reduction: str) -> None:
    """Refuse what is no reduction."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def _reduce(each: Any, reduction: str, weight: Any = None) -> Any:
    check_reduction(reduction)
    if reduction == "mean" and not each.size:
        raise ValueError("there is no example to average over")
    return _REDUCTIONS[reduction](each if weight is None else each * _constant_like(weight, each))


def _constant_like(weight: Any, values: Any) -> Any:
    """A weight as an array in the dtype of the values."""
    is_array = hasattr(weight, "shape") and not isinstance(weight, Tensor)
    return (weight if is_array else np.asarray(weight)).astype(values.dtype, copy=False)


def _array(target: Any) -> Any:
    return target if hasattr(target, "shape") else np.asarray(target)


def _alike(input: Any, target: Any, loss: str) -> tuple[Any, Any]:
    """Outputs and targets of one shape, and the targets in the dtype of the outputs."""
    outputs = numbers(input)
    target = numbers(target, outputs.dtype)
    if target.shape != outputs.shape:
        raise ValueError(
            f"{loss}: the target must have the shape of the input, {outputs.shape}, "
            f"not {target.shape}"
        )
    return outputs, target if target.dtype == outputs.dtype else target.astype(outputs.dtype)


def _values(outputs: Any, target: Any, loss: str) -> Any:
    """The target as values like the outputs: labels become one-hot."""
    target = _array(target)
    if target.ndim != outputs.ndim - 1:
        return _alike(outputs, target, loss)[1]
    hot = _one_hot(target, _classes_last(outputs, loss), loss).astype(outputs.dtype)
    return np.moveaxis(hot, -1, 1) if hot.ndim > 2 else hot


def _one_hot(labels: Any, outputs: Any, loss: str, ignored: int | None = None) -> Any:
    """Whether the label names the class, for the classes of the outputs along the last axis."""
    labels = labels.numpy() if isinstance(labels, Tensor) else labels
    classes = outputs.shape[-1]
    if labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"{loss}: of shape {outputs.shape[:-1]} must be labels for an input of {classes} "
            f"classes (or the target has the shape of the input); found shape {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{loss}: labels are whole numbers, found {labels.dtype}")
    hot = labels[..., None] == np.arange(classes)
    if ignored is not None and 0 <= ignored < classes:
        hot[..., ignored] = False
    if not holds(np.count_nonzero(hot) == labels.size):
        wrong = labels[(labels != ignored) & ((labels < 0) | (labels >= classes))]
        if wrong.size:
            raise ValueError(f"{loss}: labels go from 0 to {classes - 1}, found {wrong.flat[0]}")
    return hot


def _classes_last(x: Any, loss: str) -> Any:
    if x.ndim == 0:
        raise ValueError(f"{loss}: the input needs an axis of classes, found a single number")
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


def _examples(outputs: Any) -> int:
    """How many examples there are outputs of; a single axis is one example."""
    if not outputs.size:
        raise ValueError("there is no example to average over")
    return len(outputs) if outputs.ndim > 1 else 1
