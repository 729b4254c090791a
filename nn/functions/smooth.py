"""Activations without kinks. None of them overflows, whatever the input."""

from __future__ import annotations

import contextvars
import functools
import math
from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import dots_of_rows, in_rows, is_foreign, over_rows, reduce
from microgradnd.habits import check_choice, explain_options
from microgradnd.program import afresh
from microgradnd.table import table

from ..init import check_shapes, numbers
from ..module import Module
from .declared import FunctionModule, differentiable, operations


def _overflowing(function: Any) -> Any:
    """The function without a warning of overflow, in half the time that `np.errstate` takes."""
    quiet = contextvars.Context()
    quiet.run(np.seterr, over="ignore")
    slow = np.errstate(over="ignore")(function)

    @functools.wraps(function)
    def call(x: Any) -> Any:
        return quiet.copy().run(function, x) if type(x) is np.ndarray else slow(x)

    return call


@differentiable(lambda g, y, x: g * y * (1 - y))
@_overflowing  # 1 / (1 + inf) is the right 0
def sigmoid(input: Any) -> Any:
    """Computes the logistic function 1 / (1 + e⁻ˣ), a soft step from 0 to 1.

    >>> sigmoid([-1e4, 0.0, 1e4]), Sigmoid()([0.0])
    (array([0. , 0.5, 1. ]), array([0.5]))
    """
    return 1 / (1 + np.exp(-input))


def tanh(input: Any) -> Any:
    """Computes the hyperbolic tangent, a soft step from -1 to 1.

    >>> tanh([-1e4, 0.0, 1e4]), Tanh()([0.0])
    (array([-1.,  0.,  1.]), array([0.]))
    """
    return np.tanh(input)


operations[tanh] = table[np.tanh]


@differentiable(lambda g, y, x: g * sigmoid(-x))
def logsigmoid(input: Any) -> Any:
    """Computes the logarithm of the sigmoid, exact even where the sigmoid itself is rounded to 0.

    >>> logsigmoid([-1e4, 1e4]), LogSigmoid()([-1e4])
    (array([-10000.,     -0.]), array([-10000.]))
    """
    return -np.logaddexp(0, -input)


@differentiable(lambda g, y, x: g * sigmoid(x) * (1 + x * sigmoid(-x)))
def silu(input: Any, inplace: bool = False) -> Any:
    """Computes the sigmoid linear unit x · sigmoid(x), also called swish.

    >>> silu([-1e4, 0.0, 1e4]), SiLU()([1e4])
    (array([   -0.,     0., 10000.]), array([10000.]))
    """
    return input * sigmoid(input)


@differentiable(
    lambda g, y, x, beta, threshold: g * np.where(beta * x > threshold, 1, sigmoid(beta * x))
)
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Computes a smooth relu, log(1 + e^(βx)) / β.

    Arguments:
        beta: how sharply it bends.
        threshold: where βx is above it the result is x, which differs by less than rounding.

    >>> softplus([-1e4, 1e4]), Softplus()([1e4])
    (array([    0., 10000.]), array([10000.]))
    """
    return np.where(beta * input > threshold, input, np.logaddexp(0, beta * input) / beta)


def _over_classes(ufunc: Any, x: Any, dim: int | None) -> Any:
    """The sum or the maxima over the classes; along PyTorch's axis if none is given."""
    axis = dim if dim is not None else 0 if x.ndim in (0, 1, 3) else 1
    last = axis in (-1, x.ndim - 1)
    return over_rows(ufunc, x) if last else reduce(ufunc, x, axis=axis, keepdims=True)


def _softmax_rule(g: Any, y: Any, x: Any, dim: int | None) -> Any:
    if x.ndim and dim in (-1, x.ndim - 1) and in_rows(g) and in_rows(y):
        return y * (g - dots_of_rows(g, y).reshape(*g.shape[:-1], 1))
    return y * (g - _over_classes(np.add, g * y, dim))


