"""One rule of one call, taken out of its graph, to be tried by itself."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..chain_rule import Node, fit
from .comparison import Comparison, Given, compare, typical_size
from .slopes import Along, Array, is_kinked

_EPSILON = float(np.finfo(np.float64).eps)


class Rule:
    """A function, the arguments of one call of it, and its rule for one of them.

    All floating-point arguments are widened to float64, so that differences can be trusted.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        rule: Callable[..., Any],
        position: int,
        arguments: Any,
        keywords: dict[str, Any] | None = None,
        around: Any = (),
    ) -> None:
        self.function, self.rule, self.position = function, rule, position
        self.arguments = [widened(argument) for argument in arguments]
        self.keywords = keywords or {}
        self.around = around  # what the function finds outside itself

    @property
    def argument(self) -> Array:
        """The array the rule is by."""
        return self.arguments[self.position]  # type: ignore[no-any-return]

    def output(self, arguments: list[Any] | None = None) -> Any:
        """What the function gives: an array, or a tuple of them."""
        with np.errstate(all="ignore"):
            value = self.function(*(arguments or self.arguments), **self.keywords)
        return value if isinstance(value, tuple) else np.asarray(value)

    def raw(self, g: Array, output: Any = None, arguments: list[Any] | None = None) -> Any:
        """What the rule gives, as it is."""
        arguments = arguments or self.arguments
        output = self.output(arguments) if output is None else output
        with np.errstate(all="ignore"):
            return self.rule(g, output, *arguments, **self.keywords)

    def given(self, g: Array, output: Any = None, arguments: list[Any] | None = None) -> Array:
        """What the rule gives, as the engine takes it: summed over broadcast axes."""
        with np.errstate(all="ignore"):
            result = fit(self.raw(g, output, arguments), self.argument, _Nameless)
        return np.asarray(result, float)

    def judge(self) -> Comparison | None:
        """Hold the rule against differences, for a random gradient of the output.

        None if the output is not finite, or not the same again: then nothing can be said.
        """
        output = self.output()
        values = flat(output)
        if not np.isfinite(values).all() or not np.array_equal(values, flat(self.output())):
            return None
        rng = np.random.default_rng(0)
        g = -rng.uniform(0.5, 1.5, like(output)) * np.where(rng.random(like(output)) < 0.7, 1, -1)
        given = self.given(g.copy(), output, list(map(widened, self.arguments)))[None]
        weights = g.reshape(-1)
        return compare(
            lambda: np.atleast_1d(weights @ flat(self.output())),
            self.argument,
            Given(
                given,
                _EPSILON,
                lambda: self._rounding(g, given),
                lambda: self.given(g.copy())[None],
                64 * _EPSILON * max(map(largest_in, [values, *filter(_is_float, self.arguments)])),
            ),
        )

    def excused(self) -> bool:
        """Whether the function has a kink here, and the rule is right a little beside it."""
        weights = np.random.default_rng(0).normal(size=flat(self.output()).shape)
        here, size = self.argument, typical_size(self.argument)
        arguments = list(self.arguments)

        def along(direction: Array) -> Along:
            def values(distance: float) -> Array:
                arguments[self.position] = here + distance * size * direction.reshape(here.shape)
                return np.atleast_1d(weights @ flat(self.output(arguments)))

            return values

        if not is_kinked(along, here.size):
            return False
        beside = copy.copy(self)
        beside.arguments = list(self.arguments)
        shift = np.random.default_rng(0).normal(size=here.shape)
        beside.arguments[self.position] = here + 1e-3 * size * shift
        found = beside.judge()
        return found is not None and not found.having("wrong")

    def _rounding(self, g: Array, given: Array) -> Array:
        moved = [nudged(argument) for argument in self.arguments]
        return np.asarray(np.abs(self.given(g, None, moved)[None] - given))

    def changes_what_it_is_handed(self) -> bool:
        """Whether the rule writes into the arrays that others are handed too."""
        output = self.output()
        handed = [np.ones(like(output)), output, *map(widened, self.arguments)]
        before = copy.deepcopy(handed)
        with contextlib.suppress(Exception):  # whatever a rule of somebody's may raise
            self.raw(handed[0], output, handed[2:])
        return not all(
            np.array_equal(flat(a), flat(b), equal_nan=True)
            for a, b in zip(before, handed, strict=True)
            if _is_float(a) or isinstance(a, tuple)
        )


class _Nameless:
    """Stands for the node in a message of `fit` that nobody reads."""

    operation = type("operation", (), {"name": "rule"})
    shape = ()


def rules_of(node: Node, wanted: Any) -> list[Rule]:
    """The rules a node's call has for those of its arguments that are wanted."""
    operation = node.operation
    return [
        Rule(operation.function, operation.rules[k], k, node.arrays[1:], node.keywords)
        for k, parent in enumerate(node._parents)
        if parent is not None and parent in wanted
    ]


def flat(output: Any) -> Array:
    """All the entries of one output, or of several, in one vector."""
    parts = output if isinstance(output, tuple) else (output,)
    vectors = [np.asarray(part, float).reshape(-1) for part in parts]
    return vectors[0] if len(vectors) == 1 else np.concatenate(vectors)


def like(output: Any) -> tuple[int, ...]:
    """The shape of an output's gradient as rules get it: several outputs have one vector."""
    return (flat(output).size,) if isinstance(output, tuple) else output.shape


def widened(value: Any) -> Any:
    """A contiguous float64 copy of an array of floats; anything else as it is."""
    return np.array(value, float, order="C") if _is_float(value) else value


def largest_in(array: Any) -> float:
    """The largest finite size of an entry."""
    values = np.asarray(array)
    return float(np.max(np.abs(values), initial=0, where=np.isfinite(values)))


def nudged(value: Any) -> Any:
    """The array with every entry moved by its last bit."""
    if not _is_float(value):
        return value
    away = np.where(np.random.default_rng(0).uniform(size=np.shape(value)) < 0.5, -np.inf, np.inf)
    return np.nextafter(value, away.astype(value.dtype))


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
