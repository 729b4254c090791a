"""What a picture, its text for the terminal, or its page shows of a model, as plain data: nodes,
groups and edges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .fold import Folding
from .graph import Group, Item, Use
from .model import Derivative, Model
from .words import Box, DrawnNode


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    flows: bool
    count: int = 1
    position: int = 0
    derivative: Derivative | None = None


class View:
    """What is shown of a model: `nodes`, `boxes`, `frames` (open groups), `edges` and `hops`.

    `order` has the keys of what is shown, in the order of computing; `around` the keys of the
    frames around each, from inside outwards; `marks` those that are marked.
    In a page every group that folds has a frame.
    """

    def __init__(self, model: Model, folding: Folding, is_page: bool = False) -> None:
        self.model, self.folding, graph = model, folding, model.graph
        framed = [
            group
            for group in folding.opened
            if group.outer and not group.is_caption and (is_page or group.is_worth_a_frame)
        ]
        has_frame = set(framed).__contains__
        self.items = [
            Box(model, item) if isinstance(item, Group) else DrawnNode(model, item)
            for item in folding.shown
        ]
        self.nodes = [item for item in self.items if isinstance(item, DrawnNode)]
        self.boxes = [item for item in self.items if isinstance(item, Box)]
        self.frames = [Box(model, group) for group in framed]
        self.around = {
            model.key(item): [*map(model.key, filter(has_frame, graph.around(item)))]
            for item in [*framed, *folding.shown]
        }
        marks = model.highlight.marks(folding)
        self.marks = {model.key(item): mark for item, mark in marks.items()}
        self.heads = list(dict.fromkeys(model.key(folding.drawn_as(end)) for end in graph.ends))
        self.edges = list(self._edges())
        self.hops = model.highlight.hops(folding, model.key)
        self.order = self._order()

    def _edges(self) -> Iterator[Edge]:
        key, drawn_as = self.model.key, self.folding.drawn_as
        links: dict[tuple[Item, Item], list[Use]] = defaultdict(list)
        for node, position, used in self.model.graph.uses:
            source, target = drawn_as(used), drawn_as(node)
            if source is not target:
                links[source, target].append((node, position, used))
        for (source, target), uses in links.items():
            flows = any(node.requires_grad and used.requires_grad for node, _, used in uses)
            edge = Edge(key(source), key(target), flows, len(uses))
            if isinstance(source, Group) or isinstance(target, Group):
                yield edge
                continue
            for use in uses:
                derivative = self.model.derivatives.get(use)
                yield replace(edge, count=1, position=use[1], derivative=derivative)

    def _order(self) -> list[str]:
        """The keys: a leaf just before its first use, a group with its last operation."""
        number, users = self.model.graph.number, self.model.graph.users
        first = {leaf: (number[used_by[0]], i) for i, (leaf, used_by) in enumerate(users.items())}

        def when(item: Item) -> tuple[int, int]:
            if not isinstance(item, Group):
                return first.get(item) or (number.get(item, 0), len(first))
            nodes = item.nodes()
            computed = [when(node) for node in nodes if node not in first]
            return max(computed) if computed else min(map(when, nodes))

        return list(map(self.model.key, sorted(self.folding.shown, key=when)))
