"""One rule of one call, taken out of its graph: checked alone, and its mistake recognised."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..paths.local_derivatives import apply_rule, pull
from ..tensor import Tensor
from .comparison import Claim, is_float, typical_size, widened
from .mistakes import Supposition, Trial, first_true, of_factor, of_size
from .slopes import moving, quick_slope

_SAMPLE = 48  # up to so many entries of the argument are looked at


class Rule:
    """The rule for one argument of a recorded call, and the arguments in float64.

    A seed moves them a little; `g` is a random gradient of the output.
    """

    def __init__(self, node: Tensor, position: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.node, self.operation, self.position = node, node.operation, position
        self.g = rng.uniform(0.5, 1.5, node.shape) * np.where(rng.random(node.shape) < 0.7, -1, 1)
        self.arguments = list(map(widened, node.arrays[1:]))
        for argument in filter(is_float, self.arguments if seed else ()):
            argument *= 1 + 0.1 * rng.uniform(-1, 1, argument.shape)
        self.argument: Array = self.arguments[position]
        movable = np.flatnonzero(np.isfinite(self.argument))
        self.sample = movable if movable.size <= _SAMPLE else rng.permutation(movable)[:_SAMPLE]

    def output(self) -> Any:
        """What the function returns: an array, or a tuple of several."""
        value = self.operation.function(*self.arguments, **self.node.keywords)
        return value if isinstance(value, tuple) else np.asarray(value)

    def values(self) -> Array:
        """All entries of the output, without what is kept for the rules, in one vector."""
        return flat(self.operation.without_kept(self.output()))

    def gradient(self, output: Any = None, arguments: dict[int, Any] | None = None) -> Array:
        """The gradient of the argument, with something else in place of the output or arguments."""
        instead = [(arguments or {}).get(k, array) for k, array in enumerate(self.arguments)]
        output = self.output() if output is None else output
        return pull(self.node, self.position, self.g.copy(), (output, *instead))

    def claim(self) -> Claim | None:
        """The rule as a claim for a gradient g; None if the output is not finite or differs."""
        values = self.values()
        if not np.isfinite(values).all() or not np.array_equal(values, self.values()):
            return None

        def gradients(disturb: Any = None) -> list[Array]:
            """The rule's gradient, for arguments that differ in their last bits perhaps."""
            if disturb is not None:
                near = [disturb(x) if is_float(x) else x for x in self.arguments]
                with contextlib.suppress(Exception):  # it does not take them
                    output = self.operation.function(*near, **self.node.keywords)
                    return [self.gradient(output, dict(enumerate(near)))[None]]
            return [self.gradient()[None]]

        return Claim([self.argument], self.g.reshape(1, -1), self.values, gradients)

    def changes_arguments(self) -> bool:
        """Whether the rule writes into the arrays that other rules also get."""
        given = [self.g, self.output(), *self.arguments]
        used = copy.deepcopy(given)
        with contextlib.suppress(Exception):  # whatever a user's rule may raise
            apply_rule(self.node, self.position, used[0], tuple(used[1:]))
        pairs = [(a, b) for a, b in zip(given, used, strict=True) if is_float(a) or a is given[1]]
        return not all(np.array_equal(flat(a), flat(b), equal_nan=True) for a, b in pairs)

    # ---- what may be wrong with it ---------------------------------------------------------------

    @functools.cached_property
    def jacobian(self) -> Array:
        """The derivatives of all outputs with respect to the sampled entries, by differences."""
        size, here = typical_size(self.argument), self.values()
        along = (moving(self.argument, entry, 1.0, self.values) for entry in self.sample.tolist())
        return np.stack([quick_slope(line, size, here)[0].value for line in along], axis=1)

    def right(self, g: Array) -> Array:
        """The right gradient for a gradient g of the output: nan where it is not known."""
        return self._at_sample(g.reshape(-1) @ self.jacobian)

    def _at_sample(self, values: Array) -> Array:
        whole = np.full(self.argument.size, np.nan)
        whole[self.sample] = values
        return whole.reshape(self.argument.shape)

    def trial(self) -> Trial:
        """The numbers that the rule computes, those that are right, and the arrays it could use."""
        output = self.output()
        try:
            given = self.gradient()
        except ValueError:  # not of the argument's shape
            arrays = output, *self.arguments
            given = np.asarray(apply_rule(self.node, self.position, self.g, arrays), float)
        used = [(f"argument {k}", argument) for k, argument in enumerate(self.arguments)]
        shown = self.operation.without_kept(output)
        used = [("the output", shown), *used, ("the gradient of the output", self.g)]
        around = [x for x in closed_over(self.operation.function) if isinstance(x, np.ndarray)]
        used += [("an array the function uses", array) for array in around]
        return Trial(given, self.right(self.g), used)

    def suppositions(self) -> Iterator[tuple[str, Callable[[], Array], Array]]:
        """Possible mistakes: the words, and two gradients that are the same if it is this one."""
        g, right, given = self.g, self.right(self.g), self.gradient
        for axis, length in enumerate(g.shape):
            for index in sorted({0, length - 1}) if length > 1 else ():
                alone = np.zeros(g.shape)
                np.moveaxis(alone, axis, 0)[index] = np.moveaxis(g, axis, 0)[index]
                text = (
                    f"forgot to sum over the broadcast axis {axis}: it gives what entry {index} "
                    f"of {length} alone gives"
                )
                yield text, given, self.right(alone)
        text = "forgot to multiply by the gradient of the output"
        yield text, given, self.right(np.ones(g.shape))
        if g.shape == self.argument.shape:
            diagonal = self.jacobian[self.sample, np.arange(len(self.sample))]
            own = self._at_sample(g.reshape(-1)[self.sample] * diagonal)
            also = "an entry also reaches other entries of the output"
            yield f"forgot paths: {also}, and only the path to its own is counted", given, own
            text = "forgot a path: that from each entry to its own entry of the output"
            yield text, given, right - own
        floats = {i: array for i, array in enumerate(self.arguments) if is_float(array)}
        for i, array in floats.items():
            text = f"used the output where argument {i} was meant"
            yield text, functools.partial(given, array), right
            stand_ins = {"the output": self.operation.without_kept(self.output())}
            if array.ndim > 1:
                stand_ins["its transpose"] = np.swapaxes(array, -1, -2)
            stand_ins |= {f"argument {j}": other for j, other in floats.items() if j != i}
            for name, other in stand_ins.items():
                text = f"used argument {i} where {name} was meant"
                yield text, functools.partial(given, arguments={i: other}), right


