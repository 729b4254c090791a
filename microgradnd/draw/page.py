"""The graph as a page: one HTML file that folds, steps through the passes and follows paths."""

from __future__ import annotations

import functools
import inspect
import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import undisturbed
from ..paths.notation import printable
from ..program.browser import browser_program
from ..tensor import Tensor
from .drawn import Derivative
from .fold import MOST, Folding
from .formulas import cut
from .model import Box, DrawnNode, Model
from .numbers import FEW, described, in_a_line, statistics, written
from .sealed_page import sealed_page
from .style import DARK, LIGHT

SCRIPTS = ("data", "program", "layout", "picture", "save", "view", "steps", "paths", "live")
FULL = 400  # entries of an array that are all in the page,
FULL_IN_ALL = 20_000  # as long as those of the page are not more
FIRST = 6  # entries that are there of others
EXACT = 100  # entries that have all their digits
MANY = 1_000  # entries of a local derivative that the page computes itself
ROWS = 64  # entries of an array that may be in rows, in its box
RULE = 12  # lines of a rule that are shown
WIDEST = 40  # characters of a line in the picture


def page_of(picture: Model, direction: str, theme: str, live: bool = True) -> str:
    """The page of a picture as HTML: all of its graph, folded as in the picture.

    If it is not `live`, its numbers cannot be changed, and it is smaller.
    """
    model = unfolded(picture)
    opened = [model.key(group) for group in picture.folding.opened]
    data = _Data(model, live).all() | {"open": opened, "direction": direction}
    return sealed_page(
        _file("page.html"),
        title=f"Computation graph of {model.of}",
        style=_colours(theme) + _file("page.css"),
        script="\n".join(_file(f"{name}.js") for name in SCRIPTS),
        data=data,
    )


def unfolded(picture: Model) -> Model:
    """What the page of a picture shows."""
    whole = Folding(picture.graph, limit=max(MOST, len(picture.items)))
    return Model(whole, picture.highlight, *picture.options, page=True)


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("web", name).read_text("utf-8")


def _colours(theme: str) -> str:
    rules = {}
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        variables = "".join(f"--{part.replace('_', '-')}:{c};" for part, c in colours.items())
        rules[scheme] = f":root{{color-scheme:{scheme};{variables}}}\n"
    dark = f"@media (prefers-color-scheme:dark){{{rules['dark']}}}\n"
    if theme != "auto":
        return rules[theme]
    chosen = (rule.replace(":root", f":root[data-theme={s}]", 1) for s, rule in rules.items())
    return rules["light"] + dark + "".join(chosen)


