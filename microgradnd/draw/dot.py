"""A model of a picture as DOT, the language of Graphviz.

Whatever comes from a user goes through `escaped`, or through `quoted`.
"""

from __future__ import annotations

import html
from collections import defaultdict
from typing import Any

import graphviz  # type: ignore
import numpy as np

from .formulas import cut, printable
from .highlight import Hop
from .model import Box, DrawnNode, Edge, Model
from .numbers import Numbers, heights, rows, statistics, written
from .style import NUMBER_FONT, PATHS, TEXT_FONT, Colours
from .words import about, derivative_lines, everything, full_name, heading, hop_entries, path_lines

LARGE = 300  # nodes and boxes, from which on a quick layout is better than a good one
SPACING = {"pad": "0.15", "ranksep": "0.4", "nodesep": "0.2", "fontsize": "10", "labeljust": "l"}
QUICK = {"splines": "line", "newrank": "true", "nslimit": "1", "nslimit1": "1", "mclimit": "0.1"}
MOST_CROSSINGS = 700  # of frames by edges, in a large picture
MOST_POINTS = 3_000  # where edges pass layers, in a large picture
THICKEST = 5.0  # the edge of the largest path
LONGEST = 60  # characters of a title
TALLEST_BAR = 12
MARGIN = 4  # between a border, whose corners are round, and the text, of which fonts make more


def escaped(text: str, longest: int = LONGEST) -> str:
    """A text for a label, in which backslashes also have a meaning."""
    return html.escape(cut(printable(text), longest)).replace("\\", "\\\\")


def quoted(text: str) -> str:
    """A text for a tooltip, in which Graphviz reads ampersands once and backslashes twice."""
    return str(graphviz.escape(html.escape(text, quote=False).replace("\\", "\\\\")))


def dot_source(model: Model, direction: str, colours: Colours) -> str:
    """The picture as DOT source."""
    return _Writer(model, colours).source(direction)


