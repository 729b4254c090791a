"""Activations brought to mean 0 and variance 1: over a batch, or within each point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.arrays import Array, ArrayLike
from microgradnd.chain_rule import wide
from microgradnd.operators import plain

from ..init import numbers, zeros
from ..module import Parameter
from .layer import Layer

Axes = tuple[int, ...]


# Arrays are normalised in the shape (a, b, c), for each b over a and c, whatever axes they have:
# (N, channels, places), or (1, points, entries). NumPy's loops are fast along few and long axes.
Shape = tuple[int, int, int]


def _sum(axis: str, *factors: Any) -> Any:
    """The sum of a product for each b, or each c, without an array of the products."""
    factors = tuple(map(wide, factors))
    if len(factors) == 1 and axis == "c":
        return np.sum(*factors, axis=(0, 1))
    if len(factors) == 2 and axis == "b" and factors[0].shape[2] > 16:
        return np.sum(np.vecdot(*factors), axis=0)
    return np.einsum(f"{','.join(['abc'] * len(factors))}->{axis}", *factors)


def _mean(*factors: Any) -> Any:
    a, _, c = factors[0].shape
    return (_sum("b", *factors) / (a * c)).astype(factors[0].dtype)[:, None]


def _standard(x: Any, shape: Shape, eps: float) -> tuple[Any, Any, Any]:
    mean = _mean(x.reshape(shape))
    y = x.reshape(shape) - mean
    variance = _mean(y, y)
    y /= np.sqrt(variance + eps)
    return y.reshape(x.shape), mean, variance


def _pulled_back(g: Any, kept: Any, x: Any, shape: Shape, eps: float) -> Any:
    # y = (x - μ) / σ, and μ and σ depend on x:  dL/dx = (g - mean(g) - y mean(g y)) / σ
    y, _, variance = kept
    g, y = g.reshape(shape), y.reshape(shape)
    dx = g - y * _mean(g, y)
    dx -= _mean(g)
    dx /= np.sqrt(variance + eps)
    return dx.reshape(x.shape)


_standardised = primitive(_standard, _pulled_back, name="standardise", keeps=True)


def _along(weight: Any, axis: str) -> Any:
    return weight.reshape(-1, 1) if axis == "b" else weight.reshape(-1)


def _product_and_sum(x: Any, weight: Any, bias: Any, shape: Shape, axis: str) -> Any:
    y = x.reshape(shape) * _along(weight, axis)
    if bias is not None:
        y += _along(bias, axis)
    return y.reshape(x.shape)


_scaled = primitive(
    _product_and_sum,
    lambda g, y, x, weight, bias, shape, axis: (g.reshape(shape) * _along(weight, axis)).reshape(
        x.shape
    ),
    lambda g, y, x, weight, bias, shape, axis: _sum(
        axis, g.reshape(shape), x.reshape(shape)
    ).reshape(weight.shape),
    lambda g, y, x, weight, bias, shape, axis: _sum(axis, g.reshape(shape)).reshape(bias.shape),
    name="scale_and_shift",
)


def batch_norm(
    input: ArrayLike, running_mean: Array | None, running_var: Array | None, weight: Any = None,
    bias: Any = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings each channel (axis 1) to mean 0 and variance 1, then times `weight` plus `bias`.

    In training it takes the mean and variance of the batch, towards which `running_mean` and
    `running_var` are moved in place, if they are given; otherwise it takes these. For the other
    arguments see `BatchNorm1d`.

    >>> batch_norm([[1.0, 5.0], [3.0, 5.0]], None, None, training=True, eps=0.01).round(3)
    array([[-0.995,  0.   ],
           [ 0.995,  0.   ]])
    """
    x = numbers(input)
    shape = (*x.shape[:2], math.prod(x.shape[2:]))
    if training:
        count = shape[0] * shape[2]
        if count < 2:
            required = "in training a batch needs more than one value per channel"
            raise ValueError(f"{required}, got shape {x.shape}")
        y = _standardised(x, shape, eps)
        if running_mean is not None and running_var is not None:
            recorded = isinstance(y, Tensor) and y.requires_grad
            _, mean, variance = y.arrays[0] if recorded else _standard(plain(x), shape, eps)
            unbiased = variance * (count / (count - 1))
            running_mean += momentum * (mean.ravel() - running_mean)
            running_var += momentum * (unbiased.ravel() - running_var)
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm needs running_mean and running_var, except in training")
    else:
        mean, variance = (
            np.reshape(each, (-1, *[1] * (x.ndim - 2))) for each in (running_mean, running_var)
        )
        y = (x - mean) / np.sqrt(variance + eps)
    return y if weight is None else _scaled(y, weight, bias, shape=shape, axis="b")


