"""Padding: borders around sequences and images, filled in one of four ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.habits import check_choice, explain_options, require

from ..init import numbers
from .layer import Layer, Size, for_axes
from .windows import spatial

# What PyTorch calls the ways to fill in the border from the input, and what NumPy calls them.
BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@explain_options
def pad(
    input: ArrayLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Any:
    """Adds borders: entries before and behind the input, on its last axes.

    Arguments:
        pad: how many, before and behind the last axis, then the last but one, and so on; entries
            are cut off where it is negative.
        mode: what they are: "constant" for `value` (0), "reflect" for the input backwards from the
            border, "replicate" for the entry at the border, "circular" for the other end.

    >>> pad([1.0, 2.0, 3.0], (1, 2)), pad([1.0, 2.0, 3.0], (2, -1), "reflect")
    (array([0., 1., 2., 3., 0., 0.]), array([3., 2., 1., 2.]))
    """
    require(isinstance(pad, list | tuple), f"pad must be a tuple of numbers, got {pad}", TypeError)
    x, pairs = numbers(input), list(zip(pad[::2], pad[1::2], strict=False))
    fits = len(pad) % 2 == 0 and len(pairs) <= x.ndim
    require(fits, f"expected 2 numbers for each of {x.ndim} axes at most, got {tuple(pad)}")
    check_choice("mode", mode, "constant", *BORDERS)
    fits = value is None or mode == "constant"
    require(fits, f"value={value} is for mode='constant', got {mode!r}")
    around = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    for (before, behind), n in zip(around, x.shape, strict=True):
        found, most = f"got {(before, behind)}", {"reflect": n - 1, "circular": n}.get(mode, np.inf)
        once = max(before, behind) <= max(most, 0)
        require(once, f"mode {mode!r} repeats the {n} entries once at most, {found}")
        fits = max(-before, 0) + max(-behind, 0) <= n
        require(fits, f"expected to cut off {n} entries at most, {found}")
    inner = tuple(slice(max(-before, 0), min(behind, 0) or None) for before, behind in around)
    cuts, copies = min(pad, default=0) < 0, mode != "circular"
    x = x if not cuts or copies else x[inner]  # the other end is that of what is left
    added = [(max(before, 0), max(behind, 0)) for before, behind in around]
    if mode == "constant":
        x = np.pad(x, added, constant_values=value or 0)
    else:
        x = np.pad(x, added, BORDERS[mode])  # type: ignore[call-overload]
    return x[inner] if cuts and copies else x


class _Pad(Layer):
    """Adds a border to sequences, images or volumes. It is filled with zeros (ZeroPad), one value
    (ConstantPad), the input mirrored (ReflectionPad), the outermost entries (ReplicationPad) or
    the other end (CircularPad).

    Arguments:
        padding: number of entries on every side, or two for each axis, in the order of `pad`.
        value: that of a ConstantPad.

    >>> ZeroPad2d(1)(np.ones((2, 3, 4, 4))).shape, ConstantPad1d(1, 9.0)([[1.0]])
    ((2, 3, 6, 6), array([[9., 1., 9.]]))
    """

    _sizes, _mode = "padding", "constant"
    value: float | None = None

    def __init__(self, padding: Size) -> None:
        sides = tuple(np.ravel(padding).tolist()) * (1 if np.ndim(padding) else 2 * self.axes)
        fits = len(sides) == 2 * self.axes
        require(fits, f"padding must be a number or {2 * self.axes}, got {padding!r}")
        self.padding = sides

    def forward(self, input: ArrayLike) -> Any:
        x = input if self._mode == "constant" else spatial(input, self.axes)
        return pad(x, self.padding, self._mode, self.value)


class _ConstantPad(_Pad):
    __doc__ = _Pad.__doc__
    _sizes, _named = "", "padding value"

    def __init__(self, padding: Size, value: float) -> None:
        super().__init__(padding)
        self.value = value


ConstantPad1d, ConstantPad2d, ConstantPad3d = for_axes(_ConstantPad)
ZeroPad1d, ZeroPad2d, ZeroPad3d = for_axes(_Pad, "ZeroPad")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = for_axes(_Pad, "ReflectionPad", _mode="reflect")
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = for_axes(
    _Pad, "ReplicationPad", _mode="replicate"
)
CircularPad1d, CircularPad2d, CircularPad3d = for_axes(_Pad, "CircularPad", _mode="circular")
