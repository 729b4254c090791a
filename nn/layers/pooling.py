"""Pooling: the maximum or the average of each window, channel by channel; and the way back."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike
from microgradnd.habits import require
from microgradnd.operators import beside, plain
from microgradnd.program import afresh

from ..functions import FunctionModule
from ..init import check_shapes, numbers, whole_numbers
from .layer import Layer, Size, for_axes, over_axes, sizes
from .windows import Windows, n_first, n_last, of_examples, size_of, spatial, windows


def _read_windows(x: Any, *, on: Windows, number: Any = None) -> Any:
    """The sum of each window, or its entry with this number."""
    padded = on.padded(x)
    views: Any = [padded[place] for place in on.places]
    if number is not None:
        views = (view * (number == entry) for entry, view in enumerate(views))
    return n_first(functools.reduce(operator.add, views))


def _written_windows(y: Any, *, on: Windows, number: Any = None) -> Any:
    """The dual: y at all entries of its window, or at the one with this number, added up."""
    y = n_last(y)
    total = on.zeros(y, len(y), y.shape[-1])
    for entry, place in enumerate(on.places):
        total[place] += y if number is None else y * (number == entry)
    return on.inside(total)


def _duals(reading: str, writing: str, kind: str) -> tuple[Any, Any]:
    """Both as primitives, each the rule of the other."""
    make: Any = functools.partial(primitive, kind=kind)
    read: Any = make(_read_windows, lambda g, y, x, **where: write(g, **where), name=reading)
    write: Any = make(_written_windows, lambda h, x, y, **where: read(h, **where), name=writing)
    return read, write


_sum, _ = _duals("sum_windows", "share_windows", kind="routes")
_, _write = _duals("read_windows", "write_windows", kind="selects")


def _largest(x: Any, *, on: Windows) -> Any:
    padded = on.padded(x, fill=-np.inf)
    y = padded[on.places[0]].copy()
    for place in on.places[1:]:
        np.maximum(y, padded[place], out=y)
    return n_first(y)


def _first_maximum(x: Any, y: Any, on: Windows) -> Any:
    """For each window the number of the entry that is its maximum y, the first of several."""
    padded = on.padded(x, fill=np.nan)  # which is no maximum, also where all others are -inf
    y = n_last(y)
    number = np.zeros_like(y, dtype=np.min_scalar_type(on.entries - 1))
    missing = np.ones_like(y, dtype=bool)
    for place in on.places[:-1]:
        missing &= padded[place] != y
        number += missing
    return number


_maximum: Any = primitive(
    _largest,
    lambda g, y, x, on: _write(g, number=_first_maximum(plain(x), plain(y), on), on=on),
    name="max_pool",
    kind="selects",
)


@functools.lru_cache(maxsize=1024)
def _divisors(on: Windows, padded: bool, dtype: Any) -> Any:
    """How many entries of each window lie on the input, with its padding or without."""
    inside = []
    for n, k, s, p, count in zip(on.size, on.kernel, on.stride, on.before, on.count, strict=True):
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        inside.append(end - start if padded else np.minimum(end, n) - np.maximum(start, 0))
    counts = functools.reduce(np.multiply.outer, inside).astype(dtype)
    counts.flags.writeable = False  # since later calls share it
    return counts


def _pooled(pool: Any, axes: int, input: ArrayLike, *how: Any) -> tuple[Any, Windows]:
    """The pool of each window, and the windows."""
    x = spatial(input, axes)
    on = windows(x.shape[-axes:], *how)
    reach = zip(on.before, on.kernel, on.dilation, strict=True)
    inside = all(2 * p <= (k - 1) * d + 1 for p, k, d in reach)
    require(inside, f"padding by {how[2]} is more than half of the kernel, {how[0]}")
    return of_examples(pool, axes, x, on=on), on


def _places(x: Any, *, on: Windows) -> Any:
    """For each window the place of its maximum, counted through the spatial axes of the input."""
    number = _first_maximum(x, _largest(x, on=on), on)
    places = beside(np.arange(math.prod(on.size)).reshape(on.size), x)
    return _read_windows(np.broadcast_to(places, x.shape), number=number, on=on)


def _max_pool(
    axes: int, input: ArrayLike, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, dilation: Size = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Finds the largest entry of each window. Of several the first one has the whole gradient, as
    in PyTorch; `np.max` shares it among them.

    Arguments:
        input: sequences (N, channels, length), images (N, channels, height, width) or volumes, or
            a single one without N. Sizes are one number, or one for each axis.
        kernel_size: length of a window.
        stride: the step from one window to the next; `kernel_size` unless given.
        padding: how far windows reach beyond the input on either side, at most half of a window.
        dilation: the step from one entry of a window to the next.
        ceil_mode: whether a last window may reach beyond the padding.
        return_indices: whether the place of each maximum is returned beside it, counted through the
            spatial axes, as `max_unpool1d` takes it.

    >>> max_pool1d([[1.0, 5.0, 2.0, 3.0]], 2), MaxPool1d(2)([[1.0, 5.0, 2.0, 3.0]])
    (array([[5., 3.]]), array([[5., 3.]]))
    >>> max_pool2d(np.eye(4)[None], 2), MaxPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (array([[[1., 0.],
            [0., 1.]]]), (32, 6, 14, 14))
    >>> max_pool1d([[1.0, 5.0, 2.0, 3.0]], 2, return_indices=True)
    (array([[5., 3.]]), array([[1, 3]]))
    """
    y, on = _pooled(_maximum, axes, input, kernel_size, stride, padding, dilation, ceil_mode)
    return (y, of_examples(_places, axes, plain(numbers(input)), on=on)) if return_indices else y