@differentiable(_softmax_rule, kind=None)
def softmax(input: Any, dim: int | None = None) -> Any:
    """Computes probabilities from scores: exponentials along `dim`, divided by their sum.

    >>> softmax([1e4, -1e4], dim=0), Softmax(dim=1)([[0.0, 0.0]])
    (array([1., 0.]), array([[0.5, 0.5]]))
    """
    below = input - _over_classes(np.maximum, input, dim)
    again = below.ndim and not is_foreign(below)  # the memory; Dask may not know how much it is
    exponentials = np.exp(below, out=below if again else None)  # none is above e⁰
    exponentials /= _over_classes(np.add, exponentials, dim)
    return exponentials


def _log_softmax_rule(g: Any, y: Any, x: Any, dim: int | None) -> Any:
    slope = np.exp(y)  # g - exp(y) · sum(g)
    slope *= _over_classes(np.add, g, dim)
    return g - slope


@differentiable(_log_softmax_rule, kind=None)
def log_softmax(input: Any, dim: int | None = None) -> Any:
    """Computes the logarithm of the softmax, exact even where a probability is rounded to 0.

    >>> log_softmax([1e4, -1e4], dim=0), LogSoftmax(dim=1)([[1e4, -1e4]])
    (array([     0., -20000.]), array([[     0., -20000.]]))
    """
    below = input - _over_classes(np.maximum, input, dim)
    below -= np.log(_over_classes(np.add, np.exp(below), dim))
    return below


@explain_options
def softmin(input: Any, dim: int | None = None) -> Any:
    """Computes the softmax of -input: the smallest score is the most probable.

    >>> softmin([1e4, -1e4], dim=0), Softmin(dim=1)([[0.0, 0.0]])
    (array([0., 1.]), array([[0.5, 0.5]]))
    """
    return softmax(-numbers(input), dim)


class Softmax2d(Module):
    """The softmax over the channels at each place of an image, (N, C, H, W) or without N.

    >>> Softmax2d()(np.zeros((2, 1, 1))).ravel()
    array([0.5, 0.5])
    """

    def forward(self, input: Any) -> Any:
        x = numbers(input)
        check_shapes(x.ndim in (3, 4), "an input of shape (N, C, H, W) or (C, H, W)", x)
        return softmax(x, -3)


@explain_options
def glu(input: Any, dim: int = -1) -> Any:
    """Computes a gated unit, a · sigmoid(b), where a and b are the halves of the input.

    >>> glu([3.0, 0.0]), GLU(dim=0)([3.0, 1e4])
    (array([1.5]), array([3.]))
    """
    x = numbers(input)
    fits = x.ndim and x.shape[dim] % 2 == 0
    check_shapes(fits, f"an even length along axis {dim}", x)
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


@functools.cache
def _erf() -> Any:
    """The error function of SciPy, or the following one where SciPy is not installed."""
    try:
        return __import__("scipy.special").special.erf
    except ImportError:
        return lambda z: afresh(_by_polynomial, z)


def _by_polynomial(z: Any) -> Any:
    """1 - p(u) · e^(-z²) for z > 0, with u = (z - 3) / (z + 3); beyond 28 e^(-z²) is 0."""
    size = np.minimum(np.abs(z), 28)
    u = (size - 3) / (size + 3)
    return np.copysign(1 - np.polyval(_polynomial(), u) * np.exp(-size * size), z)


_by_polynomial.__name__ = "erf"  # as derive knows it


@functools.cache
def _polynomial() -> Any:
    """p(u) = e^(z²) (1 - erf(z)) by its values at Chebyshev's points, to 4e-15 for z up to 6.5."""
    from numpy.polynomial import Chebyshev, Polynomial

    def values(u: Any) -> Any:
        return [math.erfc(z) * math.exp(z * z) for z in 3 * (1 + u) / (1 - u)]

    found = Chebyshev.interpolate(values, 18, domain=[-1, (6.5 - 3) / (6.5 + 3)])
    return found.convert(kind=Polynomial).coef[::-1]


