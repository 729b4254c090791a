"""Activations of neurons, and their way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = [
    "Activation", "elementwise", "elu", "identity", "leaky_relu", "log_softmax", "relu", "sigmoid",
    "softmax", "tanh",
]  # fmt: skip

Array: TypeAlias = Any  # a NumPy array; nothing here comes from the engine


class Activation(NamedTuple):
    """a = h(z), and the way back: from g = ∂C/∂a to ∂C/∂z.

    >>> a = sigmoid.of(0.0)
    >>> sigmoid.pull_back(1.0, 0.0, a)      # σ'(0)
    np.float64(0.25)
    """

    name: str
    of: Callable[[Array], Array]
    pull_back: Callable[[Array, Array, Array], Array]


def elementwise(
    name: str, of: Callable[[Array], Array], slope: Callable[[Array, Array], Array]
) -> Activation:
    """Makes an activation of single neurons, from h(z) and the slope h'(z), a function of z and a.

    >>> square = elementwise("square", lambda z: z * z, lambda z, a: 2 * z)
    >>> square.pull_back(1.0, 3.0, 9.0)
    6.0
    """
    return Activation(name, of, lambda g, z, a: g * slope(z, a))


def _logistic(z: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        return 1 / (1 + np.exp(-z))


identity = elementwise("identity", lambda z: z, lambda z, a: np.ones_like(z))
sigmoid = elementwise("sigmoid", _logistic, lambda z, a: a * (1 - a))
tanh = elementwise("tanh", np.tanh, lambda z, a: 1 - a * a)
relu = elementwise("relu", lambda z: np.maximum(z, 0), lambda z, a: z > 0)


def leaky_relu(alpha: float = 0.01) -> Activation:
    """Makes the activation z where z is positive, else α z.

    >>> leaky_relu(0.1).of(-2.0)
    np.float64(-0.2)
    """

    def slope(z: Array, a: Array = None) -> Array:
        return np.where(z > 0, 1, alpha)

    return elementwise("leaky relu", lambda z: z * slope(z), slope)


def elu(alpha: float = 1.0) -> Activation:
    """Makes the activation z where z is positive, else α (eᶻ - 1).

    >>> elu().of(3.0)
    array(3.)
    """

    def of(z: Array) -> Array:
        return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))

    return elementwise("elu", of, lambda z, a: np.where(z > 0, 1, a + alpha))


def softmax(axis: int) -> Activation:
    """Makes the activation aᵢ = exp zᵢ / Σⱼ exp zⱼ along the axis of the classes.

    The axis is -1 for points in rows, 0 in columns. Every a depends on every z:
    ∂aᵢ/∂zⱼ = aᵢ (1 - aᵢ) where i = j, else -aᵢ aⱼ.

    >>> softmax(-1).of([0.0, 0.0])
    array([0.5, 0.5])
    """

    def of(z: Array) -> Array:
        exponentials = np.exp(z - np.max(z, axis, keepdims=True))
        return exponentials / np.sum(exponentials, axis, keepdims=True)

    return Activation("softmax", of, lambda g, z, a: a * (g - np.sum(g * a, axis, keepdims=True)))


def log_softmax(axis: int) -> Activation:
    """Makes the logarithm of the softmax along the axis of the classes.

    >>> log_softmax(-1).of([1e4, 0.0])
    array([     0., -10000.])
    """

    def of(z: Array) -> Array:
        below = z - np.max(z, axis, keepdims=True)
        return below - np.log(np.sum(np.exp(below), axis, keepdims=True))

    return Activation(
        "log softmax", of, lambda g, z, a: g - np.exp(a) * np.sum(g, axis, keepdims=True)
    )
