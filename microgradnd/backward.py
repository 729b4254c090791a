"""From the gradient of a head to the gradients of all it was computed from.

Handed plain arrays, the rules compute; handed Tensors, they record.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Any

import numpy as np

from . import context
from .chain_rule import Node, count_uses, leading_to, parents_first, sum_over_paths


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
    kept: Container[Node] = uses if retain else targets or ()
    state = context.current.get()
    traced = state is not None and state.traced
    apply_rule = _with_care(recorded, traced) if recorded or traced else None
    found = sum_over_paths(heads, uses, kept, apply_rule)
    kinds = {operation.kind for operation in {node.operation for node in uses} if operation}
    if "selects" in kinds and any(map(_may_hold_nan, found.values())):
        apply_rule = _with_care(recorded, traced, _alive_entries(heads, uses))
        found = sum_over_paths(heads, uses, kept, apply_rule)
    return found


def _with_care(recorded: bool, traced: bool, alive: dict[Node, Any] | None = None) -> Any:
    """A way to apply a rule: recording it, looking for nan, or for entries that do not matter."""

    def apply_rule(node: Node, position: int, gradient: Any) -> Any:
        operation = node.operation
        values = _as_tensors(node) if recorded else node._arrays
        try:
            contribution = operation.rules[position](gradient, *values, **node._keywords)
        except FloatingPointError as error:
            where = f", recorded at {node.line}" if node.line else ""
            raise FloatingPointError(f"the gradient of {operation.name}{where}: {error}") from error
        if alive is not None and operation.kind == "elementwise":
            contribution = np.where(alive[node] > 0, contribution, 0)
        if traced:
            check_finite(contribution, f"the gradient of {operation.name}", node.line)
        return contribution

    return apply_rule


def _as_tensors(node: Node) -> list[Any]:
    """The output and the arguments of a node's call with their histories, so that rules record."""
    output, *arguments = node._arrays
    values = [
        array if parent is None else parent.as_recorded(array)
        for parent, array in zip(node._parents, arguments, strict=True)
    ]
    return [node.operation.output(node, output), *values]


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
    if isinstance(values, np.ndarray | np.generic):
        return bool(np.isnan(np.vdot(values, values)))  # type: ignore[arg-type]
    # To look at a foreign array might move it off its device, or compute what is lazy.
    return not hasattr(values, "holds_nan") or values.holds_nan()


def _alive_entries(heads: dict[Node, Any], uses: dict[Node, int]) -> dict[Node, Any]:
    """For each node an array that is positive at the entries by which a path reaches the heads."""

    def apply_rule(node: Node, position: int, alive: Any) -> Any:
        if node.operation.kind == "elementwise":
            return alive
        if node.operation.kind in ("routes", "selects"):
            return node.operation.rules[position](alive, *node._arrays, **node._keywords)
        return np.ones_like(node._arrays[position + 1])

    everywhere = {head: np.ones_like(head._data) for head in heads}
    return sum_over_paths(everywhere, uses, kept=uses, apply_rule=apply_rule)
