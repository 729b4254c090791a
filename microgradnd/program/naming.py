"""What Tensors are called in Python: by their own names, or as in pictures and books."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container, Mapping

from ..draw.formulas import symbols_in
from ..draw.graph import Graph
from ..tensor import Tensor

_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉'", "0123456789_")


def names_of(
    loss: Tensor,
    nodes: list[Tensor],
    leaves: list[Tensor],
    asked: Container[Tensor],
    named: Mapping[Tensor, str],
) -> dict[Tensor, str]:
    """A name for each Tensor that was computed, and for the leaves that are named or asked for.

    They are those of pictures, in letters that Python takes.
    """
    symbols, there = symbols_in(Graph([loss])), set(nodes)
    names: dict[Tensor, str] = {}
    taken: set[str] = set()
    for t in leaves:
        if t in named or t.name or t in asked:
            known = named.get(t) or (symbols.plain(t) if t in there else t.name or "x")
            names.setdefault(t, _new(identifier(known), taken))
    for node in nodes:
        if node.operation is not None:
            names[node] = _new(identifier(symbols.plain(node)), taken)
    return names


def identifier(symbol: str) -> str:
    """A symbol as a name that Python takes.

    >>> identifier("W₁"), identifier("∂x"), identifier("lambda")
    ('W1', '_x', 'lambda_')
    """
    text = re.sub(r"\W", "_", symbol.translate(_DIGITS))
    text = text if text.isidentifier() else f"x{text}"
    return f"{text}_" if keyword.iskeyword(text) or text == "np" else text


def _new(name: str, taken: set[str]) -> str:
    """The name, with a _ if it or its gradient's is taken."""
    while name in taken or f"d{name}" in taken:
        name += "_"
    taken |= {name, f"d{name}"}
    return name
