"""From the gradient of a head to the gradients of all it was computed from.

A node remembers the call that made it: `operation` (a function with one rule per argument),
`_arrays` (the output and the arguments as they were then) and `_keywords`. Its parents' gradients
are its rules applied to its own. Handed plain arrays, rules compute; handed Tensors, they record.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Any

import numpy as np

from . import recording
from .chain_rule import count_uses, leading_to, parents_first, sum_over_paths

Node = Any  # a Tensor; this floor needs no more than the attributes named above


def differentiate(
    heads: dict[Node, Any],
    targets: Collection[Node] | None = None,
    retain: bool = False,
    recorded: bool = False,
) -> dict[Node, Any]:
    """The gradients of the leaves, or of the targets, from those of the heads.

    With targets only the paths that lead to them are followed; `retain` gives the gradients of
    all the nodes on the way too.
    """
    relevant = None if targets is None else leading_to(targets, parents_first(heads))
    uses = count_uses(heads, relevant)
    state = recording.current.get()
    traced = state is not None and state.traced
    kept: Container[Node] = uses if retain else targets or ()

    kinds: set[str | None] = set()  # of the operations that were met
    alive: dict[Node, Any] | None = None

    def pull_back(node: Node, gradient: Any) -> list[tuple[Node, Any]]:
        """The contributions of one node to the gradients of its parents: its rules, applied."""
        operation, arrays, keywords = node.operation, node._arrays, node._keywords
        kinds.add(operation.kind)
        values = _as_tensors(node) if recorded else arrays
        contributions = []
        for position, parent in enumerate(node._parents):
            if parent in uses:
                try:
                    contribution = operation.rules[position](gradient, *values, **keywords)
                except FloatingPointError as error:
                    where = f", recorded at {node.line}" if node.line else ""
                    message = f"the gradient of {operation.name}{where}: {error}"
                    raise FloatingPointError(message) from error
                if alive is not None and operation.kind == "elementwise":
                    contribution = np.where(alive[node] > 0, contribution, 0)
                contribution = fit(contribution, arrays[position + 1], node)
                if traced:
                    check_finite(contribution, f"the gradient of {operation.name}", node.line)
                contributions.append((parent, contribution))
        return contributions

    found = sum_over_paths(heads, uses, pull_back, kept)
    if "selects" in kinds and any(map(_may_hold_nan, found.values())):
        alive = _alive_entries(heads, uses)
        found = sum_over_paths(heads, uses, pull_back, kept)
    return found


def _as_tensors(node: Node) -> list[Any]:
    """The output and the arguments of a node's call with their histories, so that rules record."""
    output, *arguments = node._arrays
    values = [
        array if parent is None else parent.as_recorded(array)
        for parent, array in zip(node._parents, arguments, strict=True)
    ]
    return [node.operation.output(node, output), *values]


def fit(contribution: Any, array: Any, node: Node) -> Any:
    """A contribution in the shape and dtype of the argument it belongs to.

    An argument that was broadcast has been used once per copy: its gradient is the sum over them.
    """
    try:
        if contribution.shape == array.shape and contribution.dtype is array.dtype:
            return contribution
        return sum_to_shape(contribution, array.shape).astype(array.dtype)
    except (AttributeError, ValueError) as error:
        if isinstance(contribution, int | float) and contribution == 0:
            return np.zeros_like(array)
        if hasattr(contribution, "shape"):
            found = f"a gradient of shape {contribution.shape}"
        else:
            found = f"{contribution!r}, which is no array"
        raise ValueError(
            f"{node.operation.name}: a rule gave {found}, for an argument of shape {array.shape} "
            f"and an output of shape {node.shape}"
        ) from error


def sum_to_shape(value: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast to the shape of the value."""
    if value.shape == shape:
        return value
    added = value.ndim - len(shape)
    stretched = [
        added + i
        for i, size in enumerate(shape)
        if size == 1 and added >= 0 and value.shape[added + i] != 1
    ]
    if added < 0 or any(
        size != 1 and size != found for size, found in zip(shape, value.shape[added:], strict=True)
    ):
        raise ValueError(f"{value.shape} is not a shape that {shape} broadcasts to")
    return value.sum(axis=(*range(added), *stretched)).reshape(shape)


def check_finite(value: Any, what: str, line: str | None) -> None:
    """Under `trace`: raise at the first nan or inf, with the operation and the source line."""
    values = getattr(value, "_data", value)
    if not np.isfinite(values).all():
        worst = "nan" if np.isnan(values).any() else str(values[~np.isfinite(values)].ravel()[0])
        where = f" at {line}" if line else ""
        raise FloatingPointError(f"{what} gave {worst}{where}")


# Zero times infinity. In np.where(x > 0, np.log(x), 0) at x = 0 the gradient that reaches the
# logarithm is zero, its rule makes 0 / 0 of it, and the nan would reach x although no path leads
# there. So where a graph selects and a nan came out, the walk is repeated with the entries known
# that any path reaches at all; what no path reaches contributes nothing.


def _may_hold_nan(gradient: Any) -> bool:
    values = getattr(gradient, "_data", gradient)
    # To look at a foreign array might move it off its device, or compute what is lazy.
    foreign = not isinstance(values, np.ndarray | np.generic)
    return foreign or bool(np.isnan(np.vdot(values, values)))


def _alive_entries(heads: dict[Node, Any], uses: dict[Node, int]) -> dict[Node, Any]:
    """For each node an array that is positive at the entries by which a path reaches the heads."""

    def pull_back(node: Node, alive: Any) -> list[tuple[Node, Any]]:
        contributions = []
        for position, parent in enumerate(node._parents):
            if parent in uses:
                array = node._arrays[position + 1]
                contribution = np.ones_like(array)
                if node.operation.kind == "elementwise":
                    contribution = alive
                elif node.operation.kind in ("routes", "selects"):
                    rule = node.operation.rules[position]
                    contribution = rule(alive, *node._arrays, **node._keywords)
                contributions.append((parent, fit(contribution, array, node)))
        return contributions

    everywhere = {head: np.ones_like(head._data) for head in heads}
    return sum_over_paths(everywhere, uses, pull_back, kept=uses)
