"""What nodes are called in a picture, and the formulas of the operations between them."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..paths.notation import subscripted
from ..tensor import Tensor
from .graph import Graph, Node, Plain
from .leaves import kind_of
from .numbers import shape_of, written

LONGEST = 32  # characters of a name inside a formula

# ---- names ---------------------------------------------------------------------------------------

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SHORT = {"weight": "W", "bias": "b"}  # what books call the parts of a layer


class Symbols:
    """What each node is called: by its own name, or else v₁, v₂, ... in the order of computing.

    A number at the end of a name is its subscript. A scalar from which all starts is L; leaves
    without names are w if they are parameters, and x if not.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._given: dict[Node, str] = {}
        self._next = {"w": itertools.count(1), "x": itertools.count(1)}
        self._taken = {
            _called(name) for node in (*graph.number, *_leaves(graph)) if (name := node.name)
        }

    def __call__(self, node: Node) -> str:
        if node not in self._given:
            self._given[node] = self._symbol(node)
        return self._given[node]

    def _symbol(self, node: Node) -> str:
        if isinstance(node, Plain):
            return self._numbered("x")
        if node.name:
            return _called(node.name)
        if node.operation is not None:
            alone = len(self.graph.heads) == 1 and self.graph.heads[0] is node
            if alone and node.size == 1 and "L" not in self._taken:
                return "L"
            symbol = "v" + str(self.graph.number[node]).translate(_LOW)
            return symbol if symbol not in self._taken else symbol + "'"
        kind = kind_of(node, self.graph)
        if kind == "constant":
            return written(node.numpy().item())
        return self._numbered("w" if kind == "parameter" else "x")

    def _numbered(self, letter: str) -> str:
        """The letter with the next number that nobody's name has."""
        for number in self._next[letter]:
            symbol = letter + str(number).translate(_LOW)
            if symbol not in self._taken:
                break
        return symbol


def _leaves(graph: Graph) -> list[Tensor]:
    """The Tensors that are leaves, each once."""
    return list({leaf: None for leaf, _ in graph.leaves() if isinstance(leaf, Tensor)})


def _called(name: Any) -> str:
    """A name as a symbol: its last part, not too long, with the number at its end below it."""
    symbol = printable(name).rpartition(".")[2] or printable(name)
    symbol = _SHORT.get(symbol, symbol)
    symbol, number = subscripted(symbol)
    if len(symbol) > LONGEST:
        symbol = symbol[: LONGEST - 1] + "…"
    return symbol + number.translate(_LOW)


def printable(text: Any) -> str:
    """A text without characters that cannot be shown."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


# ---- formulas ------------------------------------------------------------------------------------


def formula(node: Tensor, symbols: Symbols) -> str:
    """How the node is computed from its arguments, such as W·x or σ(z)."""
    arguments = [_argument(node, i, symbols) for i in range(len(node._parents))]
    operation = printable(node.operation.name)
    keywords = {key: option for key, option in node.keywords.items() if option is not None}
    form = FORMS.get(operation)
    if callable(form):
        with contextlib.suppress(
            IndexError, KeyError, ValueError
        ):  # of one's own, with other arguments
            return form(node, arguments, keywords)
    elif form is not None and form.count("{}") == len(arguments):
        return _with_options(form.format(*arguments), keywords)
    return _with_options(f"{operation}({', '.join(_shortened(arguments))})", keywords)


def _argument(node: Tensor, position: int, symbols: Symbols) -> str:
    parent, array = node._parents[position], node.arrays[position + 1]
    if parent is not None:
        return symbols(parent)
    source = symbols.graph.plain(array)
    return _option(array) if source is None else symbols(source)


def _option(value: Any) -> str:
    """An option or a constant in a formula. Objects are not asked how they would be written."""
    if value is None or value is Ellipsis:
        return "…" if value is Ellipsis else "None"
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        return written(value)
    if isinstance(value, np.ndarray):
        if value.size <= 3 and value.ndim <= 1 and value.dtype.kind in "biufc":
            return _option(value.tolist())
        return f"array {shape_of(value.shape)}"
    if isinstance(value, str):
        return printable(value[:LONGEST])
    if isinstance(value, slice):
        ends = ["" if end is None else _option(end) for end in (value.start, value.stop)]
        step = "" if value.step is None else ":" + _option(value.step)
        return ":".join(ends) + step
    if isinstance(value, tuple | list):
        inside = ", ".join(_shortened([_option(each) for each in value[:8]]))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    return "…"


def _with_options(text: str, keywords: dict[str, Any]) -> str:
    """A formula with the options that were given: Σ v₁ (axis 0), softmax(v₁, axis 0)."""
    written_out = {key: _option(option) for key, option in keywords.items() if option is not False}
    options = ", ".join(f"{key} {text}" for key, text in written_out.items() if text != "…")
    if not options:
        return text
    return f"{text[:-1]}, {options})" if text.endswith(")") else f"{text} ({options})"


def _shortened(texts: list[str]) -> list[str]:
    return texts if len(texts) <= 5 else [*texts[:3], "…", texts[-1]]


Form = str | Callable[[Tensor, list[str], dict[str, Any]], str]


def _product(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    """Numbers are multiplied by a dot, the entries of arrays by what Python writes for it."""
    sizes = [np.size(array) for array in node.arrays[1:]]
    return (" * " if min(sizes) > 1 else "·").join(map(_bracketed, arguments))


def _power(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    base, exponent = arguments
    if re.fullmatch("−?[0-9]{1,2}", exponent):
        return _bracketed(base) + exponent.translate(_HIGH)
    return f"{_bracketed(base)}^{_bracketed(exponent)}"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _entry(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    index = _option(keywords.get("index"))
    return f"{arguments[0]}[{index[1:-1] if index.startswith('(') else index}]"


def _joined(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    return f"[{', '.join(_shortened(arguments))}]"


def _einsum(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    indices = ", ".join(map(_option, keywords["inputs"]))
    return f"einsum({indices} → {_option(keywords['output'])}: {', '.join(_shortened(arguments))})"


def _linear(node: Tensor, arguments: list[str], keywords: dict[str, Any]) -> str:
    x, weight, *bias = arguments
    return f"{weight}·{x}" + (f" + {bias[0]}" if bias and bias[0] != "None" else "")


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
    "linear": _linear,
    "sigmoid": "σ({})",
    "relu": "max({}, 0)",
    "softmax": "softmax({})",
    "convolution": lambda node, arguments, _: (
        f"{arguments[0]} ∗ {arguments[1]}".replace("∗", "*")
        + (f" + {arguments[2]}" if len(arguments) > 2 and arguments[2] != "None" else "")
    ),
}
