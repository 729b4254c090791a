"""Images: those a classifier gets wrong, and what the first layer of a network looks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.examples import as_images
from ...module import Module
from .outputs import Array, examples_of, label_numbers, names_of, outputs_of
from .style import FAINT, TEXT, literal, new_figure, without_frame

if TYPE_CHECKING:
    from .figure import Figure


def worst_mistakes(model: Any, data: Any, count: int = 24, title: str = "") -> Figure:
    """The images that the model gets wrong, those first of which it was surest.

    How sure it was is how far the output of the class it chose is above that of the right one.

    >>> import numpy as np
    >>> from nn.containers import Sequential
    >>> from nn.look.plots import worst_mistakes
    >>> figure = worst_mistakes(Sequential(), (np.eye(4), [0, 1, 3, 2]))
    >>> [axes.get_title() for axes in figure.axes]
    ['2, not 3', '3, not 2']
    """
    data = examples_of(data)
    outputs, labels = outputs_of(model, data.inputs), label_numbers(data.labels)
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise ValueError(f"one output for each class is needed, found shape {outputs.shape}")
    chosen, each = np.argmax(outputs, axis=1), np.arange(len(outputs))
    surplus = outputs[each, chosen] - outputs[each, labels]
    wrong = np.flatnonzero(chosen != labels)
    worst = wrong[np.argsort(-surplus[wrong], kind="stable")][:count]
    names = names_of(data, outputs.shape[1])
    heading = title or f"{len(wrong):,} of {len(data):,} wrong" + (
        f"; the {len(worst)} of which it was surest" if len(worst) < len(wrong) else ""
    )
    return _gallery(
        as_images(data.inputs[worst]),
        [f"{names[chosen[i]]}, not {names[labels[i]]}" for i in worst],
        heading,
        "Greys",
    )


def first_layer_weights(model: Module, count: int = 100, title: str = "") -> Figure:
    """The weights into each neuron of the first layer, or each kernel of it, as images.

    All share one scale, so that a strong neuron looks strong: orange weights are positive, purple
    ones negative, white ones zero.

    >>> from nn.layers.dense import Linear
    >>> from nn.look.plots import first_layer_weights
    >>> len(first_layer_weights(Linear(784, 30)).axes)
    31
    """
    name, weight = _first_weights(model)
    images = weight.reshape(-1, *weight.shape[2:]) if weight.ndim == 4 else as_images(weight)
    units = "kernels" if weight.ndim == 4 else "neurons"
    first = f"the first {count} of " if len(images) > count else ""
    heading = title or f"Weights of {first}{len(images)} {units}: {name}"
    largest = float(np.max(np.abs(images), initial=0)) or 1.0
    return _gallery(images[:count], [], heading, "PuOr_r", (-largest, largest))


def _first_weights(model: Module) -> tuple[str, Array]:
    for name, parameter in model.named_parameters():
        if parameter.ndim in (2, 4):
            return name, parameter.numpy()
    raise ValueError(f"{type(model).__name__} has no dense and no convolutional layer")


def _gallery(
    images: Array,
    captions: Sequence[str],
    title: str,
    colours: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Images in rows. Without limits, each uses the whole scale from white to black."""
    columns = min(10 if limits else 8, max(len(images), 1))
    rows = max(math.ceil(len(images) / columns), 1)
    wide, high = (0.72, 0.72) if not captions else (0.86, 0.98)
    width = max(columns * wide + (0.7 if limits else 0.1), 4.0)
    figure = new_figure(width, rows * high + 0.45, title)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.05, wspace=0.02, hspace=0.02)
    places = figure.subplots(rows, columns, squeeze=False)
    for axes in places.flat[len(images) :]:
        axes.remove()
    shown = None
    for place, image in enumerate(images):
        axes = places.flat[place]
        without_frame(axes)
        low, high = limits or (image.min(), image.max())
        shown = axes.imshow(image, cmap=colours, vmin=low, vmax=high)
        if captions:
            axes.set_title(literal(captions[place]), fontsize=8, color=TEXT, pad=2.5)
    if limits and shown:
        bar = figure.colorbar(
            shown, ax=figure.axes, shrink=min(1.0, 2.5 / rows), aspect=18, pad=0.02
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, labelcolor=FAINT, length=0)
    return figure
