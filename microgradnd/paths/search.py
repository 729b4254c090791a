"""Following every path by which an entry reaches the loss, without walking them one by one.

The entries that can be reached, and the local derivatives between them, are a graph in which the
paths are counted and summed from the loss backwards. Then the largest are picked.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import operator
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..chain_rule import parents_first
from ..context import undisturbed
from ..habits import require
from ..tensor import Tensor
from .local_derivatives import local_derivatives
from .notation import Place, Symbols, columns, counted, fraction, latex_number

Factor = tuple[str, str, str]  # a derivative in text and in LaTeX, and its value

WIDTH = 100  # columns of a line
WRITTEN = 12  # factors of a path; of more, those in the middle are put together

# These only rearrange entries. Where their result has no name, their factors are not written.
_REARRANGING = {
    "broadcast_to", "copy", "expand_dims", "getitem", "moveaxis", "ravel", "reshape", "squeeze",
    "swapaxes", "transpose",
}  # fmt: skip


def paths(
    loss: Tensor, w: Tensor, index: int | tuple[int, ...] | None = None, limit: int = 10
) -> Story:
    """Find every path by which an entry of w reaches the loss.

    The result has the derivative as `total`: the sum over all paths of the product of the local
    derivatives along each. `count` is the number of paths, except those with a local derivative of
    exactly 0. `paths` are the largest, `rest` is the sum of the others. Print it, or its `latex()`.

    Arguments:
        loss: a scalar.
        w: a Tensor that the loss was computed from, a leaf or not.
        index: the index of the entry, as in NumPy; a scalar needs none.
        limit: how many of the largest paths to keep.

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
      2.  ∂L/∂h[0] · ∂h[0]/∂v₂[0] · ∂v₂[0]/∂w[0]
             1     ·      18      ·      3       = 54
      3.  ∂L/∂h[0] · ∂h[0]/∂v₂[0] · ∂v₂[0]/∂w[0]
             1     ·      18      ·      3       = 54
    <BLANKLINE>
    ∂L/∂w[0] = 150 + 54 + 54 = 258
    """
    check_question("paths", loss, w)
    require(w.requires_grad, f"{w.title} does not require a gradient, so no path was recorded")
    nodes = parents_first([loss])
    require(w in {*nodes}, f"{loss.title} does not depend on {w.title}: no path leads there")
    entry = flat_index(w, index)
    require(operator.index(limit) >= 0, f"paths(limit=...): must be 0 or more, got {limit}")
    with undisturbed():  # what is not finite is found where it matters
        search = _Search(nodes, w, entry)
    routes, rest = search.largest(limit)
    symbols = Symbols([loss])
    start, end = (Place(t, _index(t, k), symbols.plain(t)) for t, k in ((w, entry), (loss, 0)))
    step = functools.cache(functools.partial(search.step, symbols))
    found = [
        Path(math.prod((d for _, d in route), start=1.0), tuple(map(step, route)))
        for route in routes
    ]
    found.sort(key=lambda path: -abs(path.product))
    return Story(search.total[0], search.count, found, rest, start, end)


def check_question(asked: str, loss: Any, w: Any) -> None:
    """Refuse what is not a scalar loss and a Tensor."""
    for what, value in ("loss", loss), ("w", w):
        wrong = f"{asked}(loss, w): {what} must be a Tensor, got {type(value).__name__}"
        require(isinstance(value, Tensor), wrong, TypeError)
    wrong = f"{loss.title} has shape {loss.shape}: reduce it to a scalar, as np.sum does"
    require(loss.size == 1, wrong)


def flat_index(w: Tensor, index: Any) -> int:
    """The place of an entry in flat order."""
    if index is None:
        index = (0,) * w.ndim if w.size == 1 else ()
    place = np.arange(w.size).reshape(w.shape)[index]
    wrong = f"{w.title} has shape {w.shape}, so {index!r} is not one entry"
    require(isinstance(place, np.integer), f"{wrong}; give one index for each axis", IndexError)
    return int(place)


_Edge = tuple[int, float]  # from an entry to this one, with the local derivative


class _Search:
    """The entries that an entry of w reaches, parents first, and the edges on paths to the loss.

    Of the paths from each entry to the loss, `total` has the sum and `best` the log₂ of the
    largest; `count` is the number of those from w.
    """

    def __init__(self, nodes: list[Tensor], w: Tensor, entry: int) -> None:
        self.entries, self.leaving = [(w, entry)], [list[_Edge]()]
        numbers = {w: {entry: 0}}  # for each node the numbers of its places
        for node in nodes:
            own: dict[int, int] = {}
            for position, parent in enumerate(node.arguments):
                if isinstance(parent, Tensor) and (live := numbers.get(parent)):
                    sources = list(live.values())
                    found = local_derivatives(node, position, np.array(list(live)))
                    for place, k, derivative in zip(*(x.tolist() for x in found), strict=True):
                        if place not in own:
                            own[place] = len(self.entries)
                            self.entries.append((node, place))
                            self.leaving.append([])
                        self.leaving[sources[k]].append((own[place], derivative))
            if own:
                numbers[node] = own
        arrives = nodes[-1] in numbers  # else a local derivative is zero on every way to the loss
        self.total = total = [0.0] * len(self.entries)
        self.best = best = [-math.inf] * len(self.entries)
        total[-1], best[-1] = (1.0, 0.0) if arrives else (0.0, -math.inf)
        for v in reversed(range(len(self.entries) - 1)):
            self.leaving[v] = [edge for edge in self.leaving[v] if best[edge[0]] > -math.inf]
            for t, derivative in self.leaving[v]:
                if not math.isfinite(derivative):
                    node = self.entries[t][0]
                    name = node.operation.name + f", recorded at {node.line}" * bool(node.line)
                    of, by = (_index(*self.entries[entry]) for entry in (t, v))
                    raise FloatingPointError(
                        f"{name}: the local derivative of entry {of} with respect to entry "
                        f"{by} of its argument is {derivative}, so the paths have no sum"
                    )
                total[v] += derivative * total[t]
                best[v] = max(best[v], math.log2(abs(derivative)) + best[t])
        counts = {0: int(arrives)}  # none is kept beyond its use, as they can be long
        for v, edges in enumerate(self.leaving):
            self.count = counts.pop(v, 0)
            for t, _ in edges:
                counts[t] = counts.get(t, 0) + self.count
        self.arriving = Counter(target for edges in self.leaving for target, _ in edges)

    def largest(self, limit: int) -> tuple[list[list[_Edge]], float]:
        """The paths of largest magnitude as lists of edges, and the sum of all the others.

        On the heap are beginnings of paths, which stand for all paths that begin so. The one that
        can become the largest is followed first, of equals the last, which is the longest.
        """
        routes: list[list[_Edge]] = []
        new = itertools.count(0, -1)
        # How much smaller than the largest it must become (a factor, as its log₂); where it is, its
        # product, and its last edge with the way before that.
        heap: list[Any] = [(0.0, next(new), 0, 1.0, None)] if self.count else []
        while heap and len(routes) < limit:
            smaller, _, v, product, way = heapq.heappop(heap)
            for edge in self.leaving[v]:
                target, derivative = edge
                lost = self.best[v] - (math.log2(abs(derivative)) + self.best[target])
                begun = target, product * derivative, (edge, way)
                heapq.heappush(heap, (smaller + lost, next(new), *begun))
            if not self.leaving[v]:
                route = []
                while way:
                    edge, way = way
                    route.append(edge)
                routes.append(route[::-1])
        return routes, sum((product * self.total[v] for *_, v, product, _ in heap), start=0.0)

    def step(self, symbols: Symbols, edge: _Edge) -> PathStep:
        target, derivative = edge
        node, place = self.entries[target]
        straight = self.arriving[target] == 1 == len(self.leaving[target])
        return PathStep(node, _index(node, place), symbols.plain(node), derivative, straight)


def _index(node: Tensor, place: int) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(place, node.shape)))


# ---- the result ----------------------------------------------------------------------------------


@dataclass(eq=False)
class PathStep(Place):
    """An entry on a path, and its local derivative with respect to the entry before it."""

    derivative: float
    straight: bool = field(repr=False)  # no paths part or meet there


@dataclass(eq=False)
class Path:
    """One way to the loss: its steps, and the product of their local derivatives."""

    product: float
    steps: tuple[PathStep, ...]


@dataclass(eq=False, repr=False)
class Story:
    """How one entry reaches the loss: see `paths`.

    The paths lead from `start` to `end`. A path's `steps` go the same way, each with the `tensor`
    it reaches, the `index` in it and the local `derivative`.

    Written out, the factors begin at the loss, as on a blackboard. Indices count from 0 as in
    NumPy: ∂L/∂W₁[2,0] is with respect to W1[2, 0]. A number at the end of a name is its subscript.
    Name the Tensors on the way (`h.name = "h"`): then those without a name are written only where
    paths part or meet, and elsewhere are part of the factor around them.
    """

    total: float
    count: int
    paths: list[Path]
    rest: float
    start: Place
    end: Place

    def __repr__(self) -> str:
        whole = fraction(self.end, self.start)[0]
        if not self.count:
            return f"{whole} = 0: there is no path on which no local derivative is 0"
        more, shown = self.count - len(self.paths), len(self.paths)
        head = f"{whole} is the sum over {counted(self.count, 'path')}"
        if shown and more:
            these = "this is the largest" if shown == 1 else f"these are the {shown} largest"
            head = f"{head}, of which {these}"
        lines = [f"{head}:", ""] if shown else [head]
        for number, path in enumerate(self.paths, 1):
            lines += _text_rows(f"{number:>3}.  ", self.factors(path), path.product)
        terms = [f"{path.product:.4g}" for path in self.paths]
        if more:
            terms.append(f"{self.rest:.4g} (of {counted(more, 'more path')})")
        total = [f"{self.total:.4g}"] if len(terms) > 1 else []
        summed = " + ".join(terms).replace("+ -", "- ")
        return "\n".join([*lines, "", " = ".join([whole, summed, *total])])

    def latex(self) -> str:
        """The paths as LaTeX for a formula of its own, with the numbers under their factors.

        >>> w = Tensor(3.0, requires_grad=True, name="w_1")
        >>> print(paths(w * 2, w).latex())
        \\begin{aligned}
        \\frac{\\partial L}{\\partial w_{1}}
        &= \\underbrace{\\frac{\\partial L}{\\partial w_{1}}}_{2} \\\\
        &= 2
        \\end{aligned}
        """
        terms = [
            r" \cdot ".join(_braced(d, latex_number(value)) for _, d, value in self.factors(path))
            for path in self.paths
        ]
        if more := self.count - len(self.paths):
            number, _, words = counted(more, "more path").partition(" ")
            under = rf"{latex_number(number)}\text{{ {words}}}"
            terms.append(_braced(latex_number(f"{self.rest:.4g}"), under))
        rows = [("&+ " if k else "&= ") + term for k, term in enumerate(terms)]
        rows.append("&= " + latex_number(f"{self.total:.4g}"))
        body, whole = " \\\\\n".join(rows), fraction(self.end, self.start)[1]
        return f"\\begin{{aligned}}\n{whole}\n{body}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def factors(self, path: Path) -> list[Factor]:
        """The factors of a path as they are written, from the loss on."""
        named = any(step.tensor.name for step in path.steps[:-1])
        found: list[tuple[float, Place, Place]] = []
        before, derivative = self.start, 1.0
        for step in path.steps:
            derivative *= step.derivative
            unchanged = step.derivative == 1 and step.tensor.operation.name in _REARRANGING
            passed = not step.tensor.name and (unchanged or (named and step.straight))
            if step is path.steps[-1] or not passed:  # else it is part of the factor around it
                found.append((derivative, step, before))
                before, derivative = step, 1.0
        found = found[::-1] or [(1.0, self.end, self.start)]
        half = WRITTEN // 2
        middle = found[half:-half] if len(found) > WRITTEN + 1 else []
        shown = found[:half] + found[-half:] if middle else found
        factors = [(*fraction(of, by), f"{value:.4g}") for value, of, by in shown]
        if middle:
            latex = rf"\cdots \text{{({len(middle)} factors)}} \cdots"
            product = f"{math.prod(value for value, *_ in middle):.4g}"
            factors.insert(half, (f"… {len(middle):,} more factors …", latex, product))
        return factors


def _braced(latex: str, under: str) -> str:
    return rf"\underbrace{{{latex}}}_{{{under}}}"


def _text_rows(number: str, factors: list[Factor], product: float) -> list[str]:
    """The factors of a path, with their values below them."""
    rows, joint = [], ""
    above, below = number, " " * len(number)
    for text, _, value in factors:
        width = max(columns(text), len(value))
        if joint and columns(above) + len(joint) + width > WIDTH:
            rows += [f"{above} ·", f"{below} ·"]
            above, below, joint = " " * len(number), " " * len(number), ""
        above += joint + _in_the_middle(text, width)
        below += joint + _in_the_middle(value, width)
        joint = " · "
    return [*rows, above.rstrip(), f"{below} = {product:.4g}"]


def _in_the_middle(text: str, width: int) -> str:
    spare = width - columns(text)
    return " " * (spare // 2) + text + " " * (spare - spare // 2)
