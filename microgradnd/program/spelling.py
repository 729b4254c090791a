"""How calls and constants are spelled, in Python and in LaTeX."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

FEW = 20  # entries of a constant that are written out


class Form(NamedTuple):
    """How a call is written: in Python and in LaTeX, how tightly that binds, and how tightly its
    arguments have to, so as to stand in it without brackets; both in LaTeX, where that differs."""

    python: str
    latex: str
    level: int
    needs: tuple[int, ...]
    latex_level: int = 0
    latex_needs: tuple[int, ...] = ()


ATOM, POWER, FACTOR, PRODUCT, SUM, COMPARISON = 9, 8, 6, 5, 4, 1
FORMS: dict[Any, Form] = {
    np.add: Form("{} + {}", "{} + {}", SUM, (SUM, SUM)),
    np.subtract: Form("{} - {}", "{} - {}", SUM, (SUM, PRODUCT)),
    np.negative: Form("-{}", "-{}", SUM, (PRODUCT,)),
    np.multiply: Form("{} * {}", r"{} \odot {}", FACTOR, (FACTOR, POWER)),
    np.true_divide: Form("{} / {}", r"\frac{{{}}}{{{}}}", FACTOR, (FACTOR, POWER), POWER, (0, 0)),
    np.matmul: Form("{} @ {}", r"{} \, {}", PRODUCT, (POWER, POWER)),
    np.floor_divide: Form("{} // {}", r"\lfloor {} / {} \rfloor", PRODUCT, (FACTOR, POWER)),
    np.remainder: Form("{} % {}", r"{} \bmod {}", PRODUCT, (FACTOR, POWER)),
    np.power: Form("{}**{}", "{}^{{{}}}", POWER, (ATOM, ATOM), POWER, (ATOM, 0)),
    np.transpose: Form("{}.T", r"{}^{{\mathsf T}}", ATOM, (ATOM,)),
    np.bitwise_and: Form("{} & {}", r"{} \wedge {}", 2, (3, 3)),
    np.bitwise_or: Form("{} | {}", r"{} \vee {}", 2, (3, 3)),
    np.invert: Form("~{}", r"\neg {}", POWER, (ATOM,)),
    np.exp: Form("np.exp({})", "e^{{{}}}", ATOM, (0,)),
    np.log: Form("np.log({})", r"\ln({})", ATOM, (0,)),
    np.sqrt: Form("np.sqrt({})", r"\sqrt{{{}}}", ATOM, (0,)),
    np.absolute: Form("np.abs({})", r"\lvert {} \rvert", ATOM, (0,)),
    np.outer: Form(
        "np.outer({}, {})", r"{} \, {}^{{\mathsf T}}", ATOM, (0, 0), PRODUCT, (POWER, ATOM)
    ),
    **{
        function: Form(f"{{}} {python} {{}}", f"[{{}} {latex} {{}}]", COMPARISON, (2, 2))
        for function, python, latex in (
            (np.greater, ">", ">"), (np.greater_equal, ">=", r"\ge"), (np.less, "<", "<"),
            (np.less_equal, "<=", r"\le"), (np.equal, "==", "="), (np.not_equal, "!=", r"\ne"),
        )
    },
}  # fmt: skip


def is_plain(array: Any) -> bool:
    """Whether all entries are equal, or it is the identity."""
    return bool(np.all(array == array.flat[0])) or _is_identity(array)


def _is_identity(array: Any) -> bool:
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    return bool(square and np.array_equal(array, np.eye(len(array))))


def number_text(value: Any, plain: bool) -> str:
    """A number as Python writes it, in its dtype if that matters."""
    if np.ndim(value):
        return ""
    dtype = getattr(value, "dtype", None)
    value = value.item() if dtype else value
    text = repr(value)
    if isinstance(value, float):
        text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    return text if dtype is None or plain else f"np.{dtype.name}({text})"


def matrix_text(array: Any) -> str:
    """An array in LaTeX; a vector lies on its side."""
    array = array[()] * 1
    if array.ndim not in (1, 2) or array.size > FEW:
        return rf"\text{{constant of shape }} {array.shape}"
    entries = [[f"{entry:.6g}" for entry in row] for row in np.atleast_2d(array).tolist()]
    rows = r" \\ ".join(" & ".join(row) for row in entries)
    side = r"^{\mathsf T}" if array.ndim == 1 else ""
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}{side}"


def constant_text(array: Any) -> str:
    """An array as NumPy makes it."""
    dtype = "" if array.dtype == np.float64 else f", dtype=np.{array.dtype.name}"
    if array.size > 1 and _is_identity(array):
        return f"np.eye({len(array)}{dtype})"
    if array.size > 1 and np.all(array == array.flat[0]):
        first = array.flat[0].item()
        if first in (0, 1):
            return f"np.{'ones' if first else 'zeros'}({array.shape}{dtype})"
        return f"np.full({array.shape}, {number_text(first, True)}{dtype})"
    if not array.size:
        return f"np.zeros({array.shape}{dtype})"
    if array.ndim == 1 and array.dtype == np.int64 and np.array_equal(array, np.arange(array.size)):
        return f"np.arange({array.size})"
    dtype = "" if array.dtype in (np.int64, np.bool_) else dtype
    entries = repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    divisor = _divisor(array)
    if divisor > 1:
        return f"np.array({np.rint(array * divisor).astype(int).tolist()}) / {divisor}"
    return f"np.array({entries}{dtype})"


def _divisor(array: Any) -> int:
    """By what whole numbers are divided in an array that is written shorter in this way; else 1."""
    if array.dtype != np.float64 or not np.isfinite(array).all():
        return 1
    if max(len(repr(entry)) for entry in array.ravel().tolist()) <= 8:
        return 1
    largest = np.max(np.abs(array)).item()
    divisor = Fraction(largest).limit_denominator(1000).denominator
    return divisor if np.array_equal(np.rint(array * divisor) / divisor, array) else 1
