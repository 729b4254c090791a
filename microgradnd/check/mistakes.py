"""The usual mistakes in a derivative, recognised by what they do to the numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .comparison import is_float, nudged, typical_size
from .rule import Rule, flat
from .slopes import quick_slope

_SAMPLE = 48  # up to so many entries of the argument are looked at


class Trial(NamedTuple):
    """A gradient as given, the right one (nan: unknown), and the arrays it could use, by name."""

    given: Array
    expected: Array
    arrays: list[tuple[str, Any]]


def same(given: Array, expected: Array, precision: float) -> bool:
    """Whether two arrays of one shape have the same numbers, wherever the expected is not nan."""
    if given.shape != expected.shape:
        return False
    known = ~np.isnan(expected)
    largest = np.max(np.abs(expected), initial=0, where=known & np.isfinite(expected))
    return np.allclose(given[known], expected[known], rtol=0, atol=precision * largest)


def mistaken_size(trials: list[Trial], precision: float = 1e-4) -> str | None:
    """The mistake, if all gradients are transposed, zero, or off by one and the same factor."""
    if all(
        t.expected.ndim >= 2 and same(np.swapaxes(t.given, -1, -2), t.expected, precision)
        for t in trials
    ):
        return "transposed: swap the last two axes"
    if not any(t.given.any() for t in trials):
        return "it is zero"
    trials = [t for t in trials if np.nan_to_num(t.expected).any()]
    ratios = np.array([_ratio(t, precision) for t in trials])
    known = sum(np.count_nonzero(~np.isnan(t.expected)) for t in trials)
    if known < 2 or not ratios.all() or np.allclose(ratios, 1, rtol=0, atol=10 * precision):
        return None
    if np.allclose(ratios, -1, rtol=0, atol=precision):
        return "wrong sign"
    factor = ratios[0]
    shown = f"{factor:.4g}" if abs(factor) >= 1 else f"1/{1 / factor:.4g}"
    for k, (name, array) in enumerate(trials[0].arrays):
        for axis, length in enumerate(getattr(array, "shape", ())):
            lengths = np.array([t.arrays[k][1].shape[axis] for t in trials], float)
            products = np.abs(ratios) * lengths, np.abs(ratios) / lengths
            if max(lengths) > 2 and any(
                np.allclose(p, 1, rtol=0, atol=precision) for p in products
            ):
                return (
                    f"off by the batch size: {shown} times the right gradient, and {length} is "
                    f"the length of axis {axis} of {name}"
                )
    if np.allclose(ratios, factor, rtol=precision, atol=0):
        return f"off by a factor: {shown} times the right gradient"
    return None


def mistaken_factor(trials: list[Trial], precision: float = 1e-4) -> str | None:
    """The mistake, if one of the arrays is a factor too many or too few in all gradients."""
    trials = [t for t in trials if np.nan_to_num(t.expected).any()]
    for k, (name, _) in enumerate(trials[0].arrays if trials else []):
        pairs = [(t, t.arrays[k][1]) for t in trials]
        if not all(isinstance(f, float) or is_float(f) for _, f in pairs):
            continue
        with contextlib.suppress(ValueError):  # of shapes that do not fit
            if all(same(t.given * f, t.expected, precision) for t, f in pairs):
                return f"forgot to multiply by {name}"
            if all(same(t.given, t.expected * f, precision) for t, f in pairs):
                return f"multiplied by {name} once too often"
    return None


def _ratio(trial: Trial, precision: float) -> float:
    """given / expected, or 0 if that is not one number."""
    if trial.given.shape != trial.expected.shape:
        return 0.0
    known = np.isfinite(trial.expected)
    given, expected = trial.given[known], trial.expected[known]
    ratio = float(given @ expected / (expected @ expected))
    return ratio if same(given, ratio * expected, precision) else 0.0


def recognised(rule: Rule) -> str | None:
    """The mistake in a rule that computes wrong numbers, if it is a usual one."""
    if rule.changes_arguments():
        return "it changes its arguments in place, which other rules also get"
    probes = []
    for seed in range(3):
        with contextlib.suppress(Exception):  # outside the domain of the function
            probes.append(_Probe(rule, seed))
    probes = [probe for probe in probes if np.isfinite(probe.jacobian).all()] or probes[:1]
    with contextlib.suppress(Exception):  # whatever a user's rule may raise
        trials = [probe.trial() for probe in probes]
        if mistake := mistaken_size(trials):
            return mistake
    for tries in zip(*(probe.suppositions() for probe in probes), strict=True):
        with contextlib.suppress(Exception):
            known = all(np.nan_to_num(right).any() for _, _, right in tries)
            if known and all(same(given(), right, 1e-4) for _, given, right in tries):
                return str(tries[0][0])
    with contextlib.suppress(Exception):
        return mistaken_factor(trials)
    return None


class _Probe:
    """A random gradient g of the output, and the right derivatives at or beside the arguments."""

    def __init__(self, rule: Rule, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rule = rule
        self.arguments = list(map(nudged, rule.arguments))
        for argument in filter(is_float, self.arguments if seed else ()):
            argument *= 1 + 0.1 * rng.uniform(-1, 1, argument.shape)
        self.argument = self.arguments[rule.position]
        self.output, shape = rule.output(self.arguments), rule.shape
        self.g = rng.uniform(0.5, 1.5, shape) * rng.choice((-1.0, 1.0), shape)
        movable = np.flatnonzero(np.isfinite(self.argument))
        self.sample = movable if movable.size <= _SAMPLE else rng.permutation(movable)[:_SAMPLE]
        # The derivatives of all outputs with respect to the sampled entries, by differences.
        moved, arguments = np.array(self.argument), list(self.arguments)
        arguments[rule.position] = moved
        entries, size, columns = moved.flat, typical_size(moved), []
        for entry in self.sample.tolist():
            before = entries[entry]

            def along(distance: float, entry: int = entry, before: float = before) -> Array:
                entries[entry] = before + distance
                return flat(rule.output(arguments))

            columns.append(quick_slope(along, size, flat(self.output))[0].value)
            entries[entry] = before
        self.jacobian = np.stack(columns, axis=1)

    def _at_sample(self, values: Array) -> Array:
        """An array like the argument with these values at the sampled entries, nan elsewhere."""
        whole = np.full(self.argument.size, np.nan)
        whole[self.sample] = values
        return whole.reshape(self.argument.shape)

    def right(self, g: Array) -> Array:
        """The right gradient for a gradient g of the output."""
        return self._at_sample(g.reshape(-1) @ self.jacobian)

    def given(self, output: Any = None, arguments: dict[int, Any] | None = None) -> Array:
        """The rule's gradient, with something else in place of the output or of arguments."""
        instead = [(arguments or {}).get(k, array) for k, array in enumerate(self.arguments)]
        return self.rule.gradient(self.g, self.output if output is None else output, instead)

    def trial(self) -> Trial:
        """The numbers that the rule computes, those that are right, and the arrays it could use."""
        try:
            given = self.given()
        except ValueError:  # not of the argument's shape
            given = np.asarray(self.rule.raw(self.g, self.output, self.arguments), float)
        arguments = [(f"argument {k}", argument) for k, argument in enumerate(self.arguments)]
        around = [x for x in self.rule.around if isinstance(x, np.ndarray)]
        used = [("the gradient of the output", self.g)]
        used += [("an array the function uses", array) for array in around]
        return Trial(given, self.right(self.g), [("the output", self.output), *arguments, *used])

    def suppositions(self) -> Iterator[tuple[str, Callable[[], Array], Array]]:
        """Possible mistakes: the words, and two gradients that are the same if it is this one."""
        for axis, length in enumerate(self.g.shape):
            for index in sorted({0, length - 1}) if length > 1 else ():
                others = np.delete(np.arange(length), index)
                alone = self.g.copy()
                np.moveaxis(alone, axis, 0)[others] = 0
                text = (
                    f"forgot to sum over the broadcast axis {axis}: it gives what entry {index} "
                    f"of {length} alone gives"
                )
                yield text, self.given, self.right(alone)
        text = "forgot to multiply by the gradient of the output"
        yield text, self.given, self.right(np.ones(self.g.shape))
        right = self.right(self.g)
        if self.g.shape == self.argument.shape:
            diagonal = self.jacobian[self.sample, np.arange(len(self.sample))]
            own = self._at_sample(self.g.reshape(-1)[self.sample] * diagonal)
            also = "an entry also reaches other entries of the output"
            yield f"forgot paths: {also}, and only the path to its own is counted", self.given, own
            text = "forgot a path: that from each entry to its own entry of the output"
            yield text, self.given, right - own
        floats = {i: array for i, array in enumerate(self.arguments) if is_float(array)}
        for i, array in floats.items():
            text = f"used the output where argument {i} was meant"
            yield text, partial(self.given, output=array), right
            stand_ins = {"the output": self.output}
            if array.ndim > 1:
                stand_ins["its transpose"] = np.swapaxes(array, -1, -2)
            stand_ins |= {f"argument {j}": other for j, other in floats.items() if j != i}
            for name, other in stand_ins.items():
                text = f"used argument {i} where {name} was meant"
                yield text, partial(self.given, arguments={i: other}), right
