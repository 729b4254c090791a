"""A small search: how many layers, of how many neurons?

Every net of a grid learns the same training images for the same number of epochs, by Adam. Each is
judged on held-out images; the test images are looked at once, for the best alone. Beside each
accuracy stands the price, the number of parameters.
"""

import numpy as np
from experiment import Experiment, accuracy, dense, learn, runs_on

import nn
from nn.data import Data
from nn.look.plots.figure import legend, marked, panels


def trained(layers: int, neurons: int, train: Data, epochs: int, seed: int) -> nn.Sequential:
    """A net with so many hidden layers of so many neurons with ReLU, after so many epochs."""
    nn.manual_seed(seed)
    model = dense(784, *[neurons] * layers, 10, activation=nn.ReLU).astype(np.float32)
    loss, adam = nn.CrossEntropyLoss(), nn.optim.Adam
    learn(model, train, loss, 0.002, epochs, 50, adam, cosine=True, seed=seed)
    return model


@runs_on("mnist")
def search_over_layers(experiment: Experiment) -> None:
    """Held-out accuracy and parameters of each net; the best one's test accuracy."""
    digits, test = experiment.digits()
    train, held_out = digits.split(0.8, seed=0, stratified=True)
    epochs, seeds = (3, [0]) if experiment.quick else (5, [0, 1])
    widths = [10, 30] if experiment.quick else [10, 30, 100, 300]
    depths = [1, 2] if experiment.quick else [1, 2, 3]
    grid = [(0, 0), *((layers, neurons) for layers in depths for neurons in widths)]
    settings = [(*sizes, train, epochs, seed) for sizes in grid for seed in seeds]
    found, learnt = {}, iter(experiment.each(trained, settings))
    for layers, neurons in grid:
        models = [next(learnt) for _ in seeds]
        accuracies = [accuracy(model, held_out) for model in models]
        parameters = sum(row.parameters for row in nn.summary(models[0], (784,)).rows)
        name = f"{layers} of {neurons}" if layers else "none"
        experiment.row(f"hidden: {name}", parameters=str(parameters), held_out_accuracy=accuracies)
        found[layers, neurons] = (float(np.median(accuracies)), parameters, models[0], name)

    _, parameters, model, name = max(found.values(), key=lambda each: each[0])
    experiment.row(
        f"the best, {name}", parameters=str(parameters), test_accuracy=accuracy(model, test)
    )
    heading = "Right on held-out images, per cent"
    figure, (axes,) = panels(6.0, 3.8, "More neurons, more layers", [heading], "parameters")
    for number, depth in enumerate([0, *depths]):
        points = [(n, 100 * share) for (k, _), (share, n, *_) in found.items() if k == depth]
        label = f"{depth} hidden layer" + "s" * (depth != 1)
        axes.plot(*zip(*points, strict=True), label=label, linewidth=1.3, **marked(number))
    axes.set_xscale("log")
    legend(axes)
    experiment.figure(figure)
