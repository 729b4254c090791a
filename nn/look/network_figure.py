"""The textbook's picture of a network: neurons as circles, in layers, and their connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradnd import Tensor, gradients
from microgradnd.arrays import Array, ArrayLike, on_host
from microgradnd.draw.dot import escaped, graphviz
from microgradnd.draw.image import Image
from microgradnd.draw.numbers import written
from microgradnd.draw.style import DARK, LIGHT, TEXT_FONT, Colours
from microgradnd.habits import at_least, check_choice, require
from microgradnd.operators import plain
from microgradnd.paths.notation import LOW

from ..containers import Sequential
from ..functions import FunctionModule
from ..layers.dense import Flatten, Identity, Linear
from ..layers.dropout import ClassicDropout, Dropout
from ..module import Module
from ..train.evaluation import placing

PASSING_ON = (Flatten, Identity, Dropout, ClassicDropout)  # they are not drawn
KINDS, OURS = FunctionModule.__subclasses__(), FunctionModule.__module__.rpartition(".")[0]
FUNCTIONS = tuple(kind for kind in KINDS if kind.__module__.startswith(OURS))
ACROSS, DOWN = 160, 60  # from column to column, and from neuron to neuron in one, in points
ASIDE = 60  # from a column to the weights that are written beside it
FEW = 16  # connections of a layer that have their weights written on them
MANY = 40  # connections of a layer, from which on they are thinner
FEW_NEURONS = 6  # of a layer that have their biases written below them
LETTERS = {"Sigmoid": "σ"}  # what books write for an activation


def draw_network(
    model: Module,
    x: ArrayLike | None = None,
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
    check_choice("theme", theme, "auto", "light", "dark")
    at_least(3, widest=widest)
    given = loss is None or x is not None
    require(given, "draw_network(loss=): gradients need an example; also pass x")
    columns = _all_columns(model, x, loss)
    sketch = _Sketch(DARK if theme == "dark" else LIGHT)
    sizes = [column.size for column in columns]
    if len(sizes) == 2 and sizes[1] == 1 and sizes[0] <= widest:
        _draw_neuron(sketch, *columns)
    else:
        _draw_columns(sketch, columns, widest)
    source, listed = str(sketch.graph.source), ", ".join(map(str, sizes[:-1]))
    return Image(lambda: source, f"network of {listed} and {sizes[-1]} neurons", theme == "auto")


@dataclass
class _Column:
    """The inputs, or the neurons of a Linear layer and the activations that follow.

    Tensors have the keys w and b, and with an example also z, the sums, and a, the outputs; their
    values and gradients are flat arrays.
    """

    size: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)


def _all_columns(model: Module, x: Any, loss: Callable[[Tensor], Tensor] | None) -> list[_Column]:
    columns: list[_Column] = []
    h: Any = None
    if x is not None:
        h = Tensor(placing(model)(on_host(plain(x)).astype(float)), requires_grad=True)
    outputs = h
    for _, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, Sequential):
            continue
        if isinstance(module, Linear):
            columns = columns or [_Column(module.in_features, {} if h is None else {"a": h})]
            size, needed = columns[-1].size, f"{module._where()} takes {module.in_features} inputs"
            fits = size == module.in_features
            require(fits, f"{needed}, but the layer before it has {size} outputs")
            columns.append(_Column(module.out_features, {"w": module.weight}))
            if module.bias is not None:
                columns[-1].tensors["b"] = module.bias
        elif isinstance(module, FUNCTIONS) and columns:
            columns[-1].functions.append(type(module).__name__)
        elif not isinstance(module, PASSING_ON):
            raise TypeError(
                "draw_network draws Linear layers with activations behind them, in a row; "
                f"{module._where()} does not fit in: microgradnd.draw(model(x)) draws any network"
            )
        if h is not None:
            outputs = module(outputs)
            if isinstance(module, Linear):
                single, shape = outputs.size == module.out_features, np.shape(x)
                shown = f"draw_network shows one example of {columns[0].size} numbers"
                require(single, f"{shown}, got an x of shape {shape}")
                columns[-1].tensors["z"] = outputs
            if columns:
                columns[-1].tensors["a"] = outputs
    name = type(model).__name__
    require(columns, f"draw_network needs a Linear layer; {name} has none", TypeError)
    for column in columns:
        column.values = {name: t.numpy().reshape(-1) for name, t in column.tensors.items()}
    if loss is not None:
        wanted = [{n: t for n, t in c.tensors.items() if t.requires_grad} for c in columns[1:]]
        for column, found in zip(columns[1:], gradients(loss(outputs), wanted), strict=True):
            column.gradients = {name: slope.numpy().reshape(-1) for name, slope in found.items()}
    return columns


def _draw_columns(sketch: _Sketch, columns: list[_Column], widest: int) -> None:
    """Columns of neurons, the first being the inputs, each with all of the next connected."""
    rows = [_neurons_drawn(column.size, widest) for column in columns]
    kinds = ["input", *["operation"] * (len(columns) - 2), "head"]
    bottom = -max(map(len, rows)) / 2 * DOWN - 18
    across, before = -float(ACROSS), rows[0]
    for place, (column, kind, neurons) in enumerate(zip(columns, kinds, rows, strict=True)):
        share = _label_at(len(before), len(neurons)) if place else 0.0
        across += max(ACROSS, ASIDE / min(share, 1 - share)) if share else ACROSS
        values, slopes = column.values, column.gradients
        tints = np.nan_to_num(values.get("a", np.zeros(1)), posinf=0, neginf=0)
        tints = tints / (np.max(np.abs(tints)) or 1.0)
        for row, neuron in enumerate(neurons):
            y = ((len(neurons) - 1) / 2 - row) * DOWN
            if neuron is None:
                for offset in (-8, 0, 8):
                    sketch.circle(f"left_out{place}_{offset}", across, y + offset, "constant", 3)
                continue
            lines = [(written(values["a"][neuron], 2), "text", 9)] if "a" in values else []
            lines += [(written(slopes["a"][neuron], 2), "gradient", 7)] if "a" in slopes else []
            tint = float(tints[neuron]) if lines else None
            sketch.circle(f"n{place}_{neuron}", across, y, kind, 34, *lines, tint=tint)
            if "b" in values and len(neurons) <= FEW_NEURONS:
                sketch.text(across, y - 26, (f"b {written(values['b'][neuron], 2)}", "faint", 7))
        noun = ("neuron" if place else "input") + "s" * bool(column.size != 1)
        sketch.text(across, bottom, (f"{column.size} {noun}", "text", 10))
        if column.functions:
            sketch.text(across, bottom - 13, (" ".join(column.functions), "faint", 9))
        if place:
            weights = slopes.get("w", values["w"]).reshape(column.size, -1)
            largest = float(np.abs(weights).max(initial=0)) or 1.0
            ends = [(i, j) for j in neurons for i in before if i is not None and j is not None]
            thickest = 3.2 if len(ends) <= MANY else 1.8
            for i, j in ends:
                value = float(weights[j, i])
                label = [(written(value, 3), "text", 8)] if share else []
                width = 0.3 + thickest * abs(value) / largest
                sketch.connection(f"n{place - 1}_{i}", f"n{place}_{j}", value, width, share, *label)
        before = neurons
    shown = "∂L/∂w" if any("w" in column.gradients for column in columns) else "weight"
    legend = (f"■ positive {shown}", "path1", 9), (f"■ negative {shown}", "path2", 9)
    sketch.text(ACROSS / 2, bottom - 34, *legend)


def _neurons_drawn(size: int, widest: int) -> list[int | None]:
    """The neurons that are drawn; None stands for those that are left out."""
    if size <= widest:
        return list(range(size))
    top = widest // 2
    return [*range(top), None, *range(size - (widest - 1 - top), size)]


def _label_at(n: int, m: int) -> float:
    """The share of each connection at which its weight is written; 0 if there are too many.

    It is where all connections are equally far apart. At 1/(m + 1) of the way to m neurons, the
    one from the i-th of the neurons before to the j-th is at the height of (m·i + j)/(m + 1): each
    of them has a place of its own. Seen from the other end it is the same.
    """
    if n * m > FEW:
        return 0.0
    return 1 / (m + 1) if m <= n else n / (n + 1)


def _draw_neuron(sketch: _Sketch, inputs: _Column, neuron: _Column) -> None:
    """One neuron and what happens in it: the weighted sum of its inputs, and its activation."""
    values, slopes = neuron.values, neuron.gradients
    sketch.circle("sum", 1.7 * ACROSS, 0, "operation", 46, ("Σ", "text", 18))
    terms = [("x", "w", number) for number in range(inputs.size)] + [("1", "b", 0)]
    terms = terms[: None if "b" in values else -1]
    largest = max((float(abs(values[w][number])) for _, w, number in terms), default=0.0) or 1.0
    for row, (x, w, number) in enumerate(terms):
        low = "" if w == "b" else str(number + 1).translate(LOW)
        text, value = x + low, float(values[w][number])
        if w == "w" and "a" in inputs.values:
            text += f" = {written(inputs.values['a'][number])}"
        kind, y = "constant" if w == "b" else "input", 1.25 * DOWN * ((len(terms) - 1) / 2 - row)
        sketch.circle(x + low, 0, y, kind, 54, (text, "text", 9))
        lines = [(f"{w}{low} = {written(value)}", "text", 9)]
        if w in slopes:
            lines.append((f"∂L/∂{w}{low} = {written(slopes[w][number])}", "gradient", 8))
        width = 0.5 + 3 * abs(value) / largest
        sketch.connection(x + low, "sum", value, width, 0.42, *lines, arrowhead="normal")
    ends = ["sum"]
    if neuron.functions:
        named = " ".join(neuron.functions)
        letter = LETTERS.get(named, named)
        ends.append("function")
        points = 18 if len(letter) == 1 else 9
        sketch.circle("function", 2.5 * ACROSS, 0, "head", 46, (letter, "text", points))
    for name, place in [("z", 1.7), ("a", 2.5)][: len(ends)]:
        lines = [(f"{name} = {written(values[name][0])}", "text", 10)] if name in values else []
        if name in slopes:
            lines.append((f"∂L/∂{name} = {written(slopes[name][0])}", "gradient", 9))
        if lines:
            sketch.text(place * ACROSS, -33 - 7 * (len(lines) - 1), *lines)
    sketch.text(3.1 * ACROSS, 0, ("output", "text", 10), key="output")
    for source, target in zip(ends, [*ends[1:], "output"], strict=True):
        sketch.graph.edge(source, target, color=sketch.colours["line"])


Line = tuple[str, str, float]  # of a label: the text, its colour and its size in points


class _Sketch:
    """Circles, connections and texts at given places, each under a key, in Graphviz's language."""

    def __init__(self, colours: Colours) -> None:
        self.colours, self.places = colours, dict[str, tuple[float, float]]()
        layout = {"layout": "neato", "inputscale": "72", "splines": "line"}  # in points
        layout |= {"outputorder": "edgesfirst", "pad": "0.15", "bgcolor": colours["page"]}
        texts = {"shape": "plain", "style": "filled", "color": colours["page"]}
        texts |= {"fontname": TEXT_FONT, "tooltip": " "}
        edges = {"arrowsize": "0.6", "tooltip": " "}
        self.graph = graphviz.Digraph(
            "network", graph_attr=layout, node_attr=texts, edge_attr=edges
        )

    def circle(
        self, key: str, x: float, y: float, kind: str, size: float, *lines: Line,
        tint: float | None = None,
    ) -> None:  # fmt: skip
        """A neuron or the like, with a text in it, and maybe a gradient below that.

        A tint from -1 to 1 makes it blue if positive, orange if negative. Letters are half as wide
        as high; a long text is made smaller, or it would stick out.
        """
        fill = self.colours[kind]
        if tint is not None:
            fill = f"{self.sign(tint)}{round(110 * abs(tint)):02x}"
        look = {"shape": "circle", "fixedsize": "true", "width": f"{size / 72:.3f}", "class": kind}
        look |= {"fillcolor": fill, "color": self.colours[f"{kind}_line"]}
        rooms = 1.6 * size, 1.3 * size  # the circle is narrower below
        fitting = [
            (text, colour, min(points, room / len(text)))
            for (text, colour, points), room in zip(lines, rooms, strict=False)
        ]
        self.text(x, y, *fitting, key=key, **look)

    def text(self, x: float, y: float, *lines: Line, key: str = "", **look: str) -> None:
        """A text on a ground of its own, so that lines behind it do not disturb."""
        label = "<BR/>".join(
            f'<FONT COLOR="{self.colours[colour]}" POINT-SIZE="{points:g}">{escaped(text)}</FONT>'
            for text, colour, points in lines
        )
        key = key or f"text{len(self.places)}"
        self.places[key] = x, y
        self.graph.node(key, f"<{label}>" if label else "", pos=f"{x:.1f},{y:.1f}!", **look)

    def connection(
        self, source: str, target: str, value: float, width: float, share: float, *lines: Line,
        arrowhead: str = "none",
    ) -> None:  # fmt: skip
        """A line in the colour of the value's sign, with a label at this share of the way."""
        look = {"arrowhead": arrowhead, "penwidth": f"{width:.2f}"}
        self.graph.edge(source, target, color=self.sign(value), **look)
        if lines:
            (x, y), (x2, y2) = self.places[source], self.places[target]
            x, y = x + share * (x2 - x), y + share * (y2 - y)
            self.text(x, y, *lines, key=f"on_{source}_{target}")

    def sign(self, value: float) -> str:
        return self.colours["path1" if value >= 0 else "path2"]
