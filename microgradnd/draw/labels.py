"""The labels of a picture, in Graphviz's own kind of HTML.

Whatever comes from a user goes through `escaped` here, or through `quoted`.
"""

from __future__ import annotations

import html
import math

import graphviz  # type: ignore

from .derivatives import Derivative
from .formulas import printable
from .model import Box, DrawnNode, Edge, Frame, Hop, Model, Result
from .numbers import Numbers, heights, in_a_line, rows, shape_of, statistics, written
from .style import NUMBER_FONT, PATHS, Colours

LONGEST = 60  # characters of a title
TALLEST_BAR = 12
MARGIN = 4  # between a border, whose corners are round, and the text, of which fonts make more
FEW = 6  # entries of a local derivative that is written out
FACTORS = 6  # of a product that is written out


def escaped(text: str, longest: int = LONGEST) -> str:
    """A text to stand in a label. There backslashes have a meaning, too."""
    text = printable(text)
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return html.escape(text).replace("\\", "\\\\")


def quoted(text: str) -> str:
    """A text to stand in a tooltip, of which Graphviz reads ampersands once, backslashes twice."""
    return str(graphviz.escape(html.escape(text, quote=False).replace("\\", "\\\\")))


class Labels:
    """The labels of everything in a model, in the given colours."""

    def __init__(self, model: Model, colours: Colours) -> None:
        self.model, self.colours = model, colours
        self.names = {node.key: node.symbol for node in model.nodes}
        self.names |= {box.key: box.title or "…" for box in model.boxes}

    # ---- nodes -----------------------------------------------------------------------------------

    def node(self, node: DrawnNode) -> str:
        """A node: what it is, its values, and its gradient beside them."""
        role = "head" if node.key in self.model.heads and node.operation else node.kind
        role = "constant" if role == "given" else role
        rows = [self._faint(node.caption)] if node.caption else []
        rows += [self._heading(node), self._faint(self._about(node))]
        cells = [*map(_row, rows), *self._sides(node.result)]
        return self._table(cells, role, node.mark, node.kind in ("constant", "given"))

    def _sides(self, result: Result) -> list[str]:
        """A row with the values on the left and the gradient on the right."""
        sides = [self._numbers(result.numbers, "text", "bar")]
        if result.gradient is not None:
            name = result.gradient_name
            sides.append(self._numbers(result.gradient, "gradient", "gradient_bar", name))
        cells = [f'<TD VALIGN="BOTTOM" CELLPADDING="2">{side}</TD>' for side in sides if side]
        return [f"<TR>{_GAP.join(cells)}</TR>"] if cells else []

    def _heading(self, node: DrawnNode) -> str:
        if node.formula:  # in one piece: Graphviz does not know how wide each character is
            return escaped(f"{node.symbol} = {node.formula}")
        symbol = f"<B>{escaped(node.symbol)}</B>"
        if node.name and node.name != node.symbol and "." in node.name:
            return f"{symbol} {self._faint(node.name)}"
        return symbol

    def _about(self, node: DrawnNode) -> str:
        numbers = node.result.numbers
        about = [] if node.operation else [_KINDS[node.kind]]
        about.append(f"{shape_of(numbers.shape)} {numbers.dtype}")
        if node.uses > 1 and not node.operation:
            about.append(f"used {node.uses} times")
        return ", ".join(about)

    def _numbers(self, numbers: Numbers, colour: str, bar: str, title: str = "") -> str:
        """Values or a gradient: a number, a matrix, or statistics over a histogram."""
        if numbers.entries is not None and not numbers.shape:
            text = (f"{title} = " if title else "") + written(numbers.entries)
            return self._coloured(escaped(text), colour)
        lines = rows(numbers)
        if lines:
            size = 'POINT-SIZE="9"'
            text = "".join(f'{escaped(line)}<BR ALIGN="LEFT"/>' for line in lines)
            found = [f'<FONT FACE="{NUMBER_FONT}" {size}>{self._coloured(text, colour)}</FONT>']
        else:
            said = "<BR/>".join(escaped(line) for line in statistics(numbers))
            found = [f'<FONT POINT-SIZE="9">{self._coloured(said, colour)}</FONT>'] if said else []
            if numbers.histogram:
                found.append(_histogram(numbers, self.colours[bar]))
        if title and found:
            found.insert(0, self._coloured(f'<FONT POINT-SIZE="9">{escaped(title)}</FONT>', colour))
        return _stacked(found)

    def _table(self, cells: list[str], role: str, mark: str, dashed: bool = False) -> str:
        line = self.colours["asked" if mark else f"{role}_line"]
        width = {"asked": 3, "dependent": 2}.get(mark, 1)
        style = "ROUNDED,DASHED" if dashed else "ROUNDED"
        look = f'STYLE="{style}" COLOR="{line}" BGCOLOR="{self.colours[role]}"'
        sizes = f'BORDER="{width}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{MARGIN}"'
        return f"<<TABLE {sizes} {look}><TR><TD>{_BARE}{''.join(cells)}</TABLE></TD></TR></TABLE>>"

    def _coloured(self, text: str, colour: str) -> str:
        return f'<FONT COLOR="{self.colours[colour]}">{text}</FONT>'

    def _faint(self, text: str) -> str:
        return self._coloured(f'<FONT POINT-SIZE="8">{escaped(text)}</FONT>', "faint")

    def tooltip(self, node: DrawnNode) -> str:
        """All about a node, to be read while pointing at it."""
        lines = [f"{node.symbol} = {node.formula}" if node.formula else node.name or node.symbol]
        result = node.result
        lines.append(f"{node.kind}, {shape_of(result.numbers.shape)} {result.numbers.dtype}")
        lines.append(in_a_line(result.numbers))
        if result.gradient is not None:
            lines.append(f"{result.gradient_name}: {in_a_line(result.gradient)}")
        lines += [" / ".join(node.scope), node.line]
        return quoted("; ".join(filter(None, lines)))

    # ---- boxes, frames and references ------------------------------------------------------------

    def box(self, box: Box) -> str:
        """A closed group: its title, how many it stands for, and what is in it."""
        each = box.times if box.kind == "repeat" else 1
        operations = _counted(box.operations // each, "operation")
        times = f" × {box.times:,}" if box.times > 1 else ""
        lines = [f"<B>{escaped(box.title or operations)}{times}</B>"]
        about = [operations] if box.title and box.operations > each else []
        if len(box.contents) > 1:
            shown = [f"{count // each:,} {name}" for name, count in box.contents[:3]]
            about.append(", ".join(shown) + (", …" if len(box.contents) > 3 else ""))
        if each > 1 and about:
            about[0] = "each " + about[0]
        if box.parameters:
            about.append(_counted(box.parameters, "parameter"))
        if box.follows:
            about.append("each after the other" + (", with the same weights" * bool(box.shared)))
        elif box.shared:
            about.append("all with the same weights")
        if box.shape is not None:
            about.append("each " + shape_of(box.shape))
        cells = [_row(line) for line in [*lines, *map(self._faint, about)]]
        if box.result is not None:
            result = box.result
            shape = f"{shape_of(result.numbers.shape)} {result.numbers.dtype}"
            cells += [_row(self._faint(f"gives {result.symbol}, {shape}")), *self._sides(result)]
        if box.kind not in ("repeat", "bundle"):
            return self._table(cells, "box", box.mark)
        # one border inside another looks like a pile
        inside = self._table(cells, "box", box.mark)[1:-1]
        return self._table([f'<TR><TD CELLPADDING="2">{inside}</TD></TR>'], "box", box.mark)

    def frame(self, frame: Frame) -> str:
        """The title of an open group."""
        return f"<{self._coloured(escaped(frame.title), 'faint')}>" if frame.title else " "

    def reference(self, key: str) -> str:
        """What stands at the end of an edge that is too long to be drawn: where it comes from."""
        cell = f"<TR><TD>{self._faint('from ' + self.names[key])}</TD></TR>"
        return self._table([cell], "constant", "", dashed=True)

    # ---- edges -----------------------------------------------------------------------------------

    def edge(self, edge: Edge) -> str:
        """The local derivative on an edge, or how many edges it stands for."""
        if edge.derivative is not None:
            lines = _derivative(edge.derivative)
            text = '<BR ALIGN="LEFT"/>'.join(map(escaped, lines))
            if len(lines) > 1:
                text = f'<FONT FACE="{NUMBER_FONT}" POINT-SIZE="8">{text}<BR ALIGN="LEFT"/></FONT>'
            return f"<{self._coloured(text, 'derivative')}>"
        if edge.count > 1:
            return f"<{self._faint(f'× {edge.count:,}')}>"
        return ""

    def hop(self, hop: Hop, colour: str) -> str:
        """The local derivative along a highlighted path, from an entry to an entry."""
        text = f'<FONT COLOR="{colour}"><B>{escaped(written(hop.derivative))}</B></FONT>'
        entries = " → ".join(_entry(index) for index in (hop.entry, hop.next_entry) if index)
        if entries:
            text += f"<BR/>{self._faint(entries)}"
        return f"<{_BARE}<TR>{_PADDED}{text}</TD></TR></TABLE>>"

    def legend(self) -> str:
        """The highlighted paths with their products, and what they add up to."""
        story = self.model.highlight.story
        assert story is not None
        names = {node.tensor: node.symbol for node in self.model.nodes}
        whole = "∂" + names.get(story.end.tensor, story.end.name) + "/∂"
        whole += names.get(story.start.tensor, story.start.name)
        whole += f"{_entry(story.start.index)}" if story.start.index else ""
        lines = []
        for number, path in enumerate(story.paths):
            factors = [step.derivative for step in reversed(path.steps) if step.derivative != 1]
            product = " · ".join(_bracketed(written(factor)) for factor in factors[:FACTORS])
            product += " · …" if len(factors) > FACTORS else ""
            product = f" = {product}" if len(factors) > 1 else ""
            colour = self.colours[PATHS[number % len(PATHS)]]
            text = f"path {number + 1}: {written(path.product)}{product}"
            lines.append(f'<FONT COLOR="{colour}"><B>■</B></FONT> {escaped(text, 200)}')
        more = story.count - len(story.paths)
        if more:
            lines.append(f"{more:,} more: {escaped(written(story.rest))}")
        lines.append(f"<B>{escaped(whole)} = {escaped(written(story.total))}</B>")
        return "<" + "".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines) + ">"


