"""Pooling: the maximum or the average of each window, channel by channel."""

from __future__ import annotations

import functools
import operator
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike
from microgradnd.operators import plain

from ..functions import FunctionModule
from ..init import numbers
from .layer import Layer, Size, over_axes
from .windows import Windows, check_shape, n_first, n_last, of_examples, windows


def _read(x: Any, *, on: Windows, number: Any = None) -> Any:
    """The sum of each window, or its entry with this number."""
    views: Any = on.views(x)
    if number is not None:
        views = (view * (number == entry) for entry, view in enumerate(views))
    return n_first(functools.reduce(operator.add, views))


def _written(y: Any, *, on: Windows, number: Any = None) -> Any:
    """The dual: y at all entries of its window, or at the one with this number, added up."""
    y, entries = n_last(y), range(on.entries)
    return on.add_up([y if number is None else y * (number == entry) for entry in entries])


def _duals(reading: str, writing: str, kind: str) -> tuple[Any, Any]:
    """Both as primitives, each the rule of the other."""
    make: Any = functools.partial(primitive, kind=kind)
    read: Any = make(_read, lambda g, y, x, **where: write(g, **where), name=reading)
    write: Any = make(_written, lambda h, x, y, **where: read(h, **where), name=writing)
    return read, write


_sum, _ = _duals("sum_windows", "share_windows", kind="routes")
_, _write = _duals("read_windows", "write_windows", kind="selects")


def _largest(x: Any, *, on: Windows) -> Any:
    first, *others = on.views(x, fill=-np.inf)
    y = first.copy()
    for view in others:
        np.maximum(y, view, out=y)
    return n_first(y)


def _first_maximum(x: Any, y: Any, on: Windows) -> Any:
    """For each window the number of the entry that is its maximum y, the first of several."""
    *views, _ = on.views(x, fill=-np.inf)
    y = n_last(y)
    number = np.zeros_like(y, dtype=np.min_scalar_type(len(views)))
    missing = np.ones_like(y, dtype=bool)
    for view in views:
        missing &= view != y
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
    x = numbers(input)
    check_shape(x, axes)
    on = windows(x.shape[-axes:], *how)
    reach = zip(on.before, on.kernel, on.dilation, strict=True)
    if any(2 * p > (k - 1) * d + 1 for p, k, d in reach):
        wrong = f"padding by {how[2]} is more than half of the kernel, {how[0]}"
        raise ValueError(f"{wrong}: a window could lie outside of the input")
    return of_examples(pool, x, on=on), on


def _max_pool(
    axes: int, input: ArrayLike, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, dilation: Size = 1, ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """Finds the largest entry of each window on sequences of shape (N, channels, length), or on
    images of shape (N, channels, height, width), where sizes are one number, or one for each axis.

    An input without N gives an output without N. Of several largest entries the first one has the
    whole gradient, as in PyTorch; `np.max` shares it among them.

    Arguments:
        input: sequences or images, or a single one without N.
        kernel_size: length of a window.
        stride: the step from one window to the next; `kernel_size` unless given.
        padding: how far windows reach beyond the input on either side, at most half of a window.
        dilation: the step from one entry of a window to the next.
        ceil_mode: whether a last window may reach beyond the padding.

    >>> max_pool1d([[1.0, 5.0, 2.0, 3.0]], 2), MaxPool1d(2)([[1.0, 5.0, 2.0, 3.0]])
    (array([[5., 3.]]), array([[5., 3.]]))
    >>> max_pool2d(np.eye(4)[None], 2), MaxPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (array([[[1., 0.],
            [0., 1.]]]), (32, 6, 14, 14))
    """
    how = kernel_size, stride, padding, dilation, ceil_mode
    return _pooled(_maximum, axes, input, *how)[0]


def _avg_pool(
    axes: int, input: ArrayLike, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Averages each window on sequences of shape (N, channels, length), or on images of shape
    (N, channels, height, width).

    The arguments are those of `max_pool1d`. Zeros of the padding count as entries, unless
    `count_include_pad` is False. With `divisor_override` the sum of a window is divided by that.

    >>> avg_pool1d([[1.0, 5.0, 2.0, 4.0]], 2), AvgPool1d(2)([[1.0, 5.0, 2.0, 4.0]])
    (array([[3., 3.]]), array([[3., 3.]]))
    >>> avg_pool2d(np.eye(4)[None], 2), AvgPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (array([[[0.5, 0. ],
            [0. , 0.5]]]), (32, 6, 14, 14))
    """
    y, on = _pooled(_sum, axes, input, kernel_size, stride, padding, 1, ceil_mode)
    return y / (divisor_override or _divisors(on, count_include_pad, y.dtype))


max_pool1d, max_pool2d = over_axes(_max_pool)
avg_pool1d, avg_pool2d = over_axes(_avg_pool, only_in_2d="divisor_override")


class _Pool(Layer, FunctionModule):
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0

    def __post_init__(self) -> None:
        self.stride = self.kernel_size if self.stride is None else self.stride


class MaxPool1d(_Pool, of=max_pool1d):
    dilation: Size = 1
    _: KW_ONLY
    ceil_mode: bool = False


class MaxPool2d(MaxPool1d, of=max_pool2d): ...


class AvgPool1d(_Pool, of=avg_pool1d):
    _named = "kernel_size stride padding"

    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool2d(AvgPool1d, of=avg_pool2d):
    divisor_override: int | None = None
