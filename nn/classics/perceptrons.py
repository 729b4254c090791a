"""The perceptron: a weighted sum and a step, taught by Rosenblatt's rule.

Points are rows. In homogeneous coordinates each has a 1 appended, so that the bias is a weight like
the others and a perceptron fires where w · x > 0. Perceptrons joined by AND fire inside a region,
and a region for each class tells several classes apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a NumPy array


class Outcome(NamedTuple):
    """How learning ended: which points are still on the wrong side, after how many corrections.

    >>> from nn.classics.perceptrons import Perceptron
    >>> outcome = Perceptron().fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])  # XOR
    >>> outcome.separated, outcome.corrections
    (False, 10000)
    """

    wrong: Array
    corrections: int

    @property
    def separated(self) -> bool:
        """Whether every point is on its side."""
        return len(self.wrong) == 0


class Perceptron:
    """A neuron that fires, or does not: 1 where w · x + b > 0, else `low`.

    `low` is the other output: -1, or 0. `weights` are in homogeneous coordinates, the bias last;
    without any, learning begins with zeros.

    >>> from nn.classics.perceptrons import Perceptron
    >>> points = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> either = Perceptron(low=0)
    >>> either.fit(points, [0, 1, 1, 1]).separated
    True
    >>> either(points)
    array([0, 1, 1, 1])
    """

    def __init__(self, low: int = -1, weights: Any = None) -> None:
        if low not in (-1, 0):
            raise ValueError(f"the low output of a perceptron is -1 or 0, not {low!r}")
        self.low = low
        self.weights: Array | None = None if weights is None else np.array(weights, float)

    def fit(self, points: Any, labels: Any, max_corrections: int = 10_000) -> Outcome:
        """Learn from points that should make it fire (label 1) and points that should not.

        Rosenblatt's rule takes misclassified points in turn, and adds to the weights y · x, with
        y = 1 for a point that should make it fire and y = -1 for one that should not. It stops
        when y (w · x) > 0 for all points, which it reaches if a line (a plane, ...) separates
        them; else after `max_corrections`.
        """
        x, y = homogeneous(points), _signs(labels, len(np.asarray(points)))
        w = np.zeros(x.shape[1]) if self.weights is None else self._checked(x).copy()
        wrong = np.flatnonzero(y * (x @ w) <= 0)
        corrections = last = 0
        while wrong.size and corrections < max_corrections:
            last = wrong[np.searchsorted(wrong, last, side="right") % wrong.size]  # the next one
            w += y[last] * x[last]
            corrections += 1
            wrong = np.flatnonzero(y * (x @ w) <= 0)
        self.weights = w
        return Outcome(wrong, corrections)

    def depth(self, points: Any) -> Array:
        """How far each point lies on the firing side of the boundary; negative on the other."""
        x = homogeneous(points)
        w = self._checked(x)
        length = float(np.linalg.norm(w[:-1]))
        return np.asarray(x @ w) / (length if length > 0 else 1.0)

    def __call__(self, points: Any) -> Array:
        """1 or `low` for each point."""
        x = homogeneous(points)
        return np.where(x @ self._checked(x) > 0, 1, self.low)

    def _checked(self, x: Array) -> Array:
        if self.weights is None:
            raise RuntimeError("this perceptron has no weights yet: call fit(points, labels)")
        if x.shape[1] != len(self.weights):
            raise ValueError(
                f"this perceptron takes points with {len(self.weights) - 1} coordinates, "
                f"found {x.shape[1] - 1}"
            )
        return self.weights


class Region:
    """Perceptrons joined by AND: 1 for a point at which all of them fire, else `low`.

    AND is a perceptron itself: with weights 1 and a bias of ½ less than their number, it fires
    when all its inputs are 1 and not when one of them is 0.

    >>> import numpy as np
    >>> from nn.classics.perceptrons import Region
    >>> turns = np.arange(8) * np.pi / 4
    >>> ring = 3 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    >>> points, labels = np.concatenate([ring / 6, ring]), [1] * 8 + [0] * 8
    >>> region = Region(low=0)
    >>> region.fit(points, labels, sides=3).separated
    True
    >>> region([[0.1, 0.2], [3.0, -1.0]])
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
        self, points: Any, labels: Any, sides: int = 4, max_corrections: int = 10_000
    ) -> Outcome:
        """Enclose the points with label 1 by so many perceptrons.

        The points outside are divided by the direction in which they lie, and each perceptron
        learns to tell one part of them from the points inside.
        """
        x, y = np.asarray(points, float), _signs(labels, len(np.asarray(points)))
        inside, outside = np.flatnonzero(y > 0), np.flatnonzero(y < 0)
        if not inside.size or not outside.size:
            raise ValueError("to enclose a region takes points inside and points outside")
        directions = _unit(x[outside] - x[inside].mean(axis=0))
        part = _parts(directions, min(sides, len(outside)))
        self.perceptrons, corrections = [], 0
        for number in np.unique(part):
            chosen = np.concatenate([inside, outside[part == number]])
            perceptron = Perceptron(0)
            corrections += perceptron.fit(x[chosen], y[chosen], max_corrections).corrections
            self.perceptrons.append(perceptron)
        return Outcome(np.flatnonzero((self(x) == 1) != (y > 0)), corrections)

    def depth(self, points: Any) -> Array:
        """How far each point is inside, by the nearest side; negative outside."""
        depths = [perceptron.depth(points) for perceptron in self._sides()]
        return np.asarray(np.min(depths, axis=0))

    def __call__(self, points: Any) -> Array:
        """1 or `low` for each point."""
        fired = np.stack([perceptron(points) for perceptron in self._sides()], axis=1)
        return self.gate(fired)

    def _sides(self) -> Sequence[Perceptron]:
        if not self.perceptrons:
            raise RuntimeError("this region has no sides yet: call fit(points, labels)")
        return self.perceptrons


