"""Sequences and images in another size: interpolated, averaged, or with channels as pixels.

Interpolation and averages are linear along each axis, one matrix for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import at_least, check_choice, explain_options, require
from microgradnd.program import afresh

from ..functions import FunctionModule
from ..init import check_shapes, numbers
from .layer import Layer, for_axes, over_axes, sizes
from .pooling import _max_pool
from .windows import spatial

Sizes: TypeAlias = int | Sequence[int | None] | None


def _triangle(x: Array) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: Array) -> Array:
    x, a = np.abs(x), -0.75
    near, far = ((a + 2) * x - a - 3) * x * x + 1, a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


# For each mode what an entry counts at a distance, and the number of axes that it is for.
_KERNELS: dict[str, tuple[Any, int]] = {
    "linear": (_triangle, 1), "bilinear": (_triangle, 2), "trilinear": (_triangle, 3),
    "bicubic": (_cubic, 2),
}  # fmt: skip


def along(x: Any, axis: int, matrix: Array) -> Any:
    return (x.swapaxes(axis, -1) @ matrix.T.astype(x.dtype)).swapaxes(axis, -1)


def _between(n: int, count: int, scale: float, kernel: Any, corners: bool) -> Any:
    """The matrix that interpolates between n entries."""
    if corners:
        scale = (n - 1) / (count - 1) if count > 1 else 0
    place = np.arange(count) * scale if corners else (np.arange(count) + 0.5) * scale - 0.5
    weights = kernel(place[:, None] - np.arange(-2, n + 2))
    matrix = weights[:, 2:-2].copy()
    matrix[:, 0] += weights[:, :2].sum(1)  # the first and last entry go on beyond the ends
    matrix[:, -1] += weights[:, -2:].sum(1)
    return matrix


def _limits(n: int, count: int) -> tuple[Array, Array]:
    """Where `count` windows that cover n entries as evenly as possible begin and end."""
    place = np.arange(count)
    return place * n // count, -(-(place + 1) * n // count)


@explain_options
def interpolate(
    input: ArrayLike, size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:  # fmt: skip
    """Changes the size of sequences, (N, channels, length), images, (N, channels, H, W), volumes.

    Arguments:
        size: the new size, one number or one for each axis.
        scale_factor: how many times the old size, instead of `size`.
        mode: "nearest", "nearest-exact" or "area"; "linear" of sequences; "bilinear" or "bicubic"
            of images; "trilinear" of volumes.
        align_corners: whether the first and last entries keep their places; not in the first three.
        recompute_scale_factor: whether the step is that of the sizes, not that of `scale_factor`.

    >>> interpolate([[[1.0, 3.0]]], size=4, mode="linear"), Upsample(scale_factor=2)([[[1.0, 3.0]]])
    (array([[[1. , 1.5, 2.5, 3. ]]]), array([[[1., 1., 3., 3.]]]))
    """
    check_choice("mode", mode, "nearest", "nearest-exact", *_KERNELS, "area")
    require(not antialias, "interpolate has no antialias=True; use mode='area' for averages")
    x = numbers(input)
    axes, steps = x.ndim - 2, None
    kernel, needed = _KERNELS.get(mode, (None, axes))
    fits = axes >= 1 and needed == axes and 0 not in x.shape[2:]
    require(fits, f"mode {mode!r} does not fit an input of shape {x.shape}")
    fits = align_corners is None or kernel
    require(fits, f"align_corners is for modes {', '.join(_KERNELS)}, got {mode!r}")
    one = (size is None) != (scale_factor is None)
    require(one, f"expected size or scale_factor, got {size} and {scale_factor}")
    if scale_factor is not None:
        several = isinstance(scale_factor, list | tuple)
        factors: Any = scale_factor if several else [scale_factor] * axes
        for factor in factors:
            at_least(0.0, scale_factor=factor)
        size = [int(n * f) for n, f in zip(x.shape[2:], factors, strict=False)]
        fits = len(factors) == axes and min(size) >= 1
        wrong = f"got {scale_factor} for an input of shape {x.shape}"
        require(fits, f"expected a scale_factor that leaves an entry on each axis, {wrong}")
        steps = None if recompute_scale_factor else [1 / f for f in factors]
    for axis, count in enumerate(sizes(cast(Any, size), axes, "size"), 2):
        n = x.shape[axis]
        scale = steps[axis - 2] if steps else n / count
        if kernel:
            x = along(x, axis, _between(n, count, scale, kernel, bool(align_corners)))
        elif mode == "area":
            x = along(x, axis, _average(n, count))
        else:  # PyTorch counts in float32
            place = np.arange(count, dtype=np.float32) + np.float32(0.5) * (mode != "nearest")
            x = np.take(x, np.minimum((place * np.float32(scale)).astype(int), n - 1), axis)
    return x


class Upsample(Layer, FunctionModule, of=interpolate):
    """The layer of `interpolate`."""

    def extra_repr(self) -> str:
        size, factor, mode, *_ = map(vars(self).get, self._option_names)
        shown = float(factor) if isinstance(factor, int) else factor
        return (f"scale_factor={shown}" if factor else f"size={size}") + f", mode={mode!r}"


def _average(n: int, count: int) -> Array:
    start, end = (limit[:, None] for limit in _limits(n, count))
    entry = np.arange(n)
    average: Array = ((entry >= start) & (entry < end)) / (end - start)
    return average


def _counts(x: Any, axes: int, output_size: Sizes) -> list[tuple[int, int, int]]:
    """Each spatial axis with its length and the length asked for; None keeps it."""
    given = output_size if isinstance(output_size, list | tuple) else (output_size,) * axes
    require(len(given) == axes, f"output_size must be {axes} numbers, got {output_size}")
    asked = [n if count is None else count for n, count in zip(x.shape[-axes:], given, strict=True)]
    checked = sizes(asked, axes, "output_size", least=0)
    return list(zip(range(-axes, 0), x.shape[-axes:], checked, strict=True))


def _adaptive_avg_pool(axes: int, input: ArrayLike, output_size: Sizes) -> Any:
    """Averages so many windows as are asked for, which cover sequences or images evenly.

    Windows overlap where the size is not divisible. Of images, None keeps the size of an axis.

    >>> adaptive_avg_pool1d([[1.0, 5.0, 2.0, 4.0]], 2), AdaptiveAvgPool1d(1)([[1.0, 3.0]])
    (array([[3., 3.]]), array([[2.]]))
    >>> AdaptiveAvgPool2d((1, None))(np.zeros((2, 3, 7, 5))).shape
    (2, 3, 1, 5)
    """
    x = spatial(input, axes)
    for axis, n, count in _counts(x, axes, output_size):
        x = along(x, axis, _average(n, count))
    return x


def _adaptive_max_pool(
    axes: int, input: ArrayLike, output_size: Sizes, return_indices: bool = False
) -> Any:
    """Finds the largest entries of so many windows as are asked for; see `adaptive_avg_pool1d`.

    >>> adaptive_max_pool1d([[1.0, 5.0, 2.0, 4.0]], 2), AdaptiveMaxPool1d(1)([[1.0, 3.0]])
    (array([[5., 4.]]), array([[3.]]))
    >>> AdaptiveMaxPool2d((1, None))(np.zeros((2, 3, 7, 5))).shape
    (2, 3, 1, 5)
    """
    x, kernel = spatial(input, axes), []
    shape = x.shape[-axes:]
    places = np.arange(math.prod(shape)).reshape(shape)
    for axis, n, count in _counts(x, axes, output_size):  # write the windows one after the other
        start, end = (limit[:, None] for limit in _limits(n, count))
        kernel.append(int((end - start).max(initial=1)))
        read = np.minimum(start + np.arange(kernel[-1]), end - 1).ravel()
        x, places = np.take(x, read, axis), np.take(places, read, axis)
    found = _max_pool(axes, x, kernel, return_indices=return_indices)
    return (found[0], afresh(np.take, places, found[1])) if return_indices else found


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = over_axes(_adaptive_avg_pool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = over_axes(_adaptive_max_pool)


def pixel_shuffle(input: ArrayLike, upscale_factor: int) -> Any:
    """Makes r² channels one that is r times as large: (..., C r², H, W) → (..., C, H r, W r).

    >>> pixel_shuffle([[[1.0]], [[2.0]], [[3.0]], [[4.0]]], 2)
    array([[[1., 2.],
            [3., 4.]]])
    >>> PixelShuffle(2)(np.ones((32, 4, 7, 7))).shape
    (32, 1, 14, 14)
    """
    x, r = numbers(input), upscale_factor
    fits = x.ndim >= 3 and x.shape[-3] % (r * r) == 0
    check_shapes(fits, f"(..., C, H, W) with C divisible by {r * r}", x)
    *before, channels, height, width = x.shape
    x = x.reshape(*before, channels // (r * r), r, r, height, width)
    x = np.moveaxis(x, (-2, -4, -1, -3), (-4, -3, -2, -1))
    return x.reshape(*before, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: ArrayLike, downscale_factor: int) -> Any:
    """Makes each square of r · r pixels r² channels: the reverse of `pixel_shuffle`.

    >>> pixel_unshuffle([[[1.0, 2.0], [3.0, 4.0]]], 2).ravel()
    array([1., 2., 3., 4.])
    >>> PixelUnshuffle(2)(np.ones((32, 1, 14, 14))).shape
    (32, 4, 7, 7)
    """
    x, r = numbers(input), downscale_factor
    fits = x.ndim >= 3 and x.shape[-1] % r == x.shape[-2] % r == 0
    check_shapes(fits, f"(..., C, H, W) with H, W divisible by {r}", x)
    *before, channels, height, width = x.shape
    x = x.reshape(*before, channels, height // r, r, width // r, r)
    x = np.moveaxis(x, (-3, -1, -4, -2), (-4, -3, -2, -1))
    return x.reshape(*before, channels * r * r, height // r, width // r)


class _Resizing(Layer, FunctionModule):
    _named = "output_size"


# fmt: off
class _AdaptiveAvgPool(_Resizing, of=_adaptive_avg_pool): ...
class _AdaptiveMaxPool(_Resizing, of=_adaptive_max_pool): ...
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = for_axes(_AdaptiveAvgPool)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = for_axes(_AdaptiveMaxPool)
class PixelShuffle(Layer, FunctionModule, of=pixel_shuffle): ...
class PixelUnshuffle(Layer, FunctionModule, of=pixel_unshuffle): ...
