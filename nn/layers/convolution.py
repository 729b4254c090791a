"""Convolution in one, two and three dimensions, as one matrix product over all windows.

Convolution, and the two functions that are its rules, are three readings of the same sum of
products y · x · w over windows: each is linear in both of its arguments, and the rules of each are
the other two. So it has derivatives of every order.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike, in_short_buffers
from microgradnd.habits import check_choice, require

from ..init import check_shapes, numbers
from ..module import Parameter
from .layer import Layer, Size, for_axes, over_axes, sizes
from .padding import BORDERS, pad
from .windows import Windows, n_first, n_last, of_examples, padded_by, size_of, spatial, windows


def _columns(padded: Any, places: Any, groups: int) -> Any:
    """For each group a matrix: a row for each entry of its kernels, a column for each window."""
    views = [padded[place] for place in places]
    channels, *windows_and_examples = views[0].shape
    columns = np.empty_like(views[0], shape=(channels, len(views), *windows_and_examples))
    for entry, view in enumerate(views):
        columns[:, entry] = view
    rows = channels // groups * len(views)
    return columns.reshape(groups, rows, math.prod(windows_and_examples))


def _outputs_as_rows(y: Any, groups: int) -> Any:
    """For each group a matrix: a row for each of its outputs, a column for each window."""
    outputs = y.shape[1]
    return n_last(y).reshape(groups, outputs // groups, y.size // outputs)


def _kernels(w: Any, groups: int) -> Any:
    """For each group a matrix: a row for each of its outputs, a column for each input of those."""
    return w.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


@in_short_buffers
def _outputs(x: Any, w: Any, bias: Any = None, *, on: Windows, groups: int) -> Any:
    kernels, padded = _kernels(w, groups), on.padded(x)
    blocks = on.blocks(x.shape[0] * x.shape[1] * x.dtype.itemsize)
    parts = [kernels @ _columns(padded, places, groups) for _, places in blocks]
    y = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    return n_first(y.reshape(len(w), *on.count, len(x)))


@in_short_buffers
def _inputs(y: Any, w: Any, *, on: Windows, groups: int) -> Any:
    examples, channels, kernels = len(y), groups * w.shape[1], _kernels(w, groups).swapaxes(-1, -2)
    total = on.zeros(y, channels, examples)
    for rows, places in on.blocks(examples * channels * y.dtype.itemsize):
        columns = kernels @ _outputs_as_rows(y[:, :, rows], groups)
        columns = columns.reshape(channels, len(places), *y[:, :, rows].shape[2:], examples)
        for entry, place in enumerate(places):
            total[place] += columns[:, entry]
    return on.inside(total)


@in_short_buffers
def _weight_slopes(y: Any, x: Any, *, on: Windows, groups: int) -> Any:
    padded = on.padded(x)
    parts = (  # faster in this order
        _columns(padded, places, groups) @ _outputs_as_rows(y[:, :, rows], groups).swapaxes(-1, -2)
        for rows, places in on.blocks(x.shape[0] * x.shape[1] * x.dtype.itemsize)
    )
    w = functools.reduce(operator.add, parts)
    return w.swapaxes(-1, -2).reshape(y.shape[1], x.shape[1] // groups, *on.kernel)


_convolution = primitive(
    _outputs,
    lambda g, y, x, w, bias=None, **how: _to_inputs(g, w, **how),
    lambda g, y, x, w, bias=None, **how: _to_weights(g, x, **how),
    lambda g, y, x, w, bias, **how: np.sum(g, axis=(0, *range(2, g.ndim))),
    name="convolution",
)
_to_inputs: Any = primitive(
    _inputs,
    lambda h, x, y, w, **how: _convolution(h, w, **how),
    lambda h, x, y, w, **how: _to_weights(y, h, **how),
    name="convolution_to_inputs",
)
_to_weights: Any = primitive(
    _weight_slopes,
    lambda h, w, y, x, **how: _convolution(x, h, **how),
    lambda h, w, y, x, **how: _to_inputs(y, h, **how),
    name="convolution_to_weights",
)


def _fitting(axes: int, input: Any, weight: Any, bias: Any, groups: int, order: str) -> Any:
    """All three as arrays, or an error unless they fit; `order` is that of the weight's axes."""
    w, (rows, columns) = numbers(weight), order.split()
    shape = f"({rows}, {columns} / groups, *kernel) with {rows} divisible by groups"
    fits = w.ndim == axes + 2 and groups > 0 and len(w) % groups == 0
    require(fits, f"expected a weight of shape {shape}, got {w.shape} and groups={groups}")
    count = {rows: len(w), columns: w.shape[1] * groups}
    x = spatial(input, axes, count["inputs"], w.dtype)
    b = bias if bias is None else numbers(bias, w.dtype)
    if b is not None and b.dtype != w.dtype:
        w = w.astype(np.result_type(w.dtype, b.dtype))
    fits = b is None or b.shape == (count["outputs"],)
    check_shapes(fits, f"a bias of shape {(count['outputs'],)}", b)
    return x, w, b


