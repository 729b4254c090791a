"""Lesson 3: backpropagation by hand."""

from typing import Any

import numpy as np

from .exercise import Array, Exercise, Loss, Slope, cut, drawn, sigmoid


def _quadratic(A: Any, Y: Array) -> Any:
    return np.sum((A - Y) ** 2) / (2 * Y.shape[1])


def _layer(W: Any, b: Any, delta: Array, H: Array) -> Any:
    return np.sum(delta * (W @ H + b[:, None])) / H.shape[1]


def _log_sum(Z: Any, axis: int = 0) -> Any:
    largest = np.max(cut(Z), axis, keepdims=True)
    return largest + np.log(np.sum(np.exp(Z - largest), axis, keepdims=True))


def _log_softmax(Z: Any, axis: int = 0) -> Any:
    return Z - _log_sum(Z, axis)


EXERCISES = (
    Exercise(
        "3.1", gives=("δ",), truth=Slope(lambda Z, Y: _quadratic(sigmoid(Z), Y), "Z"),
        cases=drawn("neurons points", [(3, 5), (4, 2), (2, 7), (3, 1)],
            Z="rng.normal(size=(neurons, points))", Y="rng.uniform(size=(neurons, points))"),
        extremes={"Z of hundreds": {"Z": "np.append(Z[:, :2], 300 * Z[:, 2:], axis=1)"}},
        mistakes={
            "you forgot the factor σ′(Z)": Loss("_quadratic(as_if(sigmoid(Z), Z), Y)"),
            "you forgot the factor σ′(Z), and to divide by the number of points":
                Loss("_quadratic(as_if(sigmoid(Z), Z), Y) * Y.shape[1]"),
            "σ′ is taken at A: it belongs at Z":
                Loss("_quadratic(as_if(sigmoid(Z), sigmoid(as_if(sigmoid(Z), Z))), Y)"),
            "divided by the number of entries: the cost is divided by the number of points":
                Loss("_quadratic(sigmoid(Z), Y) / len(Y)"),
            "divided by the number of neurons, the rows: the points are the columns":
                Loss("_quadratic(sigmoid(Z), Y) * Y.shape[1] / len(Y)"),
            "it is summed over the batch: δ has a column for each point": "true().sum(1)",
            "Z - Y where A - Y is meant: targets are compared with the outputs":
                Loss("_quadratic(as_if(Z, sigmoid(Z)), Y)"),
        },
    ),
    Exercise(
        "3.2", gives=("∂C/∂Z",),
        truth=Slope(lambda W, delta, Z: np.sum(delta * (W @ sigmoid(Z))), "Z"),
        cases=drawn("above below points", [(3, 3, 4), (2, 5, 3), (4, 2, 6), (1, 3, 1)],
            W="rng.normal(size=(above, below))", delta="rng.normal(size=(above, points))",
            Z="rng.normal(size=(below, points))"),
        extremes={"Z of hundreds": {"Z": "np.append(Z[:, :2], 300 * Z[:, 2:], axis=1)"}},
        mistakes={
            "you forgot the factor σ′(Z)": Loss("np.sum(delta * (W @ Z))"),
            "W must be transposed: the error goes the other way":
                Loss("np.sum(delta * (W.T @ sigmoid(Z)))"),
            "this multiplies by σ(Z), not by σ′(Z)":
                Loss("np.sum(delta * (W @ np.logaddexp(0, Z)))"),
            "σ′ is taken at σ(Z): it belongs at Z":
                Loss("np.sum(delta * (W @ sigmoid(as_if(sigmoid(Z), Z))))"),
            "it is averaged over the batch, which was done in delta already":
                Loss("np.sum(delta * (W @ sigmoid(Z))) / Z.shape[1]"),
            "the weights are missing: how much of delta comes through each?":
                Loss("np.sum(delta * (np.ones(W.shape) @ sigmoid(Z)))"),
        },
    ),
    Exercise(
        "3.3", gives=("dW", "db"),
        truth=Slope(_layer, "W", "b",
            at=lambda delta, H: {"W": np.zeros((len(delta), len(H))), "b": np.zeros(len(delta))}),
        cases=drawn("above below points", [(3, 3, 4), (2, 5, 3), (4, 2, 7), (3, 2, 1)],
            delta="rng.normal(size=(above, points))", H="rng.uniform(size=(below, points))"),
        extremes={"errors of 1e150": {"delta": "1e150 * delta"}},
        mistakes={
            "you forgot to divide by the number of points m":
                Loss("_layer(W, b, delta, H) * H.shape[1]"),
            "divided by m twice": Loss("_layer(W, b, delta, H) / H.shape[1]"),
            "divided by the number of neurons: the points are the columns":
                Loss("_layer(W, b, delta, H) * H.shape[1] / len(delta)"),
            "divided by the number of inputs: the points are the columns":
                Loss("_layer(W, b, delta, H) * H.shape[1] / len(H)"),
            "you forgot to add over the batch: it has a column for each point": "(None, delta)",
            "you forgot to add over the batch: it has a column for each point, divided by m":
                "(None, delta / H.shape[1])",
            "it is averaged over the neurons, axis 0: the points are along axis 1":
                "(None, delta.mean(0))",
            "only the first point of the batch is used":
                Loss("_layer(W, b, delta[:, :1], H[:, :1])"),
        },
    ),
    Exercise(
        "3.4", gives=("∂C/∂Z",),
        truth=Slope(lambda Z, Y: -np.sum(Y * _log_softmax(Z)) / Y.shape[1], "Z"),
        cases=drawn("classes points", [(4, 4), (3, 5), (2, 7)],
            Z="rng.normal(size=(classes, points))",
            Y="np.eye(classes)[:, rng.integers(0, classes, points)]"),
        extremes={
            "scores of 800": {"Z": "Z + 800 * np.sign(Z)"},
            "columns of very different size": {"Z": "Z + [0, -2_000, -4_000, 0]"},
        },
        mistakes={
            "softmax goes along the wrong axis: each column is a point":
                Loss("(np.sum(_log_sum(Z, axis=1)) - np.sum(Y * Z)) / Y.shape[1]"),
            "you forgot to subtract Y": Loss("np.sum(_log_sum(Z)) / Y.shape[1]"),
            "the scores Z stand where the probabilities P belong":
                Loss("np.sum(Z**2 / 2 - Y * Z) / Y.shape[1]"),
            "only the entry of each point's own class is counted: the others also have slopes":
                "true() * Y",
            "σ(Z) stands where softmax belongs":
                Loss("np.sum(np.logaddexp(0, Z) - Y * Z) / Y.shape[1]"),
            "divided by the number of classes: the cost is divided by the number of points":
                Loss("-np.sum(Y * _log_softmax(Z)) / len(Y)"),
            "divided by the number of entries: the cost is divided by the number of points":
                Loss("-np.sum(Y * _log_softmax(Z)) / Y.size"),
            "this is ∂C/∂P: one more step back, through softmax, leads to Z":
                "-Y / np.exp(_log_softmax(Z)) / Y.shape[1]",
        },
    ),
)  # fmt: skip
