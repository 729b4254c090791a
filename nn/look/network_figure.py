"""The textbook's picture of a network: neurons as circles, in layers, and their connections."""

from __future__ import annotations

from collections.abc import Callable
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
    columns = _columns(model)
    if x is not None:
        _run(model, columns, x, loss)
    from .sketch import Sketch  # loads graphviz

    sketch = Sketch(theme)
    sizes = [column.size for column in columns]
    if len(sizes) == 2 and sizes[1] == 1 and sizes[0] <= widest:
        _draw_neuron(sketch, *columns)
    else:
        _draw_columns(sketch, columns, [_rows(size, widest) for size in sizes])
    source = str(sketch.graph.source)
    listed = ", ".join(map(str, sizes[:-1]))
    return Image(lambda: source, f"network of {listed} and {sizes[-1]} neurons", theme == "auto")


# ---- what is drawn -------------------------------------------------------------------------------


@dataclass
class _Column:
    """The inputs, or the neurons of a Linear layer and the activations that follow.

    Tensors have the keys w and b, and with an example also z, the sums, and a, the outputs.
    """

    size: int
    tensors: dict[str, Tensor]
    functions: list[str] = field(default_factory=list)
    gradients: dict[str, Array] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Array]:
        """The arrays in the Tensors, as they are drawn."""
        return {name: _drawn(name, tensor) for name, tensor in self.tensors.items()}


def _drawn(name: str, tensor: Tensor) -> Array:
    return tensor.numpy() if name == "w" else tensor.numpy().reshape(-1)


def _in_a_row(model: Module) -> list[Module]:
    modules = model.named_modules(remove_duplicate=False)
    return [module for _, module in modules if not isinstance(module, Sequential)]


def _columns(model: Module) -> list[_Column]:
    columns: list[_Column] = []
    for module in _in_a_row(model):
        if isinstance(module, Linear):
            if columns and columns[-1].size != module.in_features:
                raise ValueError(
                    f"{module._where()} takes {module.in_features} inputs, but the layer before "
                    f"it has {columns[-1].size} outputs"
                )
            columns = columns or [_Column(module.in_features, {})]
            biases = {} if module.bias is None else {"b": module.bias}
            columns.append(_Column(module.out_features, {"w": module.weight, **biases}))
        elif isinstance(module, FUNCTIONS) and columns:
            columns[-1].functions.append(type(module).__name__)
        elif not isinstance(module, PASSING_ON):
            raise TypeError(
                "draw_network draws Linear layers with activations behind them, in a row; "
                f"{module._where()} does not fit in: microgradnd.draw(model(x)) draws any network"
            )
    if not columns:
        raise TypeError(f"draw_network needs a Linear layer; {type(model).__name__} has none")
    return columns


def _run(
    model: Module, columns: list[_Column], x: Any, loss: Callable[[Tensor], Tensor] | None
) -> None:
    """Adds the Tensors of one example, and gradients."""
    dtype = columns[1].tensors["w"].dtype
    h = Tensor(x.numpy() if isinstance(x, Tensor) else np.asarray(x, dtype), requires_grad=True)
    columns[0].tensors["a"], place = h, 0
    for module in _in_a_row(model):
        h = module(h)
        if isinstance(module, Linear):
            place += 1
            columns[place].tensors["z"] = h
            if h.size != module.out_features:
                raise ValueError(
                    f"draw_network shows one example of {columns[0].size} numbers, got an x of "
                    f"shape {np.shape(x)}"
                )
        if place:
            columns[place].tensors["a"] = h
    if loss is not None:
        wanted = [
            (column, name, tensor)
            for column in columns[1:]
            for name, tensor in column.tensors.items()
            if tensor.requires_grad
        ]
        found = gradients(loss(h), [tensor for *_, tensor in wanted])
        for (column, name, _), gradient in zip(wanted, found, strict=True):
            column.gradients[name] = _drawn(name, gradient)


# ---- columns -------------------------------------------------------------------------------------

Rows = list[int | None]  # the neurons that are drawn; None stands for those that are left out


def _draw_columns(sketch: Sketch, columns: list[_Column], rows: list[Rows]) -> None:
    """Columns of neurons, the first being the inputs, each with all of the next connected."""
    across = list(accumulate(map(_distance, rows, rows[1:]), initial=0.0))
    bottom = -max(map(len, rows)) / 2 * DOWN - 18
    kinds = ["input", *["operation"] * (len(columns) - 2), "head"]
    for place, (column, x, kind) in enumerate(zip(columns, across, kinds, strict=True)):
        _draw_neurons(sketch, column, place, x, rows[place], kind)
        noun = ("neuron" if place else "input") + "s" * (column.size != 1)
        sketch.text(x, bottom, f"{column.size} {noun}", "text", 10)
        sketch.text(x, bottom - 13, " ".join(column.functions), "faint", 9)
        if place:
            _connect(sketch, column, place, rows[place - 1], rows[place])
    shown = "∂L/∂w" if any("w" in column.gradients for column in columns) else "weight"
    sketch.legend(ACROSS / 2, bottom - 34, shown)


