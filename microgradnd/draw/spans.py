"""Edges that are too long to be drawn in a large picture.

A layout in layers has a point wherever an edge passes a layer, so edges that pass hundreds make it
slow, and unreadable. Instead of drawing those, one says at their ends what is meant.
"""

from __future__ import annotations

from collections import defaultdict

from .model import Edge

POINTS = 3_000  # that the layout has time for


def too_long(edges: list[Edge]) -> set[int]:
    """The places of the edges that had better not be drawn: the longest, if all are too long."""
    ranks = _ranks(edges)
    spans = [ranks[edge.target] - ranks[edge.source] for edge in edges]
    left, cut = POINTS, set()
    for place in sorted(range(len(edges)), key=lambda place: spans[place]):
        left -= spans[place] - 1
        if left < 0 and spans[place] > 1:
            cut.add(place)
    return cut


def _ranks(edges: list[Edge]) -> dict[str, int]:
    """The layer of each node: after all that leads to it; of a leaf, just before its first use."""
    onward: dict[str, list[str]] = defaultdict(list)
    waiting: dict[str, int] = defaultdict(int)
    for edge in edges:
        onward[edge.source].append(edge.target)
        waiting[edge.target] += 1
    ranks: dict[str, int] = {}
    leaves = [key for key in onward if not waiting[key]]
    ready = list(leaves)
    for key in ready:  # `ready` grows while it is walked
        rank = ranks.setdefault(key, 0)
        for target in onward[key]:
            ranks[target] = max(ranks.get(target, 0), rank + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for edge in edges:  # of boxes that feed each other
        ranks.setdefault(edge.source, 0)
        ranks.setdefault(edge.target, 0)
    for leaf in leaves:
        ranks[leaf] = min(ranks[target] for target in onward[leaf]) - 1
    return ranks
