"""What a picture shows, as plain data: nodes, groups and edges, with their numbers and names.

The picture, its text for the terminal and the page are all made from this.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import undisturbed
from ..paths.local_derivatives import local_derivatives
from ..paths.notation import Symbols, counted, printable
from ..tensor import Tensor
from .fold import Folding
from .formulas import formula
from .graph import Group, Item, Use
from .highlight import Highlight
from .numbers import Numbers, described, in_a_line, rows, shape_of, unit_of, written

FRAMED = 5  # items of a turn, from which on it has a frame
DEEPEST = 100  # frames in frames; Graphviz could not read a thousand
SMALL = 600  # entries of a local derivative that are looked at
MOST_RESULTS = 3  # of a group that are named
WIDEST = 40  # characters of a line of options
FEW = 6  # entries of a local derivative that is written out
FEW_DIAGONAL = 4  # of one that is a diagonal


class Model:
    """All that is drawn: `nodes`, `boxes`, `frames` (the groups that are open), `edges`, `hops`.

    `order` has the keys of what is shown, in the order of computing; `of` is what the gradients are
    gradients of; `options` are `gradients` and `values` of `draw`. A page has a frame for each.
    """

    def __init__(
        self, folding: Folding, highlight: Highlight, *options: Any, page: bool = False
    ) -> None:
        self.options, self.highlight = options, highlight
        self.folding, self.graph = folding, folding.graph
        graph, written_out = self.graph, lambda node: written(self.graph.array(node).item())
        self.symbols = Symbols(graph.heads, graph.users, graph.kind, written_out)
        of = " + ".join(map(self.symbols, graph.heads))
        self.of = of if len(graph.heads) == 1 else f"({of})"
        operations = f"{len(self.graph.operations):,} operations"
        self.description = f"Computation graph of {self.of}: {operations}"
        self._keys: dict[Item, str] = {}
        framed = [group for group in folding.opened if group.outer and not _is_caption(group)]
        framed = [group for group in framed if page or _is_worth_a_frame(group)]
        self._framed = set(framed)
        self._links, self._leaving = self._uses()
        self.uses_of = Counter(source for (source, _), uses in self._links.items() for _ in uses)
        self.marks = highlight.marks(folding)
        heads = graph.heads if options[0] and all(head.size == 1 for head in graph.heads) else ()
        self.start = {head: head.seed(None) for head in heads if head.requires_grad}
        results = [self.results(item) for item in [*framed, *folding.shown]]
        targets = {nodes[0] for nodes in results if len(nodes) == 1 and nodes[0].requires_grad}
        with undisturbed():
            self.gradients = differentiate(self.start, targets) if self.start else {}
        self._terms: list[Any] = []
        self.edges = list(self._edges())
        self.scales = self._scaled()
        self.heads = list(dict.fromkeys(self.key(folding.drawn_as(end)) for end in self.graph.ends))
        self.items = [
            Box(self, item) if isinstance(item, Group) else DrawnNode(self, item)
            for item in folding.shown
        ]
        self.nodes = [item for item in self.items if isinstance(item, DrawnNode)]
        self.boxes = [item for item in self.items if isinstance(item, Box)]
        self.frames = [Box(self, group) for group in framed]
        self.hops = highlight.hops(folding, self.key)
        self.order = self._order()

    def key(self, item: Item) -> str:
        """The identifier of a node or a group in DOT and in a page."""
        if item not in self._keys:
            letter = "g" if isinstance(item, Group) else "x"
            number = self.graph.number.get(item)  # type: ignore[call-overload]
            self._keys[item] = f"v{number}" if number else f"{letter}{len(self._keys) + 1}"
        return self._keys[item]

    def frame(self, group: Group | None) -> str:
        """The key of the innermost group with a frame, from this one on outwards."""
        framed = filter(self._framed.__contains__, group.around() if group else ())
        return next(map(self.key, framed), "")

    def results(self, item: Item) -> list[Tensor]:
        """The node itself; of a group the nodes that are used outside of it, or are heads."""
        return list(self._leaving[item]) if isinstance(item, Group) else [item]

    def is_output(self, node: Tensor) -> bool:
        """Whether it is what a model returns."""
        return self.folding.by_layers and not self.start and any(node is x for x in self.graph.ends)

    def _order(self) -> list[str]:
        """The keys: a leaf just before its first use, a group with its last operation."""
        number, users = self.graph.number, self.graph.users
        first = {leaf: (number[used_by[0]], i) for i, (leaf, used_by) in enumerate(users.items())}

        def when(item: Item) -> tuple[int, int]:
            if not isinstance(item, Group):
                return first.get(item) or (number.get(item, 0), len(first))
            nodes = item.nodes()
            computed = [when(node) for node in nodes if node not in first]
            return max(computed) if computed else min(map(when, nodes))

        return list(map(self.key, sorted(self.folding.shown, key=when)))

    def _uses(self) -> tuple[dict[tuple[Item, Item], list[Use]], dict[Group, dict[Tensor, None]]]:
        """All uses of one shown item by another, and the nodes of each group used outside of it."""
        links: dict[tuple[Item, Item], list[Use]] = defaultdict(list)
        leaving: dict[Group, dict[Tensor, None]] = defaultdict(dict)
        drawn_as = self.folding.drawn_as
        for use in self.graph.uses:
            node, _, argument = use
            source, target = drawn_as(argument), drawn_as(node)
            if source is not target:
                links[source, target].append(use)
                for group in self.graph.apart(argument, node)[0][1:]:
                    leaving[group][argument] = None  # type: ignore[index]
        for end in self.graph.ends:
            for group in self.graph.home[end].around():
                leaving[group][end] = None
        return links, leaving

    def _edges(self) -> Iterator[Edge]:
        for (source, target), uses in self._links.items():
            flows = any(node.requires_grad and used.requires_grad for node, _, used in uses)
            marked = source in self.marks and self.marks.get(target) == "dependent"
            edge = Edge(self.key(source), self.key(target), flows, "dependent" if marked else "")
            if isinstance(source, Group) or isinstance(target, Group):
                yield replace(edge, count=len(uses))
                continue
            for node, position, used in uses:
                derivative = (
                    self._derivative(node, position, used) if flows and self.start else None
                )
                yield replace(edge, position=position, derivative=derivative)

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
                found = local_derivatives(node, position, np.arange(argument.size))
        except Exception:  # a user's rule may not take the nan that probe it
            return derivative
        rows, columns, values = found
        order = np.lexsort((columns, rows))
        derivative.entries = rows[order], columns[order], values[order]
        number, sizes = self.graph.number[node], abs(values)
        self._terms.append((number, (node, False), rows, sizes, argument, (used, False), columns))
        if node in self.gradients:
            back = self.gradients[node], (node, True), rows
            self._terms.append((-number, (used, True), columns, sizes, *back))
        return derivative

    def _scaled(self) -> dict[tuple[Tensor, bool], Array]:
        """The sizes of all terms of each entry of a value, or of a gradient (True), added up.

        What is nothing but rounding counts by what was rounded: it is no smaller further on.
        """
        scales: dict[tuple[Tensor, bool], Array] = {}
        for _, of, places, sizes, array, source, taken in sorted(self._terms, key=lambda t: t[0]):
            entries = np.reshape(abs(array), -1)
            known = scales.get(source, entries)
            entries = np.where(entries < unit_of(entries) * known, known, entries)
            scale = scales.setdefault(of, np.zeros(of[0].size))
            with np.errstate(all="ignore"):
                np.add.at(scale, places, sizes * entries[taken])
        return scales


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


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    flows: bool
    mark: str = ""
    count: int = 1
    position: int = 0
    derivative: Derivative | None = None


class DrawnNode:
    """A Tensor, or an array, and the operation that made it.

    `caption` names a scope that holds only it, `group` is the key of the innermost frame around it.
    `heading`, and `about` below it, stand in its box.
    """

    def __init__(self, model: Model, node: Tensor) -> None:
        graph, home = model.graph, model.graph.home[node]
        array, gradient = graph.array(node), model.gradients.get(node)
        self.tensor, self.key, self.symbol = node, model.key(node), model.symbols(node)
        self.kind, self.uses = graph.kind(node), model.uses_of[node]
        self.name, self.line = printable(node.name or ""), printable(node.line or "")
        self.scope = tuple(map(printable, node.scope))
        self.caption = printable(home.title) if _is_caption(home) else ""
        self.group, self.mark = model.frame(home), model.marks.get(node, "")
        self.operation = printable(node.operation.name) if self.kind == "operation" else ""
        self.formula = formula(node, model.symbols, graph) if self.operation else ""
        self.gradient_name = f"∂{model.of}/∂{self.symbol}"
        self.value = Numbers(array.shape, str(array.dtype))
        if model.options[1]:
            self.value = described(array, scale=model.scales.get((node, False)))
        self.gradient = None
        if gradient is not None:
            self.gradient = described(gradient, scale=model.scales.get((node, True)))
        self.heading = f"{self.symbol} = {self.formula}" if self.formula else self.symbol
        self.about = ["output, " * model.is_output(node) + self.value.kind]
        if not self.operation:  # with the name, if the symbol shows only the end of it
            name = self.name if "." in self.name or len(self.name) > len(self.symbol) else ""
            kind = {"given": "from elsewhere"}.get(self.kind, self.kind)
            used = f"used {self.uses} times" if self.uses > 1 else ""
            self.about = [", ".join(filter(None, [name, kind, self.value.kind, used]))]

    @property
    def everything(self) -> str:
        """All about it, for its tooltip."""
        lines = [self.heading if self.formula else self.name or self.symbol]
        lines += [f"{self.kind}, {self.value.kind}", in_a_line(self.value, exact=True)]
        if self.gradient:
            lines.append(f"{self.gradient_name}: {in_a_line(self.gradient, exact=True)}")
        return "; ".join(filter(None, [*lines, " / ".join(self.scope), self.line]))

    def cells(self, what: str = "") -> list[str]:
        """What a terminal shows in its line: what it is, the shape, the values, the gradient."""
        what = what or (self.heading if self.formula else f"{self.symbol} ({self.kind})")
        gradient = f"{self.gradient_name} = {in_a_line(self.gradient)}" if self.gradient else ""
        return [what, shape_of(self.value.shape), in_a_line(self.value), gradient]


class Box:
    """A group: what is in it, in few words, and its `result` as a node if it has just one.

    It is a frame if it is `open`. If it stands for `times` alike parts, `follows` tells whether
    each uses the result of the one before, and `shared` how many parameters all of them use.
    """

    caption, formula, everything = "", "", " "

    def __init__(self, model: Model, group: Group) -> None:
        graph, nodes, is_repeat = model.graph, group.nodes(), group.kind == "repeat"
        inside = set(nodes)
        kinds = {node: graph.kind(node) for node in nodes}
        operations = [node for node in nodes if kinds[node] == "operation"]
        self.key, self.kind, self.times = model.key(group), group.kind, group.times
        self.open, self.operations = group in model.folding.opened, len(operations)
        self.group, self.mark = model.frame(group.outer), model.marks.get(group, "")
        self.parameters = sum(node.size for node in nodes if kinds[node] == "parameter")
        self.title = _title(group)  # without one, its heading is the number of operations
        shapes = {graph.array(node).shape for node in nodes if group.kind == "bundle"}
        self.shape: tuple[int, ...] | None = shapes.pop() if len(shapes) == 1 else None
        if group.kind == "bundle":
            ends = f"{model.symbols(nodes[0])} … {model.symbols(nodes[-1])}"
            self.title = ends if len(set(kinds.values())) == 1 else "leaves"
        self.follows = is_repeat and _follows(group)
        self.shared = 0
        if is_repeat:
            uses = Counter(used for node in operations for used in set(node.parents) - inside)
            kept = (node for node, count in uses.items() if count >= self.times)
            self.shared = sum(graph.kind(node) == "parameter" for node in kept)
        results = model.results(group) if self.shape is None else []
        self.result = DrawnNode(model, results[0]) if len(results) == 1 else None

        turns = self.times if is_repeat else 1
        each = counted(self.operations // turns, "operation")
        times = f" × {self.times:,}" if self.times > 1 else ""
        self.heading = (self.title or each) + times
        lines = textwrap.wrap(group.options, WIDEST)
        if not group.is_layer:
            inner = [layer.module for layer in group.layers()]
            names = Counter(inner or (node.operation.name for node in operations)).most_common()
            if self.title and self.operations > turns:  # else it is the heading
                lines.append(each)
            if len(names) > 1:
                shown = [f"{count // turns:,} {printable(name)}" for name, count in names[:3]]
                lines.append(", ".join(shown) + ", …" * (len(names) > 3))
        if turns > 1 and lines:
            lines[0] = "each " + lines[0]
        if self.parameters:
            lines.append(counted(self.parameters, "parameter") + " in all" * (turns > 1))
        if self.follows:
            lines.append("each after the other" + ", with the same weights" * bool(self.shared))
        elif self.shared:
            lines.append("all with the same weights")
        if self.shape is not None:
            lines.append("each " + shape_of(self.shape))
        for node in results if len(results) <= MOST_RESULTS else ():
            array, what = graph.array(node), "output" if model.is_output(node) else "result"
            lines.append(f"{what} {model.symbols(node)}, {shape_of(array.shape)} {array.dtype}")
        self.about = lines

    def cells(self) -> list[str]:
        """What a terminal shows in its line."""
        if self.result:
            return self.result.cells(f"{self.result.symbol} from [{self.heading}]")
        return [f"[{self.heading}]", "" if self.shape is None else shape_of(self.shape), "", ""]


def _title(group: Group) -> str:
    """The title of a group; that of a module also names its class: "q: Linear"."""
    first = group.members[0]
    if group.kind == "repeat" and isinstance(first, Tensor):
        return printable(first.operation.name)
    is_named = not group.module or group.title.rstrip("0123456789") == group.module
    return printable(group.title if is_named else f"{group.title}: {group.module}")


def _is_caption(group: Group) -> bool:
    """Whether a scope has only one thing in it, so that it needs no frame."""
    return group.kind == "scope" and len(group.members) == 1 and not group.inner()


def _is_worth_a_frame(group: Group) -> bool:
    """Whether an open group has a frame: scopes do, and what is repeated if it is not tiny."""
    if group.kind == "scope":
        return not _is_caption(group) and len(list(group.around())) <= DEEPEST + 1
    if group.kind == "repeat":
        return any(turn.kind == "scope" or _is_worth_a_frame(turn) for turn in group.inner())
    return group.kind == "turn" and len(group.members) >= FRAMED


def _follows(repeat: Group) -> bool:
    """Whether a turn of a repetition takes what the one before it returns."""
    first, second = (
        set(turn.nodes() if isinstance(turn, Group) else [turn]) for turn in repeat.members[:2]
    )
    return any(not first.isdisjoint(node.parents) for node in second)
