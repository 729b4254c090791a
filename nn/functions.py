"""Activation functions: what a neuron computes from its weighted sum; each also as a module.

None of them overflows, whatever the input. At a kink the slope is PyTorch's. `inplace` is accepted
for scripts written for PyTorch and changes nothing: a recorded Tensor is never overwritten.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from microgradnd import primitive

from .init import numbers
from .module import Module

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Rule)

if TYPE_CHECKING:  # so that type checkers know the arguments of the constructors
    from typing_extensions import dataclass_transform
else:  # typing has it from Python 3.11 on

    def dataclass_transform() -> Callable[[type], type]:
        return lambda declared: declared


def _written(name: str, arguments: Iterable[str], result: str, **names: Any) -> Any:
    """A function from its source: as fast as if it were written by hand."""
    source = f"def {name}({', '.join(arguments)}): return {result}"
    names["__name__"] = __name__
    exec(compile(source, __file__, "exec"), names)
    return names[name]


@dataclass_transform()
class FunctionModule(Module):
    """The module of a function: `forward` calls it with the options that the module has.

    The annotated names in a subclass are the options. As in a dataclass they become the arguments
    of the constructor and attributes. `training` is passed on to a function that has this argument.
    The class's docstring is continued by the function's.

    Arguments of a subclass:
        of: the function, which takes the inputs of `forward`, then the options by name.
        buffers: the options that are arrays and belong to the module's state.

    >>> def power(input, exponent=2.0):
    ...     return input**exponent
    >>> class Power(FunctionModule, of=power):
    ...     exponent: float = 2.0
    >>> Power(), Power(exponent=3.0)(2.0)
    (Power(exponent=2.0), 8.0)
    """

    def __init_subclass__(cls, of: Rule | None = None, buffers: tuple[str, ...] = ()) -> None:
        super().__init_subclass__()
        if of is None and cls.forward is not Module.forward:
            return  # a user's subclass, whose annotations are no options
        if of:
            title = inspect.cleandoc(cls.__doc__ or f"The module of `{of.__name__}`.")
            cls.__doc__ = f"{title}\n\n{inspect.getdoc(of)}"
        dataclasses.dataclass(eq=False, repr=False)(cls)
        options = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        cls._option_names = tuple(name for name in options if name != "inplace")
        cls._buffers = {**cls._buffers, **dict.fromkeys(buffers, True)}
        if of:
            arguments = inspect.signature(of).parameters
            inputs = [name for name in arguments if name not in (*options, "inplace", "training")]
            passed = [name for name in arguments if name in (*cls._option_names, "training")]
            call = f"of({', '.join([*inputs, *(f'{name}=self.{name}' for name in passed)])})"
            cls.forward = _written("forward", ["self", *inputs], call, of=of)


operations: dict[Any, Any] = {}  # what is recorded of each function that has one rule


def differentiable(rule: Rule, kind: str | None = "elementwise") -> Callable[[Function], Function]:
    """Declares what a function of one array computes as an operation with this rule.

    The rule takes the options by name. Numbers, lists and integers become arrays of floats.
    """

    def declare(function: Function) -> Function:
        name, arguments = function.__name__, list(inspect.signature(function).parameters)
        operation = primitive(function, rule, name=name, kind=kind)
        options = "".join(f", {option}={option}" for option in arguments[1:] if option != "inplace")
        call, names = f"operation(numbers(input){options})", {"numbers": numbers}
        made = _written(name, arguments, call, operation=operation, **names)
        made.__defaults__, operations[made] = function.__defaults__, operation
        return cast(Function, functools.wraps(function)(made))

    return declare


@differentiable(lambda g, y, x, low, threshold: np.zeros_like(y))
def step(input: Any, low: float = 0.0, threshold: float | None = None) -> Any:
    """Computes what a perceptron does: 1 where the input is positive, else `low`.

    Its gradient is zero everywhere, so nothing below a step learns by gradient descent.

    Arguments:
        low: the value where the neuron is silent; -1 is the other usual choice.
        threshold: if given, the output is 1 where input ≥ threshold: the boundary belongs to the 1.

    >>> step([-0.5, 0.0, 2.0], threshold=0.0), Step(low=-1)([-0.5, 0.0, 2.0])
    (array([0., 1., 1.]), array([-1., -1.,  1.]))
    """
    jump = np.heaviside(input, 0) if threshold is None else np.heaviside(input - threshold, 1)
    return low + (1 - low) * jump


class Step(FunctionModule, of=step):
    low: float = 0.0
    threshold: float | None = None


@differentiable(lambda g, y, x: g * y * (1 - y))
@np.errstate(over="ignore")  # 1 / (1 + inf) is the right 0
def sigmoid(input: Any) -> Any:
    """Computes the logistic function 1 / (1 + e⁻ˣ), a soft step from 0 to 1.

    >>> sigmoid([-1e4, 0.0, 1e4]), Sigmoid()([0.0])
    (array([0. , 0.5, 1. ]), array([0.5]))
    """
    return 1 / (1 + np.exp(-input))


class Sigmoid(FunctionModule, of=sigmoid): ...


def tanh(input: Any) -> Any:
    """Computes the hyperbolic tangent, a soft step from -1 to 1.

    >>> tanh([-1e4, 0.0, 1e4]), Tanh()([0.0])
    (array([-1.,  0.,  1.]), array([0.]))
    """
    return np.tanh(input)


class Tanh(FunctionModule, of=tanh): ...


@differentiable(lambda g, y, x: g * sigmoid(-x))
def logsigmoid(input: Any) -> Any:
    """Computes the logarithm of the sigmoid, exact even where the sigmoid itself is rounded to 0.

    >>> logsigmoid([-1e4, 1e4]), LogSigmoid()([-1e4])
    (array([-10000.,     -0.]), array([-10000.]))
    """
    return -np.logaddexp(0, -input)


class LogSigmoid(FunctionModule, of=logsigmoid): ...


@differentiable(lambda g, y, x: g * (y > 0))
def relu(input: Any, inplace: bool = False) -> Any:
    """Computes the rectified linear unit max(x, 0); its slope at 0 is 0.

    >>> relu([-2.0, 0.0, 3.0]), ReLU()([-2.0])
    (array([0., 0., 3.]), array([0.]))
    """
    return np.maximum(input, 0)


class ReLU(FunctionModule, of=relu):
    inplace: bool = False


@differentiable(lambda g, y, x, negative_slope: np.where(x > 0, g, negative_slope * g))
def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Computes a relu with a small slope on the left: `negative_slope` · x where x is negative.

    >>> leaky_relu([-2.0, 3.0]), LeakyReLU(negative_slope=0.1)([-2.0, 3.0])
    (array([-0.02,  3.  ]), array([-0.2,  3. ]))
    """
    return np.where(input > 0, input, negative_slope * input)


