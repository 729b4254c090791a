"""Steps of training with `nn`, beside the same by hand and in PyTorch, in float32."""

import itertools

import numpy as np

import nn
from microgradnd import Tensor


class Setting:
    """A dense network with its data, the same for every system."""

    def __init__(self, widths, batch, dropout=0.0):
        rng = np.random.default_rng(0)
        self.widths, self.batch, self.dropout = widths, batch, dropout
        self.x = rng.random((batch, widths[0]), np.float32)
        self.labels = rng.integers(0, widths[-1], batch)
        self.wanted = np.eye(widths[-1], dtype=np.float32)[self.labels]
        self.weights = [
            (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)
            for inputs, outputs in itertools.pairwise(widths)
        ]

    def model(self, library, activation):
        """The layers in a library with torch.nn's names, with the weights of this setting."""
        layers = []
        for inputs, outputs in itertools.pairwise(self.widths):
            layers += [library.Linear(inputs, outputs), activation()]
            if self.dropout:
                layers.append(library.Dropout(self.dropout))
        return library.Sequential(*layers)


SIGMOID = Setting((784, 30, 10), 10)
RELU = Setting((784, 100, 10), 64)
DROPOUT = Setting((784, 256, 256, 10), 128, dropout=0.5)


def take_weights(model, weights, as_library):
    """Put the weights in, and zeros for the biases, where a model has them."""
    parameters = list(model.parameters())
    for parameter, values in zip(parameters[::2], weights, strict=True):
        parameter.data = as_library(values)
    for parameter in parameters[1::2]:
        parameter.data = as_library(np.zeros(parameter.shape, np.float32))
    return parameters


# ---- 784-30-10: sigmoids, the quadratic cost, SGD ------------------------------------------------


def sigmoid_ours():
    setting = SIGMOID
    model = setting.model(nn, nn.Sigmoid).astype(np.float32)
    parameters = take_weights(model, setting.weights, np.array)
    loss_of, optimizer = nn.QuadraticLoss(), nn.optim.SGD(model.parameters(), lr=0.5)
    x, wanted = Tensor(setting.x), Tensor(setting.wanted)

    def step():
        loss = loss_of(model(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.item(), *(p.grad for p in parameters)]

    return step


def sigmoid_by_hand():
    setting = SIGMOID
    (w1, w2), n = [w.copy() for w in setting.weights], setting.batch
    b1, b2 = np.zeros(30, np.float32), np.zeros(10, np.float32)
    x, wanted = setting.x, setting.wanted

    def step():
        hidden = 1 / (1 + np.exp(-(x @ w1.T + b1)))
        output = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
        error = output - wanted
        loss = np.sum(error**2) / (2 * n)
        delta2 = error / n * output * (1 - output)
        delta1 = delta2 @ w2 * hidden * (1 - hidden)
        gradients = [delta1.T @ x, delta1.sum(axis=0), delta2.T @ hidden, delta2.sum(axis=0)]
        for parameter, gradient in zip((w1, b1, w2, b2), gradients, strict=True):
            parameter -= 0.5 * gradient
        return [loss.item(), *gradients]

    return step


def pytorch_step(model, loss_of, optimizer, x, wanted, parameters):
    def step():
        loss = loss_of(model(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.item(), *(p.grad for p in parameters)]

    return step


def sigmoid_pytorch():
    import torch

    setting = SIGMOID
    model = setting.model(torch.nn, torch.nn.Sigmoid)
    parameters = take_weights(model, setting.weights, torch.tensor)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x, wanted = torch.tensor(setting.x), torch.tensor(setting.wanted)
    mean = torch.nn.MSELoss(reduction="sum")
    loss_of = lambda a, y: mean(a, y) / (2 * setting.batch)  # noqa: E731
    return pytorch_step(model, loss_of, optimizer, x, wanted, parameters)


# ---- 784-100-10: ReLU, cross-entropy, Adam -------------------------------------------------------


def dense(setting, library):
    """The layers, with ReLU between them and nothing after the last."""
    layers = list(setting.model(library, library.ReLU))
    return library.Sequential(*layers[: -2 if setting.dropout else -1])


def ours(setting):
    model = dense(setting, nn).astype(np.float32)
    parameters = take_weights(model, setting.weights, np.array)
    loss_of, optimizer = nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters())
    x, labels = Tensor(setting.x), setting.labels

    def step():
        loss = loss_of(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [] if setting.dropout else [loss.item(), *(p.grad for p in parameters)]

    return step


def pytorch(setting):
    import torch

    model = dense(setting, torch.nn)
    parameters = take_weights(model, setting.weights, torch.tensor)
    x, labels = torch.tensor(setting.x), torch.tensor(setting.labels)
    optimizer = torch.optim.Adam(model.parameters())
    step = pytorch_step(model, torch.nn.CrossEntropyLoss(), optimizer, x, labels, parameters)
    return (lambda: step() and []) if setting.dropout else step


def relu_by_hand():
    setting = RELU
    (w1, w2), n = [w.copy() for w in setting.weights], setting.batch
    parameters = [w1, np.zeros(100, np.float32), w2, np.zeros(10, np.float32)]
    means = [np.zeros_like(p) for p in parameters]
    squares = [np.zeros_like(p) for p in parameters]
    x, rows, count = setting.x, np.arange(n), 0

    def step():
        nonlocal count
        w1, b1, w2, b2 = parameters
        z = x @ w1.T + b1
        hidden = np.maximum(z, 0)
        scores = hidden @ w2.T + b2
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[rows, setting.labels]).mean()
        delta2 = p
        delta2[rows, setting.labels] -= 1
        delta2 /= n
        delta1 = delta2 @ w2 * (z > 0)
        gradients = [delta1.T @ x, delta1.sum(axis=0), delta2.T @ hidden, delta2.sum(axis=0)]
        count += 1
        for parameter, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            step_size = 1e-3 / (1 - 0.9**count)
            parameter -= step_size * m / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        return [loss.item(), *gradients]

    return step


# ---- micrograd's own demo ------------------------------------------------------------------------


def moons():
    """A hundred points on two moons, and -1 or 1 for each."""
    rng = np.random.default_rng(0)
    angle, side = np.pi * rng.random(100), rng.choice((-1.0, 1.0), 100)
    x = np.stack([np.cos(angle) * side + (side < 0), np.sin(angle) * side + 0.5 * (side < 0)], 1)
    return x + 0.1 * rng.standard_normal((100, 2)), side


def moons_ours():
    """A 2-16-16-1 ReLU network, max-margin loss with L2, a step of SGD."""
    x, y = moons()
    nn.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
    )
    parameters = list(model.parameters())
    optimizer = nn.optim.SGD(parameters, lr=1e-4)
    inputs, signs = Tensor(x), Tensor(y[:, None])

    def step():
        margins = np.mean(np.maximum(1 - signs * model(inputs), 0))
        loss = margins + 1e-4 * sum(np.vdot(p, p) for p in parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return []

    return step


def moons_micrograd():
    from micrograd.engine import Value
    from micrograd.nn import MLP

    x, y = moons()
    model = MLP(2, [16, 16, 1])

    def step():
        scores = [model([Value(a), Value(b)]) for a, b in x.tolist()]
        losses = [(1 + -yi * score).relu() for yi, score in zip(y.tolist(), scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses))
        loss = loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 1e-4 * p.grad
        return []

    return step
