"""Activations in pieces, which meet at kinks; the slope at a kink is PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.habits import at_least, require
from microgradnd.program import afresh

from ..init import check_shapes, constant_, generator, numbers, zeros
from ..module import Parameter
from .declared import FunctionModule, differentiable


@differentiable(lambda g, y, x, low, threshold: np.zeros_like(y))
def step(input: Any, low: float = 0.0, threshold: float | None = None) -> Any:
    """Computes what a perceptron does: 1 where the input is positive, else `low`; its slope is 0.

    Arguments:
        low: the value where the neuron is silent; -1 is the other usual choice.
        threshold: if given, the output is 1 where input ≥ threshold: the boundary belongs to the 1.

    >>> step([-0.5, 0.0, 2.0], threshold=0.0), Step(low=-1)([-0.5, 0.0, 2.0])
    (array([0., 1., 1.]), array([-1., -1.,  1.]))
    """
    jump = np.heaviside(input, 0) if threshold is None else np.heaviside(input - threshold, 1)
    return low + (1 - low) * jump


@differentiable(lambda g, y, x: g * (y > 0))
def relu(input: Any, inplace: bool = False) -> Any:
    """Computes the rectified linear unit max(x, 0); its slope at 0 is 0.

    >>> relu([-2.0, 0.0, 3.0]), ReLU()([-2.0])
    (array([0., 0., 3.]), array([0.]))
    """
    return np.maximum(input, 0)


@differentiable(lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g))
def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Computes a relu with a small slope on the left: `negative_slope` · x where x is negative.

    >>> leaky_relu([-2.0, 3.0]), LeakyReLU(negative_slope=0.1)([-2.0, 3.0])
    (array([-0.02,  3.  ]), array([-0.2,  3. ]))
    """
    return np.where(input > 0, input, negative_slope * input)


@differentiable(lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)))
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Computes the exponential linear unit: x where it is positive, else α(eˣ - 1), down to -α.

    >>> elu([-1e4, 3.0]), ELU(alpha=2.0)([-1e4, 3.0])
    (array([-1.,  3.]), array([-2.,  3.]))
    """
    return np.where(input > 0, input, alpha * np.expm1(np.minimum(input, 0)))


@differentiable(lambda g, y, x, alpha: np.where(x > 0, g, g * (y / alpha + 1)))
def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Computes the elu whose slope is 1 on both sides of 0: x, else α(e^(x/α) - 1).

    >>> celu([-1e4, 3.0]), CELU(alpha=2.0)([-1e4, 3.0])
    (array([-1.,  3.]), array([-2.,  3.]))
    """
    return np.where(input > 0, input, alpha * np.expm1(np.minimum(input / alpha, 0)))


_ALPHA, _SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@differentiable(lambda g, y, x: np.where(x > 0, _SCALE * g, g * (y + _SCALE * _ALPHA)))
def selu(input: Any, inplace: bool = False) -> Any:
    """Computes an enlarged elu, under which outputs tend to mean 0 and variance 1.

    >>> selu([-1e4, 0.0, 1.0]).round(4), SELU()([0.0])
    (array([-1.7581,  0.    ,  1.0507]), array([0.]))
    """
    return _SCALE * np.where(input > 0, input, _ALPHA * np.expm1(np.minimum(input, 0)))


