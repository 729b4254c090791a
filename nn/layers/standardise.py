"""What all norms compute: entries brought to mean 0 and variance 1, as one operation.

What is normalised is, whatever axes x has, in a shape (a, b, c): each b over a and c. Weight and
bias lie along `axis`, b or c, of a second shape, `scaled`. NumPy is fast along few and long axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor, primitive
from microgradnd.arrays import dots_of_rows, in_short_buffers, reduce
from microgradnd.chain_rule import wide
from microgradnd.operators import plain

from ..init import check_shapes, numbers
from .layer import Sizes


def _sum_of_product(axis: str, *factors: Any) -> Any:
    """The sum of a product for each b, or each c, without an array of the products."""
    factors = tuple(map(wide, factors))
    if len(factors) == 1 and axis == "c":
        return np.sum(*factors, axis=(0, 1))
    if len(factors) == 2 and axis == "b":
        if len(factors[0]) > 1 and all(map(_a_is_innermost, factors)):
            return dots_of_rows(*(x.transpose(1, 2, 0).reshape(x.shape[1], -1) for x in factors))
        if factors[0].shape[2] > 16:
            return np.sum(dots_of_rows(*factors), axis=0)
    return np.einsum(f"{','.join(['abc'] * len(factors))}->{axis}", *factors)


def _a_is_innermost(x: Any) -> bool:
    """Whether it lies in memory as (b, c, a), as behind a convolution."""
    flags = getattr(x.transpose(1, 2, 0), "flags", None)
    return bool(flags is not None and flags.c_contiguous)


def _mean_of_product(*factors: Any) -> Any:
    a, _, c = factors[0].shape
    return (_sum_of_product("b", *factors) / (a * c)).astype(factors[0].dtype)[:, None]


def _aligned(parameter: Any, axis: str) -> Any:
    return parameter.reshape(-1, 1) if axis == "b" else parameter.reshape(-1)


@in_short_buffers
def _standard(
    x: Any, weight: Any = None, bias: Any = None, *, shape: Sizes, scaled: Sizes, eps: float,
    axis: str = "b", centred: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """The output; then ŷ, which has mean 0 and variance 1, 1 / σ, the mean, the variance."""
    mean = _mean_of_product(x.reshape(shape)) if centred else 0
    y = x.reshape(shape) - mean
    variance = _mean_of_product(y, y)
    scale = 1 / np.sqrt(variance + eps)
    y *= scale
    y = output = y.reshape(x.shape)
    if weight is not None or bias is not None:
        output = y.reshape(scaled) * (1 if weight is None else _aligned(weight, axis))
    if bias is not None:
        output += _aligned(bias, axis)
    return output.reshape(x.shape), y, scale, mean, variance


@in_short_buffers
def _to_x(
    g: Any, kept: Any, x: Any, weight: Any = None, bias: Any = None, *, shape: Sizes, scaled: Sizes,
    eps: float, axis: str = "b", centred: bool = True,
) -> Any:  # fmt: skip
    # ŷ = (x - μ) / σ, and μ and σ depend on x:  dL/dx = (g - mean(g) - ŷ mean(g ŷ)) / σ
    _, y, scale, *_ = kept
    if weight is not None and axis == "b" and scaled == shape:
        scale = scale * _aligned(weight, axis)  # for each b one factor, of the means also
    elif weight is not None:
        g = g.reshape(scaled) * _aligned(weight, axis)
    g, y = g.reshape(shape), y.reshape(shape)
    dx = y * -_mean_of_product(g, y)
    dx += g
    if centred:
        dx -= _mean_of_product(g)
    dx *= scale
    return dx.reshape(x.shape)


def _to_parameter(parameter: Any, *factors: Any, scaled: Sizes, axis: str = "b", **how: Any) -> Any:
    return _sum_of_product(axis, *(x.reshape(scaled) for x in factors)).reshape(parameter.shape)


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


def normalise(
    x: Any, weight: Any, bias: Any, over: dict[str, Any], running: Any = (None, None),
    momentum: float = 0.0,
) -> Any:  # fmt: skip
    """The output; running statistics, if they are given, are moved towards those of x."""
    y = (_normalised if over.get("centred", True) else _not_centred)(x, weight, bias, **over)
    if running[0] is not None and running[1] is not None:
        recorded = isinstance(y, Tensor) and y.requires_grad
        *_, mean, variance = y.arrays[0] if recorded else _standard(plain(x), **over)
        count = over["shape"][0] * over["shape"][2]
        for held, new in zip(running, (mean, variance * (count / (count - 1))), strict=True):
            each = new.reshape(-1, len(held))  # of the channels of each example, or of all
            held += momentum * (reduce(np.add, each, axis=0) / len(each) - held)
    return y


def given(x: Any, weight: Any, bias: Any, shape: Sizes | None = None) -> list[Any]:
    """All in one dtype; weight and bias have this shape, or an entry for each channel."""
    x = numbers(x, None if weight is None else numbers(weight).dtype)
    if shape is None:
        check_shapes(x.ndim >= 2, "an input of shape (N, C, ...)", x)
        shape = x.shape[1:2]
    learned = [p if p is None else numbers(p, x.dtype) for p in (weight, bias)]
    for name, p in zip(("weight", "bias"), learned, strict=True):
        if p is not None and p.shape != shape:
            raise ValueError(f"expected a {name} of shape {shape}, got {p.shape}")
        if p is not None and p.dtype != x.dtype:
            x = x.astype(np.result_type(x.dtype, p.dtype), copy=False)
    return [x, *learned]
