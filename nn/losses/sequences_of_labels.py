"""The loss of a sequence of labels that may lie anywhere along a longer sequence of outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike, is_foreign, on_host
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.program import afresh

from ..init import check_shapes, numbers, whole_numbers
from .targets import Loss, reduced

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
    another = (way[:, 2:] != blank) & (way[:, 2:] != way[:, :-2])
    over = np.concatenate([np.zeros((n, 2), bool), another], axis=1)[:, : 2 * most + 1]
    here = np.take_along_axis(x, np.broadcast_to(way, (steps, *way.shape)), axis=2)
    never = np.full((n, 2), _NEVER, x.dtype)
    before = np.concatenate([np.zeros((n, 1), x.dtype), np.full((n, 2 * most), _NEVER, x.dtype)], 1)
    for step in range(steps):
        # Before the first step one stands on the first blank, or in front of the first label.
        moved = np.concatenate([never[:, :1], before[:, :-1]], axis=1)
        jumped = np.concatenate([never, before[:, :-2]], axis=1)[:, : way.shape[1]]
        reached = np.logaddexp(before, moved)
        reached = np.logaddexp(reached, np.where(over, jumped, _NEVER))
        before = np.where(step < lengths[:, None], reached + here[step], before)
    places = np.arange(way.shape[1])
    ends = (places >= 2 * counts[:, None] - 1) & (places <= 2 * counts[:, None])
    spelled = np.logaddexp.reduce(np.where(ends, before, _NEVER), axis=1)
    impossible = plain(spelled) < _NEVER / 2
    each = np.where(impossible, 0.0 if zero_infinity else np.inf, -spelled).astype(x.dtype)
    each = each / np.maximum(counts, 1).astype(x.dtype) if reduction == "mean" else each
    return reduced(each[0] if alone else each, reduction)


class CTCLoss(Loss, of=ctc_loss): ...
