"""From DOT to a picture, with Graphviz or, where that is not installed, a port of it from PyPI."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

PATIENCE = 120  # seconds


class RenderingError(RuntimeError):
    """No program was found that makes pictures of DOT, or those that were could not."""


def rendered(source: str, form: str, resolution: int = 192) -> bytes:
    """The picture as "svg", "png" or "pdf"."""
    failures = []
    for program in programs():
        # the port writes no PDF
        through = "json" if form == "pdf" and Path(program).stem == "graphviz-pure" else form
        command = [program, f"-T{through}", *([f"-Gdpi={resolution}"] if form == "png" else [])]
        try:
            done = subprocess.run(
                command, input=source.encode(), capture_output=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise RenderingError(
                f"{program} did not finish within {PATIENCE} seconds: draw less, with a smaller "
                "limit= or depth=, or only= some scopes"
            ) from None
        except OSError as error:
            failures.append(f"{program}: {error}")
            continue
        if done.returncode == 0 and done.stdout:
            return _pdf_of(done.stdout) if through == "json" else done.stdout
        failures.append(f"{program}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    if failures:
        raise RenderingError("\n".join(["no picture could be made", *failures]))
    raise RenderingError(
        "a picture needs Graphviz: `pip install graphviz-pure`, or install Graphviz from "
        "https://graphviz.org/download so that `dot` is on the PATH. Saving as .dot needs neither"
    )


def programs() -> list[str]:
    """The programs that can lay out a graph, the best first."""
    return [program for program in (shutil.which("dot"), _ported()) if program]


@functools.cache
def _ported() -> str | None:
    """The program of the package graphviz-pure, also where its folder is not on the PATH."""
    try:
        files = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = (Path(str(file.locate())) for file in files)
    found = (str(path) for path in paths if path.stem == "graphviz-pure" and path.is_file())
    return next(found, None) or shutil.which("graphviz-pure")


# ---- a PDF, where Graphviz itself is not installed ----------------------------------------------


def _pdf_of(layout: bytes) -> bytes:
    """The PDF of a layout in Graphviz's JSON, drawn by matplotlib with the fonts it brings."""
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
                first, *others = stroke["points"]
                code = Path.CURVE4 if kind in "Bb" else Path.LINETO
                closing = [first] if kind in "Pp" else []
                codes = [Path.MOVETO, *[code] * len(others), *[Path.CLOSEPOLY] * len(closing)]
                patch = PathPatch(Path([first, *others, *closing], codes), **look)
            axes.add_patch(patch)
