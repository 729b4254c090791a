"""What a picture shows, as plain data: nodes, groups and edges, with their numbers and names.

The picture, its text for the terminal and the page are all made from this.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import undisturbed
from ..paths.local_derivatives import local_derivatives
from ..paths.notation import bracketed, columns, printable
from ..tensor import Tensor
from .drawn import Box, Derivative, DrawnNode, Edge
from .fold import Folding
from .formulas import cut, formula, symbols_in
from .graph import Group, Item, Use
from .highlight import Highlight
from .numbers import Numbers, described, in_a_line, shape_of, written

FRAMED = 5  # items of a turn, from which on it has a frame
DEEPEST = 100  # frames in frames; Graphviz could not read a thousand
SMALL, EFFORT = 16, 2_000_000  # entries of a local derivative that a picture, a page looks at
ENTRIES = 25_000  # of local derivatives that are kept
WIDEST = (48, 16, 44, 60)  # columns of the text for a terminal
FACTORS = 6  # of a product that is written out
MOST_RESULTS = 3  # of a group that are named


class Model:
    """All that is drawn: `nodes`, `boxes`, `frames` (the groups that are open), `edges`, `hops`.

    `order` has the keys of what is shown, each after all that leads to it; `of` is what the
    gradients are gradients of. For a page all open groups have frames, and larger local derivatives
    are computed. `options` are `gradients` and `values`, as `draw` takes them. If it is `brief`,
    the numbers are written in a line, and there are no local derivatives.
    """

    def __init__(
        self,
        folding: Folding,
        highlight: Highlight,
        *options: Any,
        page: bool = False,
        brief: bool = False,
    ) -> None:
        self.options, self.brief = options, brief
        self.folding, self.graph, self.highlight = folding, folding.graph, highlight
        self.symbols = symbols_in(self.graph)
        heads = [self.symbols(head) for head in self.graph.heads]
        self.of = heads[0] if len(heads) == 1 else f"({' + '.join(heads)})"
        self.operations = len(self.graph.operations)
        self.description = f"Computation graph of {self.of}: {self.operations:,} operations"
        self._effort = EFFORT if page else SMALL
        self._keys: dict[Item, str] = {}
        framed = [group for group in folding.opened if group.outer and not _is_caption(group)]
        if not page:
            framed = [group for group in framed if _is_worth_a_frame(group)]
        self._framed = dict.fromkeys(framed)
        self._links, self._leaving = self._uses()
        self._uses_of = Counter(source for (source, _), uses in self._links.items() for _ in uses)
        self._marks = highlight.marks(folding)
        self.start = self._start(options[0])
        results = map(self._result, [*framed, *folding.shown])
        targets = {node for node in results if node is not None and node.requires_grad}
        self.gradients: dict[Tensor, Any] = {}
        if self.start and targets:
            with undisturbed():
                self.gradients = differentiate(self.start, targets)
        self._scales: dict[tuple[Tensor, bool], Any] = {}
        self.edges = self._edges()
        self.heads = list(dict.fromkeys(self.key(folding.drawn_as(end)) for end in self.graph.ends))
        self.items = [
            self._box(item) if isinstance(item, Group) else self._node(item)
            for item in folding.shown
        ]
        self.nodes = [item for item in self.items if isinstance(item, DrawnNode)]
        self.boxes = [item for item in self.items if isinstance(item, Box)]
        self.frames = [self._box(group) for group in framed]
        self.hops = highlight.hops(folding, self.key)
        self.order = self._order()

    def key(self, item: Item) -> str:
        """The identifier of a node or a group in DOT and in a page."""
        if item not in self._keys:
            letter = "g" if isinstance(item, Group) else "x"
            number = self.graph.number.get(item)  # type: ignore[call-overload]
            self._keys[item] = f"v{number}" if number else f"{letter}{len(self._keys) + 1}"
        return self._keys[item]

    def _frame(self, group: Group | None) -> str:
        """The key of the innermost group with a frame, from this one on outwards."""
        framed = filter(self._framed.__contains__, group.around() if group else ())
        return next(map(self.key, framed), "")

    def _uses(self) -> tuple[dict[tuple[Item, Item], list[Use]], dict[Group, dict[Tensor, None]]]:
        """All uses of one shown item by another, and the nodes of each group used outside of it."""
        links: dict[tuple[Item, Item], list[Use]] = defaultdict(list)
        leaving: dict[Group, dict[Tensor, None]] = defaultdict(dict)
        drawn_as = self.folding.drawn_as
        for use in self.graph.uses:
            node, _, argument = use
            source, target = drawn_as(argument), drawn_as(node)
            if source is not target and argument not in self.folding.hidden:
                links[source, target].append(use)
                for group in self.graph.apart(argument, node)[0][1:]:
                    leaving[group][argument] = None  # type: ignore[index]
        for end in self.graph.ends:
            for group in self.graph.home[end].around():
                leaving[group][end] = None
        return links, leaving

    def _result(self, item: Item) -> Tensor | None:
        """The node itself; of a group the only one that is used outside of it, or is a head."""
        results = self._results(item)
        return results[0] if len(results) == 1 else None

    def _results(self, item: Item) -> list[Tensor]:
        return list(self._leaving[item]) if isinstance(item, Group) else [item]

    def _start(self, gradients: Any) -> dict[Tensor, Any]:
        """The gradients to start from; none if they are not wanted, or a head is not a scalar."""
        heads = self.graph.heads
        if gradients is None or gradients is False:
            return {}
        if gradients is True and any(head.size != 1 for head in heads):
            return {}
        if gradients is not True and len(heads) > 1:
            raise ValueError("draw(gradients=...): a gradient to start from is that of one Tensor")
        seed = None if gradients is True else gradients
        return {head: head.seed(seed) for head in heads if head.requires_grad}

    def _edges(self) -> list[Edge]:
        edges: list[Edge] = []
        sized: list[tuple[int, Edge, Derivative, Tensor, Tensor]] = []
        for (source, target), uses in self._links.items():
            ends = self.key(source), self.key(target)
            flows = any(argument.requires_grad for *_, argument in uses)
            marked = source in self._marks and self._marks.get(target) == "dependent"
            mark = "dependent" if marked else ""
            if isinstance(source, Group) or isinstance(target, Group):
                edges.append(Edge(*ends, -1, flows, len(uses), mark=mark))
                continue
            for node, position, used in uses:
                edge = Edge(*ends, position, flows, mark=mark)
                edges.append(edge)
                if flows and self.start and not self.brief:
                    argument = node.arrays[position + 1]
                    elementwise = node.operation.kind == "elementwise"
                    diagonal = elementwise and argument.shape == node.shape
                    derivative = Derivative((node.size, argument.size), diagonal)
                    edge.derivative = derivative
                    if isinstance(argument, np.ndarray | np.generic):
                        effort = node.size * (1 if elementwise else argument.size)
                        sized.append((effort, edge, derivative, node, used))
        room, patience = ENTRIES, 5 * EFFORT
        for effort, edge, derivative, node, used in sorted(sized, key=lambda each: each[0]):
            patience -= effort
            if effort > self._effort or patience < 0:
                break
            live = np.arange(derivative.shape[1])
            try:
                with undisturbed():
                    rows, columns, values = local_derivatives(node, edge.position, live)
            except Exception:  # a user's rule may not take the nan that probe it
                continue
            if len(values) <= room:
                order = np.lexsort((columns, rows))
                derivative.entries = rows[order], columns[order], values[order]
                room -= len(values)
                argument, gradient = node.arrays[edge.position + 1], self.gradients.get(node)
                self._add_to_scale(node, False, rows, values, argument, columns)
                if gradient is not None:
                    self._add_to_scale(used, True, columns, values, gradient, rows)
        return edges

    def _add_to_scale(
        self, node: Tensor, of_gradient: bool, places: Any, derivatives: Any, array: Any, taken: Any
    ) -> None:
        """Add up the sizes of all terms from which values or a gradient are computed."""
        scale = self._scales.setdefault((node, of_gradient), np.zeros(node.size))
        with np.errstate(all="ignore"):
            np.add.at(scale, places, abs(derivatives * np.reshape(array, -1)[taken]))

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

    def _node(self, node: Tensor) -> DrawnNode:
        kind, symbol, home = self.graph.kind(node), self.symbols(node), self.graph.home[node]
        array, gradient = self.graph.array(node), self.gradients.get(node)
        operation = node.operation if kind == "operation" else None
        return DrawnNode(
            key=self.key(node),
            kind=kind,
            symbol=symbol,
            name=printable(node.name or ""),
            operation=printable(operation.name) if operation else "",
            formula=formula(node, self.symbols, self.graph) if operation else "",
            value=described(array, scale=self._scales.get((node, False)))
            if self.options[1]
            else Numbers(array.shape, str(array.dtype)),
            gradient=None
            if gradient is None
            else described(gradient, scale=self._scales.get((node, True))),
            gradient_name=f"∂{self.of}/∂{symbol}",
            uses=self._uses_of[node],
            caption=printable(home.title) if _is_caption(home) else "",
            scope=tuple(map(printable, node.scope)),
            line=printable(node.line or ""),
            group=self._frame(home),
            mark=self._marks.get(node, ""),
            output=self._is_output(node),
            tensor=node,
        )

    def _box(self, group: Group) -> Box:
        nodes = group.nodes()
        inside = set(nodes)
        nodes += [x for x in self.folding.hidden if not inside.isdisjoint(self.graph.users[x])]
        kinds = {node: self.graph.kind(node) for node in nodes}
        operations = [node for node in nodes if kinds[node] == "operation"]
        inner = [each.opening.kind for each in group.layers() if each.opening]
        names = Counter(inner or (node.operation.name for node in operations))
        is_repeat, is_bundle = group.kind == "repeat", group.kind == "bundle"
        shapes = {self.graph.array(node).shape for node in nodes if is_bundle}
        alike = len(shapes) == 1
        result, results = self._result(group), self._results(group)
        title = printable(_called(group))  # without one, its heading is the number of operations
        if is_bundle:
            ends = f"{self.symbols(nodes[0])} … {self.symbols(nodes[-1])}"
            title = ends if len(set(kinds.values())) == 1 else "leaves"
        elif is_repeat and isinstance(group.members[0], Tensor):
            title = printable(group.members[0].operation.name)
        return Box(
            key=self.key(group),
            kind=group.kind,
            title=title,
            times=group.times,
            operations=len(operations),
            contents=tuple((printable(name), count) for name, count in names.most_common()),
            parameters=sum(node.size for node in nodes if kinds[node] == "parameter"),
            shape=shapes.pop() if alike else None,
            result=None if result is None or alike else self._node(result),
            results=()
            if alike or len(results) > MOST_RESULTS
            else tuple(map(self._shape, results)),
            layer=group.is_layer,
            options=group.options,
            follows=is_repeat and _follows(group),
            shared=self._shared(nodes, group.times) if is_repeat else 0,
            open=group in self.folding.opened,
            group=self._frame(group.outer),
            mark=self._marks.get(group, ""),
        )

    def _shape(self, node: Tensor) -> str:
        """A result in few words."""
        array, what = self.graph.array(node), "output" if self._is_output(node) else "result"
        return f"{what} {self.symbols(node)}, {shape_of(array.shape)} {array.dtype}"

    def _is_output(self, node: Tensor) -> bool:
        is_end = any(node is end for end in self.graph.ends)
        return self.folding.by_layers and is_end and not self.start

    def _shared(self, nodes: list[Tensor], times: int) -> int:
        """How many parameters from outside all turns of a repetition use."""
        inside = set(nodes)
        operations = (node for node in nodes if node not in self.graph.users)
        uses = Counter(parent for node in operations for parent in set(node.parents) - inside)
        return sum(
            self.graph.kind(node) == "parameter" and count >= times for node, count in uses.items()
        )


def _called(group: Group) -> str:
    """The title of a group; that of a module also names its class: "q: Linear"."""
    kind = group.opening.kind if group.opening else ""
    told = group.title.rstrip("0123456789") == kind
    return group.title if told or not kind else f"{group.title}: {kind}"


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


def path_lines(model: Model) -> list[str]:
    """The highlighted paths with their products, then how many others there are, then the sum."""
    story = model.highlight.story
    assert story is not None
    names = {node.tensor: node.symbol for node in model.nodes}
    start, end = (
        names.get(place.tensor, place.name) + bracketed(place.index)
        for place in (story.start, story.end)
    )
    lines = []
    for number, path in enumerate(story.paths, 1):
        values = (value.replace("-", "−") for *_, value in story.factors(path))
        factors = [value for value in values if value != "1"]
        texts = [f"({text})" if text.startswith("−") else text for text in factors]
        product = " · ".join(texts[:FACTORS]) + " · …" * (len(texts) > FACTORS)
        product = f" = {product}" if len(factors) > 1 else ""
        lines.append(f"path {number}: {written(path.product)}{product}")
    if story.count > len(story.paths):
        lines.append(f"{story.count - len(story.paths):,} more: {written(story.rest)}")
    return [*lines, f"∂{end}/∂{start} = {written(story.total)}"]


def as_text(model: Model) -> str:
    """A line for each node and box, in the order of computing: what, shape, values, gradient."""
    items = {item.key: item for item in model.items}
    table = [list(map(cut, _cells(items[key]), WIDEST)) for key in model.order]
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = (cell + " " * (w - columns(cell)) for cell, w in zip(cells, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _cells(item: DrawnNode | Box) -> tuple[str, str, str, str]:
    if isinstance(item, DrawnNode):
        node: DrawnNode | None = item
        what = item.heading if item.formula else f"{item.symbol} ({item.kind})"
    else:
        node = item.result
        what = f"{node.symbol} from [{item.heading}]" if node else f"[{item.heading}]"
    if node is None:
        return what, "" if item.shape is None else shape_of(item.shape), "", ""  # type: ignore
    gradient = f"{node.gradient_name} = {in_a_line(node.gradient)}" if node.gradient else ""
    return what, shape_of(node.value.shape), in_a_line(node.value), gradient
