"""What is said of a Tensor, and of a group: headings, and what stands below them."""

from __future__ import annotations

import textwrap
from collections import Counter

from ..paths.notation import counted, printable
from ..tensor import Tensor
from .formulas import formula
from .graph import Group
from .model import Model
from .numbers import Numbers, described, in_a_line, shape_of

MOST_RESULTS = 3  # of a group that are named
WIDEST = 40  # characters of a line of options


class DrawnNode:
    """A Tensor, or an array, and the operation that made it.

    `caption` names a scope that holds only it. `heading`, and `about` below it, stand in its box.
    """

    def __init__(self, model: Model, node: Tensor) -> None:
        graph, array, gradient = model.graph, model.graph.array(node), model.gradients.get(node)
        self.tensor, self.key, self.symbol = node, model.key(node), model.symbols(node)
        self.kind, self.uses = graph.kind(node), model.uses[node]
        self.name, self.line = printable(node.name or ""), printable(node.line or "")
        self.scope = tuple(map(printable, node.scope))
        self.caption = printable(graph.home[node].title) if graph.home[node].is_caption else ""
        self.operation = printable(node.operation.name) if self.kind == "operation" else ""
        self.formula = formula(node, model.symbols, graph) if self.operation else ""
        self.gradient_name = f"∂{model.of}/∂{self.symbol}"
        self.value = Numbers(array.shape, str(array.dtype))
        if model.has_values:
            self.value = described(array, scale=model.scales.get(node))
        self.gradient = None
        if gradient is not None:
            self.gradient = described(gradient, scale=model.gradient_scales.get(node))
        self.heading = f"{self.symbol} = {self.formula}" if self.formula else self.symbol
        self.about = ["output, " * (node in model.outputs) + self.value.kind]
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

    If it stands for `times` alike parts, `follows` tells whether each uses the result of the one
    before, and `shared` how many parameters all of them use.
    """

    caption, formula, everything = "", "", " "

    def __init__(self, model: Model, group: Group) -> None:
        graph, nodes, is_repeat = model.graph, group.nodes(), group.kind == "repeat"
        inside, kinds = set(nodes), {node: graph.kind(node) for node in nodes}
        operations = [node for node in nodes if kinds[node] == "operation"]
        self.key, self.kind, self.times = model.key(group), group.kind, group.times
        self.operations = len(operations)
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
            operations.sort(key=graph.number.__getitem__)
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
            array, what = graph.array(node), "output" if node in model.outputs else "result"
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


def _follows(repeat: Group) -> bool:
    """Whether a turn of a repetition takes what the one before it returns."""
    first, second = (
        set(turn.nodes() if isinstance(turn, Group) else [turn]) for turn in repeat.members[:2]
    )
    return any(not first.isdisjoint(node.parents) for node in second)
