"""Races to a mark: nets that differ in one thing learn the digits, and their steps are counted.

Every entrant may choose its learning rate: several are tried, and the one that reaches the mark on
held-out training images in the fewest steps is taken (or, if none does, comes nearest to it). With
that rate alone it then runs from other random starts, judged on the test images.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, accuracy, dense

import nn
from microgradnd import Tensor
from nn.data import Data
from nn.look.plots.figure import COLOURS, DASHES, FAINT, legend, marked, panels, style


def classifier(
    activation: type[nn.Module], *hidden: int, weights: Callable[[Any], Any] | None = None
) -> nn.Sequential:
    """A dense net for the digits, with layers of so many hidden units and ten scores.

    `weights` draws the weights of each layer, and sets its biases to 0.
    """

    def first(layer: nn.Linear) -> None:
        if weights is not None:
            weights(layer.weight)
            nn.init.zeros_(layer.bias)

    return dense(784, *hidden, 10, activation=activation, first=first)


class Entrant(NamedTuple):
    """Who runs: a net, what moves it, and around which rate the best one is sought."""

    name: str
    model: Callable[[], nn.Module]
    rate: float
    optimizer: Callable[[Iterable[Any], float], nn.optim.Optimizer] = nn.optim.SGD
    batch_size: int | None = 32
    steps: int = 0  # at most; 0: as many as the race has


class Curve(NamedTuple):
    """How often a net was right after some numbers of steps, and what they cost the processor."""

    steps: list[int]
    accuracy: list[float]
    seconds: list[float]

    def arrival(self, mark: float) -> int | None:
        """The place in the curve where it is first at the mark."""
        return next((i for i, share in enumerate(self.accuracy) if share >= mark), None)

    def steps_to(self, mark: float) -> int | None:
        """After how many steps it was first seen at the mark."""
        place = self.arrival(mark)
        return None if place is None else self.steps[place]


class Result(NamedTuple):
    """What became of an entrant: how each rate did, the best of them, and its races."""

    entrant: Entrant
    tried: dict[float, Curve]
    rate: float
    curves: list[Curve]


class Race:
    """The digits, the mark, how many steps there are at most, and how often one looks."""

    def __init__(self, experiment: Experiment, steps: int, look: Callable[[int], bool]) -> None:
        train, self.test = experiment.digits()
        self.train, self.held_out = train.split(0.9, seed=0, stratified=True)
        self.halfway, self.mark = (0.8, 0.9) if experiment.quick else (0.9, 0.95)
        self.steps, self.look = steps, look
        self.seeds = [1] if experiment.quick else [1, 2, 3]
        self.powers = [-0.5, 0, 0.5] if experiment.quick else [-1, -0.5, 0, 0.5, 1]

    def run(self, entrant: Entrant, beyond: bool = True) -> Result:
        """Find the best rate, and race with it; `beyond` the mark, or up to it."""
        rates = [float(f"{entrant.rate * 10**power:.1g}") for power in self.powers]
        tried = {}
        if len(rates) > 1:
            tried = {rate: self.learn(entrant, rate, self.held_out, seed=0) for rate in rates}
        best = max(rates, key=lambda rate: self._merit(tried[rate])) if tried else rates[0]
        curves = [self.learn(entrant, best, self.test, seed, beyond) for seed in self.seeds]
        return Result(entrant, tried, best, curves)

    def learn(
        self, entrant: Entrant, rate: float, judge: Data, seed: int, beyond: bool = False
    ) -> Curve:
        """Train, and look how often the net is right; end at the mark unless it goes beyond."""
        nn.manual_seed(seed)
        model = entrant.model().astype(np.float32)
        optimizer, loss_of = entrant.optimizer(model.parameters(), rate), nn.CrossEntropyLoss()
        batches = forever(self.train.batches(entrant.batch_size, seed=seed))
        curve, seconds = Curve([0], [accuracy(model, judge)], [0.0]), 0.0
        with np.errstate(all="ignore"):  # a rate that is too high may end in infinities
            for step in range(1, (entrant.steps or self.steps) + 1):
                began = time.process_time()
                x, y = next(batches)
                loss = loss_of(model(Tensor(x, copy=False)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                seconds += time.process_time() - began
                if self.look(step):
                    curve.steps.append(step)
                    curve.accuracy.append(accuracy(model, judge))
                    curve.seconds.append(seconds)
                    if not np.isfinite(loss.item()) or (
                        not beyond and curve.accuracy[-1] >= self.mark
                    ):
                        break
        return curve

    def _merit(self, curve: Curve) -> tuple[float, float]:
        arrival = curve.steps_to(self.mark)
        return (-np.inf if arrival is None else -arrival), curve.accuracy[-1]

    def enter(self, experiment: Experiment, results: Sequence[Result], net: str = "") -> None:
        """A row for each: its rate, its steps to both marks, and where it was in the end."""
        for result in results:
            name = f"{net}, {result.entrant.name}" if net else result.entrant.name
            marks = {
                f"steps_to_{mark:.0%}": self.taken(result, mark)["steps"]
                for mark in (self.halfway, self.mark)
            }
            last = [curve.accuracy[-1] for curve in result.curves]
            experiment.row(name, rate=result.rate, **marks, last_accuracy=last)

    def taken(self, result: Result, mark: float) -> dict[str, Any]:
        """What it took to a mark in steps, examples and seconds, for each random start."""
        size, curves = result.entrant.batch_size or len(self.train), result.curves
        places = [curve.arrival(mark) for curve in curves]
        there = [(c, place) for c, place in zip(curves, places, strict=True) if place]
        if len(there) < len(curves):
            ran = result.entrant.steps or self.steps
            return {"steps": f"{len(there)} of {len(curves)} arrive within {ran}"}
        return {
            "steps": [c.steps[place] for c, place in there],
            "examples": [c.steps[place] * size for c, place in there],
            "seconds": [c.seconds[place] for c, place in there],
        }


def forever(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches of one epoch after the other, each in an order of its own."""
    return chain.from_iterable(repeat(batches))


