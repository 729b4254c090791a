"""Where the leaves of a graph stand in its picture: beside what uses them, or around it."""

from __future__ import annotations

from collections import defaultdict

from ..tensor import Tensor
from .graph import Graph, Group, Item, Node

ALIKE = 3  # leaves that can be drawn as one


def kind_of(node: Node, graph: Graph) -> str:
    """What a node is: an operation, a parameter, an input, a constant, or given from elsewhere."""
    if graph.computes(node):
        return "operation"
    if not isinstance(node, Tensor):
        return "input"
    if node.operation is not None:
        return "given"  # it was computed outside of what is drawn
    if node.requires_grad:
        return "parameter"
    return "input" if node.name or node.size != 1 else "constant"


def place_leaves(graph: Graph) -> None:
    """Put each leaf into the innermost group that has all its uses, with these exceptions.

    What all turns of a repetition share stands outside of it, and inputs stand outside of all. An
    array that is no Tensor is an input of a box, and not a part of it, if the box has no other.
    Leaves of the same kind and shape with the same use are bundled, so that they can fold.
    """
    graph.groups()  # sets the levels
    users: dict[Node, list[Tensor]] = defaultdict(list)
    for leaf, user in graph.leaves():
        users[leaf].append(user)
    plain = any(not isinstance(leaf, Tensor) for leaf in users)
    fed = _fed(graph) if plain else set()
    standing: dict[Group, list[Item]] = defaultdict(list)
    alike: dict[object, list[Node]] = defaultdict(list)
    for leaf, using in users.items():
        kind = kind_of(leaf, graph)
        group = _around_all(leaf, using, graph, kind, fed)
        graph.home[leaf] = group
        used_in = frozenset(graph.meeting(leaf, user)[1] for user in using)
        shape = leaf.shape if isinstance(leaf, Tensor) else leaf.array.shape
        alike[group, kind, shape, used_in].append(leaf)
    for (group, *_), leaves in alike.items():  # type: ignore[misc]
        if len(leaves) >= ALIKE:
            bundle = Group("bundle", "", group)
            bundle.hold(leaves, graph.home)
            standing[group].append(bundle)
        else:
            standing[group].extend(leaves)
    for group, items in standing.items():
        operations, group.members = group.members, []
        group.hold([*items, *operations], graph.home)


def _around_all(leaf: Node, users: list[Tensor], graph: Graph, kind: str, fed: set[Group]) -> Group:
    if isinstance(leaf, Tensor) and kind in ("input", "given"):
        return graph.root
    group = graph.home[users[0]]
    for user in users[1:]:
        other = graph.home[user]
        while group is not other:
            if group.level >= other.level:
                group = group.outer or group
            else:
                other = other.outer or other
    while group.outer and (group.kind == "repeat" or (kind == "input" and group not in fed)):
        group = group.outer
    return group


def _fed(graph: Graph) -> set[Group]:
    """The groups into which results from outside, or inputs, flow."""
    fed: set[Group] = set()
    for node in graph.operations:
        for _, source in graph.sources(node):
            if isinstance(source, Tensor):
                group: Group | None = graph.home[node]
                if graph.computes(source):
                    within = graph.meeting(source, node)[2]
                elif source.requires_grad or kind_of(source, graph) == "constant":
                    continue
                else:
                    within = graph.root
                while group is not within and group is not None:
                    fed.add(group)
                    group = group.outer
    return fed
