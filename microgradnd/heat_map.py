"""A Tensor as a notebook shows it: its history, shape and dtype above a heat map of its values."""

from __future__ import annotations

import html
import re

import numpy as np

from .arrays import Array
from .tensor import Tensor

_WRITTEN = 120  # entries; of more, only the colours are shown
_MOST = 40  # rows, and columns
_POSITIVE, _NEGATIVE, _NOT_FINITE = "30, 110, 220", "220, 60, 40", "160, 0, 200"


def as_html(tensor: Tensor) -> str:
    """Returns a heat map: blue is positive, red is negative, violet is not finite.

    >>> print(as_html(Tensor([[1.0, -2.0]], name="w"))[:34])
    <div><b>w</b> (1, 2) float64<table
    """
    facts = [f"<b>{html.escape(str(tensor.name or 'Tensor'))}</b> {tensor.shape} {tensor.dtype}"]
    if tensor.operation is not None:
        parents = ", ".join(re.sub("^this", "a", parent.title) for parent in tensor.parents)
        facts.append(f"{html.escape(tensor.operation.name)} of {html.escape(parents)}")
    elif tensor.requires_grad:
        facts.append("requires_grad" + ("" if tensor.grad is None else ", has a gradient"))
    return f"<div>{' · '.join(facts)}{_map(np.asarray(tensor.numpy()))}</div>"


def _map(array: Array) -> str:
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
