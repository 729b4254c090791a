"""Quantities computed one from another, at random values, and all their derivatives."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations, product
from types import CodeType
from typing import Any

import numpy as np

import nn
from microgradnd import Tensor, jacobian
from microgradnd.arrays import Array

SEEDS = (0, 1, 2)
_DERIVATIVE = re.compile(r"(?<!')∂(\w+)(\[[^\]]*\])?/∂(\w+)(\[[^\]]*\])?")


class Sample:
    """What a slide talks about, with numbers: a network with its weights, inputs and cost.

    Each step, such as y = x**2, computes one quantity from those before it. `sample[...]` evaluates
    an expression, in which ∂J/∂z is a derivative: its shape is that of J and then that of z. A part
    of it is written ∂J[0]/∂W[0, 1], counted from 0. What depends on z is computed anew from a z
    that moves, by autograd and by differences, and the two must agree.

    >>> sample = Sample({"x": 3.0}, "y = x**2; z = np.sin(y)")
    >>> float(sample.y), float(sample["∂y/∂x"]), bool(sample["∂z/∂x / ∂z/∂y == 2 * x"])
    (9.0, 6.0, True)
    """

    def __init__(self, given: Mapping[str, Any], steps: str = "") -> None:
        self.given, self.steps = dict(given), steps
        self.values = self._computed({})
        self._known: dict[tuple[str, str], Array] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, expression: str) -> Any:
        return self.evaluate(expression, {})

    def evaluate(self, expression: str, helpers: Mapping[str, Any]) -> Any:
        """The value of an expression of these quantities; helpers are names of its own."""
        return eval(_code(expression), {**NAMES, **helpers, **self.values, "s": self})

    def derivative(self, of: str, wrt: str, at_of: tuple[Any, ...], at_wrt: tuple[Any, ...]) -> Any:
        """∂of/∂wrt, or a part of it."""
        if (of, wrt) not in self._known:
            self._known[of, wrt] = self._both_ways(of, wrt)
        every = (slice(None),) * np.ndim(self.values[of])
        return self._known[of, wrt][(at_of or every) + at_wrt]

    def _both_ways(self, of: str, wrt: str) -> Array:
        def f(value: Any) -> Any:
            return self._computed({wrt: value})[of]

        at = np.asarray(self.values[wrt], float)
        exact, close = np.asarray(jacobian(f)(at)), differences(f, at)
        error = np.max(np.abs(exact - close), initial=0)
        assert error <= 1e-7 * (1 + np.max(np.abs(close), initial=0)), (
            f"autograd and differences do not agree on ∂{of}/∂{wrt}: they are {error:.1e} apart"
        )
        return exact

    def _computed(self, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """All quantities, where some are fixed at a value."""
        values = {**self.given, **fixed}
        for name, expression in _steps(self.steps):
            if name not in fixed:
                values[name] = eval(_code(expression), {**NAMES, **values})
        return values


@cache
def _steps(program: str) -> list[tuple[str, str]]:
    """The names and expressions of a program, a step on each line or before each semicolon."""
    steps = filter(None, map(str.strip, re.split("[;\n]", program)))
    return [(name, expression) for name, _, expression in (step.partition(" = ") for step in steps)]


@cache
def _code(expression: str) -> CodeType:
    def looked_up(found: re.Match[str]) -> str:
        of, wrt = (f"({part[1:-1]},)" if part else "()" for part in found.group(2, 4))
        return f"s.derivative('{found[1]}', '{found[3]}', {of}, {wrt})"

    return compile(_DERIVATIVE.sub(looked_up, expression), expression, "eval")


def differences(f: Callable[[Any], Any], at: Array, step: float = 1e-3) -> Array:
    """The derivative of f by central differences, refined once by Richardson's rule.

    >>> bool(abs(differences(np.exp, np.array(0.0)) - 1) < 1e-12)
    True
    """
    columns = []
    for index in np.ndindex(at.shape):
        unit = np.zeros(at.shape)
        unit[index] = step
        wide = (np.asarray(f(at + unit)) - np.asarray(f(at - unit))) / (2 * step)
        narrow = (np.asarray(f(at + unit / 2)) - np.asarray(f(at - unit / 2))) / step
        columns.append((4 * narrow - wide) / 3)
    return np.stack(columns, axis=-1).reshape(columns[0].shape + at.shape)


def random_samples(program: str) -> Callable[[], list[Sample]]:
    """The same few samples at each call: steps that use `rng` draw what the others start from."""

    def drawn(seed: int) -> Sample:
        given: dict[str, Any] = {}
        names, steps = {"rng": np.random.default_rng(seed)}, []
        for name, expression in _steps(program):
            if "rng" in expression:
                given[name] = eval(_code(expression), {**NAMES, **names, **given})
            else:
                steps.append(f"{name} = {expression}")
        return Sample(given, "\n".join(steps))

    return cache(lambda: [drawn(seed) for seed in SEEDS])


def sigmoid(z: Any) -> Any:
    """1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(z: Any) -> Any:
    """σ'(z), as the difference quotient of a tiny imaginary step: no formula to get wrong."""
    return np.imag(sigmoid(np.asarray(z) + 1e-20j)) / 1e-20


