"""Several systems timed on one work, in turns, so that drift of the machine affects all alike."""

import gc
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

EAGER, REPLAYED = "microgradnd", "microgradnd, replayed"
BY_HAND, BOOK, FLOOR = "NumPy by hand", "NumPy, one by one", "products and optimiser alone"
PYTORCH, COMPILED, JAX = "PyTorch", "torch.compile", "JAX jit"
AUTOGRAD, MYGRAD, MICROGRAD = "autograd", "MyGrad", "micrograd"

Run = Callable[[], list[Any]]  # does the work once, and returns what all should agree on


class LeftOutError(Exception):
    """Says why a system does not run here."""


@dataclass(frozen=True)
class Goal:
    """How a time of ours is compared with another one, and the limit for the result."""

    ours: str
    limit: float
    peer: str
    sign: ClassVar[str] = "≤"
    unit: ClassVar[str]

    def compare(self, ours: float, theirs: float) -> float:
        raise NotImplementedError

    def met(self, ratio: float) -> bool:
        return ratio <= self.limit


class Faster(Goal):
    sign, unit = "≥", "x as fast"

    def compare(self, ours: float, theirs: float) -> float:
        return theirs / ours

    def met(self, ratio: float) -> bool:
        return ratio >= self.limit


class AtMost(Goal):
    unit = "x the time"

    def compare(self, ours: float, theirs: float) -> float:
        return ours / theirs


class Longer(Goal):
    unit = " ms more"

    def compare(self, ours: float, theirs: float) -> float:
        return 1e3 * (ours - theirs)


@dataclass(frozen=True)
class Work:
    """A work, how to set it up for each system, and our goals."""

    title: str
    systems: dict[str, Callable[[], Run]]
    goals: list[Goal] = field(default_factory=list)
    operations: int = 1  # per call: times are reported per operation
    threads: bool = True  # whether more than one could help
    steady: bool = False  # whether a replayed step should allocate nothing


Times = dict[str, list[float]]  # for each system the seconds of a call, round by round


def set_up(systems: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[str]]:
    """The result of each system's function, and a line for each system that does not run here."""
    found, missing = {}, []
    for name, function in systems.items():
        try:
            found[name] = function()
        except (ModuleNotFoundError, LeftOutError) as error:  # noqa: PERF203  (there are ten)
            missing.append(f"{name} is left out: {error}")
    return found, missing


def check_agreement(runs: dict[str, Run]) -> None:
    """Compares several calls, so that leftover gradients, or a forgotten update, are also seen.

    A replayed step is recorded twice, compared once, and runs on its own from then on.
    """
    (first, one), *others = runs.items()
    for _ in range(5 if REPLAYED in runs else 2):
        expected = one()
        for name, run in others:
            assert_close(expected, run(), f"{name} and {first}")


def assert_close(ours: list[Any], theirs: list[Any], names: str) -> None:
    """Compares results to half of the digits that the last one, a gradient, has.

    A compiled step that does not return its gradients returns the loss alone.
    """
    tolerance = math.sqrt(np.finfo(np.asarray(ours[-1]).dtype).eps) if ours else 0.0
    for mine, other in zip(ours, theirs, strict=len(theirs) != 1):
        scale = np.max(np.abs(mine))
        np.testing.assert_allclose(
            np.asarray(other), np.asarray(mine), rtol=0, atol=tolerance * scale, err_msg=names
        )


def alternate(runs: dict[str, Run], duration: float) -> Times:
    """Measures in rounds, at least three, of this many seconds in all; systems take turns in each.

    A turn is one call in the first round, and about ten milliseconds in later ones. The median of
    its calls counts: the few that another process interrupts do not move it.
    """
    gc.collect()
    gc.freeze()  # no system searches what the imports left for garbage
    times: Times = {name: [] for name in runs}
    end, rounds = perf_counter() + duration, 0
    while perf_counter() < end or rounds < 3:
        for name, run in runs.items():
            gc.collect()  # so that no system collects another's garbage
            calls = min(50, int(0.01 / times[name][-1])) if rounds else 1
            times[name].append(median(_timed(run) for _ in range(max(1, calls))))
        rounds += 1
    return times


def _timed(run: Run) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start
