"""The usual mistakes in a derivative, recognised by what they do to the numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .comparison import typical_size
from .rules import Rule, flat, like
from .slopes import Array

_SAMPLE = 48  # so many entries of the argument are looked at


def recognised(rule: Rule) -> str | None:
    """What is wrong with a rule that gives wrong numbers, in words, if it is one of the usual."""
    if rule.changes_what_it_is_handed():
        return "it changes in place what it is handed, which others are handed too"
    trials = [_Trial(rule, seed) for seed in range(3)]
    trials = [trial for trial in trials if trial.sound] or trials[:1]
    for recogniser in (_shape, _size, _missing_paths, _confused, _product):
        with contextlib.suppress(Exception):  # whatever a rule of somebody's may raise
            if said := next(recogniser(rule, trials), None):
                return said
    return None


class _Trial:
    """A random gradient g of the output, what the rule makes of it, and the true derivatives.

    The first is at the arguments themselves, the others a little beside them.
    """

    def __init__(self, rule: Rule, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rule = rule
        self.arguments = [
            argument * (1 + 0.1 * rng.uniform(-1, 1, argument.shape))
            if seed and getattr(argument, "dtype", None) == np.float64
            else argument
            for argument in rule.arguments
        ]
        self.output = rule.output(self.arguments)
        self.g = rng.uniform(0.5, 1.5, like(self.output)) * rng.choice(
            (-1.0, 1.0), like(self.output)
        )
        argument = self.arguments[rule.position]
        movable = np.flatnonzero(np.isfinite(argument))
        self.sample = movable if movable.size <= _SAMPLE else rng.permutation(movable)[:_SAMPLE]
        self.jacobian = self._columns(argument)
        self.sound = bool(np.isfinite(self.jacobian).all())

    def _columns(self, argument: Array) -> Array:
        """The derivatives of all outputs by the sampled entries, by differences."""
        moved = np.array(argument)
        entries = moved.reshape(-1)
        arguments = list(self.arguments)
        arguments[self.rule.position] = moved
        size = typical_size(moved)
        columns = []
        for entry in self.sample.tolist():
            before, differences = entries[entry], []
            for step in (1e-4 * size, 5e-5 * size):
                ends = []
                for entries[entry] in (before + step, before - step):
                    ends.append(flat(self.rule.output(arguments)))
                differences.append((ends[0] - ends[1]) / (2 * step))
            entries[entry] = before
            columns.append((4 * differences[1] - differences[0]) / 3)
        return np.stack(columns, axis=1)

    def expected(self, g: Array | None = None) -> Array:
        """The right gradient at the sampled entries."""
        return (self.g if g is None else g).reshape(-1) @ self.jacobian  # type: ignore

    def given(self, **instead: Any) -> Array:
        """What the rule gives at the sampled entries, with something else put in its arguments."""
        arguments = instead.get("arguments", self.arguments)
        output = instead.get("output", self.output)
        result = self.rule.given(instead.get("g", self.g), output, arguments)
        return result.reshape(-1)[self.sample]

    def at_sample(self, array: Array) -> Array:
        return array.reshape(-1)[self.sample]


def _same(given: Any, expected: Any) -> bool:
    """Whether two lists of numbers, one array from each trial, are equal but for rounding."""
    a, b = np.concatenate(given), np.concatenate(expected)
    largest = np.max(np.abs(b), initial=0)
    return bool(largest > 0 and np.max(np.abs(a - b)) <= 1e-4 * largest)


def _shape(rule: Rule, trials: list[_Trial]) -> Iterator[str]:
    """A result of the wrong shape, or the transpose of the right one."""
    shape = rule.argument.shape
    raw = [np.asarray(rule.raw(t.g, t.output, t.arguments), float) for t in trials]
    if len(shape) >= 2 and all(r.shape == (*shape[:-2], shape[-1], shape[-2]) for r in raw):
        turned = [t.at_sample(np.swapaxes(r, -1, -2)) for t, r in zip(trials, raw, strict=True)]
        if _same(turned, [t.expected() for t in trials]):
            yield "transposed: swap the last two axes"


def _size(rule: Rule, trials: list[_Trial]) -> Iterator[str]:
    """Nothing, the wrong sign, a constant factor."""
    given = np.concatenate([t.given() for t in trials])
    expected = np.concatenate([t.expected() for t in trials])
    if not given.any():
        yield "it gives zero"
    if given.size < 2 or not expected.any():
        return
    factor = float(given @ expected / (expected @ expected))
    if factor and abs(factor - 1) > 1e-3 and _same([given], [factor * expected]):
        yield _called(factor, rule, trials[0])


def _called(factor: float, rule: Rule, trial: _Trial) -> str:
    if abs(factor + 1) < 1e-4:
        return "wrong sign"
    shown = f"{factor:.4g}" if abs(factor) >= 1 else f"1/{1 / factor:.4g}"
    arrays = [("the output", trial.output)]
    arrays += [(f"argument {k}", argument) for k, argument in enumerate(rule.arguments)]
    around = [array for array in rule.around if isinstance(array, np.ndarray)]
    arrays += [("an array the function uses", array) for array in around]
    for whose, array in arrays:
        for axis, length in enumerate(getattr(array, "shape", ())):
            if length > 2 and any(abs(abs(factor) / r - 1) < 1e-4 for r in (length, 1 / length)):
                return (
                    f"off by the batch size: {shown} times the right gradient, and {length} is "
                    f"the length of axis {axis} of {whose}"
                )
    return f"off by a factor: {shown} times the right gradient"


def _missing_paths(rule: Rule, trials: list[_Trial]) -> Iterator[str]:
    """What other gradients of the output would give, such as those of some entries alone."""
    given = [t.given() for t in trials]
    shape = trials[0].g.shape
    for axis, length in enumerate(shape):
        for index in {0, length - 1} if length > 1 else ():
            part = [_only(t.g, axis, index) for t in trials]
            if _same(given, [t.expected(g) for t, g in zip(trials, part, strict=True)]):
                yield (
                    f"forgot to sum over the broadcast axis {axis}: it gives what entry {index} "
                    f"of {length} alone gives"
                )
    if _same(given, [t.expected(np.ones(shape)) for t in trials]):
        yield "forgot to multiply by the gradient of the output"
    if shape == rule.argument.shape:
        own = [t.at_sample(t.g) * t.jacobian[t.sample, np.arange(len(t.sample))] for t in trials]
        if _same(given, own):
            yield (
                "forgot paths: an entry reaches other entries of the output too, and only the "
                "path to its own is counted"
            )
        across = [t.expected() - alone for t, alone in zip(trials, own, strict=True)]
        if _same(given, across):
            yield "forgot a path: that from each entry to its own entry of the output"


def _only(g: Array, axis: int, index: int) -> Array:
    kept = np.zeros_like(g)
    place = (slice(None),) * axis + (index,)
    kept[place] = g[place]
    return kept


def _confused(rule: Rule, trials: list[_Trial]) -> Iterator[str]:
    """The rule becomes right when one of the arrays it is handed is put in another's place."""
    expected = [t.expected() for t in trials]

    def right(swap: Callable[[_Trial], dict[str, Any]]) -> bool:
        try:
            return _same([t.given(**swap(t)) for t in trials], expected)
        except Exception:  # whatever a rule of somebody's may raise
            return False

    def with_argument(t: _Trial, i: int, array: Any) -> list[Any]:
        return [array if k == i else argument for k, argument in enumerate(t.arguments)]

    places = [i for i, a in enumerate(rule.arguments) if getattr(a, "dtype", None) == np.float64]
    for i in places:
        if right(lambda t, i=i: {"output": t.arguments[i]}):  # type: ignore[misc]
            yield f"used the output where argument {i} was meant"
        if right(lambda t, i=i: {"arguments": with_argument(t, i, t.output)}):  # type: ignore
            yield f"used argument {i} where the output was meant"
        if rule.arguments[i].ndim > 1 and right(
            lambda t, i=i: {  # type: ignore[misc]
                "arguments": with_argument(t, i, np.swapaxes(t.arguments[i], -1, -2))
            }
        ):
            yield f"used argument {i} where its transpose was meant"
        for j in places:
            if i != j and right(
                lambda t, i=i, j=j: {  # type: ignore[misc]
                    "arguments": with_argument(t, i, t.arguments[j])
                }
            ):
                yield f"used argument {i} where argument {j} was meant"


def _product(rule: Rule, trials: list[_Trial]) -> Iterator[str]:
    """A factor too many or too few, among the arrays the rule is handed."""
    shape = rule.argument.shape
    given, expected = [t.given() for t in trials], [t.expected() for t in trials]
    named = [("the gradient of the output", [t.g for t in trials])]
    named += [("the output", [t.output for t in trials])]
    for i in range(len(rule.arguments)):
        named.append((f"argument {i}", [t.arguments[i] for t in trials]))
    for name, factors in named:
        if any(not isinstance(f, np.ndarray) or f.dtype != float for f in factors):
            continue
        try:
            arrays = [np.broadcast_to(f, shape) for f in factors]
        except ValueError:
            continue
        at = [t.at_sample(array) for t, array in zip(trials, arrays, strict=True)]
        if _same([g * f for g, f in zip(given, at, strict=True)], expected):
            yield f"forgot to multiply by {name}"
        if _same(given, [e * f for e, f in zip(expected, at, strict=True)]):
            yield f"multiplied by {name} once too often"
