"""What a picture shows, as plain data: nodes, boxes, frames and edges, all with their texts.

The picture, its text for the terminal and the page are all made from this.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..tensor import Tensor
from .derivatives import Derivative, gradients_of, local_derivative, may_start
from .folding import Folding
from .formulas import Symbols, formula, printable
from .graph import Group, Item, Node
from .highlight import Highlight
from .leaves import kind_of
from .numbers import Numbers, described
from .parts import nodes_in

FRAMED = 5  # items of a turn, from which on it has a frame
DEEPEST = 100  # frames in frames; Graphviz could not read a thousand


@dataclass
class Result:
    """The values of a node, and its gradient, if it has one."""

    symbol: str
    numbers: Numbers
    gradient: Numbers | None
    gradient_name: str


@dataclass
class DrawnNode:
    """A Tensor, or an array, and the operation that made it.

    Its kind is "operation", "parameter", "input", "constant" or "given" (computed outside of what
    is drawn). `uses` counts the arguments it is, `caption` names a scope that holds only it.
    """

    key: str
    kind: str
    symbol: str
    name: str
    operation: str
    formula: str
    result: Result
    uses: int
    caption: str
    scope: tuple[str, ...]
    line: str
    mark: str = ""
    tensor: Node = field(repr=False, default=None)  # type: ignore[assignment]


@dataclass
class Box:
    """A closed group: what is in it, in few words, and the result if it has just one.

    One that stands for `times` alike parts says if each `follows` the one before, as in a loop,
    and how many parameters they share.
    """

    key: str
    kind: str
    title: str
    times: int
    operations: int
    contents: tuple[tuple[str, int], ...]
    parameters: int
    shape: tuple[int, ...] | None
    result: Result | None
    follows: bool
    shared: int
    mark: str = ""


@dataclass
class Frame:
    """An open group: the keys of the nodes and boxes directly in it, and the frames inside it."""

    key: str
    kind: str
    title: str
    members: list[str]
    frames: list[Frame]
    mark: str = ""


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    flows: bool
    derivative: Derivative | None = None
    count: int = 1
    mark: str = ""


@dataclass
class Hop:
    """A step of highlighted paths, from an entry to the next: the numbers of the paths on it."""

    source: str
    target: str
    entry: tuple[int, ...]
    next_entry: tuple[int, ...]
    derivative: float
    paths: list[int]


@dataclass
class Model:
    """All that is drawn. `of` is what the gradients are gradients of."""

    nodes: list[DrawnNode]
    boxes: list[Box]
    frame: Frame
    edges: list[Edge]
    hops: list[Hop]
    highlight: Highlight
    heads: list[str]
    of: str
    operations: int


def model_of(folding: Folding, highlight: Highlight, gradients: Any, values: bool) -> Model:
    """Describe what a folding shows."""
    return _Describing(folding, highlight, gradients, values).model()


class _Describing:
    def __init__(
        self, folding: Folding, highlight: Highlight, gradients: Any, values: bool
    ) -> None:
        self.folding, self.graph, self.highlight = folding, folding.graph, highlight
        self.values = values
        self.symbols = Symbols(self.graph)
        self.keys: dict[Item, str] = {}
        self.uses: Counter[Item] = Counter()
        self.links = self._links()
        self.results = self._results()
        shown = [item for item in folding.shown if isinstance(item, Tensor)]
        shown += [node for node in self.results.values() if isinstance(node, Tensor)]
        self.differentiated = may_start(self.graph.heads, gradients)
        self.gradients: dict[Any, Any] = {}
        if self.differentiated:
            self.gradients = gradients_of(self.graph.heads, shown, gradients)
        heads = [self.symbols(head) for head in self.graph.heads]
        self.of = heads[0] if len(heads) == 1 else f"({' + '.join(heads)})"

    def model(self) -> Model:
        nodes, boxes = [], []
        for item in self.folding.shown:
            if isinstance(item, Group):
                boxes.append(self._box(item))
            else:
                nodes.append(self._node(item))
        drawn_heads = dict.fromkeys(self.folding.drawn_as(head) for head in self._ends())
        return Model(
            nodes,
            boxes,
            self._frames(),
            self._edges(),
            self._hops(),
            self.highlight,
            [self._key(head) for head in drawn_heads],
            self.of,
            len(self.graph.operations),
        )

    def _ends(self) -> list[Tensor]:
        """The heads that are in the picture; if none is, the last operation."""
        ends = [head for head in self.graph.heads if head in self.graph.home]
        return ends or self.graph.operations[-1:]

    def _key(self, item: Item) -> str:
        if item not in self.keys:
            if isinstance(item, Group):
                self.keys[item] = f"g{len(self.keys) + 1}"
            elif isinstance(item, Tensor) and item in self.graph.number:
                self.keys[item] = f"v{self.graph.number[item]}"
            else:
                self.keys[item] = f"x{len(self.keys) + 1}"
        return self.keys[item]

    # ---- edges -----------------------------------------------------------------------------------

    def _links(self) -> dict[tuple[Item, Item], list[tuple[Tensor, int, Node]]]:
        """All uses of one shown item by another: the operation, the place, and the argument."""
        links: dict[tuple[Item, Item], list[tuple[Tensor, int, Node]]] = defaultdict(list)
        drawn_as = self.folding.drawn_as
        for node in self.graph.operations:
            target = drawn_as(node)
            for position, argument in self.graph.sources(node):
                source = drawn_as(argument)
                if source is not target:
                    links[source, target].append((node, position, argument))
                    self.uses[source] += 1
        return links

    def _results(self) -> dict[Item, Node]:
        """The only node of a closed group that is used outside of it, or is a head."""
        leaving: dict[Item, dict[Node, None]] = defaultdict(dict)
        for (source, _), uses in self.links.items():
            if isinstance(source, Group) and len(leaving[source]) < 2:
                leaving[source].update(dict.fromkeys(argument for *_, argument in uses))
        for head in self._ends():
            leaving[self.folding.drawn_as(head)][head] = None
        return {box: next(iter(nodes)) for box, nodes in leaving.items() if len(nodes) == 1}

    def _edges(self) -> list[Edge]:
        edges = []
        for (source, target), uses in self.links.items():
            ends = self._key(source), self._key(target)
            mark = self._edge_mark(source, target)
            if isinstance(source, Tensor) and isinstance(target, Tensor):
                for node, position, _ in uses:
                    flows = source.requires_grad
                    derivative = None
                    if flows and self.differentiated:
                        derivative = local_derivative(node, position)
                    edges.append(Edge(*ends, flows, derivative, mark=mark))
            else:
                flows = any(_requires_gradient(argument) for *_, argument in uses)
                edges.append(Edge(*ends, flows, count=len(uses), mark=mark))
        return edges

    def _edge_mark(self, source: Item, target: Item) -> str:
        return "dependent" if self._mark(source) and self._mark(target) == "dependent" else ""

    def _hops(self) -> list[Hop]:
        hops: dict[Any, Hop] = {}
        story = self.highlight.story
        for number, path in enumerate(self.highlight.paths()):
            assert story is not None
            place: Any = story.start
            for step in path.steps:
                ends = self.folding.drawn_as(place.tensor), self.folding.drawn_as(step.tensor)
                if ends[0] is not ends[1]:
                    known = (*ends, place.tensor, place.index, step.tensor, step.index)
                    if known not in hops:
                        entries = place.index, step.index
                        keys = self._key(ends[0]), self._key(ends[1])
                        hops[known] = Hop(*keys, *entries, step.derivative, [])
                    if number not in hops[known].paths:
                        hops[known].paths.append(number)
                place = step
        return list(hops.values())

    # ---- nodes, boxes and frames -----------------------------------------------------------------

    def _node(self, node: Node) -> DrawnNode:
        tensor = node if isinstance(node, Tensor) else None
        kind, symbol = kind_of(node, self.graph), self.symbols(node)
        computed = tensor is not None and kind == "operation"
        home = self.graph.home[node]
        return DrawnNode(
            key=self._key(node),
            kind=kind,
            symbol=symbol,
            name=printable(tensor.name) if tensor is not None and tensor.name else "",
            operation=printable(tensor.operation.name) if tensor is not None and computed else "",
            formula=formula(tensor, self.symbols) if tensor is not None and computed else "",
            result=self._result(node),
            uses=self.uses[node],
            caption=printable(home.title) if self._is_caption(home) else "",
            scope=tuple(map(printable, tensor.scope)) if tensor is not None else (),
            line=printable(tensor.line or "") if tensor is not None else "",
            mark=self._mark(node),
            tensor=node,
        )

    def _result(self, node: Node) -> Result:
        array = node._data if isinstance(node, Tensor) else node.array
        numbers = described(array) if self.values else Numbers(array.shape, str(array.dtype))
        gradient = self.gradients.get(node)
        symbol = self.symbols(node)
        described_gradient = None if gradient is None else described(gradient)
        return Result(symbol, numbers, described_gradient, f"∂{self.of}/∂{symbol}")

    def _mark(self, item: Item) -> str:
        """Whether an item was asked to be highlighted, or depends on one that was."""
        if not self.highlight:
            return ""
        if not hasattr(self, "_marks"):
            self._marks: dict[Item, str] = {}
            for node in self.highlight.dependent:
                self._marks[self.folding.drawn_as(node)] = "dependent"
            for path in self.highlight.paths():
                for step in path.steps:
                    self._marks[self.folding.drawn_as(step.tensor)] = "dependent"
            for node in self.highlight.nodes:
                self._marks[self.folding.drawn_as(node)] = "asked"
            for each in self.folding.shown:
                home = each if isinstance(each, Group) else self.graph.home[each]
                if not self.highlight.groups.isdisjoint(home.around()):
                    self._marks[each] = "asked"
        return self._marks.get(item, "")

    def _box(self, group: Group) -> Box:
        nodes = nodes_in(group)
        operations = [node for node in nodes if self.graph.computes(node)]
        parameters = [node for node in nodes if kind_of(node, self.graph) == "parameter"]
        times = len(group.members) if group.kind in ("repeat", "bundle") else 1
        follows = group.kind == "repeat" and self._follows(group)
        names = Counter(printable(node.operation.name) for node in operations)
        result = self.results.get(group)
        shapes = {node.shape for node in nodes if isinstance(node, Tensor)}
        alike = group.kind == "bundle" and len(shapes) == 1
        return Box(
            key=self._key(group),
            kind=group.kind,
            title=self._title(group, nodes),
            times=times,
            operations=len(operations),
            contents=tuple(names.most_common()),
            parameters=sum(node.size for node in parameters),
            shape=shapes.pop() if alike else None,
            result=None if result is None or alike else self._result(result),
            follows=follows,
            shared=self._shared(group, times) if group.kind == "repeat" else 0,
            mark=self._mark(group),
        )

    def _follows(self, repeat: Group) -> bool:
        """Whether a turn of a repetition takes what the one before it gives."""
        first, second = (set(nodes_in(turn)) for turn in repeat.members[:2])
        return any(not first.isdisjoint(node._parents) for node in second)

    def _shared(self, repeat: Group, times: int) -> int:
        """How many parameters all turns of a repetition use."""
        shared = 0
        for (source, target), uses in self.links.items():
            leaves = nodes_in(source)
            if target is repeat and len(uses) >= times * len(leaves):
                shared += sum(kind_of(leaf, self.graph) == "parameter" for leaf in leaves)
        return shared

    def _title(self, group: Group, nodes: list[Any]) -> str:
        if group.title:
            return printable(group.title)
        if group.kind == "bundle":
            kinds = {kind_of(node, self.graph) for node in nodes}
            if len(nodes) > 1 and len(kinds) == 1:
                return f"{self.symbols(nodes[0])} … {self.symbols(nodes[-1])}"
            return "leaves"
        if group.kind == "repeat" and isinstance(group.members[0], Tensor):
            return printable(nodes[-1].operation.name)
        return ""  # it has none: it is called by the number of its operations

    def _is_framed(self, group: Group) -> bool:
        """Whether an open group has a frame: scopes do, and what is repeated if it is not tiny."""
        if group.kind == "scope":
            return not self._is_caption(group)
        if group.kind == "repeat":
            turns = (turn for turn in group.members if isinstance(turn, Group))
            return any(turn.kind == "scope" or self._is_framed(turn) for turn in turns)
        return group.kind == "turn" and len(group.members) >= FRAMED

    def _times(self, repeat: Group) -> int:
        """How many turns a repetition has, some of which may have been put together."""
        together = [m for m in repeat.members if isinstance(m, Group) and m.kind == "repeat"]
        return len(repeat.members) + sum(len(group.members) - 1 for group in together)

    def _is_caption(self, group: Group) -> bool:
        """Whether an open scope has only one thing in it, so that it needs no frame."""
        alone = len(group.members) == 1 and not isinstance(group.members[0], Group)
        return alone and group.kind == "scope"

    def _frames(self) -> Frame:
        frames: dict[Group, Frame] = {}
        depth: dict[Group, int] = {}
        for group in self.folding.opened:
            if group.outer is None:
                frames[group], depth[group] = Frame("", "all", "", [], []), 0
                continue
            around = frames[group.outer]
            depth[group] = depth[group.outer] + 1
            if depth[group] > DEEPEST or not self._is_framed(group):
                frames[group] = around
                continue
            title = printable(group.title)
            if group.kind == "repeat":
                title = f"{title} × {self._times(group)}".strip()
            mark = "asked" if group in self.highlight.groups else ""
            frames[group] = Frame(self._key(group), group.kind, title, [], [], mark)
            around.frames.append(frames[group])
        for group in self.folding.opened:
            for member in group.members:
                if member not in self.folding.opened:
                    frames[group].members.append(self._key(member))
        return frames[self.graph.root]


def _requires_gradient(node: Node) -> bool:
    return isinstance(node, Tensor) and node.requires_grad
