"""Activation functions: what a neuron computes from its weighted sum; each also as a module.

None of them overflows, whatever the input. At a kink the slope is PyTorch's. `inplace` is accepted
for scripts written for PyTorch and changes nothing: a recorded Tensor is never overwritten.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from microgradnd import primitive

from .init import numbers
from .module import Module

Kind = TypeVar("Kind", bound=type[Module])

if TYPE_CHECKING:  # so that type checkers know the arguments of the constructors
    from typing_extensions import dataclass_transform
else:  # typing has it from Python 3.11 on

    def dataclass_transform() -> Callable[[Kind], Kind]:
        return lambda declared: declared


@dataclass_transform()
def module_of(
    function: Callable[..., Any], buffers: tuple[str, ...] = ()
) -> Callable[[Kind], Kind]:
    """Declares a class as the module of a function: `forward` calls it with the class's options.

    The annotated names in the class are the options. As in a dataclass they become the arguments of
    the constructor and attributes. `training` is passed on to a function that has this argument.
    The class's docstring is continued by the function's.

    Arguments:
        function: takes the inputs of `forward`, then the options by name.
        buffers: the options that are arrays and belong to the module's state.

    >>> import nn
    >>> def power(input, exponent=2.0):
    ...     return input**exponent
    >>> @module_of(power)
    ... class Power(nn.Module):
    ...     exponent: float = 2.0
    >>> Power(), Power(exponent=3.0)(2.0)
    (Power(exponent=2.0), 8.0)
    """
    arguments = inspect.signature(function).parameters

    def declare(declared: Kind) -> Kind:
        title = inspect.cleandoc(declared.__doc__ or f"The module of `{function.__name__}`.")
        declared.__doc__ = f"{title}\n\n{inspect.getdoc(function)}"
        dataclasses.dataclass(eq=False, repr=False)(declared)
        options = [field.name for field in dataclasses.fields(declared)]  # type: ignore[arg-type]
        declared._option_names = tuple(name for name in options if name != "inplace")
        declared._buffers = dict.fromkeys(buffers, True)
        inputs = [name for name in arguments if name not in (*options, "inplace", "training")]
        passed = [name for name in arguments if name in (*declared._option_names, "training")]
        given = ", ".join([*inputs, *(f"{name}=self.{name}" for name in passed)])
        source = f"def forward(self, {', '.join(inputs)}): return function({given})"
        names: dict[str, Any] = {"function": function, "__name__": __name__}
        exec(compile(source, __file__, "exec"), names)  # as fast as if it were written by hand
        declared.forward = names["forward"]
        return declared

    return declare


elementwise = functools.partial(primitive, kind="elementwise")

# ---- steps ---------------------------------------------------------------------------------------


def _jump(x: Any, low: float, threshold: float | None) -> Any:
    jump = np.heaviside(x, 0) if threshold is None else np.heaviside(x - threshold, 1)
    return low + (1 - low) * jump


_step = elementwise(_jump, lambda g, y, x, low, threshold: np.zeros_like(y), name="step")


def step(input: Any, low: float = 0.0, threshold: float | None = None) -> Any:
    """Computes what a perceptron does: 1 where the input is positive, else `low`.

    Its gradient is zero everywhere, so nothing below a step learns by gradient descent.

    Arguments:
        low: the value where the neuron is silent; -1 is the other usual choice.
        threshold: if given, the output is 1 where input ≥ threshold: the boundary belongs to the 1.

    >>> step([-0.5, 0.0, 2.0]), step([-0.5, 0.0, 2.0], threshold=0.0)
    (array([0., 0., 1.]), array([0., 1., 1.]))
    >>> Step(low=-1)([-0.5, 0.0, 2.0])
    array([-1., -1.,  1.])
    """
    return _step(numbers(input), low=low, threshold=threshold)


@module_of(step)
class Step(Module):
    low: float = 0.0
    threshold: float | None = None


# ---- curves --------------------------------------------------------------------------------------


@np.errstate(over="ignore")  # 1 / (1 + inf) is the right 0
def _logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


_sigmoid = elementwise(_logistic, lambda g, y, x: g * y * (1 - y), name="sigmoid")


def sigmoid(input: Any) -> Any:
    """Computes the logistic function 1 / (1 + e⁻ˣ), a soft step from 0 to 1.

    >>> sigmoid([-1e4, 0.0, 1e4]), Sigmoid()([0.0])
    (array([0. , 0.5, 1. ]), array([0.5]))
    """
    return _sigmoid(numbers(input))


@module_of(sigmoid)
class Sigmoid(Module): ...


def tanh(input: Any) -> Any:
    """Computes the hyperbolic tangent, a soft step from -1 to 1.

    >>> tanh([-1e4, 0.0, 1e4]), Tanh()([0.0])
    (array([-1.,  0.,  1.]), array([0.]))
    """
    return np.tanh(input)


@module_of(tanh)
class Tanh(Module): ...


_logsigmoid = elementwise(
    lambda x: -np.logaddexp(0, -x), lambda g, y, x: g * _sigmoid(-x), name="logsigmoid"
)


def logsigmoid(input: Any) -> Any:
    """Computes the logarithm of the sigmoid, exact even where the sigmoid itself is rounded to 0.

    >>> logsigmoid([-1e4, 1e4]), LogSigmoid()([-1e4])
    (array([-10000.,     -0.]), array([-10000.]))
    """
    return _logsigmoid(numbers(input))


@module_of(logsigmoid)
class LogSigmoid(Module): ...


# ---- ramps ---------------------------------------------------------------------------------------

_relu = elementwise(lambda x: np.maximum(x, 0), lambda g, y, x: g * (y > 0), name="relu")


def relu(input: Any, inplace: bool = False) -> Any:
    """Computes the rectified linear unit max(x, 0); its slope at 0 is 0.

    >>> relu([-2.0, 0.0, 3.0]), ReLU()([-2.0])
    (array([0., 0., 3.]), array([0.]))
    """
    return _relu(numbers(input))


@module_of(relu)
class ReLU(Module):
    inplace: bool = False


_leaky_relu = elementwise(
    lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
    lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g),
    name="leaky_relu",
)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Computes a relu with a small slope on the left: `negative_slope` · x where x is negative.

    >>> leaky_relu([-2.0, 3.0]), LeakyReLU(negative_slope=0.1)([-2.0, 3.0])
    (array([-0.02,  3.  ]), array([-0.2,  3. ]))
    """
    return _leaky_relu(numbers(input), negative_slope=negative_slope)