class _Writer:
    def __init__(self, model: Model, colours: Colours) -> None:
        self.model, self.colours = model, colours
        self.large = len(model.items) > LARGE
        self.names = {item.key: heading(item) for item in model.boxes}
        self.names |= {node.key: node.symbol for node in model.nodes}

    def source(self, direction: str) -> str:
        model, colours = self.model, self.colours
        text = {"fontname": TEXT_FONT, "fontcolor": colours["text"]}
        look = {"rankdir": direction, "bgcolor": colours["page"], **text}
        graph = graphviz.Digraph(
            "graph",
            graph_attr=look | SPACING | (QUICK if self.large else {}),
            node_attr={"shape": "plain", "fontsize": "11", **text},
            edge_attr={"fontsize": "9", "arrowsize": "0.6", "color": colours["line"], **text},
        )
        self.add_items(graph)
        self.add_edges(graph)
        if model.highlight.story:
            graph.attr(label=self.legend(), labelloc="b")
        return str(graph.source)

    def add_items(self, graph: Any) -> None:
        """The nodes and boxes, each within the frames around it."""
        clusters = {"": graph}
        home = {item.key: item.group for item in self.model.items}
        # edges that pass the border of a frame cost the layout much time
        crossings = sum(home[edge.source] != home[edge.target] for edge in self.model.edges)
        frames = [] if self.large and crossings > MOST_CROSSINGS else self.model.frames
        clusters |= {frame.key: self.cluster(frame) for frame in frames}
        for item in self.model.items:
            if isinstance(item, DrawnNode):
                label, tooltip, kind = self.node(item), quoted(everything(item)), item.kind
            else:
                label, tooltip, kind = self.box(item), " ", "box"
            cluster = clusters[item.group if frames else ""]
            cluster.node(item.key, label=label, tooltip=tooltip, **{"class": kind})
        for frame in reversed(frames):
            clusters[frame.group].subgraph(clusters[frame.key])

    def cluster(self, frame: Box) -> Any:
        title = escaped(heading(frame)) if frame.title or frame.times > 1 else " "
        attributes = {
            "label": f"<{self.coloured(title, 'faint')}>",
            "style": "rounded,filled" + (",dashed" if frame.kind != "scope" else ""),
            "fillcolor": self.colours["frame"],
            "color": self.colours["asked" if frame.mark else "frame_line"],
            "penwidth": "2" if frame.mark else "1",
            "margin": "10",
            "tooltip": " ",
            "class": frame.kind,
        }
        return graphviz.Digraph(f"cluster_{frame.key}", graph_attr=attributes)

    # ---- edges -----------------------------------------------------------------------------------

    def add_edges(self, graph: Any) -> None:
        model = self.model
        hopped = {(hop.source, hop.target) for hop in model.hops}
        cut_off = _too_long(model) if self.large else set()
        for place, edge in enumerate(model.edges):
            if (edge.source, edge.target) in hopped:
                continue
            source = edge.source
            if place in cut_off:
                source = f"reference{place}"
                cell = f"<TR><TD>{self.faint('from ' + self.names[edge.source])}</TD></TR>"
                label = self.table([cell], "constant", dashed=True)
                graph.node(source, label=label, **{"class": "reference"})
            graph.edge(source, edge.target, **self.edge_style(edge))
        for box in model.boxes:
            if box.follows:
                graph.edge(box.key, box.key, **{"class": "loop"})
        largest = max((abs(path.product) for path in model.highlight.paths), default=0) or 1
        for hop in model.hops:
            strongest = max(abs(model.highlight.paths[number].product) for number in hop.paths)
            graph.edge(hop.source, hop.target, **self.hop_style(hop, strongest / largest))

    def edge_style(self, edge: Edge) -> dict[str, str]:
        style, text = {"class": "edge"}, ""
        if edge.mark:
            style |= {"color": self.colours["asked"], "penwidth": "2.2"}
        elif self.model.highlight or not edge.flows:
            style |= {"color": self.colours["dim"]}
        if edge.derivative is not None:
            lines = derivative_lines(edge.derivative)
            text = '<BR ALIGN="LEFT"/>'.join(map(escaped, lines))
            if len(lines) > 1:
                text = f'<FONT FACE="{NUMBER_FONT}" POINT-SIZE="8">{text}<BR ALIGN="LEFT"/></FONT>'
            text = self.coloured(text, "derivative")
        elif edge.count > 1:
            text = self.faint(f"× {edge.count:,}")
        # an xlabel is one that the layout keeps no room for
        return style | ({"xlabel" if self.large else "label": f"<{text}>"} if text else {})

    def hop_style(self, hop: Hop, share: float) -> dict[str, str]:
        """A step of a path, with the local derivative from an entry to an entry."""
        colour = self.colours[PATHS[hop.paths[0] % len(PATHS)]]
        text = f'<FONT COLOR="{colour}"><B>{escaped(written(hop.derivative))}</B></FONT>'
        entries = hop_entries(hop)
        text += f"<BR/>{self.faint(entries)}" if entries else ""
        return {
            "label": f'<{_BARE}<TR><TD CELLPADDING="4">{text}</TD></TR></TABLE>>',
            "color": colour,
            "penwidth": f"{1.2 + (THICKEST - 1.2) * share:.2f}",
            "class": "path",
            "weight": "2",
        }

    def legend(self) -> str:
        """The highlighted paths with their products, and what they add up to."""
        paths, lines = len(self.model.highlight.paths), []
        for number, line in enumerate(path_lines(self.model)):
            colour = self.colours[PATHS[number % len(PATHS)]]
            mark = f'<FONT COLOR="{colour}"><B>■</B></FONT> ' if number < paths else ""
            lines.append(mark + escaped(line, 200))
        lines[-1] = f"<B>{lines[-1]}</B>"
        return "<" + "".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines) + ">"

    # ---- nodes and boxes -------------------------------------------------------------------------

    def node(self, node: DrawnNode) -> str:
        """A node: what it is, its values, and its gradient beside them."""
        dashed = node.kind in ("constant", "given")
        is_head = node.key in self.model.heads and node.operation
        title = escaped(heading(node))  # a formula in one piece: letters differ in their widths
        if not node.formula:
            title = f"<B>{title}</B>" + f" {self.faint(full_name(node))}" * bool(full_name(node))
        lines = [self.faint(node.caption)] * bool(node.caption)
        cells = [*map(_row, [*lines, title, *map(self.faint, about(node))]), *self.sides(node)]
        role = "head" if is_head else "constant" if dashed else node.kind
        return self.table(cells, role, node.mark, dashed)

    def box(self, box: Box) -> str:
        """A closed group: its title, how many it stands for, what is in it, and its result."""
        lines = [f"<B>{escaped(heading(box))}</B>", *map(self.faint, about(box))]
        cells = [*map(_row, lines), *(self.sides(box.result) if box.result else [])]
        label = self.table(cells, "box", box.mark)
        if box.kind in ("repeat", "bundle"):  # one border inside another looks like a pile
            cell = f'<TR><TD CELLPADDING="2">{label[1:-1]}</TD></TR>'
            label = self.table([cell], "box", box.mark)
        return label

    def sides(self, node: DrawnNode) -> list[str]:
        """A row with the values on the left and the gradient on the right."""
        sides = [self.numbers(node.value, "text")]
        if node.gradient is not None:
            sides.append(self.numbers(node.gradient, "gradient", node.gradient_name))
        cells = [f'<TD VALIGN="BOTTOM" CELLPADDING="2">{side}</TD>' for side in sides if side]
        return [f"<TR>{_GAP.join(cells)}</TR>"] if cells else []

    def numbers(self, numbers: Numbers, colour: str, title: str = "") -> str:
        """Values or a gradient: a number, a matrix, or statistics over a histogram."""
        lines = rows(numbers)
        if lines and not numbers.shape:
            return self.coloured(escaped((f"{title} = " if title else "") + lines[0]), colour)
        text = "".join(
            f'{escaped(line)}<BR ALIGN="LEFT"/>' for line in lines or statistics(numbers)
        )
        if not text:
            return ""
        face = f'FACE="{NUMBER_FONT}" ' if lines else ""
        parts = [self.coloured(f'<FONT POINT-SIZE="9">{escaped(title)}</FONT>', colour)] * bool(
            title
        )
        parts.append(f'<FONT {face}POINT-SIZE="9">{self.coloured(text, colour)}</FONT>')
        if numbers.histogram:
            bars = self.colours["gradient_bar" if title else "bar"]
            parts.append(_histogram(numbers, bars))
        cells = "".join(f'<TR><TD ALIGN="LEFT" BALIGN="LEFT">{part}</TD></TR>' for part in parts)
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'

    def table(self, cells: list[str], role: str, mark: str = "", dashed: bool = False) -> str:
        line = self.colours["asked" if mark else f"{role}_line"]
        width = {"asked": 3, "dependent": 2}.get(mark, 1)
        style = "ROUNDED,DASHED" if dashed else "ROUNDED"
        look = f'STYLE="{style}" COLOR="{line}" BGCOLOR="{self.colours[role]}"'
        sizes = f'BORDER="{width}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{MARGIN}"'
        return f"<<TABLE {sizes} {look}><TR><TD>{_BARE}{''.join(cells)}</TABLE></TD></TR></TABLE>>"

    def coloured(self, text: str, colour: str) -> str:
        return f'<FONT COLOR="{self.colours[colour]}">{text}</FONT>'

    def faint(self, text: str) -> str:
        return self.coloured(f'<FONT POINT-SIZE="8">{escaped(text)}</FONT>', "faint")


