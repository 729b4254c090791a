"""The paths in a picture as lines of text, and a whole picture as text."""

from __future__ import annotations

from ..paths.notation import bracketed, columns
from .drawn import Box, DrawnNode
from .formulas import cut
from .model import Model
from .numbers import in_a_line, shape_of, written

WIDEST = (48, 16, 44, 60)  # columns of the text for a terminal
FACTORS = 6  # of a product that is written out


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
        factors = [
            written(step.derivative) for step in reversed(path.steps) if step.derivative != 1
        ]
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
