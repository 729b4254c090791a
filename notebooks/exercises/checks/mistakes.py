"""The mistakes that all exercises share, recognised by how an answer compares with the truth.

Sign, factors and transposition are recognised by microgradnd, as in its own gradient checks.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from microgradnd.check.mistakes import Trial, usual

EXACT = 2e-13  # of the largest entry: formulas are right to this, differences hardly ever
ALIKE = 1e-9  # numbers that are made in another way, but are meant to be the same
CLOSE = 1e-5  # differences are right to this


def same(given: Any, truth: Any, precision: float = ALIKE) -> bool:
    """Whether two arrays have one shape and the same numbers, but for rounding."""
    given, truth = np.asarray(given, float), np.asarray(truth, float)
    if given.shape != truth.shape:
        return False
    largest = np.max(np.abs(truth), initial=0, where=np.isfinite(truth))
    return np.allclose(given, truth, rtol=0, atol=precision * largest, equal_nan=True)


def is_right(trial: Trial) -> bool:
    """Whether a formula computed this."""
    return same(trial.given, trial.expected, EXACT)


def recognised(trials: list[Trial]) -> str | None:
    """The mistake in all of these trials, in words, if it is a usual one."""
    if any(trial.given.shape != trial.expected.shape for trial in trials):
        transposed = same(trials[0].given.T, trials[0].expected)
        return (usual(trials, ALIKE) if transposed else None) or next(_shapes(trials))
    for mistake in (*_numbers(trials), *_differences(trials)):
        return mistake
    mistake = usual(trials, ALIKE)
    return mistake and mistake.replace("the right gradient", "what it should be")


def _shapes(trials: list[Trial]) -> Iterator[str]:
    pairs = [(t.given, t.expected) for t in trials]
    if all(g.size == t.size and same(g.reshape(t.shape), t) for g, t in pairs):
        yield "the numbers are right, but arranged in another shape"
    if all(g.ndim == t.ndim + 1 and g.size for g, t in pairs):
        for axis in range(min(g.ndim for g, _ in pairs)):
            for done, reduce in (("sum", np.sum), ("average", np.mean)):
                if all(same(reduce(g, axis), t) for g, t in pairs):
                    yield f"you forgot to {done} over axis {axis}, one entry for each example"
    g, t = next((g, t) for g, t in pairs if g.shape != t.shape)
    turned = ", which is that of the transpose" if g.shape == t.shape[::-1] != t.shape else ""
    yield f"its shape is {g.shape}{turned}, and should be {t.shape}"


def _numbers(trials: list[Trial]) -> Iterator[str]:
    for trial in trials:
        bad = np.isfinite(trial.expected) & ~np.isfinite(trial.given)
        if bad.any():
            largest = max(_largest(value) for _, value in trial.arrays)
            kind = "nan" if np.isnan(trial.given[bad]).any() else "inf"
            yield (
                f"it has {kind} in it where the largest argument is {largest:.4g}: an overflow, or "
                "a division by 0"
            )
    first, *rest = trials
    alike = [t for t in rest if t.given.shape == first.given.shape and t.given.any()]
    if any(not same(t.expected, first.expected) for t in alike) and all(
        np.array_equal(t.given, first.given) for t in alike
    ):
        yield "it is the same whatever the arguments are: a constant is no answer"


def _differences(trials: list[Trial]) -> Iterator[str]:
    if not all(same(t.given, t.expected, CLOSE) for t in trials):
        return
    if all(same(t.given, np.float32(t.given), 0) for t in trials):
        yield "it is right to 7 digits only: somewhere the numbers are float32, not float64"
    yield (
        "it is right to some digits only, as differences are: derive the formula, and use "
        "differences to check it"
    )


def _largest(value: Any) -> float:
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0.0)
    numeric = isinstance(value, int | float | np.ndarray)
    return float(np.max(np.abs(value), initial=0)) if numeric else 0.0