@differentiable(lambda g, y, x, min_val, max_val: g * ((x > min_val) & (x < max_val)))
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Clips to between `min_val` and `max_val`.

    >>> hardtanh([-2.0, 0.5, 3.0]), Hardtanh(max_val=2.0)([3.0])
    (array([-1. ,  0.5,  1. ]), array([2.]))
    """
    require(min_val <= max_val, f"min_val must be at most max_val, got {min_val} and {max_val}")
    return np.clip(input, min_val, max_val)


@differentiable(lambda g, y, x: g * ((x > 0) & (x < 6)))
def relu6(input: Any, inplace: bool = False) -> Any:
    """Computes a relu that stops at 6.

    >>> relu6([-2.0, 3.0, 7.0]), ReLU6()([7.0])
    (array([0., 3., 6.]), array([6.]))
    """
    return np.clip(input, 0, 6)


@differentiable(lambda g, y, x: g * ((x > -3) & (x < 3)) / 6)
def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """Computes a sigmoid of straight pieces: 0 up to -3, 1 from 3 on.

    >>> hardsigmoid([-4.0, 0.0, 4.0]), Hardsigmoid()([0.0])
    (array([0. , 0.5, 1. ]), array([0.5]))
    """
    return np.clip(input + 3, 0, 6) / 6


@differentiable(lambda g, y, x: g * np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1)))
def hardswish(input: Any, inplace: bool = False) -> Any:
    """Computes x · hardsigmoid(x), a silu without exponentials.

    >>> hardswish([-4.0, 0.0, 4.0]), Hardswish()([-1.5])
    (array([-0.,  0.,  4.]), array([-0.375]))
    """
    return input * np.clip(input + 3, 0, 6) / 6


@differentiable(lambda g, y, x, lambd: g * ~(np.abs(x) <= lambd))
def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """Computes x where its size is above `lambd`, else 0.

    >>> hardshrink([-2.0, 0.3, 2.0]), Hardshrink(lambd=3.0)([2.0])
    (array([-2.,  0.,  2.]), array([0.]))
    """
    return np.where(np.abs(input) <= lambd, 0, input)  # nan stays nan


@differentiable(lambda g, y, x, lambd: g * (np.abs(x) > lambd))
def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """Computes x moved by `lambd` towards 0, and no further than 0.

    >>> softshrink([-2.0, 0.3, 2.0]), Softshrink(lambd=1.5)([2.0])
    (array([-1.5,  0. ,  1.5]), array([0.5]))
    """
    at_least(0.0, lambd=lambd)
    return input - np.clip(input, -lambd, lambd)


@differentiable(lambda g, y, x, threshold, value: g * ~(x <= threshold))
def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Computes x where it is above the threshold, else `value`.

    >>> threshold([0.5, 2.0], 1.0, 9.0), Threshold(1.0, 9.0)([0.5])
    (array([9., 2.]), array([9.]))
    """
    return np.where(input <= threshold, input.dtype.type(value), input)


_prelu = primitive(
    lambda x, w: np.where(x > 0, x, w * x),
    lambda g, y, x, w: np.where(x > 0, g, w * g),
    lambda g, y, x, w: np.where(x > 0, 0, x * g),
    name="prelu",
    kind="elementwise",
)


def prelu(input: Any, weight: Any) -> Any:
    """Computes a leaky relu whose slope on the left is the weight, one for all or each channel.

    >>> prelu([-2.0, 3.0], [0.5])
    array([-1.,  3.])
    """
    w = numbers(weight)
    x = numbers(input, w.dtype)
    if w.size == 1:
        return _prelu(x, w.reshape(()))
    fits = w.ndim == 1 and x.shape[1:2] == w.shape
    check_shapes(fits, f"an input of shape (N, {w.size}, ...) for this weight", x)
    return _prelu(x, w.reshape(-1, *[1] * (x.ndim - 2)))


class PReLU(FunctionModule, of=prelu):
    """A leaky relu that learns its slope on the left, one for all or one for each channel.

    Arguments:
        num_parameters: 1, or the number of channels.
        init: the slope it begins with.

    >>> PReLU()([-2.0, 3.0])
    Tensor([-0.5,  3. ], operation='prelu')
    """

    num_parameters: int = 1
    init: float = 0.25
    weight: Parameter

    def __post_init__(self) -> None:
        self.weight = Parameter(zeros(self.num_parameters))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts anew: with the slopes `init`."""
        constant_(self.weight, self.init)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


def rrelu(
    input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
    inplace: bool = False,
) -> Any:  # fmt: skip
    """Computes a leaky relu whose slope on the left is drawn between `lower` and `upper` for each
    entry in training, and is their mean without.

    >>> rrelu([-8.0, 3.0], 0.25, 0.75), RReLU(0.5, 0.5)([-8.0, 3.0])
    (array([-4.,  3.]), array([-4.,  3.]))
    """
    x = numbers(input)
    if not training:
        return _prelu(x, x.dtype.type((lower + upper) / 2))
    return _prelu(x, afresh(generator.uniform, lower, upper, x.shape).astype(x.dtype))


# fmt: off
class Step(FunctionModule, of=step): ...
class ReLU(FunctionModule, of=relu): ...
class LeakyReLU(FunctionModule, of=leaky_relu): ...
class ELU(FunctionModule, of=elu): ...
class CELU(FunctionModule, of=celu): ...
class SELU(FunctionModule, of=selu): ...
class Hardtanh(FunctionModule, of=hardtanh): ...
class ReLU6(FunctionModule, of=relu6): ...
class Hardsigmoid(FunctionModule, of=hardsigmoid): ...
class Hardswish(FunctionModule, of=hardswish): ...
class Hardshrink(FunctionModule, of=hardshrink): ...
class Softshrink(FunctionModule, of=softshrink): ...
class Threshold(FunctionModule, of=threshold): ...
class RReLU(FunctionModule, of=rrelu): ...