def every(steps: int) -> Callable[[int], bool]:
    """Look after so many steps each."""
    return lambda step: step % steps == 0


def evenly_on_a_log_scale(per_decade: int) -> Callable[[int], bool]:
    """Look so many times while the number of steps grows tenfold."""
    return {round(10 ** (number / per_decade)) for number in range(9 * per_decade)}.__contains__


def curves_and_rates(race: Race, results: Sequence[Result], title: str) -> Any:
    """Left the curves of the first random start, right how each rate did on held-out images."""
    heading = "Steps to the mark at each rate that reached it"
    figure, (left, right) = panels(9.6, 3.8, title, ["", heading], "learning rate", "steps")
    draw_curves(left, race, results, bottom=70)
    for number, result in enumerate(results):
        points = [(rate, curve.steps_to(race.mark)) for rate, curve in result.tried.items()]
        there = [(rate, steps) for rate, steps in points if steps is not None]
        if there:
            right.plot(*zip(*there, strict=True), linewidth=1.2, markersize=4.5, **marked(number))
    right.set_xscale("log")
    right.set_ylim(bottom=0)
    return figure


def draw_curves(
    axes: Any, race: Race, results: Sequence[Result], across: str = "steps", title: str = "",
    bottom: float = 0,
) -> None:  # fmt: skip
    """Test accuracy against steps, or against the examples seen."""
    style(axes, title or "Right on test images, per cent", across)
    for number, result in enumerate(results):
        size = result.entrant.batch_size or len(race.train)
        curve, examples = result.curves[0], size if across == "examples" else 1
        dashes = DASHES[number // 7 if len(results) > 7 else number % 4]
        look = {"color": COLOURS[number % 7], "linestyle": dashes, "linewidth": 1.5}
        places = [step * examples for step in curve.steps[1:]]
        heights = [100 * share for share in curve.accuracy[1:]]
        axes.plot(places, heights, label=result.entrant.name, **look)
    for mark in (race.halfway, race.mark):
        axes.axhline(100 * mark, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(bottom=bottom)
    legend(axes)
