"""Lesson 3: backpropagation by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Array, Exercise, Loss, Slope, cut, drawn, sigmoid

TITLE = "Backpropagation by hand"
INTRODUCTION = """\
The four steps from which the backward pass of any network of neurons is put together, for a batch
of m points. As in the lectures, each point is a **column**: Z has one row for each neuron and one
column for each point."""


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
        "3.1", "output_error", "BP1 for a batch: the error of the outputs",
        statement="""\
The outputs are A = σ(Z), the targets Y, and the cost of a batch of m points is

    C = 1/(2m) · Σ (A - Y)²

summed over all neurons and points. Write δ = ∂C/∂Z, an array shaped like `Z`.""",
        start='''\
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def output_error(Z, Y):
    """∂C/∂Z: one row for each neuron, one column for each of the m points."""
    ...
''',
        hints=(
            "Go back in two steps: from C to A, then from A to Z. Both are entry by entry, so the "
            "two factors are multiplied entry by entry.",
            "∂C/∂A = (A - Y)/m: the 2 of the square cancels the ½, the m stays.",
            "Multiply by σ′(Z) = A (1 - A).",
        ),
        gives=("δ",), truth=Slope(lambda Z, Y: _quadratic(sigmoid(Z), Y), "Z"),
        cases=drawn("neurons points", [(3, 5), (4, 2), (2, 7), (3, 1)],
            Z="rng.normal(size=(neurons, points))", Y="rng.uniform(size=(neurons, points))"),
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
        "3.2", "hidden_error", "BP2 for a batch: the error of a hidden layer",
        statement="""\
A hidden layer gives H = σ(Z), and the layer above computes W H + b. Its error `delta` is known:
the derivative of the cost by W H + b, a column for each point. Write the error of the hidden
layer, ∂C/∂Z.""",
        start='''\
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def hidden_error(W, delta, Z):
    """∂C/∂Z of the layer below W, from the error delta of the layer above."""
    ...
''',
        hints=(
            "A hidden neuron reaches the cost by way of every neuron above it: one path for each, "
            "and the paths are added.",
            "Neuron k below is joined to neuron j above by W[j, k]. So its sum over j is "
            "Σ W[j, k] delta[j]: which product of matrices is that?",
            "It is Wᵀ delta, for all points at once. The last step, from H to Z, multiplies by "
            "σ′(Z), entry by entry.",
        ),
        gives=("∂C/∂Z",),
        truth=Slope(lambda W, delta, Z: np.sum(delta * (W @ sigmoid(Z))), "Z"),
        cases=drawn("above below points", [(3, 3, 4), (2, 5, 3), (4, 2, 6), (1, 3, 1)],
            W="rng.normal(size=(above, below))", delta="rng.normal(size=(above, points))",
            Z="rng.normal(size=(below, points))"),
        mistakes={
            "you forgot the factor σ′(Z)": Loss("np.sum(delta * (W @ Z))"),
            "W is to be transposed: the error goes the other way":
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
        "3.3", "weight_gradients", "BP3 and BP4 for a batch: biases and weights",
        statement="""\
A layer computes Z = W H + b for a batch of m points, the columns of H. Here `delta` holds the error
of each point **alone**: its column is ∂Cₓ/∂z for the cost Cₓ of that point, and the cost of the
batch is their average, C = 1/m · Σ Cₓ. Write ∂C/∂W, shaped like W, and ∂C/∂b, with one entry for
each neuron.""",
        start='''\
def weight_gradients(delta, H):
    """∂C/∂W and ∂C/∂b, averaged over the batch."""
    dW = ...
    db = ...
    return dW, db
''',
        hints=(
            "W[j, k] is multiplied by H[k] and reaches neuron j. For one point its derivative is "
            "delta[j] H[k], and that of b[j] is delta[j].",
            "For a batch, add over the points and divide by m. Which product of two matrices adds "
            "delta[j, i] H[k, i] over i?",
            "dW = delta Hᵀ / m, and db is the mean of delta over its columns, axis 1.",
        ),
        gives=("dW", "db"),
        truth=Slope(_layer, "W", "b",
            at=lambda delta, H: {"W": np.zeros((len(delta), len(H))), "b": np.zeros(len(delta))}),
        cases=drawn("above below points", [(3, 3, 4), (2, 5, 3), (4, 2, 7), (3, 2, 1)],
            delta="rng.normal(size=(above, points))", H="rng.uniform(size=(below, points))"),
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
        "3.4", "cross_entropy_slope", "Backward through softmax and cross-entropy",
        statement="""\
The scores of m points are the columns of `Z`. Softmax makes probabilities P of them, column by
column, and the cost is the cross-entropy with the one-hot targets `Y`, averaged over the points:

    P = exp(Z) / Σ exp(Z)         (the sum over each column)
    C = -1/m · Σ Y log(P)

Write ∂C/∂Z. Scores may be in the hundreds: e⁸⁰⁰ is more than a float can hold.""",
        start='''\
def cross_entropy_slope(Z, Y):
    """∂C/∂Z: one row for each class, one column for each of the m points."""
    ...
''',
        hints=(
            "log(P) = Z - log(Σ exp(Z)). With y the class of a point, its cost is "
            "log(Σ exp(z)) - z[y].",
            "The derivative of log(Σ exp(z)) by z[k] is exp(z[k]) / Σ exp(z), which is P[k].",
            "So it is (P - Y)/m. Before taking exp, subtract from each column its maximum: P is "
            "the same, and nothing overflows.",
        ),
        gives=("∂C/∂Z",),
        truth=Slope(lambda Z, Y: -np.sum(Y * _log_softmax(Z)) / Y.shape[1], "Z"),
        cases=drawn("classes points far", [(4, 4, 0), (3, 5, 1), (2, 7, 1), (3, 4, 800)],
            Z="rng.normal(size=(classes, points)) + rng.choice((-far, far), (classes, points))",
            Y="np.eye(classes)[:, rng.integers(0, classes, points)]"),
        about=("", "", "", "scores of 800, whose exponentials no float can hold"),
        mistakes={
            "softmax goes along the wrong axis: each column is a point":
                Loss("(np.sum(_log_sum(Z, axis=1)) - np.sum(Y * Z)) / Y.shape[1]"),
            "you forgot to subtract Y": Loss("np.sum(_log_sum(Z)) / Y.shape[1]"),
            "the scores Z stand where the probabilities P belong":
                Loss("np.sum(Z**2 / 2 - Y * Z) / Y.shape[1]"),
            "only the entry of each point's own class is counted: the others have slopes too":
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
