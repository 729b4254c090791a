"""Backpropagation by hand: its forms agree with differences and with each other."""

import numpy as np
import pytest

from nn import equations as eq
from tests.numerical import slope


def network(rng):
    """Three weights, stored as (outputs, inputs), and three biases."""
    return [rng.normal(size=shape) for shape in [(3, 4), (5, 3), (2, 5), 3, 5, 2]]


def layers_of(arrays, activation):
    return [eq.Layer(W, b, activation) for W, b in zip(arrays[:3], arrays[3:], strict=True)]


def outputs_of(layers, x, *layout):
    return eq.feed_forward(layers, x, *layout)[-1][1]


def gradients_of(layers):
    return [g.dW for g in layers] + [g.db for g in layers]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


def assert_slopes(cost, arrays, gradients, rng):
    """The gradients are those of the cost, a function of the arrays: by differences."""
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    for k, gradient in enumerate(gradients):
        direction = rng.normal(size=arrays[k].shape)
        directions = [direction if j == k else 0 * a for j, a in enumerate(arrays)]
        (expected,) = slope(cost, arrays, directions, step=1e-5)  # short: there are kinks about
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-7, atol=1e-8)


ACTIVATIONS = [eq.identity, eq.sigmoid, eq.tanh, eq.relu, eq.leaky_relu(0.1), eq.elu(1.5)]
COUPLED = [kind(axis) for kind in (eq.softmax, eq.log_softmax) for axis in (0, 1)]
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)


@pytest.mark.parametrize("activation", ACTIVATIONS + COUPLED, ids=lambda a: a.name)
def test_the_way_back_through_activations_is_that_of_differences(rng, activation):
    z, g, direction = rng.normal(size=(3, 3, 4))
    (moved,) = slope(activation.of, [z], [direction])
    found = activation.pull_back(g, z, activation.of(z))
    np.testing.assert_allclose(np.sum(found * direction), np.sum(g * moved), rtol=1e-8)
    if activation in ACTIVATIONS:
        np.testing.assert_allclose(found * direction, g * moved, rtol=1e-8, atol=1e-10)


@each_activation
@pytest.mark.parametrize(("points", "stored"), eq.LAYOUTS)
def test_the_matrix_form_in_all_four_layouts(rng, points, stored, activation):
    arrays, x, y = network(rng), rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    turned = [array if stored == "outputs, inputs" else array.T for array in arrays]
    inputs, targets = (x, y) if points == "rows" else (x.T, y.T)
    options = inputs, targets, eq.quadratic_slope, points, stored
    found = eq.backpropagate(layers_of(turned, activation), *options)

    def cost(*arrays):
        outputs = outputs_of(layers_of(arrays[:-1], activation), arrays[-1], points, stored)
        return np.sum((targets - outputs) ** 2) / 2

    assert_slopes(cost, [*turned, inputs], [*gradients_of(found), found[0].dH], rng)
    usual = eq.backpropagate(layers_of(arrays, activation), x, y, eq.quadratic_slope)
    for mine, other in zip(found, usual, strict=True):
        delta = mine.delta if points == "rows" else mine.delta.T
        close(delta, other.delta)


@each_activation
def test_the_elemental_form_and_bp1_to_bp4_are_the_matrix_form(rng, activation):
    arrays, x, y = network(rng), rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    layers = layers_of(arrays, activation)
    expected = eq.backpropagate(layers, x, y, eq.quadratic_slope)
    turned = [array.T for array in arrays]
    found = eq.elemental(turned[:3], turned[3:], activation, x[0], y[0])
    outputs = eq.feed_forward(layers, x)
    slopes = [1.0, *(activation.pull_back(1.0, z[0], a[0]) for z, a in outputs)]
    delta = eq.bp1(outputs[-1][1][0] - y[0], slopes[-1])
    for number in (2, 1, 0):
        before = outputs[number - 1][1][0] if number else x[0]
        books = delta, eq.bp4(before, delta), eq.bp3(delta)
        for mine, book, row in zip(found[number], books, expected[number], strict=False):
            close(np.reshape(mine.T, row.shape), row)
            close(np.reshape(book, row.shape), row)
        close(found[number].dH, expected[number].dH[0])
        delta = eq.bp2(arrays[number], delta, slopes[number])
    close(delta, expected[0].dH[0])


@pytest.mark.parametrize("hidden", [eq.sigmoid, eq.tanh, eq.relu], ids=lambda a: a.name)
def test_softmax_with_cross_entropy(rng, hidden):
    arrays, x, y = network(rng), rng.normal(size=(6, 4)), np.eye(2)[rng.integers(0, 2, 6)]

    def batch(*arrays):
        return eq.softmax_batch(arrays[:3], arrays[3:], hidden, x.T, y.T)

    def point(*arrays, i=0):
        return eq.softmax_point(arrays[:3], arrays[3:6], hidden, arrays[6], y[i])

    loss, found = batch(*arrays)
    assert_slopes(lambda *a: batch(*a)[0], arrays, gradients_of(found), rng)
    points = [point(*arrays, x[i], i=i) for i in range(6)]
    first = points[0][1]
    of_point = [*gradients_of(first), first[0].dH]
    assert_slopes(lambda *a: point(*a)[0], [*arrays, x[0]], of_point, rng)
    assert loss == pytest.approx(np.mean([loss for loss, _ in points]))
    for layer, batch in enumerate(found):
        for i, (_, gradients) in enumerate(points):
            one = batch.dZ[:, i], batch.dW_each[i], batch.db_each[i], batch.dH[:, i]
            for entry, other in zip(one, gradients[layer], strict=True):
                close(entry, other)
        close(batch.dW, batch.dW_each.mean(axis=0))
        close(batch.db, batch.db_each.mean(axis=0))
    close(found[-1].dZ.sum(axis=0), 0)  # p and y add up to 1


@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_sigmoids_with_cross_entropy_and_a_regulariser(rng, strength):
    arrays = network(rng)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 2)).astype(float)

    def cost(*arrays):
        return eq.sigmoid_batch(arrays[:3], arrays[3:], x, y, strength)[0]

    value, found = eq.sigmoid_batch(arrays[:3], arrays[3:], x, y, strength)
    assert_slopes(cost, arrays, gradients_of(found), rng)
    a = outputs_of(layers_of(arrays, eq.sigmoid), x)
    entropy = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / 6
    assert value == pytest.approx(entropy + strength / 12 * sum(np.sum(W**2) for W in arrays[:3]))


def test_saturated_outputs_stay_exact():
    W, x = np.array([[1000.0]]), np.array([[1.0]])
    cost, (layer,) = eq.sigmoid_batch([W], [np.zeros(1)], x, np.zeros((1, 1)))
    assert (cost, layer.delta.item()) == (1000.0, 1.0)
    W, b = np.array([[1000.0], [0.0]]), np.zeros(2)
    loss, (layer,) = eq.softmax_point([W], [b], eq.tanh, [1.0], [0, 1])
    assert (loss, layer.delta.tolist()) == (1000.0, [1.0, -1.0])
