"""Lesson 4: reading handwritten digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .exercise import Array, Case, Exercise, Slope, as_if, sigmoid

TITLE = "Reading handwritten digits"
INTRODUCTION = """\
What a training loop is made of: the backward pass of a bias that was added to a whole batch, the
step of a mini-batch, and all gradients of a network like the one that reads digits."""

# ---- 4.1 a broadcast addition --------------------------------------------------------------------

add_backward = Slope(lambda g, a, b: np.sum(g * (a + b)), "a", "b")


def _operands(rng: np.random.Generator) -> Iterator[Case]:
    for left, right in (
        ((2, 3), (2, 3)), ((4, 3), (3,)), ((4, 3), (4, 1)), ((3,), (2, 4, 3)), ((2, 1, 3), (4, 1)),
    ):  # fmt: skip
        a, b = rng.normal(size=left), rng.normal(size=right)
        yield {"g": rng.normal(size=(a + b).shape), "a": a, "b": b}


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


# ---- 4.2 a mini-batch ----------------------------------------------------------------------------


def _batch_step(w: Array, gradients: Array, rate: float) -> Any:
    """Down the mean of the costs whose gradients are given."""
    (slope,) = Slope(lambda w, gradients: np.sum(gradients * w) / len(gradients), "w")(
        w=w, gradients=gradients
    )
    return w - rate * slope


def _gradients(rng: np.random.Generator) -> Iterator[Case]:
    for d, shape in ((5, (3,)), (4, (2, 3)), (7, (3, 2)), (1, (4,))):
        yield {
            "w": rng.normal(size=shape),
            "gradients": rng.normal(size=(d, *shape)),
            "rate": float(rng.uniform(0.1, 0.5)),
        }


# ---- 4.3 a whole network -------------------------------------------------------------------------


def _cost(
    X: Any,
    Y: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    hidden: Any = sigmoid,
    outputs: Any = sigmoid,
) -> Any:
    H = hidden(W1 @ X + b1[:, None])
    A = outputs(W2 @ H + b2[:, None])
    return np.sum((A - Y) ** 2) / (2 * X.shape[1])


def _slopeless(Z: Any) -> Any:
    return as_if(sigmoid(Z), Z)


def _gone_back(through: Array, **case: Any) -> tuple[Array, ...]:
    """The gradients where the error of the outputs goes back through other weights."""
    outputs = Slope(lambda Z, Y: np.sum((sigmoid(Z) - Y) ** 2) / (2 * Y.shape[1]), "Z")
    H = sigmoid(case["W1"] @ case["X"] + case["b1"][:, None])
    (delta,) = outputs(Z=case["W2"] @ H + case["b2"][:, None], Y=case["Y"])
    below = Slope(
        lambda X, W1, b1: np.sum(delta * (through @ sigmoid(W1 @ X + b1[:, None]))), "W1", "b1"
    )
    dW1, db1 = below(X=case["X"], W1=case["W1"], b1=case["b1"])
    return dW1, db1, *network_gradients(**case)[2:]


network_gradients = Slope(_cost, "W1", "b1", "W2", "b2")


def _networks(rng: np.random.Generator) -> Iterator[Case]:
    for n, hidden, outputs, m in ((3, 3, 3, 4), (4, 3, 2, 5), (2, 5, 3, 1)):
        yield {
            "X": rng.normal(size=(n, m)),
            "Y": rng.uniform(size=(outputs, m)),
            "W1": rng.normal(size=(hidden, n)),
            "b1": rng.normal(size=hidden),
            "W2": rng.normal(size=(outputs, hidden)),
            "b2": rng.normal(size=outputs),
        }


EXERCISES = (
    Exercise(
        number="4.1",
        name="add_backward",
        title="Backward through a broadcast addition",
        statement="""\
NumPy adds arrays of different shapes by repeating the smaller one: a bias of shape (3,) to a batch
of shape (4, 3), or a column of shape (4, 1) to it. Let y = a + b, and let `g` be the gradient of
the cost by y, shaped like y. Write the gradients by `a` and by `b`, each shaped like
its operand.""",
        start='''\
def add_backward(g, a, b):
    """The gradients by a and b of a cost whose gradient by a + b is g."""
    da = ...
    db = ...
    return da, db
''',
        hints=(
            "Without repetition both gradients are g. An entry that was repeated reaches the cost "
            "by several paths, one for each copy.",
            "So its gradient is the **sum** of g over the copies: over axes that the operand does "
            "not have (the leading ones), and over those where it has length 1.",
            "First g.sum over the leading axes, g.ndim - a.ndim of them. Then sum, with "
            "keepdims=True, over each axis where a.shape has a 1. The same helper does b.",
        ),
        gives=("da", "db"),
        cases=_operands,
        truth=add_backward,
        about=(
            "equal shapes",
            "a row b repeated for every row of a",
            "a column b",
            "an a that lacks the leading axes of b",
            "both operands repeated",
        ),
        mistakes={
            "this is g itself: an entry that was repeated gets the sum over its copies": (
                lambda g, a, b: (g, g)
            ),
            "axes that the operand lacks are summed over, those where it has length 1 are not": (
                lambda g, a, b: (_summed(g, a, ones=False), _summed(g, b, ones=False))
            ),
            "axes of length 1 are summed over, those that the operand lacks are not": (
                lambda g, a, b: (_summed(g, a, leading=False), _summed(g, b, leading=False))
            ),
            "it is the mean over the copies: paths are added": lambda g, a, b: (
                _summed(g, a) * a.size / g.size,
                _summed(g, b) * b.size / g.size,
            ),
            "this is the rule of a product: a sum has slope 1 by each operand": Slope(
                lambda g, a, b: np.sum(g * (a * b)), "a", "b"
            ),
            "g is missing: it is multiplied by every slope": Slope(
                lambda g, a, b: np.sum(a + b), "a", "b"
            ),
            "only the first copy is counted": lambda g, a, b: (
                _first_copy(g, a),
                _first_copy(g, b),
            ),
        },
    ),
    Exercise(
        number="4.2",
        name="minibatch_step",
        title="The step of a mini-batch",
        statement="""\
