"""The paths of optimisers on their way down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array
from microgradnd.habits import require

from ...optim import Optimizer
from .figure import FAINT, TEXT, Figure, legend, literal, marked, panels

_ACROSS = 120  # points across the map on which a cost is computed


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
    require(optimizers, "there is no optimiser to follow")
    walks = {name: descent(cost, start, make, steps) for name, make in optimizers.items()}
    if limits is None:
        places = np.concatenate(list(walks.values()))
        costs = _heights(cost, places)
        shown = places[costs <= costs[0]]
        low, high = shown.min(axis=0), shown.max(axis=0)
        room = 0.15 * np.max(high - low) or 1.0
        limits = list(zip(low - room, high + room, strict=True))
    x, y = (np.linspace(end, other, _ACROSS) for end, other in limits)
    costs = _heights(cost, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    levels = np.unique(np.quantile(costs[np.isfinite(costs)], np.linspace(0.01, 0.99, 16)))

    headings = ["" if title else "Steps downhill"]
    figure, (axes,) = panels(6.4, 4.6, title, headings, "w[0]", "w[1]", grid=None)
    if len(levels) > 1:
        area = x, y, costs.reshape(_ACROSS, _ACROSS), levels
        shades = [str(shade) for shade in np.linspace(1.0, 0.87, len(levels) + 1)]
        axes.contourf(*area, colors=shades, extend="both")
        lines = axes.contour(*area, colors="#a9b0b9", linewidths=0.6, linestyles="-")
        axes.clabel(lines, levels[2::4], fontsize=7, colors=FAINT, fmt="%.3g")
    for number, (name, walk) in enumerate(walks.items()):
        look = marked(number) | {"markeredgecolor": "white"}
        axes.plot(*walk.T, linewidth=1.3, markersize=3.4, markeredgewidth=0.3, **look)
        axes.plot(*walk[-1:].T, markersize=8, label=literal(name), zorder=4, **look)
    axes.plot(*start, "o", color=TEXT, markersize=6)
    axes.text(start[0], start[1], "start   ", ha="right", va="bottom", fontsize=8, color=TEXT)
    axes.set(xlim=limits[0], ylim=limits[1])
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
    >>> make_sgd = lambda w: nn.optim.SGD(w, lr=0.25)
    >>> nn.plots.descent.descent(lambda w: w[0] ** 2 + w[1] ** 2, (1.0, 2.0), make_sgd, steps=2)
    array([[1.  , 2.  ],
           [0.5 , 1.  ],
           [0.25, 0.5 ]])
    """
    w = Tensor(np.array(start, float), requires_grad=True)
    require(w.shape == (2,), f"the start must be two numbers, got shape {w.shape}")
    finite = np.isfinite(_heights(cost, [w.numpy()]))
    require(finite, f"at the start, {tuple(start)}, the cost is not a finite number")
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


def _heights(cost: Callable[[Any], Any], places: Iterable[Array]) -> Array:
    with np.errstate(all="ignore"):  # far away a cost may be infinite
        costs = [cost(place) for place in places]
    return np.array([float(c.item() if isinstance(c, Tensor) else c) for c in costs])
