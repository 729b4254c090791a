"""How often a classifier is right, and what it takes for what."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor


def accuracy(outputs: Any, targets: Any) -> float:
    """The fraction of examples whose largest output is that of the right class.

    Outputs have shape (N, C), or (N, C, d1, ...), or (C,) for a single example; whole numbers are
    the labels that were chosen. Targets are labels, or one-hot along the same axis as the outputs.

    >>> from nn.train.metrics import accuracy
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [[0, 1], [0, 1]])
    0.5
    """
    chosen, right, _ = _chosen_and_right(outputs, targets, "accuracy")
    if not np.size(right):
        raise ValueError("accuracy: there is no example to average over")
    return float(np.mean(chosen == right))


def confusion_matrix(outputs: Any, targets: Any, classes: int | None = None) -> Any:
    """How many examples of each class (the row) were taken for each class (the column).

    Outputs and targets are as for `accuracy`; `classes` says how many there are where both are
    labels, which may not name all.

    >>> from nn.train.metrics import confusion_matrix
    >>> confusion_matrix([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], [1, 0, 1])
    array([[1, 0],
           [1, 1]])
    """
    chosen, right, known = _chosen_and_right(outputs, targets, "confusion_matrix")
    found = np.concatenate([chosen.ravel(), right.ravel()])
    count = classes or known or int(found.max(initial=-1)) + 1
    wrong = found[(found < 0) | (found >= count)]
    if wrong.size:
        raise ValueError(f"confusion_matrix: labels go from 0 to {count - 1}, found {wrong[0]}")
    pairs = np.bincount((right * count + chosen).ravel(), minlength=count * count)
    return pairs.reshape(count, count)


def _chosen_and_right(outputs: Any, targets: Any, metric: str) -> tuple[Any, Any, int]:
    """The chosen and the right labels, and how many classes there are, or 0 where nothing tells."""
    outputs, targets = _plain(outputs), _plain(targets)
    if outputs.dtype.kind in "iub":
        chosen, classes = outputs.astype(int), 0
    else:
        axis = min(1, outputs.ndim - 1)
        classes = outputs.shape[axis] if outputs.ndim else 1
        if classes == 1:
            raise ValueError(
                f"{metric}: outputs of shape {outputs.shape} do not tell classes apart; of a "
                "single output per example make labels first, such as (outputs > 0.5).astype(int)"
            )
        chosen = np.argmax(outputs, axis=axis)
    if targets.ndim == chosen.ndim + 1 > 1:
        classes = targets.shape[1]
        targets = np.argmax(targets, axis=1)
    if targets.shape != chosen.shape:
        raise ValueError(
            f"{metric}: of outputs of shape {outputs.shape} the targets must be labels of shape "
            f"{chosen.shape}, or one-hot; found shape {targets.shape}"
        )
    if targets.dtype.kind not in "iub":
        raise TypeError(f"{metric}: labels are whole numbers, found {targets.dtype}")
    return chosen, targets.astype(int), classes


def _plain(values: Any) -> Any:
    return values.numpy() if isinstance(values, Tensor) else np.asarray(values)
