"""Lesson 7: your own network."""

from collections.abc import Callable
from typing import Any

import numpy as np

import nn.functional as F  # noqa: N812

from .exercise import Array, Exercise, Loss, Slope, cut, drawn, sigmoid


# 7.2 a convolution
def _convolved(image: Any, kernel: Any) -> Any:
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def _overwritten(g: Array, image: Array, kernel: Array) -> tuple[Array, Array]:
    """Places in order, each writing over what is there."""
    d_image, (p, q) = np.zeros(image.shape), kernel.shape
    for i, j in np.ndindex(g.shape):
        d_image[i : i + p, j : j + q] = g[i, j] * kernel
    return d_image, g[-1, -1] * image[-p:, -q:]


# 7.3 a recurrent network
def _recurrent(
    X: Array, W: Any, U: Any, b: Any, g: Array,
    back: Callable[[Any], Any] = lambda h: h, squash: Callable[[Any], Any] = np.tanh,
    counted: Callable[[Any, int], Any] = lambda weight, t: weight, way_back: Any = None,
) -> Any:  # fmt: skip
    """Σ g[t] · h[t]; what leads back to the step before, and more, may be handled otherwise."""
    h, total = np.zeros(len(b)), 0.0
    for t, (x, slope) in enumerate(zip(X, g, strict=True)):
        before = counted(W, t) @ back(h)
        if way_back is not None:
            before = W @ cut(h) + way_back @ (h - cut(h))
        h = squash(before + counted(U, t) @ x + counted(b, t))
        total = total + np.sum(slope * h)
    return total


def _in_step(number: int) -> Callable[[Any, int], Any]:
    """Only the uses of a weight in one step are counted."""
    return lambda weight, t: weight if t == number else cut(weight)


# 7.4 a head of attention
def _attended(
    g: Array, Q: Any, K: Any, V: Any, scale: float | None = None,
    seen: Callable[[int], Array] = lambda n: np.tri(n, dtype=bool),
    weights: Callable[[Any], Any] = lambda S: F.softmax(S, dim=1),
) -> Any:  # fmt: skip
    """Σ g · (A V), with another scale, mask or softmax if asked for."""
    S = Q @ K.T * (1 / np.sqrt(Q.shape[1]) if scale is None else scale)
    return np.sum(g * (weights(np.where(seen(len(g)), S, -np.inf)) @ V))


def _without_sum(S: Any) -> Any:
    """The softmax, with the derivatives of E / (the sum, held fixed)."""
    E = np.exp(S - np.max(cut(S), axis=1, keepdims=True))
    return E / cut(np.sum(E, axis=1, keepdims=True))


