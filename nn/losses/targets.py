"""What all losses share: outputs and targets that fit, labels as one-hot rows, reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.program import holds

from ..init import numbers
from ..module import Module

_REDUCTIONS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda each: each}


def check_reduction(reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def check_some(examples: Any, loss: str = "") -> None:
    if not examples:
        raise ValueError(f"{loss}there is no example to average over")


class Loss(Module):
    """A loss with a reduction, checked when it is made; its repr is as short as PyTorch's."""

    reduction: str

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def extra_repr(self) -> str:
        return ""


def reduced(each: Any, reduction: str, weight: Any = None) -> Any:
    check_reduction(reduction)
    if reduction == "mean":
        check_some(each.size)
    return _REDUCTIONS[reduction](each if weight is None else each * constant(weight, each))


def constant(weight: Any, values: Any) -> Any:
    """A weight as an array in the dtype of the values, unless this would drop a gradient."""
    weight = np.asarray(weight) if isinstance(weight, Tensor) else as_array(weight)
    return weight.astype(values.dtype, copy=False)


def as_array(target: Any) -> Any:
    return target if hasattr(target, "__array_function__") else np.asarray(target)


def pair(input: Any, target: Any, loss: str, labels: bool = False) -> tuple[Any, Any]:
    """Outputs and targets of one shape and dtype; if labels are allowed, they become one-hot."""
    outputs, target = numbers(input), as_array(target)
    if labels and target.ndim == outputs.ndim - 1:
        hot, _ = one_hot(target, classes_last(outputs, loss), loss)
        target = np.moveaxis(hot, -1, 1) if hot.ndim > 2 else hot
    if target.shape != outputs.shape:
        raise ValueError(
            f"{loss}: expected a target of the input's shape {outputs.shape}, got {target.shape}"
        )
    return outputs, target if target.dtype == outputs.dtype else target.astype(outputs.dtype)


def one_hot(labels: Any, outputs: Any, loss: str, ignored: int | None = None) -> tuple[Any, int]:
    """Whether a label names a class, for the classes along the last axis; how many labels count."""
    labels = labels.numpy() if isinstance(labels, Tensor) else labels
    classes, count = outputs.shape[-1], labels.size
    if labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"{loss}: expected labels of shape {outputs.shape[:-1]} for an input of {classes} "
            f"classes (or a target of the input's shape), got shape {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{loss}: expected integers as labels, got {labels.dtype}")
    hot = labels[..., None] == np.arange(classes)
    if ignored is not None and 0 <= ignored < classes:
        hot[..., ignored] = False
    if not holds(np.count_nonzero(hot) == count):
        wrong = labels[(labels != ignored) & ((labels < 0) | (labels >= classes))]
        if wrong.size:
            raise ValueError(f"{loss}: labels go from 0 to {classes - 1}, got {wrong.flat[0]}")
        count = int(np.count_nonzero(hot))
    return hot, count


def classes_last(x: Any, loss: str) -> Any:
    if x.ndim == 0:
        raise ValueError(f"{loss}: expected an input with an axis of classes, got a single number")
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


def count_examples(outputs: Any) -> int:
    """The number of examples; outputs with a single axis are those of one."""
    check_some(outputs.size)
    return len(outputs) if outputs.ndim > 1 else 1
