"""The backward pass over a graph as the engine takes it, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from ..backward import _alive_entries, _may_hold_nan, _with_care
from ..chain_rule import count_uses, fit, sum_over_paths
from ..tensor import Tensor
from .derivatives import undisturbed


@dataclass
class Use:
    """What one use of a parent contributes to its gradient, and the sum of what has arrived."""

    node: Tensor
    position: int
    parent: Tensor
    gradient: Any
    contribution: Any
    total: Any
    arrived: int
    uses: int


def walk_back(
    start: dict[Tensor, Any], watched: Container[Tensor], tell: Callable[[Use], None]
) -> None:
    """Tell of each use of a watched Tensor, or by one, when its turn comes.

    The order, the rules, and the care taken of nan are those of `backward()`.
    """
    uses = count_uses(start)
    totals = dict(start)
    left = dict(uses)

    def apply_rule(node: Tensor, position: int, gradient: Any) -> Any:
        parent = node._parents[position]
        assert parent is not None
        contribution = fit(pulled(node, position, gradient), node._arrays[position + 1], node)
        left[parent] -= 1
        total = totals.pop(parent) + contribution if parent in totals else contribution
        if left[parent]:
            totals[parent] = total
        if node in watched or parent in watched:
            arrived = uses[parent] - left[parent]
            tell(Use(node, position, parent, gradient, contribution, total, arrived, uses[parent]))
        return contribution

    with undisturbed():
        alive = None
        if any(node.operation.kind == "selects" for node in uses if node.operation) and any(
            map(_may_hold_nan, sum_over_paths(start, uses).values())
        ):
            alive = _alive_entries(start, uses)
        pulled = _with_care(False, False, alive)
        sum_over_paths(start, uses, apply_rule=apply_rule)
