"""Losses of a classification: minus the logarithms of the probabilities of the right classes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.arrays import ArrayLike, is_foreign, is_numpys, on_host, over_rows, reduce
from microgradnd.habits import explain_options, require
from microgradnd.operators import beside, plain
from microgradnd.program import afresh, holds

from ..functions import log_softmax
from ..init import check_shapes, numbers, whole_numbers
from .targets import (
    Loss,
    as_target,
    check_reduction,
    class_labels,
    classes_last,
    hot_rows,
    reduced,
    weight_like,
)  # fmt: skip


def _weighted(q: Any, log_p: Any) -> Any:
    return q * (log_p if isinstance(q, float) else np.where(q == 0, 0, log_p))  # 0 · log 0 is 0


# -Σ q log p over examples and classes, where q says how much each counts. The classes are along
# the last axis; with axis=-1 there is one sum for each example.
_nll = primitive(
    lambda log_p, q, axis=None: -reduce(np.add, _weighted(q, log_p), axis=axis),
    lambda g, y, log_p, q, axis=None: -g[..., None] * q,
    lambda g, y, log_p, q, axis=None: -g[..., None] * log_p,
    name="nll_loss",
)


@lru_cache(maxsize=1024)
def _each_place(*shape: int) -> tuple[Any, ...]:
    return np.ix_(*map(np.arange, shape))


def _at(labels: Any) -> tuple[Any, ...]:
    """The index of the entries that the labels pick along the last axis."""
    places = _each_place(*labels.shape)
    return (*(places if is_numpys(labels) else (beside(p, labels) for p in places)), labels)


def _less_at_labels(entries: Any, less: Any, labels: Any) -> Any:
    """The entries, which nobody else has, with something subtracted at the labels."""
    if isinstance(entries, Tensor) or isinstance(less, Tensor):
        return entries - np.where(hot_rows(labels, entries.shape[-1]), less[..., None], 0)
    entries[_at(labels)] -= less
    return entries


# The same for labels, where q says how much each example counts; with axis=() nothing is summed.
_nll_of_labels = primitive(
    lambda log_p, labels, q, axis=None: (
        -reduce(np.add, _weighted(q, log_p[_at(labels)]), axis=axis)
    ),
    lambda g, y, log_p, labels, q, axis=None: _less_at_labels(
        np.zeros_like(plain(log_p)), g * q, labels
    ),
    None,
    None,
    name="nll_loss",
)


def _from_scores(scores: Any, labels: Any, q: Any, axis: Any = None) -> Any:
    below = scores - over_rows(np.maximum, scores)
    exponentials = np.exp(below)
    total = over_rows(np.add, exponentials)
    log_p = below[_at(labels)] - np.log(total)[..., 0]
    return -reduce(np.add, _weighted(q, log_p), axis=axis), exponentials, total


def _slope_of_scores(g: Any, y: Any, scores: Any, labels: Any, q: Any, axis: Any = None) -> Any:
    _, exponentials, total = y  # q · (softmax - 1 at the labels)
    g = g * q
    return _less_at_labels(exponentials * (g[..., None] / total), g, labels)


# And of the logarithms of softmax(scores).
_cross_entropy = primitive(
    _from_scores, _slope_of_scores, None, None, name="cross_entropy", keeps=True
)


def _likelihood(
    loss: str, x: Any, target: Any, weight: Any, ignored: int, reduction: str,
    smoothing: float = 0.0, by_probability: bool = False, of_scores: bool = False,
) -> Any:  # fmt: skip
    """-Σ q log p, reduced, where q is 1 at the labels, or the probabilities of the classes; x has
    the log p, or scores of which to take the softmax."""
    counts: Any = 1.0  # how much each example counts
    classes = x.shape[-1]
    if weight is not None:
        weight = weight_like(weight, x)
        check_shapes(weight.shape == (classes,), f"a weight for each of {classes} classes", weight)
    if by_probability:
        q, examples = classes_last(beside(numbers(target), x), loss), x.size / classes
    else:
        labels, counting = class_labels(target, x, loss, ignored)
        counts = counts if counting is None else counting.astype(x.dtype)
        q = counts if weight is None else counts * afresh(np.take, weight, labels)
        examples = labels.size if counting is weight is None else np.sum(q)
        if smoothing:
            counts = counts if counting is None else counts[..., None]
            q = hot_rows(labels, classes) * counts
    if smoothing:
        q = (1 - smoothing) * q + smoothing / classes * counts
    dense = by_probability or smoothing
    if dense:
        q = q.astype(x.dtype) if q.dtype != x.dtype else q
        q = q if weight is None else q * weight
    check_reduction(reduction, reduction != "mean" or holds(examples != 0), f"{loss}: ")
    q = q / examples if reduction == "mean" else q
    how = {"axis": -1 if dense else ()} if reduction == "none" else {}
    if dense:
        return _nll(log_softmax(x, -1) if of_scores else x, q, **how)
    return (_cross_entropy if of_scores else _nll_of_labels)(x, labels, q, **how)


@explain_options
def cross_entropy(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *,
    ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Computes -log softmax(input) at the right classes; its slope is softmax(input) - target.

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
    scores, given = numbers(input), as_target(target)
    x, by_probability = classes_last(scores, "cross_entropy"), given.shape == scores.shape
    how = weight, ignore_index, reduction, label_smoothing, by_probability, True
    return _likelihood("cross_entropy", x, given, *how)


class CrossEntropyLoss(Loss, of=cross_entropy): ...


@explain_options
def nll_loss(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *,
    ignore_index: int = -100, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes minus the input, which is logarithms of probabilities, at the labels; shapes and
    options are those of `cross_entropy`, which it is of the output of a `log_softmax`.

    >>> float(nll_loss([[-0.5, -1.5]], [1])), NLLLoss(reduction="none")([[-0.5, -1.5]], [0])
    (1.5, array([0.5]))
    """
    log_p = classes_last(numbers(input), "nll_loss")
    return _likelihood("nll_loss", log_p, as_target(target), weight, ignore_index, reduction)