def _rows(size: int, widest: int) -> Rows:
    if size <= widest:
        return list(range(size))
    top = widest // 2
    return [*range(top), None, *range(size - (widest - 1 - top), size)]


def _height(row: int, rows: list[Any]) -> float:
    return ((len(rows) - 1) / 2 - row) * DOWN


def _distance(before: Rows, after: Rows) -> float:
    """From a column to the next: the more that is written between them, the farther."""
    share = _labels_at(before, after)
    return max(ACROSS, ASIDE / min(share, 1 - share)) if share else ACROSS


def _labels_at(before: Rows, after: Rows) -> float:
    """The share of each connection at which its weight is written; 0 if there are too many.

    It is where all connections are equally far apart. At 1/(m + 1) of the way to m neurons, the
    one from the i-th of the neurons before to the j-th is at the height of (m·i + j)/(m + 1): each
    of them has a place of its own. Seen from the other end it is the same.
    """
    n, m = len(before), len(after)
    if n * m > FEW:
        return 0.0
    return 1 / (m + 1) if m <= n else n / (n + 1)


def _draw_neurons(
    sketch: Sketch, column: _Column, place: int, x: float, rows: Rows, kind: str
) -> None:
    """Neurons tinted by their activations, with gradients and, where they are few, biases."""
    values, gradient = column.values, column.gradients.get("a")
    shown = np.nan_to_num(values.get("a", np.zeros(1)), posinf=0, neginf=0)
    shares = shown / (np.max(np.abs(shown)) or 1.0)
    for row, neuron in enumerate(rows):
        y = _height(row, rows)
        if neuron is None:
            for offset in (-8, 0, 8):
                key = f"left_out{place}_{offset}"
                sketch.circle(key, x, y + offset, "constant", size=3)
            continue
        below = "" if gradient is None else written(gradient[neuron], 2)
        inside: dict[str, Any] = {}
        if "a" in values:
            inside = {"text": written(values["a"][neuron], 2), "share": float(shares[neuron])}
        sketch.circle(f"n{place}_{neuron}", x, y, kind, below=below, **inside)
        if "b" in values and len(rows) <= FEW_NEURONS:
            sketch.text(x, y - 26, f"b {written(values['b'][neuron], 2)}", "faint", 7)


def _connect(sketch: Sketch, column: _Column, place: int, before: Rows, after: Rows) -> None:
    """Connections as wide as their weights, or the gradients of these, are large."""
    shown = column.gradients.get("w", column.values["w"])
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


def _draw_neuron(sketch: Sketch, inputs: _Column, neuron: _Column) -> None:
    """One neuron and what happens in it: the weighted sum of its inputs, and its activation."""
    sketch.circle("sum", 1.7 * ACROSS, 0, "operation", "Σ", size=46, points=18)
    values = {name: array.reshape(-1) for name, array in neuron.values.items()}
    slopes = {name: array.reshape(-1) for name, array in neuron.gradients.items()}
    terms = [("x", "w", number) for number in range(inputs.size)] + [("1", "b", 0)]
    terms = terms[: None if "b" in values else -1]
    largest = max([float(abs(values[w][number])) for _, w, number in terms], default=0.0) or 1.0
    for row, (x, w, number) in enumerate(terms):
        low = "" if w == "b" else str(number + 1).translate(LOW)
        text, value = x + low, float(values[w][number])
        if w == "w" and "a" in inputs.tensors:
            text += f" = {written(inputs.values['a'][number])}"
        kind = "constant" if w == "b" else "input"
        sketch.circle(x + low, 0, 1.25 * _height(row, terms), kind, text, size=54)
        label = sketch.coloured(f"{w}{low} = {written(value)}", "text", 9)
        if w in slopes:
            slope = f"∂L/∂{w}{low} = {written(slopes[w][number])}"
            label += "<BR/>" + sketch.coloured(slope, "gradient", 8)
        width = 0.5 + 3 * abs(value) / largest
        sketch.connection(x + low, "sum", value, width, label, 0.42, arrowhead="normal")
    ends = ["sum"]
    if neuron.functions:
        named = " ".join(neuron.functions)
        letter = LETTERS.get(named, named)
        points = 18 if len(letter) == 1 else 9
        ends.append("function")
        sketch.circle("function", 2.5 * ACROSS, 0, "head", letter, size=46, points=points)
    for name, columns in [("z", 1.7), ("a", 2.5)][: len(ends)]:
        if name in values:
            text = f"{name} = {written(values[name][0])}"
            sketch.text(columns * ACROSS, -33, text, "text", 10)
        if name in slopes:
            text = f"∂L/∂{name} = {written(slopes[name][0])}"
            sketch.text(columns * ACROSS, -46, text, "gradient", 9)
    sketch.text(3.1 * ACROSS, 0, "output", "text", 10, key="output")
    for source, target in zip(ends, [*ends[1:], "output"], strict=True):
        sketch.graph.edge(source, target, color=sketch.colours["line"])
