"""The usual mistakes in a derivative, recognised by what they do to the numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .comparison import is_float

# A possible mistake: its words, and for each trial two arrays that are the same if it is this one.
Supposition = tuple[str, Iterable[tuple[Array, Array]]]


class Trial(NamedTuple):
    """A gradient as given, the right one (nan: unknown), and the arrays it could use, by name."""

    given: Array
    expected: Array
    arrays: list[tuple[str, Any]]


def usual(trials: list[Trial], precision: float = 1e-4) -> str | None:
    """The mistake in all trials, in words, if it is a usual one."""
    return first_true([*of_size(trials, precision), *of_factor(trials)], precision)


def first_true(suppositions: Iterable[Supposition], precision: float = 1e-4) -> str | None:
    """The words of the first supposition that holds in every trial."""
    for words, pairs in suppositions:
        with contextlib.suppress(Exception):  # shapes that do not fit, a user's rule that raises
            if all(same(given, expected, precision) for given, expected in pairs):
                return words
    return None


def same(given: Array, expected: Array, precision: float) -> bool:
    """Whether two arrays of one shape have the same numbers, wherever the expected is not nan."""
    if given.shape != expected.shape:
        return False
    known = ~np.isnan(expected)
    largest = np.max(np.abs(expected), initial=0, where=known & np.isfinite(expected))
    return np.allclose(given[known], expected[known], rtol=0, atol=precision * largest)


def of_size(trials: list[Trial], precision: float = 1e-4) -> Iterator[Supposition]:
    """All gradients are transposed, zero, or off by one factor or by the length of an axis."""
    if trials and all(t.expected.ndim >= 2 for t in trials):
        turned = ((np.swapaxes(t.given, -1, -2), t.expected) for t in trials)
        yield "transposed: swap the last two axes", turned
    if trials and not any(t.given.any() for t in trials):
        yield "it is zero", ()
    trials = [t for t in trials if np.nan_to_num(t.expected).any()]
    known = [np.isfinite(t.expected) for t in trials]
    if (
        any(t.given.shape != t.expected.shape for t in trials)
        or np.sum(list(map(np.sum, known))) < 2
    ):
        return
    given, expected = trials[0].given[known[0]], trials[0].expected[known[0]]
    factor = float(given @ expected / (expected @ expected))
    if factor == 0 or not abs(factor - 1) > 10 * precision:  # or nan
        return
    yield "wrong sign", ((-t.given, t.expected) for t in trials)
    shown = f"{factor:.4g}" if abs(factor) >= 1 else f"1/{1 / factor:.4g}"
    for k, (name, _) in enumerate(trials[0].arrays):
        shapes = [getattr(t.arrays[k][1], "shape", ()) for t in trials]
        for axis, lengths in enumerate(zip(*shapes, strict=False)):
            text = (
                f"off by the batch size: {shown} times the right gradient, and {lengths[0]} is the "
                f"length of axis {axis} of {name}"
            )
            batch = np.array(lengths, float)
            for factors in (batch, 1 / batch) if max(lengths) > 2 else ():
                pairs = zip(trials, np.sign(factor) * factors, strict=True)
                yield text, [(t.given, t.expected * times) for t, times in pairs]
    text = f"off by a factor: {shown} times the right gradient"
    yield text, ((t.given, t.expected * factor) for t in trials)


def of_factor(trials: list[Trial]) -> Iterator[Supposition]:
    """One of the arrays is a factor too many or too few in all gradients."""
    trials = [t for t in trials if np.nan_to_num(t.expected).any()]
    for k, (name, _) in enumerate(trials[0].arrays if trials else []):
        uses = [(t.given, t.expected, t.arrays[k][1]) for t in trials]
        if all(isinstance(x, float) or is_float(x) for *_, x in uses):
            yield f"forgot to multiply by {name}", ((g * x, e) for g, e, x in uses)
            yield f"multiplied by {name} once too often", ((g, e * x) for g, e, x in uses)