`gradients` holds the gradient of the cost of each example of a mini-batch, one after the other
along axis 0: its shape is (d, ...) for d examples and weights `w` of shape (...). Gradient descent
takes the gradient of the **average** cost. Return the weights after one step with the learning rate
`rate`.""",
        start='''\
def minibatch_step(w, gradients, rate):
    """The weights after one step down the average of the gradients."""
    ...
''',
        hints=(
            "The gradient of an average is the average of the gradients.",
            "Average over the examples only: axis 0. What is left is shaped like w.",
            "Step against the gradient: w - rate * average. Make a new array, since others hold "
            "the one you were handed.",
        ),
        gives=("the weights",),
        cases=_gradients,
        truth=_batch_step,
        mistakes={
            "the step goes uphill: go against the gradient": lambda w, gradients, rate: (
                2 * w - _batch_step(w, gradients, rate)
            ),
            "the gradients are added, not averaged: divide by the number of examples": (
                lambda w, gradients, rate: _batch_step(w, gradients, rate * len(gradients))
            ),
            "this is the step alone: add it to the weights": lambda w, gradients, rate: (
                _batch_step(w, gradients, rate) - w
            ),
            "the learning rate is missing": lambda w, gradients, rate: _batch_step(w, gradients, 1),
            "divided by the learning rate": lambda w, gradients, rate: _batch_step(
                w, gradients, 1 / rate
            ),
            "the average goes over all entries: only axis 0 counts examples": (
                lambda w, gradients, rate: w - rate * gradients.mean()
            ),
            "only the last example is used": lambda w, gradients, rate: _batch_step(
                w, gradients[-1:], rate
            ),
            "divided by the number of examples twice": lambda w, gradients, rate: _batch_step(
                w, gradients, rate / len(gradients)
            ),
        },
    ),
    Exercise(
        number="4.3",
        name="network_gradients",
        title="All gradients of a network",
        statement="""\
The network that reads digits, for a batch of m points in the columns of `X`:

    H = σ(W¹ X + b¹)
    A = σ(W² H + b²)
    C = 1/(2m) · Σ (A - Y)²

Write the gradients of C by W¹, b¹, W² and b². Lesson 3's exercises are the steps; here they are
put together.""",
        start='''\
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network_gradients(X, Y, W1, b1, W2, b2):
    """∂C/∂W1, ∂C/∂b1, ∂C/∂W2, ∂C/∂b2."""
    dW1, db1, dW2, db2 = ..., ..., ..., ...
    return dW1, db1, dW2, db2
''',
        hints=(
            "Forward first, and keep H and A. Then backward: the error of the outputs, that of "
            "the hidden layer, and from each error the gradients of its weights and biases.",
            "δ² = (A - Y)/m ⊙ A (1 - A), and δ¹ = W²ᵀ δ² ⊙ H (1 - H). The m is in δ² already.",
            "dW² = δ² Hᵀ and db² = δ² summed over axis 1; dW¹ = δ¹ Xᵀ and db¹ likewise.",
        ),
        gives=("dW1", "db1", "dW2", "db2"),
        cases=_networks,
        truth=network_gradients,
        mistakes={
            "σ′ of the outputs is missing": network_gradients.of(
                lambda **case: _cost(**case, outputs=_slopeless)
            ),
            "σ′ of the hidden neurons is missing": network_gradients.of(
                lambda **case: _cost(**case, hidden=_slopeless)
            ),
            "σ′ is missing in both layers": network_gradients.of(
                lambda **case: _cost(**case, hidden=_slopeless, outputs=_slopeless)
            ),
            "you forgot to divide by the number of points": network_gradients.of(
                lambda **case: _cost(**case) * case["X"].shape[1]
            ),
            "divided by the number of points twice": network_gradients.of(
                lambda **case: _cost(**case) / case["X"].shape[1]
            ),
            "the error goes back through W2 untransposed": lambda **case: _gone_back(
                **case, through=case["W2"].T
            ),
            "the error goes back as if all weights were 1": lambda **case: _gone_back(
                **case, through=np.ones_like(case["W2"])
            ),
        },
    ),
)
