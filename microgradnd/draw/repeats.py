"""Repeated parts of a graph: blocks in a row, loops over time.

Items of a group are alike if they do the same to arrays of the same shapes, and get what they do it
to from as far back. Where a stretch of alike items comes again and again, each time is a turn, and
all turns together become a group.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .graph import Graph, Group, Item

FEWEST = 3  # turns that are a repetition
LONGEST = 500  # items of a turn

Run = tuple[int, int, int]  # where a repetition starts, the length of a turn, how many turns
Array = np.ndarray[Any, Any]


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
        return number((getattr(item.operation, "name", None), item.shape))

    for group in reversed(graph.groups()):  # those inside come first
        place = {item: i for i, item in enumerate(group.members)}
        kinds = [kind(item) for item in group.members]
        wiring = [
            sorted(i - place[source] for source in feeding.get(item, ()))
            for i, item in enumerate(group.members)
        ]
        alike = [number((kinds[i], *wiring[i])) for i in range(len(kinds))]
        insides[group] = tuple(alike)
        if len(alike) >= FEWEST:
            runs = find_runs(np.array(alike))
            if runs:
                alive = _values_alive(wiring)
                fitted = [_fitted(run, alike, kinds, wiring, alive) for run in runs]
                _put_together(group, sorted(fitted), graph)


def without_digits(title: str) -> str:
    """What the titles of blocks in a row have in common: "3 Block" and "4 Block" are "Block"."""
    return re.sub(r"[0-9]+", "", title).strip(" _.-")


def find_runs(alike: Array) -> list[Run]:
    """Stretches of a sequence that are repeated at once, the longest first, none overlapping."""
    found: list[Run] = []
    length = len(alike)
    for period in range(1, min(LONGEST, length // FEWEST, 1 + 3 * 10**7 // length) + 1):
        same = np.concatenate([[False], alike[period:] == alike[:-period], [False]])
        starts, ends = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).T
        enough = ends - starts >= max(period, length // 500)  # the first turn may differ
        for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
            found.append((start, period, (end - start) // period + 1))
    found.sort(key=lambda run: (-run[1] * run[2], run[1]))
    taken = np.zeros(length, bool)
    chosen = []
    for start, period, times in found:
        stretch = slice(start, start + period * times)
        if not taken[stretch].any():
            taken[stretch] = True
            chosen.append((start, period, times))
    return chosen


def _values_alive(wiring: list[list[int]]) -> list[int]:
    """How many of the values computed before each item are still needed by it or later ones."""
    last = list(range(len(wiring)))
    for i, offsets in enumerate(wiring):
        for offset in offsets:
            last[i - offset] = max(last[i - offset], i)
    change = np.zeros(len(wiring) + 2, int)
    for i, end in enumerate(last):
        change[i + 1] += 1
        change[end + 1] -= 1
    return np.cumsum(change).tolist()  # type: ignore[no-any-return]


def _fitted(
    run: Run, alike: list[int], kinds: list[int], wiring: list[list[int]], alive: list[int]
) -> Run:
    """The same repetition with its turns cut where fewest values pass from one to the next.

    The first turn may get its values from elsewhere: what a loop starts with.
    """
    start, period, _ = run
    cut = alive[start + period : start + 2 * period]  # leaves, used first, are not counted
    narrow = [shift for shift in range(period) if cut[shift] == min(cut)]
    shifted = [_shifted(run, shift, alike, kinds, wiring) for shift in narrow]
    return max(shifted, key=lambda run: (run[2], -run[0]))


def _shifted(
    run: Run, shift: int, alike: list[int], kinds: list[int], wiring: list[list[int]]
) -> Run:
    start, period, times = run
    end, start = start + times * period, start + shift
    times -= alike[end : end + shift] != alike[start - shift : start]
    first = start - period
    if first >= 0 and all(
        kinds[first + i] == kinds[start + i]
        and _within(wiring[first + i], i) == _within(wiring[start + i], i)
        for i in range(period)
    ):
        start, times = first, times + 1
    return start, period, times


def _within(offsets: list[int], place: int) -> list[int]:
    """Those of the offsets that stay within the turn."""
    return [offset for offset in offsets if offset <= place]


def _put_together(group: Group, runs: list[Run], graph: Graph) -> None:
    members, done = group.members, 0
    group.members = []
    for start, period, times in runs:
        end = start + period * times
        if start < done or times < FEWEST:  # another run has grown into it
            continue
        group.hold(members[done:start], graph.home)
        repeat = Group("repeat", "", group)
        group.hold([repeat], graph.home)
        for first in range(start, end, period):
            turn: list[Item] = members[first : first + period]
            if period > 1:
                made = Group("turn", f"{(first - start) // period + 1} of {times}", repeat)
                made.hold(turn, graph.home)
                turn = [made]
            repeat.hold(turn, graph.home)
        repeat.title = repeat_title(repeat)
        done = end
    group.hold(members[done:], graph.home)


def repeat_title(repeat: Group) -> str:
    """What a repetition of scopes is called: "0 … 11 Block", or what all of them are."""
    scopes = [item for item in repeat.members if isinstance(item, Group)]
    titles = [item.title for item in scopes if item.kind == "scope"]
    if not titles:
        return ""
    first, last = titles[0], titles[-1]
    numbers = [re.search(r"[0-9]+", title) for title in (first, last)]
    if first == last or None in numbers:
        return first
    return re.sub(r"[0-9]+", f"{numbers[0][0]} … {numbers[1][0]}", first, count=1)  # type: ignore
