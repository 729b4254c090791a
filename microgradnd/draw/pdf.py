"""A PDF where Graphviz itself is not installed, drawn by matplotlib with the fonts it brings."""

from __future__ import annotations

import io
import json
from typing import Any


def pdf_of(layout: bytes) -> bytes:
    """The PDF of a layout in Graphviz's JSON."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            'a .pdf needs matplotlib, or Graphviz itself: pip install "microgradnd[plots]"',
            name="matplotlib",
        ) from error
    graph = json.loads(layout)
    left, bottom, right, top = map(float, graph["bb"].split(","))
    margin = 72 * float(graph.get("pad", 0.05))
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    figure = Figure((width / 72, height / 72), facecolor=graph.get("bgcolor", "white"))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin))
    axes.set_axis_off()
    for order, part in enumerate([graph, *graph.get("objects", ()), *graph.get("edges", ())]):
        for key in ("_draw_", "_ldraw_", "_hdraw_", "_tdraw_"):
            _paint(axes, part.get(key, ()), order)
    file = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(file, format="pdf")
    return file.getvalue()


def _paint(axes: Any, strokes: Any, order: int) -> None:
    """Graphviz's drawing operations, in matplotlib; capital letters are of filled shapes."""
    from matplotlib.patches import Ellipse, PathPatch
    from matplotlib.path import Path

    line: dict[str, Any] = {"edgecolor": "black", "linewidth": 1.0, "linestyle": "solid"}
    fill, size, bold, fixed = "none", 10.0, False, False
    for stroke in strokes:
        kind = stroke["op"]
        if kind == "c":
            line["edgecolor"] = stroke["color"]
        elif kind == "C":
            fill = stroke["color"]
        elif kind == "S" and stroke["style"].startswith("setlinewidth"):
            line["linewidth"] = float(stroke["style"][13:-1])
        elif kind == "S" and stroke["style"] in ("solid", "dashed", "dotted"):
            line["linestyle"] = stroke["style"]
        elif kind == "F":
            size, fixed = stroke["size"], stroke["face"].startswith("Courier")
        elif kind == "t":
            bold = bool(stroke["fontchar"] & 1)
        elif kind == "T":
            # Arial, which was measured, is narrower than DejaVu Sans
            axes.text(
                *stroke["pt"],
                stroke["text"].replace("$", r"\$"),
                size=size * (1 if fixed else 0.874),
                family="DejaVu Sans Mono" if fixed else "DejaVu Sans",
                weight="bold" if bold else "normal",
                color=line["edgecolor"],
                ha={"l": "left", "c": "center", "r": "right"}[stroke["align"]],
                zorder=order,
            )
        elif kind in "EePpBbL":
            look: Any = line | {"facecolor": fill if kind in "EPB" else "none", "zorder": order}
            if kind in "Ee":
                x, y, a, b = stroke["rect"]
                patch: Any = Ellipse((x, y), 2 * a, 2 * b, **look)
            else:
                points, closed = stroke["points"], kind in "Pp"
                code = Path.CURVE4 if kind in "Bb" else Path.LINETO
                codes = [Path.MOVETO, *[code] * (len(points) - 1), *[Path.CLOSEPOLY] * closed]
                patch = PathPatch(Path([*points, *points[:closed]], codes), **look)
            axes.add_patch(patch)
