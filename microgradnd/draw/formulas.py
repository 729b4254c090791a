"""The symbols of nodes in a picture, and the formulas of the operations between them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..paths.notation import LONGEST, Symbols, printable
from ..tensor import Tensor
from .graph import Graph
from .numbers import shape_of, written

_HIGH = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def cut(text: str, longest: int) -> str:
    """A text that is not too long, with dots for the rest."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


class _Text(str):
    """An argument in a formula; as {:()} in brackets if it begins with a minus."""

    def __format__(self, brackets: str) -> str:
        return f"({self})" if brackets and self.startswith("−") else str(self)


def formula(node: Tensor, symbols: Symbols, graph: Graph) -> str:
    """How the node is computed from its arguments, such as W·x or σ(z)."""
    sources = dict(graph.sources(node))
    arguments = [
        _Text(symbols(sources[i]) if i in sources else _option(argument))
        for i, argument in enumerate(node.arguments)
    ]
    operation = printable(node.operation.name)
    keywords = {key: option for key, option in node.keywords.items() if option is not None}
    form = FORMS.get(operation)
    # a function of one's own may have this name, and other arguments
    with contextlib.suppress(IndexError, KeyError, ValueError):
        if callable(form):
            return form(node, arguments, keywords)
        if form is not None and form.count("{") == len(arguments):
            return _with_options(form.format(*arguments), keywords)
    return _with_options(f"{operation}({_list_formula(arguments)})", keywords)


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
        inside = _list_formula([_option(each) for each in value[:8]])
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    return "…"


def _with_options(text: str, keywords: dict[str, Any]) -> str:
    """A formula with the options of the call: Σ v₁ (axis 0), softmax(v₁, axis 0)."""
    written_out = {key: _option(option) for key, option in keywords.items() if option is not False}
    options = ", ".join(f"{key} {text}" for key, text in written_out.items() if text != "…")
    if not options:
        return text
    return f"{text[:-1]}, {options})" if text.endswith(")") else f"{text} ({options})"


def _list_formula(texts: list[Any]) -> str:
    return ", ".join(texts if len(texts) <= 5 else [*texts[:3], "…", texts[-1]])


Form = str | Callable[[Tensor, list[_Text], dict[str, Any]], str]


def _product_formula(node: Tensor, arguments: list[_Text], _: Any) -> str:
    """Numbers are multiplied by a dot, the entries of arrays by what Python writes for it."""
    sizes = [np.size(array) for array in node.arrays[1:]]
    return ("{:()} * {:()}" if min(sizes) > 1 else "{:()}·{:()}").format(*arguments)


def _power(_: Tensor, arguments: list[_Text], __: Any) -> str:
    base, exponent = arguments
    short = re.fullmatch("−?[0-9]{1,2}", exponent)
    return f"{base:()}" + (exponent.translate(_HIGH) if short else f"^{exponent:()}")


def _entry(_: Tensor, arguments: list[_Text], keywords: dict[str, Any]) -> str:
    index = _option(keywords.get("index"))
    return f"{arguments[0]}[{index[1:-1] if index.startswith('(') else index}]"


def _einsum_formula(_: Tensor, arguments: list[_Text], keywords: dict[str, Any]) -> str:
    indices = ", ".join(map(_option, keywords["inputs"]))
    return f"einsum({indices} → {_option(keywords['output'])}: {_list_formula(arguments)})"


def _joined(_: Tensor, arguments: list[_Text], __: Any) -> str:
    return f"[{_list_formula(arguments)}]"


def _alone(form: str, *more: str) -> Form:
    """Without the options of the call; with more for arguments that are there and not None."""

    def text(_: Tensor, arguments: list[_Text], __: Any) -> str:
        there = {str(i) for i, argument in enumerate(arguments) if argument != "None"}
        return "".join([form, *(part for part in more if part[-2] in there)]).format(*arguments)

    return text


def _swapped(node: Tensor, arguments: list[_Text], keywords: dict[str, Any]) -> str:
    """A matrix, or each of many, is transposed."""
    axes = {keywords[key] % node.ndim for key in ("axis1", "axis2")}
    last = axes == {node.ndim - 2, node.ndim - 1}
    return f"{arguments[0]}ᵀ" if last else f"swapaxes {arguments[0]}"


FORMS: dict[str, Form] = {
    "add": "{} + {:()}", "subtract": "{} − {:()}", "negative": "−{:()}", "positive": "+{}",
    "multiply": _product_formula, "divide": "{:()} / {:()}", "reciprocal": "1 / {}",
    "power": _power, "float_power": _power, "square": "{}²", "sqrt": "√{}",
    "exp": "exp({})", "log": "ln({})", "log2": "log₂({})", "log10": "log₁₀({})",
    "absolute": "|{}|", "fabs": "|{}|",
    "matmul": "{}·{}", "dot": "{}·{}", "vecdot": "{}·{}", "einsum": _einsum_formula,
    "sum": "Σ {}", "prod": "Π {}", "mean": "mean {}",
    "max": "max {}", "min": "min {}", "amax": "max {}", "amin": "min {}",
    "equal": "{} = {}", "not_equal": "{} ≠ {}", "less": "{} < {}", "greater": "{} > {}",
    "less_equal": "{} ≤ {}", "greater_equal": "{} ≥ {}",
    "bitwise_and": "{} & {}", "bitwise_or": "{} | {}", "bitwise_xor": "{} ^ {}", "invert": "~{}",
    "maximum": "max({}, {})", "minimum": "min({}, {})",
    "getitem": _entry, "concatenate": _joined, "stack": _joined, "transpose": "{}ᵀ", "copy": "{}",
    "reshape": _alone("reshape {}"), "broadcast_to": _alone("broadcast {}"),
    "linear": _alone("{1}·{0}", " + {2}"), "convolution": _alone("{0} * {1}", " + {2}"),
    "swapaxes": _swapped, "standardise": _alone("({0} − mean) / deviation", " * {1}", " + {2}"),
    "rms_norm": _alone("{0} / root of mean square", " * {1}"),
    "sigmoid": "σ({})", "relu": "max({}, 0)", "softmax": "softmax({})",
    "cross_entropy": _alone("cross_entropy({0}, {1})"),  # not how much each example counts
    "interp": _alone("interp({0}, {1}, {2})", ", left {3}", ", right {4}"),
}  # fmt: skip
