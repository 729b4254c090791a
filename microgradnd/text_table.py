"""Tables for people: as lines of text, and as HTML for a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence

Cells = Sequence[str]


def text_table(rows: Sequence[Cells], left: int | None = None) -> list[str]:
    """Returns a line for each row, its cells in columns.

    Arguments:
        rows: the cells of each row, the heading first.
        left: how many columns are aligned on the left; the others, which are numbers, are on the
            right.

    >>> print(*text_table([("layer", "units"), ("first", "30")], left=1), sep="\\n")
    layer  units
    first     30
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = len(widths) if left is None else left
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    ]


def html_table(head: Cells, rows: Sequence[Cells], foot: Cells = ()) -> str:
    """Returns the same as HTML, with headings and perhaps a last row that stands out.

    >>> html_table(["a < b"], [["1"]])
    '<table><tr><th>a &lt; b</th></tr><tr><td>1</td></tr></table>'
    """

    def line(cells: Cells, tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line(cells, "td") for cells in rows)
    return f"<table>{line(head, 'th')}{body}{line(foot, 'th') if foot else ''}</table>"
