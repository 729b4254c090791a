"""What is repeated in a graph, put together; and what is too much for a picture, cut into parts.

Items of a group are alike if they do the same to arrays of the same shapes, which come from as many
items back. A stretch of alike items that comes again and again is a turn; all turns become a group.
Turns, and parts, begin where the fewest values are passed on.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..tensor import Tensor
from .graph import Graph, Group, Item

FEWEST = 3  # turns that are a repetition
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
            number(each, *(k if uses[each, i - k] < FEWEST else -1 for k in offsets))
            for i, (each, offsets) in pairs
        ]
        insides[group] = tuple(alike)
        if runs := find_runs(np.array(alike)):
            passed = _passed_on(wiring)
            _put_together(group, [_fitted(run, alike, kinds, wiring, passed) for run in runs])


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
    for period in range(1, min(LONGEST, length // FEWEST, 1 + 3 * 10**7 // max(length, 1)) + 1):
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


def _fitted(
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
        if run.start < done or len(run) < FEWEST:  # another run has grown into it
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
