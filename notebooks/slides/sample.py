"""Quantities computed one from another, at random values, and the derivative of each by each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from microgradnd import Tensor, jacobian
from nn.optim import SGD

Array = Any  # a NumPy array
SEEDS = (0, 1, 2)


class Sample:
    """What a slide talks about, with numbers: a network with its weights, inputs and cost.

    Each step computes one quantity from those before it. `sample.z` is a value. `sample["∂J/∂z"]`
    is a derivative, entry by entry: its shape is that of J and then that of z. An entry is written
    `sample["∂J/∂W[0, 1]"]`, counted from 0. What depends on z is computed anew from a z that moves,
    by autograd and by differences, and the two must agree.

    >>> sample = Sample({"x": 3.0}, {"y": lambda v: v.x**2, "z": lambda v: np.sin(v.y)})
    >>> sample.y, float(sample["∂y/∂x"])
    (9.0, 6.0)
    """

    def __init__(
        self, given: Mapping[str, Any], steps: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        self._given, self.steps = dict(given), dict(steps or {})
        self._values = self._computed({})
        self._known: dict[str, Array] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._values, name)

    def __contains__(self, name: str) -> bool:
        return hasattr(self._values, name)

    def __getitem__(self, derivative: str) -> Array:
        if derivative not in self._known:
            of, by = (_name_and_index(part) for part in derivative.split("/"))
            whole = self._derivative(of[0], by[0])
            axes_of = np.ndim(getattr(self._values, of[0]))
            axes_by = whole.ndim - axes_of
            every = (slice(None),)
            self._known[derivative] = whole[(of[1] or every * axes_of) + (by[1] or every * axes_by)]
        return self._known[derivative]

    def _computed(self, held: Mapping[str, Any]) -> SimpleNamespace:
        """All quantities, where those that are held keep the value they are given."""
        values = SimpleNamespace(**{**self._given, **held})
        for name, step in self.steps.items():
            setattr(values, name, held[name] if name in held else step(values))
        return values

    def _derivative(self, of: str, by: str) -> Array:
        def f(value: Any) -> Any:
            return getattr(self._computed({by: value}), of)

        at = np.asarray(getattr(self._values, by), float)
        exact, close = np.asarray(jacobian(f)(at)), differences(f, at)
        error = np.max(np.abs(exact - close), initial=0)
        assert error <= 1e-7 * (1 + np.max(np.abs(close), initial=0)), (
            f"autograd and differences do not agree on ∂{of}/∂{by}: they are {error:.1e} apart"
        )
        return exact


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


def random_samples(make: Callable[[np.random.Generator], Sample]) -> Callable[[], list[Sample]]:
    """The same few random samples whenever they are asked for."""
    return cache(lambda: [make(np.random.default_rng(seed)) for seed in SEEDS])


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
    SGD([parameter], lr=rate).step()
    return parameter.numpy()


def _name_and_index(part: str) -> tuple[str, tuple[int, ...]]:
    """'∂W[0, 1]' taken apart: ('W', (0, 1))."""
    found = re.fullmatch(r"∂(\w+)(?:\[([\d, ]+)\])?", part)
    assert found, f"a derivative is written ∂J/∂z or ∂J/∂W[0, 1], not {part!r}"
    return found[1], tuple(int(k) for k in found[2].split(",")) if found[2] else ()
