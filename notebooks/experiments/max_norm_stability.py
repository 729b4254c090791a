"""Max-norm at learning rates that are too high.

No neuron's incoming weights get longer than c, so they cannot grow out of control whatever the
rate. Does such a net learn, too? A net of 784-100-100-10 neurons with ReLU, cross-entropy on
sigmoids and mini-batches of 10 learns the first 1,000 images for 10 epochs at rates from 0.001 to
3, from two starts: weights of N(0, 1), and of N(0, 1/n) at a neuron with n inputs.

A slope is multiplied by the weights behind it. From N(0, 1) it is huge, a step makes the weights
longer, and the next slope is steeper still: the plain net is thrown away, at rates where max-norm
learns best. From N(0, 1/n) the weights are short already. Max-norm changes nothing there, until the
rate is so high that they would outgrow it: then it holds them, and less is learnt than without it,
or nothing either way.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from cures import IMAGES
from experiment import Experiment, accuracy, dense, medians, normal, runs_on
from experiment import learn as fit

import nn
from nn.data import Data
from nn.look.plots.figure import COLOURS, DASHES, legend, new_figure, panels, style
from nn.train.health import TrainingWarning
from nn.train.run import Callback, Run

CONSTRAINTS = {"plain": None, "c = 4": nn.MaxNorm(4), "c = 3": nn.MaxNorm(3)}
STARTS = {"N(0, 1)": False, "N(0, 1/n)": True}
TOO_HIGH = 0.1  # for the plain net from N(0, 1)


class Trained(NamedTuple):
    """What became of a net, and the loss and the longest weights when each step began."""

    accuracy: float
    longest: float
    losses: list[float]
    lengths: list[float]


class Watch(Callback):
    """Notes the loss and the longest weights when a step begins."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.lengths: list[float] = []

    def after_backward(self, run: Run) -> None:
        self.losses.append(run.cost.item())
        self.lengths.append(longest(run.model))


def learn(
    train: Data, test: Data, rate: float, epochs: int, seed: int, small: bool, constraint: Any
) -> Trained:
    """Train a net, until a number overflows if one does."""
    nn.manual_seed(seed)
    model = dense(784, 100, 100, 10, activation=nn.ReLU, first=normal(small)).astype(np.float32)
    watch = Watch()
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", TrainingWarning)  # that it explodes is what we look for
        try:
            loss = nn.SigmoidCrossEntropyLoss(logits=True)
            fit(model, train, loss, rate, epochs, constraint=constraint, callbacks=[watch])
        except FloatingPointError:
            model.eval()  # with the weights before the step that overflowed
        return Trained(accuracy(model, test), longest(model), watch.losses, watch.lengths)


def longest(model: nn.Module) -> float:
    """The length of the longest weights into a neuron."""
    weights = (parameter.numpy().astype(float) for parameter in model.parameters())
    return max(float(np.max(np.linalg.norm(w, axis=1))) for w in weights if w.ndim == 2)


def against_rate(rates: Sequence[float], found: Mapping[str, Mapping[str, Any]]) -> Any:
    """How many images are read, and how long weights get, at each rate from each start."""
    figure = new_figure(9.0, 6.0)
    measures = {
        "From {}: test images read, in per cent": lambda run: 100 * run.accuracy,
        "Longest weights into a neuron": lambda run: run.longest,
    }
    for column, (start, by_name) in zip(figure.subplots(2, 2).T, found.items(), strict=True):
        for axes, (title, measure) in zip(column, measures.items(), strict=True):
            style(axes, title.format(start), "learning rate")
            medians(axes, rates, {
                name: [[measure(run) for run in seeds] for seeds in runs]
                for name, runs in by_name.items()
            })  # fmt: skip
            axes.set_xscale("log")
        column[1].set_yscale("log")
    return figure


def curves(by_name: Mapping[str, Trained]) -> Any:
    """The loss and the longest weights, step by step, at the rate that is too high."""
    headings = ["Loss of the mini-batch, median of the last 20", "Longest weights into a neuron"]
    title = f"Weights from N(0, 1), learning rate {TOO_HIGH:g}"
    figure, (left, right) = panels(9.0, 3.4, title, headings, "step")
    for number, (name, run) in enumerate(by_name.items()):
        look = {"color": COLOURS[number], "linestyle": DASHES[number], "linewidth": 1.3}
        recent = [np.median(run.losses[max(0, i - 19) : i + 1]) for i in range(len(run.losses))]
        steps = np.arange(1, len(recent) + 1)
        left.plot(steps, recent, label=name, **look)
        right.plot(steps, run.lengths, label=name, **look)
    for axes in left, right:
        axes.set(xscale="log", yscale="log")
        legend(axes)
    return figure


@runs_on("mnist")
def max_norm_stability(experiment: Experiment) -> None:
    train, test = experiment.digits()
    rates, seeds, epochs = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0], range(3), 10
    if experiment.quick:
        rates, seeds, epochs = [0.01, TOO_HIGH], range(1), 3
    found: dict[str, dict[str, list[list[Trained]]]] = {}
    for start, small in STARTS.items():
        found[start] = {name: [] for name in CONSTRAINTS}
        for rate in rates:
            for name, constraint in CONSTRAINTS.items():
                options = (train[:IMAGES], test, rate, epochs)
                runs = [learn(*options, seed, small, constraint) for seed in seeds]
                found[start][name].append(runs)
            now = {name: runs[-1] for name, runs in found[start].items()}
            experiment.row(
                f"{start}, rate {rate:g}",
                **{f"{name}: test accuracy": [run.accuracy for run in now[name]] for name in now},
                **{f"{name}: longest": [run.longest for run in now[name]] for name in now},
            )
    experiment.figure(against_rate(rates, found))
    at = rates.index(TOO_HIGH)
    by_name = {name: runs[at][0] for name, runs in found["N(0, 1)"].items()}
    experiment.figure(curves(by_name), "curves")
