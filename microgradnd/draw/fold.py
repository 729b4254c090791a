"""How a graph becomes small enough for a picture: what is repeated is put together, what is too
much is cut into parts, and groups are open as long as there is room.

Items of a group are alike if they do the same to arrays of the same shapes, which come from as many
items back. A stretch of alike items that comes again and again is a turn; all turns become a group.
Turns, and parts, begin where the fewest values are passed on.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..habits import require
from ..tensor import Tensor
from .graph import Graph, Group, Item, Plain

USUAL = 60  # items of a picture that folds itself
LAYERS = 40  # of one that shows modules by their layers
MOST = 2_000  # of one whose scopes `depth` opens, and of a page
FEWEST_PARTS = 12  # that a group is cut into; with less room it stays closed
FEW = 10  # items, for which a repetition opens to show one of its turns
FEW_LEAVES = 6  # of a bundle that opens in a usual picture
ALIKE = 3  # leaves that can be drawn as one, and turns that are a repetition
LONGEST = 500  # items of a turn

Feeding = dict[Item, list[Item]]
Run = range  # a repetition: the places where its turns start


def group_repeats(graph: Graph) -> None:
    """Put what is repeated in each group of the graph into a group of its own."""
    feeding = graph.feeding()
    numbers: dict[Any, int] = {}  # alike things have the same number
    insides: dict[Group, tuple[int, ...]] = {}

    def number(*thing: Any) -> int:
        return numbers.setdefault(thing, len(numbers))

    def kind(item: Item) -> int:
        if isinstance(item, Group):
            title = re.sub(r"[0-9]+", "", item.title).strip(" _.-")  # "3 Block" is like "4 Block"
            return number(title, insides[item])
        return number(item.operation and item.operation.name, item.shape)

    for group in reversed(graph.root.groups()):  # those inside come first
        kinds, wiring = [kind(item) for item in group.members], _wiring(group, feeding)
        pairs = list(enumerate(zip(kinds, wiring, strict=True)))
        uses = Counter((each, i - k) for i, (each, offsets) in pairs for k in offsets)
        alike = [  # also if each takes its part of one and the same item
            number(each, *(k if uses[each, i - k] < ALIKE else -1 for k in offsets))
            for i, (each, offsets) in pairs
        ]
        insides[group] = tuple(alike)
        if runs := find_runs(np.array(alike)):
            passed = _passed_on(wiring)
            _put_together(group, [_well_cut(run, alike, kinds, wiring, passed) for run in runs])


def _wiring(group: Group, feeding: Feeding) -> list[list[int]]:
    """For each item of a group, how far back the items are that feed it."""
    place = {item: i for i, item in enumerate(group.members)}
    return [
        sorted([i - place[source] for source in feeding.get(item, ()) if source in place])
        for item, i in place.items()
    ]


def _passed_on(wiring: list[list[int]]) -> Array:
    """How many of the values computed before each item it, or later ones, still need."""
    last = list(range(len(wiring)))
    for i, offsets in enumerate(wiring):
        for offset in offsets:
            last[i - offset] = i
    change = np.ones(len(last) + 2, int)
    change[[0, -1]] = 0
    np.subtract.at(change, np.array(last, int) + 1, 1)
    return np.cumsum(change)


def find_runs(alike: Array) -> list[Run]:
    """Stretches of a sequence that are repeated at once, the longest first, none overlapping."""
    found: list[Run] = []
    length = len(alike)
    for period in range(1, min(LONGEST, length // ALIKE, 1 + 3 * 10**7 // max(length, 1)) + 1):
        same = np.concatenate([[False], alike[period:] == alike[:-period], [False]])
        starts, ends = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).T
        enough = ends - starts >= max(period, length // 500)  # the first turn may differ
        for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
            turns = (end - start) // period + 1
            found.append(range(start, start + turns * period, period))
    taken = np.zeros(length, bool)
    chosen = []
    for run in sorted(found, key=lambda run: (run.start - run.stop, run.step)):
        if not taken[run.start : run.stop].any():
            taken[run.start : run.stop] = True
            chosen.append(run)
    return chosen


def _well_cut(
    run: Run, alike: list[int], kinds: list[int], wiring: list[list[int]], passed: Array
) -> Run:
    """The repetition with its turns cut where the fewest values pass from one to the next.

    A turn before it belongs to it if it is alike but for what it takes from outside, as in a loop.
    """
    period = run.step

    def within(start: int) -> list[tuple[int, list[int]]]:
        places = range(period)
        return [(kinds[start + i], [k for k in wiring[start + i] if k <= i]) for i in places]

    def shifted(shift: int) -> Run:
        start, end = run.start + shift, run.stop + shift
        if alike[run.stop : end] != alike[run.start : start]:
            end -= period
        if start >= period and within(start - period) == within(start):
            start -= period
        return range(start, end, period)

    cut = passed[run.start + period :][:period]  # of the second turn: the first also uses leaves
    narrow = np.flatnonzero(cut == cut.min()).tolist()
    return max(map(shifted, narrow), key=lambda run: (len(run), -run.start))


def _put_together(group: Group, runs: list[Run]) -> None:
    members, done = group.members, 0
    group.members = []
    for run in sorted(runs, key=lambda run: run.start):
        if run.start < done or len(run) < ALIKE:  # another run has grown into it
            continue
        group.hold(members[done : run.start])
        done = run.stop
        turns = members[run.start : done]
        if run.step > 1:
            turns = [
                Group("turn", f"{i} of {len(run)}", group, members[start : start + run.step])
                for i, start in enumerate(run, 1)
            ]
        group.hold([Group("repeat", repeat_title(turns), group, turns)])
    group.hold(members[done:])


def repeat_title(items: Iterable[Item]) -> str:
    """The title of a repetition of scopes: "Block0 … Block11", or the one that all of them have."""
    titles = [each.title for each in items if isinstance(each, Group) and each.kind == "scope"]
    return " … ".join(dict.fromkeys([*titles[:1], *titles[-1:]]))


def cut_apart(group: Group, room: int, feeding: Feeding, graph: Graph) -> list[Tensor]:
    """Put the operations of a group into as many parts as there is room for, small at its end.

    Its leaves are returned, to be placed anew.
    """
    leaves: list[Tensor] = []
    items: list[Item] = []
    for item in group.members:
        if isinstance(item, Group) and item.kind == "bundle":
            leaves += item.nodes()
        else:
            (leaves if item in graph.users else items).append(item)  # type: ignore
    group.members = items
    passed = _passed_on(_wiring(group, feeding))
    stretches = len(items) * (1 - np.linspace(1, 0, room) ** 3)  # shorter and shorter
    cuts = [
        start + int(np.argmin(passed[start:end]))
        for start, end in itertools.pairwise(np.unique(stretches.astype(int)).tolist())
    ]
    group.members = []
    for start, end in itertools.pairwise(dict.fromkeys([0, *cuts, len(items)])):
        part = items[start:end]
        group.hold(part if len(part) == 1 else [Group("part", "", group, part)])
    return leaves


def place_leaves(graph: Graph, leaves: Iterable[Tensor], most: int) -> None:
    """Put each leaf into the innermost group that has all its uses, inputs outside of all groups.

    What all turns of a repetition share stands outside of it. Leaves of the same kind and shape
    with the same use are bundled; if more than `most` are left, all are.
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

    `opened` are the groups that are open. What is closed may be cut into parts later on.
    What is `wanted` is shown if there is room. With `by_layers` modules open down to their layers.
    The groups that another folding has `opened` are open in any case.
    """

    def __init__(
        self,
        graph: Graph,
        depth: int | None = None,
        fold: tuple[str, ...] = (),
        limit: int | None = None,
        wanted: Iterable[Tensor] = (),
        by_layers: bool = False,
        opened: Iterable[Group] = (),
    ) -> None:
        for name in fold:
            known = any(group.is_named([name]) for group in graph.root.groups())
            require(known, f"draw(fold={name!r}): no scope of this graph has this name")
        self.graph, self._depth, self._fold, self.by_layers = graph, depth, fold, by_layers
        self._larger = limit is not None
        self._wanted = {group for node in wanted for group in graph.home[node].around()}
        self._feeding: dict[Item, list[Item]] = {}
        usual = limit or (LAYERS if by_layers else USUAL)
        self.opened = dict.fromkeys(opened)
        self._open(usual, MOST if limit is None and depth is not None else usual)
        self._drawn: dict[Group, Group | None] = {}

    @property
    def shown(self) -> list[Item]:
        """The nodes and the closed groups that are drawn."""
        inside = (item for group in self.opened for item in group.members)
        return [item for item in inside if item not in self.opened]

    def drawn_as(self, node: Tensor) -> Item:
        """The node itself, or the outermost closed group that it is in."""
        home = self.graph.home[node]
        if home not in self._drawn:
            closed = [group for group in home.around() if group not in self.opened]
            self._drawn[home] = closed[-1] if closed else None
        return self._drawn[home] or node

    def unfolded(self) -> Folding:
        """With more groups open, as many as a page has room for."""
        return Folding(self.graph, limit=max(MOST, len(self.shown)), opened=self.opened)

    def _open(self, room: int, for_scopes: int) -> None:
        """Open groups from outside inwards, as long as there is room."""
        shown, order = 1 + sum(len(group.members) - 1 for group in self.opened), itertools.count()
        heap: list[Any] = []

        def offer(groups: Iterable[Group], level: int) -> None:
            for group in itertools.filterfalse(self._stays_closed, groups):
                last = group.kind in ("repeat", "bundle")
                heapq.heappush(heap, (group not in self._wanted, last, level, next(order), group))

        offer([self.graph.root], 0)
        while heap:
            *_, level, _, group = heapq.heappop(heap)
            left = (for_scopes if group.kind == "scope" else room) - shown + 1
            if group not in self.opened:
                if not (self._fits(group, left) or self._made_to_fit(group, left, shown)):
                    continue
                self.opened[group] = None
                shown += len(group.members) - 1
            offer(group.inner(), level + 1)

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