def softmax(z: Any) -> Any:
    """eᶻ, divided by its sum in each column."""
    return np.exp(z) / np.sum(np.exp(z), axis=0)


def flat(*arrays: Any) -> Array:
    """All entries of several arrays, one after another."""
    return np.concatenate([np.ravel(array) for array in arrays])


def sgd_step(value: Array, gradient: Array, rate: float) -> Array:
    """The value after a step of nn's plain gradient descent."""
    parameter = Tensor(np.array(value, float), requires_grad=True)
    parameter.grad = np.array(gradient, float)
    nn.optim.SGD([parameter], lr=rate).step()
    return parameter.numpy()


def stepped(s: Sample, names: str, updated: str, cost: str = "L") -> Array:
    """Quantities of these names after a step of gradient descent that moves only the second."""
    return flat(*(
        sgd_step(s.values[name], s[f"∂{cost}/∂{name}"], s.rate) if name in updated.split()
        else s.values[name] for name in names.split()
    ))  # fmt: skip


def sparse(penalty: Callable[[Any], Any]) -> bool:
    """Whether (w − 0.3)² / 2 plus a penalty, on a grid, is least at exactly 0."""
    w = np.linspace(-2, 2, 4001)
    return bool(w[np.argmin((w - 0.3) ** 2 / 2 + penalty(w))] == 0)


def cost(w: Array) -> Array:
    """A landscape of two valleys, the deeper one on the left."""
    return (w**2 - 1) ** 2 + w / 2


@cache
def lowest(start: float) -> float:
    """Where the cost is least, from a start to 2."""
    w = np.linspace(start, 2, 400_001)
    return round(float(w[np.argmin(cost(w))]), 3)


@cache
def descended(start: float, noise: float = 0.0, steps: int = 2000) -> float:
    """Where gradient descent ends; with noise, the slope of a batch is too large or too small."""
    w, rng = np.array(start), np.random.default_rng(0)
    for step in range(steps):
        error = noise * (1 - step / steps) * rng.choice([-1, 1])
        w = sgd_step(w, 4 * w * (w**2 - 1) + 0.5 + error, 0.02)
    return round(float(w), 3)


NAMES = {
    "np": np, "nn": nn, "Tensor": Tensor, "Sample": Sample, "sigmoid": sigmoid, "softmax": softmax,
    "sigmoid_slope": sigmoid_slope, "flat": flat, "sgd_step": sgd_step, "stepped": stepped,
    "sparse": sparse, "cost": cost, "lowest": lowest, "descended": descended,
    "product": product, "combinations": combinations,
}  # fmt: skip