_GAP = '<TD WIDTH="12"></TD>'
_BARE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'


def _row(content: str) -> str:
    return f'<TR><TD COLSPAN="3" ALIGN="LEFT" CELLPADDING="2">{content}</TD></TR>'


def _histogram(numbers: Numbers, colour: str) -> str:
    """Bars, each a column of an empty and a coloured cell; fonts may lack such characters."""
    columns = []
    for height in heights(numbers, TALLEST_BAR):
        cell = '<TR><TD FIXEDSIZE="TRUE" WIDTH="6" HEIGHT="{}"{}></TD></TR>'
        bar = cell.format(TALLEST_BAR + 1 - height, "") + cell.format(
            height, f' BGCOLOR="{colour}"'
        )
        columns.append(f"<TD>{_BARE}{bar}</TABLE></TD>")
    return f"{_BARE}<TR>{''.join(columns)}</TR></TABLE>"


def _too_long(model: Model) -> set[int]:
    """The places of the edges that are not drawn in a large picture: the longest ones.

    A layout in layers has a point wherever an edge passes a layer, so edges that pass hundreds make
    it slow, and unreadable. At their ends stands a reference to where they come from.
    """
    into, onward = defaultdict(list), defaultdict(list)
    for edge in model.edges:
        into[edge.target].append(edge.source)
        onward[edge.source].append(edge.target)
    layers: dict[str, int] = {}
    for key in model.order:
        layers[key] = 1 + max((layers.get(source, 0) for source in into[key]), default=0)
    for leaf in onward.keys() - into.keys():
        layers[leaf] = min(layers[target] for target in onward[leaf]) - 1
    spans = [layers[edge.target] - layers[edge.source] for edge in model.edges]
    shortest_first = np.argsort(spans, kind="stable")
    points = np.cumsum(np.sort(spans) - 1)
    return set(shortest_first[(points > MOST_POINTS) & (np.sort(spans) > 1)].tolist())
