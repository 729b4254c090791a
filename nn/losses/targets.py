"""What losses have in common: how they are reduced, and their targets, which may be labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import in_dtype, reduce
from microgradnd.habits import check_choice, require
from microgradnd.operators import beside, plain
from microgradnd.program import holds

from ..functions import FunctionModule
from ..init import check_shapes, numbers, whole_numbers

_REDUCTIONS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda each: each}


def check_reduction(reduction: str, examples: Any = 1, loss: str = "") -> None:
    if reduction not in _REDUCTIONS:
        check_choice("reduction", reduction, *_REDUCTIONS)
    if reduction == "mean" and not examples:
        raise ValueError(f"{loss}there is no example to average over")


class Loss(FunctionModule):
    """A loss with a reduction, checked when it is made; its repr is as short as PyTorch's."""

    _reductions, _shows_options = tuple(_REDUCTIONS), False

    def __post_init__(self) -> None:
        reduction, kind = vars(self)["reduction"], type(self).__name__
        made_first = f"{kind} is made first, then called: use {kind}()(input, target)"
        require(isinstance(reduction, str | None), made_first, TypeError)
        check_choice("reduction", reduction, *self._reductions)
        for name in self._buffers:
            given = np.asarray(0 if (held := vars(self)[name]) is None else plain(held))
            wrong = f"{name} must be numbers, got {held!r}"
            require(given.dtype.kind in "biuf", wrong, TypeError)
        for name in (name for name, p in self._options.items() if p.annotation == "bool"):
            check_choice(name, vars(self)[name], True, False)


def reduced(each: Any, reduction: str, weight: Any = None, over_weights: bool | None = None) -> Any:
    """The losses as one number, or as they are, times a weight, which may be learned. If
    `over_weights` is given, each entry has a weight; if it is True, a mean is over the weights."""
    check_reduction(reduction, each.size)
    if weight is None:
        return _REDUCTIONS[reduction](each)
    learned = isinstance(weight, Tensor)
    weight = in_dtype(weight, each.dtype) if learned else weight_like(weight, each)
    check_fits("weight", weight.shape, each.shape)
    if over_weights is not None:
        fits = weight.shape == each.shape
        check_shapes(fits, f"a weight of the input's shape {each.shape}", weight)
        if over_weights and reduction == "mean":
            return np.sum(each * weight) / np.sum(weight)
    return _REDUCTIONS[reduction](each * weight)


def check_fits(name: str, shape: tuple[int, ...], whole: tuple[int, ...]) -> None:
    """Refuse what would broadcast the losses to other ones."""
    sizes = zip(shape[::-1], whole[::-1], strict=False)
    if len(shape) > len(whole) or any(n not in (1, m) for n, m in sizes):
        raise ValueError(f"expected a {name} that fits the input's shape {whole}, got {shape}")


def weight_like(weight: Any, values: Any) -> Any:
    """A weight as an array in the dtype of the values, unless this would drop a gradient."""
    weight = np.asarray(weight) if isinstance(weight, Tensor) else as_target(weight)
    return beside(weight.astype(values.dtype, copy=False), values)


def as_target(target: Any) -> Any:
    return target if hasattr(target, "__array_function__") else np.asarray(target)


def fitting_pair(input: Any, target: Any, loss: str, labels: bool = False) -> tuple[Any, Any]:
    """Outputs and targets of one shape and dtype; if labels are allowed, they become one-hot."""
    outputs, target = numbers(input), as_target(target)
    array = plain(outputs)
    if labels and target.ndim == array.ndim - 1:
        last = classes_last(outputs, loss)
        hot = hot_rows(class_labels(target, last, loss)[0], last.shape[-1])
        target = np.moveaxis(hot, -1, 1) if hot.ndim > 2 else hot
    if target.shape != array.shape:
        expected = f"a target of the input's shape {array.shape}"
        hint = "; use targets[:, None]" if (*target.shape, 1) == array.shape != (1,) else ""
        raise ValueError(f"{loss}: expected {expected}, got {target.shape}{hint}")
    return outputs, target if target.dtype == array.dtype else target.astype(array.dtype)


def axis_1(labels: tuple[int, ...], outputs: tuple[int, ...]) -> str:
    """What to write where the classes are the last axis of the outputs, to end an error with."""
    last = len(outputs) > 2 and labels == outputs[:-1]
    return "; classes are on axis 1: use np.moveaxis(outputs, -1, 1)" if last else ""


def class_labels(
    labels: Any, outputs: Any, loss: str, ignored: int | None = None
) -> tuple[Any, Any]:
    """The labels, with 0 for those that are ignored; which of them count, or None if all do."""
    labels, (*shape, classes) = beside(plain(labels), outputs), outputs.shape
    if labels.shape != tuple(shape):
        expected = f"labels of shape {tuple(shape)} for an input of {classes} classes"
        found = f"{labels.shape}{axis_1(labels.shape, (*shape[:1], classes, *shape[1:]))}"
        swapped = "; the input comes first" * (labels.ndim > len(shape) + 1)
        raise ValueError(f"{loss}: expected {expected} (or probabilities), got {found}{swapped}")
    labels, may_ignore = whole_numbers(labels, loss), ignored is not None and 0 <= ignored < classes
    if isinstance(labels, np.ndarray) and labels.size and not may_ignore:
        unsigned = labels.view(f"u{labels.itemsize}")  # in which -1 is the largest number
        if unsigned.max() < classes:  # in half the time of the following
            return labels, None
    counts = (labels >= 0) & (labels < classes)
    if may_ignore:
        counts = counts & (labels != ignored)
    if holds(reduce(np.logical_and, counts, axis=None)):
        return labels, None
    known = counts if ignored is None else counts | (labels == ignored)
    if not holds(np.all(known)):
        wrong = labels[~known].flat[0]
        raise ValueError(f"{loss}: labels go from 0 to {classes - 1}, got {wrong}")
    return np.where(counts, labels, 0), counts


def hot_rows(labels: Any, classes: int) -> Any:
    return labels[..., None] == beside(np.arange(classes), labels)


def classes_last(x: Any, loss: str) -> Any:
    if x.ndim == 0:
        raise ValueError(f"{loss}: expected an input with an axis of classes, got a single number")
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


def count_examples(outputs: Any) -> int:
    """The number of examples; outputs with a single axis are those of one."""
    if not outputs.size:
        check_reduction("mean", 0)
    return len(outputs) if outputs.ndim > 1 else 1
