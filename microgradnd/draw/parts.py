"""A group with too many items for a picture, in fewer parts.

What an item is computed from, and nothing visited before was, hangs below it in a tree; so a part
of the tree is an expression, or the rest of one. The largest are taken apart while there is room.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict

from .graph import Graph, Group, Item, Node, sources_first


def split(group: Group, room: int, feeding: dict[Item, list[Item]], graph: Graph) -> list[Node]:
    """Put items of a group together, so that about as many are left as there is room for.

    Its leaves are returned, to be placed anew.
    """
    operations: list[Item] = []
    leaves: list[Node] = []
    for item in group.members:
        nodes = item.nodes() if isinstance(item, Group) and item.kind == "bundle" else [item]
        if nodes[0] in graph.users:
            leaves += nodes  # type: ignore[arg-type]
        else:
            operations.append(item)
    place = {item: i for i, item in enumerate(operations)}
    group.members = []
    for items in _apart(_tree(operations, feeding), room):
        items.sort(key=lambda item: place[item])
        part = Group("part", "", group).hold(items, graph.home) if len(items) > 1 else items[0]
        group.hold([part], graph.home)
    return leaves


def _tree(items: list[Item], feeding: dict[Item, list[Item]]) -> dict[Item | None, list[Item]]:
    """What hangs below each item; below None are those that no other is computed from."""
    within = set(items)
    used = {source for item in items for source in feeding.get(item, ())}
    starts = [*(item for item in items if item not in used), *reversed(items)]
    below: dict[Item | None, list[Item]] = defaultdict(list)
    for item, above in sources_first(
        starts, lambda item: [source for source in feeding.get(item, ()) if source in within]
    ):
        below[above].append(item)
    return below


def _apart(below: dict[Item | None, list[Item]], room: int) -> list[list[Item]]:
    """The items of the tree, those together that are shown as one."""
    sizes: dict[Item, int] = {}
    for item, _ in sources_first(below[None], lambda item: below.get(item, ())):
        sizes[item] = 1 + sum(sizes[each] for each in below.get(item, ()))
    order = itertools.count()
    heap: list[tuple[int, int, list[Item]]] = []
    found: list[list[Item]] = []

    def push(siblings: list[Item]) -> None:
        """Siblings and all that hangs below them, one by one if they are not too many."""
        each = -(-len(siblings) // max(room // 2, 2))
        for i in range(0, len(siblings), each or 1):
            branch = siblings[i : i + each]
            size = sum(sizes[item] for item in branch)
            heapq.heappush(heap, (-size, next(order), branch))

    push(below[None])
    while heap:
        *_, branch = heapq.heappop(heap)
        alone = len(branch) == 1
        inside = below.get(branch[0], []) if alone else branch
        if len(heap) + len(found) + alone + min(len(inside), max(room // 2, 2)) > room:
            walk = sources_first(branch, lambda item: below.get(item, ()))
            found.append([item for item, _ in walk])
        else:
            found += [branch] if alone else []
            push(inside)
    return found