class _Norm(Layer):
    """A layer with a weight and a bias for what it normalises, or without."""

    def _learn(self, shape: Axes, weight: bool, bias: bool) -> None:
        self.weight = Parameter(zeros(*shape) + 1) if weight else None
        self.bias = Parameter(zeros(*shape)) if weight and bias else None

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns no connections: the outputs of other units are scaled."""
        return 0, 0


class _BatchNorm(_Norm):
    _axes: Axes  # how many axes the input may have
    _layout: str
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
        self._learn((num_features,), affine, bias)
        mean, count = zeros(num_features), np.array(0, np.int64)
        statistics = {"running_mean": mean, "running_var": mean + 1, "num_batches_tracked": count}
        for name, start in statistics.items():
            self.register_buffer(name, start if track_running_stats else None)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        if x.ndim not in self._axes or x.shape[1] != self.num_features:
            expected = self._layout.replace("C", str(self.num_features))
            raise ValueError(f"expected an input of shape {expected}, got {x.shape}")
        tracking, momentum = self.training and self.track_running_stats, self.momentum
        if momentum is None:  # the n-th of n batches counts 1/n
            momentum = 1 / (int(self.num_batches_tracked) + 1) if tracking else 0.0
        of_batch = self.training or not self.track_running_stats
        how = self.weight, self.bias, of_batch, momentum, self.eps
        y = batch_norm(x, self.running_mean, self.running_var, *how)
        if tracking:
            self.num_batches_tracked += 1
        return y


class BatchNorm1d(_BatchNorm):
    """Brings each feature to mean 0 and variance 1 over the batch: of shape (N, C) or (N, C, L).

    In training it takes the mean and the (biased) variance of the batch. When the network is used,
    point by point, it takes their averages over the batches of the training: `running_mean` and the
    unbiased `running_var`. Then `weight` and `bias` (γ and β), which are learned, set the mean and
    spread that serve best. The layer may stand before the activation or behind it.

    Arguments:
        num_features: C.
        eps: added to the variance, so that nothing is divided by 0.
        momentum: fraction by which a batch moves the averages; None for plain averages over all.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are averages; if not, the batch's own are always used.
        bias: whether there is a bias beside the weight.

    >>> layer = BatchNorm1d(2, momentum=None)
    >>> for batch in ([[1.0, 0.0], [3.0, 4.0]], [[5.0, 0.0], [7.0, 0.0]]):
    ...     y = layer(batch)
    >>> layer.running_mean, layer.running_var
    (array([4., 1.]), array([2., 4.]))
    """

    _axes, _layout = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images of shape (N, C, H, W): over the batch and all places of a channel.

    >>> BatchNorm2d(3)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes, _layout = (4,), "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes of shape (N, C, D, H, W): over the batch and all places.

    >>> BatchNorm3d(3)(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _axes, _layout = (5,), "(N, C, D, H, W)"


def layer_norm(
    input: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
    bias: ArrayLike | None = None, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings the last axes, of this shape, to mean 0 and variance 1, as `LayerNorm` does; then
    times `weight` plus `bias`, which have this shape also.

    >>> layer_norm([[1.0, 3.0]], 2, eps=0.0)
    array([[-1.,  1.]])
    """
    x, shape = numbers(input), shape_of(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm expects the last axes in shape {shape}, got {x.shape}")
    one_by_one = (1, math.prod(x.shape[: -len(shape)]), math.prod(shape))
    y = _standardised(x, one_by_one, eps)
    if weight is None:
        return y
    weight, bias = numbers(weight, x.dtype), bias if bias is None else numbers(bias, x.dtype)
    return _scaled(y, weight, bias, shape=one_by_one, axis="c")


class LayerNorm(_Norm):
    """Brings the entries of each point to mean 0 and variance 1, in training and in use alike.

    Arguments:
        normalized_shape: shape of the last axes over which it is done.
        eps: added to the variance, so that nothing is divided by 0.
        elementwise_affine: whether a weight and a bias for each entry are learned.
        bias: whether there is a bias beside the weight.

    >>> LayerNorm(2)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    _sizes, _named = "normalized_shape", "eps elementwise_affine bias"

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True,
    ) -> None:  # fmt: skip
        self.normalized_shape, self.eps = shape_of(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._learn(self.normalized_shape, elementwise_affine, bias)

    def forward(self, input: ArrayLike) -> Any:
        x = numbers(input, getattr(self.weight, "dtype", None))
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


def shape_of(normalized_shape: int | Sequence[int]) -> Axes:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
