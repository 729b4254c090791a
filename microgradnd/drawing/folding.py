"""Which groups of a graph are open in its picture, and what is drawn for each node then."""

from __future__ import annotations

import contextlib
import gc
import heapq
import itertools
from collections.abc import Iterator

from .graph import Graph, Group, Item, Node, named
from .leaves import place_leaves
from .parts import Feeding, split
from .repeats import group_repeats

USUAL = 60  # items of a picture that folds itself
MOST = 2_000  # of one that was asked to show more
FEWEST_PARTS, MOST_PARTS = 12, 40  # that a group is split into; with less room it stays closed
FEW_LEAVES = 6  # of a bundle that opens without being asked


def arrange(graph: Graph) -> None:
    """Put what is repeated together, and the leaves where they belong."""
    with _collector_paused():
        group_repeats(graph)
        place_leaves(graph)


class Folding:
    """A graph, arranged before, with groups that are open or closed.

    `shown` are the nodes and the closed groups that are drawn, `opened` the groups around them.
    """

    def __init__(
        self,
        graph: Graph,
        depth: int | None = None,
        fold: tuple[str, ...] = (),
        limit: int | None = None,
        wanted: frozenset[Node] = frozenset(),
    ) -> None:
        self.graph = graph
        self.weights: dict[Group, int] = {}
        with _collector_paused():
            groups = graph.groups()
            self._weigh(groups)
            asked = limit or (depth is not None and MOST)
            shut = {
                group
                for group in groups
                if self.weights[group] > 1 and _must_stay_closed(group, depth, fold)
            }
            first = {group for node in wanted for group in graph.home[node].around()}
            self.opened = self._open(shut, first, asked or USUAL, bool(asked))
        self.shown = [
            item for group in self.opened for item in group.members if item not in self.opened
        ]
        self._closed: dict[Group, Group | None] = {}

    def drawn_as(self, node: Node) -> Item:
        """The node itself, or the closed group that it is in."""
        home = self.graph.home[node]
        if home not in self._closed:
            closed = [group for group in home.around() if group not in self.opened]
            self._closed[home] = closed[-1] if closed else None
        return self._closed[home] or node

    def _open(
        self, shut: set[Group], first: set[Group], room: int, asked: bool
    ) -> dict[Group, None]:
        opened: dict[Group, None] = {}
        shown, order = 1, itertools.count()
        heap: list[tuple[bool, bool, int, int, Group]] = [(False, False, 0, 0, self.graph.root)]
        feeding: Feeding | None = None
        while heap:
            *_, group = heapq.heappop(heap)
            alike = group.kind in ("repeat", "bundle")
            needed = self.weights[group] if alike else len(group.members)
            left = room - shown + 1
            if group.kind == "bundle" and needed > FEW_LEAVES and not asked:
                continue
            if needed > left:
                apart = left >= FEWEST_PARTS and (asked or group.kind != "part")
                if alike or not (apart or group is self.graph.root):
                    continue
                feeding = self.graph.feeding() if feeding is None else feeding
                split(group, left if asked else min(left, MOST_PARTS), feeding, self.graph)
                parts = [m for m in group.members if isinstance(m, Group)]
                self._weigh([part for part in parts if part not in self.weights])
            opened[group] = None
            shown += len(group.members) - 1
            for member in group.members:
                if isinstance(member, Group) and member not in shut:
                    last = member.kind in ("repeat", "bundle")
                    heapq.heappush(
                        heap, (member not in first, last, member.level, next(order), member)
                    )
        return opened

    def _weigh(self, groups: list[Group]) -> None:
        """Count the nodes inside each group; the groups come before those inside them."""
        for group in reversed(groups):
            self.weights[group] = sum(
                self.weights[member] if isinstance(member, Group) else 1 for member in group.members
            )


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Many small lists at once make the garbage collector walk over all of them time and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _must_stay_closed(group: Group, depth: int | None, fold: tuple[str, ...]) -> bool:
    """Whether a group is a scope that was asked to be closed, or repeats such scopes."""
    if group.kind == "repeat":
        turn = group.members[0]
        inner = turn.members if isinstance(turn, Group) and turn.kind == "turn" else [turn]
        return any(isinstance(g, Group) and _must_stay_closed(g, depth, fold) for g in inner)
    if group.kind != "scope":
        return False
    return named(group, fold) or (depth is not None and len(group.path()) > depth)
