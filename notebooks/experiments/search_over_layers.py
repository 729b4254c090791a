"""A small search: how many layers, of how many neurons?

Every net of a grid learns the same training images for the same number of epochs, by Adam. Each is
judged on held-out images; the test images are looked at once, for the best alone. Beside each
accuracy stands the price, the number of parameters.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from experiment import Experiment, main

import nn
from microgradnd import no_grad
from nn.data import Data
from nn.look.plots.figure import COLOURS, MARKERS, legend, new_figure, style


def net(layers: int, neurons: int) -> nn.Sequential:
    """784 inputs, so many hidden layers of so many neurons with ReLU, ten scores."""
    hidden = [784, *[neurons] * layers]
    pairs = [(nn.Linear(inputs, outputs), nn.ReLU()) for inputs, outputs in pairwise(hidden)]
    return nn.Sequential(*(part for pair in pairs for part in pair), nn.Linear(hidden[-1], 10))


def trained(layers: int, neurons: int, train: Data, epochs: int, seed: int) -> nn.Sequential:
    """Such a net after so many epochs."""
    nn.manual_seed(seed)
    model = net(layers, neurons).astype(np.float32)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.002)
    nn.fit(
        model,
        train,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        schedule=nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
        epochs=epochs,
        batch_size=50,
        seed=seed,
        progress=False,
    )
    return model


def accuracy(model: nn.Module, data: Data) -> float:
    with no_grad():
        return nn.accuracy(model(data.inputs), data.labels)


def search_over_layers(experiment: Experiment) -> None:
    """Held-out accuracy and parameters of each net; the best one's test accuracy."""
    digits, test = experiment.digits()
    train, held_out = digits.split(0.8, seed=0, stratified=True)
    epochs, seeds = (3, [0]) if experiment.quick else (5, [0, 1])
    widths = [10, 30] if experiment.quick else [10, 30, 100, 300]
    depths = [1, 2] if experiment.quick else [1, 2, 3]
    grid = [(0, 0), *((layers, neurons) for layers in depths for neurons in widths)]
    found = {}
    for layers, neurons in grid:
        models = [trained(layers, neurons, train, epochs, seed) for seed in seeds]
        accuracies = [accuracy(model, held_out) for model in models]
        parameters = sum(row.parameters for row in nn.summary(models[0], (784,)).rows)
        name = f"{layers} of {neurons}" if layers else "none"
        experiment.row(f"hidden: {name}", parameters=str(parameters), held_out_accuracy=accuracies)
        found[layers, neurons] = (float(np.median(accuracies)), parameters, models[0], name)

    _, parameters, model, name = max(found.values(), key=lambda each: each[0])
    experiment.row(
        f"the best, {name}", parameters=str(parameters), test_accuracy=accuracy(model, test)
    )
    figure = new_figure(6.0, 3.8, "More neurons, more layers")
    axes = figure.subplots()
    style(axes, "Right on held-out images, per cent", "parameters")
    for number, depth in enumerate([0, *depths]):
        points = [
            (size, 100 * share)
            for (layers, _), (share, size, *_) in found.items()
            if layers == depth
        ]
        look = {"color": COLOURS[number], "marker": MARKERS[number], "linewidth": 1.3}
        label = f"{depth} hidden layer" + "s" * (depth != 1)
        axes.plot(*zip(*points, strict=True), label=label, **look)
    axes.set_xscale("log")
    legend(axes)
    experiment.figure(figure)


if __name__ == "__main__":
    main(search_over_layers)