class Regions:
    """A region for each of several classes: a point gets the class whose region it is deepest in.

    >>> from nn.classics.perceptrons import Regions
    >>> points = [[0, 0], [0, 1], [5, 0], [5, 1], [0, 9], [1, 9]]
    >>> classes = Regions()
    >>> classes.fit(points, ["a", "a", "b", "b", "c", "c"]).separated
    True
    >>> classes([[0, 0.5], [6, 0], [1, 8]])
    array(['a', 'b', 'c'], dtype='<U1')
    """

    def __init__(self) -> None:
        self.regions: dict[Any, Region] = {}

    def fit(
        self, points: Any, labels: Any, sides: int = 4, max_corrections: int = 10_000
    ) -> Outcome:
        """Enclose each class of points by so many perceptrons."""
        labels = np.asarray(labels)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError("to tell classes apart takes points of two classes or more")
        self.regions, corrections = {}, 0
        for name in classes:
            self.regions[name] = Region(low=0)
            outcome = self.regions[name].fit(points, labels == name, sides, max_corrections)
            corrections += outcome.corrections
        return Outcome(np.flatnonzero(self(points) != labels), corrections)

    def __call__(self, points: Any) -> Array:
        """The class of each point."""
        if not self.regions:
            raise RuntimeError("these regions have no sides yet: call fit(points, labels)")
        depths = [region.depth(points) for region in self.regions.values()]
        return np.array(list(self.regions))[np.argmax(depths, axis=0)]


def homogeneous(points: Any) -> Array:
    """The points, one in a row, each with a 1 appended.

    >>> from nn.classics.perceptrons import homogeneous
    >>> homogeneous([[2, 3]])
    array([[2., 3., 1.]])
    """
    rows = np.asarray(points, float)
    if rows.ndim != 2:
        raise ValueError(f"points are the rows of an array of two axes, found shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("points have finite coordinates, found nan or inf")
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _signs(labels: Any, count: int) -> Array:
    """1 for the points that should make a perceptron fire, -1 for the others."""
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise ValueError(f"{count} points need as many labels, found shape {labels.shape}")
    values = set(np.unique(labels).tolist())
    if not (values <= {0, 1} or values <= {-1, 1}):
        raise ValueError(f"labels are 1 and -1, or 1 and 0 (or truths), found {sorted(values)}")
    return np.where(labels == 1, 1.0, -1.0)


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _parts(directions: Array, count: int) -> Array:
    """The directions divided into so many bundles: the number of the bundle of each (k-means)."""
    means = directions[:1]
    while len(means) < count:  # begin with directions as far apart as can be
        farthest = np.argmin(np.max(directions @ means.T, axis=1))
        means = np.concatenate([means, directions[farthest : farthest + 1]])
    nearest = np.argmax(directions @ means.T, axis=1)
    for _ in range(100):
        member = nearest == np.arange(count)[:, np.newaxis]
        means = np.where(member.any(axis=1, keepdims=True), _unit(member @ directions), means)
        before, nearest = nearest, np.argmax(directions @ means.T, axis=1)
        if np.array_equal(before, nearest):
            break
    return nearest
