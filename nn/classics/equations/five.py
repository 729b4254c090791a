"""The five equations: entry by entry, with matrices, and as the four of Nielsen's book."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .neurons import Activation, Array

# ---- entry by entry ------------------------------------------------------------------------------


class Gradients(NamedTuple):
    """What backpropagation finds for a layer: δ = ∂C/∂z, ∂C/∂W, ∂C/∂b, and ∂C/∂a of its input."""

    delta: Array
    dW: Array
    db: Array
    dH: Array


def elemental(
    weights: Sequence[Array],
    biases: Sequence[Array],
    activation: Activation,
    x: Array,
    y: Array,
) -> list[Gradients]:
    """The five equations in elemental form, for one point and the cost ½ ‖y - a‖².

    w[m, n] leads from neuron m of the layer before to neuron n, as in z = Wᵀ a + b.

    >>> import numpy as np
    >>> from nn.classics.equations import elemental, sigmoid
    >>> (layer,) = elemental([np.array([[1.0], [-1.0]])], [np.zeros(1)], sigmoid, [2.0, 2.0], [1.0])
    >>> layer.delta, layer.dW.tolist()       # (a - y) a (1 - a) with a = ½
    (array([-0.125]), [[-0.25], [-0.25]])
    """
    a, outputs = [np.asarray(x, float)], []
    for w, b in zip(weights, biases, strict=True):
        before, (M, N) = a[-1], w.shape
        z = [sum(w[m, n] * before[m] for m in range(M)) + b[n] for n in range(N)]  # (1)
        a.append(activation.of(np.array(z)))  # (2)
        outputs.append((np.array(z), a[-1]))
    found: list[Gradients] = []
    dH = [a[-1][n] - y[n] for n in range(len(y))]
    for layer in reversed(range(len(weights))):
        w, before = weights[layer], a[layer]
        M, N = w.shape
        slope = activation.pull_back(np.ones(N), *outputs[layer])
        delta = [slope[n] * dH[n] for n in range(N)]  # (3)
        dW = [[delta[n] * before[m] for n in range(N)] for m in range(M)]  # (4)
        db = delta  # (5)
        dH = [sum(w[m, n] * delta[n] for n in range(N)) for m in range(M)]  # (3), the sum
        found.insert(0, Gradients(*map(np.array, (delta, dW, db, dH))))
    return found


# ---- with matrices -------------------------------------------------------------------------------


class Layout(NamedTuple):
    """The equations (1), (3), (4) and (5) for one way to store weights and points."""

    sums: Callable[[Array, Array, Array], Array]  # of W, a⁻, b
    back: Callable[[Array, Array], Array]  # of W, δ
    dW: Callable[[Array, Array], Array]  # of δ, a⁻
    db: Callable[[Array], Array]  # of δ


# By the way the points are stored, and then W, which is (outputs, inputs) or (inputs, outputs).
LAYOUTS = {
    ("rows", "outputs, inputs"): Layout(
        lambda W, A, b: A @ W.T + b,
        lambda W, delta: delta @ W,
        lambda delta, A: delta.T @ A,
        lambda delta: delta.sum(axis=0),
    ),
    ("rows", "inputs, outputs"): Layout(
        lambda W, A, b: A @ W + b,
        lambda W, delta: delta @ W.T,
        lambda delta, A: A.T @ delta,
        lambda delta: delta.sum(axis=0),
    ),
    ("columns", "outputs, inputs"): Layout(
        lambda W, A, b: W @ A + b[:, np.newaxis],
        lambda W, delta: W.T @ delta,
        lambda delta, A: delta @ A.T,
        lambda delta: delta.sum(axis=1),
    ),
    ("columns", "inputs, outputs"): Layout(
        lambda W, A, b: W.T @ A + b[:, np.newaxis],
        lambda W, delta: W @ delta,
        lambda delta, A: A @ delta.T,
        lambda delta: delta.sum(axis=1),
    ),
}


class Layer(NamedTuple):
    """Weights, biases and the activation that follows."""

    W: Array
    b: Array
    activation: Activation


def feed_forward(
    layers: Sequence[Layer],
    x: Array,
    points: str = "rows",
    weights: str = "outputs, inputs",
) -> list[tuple[Array, Array]]:
    """Equations (1) and (2): z and a of each layer.

    >>> import numpy as np
    >>> from nn.classics.equations import Layer, feed_forward, relu
    >>> layer = Layer(np.array([[1.0, 2.0], [3.0, -9.0]]), np.zeros(2), relu)
    >>> [(z, a)] = feed_forward([layer], np.array([[1.0, 1.0]]))
    >>> z, a
    (array([[ 3., -6.]]), array([[3., 0.]]))
    """
    layout, outputs = LAYOUTS[points, weights], []
    for W, b, activation in layers:
        z = layout.sums(W, x, b)  # (1)
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
    """The five equations in matrix form, for all points of a batch at once.

    `slope_of_cost(a, y)` is ∂C/∂a for the outputs of the whole batch, such as `quadratic_slope`.
    Points are the rows or the columns of x and y.

    >>> import numpy as np
    >>> from nn.classics.equations import Layer, backpropagate, quadratic_slope, sigmoid
    >>> layer = Layer(np.array([[1.0, -1.0]]), np.zeros(1), sigmoid)
    >>> x, y = np.array([[2.0, 2.0]]), np.array([[1.0]])
    >>> backpropagate([layer], x, y, quadratic_slope)[0].dW
    array([[-0.25, -0.25]])
    """
    layout, outputs = LAYOUTS[points, weights], feed_forward(layers, x, points, weights)
    found: list[Gradients] = []
    dH = slope_of_cost(outputs[-1][1], y)
    for number in reversed(range(len(layers))):
        W, _, activation = layers[number]
        before = outputs[number - 1][1] if number else x
        delta = activation.pull_back(dH, *outputs[number])  # (3)
        dH = layout.back(W, delta)  # (3), the sum
        found.insert(0, Gradients(delta, layout.dW(delta, before), layout.db(delta), dH))  # (4) (5)
    return found


def quadratic_slope(a: Array, y: Array) -> Array:
    """∂C/∂a = a - y of the cost ½ Σ ‖y - a‖², summed over the points.

    >>> from nn.classics.equations import quadratic_slope
    >>> quadratic_slope(0.75, 1.0)
    -0.25
    """
    return a - y


# ---- the four equations of Nielsen's book, for one point -----------------------------------------


def bp1(slope_of_cost: Array, slope: Array) -> Array:
    """δ = ∇C ⊙ σ'(z) in the last layer.

    >>> import numpy as np
    >>> from nn.classics.equations import bp1
    >>> bp1(np.array([0.5, -1.0]), np.array([0.25, 0.25]))
    array([ 0.125, -0.25 ])
    """
    return slope_of_cost * slope


def bp2(w_after: Array, delta_after: Array, slope: Array) -> Array:
    """δ = (wᵀ δ of the layer after) ⊙ σ'(z) in the others.

    >>> import numpy as np
    >>> from nn.classics.equations import bp2
    >>> bp2(np.array([[1.0, 2.0]]), np.array([0.5]), np.array([0.25, 0.25]))
    array([0.125, 0.25 ])
    """
    return (w_after.T @ delta_after) * slope


def bp3(delta: Array) -> Array:
    """∂C/∂b = δ.

    >>> from nn.classics.equations import bp3
    >>> bp3(0.25)
    0.25
    """
    return delta


def bp4(a_before: Array, delta: Array) -> Array:
    """∂C/∂w, where that of w[j, k] is a[k] δ[j].

    >>> import numpy as np
    >>> from nn.classics.equations import bp4
    >>> bp4(np.array([1.0, 2.0]), np.array([0.5]))
    array([[0.5, 1. ]])
    """
    return np.outer(delta, a_before)
