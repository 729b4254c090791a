"""From a model, an example and a loss to what a sketch of its neurons shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnd import Tensor, gradients
from microgradnd.draw.image import Image

from ... import functions
from ...containers import Sequential
from ...layers.dense import Flatten, Identity, Linear
from ...layers.dropout import ClassicDropout, Dropout
from ...module import Module

if TYPE_CHECKING:
    from .sketch import Layer

PASSING_ON = (Flatten, Identity, Dropout, ClassicDropout)  # they are not drawn
FUNCTIONS = tuple(
    kind
    for kind in vars(functions).values()
    if isinstance(kind, type) and issubclass(kind, Module) and kind is not Module
)


def draw_network(
    model: Module,
    x: Any = None,
    *,
    loss: Callable[[Tensor], Tensor] | None = None,
    widest: int = 10,
    theme: str = "auto",
) -> Image:
    """The neurons and connections of a network of Linear layers and functions.

    Connections are blue for positive weights and orange for negative ones, and the wider, the
    larger the weight is among those of its layer; a layer of few has the weights written on them.
    Of layers with more than `widest` neurons the middle is left out. A single neuron is drawn with
    all that goes on in it.

    With one example `x` the neurons show their functions. With a `loss` too, a function of the
    output, they show its gradients below, and the connections show those of the weights. Nobody's
    `.grad` is changed.

    >>> from nn.functions import Sigmoid
    >>> from nn.containers import Sequential
    >>> from nn.look.draw_network import draw_network
    >>> from nn.layers.dense import Linear
    >>> model = Sequential(Linear(784, 30), Sigmoid(), Linear(30, 10), Sigmoid())
    >>> draw_network(model)
    <network of 784, 30 and 10 neurons>
    """
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"draw_network(theme={theme!r}): choose 'auto', 'light' or 'dark'")
    if widest < 3:
        raise ValueError(f"draw_network(widest={widest}): a layer needs room for 3 neurons")
    if loss is not None and x is None:
        raise ValueError("draw_network(loss=): gradients are those at an example: give x, too")
    stages = _stages(model)
    from .sketch import Layer, sketch_of_network, sketch_of_neuron  # loads graphviz

    layers = [Layer(stage.linear.weight.numpy(), _array(stage.linear.bias)) for stage in stages]
    for layer, stage in zip(layers, stages, strict=True):
        layer.function = " ".join(type(module).__name__ for module in stage.functions)
    inputs = None if x is None else _run(model, stages, layers, x, loss)
    sizes = [layers[0].weight.shape[1], *(len(layer.weight) for layer in layers)]
    if len(layers) == 1 and sizes[1] == 1 and sizes[0] <= widest:
        source = sketch_of_neuron(layers[0], inputs, theme)
    else:
        source = sketch_of_network(layers, inputs, widest, theme)
    listed = ", ".join(map(str, sizes[:-1]))
    return Image(lambda: source, f"network of {listed} and {sizes[-1]} neurons", theme == "auto")


# ---- what is drawn -------------------------------------------------------------------------------


@dataclass
class _Stage:
    """A Linear layer, and the activations between it and the next."""

    linear: Linear
    functions: list[Module]


def _stages(model: Module) -> list[_Stage]:
    stages: list[_Stage] = []
    for module in _in_a_row(model):
        if isinstance(module, Linear):
            if stages and stages[-1].linear.out_features != module.in_features:
                raise ValueError(
                    f"{module._where()} takes {module.in_features} inputs, but the layer before "
                    f"it gives {stages[-1].linear.out_features}"
                )
            stages.append(_Stage(module, []))
        elif isinstance(module, FUNCTIONS) and stages:
            stages[-1].functions.append(module)
        elif not isinstance(module, PASSING_ON):
            raise TypeError(
                "draw_network draws Linear layers with activations behind them, in a row; "
                f"{module._where()} does not fit in: microgradnd.draw(model(x)) draws any network"
            )
    if not stages:
        raise TypeError(f"draw_network needs a Linear layer; {type(model).__name__} has none")
    return stages


def _in_a_row(model: Module) -> Iterator[Module]:
    if isinstance(model, Sequential):
        for module in model:
            yield from _in_a_row(module)
    else:
        yield model


def _run(
    model: Module,
    stages: list[_Stage],
    layers: list[Layer],
    x: Any,
    loss: Callable[[Tensor], Tensor] | None,
) -> Any:
    """Run the network on one example, and fill in what was found: the inputs come back."""
    first = stages[0].linear
    h = Tensor(x.numpy() if isinstance(x, Tensor) else np.asarray(x, first.weight.dtype))
    h.requires_grad = True
    start, sums, outputs = h, [], []
    for module in _in_a_row(model):
        h = module(h)
        if isinstance(module, Linear):
            sums.append(h)
            outputs.append(h)
            if h.size != module.out_features:
                raise ValueError(
                    f"draw_network shows one example of {first.in_features} numbers, found an x "
                    f"of shape {start.shape}"
                )
        elif outputs:
            outputs[-1] = h
    for layer, z, a in zip(layers, sums, outputs, strict=True):
        layer.sums, layer.outputs = z.numpy().reshape(-1), a.numpy().reshape(-1)
    if loss is not None:
        _differentiate(loss(h), stages, layers, sums, outputs)
    return start.numpy().reshape(-1)


def _differentiate(
    value: Any, stages: list[_Stage], layers: list[Layer], sums: list[Any], outputs: list[Any]
) -> None:
    weights = [stage.linear.weight for stage in stages]
    biases = [stage.linear.bias for stage in stages]
    wanted = [t for t in (*sums, *outputs, *weights, *biases) if t is not None and t.requires_grad]
    found = dict(zip(map(id, wanted), gradients(value, wanted), strict=True))

    def of(tensor: Any) -> Any:
        return found[id(tensor)].numpy() if id(tensor) in found else None

    for layer, z, a, w, b in zip(layers, sums, outputs, weights, biases, strict=True):
        layer.of_sums, layer.of_outputs = of(z).reshape(-1), of(a).reshape(-1)
        layer.of_weight, layer.of_bias = of(w), of(b)


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.numpy()
