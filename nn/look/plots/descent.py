"""Optimisers as walkers in a landscape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnd import Tensor

from .outputs import Array
from .style import COLOURS, FAINT, MARKERS, TEXT, legend, literal, new_figure, style

if TYPE_CHECKING:
    from ...optim import Optimizer
    from .figure import Figure

_ACROSS = 120  # points of the grid on which the cost is computed


def optimizer_paths(
    cost: Callable[[Any], Any],
    start: Sequence[float],
    optimizers: Mapping[str, Callable[[list[Tensor]], Optimizer]],
    steps: int = 50,
    limits: Sequence[Sequence[float]] | None = None,
    title: str = "",
) -> Figure:
    """The paths of several optimisers from one start over the contour map of a cost.

    The cost is a function of an array of two numbers. An optimiser is given as a function that
    makes it for a list of parameters. A line lies where the cost is the same; between two lines
    there is the same share of the map. `limits` are those of the map, ((left, right), (bottom,
    top)); without them it shows wherever an optimiser was lower than at the start.

    >>> import numpy as np
    >>> from nn.optim import SGD, Adam
    >>> from nn.look.plots import optimizer_paths
    >>> figure = optimizer_paths(
    ...     lambda w: w[0] ** 2 + 10 * w[1] ** 2,
    ...     (-4.0, 1.0),
    ...     {"SGD": lambda w: SGD(w, lr=0.05), "Adam": lambda w: Adam(w, lr=0.3)},
    ... )
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['SGD', 'Adam']
    """
    walks = {name: descent(cost, start, make, steps) for name, make in optimizers.items()}
    if not walks:
        raise ValueError("there is no optimiser to follow")
    (left, right), (bottom, top) = limits or _limits(list(walks.values()), cost)
    x, y = np.linspace(left, right, _ACROSS), np.linspace(bottom, top, _ACROSS)
    with np.errstate(all="ignore"):  # far away a cost may be infinite
        costs = np.array([[_number(cost(np.array([a, b]))) for a in x] for b in y])

    figure = new_figure(6.4, 4.6, title)
    axes = figure.add_subplot()
    style(axes, "" if title else "Steps downhill", "w[0]", "w[1]", grid=None)
    _draw_map(axes, x, y, costs)
    for number, (name, walk) in enumerate(walks.items()):
        look: dict[str, Any] = {
            "color": COLOURS[number % len(COLOURS)],
            "marker": MARKERS[number % len(MARKERS)],
            "markeredgecolor": "white",
        }
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
    """Where an optimiser is after each step from the start on; it ends early where the cost does.

    >>> from nn.optim import SGD
    >>> from nn.look.plots.descent import descent
    >>> descent(lambda w: w[0] ** 2 + w[1] ** 2, (1.0, 2.0), lambda w: SGD(w, lr=0.25), steps=2)
    array([[1.  , 2.  ],
           [0.5 , 1.  ],
           [0.25, 0.5 ]])
    """
    w = Tensor(np.array(start, float), requires_grad=True)
    if w.shape != (2,):
        raise ValueError(f"a start is two numbers, found shape {w.shape}")
    if not np.isfinite(_number(cost(w.numpy()))):
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


def _limits(walks: list[Array], cost: Callable[[Any], Any]) -> Array:
    """The box of all places that are no higher than the start, and some room around."""
    places = np.concatenate(walks)
    with np.errstate(all="ignore"):
        costs = np.array([_number(cost(place)) for place in places])
    shown = places[costs <= costs[0]]
    low, high = shown.min(axis=0), shown.max(axis=0)
    room = 0.15 * np.max(high - low) or 1.0
    return np.stack([low - room, high + room], axis=1)


def _draw_map(axes: Any, x: Array, y: Array, costs: Array) -> None:
    """Contour lines at heights between which equal shares of the map lie."""
    heights = np.quantile(costs[np.isfinite(costs)], np.linspace(0.01, 0.99, 16))
    levels = np.unique(heights)
    if len(levels) > 1:
        shades = [str(shade) for shade in np.linspace(1.0, 0.87, len(levels) + 1)]
        axes.contourf(x, y, costs, levels, colors=shades, extend="both")
        lines = axes.contour(x, y, costs, levels, colors="#a9b0b9", linewidths=0.6, linestyles="-")
        axes.clabel(lines, levels[2::4], fontsize=7, colors=FAINT, fmt="%.3g")


def _number(value: Any) -> float:
    return float(value.item() if isinstance(value, Tensor) else value)
