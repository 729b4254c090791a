"""Activation functions: what a neuron makes of its weighted sum.

Each comes as a function and, with the same options, as a module. They are safe for any input: none
overflows. At a kink the slope is the one that PyTorch takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import primitive

from .module import Module, numbers

# ---- steps ---------------------------------------------------------------------------------------


def _jump(x: Any, low: float, threshold: float | None) -> Any:
    if threshold is None:
        return low + (1 - low) * np.heaviside(x, 0)
    return low + (1 - low) * np.heaviside(x - threshold, 1)


_step = primitive(
    _jump, lambda g, y, x, low, threshold: np.zeros_like(y), name="step", kind="elementwise"
)


def step(input: Any, low: float = 0.0, threshold: float | None = None) -> Any:
    """Fire or stay silent: 1 where the input is positive, else `low`. It is what a perceptron does.

    - `step(x)` is 1 for x > 0 and 0 for x ≤ 0;
    - `step(x, low=-1)` is 1 for x > 0 and -1 for x ≤ 0;
    - `step(x, threshold=θ)` is 1 for x ≥ θ and 0 for x < θ: here the boundary belongs to the 1.

    Its gradient is zero everywhere, so nothing below a step learns by gradient descent.

    >>> from nn.functions import step
    >>> step([-0.5, 0.0, 2.0]), step([-0.5, 0.0, 2.0], low=-1)
    (array([0., 0., 1.]), array([-1., -1.,  1.]))
    >>> step([-0.5, 0.0, 2.0], threshold=0.0)
    array([0., 1., 1.])
    """
    return _step(numbers(input), low=low, threshold=threshold)


# ---- curves --------------------------------------------------------------------------------------


@np.errstate(over="ignore")  # 1 / (1 + inf) is the right 0
def _logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


_sigmoid = primitive(_logistic, lambda g, y, x: g * y * (1 - y), name="sigmoid", kind="elementwise")


def sigmoid(input: Any) -> Any:
    """The logistic function 1 / (1 + e⁻ˣ), a soft step from 0 to 1.

    >>> from nn.functions import sigmoid
    >>> sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    """
    return _sigmoid(numbers(input))


def tanh(input: Any) -> Any:
    """The hyperbolic tangent, a soft step from -1 to 1.

    >>> from nn.functions import tanh
    >>> tanh([-1e4, 0.0, 1e4])
    array([-1.,  0.,  1.])
    """
    return np.tanh(input)


_logsigmoid = primitive(
    lambda x: -np.logaddexp(0, -x),
    lambda g, y, x: g * _sigmoid(-x),
    name="logsigmoid",
    kind="elementwise",
)


def logsigmoid(input: Any) -> Any:
    """The logarithm of the sigmoid, exact where the sigmoid itself is 0 to the last digit.

    >>> from nn.functions import logsigmoid
    >>> logsigmoid([-1e4, 1e4])
    array([-10000.,     -0.])
    """
    return _logsigmoid(numbers(input))


# ---- ramps ---------------------------------------------------------------------------------------

_relu = primitive(
    lambda x: np.maximum(x, 0), lambda g, y, x: g * (y > 0), name="relu", kind="elementwise"
)


def relu(input: Any, inplace: bool = False) -> Any:
    """The rectified linear unit max(x, 0), whose slope at 0 is 0.

    >>> from nn.functions import relu
    >>> relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    return _relu(numbers(input))


_leaky_relu = primitive(
    lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
    lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g),
    name="leaky_relu",
    kind="elementwise",
)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """A relu that lets a little through: x where it is positive, else `negative_slope` · x.

    >>> from nn.functions import leaky_relu
    >>> leaky_relu([-2.0, 3.0], negative_slope=0.1)
    array([-0.2,  3. ])
    """
    return _leaky_relu(numbers(input), negative_slope=negative_slope)


_elu = primitive(
    lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)),
    name="elu",
    kind="elementwise",
)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """The exponential linear unit: x where it is positive, else α(eˣ - 1), which ends at -α.

    >>> from nn.functions import elu
    >>> elu([-1e4, 0.0, 3.0], alpha=2.0)
    array([-2.,  0.,  3.])
    """
    return _elu(numbers(input), alpha=alpha)


_silu = primitive(
    lambda x: x * _logistic(x),
    lambda g, y, x: g * _sigmoid(x) * (1 + x * _sigmoid(-x)),
    name="silu",
    kind="elementwise",
)


def silu(input: Any, inplace: bool = False) -> Any:
    """The sigmoid linear unit x · sigmoid(x), also called swish.

    >>> from nn.functions import silu
    >>> silu([-1e4, 0.0, 1e4])
    array([   -0.,     0., 10000.])
    """
    return _silu(numbers(input))