class _Data:
    """All that the page shows, as JSON has it."""

    def __init__(self, model: Model, live: bool) -> None:
        self.model, self.live = model, live
        self.room = FULL_IN_ALL
        self.rules: dict[str, int] = {}
        self.visits: list[tuple[Tensor, int]] = []  # the turns of the backward pass

    def all(self) -> dict[str, Any]:
        model, story = self.model, self.model.highlight.story
        shown = {item.key for item in model.nodes}
        ends = [model.key(place.tensor) for place in (story.start, story.end)] if story else []
        backward = self.backward()
        program = self.program()
        self.live = "items" in program
        return {
            "title": model.description,
            "of": model.of,
            "heads": model.heads,
            "order": model.order,
            "nodes": [self.node(node) for node in model.nodes],
            "groups": [self.group(group) for group in [*model.frames, *model.boxes]],
            "edges": [
                {key: value for key, value in vars(edge).items() if value}
                | ({"derivative": self.derivative(edge.derivative)} if edge.derivative else {})
                for edge in model.edges
            ],
            "forward": [key for key in map(model.key, model.graph.operations) if key in shown],
            "backward": backward,
            "program": program,
            "rules": list(self.rules),
            "asked": [*ends, story.start.index] if story and shown.issuperset(ends) else None,
        }

    def node(self, node: DrawnNode) -> dict[str, Any]:
        tensor = node.tensor
        data = {key: value for key, value in vars(node).items() if key != "tensor" and value}
        data |= {"group": node.group, "title": node.heading, "lines": self.lines(node)}
        data["value"] = self.array(self.model.graph.array(tensor), self.model.options[1])
        gradient = self.model.gradients.get(tensor)
        if gradient is not None:
            data["gradient"] = self.array(gradient)
        for name, numbers in (("value", node.value), ("gradient", node.gradient)):
            if numbers and numbers.rounded:
                data[name]["rounded"] = sorted(numbers.rounded)
        if node.operation:
            sources = map(_source, tensor.operation.rules)
            data["rules"] = [
                self.rules.setdefault(text, len(self.rules))
                if text and isinstance(argument, Tensor)
                else None
                for text, argument in zip(sources, tensor.arguments, strict=False)
            ]
        return data

    def group(self, group: Box) -> dict[str, Any]:
        data = {name: getattr(group, name) for name in ("key", "kind", "group", "mark", "about")}
        return data | {
            "title": group.heading,
            "lines": self.lines(group),
            "closed": not group.open,  # what is in it is not in the page
            "result": group.result and group.result.key,
        }

    def lines(self, item: DrawnNode | Box) -> list[tuple[str, str]]:
        """What stands in a box of the picture above its numbers: lines, and what each is."""
        lines = [("heading", item.heading), *(("about", line) for line in item.about)]
        if isinstance(item, DrawnNode) and item.caption:
            lines.insert(0, ("about", item.caption))
        return [(kind, cut(text, WIDEST)) for kind, text in lines]

    def array(self, array: Any, values: bool = True, full: bool = True) -> dict[str, Any]:
        """An array: all its entries if they are few, else statistics, a histogram, the first."""
        data: dict[str, Any] = {"shape": array.shape, "dtype": str(array.dtype)}
        if not values or not isinstance(array, np.ndarray | np.generic):
            return data
        flat = np.asarray(array).reshape(-1)
        digits = 0 if flat.size <= EXACT else 6
        if flat.size <= FEW or flat.size <= min(FULL if full else ROWS, self.room):
            self.room -= flat.size * (flat.size > FEW)
            return data | {"entries": _numbers(flat, digits)}
        numbers = described(array)
        known = statistics(numbers)
        data["text"] = cut(in_a_line(numbers), WIDEST)
        if numbers.histogram:
            with np.errstate(all="ignore"):
                known.append(f"norm {written(np.linalg.norm(flat.astype(float)))}")
        data |= {"about": ", ".join(known), "histogram": numbers.histogram}
        return data | {"first": _numbers(flat[:FIRST], digits)}

    def derivative(self, derivative: Derivative) -> dict[str, Any]:
        """A local derivative by its entries that are not 0, if they are known, and to be shown."""
        if derivative.entries is None:
            return {"shape": derivative.shape}
        rows, columns, values = derivative.entries
        if self.live and len(values) > MANY:
            return {"shape": derivative.shape, "computed": True}
        numbers = _numbers(values, 0 if len(values) <= EXACT else 9)
        return {
            "shape": derivative.shape,
            "entries": [rows.tolist(), columns.tolist(), numbers],
        }

    def program(self) -> dict[str, Any]:
        """What computes all numbers anew when some are changed, or why nothing does."""
        graph, model = self.model.graph, self.model
        if not self.live:
            return {"still": "all of it would be too large for a notebook; show() or save() has it"}
        if not model.options[1]:
            return {"still": "draw(values=False) leaves them out"}
        leaves = {
            node.key: node.tensor
            for node in model.nodes
            if node.tensor.operation is None and graph.array(node.tensor).dtype.kind == "f"
        }
        try:
            program, number = browser_program(graph, model.start, self.visits, leaves)
        except Exception as error:  # a user's function may do anything
            return {"still": printable(str(error))}
        shown = {node.key: number[node.tensor] for node in model.nodes if node.tensor in number}
        return program | {"shown": shown, "note": " ".join(self.notes(leaves.values()))}

    def notes(self, leaves: Iterable[Tensor]) -> Iterator[str]:
        """What may differ from Python when numbers change."""
        narrow = sorted({str(leaf.dtype) for leaf in leaves} - {"float64"})
        if narrow:
            yield f"Computed in float64 here, in {', '.join(narrow)} in Python."
        fixed: list[Any] = []
        for node in self.model.graph.number:
            fixed += node.keywords.values()
            arguments = zip(node._parents, node.arrays[1:], strict=True)
            fixed += [
                array for parent, array in arguments if parent is None or parent.operation is None
            ]
        arrays = [array for array in fixed if isinstance(array, np.ndarray)]
        if any(array.dtype.kind in "biu" and array.ndim for array in arrays):
            yield "Masks and whole numbers, such as labels and indices, stay as they were recorded."
        if any(node.kind == "given" and node.tensor.operation is None for node in self.model.nodes):
            yield "What was computed outside of the graph stays as it was recorded."

    def backward(self) -> list[dict[str, Any]]:
        """The turns of the backward pass: what a node adds to the gradients of its arguments."""
        model = self.model
        shown = {node.tensor for node in model.nodes}
        places = {(edge.target, edge.position): i for i, edge in enumerate(model.edges)}
        steps: dict[str, list[dict[str, Any]]] = {}
        parts: list[tuple[Tensor, dict[str, Any]]] = []
        totals = dict(model.start)
        arrived: Counter[Tensor] = Counter()
        arguments = functools.cache(lambda node: node.arguments)

        def visit(node: Tensor, position: int, gradient: Any, contribution: Any) -> Any:
            parent = arguments(node)[position]
            self.visits.append((node, position))
            total = totals[parent] + contribution if parent in totals else contribution
            totals[parent], arrived[parent] = total, arrived[parent] + 1
            if node in shown and parent in model.graph.home:
                key = model.key(node)
                part = {
                    "to": model.key(model.folding.drawn_as(parent)),
                    "edge": places.get((key, position)),
                    "product": self.array(contribution, full=False),
                    "visit": len(self.visits) - 1,
                    "arrived": arrived[parent],
                    "sum": self.array(total, full=False),
                }
                steps.setdefault(key, []).append(part)
                parts.append((parent, part))
            return contribution

        with undisturbed():
            differentiate(model.start, visit=visit)
        for parent, part in parts:
            part["uses"] = arrived[parent]
            if arrived[parent] == 1:
                del part["sum"]
        return [{"node": key, "parts": its_parts} for key, its_parts in steps.items()]


def _source(rule: Any) -> str:
    """The beginning of the source text of a rule, where there is one."""
    rule = getattr(rule, "func", rule)
    return _source_of(getattr(rule, "__code__", rule))


@functools.cache
def _source_of(code: Any) -> str:
    try:
        lines, _ = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return ""
    return textwrap.dedent("".join(lines[:RULE])).rstrip() + "\n…" * (len(lines) > RULE)


def _numbers(array: Any, digits: int) -> list[Any]:
    """Numbers as JSON has them, with few digits or (0) all; what JSON has not, as text."""

    def number(value: Any) -> Any:
        if isinstance(value, float) and math.isfinite(value):
            return float(f"{value:.{digits}g}") if digits else value
        return value if isinstance(value, bool | int) else str(value)

    return [number(value) for value in array.tolist()]
