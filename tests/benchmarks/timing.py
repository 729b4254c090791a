"""Several systems timed on the same work, in turns, so that a machine's drift meets all alike."""

import contextlib
import ctypes
import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, ClassVar, NamedTuple

import numpy as np

OURS = "microgradnd"

Run = Callable[[], list[Any]]  # does the work once, and gives what all should agree on


@dataclass(frozen=True)
class Goal:
    """How our time is compared with theirs, and the limit for what comes out."""

    limit: float
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


class Slower(Goal):
    unit = "x the time"

    def compare(self, ours: float, theirs: float) -> float:
        return ours / theirs


class Longer(Goal):
    unit = " ms more"

    def compare(self, ours: float, theirs: float) -> float:
        return 1e3 * (ours - theirs)


class Row(NamedTuple):
    """A line of the table."""

    work: str
    peer: str
    ours: str
    theirs: str
    ratio: str
    goal: str
    met: str


@dataclass(frozen=True)
class Work:
    """A work, how to set it up for each system, and our goals."""

    title: str
    systems: dict[str, Callable[[], Run]]  # ours is among them
    goals: dict[str, Goal]
    rounds: int
    calls: int  # per system and round
    operations: int = 1  # per call: times are reported per operation

    def measure(self, quick: bool) -> tuple[list[Row], list[str]]:
        """The rows of the table, and a line for each system that is not installed."""
        runs, missing = set_up(self.systems)
        check_agreement(runs)
        rounds = max(3, self.rounds // 5) if quick else self.rounds
        times = alternate(runs, rounds, self.calls)
        peers = [peer for peer in self.goals if peer in runs]
        return [self._row(peer, times[OURS], times[peer]) for peer in peers], missing

    def _row(self, peer: str, ours: list[float], theirs: list[float]) -> Row:
        goal = self.goals[peer]
        ratio = median(map(goal.compare, ours, theirs))
        return Row(
            self.title,
            peer,
            seconds(median(ours) / self.operations),
            seconds(median(theirs) / self.operations),
            f"{ratio:.3g}{goal.unit}",
            f"{goal.sign} {goal.limit:g}{goal.unit}",
            "yes" if goal.met(ratio) else "no",
        )


def set_up(systems: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[str]]:
    """What each system's function gives, and a line for each that is not installed."""
    found, missing = {}, []
    for name, function in systems.items():
        try:
            found[name] = function()
        except ModuleNotFoundError as error:  # noqa: PERF203  (there are four)
            missing.append(f"{name} is left out: {error}")
    return found, missing


def check_agreement(runs: dict[str, Run]) -> None:
    """Twice, so that gradients left over, or an update forgotten, would be seen too."""
    for _ in range(2):
        expected = runs[OURS]()
        for name, run in runs.items():
            if name != OURS:
                assert_close(expected, run(), name)


def assert_close(ours: list[Any], theirs: list[Any], name: str) -> None:
    """The same to half of the digits that the last result, a gradient, has."""
    for mine, other in zip(ours, theirs, strict=True):
        tolerance = math.sqrt(np.finfo(np.asarray(ours[-1]).dtype).eps)
        scale = np.max(np.abs(mine))
        np.testing.assert_allclose(
            np.asarray(other), np.asarray(mine), rtol=0, atol=tolerance * scale, err_msg=name
        )


def alternate(runs: dict[str, Run], rounds: int, calls: int) -> dict[str, list[float]]:
    """For each system the median seconds of its calls, round by round.

    The median of single calls is not moved by the few that another process interrupts.
    """
    gc.collect()
    gc.freeze()  # what the imports left is no system's to search for garbage
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()  # so that nobody collects another's garbage
            times[name].append(median(timed(run) for _ in range(calls)))
    return times


def timed(run: Run) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def keep_freed_memory() -> None:
    """Tell glibc, where it is glibc, to keep the memory of freed arrays for the next ones.

    Otherwise it hands some back to the system now and then and asks for it again, depending on
    what happens to lie on top of its heap: a quarter of the time for a million entries, by chance.
    """
    trim_threshold, mmap_threshold = -1, -3  # from malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, 32 * 2**20)
        mallopt(trim_threshold, 2**30)


def seconds(time: float) -> str:
    """A time with three digits, in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-9:.3g} ns"
