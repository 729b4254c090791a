"""Pooling: the maximum or the average of each window, channel by channel."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive

from ..init import numbers
from .windows import (
    Sliding,
    Windows,
    check_shape,
    examples_first,
    examples_last,
    sizes,
    windows,
)

# ---- the maximum of each window ------------------------------------------------------------------


def _largest(x: Any, *, on: Windows) -> Any:
    first, *others = on.views(x, fill=-np.inf)
    y = first.copy()
    for view in others:
        np.maximum(y, view, out=y)
    return examples_first(y)


def _first_maximum(x: Any, y: Any, on: Windows) -> Any:
    """For each window the number of the entry that is its maximum y, the first of several."""
    *views, _ = on.views(x, fill=-np.inf)
    y = examples_last(y)
    number = np.zeros_like(y, dtype=np.min_scalar_type(len(views)))
    missing = np.ones_like(y, dtype=bool)
    for view in views:
        missing &= view != y
        number += missing
    return number


def _read(x: Any, *, number: Any, on: Windows) -> Any:
    """The entry with this number in each window."""
    views = enumerate(on.views(x))
    return examples_first(sum(view * (number == entry) for entry, view in views))


def _written(y: Any, *, number: Any, on: Windows) -> Any:
    """An input with each window's y at the entry with this number, added where windows overlap."""
    y = examples_last(y)
    return on.add_up([y * (number == entry) for entry in range(on.entries)])


_maximum: Any = primitive(
    _largest,
    lambda g, y, x, on: _write(g, number=_first_maximum(_values(x), _values(y), on), on=on),
    name="max_pool",
    kind="selects",
)
_read_at: Any = primitive(
    _read, lambda g, y, x, **where: _write(g, **where), name="read_windows", kind="selects"
)
_write: Any = primitive(
    _written, lambda h, x, y, **where: _read_at(h, **where), name="write_windows", kind="selects"
)


