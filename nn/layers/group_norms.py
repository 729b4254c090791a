"""Norms over groups of channels, over one channel at a time, by size alone, or over neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.operators import plain

from ..functions import FunctionModule
from ..init import numbers
from .layer import Layer
from .normalisation import _BatchNorm, _Norm, batch_norm, layer_norm, shape_of
from .resizing import along


def _of_channels(x: Any, y: Any, weight: Any, bias: Any) -> Any:
    """y in the shape of x, times a weight and plus a bias for each channel, which is axis 1."""
    shape = (-1, *[1] * (x.ndim - 2))
    y = y.reshape(x.shape) if weight is None else y.reshape(x.shape) * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def group_norm(
    input: ArrayLike, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Brings groups of channels (axis 1) to mean 0 and variance 1 in each example, as `GroupNorm`;
    then times `weight` plus `bias`, which have an entry for each channel.

    >>> group_norm([[1.0, 3.0, 0.0, 9.0]], num_groups=2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])
    """
    x = numbers(input)
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        expected = f"(N, C, ...) with C divisible by num_groups={num_groups}"
        raise ValueError(f"expected an input of shape {expected}, got {x.shape}")
    y = x.reshape(len(x), num_groups, x[:1].size // num_groups)
    return _of_channels(x, layer_norm(y, y.shape[2], eps=eps), weight, bias)


class GroupNorm(_Norm):
    """Brings groups of channels to mean 0 and variance 1, in each example by itself.

    Arguments:
        num_groups: number of groups, by which the number of channels must be divisible.
        num_channels: number of channels, of an input of shape (N, channels, ...).
        eps: added to the variance, so that nothing is divided by 0.
        affine: whether a weight and a bias for each channel are learned.

    >>> GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1., -1.,  1.]])
    """

    _sizes, _named = "num_groups num_channels", "eps affine bias"

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        *, bias: bool = True,
    ) -> None:  # fmt: skip
        if num_channels % num_groups:
            raise ValueError(f"{num_channels} channels are not divisible by {num_groups} groups")
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._learn((num_channels,), affine, bias)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def instance_norm(
    input: ArrayLike, running_mean: Array | None = None, running_var: Array | None = None,
    weight: Any = None, bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings each channel of each example to mean 0 and variance 1, as `InstanceNorm1d` does.

    Without `use_input_stats` it takes `running_mean` and `running_var`, towards which it otherwise
    moves them in place, if they are given.

    >>> instance_norm([[[1.0, 3.0], [0.0, 9.0]]], eps=0.0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    x = numbers(input)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    axes = tuple(range(2, x.ndim))
    count = x[:1, :1].size
    if count < 2 and len(x):
        raise ValueError(f"expected more than one entry per channel, got shape {x.shape}")
    if running_mean is not None and running_var is not None:
        mean, variance = np.mean(plain(x), axes), np.var(plain(x), axes, ddof=1)
        running_mean += momentum * (np.mean(mean, 0) - running_mean)
        running_var += momentum * (np.mean(variance, 0) - running_var)
    return group_norm(x, x.shape[1], weight, bias, eps)


class _InstanceNorm(_BatchNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        alone = x.ndim == self._axes[0] - 1
        x = x[None] if alone else x
        if x.ndim not in self._axes or x.shape[1] != self.num_features:
            expected = self._layout.replace("C", str(self.num_features))
            raise ValueError(f"expected an input of shape {expected}, got {np.shape(input)}")
        of_input = self.training or not self.track_running_stats
        how: Any = self.weight, self.bias, of_input, self.momentum or 0.0, self.eps
        y = instance_norm(x, self.running_mean, self.running_var, *how)
        return y[0] if alone else y


class InstanceNorm1d(_InstanceNorm):
    """Brings each channel of each sequence, (N, C, L) or (C, L), to mean 0 and variance 1.

    The arguments are those of `BatchNorm1d`, but without a weight and averages unless asked for;
    with momentum=None the averages stay as they are.

    >>> InstanceNorm1d(1)([[[1.0, 3.0]], [[10.0, 30.0]]]).round(3).ravel()
    array([-1.,  1., -1.,  1.])
    """

    _axes, _layout = (3,), "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images of shape (N, C, H, W) or (C, H, W).

    >>> InstanceNorm2d(3)(np.eye(4) + np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes, _layout = (4,), "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes of shape (N, C, D, H, W) or (C, D, H, W).

    >>> InstanceNorm3d(3)(np.eye(4) + np.zeros((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _axes, _layout = (5,), "(N, C, D, H, W) or (C, D, H, W)"


def rms_norm(
    input: ArrayLike, normalized_shape: Sequence[int], weight: ArrayLike | None = None,
    eps: float | None = None,
) -> Any:  # fmt: skip
    """Divides the last axes, of this shape, by the root of their mean square, as `RMSNorm` does;
    then times `weight`.

    >>> rms_norm([[3.0, -3.0]], (2,), eps=0.0)
    array([[ 1., -1.]])
    """
    x, shape = numbers(input), tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"rms_norm expects the last axes in shape {shape}, got {x.shape}")
    square = np.mean(np.square(x), tuple(range(-len(shape), 0)), keepdims=True)
    y = x / np.sqrt(square + (float(np.finfo(x.dtype).eps) if eps is None else eps))
    return y if weight is None else y * weight


class RMSNorm(_Norm):
    """Divides the entries of each point by the root of their mean square.

    Arguments:
        normalized_shape: shape of the last axes over which it is done.
        eps: added to the mean square; None for the spacing of numbers around 1.
        elementwise_affine: whether a weight for each entry is learned.

    >>> RMSNorm(2)([[3.0, 3.0], [-0.1, 0.1]]).numpy().round(3)
    array([[ 1.,  1.],
           [-1.,  1.]])
    """

    _sizes, _named = "normalized_shape", "eps elementwise_affine"

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:  # fmt: skip
        self.normalized_shape = shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._learn(self.normalized_shape, elementwise_affine, False)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)


def local_response_norm(
    input: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """Divides by (k + alpha · m)ᵝ, where m is the mean square of `size` channels around each one.

    >>> local_response_norm([[[3.0]], [[1.0]]], 1, alpha=1.0, beta=0.5, k=0.0).ravel()
    array([1., 1.])
    >>> LocalResponseNorm(1, alpha=1.0, beta=0.5, k=0.0)([[[3.0]]])
    array([[[1.]]])
    """
    x = numbers(input)
    if x.ndim < 3:
        raise ValueError(f"expected an input of shape (N, C, ...), got {x.shape}")
    if size < 1:
        raise ValueError(f"size must be 1 or more, got {size}")
    channels = x.shape[1]
    near = np.tri(channels, channels, (size - 1) // 2, bool)
    near &= ~np.tri(channels, channels, -(size // 2) - 1, bool)
    return x / (along(np.square(x), 1, near) * (alpha / size) + k) ** beta


class LocalResponseNorm(Layer, FunctionModule, of=local_response_norm):
    """The layer of `local_response_norm`."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    _sizes, _named = "size", "alpha beta k"