class NLLLoss(Loss, of=nll_loss): ...


# ---- labels that may lie anywhere along a longer sequence of outputs ----------------------------

_NEVER = -1e30  # the logarithm of a probability of 0, without the slopes that -inf would not have


def _way(labels: Any, counts: Any, blank: int) -> Any:
    """Each target in a row, with blanks around its labels."""
    most = counts.max(initial=0)
    way = np.full((len(counts), 2 * most + 1), blank)
    if labels.ndim == 1:  # all targets one after the other
        way[:, 1::2][np.arange(most) < counts[:, None]] = labels
    else:
        way[:, 1::2] = labels[:, :most]
    return way


def ctc_loss(
    log_probs: ArrayLike, targets: ArrayLike, input_lengths: ArrayLike,
    target_lengths: ArrayLike, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """Computes minus the logarithm of the probability that outputs spell the labels (CTC).

    At each step a label or the blank is read; equal ones that follow each other count once, then
    blanks are left out. PyTorch adds exp(log_probs) to the gradient, which `log_softmax`, from
    which they must come, takes out again.

    Arguments:
        log_probs: logarithms of probabilities, of shape (steps, N, classes) or (steps, classes).
        targets: labels of shape (N, longest), or all one after the other.
        input_lengths, target_lengths: how many steps and labels of each example count.
        blank: the class that is no label.
        reduction: "mean" divides by the numbers of labels, then averages over the examples.
        zero_infinity: whether a target that cannot be spelled has loss 0 instead of inf.

    >>> ctc_loss(np.log(np.full((2, 1, 2), 0.5)), [[1]], [2], [1]).round(4).item()  # -log ¾
    0.2877
    >>> CTCLoss()(np.log(np.full((1, 2), 0.5)), [1], 1, 1).round(4).item()
    0.6931
    """
    x = numbers(log_probs)
    alone = x.ndim == 2
    x = x[:, None] if alone else x
    expected = f"log_probs of shape (steps, N, classes) with more than {blank} classes"
    check_shapes(x.ndim == 3 and 0 <= blank < x.shape[-1], expected, x)
    steps, n, classes = x.shape
    given = input_lengths, target_lengths, targets
    lengths, counts, labels = (whole_numbers(each, "ctc_loss") for each in given)
    lengths, counts = np.atleast_1d(lengths, counts)
    labels = on_host(labels) if is_foreign(labels) else labels
    fits = lengths.shape == counts.shape == (n,) and min([*lengths, *counts], default=0) >= 0
    fits = fits and lengths.max(initial=0) <= steps
    expected = f"for each of {n} examples lengths from 0, input_lengths up to {steps}"
    require(fits, f"expected {expected}, got {lengths} and {counts}")
    most = int(counts.max(initial=0))
    labels = labels.reshape(n, -1) if alone or not labels.size else labels
    if labels.ndim == 1:
        check_shapes(len(labels) == counts.sum(), f"{counts.sum()} labels in all", labels)
    else:
        fits = labels[:, :most].shape == (n, most)
        check_shapes(fits, f"labels of shape {(n, most)}", labels)
    whole_numbers(labels, "ctc_loss", classes)
    # From a place one goes on to the next, or over a blank to the next label if it is another one.
    way = afresh(_way, labels, counts, blank)
    places = np.arange(way.shape[1])
    two_before = np.concatenate([np.full((n, 2), blank), way], axis=1)[:, :-2]
    over = (way != blank) & (way != two_before)
    here = np.take_along_axis(x, np.broadcast_to(way, (steps, *way.shape)), axis=2)
    never = np.full((n, 2), _NEVER, x.dtype)
    before = np.broadcast_to(np.where(places == 0, 0, _NEVER).astype(x.dtype), way.shape)
    for step in range(steps):
        # Before the first step one stands on the first blank, or in front of the first label.
        wide = np.concatenate([never, before], axis=1)
        reached = np.logaddexp(before, wide[:, 1:-1])
        reached = np.logaddexp(reached, np.where(over, wide[:, :-2], _NEVER))
        before = np.where(step < lengths[:, None], reached + here[step], before)
    ends = (places >= 2 * counts[:, None] - 1) & (places <= 2 * counts[:, None])
    spelled = np.logaddexp.reduce(np.where(ends, before, _NEVER), axis=1)
    impossible = plain(spelled) < _NEVER / 2
    each = np.where(impossible, 0.0 if zero_infinity else np.inf, -spelled).astype(x.dtype)
    each = each / np.maximum(counts, 1).astype(x.dtype) if reduction == "mean" else each
    return reduced(each[0] if alone else each, reduction)


class CTCLoss(Loss, of=ctc_loss): ...
