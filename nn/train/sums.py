"""The measures of an epoch while they add up: the mean loss, and the share of right answers."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from microgradnd import Tensor

from .metrics import accuracy

Array = Any  # a NumPy array


class Sums:
    """What an epoch has come to so far.

    Answers are right or wrong where the targets are labels or one-hot rows. A single output is
    taken for yes above 0.5, or above 0 if the loss takes logits, where targets are 0 and 1.
    Answers are judged for many batches at once: after each of them it would cost a sixth of a step.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from nn.losses import QuadraticLoss
    >>> from nn.train.sums import Sums
    >>> labels = np.array([0, 1])
    >>> sums = Sums(QuadraticLoss(), labels)
    >>> sums.add(0.5, Tensor([[0.9, 0.1], [0.8, 0.2]]), labels)
    >>> sums.loss, sums.accuracy
    (0.5, 0.5)
    """

    _AT_ONCE = 100  # batches

    def __init__(self, loss: Any, labels: Array) -> None:
        logits = type(loss).__name__ == "BCEWithLogitsLoss" or getattr(loss, "logits", False)
        self._threshold = 0.0 if logits else 0.5
        zero_or_one = bool(np.all((labels == 0) | (labels == 1)))
        self._one_hot = labels.ndim > 1 and zero_or_one and bool(np.all(labels.sum(axis=1) == 1))
        self._yes_or_no, self._whole = zero_or_one, labels.dtype.kind in "iub"
        self._judges = self._one_hot or zero_or_one or self._whole
        self.clear()

    def clear(self) -> None:
        """Begin an epoch."""
        self._loss = 0.0
        self.examples = self._right = self._judged = 0
        self._earlier, self._since = 0.0, time.perf_counter()
        self._waiting: list[tuple[Array, Array]] = []

    def add(self, loss: float, outputs: Any, targets: Array) -> None:
        """Add the mean loss of a batch, and its outputs."""
        size = len(targets)
        self._loss += loss * size
        self.examples += size
        if self._judges and isinstance(outputs, Tensor):
            self._waiting.append((outputs.numpy(), targets))
            if len(self._waiting) == self._AT_ONCE:
                self._judge()

    @property
    def loss(self) -> float:
        """The mean over all examples so far."""
        return self._loss / self.examples if self.examples else float("nan")

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, or None where there is no right or wrong."""
        self._judge()
        return self._right / self._judged if self._judged else None

    @property
    def seconds(self) -> float:
        """The time since the epoch began, without breaks between runs."""
        return self._earlier + time.perf_counter() - self._since

    def state_dict(self) -> dict[str, Any]:
        """The sums; the answers are judged."""
        self._judge()
        counts = [self.examples, self._right, self._judged]
        return {"loss": self._loss, "seconds": self.seconds, "counts": counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on adding."""
        self.clear()
        self._loss, self._earlier = float(state_dict["loss"]), float(state_dict["seconds"])
        self.examples, self._right, self._judged = map(int, state_dict["counts"])

    def _judge(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        outputs, targets = (np.concatenate(arrays) for arrays in zip(*waiting, strict=True))
        if outputs.size == targets.size == len(outputs) and self._yes_or_no:
            outputs, targets = outputs.ravel() > self._threshold, targets.ravel().astype(int)
        elif not self._tells_classes_apart(outputs, targets):
            return
        judged = outputs.size // (outputs.shape[1] if outputs.ndim > 1 else 1)
        self._right += round(accuracy(outputs, targets) * judged)
        self._judged += judged

    def _tells_classes_apart(self, outputs: Array, targets: Array) -> bool:
        if outputs.ndim < 2 or outputs.shape[1] < 2:
            return False
        labels = self._whole and outputs.ndim == targets.ndim + 1
        return labels or (self._one_hot and outputs.shape == targets.shape)
