"""How large should the first weights be? Xavier, He, and plain normal numbers, in a race.

A shallow net, 784-30-10, forgives much. A deep one, with five layers of 30, does not: each layer
multiplies the signal by some factor, and five factors come together. A layer of ReLUs multiplies
the mean square by n σ² / 2 in the mean, for n inputs and weights of deviation σ: by 1 as He has it,
by 1/2 with Xavier's weights where both layers are as wide, by 15 with plain normal numbers of
deviation 1 and n = 30. Biases begin at 0. Plain gradient descent, mini-batches of 32.
"""

from functools import partial
from typing import Any

import numpy as np
from experiment import Experiment, runs_on
from race import Entrant, Race, classifier, draw_curves, every

import nn
from microgradnd import no_grad
from nn.init import kaiming_normal_, normal_, xavier_normal_
from nn.look.plots.figure import legend, marked, new_figure, style

# How they are drawn, and n σ² / 2 between layers of 30.
WEIGHTS: dict[str, tuple[Any, float]] = {
    "N(0, 1)": (normal_, 15.0),
    "N(0, 0.01²)": (partial(normal_, std=0.01), 0.0015),
    "Xavier": (xavier_normal_, 0.5),
    "He": (partial(kaiming_normal_, nonlinearity="relu"), 1.0),
}
DEEP = (30,) * 5


def mean_squares(model: nn.Sequential, x: Any) -> list[float]:
    """The mean square of the outputs of each hidden layer, for these images."""
    found = []
    with no_grad():
        for layer in list(model)[:-1]:
            x = layer(x)
            if not isinstance(layer, nn.Linear):
                found.append(float(np.mean(np.square(x.numpy()))))
    return found


def growth(weights: Any, x: Any, draws: int) -> Any:
    """By how much each hidden layer of ReLUs multiplies the mean square, for each draw."""
    nn.manual_seed(0)
    nets = (classifier(nn.ReLU, *DEEP, weights=weights) for _ in range(draws))
    squares = np.array([mean_squares(net, x) for net in nets])
    return squares[:, 1:] / squares[:, :-1]


@runs_on("mnist")
def race_of_initialisations(experiment: Experiment) -> None:
    """Which first weights lead to the mark, in a shallow net and in deep ones?"""
    steps, look = (250, 25) if experiment.quick else (2500, 50)
    race = Race(experiment, steps, every(look))
    race.powers = [-1, 0] if experiment.quick else [-3, -2, -1, -0.5, 0]
    nets = {"784-30-10, ReLU": (nn.ReLU, 30), "five layers of 30, ReLU": (nn.ReLU, *DEEP)}
    if not experiment.quick:
        nets["five layers of 30, tanh"] = (nn.Tanh, *DEEP)
    figure = new_figure(10.5, 7.0, "A race of first weights")
    panels = figure.subplots(2, 2).flat
    for panel, (net, layers) in zip(panels, nets.items(), strict=False):
        results = [
            race.run(Entrant(name, partial(classifier, *layers, weights=weights), 0.3))
            for name, (weights, _) in WEIGHTS.items()
        ]
        race.enter(experiment, results, net)
        draw_curves(panel, race, results, title=f"{net}: right, per cent")

    last = figure.axes[-1]
    style(last, "Five layers of ReLU: mean square, relative to the first", "layer")
    for number, (name, (weights, law)) in enumerate(WEIGHTS.items()):
        factors = growth(weights, race.test.inputs[:100], 200 if experiment.quick else 1000)
        what = f"growth of the mean square in a layer of ReLUs, {name}"
        experiment.row(what, measured=float(np.mean(factors)), by_law=law)
        along = np.cumprod(np.concatenate([[1.0], np.exp(np.mean(np.log(factors), axis=0))]))
        last.plot(range(1, 1 + len(along)), along, label=name, **marked(number))
    last.set(yscale="log", xticks=range(1, 1 + len(DEEP)))
    legend(last)
    experiment.figure(figure)
