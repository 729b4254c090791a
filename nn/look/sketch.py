"""Circles, connections and texts at given places, in Graphviz's language."""

from __future__ import annotations

import graphviz  # type: ignore

from microgradnd.draw.dot import escaped
from microgradnd.draw.style import DARK, LIGHT, TEXT_FONT


class Sketch:
    """A figure to which neurons are added, each under a key."""

    def __init__(self, theme: str) -> None:
        self.colours = DARK if theme == "dark" else LIGHT
        self._places: dict[str, tuple[float, float]] = {}
        self.graph = graphviz.Digraph(
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

    def coloured(self, text: str, colour: str, points: float) -> str:
        """A text as a part of a label."""
        look = f'COLOR="{self.colours[colour]}" POINT-SIZE="{points:g}"'
        return f"<FONT {look}>{escaped(text)}</FONT>"

    def circle(
        self, key: str, x: float, y: float, kind: str, text: str = "", *,
        size: float = 34, points: float = 9, below: str = "", share: float | None = None,
    ) -> None:  # fmt: skip
        """A neuron or the like, with a text in it, and maybe a gradient below that.

        Its `share` of the largest activation tints it: blue if positive, orange if negative.
        Letters are half as wide as high; a long text is made smaller, or it would stick out.
        """
        label = self.coloured(text, "text", min(points, 1.6 * size / len(text))) if text else ""
        if below:
            label += "<BR/>" + self.coloured(below, "gradient", min(7, 1.3 * size / len(below)))
        fill = self.colours[kind]
        if share is not None:
            fill = f"{self._sign(share)}{round(110 * abs(share)):02x}"
        look = {
            "shape": "circle",
            "style": "filled",
            "fixedsize": "true",
            "width": f"{size / 72:.3f}",
            "color": self.colours[f"{kind}_line"],
            "fillcolor": fill,
            "class": kind,
        }
        self._put(key, x, y, f"<{label}>" if label else "", look)

    def text(
        self, x: float, y: float, text: str, colour: str, points: float, key: str = ""
    ) -> None:
        """A text that stands by itself, if there is any."""
        if text:
            key = key or f"text{len(self._places)}"
            self._write(key, x, y, self.coloured(text, colour, points))

    def legend(self, x: float, y: float, what: str) -> None:
        """What the two colours mean."""
        label = "  ".join(
            self.coloured("■", colour, 10) + self.coloured(f" {sign} {what}", "faint", 9)
            for colour, sign in (("path1", "positive"), ("path2", "negative"))
        )
        self._write("legend", x, y, label)

    def connection(
        self, source: str, target: str, value: float, width: float, label: str, share: float,
        arrowhead: str = "none",
    ) -> None:  # fmt: skip
        """A line, blue for a positive value and orange for a negative one, with a label at this
        share of the way."""
        look = {"arrowhead": arrowhead, "penwidth": f"{width:.2f}"}
        self.graph.edge(source, target, color=self._sign(value), **look)
        if label:
            (x, y), (x2, y2) = self._places[source], self._places[target]
            self._write(f"on_{source}_{target}", x + share * (x2 - x), y + share * (y2 - y), label)

    def _sign(self, value: float) -> str:
        return self.colours["path1" if value >= 0 else "path2"]

    def _write(self, key: str, x: float, y: float, label: str) -> None:
        """A label on a ground of its own, so that lines behind it do not disturb."""
        ground = f'BORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="{self.colours["page"]}"'
        table = f"<TABLE {ground}><TR><TD>{label}</TD></TR></TABLE>"
        self._put(key, x, y, f"<{table}>", {"shape": "plain"})

    def _put(self, key: str, x: float, y: float, label: str, look: dict[str, str]) -> None:
        self._places[key] = x, y
        self.graph.node(key, label=label, pos=f"{x:.1f},{y:.1f}!", **look)
