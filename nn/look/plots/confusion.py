"""What a classifier takes for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...train import metrics
from .outputs import Array, examples_of, label_numbers, names_of, outputs_of
from .style import FAINT, GRID, LINE, TEXT, literal, new_figure, style

if TYPE_CHECKING:
    from .figure import Figure

_ROOM_FOR_NUMBERS = 20  # classes


def confusion_matrix(model: Any, data: Any, title: str = "") -> Figure:
    """How many examples of each class (the row) the model takes for each class (the column).

    Data is a `Data` or a pair of inputs and labels. Colours show the mistakes alone, which
    otherwise would be pale beside all that is right. At the right: how much of a class was found.

    >>> import numpy as np
    >>> from nn.containers import Sequential
    >>> from nn.look.plots import confusion_matrix
    >>> figure = confusion_matrix(Sequential(), (np.eye(3), [0, 1, 1]))
    >>> figure.axes[0].get_ylabel()
    'the right class'
    """
    data = examples_of(data)
    outputs, labels = outputs_of(model, data.inputs), label_numbers(data.labels)
    named = len(data.classes) if outputs.ndim == 1 else None
    matrix = metrics.confusion_matrix(outputs, labels, named)
    side = 1.6 + 0.42 * min(len(matrix), _ROOM_FOR_NUMBERS)
    figure = new_figure(max(side, 3.4) + 0.5, max(side, 3.4), title)
    axes = figure.add_subplot()
    style(axes, "" if title else "What was taken for what", "what it was taken for", grid=None)
    axes.set_ylabel("the right class", fontsize=9, color=FAINT)
    for spine in axes.spines.values():
        spine.set(visible=True, color=LINE)
    axes.tick_params(which="both", length=0)

    right = np.eye(len(matrix), dtype=bool)
    mistakes = np.where(right | (matrix == 0), np.nan, matrix)
    darkest = max(1.35 * np.max(matrix, where=~right, initial=0), 1)  # a number on it is readable
    axes.imshow(np.where(right, 1.0, np.nan), cmap="Greys", vmin=0, vmax=8)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=darkest)
    if len(matrix) <= _ROOM_FOR_NUMBERS:
        _write(axes, matrix, names_of(data, len(matrix)))
    return figure


def _write(axes: Any, matrix: Array, names: Sequence[str]) -> None:
    """The numbers, the names of the classes, and how much of each was found."""
    ticks = np.arange(len(matrix))
    rotation = 90 if max(map(len, names)) > 3 else 0
    axes.set_xticks(ticks, map(literal, names), rotation=rotation)
    axes.set_yticks(ticks, map(literal, names))
    axes.set_xticks(ticks[1:] - 0.5, minor=True)  # between the cells
    axes.set_yticks(ticks[1:] - 0.5, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=0.8)
    for (row, column), number in np.ndenumerate(matrix):
        if number:
            text = axes.text(column, row, f"{number:,}", ha="center", va="center", fontsize=8)
            text.set(color=TEXT, weight="normal" if row == column else "bold")
    totals = np.maximum(matrix.sum(axis=1), 1)
    found = axes.secondary_yaxis("right")
    found.set_yticks(ticks, [f"{share:.0%}" for share in matrix.diagonal() / totals])
    found.tick_params(length=0, labelsize=8, labelcolor=FAINT)
    found.spines["right"].set_visible(False)
