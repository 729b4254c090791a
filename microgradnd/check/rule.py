"""One rule of one call, taken out of its graph, so that it can be checked alone."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..chain_rule import fit
from ..primitive import Primitive
from ..tensor import Tensor
from .comparison import Claim, is_float, nudged
from .slopes import EPSILON


class Rule:
    """A function, the arguments of one call in float64, and the rule for one of them."""

    def __init__(
        self,
        operation: Primitive,
        position: int,
        arguments: Iterable[Any],
        keywords: dict[str, Any] | None = None,
        around: Iterable[Any] = (),
    ) -> None:
        self.operation, self.position = operation, position
        self.arguments = [nudged(argument) for argument in arguments]
        self.argument: Array = self.arguments[position]
        self.keywords, self.around = keywords or {}, around

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a gradient of the output: of several outputs there is one vector."""
        output = self.output()
        return (flat(output).size,) if isinstance(output, tuple) else output.shape

    def output(self, arguments: list[Any] | None = None) -> Any:
        """The output of the function: an array, or a tuple of several."""
        with np.errstate(all="ignore"):
            value = self.operation.function(*(arguments or self.arguments), **self.keywords)
        return value if isinstance(value, tuple) else np.asarray(value)

    def raw(self, g: Array, output: Any = None, arguments: list[Any] | None = None) -> Any:
        """What the rule returns for a gradient g of the output."""
        arguments = arguments or self.arguments
        output = self.output(arguments) if output is None else output
        with np.errstate(all="ignore"):
            return self.operation.rules[self.position](g, output, *arguments, **self.keywords)

    def gradient(self, g: Array, output: Any = None, arguments: list[Any] | None = None) -> Array:
        """The gradient of the argument: what the rule returns, summed over broadcast axes."""
        raw = self.raw(g, output, arguments)
        with np.errstate(all="ignore"):
            return np.asarray(fit(raw, self.argument, self), float)

    def claim(self, g: Array | None = None) -> Claim | None:
        """The rule as a claim for a gradient g; None if the output is not finite or differs."""
        values = flat(self.output())
        if not np.isfinite(values).all() or not np.array_equal(values, flat(self.output())):
            return None
        if g is None:
            rng, shape = np.random.default_rng(0), self.shape
            g = -rng.uniform(0.5, 1.5, shape) * np.where(rng.random(shape) < 0.7, 1, -1)

        def gradients(precision: float, _: Any = None) -> list[Array]:
            arguments = [nudged(argument, precision) for argument in self.arguments]
            return [self.gradient(g.copy(), None, arguments)[None]]

        noise = 64 * EPSILON * max(map(largest_in, [values, *filter(is_float, self.arguments)]))
        weights = g.reshape(1, -1)
        return Claim([self.argument], weights, lambda: flat(self.output()), gradients, noise)

    def changes_arguments(self) -> bool:
        """Whether the rule writes into the arrays that other rules also get."""
        output = self.output()
        given = [np.ones(self.shape), output, *map(nudged, self.arguments)]
        before = copy.deepcopy(given)
        with contextlib.suppress(Exception):  # whatever a user's rule may raise
            self.raw(given[0], output, given[2:])
        return not all(
            np.array_equal(flat(a), flat(b), equal_nan=True)
            for a, b in zip(before, given, strict=True)
            if is_float(a) or isinstance(a, tuple)
        )


def flat(output: Any) -> Array:
    """All entries of one output, or of several, in one vector."""
    parts = output if isinstance(output, tuple | list) else (output,)
    vectors = [np.asarray(part, float).reshape(-1) for part in parts]
    return vectors[0] if len(vectors) == 1 else np.concatenate(vectors)


def is_recorded(output: Any) -> bool:
    """Whether it is a Tensor that gradients flow through."""
    return isinstance(output, Tensor) and output.requires_grad


def largest_in(array: Any) -> float:
    values = np.asarray(array)
    return float(np.max(np.abs(values), initial=0, where=np.isfinite(values)))
