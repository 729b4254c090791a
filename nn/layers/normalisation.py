"""Norms: over a batch, or within each example; each as a function and as a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import at_least, require

from .. import init
from ..functions import FunctionModule
from ..init import check_shapes, numbers, zeros
from ..module import Parameter
from .layer import Layer, Sizes, for_axes
from .resizing import along
from .standardise import given, normalise
from .windows import of_examples, spatial


class _Norm(Layer):
    """A layer with a weight and a bias for what it normalises, or without."""

    weight: Any
    _units = 0  # without connections, as the outputs of other units are scaled

    def _scale(self, shape: Sizes, weight: bool, bias: Any) -> None:
        self._learn(weight=shape if weight else None, bias=shape if weight and bias else None)

    def reset_parameters(self) -> None:
        """Starts anew: a weight of ones and a bias of zeros."""
        for parameter, start in ((self.weight, 1), (self.bias, 0)):
            if parameter is not None:
                init.constant_(parameter, start)


# ---- each channel over the batch, or in groups of channels in each example -----------------------


def _over_channels(x: Any, eps: float, groups: int | None = None) -> dict[str, Any]:
    n, channels, places = scaled = *x.shape[:2], math.prod(x.shape[2:])
    shape = (1, n * groups, channels // groups * places) if groups else scaled
    return {"shape": shape, "scaled": scaled, "eps": eps}


def batch_norm(
    input: ArrayLike, running_mean: Array | None, running_var: Array | None, weight: Any = None,
    bias: Any = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings each channel (axis 1) to mean 0 and variance 1, then times `weight` plus `bias`: in
    training those of the batch, towards which `running_mean` and `running_var` are moved in place,
    if they are given; otherwise these. For the other arguments see `BatchNorm1d`.

    >>> batch_norm([[1.0, 5.0], [3.0, 5.0]], None, None, training=True, eps=0.01).round(3)
    array([[-0.995,  0.   ],
           [ 0.995,  0.   ]])
    """
    x, w, b = given(input, weight, bias)
    running = running_mean, running_var
    if training:
        several = x.size > x.shape[1]
        check_shapes(several, "in training more than one value per channel", x)
        return normalise(x, w, b, _over_channels(x, eps), running, momentum)
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm needs running_mean and running_var, except in training")
    each = (-1, *[1] * (x.ndim - 2))  # of the channels
    w, b = (p if p is None else np.reshape(p, each) for p in (w, b))
    y = (x - np.reshape(running_mean, each)) / np.sqrt(np.reshape(running_var + eps, each))
    y = y if w is None else y * w
    return y if b is None else y + b


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
    x, w, b = given(input, weight, bias)
    running = running_mean, running_var
    if not use_input_stats:
        return batch_norm(x, *running, w, b, False, momentum, eps)
    several = math.prod(x.shape[2:]) > 1 or not len(x)
    check_shapes(several, "more than one entry per channel", x)
    return normalise(x, w, b, _over_channels(x, eps, x.shape[1]), running, momentum)


class _BatchNorm(_Norm):
    """Brings each channel to mean 0 and variance 1 over the batch and all places, of shape (N, C),
    (N, C, L), (N, C, H, W) or (N, C, D, H, W); then times `weight` plus `bias`, which are learned.

    In training the mean and variance are those of the batch, later their averages over the batches
    of the training: `running_mean` and the unbiased `running_var`.

    Arguments:
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
        start = zeros(num_features), zeros(num_features) + 1, np.array(0)
        names = "running_mean", "running_var", "num_batches_tracked"
        for name, array in zip(names, start, strict=True):
            self.register_buffer(name, array if track_running_stats else None)
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
        dimensions = (2, 3) if self.axes == 1 else (self.axes + 2,)
        if x.ndim not in dimensions or x.shape[1] != channels:
            places = (f") or (N, {channels}, L", ", H, W", ", D, H, W")[self.axes - 1]
            check_shapes(False, f"an input of shape (N, {channels}{places})", x)
        tracking, momentum = self.training and self.track_running_stats, self.momentum
        if momentum is None:  # the n-th of n batches counts 1/n
            momentum = 1 / (int(self.num_batches_tracked) + 1) if tracking else 0.0
        of_batch = self.training or not self.track_running_stats
        running, own = (self.running_mean, self.running_var), (self.weight, self.bias)
        y = batch_norm(x, *running, *own, of_batch, momentum, self.eps)
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
        dtype = getattr(self.weight, "dtype", None)
        x = spatial(input, self.axes, self.num_features, dtype)
        running, own = (self.running_mean, self.running_var), (self.weight, self.bias)
        how = self.training or not self.track_running_stats, self.momentum or 0.0, self.eps
        return of_examples(instance_norm, self.axes, x, *running, *own, *how)


BatchNorm1d, BatchNorm2d, BatchNorm3d = for_axes(_BatchNorm)
InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = for_axes(_InstanceNorm)


def group_norm(
    input: ArrayLike, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Brings `num_groups` groups of as many channels (axis 1) each to mean 0 and variance 1 in each
    example; then times `weight` plus `bias`, which have an entry for each channel. `eps` is added
    to the variance.

    >>> group_norm([[1.0, 3.0, 0.0, 9.0]], num_groups=2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])
    >>> GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1., -1.,  1.]])
    """
    x, w, b = given(input, weight, bias)
    fits = num_groups > 0 and x.shape[1] % num_groups == 0
    check_shapes(fits, f"an input (N, C, ...) with C divisible by num_groups={num_groups}", x)
    return normalise(x, w, b, _over_channels(x, eps, num_groups))


