"""Sigmoid, tanh, ReLU and leaky ReLU race, in a shallow net and in a deep one.

The slope of a sigmoid is at most 1/4, and on its way back through five layers of them the gradient
shrinks in each; that of tanh is up to 1, that of ReLU is 1 or 0. The weights begin as suits each
activation: as Xavier has it, or He for the ReLUs. Biases begin at 0. Plain gradient descent,
mini-batches of 32.
"""

from functools import partial
from typing import Any

import numpy as np
from experiment import Experiment, runs_on
from race import Entrant, Race, classifier, draw_curves, every

import nn
from nn.data import Data
from nn.init import kaiming_normal_, xavier_normal_
from nn.look.plots.figure import legend, marked, panels

HE = partial(kaiming_normal_, nonlinearity="relu")
ACTIVATIONS: dict[str, tuple[type[nn.Module], Any, float]] = {
    "sigmoid": (nn.Sigmoid, xavier_normal_, 1.0),
    "tanh": (nn.Tanh, xavier_normal_, 0.1),
    "ReLU": (nn.ReLU, HE, 0.1),
    "leaky ReLU": (nn.LeakyReLU, HE, 0.1),
}
DEEP = (30,) * 5


def gradient_lengths(model: nn.Sequential, data: Data) -> list[float]:
    """The root of the mean squared gradient of the weights, layer by layer."""
    model.zero_grad()
    nn.CrossEntropyLoss()(model(data.inputs), data.labels).backward()
    weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
    return [float(np.sqrt(np.mean(np.square(weight.grad)))) for weight in weights]


@runs_on("mnist")
def race_of_activations(experiment: Experiment) -> None:
    """Which activation is first at the mark, and how far down does the gradient reach?"""
    steps, look = (250, 25) if experiment.quick else (3000, 50)
    race = Race(experiment, steps, every(look))
    race.powers = [-0.5, 0] if experiment.quick else [-1, -0.5, 0, 0.5]
    headings = ["", "", "Size of a weight's gradient at the start"]
    figure, places = panels(13.0, 3.8, "A race of activations", headings, "layer of weights")
    nets = {"784-30-10": (30,), "five layers of 30": DEEP}
    for panel, (net, hidden) in zip(places, nets.items(), strict=False):
        results = [
            race.run(Entrant(name, partial(classifier, activation, *hidden, weights=weights), rate))
            for name, (activation, weights, rate) in ACTIVATIONS.items()
        ]
        race.enter(experiment, results, net)
        draw_curves(panel, race, results, title=f"{net}: right, per cent")

    for number, (name, (activation, weights, _)) in enumerate(ACTIVATIONS.items()):
        nn.manual_seed(0)
        nets = [classifier(activation, *DEEP, weights=weights) for _ in range(20)]
        lengths = np.array([gradient_lengths(model, race.held_out[:200]) for model in nets])
        typical = np.exp(np.mean(np.log(lengths), axis=0))
        experiment.row(
            f"five layers of 30, {name}: gradient in the second layer of weights / in the last",
            at_the_start=float(typical[1] / typical[-1]),
        )
        places[2].plot(range(1, 1 + len(typical)), typical, label=name, **marked(number))
    places[2].set_yscale("log")
    legend(places[2])
    experiment.figure(figure)
