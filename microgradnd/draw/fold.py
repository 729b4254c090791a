"""Which groups of a graph are open in its picture, and what is drawn for each node then."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable

from ..habits import require
from ..tensor import Tensor
from .graph import Graph, Group, Item, Plain
from .grouping import cut_apart, repeat_title
from .numbers import FEW as FEW_ENTRIES

USUAL = 60  # items of a picture that folds itself
LAYERS = 40  # of one that shows modules by their layers
SMALL = 16  # nodes that are shown one by one, with all their numbers
MOST = 2_000  # of one whose scopes `depth` opens, and of a page
FEWEST_PARTS = 12  # that a group is cut into; with less room it stays closed
FEW = 10  # items, for which a repetition opens to show one of its turns
FEW_LEAVES = 6  # of a bundle that opens in a usual picture
ALIKE = 3  # leaves that can be drawn as one


def is_small(graph: Graph) -> bool:
    """Whether there is room for each node of a graph, its leaves placed, with all its numbers."""
    return len(graph.home) <= SMALL and all(
        graph.array(node).size <= FEW_ENTRIES for node in graph.home
    )


def place_leaves(graph: Graph, leaves: Iterable[Tensor], most: int) -> None:
    """Put each leaf into the innermost group that has all its uses, with these exceptions.

    What all turns of a repetition share stands outside of it. Inputs stand outside of all groups;
    an array that is not a Tensor only if nothing else but parameters is computed with it. Leaves of
    the same kind and shape with the same use are bundled; if more than `most` are left, all are.
    """
    alike: dict[Group, dict[object, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for leaf in leaves:
        group = graph.home[leaf] = _around_uses(leaf, graph)
        used_in = frozenset(graph.apart(leaf, user)[1][-1] for user in graph.users[leaf])
        alike[group][graph.kind(leaf), graph.array(leaf).shape, used_in].append(leaf)
    for group, bundles in alike.items():
        standing: list[Item] = []
        for bundle in bundles.values():
            few = len(bundle) < ALIKE
            standing += bundle if few else [Group("bundle", outer=group, items=bundle)]
        if len(standing) > most:
            everything = itertools.chain(*bundles.values())
            standing = [Group("bundle", outer=group, items=everything)]
        group.members[:0] = standing


def _around_uses(leaf: Tensor, graph: Graph) -> Group:
    kind, users = graph.kind(leaf), graph.users[leaf]
    others = {graph.kind(parent) for user in users for parent in user.parents}
    first = not others & {"operation", "input", "given"}  # nothing computed meets it
    if kind in ("given", "input") or (isinstance(leaf, Plain) and first):
        return graph.root
    group = graph.home[users[0]]
    for home in {graph.home[user] for user in users}:
        around = set(home.around())
        while group not in around:
            group = group.outer or graph.root
    while group.outer and group.kind == "repeat":
        group = group.outer
    return group


class Folding:
    """A graph, its leaves placed, with groups that are open or closed, as `draw` asks for.

    `shown` are the nodes and the closed groups that are drawn, `opened` the groups around them.
    What is `wanted` is shown if there is room. With `by_layers` modules open down to their layers.
    """

    def __init__(
        self,
        graph: Graph,
        depth: int | None = None,
        fold: tuple[str, ...] = (),
        limit: int | None = None,
        wanted: Iterable[Tensor] = (),
        by_layers: bool = False,
    ) -> None:
        for name in fold:
            known = any(group.is_named([name]) for group in graph.root.groups())
            require(known, f"draw(fold={name!r}): no scope of this graph has this name")
        self.graph, self._depth, self._fold, self.by_layers = graph, depth, fold, by_layers
        self._larger = limit is not None
        self._wanted = {group for node in wanted for group in graph.home[node].around()}
        self._feeding: dict[Item, list[Item]] = {}
        usual = limit or (LAYERS if by_layers else USUAL)
        self.opened = self._open(usual, MOST if limit is None and depth is not None else usual)
        inside = [item for group in self.opened for item in group.members]
        self.shown = [item for item in inside if item not in self.opened]
        boxes = [item for item in self.shown if isinstance(item, Group)]
        self._closed = {group: box for box in boxes for group in box.groups()}

    def drawn_as(self, node: Tensor) -> Item:
        """The node itself, or the closed group that it is in."""
        return self._closed.get(self.graph.home[node], node)

    def _open(self, room: int, for_scopes: int) -> dict[Group, None]:
        """The groups that are open: from outside inwards, as long as there is room."""
        opened: dict[Group, None] = {}
        shown, order = 1, itertools.count()
        heap = [(False, False, 0, 0, self.graph.root)]
        while heap:
            _, _, level, _, group = heapq.heappop(heap)
            left = (for_scopes if group.kind == "scope" else room) - shown + 1
            if not (self._fits(group, left) or self._made_to_fit(group, left, shown)):
                continue
            opened[group] = None
            shown += len(group.members) - 1
            for inner in itertools.filterfalse(self._stays_closed, group.inner()):
                last = inner.kind in ("repeat", "bundle")
                rank = inner not in self._wanted, last, level + 1, next(order), inner
                heapq.heappush(heap, rank)
        return opened

    def _stays_closed(self, group: Group) -> bool:
        """Whether `depth` or `fold` closes a scope, or what repeats it; or it is a part."""
        if group.kind == "part":
            return not self._larger and group not in self._wanted
        if group.kind == "repeat":
            turn = group.members[0]
            inner = turn.inner() if isinstance(turn, Group) and turn.kind == "turn" else [turn]
            return any(isinstance(each, Group) and self._stays_closed(each) for each in inner)
        if self.by_layers and self._depth is None and group.is_layer and group not in self._wanted:
            others = [each for each in self.graph.root.inner() if each.kind != "bundle"]
            return others != [group]  # alone it is what the picture is about
        if group.kind != "scope" or not (self._fold or self._depth is not None):
            return False
        depth = sum(each.kind == "scope" for each in group.around())
        too_deep = self._depth is not None and depth > self._depth
        return (too_deep or group.is_named(self._fold)) and len(group.nodes()) > 1

    def _fits(self, group: Group, left: int) -> bool:
        """Whether there is room for what is in a group; of what is repeated, all or nothing."""
        if group.kind == "repeat" and not _is_parted(group):
            return len(group.nodes()) <= left
        few = len(group.members) <= FEW_LEAVES and not self.by_layers
        few = few or group.kind != "bundle" or self._larger
        return few and len(group.members) <= left

    def _made_to_fit(self, group: Group, left: int, shown: int) -> bool:
        """Put items of a group together, if that is worth while."""
        if group.kind == "repeat":
            asked = self._larger and len(group.nodes()) // group.times <= left
            return (group in self._wanted or asked or shown < FEW) and self._one_apart(group)
        if group.kind == "bundle" or (group is not self.graph.root and left < FEWEST_PARTS):
            return False
        self._feeding = self._feeding or self.graph.feeding()
        leaves = cut_apart(group, left - left // 3, self._feeding, self.graph)
        place_leaves(self.graph, leaves, left // 3)
        return True

    def _one_apart(self, repeat: Group) -> bool:
        """Put the turns of a repetition together but for one: one that is wanted, or the last."""
        turns = repeat.inner()
        if not turns or _is_parted(repeat) or repeat.outer.kind == "repeat":  # type: ignore
            return False
        place = next((i for i, turn in enumerate(turns) if turn in self._wanted), len(turns) - 1)
        before, after = (
            Group("repeat", repeat_title(rest), repeat, rest)
            for rest in (turns[:place], turns[place + 1 :])
        )
        repeat.members = [each for each in (before, turns[place], after) if each.members]
        return True


def _is_parted(repeat: Group) -> bool:
    return any(group.kind == "repeat" for group in repeat.inner())
