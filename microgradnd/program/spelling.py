"""Numbers, constants and names as Python and LaTeX spell them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .simplify import FEW

USUAL = (np.float64, np.int64, np.bool_)


def spelled(numbers: Any) -> str:
    """Numbers as Python reads them."""
    return re.sub("inf|nan", r"np.\g<0>", repr(numbers))


def constant_text(array: Any) -> str:
    """An array as NumPy makes it."""
    dtype = "" if array.dtype == np.float64 else f", dtype=np.{array.dtype.name}"
    first = array.flat[0].item() if array.size else 0
    if array.size != 1 and np.all(array == first):
        name = {0: "zeros", 1: "ones"}.get(first, "full")
        return f"np.{name}({array.shape}{f', {spelled(first)}' * (name == 'full')}{dtype})"
    if array.ndim == 1 and array.dtype == np.int64 and np.array_equal(array, np.arange(array.size)):
        return f"np.arange({array.size})"
    for name in ("eye", "tri") if array.ndim == 2 and len({*array.shape}) == 1 else ():
        if np.array_equal(array, first * getattr(np, name)(len(array), dtype=array.dtype)):
            text = f"np.{name}({len(array)}{dtype})"
            return text if first == 1 else f"({spelled(first)} * {text})"
    dtype = "" if np.array(array.tolist()).dtype == array.dtype else dtype
    return f"np.array({spelled(array.tolist())}{dtype})"


def matrix_text(array: Any) -> str:
    """An array in LaTeX; a vector lies on its side."""
    units = {r"\mathbf{1}": np.ones(array.shape), "I": np.eye(len(array))}  # of ones, identity
    for letter, unit in units.items() if array.size > 1 else ():
        if np.array_equal(array, array.flat[0] * unit):
            text = rf"{formula_of(f'{array.flat[0]:.6g}')} \, {letter}"
            return text.removeprefix(r"1 \, ") if array.any() else "0"
    if array.ndim > 2 or array.size > FEW:
        return rf"\text{{constant of shape }} {array.shape}"
    entries = [[f"{entry:.6g}" for entry in row] for row in np.atleast_2d(array * 1).tolist()]
    rows = r" \\ ".join(" & ".join(row) for row in entries)
    side = r"^{\mathsf T}" if array.ndim == 1 else ""
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}{side}"


def operator_of(name: str) -> str:
    """The name of a function in LaTeX."""
    return rf"\operatorname{{{name}}}".replace("_", r"\_")


def formula_of(number: str) -> str:
    """A number as Python spells it, in LaTeX."""
    number = number.replace("np.inf", r"\infty").replace("np.nan", r"\text{nan}")
    powers = re.sub(r"e([+-])0*(\d+)$", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", number)
    return re.sub(r"^(-?)1(\.0)? \\cdot ", r"\1", powers)
