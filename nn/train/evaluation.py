"""What a trained model answers, and how good the answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from microgradnd import Tensor, gradients, no_grad
from microgradnd.arrays import Array, ArrayLike, is_foreign, on_host
from microgradnd.habits import at_least, explain_options, require
from microgradnd.operators import beside, plain

from ..data import Data
from ..data.examples import starts
from ..data.in_file import floats_in, in_file, rows
from ..module import Module
from .metrics import METRICS, chosen_and_right

Metric: TypeAlias = str | Callable[[Any, Any], Any]


def dtype_of(model: Module) -> np.dtype[Any] | None:
    """The dtype in which a model computes, or None if it has no parameters."""
    return next((parameter.dtype for parameter in model.parameters()), None)


def placing(model: Module) -> Callable[[Any], Any]:
    """A function that puts an array where the model computes, which may be another library."""
    there = next(map(plain, model.parameters()), None)
    return (lambda array: beside(array, there)) if is_foreign(there) else lambda array: array


@contextmanager
def in_mode(model: object, training: bool) -> Iterator[None]:
    """Inside, a model is in training mode, or in evaluation mode."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    try:
        for module, _ in modes:
            module.training = training
        yield
    finally:
        for module, before in modes:
            module.training = before


def predict(model: Module | Callable[[Any], Any], x: ArrayLike, batch_size: int = 500) -> Array:
    """Returns the outputs of a model in `eval()` mode, computed batch by batch without a graph; or
    those of a function of an array of examples.

    >>> import nn
    >>> predict(nn.Linear(3, 2), np.zeros((1000, 3))).shape
    (1000, 2)
    """
    at_least(1, batch_size=batch_size)
    found = f"predict: expected a model, then x, got {type(model).__name__} first"
    require(callable(model), found, TypeError)
    inputs: Any = x if in_file(x) else on_host(plain(x))
    if isinstance(model, Module):
        inputs, place = floats_in(inputs, dtype_of(model)), placing(model)
    with in_mode(model, training=False), no_grad():
        places = starts(max(inputs.shape[0], 1), batch_size)
        parts: Any = (rows(inputs, slice(i, i + batch_size)) for i in places)
        if isinstance(model, Module):
            parts = (Tensor(place(part), copy=False) for part in parts)
        return np.concatenate([on_host(plain(model(part))) for part in parts])


def misclassified(model: Module, x: ArrayLike, y: ArrayLike, threshold: float = 0.5) -> Array:
    """Find the positions of the examples that the model gets wrong, to train on these alone.

    Arguments:
        y: labels, or one-hot rows.
        threshold: above it, a single output means class 1.

    >>> from nn import Sequential
    >>> x = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> misclassified(Sequential(), x, [0, 1, 1])
    array([2])
    """
    chosen, right, _ = chosen_and_right(predict(model, x), y, "misclassified", threshold)
    return np.flatnonzero(chosen != right)


@explain_options
def evaluate(
    model: Module,
    data: Data | tuple[ArrayLike, ArrayLike],
    metrics: Iterable[Metric] = ("accuracy",),
    batch_size: int = 500,
    threshold: float = 0.5,
) -> dict[str, Any]:
    """Returns measures of a model's answers by name.

    Arguments:
        data: a Data, or a pair of inputs and targets.
        metrics: "accuracy", "precision", "recall", "f1", "top5", "auc", "r2", or functions of
            outputs and targets, losses included.
        threshold: above it, a single output means class 1; 0 for a model that returns logits.

    >>> import nn
    >>> evaluate(nn.Sequential(), ([[0.9, 0.1], [0.2, 0.8]], [0, 0]), ["accuracy", "recall"])
    {'accuracy': 0.5, 'recall': 0.25}
    """
    labels = Data.of(data).labels
    inputs = data.inputs if isinstance(data, Data) else data[0]  # lists of ids stay whole numbers
    outputs = predict(model, inputs, batch_size)
    return measures(outputs, np.asarray(labels), known(metrics), threshold)


def known(metrics: Iterable[Metric]) -> list[Metric]:
    one = isinstance(metrics, str) or callable(metrics)
    listed: list[Any] = [metrics] if one else list(metrics)
    for metric in listed:
        expected = f"expected metrics out of {', '.join(METRICS)}, got {metric!r}"
        require(callable(metric) or metric in METRICS, expected)
    return listed


def measures(outputs: Array, y: Array, metrics: list[Metric], threshold: float) -> dict[str, Any]:
    """The measures of outputs by their names, as `evaluate` returns them."""
    found: dict[str, Any] = {}
    single = outputs.size == len(outputs)
    for metric in metrics:
        if callable(metric):
            value, name = metric(outputs, y), getattr(metric, "__name__", type(metric).__name__)
            require(value is not None, f"{name} returned None: end it with a return", TypeError)
            found[name] = value.item() if isinstance(value, Tensor | np.generic) else value
        elif single and metric not in ("auc", "r2"):
            found[metric] = METRICS[metric](*chosen_and_right(outputs, y, metric, threshold)[:2])
        else:
            found[metric] = METRICS[metric](outputs, y)
    return found


def per_example_gradients(
    model: Module, loss: Callable[[Any, Any], Any], x: ArrayLike, y: ArrayLike
) -> dict[str, Array]:
    """Returns the gradient of each example alone, by the parameters' names, an example in each row.

    >>> import nn
    >>> x, y = np.ones((3, 2)), np.ones((3, 1))
    >>> per_example_gradients(nn.Linear(2, 1), nn.MSELoss(), x, y)["weight"].shape
    (3, 1, 2)
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    inputs, targets = np.asarray(x), np.asarray(y)
    found = {name: np.empty((len(inputs), *p.shape), p.dtype) for name, p in named.items()}
    for i in range(len(inputs)):
        cost = loss(model(Tensor(inputs[i : i + 1])), targets[i : i + 1])
        for name, slope in gradients(cost, named).items():
            found[name][i] = slope.numpy()
    return found
