"""The mistakes that all exercises share, recognised by how an answer compares with the truth."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .exercise import Array, Case

EXACT = 2e-13  # of the largest entry: formulas are right to this, differences hardly ever
ALIKE = 1e-9  # numbers that are made in another way, but are meant to be the same
CLOSE = 1e-5  # differences are right to this


class Trial(NamedTuple):
    """What was given for one case, and what is true."""

    case: Case
    given: Array
    truth: Array


def same(given: Any, truth: Any, precision: float = ALIKE) -> bool:
    """Whether two arrays have one shape and the same numbers, but for rounding."""
    given, truth = np.asarray(given, float), np.asarray(truth, float)
    if given.shape != truth.shape:
        return False
    largest = np.max(np.abs(truth), initial=0, where=np.isfinite(truth))
    return np.allclose(given, truth, rtol=0, atol=precision * largest, equal_nan=True)


def is_right(trial: Trial) -> bool:
    """Whether a formula gave this."""
    return same(trial.given, trial.truth, EXACT)


def recognised(trials: list[Trial]) -> str | None:
    """What is wrong in all of these trials, in words, if it is one of the usual."""
    for recogniser in (_shapes, _numbers, _differences, _size, _factors):
        if said := next(recogniser(trials), None):
            return said
    return None


def _shapes(trials: list[Trial]) -> Iterator[str]:
    pairs = [(t.given, t.truth) for t in trials]
    if all(g.shape == t.shape for g, t in pairs):
        return
    if all(t.ndim == 2 and same(g, t.T) for g, t in pairs):
        yield "it is transposed"
    if all(g.size == t.size and same(g.reshape(t.shape), t) for g, t in pairs):
        yield "the numbers are right, but arranged in another shape"
    if all(g.ndim == t.ndim + 1 and g.size for g, t in pairs):
        for axis in range(min(g.ndim for g, _ in pairs)):
            if all(same(np.sum(g, axis), t) for g, t in pairs):
                yield f"you forgot to sum over axis {axis}, one entry for each example"
            if all(same(np.mean(g, axis), t) for g, t in pairs):
                yield f"you forgot to average over axis {axis}, one entry for each example"
    g, t = next((g, t) for g, t in pairs if g.shape != t.shape)
    turned = ", which is that of the transpose" if g.shape == t.shape[::-1] != t.shape else ""
    yield f"its shape is {g.shape}{turned}, and should be {t.shape}"


def _numbers(trials: list[Trial]) -> Iterator[str]:
    for trial in trials:
        bad = np.isfinite(trial.truth) & ~np.isfinite(trial.given)
        if bad.any():
            largest = max(_largest(value) for value in trial.case.values())
            kind = "nan" if np.isnan(trial.given[bad]).any() else "inf"
            yield (
                f"it has {kind} in it where the largest number handed in is {largest:.4g}: an "
                "overflow, or a division by 0"
            )
    if all(not t.given.any() for t in trials) and any(t.truth.any() for t in trials):
        yield "it is zero"
    first, *rest = trials
    alike = [t for t in rest if t.given.shape == first.given.shape]
    if any(not same(t.truth, first.truth) for t in alike) and all(
        np.array_equal(t.given, first.given) for t in alike
    ):
        yield "it is the same whatever the arguments are: a constant is no answer"


def _differences(trials: list[Trial]) -> Iterator[str]:
    if all(same(t.given, t.truth, CLOSE) and same(t.given, np.float32(t.given), 0) for t in trials):
        yield "it is right to 7 digits only: somewhere the numbers are float32, not float64"
    if all(same(t.given, t.truth, CLOSE) for t in trials):
        yield (
            "it is right to some digits only, as differences are: derive the formula, and use "
            "differences to check it"
        )


def _size(trials: list[Trial]) -> Iterator[str]:
    """The wrong sign, a constant factor, or the length of an axis."""
    found = [_ratio(t) for t in trials if t.truth.any()]
    ratios = [ratio for ratio in found if ratio is not None]
    if not ratios or len(ratios) < len(found):
        return
    if all(same(ratio, -1.0) for ratio in ratios):
        yield "it has the wrong sign"
    if all(same(ratio, ratios[0]) for ratio in ratios):
        signed = "the wrong sign, and " if ratios[0] < 0 else ""
        yield f"it has {signed}a wrong factor: {_shown(abs(ratios[0]))} times what it should be"
    for name, value in trials[0].case.items():
        for axis in range(value.ndim if isinstance(value, np.ndarray) else 0):
            lengths = [np.shape(t.case[name])[axis] for t in trials if t.truth.any()]
            length = f"the length of axis {axis} of {name}"
            for power, words in (
                (1, f"it is too large by {length}: you forgot to divide by it"),
                (-1, f"it is too small by {length}: divided once too often"),
            ):
                if all(same(r, float(n) ** power) for r, n in zip(ratios, lengths, strict=True)):
                    yield words
        if isinstance(value, float):
            numbers = [t.case[name] for t in trials if t.truth.any()]
            for power, done in ((1, "multiplied by"), (-1, "divided by")):
                if all(same(r, n**power) for r, n in zip(ratios, numbers, strict=True) if n):
                    yield f"it is {done} {name} once too often"


def _factors(trials: list[Trial]) -> Iterator[str]:
    """An argument that is a factor too many or too few."""
    for name, value in trials[0].case.items():
        if not isinstance(value, np.ndarray | float) or any(
            np.shape(t.case[name]) not in (t.truth.shape, ()) for t in trials
        ):
            continue
        if all(same(t.given * t.case[name], t.truth) for t in trials):
            yield f"you forgot to multiply by {name}"
        if all(same(t.given, t.truth * t.case[name]) for t in trials):
            yield f"it is multiplied by {name} once too often"


def _ratio(trial: Trial) -> float | None:
    """given / truth, if it is one number."""
    if trial.given.shape != trial.truth.shape:
        return None
    truth = trial.truth.astype(float)
    ratio = float(np.vdot(truth, trial.given) / np.vdot(truth, truth))
    return ratio if ratio and same(trial.given, ratio * truth) else None


def _shown(factor: float) -> str:
    return f"{factor:.4g}" if factor >= 1 else f"1/{1 / factor:.4g}"


def _largest(value: Any) -> float:
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0.0)
    numeric = isinstance(value, int | float | np.ndarray)
    return float(np.max(np.abs(value), initial=0)) if numeric else 0.0