def _avg_pool(
    axes: int, input: ArrayLike, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Averages each window; for the arguments see `max_pool1d`. Zeros of the padding count, unless
    `count_include_pad` is False; with `divisor_override` a sum is divided by that.

    >>> avg_pool1d([[1.0, 5.0, 2.0, 4.0]], 2), AvgPool1d(2)([[1.0, 5.0, 2.0, 4.0]])
    (array([[3., 3.]]), array([[3., 3.]]))
    >>> avg_pool2d(np.eye(4)[None], 2), AvgPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (array([[[0.5, 0. ],
            [0. , 0.5]]]), (32, 6, 14, 14))
    """
    y, on = _pooled(_sum, axes, input, kernel_size, stride, padding, 1, ceil_mode)
    counts = divisor_override is None
    return y / (_divisors(on, count_include_pad, y.dtype) if counts else divisor_override)


def _sources(places: Any, entries: int) -> Any:
    """For each of so many entries the number of what is put there, or the first free number."""
    rows = places.reshape(-1, places.shape[-1])
    sources = np.full((len(rows), entries), places.shape[-1])
    np.put_along_axis(sources, rows, np.arange(places.shape[-1]), -1)
    return sources.reshape(*places.shape[:-1], entries)


def _max_unpool(
    axes: int, input: ArrayLike, indices: Any, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, output_size: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """Puts each entry where a maximum was, among zeros: the way back from `max_pool1d`. Where
    several are put at one place, the last one stays.

    Arguments:
        input: what is put there, such as the output of `max_pool1d`.
        indices: the places, as it returns them.
        kernel_size, stride, padding: those of the pooling.
        output_size: the shape of the pooling's input, where several fit.

    >>> y, places = max_pool1d([[1.0, 5.0, 2.0, 3.0]], 2, return_indices=True)
    >>> max_unpool1d(y, places, 2), MaxUnpool1d(2)(y, places)
    (array([[0., 5., 0., 3.]]), array([[0., 5., 0., 3.]]))
    """
    x = spatial(input, axes)
    kernel = sizes(kernel_size, axes, "kernel_size")
    step = kernel if stride is None else sizes(stride, axes, "stride")
    usual = size_of(x.shape[-axes:], kernel, step, padding)
    size = usual if output_size is None else tuple(output_size)[-axes:]
    near = all(abs(n - m) < s for n, m, s in zip(size, usual, step, strict=True))
    require(near, f"expected an output_size less than a stride from {usual}, got {size}")
    entries, before, count = math.prod(size), x.shape[:-axes], math.prod(x.shape[-axes:])
    places = whole_numbers(indices, f"max_unpool to {size}", entries, IndexError)
    check_shapes(places.shape == x.shape, f"indices of shape {x.shape}", places)
    sources = afresh(_sources, places.reshape(*before, count), entries)
    x = np.concatenate([x.reshape(*before, count), np.zeros((*before, 1), x.dtype)], -1)
    return np.take_along_axis(x, sources, -1).reshape(*before, *size)


max_pool1d, max_pool2d, max_pool3d = over_axes(_max_pool)
avg_pool1d, avg_pool2d, avg_pool3d = over_axes(_avg_pool, not_in_1d="divisor_override")
max_unpool1d, max_unpool2d, max_unpool3d = over_axes(_max_unpool)


class _Pool(Layer, FunctionModule):
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0

    _named = "kernel_size stride padding"

    def __post_init__(self) -> None:
        self.stride = self.kernel_size if self.stride is None else self.stride


class _MaxPool(_Pool, of=_max_pool):
    dilation: Size = 1
    return_indices: bool = False
    ceil_mode: bool = False

    _named = "kernel_size stride padding dilation ceil_mode"


class AvgPool1d(_Pool, of=avg_pool1d):
    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool2d(AvgPool1d, of=avg_pool2d):
    divisor_override: int | None = None


# fmt: off
class AvgPool3d(AvgPool2d, of=avg_pool3d): ...
class _MaxUnpool(_Pool, of=_max_unpool): ...
MaxPool1d, MaxPool2d, MaxPool3d = for_axes(_MaxPool)
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = for_axes(_MaxUnpool)