class GroupNorm(_Norm, FunctionModule, of=group_norm):
    """The layer of `group_norm`; if it is `affine`, the weight and the bias are learned."""

    num_groups: int
    num_channels: int
    eps: float = 1e-5
    affine: bool = True
    bias: Any = True
    weight: Parameter

    _sizes, _named = "num_groups num_channels", "eps affine bias"

    def __post_init__(self: Any) -> None:
        at_least(1, num_groups=self.num_groups)
        fits = self.num_channels % self.num_groups == 0
        require(fits, f"{self.num_channels} channels are not divisible by {self.num_groups} groups")
        self._scale((self.num_channels,), self.affine, self.bias)


# ---- the entries of each point, which are its last axes ------------------------------------------


def _shape_of(normalized_shape: int | Sequence[int]) -> Sizes:
    return tuple(np.ravel(normalized_shape).tolist())


def _of_points(input: Any, size: Any, weight: Any, bias: Any, eps: float | None, **how: Any) -> Any:
    size = _shape_of(size)
    x, w, b = given(input, weight, bias, size)
    if not size or x.shape[-len(size) :] != size:
        raise ValueError(f"expected the last axes in shape {size}, got {x.shape}")
    shape = 1, math.prod(x.shape[: -len(size)]), math.prod(size)
    how["eps"] = float(np.finfo(x.dtype).eps) if eps is None else eps
    return normalise(x, w, b, {"shape": shape, "scaled": shape, "axis": "c", **how})


def layer_norm(
    input: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
    bias: ArrayLike | None = None, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings the entries of each point, its last axes of shape `normalized_shape`, to mean 0 and
    variance 1; then times `weight` plus `bias`, of this shape. `eps` is added to the variance.

    >>> layer_norm([[1.0, 3.0]], 2, eps=0.0)
    array([[-1.,  1.]])
    >>> LayerNorm(2)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    return _of_points(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
    eps: float | None = None,
) -> Any:  # fmt: skip
    """Divides the entries of each point, its last axes, by the root of their mean square; then
    times `weight`. The arguments are those of `layer_norm`; `eps` is the spacing of numbers around
    1 unless it is given.

    >>> rms_norm([[3.0, -3.0]], (2,), eps=0.0)
    array([[ 1., -1.]])
    >>> RMSNorm(2)([[3.0, 3.0], [-0.1, 0.1]]).numpy().round(3)
    array([[ 1.,  1.],
           [-1.,  1.]])
    """
    return _of_points(input, normalized_shape, weight, None, eps, centred=False)


class _OfPoints(_Norm, FunctionModule):
    normalized_shape: int | Sequence[int]
    eps: float | None = None
    elementwise_affine: bool = True
    weight: Parameter

    _sizes, _named = "normalized_shape", "eps elementwise_affine"

    def __post_init__(self: Any) -> None:
        self.normalized_shape = _shape_of(self.normalized_shape)
        self._scale(self.normalized_shape, self.elementwise_affine, vars(self).get("bias"))


class LayerNorm(_OfPoints, of=layer_norm):
    """The layer of `layer_norm`; if `elementwise_affine`, the weight and the bias are learned."""

    eps: float = 1e-5
    bias: Any = True

    _named = "eps elementwise_affine bias"


class RMSNorm(_OfPoints, of=rms_norm):
    """The layer of `rms_norm`; if `elementwise_affine`, the weight is learned."""


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