def _conv(
    axes: int, input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None,
    stride: Size = 1, padding: Size | str = 0, dilation: Size = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """Slides kernels over an input: yₖ = Σᵢ wᵢ xₖ₊ᵢ.

    Arguments:
        input: sequences (N, channels, length), images (N, channels, height, width) or volumes, or
            a single one without N. Of images, sizes are one number, or one for each axis.
        weight: kernels, of shape (outputs, channels / groups, *sizes of the kernel).
        stride: the step from one window to the next.
        padding: number of zeros on either side; "same" for as many outputs as inputs, or "valid".
        dilation: the step from one entry of a window to the next.
        groups: number of groups of channels, each with outputs of its own.

    >>> conv1d([[1.0, 2.0, 4.0, 8.0]], [[[-1.0, 1.0]]])
    array([[1., 2., 4.]])
    >>> conv2d(np.zeros((32, 1, 28, 28)), np.ones((6, 1, 5, 5)), padding=2).shape
    (32, 6, 28, 28)
    """
    x, w, b = _fitting(axes, input, weight, bias, groups, "outputs inputs")
    on = windows(x.shape[-axes:], w.shape[2:], stride, padding, dilation)
    return of_examples(_convolution, axes, x, w, b, on=on, groups=groups)


conv1d, conv2d, conv3d = over_axes(_conv)


class _Conv(Layer):
    """Kernels that slide over sequences, (N, in_channels, length) → (N, out_channels, windows),
    images, (N, in_channels, height, width) → (N, out_channels, rows, columns), or volumes.

    Arguments:
        kernel_size, stride, padding, dilation, groups: as in `conv1d`.
        padding_mode: what the border is filled with: "zeros", "reflect", "replicate" or "circular".

    >>> Conv1d(3, 8, kernel_size=5, padding="same")(np.zeros((32, 3, 100))).shape
    (32, 8, 100)
    >>> Conv2d(1, 6, kernel_size=5, padding=2)(np.zeros((32, 1, 28, 28))).shape
    (32, 6, 28, 28)
    """

    weight: Parameter

    _sizes, _named = "in_channels out_channels", "kernel_size stride"
    _usual = "padding=0 dilation=1 groups=1 bias=True padding_mode=zeros"

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size | str = 0, dilation: Size = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        channels = f"in_channels={in_channels} and out_channels={out_channels}"
        fits = groups > 0 and in_channels % groups == out_channels % groups == 0
        require(fits, f"{channels} must be divisible by groups={groups}")
        check_choice("padding_mode", padding_mode, "zeros", *BORDERS)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(kernel_size, self.axes, "kernel_size")
        self.stride = sizes(stride, self.axes, "stride")
        self.dilation = sizes(dilation, self.axes, "dilation")
        around = padded_by(padding, self.kernel_size, self.stride, self.dilation)
        self._sides = [n for both in reversed(around) for n in both]  # in the order of `pad`
        before = tuple(before for before, _ in around)
        self.padding = padding if isinstance(padding, str) else before
        self.padding_mode = padding_mode
        kernels = out_channels, in_channels // groups, *self.kernel_size
        self._inputs = math.prod(kernels[1:])
        self._learn(weight=kernels, bias=(out_channels,) if bias else None)

    def forward(self, input: ArrayLike) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros":
            x = spatial(input, self.axes, self.in_channels, self.weight.dtype)
            input, padding = pad(x, self._sides, self.padding_mode), (0,) * self.axes
        how = self.stride, padding, self.dilation, self.groups
        return _conv(self.axes, input, self.weight, self.bias, *how)


def _conv_transpose(
    axes: int, input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None,
    stride: Size = 1, padding: Size = 0, output_padding: Size = 0, groups: int = 1,
    dilation: Size = 1,
) -> Any:  # fmt: skip
    """Adds up kernels, one for each entry: what a convolution does to gradients.

    Arguments:
        input: of shape (N, inputs, length) or (N, inputs, height, width), or without N.
        weight: kernels, of shape (inputs, outputs / groups, *sizes of the kernel).
        stride, padding, dilation, groups: as in the convolution; so `padding` makes it smaller.
        output_padding: how much longer the output is, at its end; less than the stride.

    >>> conv_transpose1d([[1.0, 0.0, 2.0]], [[[1.0, 3.0]]], stride=2)
    array([[1., 3., 0., 0., 2., 6.]])
    >>> conv_transpose2d(np.zeros((32, 8, 7, 7)), np.ones((8, 1, 4, 4)), stride=2, padding=1).shape
    (32, 1, 14, 14)
    """
    x, w, b = _fitting(axes, input, weight, bias, groups, "inputs outputs")
    how = w.shape[2:], stride, padding, dilation
    more = sizes(output_padding, axes, "output_padding", least=0)
    fits = all(n < s for n, s in zip(more, sizes(stride, axes, "stride"), strict=True))
    require(fits, f"output_padding={output_padding} must be less than stride={stride}")
    least = size_of(x.shape[-axes:], *how)
    size = tuple(n + m for n, m in zip(least, more, strict=True))
    require(min(size) > 0, f"padding={padding} leaves nothing of an output of size {size}")
    on = windows(size, *how)
    y = of_examples(_to_inputs, axes, x, w, on=on, groups=groups)
    return y if b is None else y + b.reshape(-1, *[1] * axes)


conv_transpose1d, conv_transpose2d, conv_transpose3d = over_axes(_conv_transpose)


class _ConvTranspose(_Conv):
    """Makes sequences longer, (N, in_channels, length) → (N, out_channels, longer), and images or
    volumes larger. The arguments are those of `Conv1d` and `conv_transpose1d`.

    >>> ConvTranspose1d(8, 3, kernel_size=4, stride=2, padding=1)(np.zeros((32, 8, 50))).shape
    (32, 3, 100)
    >>> ConvTranspose2d(8, 3, kernel_size=4, stride=2, padding=1)(np.zeros((32, 8, 7, 7))).shape
    (32, 3, 14, 14)
    """

    _usual = "padding=0 dilation=1 output_padding=0 groups=1 bias=True padding_mode=zeros"

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size = 0, output_padding: Size = 0, groups: int = 1, bias: bool = True,
        dilation: Size = 1, padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        require(padding_mode == "zeros", f"padding_mode must be 'zeros', got {padding_mode!r}")
        how = kernel_size, stride, padding, dilation, groups
        super().__init__(out_channels, in_channels, *how, bias=False)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.output_padding = sizes(output_padding, self.axes, "output_padding", least=0)
        self._learn(bias=(out_channels,) if bias else None)

    def forward(self, input: ArrayLike, output_size: Sequence[int] | None = None) -> Any:
        more = self.output_padding
        if output_size is not None:  # instead of output_padding
            count, wanted = np.shape(input)[-self.axes :], tuple(output_size[-self.axes :])
            least = size_of(count, self.kernel_size, self.stride, self.padding, self.dilation)
            more = tuple(m - n for m, n in zip(wanted, least, strict=True))
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            fits = all(n <= m <= end for n, m, end in zip(least, wanted, most, strict=True))
            require(fits, f"output_size must be from {least} to {most}, got {wanted}")
        how: Any = self.stride, self.padding, more, self.groups, self.dilation
        return _conv_transpose(self.axes, input, self.weight, self.bias, *how)


Conv1d, Conv2d, Conv3d = for_axes(_Conv)
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = for_axes(_ConvTranspose)