def recognised(node: Tensor, position: int) -> str | None:
    """The mistake in a rule that computes wrong numbers, if it is a usual one."""
    if Rule(node, position).changes_arguments():
        return "it changes its arguments in place, which other rules also get"
    rules, trials = list[Rule](), list[Trial]()
    for seed in range(3):
        with contextlib.suppress(Exception):  # outside the domain of the function
            rule = Rule(node, position, seed)
            if np.isfinite(rule.jacobian).all() or not rules:
                rules.append(rule)

    def together(*tries: tuple[str, Callable[[], Array], Array]) -> Supposition:
        return tries[0][0], ((given(), right) for _, given, right in tries)

    with contextlib.suppress(Exception):  # whatever a user's rule may raise
        trials = [rule.trial() for rule in rules]
    own = map(together, *(rule.suppositions() for rule in rules)) if rules else ()
    return first_true([*of_size(trials), *own, *of_factor(trials)])


# ---- outputs -------------------------------------------------------------------------------------


def flat(output: Any) -> Array:
    """All entries of one output, or of several, in one vector."""
    parts = output if isinstance(output, tuple | list) else (output,)
    return np.concatenate([np.asarray(part, float).reshape(-1) for part in parts])


def closed_over(f: Callable[..., Any]) -> list[Any]:
    """The values from outside that a Python function uses."""
    try:
        found = inspect.getclosurevars(inspect.unwrap(f))
    except (TypeError, ValueError):  # not written in Python
        return []
    return [*found.nonlocals.values(), *found.globals.values()]


def is_recorded(output: Any) -> bool:
    """Whether it is a Tensor that gradients flow through."""
    return isinstance(output, Tensor) and output.requires_grad
