"""How often a classifier is right, and which class it takes for which."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, ArrayLike, is_foreign
from microgradnd.habits import require
from microgradnd.operators import foreign, plain

from ..data.examples import starts
from ..init import whole_numbers
from ..losses import BCEWithLogitsLoss
from ..losses.targets import axis_1
from ..module import Module


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


class Sums:
    """The measures of an epoch while they add up: the mean loss, and the share of right answers.

    Answers are right or wrong where the targets are labels or one-hot rows. A single output
    means yes above 0.5, or above 0 if the loss takes logits, where targets are 0 and 1.
    """

    _AT_ONCE = 1 << 18  # bytes of outputs judged: to judge each batch would take a sixth of a step

    def __init__(self, loss: Any, labels: Array | None) -> None:
        logits = isinstance(loss, BCEWithLogitsLoss) or getattr(loss, "logits", False)
        self.threshold = 0.0 if logits else 0.5
        self._ours = isinstance(loss, Module)  # whose classes are on axis 1
        self._whole = self._yes_or_no = self._one_hot = True
        self._streamed = labels is None
        if labels is not None:
            self._look_at(labels)
        self.clear()

    def _look_at(self, labels: Array) -> None:
        """Find out whether answers are right or wrong."""
        self._whole = self._whole and labels.dtype.kind in "iub"
        for start in starts(labels.shape[0], 1000):
            part = labels[start : start + 1000]
            self._yes_or_no = self._yes_or_no and bool(np.all((part == 0) | (part == 1)))
            one_hot = self._one_hot and self._yes_or_no and part.ndim > 1
            self._one_hot = one_hot and bool(np.all(part.sum(1) == 1))

    def new(self) -> Sums:
        """Sums of the same kind, of nothing yet."""
        new = copy.copy(self)
        new.clear()
        return new

    def clear(self) -> None:
        self.load_state_dict({"loss": 0.0, "seconds": 0.0, "counts": [0, 0, 0]})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._total = [float(state_dict["loss"]), *map(int, state_dict["counts"])]
        self._earlier, self._since = float(state_dict["seconds"]), time.perf_counter()
        self._waiting = 0  # batches to be judged
        self._form: Any = None  # what they look like

    def state_dict(self) -> dict[str, Any]:
        loss, *counts = self.numbers()
        return {"loss": loss, "seconds": self.seconds, "counts": counts}

    def add(self, loss: float, outputs: Any, targets: Array) -> None:
        """Add the mean loss of a batch, and its outputs."""
        count, total = len(targets), self._total
        total[0] += loss * count
        total[1] += count
        if (self._whole or self._yes_or_no) and isinstance(outputs, Tensor):
            array, place = plain(outputs), self._waiting
            form = array.shape, array.dtype, targets.shape, targets.dtype
            if form != self._form:  # as of longer sequences
                self._judge()
                self._form, place, size = form, 0, self._AT_ONCE // (array.nbytes + 1) + 1
                self._kept = [np.empty_like(a, shape=(size, *a.shape)) for a in (array, targets)]
            self._kept[0][place], self._kept[1][place] = array, targets
            self._waiting = place + 1
            if self._waiting == len(self._kept[0]):
                self._judge()

    def numbers(self) -> list[float]:
        """The sum of the losses, the examples, the right answers and those that were judged."""
        self._judge()
        return [*self._total]

    def include(self, numbers: Iterable[float]) -> None:
        """Add the numbers of other sums."""
        loss, *counts = numbers
        added = float(loss), *map(round, counts)
        self._total = [mine + other for mine, other in zip(self._total, added, strict=True)]

    @property
    def loss(self) -> float:
        """The mean over all examples so far."""
        loss, examples, *_ = self._total
        return loss / examples if examples else float("nan")

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, or None where there is no right or wrong."""
        *_, right, judged = self.numbers()
        return right / judged if judged else None

    @property
    def seconds(self) -> float:
        """The time since the epoch began, without breaks between runs."""
        return self._earlier + time.perf_counter() - self._since

    def _judge(self) -> None:
        if not self._waiting:
            return
        outputs, targets = (a[: self._waiting].reshape(-1, *a.shape[2:]) for a in self._kept)
        self._waiting = 0
        if self._streamed:
            self._look_at(targets)
        single = outputs.size == targets.size == len(outputs)
        certain = self._ours or outputs.ndim == 2 or targets.shape != outputs.shape[:-1]
        places = outputs.shape[:1] + outputs.shape[2:]
        labels = self._whole and places == targets.shape and certain
        one_hot = self._one_hot and outputs.shape == targets.shape
        if self._yes_or_no if single else (labels or one_hot) and outputs.shape[1] > 1:
            threshold = self.threshold if single else None
            chosen, right, _ = chosen_and_right(outputs, targets, "accuracy", threshold)
            self._total[2] += int(np.sum(chosen == right))
            self._total[3] += chosen.size
        else:  # nor were earlier batches of a stream, whatever they looked like
            self._total[2:] = 0, 0


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
        classes, targets = targets.shape[1], np.argmax(targets, axis=1)
    form = f"{metric}: for outputs of shape {outputs.shape} expected labels of shape {chosen.shape}"
    found = f"or one-hot, got targets of shape {targets.shape}"
    fits = targets.shape == chosen.shape
    require(fits, f"{form}, {found}{axis_1(targets.shape, outputs.shape)}")
    if targets.dtype.kind == "b" or (threshold is None and whole_numbers(targets, metric).size):
        targets = targets.astype(int)
    return chosen, targets, classes
