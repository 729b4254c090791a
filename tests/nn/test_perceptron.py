"""Rosenblatt's rule separates what a plane can separate, and reports what it could not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.classics.perceptrons import Perceptron, Region, Regions, homogeneous

SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def separable(rng, count, dimensions, gap=0.1):
    """Random points, a plane that keeps a gap to all of them, and on which side each one lies."""
    normal = rng.normal(size=dimensions)
    normal /= np.linalg.norm(normal)
    points = rng.uniform(-1, 1, (count, dimensions))
    offset = rng.uniform(-0.3, 0.3)
    distance = points @ normal - offset
    points += np.where(distance > 0, gap, -gap)[:, np.newaxis] * normal
    return points, np.where(distance > 0, 1, -1), np.append(normal, -offset)


@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize(
    ("labels", "separates"),
    [([0, 0, 0, 1], True), ([0, 1, 1, 1], True), ([1, 1, 0, 0], True), ([0, 1, 1, 0], False)],
    ids=["and", "or", "not", "xor"],
)
def test_gates(low, labels, separates):
    labels = np.where(labels, 1, low)
    perceptron = Perceptron(low=low)
    outcome = perceptron.fit(SQUARE, labels, max_corrections=1000)
    assert outcome.separated == separates == (outcome.corrections < 1000)
    assert np.array_equal(perceptron(SQUARE), labels) == separates
    scores = np.where(labels == 1, 1, -1) * (homogeneous(SQUARE) @ perceptron.weights)
    np.testing.assert_array_equal(outcome.wrong, np.flatnonzero(scores <= 0))


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 5))
def test_what_a_plane_separates_is_separated_within_novikoffs_bound(seed, count, dimensions):
    points, labels, plane = separable(np.random.default_rng(seed), count, dimensions)
    perceptron = Perceptron()
    outcome = perceptron.fit(points, labels)
    assert outcome.separated
    np.testing.assert_array_equal(perceptron(points), labels)
    x = homogeneous(points)
    margin = np.min(labels * (x @ plane)) / np.linalg.norm(plane)
    assert outcome.corrections <= (np.max(np.linalg.norm(x, axis=1)) / margin) ** 2


def test_weights_change_by_misclassified_points_alone(rng):
    points, labels, _ = separable(rng, 30, 3)
    first = rng.normal(size=4)
    perceptron, x, before = Perceptron(weights=first), homogeneous(points), first
    while perceptron.fit(points, labels, max_corrections=1).corrections:
        change = perceptron.weights - before
        (index,) = np.flatnonzero(np.all(np.isclose(labels[:, np.newaxis] * x, change), axis=1))
        assert labels[index] * (x[index] @ before) <= 0
        before = perceptron.weights
    np.testing.assert_array_equal(perceptron(points), labels)


@pytest.mark.parametrize("low", [-1, 0])
def test_a_point_on_the_boundary_does_not_make_it_fire(low):
    found = Perceptron(low, weights=[1, 0, -1])([[0.5, 9], [1, 9], [2, 9]])
    np.testing.assert_array_equal(found, [low, low, 1])


def ring(rng, count, inner, outer, centre=(0, 0)):
    angle, radius = rng.uniform(0, 2 * np.pi, count), rng.uniform(inner, outer, count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, np.newaxis] + centre


@pytest.mark.parametrize("sides", [1, 3, 4, 8])
def test_perceptrons_joined_by_and_enclose_a_region(rng, sides):
    points = np.concatenate([ring(rng, 60, 0, 1), ring(rng, 120, 2.5, 4)])
    labels = np.repeat([1, 0], [60, 120])
    region = Region(low=0)
    outcome = region.fit(points, labels, sides, max_corrections=2000)
    assert outcome.separated == (sides > 1)
    assert len(region.perceptrons) == sides
    np.testing.assert_array_equal(outcome.wrong, np.flatnonzero(region(points) != labels))
    np.testing.assert_array_equal(region.depth(points) > 0, region(points) == 1)


def test_a_region_is_where_all_fire(rng):
    sides = [Perceptron(weights=w) for w in ([1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1])]
    box = Region(sides)
    points = rng.uniform(-2, 2, (200, 2))
    inside = np.all(np.abs(points) < 1, axis=1)
    np.testing.assert_array_equal(box(points), np.where(inside, 1, -1))
    np.testing.assert_allclose(box.depth(points), 1 - np.max(np.abs(points), axis=1))
    np.testing.assert_array_equal(box.gate.weights, [1, 1, 1, 1, -3.5])


def test_several_classes(rng):
    centres = [(0, 0), (5, 0), (0, 5), (5, 5), (2.5, 2.5)]  # the last is among the others
    around = lambda r: np.concatenate([ring(rng, 30, 0, r, centre) for centre in centres])  # noqa: E731
    learnt, fresh = around(1), around(0.7)
    labels, classes = np.repeat(np.arange(5), 30), Regions()
    assert classes.fit(learnt, labels).separated
    assert np.mean(classes(fresh) == labels) > 0.95
