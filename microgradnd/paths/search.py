"""Following every path by which an entry reaches the loss, without walking them one by one.

An entry's derivative is a sum over paths, of the products of the local derivatives along each. The
entries that the asked one reaches, and the local derivatives between them, make a graph in which
the paths are counted and summed from the loss backwards. The largest are then picked out: each
follows the best way on from every entry, except where it deviates.
"""

from __future__ import annotations

import heapq
import itertools
import math
import operator
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np

from ..chain_rule import parents_first
from ..context import undisturbed
from ..tensor import Tensor
from .local_derivatives import local_derivatives
from .story import Path, Place, Step, Story, names_of


def paths(
    loss: Tensor, w: Tensor, index: int | tuple[int, ...] | None = None, limit: int = 10
) -> Story:
    """Every path by which the entry of w at the index reaches the loss, as a `Story`.

    The index is NumPy's, counted from 0; a scalar needs none. `w` may be a leaf or anything else
    that the loss was computed from. `story.total` is the derivative of the loss by the entry: the
    sum over all paths of the product of the local derivatives along each. `story.count` says how
    many there are through the recorded operations, those aside on which a local derivative comes
    out as exactly 0. `story.paths` has the `limit` largest, `story.rest` the sum of the others.
    Print the story to read it, or see `story.latex()`.

    >>> import numpy as np
    >>> from microgradnd import Tensor, paths
    >>> w = Tensor([3.0, 5.0], requires_grad=True, name="w")
    >>> h = np.square(w[0] * w)
    >>> h.name = "h"
    >>> story = paths(np.sum(h), w, 0)
    >>> story.total, story.count, story.rest
    (258.0, 3, 0.0)
    >>> print(story)
    ∂L/∂w[0] is the sum over 3 paths:
    <BLANKLINE>
      1.  ∂L/∂h[1] · ∂h[1]/∂w[0]
             1     ·     150     = 150
      2.  ∂L/∂h[0] · ∂h[0]/∂multiply[0] · ∂multiply[0]/∂w[0]
             1     ·         18         ·         3          = 54
      3.  ∂L/∂h[0] · ∂h[0]/∂multiply[0] · ∂multiply[0]/∂w[0]
             1     ·         18         ·         3          = 54
    <BLANKLINE>
    ∂L/∂w[0] = 150 + 54 + 54 = 258
    """
    nodes = _nodes_between(loss, w)
    entry = _flat_index(w, index)
    if operator.index(limit) < 0:
        raise ValueError(f"paths(limit={limit}): how many paths to show cannot be negative")
    with undisturbed():  # what is not finite is found where it matters
        graph = _entries_reached(nodes, w, entry)
    names = names_of(nodes, loss)
    start, end = _place(w, entry, names), _place(loss, 0, names)
    if graph.nodes[-1] is not loss:  # a local derivative is zero on every way
        return Story(0.0, 0, [], 0.0, start, end)
    sums = _sums_to_the_loss(graph)
    routes, rest = _largest(graph, sums, limit)
    steps = _steps(graph, sums, routes, names)
    found = [Path.along([steps[e] for e in route]) for route in routes]
    found.sort(key=lambda path: -abs(path.product))
    return Story(sums.total[0], sums.number, found, rest, start, end)


# ---- what is asked for ---------------------------------------------------------------------------


def _nodes_between(loss: Any, w: Any) -> list[Tensor]:
    """All that the loss was computed from, parents first, if w is among it."""
    for what, value in ("loss", loss), ("w", w):
        if not isinstance(value, Tensor):
            raise TypeError(f"paths(loss, w): {what} is a Tensor, not {type(value).__name__}")
    if loss.size != 1:
        raise ValueError(
            f"paths lead to a scalar, but {loss.title} has shape {loss.shape}: reduce it "
            "(np.sum), or take one entry of it"
        )
    if not w.requires_grad:
        raise ValueError(f"{w.title} does not require a gradient, so no path was recorded")
    nodes = parents_first([loss])
    if w not in set(nodes):
        raise ValueError(f"{loss.title} does not depend on {w.title}: no path leads there")
    return nodes


