"""Several systems timed on the same work, in turns, so that a machine's drift meets all alike."""

import contextlib
import ctypes
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

Run = Callable[[], list[Any]]  # does the work once, and gives what all should agree on


class LeftOutError(Exception):
    """A system does not run here, and why."""


@dataclass(frozen=True)
class Goal:
    """How a time of ours is compared with another one, and the limit for what comes out."""

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
    threads: bool = True  # whether more of them could help
    steady: bool = False  # whether it is a step that should allocate nothing, once it is replayed


Times = dict[str, list[float]]  # for each system the seconds of a call, round by round


def set_up(systems: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[str]]:
    """What each system's function gives, and a line for each that does not run here."""
    found, missing = {}, []
    for name, function in systems.items():
        try:
            found[name] = function()
        except (ModuleNotFoundError, LeftOutError) as error:  # noqa: PERF203  (there are ten)
            missing.append(f"{name} is left out: {error}")
    return found, missing


def check_agreement(runs: dict[str, Run]) -> None:
    """Several times, so that gradients left over, or an update forgotten, would be seen too.

    What is replayed is recorded twice, compared once, and runs by itself from then on.
    """
    (first, one), *others = runs.items()
    for _ in range(5 if REPLAYED in runs else 2):
        expected = one()
        for name, run in others:
            assert_close(expected, run(), f"{name} and {first}")


def assert_close(ours: list[Any], theirs: list[Any], names: str) -> None:
    """The same to half of the digits that the last result, a gradient, has.

    A compiled step that keeps its gradients to itself gives the loss alone.
    """
    tolerance = math.sqrt(np.finfo(np.asarray(ours[-1]).dtype).eps) if ours else 0.0
    for mine, other in zip(ours, theirs, strict=len(theirs) != 1):
        scale = np.max(np.abs(mine))
        np.testing.assert_allclose(
            np.asarray(other), np.asarray(mine), rtol=0, atol=tolerance * scale, err_msg=names
        )


def alternate(runs: dict[str, Run], duration: float) -> Times:
    """Rounds of this many seconds in all, three at least; in each one the systems take turns.

    A turn is one call in the first round, and about ten milliseconds later on. Of its calls the
    median counts: it is not moved by the few that another process interrupts.
    """
    gc.collect()
    gc.freeze()  # what the imports left is no system's to search for garbage
    times: Times = {name: [] for name in runs}
    end, rounds = perf_counter() + duration, 0
    while perf_counter() < end or rounds < 3:
        for name, run in runs.items():
            gc.collect()  # so that nobody collects another's garbage
            calls = min(50, int(0.01 / times[name][-1])) if rounds else 1
            times[name].append(median(_timed(run) for _ in range(max(1, calls))))
        rounds += 1
    return times


def _timed(run: Run) -> float:
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