EXERCISES = (
    Exercise(
        "7.1", gives=("the gradient",), truth=Slope(lambda g, x: np.sum(g * (x * sigmoid(x))), "x"),
        cases=drawn("shape", [(5,), (2, 3), (4,)],
            g="rng.normal(size=shape)", x="2 * rng.normal(size=shape)"),
        extremes={"x of hundreds": {"x": "x * [1, 1, 300, 300, 300]"}},
        mistakes={
            "g is missing: the way back multiplies by what comes from above":
                "true(g=np.ones(g.shape))",
            "the path through σ(x) is missing": Loss("np.sum(g * (x * cut(sigmoid(x))))"),
            "the path through the x before σ is missing": Loss("np.sum(g * (cut(x) * sigmoid(x)))"),
            "the two factors' derivatives are multiplied: a product has a sum of two terms":
                "Slope(lambda g, x: np.sum(g * sigmoid(x)), 'x')(g=g, x=x)",
            "this is g times y itself": "g * x * sigmoid(x)",
            "σ′ lacks its factor 1 - σ":
                Loss("np.sum(g * (x * cut(sigmoid(x)) + cut(x) * np.logaddexp(0, x)))"),
            "the second path lacks its factor x":
                Loss("np.sum(g * (x * cut(sigmoid(x)) + sigmoid(x)))"),
        },
    ),
    Exercise(
        "7.2", gives=("d_image", "d_kernel"),
        truth=Slope(lambda g, image, kernel: np.sum(g * _convolved(image, kernel)),
            "image", "kernel"),
        cases=drawn("n m p q", [(5, 5, 3, 3), (4, 6, 2, 2), (6, 5, 2, 3)],
            g="rng.normal(size=(n - p + 1, m - q + 1))", image="rng.normal(size=(n, m))",
            kernel="rng.normal(size=(p, q))"),
        extremes={"a kernel as large as the image":
            {"g": "g[:1, :1]", "kernel": "rng.normal(size=image.shape)"}},
        mistakes={
            "the kernel is turned by 180°: a place passes g back through the weights it used":
                "(true(kernel=kernel[::-1, ::-1])[0], None)",
            "it is turned by 180°: the pixel at (i + a, j + b) met the weight at (a, b)":
                "(None, true()[1][::-1, ::-1])",
            "it is the mean over the places: the paths of a shared weight are added":
                "(None, true()[1] / g.size)",
            "g is missing": "true(g=np.ones(g.shape))",
            "each place overwrites what the one before gave: add them (+=)": _overwritten,
            "only the first place is counted: a shared weight is used at all of them":
                "(None, g[0, 0] * image[: kernel.shape[0], : kernel.shape[1]])",
            "g is turned by 180°": "true(g=g[::-1, ::-1])",
        },
    ),
    Exercise(
        "7.3", gives=("dW", "dU", "db"), truth=Slope(_recurrent, "W", "U", "b"),
        cases=drawn("steps inputs neurons", [(4, 3, 3), (5, 2, 3), (3, 4, 2)],
            X="rng.normal(size=(steps, inputs))", W="0.7 * rng.normal(size=(neurons, neurons))",
            U="rng.normal(size=(neurons, inputs))", b="0.3 * rng.normal(size=neurons)",
            g="rng.normal(size=(steps, neurons))"),
        extremes={
            "a single step": {"X": "X[:1]", "g": "g[:1]"},
            "inputs of a billion": {"X": "X * [[1], [1], [1e9], [1]]"},
        },
        mistakes={
            "the path back in time is missing: h[t] also reaches the cost through h[t+1]":
                Loss("_recurrent(**case, back=cut)"),
            "only the last step's use of the weights is counted: they are used at every step":
                Loss("_recurrent(**case, counted=_in_step(len(X) - 1))"),
            "only the first step's use of the weights is counted: they are used at every step":
                Loss("_recurrent(**case, counted=_in_step(0))"),
            "the slope of tanh, 1 - h², is missing":
                Loss("_recurrent(**case, squash=lambda z: as_if(np.tanh(z), z))"),
            "W must be transposed on the way back": Loss("_recurrent(**case, way_back=cut(W).T)"),
            "the weights are missing on the way back":
                Loss("_recurrent(**case, way_back=np.eye(len(b)))"),
            "only the cost of the last state is counted: each g[t] has its part":
                "true(g=g * (np.arange(len(g)) == len(g) - 1)[:, None])",
            "it is the mean over the steps: paths are added":
                "tuple(part / len(X) for part in true())",
            "the slope of tanh is 1 - h²: this is the slope of σ, h (1 - h)":
                Loss("_recurrent(**case, squash=lambda z: as_if(np.tanh(z), cut(np.tanh(z) * (1 - "
                "np.tanh(z))) * z))"),
        },
    ),
    Exercise(
        "7.4", gives=("dQ", "dK", "dV"), truth=Slope(_attended, "Q", "K", "V"),
        cases=drawn("n d e", [(4, 4, 3), (5, 2, 2), (3, 3, 4)],
            g="rng.normal(size=(n, e))", Q="rng.normal(size=(n, d))",
            K="rng.normal(size=(n, d))", V="rng.normal(size=(n, e))"),
        extremes={"scores of a billion": {"Q": "Q * [[1], [1], [1], [1e9]]"}},
        mistakes={
            "the mask is missing: no letter sees those after it":
                Loss("_attended(**case, seen=lambda n: np.ones((n, n), bool))"),
            "the mask is the wrong way round: a letter sees itself and those before it":
                Loss("_attended(**case, seen=lambda n: np.tri(n, dtype=bool).T)"),
            "the scores are divided by √d: this is without": Loss("_attended(**case, scale=1.0)"),
            "the scores are divided by √d: this is by d":
                Loss("_attended(**case, scale=1 / Q.shape[1])"),
            "the path through the softmax's sum is missing":
                Loss("_attended(**case, weights=_without_sum)"),
            "√d is forgotten on the way back":
                "(true()[0] * np.sqrt(Q.shape[1]), true()[1] * np.sqrt(Q.shape[1]), None)",
            "this is that of the other: exchange the two": "(true()[1], true()[0], None)",
            "g is missing": "true(g=np.ones(g.shape))",
        },
    ),
)  # fmt: skip
