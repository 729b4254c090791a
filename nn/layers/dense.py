"""The dense layer, and two that change no number: Flatten and Identity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike
from microgradnd.habits import at_least, require

from .. import init
from ..functions import FunctionModule
from ..init import check_shapes, numbers, one_array
from ..module import Module, Parameter
from .layer import Layer


def _points_as_rows(x: Any) -> Any:
    """The points one below the other, whatever axes number them."""
    return x.reshape(-1 if x.size else math.prod(x.shape[:-1]), x.shape[-1])


def _product(x: Any, weight: Any, bias: Any = None) -> Any:
    y = (x if x.ndim == 2 else _points_as_rows(x)) @ weight.T
    if bias is not None and bias.dtype is y.dtype:
        y += bias
    elif bias is not None:
        y = y + bias
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))


def _slope_of_weight(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    if x.ndim != 2:
        g, x = _points_as_rows(g), _points_as_rows(x)
    return g.T @ x  # dL/dW = deltaᵀ · x


_linear = primitive(
    _product,
    lambda g, y, x, weight, bias=None: g @ weight,  # dL/dx = delta · W
    _slope_of_weight,
    lambda g, y, x, weight, bias: g,  # dL/db = delta
    name="linear",
)


def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Any:
    """Computes x · Wᵀ + b.

    Arguments:
        input: x, of shape (..., inputs), with any axes that number the points, or none.
        weight: W, of shape (outputs, inputs).
        bias: b, of shape (outputs,).

    >>> linear([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [0.5, 0.0])
    array([[11.5, 17. ]])
    """
    w = numbers(weight)
    check_shapes(w.ndim == 2, "a weight of shape (outputs, inputs)", w)
    x = _fitting_points(input, w, w.shape[1])
    return _linear(x, w, bias if bias is None else numbers(bias, w.dtype))


def _fitting_points(input: ArrayLike, weight: Any, inputs: int) -> Any:
    x = numbers(input, weight.dtype)
    if x.shape[-1:] != (inputs,):
        raise ValueError(f"linear expects an input of shape (..., {inputs}), got {x.shape}")
    return x


class Linear(Layer):
    """The dense layer: x · Wᵀ + b, with `weight` of shape (out_features, in_features), for x of
    shape (..., in_features), and b only with a `bias`.

    >>> layer = Linear(784, 30)
    >>> layer.weight.shape, layer.bias.shape
    ((30, 784), (30,))
    """

    weight: Parameter

    _named = "in_features out_features bias"

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        at_least(0, in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        weight = out_features, in_features
        self._learn(weight=weight, bias=(out_features,) if bias else None)

    def reset_parameters(self) -> None:
        """Starts anew: weights and biases uniform between ±1/√in_features."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: ArrayLike) -> Any:
        weight = self.weight
        try:  # linear(), which checks first what almost always fits
            return _linear.apply((numbers(input, weight._array.dtype), weight, self.bias), {})
        except (ValueError, IndexError):
            _fitting_points(input, weight, self.in_features)
            raise


class Identity(Module):
    """Returns its input; arguments are accepted and ignored, so that it can replace others.

    >>> Identity()(3.0)
    3.0
    """

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def forward(self, input: Any) -> Any:
        return input


def flatten(input: ArrayLike, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Joins the axes from `start_dim` to `end_dim` into one.

    >>> flatten(np.zeros((5, 3, 8))).shape, Flatten()(np.zeros((5, 3, 8))).shape
    ((120,), (5, 24))
    """
    shape = np.shape(one_array(input))
    first, last = (axis + len(shape) if axis < 0 else axis for axis in (start_dim, end_dim))
    fits = 0 <= first <= last < len(shape)
    require(fits, f"shape {shape} has no axes from {start_dim} to {end_dim} to flatten")
    joined = math.prod(shape[first : last + 1])
    return np.reshape(input, (*shape[:first], joined, *shape[last + 1 :]))


class Flatten(Layer, FunctionModule, of=flatten):
    """The layer of `flatten`: an image becomes a vector."""

    start_dim: int = 1
    end_dim: int = -1


def _unflatten(input: ArrayLike, dim: int, unflattened_size: Sequence[int]) -> Any:
    """The reverse of `flatten`: the axis `dim` becomes several, of these sizes; one may be -1.

    >>> Unflatten(1, (3, 8))(np.zeros((5, 24))).shape
    (5, 3, 8)
    """
    shape = np.shape(one_array(input))
    require(-len(shape) <= dim < len(shape), f"shape {shape} has no axis {dim} to unflatten")
    several = isinstance(unflattened_size, list | tuple)
    require(several, f"unflattened_size must be a tuple, got {unflattened_size}", TypeError)
    first = dim % len(shape)
    return np.reshape(input, (*shape[:first], *unflattened_size, *shape[first + 1 :]))


class Unflatten(Layer, FunctionModule, of=_unflatten):
    """Makes several axes of one: a vector becomes an image."""


def bilinear(
    input1: ArrayLike, input2: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None
) -> Any:
    """Computes x₁ᵀ · W · x₂ + b, for each output with a matrix of its own: W has shape (outputs,
    inputs1, inputs2).

    >>> bilinear([1.0, 2.0], [3.0], [[[1.0], [10.0]]])
    array([63.])
    """
    w = numbers(weight)
    x1, x2 = numbers(input1, w.dtype), numbers(input2, w.dtype)
    fits = w.ndim == 3 and (*x1.shape[-1:], *x2.shape[-1:]) == w.shape[1:]
    check_shapes(fits, f"inputs for a weight of shape {w.shape}", x1, x2)
    y = np.einsum("...kj,...j->...k", np.einsum("...i,kij->...kj", x1, w), x2)
    return y if bias is None else y + bias


class Bilinear(Layer, FunctionModule, of=bilinear):
    """The layer of `bilinear`, with `weight` of shape (out_features, in1_features, in2_features).

    >>> Bilinear(4, 5, 3)(np.ones((2, 4)), np.ones((2, 5))).shape
    (2, 3)
    """

    in1_features: int
    in2_features: int
    out_features: int
    bias: Any = True
    weight: Parameter

    def __post_init__(self) -> None:
        outputs, self._inputs = self.out_features, self.in1_features
        weight = outputs, self._inputs, self.in2_features
        self._learn(weight=weight, bias=(outputs,) if self.bias else None)
