"""The closed form of a model: the five equations, applied to the layers of a Sequential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .costs import cost_of
from .five import Layer, backpropagate
from .neurons import (
    Activation,
    Array,
    elu,
    identity,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)

# What a module of nn's does to points in rows.
_ACTIVATIONS: dict[str, Callable[[Any], Activation]] = {
    "Identity": lambda module: identity,
    "Sigmoid": lambda module: sigmoid,
    "Tanh": lambda module: tanh,
    "ReLU": lambda module: relu,
    "LeakyReLU": lambda module: leaky_relu(module.negative_slope),
    "ELU": lambda module: elu(module.alpha),
    "Softmax": lambda module: softmax(-1),
    "LogSoftmax": lambda module: log_softmax(-1),
}


class LayerGradients(NamedTuple):
    """What backpropagation finds for a Linear layer, which `layer` names by its place in the model.

    `delta` = ∂C/∂z has a row for each point; `db` is None where the layer has no biases.
    """

    layer: str
    delta: Array
    dW: Array
    db: Array | None


def closed_form(model: Any, loss: Any, x: Any, y: Any) -> list[LayerGradients]:
    """δ, dW and db of every Linear layer of a Sequential, by the equations and nothing else.

    The model is a Linear, or a Sequential of Linear layers and activations: Sigmoid, Tanh, ReLU,
    LeakyReLU, ELU, Softmax, LogSoftmax, Identity. There may be a Flatten at its beginning, and
    Dropout in evaluation. What has no closed form here is refused by name. Weights are read from
    the modules as arrays (`numpy()`).

    >>> from nn.containers import Sequential
    >>> from nn.classics.equations import closed_form
    >>> from nn.layers.dense import Linear
    >>> from nn.losses import CrossEntropyLoss
    >>> model = Sequential(Linear(2, 3))
    >>> model[0].weight.data[...] = model[0].bias.data[...] = 0
    >>> (layer,) = closed_form(model, CrossEntropyLoss(), [[0.0, 0.0]], [2])
    >>> layer.layer, layer.delta.round(3)             # p - y with p = 1/3 each
    ('0', array([[ 0.333,  0.333, -0.667]]))
    """
    x, y = _array(x), _array(y)
    if x.ndim == 1:
        x, y = x[np.newaxis], y[np.newaxis]
    before, stages = _read(model, x)
    x = before(x)
    layers: list[Layer] = []
    for where, module, activations in stages:
        W = module.weight.numpy()
        if x.ndim != 2 or (not layers and x.shape[1] != W.shape[1]):
            raise ValueError(f"{where} takes points in rows of {W.shape[1]}, found {x.shape}")
        b = np.zeros(len(W), W.dtype) if module.bias is None else module.bias.numpy()
        layers.append(Layer(W, b, _one_after_another(activations)))
    cost = cost_of(loss, y)
    slope, last = cost.by_outputs, stages[-1][2]
    if cost.by_sums is not None and last and last[-1] is sigmoid:
        slope = cost.by_sums
        layers[-1] = layers[-1]._replace(activation=_one_after_another(last[:-1]))
    found = backpropagate(layers, x, y, lambda a, y: slope(a))
    return [
        LayerGradients(where.partition(" ")[0], g.delta, g.dW, None if m.bias is None else g.db)
        for (where, m, _), g in zip(stages, found, strict=True)
    ]


def _read(model: Any, x: Array) -> tuple[Callable[[Array], Array], list[Any]]:
    """What happens to the points before the first Linear layer, and for each such layer its name,
    itself and the activations that follow."""
    first: list[Callable[[Array], Array]] = []
    stages: list[tuple[str, Any, list[Activation]]] = []
    seen = set()
    for path, module in model.named_modules(remove_duplicate=False):
        kind = type(module).__name__ if type(module).__module__.startswith("nn.") else ""
        where = f"{path} ({type(module).__name__})" if path else type(module).__name__
        if kind == "Sequential":
            continue
        if kind == "Linear":
            if id(module.weight) in seen:
                raise TypeError(
                    f"{where} stands in the model twice, or shares its weight, and its gradients "
                    "would add up"
                )
            seen.add(id(module.weight))
            stages.append((where, module, []))
        elif kind in _ACTIVATIONS and getattr(module, "dim", None) in (None, -1, 1):
            activation = _ACTIVATIONS[kind](module)
            if stages:
                stages[-1][2].append(activation)
            else:
                first.append(activation.of)
        elif kind == "Flatten" and not stages and (module.start_dim, module.end_dim) == (1, -1):
            first.append(lambda points: points.reshape(len(points), -1))
        elif not (kind == "Dropout" and not module.training):
            raise TypeError(
                f"{where} has no closed form here: it is for Sequentials of Linear layers and the "
                f"activations {', '.join(_ACTIVATIONS)}"
            )
    if not stages:
        raise TypeError(f"{type(model).__name__} has no Linear layer to find gradients for")

    def before(points: Array) -> Array:
        for function in first:
            points = function(points)
        return points

    return before, stages


def _one_after_another(activations: Sequence[Activation]) -> Activation:
    """Several activations in a row as one; of none, the identity."""
    if len(activations) < 2:
        return activations[0] if activations else identity

    def outputs(z: Array) -> list[Array]:
        values = [z]
        for activation in activations:
            values.append(activation.of(values[-1]))
        return values

    def pull_back(g: Array, z: Array, a: Array) -> Array:
        values = outputs(z)
        for number in reversed(range(len(activations))):
            g = activations[number].pull_back(g, values[number], values[number + 1])
        return g

    return Activation("several", lambda z: outputs(z)[-1], pull_back)


def _array(values: Any) -> Array:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)
