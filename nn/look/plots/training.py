"""How learning went: the curves of a training, and its layers."""

from __future__ import annotations

import math

import numpy as np

from microgradnd.habits import require

from ...train.history import History, RateTest
from .figure import COLOURS, DASHES, FAINT, Figure, curve, legend, literal, panels, whole_epochs

# The panels of a layer's health: heading, measures and their factor, and the least height of the
# axis, which is logarithmic where there is none.
_HEALTH = (
    ("Length of the gradient", ("gradient",), 1, None),
    ("Length of the weights", ("weight",), 1, 0.0),
    ("Stuck units in per cent", ("saturated", "dead"), 100, 10.0),
)
_NAMED = 8  # layers in a legend


def learning_curves(history: History, title: str = "") -> Figure:
    """Draws loss and accuracy after each epoch, for training and validation.

    Where the two part, the network begins to learn its examples by heart. The best epoch is marked.
    Metrics that `fit(metrics=…)` was asked for have a panel each.
    Training is measured on the way, with dropout and augmented examples if there are any, and can
    so be worse than validation; the legend then says why.

    >>> import nn
    >>> history = nn.History()
    >>> for loss, validation_loss in [(0.9, 0.8), (0.4, 0.5), (0.2, 0.6)]:
    ...     history.append(loss=loss, validation_loss=validation_loss)
    >>> figure = nn.plots.learning_curves(history)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['training', 'validation, best 0.5 in epoch 2']
    """
    from ...train.metrics import METRICS

    require(history.loss, "there is nothing to plot: this history has no epoch")
    shown = [("Loss", history.loss, history.validation_loss, 1, False)]
    if history.accuracy or history.validation_accuracy:
        accuracies = history.accuracy, history.validation_accuracy
        shown.append(("Accuracy in per cent", *accuracies, 100, True))
    shown += [(name, [], each, 1, name in METRICS) for name, each in history.metrics.items()]
    headings = [heading for heading, *_ in shown]
    figure, places = panels(1.6 + 3 * len(shown), 3.0, title, headings, "epoch")
    for axes, (_, training, validation, factor, rises) in zip(places, shown, strict=True):
        worse = training and validation and (training[-1] > validation[-1]) == (factor == 1)
        on_the_way = "training, as it went: with dropout\nand augmentation, if any"
        name = on_the_way if worse else "training"
        kinds = (name, training, FAINT, 1), ("validation", validation, COLOURS[0], 0)
        for name, measured, colour, dashes in kinds:
            values = np.multiply(measured, factor)
            finite = np.isfinite(values)
            if not finite.any():
                continue
            best = int(np.argmin(np.where(finite, -values if rises else values, np.inf)))
            judged = measured is (validation or training)
            label = f"{name}, best {values[best]:.4g} in epoch {best + 1}" if judged else name
            curve(axes, values, color=colour, linestyle=DASHES[dashes], label=label)
            if judged:
                ring = {"color": "white", "markeredgecolor": colour, "markersize": 6.5}
                axes.plot(best + 1, values[best], "o", **ring)
        whole_epochs(axes, max(len(training), len(validation)))
        legend(axes)
    return figure


def gradient_health(history: History, title: str = "") -> Figure:
    """Draws what `Health` recorded of each layer: gradients, weights, saturated and dead units.

    Layers are dark near the input and light near the output: where gradients vanish, the dark lines
    lie far below the light ones.

    >>> import nn
    >>> found = {"health/0 (Linear)/gradient": [0.001], "health/2 (Linear)/gradient": [0.1]}
    >>> history = nn.History.from_arrays(found)
    >>> [axes.get_title(loc="left") for axes in nn.plots.gradient_health(history).axes]
    ['Length of the gradient']
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
    none = "this history has no record of the layers: fit with the callback nn.Health()"
    require(shown, none)
    headings = [heading for heading, *_ in shown]
    figure, places = panels(3.9 * len(shown), 3.4, title, headings, "epoch")
    from matplotlib import colormaps

    for axes, (_, lines, top) in zip(places, shown, strict=True):
        every = math.ceil(len(lines) / _NAMED)
        colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(lines)))
        for number, (name, values) in enumerate(lines.items()):
            look = {"color": colours[number], "linestyle": DASHES[number % len(DASHES)]}
            curve(axes, values, label=None if number % every else literal(name), **look)
        if top is not None:
            axes.set_ylim(0, max(axes.get_ylim()[1], top))
        elif any(np.any(values > 0) for values in lines.values()):
            axes.set_yscale("log")
            axes.tick_params(which="minor", labelsize=8.5, labelcolor=FAINT, length=0)
        whole_epochs(axes, max(map(len, lines.values())))
        legend(axes, loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=2, columnspacing=1.2)
    return figure


def learning_rates(test: RateTest, title: str = "") -> Figure:
    """Draws the loss at each rate that `find_learning_rate` tried, and marks the one it found.

    >>> import nn
    >>> from nn.train.history import RateTest
    >>> test = RateTest(np.geomspace(1e-3, 10, 5), np.array([0.7, 0.6, 0.4, 0.2, 0.5]), 0.1)
    >>> figure = nn.plots.learning_rates(test)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['a tenth of where it is least: 0.1']
    """
    require(len(test.rates), "there is nothing to plot: no rate was tried")
    figure, (axes,) = panels(4.6, 3.0, title, ["Loss"], "learning rate")
    axes.plot(test.rates, test.losses, color=COLOURS[0], linewidth=1.7)
    label = f"a tenth of where it is least: {test.best:.2g}"
    axes.axvline(test.best, color=COLOURS[1], linestyle=DASHES[1], label=label)
    axes.set_xscale("log")
    legend(axes)
    return figure
