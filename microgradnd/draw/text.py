"""A picture in words, for a terminal: a line for each node and box, in the order of computing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .model import Box, DrawnNode, Model, Result
from .numbers import in_a_line, shape_of

WIDEST = (48, 16, 44, 60)  # of the columns


def as_text(model: Model) -> str:
    """What is computed, the shape, the values, and the gradient."""
    cells = {node.key: _node(node) for node in model.nodes}
    cells |= {box.key: _box(box) for box in model.boxes}
    rows = [cells[key] for key in _in_order(model, cells)]
    widths = [
        max(_columns(_cut(row[i], widest)) for row in rows) for i, widest in enumerate(WIDEST)
    ]
    lines = []
    for row in rows:
        line = ""
        for cell, width, widest in zip(row, widths, WIDEST, strict=True):
            cell = _cut(cell, widest)
            line += cell + " " * (width - _columns(cell) + 2)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _node(node: DrawnNode) -> tuple[str, str, str, str]:
    what = f"{node.symbol} = {node.formula}" if node.formula else f"{node.symbol} ({node.kind})"
    return what, *_result(node.result)


def _box(box: Box) -> tuple[str, str, str, str]:
    times = f" × {box.times:,}" if box.times > 1 else ""
    each = box.operations // (box.times if box.kind == "repeat" else 1)
    what = f"{box.title}{times}" if box.title else f"{each:,} operations{times}"
    if box.result is None:
        return f"[{what}]", "" if box.shape is None else shape_of(box.shape), "", ""
    return f"{box.result.symbol} from [{what}]", *_result(box.result)


def _result(result: Result) -> tuple[str, str, str]:
    gradient = ""
    if result.gradient is not None:
        gradient = f"{result.gradient_name} = {in_a_line(result.gradient)}"
    return shape_of(result.numbers.shape), in_a_line(result.numbers), gradient


def _in_order(model: Model, cells: Iterable[str]) -> list[str]:
    """The keys of all that is shown, each after all that leads to it, leaves before their use."""
    sources: dict[str, list[str]] = {key: [] for key in cells}
    for edge in model.edges:
        sources[edge.target].append(edge.source)
    order: dict[str, None] = {}
    entered: set[str] = set()
    stack = [*sources, *model.heads][::-1]
    while stack:
        key = stack[-1]
        missing = [source for source in sources[key] if source not in entered]
        if key not in entered and sources[key]:
            entered.add(key)
            stack.extend(reversed(missing))
        else:
            stack.pop()
            order[key] = None
    return list(order)


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _columns(text: str) -> int:
    """The columns that a text takes on the screen: none for accents, two for wide letters."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
