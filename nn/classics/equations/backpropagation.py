"""Activations and the five equations: entry by entry, with matrices, as the four of Nielsen's book,
and for whole networks with a cross-entropy: a softmax at the end, or sigmoids everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = [
    "Activation", "BatchGradients", "Gradients", "Layer", "backpropagate", "bp1", "bp2", "bp3",
    "bp4", "elemental", "elementwise", "elu", "feed_forward", "identity", "leaky_relu",
    "log_softmax", "quadratic_slope", "relu", "sigmoid", "sigmoid_batch", "softmax",
    "softmax_batch", "softmax_point", "tanh",
]  # fmt: skip

Array: TypeAlias = Any  # a NumPy array; nothing here comes from the engine
Arrays: TypeAlias = Sequence[Array]


class Activation(NamedTuple):
    """a = h(z), and the way back: from g = ∂C/∂a to ∂C/∂z.

    >>> sigmoid.pull_back(1.0, 0.0, 0.5)      # σ'(0), from g, z and a
    0.25
    """

    name: str
    of: Callable[[Array], Array]
    pull_back: Callable[[Array, Array, Array], Array]


def elementwise(
    name: str, of: Callable[[Array], Array], slope: Callable[[Array, Array], Array]
) -> Activation:
    """Makes an activation of single neurons, from h(z) and the slope h'(z), a function of z and a.

    >>> square = elementwise("square", lambda z: z * z, lambda z, a: 2 * z)
    >>> square.pull_back(1.0, 3.0, 9.0)
    6.0
    """
    return Activation(name, of, lambda g, z, a: g * slope(z, a))


def _logistic(z: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        return 1 / (1 + np.exp(-z))


identity = elementwise("identity", lambda z: z, lambda z, a: np.ones_like(z))
sigmoid = elementwise("sigmoid", _logistic, lambda z, a: a * (1 - a))
tanh = elementwise("tanh", np.tanh, lambda z, a: 1 - a * a)
relu = elementwise("relu", lambda z: np.maximum(z, 0), lambda z, a: z > 0)


def leaky_relu(alpha: float = 0.01) -> Activation:
    """Makes the activation z where z is positive, else α z.

    >>> leaky_relu(0.1).of([3.0, -2.0])
    array([ 3. , -0.2])
    """
    of: Any = lambda z: np.where(np.greater(z, 0), z, np.multiply(alpha, z))  # noqa: E731
    return elementwise("leaky relu", of, lambda z, a: np.where(z > 0, 1, alpha))


def elu(alpha: float = 1.0) -> Activation:
    """Makes the activation z where z is positive, else α (eᶻ - 1).

    >>> elu().of(np.array([3.0, -1e9]))
    array([ 3., -1.])
    """
    of: Any = lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))  # noqa: E731
    return elementwise("elu", of, lambda z, a: np.where(z > 0, 1, a + alpha))


def softmax(axis: int) -> Activation:
    """Makes the activation aᵢ = exp zᵢ / Σⱼ exp zⱼ along the axis of the classes.

    The axis is -1 for points in rows, 0 in columns. Every a depends on every z:
    ∂aᵢ/∂zⱼ = aᵢ (1 - aᵢ) where i = j, else -aᵢ aⱼ.

    >>> softmax(-1).of([0.0, 0.0])
    array([0.5, 0.5])
    """

    def of(z: Array) -> Array:
        exponentials = np.exp(z - np.max(z, axis, keepdims=True))
        return exponentials / np.sum(exponentials, axis, keepdims=True)

    return Activation("softmax", of, lambda g, z, a: a * (g - np.sum(g * a, axis, keepdims=True)))


def log_softmax(axis: int) -> Activation:
    """Makes the logarithm of the softmax along the axis of the classes.

    >>> log_softmax(-1).of([1e4, 0.0])
    array([     0., -10000.])
    """

    def of(z: Array) -> Array:
        below = z - np.max(z, axis, keepdims=True)
        return below - np.log(np.sum(np.exp(below), axis, keepdims=True))

    def pull_back(g: Array, z: Array, a: Array) -> Array:
        return g - np.exp(a) * np.sum(g, axis, keepdims=True)

    return Activation("log softmax", of, pull_back)


class Gradients(NamedTuple):
    """The gradients of a layer: δ = ∂C/∂z, ∂C/∂W, ∂C/∂b, and ∂C/∂a of its input."""

    delta: Array
    dW: Array
    db: Array
    dH: Array


def elemental(
    weights: Arrays, biases: Arrays, activation: Activation, x: Array, y: Array
) -> list[Gradients]:
    """Computes the five equations in elemental form, for one point and the cost ½ ‖y - a‖².

    w[m, n] leads from neuron m of the layer before to neuron n, as in z = Wᵀ a + b.

    >>> (layer,) = elemental([np.array([[1.0], [-1.0]])], [[0.0]], sigmoid, [2.0, 2.0], [1.0])
    >>> layer.delta       # (a - y) a (1 - a) with a = ½
    array([-0.125])
    """
    outputs, after = [], np.asarray(x, float)
    for w, b in zip(weights, biases, strict=True):
        (M, N), a = w.shape, after
        z = np.array([sum(w[m, n] * a[m] for m in range(M)) + b[n] for n in range(N)])  # (1)
        after = activation.of(z)  # (2)
        outputs.append((w, a, activation.pull_back(np.ones(N), z, after)))  # with the slopes h'(z)
    found: list[Gradients] = []
    dH = [after[n] - y[n] for n in range(len(y))]
    for w, before, slope in reversed(outputs):
        M, N = w.shape
        delta = [slope[n] * dH[n] for n in range(N)]  # (3)
        dW = [[delta[n] * before[m] for n in range(N)] for m in range(M)]  # (4)
        db = delta  # (5)
        dH = [sum(w[m, n] * delta[n] for n in range(N)) for m in range(M)]  # (3), the sum
        found.insert(0, Gradients(*map(np.array, (delta, dW, db, dH))))
    return found


class Layer(NamedTuple):
    """Weights, biases and the activation that follows."""

    W: Array
    b: Array
    activation: Activation


# Whether they are stored the other way round than in the equations of a batch.
_POINTS = {"rows": False, "columns": True}
_WEIGHTS = {"outputs, inputs": False, "inputs, outputs": True}


def _stored(points: str, weights: str) -> tuple[bool, bool]:
    for name, choice, known in ("points", points, _POINTS), ("weights", weights, _WEIGHTS):
        if choice not in known:
            raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, got {choice!r}")
    return _POINTS[points], _WEIGHTS[weights]


def _turned(array: Array, other_way: bool) -> Array:
    """From how it is stored to how the equations take it, or back."""
    return array.T if other_way else array


def feed_forward(
    layers: Sequence[Layer], x: Array, points: str = "rows", weights: str = "outputs, inputs"
) -> list[tuple[Array, Array]]:
    """Computes z and a of each layer, by equations (1) and (2); options as in `backpropagate`.

    >>> feed_forward([Layer(np.array([[3.0], [-6.0]]), 0.0, relu)], np.array([[1.0]]))
    [(array([[ 3., -6.]]), array([[3., 0.]]))]
    """
    columns, inputs_first = _stored(points, weights)
    outputs: list[tuple[Array, Array]] = []
    for W, b, activation in layers:
        z = _turned(_turned(x, columns) @ _turned(W, inputs_first).T + b, columns)  # (1)
        x = activation.of(z)  # (2)
        outputs.append((z, x))
    return outputs


def backpropagate(
    layers: Sequence[Layer],
    x: Array,
    y: Array,
    slope_of_cost: Callable[[Array, Array], Array],
    points: str = "rows",
    weights: str = "outputs, inputs",
) -> list[Gradients]:
    """Computes the five equations in matrix form, for all points of a batch at once.

    Arguments:
        layers: the weights, biases and activation of each layer.
        x, y: the points and their targets.
        slope_of_cost: (a, y) ↦ ∂C/∂a for the whole batch, such as `quadratic_slope`.
        points: whether they are the "rows" or the "columns" of x and y.
        weights: how W is stored, as "outputs, inputs" or "inputs, outputs".

    >>> layer = Layer(np.array([[1.0, -1.0]]), 0.0, sigmoid)
    >>> backpropagate([layer], np.array([[2.0, 2.0]]), 1.0, quadratic_slope)[0].dW
    array([[-0.25, -0.25]])
    """
    columns, inputs_first = _stored(points, weights)
    outputs = feed_forward(layers, x, points, weights)
    *inputs, last = x, *(a for _, a in outputs)
    dH, found = slope_of_cost(last, y), list[Gradients]()
    forwards = [*zip(layers, inputs, outputs, strict=True)]
    for (W, _, activation), before, (z, a) in reversed(forwards):
        delta = activation.pull_back(dH, z, a)  # (3)
        in_rows = _turned(delta, columns)
        dH = _turned(in_rows @ _turned(W, inputs_first), columns)  # (3), the sum
        dW = _turned(in_rows.T @ _turned(before, columns), inputs_first)  # (4)
        db = in_rows.sum(0)  # (5)
        found.insert(0, Gradients(delta, dW, db, dH))
    return found


def quadratic_slope(a: Array, y: Array) -> Array:
    """Computes ∂C/∂a = a - y of the cost ½ Σ ‖y - a‖², summed over the points.

    >>> quadratic_slope(0.75, 1.0)
    -0.25
    """
    return a - y


def bp1(slope_of_cost: Array, slope: Array) -> Array:
    """Computes δ = ∇C ⊙ σ'(z) in the last layer, the first of the equations in Nielsen's book.

    >>> bp1(0.5, 0.25)
    0.125
    """
    return slope_of_cost * slope


def bp2(w_after: Array, delta_after: Array, slope: Array) -> Array:
    """Computes δ = (wᵀ δ of the layer after) ⊙ σ'(z) in the others.

    >>> bp2(np.array([[1.0, 2.0]]), np.array([0.5]), np.array([0.25, 0.25]))
    array([0.125, 0.25 ])
    """
    return (w_after.T @ delta_after) * slope


def bp3(delta: Array) -> Array:
    """Computes ∂C/∂b = δ.

    >>> bp3(0.125)
    0.125
    """
    return delta


def bp4(a_before: Array, delta: Array) -> Array:
    """Computes ∂C/∂w, where ∂C/∂w[j, k] = a[k] δ[j].

    >>> bp4([1.0, 2.0], [0.5])
    array([[0.5, 1. ]])
    """
    return np.outer(delta, a_before)


class BatchGradients(NamedTuple):
    """The gradients of a layer for a batch.

    dZ and dH have a column for each example, dW_each and db_each an entry along the first axis for
    each example; dW and db are their averages over the examples.
    """

    dZ: Array
    dW_each: Array
    db_each: Array
    dH: Array
    dW: Array
    db: Array


def softmax_batch(
    weights: Arrays, biases: Arrays, hidden: Activation, X: Array, Y: Array
) -> tuple[float, list[BatchGradients]]:
    """Computes the average loss -yᵀ log p of a batch, and the gradients of each layer.

    The last layer computes probabilities p by a softmax, the others have the activation `hidden`.
    The derivatives of softmax and logarithm combine to dz = p - y. W is stored as (outputs,
    inputs), points are the columns of X and Y.

    >>> loss, (layer,) = softmax_batch([np.eye(2)], [np.zeros(2)], sigmoid, np.eye(2), np.eye(2))
    >>> layer.dW_each.shape, layer.db
    ((2, 2, 2), array([0., 0.]))
    """
    m, layers = X.shape[1], _ending_in_sums(weights, biases, hidden)
    inputs = [X, *(a for _, a in feed_forward(layers, X, "columns"))]
    loss = -float(np.sum(Y * log_softmax(0).of(inputs.pop()))) / m
    gradients = backpropagate(layers, X, Y, lambda Z, Y: softmax(0).of(Z) - Y, "columns")
    found = []
    for H, (dZ, dW, db, dH) in zip(inputs, gradients, strict=True):
        each = dZ.T[:, :, np.newaxis] * H.T[:, np.newaxis, :]  # dz hᵀ of each example
        found.append(BatchGradients(dZ, each, dZ.T, dH, dW / m, db / m))
    return loss, found


def softmax_point(
    weights: Arrays, biases: Arrays, hidden: Activation, x: Array, y: Array
) -> tuple[float, list[Gradients]]:
    """Computes the loss and the gradients of `softmax_batch` for one point: dz, dW, db and dh.

    >>> loss, (layer,) = softmax_point([np.eye(2)], [np.zeros(2)], sigmoid, np.zeros(2), [1.0, 0.0])
    >>> layer.delta
    array([-0.5,  0.5])
    """
    X, Y = np.array([x], float).T, np.array([y], float).T
    loss, layers = softmax_batch(weights, biases, hidden, X, Y)
    return loss, [Gradients(g.dZ[:, 0], g.dW, g.db, g.dH[:, 0]) for g in layers]


def sigmoid_batch(
    weights: Arrays, biases: Arrays, x: Array, y: Array, strength: float = 0.0
) -> tuple[float, list[Gradients]]:
    """Computes cost and gradients of a network of sigmoids with K outputs, m points in rows:

    E = -1/m ΣᵢΣₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)) + λ/2m Σ w², with λ the `strength`

    and W stored as (outputs, inputs). At the outputs ∂E/∂a = (a - y) / a(1 - a) / m, in which the
    sigmoid's slope a(1 - a) cancels, and δ = (a - y) / m. The gradient of a weight has λ/m w more.

    >>> x, y = np.zeros((1, 1)), np.ones((1, 1))
    >>> cost, (layer,) = sigmoid_batch([np.array([[2.0]])], [0.0], x, y, strength=0.5)
    >>> round(cost, 6), layer.delta, layer.dW         # log 2 + ½ · ½ · 2²
    (1.693147, array([[-0.5]]), array([[1.]]))
    """
    m, layers = len(x), _ending_in_sums(weights, biases, sigmoid)
    z = feed_forward(layers, x)[-1][1]
    surprise = y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)  # exact at saturated outputs
    cost = np.sum(surprise) / m + strength / (2 * m) * sum(np.sum(W * W) for W in weights)
    found = backpropagate(layers, x, y, lambda z, y: (sigmoid.of(z) - y) / m)
    pairs = zip(found, weights, strict=True)
    return float(cost), [g._replace(dW=g.dW + strength / m * W) for g, W in pairs]


def _ending_in_sums(weights: Arrays, biases: Arrays, hidden: Activation) -> list[Layer]:
    """Layers of which the last has no activation: its error by z is known."""
    *inner, (W, b) = zip(weights, biases, strict=True)
    return [*(Layer(W, b, hidden) for W, b in inner), Layer(W, b, identity)]
