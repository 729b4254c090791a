"""A saturated neuron learns slowly: one sigmoid neuron, quadratic cost, that is to turn 1 into 0.

Its input is 1 and its output a is to become 0. The slope of the cost with respect to the weight and
to the bias is then a σ'(z), and where the sigmoid is flat, σ'(z) is nearly 0. So the neuron that
begins most wrong learns slowest: it first has to creep out of saturation.
"""

from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, curves, runs_on

import nn

RATE = 0.15
STARTS = {"a good start": (0.6, 0.9), "a bad start": (2.0, 2.0)}  # weight and bias


class Course(NamedTuple):
    """What a neuron gave before each step, and the slope of the cost."""

    output: list[float]
    slope: list[float]

    def steps_below(self, output: float) -> int:
        """After how many steps the output first was below this."""
        return int(np.argmax(np.array(self.output) < output))


def learn(weight: float, bias: float, loss: Any, rate: float, steps: int = 500) -> Course:
    """How a neuron learns to give 0 for 1."""
    neuron = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    neuron[0].weight.data[...], neuron[0].bias.data[...] = weight, bias
    optimizer = nn.optim.SGD(neuron.parameters(), lr=rate)
    course = Course([], [])
    for _ in range(steps):
        output = neuron([[1.0]])
        cost = loss(output, [[0.0]])
        optimizer.zero_grad()
        cost.backward()
        course.output.append(output.item())
        course.slope.append(neuron[0].weight.grad.item())
        optimizer.step()
    return course


@runs_on("mnist")
def saturation(experiment: Experiment) -> None:
    courses = {
        f"{name}: w = {w}, b = {b}": learn(w, b, nn.QuadraticLoss(), RATE)
        for name, (w, b) in STARTS.items()
    }
    for name, course in courses.items():
        experiment.row(
            name,
            first_output=course.output[0],
            first_slope=course.slope[0],
            output_after_300_steps=course.output[300],
            **{"steps until below 0.2": course.steps_below(0.2)},
        )
    outputs = {name: course.output for name, course in courses.items()}
    slopes = {name: course.slope for name, course in courses.items()}
    panels = {"Output": outputs, "Slope of the cost, ∂C/∂w": slopes}
    experiment.figure(curves(panels, across="step"))
