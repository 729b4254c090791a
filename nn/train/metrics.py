"""Measures of a model's answers: how often they are right, and which class is taken for which."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, ArrayLike, is_foreign
from microgradnd.habits import require
from microgradnd.operators import foreign, plain

from ..init import whole_numbers
from ..losses import (
    BCEWithLogitsLoss,
    MultiLabelSoftMarginLoss,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
)
from ..losses.targets import axis_1
from ..module import Module

_AT_ONCE = 1 << 18  # bytes of outputs judged: to judge each batch would take a sixth of a step


def accuracy(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Compute the fraction of examples whose largest output is that of the right class.

    Arguments:
        outputs: of shape (N, C), or (N, C, d1, ...), or (C,) for a single example; or whole
            numbers, the labels that were chosen.
        targets: labels, or one-hot along the same axis as the outputs.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    chosen, right, _ = chosen_and_right(outputs, targets, "accuracy")
    require(np.size(right), "accuracy: expected one example or more, got none")
    return float(np.mean(chosen == right))


def confusion_matrix(outputs: ArrayLike, targets: ArrayLike, classes: int | None = None) -> Array:
    """Count how many examples of each class (the row) were taken for each class (the column).

    Arguments:
        outputs, targets: as for `accuracy`.
        classes: how many classes there are, where both are labels, which may not name all.

    >>> confusion_matrix([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], [1, 0, 1])
    array([[1, 0],
           [1, 1]])
    """
    chosen, right, known = chosen_and_right(outputs, targets, "confusion_matrix")
    found = np.concatenate([chosen.ravel(), right.ravel()])
    count = classes or known or int(found.max(initial=-1)) + 1
    whole_numbers(found, "confusion_matrix", count)
    pairs = np.bincount((right * count + chosen).ravel(), minlength=count * count)
    return pairs.reshape(count, count)


def precision(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """Of the examples taken for a class, the share that belongs to it.

    Arguments:
        outputs, targets: as for `accuracy`.
        average: "macro" over the classes that occur, "weighted" by their examples, "binary" for
            class 1 alone, or "none" for an array of all.

    >>> precision([0, 1, 1, 1], [0, 1, 1, 0], average="none")
    array([1.        , 0.66666667])
    """
    return _of_classes(outputs, targets, average, 1.0)


def recall(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """Of the examples of a class, the share that was taken for it; arguments as for `precision`.

    >>> recall([0, 1, 1, 1], [0, 1, 1, 0], average="none")
    array([0.5, 1. ])
    """
    return _of_classes(outputs, targets, average, 0.0)


def f1(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """The harmonic mean of precision and recall; arguments as for `precision`.

    >>> f1([0, 1, 1, 1], [0, 1, 1, 0], average="binary")
    0.8
    """
    return _of_classes(outputs, targets, average, 0.5)


def _of_classes(outputs: ArrayLike, targets: ArrayLike, average: str, share: float) -> Any:
    """What is right of each class, over share · taken for it + (1 - share) · in it; the average."""
    table = confusion_matrix(outputs, targets)
    taken, there = table.sum(axis=0), table.sum(axis=1)
    whole = share * taken + (1 - share) * there
    each = np.divide(np.diag(table), whole, out=np.zeros(len(table)), where=whole > 0)
    if average == "none":
        return each
    if average == "binary" and len(each) == 2:
        return float(each[1])
    kinds = "'macro', 'weighted', 'none', or 'binary' for two classes"
    found = f"got {average!r} for {len(each)} classes"
    require(average in ("macro", "weighted"), f"expected average {kinds}, {found}")
    require(table.any(), "expected one example or more, got none")
    return float(np.average(each, weights=there if average == "weighted" else taken + there > 0))


def top_k_accuracy(outputs: ArrayLike, targets: ArrayLike, k: int = 5) -> float:
    """The share of examples whose label is among the k largest outputs.

    >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]], [1, 0], k=2)
    0.5
    """
    scores = np.atleast_2d(np.asarray(outputs, float))
    _, labels, classes = chosen_and_right(scores, np.atleast_1d(targets), "top_k_accuracy")
    whole_numbers(labels, "top_k_accuracy", classes)
    right = np.take_along_axis(scores, np.expand_dims(labels, 1), axis=1)
    return float(np.mean(np.sum(~(scores <= right), axis=1) < k))  # nan is never right


def roc_curve(scores: ArrayLike, targets: ArrayLike) -> tuple[Array, Array, Array]:
    """Rates of false and of true alarms, and the thresholds from the highest on that have them.

    >>> false, true, _ = roc_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> false, true
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    values, given = np.asarray(scores, float), np.ravel(targets)  # of which there are negative ones
    if values.ndim == 2 and values.shape[1] == 2:
        values = values[:, 1] - values[:, 0]
    values, labels = np.ravel(values), given == 1
    fits = values.shape == labels.shape and not np.isnan(values).any()
    both = "expected a score for each example, and examples of both classes, 0 and 1"
    require(fits and {*given.tolist()} == {0, 1}, both)
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(values[order][1:] != values[order][:-1], True))
    true, false = (np.cumsum(kind[order])[ends] for kind in (labels, ~labels))
    true, false = (np.append(0.0, count / count[-1]) for count in (true, false))
    return false, true, np.append(np.inf, values[order][ends])