class LeakyReLU(FunctionModule, of=leaky_relu):
    negative_slope: float = 0.01
    inplace: bool = False


@differentiable(lambda g, y, x, alpha: np.where(x > 0, g, g * (y + alpha)))
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Computes the exponential linear unit: x where it is positive, else α(eˣ - 1), down to -α.

    >>> elu([-1e4, 3.0]), ELU(alpha=2.0)([-1e4, 3.0])
    (array([-1.,  3.]), array([-2.,  3.]))
    """
    return np.where(input > 0, input, alpha * np.expm1(np.minimum(input, 0)))


class ELU(FunctionModule, of=elu):
    alpha: float = 1.0
    inplace: bool = False


@differentiable(lambda g, y, x: g * sigmoid(x) * (1 + x * sigmoid(-x)))
def silu(input: Any, inplace: bool = False) -> Any:
    """Computes the sigmoid linear unit x · sigmoid(x), also called swish.

    >>> silu([-1e4, 0.0, 1e4]), SiLU()([1e4])
    (array([   -0.,     0., 10000.]), array([10000.]))
    """
    return input * sigmoid(input)


class SiLU(FunctionModule, of=silu):
    inplace: bool = False


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


class Softplus(FunctionModule, of=softplus):
    beta: float = 1.0
    threshold: float = 20.0


def _sum(x: Any, dim: int | None) -> Any:
    """The sum over the classes; they are along PyTorch's axis if none is given."""
    return np.add.reduce(x, axis=_axis(x, dim), keepdims=True)


def _axis(x: Any, dim: int | None) -> int:
    return dim if dim is not None else 0 if x.ndim in (0, 1, 3) else 1


@differentiable(lambda g, y, x, dim: y * (g - _sum(g * y, dim)), kind=None)
def softmax(input: Any, dim: int | None = None) -> Any:
    """Computes probabilities from scores: exponentials along `dim`, divided by their sum.

    Of two classes, the probability of the first is the sigmoid of the difference of the scores.

    >>> softmax([1e4, -1e4], dim=0), Softmax(dim=1)([[0.0, 0.0]])
    (array([1., 0.]), array([[0.5, 0.5]]))
    """
    largest = np.maximum.reduce(input, axis=_axis(input, dim), keepdims=True)
    exponentials = np.exp(input - largest)  # none is above e⁰
    return exponentials / _sum(exponentials, dim)


class Softmax(FunctionModule, of=softmax):
    dim: int | None = None


@differentiable(lambda g, y, x, dim: g - np.exp(y) * _sum(g, dim), kind=None)
def log_softmax(input: Any, dim: int | None = None) -> Any:
    """Computes the logarithm of the softmax, exact even where a probability is rounded to 0.

    >>> log_softmax([1e4, -1e4], dim=0), LogSoftmax(dim=1)([[1e4, -1e4]])
    (array([     0., -20000.]), array([[     0., -20000.]]))
    """
    below = input - np.maximum.reduce(input, axis=_axis(input, dim), keepdims=True)
    return below - np.log(_sum(np.exp(below), dim))


class LogSoftmax(FunctionModule, of=log_softmax):
    dim: int | None = None