_softplus = primitive(
    lambda x, beta, threshold: np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta),
    lambda g, y, x, beta, threshold: g * np.where(beta * x > threshold, 1, _sigmoid(beta * x)),
    name="softplus",
    kind="elementwise",
)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """A smooth relu, log(1 + e^(βx)) / β; where βx > `threshold` it is x, as good as exactly.

    >>> from nn.functions import softplus
    >>> softplus([-1e4, 0.0, 1e4]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    return _softplus(numbers(input), beta=beta, threshold=threshold)


# ---- probabilities of classes --------------------------------------------------------------------


def _normalised_exponentials(x: Any, dim: int = -1) -> Any:
    exponentials = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True))  # none is above e⁰
    return exponentials / np.add.reduce(exponentials, axis=dim, keepdims=True)


def _logarithms_of_softmax(x: Any, dim: int = -1) -> Any:
    below = x - np.maximum.reduce(x, axis=dim, keepdims=True)
    return below - np.log(np.add.reduce(np.exp(below), axis=dim, keepdims=True))


_softmax = primitive(
    _normalised_exponentials,
    lambda g, y, x, dim=-1: y * (g - np.add.reduce(g * y, axis=dim, keepdims=True)),
    name="softmax",
)
_log_softmax = primitive(
    _logarithms_of_softmax,
    lambda g, y, x, dim=-1: g - np.exp(y) * np.add.reduce(g, axis=dim, keepdims=True),
    name="log_softmax",
)


def _axis(dim: int | None, x: Any) -> int:
    """The axis of the classes; where none is named PyTorch's choice."""
    return dim if dim is not None else 0 if np.ndim(x) in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None) -> Any:
    """The exponentials along `dim`, divided by their sum: probabilities from scores of classes.

    Of two classes, the probability of the first is the sigmoid of the difference of the scores.

    >>> from nn.functions import softmax
    >>> softmax([[0.0, 0.0], [1e4, -1e4]], dim=1)
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    x = numbers(input)
    return _softmax(x, dim=_axis(dim, x))


def log_softmax(input: Any, dim: int | None = None) -> Any:
    """The logarithm of the softmax along `dim`, exact where a probability is 0 to the last digit.

    >>> from nn.functions import log_softmax
    >>> log_softmax([1e4, -1e4], dim=0)
    array([     0., -20000.])
    """
    x = numbers(input)
    return _log_softmax(x, dim=_axis(dim, x))


# ---- as modules ----------------------------------------------------------------------------------


class Step(Module):
    """The module of `step`: 1 where the input is positive, or from `threshold` on; else `low`.

    >>> from nn.functions import Step
    >>> Step(low=-1)([-0.5, 0.0, 2.0])
    array([-1., -1.,  1.])
    """

    def __init__(self, low: float = 0.0, threshold: float | None = None) -> None:
        self.low, self.threshold = low, threshold

    def forward(self, input: Any) -> Any:
        return step(input, self.low, self.threshold)

    def extra_repr(self) -> str:
        return f"low={self.low}, threshold={self.threshold}"


class Sigmoid(Module):
    """The module of `sigmoid`: 1 / (1 + e⁻ˣ).

    >>> from nn.functions import Sigmoid
    >>> Sigmoid()([0.0])
    array([0.5])
    """

    def forward(self, input: Any) -> Any:
        return sigmoid(input)


class Tanh(Module):
    """The module of `tanh`.

    >>> from nn.functions import Tanh
    >>> Tanh()([0.0])
    array([0.])
    """

    def forward(self, input: Any) -> Any:
        return tanh(input)


class LogSigmoid(Module):
    """The module of `logsigmoid`: the logarithm of the sigmoid.

    >>> from nn.functions import LogSigmoid
    >>> LogSigmoid()([-1e4])
    array([-10000.])
    """

    def forward(self, input: Any) -> Any:
        return logsigmoid(input)


class ReLU(Module):
    """The module of `relu`: max(x, 0).

    `inplace` is taken because scripts for PyTorch pass it; it changes nothing, since a recorded
    Tensor is never overwritten.

    >>> from nn.functions import ReLU
    >>> ReLU()([-2.0, 3.0])
    array([0., 3.])
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return relu(input)


class LeakyReLU(Module):
    """The module of `leaky_relu`: x where it is positive, else `negative_slope` · x.

    `inplace` changes nothing, as in `ReLU`.

    >>> from nn.functions import LeakyReLU
    >>> LeakyReLU(0.1)([-2.0, 3.0])
    array([-0.2,  3. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Any) -> Any:
        return leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """The module of `elu`: x where it is positive, else α(eˣ - 1).

    `inplace` changes nothing, as in `ReLU`.

    >>> from nn.functions import ELU
    >>> ELU(alpha=2.0)([-1e4, 3.0])
    array([-2.,  3.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Any) -> Any:
        return elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SiLU(Module):
    """The module of `silu`: x · sigmoid(x).

    `inplace` changes nothing, as in `ReLU`.

    >>> from nn.functions import SiLU
    >>> SiLU()([0.0, 1e4])
    array([    0., 10000.])
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return silu(input)


class Softplus(Module):
    """The module of `softplus`: log(1 + e^(βx)) / β.

    >>> from nn.functions import Softplus
    >>> Softplus()([0.0, 1e4]).round(4)
    array([6.931e-01, 1.000e+04])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Any) -> Any:
        return softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """The module of `softmax`: probabilities along `dim`.

    >>> from nn.functions import Softmax
    >>> Softmax(dim=1)([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The module of `log_softmax`: logarithms of probabilities along `dim`.

    >>> from nn.functions import LogSoftmax
    >>> LogSoftmax(dim=1)([[1e4, -1e4]])
    array([[     0., -20000.]])
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
