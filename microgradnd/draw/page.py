"""The graph as a page: one HTML file that folds, steps through the passes and follows paths."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import inspect
import json
import math
import re
import textwrap
from collections import Counter
from importlib import resources
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import undisturbed
from ..tensor import Tensor
from .fold import MOST, Folding
from .formulas import cut
from .highlight import Highlight
from .model import Box, Derivative, DrawnNode, Edge, Model
from .numbers import FEW, described, in_a_line, shape_of, statistics, written
from .style import DARK, LIGHT
from .words import about, derivative_lines, full_name, heading

SCRIPTS = ("data", "layout", "picture", "view", "steps", "paths")
FULL = 400  # entries of an array that are all in the page,
FULL_IN_ALL = 20_000  # as long as those of the page are not more
FIRST = 6  # entries that are there of others
EXACT = 16  # entries that have all their digits
SMALL = 36  # entries of a local derivative that is shown as a matrix
RULE = 12  # lines of a rule that are shown
WIDEST = 40  # characters of a line in the picture


def page_of(
    folding: Folding, highlight: Highlight, gradients: Any, values: bool, look: tuple[str, str]
) -> str:
    """The page of a folded graph as HTML; `look` is its direction and its theme."""
    whole = Folding(folding.graph, limit=max(MOST, len(folding.shown)))
    model = Model(whole, highlight, gradients, values, page=True)
    direction, theme = look
    opened = [model.key(group) for group in folding.opened]
    data = _Data(model, values).all() | {"open": opened, "direction": direction}
    script = "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    style = _colours(theme) + _file("page.css")
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<\u2028\u2029":  # so nothing in it ends its element
        text = text.replace(character, f"\\u{ord(character):04x}")
    fillings = {
        "title": html.escape(f"Computation graph of {model.of}"),
        "policy": (
            f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "data": text,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fillings[found[1]], _file("page.html"))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("web", name).read_text("utf-8")


def _hash_of(content: str) -> str:
    """What the policy calls the only style, and the only script, that the page may have."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _colours(theme: str) -> str:
    rules = {}
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        variables = "".join(f"--{part.replace('_', '-')}:{c};" for part, c in colours.items())
        rules[scheme] = f":root{{color-scheme:{scheme};{variables}}}\n"
    dark = f"@media (prefers-color-scheme:dark){{{rules['dark']}}}\n"
    return rules["light"] + dark if theme == "auto" else rules[theme]


