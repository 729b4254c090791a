"""A group with too many items for a picture, in fewer parts.

What an item is computed from, and nothing visited before was, hangs below it in a tree; so a part
of the tree is an expression, or the rest of one. The largest are taken apart while there is room.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .graph import Graph, Group, Item

Feeding = dict[Item, list[Item]]


class _Chunk:
    """Some of the many items that hang below one."""


def split(group: Group, room: int, feeding: Feeding, graph: Graph) -> None:
    """Put items of the group together, so that about as many are left as there is room for."""
    leaves: list[Item] = []
    operations: list[Item] = []
    for item in group.members:
        leaf = item.kind == "bundle" if isinstance(item, Group) else not graph.computes(item)
        (leaves if leaf else operations).append(item)
    below = _tree(operations, feeding, max(room // 2, 2))
    sizes = _sizes(below)
    closed = _closed(below, sizes, room)
    part_of: dict[Item, Group] = {}
    group.members = []
    for top in _postorder(below, closed):
        if top in closed and sizes[top] > 1:
            part = Group("part", "", group)
            part.hold(
                (i for i in _postorder(below, (), [top]) if type(i) is not _Chunk), graph.home
            )
            part_of.update(dict.fromkeys(part.members, part))
            group.hold([part], graph.home)
        elif type(top) is not _Chunk:
            group.hold([top], graph.home)
    _stand_leaves(group, leaves, part_of, graph, room)


def _tree(items: list[Item], feeding: Feeding, widest: int) -> dict[Any, list[Any]]:
    """What hangs below each item; below None are those that no other is computed from."""
    used = {source for item in items for source in feeding.get(item, ())}
    below: dict[Any, list[Any]] = defaultdict(list)
    entered: set[Item] = set()
    done: set[Item] = set()
    sinks = [item for item in items if item not in used]
    stack: list[tuple[Item, Item | None]] = [(item, None) for item in [*items, *sinks[::-1]]]
    within = set(items)
    while stack:
        item, above = stack[-1]
        if item not in entered:
            entered.add(item)
            sources = [s for s in feeding.get(item, ()) if s in within and s not in entered]
            stack.extend((source, item) for source in reversed(sources))
            continue
        stack.pop()
        if item not in done:
            done.add(item)
            below[above].append(item)
    for item, hanging in list(below.items()):
        while len(hanging) > widest:
            each = -(-len(hanging) // widest)
            chunks: list[Any] = []
            for i in range(0, len(hanging), each):
                chunks.append(_Chunk())
                below[chunks[-1]] = hanging[i : i + each]
            below[item] = hanging = chunks
    return below


def _postorder(
    below: dict[Any, list[Any]], closed: Iterable[Any], starts: list[Any] | None = None
) -> Iterable[Any]:
    """The items of a tree, those that hang below one before it, without looking into the closed."""
    stack = [(item, False) for item in reversed(below.get(None, []) if starts is None else starts)]
    while stack:
        item, entered = stack.pop()
        if entered or item in closed or not below.get(item):
            yield item
        else:
            stack.append((item, True))
            stack.extend((each, False) for each in reversed(below[item]))


def _sizes(below: dict[Any, list[Any]]) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for item in _postorder(below, ()):
        own = type(item) is not _Chunk
        sizes[item] = own + sum(sizes[each] for each in below.get(item, ()))
    return sizes


def _closed(below: dict[Any, list[Any]], sizes: dict[Any, int], room: int) -> set[Any]:
    """The items that are folded with all that hangs below them, the others being shown."""
    order = itertools.count()
    tops = below.get(None, [])
    heap = [(-sizes[item], next(order), item) for item in tops]
    heapq.heapify(heap)
    shown, closed = len(heap), set()
    while heap:
        _, _, item = heapq.heappop(heap)
        hanging = below.get(item, ())
        if shown + len(hanging) > room:
            closed.add(item)
            continue
        shown += len(hanging) - (type(item) is _Chunk)
        for each in hanging:
            heapq.heappush(heap, (-sizes[each], next(order), each))
    return closed


def _stand_leaves(
    group: Group, leaves: list[Item], part_of: dict[Item, Group], graph: Graph, room: int
) -> None:
    """Put leaves into the one part where they are used; bundle the others if they are many."""
    used_in: dict[Item, set[Item]] = defaultdict(set)
    holder = {leaf: item for item in leaves for leaf in nodes_in(item)}
    for node, user in graph.leaves():
        if node in holder:
            # the parts are in place, so this is the item of the group by which it is used
            item: Item = user
            around = graph.home[user]
            while around is not group and around.outer is not None:
                item, around = around, around.outer
            used_in[holder[node]].add(item)
    staying: list[Item] = []
    for leaf in leaves:
        items = used_in[leaf]
        part = next(iter(items)) if len(items) == 1 else None
        if isinstance(part, Group) and part.kind == "part":
            rest, part.members = part.members, []
            part.hold([leaf, *rest], graph.home)
        else:
            staying.append(leaf)
    if len(staying) > max(room // 2, 3):
        bundle = Group("bundle", "", group)
        bundle.hold([leaf for item in staying for leaf in nodes_in(item)], graph.home)
        staying = [bundle]
    operations, group.members = group.members, []
    group.hold([*staying, *operations], graph.home)


def nodes_in(item: Item) -> list[Any]:
    """The nodes that an item is, or that are anywhere in it."""
    found: list[Any] = []
    stack = [item]
    while stack:
        each = stack.pop()
        if isinstance(each, Group):
            stack.extend(reversed(each.members))
        else:
            found.append(each)
    return found
