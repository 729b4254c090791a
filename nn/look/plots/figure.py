"""What all figures share: they show themselves in notebooks, and look calm.

Series can be distinguished by colour-blind readers, and in black and white.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

from microgradnd.late import needed

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Figure
else:
    Figure = Any  # matplotlib is slow to import, and not everybody has it

TEXT, FAINT, LINE, GRID = "#1f2328", "#59616b", "#8c959f", "#e4e7eb"

# Hues after Okabe and Ito. Series also differ in dashes or markers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b9608f", "#e69f00", "#56b4e9", "#4a4e54")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Returns an empty figure of this size in inches, which shows itself without pyplot."""
    slow = needed("matplotlib.figure", "plots need matplotlib", '"microgradnd[plots]"')
    look = {"dpi": 150, "facecolor": "white", "layout": "constrained"}
    figure: Figure = slow.Figure((width, height), **look)
    if title:
        figure.suptitle(literal(title), x=0.01, ha="left", fontsize=11.5, color=TEXT)
    figure._repr_mimebundle_ = functools.partial(_mimebundle, figure)  # type: ignore[attr-defined]
    return figure


def _mimebundle(figure: Figure, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
    """A PNG and its size; unlike `_repr_png_`, it counts even if a notebook imports pyplot."""
    from base64 import b64encode

    figure.savefig(file := io.BytesIO(), format="png")
    width, height = (round(96 * side) for side in figure.get_size_inches())
    size = {"image/png": {"width": width, "height": height}}
    return {"image/png": b64encode(file.getvalue()).decode()}, size


def panels(
    width: float, height: float, title: str, headings: list[str], x: str = "", y: str = "",
    grid: str | None = "y",
) -> tuple[Figure, list[Any]]:  # fmt: skip
    """Returns a new figure, and its axes side by side, one below each heading."""
    figure = new_figure(width, height, title)
    places = figure.subplots(1, len(headings), squeeze=False)[0].tolist()
    for axes, heading in zip(places, headings, strict=True):
        style(axes, heading, x, y, grid)
    return figure, places


def style(axes: Any, title: str = "", x: str = "", y: str = "", grid: str | None = "y") -> None:
    """Gives axes their texts, faint lines behind the data, and no box around it."""
    axes.set_title(literal(title), loc="left", fontsize=10.5, color=TEXT, pad=9)
    axes.set_xlabel(literal(x), fontsize=9, color=FAINT)
    axes.set_ylabel(literal(y), fontsize=9, color=FAINT)
    axes.tick_params(labelsize=8.5, labelcolor=FAINT, color=LINE, length=3)
    axes.spines[:].set_color(LINE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID)


def legend(axes: Any, **options: Any) -> None:
    """Names the series, without a box."""
    axes.legend(**{"fontsize": 8.5, "labelcolor": TEXT, "frameon": False} | options)


def marked(number: int) -> dict[str, Any]:
    """Returns the colour and the marker of a series."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def curve(axes: Any, values: Any, **options: Any) -> None:
    """Draws one value for each epoch; the points of short curves are marked."""
    look = {"linewidth": 1.7, "markersize": 3.2, "marker": "o" if len(values) <= 12 else ""}
    axes.plot(range(1, len(values) + 1), values, **look, **options)


def whole_epochs(axes: Any, epochs: int) -> None:
    """Numbers the epochs along the axis, from 1 on."""
    axes.locator_params("x", nbins=6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    margin = min(0.03 * epochs, 0.6)
    axes.set_xlim(1 - margin, epochs + margin)


def literal(text: object) -> str:
    """Returns a text in which matplotlib does not take what stands between dollars for a formula.

    >>> print(literal("from $5 to $9"))
    from \\$5 to \\$9
    """
    return str(text).replace("$", r"\$")
