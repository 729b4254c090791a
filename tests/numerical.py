"""Derivatives by differences: what the engine is compared with, and does not use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor


def leaf(values: Any, name: Any = None) -> Tensor:
    """A Tensor that gradients are of."""
    return Tensor(values, requires_grad=True, name=name)


def plain(value: Any) -> np.ndarray:
    """The values of a Tensor or of anything like an array."""
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def outputs(value: Any) -> list[Any]:
    """A function's several outputs as a list, or its one output in a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def slope(
    f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any], step: float = 1e-3
) -> list[Any]:
    """How fast f(*xs) changes along vs: central differences, thrice refined by Richardson's rule.

    The error falls with step⁶, so a wide step can be taken and rounding stays small.
    """

    def difference(h: float) -> list[np.ndarray]:
        ahead = outputs(f(*(x + h * v for x, v in zip(xs, vs, strict=True))))
        behind = outputs(f(*(x - h * v for x, v in zip(xs, vs, strict=True))))
        return [
            (plain(a).astype(float) - plain(b).astype(float)) / (2 * h)
            for a, b in zip(ahead, behind, strict=True)
        ]

    wide, middle, narrow = difference(step), difference(step / 2), difference(step / 4)
    refined = []
    for a, b, c in zip(wide, middle, narrow, strict=True):
        first, second = (4 * b - a) / 3, (4 * c - b) / 3
        refined.append((16 * second - first) / 15)
    return refined
