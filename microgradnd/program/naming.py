"""What Tensors are called in Python: by their own names, or as in pictures and books."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container, Mapping

from ..draw.formulas import Symbols
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

    The parts of layers, which share their names, are numbered by layer: W1, b1, W2. In layers of nn
    z is what is computed from W and b, and a follows from z. All others are v1, v2 and so on.
    """
    symbols, there = Symbols(Graph([loss])), set(nodes)
    plain: dict[Tensor, str] = {}
    for t in leaves:
        if t in named:
            plain[t] = identifier(named[t])
        elif t.name or t in asked:
            plain[t] = identifier(symbols(t) if t.name or t in there else "x")
    names: dict[Tensor, str] = {}
    taken: set[str] = set()
    layers: dict[str, int] = {}
    found = list(plain.values())
    for t, name in plain.items():
        layer = (t.name or "").rpartition(".")[0]
        if layer and (found.count(name) > 1 or layer in layers):
            name += str(layers.setdefault(layer, len(layers) + 1))
        elif found.count(name) > 1:
            name += str(1 + list(plain.values())[: len(names)].count(name))
        names[t] = _new(name, taken)
    for node in nodes:
        if node.operation is not None:
            names[node] = _new(_of_layer(node, names) or identifier(symbols(node)), taken)
    return names


def _of_layer(node: Tensor, names: dict[Tensor, str]) -> str:
    """z for the weighted sums of a layer of nn, and a for what follows them."""
    first, *others = node.parents
    if node.name or node.size == 1:
        return ""
    if node.operation.name == "linear":
        weight = names.get(others[0], "")
        return "z" + weight[1:] * weight.startswith("W")
    is_activation = node.operation.kind == "elementwise" or node.operation.name == "softmax"
    is_next = not others and names.get(first, "")[:1] == "z" and not first.name
    return "a" + names[first][1:] if is_activation and is_next else ""


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
