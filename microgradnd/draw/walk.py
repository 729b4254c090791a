"""The backward pass over a graph as the engine takes it, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from ..backward import differentiate
from ..chain_rule import count_uses
from ..context import undisturbed
from ..tensor import Tensor


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

    def visit(node: Tensor, position: int, gradient: Any, contribution: Any) -> Any:
        parent = node.arguments[position]
        left[parent] -= 1
        total = totals.pop(parent) + contribution if parent in totals else contribution
        if left[parent]:
            totals[parent] = total
        if node in watched or parent in watched:
            arrived = uses[parent] - left[parent]
            tell(Use(node, position, parent, gradient, contribution, total, arrived, uses[parent]))
        return contribution

    with undisturbed():
        differentiate(start, visit=visit)