class _Data:
    """All that the page shows, as JSON has it."""

    def __init__(self, model: Model, values: bool) -> None:
        self.model, self.values = model, values
        self.room = FULL_IN_ALL
        self.rules: dict[str, int] = {}

    def all(self) -> dict[str, Any]:
        model, story = self.model, self.model.highlight.story
        shown = {item.key for item in model.nodes}
        ends = [model.key(place.tensor) for place in (story.start, story.end)] if story else []
        forward = map(model.key, model.graph.operations)
        return {
            "title": model.description,
            "of": model.of,
            "heads": model.heads,
            "order": model.order,
            "nodes": [self.node(node) for node in model.nodes],
            "groups": [self.group(group) for group in [*model.frames, *model.boxes]],
            "edges": [self.edge(edge) for edge in model.edges],
            "forward": [key for key in forward if key in shown],
            "backward": self.backward(),
            "rules": list(self.rules),
            "asked": [*ends, story.start.index] if story and shown.issuperset(ends) else None,
        }

    def node(self, node: DrawnNode) -> dict[str, Any]:
        tensor = node.tensor
        data = {key: value for key, value in vars(node).items() if key != "tensor" and value}
        data |= {"group": node.group, "title": heading(node), "lines": self.lines(node)}
        data["value"] = self.array(self.model.graph.array(tensor), self.values)
        gradient = self.model.gradients.get(tensor)
        if gradient is not None:
            data["gradient"] = self.array(gradient)
        if node.operation:
            data["rules"] = [
                self.rules.setdefault(text, len(self.rules)) if text else None
                for rule, argument in zip(tensor.operation.rules, tensor.arguments, strict=False)
                for text in [_source(rule) if isinstance(argument, Tensor) else ""]
            ]
        return data

    def group(self, group: Box) -> dict[str, Any]:
        data = {name: getattr(group, name) for name in ("key", "kind", "group", "mark")}
        return data | {
            "title": heading(group),
            "about": about(group),
            "lines": self.lines(group),
            "closed": not group.open,  # what is in it is not in the page
            "result": group.result and group.result.key,
        }

    def lines(self, item: DrawnNode | Box) -> list[tuple[str, str]]:
        """What stands in a box of the picture above its numbers: lines, and what each is."""
        lines = [("heading", heading(item)), *(("about", line) for line in about(item))]
        if isinstance(item, DrawnNode):
            lines.insert(0, ("about", item.caption))
            if full_name(item):
                lines[-1] = ("about", f"{full_name(item)}, {lines[-1][1]}")
        return [(kind, cut(text, WIDEST)) for kind, text in lines if text]

    def array(self, array: Any, values: bool = True, full: bool = True) -> dict[str, Any]:
        """An array: all its entries if they are few, else statistics, a histogram, the first."""
        data: dict[str, Any] = {"shape": array.shape, "dtype": str(array.dtype)}
        if not values or not isinstance(array, np.ndarray | np.generic):
            return data
        numbers, flat = described(array), np.asarray(array).reshape(-1)
        data["text"] = cut(in_a_line(numbers), WIDEST)
        if numbers.entries is None:
            known = statistics(numbers)
            if numbers.histogram:
                with np.errstate(all="ignore"):
                    known.append(f"norm {written(np.linalg.norm(flat.astype(float)))}")
            data |= {"about": ", ".join(known), "histogram": numbers.histogram}
        if flat.size <= FEW or (full and flat.size <= min(FULL, self.room)):
            self.room -= flat.size * (flat.size > FEW)
            name, shown = "entries", flat
        else:
            name, shown = "first", flat[:FIRST]
        return data | {name: _numbers(shown, 0 if flat.size <= EXACT else 6)}

    def edge(self, edge: Edge) -> dict[str, Any]:
        data = {key: value for key, value in vars(edge).items() if value}
        if edge.derivative is not None:
            data["derivative"] = self.derivative(edge.derivative)
        return data

    def derivative(self, derivative: Derivative) -> dict[str, Any]:
        """A local derivative by its entries that are not 0, if they are known, and to be shown."""
        shape, size = derivative.shape, math.prod(derivative.shape)
        view: dict[str, Any] = {"shape": shape if size != 1 else (), "about": ""}
        if derivative.entries is None:
            view["about"] = f"matrix {shape_of(shape)}, as its rule applies it:"
            return {"shape": shape, "view": view}
        rows, columns, values = derivative.entries
        numbers = _numbers(values, 0 if len(values) <= EXACT**2 else 9)
        if size <= SMALL:
            matrix = np.zeros(shape, values.dtype)
            matrix[rows, columns] = values
            view["entries"] = _numbers(matrix.reshape(-1), 0)
        else:
            about = "diagonal" if np.all(rows == columns) else f"{len(values)} entries not 0"
            view |= {"about": f"matrix {shape_of(shape)}, {about}", "first": numbers[:FIRST]}
        data = {"shape": shape, "view": view, "entries": [rows.tolist(), columns.tolist(), numbers]}
        lines = derivative_lines(derivative)
        return data | ({"label": lines[0]} if len(lines) == 1 and "×" not in lines[0] else {})

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
            total = totals[parent] + contribution if parent in totals else contribution
            totals[parent], arrived[parent] = total, arrived[parent] + 1
            if node in shown and parent in model.graph.home:
                key = model.key(node)
                part = {
                    "to": model.key(model.folding.drawn_as(parent)),
                    "edge": places.get((key, position)),
                    "product": self.array(contribution, full=False),
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
        if not isinstance(value, float):
            return value if isinstance(value, bool | int) else str(value)
        if not math.isfinite(value):
            return str(value)
        return float(f"{value:.{digits}g}") if digits else value

    return [number(value) for value in array.tolist()]
