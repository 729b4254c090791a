"""How the layers were while they learnt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .outputs import Array
from .style import DASHES, in_order, legend, literal, new_figure, style, whole_epochs

if TYPE_CHECKING:
    from ...train.history import History
    from .figure import Figure


class _Panel(NamedTuple):
    """What stands above it, the measures of `Health` in it, the scale of its axis, and how far
    that goes at least."""

    title: str
    measures: tuple[str, ...]
    scale: str
    top: float = 0.0


_PANELS = (
    _Panel("Length of the gradient", ("gradient",), "log"),
    _Panel("Length of the weights", ("weight",), "linear"),
    _Panel("Stuck units in per cent", ("saturated", "dead"), "percent", 10.0),
)
_NAMED = 8  # layers in a legend


def gradient_health(history: History, title: str = "") -> Figure:
    """How each layer was, epoch by epoch: its gradient, its weights, its saturated or dead units.

    It shows what `Health` recorded. Layers are dark near the input and light near the output:
    where gradients vanish, the dark lines lie far below the light ones.

    >>> from nn.train.history import History
    >>> from nn.look.plots import gradient_health
    >>> history = History()
    >>> history.append(loss=0.5)
    >>> history.append_health("0 (Linear)", gradient=0.001, weight=3.0)
    >>> history.append_health("2 (Linear)", gradient=0.1, weight=2.0)
    >>> [axes.get_title(loc="left") for axes in gradient_health(history).axes]
    ['Length of the gradient', 'Length of the weights']
    """
    panels = [(panel, lines) for panel in _PANELS if (lines := _lines(history, panel))]
    if not panels:
        raise ValueError(
            "this history has no record of the layers: fit makes it with its callback nn.Health()"
        )
    figure = new_figure(3.9 * len(panels), 3.4, title)
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (panel, lines) in zip(places, panels, strict=True):
        style(axes, panel.title, "epoch")
        _draw(axes, panel, lines)
    return figure


def _draw(axes: Any, panel: _Panel, lines: list[tuple[str, list[float]]]) -> None:
    every = math.ceil(len(lines) / _NAMED)
    for number, colour in enumerate(in_order(len(lines))):
        name, values = lines[number]
        axes.plot(
            np.arange(1, len(values) + 1),
            np.multiply(values, 100 if panel.scale == "percent" else 1),
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            linewidth=1.7,
            marker="o" if len(values) <= 12 else None,
            markersize=3.2,
            label=None if number % every else literal(name),
        )
    if panel.scale == "log":
        _logarithmic(axes, np.concatenate([values for _, values in lines]))
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], panel.top))
    whole_epochs(axes, max(len(values) for _, values in lines))
    legend(axes, loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=2, columnspacing=1.2)


def _logarithmic(axes: Any, values: Array) -> None:
    """Powers of ten along the axis, with 2 and 5 times these where there are few."""
    from matplotlib.ticker import LogLocator, NullFormatter

    seen = values[np.isfinite(values) & (values > 0)]
    if seen.size:
        few = seen.max() < 100 * seen.min()
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", length=0)


def _lines(history: History, panel: _Panel) -> list[tuple[str, list[float]]]:
    """The name and the values of each layer that was measured so."""
    several = len(panel.measures) > 1
    return [
        (f"{layer}, {measure}" if several else layer, values)
        for layer, measured in history.health.items()
        for measure, values in measured.items()
        if measure in panel.measures
    ]
