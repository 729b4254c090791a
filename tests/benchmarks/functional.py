"""Training steps in libraries that differentiate functions written with their own `numpy`.

The cost is written once; each library computes its gradients in its own way.
"""

import functools
from typing import Any

import numpy as np

from .by_hand import optimizer_of
from .dense import Setting, Trainer


def activation(name: str, numpy: Any, z: Any) -> Any:
    if name == "Sigmoid":
        return 1 / (1 + numpy.exp(-z))
    return numpy.tanh(z) if name == "Tanh" else numpy.maximum(z, 0)


def cost(setting: Setting, numpy: Any, random: Any, parameters: Any, x: Any, wanted: Any) -> Any:
    """The cost of a batch; `random(shape)` draws numbers between 0 and 1."""
    for k in range(0, len(parameters), 2):
        if k and setting.dropout:
            x = x * ((random(x.shape) < 1 - setting.dropout) / np.float32(1 - setting.dropout))
        x = x @ parameters[k].T + parameters[k + 1]
        if k + 2 < len(parameters) or setting.cost == "quadratic":
            x = activation(setting.activation, numpy, x)
    if setting.cost == "quadratic":
        return numpy.sum((x - wanted) ** 2) / (2 * len(wanted))
    if setting.cost == "hinge":
        margins = numpy.mean(numpy.maximum(1 - x * wanted, 0))
        return margins + 1e-4 * sum(numpy.sum(p * p) for p in parameters)
    shifted = x - numpy.max(x, axis=1, keepdims=True)
    right = shifted[np.arange(len(wanted)), wanted]
    return numpy.mean(numpy.log(numpy.sum(numpy.exp(shifted), axis=1)) - right)


def _drawn() -> Any:
    return functools.partial(np.random.default_rng(0).random, dtype=np.float32)


def autograd(setting: Setting) -> Trainer:
    import autograd
    import autograd.numpy

    parameters = setting.parameters()
    update = optimizer_of(setting, parameters)
    gradient = autograd.value_and_grad(functools.partial(cost, setting, autograd.numpy, _drawn()))

    def step(x, wanted):
        loss, gradients = gradient(parameters, x, wanted)
        update(gradients)
        return [loss.item(), *gradients]

    return Trainer(step)


def mygrad(setting: Setting) -> Trainer:
    import mygrad

    tensors = [mygrad.tensor(p, copy=False) for p in setting.parameters()]
    update = optimizer_of(setting, [t.data for t in tensors])
    random = _drawn()

    def step(x, wanted):
        for tensor in tensors:
            tensor.null_grad()
        loss = cost(setting, mygrad, random, tensors, x, wanted)
        loss.backward()
        gradients = [t.grad for t in tensors]
        update(gradients)
        return [loss.item(), *gradients]

    return Trainer(step)


def jax(setting: Setting) -> Trainer:
    """The whole step compiled, with its update: from parameters to new parameters."""
    import jax

    def gradient(parameters, key, x, wanted):
        keys = iter(jax.random.split(key, len(parameters))) if setting.dropout else iter(())
        random = lambda shape: jax.random.uniform(next(keys), shape)  # noqa: E731
        return jax.value_and_grad(
            lambda parameters: cost(setting, jax.numpy, random, parameters, x, wanted)
        )(parameters)

    @functools.partial(jax.jit, donate_argnums=0)
    def compiled(state, x, wanted):
        parameters, means, squares, count, key = state
        key, used = jax.random.split(key) if setting.dropout else (key, key)
        loss, gradients = gradient(parameters, used, x, wanted)
        count = count + 1
        if setting.rate is None:
            means = [m + 0.1 * (g - m) for m, g in zip(means, gradients, strict=True)]
            squares = [v + 0.001 * (g * g - v) for v, g in zip(squares, gradients, strict=True)]
            size = 1e-3 / (1 - 0.9**count)
            parameters = [
                p - size * m / (jax.numpy.sqrt(v / (1 - 0.999**count)) + 1e-8)
                for p, m, v in zip(parameters, means, squares, strict=True)
            ]
        else:
            steps = [setting.rate * g for g in gradients]
            parameters = [p - s for p, s in zip(parameters, steps, strict=True)]
        return loss, (parameters, means, squares, count, key)

    def copies(zero):
        arrays = [np.zeros_like(p) if zero else p for p in setting.parameters()]
        return [jax.numpy.array(a) for a in arrays] if setting.rate is None or not zero else []

    state = copies(False), copies(True), copies(True), jax.numpy.float32(0), jax.random.key(0)

    def step(x, wanted):
        nonlocal state
        loss, state = compiled(state, x, wanted)
        return [loss.item()]

    return Trainer(step, jax.numpy.asarray)


def micrograd(setting: Setting) -> Trainer:
    """One scalar at a time, the hinge loss of its demo."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(setting.widths[0], list(setting.widths[1:]))
    for layer, weights in zip(model.layers, setting.weights(), strict=True):
        for neuron, row in zip(layer.neurons, weights.tolist(), strict=True):
            neuron.w = [Value(number) for number in row]

    def step(x, wanted):
        scores = [model([Value(number) for number in point]) for point in x.tolist()]
        signs = wanted[:, 0].tolist()
        margins = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        loss = sum(margins) * (1.0 / len(margins))
        loss = loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= setting.rate * p.grad
        gradients = [loss.data]
        for layer in model.layers:
            gradients.append([[w.grad for w in neuron.w] for neuron in layer.neurons])
            gradients.append([neuron.b.grad for neuron in layer.neurons])
        return gradients

    return Trainer(step)
