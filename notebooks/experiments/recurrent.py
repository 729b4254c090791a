"""A recurrent network learns to remember; a multilayer perceptron of the same size cannot.

The adding problem of Hochreiter and Schmidhuber: a sequence of numbers between 0 and 1, two of them
marked, one in each half. The answer is the sum of the two. Who always says 1 has a squared error of
1/6 in the mean.

Every net has about 1,000 parameters and learns from the same stream of fresh sequences, by Adam, at
the better of two rates. The perceptron gets the whole sequence at once. Its first layer has weights
of its own for each place, so that 1,000 parameters make few hidden units; a recurrent net uses the
same few weights at every place. So it can also read sequences longer than any it has seen, which
the perceptron cannot even take in; how well it then adds is measured. A perceptron that learns ten
times as long and one of twenty times the size show whether it lacks time or size.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from experiment import Experiment, dense, runs_on

import nn
from nn.look.plots.figure import COLOURS, DASHES, FAINT, legend, panels

ALWAYS_ONE = 1 / 6  # the variance of the sum of two numbers spread evenly between 0 and 1


def sequences(count: int, length: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Sequences of pairs (number, mark), and the sums of the marked numbers."""
    values, marks = random.random((count, length)), np.zeros((count, length))
    half = length // 2
    marks[np.arange(count), random.integers(0, half, count)] = 1
    marks[np.arange(count), random.integers(half, length, count)] = 1
    sums = np.sum(values * marks, axis=1, keepdims=True)
    return np.stack([values, marks], axis=2).astype(np.float32), sums.astype(np.float32)


class Reader(nn.Module):
    """A recurrent layer reads the sequence; a neuron answers from its last state."""

    def __init__(self, layer: type[nn.Module], units: int) -> None:
        self.reads = layer(2, units, batch_first=True)
        self.answers = nn.Linear(units, 1)

    def forward(self, x: Any) -> Any:
        states, _ = self.reads(x)
        return self.answers(states[:, -1])


def perceptron(length: int, units: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), *dense(2 * length, units, 1, activation=nn.ReLU))


def learn(
    make: Callable[[], nn.Module], rate: float, length: int, steps: int, seed: int
) -> tuple[nn.Module, list[tuple[int, float]]]:
    """The net, and its error after so many steps."""
    nn.manual_seed(seed)
    random = np.random.default_rng(seed)
    model, loss_of = make().astype(np.float32), nn.MSELoss()
    parameters = list(model.parameters())
    optimizer, curve = nn.optim.Adam(parameters, lr=rate), []
    for step in range(steps + 1):
        if step % (steps // 40) == 0:
            curve.append((step, error(model, length)))
        inputs, sums = sequences(32, length, random)
        loss = loss_of(model(inputs), sums)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return model, curve


def error(model: nn.Module, length: int) -> float:
    """The mean squared error on sequences of this length that were never seen."""
    x, y = sequences(1000, length, np.random.default_rng(99))
    return float(nn.MSELoss()(nn.predict(model, x), y))


@runs_on("mnist")
def recurrent(experiment: Experiment) -> None:
    """The error of each net, and of the recurrent ones on sequences four times as long."""
    length, steps = (20, 250) if experiment.quick else (40, 2000)
    rates = [0.01] if experiment.quick else [0.001, 0.01]
    seeds = [1] if experiment.quick else [1, 2, 3]
    units = 1000 // (2 * length + 2)
    nets: dict[str, tuple[Callable[[], nn.Module], int]] = {
        "GRU": (lambda: Reader(nn.GRU, 16), steps),
        "LSTM": (lambda: Reader(nn.LSTM, 14), steps),
        "plain recurrent": (lambda: Reader(nn.RNN, 29), steps),
        "perceptron": (lambda: perceptron(length, units), steps),
        "perceptron, ten times the steps": (lambda: perceptron(length, units), 10 * steps),
        "perceptron, twenty times the size": (lambda: perceptron(length, 20 * units), steps),
    }
    if experiment.quick:
        nets = {name: net for name, net in nets.items() if name not in ("LSTM", "plain recurrent")}
    title = f"Adding two marked numbers of {length}"
    figure, (axes,) = panels(8.2, 3.6, title, ["Squared error on new sequences"], "steps")
    for number, (name, (make, time)) in enumerate(nets.items()):
        tried = {rate: learn(make, rate, length, time, seed=0)[1][-1][1] for rate in rates}
        rate = min(rates, key=lambda rate: tried[rate])
        learnt = [learn(make, rate, length, time, seed) for seed in seeds]
        models = [model for model, _ in learnt]
        longer = {}
        if "perceptron" not in name:
            longer = {"error_four_times_as_long": [error(m, 4 * length) for m in models]}
        experiment.row(
            name,
            parameters=str(sum(p.size for p in models[0].parameters())),
            rate=rate,
            error=[error(model, length) for model in models],
            **longer,
        )
        if time == steps:
            look = {"color": COLOURS[number], "linestyle": DASHES[number % 4]}
            axes.plot(*zip(*learnt[0][1], strict=True), label=name, **look)
    experiment.row("always 1", error=ALWAYS_ONE)
    axes.axhline(ALWAYS_ONE, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    experiment.figure(figure)
