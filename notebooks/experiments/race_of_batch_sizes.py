"""How many examples should a step average over? Stochastic, mini-batch and batch gradient descent.

One net, 784-30-10 with ReLU, plain gradient descent, batches of one image up to all of them. A
large batch needs fewer steps, a small one fewer examples, down to about ten: a single image is so
noisy that to 95 % its rate must be small. For the processor the quickest lies in between.
With all images a step, one run to 95 % takes minutes, so there is one, at a rate found by hand.
"""

from experiment import Experiment, runs_on
from race import Entrant, Race, classifier, draw_curves, evenly_on_a_log_scale

import nn
from nn.look.plots.figure import new_figure

# How many images a step takes, around which rate the best is sought, and how many steps at most.
FULL = [(1, 0.003, 250_000), (10, 0.1, 20_000), (100, 0.3, 6000), (1000, 1.0, 1500),
        (None, 0.5, 2500)]  # fmt: skip
QUICK = [(1, 0.01, 2000), (10, 0.1, 1000), (100, 0.9, 300), (None, 1.0, 80)]


@runs_on("mnist")
def race_of_batch_sizes(experiment: Experiment) -> None:
    """Steps, examples and seconds to the mark, for each size of a batch."""
    race = Race(experiment, 0, evenly_on_a_log_scale(20))
    race.powers = [-0.5, 0]
    results = []
    for size, rate, steps in QUICK if experiment.quick else FULL:
        if size is None and not experiment.quick:
            race.powers, race.seeds = [0], [1]
        name = "all images" if size is None else f"{size} image" + "s" * (size > 1)
        entrant = Entrant(name, lambda: classifier(nn.ReLU, 30), rate, batch_size=size, steps=steps)
        results.append(race.run(entrant, beyond=False))
    for mark in (race.halfway, race.mark):
        for result in results:
            name = f"{result.entrant.name} a step, to {mark:.0%}"
            experiment.row(name, rate=result.rate, **race.taken(result, mark))
    figure = new_figure(9.6, 3.8, "A race of batch sizes: each curve ends at the mark")
    left, right = figure.subplots(1, 2, sharey=True)
    draw_curves(left, race, results)
    draw_curves(right, race, results, "examples")
    experiment.figure(figure)
