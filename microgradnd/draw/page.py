"""The graph as a page: one HTML file that folds, steps through the passes and follows paths."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

import numpy as np

from ..paths.notation import printable
from ..program.browser import browser_program
from ..tensor import Tensor
from .drawn import Derivative
from .fold import MOST, Folding
from .model import Box, DrawnNode, Model
from .numbers import FEW, Numbers, in_a_line, statistics, written
from .sealed_page import json_numbers, sealed_page
from .style import DARK, LIGHT

SCRIPTS = ("data", "program", "layout", "picture", "save", "view", "steps", "paths", "live")
FULL = 400  # entries of an array that are all in the page,
FULL_IN_ALL = 20_000  # as long as those of the page are not more
FIRST = 6  # entries that are there of others
EXACT = 100  # entries that have all their digits
MANY = 1_000  # entries of a local derivative that the page computes itself,
ROWS = 300  # row by row, if it is not a diagonal
RULE = 12  # lines of a rule that are shown


def page_of(picture: Model, direction: str, theme: str) -> str:
    """The page of a picture as HTML: all of its graph, folded as in the picture."""
    model = unfolded(picture)
    opened = [model.key(group) for group in picture.folding.opened]
    return sealed_page(
        _file("page.html"),
        title=f"Computation graph of {model.of}",
        style=_colours(theme) + _file("page.css"),
        script="\n".join(_file(f"{name}.js") for name in SCRIPTS),
        data=_Data(model).all() | {"open": opened, "direction": direction},
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
    if theme != "auto":
        return rules[theme]
    chosen = (rule.replace(":root", f":root[data-theme={s}]", 1) for s, rule in rules.items())
    dark = f"@media (prefers-color-scheme:dark){{{rules['dark']}}}\n"
    return rules["light"] + dark + "".join(chosen)


class _Data:
    """All that the page shows, as JSON has it."""

    def __init__(self, model: Model) -> None:
        self.model, self.room = model, FULL_IN_ALL
        self.rules: dict[str, int] = {}
        self.program = self.program_or_why_not()

    def all(self) -> dict[str, Any]:
        model, story = self.model, self.model.highlight.story
        shown = {item.key for item in model.nodes}
        ends = [model.key(place.tensor) for place in (story.start, story.end)] if story else []
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
            "program": self.program,
            "rules": list(self.rules),
            "asked": [*ends, story.start.index] if story and shown.issuperset(ends) else None,
        }

    def node(self, node: DrawnNode) -> dict[str, Any]:
        tensor = node.tensor
        data = {key: value for key, value in vars(node).items() if key != "tensor" and value}
        data["group"] = node.group
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
        names = ("key", "kind", "group", "mark", "heading", "about", "open")
        data = {name: getattr(group, name) for name in names}
        return data | {"result": group.result and group.result.key}

    def array(self, numbers: Numbers, array: Any) -> dict[str, Any]:
        """An array: all its entries if they are few, else statistics, a histogram, the first."""
        data: dict[str, Any] = {"shape": numbers.shape, "dtype": numbers.dtype}
        if 0 in numbers.shape:
            return data | {"entries": []}
        if numbers.entries is None and numbers.mean is None and not numbers.not_finite:
            return data
        flat = np.asarray(array).reshape(-1)
        digits = 0 if flat.size <= EXACT else 6
        if numbers.rounded:
            data["rounded"] = numbers.rounded
        if flat.size <= FEW or flat.size <= min(FULL, self.room):
            self.room -= flat.size * (flat.size > FEW)
            return data | {"entries": json_numbers(flat.tolist(), digits)}
        known = statistics(numbers)
        if numbers.histogram:
            with np.errstate(all="ignore"):
                known.append(f"norm {written(np.linalg.norm(flat.astype(float)))}")
        data |= {"about": ", ".join(known), "histogram": numbers.histogram}
        first = json_numbers(flat[:FIRST].tolist(), digits)
        return data | {"text": in_a_line(numbers), "first": first}

    def derivative(self, derivative: Derivative) -> dict[str, Any]:
        """A local derivative by its entries that are not 0, if they are known, and to be shown."""
        if derivative.entries is None:
            return {"shape": derivative.shape}
        rows, columns, values = derivative.entries
        is_quick = derivative.diagonal or derivative.shape[0] <= ROWS
        if "items" in self.program and len(values) > MANY and is_quick:
            return {"shape": derivative.shape, "computed": True}
        numbers = json_numbers(values.tolist(), 0 if len(values) <= EXACT else 9)
        return {"shape": derivative.shape, "entries": [rows.tolist(), columns.tolist(), numbers]}

    def program_or_why_not(self) -> dict[str, Any]:
        """What computes all numbers anew when some are changed, or why nothing does."""
        graph, model = self.model.graph, self.model
        if not model.options[1]:
            return {"still": "draw(values=False) leaves them out"}
        tensors = [node.tensor for node in model.nodes if node.tensor.operation is None]
        leaves = [leaf for leaf in tensors if graph.array(leaf).dtype.kind == "f"]
        try:
            program = browser_program(graph, model.start, leaves, model.key)
        except Exception as error:  # a user's function may do anything
            return {"still": printable(str(error) or type(error).__name__)}
        return program | {"note": " ".join(self.notes(leaves))}

    def notes(self, leaves: Iterable[Tensor]) -> Iterator[str]:
        """What may differ from Python when numbers change."""
        narrow = sorted({str(leaf.dtype) for leaf in leaves} - {"float64"})
        if narrow:
            yield f"Computed in float64 here, in {', '.join(narrow)} in Python."
        fixed: list[Any] = []
        for node in self.model.graph.number:
            given = zip(node._parents, node.arrays[1:], strict=True)
            fixed += [array for at, array in given if at is None or at.operation is None]
            fixed += node.keywords.values()
        arrays = [array for array in fixed if isinstance(array, np.ndarray)]
        if any(array.dtype.kind in "biu" and array.ndim for array in arrays):
            yield "Masks and whole numbers, such as labels and indices, stay as they were recorded."
        if any(node.kind == "given" and node.tensor.operation is None for node in self.model.nodes):
            yield "What was computed outside of the graph stays as it was recorded."


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
