"""Repeated parts of a graph: blocks in a row, loops over time.

Items of a group are alike if they do the same to arrays of the same shapes, which come from as many
items back. A stretch of alike items that comes again and again is a turn; all turns become a group.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .graph import Graph, Group, Item

FEWEST = 3  # turns that are a repetition
LONGEST = 500  # items of a turn


class Run(NamedTuple):
    """A repetition: the place where it starts, the length of a turn, and how many turns."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times


def group_repeats(graph: Graph) -> None:
    """Put what is repeated in each group of the graph into a group of its own."""
    feeding = graph.feeding()
    numbers: dict[Any, int] = {}  # alike things have the same number
    insides: dict[Group, tuple[int, ...]] = {}

    def number(thing: Any) -> int:
        return numbers.setdefault(thing, len(numbers))

    def kind(item: Any) -> int:
        if isinstance(item, Group):
            return number((without_digits(item.title), insides[item]))
        return number((item.operation and item.operation.name, item.shape))

    for group in reversed(graph.groups()):  # those inside come first
        place = {item: i for i, item in enumerate(group.members)}
        sequence = Sequence(
            [kind(item) for item in group.members],
            [sorted(place[item] - place[s] for s in feeding.get(item, ())) for item in place],
        )
        alike = [number((each, *offsets)) for each, offsets in zip(*sequence, strict=True)]
        insides[group] = tuple(alike)
        runs = find_runs(np.array(alike))
        if runs:
            alive = sequence.values_alive()
            _put_together(group, sorted(sequence.fitted(run, alike, alive) for run in runs), graph)


def without_digits(title: str) -> str:
    """What the titles of blocks in a row have in common: "3 Block" and "4 Block" are "Block"."""
    return re.sub(r"[0-9]+", "", title).strip(" _.-")


def find_runs(alike: Array) -> list[Run]:
    """Stretches of a sequence that are repeated at once, the longest first, none overlapping."""
    found: list[Run] = []
    length = len(alike)
    for period in range(1, min(LONGEST, length // FEWEST, 1 + 3 * 10**7 // max(length, 1)) + 1):
        same = np.concatenate([[False], alike[period:] == alike[:-period], [False]])
        starts, ends = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).T
        enough = ends - starts >= max(period, length // 500)  # the first turn may differ
        for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
            found.append(Run(start, period, (end - start) // period + 1))
    found.sort(key=lambda run: (run.start - run.end, run.period))
    taken = np.zeros(length, bool)
    chosen = []
    for run in found:
        if not taken[run.start : run.end].any():
            taken[run.start : run.end] = True
            chosen.append(run)
    return chosen


class Sequence(NamedTuple):
    """The items of a group: the kind of each, and how far back the items are that feed it."""

    kinds: list[int]
    wiring: list[list[int]]

    def values_alive(self) -> list[int]:
        """How many of the values computed before each item it, or later ones, still need."""
        last = list(range(len(self.kinds)))
        for i, offsets in enumerate(self.wiring):
            for offset in offsets:
                last[i - offset] = max(last[i - offset], i)
        change = np.zeros(len(last) + 2, int)
        change[1:-1] = 1
        np.subtract.at(change, np.array(last) + 1, 1)
        return np.cumsum(change).tolist()  # type: ignore[no-any-return]

    def fitted(self, run: Run, alike: list[int], alive: list[int]) -> Run:
        """The repetition with its turns cut where fewest values pass from one to the next."""
        first_turn = run.start + run.period  # leaves, used in the first, are not counted
        cut = alive[first_turn : first_turn + run.period]
        narrow = [shift for shift in range(run.period) if cut[shift] == min(cut)]
        shifted = [self._shifted(run, shift, alike) for shift in narrow]
        return max(shifted, key=lambda run: (run.times, -run.start))

    def _shifted(self, run: Run, shift: int, alike: list[int]) -> Run:
        """The repetition from some items later on, with one more turn before it if that is alike.

        That turn may get its values from elsewhere: what a loop starts with.
        """
        start, period, times = run.start + shift, run.period, run.times
        times -= alike[run.end : run.end + shift] != alike[run.start : start]
        first = start - period
        if first >= 0 and all(
            self.kinds[first + i] == self.kinds[start + i]
            and self._within(first, i) == self._within(start, i)
            for i in range(period)
        ):
            start, times = first, times + 1
        return Run(start, period, times)

    def _within(self, start: int, place: int) -> list[int]:
        """How far back the items of the same turn are that feed the one at a place of it."""
        return [offset for offset in self.wiring[start + place] if offset <= place]


def _put_together(group: Group, runs: list[Run], graph: Graph) -> None:
    members, done = group.members, 0
    group.members = []
    for run in runs:
        if run.start < done or run.times < FEWEST:  # another run has grown into it
            continue
        group.hold(members[done : run.start], graph.home)
        repeat = Group("repeat", "", group)
        for first in range(run.start, run.end, run.period):
            turn: list[Item] = members[first : first + run.period]
            if run.period > 1:
                title = f"{(first - run.start) // run.period + 1} of {run.times}"
                turn = [Group("turn", title, repeat).hold(turn, graph.home)]
            repeat.hold(turn, graph.home)
        repeat.title = repeat_title(repeat)
        group.hold([repeat], graph.home)
        done = run.end
    group.hold(members[done:], graph.home)


def repeat_title(repeat: Group) -> str:
    """The title of a repetition of scopes: "0 … 11 Block", or the one that all of them have."""
    titles = [item.title for item in repeat.inner() if item.kind == "scope"]
    if not titles:
        return ""
    first, last = (re.search(r"[0-9]+", title) for title in (titles[0], titles[-1]))
    if titles[0] == titles[-1] or first is None or last is None:
        return titles[0]
    return re.sub(r"[0-9]+", f"{first[0]} … {last[0]}", titles[0], count=1)