def _values(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


# ---- the sum over each window --------------------------------------------------------------------

_sum: Any = primitive(
    lambda x, *, on: examples_first(functools.reduce(operator.add, on.views(x))),
    lambda g, y, x, on: _share(g, on=on),
    name="sum_windows",
    kind="routes",
)
_share: Any = primitive(
    lambda y, *, on: on.add_up([examples_last(y)] * on.entries),
    lambda h, x, y, on: _sum(h, on=on),
    name="share_windows",
    kind="routes",
)


def _divisors(on: Windows, padded: bool, dtype: Any) -> Any:
    """How many entries of each window lie on the input, with its padding or without."""
    inside = []
    for n, k, s, p, count in zip(on.size, on.kernel, on.stride, on.before, on.count, strict=True):
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        inside.append(end - start if padded else np.minimum(end, n) - np.maximum(start, 0))
    return functools.reduce(np.multiply.outer, inside).astype(dtype)


# ---- as functions --------------------------------------------------------------------------------


def _windows(
    x: Any, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    """The windows on an input of the right shape."""
    check_shape(x, axes)
    kernel, apart = sizes(kernel_size, axes, "kernel_size"), sizes(dilation, axes, "dilation")
    steps = kernel if stride is None else sizes(stride, axes, "stride")
    around = sizes(padding, axes, "padding", least=0)
    if any(2 * p > (k - 1) * d + 1 for p, k, d in zip(around, kernel, apart, strict=True)):
        raise ValueError(
            f"padding by {padding} is more than half of the kernel, {kernel_size}: a window could "
            "lie outside of the input"
        )
    both = tuple((p, p) for p in around)
    return windows(x.shape[-axes:], kernel, steps, both, apart, ceil_mode)


def _pooled(pool: Any, x: Any, on: Windows) -> Any:
    """The pool of each example, or of the only one, without an axis that numbers it."""
    return pool(x[None], on=on)[0] if x.ndim == len(on.size) + 1 else pool(x, on=on)


def _max_pool(x: Any, axes: int, *geometry: Any) -> Any:
    x = numbers(x)
    return _pooled(_maximum, x, _windows(x, axes, *geometry))


def _avg_pool(
    x: Any,
    axes: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Any:
    x = numbers(x)
    on = _windows(x, axes, kernel_size, stride, padding, 1, ceil_mode)
    return _pooled(_sum, x, on) / (divisor_override or _divisors(on, count_include_pad, x.dtype))


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of each window on sequences of shape (N, channels, length).

    The stride is the kernel's size unless given. Of several largest entries the first one has the
    whole gradient, as in PyTorch; `np.max` shares it among them.

    >>> from nn.layers.pooling import max_pool1d
    >>> max_pool1d([[1.0, 5.0, 2.0, 3.0]], 2)
    array([[5., 3.]])
    """
    return _max_pool(input, 1, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of each window on images of shape (N, channels, height, width).

    The stride is the kernel's size unless given. Of several largest entries the first one has the
    whole gradient, as in PyTorch; `np.max` shares it among them.

    >>> import numpy as np
    >>> from nn.layers.pooling import max_pool2d
    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 5.,  7.],
            [13., 15.]]])
    """
    return _max_pool(input, 2, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The average of each window on sequences of shape (N, channels, length).

    Zeros of the padding count as entries, unless `count_include_pad` is False.

    >>> from nn.layers.pooling import avg_pool1d
    >>> avg_pool1d([[1.0, 5.0, 2.0, 4.0]], 2)
    array([[3., 3.]])
    """
    return _avg_pool(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The average of each window on images of shape (N, channels, height, width).

    Zeros of the padding count as entries, unless `count_include_pad` is False; with
    `divisor_override` the sum of a window is divided by that.

    >>> import numpy as np
    >>> from nn.layers.pooling import avg_pool2d
    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    how = ceil_mode, count_include_pad, divisor_override
    return _avg_pool(input, 2, kernel_size, stride, padding, *how)


# ---- as layers -----------------------------------------------------------------------------------


class MaxPool1d(Sliding):
    """The largest entry of each window on sequences of shape (N, channels, length).

    The stride is the kernel's size unless given. An input without N gives an output without N. Of
    several largest entries the first one has the whole gradient, as in PyTorch.

    >>> from nn.layers.pooling import MaxPool1d
    >>> MaxPool1d(2)([[1.0, 5.0, 2.0, 3.0]])
    array([[5., 3.]])
    """

    function: Any = staticmethod(max_pool1d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def slide(self, input: Any) -> Any:
        """The largest entry of each window."""
        geometry = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        return self.function(input, *geometry)

    def extra_repr(self) -> str:
        """The geometry."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool2d(MaxPool1d):
    """The largest entry of each window on images of shape (N, channels, height, width).

    Sizes are a number, or one for the height and one for the width; the stride is the kernel's size
    unless given. An input without N gives an output without N. Of several largest entries the first
    one has the whole gradient, as in PyTorch.

    >>> import numpy as np
    >>> from nn.layers.pooling import MaxPool2d
    >>> MaxPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (32, 6, 14, 14)
    """

    function = staticmethod(max_pool2d)


class AvgPool1d(Sliding):
    """The average of each window on sequences of shape (N, channels, length).

    The stride is the kernel's size unless given. An input without N gives an output without N.
    Zeros of the padding count as entries, unless `count_include_pad` is False.

    >>> from nn.layers.pooling import AvgPool1d
    >>> AvgPool1d(2)([[1.0, 5.0, 2.0, 4.0]])
    array([[3., 3.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad = count_include_pad

    def slide(self, input: Any) -> Any:
        """The average of each window."""
        how = self.ceil_mode, self.count_include_pad
        return avg_pool1d(input, self.kernel_size, self.stride, self.padding, *how)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPool1d):
    """The average of each window on images of shape (N, channels, height, width).

    Sizes are a number, or one for the height and one for the width; the stride is the kernel's size
    unless given. An input without N gives an output without N. Zeros of the padding count as
    entries, unless `count_include_pad` is False; with `divisor_override` the sum of a window is
    divided by that.

    >>> import numpy as np
    >>> from nn.layers.pooling import AvgPool2d
    >>> AvgPool2d(2)(np.zeros((32, 6, 28, 28))).shape
    (32, 6, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def slide(self, input: Any) -> Any:
        """The average of each window."""
        how = self.ceil_mode, self.count_include_pad, self.divisor_override
        return avg_pool2d(input, self.kernel_size, self.stride, self.padding, *how)
