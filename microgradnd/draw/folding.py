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
from .repeats import group_repeats, repeat_title

USUAL = 60  # items of a picture that folds itself
MOST = 2_000  # of one that was asked to show more
FEWEST_PARTS, MOST_PARTS = 12, 40  # that a group is split into; with less room it stays closed
FEW = 10  # items, for which a repetition opens to show one of its turns
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
        self._feeding: Feeding = {}
        with _collector_paused():
            _put_apart(graph)
            groups = graph.groups()
            self._weigh(groups)
            asked = limit or (depth is not None and MOST)
            for name in fold:
                if not any(named(group, [name]) for group in groups):
                    raise ValueError(f"draw(fold={name!r}): no scope of this graph has this name")
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
        """The groups that are open: from outside inwards, as long as there is room."""
        opened: dict[Group, None] = {}
        shown, order = 1, itertools.count()
        heap: list[tuple[bool, bool, int, int, Group]] = [(False, False, 0, 0, self.graph.root)]
        while heap:
            *_, group = heapq.heappop(heap)
            left = room - shown + 1
            if not self._fits(group, left, asked):
                if group.kind == "repeat" and (group in first or shown < FEW):
                    made_to_fit = self._one_apart(group, first, shut)
                else:
                    made_to_fit = self._in_parts(group, left, asked)
                if not made_to_fit:
                    continue
            opened[group] = None
            shown += len(group.members) - 1
            for member in group.members:
                if isinstance(member, Group) and member not in shut:
                    last = member.kind in ("repeat", "bundle")
                    rank = (member not in first, last, member.level, next(order))
                    heapq.heappush(heap, (*rank, member))
        return opened

    def _fits(self, group: Group, left: int, asked: bool) -> bool:
        """Whether there is room for what is in a group; of what is repeated, all or nothing."""
        if group.kind == "repeat":
            return self.weights[group] <= left
        few = group.kind != "bundle" or asked or len(group.members) <= FEW_LEAVES
        return few and len(group.members) <= left

    def _in_parts(self, group: Group, left: int, asked: bool) -> bool:
        """Split a group into as many parts as there is room for, if that is worth while."""
        if group is not self.graph.root:
            parts_again = group.kind == "part" and not asked
            if left < FEWEST_PARTS or parts_again or group.kind in ("repeat", "bundle"):
                return False
        self._feeding = self._feeding or self.graph.feeding()
        split(group, left if asked else min(left, MOST_PARTS), self._feeding, self.graph)
        parts = [member for member in group.members if isinstance(member, Group)]
        self._weigh([part for part in parts if part not in self.weights])
        return True

    def _one_apart(self, repeat: Group, first: set[Group], shut: set[Group]) -> bool:
        """Put the turns of a repetition together but for one: one that is wanted, or the last."""
        turns = [turn for turn in repeat.members if isinstance(turn, Group)]
        if not turns:
            return False
        shown = next((turn for turn in turns if turn in first), turns[-1])
        place = turns.index(shown)
        before, after = (
            self._together(turns[:place], repeat),
            self._together(turns[place + 1 :], repeat),
        )
        repeat.members = []
        repeat.hold([*before, shown, *after], self.graph.home)
        shut.update((*before, *after))
        return True

    def _together(self, turns: list[Group], repeat: Group) -> list[Group]:
        """Turns of a repetition as one group, if there are any."""
        group = Group("repeat", "", repeat)
        group.hold(turns, self.graph.home)
        group.title = repeat_title(group) if turns else ""
        self._weigh([group])
        return [group] if turns else []

    def _weigh(self, groups: list[Group]) -> None:
        """Count the nodes inside each group; the groups come before those inside them."""
        for group in reversed(groups):
            self.weights[group] = sum(
                self.weights[member] if isinstance(member, Group) else 1 for member in group.members
            )


def _put_apart(graph: Graph) -> None:
    """Undo what an earlier folding put together: a repetition holds its turns themselves."""
    for group in graph.groups():
        if group.kind == "repeat" and any(
            isinstance(member, Group) and member.kind == "repeat" for member in group.members
        ):
            turns = [
                turn
                for member in group.members
                for turn in (
                    member.members
                    if isinstance(member, Group) and member.kind == "repeat"
                    else [member]
                )
            ]
            group.members = []
            group.hold(turns, graph.home)


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
