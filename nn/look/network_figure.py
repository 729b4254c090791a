"""The textbook's picture of a network: neurons as circles, in layers, and their connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnd import Tensor, gradients
from microgradnd.arrays import Array
from microgradnd.draw.image import Image
from microgradnd.draw.numbers import written

from .. import functions
from ..containers import Sequential
from ..layers.dense import Flatten, Identity, Linear
from ..layers.dropout import ClassicDropout, Dropout
from ..module import Module

if TYPE_CHECKING:
    from .sketch import Sketch

PASSING_ON = (Flatten, Identity, Dropout, ClassicDropout)  # they are not drawn
FUNCTIONS = tuple(
    kind
    for kind in vars(functions).values()
    if isinstance(kind, type) and issubclass(kind, Module) and kind is not Module
)
ACROSS, DOWN = 160, 60  # from column to column, and from neuron to neuron in one, in points
ASIDE = 60  # from a column to the weights that are written beside it
FEW = 16  # connections of a layer that have their weights written on them
MANY = 40  # connections of a layer, from which on they are thinner
FEW_NEURONS = 6  # of a layer that have their biases written below them
LETTERS = {"Sigmoid": "σ"}  # what books write for an activation
LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def draw_network(
    model: Module,
    x: Any = None,
    *,
    loss: Callable[[Tensor], Tensor] | None = None,
    widest: int = 10,
    theme: str = "auto",
) -> Image:
    """Draws the neurons and connections of a network of Linear layers and functions.

    Connections are blue for positive weights and orange for negative ones. Their widths are the
    sizes of the weights, relative to the largest of the layer; a layer of few has the weights
    written on them. A single neuron is drawn with all that happens in it.

    Arguments:
        model: Linear layers with activations behind them, in a row.
        x: one example; the neurons show their outputs for it.
        loss: a function of the output of the network; the neurons show its gradients below, and the
            connections show those of the weights. `.grad` is left as it is.
        widest: of layers with more neurons the middle is left out.
        theme: "light", "dark", or "auto" for what the reader prefers.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    >>> nn.draw_network(model)
    <network of 784, 30 and 10 neurons>
    """
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"draw_network(theme={theme!r}): choose 'auto', 'light' or 'dark'")
    if widest < 3:
        raise ValueError(f"draw_network(widest={widest}): a layer needs room for 3 neurons")
    if loss is not None and x is None:
        raise ValueError("draw_network(loss=): gradients need an example; also pass x")
    layers = _layers(model)
    inputs = None if x is None else _run(model, layers, x, loss)
    sizes = [layers[0].linear.in_features, *(layer.linear.out_features for layer in layers)]
    from .sketch import Sketch  # loads graphviz

    sketch = Sketch(theme)
    if len(layers) == 1 and sizes[1] == 1 and sizes[0] <= widest:
        _draw_neuron(sketch, layers[0], inputs)
    else:
        _draw_layers(sketch, layers, sizes, inputs, widest)
    source = str(sketch.graph.source)
    listed = ", ".join(map(str, sizes[:-1]))
    return Image(lambda: source, f"network of {listed} and {sizes[-1]} neurons", theme == "auto")


# ---- what is drawn -------------------------------------------------------------------------------


@dataclass
class _Layer:
    """A Linear layer, and the activations between it and the next.

    The keys are w and b, and with an example also z, the sums, and a, the outputs; with a loss
    there are gradients.
    """

    linear: Linear
    functions: list[Module] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)


def _layers(model: Module) -> list[_Layer]:
    layers: list[_Layer] = []
    for module in _in_a_row(model):
        if isinstance(module, Linear):
            if layers and layers[-1].linear.out_features != module.in_features:
                raise ValueError(
                    f"{module._where()} takes {module.in_features} inputs, but the layer before "
                    f"it has {layers[-1].linear.out_features} outputs"
                )
            layers.append(_Layer(module))
            layers[-1].tensors["w"] = module.weight
            if module.bias is not None:
                layers[-1].tensors["b"] = module.bias
            layers[-1].values = {name: t.numpy() for name, t in layers[-1].tensors.items()}
        elif isinstance(module, FUNCTIONS) and layers:
            layers[-1].functions.append(module)
        elif not isinstance(module, PASSING_ON):
            raise TypeError(
                "draw_network draws Linear layers with activations behind them, in a row; "
                f"{module._where()} does not fit in: microgradnd.draw(model(x)) draws any network"
            )
    if not layers:
        raise TypeError(f"draw_network needs a Linear layer; {type(model).__name__} has none")
    return layers


def _in_a_row(model: Module) -> Iterator[Module]:
    if isinstance(model, Sequential):
        for module in model:
            yield from _in_a_row(module)
    else:
        yield model


def _run(
    model: Module, layers: list[_Layer], x: Any, loss: Callable[[Tensor], Tensor] | None
) -> Array:
    """Fills in the values of one example, and gradients; returns the inputs."""
    first = layers[0].linear
    x = x.numpy() if isinstance(x, Tensor) else np.asarray(x, first.weight.dtype)
    h, place = Tensor(x, requires_grad=True), -1
    for module in _in_a_row(model):
        h = module(h)
        if isinstance(module, Linear):
            place += 1
            layers[place].tensors["z"] = h
            if h.size != module.out_features:
                raise ValueError(
                    f"draw_network shows one example of {first.in_features} numbers, got an x of "
                    f"shape {x.shape}"
                )
        if place >= 0:
            layers[place].tensors["a"] = h
    for layer in layers:
        layer.values |= {name: layer.tensors[name].numpy().reshape(-1) for name in "za"}
    if loss is not None:
        wanted = [
            (layer, name, tensor)
            for layer in layers
            for name, tensor in layer.tensors.items()
            if tensor.requires_grad
        ]
        found = gradients(loss(h), [tensor for *_, tensor in wanted])
        for (layer, name, _), gradient in zip(wanted, found, strict=True):
            array = gradient.numpy()
            layer.gradients[name] = array if name == "w" else array.reshape(-1)
    return np.ravel(x)


# ---- layers --------------------------------------------------------------------------------------

Row = int | None  # a neuron that is drawn; None stands for those that are left out


def _draw_layers(
    sketch: Sketch, layers: list[_Layer], sizes: list[int], inputs: Array | None, widest: int
) -> None:
    """Columns of neurons, the first being the inputs, each with all of the next connected."""
    columns = [_rows(size, widest) for size in sizes]
    across = list(accumulate(map(_distance, columns, columns[1:]), initial=0.0))
    bottom = -max(map(len, columns)) / 2 * DOWN - 18
    _draw_column(sketch, "n0", across[0], columns[0], "input", inputs, None)
    sketch.text(0, bottom, f"{sizes[0]} input" + "s" * (sizes[0] != 1), "text", 10)
    for place, layer in enumerate(layers, 1):
        x, rows = across[place], columns[place]
        kind = "head" if place == len(layers) else "operation"
        values, gradient = layer.values.get("a"), layer.gradients.get("a")
        _draw_column(sketch, f"n{place}", x, rows, kind, values, gradient)
        if "b" in layer.values and len(rows) <= FEW_NEURONS:
            for row, neuron in enumerate(rows):
                if neuron is not None:
                    bias = f"b {written(layer.values['b'][neuron], 2)}"
                    sketch.text(x, _height(row, rows) - 26, bias, "faint", 7)
        sketch.text(x, bottom, f"{sizes[place]} neuron" + "s" * (sizes[place] != 1), "text", 10)
        named = " ".join(type(module).__name__ for module in layer.functions)
        if named:
            sketch.text(x, bottom - 13, named, "faint", 9)
        _connect(sketch, layer, place, columns[place - 1], rows)
    shown = "∂L/∂w" if any("w" in layer.gradients for layer in layers) else "weight"
    sketch.legend(ACROSS / 2, bottom - 34, shown)


def _rows(size: int, widest: int) -> list[Row]:
    if size <= widest:
        return list(range(size))
    top = widest // 2
    return [*range(top), None, *range(size - (widest - 1 - top), size)]


def _height(row: int, rows: list[Any]) -> float:
    return ((len(rows) - 1) / 2 - row) * DOWN


def _distance(before: list[Row], after: list[Row]) -> float:
    """From a column to the next: the more that is written between them, the farther."""
    share = _labels_at(before, after)
    return max(ACROSS, ASIDE / min(share, 1 - share)) if share else ACROSS


def _labels_at(before: list[Row], after: list[Row]) -> float:
    """The share of each connection at which its weight is written; 0 if there are too many.

    It is where all connections are equally far apart. At 1/(m + 1) of the way to m neurons, the
    one from the i-th of the neurons before to the j-th is at the height of (m·i + j)/(m + 1): each
    of them has a place of its own. Seen from the other end it is the same.
    """
    n, m = len(before), len(after)
    if n * m > FEW:
        return 0.0
    return 1 / (m + 1) if m <= n else n / (n + 1)


def _draw_column(
    sketch: Sketch,
    name: str,
    x: float,
    rows: list[Row],
    kind: str,
    values: Array | None,
    gradient: Array | None,
) -> None:
    """Neurons, tinted by their activations."""
    shown = np.zeros(0) if values is None else np.where(np.isfinite(values), values, 0)
    shares = shown / (np.max(np.abs(shown), initial=0) or 1.0)
    for row, neuron in enumerate(rows):
        y = _height(row, rows)
        if neuron is None:
            for offset in (-8, 0, 8):
                key = f"left_out{name[1:]}_{offset}"
                sketch.circle(key, x, y + offset, "constant", size=3)
            continue
        text = "" if values is None else written(values[neuron], 2)
        below = "" if gradient is None else written(gradient[neuron], 2)
        share = None if values is None else float(shares[neuron])
        sketch.circle(f"{name}_{neuron}", x, y, kind, text, below=below, share=share)


def _connect(
    sketch: Sketch, layer: _Layer, place: int, before: list[Row], after: list[Row]
) -> None:
    """Connections as wide as their weights, or the gradients of these, are large."""
    shown = layer.gradients.get("w", layer.values["w"])
    largest = float(np.abs(shown).max(initial=0)) or 1.0
    ends = [(i, j) for j in after for i in before if i is not None and j is not None]
    thickest = 3.2 if len(ends) <= MANY else 1.8
    share = _labels_at(before, after)
    for i, j in ends:
        value = float(shown[j, i])
        label = sketch.coloured(written(value, 3), "text", 8) if share else ""
        width = 0.3 + thickest * abs(value) / largest
        sketch.connection(f"n{place - 1}_{i}", f"n{place}_{j}", value, width, label, share)


# ---- a neuron ------------------------------------------------------------------------------------


def _draw_neuron(sketch: Sketch, layer: _Layer, inputs: Array | None) -> None:
    """One neuron and what happens in it: the weighted sum of its inputs, and its activation."""
    sketch.circle("sum", 1.7 * ACROSS, 0, "operation", "Σ", size=46, points=18)
    terms = [("x", "w", number) for number in range(layer.linear.in_features)]
    terms += [("1", "b", 0)] * ("b" in layer.values)
    flat = {name: values.reshape(-1) for name, values in layer.values.items()}
    of = {name: gradient.reshape(-1) for name, gradient in layer.gradients.items()}
    largest = max([float(abs(flat[w][number])) for _, w, number in terms], default=0.0) or 1.0
    for row, (x, w, number) in enumerate(terms):
        low = "" if w == "b" else str(number + 1).translate(LOW)
        key, value, kind = x + low, float(flat[w][number]), "constant" if w == "b" else "input"
        known = inputs is not None and w == "w"
        text = f"{key} = {written(inputs[number])}" if known else key  # type: ignore[index]
        sketch.circle(key, 0, 1.25 * _height(row, terms), kind, text, size=54)
        label = sketch.coloured(f"{w}{low} = {written(value)}", "text", 9)
        if w in of:
            slope = f"∂L/∂{w}{low} = {written(of[w][number])}"
            label += "<BR/>" + sketch.coloured(slope, "gradient", 8)
        width = 0.5 + 3 * abs(value) / largest
        sketch.connection(key, "sum", value, width, label, 0.42, arrowhead="normal")
    ends, named = ["sum"], " ".join(type(module).__name__ for module in layer.functions)
    if named:
        letter = LETTERS.get(named, named)
        points = 18 if len(letter) == 1 else 9
        ends.append("function")
        sketch.circle("function", 2.5 * ACROSS, 0, "head", letter, size=46, points=points)
    for name, columns in [("z", 1.7), ("a", 2.5)][: len(ends)]:
        if name in flat:
            sketch.text(columns * ACROSS, -33, f"{name} = {written(flat[name][0])}", "text", 10)
        if name in of:
            text = f"∂L/∂{name} = {written(of[name][0])}"
            sketch.text(columns * ACROSS, -46, text, "gradient", 9)
    sketch.text(3.1 * ACROSS, 0, "output", "text", 10, key="output")
    for source, target in zip(ends, [*ends[1:], "output"], strict=True):
        sketch.graph.edge(source, target, color=sketch.colours["line"])
