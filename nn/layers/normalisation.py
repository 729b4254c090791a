"""Activations brought to mean 0 and variance 1: over a batch, or within each example."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.arrays import Array, ArrayLike, reduce
from microgradnd.chain_rule import wide
from microgradnd.operators import plain

from ..init import check_shapes, numbers

Axes = tuple[int, ...]


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


# What is normalised, whatever axes x has: in the shape (a, b, c), each b over a and c. Weight and
# bias lie along `axis`, b or c, of a second shape, `scaled`. NumPy is fast along few and long axes.


def _along(parameter: Any, axis: str) -> Any:
    return parameter.reshape(-1, 1) if axis == "b" else parameter.reshape(-1)


def _standard(
    x: Any, weight: Any = None, bias: Any = None, *, shape: Axes, scaled: Axes, eps: float,
    axis: str = "b", centred: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """The output; then ŷ, which has mean 0 and variance 1, 1 / σ, the mean, the variance."""
    mean = _mean(x.reshape(shape)) if centred else 0
    y = x.reshape(shape) - mean
    variance = _mean(y, y)
    scale = 1 / np.sqrt(variance + eps)
    y *= scale
    y = output = y.reshape(x.shape)
    if weight is not None or bias is not None:
        output = y.reshape(scaled) * (1 if weight is None else _along(weight, axis))
    if bias is not None:
        output += _along(bias, axis)
    return output.reshape(x.shape), y, scale, mean, variance


def _to_x(
    g: Any, kept: Any, x: Any, weight: Any = None, bias: Any = None, *, shape: Axes, scaled: Axes,
    eps: float, axis: str = "b", centred: bool = True,
) -> Any:  # fmt: skip
    # ŷ = (x - μ) / σ, and μ and σ depend on x:  dL/dx = (g - mean(g) - ŷ mean(g ŷ)) / σ
    _, y, scale, *_ = kept
    if weight is not None and axis == "b" and scaled == shape:
        scale = scale * _along(weight, axis)  # for each b one factor, of the means also
    elif weight is not None:
        g = g.reshape(scaled) * _along(weight, axis)
    g, y = g.reshape(shape), y.reshape(shape)
    dx = y * -_mean(g, y)
    dx += g
    if centred:
        dx -= _mean(g)
    dx *= scale
    return dx.reshape(x.shape)


def _to_parameter(parameter: Any, *factors: Any, scaled: Axes, axis: str = "b", **how: Any) -> Any:
    return _sum(axis, *(x.reshape(scaled) for x in factors)).reshape(parameter.shape)


_normalised, _not_centred = (
    primitive(
        _standard,
        _to_x,
        lambda g, kept, x, weight, bias=None, **over: _to_parameter(weight, g, kept[1], **over),
        lambda g, kept, x, weight, bias, **over: _to_parameter(bias, g, **over),
        name=name,
        keeps=True,
    )
    for name in ("standardise", "rms_norm")
)


def _given(x: Any, weight: Any, bias: Any, shape: Axes | None = None) -> list[Any]:
    """All in one dtype; weight and bias have this shape, or an entry for each channel."""
    x = numbers(x, None if weight is None else numbers(weight).dtype)
    if shape is None:
        check_shapes(x.ndim >= 2, "an input of shape (N, C, ...)", x)
        shape = x.shape[1:2]
    learned = [p if p is None else numbers(p, x.dtype) for p in (weight, bias)]
    for name, p in zip(("weight", "bias"), learned, strict=True):
        check_shapes(p is None or p.shape == shape, f"a {name} of shape {shape}", p)
        if p is not None and p.dtype != x.dtype:
            x = x.astype(np.result_type(x.dtype, p.dtype), copy=False)
    return [x, *learned]


def _normalise(
    x: Any, weight: Any, bias: Any, momentum: float = 0, mean: Any = None, variance: Any = None,
    **over: Any,
) -> Any:  # fmt: skip
    """The output; running statistics, if they are given, are moved towards those of x."""
    y = (_normalised if over.get("centred", True) else _not_centred)(x, weight, bias, **over)
    if mean is not None and variance is not None:
        recorded = isinstance(y, Tensor) and y.requires_grad
        *_, new_mean, new_variance = y.arrays[0] if recorded else _standard(plain(x), **over)
        count = over["shape"][0] * over["shape"][2]
        unbiased = new_variance * (count / (count - 1))
        for running, new in ((mean, new_mean), (variance, unbiased)):
            each = new.reshape(-1, len(running))  # of the channels of each example, or of all
            running += momentum * (reduce(np.add, each, axis=0) / len(each) - running)
    return y


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
    x, weight, bias = _given(input, weight, bias)
    if training:
        shape = (*x.shape[:2], math.prod(x.shape[2:]))
        several = shape[0] * shape[2] > 1
        check_shapes(several, "in training more than one value per channel", x)
        how = momentum, running_mean, running_var
        return _normalise(x, weight, bias, *how, shape=shape, scaled=shape, eps=eps)
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm needs running_mean and running_var, except in training")
    each = (-1, *[1] * (x.ndim - 2))  # of the channels
    y = (x - np.reshape(running_mean, each)) / np.sqrt(np.reshape(running_var + eps, each))
    y = y if weight is None else y * np.reshape(weight, each)
    return y if bias is None else y + np.reshape(bias, each)


def group_norm(
    input: ArrayLike, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Brings groups of channels (axis 1) to mean 0 and variance 1 in each example, as `GroupNorm`;
    then times `weight` plus `bias`, which have an entry for each channel.

    >>> group_norm([[1.0, 3.0, 0.0, 9.0]], num_groups=2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])
    """
    x, weight, bias = _given(input, weight, bias)
    fits = num_groups > 0 and x.shape[1] % num_groups == 0
    check_shapes(fits, f"an input (N, C, ...) with C divisible by num_groups={num_groups}", x)
    return _normalise(x, weight, bias, **_in_groups(x, num_groups), eps=eps)