def roc_auc(scores: ArrayLike, targets: ArrayLike) -> float:
    """The area under the curve: how often an example of class 1 has a higher score than one of 0.

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    false, true, _ = roc_curve(scores, targets)
    return float(np.trapezoid(true, false))


def r2(outputs: ArrayLike, targets: ArrayLike) -> float:
    """The share of the targets' variance that the outputs explain: 1 - Σ(y - t)² / Σ(t - mean)².

    >>> r2([1.0, 2.0, 3.5], [1.0, 2.0, 3.0])
    0.875
    """
    t, y = np.asarray(targets), np.asarray(outputs)
    found = f"expected outputs of the targets' shape {t.shape}, got {y.shape}"
    require(np.squeeze(y).shape == np.squeeze(t).shape, f"r2: {found}")
    error = np.reshape(y, t.shape) - t
    return float(1 - np.sum(error**2) / np.sum((t - t.mean(axis=0)) ** 2))


METRICS: dict[str, Callable[..., Any]] = {
    "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
    "top5": top_k_accuracy, "auc": roc_auc, "r2": r2,
}  # fmt: skip


def chosen_and_right(
    outputs: Any, targets: Any, metric: str, threshold: float | None = None
) -> tuple[Array, Array, int]:
    """The chosen and the right labels, and the number of classes, or 0 if it is unknown."""
    outputs = plain(outputs) if is_foreign(plain(outputs)) else np.asarray(plain(outputs))
    targets = foreign(plain(targets), outputs)
    if threshold is not None and outputs.size == len(outputs):  # a yes or no for each example
        chosen, classes = (outputs.ravel() > threshold).astype(int), 2
        if targets.size == len(targets):
            targets = targets.ravel()
    elif threshold is None and outputs.dtype.kind in "iub":
        chosen, classes = outputs.astype(int), 0
    else:
        axis = min(1, outputs.ndim - 1)
        classes = outputs.shape[axis] if outputs.ndim else 1
        apart = f"{metric}: outputs of shape {outputs.shape} do not tell classes apart"
        make = "of a single output per example make labels, such as (outputs > 0.5).astype(int)"
        require(classes != 1, f"{apart}; {make}")
        chosen = np.argmax(outputs, axis=axis)
    if targets.ndim == chosen.ndim + 1 > 1 == targets.shape[1]:  # a column of labels
        targets = targets[:, 0]
    elif targets.ndim == chosen.ndim + 1 > 1:
        scores = targets.dtype.kind == "f" and np.any((targets != 0) & (targets != 1))
        both = f"{metric}: got labels as outputs, scores as targets; swap them"
        require(classes or not scores, f"{both}, or use np.argmax(targets, 1)")
        classes, targets = targets.shape[1], np.argmax(targets, axis=1)
    form = f"{metric}: for outputs of shape {outputs.shape} expected labels of shape {chosen.shape}"
    found = f"or one-hot, got targets of shape {targets.shape}"
    fits = targets.shape == chosen.shape
    require(fits, f"{form}, {found}{axis_1(targets.shape, outputs.shape)}")
    yes_or_no = threshold is not None and not np.any((targets != 0) & (targets != 1))
    yes_or_no = yes_or_no or targets.dtype.kind == "b"
    if yes_or_no or (threshold is None and whole_numbers(targets, metric).size):
        targets = targets.astype(int)
    return chosen, targets, classes


class Sums:
    """The measures of an epoch while they add up: the mean loss, and the share of right answers.

    Answers are right or wrong where all targets are labels or one-hot rows. A single output means
    yes above 0.5, or above 0 if the loss takes logits, where targets are 0 and 1.
    """

    def __init__(self, loss: Any) -> None:
        functions = binary_cross_entropy_with_logits, multilabel_soft_margin_loss
        logits = isinstance(loss, BCEWithLogitsLoss | MultiLabelSoftMarginLoss) or loss in functions
        logits = logits or getattr(loss, "logits", False)
        self.threshold = 0.0 if logits else 0.5
        self._ours = isinstance(loss, Module)  # whose classes are on axis 1
        self._adds_up = getattr(loss, "reduction", "") == "sum"
        self.clear()

    def clear(self) -> None:
        self.load_state_dict({"loss": 0.0, "seconds": 0.0, "counts": [0, 0, 0]})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._total = [float(n) for n in (state_dict["loss"], *state_dict["counts"])]
        self._earlier, self._since = float(state_dict["seconds"]), time.perf_counter()
        self._waiting = 0  # batches to be judged at once
        self._form: Any = None  # their shapes and dtypes

    def state_dict(self) -> dict[str, Any]:
        loss, *counts = self.numbers()
        return {"loss": loss, "seconds": self.seconds, "counts": counts}

    def add(self, loss: float, outputs: Any, targets: Array) -> None:
        """Add the loss of a batch, which is a mean or a sum, and its outputs."""
        count, total = len(targets), self._total
        total[0] += loss if self._adds_up else loss * count
        total[1] += count
        array = plain(outputs)
        if isinstance(outputs, Tensor) and array.ndim and not math.isnan(total[3]):
            form, place = (array.shape, array.dtype, targets.shape, targets.dtype), self._waiting
            if form != self._form:  # as of longer sequences
                self._judge()
                self._form, place, size = form, 0, _AT_ONCE // (array.nbytes + 1) + 1
                self._kept = [np.empty_like(a, shape=(size, *a.shape)) for a in (array, targets)]
            self._kept[0][place], self._kept[1][place] = array, targets
            self._waiting = place + 1
            if self._waiting == len(self._kept[0]):
                self._judge()

    def numbers(self) -> list[float]:
        """The sum of the losses, the examples, the right answers and those that were judged, which
        is nan where not all are right or wrong."""
        self._judge()
        return [*self._total]

    def include(self, numbers: Iterable[float]) -> None:
        """Add the numbers of other sums."""
        self._total = [float(mine + n) for mine, n in zip(self._total, numbers, strict=True)]

    @property
    def loss(self) -> float:
        """The mean over all examples so far."""
        loss, examples, *_ = self._total
        return loss / examples if examples else math.nan

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, or None where there is no right or wrong."""
        *_, right, judged = self.numbers()
        return right / judged if judged > 0 else None

    @property
    def seconds(self) -> float:
        """The time since the epoch began, without breaks between runs."""
        return self._earlier + time.perf_counter() - self._since

    def _judge(self) -> None:
        if not self._waiting:
            return
        outputs, targets = (a[: self._waiting].reshape(-1, *a.shape[2:]) for a in self._kept)
        self._waiting = 0
        single, places = outputs.size == targets.size == len(outputs), targets.shape
        if single or outputs.shape == places:
            hot = single or (outputs.shape[1] > 1 and np.all(targets.sum(1) == 1))
            decided = bool(hot and np.all((targets == 0) | (targets == 1)))
        else:
            certain = self._ours or outputs.ndim == 2 or places != outputs.shape[:-1]
            classes = outputs.shape[:1] + outputs.shape[2:] == places and outputs.shape[1] > 1
            decided = certain and classes and targets.dtype.kind in "iub"
        if decided:
            threshold = self.threshold if single else None
            chosen, right, _ = chosen_and_right(outputs, targets, "accuracy", threshold)
            self._total[2] += int(np.sum(chosen == right))
            self._total[3] += chosen.size
        else:
            self._total[3] = math.nan
