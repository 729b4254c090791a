"""How all figures look: calm, and told apart by colour-blind readers and in black and white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .figure import Figure

TEXT, FAINT, LINE, GRID = "#1f2328", "#59616b", "#8c959f", "#e4e7eb"

# Hues after Okabe and Ito. Series also differ in dashes or markers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b9608f", "#e69f00", "#56b4e9", "#4a4e54")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DOTS_PER_INCH = 150


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """An empty figure of this size in inches, or an error that says what to install."""
    try:
        from .figure import Figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ModuleNotFoundError(
            'plots need matplotlib: pip install "microgradnd[plots]"', name="matplotlib"
        ) from None
    figure = Figure(
        figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white"
    )
    if title:
        figure.suptitle(literal(title), x=0.01, ha="left", fontsize=11.5, color=TEXT)
    return figure


def style(axes: Any, title: str = "", x: str = "", y: str = "", grid: str | None = "y") -> None:
    """Give axes their texts, faint lines behind the data, and no box around it."""
    axes.set_title(literal(title), loc="left", fontsize=10.5, color=TEXT, pad=9)
    axes.set_xlabel(literal(x), fontsize=9, color=FAINT)
    axes.set_ylabel(literal(y), fontsize=9, color=FAINT)
    axes.tick_params(labelsize=8.5, labelcolor=FAINT, color=LINE, width=0.8, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)


def legend(axes: Any, **options: Any) -> None:
    """Name the series, without a box."""
    options = {"fontsize": 8.5, "labelcolor": TEXT, "frameon": False} | options
    axes.legend(**options)


def whole_epochs(axes: Any, epochs: int) -> None:
    """Number the epochs along the axis, from 1 on."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    axes.xaxis.set_major_locator(locator)
    margin = min(0.03 * epochs, 0.6)
    axes.set_xlim(1 - margin, epochs + margin)


def without_frame(axes: Any) -> None:
    """Leave no axis: for images."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def literal(text: object) -> str:
    """Text that stays as it is: matplotlib would take what stands between dollars for formulas.

    >>> from nn.look.plots.style import literal
    >>> print(literal("from $5 to $9"))
    from \\$5 to \\$9
    """
    return str(text).replace("$", r"\$")


def in_order(count: int) -> list[Any]:
    """So many colours for things that have an order, from dark to light."""
    from matplotlib import colormaps

    return [colormaps["viridis"](place) for place in np.linspace(0.0, 0.85, max(count, 1))]
