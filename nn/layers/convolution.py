"""Convolution in one and two dimensions, as one matrix product over all on.

Convolution, and the two functions that are its rules, are three readings of the same sum of
products y · x · w over windows: each is linear in both of its arguments, and the rules of each are
the other two. So it has derivatives of every order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd import primitive

from .. import init
from ..init import numbers, zeros
from ..module import Parameter
from .windows import (
    Sizes,
    Sliding,
    Windows,
    check_shape,
    examples_first,
    examples_last,
    sizes,
    windows,
)

# ---- the three functions -------------------------------------------------------------------------


def _columns(x: Any, on: Windows, groups: int) -> Any:
    """For each group a matrix: a row for each entry of its kernels, a column for each window."""
    views = on.views(x)
    channels, *windows_and_examples = views[0].shape
    columns = np.empty_like(views[0], shape=(channels, len(views), *windows_and_examples))
    for entry, view in enumerate(views):
        columns[:, entry] = view
    rows = channels // groups * len(views)
    return columns.reshape(groups, rows, math.prod(windows_and_examples))


def _rows(y: Any, groups: int) -> Any:
    """For each group a matrix: a row for each of its outputs, a column for each window."""
    outputs = y.shape[1]
    rows = outputs // groups
    return examples_last(y).reshape(groups, rows, y.size // outputs)


def _kernels(w: Any, groups: int) -> Any:
    """For each group a matrix: a row for each of its outputs, a column for each input of those."""
    return w.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


def _outputs(x: Any, w: Any, bias: Any = None, *, on: Windows, groups: int) -> Any:
    y = _kernels(w, groups) @ _columns(x, on, groups)
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    return examples_first(y.reshape(len(w), *on.count, len(x)))


def _inputs(y: Any, w: Any, *, on: Windows, groups: int) -> Any:
    columns = _kernels(w, groups).swapaxes(-1, -2) @ _rows(y, groups)
    shape = (groups * w.shape[1], on.entries, *on.count, len(y))
    return on.add_up(columns.reshape(shape).swapaxes(0, 1))


def _weights(y: Any, x: Any, *, on: Windows, groups: int) -> Any:
    w = _rows(y, groups) @ _columns(x, on, groups).swapaxes(-1, -2)
    return w.reshape(y.shape[1], x.shape[1] // groups, *on.kernel)


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
    _weights,
    lambda h, w, y, x, **how: _convolution(x, h, **how),
    lambda h, w, y, x, **how: _to_inputs(y, h, **how),
    name="convolution_to_weights",
)


# ---- as functions --------------------------------------------------------------------------------


def _convolve(
    x: Any,
    axes: int,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    weight = numbers(weight)
    x = numbers(x, weight.dtype)
    bias = bias if bias is None else numbers(bias, weight.dtype)
    if weight.ndim != axes + 2 or groups < 1 or len(weight) % groups:
        raise ValueError(
            "expected a weight of shape (outputs, inputs / groups, *kernel) with outputs divisible "
            f"by groups, found {weight.shape} and groups={groups}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"expected a bias of shape {weight.shape[:1]}, found {bias.shape}")
    check_shape(x, axes, channels=weight.shape[1] * groups)
    kernel = weight.shape[2:]
    stride, dilation = sizes(stride, axes, "stride"), sizes(dilation, axes, "dilation")
    around = _padding(padding, kernel, stride, dilation)
    on = windows(x.shape[-axes:], kernel, stride, around, dilation)
    if x.ndim == axes + 1:  # one example, without an axis that numbers it
        return _convolution(x[None], weight, bias, on=on, groups=groups)[0]
    return _convolution(x, weight, bias, on=on, groups=groups)


def _padding(
    padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> tuple[tuple[int, int], ...]:
    """How many zeros before and behind the input, on each spatial axis."""
    if not isinstance(padding, str):
        return tuple((n, n) for n in sizes(padding, len(kernel), "padding", least=0))
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise ValueError(f"padding is a number, 'same' or 'valid', not {padding!r}")
    if set(stride) != {1}:
        raise ValueError(f"padding='same' is for stride 1, not {stride}")
    missing = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple((n // 2, n - n // 2) for n in missing)


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Slide kernels over sequences: (N, channels, length) → (N, outputs, windows).

    `weight` has shape (outputs, channels / groups, kernel). As everywhere in deep learning, the
    kernel is not turned round: yₖ = Σᵢ wᵢ xₖ₊ᵢ. An input without N gives an output without N.

    >>> from nn.layers.convolution import conv1d
    >>> conv1d([[1.0, 2.0, 4.0, 8.0]], [[[-1.0, 1.0]]])
    array([[1., 2., 4.]])
    """
    return _convolve(input, 1, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Slide kernels over images: (N, channels, height, width) → (N, outputs, rows, columns).

    `weight` has shape (outputs, channels / groups, kernel height, kernel width). Stride, padding
    and dilation are a number, or one for the height and one for the width; padding="same" gives
    outputs as large as the inputs. An input without N gives an output without N.

    >>> import numpy as np
    >>> from nn.layers.convolution import conv2d
    >>> conv2d(np.arange(9.0).reshape(1, 3, 3), np.ones((1, 1, 2, 2)))
    array([[[ 8., 12.],
            [20., 24.]]])
    """
    return _convolve(input, 2, weight, bias, stride, padding, dilation, groups)


# ---- as layers -----------------------------------------------------------------------------------

# What torch calls the ways to fill in the border, and what NumPy calls them.
_BORDERS: dict[str, Any] = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


class _Conv(Sliding):
    """What Conv1d and Conv2d have in common: all but the number of spatial axes."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"in_channels={in_channels} and out_channels={out_channels} must be divisible by "
                f"groups={groups}"
            )
        if padding_mode not in _BORDERS:
            raise ValueError(f"padding_mode is one of {', '.join(_BORDERS)}, not {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(kernel_size, self.axes, "kernel_size")
        self.stride = sizes(stride, self.axes, "stride")
        self.dilation = sizes(dilation, self.axes, "dilation")
        self.padding = (
            padding if isinstance(padding, str) else sizes(padding, self.axes, "padding", 0)
        )
        self._border = _padding(self.padding, self.kernel_size, self.stride, self.dilation)
        self.padding_mode = padding_mode
        self.weight = Parameter(zeros(out_channels, in_channels // groups, *self.kernel_size))
        self.bias = Parameter(zeros(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start anew: uniform between ±1/√(entries of a kernel over all its channels)."""
        entries = math.prod(self.weight.shape[1:])
        bound = 1 / math.sqrt(entries) if entries else 0
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def slide(self, input: Any) -> Any:
        """The kernels, slid over the input."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = numbers(input, self.weight.dtype), 0
            check_shape(input, self.axes, self.in_channels)
            around = ((0, 0),) * (input.ndim - self.axes) + self._border
            input = np.pad(input, around, _BORDERS[self.padding_mode])
        geometry = self.stride, padding, self.dilation, self.groups
        return _convolve(input, self.axes, self.weight, self.bias, *geometry)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the usual ones."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        usual = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "groups": 1}
        for name, value in (usual | {"padding_mode": "zeros"}).items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text + (", bias=False" if self.bias is None else "")


class Conv1d(_Conv):
    """Kernels that slide over sequences: (N, in_channels, length) → (N, out_channels, windows).

    `weight` has shape (out_channels, in_channels / groups, kernel_size). `padding` is a number of
    zeros on either side, "same" or "valid"; `padding_mode` fills in something else than zeros:
    "reflect", "replicate" or "circular".

    >>> import numpy as np
    >>> from nn.layers.convolution import Conv1d
    >>> layer = Conv1d(3, 8, kernel_size=5, padding="same")
    >>> layer(np.zeros((32, 3, 100))).shape
    (32, 8, 100)
    """

    axes = 1


class Conv2d(_Conv):
    """Kernels that slide over images: (N, in_channels, height, width) → (N, out_channels, …).

    `weight` has shape (out_channels, in_channels / groups, *kernel_size). Sizes are a number, or
    one for the height and one for the width; `padding` may be "same" or "valid", and
    `padding_mode` fills in something else than zeros: "reflect", "replicate" or "circular".

    >>> import numpy as np
    >>> from nn.layers.convolution import Conv2d
    >>> layer = Conv2d(1, 6, kernel_size=5, padding=2)
    >>> layer(np.zeros((32, 1, 28, 28))).shape
    (32, 6, 28, 28)
    """

    axes = 2
