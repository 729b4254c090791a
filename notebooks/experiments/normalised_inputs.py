"""Inputs of one size are learnt faster: their cost is a round bowl, and not a narrow valley.

First a linear neuron with two inputs, measured in different units or normalised. In a bowl the
gradient points to the minimum. In a valley it points across: the steep side limits the rate, and
the way along the flat side is long.

Then the digits, with grey values from 0 to 255, from 0 to 1, and standardised, which means for each
pixel a mean of 0 and a deviation of 1. All learn at the rate that is best for them. From 0 to 255
they saturate the hidden neurons. To standardise helps where images are few (`--quick`), but not
with all of MNIST: it enlarges, a hundredfold, the pixels at the rim that hardly ever have ink.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from experiment import Experiment, curves, dense, learn, normal, runs_on

import nn
from microgradnd import Tensor, hessian
from nn.data import Data, Standardise

RATES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]


def valley_and_bowl(experiment: Experiment) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)) * [0.3, 1.5]
    y = x @ [3.0, 0.6]
    for shape, name, inputs in (
        ("valley", "inputs in their units", x),
        ("bowl", "inputs normalised", Standardise(x)(x)),
    ):

        def cost(w: Any, inputs: Any = inputs) -> Any:
            return np.mean((inputs @ w - y) ** 2) / 2

        flat, steep = np.linalg.eigvalsh(hessian(cost)(np.zeros(2)))
        rate = 2 / (flat + steep)  # the best of all rates for a cost with these curvatures
        steps = steps_down(cost, rate)
        curvatures = {"largest_curvature": float(steep), "smallest": float(flat)}
        experiment.row(name, **curvatures, rate=float(rate), steps=steps)
        path = {f"{steps} steps": lambda w, rate=rate: nn.optim.SGD(w, lr=rate)}
        figure = nn.plots.optimizer_paths(cost, (0.0, 0.0), path, steps, title=f"A {shape}: {name}")
        experiment.figure(figure, shape)


def steps_down(cost: Callable[[Any], Any], rate: float) -> int:
    """How many steps it takes until no slope is above a thousandth of the first gradient."""
    w = Tensor(np.zeros(2), requires_grad=True)
    optimizer = nn.optim.SGD([w], lr=rate)
    slopes: list[float] = []
    while not slopes or slopes[-1] > slopes[0] / 1000:
        optimizer.zero_grad()
        cost(w).backward()
        slopes.append(float(np.abs(w.grad).max()))
        optimizer.step()
    return len(slopes) - 1


def digits(experiment: Experiment) -> None:
    train, test = experiment.digits()
    epochs, seeds, rates = 10, [0, 1, 2], RATES
    if experiment.quick:
        train, epochs, seeds, rates = train[:2000], 2, [0], [0.003, 0.3]
    measured: dict[str, list[list[float]]] = {}
    for name, change in (
        ("grey values from 0 to 255", lambda x: 255 * x),
        ("from 0 to 1", lambda x: x),
        ("standardised", Standardise(train.inputs)),
    ):
        data = train.map(change), test.map(change)
        rate = min(rates, key=lambda rate: trained(*data, rate, 2, seed=0).loss[-1])
        measured[name] = [trained(*data, rate, epochs, seed).validation_accuracy for seed in seeds]
        experiment.row(
            name,
            rate=rate,
            first_test_accuracy=[accuracies[0] for accuracies in measured[name]],
            test_accuracy=[accuracies[-1] for accuracies in measured[name]],
        )
    experiment.figure(curves({"Accuracy on the test images": measured}), "digits")


def trained(train: Data, test: Data, rate: float, epochs: int, seed: int) -> nn.History:
    """784–30–10 with weights from N(0, 1/n) at a neuron with n inputs, and softmax."""
    nn.manual_seed(seed)
    model = dense(784, 30, 10).astype(np.float32)
    for layer in model[0], model[2]:
        normal(small=True, biases=False)(layer)
    return learn(model, train, nn.CrossEntropyLoss(), rate, epochs, validation=test)


@runs_on("mnist")
def normalised_inputs(experiment: Experiment) -> None:
    valley_and_bowl(experiment)
    digits(experiment)
