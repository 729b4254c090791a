"""Sums of products, and functions along rows, as loops over axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from .value import NotDerivableError, Value

Letters = list[Any]


def contraction(function: Any, arguments: Any, options: Any) -> tuple[list[Value], dict[str, Any]]:
    """np.sum, matmul or einsum as loops: over the `out` axes of the result, then over those summed.

    Returns the factors, and the `sizes` of the loops with the `strides` of each factor.
    """
    if function is np.sum:
        (a, *more), options = arguments, dict(options)
        axes = axes_of(more[0] if more else options.pop("axis", None), a.ndim)
        refuse_options(options, "axis", "keepdims")
        factors, letters = [a], [list(range(a.ndim))]
        out: Letters = [axis for axis in range(a.ndim) if axis not in axes]
    else:
        refuse_options(options, *["optimize"] * (function is np.einsum))
        formula, *factors = arguments if function is np.einsum else (None, *arguments)
        if formula is None:
            i, k = (letter * (each.ndim > 1) for letter, each in zip("ik", factors, strict=True))
            formula = f"{'...' * len(i)}{i}j,{'...' * len(k)}j{k}->...{i}{k}"
        letters, out = _einsum(formula, [each.ndim for each in factors])
    sizes: dict[Any, int] = {}
    for each, axes in zip(factors, letters, strict=True):
        for letter, size in zip(axes, each.shape, strict=True):
            sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
    loops = [*out, *(letter for letter in sizes if letter not in out)]
    strides = []
    for each, axes in zip(factors, letters, strict=True):
        of, step = dict.fromkeys(loops, 0), 1
        for letter, size in zip(reversed(axes), reversed(each.shape), strict=True):
            of[letter] += step * (size != 1)
            step *= size
        strides.append([of[letter] for letter in loops])
    loop_sizes = [sizes[letter] for letter in loops]
    return list(factors), {"sizes": loop_sizes, "out": len(out), "strides": strides}


def along_rows(a: Value, axis: Any) -> Array:
    """The places of an array's entries in rows along some axes, which go to the end."""
    axes = axes_of(axis, a.ndim)
    kept = [k for k in range(a.ndim) if k not in axes]
    length = math.prod(a.shape[k] for k in axes)
    places = np.arange(math.prod(a.shape)).reshape(a.shape).transpose([*kept, *axes])
    return places.reshape(-1, length) if length else places.reshape(0, 0)


def axes_of(axis: Any, ndim: int) -> list[int]:
    if axis is None:
        return list(range(ndim))
    return [
        int(each) % max(ndim, 1) for each in (axis if isinstance(axis, tuple | list) else (axis,))
    ]


def refuse_options(options: Mapping[str, Any], *known: str) -> None:
    """Refuses options that would be ignored."""
    for name, option in options.items():
        harmless = option is None or option is True or option is np._NoValue  # type: ignore[attr-defined]
        is_float = name == "dtype" and option is not None and np.dtype(option).kind == "f"
        if name not in known and not is_float and not harmless:
            raise NotDerivableError(f"the option {name}= is not one that it knows")


def _einsum(formula: str, dims: list[int]) -> tuple[list[Letters], Letters]:
    terms, arrow, result = formula.replace(" ", "").partition("->")
    if not arrow:
        raise NotDerivableError("einsum without -> is not one that it knows")
    parts = terms.split(",")
    rest = [ndim - len(part.replace("...", "")) for part, ndim in zip(parts, dims, strict=True)]

    def axes(term: str, count: int) -> Letters:
        before, dots, after = term.partition("...")
        return [*before, *(range(count, 0, -1) if dots else ()), *after]

    return [axes(*pair) for pair in zip(parts, rest, strict=True)], axes(result, max(rest))
