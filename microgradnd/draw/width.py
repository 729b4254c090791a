"""About how wide a picture is, before Graphviz lays it out."""

from __future__ import annotations

from .model import Box, DrawnNode, Model
from .numbers import rows, statistics
from .style import NUMBER_FONT, text_width

BETWEEN = 120  # points from the text of one box to that of the next


def width_of(model: Model) -> float:
    """The width of a picture that leads from left to right, in points."""
    place = {key: i for i, key in enumerate(model.order)}
    widths = {item.key: _written(item) + BETWEEN for item in model.items}
    ways = dict(widths)
    for edge in sorted(model.edges, key=lambda edge: place[edge.target]):
        ways[edge.target] = max(ways[edge.target], widths[edge.target] + ways[edge.source])
    return max(ways.values())


def _written(item: DrawnNode | Box) -> float:
    """The width of what is written in a box."""
    node, width = item.result if isinstance(item, Box) else item, 0.0
    for array, title in ((node.value, ""), (node.gradient, node.gradient_name)) if node else ():
        if array is not None:
            lines = rows(array) or statistics(array)
            size = 9 if array.shape else 11
            width += max((text_width(line, size, NUMBER_FONT) for line in lines), default=0)
            width += text_width(title, size) * (size > 9)  # a number stands beside it, not below
    return max([width, text_width(item.heading, 11), *(text_width(t, 8) for t in item.about)])
