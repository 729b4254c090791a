"""The chain rule on a graph: put its nodes in order, and sum over the paths.

Nothing here knows what a node holds. A node is anything with `_parents`, a tuple of the nodes it
was computed from with None for a plain value, and `_requires_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any


def sum_over_paths(
    heads: dict[Any, Any],
    uses: dict[Any, int],
    pull_back: Callable[[Any, Any], Iterable[tuple[Any, Any]]],
    kept: Container[Any] = (),
) -> dict[Any, Any]:
    """From the gradients of the heads those of the leaves, and of the nodes to be kept.

    dL/dx = Σ dL/du · du/dx over every use u of x. So a node's turn comes when all of its uses have
    had theirs; `pull_back(node, gradient)` then gives a (parent, contribution) pair for each of
    the node's uses of a parent.
    """
    gradients, waiting = dict(heads), dict(uses)
    ready = [head for head in heads if not waiting[head]]
    for node in ready:  # `ready` grows while it is walked
        if not node._parents:
            continue
        gradient = gradients[node] if node in kept else gradients.pop(node)
        for parent, contribution in pull_back(node, gradient):
            if parent in gradients:
                gradients[parent] = gradients[parent] + contribution
            else:
                gradients[parent] = contribution
            left = waiting[parent] - 1
            if left:
                waiting[parent] = left
            else:
                ready.append(parent)
    return gradients


def count_uses(heads: Iterable[Any], relevant: Container[Any] | None = None) -> dict[Any, int]:
    """For each node that the heads depend on, how often it is used on the way to them.

    Followed are the nodes that require a gradient, or those of them that are relevant.
    """
    uses = dict.fromkeys(heads, 0)
    found = list(uses)
    for node in found:  # `found` grows while it is walked
        for parent in node._parents:
            if parent in uses:
                uses[parent] += 1
            elif (
                parent is not None
                and parent._requires_grad
                and (relevant is None or parent in relevant)
            ):
                uses[parent] = 1
                found.append(parent)
    return uses


def parents_first(heads: Iterable[Any]) -> list[Any]:
    """Every node that leads to the heads, whether it requires a gradient or not, in order."""
    order: list[Any] = []
    done: set[Any] = set()
    stack = list(heads)[::-1]
    while stack:
        node = stack[-1]
        missing = (
            () if node in done else [p for p in node._parents if p is not None and p not in done]
        )
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return order


def leading_to(targets: Iterable[Any], order: list[Any]) -> set[Any]:
    """The targets, and those of the nodes (parents first) that were computed from them."""
    reached = set(targets)
    for node in order:
        if not reached.isdisjoint(node._parents):
            reached.add(node)
    return reached
