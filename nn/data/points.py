"""Points in the plane, in shapes that no straight line can separate.

>>> [len(shape.inputs) for shape in (circles(50), spirals(60, arms=3), xor(70), blobs(80))]
[50, 60, 70, 80]
"""

from __future__ import annotations

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import require

from ..init import zeros
from .examples import Data, Seed, generator_from


def moons(points: int = 200, noise: float = 0.1, seed: Seed = None) -> Data:
    """Returns two half circles, each with an end inside the other.

    >>> moons(100, seed=0)
    Data(100 examples of shape (2,))
    """
    rng, label = _begin(points, 2, seed)
    x, y = _polar(1.0, np.pi * rng.random(points))
    return _noisy(np.where(label, 1 - x, x), np.where(label, 0.5 - y, y), label, noise, rng)


def circles(points: int = 200, noise: float = 0.05, inner: float = 0.5, seed: Seed = None) -> Data:
    """Returns a circle of radius 1 (label 0) around one of radius `inner` (label 1)."""
    rng, label = _begin(points, 2, seed)
    x, y = _polar(np.where(label, inner, 1), 2 * np.pi * rng.random(points))
    return _noisy(x, y, label, noise, rng)


def spirals(
    points: int = 200, noise: float = 0.02, arms: int = 2, turns: float = 1.0, seed: Seed = None
) -> Data:
    """Returns arms that wind `turns` times around each other on their way out to radius 1."""
    rng, label = _begin(points, arms, seed)
    radius = np.sqrt(rng.uniform(0.02, 1, points))  # as many points for each length of an arm
    x, y = _polar(radius, 2 * np.pi * (turns * radius + label / arms))
    return _noisy(x, y, label, noise, rng)


def xor(points: int = 200, noise: float = 0.0, seed: Seed = None) -> Data:
    """Returns points of the square from -1 to 1: label 1 where the signs of x and y differ."""
    rng, label = _begin(points, 2, seed)
    x, y = rng.uniform(-1, 1, (2, points))
    return _noisy(x, np.copysign(y, np.where(label, -x, x)), label, noise, rng)


def blobs(points: int = 200, noise: float = 0.3, classes: int = 3, seed: Seed = None) -> Data:
    """Returns a cloud for each class, the clouds evenly on a circle of radius 1."""
    rng, label = _begin(points, classes, seed)
    return _noisy(*_polar(1.0, 2 * np.pi * label / classes), label, noise, rng)


def _begin(points: int, classes: int, seed: Seed) -> tuple[np.random.Generator, Array]:
    """The generator, and the label of each point: as many of each class, in random order."""
    require(min(points, classes) > 0, f"there is no shape of {points} points in {classes} classes")
    rng = generator_from(seed)
    return rng, rng.permutation(np.arange(points) % classes)


def _polar(radius: Array | float, angle: Array) -> tuple[Array, Array]:
    return radius * np.cos(angle), radius * np.sin(angle)


def _noisy(x: Array, y: Array, label: Array, noise: float, rng: np.random.Generator) -> Data:
    points = np.stack([x, y], axis=1)
    points += noise * rng.standard_normal(points.shape)
    return Data(points.astype(zeros().dtype), label)
