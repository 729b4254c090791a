"""How learning went: the curves of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import COLOURS, DASHES, FAINT, legend, new_figure, style, whole_epochs

if TYPE_CHECKING:
    from ...train.history import History
    from .figure import Figure

_TRAINING, _VALIDATION = (FAINT, DASHES[1]), (COLOURS[0], DASHES[0])


def learning_curves(history: History, title: str = "") -> Figure:
    """Loss and accuracy after each epoch, on the examples learnt from and on held-out ones.

    Where the two part, the network begins to learn its examples by heart. The best epoch is marked.

    >>> from nn.train.history import History
    >>> from nn.look.plots import learning_curves
    >>> history = History()
    >>> for loss, validation_loss in [(0.9, 0.8), (0.4, 0.5), (0.2, 0.6)]:
    ...     history.append(loss=loss, validation_loss=validation_loss)
    >>> figure = learning_curves(history)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['training', 'validation, best 0.5 in epoch 2']
    """
    if not len(history):
        raise ValueError("there is nothing to plot: this history has no epoch")
    accuracy = bool(history.accuracy or history.validation_accuracy)
    figure = new_figure(7.6 if accuracy else 4.6, 3.0, title)
    panels = figure.subplots(1, 1 + accuracy, squeeze=False)[0]
    style(panels[0], "Loss", "epoch")
    _curves(panels[0], history.loss, history.validation_loss, min)
    if accuracy:
        style(panels[1], "Accuracy in per cent", "epoch")
        _curves(
            panels[1],
            [100 * value for value in history.accuracy],
            [100 * value for value in history.validation_accuracy],
            max,
        )
    return figure


def _curves(axes: Any, training: Sequence[float], validation: Sequence[float], best: Any) -> None:
    """Both curves, and the best epoch: by the held-out examples if there are any."""
    judged = "validation" if len(validation) else "training"
    kinds = (("training", training, _TRAINING), ("validation", validation, _VALIDATION))
    for name, values, (colour, dashes) in kinds:
        epochs, finite = np.arange(1, len(values) + 1), np.isfinite(values)
        if not finite.any():
            continue
        (curve,) = axes.plot(epochs, values, color=colour, linestyle=dashes, linewidth=1.7)
        if len(values) <= 12:
            curve.set(marker="o", markersize=3.2)
        if name == judged:
            value = best(np.array(values)[finite])
            epoch = list(values).index(value) + 1
            axes.plot(epoch, value, "o", color="white", markeredgecolor=colour, markersize=6.5)
            name = f"{name}, best {value:.4g} in epoch {epoch}"
        curve.set_label(name)
    whole_epochs(axes, max(len(training), len(validation)))
    legend(axes)
