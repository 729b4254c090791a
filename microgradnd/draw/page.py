"""The graph as a page: one HTML file that folds, steps through the passes and follows paths."""

from __future__ import annotations

import base64
import hashlib
import html
import inspect
import json
import math
import re
import textwrap
from importlib import resources
from typing import Any

import numpy as np

from ..context import undisturbed
from ..paths.local_derivatives import local_derivatives
from ..tensor import Tensor
from .derivatives import may_start
from .folding import Folding
from .formulas import printable
from .graph import Group, Item, Node
from .highlight import Highlight
from .model import DrawnNode, Model, model_of
from .numbers import FEW, described
from .style import DARK, LIGHT
from .walk import Use, walk_back

SCRIPTS = ("data", "layout", "picture", "view", "steps", "paths", "page")
MOST = 2_000  # nodes of a page; what goes beyond stays in boxes that do not open
FULL = 400  # entries of an array that are all told,
FULL_IN_ALL = 20_000  # as long as those of the page are not more
FIRST = 6  # entries that are told of others
DERIVATIVES = 25_000  # entries of local derivatives in a page, for the paths through it
EFFORT = 2_000_000  # entries of a local derivative, with those that are 0, that are looked at
RULE = 12  # lines of a rule that are shown


def page_of(
    folding: Folding, highlight: Highlight, gradients: Any, values: bool, look: tuple[str, str]
) -> str:
    """The page of a folded graph as HTML; `look` is its direction and its theme."""
    told = _Telling(folding, highlight, gradients, values).told()
    direction, theme = look
    told |= {"direction": direction}
    part = {name: _file(f"page.{name}") for name in ("html", "css")}
    script = "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    style = _colours(theme) + part["css"]
    fillings = {
        "title": html.escape(f"Computation graph of {told['of']}"),
        "policy": (
            f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "data": _json(told),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fillings[found[1]], part["html"])


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("web", name).read_text("utf-8")


def _hash_of(content: str) -> str:
    """What the policy calls the only style, and the only script, that the page may have."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that may stand in HTML: it has no <, so that nothing in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _colours(theme: str) -> str:
    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{part.replace('_', '-')}:{colour};" for part, colour in colours.items())

    light = f":root{{color-scheme:light;{variables(LIGHT)}}}\n"
    dark = f":root{{color-scheme:dark;{variables(DARK)}}}\n"
    if theme == "auto":
        return f"{light}@media (prefers-color-scheme:dark){{{dark}}}\n"
    return dark if theme == "dark" else light


class _Telling:
    """All that the page shows, in lists and numbers."""

    def __init__(
        self, folding: Folding, highlight: Highlight, gradients: Any, values: bool
    ) -> None:
        self.folding, self.graph, self.values = folding, folding.graph, values
        self.highlight, self.start = highlight, gradients
        self.whole = Folding(self.graph, limit=max(MOST, len(folding.shown)))
        self.model: Model = model_of(self.whole, highlight, gradients, values)
        self.keys: dict[Item, str] = {node.tensor: node.key for node in self.model.nodes}
        boxes = (item for item in self.whole.shown if isinstance(item, Group))
        for group, box in zip(boxes, self.model.boxes, strict=True):
            self.keys[group] = box.key
        self.groups = [group for group in self.whole.opened if group not in self._captions()]
        for number, group in enumerate(self.groups):
            self.keys[group] = f"o{number}"
        self.room = FULL_IN_ALL
        self.rules: dict[str, int] = {}
        self.edges: dict[tuple[Tensor, int], int] = {}
        self.held: dict[Node, Any] = {}

    def told(self) -> dict[str, Any]:
        uses = self._uses()
        self.nodes = [self._node(node) for node in self.model.nodes]
        backward = self._backward()
        return {
            "of": self.model.of,
            "operations": self.model.operations,
            "heads": self.model.heads,
            "nodes": self.nodes,
            "boxes": self._boxes(),
            "groups": [self._group(group) for group in self.groups],
            "edges": uses,
            "forward": [self.keys[node] for node in self.graph.operations if node in self.keys],
            "backward": backward,
            "rules": list(self.rules),
            "asked": self._asked(),
        }

    # ---- nodes and groups ------------------------------------------------------------------------

    def _captions(self) -> set[Group]:
        """The scopes that are a line on the only node in them."""
        return {self.graph.home[node.tensor] for node in self.model.nodes if node.caption}

    def _home(self, group: Group | None) -> str:
        while group is not None and group not in self.keys:
            group = group.outer
        return "" if group is None else self.keys[group]

    def _node(self, node: DrawnNode) -> dict[str, Any]:
        tensor, told = node.tensor, _texts(node)
        told["group"] = self._home(self.graph.home[tensor])
        array = self.held.get(tensor)  # what it was when it was used
        if array is None:
            array = tensor._data if isinstance(tensor, Tensor) else tensor.array
        told["value"] = self._array(array, self.values)
        if isinstance(tensor, Tensor) and node.kind == "operation":
            told["rules"] = [
                self._rule(tensor, position) if parent is not None else None
                for position, parent in enumerate(tensor._parents)
            ]
        return told

    def _boxes(self) -> list[dict[str, Any]]:
        """The groups that do not open, since what is in them is not in the page."""
        groups = (item for item in self.whole.shown if isinstance(item, Group))
        return [
            {
                "key": box.key,
                "kind": box.kind,
                "title": box.title,
                "times": box.times,
                "operations": box.operations,
                "parameters": box.parameters,
                "group": self._home(group.outer),
            }
            for group, box in zip(groups, self.model.boxes, strict=True)
        ]

    def _group(self, group: Group) -> dict[str, Any]:
        return {
            "key": self.keys[group],
            "kind": group.kind,
            "title": printable(group.title),
            "group": self._home(group.outer),
            "open": group in self.folding.opened,
        }

    def _rule(self, node: Tensor, position: int) -> int | None:
        """The number of the source text of a rule, where there is one."""
        rule = node.operation.rules[position]
        rule = getattr(rule, "func", rule)
        try:
            lines, _ = inspect.getsourcelines(rule)
        except (OSError, TypeError):
            return None
        text = textwrap.dedent("".join(lines[:RULE])).rstrip() + "\n…" * (len(lines) > RULE)
        return self.rules.setdefault(text, len(self.rules))

    # ---- arrays ----------------------------------------------------------------------------------

    def _array(self, array: Any, values: bool = True, full: bool = True) -> dict[str, Any]:
        """An array: all its entries if they are few, else statistics, a histogram, the first."""
        told: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
        if not values or not isinstance(array, np.ndarray | np.generic):
            return told
        numbers = described(array)
        flat = np.asarray(array).reshape(-1)
        if numbers.entries is not None:
            return told | {"entries": list(map(_number, flat.tolist()))}
        if numbers.mean is not None:
            told |= {
                "mean": _number(numbers.mean),
                "spread": _number(numbers.spread),
                "low": _number(numbers.low),
                "high": _number(numbers.high),
                "histogram": list(numbers.histogram),
            }
            with np.errstate(all="ignore"):
                told["norm"] = _number(float(np.linalg.norm(flat.astype(float))))
        if numbers.not_finite:
            told["notFinite"] = numbers.not_finite
        if flat.size <= FEW:
            return told | {"entries": list(map(_number, flat.tolist()))}
        if full and flat.size <= min(FULL, self.room):
            self.room -= flat.size
            return told | {"entries": [_number(entry, 6) for entry in flat.tolist()]}
        return told | {"first": [_number(entry, 6) for entry in flat[:FIRST].tolist()]}

    # ---- edges and their local derivatives -------------------------------------------------------

    def _uses(self) -> list[dict[str, Any]]:
        """Each use of a node as an argument, with its local derivative if there is room for it."""
        told: list[dict[str, Any]] = []
        sized: list[tuple[int, int, Tensor, dict[str, Any]]] = []
        drawn_as = self.whole.drawn_as
        for node in self.graph.operations:
            for position, argument in self.graph.sources(node):
                self.held[argument] = node.arrays[position + 1]
                ends = drawn_as(argument), drawn_as(node)
                if ends[0] is ends[1] and isinstance(ends[0], Group):
                    continue
                flows = isinstance(argument, Tensor) and argument.requires_grad
                edge = {
                    "source": self.keys[ends[0]],
                    "target": self.keys[ends[1]],
                    "position": position,
                    "flows": flows,
                }
                self.edges[node, position] = len(told)
                told.append(edge)
                if flows and ends[1] is node:
                    size = np.size(node.arrays[position + 1])
                    edge["shape"] = [node.size, size]
                    elementwise = node.operation.kind == "elementwise"
                    effort = node.size if elementwise else node.size * size
                    sized.append((effort, len(sized), node, edge))
        room, patience = DERIVATIVES, 5 * EFFORT
        with undisturbed():
            for effort, _, node, edge in sorted(sized):
                patience -= effort
                if effort <= EFFORT and patience > 0:
                    room -= self._local_derivative(node, edge, room)
        return told

    def _local_derivative(self, node: Tensor, edge: dict[str, Any], room: int) -> int:
        """Tell the entries that are not zero; how many there are."""
        position = edge["position"]
        live = np.arange(np.size(node.arrays[position + 1]))
        rows, columns, values = local_derivatives(node, position, live)
        if len(values) > room:
            edge["summary"] = self._array(values, full=False)
            return 0
        order = np.lexsort((columns, rows))
        digits = 0 if len(values) <= FEW**2 else 9
        told = [_number(value, digits) for value in values[order].tolist()]
        edge["derivative"] = [rows[order].tolist(), columns[order].tolist(), told]
        return len(values)

    # ---- the backward pass -----------------------------------------------------------------------

    def _backward(self) -> list[dict[str, Any]]:
        """The turns of the backward pass: what a node gets, and what it hands to its arguments.

        The gradients that come out are told of beside the values.
        """
        drawn = zip(self.model.nodes, self.nodes, strict=True)
        nodes: dict[Any, dict[str, Any]] = {node.tensor: told for node, told in drawn}
        steps: dict[Tensor, dict[str, Any]] = {}

        def tell(use: Use) -> None:
            if use.parent in nodes and use.arrived == use.uses:
                nodes[use.parent]["gradient"] = self._array(use.total)
            if use.node not in nodes:
                return
            step = steps.setdefault(use.node, {"node": self.keys[use.node], "parts": []})
            part = {
                "to": self.keys[self.whole.drawn_as(use.parent)],
                "edge": self.edges.get((use.node, use.position)),
                "product": self._array(use.contribution, full=False),
                "arrived": use.arrived,
                "uses": use.uses,
            }
            if use.uses > 1:
                part["sum"] = self._array(use.total, full=False)
            step["parts"].append(part)

        start = self._start()
        for head, gradient in start.items():
            if head in nodes:
                nodes[head]["gradient"] = self._array(gradient)
        walk_back(start, nodes, tell)
        return list(steps.values())

    def _start(self) -> dict[Tensor, Any]:
        """The gradients that the backward pass begins with."""
        if not may_start(self.graph.heads, self.start):
            return {}
        seed = None if self.start is True else self.start
        return {head: head.seed(seed) for head in self.graph.heads if head.requires_grad}

    def _asked(self) -> dict[str, Any] | None:
        """The paths that are highlighted from the start: where from and where to."""
        story = self.highlight.story
        if story is None or not {story.start.tensor, story.end.tensor} <= self.keys.keys():
            return None
        return {
            "from": self.keys[story.start.tensor],
            "entry": list(story.start.index),
            "to": self.keys[story.end.tensor],
        }


def _texts(node: DrawnNode) -> dict[str, Any]:
    texts = ("key", "kind", "symbol", "name", "operation", "formula", "caption", "line", "mark")
    told = {text: getattr(node, text) for text in texts if getattr(node, text)}
    return told | {"scope": list(node.scope), "uses": node.uses}


def _number(value: Any, digits: int = 0) -> Any:
    """A number as JSON has it; what JSON has not, as text."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return float(f"{value:.{digits}g}") if digits else value
    return value if isinstance(value, bool | int) else str(value)