_KINDS = {
    "parameter": "parameter",
    "input": "input",
    "constant": "constant",
    "given": "from elsewhere",
}


def _row(content: str) -> str:
    return f'<TR><TD COLSPAN="3" ALIGN="LEFT" CELLPADDING="2">{content}</TD></TR>'


def _stacked(parts: list[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    cells = "".join(f'<TR><TD ALIGN="LEFT" BALIGN="LEFT">{part}</TD></TR>' for part in parts)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'


def _histogram(numbers: Numbers, colour: str) -> str:
    """Bars, each a column of an empty and a coloured cell; fonts may lack such characters."""
    columns = []
    for height in heights(numbers, TALLEST_BAR):
        sizes = ((TALLEST_BAR + 1 - height, ""), (height, f' BGCOLOR="{colour}"'))
        cells = "".join(
            f'<TR><TD FIXEDSIZE="TRUE" WIDTH="6" HEIGHT="{size}"{fill}></TD></TR>'
            for size, fill in sizes
        )
        columns.append(f"<TD>{_BARE}{cells}</TABLE></TD>")
    return f"{_BARE}<TR>{''.join(columns)}</TR></TABLE>"


_PADDED = '<TD CELLPADDING="4">'
_GAP = '<TD WIDTH="12"></TD>'
_BARE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'


def _derivative(derivative: Derivative) -> list[str]:
    """A local derivative: a number, a small matrix, or the shape of a larger one."""
    entries = derivative.entries
    diagonal = "diag " if derivative.diagonal and derivative.shape != (1, 1) else ""
    if entries is None:
        return [diagonal + shape_of(derivative.shape)]
    if derivative.shape == (1, 1):
        return [written(entries[0][0])]
    if diagonal:
        numbers = [row[i] for i, row in enumerate(entries)]
        if len(set(numbers)) == 1:
            factor = written(numbers[0])
            return [{"1": "I", "−1": "−I"}.get(factor, f"{factor}·I")]
        return ["diag", *rows(Numbers((len(numbers),), "", numbers))]
    if math.prod(derivative.shape) > FEW:
        return [shape_of(derivative.shape)]
    return rows(Numbers(derivative.shape, "", entries))


def _entry(index: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, index))}]"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
