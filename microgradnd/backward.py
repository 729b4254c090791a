"""From the gradient of a head to the gradients of all that it was computed from.

On plain arrays the rules compute; on Tensors they record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from typing import Any

import numpy as np

from . import context
from .chain_rule import Node, fit, leading_to, parents_first, reached, sum_over_paths
from .table import zero

Visit = Callable[[Node, int, Any, Any], Any]


def differentiate(
    heads: dict[Node, Any],
    targets: Collection[Node] | None = None,
    retain: bool = False,
    recorded: bool = False,
    visit: Visit | None = None,
) -> dict[Node, Any]:
    """The gradients of the leaves, or of the targets, from those of the heads.

    Arguments:
        heads: the Tensors to start from, each with its gradient.
        targets: follow only the paths that lead to these.
        retain: also return the gradients of all nodes on the way.
        recorded: record the rules, so that the gradients can be differentiated again.
        visit: called as visit(node, position, gradient, contribution) for each use of an argument,
            in the order of the walk; what it returns is used as the contribution.
    """
    relevant = None if targets is None else leading_to(targets, parents_first(heads))
    state = context.current.get()
    stops = state is not None and state.how.stops
    found = reached(heads, relevant)
    kept: Container[Node] = found if retain else targets or ()
    kinds = {node.operation.kind for node in found if node.operation}
    looked_on = None if "selects" in kinds else visit  # else there may be a second walk to look on
    careful = recorded or stops or looked_on is not None
    apply_rule = _careful(recorded, stops, None, looked_on) if careful else None
    gradients = sum_over_paths(found, kept, apply_rule)
    leaks = "selects" in kinds and any(map(_may_hold_nan, gradients.values()))
    alive = _alive_entries(heads, relevant) if leaks else None
    if alive is not None or visit is not looked_on:
        apply_rule = _careful(recorded, stops, alive, visit)
        gradients = sum_over_paths(reached(heads, relevant), kept, apply_rule)
    return gradients


def _careful(
    recorded: bool,
    stops: bool,
    alive: dict[Node, Any] | None = None,
    visit: Visit | None = None,
) -> Callable[[Any, Node, int, Any], Any]:
    """A way to apply a rule that does more than call it with arrays."""
    visited: list[Any] = [None, ()]  # a node, and its output and arguments as Tensors

    def apply_rule(rule: Any, node: Node, position: int, gradient: Any) -> Any:
        operation = node.operation
        if recorded and visited[0] is not node:
            visited[:] = node, _as_tensors(node)
        try:
            arguments = visited[1] if recorded else node.arrays
            contribution = rule(gradient, *arguments, **node._keywords)
        except FloatingPointError as error:
            where = f", recorded at {node.line}" if node.line else ""
            raise FloatingPointError(f"the gradient of {operation.name}{where}: {error}") from error
        if alive is not None:
            reaches, nothing = alive[node] != 0, 0  # a nan reaches
            if operation.kind != "elementwise":
                reaches, nothing = np.any(reaches), np.zeros_like(node.arrays[position + 1])
            contribution = np.where(reaches, contribution, nothing)
        if stops:
            check_finite(contribution, f"the gradient of {operation.name}", node)
        if visit is not None:
            contribution = fit(contribution, node.arrays[position + 1], node)
            contribution = visit(node, position, gradient, contribution)
        return contribution

    return apply_rule


def _as_tensors(node: Node) -> list[Any]:
    """The output and the arguments of a node's call with their histories, so that rules record."""
    output, *arguments = node.arrays
    values = [
        array if parent is None else parent.as_recorded(array)
        for parent, array in zip(node._parents, arguments, strict=True)
    ]
    return [node.operation.output(node, output, values), *values]


def check_finite(value: Any, what: str, node: Node) -> None:
    """Under `trace`: raise at the first nan or inf, with the operation, its scope and its line."""
    values = getattr(value, "_array", value)
    if not np.isfinite(values).all():
        worst = "nan" if np.isnan(values).any() else str(values[~np.isfinite(values)].ravel()[0])
        scope = f" in {'.'.join(node.scope)}" if node.scope else ""
        line = f" at {node.line}" if node.line else ""
        raise FloatingPointError(f"{what}{scope} gave {worst}{line}")


# Zero times infinity. In np.where(x > 0, np.log(x), 0) at x = 0 the gradient that reaches the
# logarithm is zero, its rule computes 0 / 0, and the nan would reach x although no path leads
# there. So where a graph selects and a nan came out, the walk is repeated with the entries known
# that any path reaches at all; what no path reaches contributes nothing.


def _may_hold_nan(gradient: Any) -> bool:
    values = getattr(gradient, "_array", gradient)
    if isinstance(values, np.ndarray | np.generic) or hasattr(values, "get"):  # a GPU's: one number
        if not hasattr(values, "get"):  # CuPy does not know "K"
            values = values.ravel("K")  # as it lies in memory: only gaps make it copy
        return bool(np.isnan(np.vdot(values, values)))
    # To look at another library's array might compute what is lazy.
    return not hasattr(values, "holds_nan") or values.holds_nan()


def _alive_entries(heads: dict[Node, Any], relevant: Container[Node] | None) -> dict[Node, Any]:
    """For each node an array that is not 0 at the entries by which a path reaches the heads."""

    def apply_rule(rule: Any, node: Node, position: int, alive: Any) -> Any:
        if node.operation.kind == "elementwise":
            return alive * (rule is not zero)
        if node.operation.kind in ("routes", "selects"):
            return rule(alive, *node.arrays, **node._keywords)
        return np.ones_like(node.arrays[position + 1]) * np.any(alive != 0)

    everywhere = {head: np.ones_like(head._array) for head in heads}
    found = reached(everywhere, relevant)
    return sum_over_paths(found, found, apply_rule)