def _flat_index(w: Tensor, index: Any) -> int:
    """The index of one entry as its place in flat order."""
    if index is None:
        index = (0,) * w.ndim if w.size == 1 else ()
    parts = index if isinstance(index, tuple) else (index,)
    try:
        if any(isinstance(part, bool | np.bool_) for part in parts):
            raise TypeError("truth values are no indices")
        places = [operator.index(part) for part in parts]
    except TypeError as error:
        raise TypeError(
            f"paths start from one entry, which an integer or a tuple of them names, not {index!r}"
        ) from error
    if len(places) != w.ndim:
        raise IndexError(
            f"{w.title} has shape {w.shape}: an entry has one index for each axis, "
            f"{len(places)} given"
        )
    for place, size in zip(places, w.shape, strict=True):
        if not -size <= place < size:
            raise IndexError(f"{w.title} has shape {w.shape}, there is no entry {index!r}")
    places = [place % size for place, size in zip(places, w.shape, strict=True)]
    return int(np.ravel_multi_index(places, w.shape)) if places else 0


# ---- the graph of entries ------------------------------------------------------------------------


class _Graph(NamedTuple):
    """The entries that are reached, numbered parents first, and the edges between them.

    The entries of nodes[i] begin at number first[i], and entries[i] are their places in flat order.
    The edges that leave entry v are those from leaving[v] to leaving[v + 1]; each has the entry it
    leads to and the local derivative.
    """

    nodes: list[Tensor]
    first: list[int]
    entries: list[Any]
    leaving: list[int]
    target: list[int]
    derivative: list[float]

    def edges(self, v: int) -> range:
        return range(self.leaving[v], self.leaving[v + 1])

    def where(self, v: int) -> tuple[Tensor, int]:
        """The node that entry v is of, and its place there in flat order."""
        i = bisect_right(self.first, v) - 1
        return self.nodes[i], int(self.entries[i][v - self.first[i]])


def _entries_reached(nodes: list[Tensor], w: Tensor, entry: int) -> _Graph:
    """What the entry of w reaches through local derivatives that are not zero."""
    entries, first, size = {w: np.array([entry])}, {w: 0}, 1
    edges: list[tuple[Any, Any, Any]] = []  # sources, targets, derivatives
    for node in nodes:
        used: list[tuple[Any, Any, Any]] = []
        for position, parent in enumerate(node._parents):
            if parent in entries:
                outputs, places, derivatives = local_derivatives(node, position, entries[parent])
                used.append((first[parent] + places, outputs, derivatives))
        sources, outputs, derivatives = _joined(used)
        if len(outputs):
            entries[node], targets = np.unique(outputs, return_inverse=True)
            edges.append((sources, size + targets, derivatives))
            first[node], size = size, size + len(entries[node])
    sources, targets, derivatives = _joined(edges)
    order = np.argsort(sources, kind="stable")
    return _Graph(
        list(entries),
        list(first.values()),
        list(entries.values()),
        np.searchsorted(sources, np.arange(size + 1), sorter=order).tolist(),
        targets[order].tolist(),
        derivatives[order].astype(float).tolist(),
    )


