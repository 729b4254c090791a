"""What a trained model answers, and how good the answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from microgradnd import Tensor, gradients, no_grad
from microgradnd.arrays import Array, ArrayLike, is_foreign, on_host
from microgradnd.habits import at_least, require
from microgradnd.operators import beside, plain

from ..data import Data
from ..data.examples import starts
from ..data.in_file import floats_in, in_file, rows
from ..init import whole_numbers
from ..module import Module
from .metrics import accuracy, chosen_and_right, confusion_matrix

Metric: TypeAlias = str | Callable[[Any, Any], Any]


def dtype_of(model: Module) -> np.dtype[Any] | None:
    """The dtype in which a model computes, or None if it has no parameters."""
    return next((parameter.dtype for parameter in model.parameters()), None)


def placing(model: Module) -> Callable[[Any], Any]:
    """A function that puts an array where the model computes, which may be another library."""
    there = next(map(plain, model.parameters()), None)
    return (lambda array: beside(array, there)) if is_foreign(there) else lambda array: array


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Inside, a model is in evaluation mode, and nothing is recorded; after, it is as before."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    try:
        for module, _ in modes:
            module.training = False
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


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
    given: Any = np.asarray
    if isinstance(model, Module):
        inputs, place = floats_in(inputs, dtype_of(model)), placing(model)
        given = lambda part: Tensor(place(part), copy=False)  # noqa: E731
    with evaluating(model):
        places = starts(max(inputs.shape[0], 1), batch_size)
        parts = (rows(inputs, slice(i, i + batch_size)) for i in places)
        outputs = [on_host(plain(model(given(part)))) for part in parts]
    return np.concatenate(outputs)


def misclassified(model: Module, x: ArrayLike, y: ArrayLike, threshold: float = 0.5) -> Array:
    """Find the positions of the examples that the model gets wrong, to train on these alone.

    Arguments:
        y: labels, or one-hot rows. Of several outputs the largest counts.
        threshold: above it, a single output means class 1.

    >>> from nn import Sequential
    >>> x = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> misclassified(Sequential(), x, [0, 1, 1])
    array([2])
    """
    chosen, right, _ = chosen_and_right(predict(model, x), y, "misclassified", threshold)
    return np.flatnonzero(chosen != right)


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
    """The metrics in a list, if each is a function or the name of one."""
    listed: list[Metric] = [metrics] if isinstance(metrics, str) else list(metrics)
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
            found[name] = value.item() if isinstance(value, Tensor | np.generic) else value
        elif single and metric not in ("auc", "r2"):
            chosen = (outputs.ravel() > threshold).astype(int)
            found[metric] = METRICS[metric](chosen, np.ravel(y).astype(int))
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
    rows = []
    for i in range(len(inputs)):
        cost = loss(model(Tensor(inputs[i : i + 1])), targets[i : i + 1])
        rows.append([slope.numpy() for slope in gradients(cost, list(named.values()))])
    columns = map(np.stack, zip(*rows, strict=True))
    return dict(zip(named, columns, strict=True))


# ---- measures ------------------------------------------------------------------------------------


def precision(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """Of the examples taken for a class, the share that belongs to it.

    Arguments:
        outputs, targets: as for `accuracy`.
        average: "macro" over the classes, "weighted" by their examples, "binary" for class 1 alone,
            or "none" for an array of all.

    >>> precision([0, 1, 1, 1], [0, 1, 1, 0], average="none")
    array([1.        , 0.66666667])
    """
    return _of_classes(outputs, targets, average, lambda right, taken, there: (right, taken))


def recall(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """Of the examples of a class, the share that was taken for it; arguments as for `precision`.

    >>> recall([0, 1, 1, 1], [0, 1, 1, 0], average="none")
    array([0.5, 1. ])
    """
    return _of_classes(outputs, targets, average, lambda right, taken, there: (right, there))


def f1(outputs: ArrayLike, targets: ArrayLike, average: str = "macro") -> Any:
    """The harmonic mean of precision and recall; arguments as for `precision`.

    >>> f1([0, 1, 1, 1], [0, 1, 1, 0], average="binary")
    0.8
    """
    both = lambda right, taken, there: (2 * right, taken + there)  # noqa: E731
    return _of_classes(outputs, targets, average, both)


def _of_classes(
    outputs: ArrayLike, targets: ArrayLike, average: str, counts: Callable[..., Any]
) -> Any:
    """The ratio of two counts for each class, 0 where there are none, and their average."""
    table = confusion_matrix(outputs, targets)
    there = table.sum(axis=1)
    part, whole = counts(np.diag(table), table.sum(axis=0), there)
    each = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    if average == "none":
        return each
    if average == "binary" and len(each) == 2:
        return float(each[1])
    kinds = "'macro', 'weighted', 'none', or 'binary' for two classes"
    found = f"got {average!r} for {len(each)} classes"
    require(average in ("macro", "weighted"), f"expected average {kinds}, {found}")
    return float(np.average(each, weights=there if average == "weighted" else None))


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
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
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
    require(y.size == t.size, f"r2: {found}")
    error = np.reshape(y, t.shape) - t
    return float(1 - np.sum(error**2) / np.sum((t - t.mean(axis=0)) ** 2))


METRICS: dict[str, Callable[..., Any]] = {
    "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
    "top5": top_k_accuracy, "auc": roc_auc, "r2": r2,
}  # fmt: skip
