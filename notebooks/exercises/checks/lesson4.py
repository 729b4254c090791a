"""Lesson 4: reading handwritten digits."""

from typing import Any

import numpy as np

from .exercise import Array, Exercise, Loss, Slope, as_if, drawn, sigmoid


# 4.1 a broadcast addition
def _summed(g: Array, like: Array, leading: bool = True, ones: bool = True) -> Array:
    """g summed over some of the axes along which an operand was repeated."""
    if leading:
        g = g.sum(tuple(range(g.ndim - like.ndim)))
    if ones and g.ndim == like.ndim:
        repeated = tuple(k for k, n in enumerate(like.shape) if n == 1 != g.shape[k])
        g = g.sum(repeated, keepdims=True)
    return g


def _first_copy(g: Array, like: Array) -> Array:
    g = g[(0,) * (g.ndim - like.ndim)]
    return g[tuple(slice(0, 1) if n == 1 else slice(None) for n in like.shape)]


# 4.2 a mini-batch
def _batch_step(w: Array, gradients: Array, rate: float) -> Any:
    """Down the mean of the costs whose gradients are given."""
    (slope,) = Slope(lambda w, gradients: np.sum(gradients * w) / len(gradients), "w")(
        w=w, gradients=gradients
    )
    return w - rate * slope


# 4.3 a whole network
def _cost(
    X: Array, Y: Array, W1: Any, b1: Any, W2: Any, b2: Any,
    hidden: Any = sigmoid, outputs: Any = sigmoid,
) -> Any:  # fmt: skip
    H = hidden(W1 @ X + b1[:, None])
    A = outputs(W2 @ H + b2[:, None])
    return np.sum((A - Y) ** 2) / (2 * X.shape[1])


def _slopeless(Z: Any) -> Any:
    return as_if(sigmoid(Z), Z)


def _gone_back(through: Array, **case: Any) -> tuple[Array, ...]:
    """The gradients of the first layer where the error goes back through other weights."""
    outputs = Slope(lambda Z, Y: np.sum((sigmoid(Z) - Y) ** 2) / (2 * Y.shape[1]), "Z")
    H = sigmoid(case["W1"] @ case["X"] + case["b1"][:, None])
    (delta,) = outputs(Z=case["W2"] @ H + case["b2"][:, None], Y=case["Y"])
    below = Slope(
        lambda X, W1, b1: np.sum(delta * (through @ sigmoid(W1 @ X + b1[:, None]))), "W1", "b1"
    )
    return below(X=case["X"], W1=case["W1"], b1=case["b1"])


EXERCISES = (
    Exercise(
        "4.1", gives=("da", "db"), truth=Slope(lambda g, a, b: np.sum(g * (a + b)), "a", "b"),
        cases=drawn("left right", [((2, 3), (2, 3)), ((4, 3), (3,)), ((4, 3), (4, 1)),
                                   ((3,), (2, 4, 3)), ((2, 1, 3), (4, 1))],
            g="rng.normal(size=np.broadcast_shapes(left, right))", a="rng.normal(size=left)",
            b="rng.normal(size=right)"),
        about=("equal shapes", "a row b repeated for every row of a", "a column b",
            "an a that lacks the leading axes of b", "both operands repeated"),
        extremes={"gradients of 1e300": {"g": "1e300 * g"}},
        mistakes={
            "this is g itself: an entry that was repeated gets the sum over its copies": "(g, g)",
            "axes that the operand lacks are summed over, those where it has length 1 are not":
                "(_summed(g, a, ones=False), _summed(g, b, ones=False))",
            "axes of length 1 are summed over, those that the operand lacks are not":
                "(_summed(g, a, leading=False), _summed(g, b, leading=False))",
            "it is the mean over the copies: paths are added":
                "(_summed(g, a) * a.size / g.size, _summed(g, b) * b.size / g.size)",
            "this is the rule of a product: a sum has slope 1 by each operand":
                Loss("np.sum(g * (a * b))"),
            "g is missing: it is multiplied by every slope": Loss("np.sum(a + b)"),
            "only the first copy is counted": "(_first_copy(g, a), _first_copy(g, b))",
        },
    ),
    Exercise(
        "4.2", gives=("the weights",), truth=_batch_step,
        cases=drawn("d shape", [(5, (3,)), (4, (2, 3)), (7, (3, 2)), (1, (4,))],
            w="rng.normal(size=shape)", gradients="rng.normal(size=(d, *shape))",
            rate="float(rng.uniform(0.1, 0.5))"),
        extremes={"gradients of 1e150": {"gradients": "1e150 * gradients"}},
        mistakes={
            "the step goes uphill: go against the gradient": "2 * w - true()",
            "the gradients are added, not averaged: divide by the number of examples":
                "true(rate=rate * len(gradients))",
            "this is the step alone: add it to the weights": "true() - w",
            "the learning rate is missing": "true(rate=1)",
            "divided by the learning rate": "true(rate=1 / rate)",
            "the average goes over all entries: only axis 0 counts examples":
                "w - rate * gradients.mean()",
            "only the last example is used": "true(gradients=gradients[-1:])",
            "divided by the number of examples twice": "true(rate=rate / len(gradients))",
        },
    ),
    Exercise(
        "4.3", gives=("dW1", "db1", "dW2", "db2"), truth=Slope(_cost, "W1", "b1", "W2", "b2"),
        cases=drawn("n hidden outputs m", [(3, 3, 3, 4), (4, 3, 2, 5), (2, 5, 3, 1)],
            X="rng.normal(size=(n, m))", Y="rng.uniform(size=(outputs, m))",
            W1="rng.normal(size=(hidden, n))", b1="rng.normal(size=hidden)",
            W2="rng.normal(size=(outputs, hidden))", b2="rng.normal(size=outputs)"),
        extremes={"a neuron with weights of a billion": {"W1": "W1 * [[1], [1], [1e9]]"}},
        mistakes={
            "σ′ of the outputs is missing": Loss("_cost(**case, outputs=_slopeless)"),
            "σ′ of the hidden neurons is missing": Loss("_cost(**case, hidden=_slopeless)"),
            "σ′ is missing in both layers":
                Loss("_cost(**case, hidden=_slopeless, outputs=_slopeless)"),
            "you forgot to divide by the number of points": Loss("_cost(**case) * X.shape[1]"),
            "divided by the number of points twice": Loss("_cost(**case) / X.shape[1]"),
            "the error goes back through W2 untransposed":
                "(*_gone_back(W2.T, **case), *true()[2:])",
            "the error goes back as if all weights were 1":
                "(*_gone_back(np.ones_like(W2), **case), *true()[2:])",
        },
    ),
)  # fmt: skip
