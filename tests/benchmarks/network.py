"""One step of stochastic gradient descent on a 784-30-10 network of sigmoids, in float32.

Every system computes the outputs, the value of the quadratic loss, the gradients and the update,
from the same parameters on the same batch of ten.
"""

import math

import numpy as np

from microgradnd import Tensor, primitive

INPUTS, HIDDEN, OUTPUTS = 784, 30, 10
BATCH = 10
RATE = 0.5


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Ten images and their targets."""
    rng = np.random.default_rng(0)
    return rng.random((BATCH, INPUTS), np.float32), np.eye(OUTPUTS, dtype=np.float32)


def initial_parameters() -> list[np.ndarray]:
    """Weights and biases, scaled so that no sigmoid saturates."""
    rng = np.random.default_rng(1)
    parameters = []
    for fan_in, fan_out in ((INPUTS, HIDDEN), (HIDDEN, OUTPUTS)):
        parameters.append(rng.standard_normal((fan_in, fan_out), np.float32) / math.sqrt(fan_in))
        parameters.append(rng.standard_normal(fan_out, np.float32))
    return parameters


def numpy_by_hand():
    """The equations of backpropagation, with a temporary array wherever NumPy makes one."""
    x, wanted = batch()
    parameters = initial_parameters()

    def step():
        w1, b1, w2, b2 = parameters
        hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
        output = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
        error = output - wanted
        loss = np.sum(error**2) / (2 * BATCH)

        delta2 = error / BATCH * output * (1 - output)
        delta1 = delta2 @ w2.T * hidden * (1 - hidden)
        gradients = [x.T @ delta1, delta1.sum(axis=0), hidden.T @ delta2, delta2.sum(axis=0)]

        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
        return [loss.item(), *gradients]

    return step


# ---- the engines: a network is its layer, twice --------------------------------------------------


def loss_of(layer, x, wanted, w1, b1, w2, b2):
    output = layer(layer(x, w1, b1), w2, b2)
    return ((output - wanted) ** 2).sum() / (2 * BATCH)


def microgradnd(layer):
    x, wanted = batch()
    parameters = [Tensor(array, requires_grad=True) for array in initial_parameters()]

    def step():
        loss = loss_of(layer, x, wanted, *parameters)
        loss.backward()
        gradients = [p.grad for p in parameters]
        for p in parameters:
            p.data -= RATE * p.grad
            p.zero_grad()
        return [loss.item(), *gradients]

    return step


def pytorch(layer):
    import torch

    x, wanted = map(torch.tensor, batch())
    parameters = [torch.tensor(array, requires_grad=True) for array in initial_parameters()]

    def step():
        loss = loss_of(layer, x, wanted, *parameters)
        loss.backward()
        gradients = [p.grad for p in parameters]
        with torch.no_grad():
            for p in parameters:
                p -= RATE * p.grad
                p.grad = None
        return [loss.item(), *gradients]

    return step


def microgradnd_spelled_out():
    return microgradnd(lambda x, w, b: 1 / (1 + np.exp(-(x @ w + b))))


def pytorch_spelled_out():
    import torch

    return pytorch(lambda x, w, b: 1 / (1 + torch.exp(-(x @ w + b))))


linear = primitive(
    lambda x, w, b: x @ w + b,
    lambda g, y, x, w, b: g @ w.T,
    lambda g, y, x, w, b: x.T @ g,
    lambda g, y, x, w, b: g,
)
sigmoid = primitive(
    lambda z: 1 / (1 + np.exp(-z)),
    lambda g, y, z: g * y * (1 - y),
    kind="elementwise",
)


def microgradnd_with_primitives():
    return microgradnd(lambda x, w, b: sigmoid(linear(x, w, b)))


def pytorch_with_its_own():
    import torch

    return pytorch(lambda x, w, b: torch.sigmoid(torch.addmm(b, x, w)))
