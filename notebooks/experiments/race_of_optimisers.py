"""Six optimisers race on one net, 784-100-10 with ReLU, in mini-batches of 32.

Gradient descent, momentum, Nesterov's momentum, AdaGrad, RMSProp and Adam start from the same
weights and see the same images in the same order. What is left for each to choose is its rate. At
the best of its rates each comes to 95 % in about as many steps; the adaptive ones are ahead early.
"""

from functools import partial
from typing import Any

from experiment import Experiment, runs_on
from race import Entrant, Race, classifier, curves_and_rates, every

import nn
from nn.optim import SGD, Adagrad, Adam, RMSprop

# The rates in the middle of those that are tried.
OPTIMISERS: dict[str, tuple[Any, float]] = {
    "plain": (SGD, 0.3),
    "momentum": (partial(SGD, momentum=0.9), 0.03),
    "Nesterov": (partial(SGD, momentum=0.9, nesterov=True), 0.03),
    "AdaGrad": (Adagrad, 0.03),
    "RMSProp": (RMSprop, 0.003),
    "Adam": (Adam, 0.01),
}


@runs_on("mnist")
def race_of_optimisers(experiment: Experiment) -> None:
    """Who is first at the mark?"""
    steps, look = (250, 10) if experiment.quick else (2500, 50)
    race = Race(experiment, steps, every(look))
    results = [
        race.run(Entrant(name, lambda: classifier(nn.ReLU, 100), rate, optimizer))
        for name, (optimizer, rate) in OPTIMISERS.items()
    ]
    race.enter(experiment, results)
    experiment.figure(curves_and_rates(race, results, "A race of optimisers"))
