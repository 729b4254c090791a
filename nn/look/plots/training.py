"""How learning went: the curves of a training, and its layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnd.arrays import Array

from .figure import (
    COLOURS,
    DASHES,
    FAINT,
    curve,
    in_order,
    legend,
    literal,
    panels,
    whole_epochs,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...train.history import History

# Each panel of a layer's health: its heading, its measures and their factor, and the least height
# of its axis, which is logarithmic where there is none.
_HEALTH = (
    ("Length of the gradient", ("gradient",), 1, None),
    ("Length of the weights", ("weight",), 1, 0.0),
    ("Stuck units in per cent", ("saturated", "dead"), 100, 10.0),
)
_NAMED = 8  # layers in a legend


def learning_curves(history: History, title: str = "") -> Figure:
    """Draws loss and accuracy after each epoch, for training and validation.

    Where the two part, the network begins to learn its examples by heart. The best epoch is marked.

    >>> import nn
    >>> history = nn.History()
    >>> for loss, validation_loss in [(0.9, 0.8), (0.4, 0.5), (0.2, 0.6)]:
    ...     history.append(loss=loss, validation_loss=validation_loss)
    >>> figure = nn.plots.learning_curves(history)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['training', 'validation, best 0.5 in epoch 2']
    """
    if not history.loss:
        raise ValueError("there is nothing to plot: this history has no epoch")
    shown = [("Loss", history.loss, history.validation_loss, 1, np.nanargmin)]
    if history.accuracy or history.validation_accuracy:
        percent = "Accuracy in per cent"
        shown += [(percent, history.accuracy, history.validation_accuracy, 100, np.nanargmax)]
    width = 4.6 if len(shown) == 1 else 7.6
    figure, places = panels(width, 3.0, title, [heading for heading, *_ in shown], "epoch")
    for axes, (_, training, validation, factor, best) in zip(places, shown, strict=True):
        _two_curves(axes, np.multiply(training, factor), np.multiply(validation, factor), best)
    return figure


def _two_curves(axes: Any, training: Array, validation: Array, best: Any) -> None:
    """Both curves, and the best epoch, which is one of validation if there is any."""
    judged = validation if len(validation) else training
    for name, values, colour, dashes in (
        ("training", training, FAINT, DASHES[1]),
        ("validation", validation, COLOURS[0], DASHES[0]),
    ):
        finite = np.where(np.isfinite(values), values, np.nan)
        if np.isnan(finite).all():
            continue
        line = curve(axes, values, color=colour, linestyle=dashes, label=name)
        if values is judged:
            place = int(best(finite))
            ring = {"color": "white", "markeredgecolor": colour, "markersize": 6.5}
            axes.plot(place + 1, values[place], "o", **ring)
            line.set_label(f"{name}, best {values[place]:.4g} in epoch {place + 1}")
    whole_epochs(axes, max(len(training), len(validation)))
    legend(axes)


def gradient_health(history: History, title: str = "") -> Figure:
    """Draws what `Health` recorded of each layer: gradients, weights, saturated and dead units.

    Layers are dark near the input and light near the output: where gradients vanish, the dark lines
    lie far below the light ones.

    >>> import nn
    >>> history = nn.History()
    >>> history.append(loss=0.5)
    >>> history.append_health("0 (Linear)", gradient=0.001, weight=3.0)
    >>> history.append_health("2 (Linear)", gradient=0.1, weight=2.0)
    >>> [axes.get_title(loc="left") for axes in nn.plots.gradient_health(history).axes]
    ['Length of the gradient', 'Length of the weights']
    """
    shown = []
    for heading, measures, factor, top in _HEALTH:
        lines = {
            f"{layer}, {measure}" if len(measures) > 1 else layer: np.multiply(values, factor)
            for layer, measured in history.health.items()
            for measure, values in measured.items()
            if measure in measures
        }
        if lines:
            shown.append((heading, lines, top))
    if not shown:
        raise ValueError(
            "this history has no record of the layers: fit with the callback nn.Health()"
        )
    width = 3.9 * len(shown)
    figure, places = panels(width, 3.4, title, [heading for heading, *_ in shown], "epoch")
    for axes, (_, lines, top) in zip(places, shown, strict=True):
        every = math.ceil(len(lines) / _NAMED)
        colours = in_order(len(lines))
        for number, (name, values) in enumerate(lines.items()):
            label = None if number % every else literal(name)
            dashes = DASHES[number % len(DASHES)]
            curve(axes, values, color=colours[number], linestyle=dashes, label=label)
        if top is None:
            _logarithmic(axes, np.concatenate(list(lines.values())))
        else:
            axes.set_ylim(0, max(axes.get_ylim()[1], top))
        whole_epochs(axes, max(map(len, lines.values())))
        legend(axes, loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=2, columnspacing=1.2)
    return figure


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
