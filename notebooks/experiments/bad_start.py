"""From a bad start a neuron learns slowly by the quadratic cost, and fast by cross-entropy.

With respect to the weighted sum z of an output neuron, the slope of the quadratic cost is
(a - y) σ'(z): next to nothing where the neuron is saturated, however wrong it is. The slope of
cross-entropy is a - y: the more wrong, the faster. One neuron that is to turn 1 into 0 shows it,
with rates that make both equally fast from the good start; so do the digits, with the rates of the
course's programs, if the weights of the output neurons begin large, as N(0, 4²).
"""

import numpy as np
import saturation
from experiment import Experiment, curves, dense, learn, runs_on

import nn

NEURON = {
    "quadratic": (nn.QuadraticLoss(), saturation.RATE),
    "cross-entropy": (nn.SigmoidCrossEntropyLoss(), 0.03),
}
# From the scores before the sigmoids, cross-entropy is exact also where a sigmoid is rounded to 1.
DIGITS = {
    "quadratic": (nn.QuadraticLoss(), 3.0, [nn.Sigmoid()]),
    "cross-entropy": (nn.SigmoidCrossEntropyLoss(logits=True), 0.5, []),
}


def one_neuron(experiment: Experiment) -> None:
    panels: dict[str, dict[str, list[float]]] = {}
    for start, (weight, bias) in saturation.STARTS.items():
        panel = panels[f"Output from {start}"] = {}
        for name, (loss, rate) in NEURON.items():
            course = saturation.learn(weight, bias, loss, rate)
            panel[name] = course.output
            experiment.row(
                f"one neuron from {start}, {name}",
                first_slope=course.slope[0],
                **{"steps until below 0.2": course.steps_below(0.2)},
            )
    experiment.figure(curves(panels, across="step"), "neuron")


def digits(experiment: Experiment) -> None:
    train, test = experiment.digits()
    epochs, seeds = (2, [0]) if experiment.quick else (10, [0, 1, 2])
    panels: dict[str, dict[str, list[list[float]]]] = {}
    for start, spread in (("a good start", 30**-0.5), ("a bad start", 4.0)):
        panel = panels[f"Test accuracy from {start}"] = {}
        for name, (loss, rate, last) in DIGITS.items():
            panel[name] = []
            for seed in seeds:
                model = network(spread, last, seed)
                history = learn(model, train, loss, rate, epochs, validation=test)
                panel[name].append(history.validation_accuracy)
            experiment.row(
                f"digits from {start}, {name}",
                first_test_accuracy=[accuracies[0] for accuracies in panel[name]],
                test_accuracy=[accuracies[-1] for accuracies in panel[name]],
            )
    experiment.figure(curves(panels), "digits")


def network(spread: float, last: list[nn.Module], seed: int) -> nn.Module:
    """784–30–10; the weights of the output neurons have this spread, all others begin small."""
    nn.manual_seed(seed)
    model = dense(784, 30, 10, last=last)
    nn.init.normal_(model[0].weight, std=784**-0.5)
    nn.init.normal_(model[2].weight, std=spread)
    return model.astype(np.float32)


@runs_on("mnist")
def bad_start(experiment: Experiment) -> None:
    one_neuron(experiment)
    digits(experiment)