@module_of(leaky_relu)
class LeakyReLU(Module):
    negative_slope: float = 0.01
    inplace: bool = False


_elu = elementwise(
    lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)),
    name="elu",
)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Computes the exponential linear unit: x where it is positive, else α(eˣ - 1), down to -α.

    >>> elu([-1e4, 3.0]), ELU(alpha=2.0)([-1e4, 3.0])
    (array([-1.,  3.]), array([-2.,  3.]))
    """
    return _elu(numbers(input), alpha=alpha)


@module_of(elu)
class ELU(Module):
    alpha: float = 1.0
    inplace: bool = False


_silu = elementwise(
    lambda x: x * _logistic(x),
    lambda g, y, x: g * _sigmoid(x) * (1 + x * _sigmoid(-x)),
    name="silu",
)


def silu(input: Any, inplace: bool = False) -> Any:
    """Computes the sigmoid linear unit x · sigmoid(x), also called swish.

    >>> silu([-1e4, 0.0, 1e4]), SiLU()([1e4])
    (array([   -0.,     0., 10000.]), array([10000.]))
    """
    return _silu(numbers(input))


@module_of(silu)
class SiLU(Module):
    inplace: bool = False


_softplus = elementwise(
    lambda x, beta, threshold: np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta),
    lambda g, y, x, beta, threshold: g * np.where(beta * x > threshold, 1, _sigmoid(beta * x)),
    name="softplus",
)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Computes a smooth relu, log(1 + e^(βx)) / β.

    Arguments:
        beta: how sharply it bends.
        threshold: where βx is above it the result is x, which differs by less than rounding.

    >>> softplus([-1e4, 1e4]), Softplus()([1e4])
    (array([    0., 10000.]), array([10000.]))
    """
    return _softplus(numbers(input), beta=beta, threshold=threshold)


@module_of(softplus)
class Softplus(Module):
    beta: float = 1.0
    threshold: float = 20.0


# ---- probabilities of classes --------------------------------------------------------------------


def _normalised_exponentials(x: Any, dim: int) -> Any:
    exponentials = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True))  # none is above e⁰
    return exponentials / np.add.reduce(exponentials, axis=dim, keepdims=True)


def _logarithms_of_softmax(x: Any, dim: int = -1) -> Any:
    below = x - np.maximum.reduce(x, axis=dim, keepdims=True)
    return below - np.log(np.add.reduce(np.exp(below), axis=dim, keepdims=True))


_softmax = primitive(
    _normalised_exponentials,
    lambda g, y, x, dim: y * (g - np.add.reduce(g * y, axis=dim, keepdims=True)),
    name="softmax",
)
_log_softmax = primitive(
    _logarithms_of_softmax,
    lambda g, y, x, dim=-1: g - np.exp(y) * np.add.reduce(g, axis=dim, keepdims=True),
    name="log_softmax",
)


def _axis(dim: int | None, x: Any) -> int:
    """The axis of the classes; PyTorch's choice if none is given."""
    return dim if dim is not None else 0 if np.ndim(x) in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None) -> Any:
    """Computes probabilities from scores: exponentials along `dim`, divided by their sum.

    Of two classes, the probability of the first is the sigmoid of the difference of the scores.

    >>> softmax([1e4, -1e4], dim=0), Softmax(dim=1)([[0.0, 0.0]])
    (array([1., 0.]), array([[0.5, 0.5]]))
    """
    x = numbers(input)
    return _softmax(x, dim=_axis(dim, x))


@module_of(softmax)
class Softmax(Module):
    dim: int | None = None


def log_softmax(input: Any, dim: int | None = None) -> Any:
    """Computes the logarithm of the softmax, exact even where a probability is rounded to 0.

    >>> log_softmax([1e4, -1e4], dim=0), LogSoftmax(dim=1)([[1e4, -1e4]])
    (array([     0., -20000.]), array([[     0., -20000.]]))
    """
    x = numbers(input)
    return _log_softmax(x, dim=_axis(dim, x))


@module_of(log_softmax)
class LogSoftmax(Module):
    dim: int | None = None
