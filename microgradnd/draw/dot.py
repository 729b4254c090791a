"""A model of a picture as DOT, the language of Graphviz.

Whatever comes from a user goes through `escaped`, or through `quoted`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from ..late import needed
from ..paths.notation import bracketed, counted, printable
from .formulas import cut
from .highlight import Hop
from .numbers import Numbers, heights, rows, statistics, summary, written
from .style import NUMBER_FONT, PATHS, TEXT_FONT, Colours
from .view import Edge, View
from .words import Box, DrawnNode

graphviz = needed("graphviz", "a picture needs graphviz", "graphviz")

LARGE = 300  # nodes and boxes, from which on a quick layout is better than a good one,
OFTEN = 20  # and a node used more often is named where it is used
SPACING = {"pad": "0.15", "ranksep": "0.4", "nodesep": "0.2", "fontsize": "10", "labeljust": "l"}
DENSE = {"ranksep": "0.25", "nodesep": "0.1"}
CELL = {"size": "10.4,1000"}  # inches: the 1,000 pixels of a cell
QUICK = {"splines": "line", "nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}
THICKEST = 5.0  # the edge of the largest path
LONGEST = 60  # characters of a title
TALLEST_BAR = 12
ROLES = ("operation", "parameter", "input", "constant")  # of nodes, each in its colours
ON_EDGES = "On an edge: the derivative of its end with respect to its start; I is the identity."
MARGIN = 4  # between a border, whose corners are round, and the text

_END = '<BR ALIGN="LEFT"/>'  # of a line, which is aligned on the left


def escaped(text: str, longest: int = LONGEST) -> str:
    """A text for a label, in which backslashes also have a meaning."""
    return html.escape(cut(printable(text), longest)).replace("\\", "\\\\")


def quoted(text: str) -> str:
    """A text for a tooltip, in which Graphviz reads ampersands once and backslashes twice."""
    return str(graphviz.escape(html.escape(text, quote=False).replace("\\", "\\\\")))


def _attributes(look: dict[str, Any]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in look.items() if value != "")


def _table(rows: Iterable[Iterable[str]], padding: int = 0, **look: Any) -> str:
    """Cells in rows and columns, without lines between them."""
    cell = '<TD ALIGN="LEFT" BALIGN="LEFT" VALIGN="BOTTOM">{}</TD>'
    lines = "".join("<TR>" + "".join(map(cell.format, row)) + "</TR>" for row in rows)
    sizes = {"BORDER": 0, "CELLBORDER": 0, "CELLSPACING": 0, "CELLPADDING": padding}
    return f"<TABLE {_attributes(sizes | look)}>{lines}</TABLE>"


class DotWriter:
    """Writes a view in some colours; a `brief` one has numbers in lines, and none on edges."""

    def __init__(self, view: View, colours: Colours, brief: bool) -> None:
        self.view, self.colours, self.brief = view, colours, brief
        self.highlight, self.marks = view.model.highlight, view.marks
        self.large = len(view.items) > LARGE
        self.computed = {edge.target for edge in view.edges}

    def source(self, direction: str, fits: bool) -> str:
        """The picture, from left to right "LR" or down "TB"; perhaps so that it `fits` a cell."""
        text = {"fontname": TEXT_FONT, "fontcolor": self.colours["text"]}
        look = {
            "rankdir": direction,
            "newrank": "true",
            "bgcolor": self.colours["page"],
            **text,
            **SPACING,
        }
        look |= DENSE if self.brief or self.view.boxes else {}
        look |= (CELL if fits else {}) | (QUICK if self.large else {})
        line = {"fontsize": "9", "arrowsize": "0.6", "color": self.colours["line"], **text}
        node = {"shape": "plain", "fontsize": "11", **text}
        graph = graphviz.Digraph("graph", graph_attr=look, node_attr=node, edge_attr=line)
        self.add_items(graph)
        self.add_edges(graph)
        if legend := self.legend():
            graph.attr(label=legend, labelloc="b")
        return str(graph.source)

    def add_items(self, graph: Any) -> None:
        """The nodes and boxes, each within the frames around it."""
        frames, around = self.view.frames, self.view.around
        clusters = {"": graph} | {frame.key: self.cluster(frame) for frame in frames}
        for item in self.view.items:
            tooltip = quoted(item.everything)
            clusters[next(iter(around[item.key]), "")].node(
                item.key, label=self.label(item), tooltip=tooltip
            )
        for frame in reversed(frames):
            clusters[next(iter(around[frame.key]), "")].subgraph(clusters[frame.key])

    def cluster(self, frame: Box) -> Any:
        lines = [frame.heading if frame.title or frame.times > 1 else " "]
        if frame.kind == "scope" and frame.parameters:
            lines.append(counted(frame.parameters, "parameter"))
        title = "".join(escaped(line) + _END for line in lines)
        attributes = {
            "label": f"<{self.font(title, 'faint')}>",
            "style": "rounded,filled" + (",dashed" if frame.kind != "scope" else ""),
            "fillcolor": self.colours["frame"],
            "color": self.colours["asked" if frame.key in self.marks else "frame_line"],
            "penwidth": "2" if frame.key in self.marks else "1",
            "margin": "10",
            "tooltip": " ",
        }
        return graphviz.Digraph(f"cluster_{frame.key}", graph_attr=attributes)

    # ---- edges -----------------------------------------------------------------------------------

    def add_edges(self, graph: Any) -> None:
        view = self.view
        hopped = {(hop.source, hop.target) for hop in view.hops}
        often = {node.key: node for node in view.nodes if self.large and node.uses > OFTEN}
        for place, edge in enumerate(view.edges):
            if (edge.source, edge.target) in hopped:
                continue
            source = edge.source
            if source in often:  # hundreds of lines from one place are slow, and a tangle
                source, name = f"use{place}", self.faint(f"from {often[source].symbol}")
                graph.node(source, label=f"<{name}>")
            graph.edge(source, edge.target, **self.edge_style(edge))
        self.add_order(graph)
        for box in view.boxes:
            if box.follows:
                graph.edge(box.key, box.key)
        largest = max((abs(path.product) for path in self.highlight.paths), default=0) or 1
        for hop in view.hops:
            strongest = max(abs(self.highlight.paths[number].product) for number in hop.paths)
            graph.edge(hop.source, hop.target, **self.hop_style(hop, strongest / largest))

    def add_order(self, graph: Any) -> None:
        """A frame stands below the last one that leads to it, or they would form a staircase."""
        around, place = self.view.around, {key: i for i, key in enumerate(self.view.order)}
        last_in = {frame: key for key in self.view.order for frame in around[key]}
        before: dict[str, str] = {}
        fed = set[tuple[str, str]]()  # items, and the frames within which something leads to them
        for edge in sorted(self.view.edges, key=lambda edge: place[edge.source]):
            ended = [frame for frame in around[edge.source] if frame not in around[edge.target]]
            for frame in around[edge.target]:
                if frame in around[edge.source]:
                    fed.add((edge.target, frame))
                else:
                    before[frame] = last_in[ended[-1]] if ended else edge.source
        for key in (item.key for item in self.view.items):
            begun = next(filter(before.get, around[key]), None)
            if begun and (key, begun) not in fed:
                graph.edge(before[begun], key, style="invis")

    def edge_style(self, edge: Edge) -> dict[str, str]:
        straight = edge.source in self.computed  # a chain of operations
        style, text = {"weight": "8"} if straight else {}, ""
        if edge.source in self.marks and self.marks.get(edge.target) == "dependent":
            style |= {"color": self.colours["asked"], "penwidth": "2.2"}
        elif self.highlight or not (edge.flows or self.brief):
            style |= {"color": self.colours["dim"]}
        if edge.derivative is not None and not self.brief:
            lines = edge.derivative.lines
            text, many = _END.join(map(escaped, lines)), len(lines) > 1
            text = self.font(text + _END * many, "derivative", 8 * many, NUMBER_FONT * many)
        elif edge.count > 1:
            text = self.faint(f"{edge.count:,} uses")
        # an xlabel is one that the layout keeps no room for
        label = {"xlabel" if self.large else "label": f"<{_table([[text]], padding=6)}>"}
        return style | (label if text else {})

    def hop_style(self, hop: Hop, share: float) -> dict[str, str]:
        """A step of a path, with the local derivative from an entry to an entry."""
        colour = PATHS[hop.paths[0] % len(PATHS)]
        text = self.font(f"<B>{escaped(written(hop.derivative))}</B>", colour)
        entries = " → ".join(filter(None, map(bracketed, (hop.entry, hop.next_entry))))
        text += f"<BR/>{self.faint(entries)}" if entries else ""
        return {
            "label": f"<{_table([[text]], padding=6)}>",
            "color": self.colours[colour],
            "penwidth": f"{1.2 + (THICKEST - 1.2) * share:.2f}",
            "weight": "2",
        }

    def legend(self) -> str:
        """The highlighted paths with their products and their sum, and what stands on edges."""
        highlight = self.highlight
        cells = [escaped(line, 200) for line in highlight.lines(self.view.model.symbols)]
        for number in range(len(highlight.paths)):
            square = self.font("<B>■</B>", PATHS[number % len(PATHS)])
            cells[number] = f"{square}  {cells[number]}"
        cells[-1:] = [f"<B>{cell}</B>" for cell in cells[-1:]]
        if any(edge.derivative for edge in self.view.edges) and not self.brief:
            cells.append(self.faint(ON_EDGES, 200))
        return f"<{_table(zip(cells), padding=3)}>" if cells else ""

    # ---- nodes and boxes -------------------------------------------------------------------------

    def label(self, item: DrawnNode | Box) -> str:
        """A heading, what is to be said about it, values, and the gradient beside them."""
        title = escaped(item.heading)  # a formula in one piece: letters differ in their widths
        role = {"given": "constant"}.get(item.kind, item.kind if item.kind in ROLES else "box")
        if item.key in self.view.heads and role in ("operation", "box"):
            role = "head"
        lines = [self.faint(item.caption)] * bool(item.caption)
        lines += [title if item.formula else f"<B>{title}</B>", *map(self.faint, item.about)]
        if node := item.result if isinstance(item, Box) else item:
            lines += self.briefly(node) if self.brief else self.sides(node)
        label = self.framed(_table(zip(lines), padding=2), role, self.marks.get(item.key))
        if item.kind in ("repeat", "bundle"):  # one border inside another looks like a pile
            label = self.framed(label, role, self.marks.get(item.key))
        return f"<{label}>"

    def briefly(self, node: DrawnNode) -> list[str]:
        """A line with the values, and one with the gradient."""
        texts = [(summary(node.value), "text")]
        if node.gradient is not None:
            texts.append((f"{node.gradient_name}: {summary(node.gradient)}", "gradient"))
        return [self.font(escaped(text), colour, 9) for text, colour in texts if text]

    def sides(self, node: DrawnNode) -> list[str]:
        """A row with the values on the left and the gradient on the right."""
        sides = [self.numbers(node.value, "text")]
        if node.gradient is not None:
            gap = _table([[""]], WIDTH=12) if sides[0] else ""
            sides += [gap, self.numbers(node.gradient, "gradient", node.gradient_name)]
        return [_table([filter(None, sides)])] if any(sides) else []

    def numbers(self, numbers: Numbers, colour: str, title: str = "") -> str:
        """Values or a gradient: a number, a matrix, or statistics over a histogram."""
        lines = rows(numbers)
        if lines and not numbers.shape:
            return self.font(escaped((f"{title} = " if title else "") + lines[0]), colour)
        text = "".join(escaped(line) + _END for line in lines or statistics(numbers))
        if not text:
            return ""
        parts = [self.font(text, colour, 9, NUMBER_FONT if lines else TEXT_FONT)]
        if title:
            parts.insert(0, self.font(escaped(title), colour, 9))
        if numbers.histogram:
            place: dict[str, Any] = {"ALIGN": "LEFT", "VALIGN": "BOTTOM", "FIXEDSIZE": "TRUE"}
            look = place | {"BGCOLOR": self.colours["gradient_bar" if title else "bar"]}
            tall = heights(numbers, TALLEST_BAR)
            bars = [_table([[""]], WIDTH=6, HEIGHT=height, **look) for height in tall]
            parts.append(_table([bars], WIDTH=6 * len(bars), HEIGHT=TALLEST_BAR, **place))
        return _table(zip(parts), padding=1)

    def framed(self, table: str, role: str, mark: str | None) -> str:
        line = self.colours["asked" if mark else f"{role}_line"]
        width = {"asked": 3, "dependent": 2}.get(mark or "", 1)
        style = "ROUNDED,DASHED" if role == "constant" else "ROUNDED"
        look = {"BORDER": width, "STYLE": style, "COLOR": line, "BGCOLOR": self.colours[role]}
        return _table([[table]], MARGIN, **look)

    def font(self, text: str, colour: str, size: int = 0, face: str = "") -> str:
        look = {"COLOR": self.colours[colour], "POINT-SIZE": size or "", "FACE": face}
        return f"<FONT {_attributes(look)}>{text}</FONT>"

    def faint(self, text: str, longest: int = LONGEST) -> str:
        return self.font(escaped(text, longest), "faint", 9 if self.brief else 8)
