"""Layers that normalise: over the batch, over groups of channels, or over each point's entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.habits import at_least, require

from .. import init
from ..functions import FunctionModule
from ..init import check_shapes, numbers, zeros
from . import normalisation
from .layer import Layer
from .resizing import along
from .windows import check_shape


class _Norm(Layer):
    """A layer with a weight and a bias for what it normalises, or without."""

    weight: Any

    def _scale(self, shape: tuple[int, ...], weight: bool, bias: bool) -> None:
        self._learn(weight=shape if weight else None, bias=shape if weight and bias else None)

    def reset_parameters(self) -> None:
        """Starts anew: a weight of ones and a bias of zeros."""
        for parameter, start in ((self.weight, 1), (self.bias, 0)):
            if parameter is not None:
                init.constant_(parameter, start)

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns no connections: the outputs of other units are scaled."""
        return 0, 0


class _BatchNorm(_Norm):
    """Brings each channel to mean 0 and variance 1 over the batch and all places, of shape (N, C),
    (N, C, L), (N, C, H, W) or (N, C, D, H, W); then times `weight` plus `bias`, which are learned.

    In training the mean and variance are those of the batch, later their averages over the batches
    of the training: `running_mean` and the unbiased `running_var`.

    Arguments:
        num_features: C.
        eps: added to the variance, so that nothing is divided by 0.
        momentum: fraction by which a batch moves the averages; None for plain averages over all.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are averages; if not, the batch's own are always used.

    >>> layer = BatchNorm1d(2, momentum=None)
    >>> for batch in ([[1.0, 0.0], [3.0, 4.0]], [[5.0, 0.0], [7.0, 0.0]]):
    ...     y = layer(batch)
    >>> layer.running_mean, layer.running_var
    (array([4., 1.]), array([2., 4.]))
    """

    _sizes, _named = "num_features", "eps momentum affine bias track_running_stats"

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, *, bias: bool = True,
    ) -> None:  # fmt: skip
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        mean, count = (zeros(num_features), np.array(0)) if track_running_stats else (None, None)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", mean)
        self.register_buffer("num_batches_tracked", count)
        self._scale((num_features,), affine, bias)

    def reset_parameters(self) -> None:
        """Starts anew: a weight of ones, a bias of zeros; averages 0 and 1 of no batches."""
        super().reset_parameters()
        if self.track_running_stats:
            self.running_mean = np.zeros_like(self.running_mean)
            self.running_var = np.ones_like(self.running_var)
            self.num_batches_tracked = np.zeros_like(self.num_batches_tracked)

    def forward(self, input: ArrayLike) -> Any:
        x, channels = numbers(input, getattr(self.weight, "dtype", None)), self.num_features
        places = ("", ", L"), (", H, W",), (", D, H, W",)
        shapes = [f"(N, {channels}{behind})" for behind in places[self.axes - 1]]
        fits = x.ndim - self.axes in ((1, 2) if self.axes == 1 else (2,)) and x.shape[1] == channels
        check_shapes(fits, f"an input of shape {' or '.join(shapes)}", x)
        tracking, momentum = self.training and self.track_running_stats, self.momentum
        if momentum is None:  # the n-th of n batches counts 1/n
            momentum = 1 / (int(self.num_batches_tracked) + 1) if tracking else 0.0
        of_batch = self.training or not self.track_running_stats
        how = self.weight, self.bias, of_batch, momentum, self.eps
        y = normalisation.batch_norm(x, self.running_mean, self.running_var, *how)
        if tracking:
            self.num_batches_tracked += 1
        return y


class _InstanceNorm(_BatchNorm):
    """Brings each channel of each example to mean 0 and variance 1: of sequences, (N, C, L), images
    or volumes, or without N. The arguments are those of `BatchNorm1d`; with momentum=None the
    averages stay as they are.

    >>> InstanceNorm1d(1)([[[1.0, 3.0]], [[10.0, 30.0]]]).round(3).ravel()
    array([-1.,  1., -1.,  1.])
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        check_shape(x, self.axes, self.num_features)
        alone = x.ndim == self.axes + 1
        of_input = self.training or not self.track_running_stats
        how: Any = self.weight, self.bias, of_input, self.momentum or 0.0, self.eps
        x = x[None] if alone else x
        y = normalisation.instance_norm(x, self.running_mean, self.running_var, *how)
        return y[0] if alone else y


# fmt: off
class BatchNorm1d(_BatchNorm, axes=1): ...
class BatchNorm2d(_BatchNorm, axes=2): ...
class BatchNorm3d(_BatchNorm, axes=3): ...
class InstanceNorm1d(_InstanceNorm, axes=1): ...
class InstanceNorm2d(_InstanceNorm, axes=2): ...
class InstanceNorm3d(_InstanceNorm, axes=3): ...
# fmt: on


class GroupNorm(_Norm):
    """Brings groups of channels to mean 0 and variance 1, in each example by itself.

    Arguments:
        num_groups: number of groups, by which the number of channels must be divisible.
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
        at_least(1, num_groups=num_groups)
        fits = num_channels % num_groups == 0
        require(fits, f"{num_channels} channels are not divisible by {num_groups} groups")
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._scale((num_channels,), affine, bias)

    def forward(self, input: ArrayLike) -> Any:
        return normalisation.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class LayerNorm(_Norm):
    """Brings the entries of each point to mean 0 and variance 1, in training and in use alike.

    Arguments:
        normalized_shape: shape of the last axes over which it is done.
        eps: added to the variance, so that nothing is divided by 0.
        elementwise_affine: whether a weight and a bias for each entry are learned.

    >>> LayerNorm(2)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    _sizes, _named = "normalized_shape", "eps elementwise_affine bias"

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True,
    ) -> None:  # fmt: skip
        self.normalized_shape, self.eps = normalisation.shape_of(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._scale(self.normalized_shape, elementwise_affine, bias)

    def forward(self, input: ArrayLike) -> Any:
        how = self.normalized_shape, self.weight, self.bias, self.eps
        return normalisation.layer_norm(input, *how)


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
        self.normalized_shape = normalisation.shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._scale(self.normalized_shape, elementwise_affine, False)

    def forward(self, input: ArrayLike) -> Any:
        return normalisation.rms_norm(input, self.normalized_shape, self.weight, self.eps)


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
    check_shapes(x.ndim >= 3, "an input of shape (N, C, ...)", x)
    at_least(1, size=size)
    channels = x.shape[1]
    near = np.tri(channels, channels, (size - 1) // 2, bool)
    near &= ~np.tri(channels, channels, -(size // 2) - 1, bool)
    return x / (along(np.square(x), 1, near) * (alpha / size) + k) ** beta


class LocalResponseNorm(Layer, FunctionModule, of=local_response_norm):
    """The layer of `local_response_norm`."""

    _sizes, _named = "size", "alpha beta k"
