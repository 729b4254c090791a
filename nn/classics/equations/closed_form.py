"""The closed form of a model: the five equations, applied to the layers of a Sequential.

Only this file of the equations knows the modules of `nn`: which activation and which slope of a
cost belongs to each of them. It reads their weights as arrays, and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import functions, losses
from ...containers import Sequential
from ...layers.dense import Flatten, Identity, Linear
from ...layers.dropout import Dropout
from . import neurons
from .backpropagation import Layer, backpropagate
from .neurons import Activation, Array, sigmoid, softmax

# The activation of each module, for points in rows. A subclass may be anything, and has none.
_ACTIVATIONS: dict[type, Callable[[Any], Activation]] = {
    Identity: lambda module: neurons.identity,
    functions.Sigmoid: lambda module: sigmoid,
    functions.Tanh: lambda module: neurons.tanh,
    functions.ReLU: lambda module: neurons.relu,
    functions.LeakyReLU: lambda module: neurons.leaky_relu(module.negative_slope),
    functions.ELU: lambda module: neurons.elu(module.alpha),
    functions.Softmax: lambda module: softmax(-1),
    functions.LogSoftmax: lambda module: neurons.log_softmax(-1),
}


class LayerGradients(NamedTuple):
    """The gradients of a Linear layer, which `layer` names by its place in the model.

    `delta` = ∂C/∂z has a row for each point; `db` is None where the layer has no biases.
    """

    layer: str
    delta: Array
    dW: Array
    db: Array | None


def closed_form(model: Any, loss: Any, x: Any, y: Any) -> list[LayerGradients]:
    """Computes δ, dW and db of every Linear layer of a Sequential, by the equations alone.

    What has no closed form here raises an error that names it.

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
    x, stages = _read(model, x)
    slope, after_sigmoid = _slope_of(loss)
    if after_sigmoid is not None and stages[-1].activations[-1:] == [sigmoid]:
        slope = after_sigmoid
        del stages[-1].activations[-1]
    layers: list[Layer] = []
    for where, module, activations in stages:
        W = module.weight.numpy()
        if x.ndim != 2 or (not layers and x.shape[1] != W.shape[1]):
            raise ValueError(f"{where} takes points in rows of {W.shape[1]}, got {x.shape}")
        b = np.zeros(len(W), W.dtype) if module.bias is None else module.bias.numpy()
        layers.append(Layer(W, b, _one_after_another(activations)))
    found = backpropagate(layers, x, y, lambda a, y: slope(loss, a, y))
    return [
        LayerGradients(where.partition(" ")[0], g.delta, g.dW, None if m.bias is None else g.db)
        for (where, m, _), g in zip(stages, found, strict=True)
    ]


class _Stage(NamedTuple):
    """A Linear layer, and the activations that follow."""

    where: str
    module: Linear
    activations: list[Activation]


def _read(model: Any, x: Array) -> tuple[Array, list[_Stage]]:
    """The points as they come to the first Linear layer, and the stages from there on."""
    stages: list[_Stage] = []
    for path, module in model.named_modules(remove_duplicate=False):
        kind = type(module)
        where = f"{path} ({kind.__name__})" if path else kind.__name__
        if kind is Linear:
            if any(module.weight is stage.module.weight for stage in stages):
                raise TypeError(
                    f"{where} is in the model twice, or shares its weight: the gradients would add"
                )
            stages.append(_Stage(where, module, []))
        elif kind in _ACTIVATIONS and getattr(module, "dim", None) in (None, -1, 1):
            activation = _ACTIVATIONS[kind](module)
            if stages:
                stages[-1].activations.append(activation)
            else:
                x = activation.of(x)
        elif kind is Flatten and not stages and (module.start_dim, module.end_dim) == (1, -1):
            x = x.reshape(len(x), -1)
        elif kind is not Sequential and not (kind is Dropout and not module.training):
            known = ", ".join(known.__name__ for known in _ACTIVATIONS)
            raise TypeError(
                f"{where} has no closed form here; use Sequentials of Linear layers and {known}"
            )
    if not stages:
        raise TypeError(f"{type(model).__name__} has no Linear layer to find gradients for")
    return x, stages


def _one_after_another(activations: list[Activation]) -> Activation:
    """Several activations in a row as one; of none, the identity."""
    if len(activations) < 2:
        return activations[0] if activations else neurons.identity
    *before, last = activations
    first = _one_after_another(before)

    def pull_back(g: Array, z: Array, a: Array) -> Array:
        between = first.of(z)
        return first.pull_back(last.pull_back(g, between, a), z, between)

    return Activation("several", lambda z: last.of(first.of(z)), pull_back)


