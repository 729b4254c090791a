"""Layers learnt without labels: does it help to begin with them where labels are few?

An autoencoder reproduces its input through fewer numbers than that has: its first half must find
out what matters. Greedily, layer by layer, the first autoencoder codes images, the next codes the
codes of the one before. Their first halves, on top of each other, and a new output layer are then
trained with labels, all together. Only this last step needs labels, and there are few; of images
without labels there are many.

Beside it stands the same net, 784-100-100-50-10, with random first weights (Xavier's for sigmoids,
He's for ReLUs), trained alike: once as it was done when pretraining was found, sigmoids by plain
gradient descent, and once as it is done now, ReLUs by Adam. Of two rates that one counts which is
better on held-out images. Pretraining lets the sigmoids learn from few labels; to the ReLUs, which
learn as well without it, it adds nothing that stands out from the spread of the seeds.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, accuracy, learn, runs_on

import nn
from nn.data import Data
from nn.look.plots.figure import DASHES, legend, marked, new_figure, style
from nn.optim import SGD, Adam

SIZES = (784, 100, 100, 50)  # the inputs, and the units of each hidden layer


class Way(NamedTuple):
    """How a net is built and trained with labels."""

    name: str
    activation: type[nn.Module]
    weights: Callable[[Any], Any]
    optimizer: type[nn.optim.Optimizer]
    rates: tuple[float, float]


WAYS = (
    Way("sigmoid, gradient descent", nn.Sigmoid, nn.init.xavier_normal_, SGD, (0.1, 0.5)),
    Way("ReLU, Adam", nn.ReLU, partial(nn.init.kaiming_normal_, nonlinearity="relu"), Adam,
        (0.001, 0.003)),
)  # fmt: skip


def layer(way: Way, inputs: int, outputs: int) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs)
    way.weights(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, way.activation())


def random_layers(way: Way) -> list[nn.Sequential]:
    return [layer(way, inputs, outputs).astype(np.float32) for inputs, outputs in pairwise(SIZES)]


def pretrained(way: Way, images: Any, epochs: int) -> tuple[list[Any], list[Any]]:
    """Layers that code images, and layers that decode each of their codes; from images alone."""
    encoders, decoders, x = [], [], images
    for before, after in pairwise(SIZES):
        encoder, decoder = layer(way, before, after), nn.Linear(after, before)
        autoencoder = nn.Sequential(encoder, decoder).astype(np.float32)
        learn(autoencoder, (x, x), nn.MSELoss(), 0.001, epochs, 50, Adam)
        encoders.append(encoder)
        decoders.append(decoder)
        x = nn.predict(encoder, x)
    return encoders, decoders


def best_of_rates(
    way: Way, layers: list[Any], train: Data, test: Data, count: int, seed: int
) -> float:
    """Test accuracy after training with so many labels, at the rate that held-out images favour."""
    few, held_out, _ = train.split(count, 1000, seed=seed, stratified=True)
    models = [with_labels(way, layers, few, rate, seed) for rate in way.rates]
    return accuracy(max(models, key=lambda model: accuracy(model, held_out)), test)


def with_labels(
    way: Way, layers: list[nn.Sequential], few: Data, rate: float, seed: int
) -> nn.Sequential:
    """Copies of the layers and a new output layer, trained together."""
    nn.manual_seed(seed)
    model = nn.Sequential(*random_layers(way), nn.Linear(SIZES[-1], 10)).astype(np.float32)
    for copied, original in zip(model, layers, strict=False):
        copied.load_state_dict(original.state_dict())
    learn(model, few, nn.CrossEntropyLoss(), rate, 40, optimizer=way.optimizer)
    return model


def draw_through(axes: Any, images: Any, encoders: list[Any], decoders: list[Any]) -> None:
    """Above some images, below what remains of them after all codes."""
    x = nn.predict(nn.Sequential(*encoders, *decoders[::-1]), images.reshape(len(images), -1))
    rows = np.concatenate([images, np.reshape(x, images.shape)])
    half = len(images)
    axes.imshow(
        np.vstack([np.hstack(rows[:half]), np.hstack(rows[half:])]), "Greys", vmin=0, vmax=1
    )
    style(axes, f"Images, and what {SIZES[-1]} numbers keep of them", grid=None)
    axes.set_axis_off()


@runs_on("mnist")
def autoencoders(experiment: Experiment) -> None:
    """Test accuracy with few labels, from random layers and from layers learnt without labels."""
    train, test = experiment.digits()
    counts, seeds = ([200], [1]) if experiment.quick else ([100, 300, 1000], [1, 2, 3])
    figure = new_figure(9.6, 3.8, "Layers learnt without labels")
    left, right = figure.subplots(1, 2)
    style(left, "Right on test images, per cent", "labels")
    for number, way in enumerate(WAYS):
        starts: dict[str, list[Any]] = {"random layers": [], "pretrained layers": []}
        for seed in seeds:
            nn.manual_seed(seed)
            starts["random layers"].append(random_layers(way))
            encoders, decoders = pretrained(way, train.inputs, epochs=2 if experiment.quick else 3)
            starts["pretrained layers"].append(encoders)
        if number == 0:
            draw_through(right, test.images[:8], encoders, decoders)
        for start, dashes in zip(starts, DASHES, strict=False):
            medians = []
            for count in counts:
                right_on_test = [
                    best_of_rates(way, layers, train, test, count, seed)
                    for seed, layers in zip(seeds, starts[start], strict=True)
                ]
                name = f"{way.name}, {count} labels, {start}"
                experiment.row(name, test_accuracy=right_on_test)
                medians.append(100 * np.median(right_on_test))
            look = {"linestyle": dashes, **marked(number)}
            left.plot(counts, medians, label=f"{way.name}, {start}", **look)
    left.set_xscale("log")
    legend(left, handlelength=4)
    experiment.figure(figure)
