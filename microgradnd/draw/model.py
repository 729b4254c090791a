"""What a picture shows, as plain data: nodes, groups and edges, with their numbers and names.

The picture, its text for the terminal and the page are all made from this.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import undisturbed
from ..paths.local_derivatives import local_derivatives
from ..tensor import Tensor
from .fold import Folding
from .formulas import Symbols, formula, printable
from .graph import Group, Item, Node, Use
from .highlight import Highlight
from .numbers import Numbers, described

FRAMED = 5  # items of a turn, from which on it has a frame
DEEPEST = 100  # frames in frames; Graphviz could not read a thousand
SMALL, EFFORT = 16, 2_000_000  # entries of a local derivative that a picture, a page looks at
ENTRIES = 25_000  # of local derivatives that are kept


@dataclass
class DrawnNode:
    """A Tensor, or an array, and the operation that made it.

    Its kind is "operation", "parameter", "input", "constant" or "given" (computed outside of what
    is drawn). `uses` counts the arguments it is, `caption` names a scope that holds only it, and
    `group` is the key of the innermost frame that it is in.
    """

    key: str
    kind: str
    symbol: str
    name: str
    operation: str
    formula: str
    value: Numbers
    gradient: Numbers | None
    gradient_name: str
    uses: int
    caption: str
    scope: tuple[str, ...]
    line: str
    group: str
    mark: str
    tensor: Node = field(repr=False)


@dataclass
class Box:
    """A group: what is in it, in few words, and the result if it has just one.

    It is drawn as a box, or as a frame around what is in it if it is `open`. If it stands for
    `times` alike parts, `follows` tells whether each uses the result of the one before, as in a
    loop, and `shared` how many parameters all of them use.
    """

    key: str
    kind: str
    title: str
    times: int
    operations: int
    contents: tuple[tuple[str, int], ...]
    parameters: int
    shape: tuple[int, ...] | None
    result: DrawnNode | None
    follows: bool
    shared: int
    open: bool
    group: str
    mark: str


@dataclass
class Derivative:
    """The local derivative of one node with respect to another, as a matrix of this `shape`.

    `entries` are the rows, columns and values of those that are not 0, if they are not too many.
    """

    shape: tuple[int, int]
    diagonal: bool
    entries: tuple[Array, Array, Array] | None = None


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    position: int
    flows: bool
    count: int = 1
    derivative: Derivative | None = None
    mark: str = ""


class Model:
    """All that is drawn: `nodes`, `boxes`, `frames` (the groups that are open), `edges`, `hops`.

    `order` has the keys of what is shown, each after all that leads to it; `of` is what the
    gradients are gradients of.

    Arguments:
        gradients: whether to compute gradients, or the one to start from.
        values: whether to look at the values.
        page: whether all open groups have frames, and larger local derivatives are computed.
    """

    def __init__(
        self, folding: Folding, highlight: Highlight, gradients: Any, values: bool, page: bool
    ) -> None:
        self.folding, self.graph, self.highlight = folding, folding.graph, highlight
        self.symbols = Symbols(self.graph)
        heads = [self.symbols(head) for head in self.graph.heads]
        self.of = heads[0] if len(heads) == 1 else f"({' + '.join(heads)})"
        self.operations = len(self.graph.operations)
        self.description = f"Computation graph of {self.of}: {self.operations:,} operations"
        self._values, self._effort = values, EFFORT if page else SMALL
        self._keys: dict[Item, str] = {}
        self._framed = self._framed_groups(page)
        self._links, self._leaving = self._uses()
        self._uses_of = Counter(source for (source, _), uses in self._links.items() for _ in uses)
        self._marks = highlight.marks(folding)
        self.start = self._start(gradients)
        self.gradients = self._gradients()
        self.heads = list(dict.fromkeys(self.key(folding.drawn_as(end)) for end in self.graph.ends))
        self.items = [
            self._box(item) if isinstance(item, Group) else self._node(item)
            for item in folding.shown
        ]
        self.nodes = [item for item in self.items if isinstance(item, DrawnNode)]
        self.boxes = [item for item in self.items if isinstance(item, Box)]
        self.frames = [self._box(group) for group in self._framed]
        self.edges = self._edges()
        self.hops = highlight.hops(folding, self.key)
        self.order = self._order()

    def key(self, item: Item) -> str:
        """The identifier of a node or a group in DOT and in a page."""
        if item not in self._keys:
            letter = "g" if isinstance(item, Group) else "x"
            number = self.graph.number.get(item)  # type: ignore[call-overload]
            self._keys[item] = f"v{number}" if number else f"{letter}{len(self._keys) + 1}"
        return self._keys[item]

    def _framed_groups(self, page: bool) -> dict[Group, None]:
        depth = {self.graph.root: 0}
        for group in self.folding.opened:
            depth[group] = depth[group.outer] + 1 if group.outer else 0
        if page:
            return {group: None for group in depth if group.outer and not _is_caption(group)}
        near = (group for group, level in depth.items() if 0 < level <= DEEPEST)
        return dict.fromkeys(filter(_is_worth_a_frame, near))

    def _frame(self, group: Group | None) -> str:
        """The key of the innermost group with a frame, from this one on outwards."""
        framed = filter(self._framed.__contains__, group.around() if group else ())
        return next(map(self.key, framed), "")

    def _uses(self) -> tuple[dict[tuple[Item, Item], list[Use]], dict[Group, dict[Node, None]]]:
        """All uses of one shown item by another, and the nodes of each group used outside of it."""
        links: dict[tuple[Item, Item], list[Use]] = defaultdict(list)
        leaving: dict[Group, dict[Node, None]] = defaultdict(dict)
        drawn_as = self.folding.drawn_as
        for use in self.graph.uses:
            node, _, argument = use
            source, target = drawn_as(argument), drawn_as(node)
            if source is not target:
                links[source, target].append(use)
                for group in self.graph.around_alone(argument, node):
                    leaving[group][argument] = None
        for end in self.graph.ends:
            for group in self.graph.home[end].around():
                leaving[group][end] = None
        return links, leaving

    def _result(self, item: Item) -> Node | None:
        """The node itself; of a group the only one that is used outside of it, or is a head."""
        if not isinstance(item, Group):
            return item
        leaving = self._leaving[item]
        return next(iter(leaving)) if len(leaving) == 1 else None

    # ---- gradients and derivatives ---------------------------------------------------------------

    def _start(self, gradients: Any) -> dict[Tensor, Any]:
        """The gradients to start from; none if they are not wanted, or a head is not a scalar."""
        heads = self.graph.heads
        if gradients is None or gradients is False:
            return {}
        if gradients is True:
            gradients = None
            if any(head.size != 1 for head in heads):
                return {}
        elif len(heads) > 1:
            raise ValueError("draw(gradients=...): a gradient to start from is that of one Tensor")
        return {head: head.seed(gradients) for head in heads if head.requires_grad}

    def _gradients(self) -> dict[Node, Any]:
        results = map(self._result, [*self._framed, *self.folding.shown])
        targets = {node for node in results if node is not None and node.requires_grad}
        with undisturbed():
            return differentiate(self.start, targets) if self.start and targets else {}  # type: ignore

    def _edges(self) -> list[Edge]:
        edges: list[Edge] = []
        sized: list[tuple[int, Edge, Tensor]] = []
        for (source, target), uses in self._links.items():
            ends = self.key(source), self.key(target)
            flows = any(argument.requires_grad for *_, argument in uses)
            marked = source in self._marks and self._marks.get(target) == "dependent"
            mark = "dependent" if marked else ""
            if isinstance(source, Group) or isinstance(target, Group):
                edges.append(Edge(*ends, -1, flows, len(uses), mark=mark))
                continue
            for node, position, _ in uses:
                edge = Edge(*ends, position, flows, mark=mark)
                edges.append(edge)
                if flows and self.start:
                    argument = node.arrays[position + 1]
                    shape = (node.size, argument.size)
                    elementwise = node.operation.kind == "elementwise"
                    diagonal = elementwise and argument.shape == node.shape
                    edge.derivative = Derivative(shape, diagonal)
                    if isinstance(argument, np.ndarray | np.generic):
                        effort = node.size if elementwise else shape[0] * shape[1]
                        sized.append((effort, edge, node))
        self._differentiate(sorted(sized, key=lambda each: each[0]))
        return edges

    def _differentiate(self, sized: list[tuple[int, Edge, Tensor]]) -> None:
        """Compute the local derivatives that are not too large, the smallest first."""
        room, patience = ENTRIES, 5 * EFFORT
        for effort, edge, node in sized:
            patience -= effort
            if effort > self._effort or patience < 0:
                break
            live = np.arange(edge.derivative.shape[1])  # type: ignore[union-attr]
            try:
                with undisturbed():
                    rows, columns, values = local_derivatives(node, edge.position, live)
            except Exception:  # a user's rule may not take the nan that probe it
                continue
            if len(values) <= room:
                order = np.lexsort((columns, rows))
                entries = rows[order], columns[order], values[order]
                edge.derivative.entries = entries  # type: ignore[union-attr]
                room -= len(values)

    def _order(self) -> list[str]:
        sources: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            sources[edge.target].append(edge.source)
        order: dict[str, None] = {}
        entered: set[str] = set()
        stack = [*self.heads, *(item.key for item in self.items)][::-1]
        while stack:
            entered.add(stack[-1])
            missing = [key for key in sources[stack[-1]] if key not in entered]  # cuts circles
            if missing:
                stack += reversed(missing)
            else:
                order[stack.pop()] = None
        return list(order)

    # ---- nodes and groups ------------------------------------------------------------------------

    def _node(self, node: Node) -> DrawnNode:
        kind, symbol, home = self.graph.kind(node), self.symbols(node), self.graph.home[node]
        array, gradient = self.graph.array(node), self.gradients.get(node)
        operation = node.operation if kind == "operation" else None
        return DrawnNode(
            key=self.key(node),
            kind=kind,
            symbol=symbol,
            name=printable(node.name or ""),
            operation=printable(operation.name) if operation else "",
            formula=formula(node, self.symbols) if operation else "",  # type: ignore[arg-type]
            value=described(array) if self._values else Numbers(array.shape, str(array.dtype)),
            gradient=None if gradient is None else described(gradient),
            gradient_name=f"∂{self.of}/∂{symbol}",
            uses=self._uses_of[node],
            caption=printable(home.title) if _is_caption(home) else "",
            scope=tuple(map(printable, node.scope)),
            line=printable(node.line or ""),
            group=self._frame(home),
            mark=self._marks.get(node, ""),
            tensor=node,
        )

    def _box(self, group: Group) -> Box:
        nodes = group.nodes()
        kinds = {node: self.graph.kind(node) for node in nodes}
        operations = [node for node in nodes if kinds[node] == "operation"]
        names = Counter(node.operation.name for node in operations)
        result = self._result(group)
        bundled = nodes if group.kind == "bundle" else ()
        shapes = {self.graph.array(node).shape for node in bundled}
        alike = len(shapes) == 1
        return Box(
            key=self.key(group),
            kind=group.kind,
            title=self._title(group, nodes),
            times=group.times,
            operations=len(operations),
            contents=tuple((printable(name), count) for name, count in names.most_common()),
            parameters=sum(node.size for node in nodes if kinds[node] == "parameter"),
            shape=shapes.pop() if alike else None,
            result=None if result is None or alike else self._node(result),
            follows=group.kind == "repeat" and _follows(group),
            shared=self._shared(nodes, group.times) if group.kind == "repeat" else 0,
            open=group in self.folding.opened,
            group=self._frame(group.outer),
            mark=self._marks.get(group, ""),
        )

    def _shared(self, nodes: list[Node], times: int) -> int:
        """How many parameters from outside all turns of a repetition use."""
        inside = set(nodes)
        operations = (node for node in nodes if node not in self.graph.users)
        uses = Counter(parent for node in operations for parent in set(node.parents) - inside)
        return sum(
            self.graph.kind(node) == "parameter" and count >= times for node, count in uses.items()
        )

    def _title(self, group: Group, nodes: list[Node]) -> str:
        if group.kind == "bundle":
            alike = len({self.graph.kind(node) for node in nodes}) == 1
            return f"{self.symbols(nodes[0])} … {self.symbols(nodes[-1])}" if alike else "leaves"
        if group.kind == "repeat" and isinstance(group.members[0], Tensor):
            return printable(group.members[0].operation.name)
        return printable(group.title)  # without one, its heading is the number of its operations


def _is_caption(group: Group) -> bool:
    """Whether a scope has only one thing in it, so that it needs no frame."""
    return group.kind == "scope" and len(group.members) == 1 and not group.inner()


def _is_worth_a_frame(group: Group) -> bool:
    """Whether an open group has a frame: scopes do, and what is repeated if it is not tiny."""
    if group.kind == "scope":
        return not _is_caption(group)
    if group.kind == "repeat":
        return any(turn.kind == "scope" or _is_worth_a_frame(turn) for turn in group.inner())
    return group.kind == "turn" and len(group.members) >= FRAMED


def _follows(repeat: Group) -> bool:
    """Whether a turn of a repetition takes what the one before it returns."""
    first, second = (
        set(turn.nodes() if isinstance(turn, Group) else [turn]) for turn in repeat.members[:2]
    )
    return any(not first.isdisjoint(node.parents) for node in second)
