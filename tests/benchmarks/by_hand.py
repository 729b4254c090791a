"""Training steps in NumPy by hand: the equations of backpropagation, with a new array wherever
NumPy makes one. And what no step can do without: its products, and the memory traffic of Adam.
"""

import itertools
from collections.abc import Callable

import numpy as np

from .dense import Setting, Trainer
from .timing import Run

# ---- optimisers ----------------------------------------------------------------------------------


def descent(rate: float, parameters: list[np.ndarray]) -> Callable[[list[np.ndarray]], None]:
    def update(gradients):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= rate * gradient

    return update


def adam(parameters: list[np.ndarray]) -> Callable[[list[np.ndarray]], None]:
    means = [np.zeros_like(p) for p in parameters]
    squares = [np.zeros_like(p) for p in parameters]
    count = 0

    def update(gradients):
        nonlocal count
        count += 1
        step_size = 1e-3 / (1 - 0.9**count)
        for parameter, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            parameter -= step_size * m / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)

    return update


def optimizer_of(setting: Setting, parameters: list[np.ndarray]):
    return adam(parameters) if setting.rate is None else descent(setting.rate, parameters)


# ---- networks ------------------------------------------------------------------------------------


def sigmoids(setting: Setting) -> Trainer:
    """Two layers of sigmoids, the quadratic cost."""
    w1, b1, w2, b2 = parameters = setting.parameters()
    update = optimizer_of(setting, parameters)

    def step(x, wanted):
        n = len(x)
        hidden = 1 / (1 + np.exp(-(x @ w1.T + b1)))
        output = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
        error = output - wanted
        loss = np.sum(error**2) / (2 * n)
        delta2 = error / n * output * (1 - output)
        delta1 = delta2 @ w2 * hidden * (1 - hidden)
        gradients = [delta1.T @ x, delta1.sum(axis=0), delta2.T @ hidden, delta2.sum(axis=0)]
        update(gradients)
        return [loss.item(), *gradients]

    return Trainer(step)


def one_by_one(setting: Setting) -> Trainer:
    """The same with a loop over the examples, each a column, as textbooks start."""
    w1, b1, w2, b2 = setting.parameters()
    b1, b2 = b1[:, None], b2[:, None]
    update = optimizer_of(setting, [w1, b1, w2, b2])

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def backpropagated(x, y):
        hidden = sigmoid(w1 @ x + b1)
        output = sigmoid(w2 @ hidden + b2)
        delta2 = (output - y) * output * (1 - output)
        delta1 = w2.T @ delta2 * hidden * (1 - hidden)
        return np.sum((output - y) ** 2) / 2, delta1 @ x.T, delta1, delta2 @ hidden.T, delta2

    def step(inputs, wanted):
        sums = [0.0] * 5
        for x, y in zip(inputs, wanted, strict=True):
            parts = backpropagated(x[:, None], y[:, None])
            sums = [total + part for total, part in zip(sums, parts, strict=True)]
        loss, *gradients = (total / len(inputs) for total in sums)
        update(gradients)
        return [loss.item(), *(g.reshape(-1) if g.shape[1] == 1 else g for g in gradients)]

    return Trainer(step)


def softmax_loss(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cross-entropy, and its derivative with respect to the scores."""
    rows = np.arange(len(labels))
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    p /= len(labels)
    return loss, p


def relu(setting: Setting) -> Trainer:
    """A hidden layer of ReLUs, the cross-entropy."""
    w1, b1, w2, b2 = parameters = setting.parameters()
    update = optimizer_of(setting, parameters)

    def step(x, labels):
        z = x @ w1.T + b1
        hidden = np.maximum(z, 0)
        loss, delta2 = softmax_loss(hidden @ w2.T + b2, labels)
        delta1 = delta2 @ w2 * (z > 0)
        gradients = [delta1.T @ x, delta1.sum(axis=0), delta2.T @ hidden, delta2.sum(axis=0)]
        update(gradients)
        return [loss.item(), *gradients]

    return Trainer(step)


FUNCTIONS = {  # and their slopes, computed from their outputs
    "ReLU": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "Tanh": (np.tanh, lambda a: 1 - a * a),
}


def any_depth(setting: Setting) -> Trainer:
    """Any number of layers, with dropout or without, the cross-entropy."""
    parameters = setting.parameters()
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    update = optimizer_of(setting, parameters)
    function, slope = FUNCTIONS[setting.activation]
    rng, keep = np.random.default_rng(0), np.float32(1 - setting.dropout)

    def step(x, labels):
        entering, slopes = [x], []
        for w, b in layers[:-1]:
            a = function(entering[-1] @ w.T + b)
            slopes.append(slope(a))
            if setting.dropout:
                mask = (rng.random(a.shape, np.float32) < keep) / keep
                a = a * mask
                slopes[-1] = slopes[-1] * mask
            entering.append(a)
        w, b = layers[-1]
        loss, delta = softmax_loss(entering[-1] @ w.T + b, labels)
        gradients = [delta.T @ entering[-1], delta.sum(axis=0)]
        for (w, _), a, s in zip(layers[:0:-1], entering[-2::-1], slopes[::-1], strict=True):
            delta = delta @ w * s
            gradients = [delta.T @ a, delta.sum(axis=0), *gradients]
        update(gradients)
        return [loss.item(), *gradients]

    return Trainer(step)


# ---- what every step needs -----------------------------------------------------------------


def floor(setting: Setting) -> Run:
    """The matrix products of a step, and Adam's passes over all parameters as one long vector."""
    weights, n = setting.weights(), setting.batch
    activations = [np.zeros((n, width), np.float32) for width in setting.widths]
    deltas = [np.zeros((n, width), np.float32) for width in setting.widths]
    gradients = [np.empty_like(w) for w in weights]
    size = sum(w.size + len(w) for w in weights)
    p, g, m, v, work = np.ones((5, size), np.float32)
    rng = np.random.default_rng(0)
    for array in (*activations, *deltas):
        rng.standard_normal(array.shape, np.float32, out=array)

    def run():
        for w, (a, z) in zip(weights, itertools.pairwise(activations), strict=True):
            np.matmul(a, w.T, out=z)
        for k in reversed(range(len(weights))):
            np.matmul(deltas[k + 1].T, activations[k], out=gradients[k])
            if k > 0:  # the slope with respect to the inputs is not needed
                np.matmul(deltas[k + 1], weights[k], out=deltas[k])
        np.subtract(g, m, out=work)
        np.multiply(work, 0.1, out=work)
        np.add(m, work, out=m)
        np.multiply(g, g, out=work)
        np.subtract(work, v, out=work)
        np.multiply(work, 0.001, out=work)
        np.add(v, work, out=v)
        np.divide(v, 0.999, out=work)
        np.sqrt(work, out=work)
        np.add(work, 1e-8, out=work)
        np.divide(m, work, out=work)
        np.multiply(work, 1e-3, out=work)
        np.subtract(p, work, out=p)
        return []

    return run
