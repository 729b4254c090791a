"""The perceptron: a weighted sum and a step, taught by Rosenblatt's rule.

Points are rows. In homogeneous coordinates each has a 1 appended, so that the bias is a weight like
the others and a perceptron fires where w · x > 0. Perceptrons joined by AND fire inside a region,
and a region for each class separates several classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import require

_FIT = "call fit(points, labels)"


class Outcome(NamedTuple):
    """How learning ended: which points are still on the wrong side, after how many corrections.

    >>> Perceptron().fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).separated  # XOR
    False
    """

    wrong: Array
    corrections: int

    @property
    def separated(self) -> bool:
        """Whether every point is on its side."""
        return len(self.wrong) == 0


class Perceptron:
    """A neuron that fires, or does not: 1 where w · x + b > 0, else `low`.

    Arguments:
        low: the other output, -1 or 0.
        weights: in homogeneous coordinates, the bias last; by default learning begins with zeros.

    >>> either = Perceptron(low=0)
    >>> either.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1]).separated
    True
    >>> either([[0, 0], [2, 3]])
    array([0, 1])
    """

    def __init__(self, low: int = -1, weights: ArrayLike | None = None) -> None:
        require(low in (-1, 0), f"the low output of a perceptron must be -1 or 0, got {low!r}")
        self.low, self.weights = low, None if weights is None else np.array(weights, float)

    def fit(self, points: ArrayLike, labels: ArrayLike, max_corrections: int = 10_000) -> Outcome:
        """Learns from points that should make it fire (label 1) and points that should not.

        Rosenblatt's rule takes misclassified points in turn, and adds y · x to the weights, with
        y = 1 for points with label 1, else -1. It stops when y (w · x) > 0 for all points, which it
        reaches if a line (a plane, ...) separates them; else after `max_corrections`.
        """
        (x, w), y = self._homogeneous(points), _signs(points, labels)
        corrections = last = 0
        while (wrong := np.flatnonzero(y * (x @ w) <= 0)).size and corrections < max_corrections:
            last = wrong[np.searchsorted(wrong, last, side="right") % wrong.size]  # the next one
            w += y[last] * x[last]
            corrections += 1
        self.weights = w
        return Outcome(wrong, corrections)

    def depth(self, points: ArrayLike) -> Array:
        """Returns how far each point is on the firing side of the boundary; negative elsewhere."""
        taught = self.weights is not None
        require(taught, f"this perceptron has no weights yet: {_FIT}", RuntimeError)
        x, w = self._homogeneous(points)
        return np.asarray(x @ w / (np.linalg.norm(w[:-1]) or 1.0))

    def __call__(self, points: ArrayLike) -> Array:
        """Returns 1 or `low` for each point."""
        return np.where(self.depth(points) > 0, 1, self.low)

    def _homogeneous(self, points: ArrayLike) -> tuple[Array, Array]:
        """The points, and a copy of the weights for them."""
        x = homogeneous(points)
        w = np.zeros(x.shape[1]) if self.weights is None else self.weights.copy()
        expected, found = len(w) - 1, x.shape[1] - 1
        require(found == expected, f"expected points with {expected} coordinates, got {found}")
        return x, w


class Region:
    """Perceptrons joined by AND: 1 for a point at which all of them fire, else `low`.

    AND is a perceptron itself: with weights 1 and a bias of ½ less than their number, it fires
    when all its inputs are 1 and not when one of them is 0.

    >>> region = Region(low=0)
    >>> region.fit([[0, 0], [5, 0], [0, 5], [-5, 0], [0, -5]], [1, 0, 0, 0, 0]).separated
    True
    >>> region([[0, 0], [5, 0]])
    array([1, 0])
    """

    def __init__(self, perceptrons: Iterable[Perceptron] = (), low: int = -1) -> None:
        self.perceptrons = [Perceptron(0, perceptron.weights) for perceptron in perceptrons]
        self.low = low

    @property
    def gate(self) -> Perceptron:
        """The perceptron that joins the others, whose outputs are its inputs."""
        count = len(self.perceptrons)
        return Perceptron(self.low, [*[1.0] * count, 0.5 - count])

    def fit(
        self, points: ArrayLike, labels: ArrayLike, sides: int = 4, max_corrections: int = 10_000
    ) -> Outcome:
        """Encloses the points with label 1 by this many perceptrons.

        The points outside are divided by the direction in which they lie, and each perceptron
        learns to separate one part of them from the points inside.
        """
        x, y = np.asarray(points, float), _signs(points, labels)
        inside, outside = np.flatnonzero(y > 0), np.flatnonzero(y < 0)
        both = inside.size and outside.size
        require(both, "a region needs points inside and points outside (labels 1 and 0)")
        directions = _unit(x[outside] - x[inside].mean(axis=0))
        part = _bundles(directions, min(sides, len(outside)))
        self.perceptrons, corrections = [], 0
        for number in np.unique(part):
            chosen = np.concatenate([inside, outside[part == number]])
            self.perceptrons.append(Perceptron(0))
            outcome = self.perceptrons[-1].fit(x[chosen], y[chosen], max_corrections)
            corrections += outcome.corrections
        return Outcome(np.flatnonzero((self(x) == 1) != (y > 0)), corrections)

    def depth(self, points: ArrayLike) -> Array:
        """Returns how far each point is inside, from the nearest side; negative outside."""
        require(self.perceptrons, f"this region has no sides yet: {_FIT}", RuntimeError)
        return np.asarray(np.min([side.depth(points) for side in self.perceptrons], axis=0))

    def __call__(self, points: ArrayLike) -> Array:
        """Returns 1 or `low` for each point."""
        return np.where(self.depth(points) > 0, 1, self.low)


class Regions:
    """A region for each of several classes: a point gets the class whose region it is deepest in.

    >>> classes = Regions()
    >>> classes.fit([[0, 0], [0, 1], [5, 0], [5, 1], [0, 9], [1, 9]], [0, 0, 1, 1, 2, 2]).separated
    True
    >>> classes([[0, 0.5], [6, 0], [1, 8]])
    array([0, 1, 2])
    """

    def __init__(self) -> None:
        self.regions: dict[Any, Region] = {}

    def fit(
        self, points: ArrayLike, labels: ArrayLike, sides: int = 4, max_corrections: int = 10_000
    ) -> Outcome:
        """Encloses each class of points by this many perceptrons."""
        labels, corrections = np.asarray(labels), 0
        found = np.unique(labels)
        require(len(found) > 1, f"expected points of two classes or more, got {len(found)}")
        self.regions = {name: Region(low=0) for name in found}
        for name, region in self.regions.items():
            corrections += region.fit(points, labels == name, sides, max_corrections).corrections
        return Outcome(np.flatnonzero(self(points) != labels), corrections)

    def __call__(self, points: ArrayLike) -> Array:
        """Returns the class of each point."""
        require(self.regions, f"these regions have no sides yet: {_FIT}", RuntimeError)
        deepest = np.argmax([region.depth(points) for region in self.regions.values()], axis=0)
        return np.asarray(np.array(list(self.regions))[deepest])


def homogeneous(points: ArrayLike) -> Array:
    """Returns the points, one in a row, each with a 1 appended."""
    rows = np.asarray(points, float)
    must = "points must be the rows of an array of two axes"
    require(rows.ndim == 2, f"{must}, got shape {rows.shape}")
    require(np.isfinite(rows).all(), "coordinates must be finite, got nan or inf")
    return np.pad(rows, ((0, 0), (0, 1)), constant_values=1)


def _signs(points: ArrayLike, labels: ArrayLike) -> Array:
    """1 for the points that should make a perceptron fire, -1 for the others."""
    labels, count = np.asarray(labels), len(np.asarray(points))
    shape, values = labels.shape, np.unique(labels).tolist()
    require(shape == (count,), f"{count} points need as many labels, got shape {shape}")
    two = {*values} <= {0, 1} or {*values} <= {-1, 1}
    require(two, f"labels must be 1 and -1, 1 and 0, or booleans, got {values}")
    return np.where(labels == 1, 1.0, -1.0)


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def _bundles(directions: Array, count: int) -> Array:
    """The directions divided into bundles by k-means: the number of the bundle of each."""
    means = directions[:1]
    while len(means) < count:  # begin with directions as far apart as can be
        means = np.vstack([means, directions[np.argmin(np.max(directions @ means.T, axis=1))]])
    nearest: Array = np.argmax(directions @ means.T, axis=1)
    for _ in range(100):
        member = nearest == np.arange(count)[:, np.newaxis]
        means = np.where(member.any(axis=1, keepdims=True), _unit(member @ directions), means)
        before, nearest = nearest, np.argmax(directions @ means.T, axis=1)
        if np.array_equal(before, nearest):
            break
    return nearest