# Φ(x), the probability that a normal number is below x, and the density φ(x)
_normal = primitive(
    lambda x: (0.5 * (1 + _erf()(x * math.sqrt(0.5)))).astype(x.dtype),
    lambda g, y, x: g * _density(x),
    name="normal_probability",
    kind="elementwise",
)


def _density(x: Any) -> Any:
    return np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


_ROOT = math.sqrt(2 / math.pi)


def _gelu_rule(g: Any, kept: Any, x: Any, approximate: str) -> Any:
    step = kept[1]
    if approximate == "none":
        slope = _density(x)
    else:  # 1 - tanh² = 4 step (1 - step)
        slope = 2 * _ROOT * step * (1 - step) * (1 + 3 * 0.044715 * x * x)
    return g * (step + x * slope)


@differentiable(_gelu_rule, keeps=True)
def gelu(input: Any, approximate: str = "none") -> Any:
    """Computes the Gaussian unit x · Φ(x), where Φ is the normal distribution; or with
    `approximate="tanh"`, which differs by up to 0.0005, ½x(1 + tanh(√(2/π)(x + 0.044715 x³))).

    >>> gelu([-1e4, 0.0, 1.0]).round(4), GELU("tanh")([1.0]).round(8)
    (array([-0.    ,  0.    ,  0.8413]), array([0.84119199]))
    """
    check_choice("approximate", approximate, "none", "tanh")
    if approximate == "none":
        step = _normal(input)
    else:
        step = 0.5 * (1 + np.tanh(_ROOT * (input + 0.044715 * input * input * input)))
    return input * step, step


@differentiable(
    lambda g, y, x: g * ((t := np.tanh(np.logaddexp(0, x))) + x * (1 - t * t) * sigmoid(x))
)
def mish(input: Any, inplace: bool = False) -> Any:
    """Computes x · tanh(softplus(x)), much like silu.

    >>> mish([-1e4, 0.0, 1e4]), Mish()([1e4])
    (array([   -0.,     0., 10000.]), array([10000.]))
    """
    return input * np.tanh(np.logaddexp(0, input))


@differentiable(lambda g, y, x: g / np.square(1 + np.abs(x)))
def softsign(input: Any) -> Any:
    """Computes x / (1 + |x|), a soft step from -1 to 1 that is slow to get there.

    >>> softsign([-1.0, 0.0, 3.0]), Softsign()([1.0])
    (array([-0.5 ,  0.  ,  0.75]), array([0.5]))
    """
    return input / (1 + np.abs(input))


@differentiable(lambda g, y, x: g * np.square(np.tanh(x)))
def tanhshrink(input: Any) -> Any:
    """Computes x - tanh(x), which is flat around 0.

    >>> tanhshrink([-1e4, 0.0, 1e4]), Tanhshrink()([0.0])
    (array([-9999.,     0.,  9999.]), array([0.]))
    """
    return input - np.tanh(input)


# fmt: off
class Sigmoid(FunctionModule, of=sigmoid): ...
class Tanh(FunctionModule, of=tanh): ...
class LogSigmoid(FunctionModule, of=logsigmoid): ...
class SiLU(FunctionModule, of=silu): ...
class Softplus(FunctionModule, of=softplus): ...
class Softmax(FunctionModule, of=softmax): ...
class LogSoftmax(FunctionModule, of=log_softmax): ...
class Softmin(FunctionModule, of=softmin): ...
class GLU(FunctionModule, of=glu): ...
class GELU(FunctionModule, of=gelu): ...
class Mish(FunctionModule, of=mish): ...
class Softsign(FunctionModule, of=softsign): ...
class Tanhshrink(FunctionModule, of=tanhshrink): ...
