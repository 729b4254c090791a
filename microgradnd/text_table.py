"""Tables for people: as lines of text, as HTML for a notebook, as a heat map of a Tensor."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

Cells = Sequence[str]
_WRITTEN = 120  # entries; of more, only the colours are shown
_MOST = 40  # rows, and columns
_POSITIVE, _NEGATIVE, _NOT_FINITE = "30, 110, 220", "220, 60, 40", "160, 0, 200"


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


def heat_map(tensor: Any) -> str:
    """Returns a Tensor's history and values: blue is positive, red negative, violet not finite.

    >>> from microgradnd import Tensor
    >>> print(heat_map(Tensor([[1.0, -2.0]], name="w"))[:34])
    <div><b>w</b> (1, 2) float64<table
    """
    facts = [f"<b>{html.escape(str(tensor.name or 'Tensor'))}</b> {tensor.shape} {tensor.dtype}"]
    if tensor.operation is not None:
        parents = ", ".join(re.sub("^this", "a", parent.title) for parent in tensor.parents)
        facts.append(f"{html.escape(tensor.operation.name)} of {html.escape(parents)}")
    elif tensor.requires_grad:
        facts.append("requires_grad" + ("" if tensor.grad is None else ", has a gradient"))
    return f"<div>{' · '.join(facts)}{_map(np.asarray(tensor.numpy()))}</div>"


def _map(array: Any) -> str:
    """The last axis runs to the right, all others run down."""
    if not array.size:
        return ""
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    shown = rows[:_MOST, :_MOST]
    sizes = np.abs(shown).astype(float)
    sizes[~np.isfinite(sizes)] = np.nan
    largest = np.fmax.reduce(sizes, axis=None, initial=0) or 1.0
    written = shown.size <= _WRITTEN
    lines = []
    for values, shares in zip(shown, sizes / largest, strict=True):
        cells = []
        for value, share in zip(values.tolist(), shares.tolist(), strict=True):
            colour = _NOT_FINITE if share != share else _NEGATIVE if value.real < 0 else _POSITIVE
            look = f"background: rgba({colour}, {0.7 if share != share else 0.7 * share:.2f})"
            look += "; padding: 2px 6px; text-align: right" if written else "; padding: 4px"
            text = f"{value:.4g}" if written else ""
            cells.append(f'<td title="{value!r}" style="{look}">{text}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    style = "border-collapse: collapse; margin: 4px 0"
    more = "" if shown.size == rows.size else f"{shown.shape} of {rows.shape} are shown"
    return f'<table style="{style}">{"".join(lines)}</table>{more}'