# ---- costs ---------------------------------------------------------------------------------------

Slope = Callable[[Any, Array, Array], Array]  # of a loss, outputs in rows and targets: ∂C/∂a


def _slope_of(loss: Any) -> tuple[Slope, Slope | None]:
    """The slope of a cost with respect to the outputs a, and, where a sigmoid may come before it
    that cancels, with respect to its inputs z."""
    kind = type(loss)
    if kind not in _SLOPES:
        known = ", ".join(known.__name__ for known in _SLOPES)
        raise TypeError(f"{kind.__name__} has no closed form here; use {known}")
    for option in ("weight", "pos_weight"):
        if getattr(loss, option, None) is not None:
            raise TypeError(f"{kind.__name__} with a {option} has no closed form here")
    if getattr(loss, "reduction", "mean") == "none":
        raise TypeError(f"{kind.__name__}(reduction='none') does not return a single number")
    on_probabilities = kind is losses.BCELoss or (
        kind is losses.SigmoidCrossEntropyLoss and not loss.logits
    )
    return _SLOPES[kind], _of_logits if on_probabilities else None


def _entries(loss: Any, a: Array) -> int:
    """What a loss over single entries is divided by."""
    if isinstance(loss, losses.SigmoidCrossEntropyLoss):
        return len(a)
    return a.size if loss.reduction == "mean" else 1  # type: ignore[no-any-return]


def _of_logits(loss: Any, z: Array, y: Array) -> Array:
    """-y log a - (1 - y) log(1 - a) with a = σ(z): ∂C/∂z = a - y, as a division by a(1 - a) and the
    slope of the sigmoid cancel."""
    return (sigmoid.of(z) - _values(y, z)) / _entries(loss, z)


def _of_probabilities(loss: Any, a: Array, y: Array) -> Array:
    return (a - _values(y, a)) / (a * (1 - a)) / _entries(loss, a)


def _cross_entropy(loss: Any, z: Array, y: Array) -> Array:
    """-Σ q log p with p = softmax(z): ∂C/∂z = p - q, as the probabilities q add up to 1."""
    q, examples = _probabilities(loss, y, z)
    smoothing = loss.label_smoothing
    counted = np.any(q, axis=-1, keepdims=True) if y.ndim < z.ndim else 1
    q = (1 - smoothing) * q + smoothing / z.shape[-1] * counted
    return (softmax(-1).of(z) * np.sum(q, axis=-1, keepdims=True) - q) / examples


def _log_likelihood(loss: Any, log_p: Array, y: Array) -> Array:
    """-Σ q log p with respect to log p."""
    q, examples = _probabilities(loss, y, log_p)
    return -q / examples


_SLOPES: dict[type, Slope] = {
    losses.QuadraticLoss: lambda loss, a, y: (a - _values(y, a)) / len(a),
    losses.MSELoss: lambda loss, a, y: 2 * (a - _values(y, a)) / _entries(loss, a),
    losses.L1Loss: lambda loss, a, y: np.sign(a - _values(y, a)) / _entries(loss, a),
    losses.HuberLoss: lambda loss, a, y: (
        np.clip(a - _values(y, a), -loss.delta, loss.delta) / _entries(loss, a)
    ),
    losses.BCELoss: _of_probabilities,
    losses.BCEWithLogitsLoss: _of_logits,
    losses.SigmoidCrossEntropyLoss: lambda loss, a, y: (
        _of_logits(loss, a, y) if loss.logits else _of_probabilities(loss, a, y)
    ),
    losses.CrossEntropyLoss: _cross_entropy,
    losses.NLLLoss: _log_likelihood,
}


def _values(y: Array, a: Array) -> Array:
    """Targets like the outputs: labels become one-hot rows."""
    if y.ndim == a.ndim - 1 and y.dtype.kind in "iu":
        return (y[:, np.newaxis] == np.arange(a.shape[-1])).astype(a.dtype)
    if y.shape != a.shape:
        raise ValueError(f"expected targets of the outputs' shape {a.shape}, got {y.shape}")
    return y


def _probabilities(loss: Any, y: Array, a: Array) -> tuple[Array, float]:
    """The target probabilities of the classes, and the number that the loss is divided by."""
    q, examples = _values(y, a), len(a)
    if y.ndim == a.ndim - 1:
        counted = y != loss.ignore_index
        q, examples = q * counted[:, np.newaxis], int(np.count_nonzero(counted))
    return q, examples if loss.reduction == "mean" else 1
