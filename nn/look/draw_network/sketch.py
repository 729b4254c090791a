"""Neurons and connections at their places on the page, in Graphviz's language."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from microgradnd.draw.labels import escaped
from microgradnd.draw.numbers import written
from microgradnd.draw.style import DARK, LIGHT, TEXT_FONT

Array = np.ndarray[Any, Any]

ACROSS, DOWN = 160, 60  # from column to column, and from neuron to neuron in one, in points
ASIDE = 60  # from a column to the weights that are written beside it
FEW = 16  # connections of a layer that have their weights written on them
MANY = 40  # connections of a layer, from which on they are thinner
FEW_NEURONS = 6  # of a layer that have their biases written below them
LETTERS = {"Sigmoid": "σ"}  # what books write for an activation
LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass
class Layer:
    """A dense layer: its weights, and what an example and a loss gave, as far as there are any."""

    weight: Array
    bias: Array | None
    function: str = ""
    sums: Array | None = None
    outputs: Array | None = None
    of_weight: Array | None = None
    of_bias: Array | None = None
    of_sums: Array | None = None
    of_outputs: Array | None = None


# ---- networks ------------------------------------------------------------------------------------


def sketch_of_network(layers: list[Layer], inputs: Array | None, widest: int, theme: str) -> str:
    """Columns of neurons, the first being the inputs, each with all of the next connected."""
    sketch = _Sketch(theme)
    sizes = [layers[0].weight.shape[1], *(len(layer.weight) for layer in layers)]
    columns = [_rows(size, widest) for size in sizes]
    across = list(accumulate(map(_distance, columns, columns[1:]), initial=0.0))
    bottom = -max(map(len, columns)) / 2 * DOWN - 18
    _column(sketch, 0, across[0], columns[0], "input", inputs, None)
    sketch.text(0, bottom, _counted(sizes[0], "input"), "text", 10)
    for place, layer in enumerate(layers, 1):
        x, kind = across[place], "head" if place == len(layers) else "operation"
        _column(sketch, place, x, columns[place], kind, layer.outputs, layer.of_outputs)
        if layer.bias is not None and len(columns[place]) <= FEW_NEURONS:
            for row, neuron in enumerate(columns[place]):
                y = _height(row, columns[place]) - 26
                bias = "" if neuron is None else f"b {written(layer.bias[neuron], 2)}"
                sketch.text(x, y, bias, "faint", 7)
        sketch.text(x, bottom, _counted(sizes[place], "neuron"), "text", 10)
        sketch.text(x, bottom - 13, layer.function, "faint", 9)
        _connect(sketch, layer, place, columns[place - 1], columns[place])
    gradients = any(layer.of_weight is not None for layer in layers)
    sketch.legend(bottom - 34, "∂L/∂w" if gradients else "weight")
    return sketch.source()


def _rows(size: int, widest: int) -> list[Any]:
    """The neurons that are drawn; None stands for those in the middle that are left out."""
    if size <= widest:
        return list(range(size))
    top = widest // 2
    return [*range(top), None, *range(size - (widest - 1 - top), size)]


def _height(row: int, rows: list[Any]) -> float:
    return ((len(rows) - 1) / 2 - row) * DOWN


def _distance(before: list[Any], after: list[Any]) -> float:
    """From a column to the next: the more that is written between them, the farther."""
    share = _labels_at(before, after)
    return max(ACROSS, ASIDE / min(share, 1 - share)) if share else ACROSS


def _labels_at(before: list[Any], after: list[Any]) -> float:
    """The share of each connection at which its weight is written; 0 if there are too many.

    It is where all connections are equally far apart. At 1/(m + 1) of the way to m neurons, the
    one from the i-th of the neurons before to the j-th is at the height of (m·i + j)/(m + 1): each
    of them has a place of its own. Seen from the other end it is the same.
    """
    n, m = len(before), len(after)
    if n * m > FEW:
        return 0.0
    return 1 / (m + 1) if m <= n else n / (n + 1)


def _column(
    sketch: _Sketch, place: int, x: float, rows: list[Any], kind: str, values: Any, gradient: Any
) -> None:
    """Neurons, tinted by their activations."""
    finite = [] if values is None else values[np.isfinite(values)]
    largest = float(np.max(np.abs(finite), initial=0)) or 1.0
    for row, neuron in enumerate(rows):
        y = _height(row, rows)
        if neuron is None:
            for offset in (-8, 0, 8):
                sketch.circle(f"left_out{place}_{offset}", x, y + offset, "constant", size=3)
            continue
        text, fill = "", ""
        if values is not None:
            share = values[neuron] / largest if np.isfinite(values[neuron]) else 0.0
            text, fill = written(values[neuron], 2), sketch.tint(share)
        below = "" if gradient is None else written(gradient[neuron], 2)
        sketch.circle(f"n{place}_{neuron}", x, y, kind, text, fill=fill, below=below)


def _connect(sketch: _Sketch, layer: Layer, place: int, before: Any, after: Any) -> None:
    """Connections as wide as their weights, or the gradients of these, are large."""
    shown = layer.weight if layer.of_weight is None else layer.of_weight
    largest = float(np.abs(shown).max(initial=0)) or 1.0
    ends = [(i, j) for j in after for i in before if i is not None and j is not None]
    thickest = 3.2 if len(ends) <= MANY else 1.8
    share = _labels_at(before, after)
    for i, j in ends:
        value = float(shown[j, i])
        label = sketch.coloured(written(value, 3), "text", 8) if share else ""
        width = 0.3 + thickest * abs(value) / largest
        source, target = f"n{place - 1}_{i}", f"n{place}_{j}"
        sketch.connection(source, target, value, width)
        sketch.on_the_way(source, target, share, label)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


# ---- a neuron ------------------------------------------------------------------------------------


def sketch_of_neuron(layer: Layer, inputs: Array | None, theme: str) -> str:
    """One neuron and what goes on in it: the weighted sum of its inputs, and its activation."""
    sketch = _Sketch(theme)
    sketch.circle("sum", 1.7 * ACROSS, 0, "operation", "Σ", size=46, points=18)
    weights = layer.weight[0]
    terms = [
        (
            f"x{i}".translate(LOW),
            None if inputs is None else inputs[i - 1],
            f"w{i}".translate(LOW),
            weights[i - 1],
            None if layer.of_weight is None else layer.of_weight[0, i - 1],
        )
        for i in range(1, len(weights) + 1)
    ]
    if layer.bias is not None:
        terms.append(
            ("1", None, "b", layer.bias[0], None if layer.of_bias is None else layer.of_bias[0])
        )
    largest = max([float(abs(weight)) for _, _, _, weight, _ in terms], default=0.0) or 1.0
    for row, (x, value, w, weight, gradient) in enumerate(terms):
        text = x if value is None else f"{x} = {written(value)}"
        kind = "constant" if w == "b" else "input"
        sketch.circle(x, 0, 1.25 * _height(row, terms), kind, text, size=54)
        label = sketch.coloured(f"{w} = {written(weight)}", "text", 9)
        if gradient is not None:
            label += "<BR/>" + sketch.coloured(f"∂L/∂{w} = {written(gradient)}", "gradient", 8)
        width = 0.5 + 3 * float(abs(weight)) / largest
        sketch.connection(x, "sum", float(weight), width, arrow=True)
        sketch.on_the_way(x, "sum", 0.42, label)
    end = "sum"
    _below(sketch, 1.7 * ACROSS, "z", layer.sums, layer.of_sums)
    if layer.function:
        letter = LETTERS.get(layer.function, layer.function)
        points = 18 if len(letter) == 1 else 9
        sketch.circle("function", 2.5 * ACROSS, 0, "head", letter, size=46, points=points)
        sketch.arrow("sum", "function")
        _below(sketch, 2.5 * ACROSS, "a", layer.outputs, layer.of_outputs)
        end = "function"
    sketch.text(3.1 * ACROSS, 0, "output", "text", 10, key="output")
    sketch.arrow(end, "output")
    return sketch.source()


def _below(
    sketch: _Sketch, x: float, name: str, values: Array | None, gradient: Array | None
) -> None:
    if values is not None:
        sketch.text(x, -33, f"{name} = {written(values[0])}", "text", 10)
    if gradient is not None:
        sketch.text(x, -46, f"∂L/∂{name} = {written(gradient[0])}", "gradient", 9)


# ---- on the page ---------------------------------------------------------------------------------


class _Sketch:
    """Circles, connections and texts at given places."""

    def __init__(self, theme: str) -> None:
        import graphviz  # type: ignore

        self.colours = DARK if theme == "dark" else LIGHT
        self._places: dict[str, tuple[float, float]] = {}
        self._graph = graphviz.Digraph(
            "network",
            graph_attr={
                "layout": "neato",
                "inputscale": "72",  # points
                "splines": "line",
                "outputorder": "edgesfirst",
                "pad": "0.15",
                "bgcolor": self.colours["page"],
            },
            node_attr={"fontname": TEXT_FONT, "fontcolor": self.colours["text"], "tooltip": " "},
            edge_attr={"arrowsize": "0.6", "tooltip": " "},
        )

    def source(self) -> str:
        """All of it as DOT source."""
        return str(self._graph.source)

    def coloured(self, text: str, colour: str, points: float) -> str:
        """A text as a part of a label."""
        look = f'COLOR="{self.colours[colour]}" POINT-SIZE="{points:g}"'
        return f"<FONT {look}>{escaped(text)}</FONT>"

    def tint(self, share: float) -> str:
        """Blue for a positive and orange for a negative activation, stronger for a larger one."""
        return f"{self._sign(share)}{round(110 * abs(share)):02x}"

    def circle(
        self, key: str, x: float, y: float, kind: str, text: str = "", *,
        fill: str = "", size: float = 34, points: float = 9, below: str = "",
    ) -> None:  # fmt: skip
        """A neuron or the like, with a text in it, and maybe a gradient below that.

        Letters are half as wide as high; a long text is made smaller, or it would stick out.
        """
        label = self.coloured(text, "text", min(points, 1.6 * size / len(text))) if text else ""
        if below:
            small = min(7, 1.3 * size / len(below))
            label += "<BR/>" + self.coloured(below, "gradient", small)
        look = {
            "shape": "circle",
            "style": "filled",
            "fixedsize": "true",
            "width": f"{size / 72:.3f}",
            "color": self.colours[f"{kind}_line"],
            "fillcolor": fill or self.colours[kind],
            "class": kind,
        }
        self._put(key, x, y, f"<{label}>" if label else "", look)

    def text(
        self, x: float, y: float, text: str, colour: str, points: float, key: str = ""
    ) -> None:
        """A text that stands by itself."""
        if text:
            self._write(
                key or f"text{len(self._places)}", x, y, self.coloured(text, colour, points)
            )

    def legend(self, y: float, what: str) -> None:
        """What the two colours say."""
        signs = [("path1", "positive"), ("path2", "negative")]
        label = "  ".join(
            self.coloured("■", colour, 10) + self.coloured(f" {sign} {what}", "faint", 9)
            for colour, sign in signs
        )
        self._write("legend", ACROSS / 2, y, label)

    def connection(
        self, source: str, target: str, value: float, width: float, arrow: bool = False
    ) -> None:
        """A line, blue for a positive value and orange for a negative one."""
        look = {"arrowhead": "normal" if arrow else "none", "penwidth": f"{width:.2f}"}
        self._graph.edge(source, target, color=self._sign(value), **look)

    def on_the_way(self, source: str, target: str, share: float, label: str) -> None:
        """A label on a connection, at this share of the way."""
        if label:
            (x, y), (x2, y2) = self._places[source], self._places[target]
            self._write(f"on_{source}_{target}", x + share * (x2 - x), y + share * (y2 - y), label)

    def arrow(self, source: str, target: str) -> None:
        """What goes on from one to the next."""
        self._graph.edge(source, target, color=self.colours["line"])

    def _sign(self, value: float) -> str:
        return self.colours["path1" if value >= 0 else "path2"]

    def _write(self, key: str, x: float, y: float, label: str) -> None:
        """A label on a ground of its own, so that lines behind it do not disturb."""
        ground = f'BORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="{self.colours["page"]}"'
        table = f"<TABLE {ground}><TR><TD>{label}</TD></TR></TABLE>"
        self._put(key, x, y, f"<{table}>", {"shape": "plain"})

    def _put(self, key: str, x: float, y: float, label: str, look: dict[str, str]) -> None:
        self._places[key] = x, y
        self._graph.node(key, label=label, pos=f"{x:.1f},{y:.1f}!", **look)
