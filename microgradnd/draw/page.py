"""The graph as a page: one HTML file that folds, steps through the passes and follows paths."""

from __future__ import annotations

import functools
import inspect
import textwrap
from importlib import resources
from typing import Any

import numpy as np

from ..paths.notation import printable
from ..program.browser import browser_program
from ..tensor import Tensor
from .model import Model
from .numbers import FEW, Numbers, in_a_line
from .sealed_page import json_numbers, sealed_page
from .style import DARK, LIGHT
from .view import Edge, View
from .words import Box, DrawnNode

SCRIPTS = ("data", "program", "layout", "picture", "save", "view", "steps", "paths", "live")
FULL = (600, 150, FEW)  # entries of an array that are all in the page,
FULL_IN_ALL = 20_000  # or fewer, if those of all arrays would be more
RULE = 12  # lines of a rule that are shown


def page_of(picture: View, direction: str, theme: str) -> str:
    """The page of a picture as HTML: all of its graph, folded as in the picture."""
    model = picture.model
    opened = [model.key(group) for group in picture.folding.opened]
    return sealed_page(
        _file("page.html"),
        title=f"Computation graph of {model.of}",
        style=_colours(theme) + _file("page.css"),
        script="\n".join(_file(f"{name}.js") for name in SCRIPTS),
        data=_Data(model).all() | {"open": opened, "direction": direction},
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("web", name).read_text("utf-8")


def _colours(theme: str) -> str:
    rules = {}
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        variables = "".join(f"--{part.replace('_', '-')}:{c};" for part, c in colours.items())
        rules[scheme] = f":root{{color-scheme:{scheme};{variables}}}\n"
    if theme != "auto":
        return rules[theme]
    chosen = (rule.replace(":root", f":root[data-theme={s}]", 1) for s, rule in rules.items())
    dark = f"@media (prefers-color-scheme:dark){{{rules['dark']}}}\n"
    return rules["light"] + dark + "".join(chosen)


class _Data:
    """All that the page shows, as JSON has it."""

    def __init__(self, model: Model) -> None:
        self.model, self.rules = model, dict[str, int]()
        self.view = View(model, model.whole, is_page=True)
        sizes = [node.tensor.size for node in self.view.nodes] * 2  # with their gradients
        derivatives = [derivative.entries for derivative in model.derivatives.values()]
        sizes += [len(entries[0]) for entries in derivatives if entries]
        self.most = next(
            most for most in FULL if sum(n for n in sizes if FEW < n <= most) <= FULL_IN_ALL
        )

    def all(self) -> dict[str, Any]:
        view, model, story = self.view, self.model, self.model.highlight.story
        shown = {item.key for item in view.nodes}
        ends = [model.key(place.tensor) for place in (story.start, story.end)] if story else []
        return {
            "title": model.description,
            "of": model.of,
            "heads": view.heads,
            "order": view.order,
            "nodes": list(map(self.node, view.nodes)),
            "groups": list(map(self.group, [*view.frames, *view.boxes])),
            "edges": list(map(self.edge, view.edges)),
            "program": self.program_or_why_not(),
            "rules": list(self.rules),
            "asked": [*ends, story.start.index] if story and shown.issuperset(ends) else None,
        }

    def placed(self, item: DrawnNode | Box) -> dict[str, Any]:
        """What there is of a node or a group: where it stands, and whether it is marked."""
        group, mark = next(iter(self.view.around[item.key]), ""), self.view.marks.get(item.key, "")
        return {"key": item.key, "kind": item.kind, "group": group, "mark": mark}

    def node(self, node: DrawnNode) -> dict[str, Any]:
        tensor = node.tensor
        data = {key: value for key, value in vars(node).items() if key != "tensor" and value}
        data |= self.placed(node)
        data["value"] = self.array(node.value, self.model.graph.array(tensor))
        if node.gradient:
            data["gradient"] = self.array(node.gradient, self.model.gradients[tensor])
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
        """A group; what is in one that is closed is not in the page."""
        data = {"heading": group.heading, "about": group.about, "open": group in self.view.frames}
        return self.placed(group) | data | {"result": group.result and group.result.key}

    def array(self, numbers: Numbers, array: Any) -> dict[str, Any]:
        """An array: all its entries if they are few, else statistics as text."""
        data: dict[str, Any] = {"shape": numbers.shape, "dtype": numbers.dtype}
        if 0 in numbers.shape:
            return data | {"entries": []}
        if numbers.entries is None and numbers.mean is None and not numbers.not_finite:
            return data
        if numbers.rounded:
            data["rounded"] = numbers.rounded
        flat = np.asarray(array).reshape(-1)
        if flat.size <= self.most:
            return data | {"entries": json_numbers(flat.tolist())}
        return data | {"text": in_a_line(numbers)}

    def edge(self, edge: Edge) -> dict[str, Any]:
        """An edge, with its local derivative if there is room. A page that can computes it anew."""
        data = {key: value for key, value in vars(edge).items() if value}
        if edge.derivative is None:
            return data
        data["derivative"] = {"shape": edge.derivative.shape}
        entries = edge.derivative.entries
        if entries and len(entries[0]) <= self.most:
            rows, columns, values = (each.tolist() for each in entries)
            data["derivative"]["entries"] = rows, columns, json_numbers(values)
        return data

    def program_or_why_not(self) -> dict[str, Any]:
        """What computes all numbers anew when some are changed, or why nothing does."""
        graph, model = self.model.graph, self.model
        if not model.has_values:
            return {"still": "draw(values=False) leaves them out"}
        tensors = [node.tensor for node in self.view.nodes if node.tensor.operation is None]
        leaves = [leaf for leaf in tensors if graph.array(leaf).dtype.kind == "f"]
        try:
            return browser_program(graph, model.start, leaves, model.key)
        except Exception as error:  # a user's function may do anything
            return {"still": printable(str(error) or type(error).__name__)}


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