def _joined(parts: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    if len(parts) == 1:
        return parts[0]
    columns = zip(*parts, strict=True) if parts else [[np.zeros(0, int)]] * 3
    joined = [np.concatenate(column) for column in columns]
    return joined[0], joined[1], joined[2]


# ---- sums over paths -----------------------------------------------------------------------------


class _Sums(NamedTuple):
    """What there is between each entry and the loss."""

    total: list[float]  # the sum over all paths
    best: list[float]  # log₂ of the largest path's magnitude, -inf if no path leads to the loss
    best_edge: list[int]  # by which it leaves
    number: int  # of paths from the first entry


def _sums_to_the_loss(graph: _Graph) -> _Sums:
    """From the loss backwards, since the paths of an entry are those of the entries it leads to."""
    size, target, derivative = len(graph.leaving) - 1, graph.target, graph.derivative
    total, best, best_edge = [0.0] * size, [-math.inf] * size, [-1] * size
    total[-1], best[-1] = 1.0, 0.0
    counts, remaining = {size - 1: 1}, _arriving(target, size)
    for v in reversed(range(size - 1)):
        count = 0
        for e in graph.edges(v):
            t = target[e]
            if best[t] > -math.inf:
                if not math.isfinite(derivative[e]):
                    raise _not_finite(graph, v, e)
                count += counts[t]
                total[v] += derivative[e] * total[t]
                length = math.log2(abs(derivative[e])) + best[t]
                if length > best[v]:
                    best[v], best_edge[v] = length, e
            remaining[t] -= 1
            if not remaining[t]:  # numbers of paths can be long: none is kept beyond its use
                counts.pop(t, None)
        if count:
            counts[v] = count
    return _Sums(total, best, best_edge, counts.get(0, 0))


def _arriving(target: list[int], size: int) -> list[int]:
    """The number of edges that lead to each entry."""
    return list(np.bincount(np.asarray(target, int), minlength=size).tolist())


def _not_finite(graph: _Graph, v: int, e: int) -> FloatingPointError:
    (node, place), (parent, source) = graph.where(graph.target[e]), graph.where(v)
    at = f", recorded at {node.line}" if node.line else ""
    return FloatingPointError(
        f"{node.operation.name}{at}: the local derivative of entry {_index(node, place)} by entry "
        f"{_index(parent, source)} of its argument is {graph.derivative[e]}, so the paths through "
        "it have no sum"
    )


# ---- the largest paths ---------------------------------------------------------------------------


def _largest(graph: _Graph, sums: _Sums, limit: int) -> tuple[list[list[int]], float]:
    """The paths of largest magnitude as lists of edges, and the sum of all the others.

    A path is known by where it last deviates from the best way on. All paths that begin as it does
    up to there form a set of which it is the largest; once it is taken, the others of its set fall
    into one set for each deviation further on. The sets on the heap are always all that is left.
    """
    routes: list[list[int]] = []
    new = itertools.count()  # decides between equals
    # How much smaller than the largest (a factor, as its log₂); the route to follow and how far;
    # then the edge of the deviation, the entry it leads to, and the product up to there.
    heap: list[tuple[float, int, int, int, list[int], int, float]] = []
    if sums.number:
        heap.append((0.0, next(new), 0, 0, [], 0, 1.0))
    while heap and len(routes) < limit:
        smaller, _, other, shared, deviation, v, product = heapq.heappop(heap)
        route = [*(routes[other][:shared] if shared else ()), *deviation]
        while (best := sums.best_edge[v]) >= 0:
            for e in graph.edges(v):
                t = graph.target[e]
                if e != best and sums.best[t] > -math.inf:
                    length = math.log2(abs(graph.derivative[e])) + sums.best[t]
                    ranked = smaller + sums.best[v] - length, next(new)
                    begun = product * graph.derivative[e]
                    heapq.heappush(heap, (*ranked, len(routes), len(route), [e], t, begun))
            route.append(best)
            product *= graph.derivative[best]
            v = graph.target[best]
        routes.append(route)
    return routes, sum((product * sums.total[v] for *_, v, product in heap), start=0.0)


def _steps(
    graph: _Graph, sums: _Sums, routes: list[list[int]], names: dict[Tensor, str]
) -> dict[int, Step]:
    """The steps that the edges of the routes are; routes that share an edge share the step."""
    arriving = _arriving(graph.target, len(sums.best))
    steps: dict[int, Step] = {}
    for e in set(itertools.chain.from_iterable(routes)):
        v = graph.target[e]
        node, place = graph.where(v)
        onward = sum(sums.best[graph.target[leaving]] > -math.inf for leaving in graph.edges(v))
        straight = arriving[v] == 1 == onward
        steps[e] = Step(node, _index(node, place), names[node], graph.derivative[e], straight)
    return steps


def _place(node: Tensor, place: int, names: dict[Tensor, str]) -> Place:
    return Place(node, _index(node, place), names[node])


def _index(node: Tensor, place: int) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(place, node.shape))) if node.shape else ()
