"""The texts in a picture: of nodes, groups, edges and paths; and a whole picture as text."""

from __future__ import annotations

import math

import numpy as np

from ..paths.notation import columns
from .formulas import cut
from .highlight import Hop
from .model import Box, Derivative, DrawnNode, Model
from .numbers import Numbers, in_a_line, rows, shape_of, written

WIDEST = (48, 16, 44, 60)  # columns of the text for a terminal
FEW = 6  # entries of a local derivative that is written out
FEW_DIAGONAL = 4  # of one that is a diagonal
FACTORS = 6  # of a product that is written out

# ---- nodes and groups ----------------------------------------------------------------------------


def heading(item: DrawnNode | Box) -> str:
    """A node by its name and its formula, a group by its title and how many it stands for."""
    if isinstance(item, DrawnNode):
        return f"{item.symbol} = {item.formula}" if item.formula else item.symbol
    times = f" × {item.times:,}" if item.times > 1 else ""
    return (item.title or counted(item.operations // _turns(item), "operation")) + times


def full_name(node: DrawnNode) -> str:
    """The name of a leaf of which the symbol shows only the end, as that of a module's weight."""
    return "" if node.formula or "." not in node.name else node.name


def about(item: DrawnNode | Box) -> list[str]:
    """The lines below the heading of a node or a group."""
    if isinstance(item, DrawnNode):
        kind = "" if item.operation else {"given": "from elsewhere"}.get(item.kind, item.kind)
        used = f"used {item.uses} times" if item.uses > 1 and not item.operation else ""
        return [", ".join(filter(None, [kind, kind_of_array(item.value), used]))]
    turns = _turns(item)
    lines = []
    if item.title and item.operations > turns:  # else it is the heading, or not worth a line
        lines.append(counted(item.operations // turns, "operation"))
    if len(item.contents) > 1:
        shown = [f"{count // turns:,} {name}" for name, count in item.contents[:3]]
        lines.append(", ".join(shown) + ", …" * (len(item.contents) > 3))
    if turns > 1 and lines:
        lines[0] = "each " + lines[0]
    if item.parameters:
        lines.append(counted(item.parameters, "parameter"))
    if item.follows:
        lines.append("each after the other" + (", with the same weights" * bool(item.shared)))
    elif item.shared:
        lines.append("all with the same weights")
    if item.shape is not None:
        lines.append("each " + shape_of(item.shape))
    if item.result is not None:
        lines.append(f"result {item.result.symbol}, {kind_of_array(item.result.value)}")
    return lines


def _turns(box: Box) -> int:
    return box.times if box.kind == "repeat" else 1


def kind_of_array(numbers: Numbers) -> str:
    """The shape and the dtype."""
    return f"{shape_of(numbers.shape)} {numbers.dtype}"


def everything(node: DrawnNode) -> str:
    """All about a node, for its tooltip."""
    lines = [heading(node) if node.formula else node.name or node.symbol]
    lines += [f"{node.kind}, {kind_of_array(node.value)}", in_a_line(node.value)]
    if node.gradient is not None:
        lines.append(f"{node.gradient_name}: {in_a_line(node.gradient)}")
    return "; ".join(filter(None, [*lines, " / ".join(node.scope), node.line]))


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" + "s" * (number != 1)


# ---- derivatives and paths -----------------------------------------------------------------------


def derivative_lines(derivative: Derivative) -> list[str]:
    """A local derivative: a number, a small matrix, or the shape of a larger one."""
    shape, size = derivative.shape, math.prod(derivative.shape)
    diagonal = derivative.diagonal and size != 1
    if derivative.entries is not None and size:
        at_rows, at_columns, values = derivative.entries
        if size == 1:
            return [written(values.sum())]
        if shape[0] == shape[1] and (diagonal or (len(values) and np.all(at_rows == at_columns))):
            diagonal = True
            numbers = np.zeros(shape[0])
            numbers[at_rows] = values
            if np.all(numbers == numbers[0]):
                factor = written(numbers[0])
                return [{"1": "I", "−1": "−I"}.get(factor, f"{factor}·I")]
            if len(numbers) <= FEW_DIAGONAL:
                return ["diag", *rows(Numbers(numbers.shape, "", numbers.tolist()))]
        elif size <= FEW:
            matrix = np.zeros(shape)
            matrix[at_rows, at_columns] = values
            return rows(Numbers(shape, "", matrix.reshape(-1).tolist()))
    return ["diag " * diagonal + shape_of(shape)]


def entry(index: tuple[int, ...]) -> str:
    """An index in brackets; a scalar has none."""
    return f"[{','.join(map(str, index))}]" if index else ""


def hop_entries(hop: Hop) -> str:
    """From which entry to which a step of a path leads."""
    return " → ".join(filter(None, [entry(hop.entry), entry(hop.next_entry)]))


def path_lines(model: Model) -> list[str]:
    """The highlighted paths with their products, then how many others there are, then the sum."""
    story = model.highlight.story
    assert story is not None
    names = {node.tensor: node.symbol for node in model.nodes}
    start, end = (names.get(each.tensor, each.name) for each in (story.start, story.end))
    lines = []
    for number, path in enumerate(story.paths, 1):
        factors = [step.derivative for step in reversed(path.steps) if step.derivative != 1]
        texts = [f"({text})" if text.startswith("−") else text for text in map(written, factors)]
        product = " · ".join(texts[:FACTORS]) + " · …" * (len(texts) > FACTORS)
        product = f" = {product}" if len(factors) > 1 else ""
        lines.append(f"path {number}: {written(path.product)}{product}")
    if story.count > len(story.paths):
        lines.append(f"{story.count - len(story.paths):,} more: {written(story.rest)}")
    whole = f"∂{end}{entry(story.end.index)}/∂{start}{entry(story.start.index)}"
    return [*lines, f"{whole} = {written(story.total)}"]


# ---- the whole picture ---------------------------------------------------------------------------


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
        what = heading(item) if item.formula else f"{item.symbol} ({item.kind})"
    else:
        node = item.result
        what = f"{node.symbol} from [{heading(item)}]" if node else f"[{heading(item)}]"
    if node is None:
        return what, "" if item.shape is None else shape_of(item.shape), "", ""  # type: ignore
    gradient = f"{node.gradient_name} = {in_a_line(node.gradient)}" if node.gradient else ""
    return what, shape_of(node.value.shape), in_a_line(node.value), gradient
