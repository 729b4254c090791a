"""Losses of a classification: minus the logarithms of the probabilities of the right classes."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import lru_cache
from typing import Any, cast

import numpy as np

from microgradnd import primitive
from microgradnd.operators import plain
from microgradnd.program import holds

from ..functions import log_softmax
from ..init import numbers
from .targets import (
    WeightedLoss,
    as_target,
    check_reduction,
    class_labels,
    classes_last,
    hot_rows,
    weight_like,
)


def _weighted(q: Any, log_p: Any) -> Any:
    return q * (log_p if isinstance(q, float) else np.where(q == 0, 0, log_p))  # 0 · log 0 is 0


# -Σ q log p over examples and classes, where q says how much each counts. The classes are along
# the last axis; with axis=-1 there is one sum for each example.
_nll = primitive(
    lambda log_p, q, axis=None: -np.add.reduce(_weighted(q, log_p), axis=axis),
    lambda g, y, log_p, q, axis=None: -g[..., None] * q,
    lambda g, y, log_p, q, axis=None: -g[..., None] * log_p,
    name="nll_loss",
)


@lru_cache(maxsize=1024)
def _each_place(*shape: int) -> tuple[Any, ...]:
    return np.ix_(*map(np.arange, shape))


def _at(labels: Any) -> tuple[Any, ...]:
    """The index of the entries that the labels pick along the last axis."""
    return (*_each_place(*labels.shape), labels)


def _placed(g: Any, labels: Any, like: Any) -> Any:
    entries = np.zeros_like(like)
    entries[_at(labels)] = g
    return entries


_put: Any = primitive(
    _placed, lambda h, y, g, labels, like: h[_at(labels)], None, None,
    name="put_at_labels", kind="routes",
)  # fmt: skip
# The same for labels, where q says how much each example counts; with axis=() nothing is summed.
_nll_of_labels = primitive(
    lambda log_p, labels, q, axis=None: -np.add.reduce(_weighted(q, log_p[_at(labels)]), axis=axis),
    lambda g, y, log_p, labels, q, axis=None: _put(-g * q, labels, plain(log_p)),
    None,
    None,
    name="nll_loss",
)


def _likelihood(
    loss: str, log_p: Any, target: Any, weight: Any, ignored: int, reduction: str,
    smoothing: float = 0.0, by_probability: bool = False,
) -> Any:  # fmt: skip
    """-Σ q log p, reduced, where q is 1 at the labels, or the probabilities of the classes."""
    classes, counts = log_p.shape[-1], cast(Any, 1.0)  # how much each example counts
    if weight is not None and (weight := weight_like(weight, log_p)).shape != (classes,):
        found = f"got shape {weight.shape}"
        raise ValueError(f"{loss}: expected a weight for each of {classes} classes, {found}")
    if by_probability:
        q, examples = classes_last(numbers(target), loss), log_p.size / classes
    else:
        labels, counting = class_labels(target, log_p, loss, ignored)
        counts = counts if counting is None else counting.astype(log_p.dtype)
        q = counts if weight is None else counts * weight[labels]
        examples = labels.size if counting is weight is None else np.sum(q)
        if smoothing:
            counts = np.expand_dims(counts, -1)
            q = hot_rows(labels, classes) * counts
    if smoothing:
        q = (1 - smoothing) * q + smoothing / classes * counts
    dense = by_probability or smoothing
    if dense:
        q = q.astype(log_p.dtype) if q.dtype != log_p.dtype else q
        q = q if weight is None else q * weight
    check_reduction(reduction, reduction != "mean" or holds(examples != 0), f"{loss}: ")
    q = q / examples if reduction == "mean" else q
    parts = (log_p, q) if dense else (log_p, labels, q)
    how = {"axis": -1 if dense else ()} if reduction == "none" else {}
    return (_nll if dense else _nll_of_labels)(*parts, **how)


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
    scores, target = numbers(input), as_target(target)
    log_p = log_softmax(classes_last(scores, "cross_entropy"), -1)
    given = target, weight, ignore_index, reduction, label_smoothing, target.shape == scores.shape
    return _likelihood("cross_entropy", log_p, *given)


class CrossEntropyLoss(WeightedLoss, of=cross_entropy):
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
    log_p = classes_last(numbers(input), "nll_loss")
    return _likelihood("nll_loss", log_p, as_target(target), weight, ignore_index, reduction)


class NLLLoss(WeightedLoss, of=nll_loss):
    _: KW_ONLY
    ignore_index: int = -100
