"""How learning went: its curves, its layers, and the paths of optimisers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array

from .figure import (
    COLOURS,
    DASHES,
    FAINT,
    TEXT,
    curve,
    in_order,
    legend,
    literal,
    marked,
    panels,
    whole_epochs,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...optim import Optimizer
    from ...train.history import History

# Each panel of a layer's health: its heading, its measures and their factor, and the least height
# of its axis, which is logarithmic where there is none.
_HEALTH = (
    ("Length of the gradient", ("gradient",), 1, None),
    ("Length of the weights", ("weight",), 1, 0.0),
    ("Stuck units in per cent", ("saturated", "dead"), 100, 10.0),
)
_NAMED = 8  # layers in a legend
_ACROSS = 120  # points across the map on which a cost is computed


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


# ---- optimisers ----------------------------------------------------------------------------------


def optimizer_paths(
    cost: Callable[[Any], Any],
    start: Sequence[float],
    optimizers: Mapping[str, Callable[[list[Tensor]], Optimizer]],
    steps: int = 50,
    limits: Sequence[Sequence[float]] | None = None,
    title: str = "",
) -> Figure:
    """Draws the paths of several optimisers from one start over the contour map of a cost.

    Between two contour lines there is always the same share of the map.

    Arguments:
        cost: a function of an array of two numbers.
        start: the two numbers from which all optimisers start.
        optimizers: by name, functions that make an optimiser for a list of parameters.
        steps: of each optimiser; a path ends early where the cost is no longer finite.
        limits: of the map, ((left, right), (bottom, top)); by default it shows all places at which
            an optimiser was no higher than at the start.
        title: above the figure.

    >>> import nn
    >>> figure = nn.plots.optimizer_paths(
    ...     lambda w: w[0] ** 2 + 10 * w[1] ** 2,
    ...     (-4.0, 1.0),
    ...     {"SGD": lambda w: nn.optim.SGD(w, lr=0.05), "Adam": lambda w: nn.optim.Adam(w, lr=0.3)},
    ... )
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['SGD', 'Adam']
    """
    walks = {name: descent(cost, start, make, steps) for name, make in optimizers.items()}
    if not walks:
        raise ValueError("there is no optimiser to follow")
    (left, right), (bottom, top) = limits or _limits(np.concatenate(list(walks.values())), cost)
    x, y = np.linspace(left, right, _ACROSS), np.linspace(bottom, top, _ACROSS)
    costs = _heights(cost, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))

    heading = "" if title else "Steps downhill"
    figure, (axes,) = panels(6.4, 4.6, title, [heading], "w[0]", "w[1]", grid=None)
    _draw_map(axes, x, y, costs.reshape(_ACROSS, _ACROSS))
    for number, (name, walk) in enumerate(walks.items()):
        look = marked(number) | {"markeredgecolor": "white"}
        axes.plot(*walk.T, linewidth=1.3, markersize=3.4, markeredgewidth=0.3, **look)
        axes.plot(*walk[-1:].T, markersize=8, label=literal(name), zorder=4, **look)
    axes.plot(*np.asarray(start, float), "o", color=TEXT, markersize=6)
    axes.text(start[0], start[1], "start   ", ha="right", va="bottom", fontsize=8, color=TEXT)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    legend(axes)
    return figure


def descent(
    cost: Callable[[Any], Any],
    start: Sequence[float],
    make_optimizer: Callable[[list[Tensor]], Optimizer],
    steps: int = 50,
) -> Array:
    """Returns where an optimiser is at the start and after each step, as long as that is finite.

    >>> import nn
    >>> from nn.look.plots.training import descent
    >>> descent(lambda w: w[0] ** 2 + w[1] ** 2, (1.0, 2.0), lambda w: nn.optim.SGD(w, lr=0.25), 2)
    array([[1.  , 2.  ],
           [0.5 , 1.  ],
           [0.25, 0.5 ]])
    """
    w = Tensor(np.array(start, float), requires_grad=True)
    if w.shape != (2,):
        raise ValueError(f"the start must be two numbers, got shape {w.shape}")
    if not np.isfinite(_heights(cost, [w.numpy()])):
        raise ValueError(f"at the start, {tuple(start)}, the cost is not a finite number")
    optimizer, walk = make_optimizer([w]), [w.numpy()]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            optimizer.zero_grad()
            cost(w).backward()
            optimizer.step()
            if not np.all(np.isfinite(w.numpy())):
                break
            walk.append(w.numpy())
    return np.array(walk)


def _heights(cost: Callable[[Any], Any], places: Any) -> Array:
    with np.errstate(all="ignore"):  # far away a cost may be infinite
        costs = [cost(place) for place in places]
    return np.array([float(c.item() if isinstance(c, Tensor) else c) for c in costs])


def _limits(places: Array, cost: Callable[[Any], Any]) -> Array:
    """The box of all places that are no higher than the start, and some room around."""
    costs = _heights(cost, places)
    shown = places[costs <= costs[0]]
    low, high = shown.min(axis=0), shown.max(axis=0)
    room = 0.15 * np.max(high - low) or 1.0
    return np.stack([low - room, high + room], axis=1)


def _draw_map(axes: Any, x: Array, y: Array, costs: Array) -> None:
    """Contour lines at heights between which equal shares of the map lie."""
    levels = np.unique(np.quantile(costs[np.isfinite(costs)], np.linspace(0.01, 0.99, 16)))
    if len(levels) > 1:
        shades = [str(shade) for shade in np.linspace(1.0, 0.87, len(levels) + 1)]
        axes.contourf(x, y, costs, levels, colors=shades, extend="both")
        lines = axes.contour(x, y, costs, levels, colors="#a9b0b9", linewidths=0.6, linestyles="-")
        axes.clabel(lines, levels[2::4], fontsize=7, colors=FAINT, fmt="%.3g")
