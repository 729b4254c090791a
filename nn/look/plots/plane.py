"""Points in a plane, and where a classifier draws the line between their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...data import Data
from .outputs import Array, examples_of, label_numbers, outputs_of
from .style import COLOURS, MARKERS, TEXT, legend, literal, new_figure, style

if TYPE_CHECKING:
    from .figure import Figure

_ACROSS = 400  # points of the grid on which the model is asked


def decision_boundaries(model: Any, data: Any, threshold: float = 0.5, title: str = "") -> Figure:
    """Two-dimensional points, and the areas in which the model chooses each class.

    The model has an output for each class, or one that means class 1 above the threshold, or it
    gives the classes themselves, as a `Perceptron` does and `Regions` do. Points that it gets
    wrong have a dark rim.

    >>> from nn.data import circles
    >>> from nn.look.plots import decision_boundaries
    >>> figure = decision_boundaries(lambda x: (x**2).sum(axis=1) < 0.5, circles(100, seed=0))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    data = examples_of(data)
    if data.inputs.shape[1:] != (2,):
        raise ValueError(f"points in a plane have shape (n, 2), found {data.inputs.shape}")
    labels = label_numbers(data.labels)
    classes, scores = _scores(outputs_of(model, data.inputs), data, labels, threshold)
    wrong = np.take(classes, np.argmax(scores, axis=1)) != labels
    x, y, grid = _grid(data.inputs)
    areas = _scores(outputs_of(model, grid), data, labels, threshold)[1].reshape(*x.shape, -1)

    heading = f"{wrong.sum():,} of {len(data):,} points wrong" + " (dark rims)" * bool(wrong.any())
    figure = new_figure(5.4, 4.4)
    axes = figure.add_subplot()
    style(axes, title or heading, grid=None)
    axes.locator_params(nbins=6)
    for number, label in enumerate(classes):
        colour = COLOURS[number % len(COLOURS)]
        # Above the best of the others by so much: positive in the area of this class.
        surplus = areas[..., number] - np.max(np.delete(areas, number, axis=-1), axis=-1)
        if np.any(surplus > 0):
            axes.contourf(x, y, surplus, [0, surplus.max() * 1.01], colors=[colour], alpha=0.16)
        if np.any(surplus > 0) and np.any(surplus < 0):
            axes.contour(x, y, surplus, [0], colors=[TEXT], linewidths=1.0)
        for group, rim, width in ((~wrong, "white", 0.6), (wrong, TEXT, 1.4)):
            points = data.inputs[group & (labels == label)]
            axes.scatter(
                points[:, 0],
                points[:, 1],
                s=26,
                marker=MARKERS[number % len(MARKERS)],
                color=colour,
                edgecolors=rim,
                linewidths=width,
                label=literal(_name(data, label)) if rim == "white" else None,
                zorder=3,
            )
    if np.ptp(x) < 3 * np.ptp(y) < 9 * np.ptp(x):
        axes.set_aspect("equal")
    legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class", title_fontsize=8.5)
    return figure


def _grid(points: Array) -> tuple[Array, Array, Array]:
    """The coordinates of a grid around the points, and its points one below the other."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1)
    x, y = np.meshgrid(*np.linspace(low - margin, high + margin, _ACROSS).T)
    return x, y, np.stack([x.ravel(), y.ravel()], axis=1).astype(points.dtype)


def _scores(outputs: Array, data: Data, labels: Array, threshold: float) -> tuple[list[int], Array]:
    """The classes, and for each example how much speaks for each class."""
    if outputs.dtype.kind in "US":  # names of classes
        outputs = np.array([data.classes.index(name) for name in outputs.tolist()])
    if outputs.dtype.kind in "biu":
        classes = np.unique(np.concatenate([labels, outputs.ravel().astype(int)]))
        return classes.tolist(), np.where(outputs.reshape(-1, 1) == classes, 1, 0)
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return list(range(outputs.shape[1])), outputs
    found = np.unique(labels).tolist()
    over = outputs.reshape(-1, 1) - threshold
    return found if len(found) == 2 else [0, 1], np.concatenate([-over, over], axis=1)


def _name(data: Data, label: int) -> object:
    return data.classes[label] if 0 <= label < len(data.classes) else label
