"""What a classifier gets right and wrong, and what it looks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import require

from ...data import Data
from ...data.examples import as_images
from ...module import Module
from ...train import metrics
from ...train.evaluation import predict
from .figure import FAINT, GRID, TEXT, Figure, legend, literal, marked, new_figure, panels

_ROOM_FOR_NUMBERS = 20  # classes
_ACROSS = 400  # points across the grid on which a model is evaluated


def confusion_matrix(model: Any, data: Any, title: str = "") -> Figure:
    """Draws how many examples of each class (the row) the model takes for each class (the column).

    Colours show the mistakes alone, which otherwise would be pale beside all that is right.

    Arguments:
        model: a module, or a function of an array of examples.
        data: a `Data`, or a pair of inputs and labels.
        title: above the figure; by default it says what is shown.

    >>> import nn
    >>> figure = nn.plots.confusion_matrix(nn.Identity(), (np.eye(3), [0, 1, 1]))
    >>> figure.axes[0].get_ylabel()
    'the right class'
    """
    data = Data.of(data)
    outputs = predict(model, data.inputs)
    named = len(data.classes) if outputs.ndim == 1 else None
    matrix = metrics.confusion_matrix(outputs, data.labels, named)
    count, names = len(matrix), _class_names(data, len(matrix))
    side = max(1.6 + 0.42 * min(count, _ROOM_FOR_NUMBERS), 3.4)
    texts = ["" if title else "What was taken for what"], "what it was taken for", "the right class"
    figure, (axes,) = panels(side + 0.5, side, title, *texts, grid=None)
    axes.spines[:].set_visible(True)

    right, ticks = np.eye(count, dtype=bool), np.arange(count)
    mistakes = np.where(right | (matrix == 0), np.nan, matrix)
    darkest = max(1.35 * np.max(matrix, where=~right, initial=0), 1)  # a number on it is readable
    axes.imshow(np.where(right, 1.0, np.nan), cmap="Greys", vmin=0, vmax=8)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=darkest)
    if count > _ROOM_FOR_NUMBERS:
        return figure
    axes.set_xticks(ticks, map(literal, names), rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(ticks, map(literal, names))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks[1:] - 0.5, minor=True)  # between the cells
    axes.grid(which="minor", color=GRID)
    axes.tick_params(which="both", length=0)
    for (row, column), number in np.ndenumerate(matrix):
        if number:
            look = {"color": TEXT, "weight": "normal" if row == column else "bold", "fontsize": 8}
            axes.text(column, row, f"{number:,}", ha="center", va="center", **look)
    return figure


def worst_mistakes(model: Any, data: Any, count: int = 24, title: str = "") -> Figure:
    """Draws the images that the model gets wrong, first those of which it was surest.

    How sure it was is how far the output of the class it chose is above that of the right one.

    Arguments:
        model, data, title: as for `confusion_matrix`; the model has an output for each class.
        count: how many images to draw at most.

    >>> import nn
    >>> figure = nn.plots.worst_mistakes(nn.Identity(), (np.eye(4), [0, 1, 3, 2]))
    >>> [axes.get_title() for axes in figure.axes]
    ['2, not 3', '3, not 2']
    """
    data = Data.of(data)
    outputs = predict(model, data.inputs)
    require(outputs.ndim == 2, f"expected an output for each class, got shape {outputs.shape}")
    chosen, labels, _ = metrics.chosen_and_right(outputs, data.labels, "worst_mistakes")
    each = np.arange(len(outputs))
    surplus = outputs[each, chosen] - outputs[each, labels]
    wrong = np.flatnonzero(chosen != labels)
    worst = wrong[np.argsort(-surplus[wrong], kind="stable")][:count]
    names = _class_names(data, outputs.shape[1])
    surest = f"; the {len(worst)} of which it was surest" if len(worst) < len(wrong) else ""
    heading = title or f"{len(wrong):,} of {len(data):,} wrong{surest}"
    images = as_images(data.inputs[worst])
    figure, places = _gallery(images, 8, 0.87, 0.98, heading, cmap="Greys")
    for axes, i in zip(places, worst, strict=True):
        caption = f"{names[chosen[i]]}, not {names[labels[i]]}"
        axes.set_title(literal(caption), fontsize=8, color=TEXT, pad=2.5)
    return figure


def first_layer_weights(model: Module, count: int = 100, title: str = "") -> Figure:
    """Draws the weights into each neuron of the first layer, or each kernel of it, as images.

    All share one scale, so that a strong neuron looks strong: orange weights are positive, purple
    ones negative, white ones zero.

    >>> import nn
    >>> len(nn.plots.first_layer_weights(nn.Linear(784, 30)).axes)
    31
    """
    parameters = ((n, p.numpy()) for n, p in model.named_parameters() if p.ndim in (2, 4))
    name, weight = next(parameters, ("", np.empty(0)))
    require(name, f"{type(model).__name__} has no dense and no convolutional layer")
    kernels = weight.ndim == 4
    images = weight.reshape(-1, *weight.shape[2:]) if kernels else as_images(weight)
    number = f"the first {count} of {len(images)}" if len(images) > count else len(images)
    heading = title or f"Weights of {number} {'kernels' if kernels else 'neurons'}: {name}"
    largest = float(np.max(np.abs(images))) or 1.0
    look = {"cmap": "PuOr_r", "vmin": -largest, "vmax": largest}
    figure, places = _gallery(images[:count], 10, 0.79, 0.72, heading, **look)
    if places:
        shrink = min(1.0, 25 / len(places))
        bar: Any = figure.colorbar(places[0].images[0], ax=places, shrink=shrink, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, labelcolor=FAINT, length=0)
    return figure


def _gallery(
    images: Array, columns: int, wide: float, high: float, title: str, **look: Any
) -> tuple[Figure, list[Any]]:
    """A figure of images in rows, and their axes."""
    columns = min(columns, max(len(images), 1))
    rows = max(math.ceil(len(images) / columns), 1)
    figure = new_figure(max(columns * wide, 4.0), rows * high + 0.45, title)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.05, wspace=0.02, hspace=0.02)
    places = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes, image in zip(places, images, strict=False):
        axes.imshow(image, **look)
        axes.set_axis_off()
    for axes in places[len(images) :]:
        axes.remove()
    return figure, places[: len(images)]


def decision_boundaries(model: Any, data: Any, threshold: float = 0.5, title: str = "") -> Figure:
    """Draws two-dimensional points, and the areas in which the model chooses each class.

    Arguments:
        model, data, title: as for `confusion_matrix`. The model returns an output for each class,
            or one that means class 1 above the threshold, or the classes, as `Perceptron` does.
        threshold: where a single output means class 1.

    >>> import nn
    >>> points = nn.data.circles(100, seed=0)
    >>> figure = nn.plots.decision_boundaries(lambda x: (x**2).sum(axis=1) < 0.5, points)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    data = Data.of(data)
    shape, labels = data.inputs.shape, data.labels
    fits = len(data) > 0 and shape[1:] == (2,)
    require(fits, f"points in a plane must have shape (n, 2), got {shape}")
    if labels.ndim == 2:
        labels = np.argmax(labels, axis=1) if labels.shape[1] > 1 else labels[:, 0]
    whole = labels.ndim == 1 and np.all(labels == np.round(labels))
    require(whole, "labels must be the numbers of classes, or one-hot rows")
    labels = labels.astype(int)
    classes, scores = _scores(predict(model, data.inputs), data, labels, threshold)
    wrong = np.take(classes, np.argmax(scores, axis=1)) != labels
    low, high = data.inputs.min(axis=0), data.inputs.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1)
    x, y = np.meshgrid(*np.linspace(low - margin, high + margin, _ACROSS).T)
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    areas = _scores(predict(model, grid), data, labels, threshold)[1].reshape(*x.shape, -1)

    heading = f"{wrong.sum():,} of {len(data):,} points wrong" + " (dark rims)" * bool(wrong.any())
    figure, (axes,) = panels(5.4, 4.4, "", [title or heading], grid=None)
    for number, label in enumerate(classes):
        look: Any = marked(number)
        # Above the best of the others by so much: positive in the area of this class.
        surplus = areas[..., number] - np.max(np.delete(areas, number, axis=-1), axis=-1)
        if np.any(surplus > 0):
            levels = [0, surplus.max() * 1.01]
            axes.contourf(x, y, surplus, levels, colors=[look["color"]], alpha=0.16)
            if np.any(surplus < 0):
                axes.contour(x, y, surplus, [0], colors=[TEXT], linewidths=1.0)
        name = literal(data.classes[label] if 0 <= label < len(data.classes) else label)
        for group, rim, width, text in ((~wrong, "white", 0.6, name), (wrong, TEXT, 1.4, None)):
            points, look = data.inputs[group & (labels == label)].T, look | {"edgecolors": rim}
            axes.scatter(*points, s=26, label=text, zorder=3, linewidths=width, **look)
    if np.ptp(x) < 3 * np.ptp(y) < 9 * np.ptp(x):
        axes.set_aspect("equal")
    legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), title="class", title_fontsize=8.5)
    return figure


def _scores(outputs: Array, data: Data, labels: Array, threshold: float) -> tuple[list[int], Array]:
    """The classes, and for each example a score of each class."""
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


def _class_names(data: Data, count: int) -> tuple[str, ...]:
    """The names of this many classes, which by default are their numbers."""
    return data.classes if len(data.classes) == count else tuple(map(str, range(count)))
