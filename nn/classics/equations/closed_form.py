"""The closed form of a model: the five equations, applied to the layers of a Sequential."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ... import functions, losses
from ...containers import Sequential
from ...data.examples import require
from ...layers.dense import Flatten, Identity, Linear
from ...layers.dropout import Dropout
from ...module import Module
from . import backpropagation as eq
from .backpropagation import Array, Layer, backpropagate, identity, sigmoid, softmax

# The activation of each module, for points in rows. A subclass may be anything, and has none.
_ACTIVATIONS: dict[type, Callable[[Any], eq.Activation]] = {
    Identity: lambda module: identity,
    functions.Sigmoid: lambda module: sigmoid,
    functions.Tanh: lambda module: eq.tanh,
    functions.ReLU: lambda module: eq.relu,
    functions.LeakyReLU: lambda module: eq.leaky_relu(module.negative_slope),
    functions.ELU: lambda module: eq.elu(module.alpha),
    functions.Softmax: lambda module: softmax(-1),
    functions.LogSoftmax: lambda module: eq.log_softmax(-1),
}

Slope = Callable[[Any, Array, Array], Array]

# ∂C/∂a of each loss, before the division by the number of entries. Of -y log a - (1 - y) log(1 - a)
# with a = σ(z) it is a - y by z: there a division by a(1 - a) and σ' cancel.
_SLOPES: dict[type, Slope] = {
    losses.MSELoss: lambda loss, a, y: 2 * (a - y),
    losses.L1Loss: lambda loss, a, y: np.sign(a - y),
    losses.HuberLoss: lambda loss, a, y: np.clip(a - y, -loss.delta, loss.delta),
    losses.BCELoss: lambda loss, a, y: (a - y) / (a * (1 - a)),
    losses.BCEWithLogitsLoss: lambda loss, z, y: sigmoid.of(z) - y,
}
_of_probabilities, _of_logits = _SLOPES[losses.BCELoss], _SLOPES[losses.BCEWithLogitsLoss]
_OF_EXAMPLES: dict[type, Slope] = {  # before the division by the number of examples
    losses.QuadraticLoss: lambda loss, a, y: a - y,
    losses.SigmoidCrossEntropyLoss: _of_probabilities,
    losses.CrossEntropyLoss: lambda loss, z, y: (  # p - y where the probabilities y add up to 1
        softmax(-1).of(z) * np.sum(y, axis=-1, keepdims=True) - y
    ),
    losses.NLLLoss: lambda loss, log_p, y: -y,
}
_SLOPES |= _OF_EXAMPLES


class LayerGradients(NamedTuple):
    """The gradients of a Linear layer, which `layer` names by its place in the model.

    `delta` = ∂C/∂z has a row for each point; `db` is None where the layer has no biases.
    """

    layer: str
    delta: Array
    dW: Array
    db: Array | None


def closed_form(model: Module, loss: Module, x: Any, y: Any) -> list[LayerGradients]:
    """Computes δ, dW and db of every Linear layer of a Sequential, by the equations alone.

    Arguments:
        model: a Linear, or a Sequential of Linear layers and the activations Sigmoid, Tanh, ReLU,
            LeakyReLU, ELU, Softmax, LogSoftmax and Identity; also a Flatten at its beginning, and
            Dropout in evaluation.
        loss: one of nn's losses without weights, which returns one number.
        x: points in rows, or one point.
        y: a row of targets for each point, or its label.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> model[0].weight.data[...] = model[0].bias.data[...] = 0
    >>> (layer,) = nn.equations.closed_form(model, nn.CrossEntropyLoss(), [[0.0, 0.0]], [2])
    >>> layer.layer, layer.delta.round(3)             # p - y with p = 1/3 each
    ('0', array([[ 0.333,  0.333, -0.667]]))
    """
    x, y = (np.asarray(v.numpy() if hasattr(v, "numpy") else v) for v in (x, y))
    if x.ndim == 1:
        x, y = x[np.newaxis], y[np.newaxis]
    x, layers, modules = _read_model(model, x)
    slope = _slope_of(loss)
    if slope is _of_probabilities and layers[-1].activation is sigmoid:
        slope, layers[-1] = _of_logits, layers[-1]._replace(activation=identity)

    def slope_of_cost(a: Array, y: Array) -> Array:
        targets, number = _targets(loss, a, y)
        return slope(loss, a, targets) / number

    found = zip(modules, backpropagate(layers, x, y, slope_of_cost), strict=True)
    return [
        LayerGradients(path, g.delta, g.dW, None if module.bias is None else g.db)
        for (path, module), g in found
        if module is not None
    ]


def _read_model(model: Module, x: Array) -> tuple[Array, list[Layer], list[tuple[str, Any]]]:
    """The points as they come to the first Linear layer, and the layers from there on.

    An activation that follows another is a layer with the weights 1, and without a module.
    """
    layers: list[Layer] = []
    modules: list[tuple[str, Any]] = []
    module: Any
    for path, module in model.named_modules(remove_duplicate=False):
        kind = type(module)
        where = f"{path} ({kind.__name__})" if path else kind.__name__
        if kind is Linear:
            W, b = module.weight.numpy(), module.bias
            twice = any(other and module.weight is other.weight for _, other in modules)
            wrong = "is in the model twice, or shares its weight: the gradients would add"
            require(not twice, f"{where} {wrong}", TypeError)
            fits = x.ndim == 2 and (layers or x.shape[1] == W.shape[1])
            require(fits, f"{where} takes points in rows of {W.shape[1]}, got {x.shape}")
            modules.append((path, module))
            layers.append(Layer(W, np.zeros(len(W)) if b is None else b.numpy(), identity))
        elif kind in _ACTIVATIONS and getattr(module, "dim", None) in (None, -1, 1):
            activation = _ACTIVATIONS[kind](module)
            if not layers:
                x = activation.of(x)
            elif layers[-1].activation is identity:
                layers[-1] = layers[-1]._replace(activation=activation)
            else:
                count = len(layers[-1].W)
                modules.append((path, None))
                layers.append(Layer(np.eye(count), np.zeros(count), activation))
        elif kind is Flatten and not layers and (module.start_dim, module.end_dim) == (1, -1):
            x = x.reshape(len(x), -1)
        elif kind is not Sequential and (kind is not Dropout or module.training):
            instead = f"Sequentials of Linear layers, {_kinds_in_words(_ACTIVATIONS)}"
            raise TypeError(f"{where} has no closed form here; use {instead}")
    require(layers, f"{type(model).__name__} has no Linear layer to find gradients for", TypeError)
    return x, layers, modules


def _slope_of(loss: object) -> Slope:
    kind, name, no = type(loss), type(loss).__name__, "has no closed form here"
    require(kind in _SLOPES, f"{name} {no}; use {_kinds_in_words(_SLOPES)}", TypeError)
    for option in ("weight", "pos_weight"):
        weighted = getattr(loss, option, None) is not None
        require(not weighted, f"{name} with a {option} {no}", TypeError)
    single = getattr(loss, "reduction", "mean") != "none"
    require(single, f"{name}(reduction='none') does not return a single number", TypeError)
    return _of_logits if getattr(loss, "logits", False) else _SLOPES[kind]


def _targets(loss: object, a: Array, y: Array) -> tuple[Array, int]:
    """Targets like the outputs, labels as rows; and the number that the loss is divided by."""
    counted = np.ones((len(a), 1))
    if y.ndim == a.ndim - 1 and y.dtype.kind in "iu":
        counted = (y != getattr(loss, "ignore_index", None))[:, np.newaxis]
        y = (y[:, np.newaxis] == np.arange(a.shape[-1])) * counted.astype(a.dtype)
    same = y.shape == a.shape
    require(same, f"expected targets of the outputs' shape {a.shape}, got {y.shape}")
    if smoothing := getattr(loss, "label_smoothing", 0):
        y = (1 - smoothing) * y + smoothing / a.shape[-1] * counted
    number = int(np.sum(counted)) if type(loss) in _OF_EXAMPLES else a.size
    return y, number if getattr(loss, "reduction", "mean") == "mean" else 1


def _kinds_in_words(kinds: Iterable[type]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
