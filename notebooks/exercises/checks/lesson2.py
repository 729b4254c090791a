"""Lesson 2: perceptrons to networks."""

from collections.abc import Callable
from typing import Any

import numpy as np

import nn
import nn.functional as F  # noqa: N812

from .exercise import Array, Exercise, drawn


# 2.1 Rosenblatt's rule
def _rosenblatt(w: Array, X: Array, y: Array) -> Array:
    for point in range(len(X)):
        perceptron = nn.Perceptron(weights=w)
        perceptron.fit(X[point : point + 1, :-1], y[point : point + 1], max_corrections=1)
        w = np.asarray(perceptron.weights)
    return w


def _corrected(
    is_wrong: Callable[[float], bool] = lambda score: score <= 0,
    factor: Callable[[float], float] = lambda label: label,
) -> Callable[..., Array]:
    """A pass with another idea of which points are wrong, or of what x is multiplied by."""

    def passed(w: Array, X: Array, y: Array) -> Array:
        for x, label in zip(X, y, strict=True):
            w = w + factor(label) * x * is_wrong(label * (w @ x))
        return w

    return passed


def _first_only(w: Array, X: Array, y: Array) -> Array:
    for k in range(1, len(X) + 1):
        if not np.array_equal(w, found := _rosenblatt(w, X[:k], y[:k])):
            return found
    return w


# 2.3 forward
def _network(
    hidden: Callable[..., Any] = F.sigmoid, outputs: Callable[..., Any] = lambda Z: F.softmax(Z, 1)
) -> Callable[..., Any]:
    """The two layers, as nn has them: a row for each point."""

    def forward(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Any:
        return outputs(F.linear(hidden(F.linear(X.T, W1, b1)), W2, b2)).T

    return forward


forward = _network()


EXERCISES = (
    Exercise(
        "2.1", gives=("the weights",), truth=_rosenblatt,
        cases=drawn("features points start",
            [(2, 30, 1), (3, 40, 1), (2, 20, 1), (4, 30, 1), (2, 20, 0)],
            w="start * rng.normal(size=features + 1)",
            X="np.concatenate([rng.normal(size=(points, features)), np.ones((points, 1))], axis=1)",
            y="rng.choice((-1.0, 1.0), points)"),
        about=("", "", "", "", "weights that begin as zeros: every point lies on the boundary"),
        extremes={"points far away": {"X": "np.append(1e8 * X[:, :-1], X[:, -1:], axis=1)"}},
        mistakes={
            "points that are right are also corrected": "w + y @ X",
            "the right points are corrected, not the wrong ones": _corrected(lambda s: s > 0),
            "all points are judged by the first weights: each correction counts at once":
                "w + (y * (y * (X @ w) <= 0)) @ X",
            "the correction goes the wrong way": _corrected(factor=lambda y: -y),
            "the label is missing: a point with label -1 must be subtracted":
                _corrected(factor=lambda y: 1),
            "only the first misclassified point is corrected": _first_only,
            "a point on the boundary, where y (w · x) = 0, is also misclassified":
                _corrected(lambda s: s < 0),
        },
    ),
    Exercise(
        "2.2", gives=("the probabilities",), truth="F.softmax(Z, 0)",
        cases=drawn("classes points", [(3, 3), (4, 2), (2, 5)],
            Z="rng.normal(size=(classes, points))"),
        extremes={
            "scores of 800": {"Z": "Z + 800 * np.sign(Z)"},
            "columns of very different size": {"Z": "Z + [0, -2_000, -4_000]"},
        },
        mistakes={
            "it goes along the wrong axis: a point is a column": "F.softmax(Z, 1)",
            "the whole batch adds up to 1: each column should":
                "F.softmax(Z.ravel(), 0).reshape(Z.shape)",
            "the sum goes over the whole batch: each column has its own":
                "np.exp(Z - Z.max(0)) / np.exp(Z - Z.max(0)).sum()",
            "it is not divided by the sum: these are not probabilities": "np.exp(Z)",
            "this is the logarithm of softmax": "F.log_softmax(Z, 0)",
            "this is the sigmoid of each score: the columns do not add up to 1": "sigmoid(Z)",
            "the scores are divided by their sum, without exp": "Z / Z.sum(0)",
            "divided by the largest exponential, not by the sum": "np.exp(Z - Z.max(0))",
        },
    ),
    Exercise(
        "2.3", gives=("P",), truth=forward,
        cases=drawn("n hidden classes m", [(3, 3, 3, 3), (4, 5, 3, 6), (2, 4, 2, 1)],
            X="rng.normal(size=(n, m))", W1="rng.normal(size=(hidden, n))",
            b1="rng.normal(size=hidden)", W2="rng.normal(size=(classes, hidden))",
            b2="rng.normal(size=classes)"),
        extremes={"sums of hundreds": {"W1": "1_000 * W1", "b2": "800.0 * np.arange(len(b2))"}},
        mistakes={
            "b1 is missing": "forward(X, W1, 0 * b1, W2, b2)",
            "b2 is missing": "forward(X, W1, b1, W2, 0 * b2)",
            "both biases are missing": "forward(X, W1, 0 * b1, W2, 0 * b2)",
            "the hidden neurons have no sigmoid": _network(hidden=lambda Z: Z),
            "the hidden neurons have tanh in place of the sigmoid": _network(hidden=np.tanh),
            "the hidden neurons have ReLU in place of the sigmoid": _network(hidden=F.relu),
            "the softmax at the end is missing": _network(outputs=lambda Z: Z),
            "the outputs have a sigmoid where softmax belongs": _network(outputs=F.sigmoid),
            "softmax goes along the wrong axis: a point is a column":
                _network(outputs=lambda Z: F.softmax(Z, 0)),
            "the sums have exp, but are not divided by their sum": _network(outputs=np.exp),
            "b1 is added along the points: it has one entry for each neuron, so it is a column":
                "F.softmax(W2 @ sigmoid(W1 @ X + b1) + b2[:, None], 0)",
        },
    ),
)  # fmt: skip
