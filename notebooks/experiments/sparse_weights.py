"""L1 makes weights 0, L2 makes them small: the same net with more and more of each.

The net of `cures.py` learns its 1,000 images from weights of N(0, 1/n), with 30 hidden neurons and
10,000 steps. Counted is the share of the first layer's weights that are nearly 0 in the end: closer
to it than 0.01. Exactly 0 they are not: each step of gradient descent moves a weight by the rate
times the strength towards 0, and past it. Only weights from pixels with ink in one of the images
count, since the data cannot move the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cures import IMAGES, Cure, learn
from experiment import Experiment, accuracy, medians, runs_on

import nn
from nn.data import Data
from nn.look.plots.figure import panels

NEARLY, PICTURED = 0.01, 1.0


def nearly_zero(model: Any, data: Data) -> float:
    """The share of weights nearly 0 among those from pixels with ink."""
    inked = np.any(data.inputs > 0, axis=0)
    return float(np.mean(np.abs(model[0].weight.numpy()[:, inked]) < NEARLY))


def against_strength(strengths: Sequence[float], found: Mapping[str, Sequence[Any]]) -> Any:
    """Both measures, with a dot for each seed and a line through the medians."""
    headings = ["First-layer weights nearly 0, in per cent", "Test images read, in per cent"]
    across = "strength λ, of the term λ/n Σ |w| or λ/2n Σ w²"
    figure, places = panels(8.6, 3.4, "", headings, across)
    for measure, axes in enumerate(places):
        heights = {name: [both[measure] for both in values] for name, values in found.items()}
        medians(axes, strengths, heights)
        axes.set_xscale("symlog", linthresh=0.03)
        axes.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
        axes.minorticks_off()
    return figure


@runs_on("mnist")
def sparse_weights(experiment: Experiment) -> None:
    train, test = experiment.digits()
    strengths, seeds, steps = [0.03, 0.1, 0.3, 1.0, 3.0], range(3), 10_000
    if experiment.quick:
        strengths, seeds, steps = [1.0], range(1), 1_000

    def measure(what: str, cure: Cure, picture: str = "") -> tuple[list[float], list[float]]:
        models = [learn(cure, train, steps, seed, small=True) for seed in seeds]
        nearly_0 = [100 * nearly_zero(model, train[:IMAGES]) for model in models]
        right = [accuracy(model, test) for model in models]
        experiment.row(what, per_cent_nearly_0=nearly_0, test_accuracy=right)
        if picture:
            experiment.figure(nn.plots.first_layer_weights(models[0], title=what), picture)
        return nearly_0, [100 * share for share in right]

    plain = measure("no penalty", Cure(), "plain")
    found = {"L1": [plain], "L2": [plain]}
    for name, penalty in {"L1": nn.L1, "L2": nn.L2}.items():
        for strength in strengths:
            cure = Cure({"regulariser": penalty(strength / IMAGES)})
            picture = name if strength == PICTURED else ""
            found[name].append(measure(f"{name}, λ = {strength:g}", cure, picture))
    experiment.figure(against_strength([0.0, *strengths], found))
