"""What is known of a graph: names, values, gradients and local derivatives.

There is one model of a graph. The picture and the page are views of it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import undisturbed
from ..paths.local_derivatives import local_derivatives
from ..paths.notation import Symbols
from ..tensor import Tensor
from .fold import Folding
from .graph import Group, Item, Use
from .highlight import Highlight
from .numbers import described, rows, shape_of, unit_of, written

SMALL = 600  # entries of a local derivative that are looked at
FEW = 6  # and that are written out,
FEW_DIAGONAL = 4  # or of a diagonal


class Model:
    """Names, values, gradients and local derivatives of a graph.

    Arguments:
        whole: the graph with all groups open that are ever shown.
        highlight: what is marked in it.
        gradients: whether there are gradients, if the heads are scalars.
        values: whether there are values.
        network: whether it is the graph of modules, which have an output.
    """

    def __init__(
        self, whole: Folding, highlight: Highlight, *, gradients: bool, values: bool, network: bool
    ) -> None:
        self.whole, self.highlight, self.has_values = whole, highlight, values
        graph = self.graph = whole.graph
        written_out = lambda node: written(graph.array(node).item())  # noqa: E731
        self.symbols = Symbols(graph.heads, graph.users, graph.kind, written_out)
        of = " + ".join(map(self.symbols, graph.heads))
        self.of = of if len(graph.heads) == 1 else f"({of})"
        self.description = f"Computation graph of {self.of}: {len(graph.operations):,} operations"
        self.uses = Counter(argument for *_, argument in graph.uses)
        self._keys: dict[Item, str] = {}
        self._leaving = self._find_results()
        heads = graph.heads if gradients and all(head.size == 1 for head in graph.heads) else ()
        self.start = {head: head.seed(None) for head in heads if head.requires_grad}
        self.outputs = set(graph.ends) if network and not self.start else set[Tensor]()
        results = map(self.results, [*whole.opened, *whole.shown])
        targets = {nodes[0] for nodes in results if len(nodes) == 1 and nodes[0].requires_grad}
        with undisturbed():
            self.gradients = differentiate(self.start, targets) if self.start else {}
        self.derivatives = self._derive()
        terms = [
            ((used, derivative.entries[1]), derivative.entries[2], (node, derivative.entries[0]))
            for (node, _, used), derivative in self.derivatives.items()
            if derivative.entries
        ]
        self.scales = _scales(terms, graph.array)
        terms = [(end, factors, start) for start, factors, end in reversed(terms)]
        self.gradient_scales = _scales(terms, self.gradients.get)

    def key(self, item: Item) -> str:
        """The identifier of a node or a group in DOT and in a page."""
        if item not in self._keys:
            letter = "g" if isinstance(item, Group) else "x"
            number = self.graph.number.get(item)  # type: ignore[call-overload]
            self._keys[item] = f"v{number}" if number else f"{letter}{len(self._keys) + 1}"
        return self._keys[item]

    def results(self, item: Item) -> list[Tensor]:
        """The node itself; of a group the nodes that are used outside of it, or are heads."""
        return list(self._leaving[item]) if isinstance(item, Group) else [item]

    def _find_results(self) -> dict[Group, dict[Tensor, None]]:
        leaving: dict[Group, dict[Tensor, None]] = defaultdict(dict)
        home = self.graph.home
        for node, _, argument in self.graph.uses:
            if home[argument] is not home[node]:
                for group in self.graph.apart(argument, node)[0][1:]:
                    leaving[group][argument] = None  # type: ignore[index]
        for end in self.graph.ends:
            for group in self.graph.home[end].around():
                leaving[group][end] = None
        return leaving

    def _derive(self) -> dict[Use, Derivative]:
        """The local derivative of each use of a node by another along which a gradient flows."""
        shown = set(self.whole.shown)
        return {
            (node, position, used): self._derivative(node, position, used)
            for node, position, used in (self.graph.uses if self.start else ())
            if node.requires_grad and used.requires_grad and {node, used} <= shown
        }

    def _derivative(self, node: Tensor, position: int, used: Tensor) -> Derivative:
        """A local derivative, with its entries if they are few."""
        argument, elementwise = node.arrays[position + 1], node.operation.kind == "elementwise"
        diagonal = elementwise and argument.shape == node.shape
        derivative = Derivative((node.size, argument.size), diagonal)
        most = node.size * (1 if elementwise else argument.size)
        if most > SMALL or not isinstance(argument, np.ndarray | np.generic):
            return derivative
        try:
            with undisturbed():
                rows, columns, values = local_derivatives(node, position, np.arange(argument.size))
        except Exception:  # a user's rule may not take the nan that probe it
            return derivative
        order = np.lexsort((columns, rows))
        derivative.entries = rows[order], columns[order], values[order]
        return derivative


@dataclass
class Derivative:
    """The local derivative of one node with respect to another, as a matrix of this `shape`.

    `entries` are the rows, columns and values of those that are not 0, if they are not too many.
    """

    shape: tuple[int, int]
    diagonal: bool
    entries: tuple[Array, Array, Array] | None = None

    @property
    def lines(self) -> list[str]:
        """A number, a small matrix, or the shape of a larger one."""
        size, (height, width), diagonal = math.prod(self.shape), self.shape, self.diagonal
        if size and self.entries:
            matrix = np.zeros(self.shape)
            matrix[self.entries[:2]] = self.entries[2]
            if size == 1:
                return [written(matrix[0, 0])]
            numbers = np.diag(matrix)
            if height == width and np.any(matrix) and np.all(matrix == np.diag(numbers)):
                diagonal = True
            if diagonal and np.all(numbers == numbers[0]):
                factor = written(numbers[0])
                return [{"1": "I", "−1": "−I"}.get(factor, f"{factor}·I")]
            if diagonal and height <= FEW_DIAGONAL:
                return ["diagonal", *rows(described(numbers))]
            if size <= FEW:
                return rows(described(matrix))
        return [("diagonal " if diagonal and size != 1 else "matrix ") + shape_of(self.shape)]


def _scales(terms: Iterable[Any], array_of: Callable[[Tensor], Any]) -> dict[Tensor, Array]:
    """The sizes of all terms of each entry of a value, or of a gradient, added up.

    A term is an entry of one node times a factor, at an entry of another. What is nothing but
    rounding counts by what was rounded: it is no smaller further on.
    """
    scales: dict[Tensor, Array] = {}
    for (source, taken), factors, (target, places) in terms:
        if (array := array_of(source)) is None:
            continue
        entries = np.reshape(abs(array), -1)
        known = scales.get(source, entries)
        entries = np.where(entries < unit_of(entries) * known, known, entries)
        scale = scales.setdefault(target, np.zeros(target.size))
        with np.errstate(all="ignore"):
            np.add.at(scale, places, abs(factors) * entries[taken])
    return scales