def _in_groups(x: Any, groups: int) -> dict[str, Any]:
    n, channels, places = scaled = *x.shape[:2], math.prod(x.shape[2:])
    return {"shape": (1, n * groups, channels // groups * places), "scaled": scaled}


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
    x, weight, bias = _given(input, weight, bias)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    several = math.prod(x.shape[2:]) > 1 or not len(x)
    check_shapes(several, "more than one entry per channel", x)
    how = momentum, running_mean, running_var
    return _normalise(x, weight, bias, *how, **_in_groups(x, x.shape[1]), eps=eps)


def layer_norm(
    input: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
    bias: ArrayLike | None = None, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Brings the last axes, of this shape, to mean 0 and variance 1, as `LayerNorm` does; then
    times `weight` plus `bias`, which have this shape also.

    >>> layer_norm([[1.0, 3.0]], 2, eps=0.0)
    array([[-1.,  1.]])
    """
    x, weight, bias = _given(input, weight, bias, shape_of(normalized_shape))
    return _normalise(x, weight, bias, **_last_axes(x, normalized_shape), eps=eps)


def rms_norm(
    input: ArrayLike, normalized_shape: int | Sequence[int], weight: ArrayLike | None = None,
    eps: float | None = None,
) -> Any:  # fmt: skip
    """Divides the last axes, of this shape, by the root of their mean square, as `RMSNorm` does;
    then times `weight`.

    >>> rms_norm([[3.0, -3.0]], (2,), eps=0.0)
    array([[ 1., -1.]])
    """
    x, weight, _ = _given(input, weight, None, shape_of(normalized_shape))
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    over = _last_axes(x, normalized_shape)
    return _normalise(x, weight, None, **over, eps=eps, centred=False)


def shape_of(normalized_shape: int | Sequence[int]) -> Axes:
    return tuple(np.ravel(normalized_shape).tolist())


def _last_axes(x: Any, size: Any) -> dict[str, Any]:
    size = shape_of(size)
    check_shapes(size and x.shape[-len(size) :] == size, f"the last axes in shape {size}", x)
    shape = 1, math.prod(x.shape[: -len(size)]), math.prod(size)
    return {"shape": shape, "scaled": shape, "axis": "c"}
