"""The symbols of nodes in a picture, and the formulas of the operations between them."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..paths.notation import subscripted
from ..tensor import Tensor
from .graph import Graph, Node
from .numbers import shape_of, written

LONGEST = 32  # characters of a name inside a formula

# ---- names ---------------------------------------------------------------------------------------

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SHORT = {"weight": "W", "bias": "b"}  # what books call the parts of a layer


class Symbols:
    """The symbol of each node: its own name, or else v₁, v₂, ... in the order of computing.

    A number at the end of a name is its subscript. A scalar from which all starts is L; leaves
    without names are w if they are parameters, and x if not.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[Node, str] = {}
        self._next = {"w": itertools.count(1), "x": itertools.count(1)}
        named = (node for node in (*graph.number, *graph.users) if node.name)
        self._taken = {_symbol(node.name) for node in named}

    def __call__(self, node: Node) -> str:
        if node not in self._known:
            self._known[node] = self._made(node)
        return self._known[node]

    def _made(self, node: Node) -> str:
        kind, heads = self.graph.kind(node), self.graph.heads
        if node.name:
            return _symbol(node.name)
        if node.operation is not None:
            if node.size == len(heads) == 1 and heads[0] is node and "L" not in self._taken:
                return "L"
            symbol = "v" + str(self.graph.number[node]).translate(_LOW)
            return symbol + "'" * (symbol in self._taken)
        if kind == "constant":
            return written(self.graph.array(node).item())
        letter = "w" if kind == "parameter" else "x"
        symbols = (letter + str(number).translate(_LOW) for number in self._next[letter])
        return next(symbol for symbol in symbols if symbol not in self._taken)


def _symbol(name: Any) -> str:
    """A name as a symbol: its last part, not too long, with the number at its end below it."""
    symbol = printable(name).rpartition(".")[2] or printable(name)
    symbol, number = subscripted(_SHORT.get(symbol, symbol))
    return cut(symbol, LONGEST) + number.translate(_LOW)


def printable(text: Any) -> str:
    """A text without characters that cannot be shown."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def cut(text: str, longest: int) -> str:
    """A text that is not too long, with dots for the rest."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


# ---- formulas ------------------------------------------------------------------------------------


def formula(node: Tensor, symbols: Symbols) -> str:
    """How the node is computed from its arguments, such as W·x or σ(z)."""
    sources = dict(symbols.graph.sources(node))
    arguments = [
        symbols(sources[i]) if i in sources else _option(argument)
        for i, argument in enumerate(node.arguments)
    ]
    operation = printable(node.operation.name)
    keywords = {key: option for key, option in node.keywords.items() if option is not None}
    form = FORMS.get(operation)
    # a function of one's own may have this name, and other arguments
    with contextlib.suppress(IndexError, KeyError, ValueError):
        if callable(form):
            return form(node, arguments, keywords)
        if form is not None and form.count("{}") == len(arguments):
            return _with_options(form.format(*arguments), keywords)
    return _with_options(f"{operation}({', '.join(_shortened(arguments))})", keywords)


def _option(value: Any) -> str:
    """An option or a constant in a formula; the `repr` of other objects is never called."""
    if isinstance(value, np.ndarray):
        if value.size > 3 or value.ndim > 1 or value.dtype.kind not in "biufc":
            return f"array {shape_of(value.shape)}"
        value = value.tolist()
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        return written(value)
    if isinstance(value, str):
        return printable(value[:LONGEST])
    if isinstance(value, slice):
        ends = ["" if end is None else _option(end) for end in (value.start, value.stop)]
        return ":".join(ends if value.step is None else [*ends, _option(value.step)])
    if isinstance(value, tuple | list):
        inside = ", ".join(_shortened([_option(each) for each in value[:8]]))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    return "…"


def _with_options(text: str, keywords: dict[str, Any]) -> str:
    """A formula with the options of the call: Σ v₁ (axis 0), softmax(v₁, axis 0)."""
    written_out = {key: _option(option) for key, option in keywords.items() if option is not False}
    options = ", ".join(f"{key} {text}" for key, text in written_out.items() if text != "…")
    if not options:
        return text
    return f"{text[:-1]}, {options})" if text.endswith(")") else f"{text} ({options})"


def _shortened(texts: list[str]) -> list[str]:
    return texts if len(texts) <= 5 else [*texts[:3], "…", texts[-1]]


Form = str | Callable[[Tensor, list[str], dict[str, Any]], str]


def _product(node: Tensor, arguments: list[str], _: Any) -> str:
    """Numbers are multiplied by a dot, the entries of arrays by what Python writes for it."""
    sizes = [np.size(array) for array in node.arrays[1:]]
    return (" * " if min(sizes) > 1 else "·").join(map(_bracketed, arguments))


def _power(_: Tensor, arguments: list[str], __: Any) -> str:
    base, exponent = map(_bracketed, arguments)
    short = re.fullmatch("−?[0-9]{1,2}", arguments[1])
    return base + (arguments[1].translate(_HIGH) if short else f"^{exponent}")


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _entry(_: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    index = _option(keywords.get("index"))
    return f"{arguments[0]}[{index[1:-1] if index.startswith('(') else index}]"


def _joined(_: Tensor, arguments: list[str], __: Any) -> str:
    return f"[{', '.join(_shortened(arguments))}]"


def _einsum(_: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    indices = ", ".join(map(_option, keywords["inputs"]))
    return f"einsum({indices} → {_option(keywords['output'])}: {', '.join(_shortened(arguments))})"


def _layer(form: str) -> Form:
    """A product, and a bias if there is one."""
    return lambda _, arguments, __: " + ".join(
        [form.format(*arguments), *(bias for bias in arguments[2:3] if bias != "None")]
    )


FORMS: dict[str, Form] = {
    "add": lambda node, arguments, _: f"{arguments[0]} + {_bracketed(arguments[1])}",
    "subtract": lambda node, arguments, _: f"{arguments[0]} − {_bracketed(arguments[1])}",
    "multiply": _product,
    "divide": lambda node, arguments, _: " / ".join(map(_bracketed, arguments)),
    "power": _power,
    "float_power": _power,
    "negative": lambda node, arguments, _: f"−{_bracketed(arguments[0])}",
    "positive": "+{}",
    "square": "{}²",
    "sqrt": "√{}",
    "reciprocal": "1 / {}",
    "exp": "exp({})",
    "log": "ln({})",
    "log2": "log₂({})",
    "log10": "log₁₀({})",
    "absolute": "|{}|",
    "fabs": "|{}|",
    "matmul": "{}·{}",
    "dot": "{}·{}",
    "vecdot": "{}·{}",
    "sum": "Σ {}",
    "prod": "Π {}",
    "mean": "mean {}",
    "max": "max {}",
    "min": "min {}",
    "amax": "max {}",
    "amin": "min {}",
    "maximum": "max({}, {})",
    "minimum": "min({}, {})",
    "einsum": _einsum,
    "transpose": "{}ᵀ",
    "getitem": _entry,
    "concatenate": _joined,
    "stack": _joined,
    "reshape": lambda node, arguments, _: f"reshape {arguments[0]}",
    "broadcast_to": lambda node, arguments, _: f"broadcast {arguments[0]}",
    "copy": "{}",
    "linear": _layer("{1}·{0}"),
    "sigmoid": "σ({})",
    "relu": "max({}, 0)",
    "softmax": "softmax({})",
    "convolution": _layer("{} * {}"),
}
