"""Activations brought to mean 0 and variance 1: over a batch, or within each point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive

from ..init import numbers, zeros
from ..module import Module, Parameter


def _moments(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    mean = np.mean(x, axes, keepdims=True)
    return mean, np.mean(np.square(x - mean), axes, keepdims=True)


def _deviation(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    return np.sqrt(_moments(x, axes)[1] + eps)


def _standard(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    mean, variance = _moments(x, axes)
    return (x - mean) / np.sqrt(variance + eps)


def _pulled_back(g: Any, y: Any, x: Any, axes: tuple[int, ...], eps: float) -> Any:
    # y = (x - μ) / σ, and μ and σ depend on x:  dL/dx = (g - mean(g) - y mean(g y)) / σ
    mean_g, mean_gy = np.mean(g, axes, keepdims=True), np.mean(g * y, axes, keepdims=True)
    return (g - mean_g - y * mean_gy) / _deviation(x, axes, eps)


_standardised = primitive(_standard, _pulled_back, name="standardise")


def _product_and_sum(x: Any, weight: Any, bias: Any) -> Any:
    y = x * weight
    if bias is not None:
        y += bias
    return y


_scaled = primitive(
    _product_and_sum,
    lambda g, y, x, weight, bias: g * weight,
    lambda g, y, x, weight, bias: g * x,
    lambda g, y, x, weight, bias: g,
    name="scale_and_shift",
)


def _plain(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


# ---- over a batch --------------------------------------------------------------------------------


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel (axis 1) with mean 0 and variance 1, then times `weight` plus `bias`.

    In training by the mean and variance of the batch, towards which the running ones, if there are
    any, are moved in place by the fraction `momentum`; else by the running ones.

    >>> import numpy as np
    >>> from nn.layers.normalisation import batch_norm
    >>> batch_norm([[1.0, 5.0], [3.0, 5.0]], None, None, training=True, eps=0.01).round(3)
    array([[-0.995,  0.   ],
           [ 0.995,  0.   ]])
    """
    x = numbers(input)
    axes = (0, *range(2, x.ndim))
    shape = (-1, *[1] * (x.ndim - 2))  # of what there is once per channel

    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm needs running_mean and running_var, except in training")
        mean, variance = np.reshape(running_mean, shape), np.reshape(running_var, shape)
        y = (x - mean) / np.sqrt(variance + eps)
    else:
        count = math.prod(x.shape[axis] for axis in axes)
        if count < 2:
            raise ValueError(
                f"in training a batch needs more than one value per channel, found shape {x.shape}"
            )
        if running_mean is not None:
            mean, variance = _moments(_plain(x), axes)
            unbiased = variance.ravel() * (count / (count - 1))
            running_mean += momentum * (mean.ravel() - running_mean)
            running_var += momentum * (unbiased - running_var)
        y = _standardised(x, axes, eps)

    if weight is None:
        return y
    return _scaled(y, weight.reshape(shape), bias if bias is None else bias.reshape(shape))


class _BatchNorm(Module):
    _axes: tuple[int, ...]  # how many axes the input may have
    _layout: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(zeros(num_features) + 1) if affine else None
        self.bias = Parameter(zeros(num_features)) if affine and bias else None
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features) if tracked else None)
        self.register_buffer("running_var", zeros(num_features) + 1 if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0, np.int64) if tracked else None)

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def forward(self, x: Any) -> Any:
        x = numbers(x, zeros().dtype if self.weight is None else self.weight.dtype)
        if x.ndim not in self._axes or x.shape[1] != self.num_features:
            expected = self._layout.replace("C", str(self.num_features))
            raise ValueError(f"{self._where()} takes shape {expected}, found {x.shape}")
        batch_statistics = self.training or not self.track_running_stats
        tracking = self.training and self.track_running_stats
        momentum = self.momentum
        if momentum is None:  # the n-th of n batches counts 1/n
            momentum = 1 / (int(self.num_batches_tracked) + 1) if tracking else 0.0
        statistics, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
        try:
            y = batch_norm(x, *statistics, *affine, batch_statistics, momentum, self.eps)
        except ValueError as error:
            raise ValueError(f"{self._where()}: {error}") from None
        if tracking:
            self.num_batches_tracked += 1
        return y

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns no connections: the outputs of other units are scaled."""
        return 0, 0

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Each feature with mean 0 and variance 1 over the batch: of shape (N, C) or (N, C, L).

    In training by the mean and the (biased) variance of the batch at hand. When the network is
    used, point by point, by their averages over the batches of the training: `running_mean` and the
    unbiased `running_var`. Each batch moves these by the fraction `momentum`; with `momentum=None`
    they are the plain averages over all batches so far, each counting the same. Then `weight` and
    `bias` (γ and β), which are learnt, give the mean and spread that serve best. The layer may
    stand before the activation or behind it.

    >>> import numpy as np
    >>> from nn.layers.normalisation import BatchNorm1d
    >>> layer = BatchNorm1d(2, momentum=None)
    >>> for batch in ([[1.0, 0.0], [3.0, 4.0]], [[5.0, 0.0], [7.0, 0.0]]):
    ...     y = layer(batch)
    >>> layer.running_mean, layer.running_var
    (array([4., 1.]), array([2., 4.]))
    """

    _axes, _layout = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images of shape (N, C, H, W): over the batch and all places of a channel.

    >>> import numpy as np
    >>> from nn.layers.normalisation import BatchNorm2d
    >>> BatchNorm2d(3)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes, _layout = (4,), "(N, C, H, W)"


# ---- within each point ---------------------------------------------------------------------------


def layer_norm(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """The last axes, of this shape, with mean 0 and variance 1, then times `weight` plus `bias`.

    >>> from nn.layers.normalisation import layer_norm
    >>> layer_norm([[1.0, 3.0], [10.0, 30.0]], 2).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x, shape = numbers(input), _shape(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm over the last axes, of shape {shape}, found shape {x.shape}")
    axes = tuple(range(-len(shape), 0))
    y = _standardised(x, axes, eps)
    return y if weight is None else _scaled(y, weight, bias)


class LayerNorm(Module):
    """The entries of each point with mean 0 and variance 1, in training and in use alike.

    `normalized_shape` is the shape of the last axes over which it is done. Then `weight` and
    `bias`, one for each entry and learnt, give the mean and spread that serve best.

    >>> from nn.layers.normalisation import LayerNorm
    >>> LayerNorm(2)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.weight = Parameter(zeros(*shape) + 1) if elementwise_affine else None
        self.bias = Parameter(zeros(*shape)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        x = numbers(x, zeros().dtype if self.weight is None else self.weight.dtype)
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            expected = ", ".join(["...", *map(str, shape)])
            raise ValueError(f"{self._where()} takes shape ({expected}), found {x.shape}")
        return layer_norm(x, shape, self.weight, self.bias, self.eps)

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns no connections: the outputs of other units are scaled."""
        return 0, 0

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        return (normalized_shape,)
    return tuple(normalized_shape)
