"""The chain rule on a graph: dL/dx = Σ dL/du · du/dx over every use u of x.

Nothing here knows what a Tensor is. A node remembers the call that made it: `_parents` (with None
where an argument was a plain value), `operation.rules` (one for each argument), `arrays` (the
output and the arguments as they were then) and `_keywords`; and whether it `_requires_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np

from .arrays import is_alone
from .table import explained, together

Node = Any


def reached(
    heads: dict[Node, Any], relevant: Container[Node] | None = None
) -> dict[Node, list[Any]]:
    """For each node that the heads depend on: how often it is used on the way, the gradient that a
    head has, and the node.

    Only nodes that require a gradient are followed, and only the relevant ones if these are given.
    """
    entries: dict[Node, list[Any]] = {}
    for head, gradient in heads.items():
        entries[head] = [0, gradient, head]
    found = list(entries)
    for node in found:  # `found` grows while it is walked
        for parent in node._parents:
            if parent in entries:
                entries[parent][0] += 1
            elif parent is None or not parent._requires_grad:
                continue
            elif relevant is None or parent in relevant:
                entries[parent] = [1, None, parent]
                found.append(parent)
    return entries


def sum_over_paths(
    entries: dict[Node, list[Any]],
    kept: Container[Node] = (),
    apply_rule: Callable[[Any, Node, int, Any], Any] | None = None,
) -> dict[Node, Any]:
    """The gradients of the leaves among the nodes that were reached, and of those in `kept`.

    A node is visited when all of its uses have been visited, so that its gradient is complete; its
    rules then compute its contribution to each parent. This uses the entries up.
    """
    gradients: dict[Node, Any] = {}
    ready = [entry for entry in entries.values() if not entry[0]]
    for entry in ready:  # `ready` grows while it is walked
        _, gradient, node = entry
        entry[1] = None
        parents = node._parents
        if not parents or node in kept:
            gradients[node] = gradient
            if not parents:
                continue
        rules, arrays, keywords = node.operation.rules, node.arrays, node._keywords
        rules = rules.at_a_visit() if type(rules) is together else rules
        given = (gradient, *arrays)
        position = -1
        for parent in parents:
            position += 1
            if not (receiver := entries.get(parent)):
                continue
            try:
                if apply_rule is not None:
                    contribution = apply_rule(rules[position], node, position, gradient)
                elif keywords:
                    contribution = rules[position](*given, **keywords)
                else:  # in less time
                    contribution = rules[position](*given)
            except (ValueError, TypeError, IndexError, OverflowError) as error:
                name = f"the gradient of {node.operation.name}"
                raise explained(error, name, arrays[1:]) from error
            array = arrays[position + 1]
            try:
                if contribution.shape != array.shape or contribution.dtype is not array.dtype:
                    contribution = fit(contribution, array, node)
            except AttributeError:  # a number
                contribution = fit(contribution, array, node)
            if receiver[1] is not None:
                large = contribution.size > 1000 and type(contribution) is np.ndarray
                if large and is_alone(receiver, 1) and receiver[1].flags.writeable:
                    contribution = np.add(receiver[1], contribution, receiver[1])
                else:
                    contribution = receiver[1] + contribution
            receiver[1] = contribution
            if receiver[0] == 1:
                ready.append(receiver)
            else:
                receiver[0] -= 1
    return gradients


def parents_first(heads: Iterable[Node]) -> list[Node]:
    """Every node that leads to the heads, parents first, whether it requires a gradient or not."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = list(heads)[::-1]
    while stack:
        node = stack[-1]
        missing = [parent for parent in node._parents if parent is not None and parent not in done]
        if missing and node not in done:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if node not in done:
            done.add(node)
            order.append(node)
    return order


def leading_to(targets: Iterable[Node], order: list[Node]) -> set[Node]:
    """The targets, and the nodes of `order` (parents first) that were computed from them."""
    reached = set(targets)
    for node in order:
        if not reached.isdisjoint(node._parents):
            reached.add(node)
    return reached


# ---- broadcasting: an argument is used once for each of its copies -------------------------------


def fit(contribution: Any, array: Any, node: Node) -> Any:
    """The contribution of a rule, in the shape and dtype of the argument it belongs to."""
    try:
        dtype = array.dtype
        rows = type(contribution) is np.ndarray and contribution.shape[1:] == array.shape
        if rows and contribution.dtype is dtype and dtype.char != "e":  # the usual case: a bias
            return np.add.reduce(contribution)  # what `sum` calls, in less time
        summed = sum_to_shape(contribution, array.shape)
        return summed if summed.dtype is dtype or summed.dtype == dtype else summed.astype(dtype)
    except (AttributeError, ValueError) as error:
        if isinstance(contribution, int | float) and contribution == 0:
            return np.zeros_like(array)
        shape = getattr(contribution, "shape", None)
        found = f"{contribution!r:.50}, not an array" if shape is None else f"shape {shape}"
        raise ValueError(
            f"{node.operation.name}: expected a gradient of shape {array.shape} from its rule "
            f"(output shape {node.shape}), got {found}"
        ) from error


def wide(value: Any) -> Any:
    """float16 as float32, in which sums of many do not stop at 2048."""
    return value.astype(np.float32) if value.dtype.char == "e" else value


def sum_to_shape(value: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast to the shape of the value."""
    value = wide(value) if value.dtype.char == "e" else value
    added = value.ndim - len(shape)
    if added >= 0 and value.shape[added:] == shape:
        return value.sum(axis=tuple(range(added))) if added else value
    sizes = list(zip(shape, value.shape[max(added, 0) :], strict=added >= 0))
    if added < 0 or any(size not in (1, found) for size, found in sizes):
        raise ValueError(f"shape {shape} does not broadcast to {value.shape}")
    stretched = (added + i for i, (size, found) in enumerate(sizes) if size != found)
    return value.sum(axis=(*range(added), *stretched)).reshape(shape)
