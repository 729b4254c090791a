"""Why a local derivative is 0: what becomes of it when the operation's arguments are changed.

Nothing here knows an activation by its name, so that a user's own are understood as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..chain_rule import sum_to_shape
from ..derivatives.choices import chosen, clipped
from ..operators import plain
from ..table import table
from ..tensor import Tensor
from .local_derivatives import pull, pushing

Change = Callable[[Any], Any]

WORDS = {  # of each cause; {of} is the operation with a value
    "dead": "dead, {of} and is flat on this side of 0",
    "saturated": "saturated, {of} and has no slope so far from 0",
    "flat": "flat, {of} and its slope at this value is 0",
    "step": "a step, {of} and its slope is 0 everywhere",
    "loser": "not taken, another entry is",
    "masked": "masked, nothing passes here",
    "clipped": "clipped, outside of the bounds",
    "multiplied by 0": "multiplied by 0, the value of the other argument{other}",
    "underflow": "underflow, the product is too small for {dtype} and is rounded to 0",
    "cancel": "contributions cancel, their sum is 0 up to rounding",
    "left out": "left out, other entries are used",
}

# Functions that take one of their arguments, entry by entry, and what becomes of the others.
CHOICES = {
    **{table[f]: "loser" for f in (np.maximum, np.minimum, np.fmax, np.fmin)},
    **{chosen: "masked", table[np.nan_to_num]: "masked", clipped: "clipped"},
}


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Positive numbers of no pattern, which cancel only where all numbers must."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def causes(node: Tensor, position: int, passed: Array, dead: Array) -> Iterator[tuple[str, Array]]:
    """Each cause for which dead entries of an argument get nothing of what a node's entries pass
    to its rule, with the entries."""
    g = passed * noise(node.shape)
    x = node.arrays[position + 1]
    beside = 1e-3 * (1 + np.abs(x))
    near, far = np.clip(np.abs(x), 1e-3, 1) * noise(x.shape), 2 * noise(x.shape)

    def slope(own: Change = lambda x: x, others: Change = lambda x: x) -> Any:
        """Where the argument has a local derivative other than 0 after these changes."""
        arguments = [(others, own)[k == position](x) for k, x in enumerate(node.arrays[1:])]
        try:
            output = node.operation.function(*arguments, **node.keywords)
            return pull(node, position, g, (output, *arguments)) != 0
        except Exception:  # whatever a function may raise for values that nobody meant for it
            return np.zeros(x.shape, bool)

    def tests() -> Iterator[tuple[str, Any]]:
        """In turn; an entry belongs to the first that it passes."""
        yield "underflow", pull(node, position, g) != 0
        if node.operation.kind == "selects":
            yield CHOICES.get(node.operation, "loser"), True
        yield "flat", slope(lambda x: x + beside) & slope(lambda x: x - beside)
        yield "saturated", slope(lambda x: np.clip(x, -1, 1) * 0.3)
        right = slope(lambda x: near) | slope(lambda x: far)
        left = slope(lambda x: -near) | slope(lambda x: -far)
        yield "flat", right & left
        yield "dead", right | left
        yield "masked", _is_masked(node, position)
        for kinds in ("f", "biuf"):  # labels must stay what they are, a mask must not
            yield "multiplied by 0", slope(others=functools.partial(_changed, kinds))
        yield "masked" if node.operation.kind != "elementwise" else "step", True

    for cause, passes in tests() if dead.any() else ():
        if (found := dead & passes).any():
            yield cause, found
            if not (dead := dead & ~found).any():
                return


def _changed(kinds: str, x: Any) -> Any:
    is_number = isinstance(x, int | float) or getattr(x, "dtype", np.dtype(object)).kind in kinds
    return noise(np.shape(x)) if is_number else x


def _is_masked(node: Tensor, position: int) -> bool:
    """Whether the other factor is a constant of zeros and one other number, as in dropout."""
    other = node.arguments[1 - position] if node.operation is table[np.multiply] else None
    return not getattr(other, "requires_grad", False) and len(np.unique(plain(other))) == 2


# ---- which entries depend on which ---------------------------------------------------------------


def _is_by_entry(node: Tensor) -> bool:
    return node.operation.kind == "elementwise" or node.operation in CHOICES


def reached_back(node: Tensor, position: int, mask: Array) -> Array:
    """The argument's entries on which a node's entries in the mask depend, whatever the values."""
    shape = node.arrays[position + 1].shape
    if _is_by_entry(node):
        return sum_to_shape(mask.astype(float), shape) != 0  # type: ignore[no-any-return]
    try:  # a nan is seen even behind a factor of 0
        return np.isnan(pull(node, position, np.where(mask, np.nan, 0.0)))
    except Exception:  # whatever a user's rule may raise
        return np.full(shape, mask.any())


def reached_on(node: Tensor, position: int, mask: Array, alive: bool) -> Array:
    """The node's entries that depend on an argument's entries in the mask, whatever the values; or
    those that are alive, with a local derivative other than 0."""
    if not alive and _is_by_entry(node):
        return np.broadcast_to(mask, node.shape)
    if mask.any() and (push := pushing(node, position)):
        found: Array = push(np.where(mask, noise(mask.shape) if alive else np.nan, 0.0)) != 0
        return found
    return np.full(node.shape, mask.any() and pull(node, position, noise(node.shape)).any())
