"""Penalties are terms of the cost with the gradients of the books, and constraints hold."""

import numpy as np
import pytest

from microgradnd import Tensor, history
from nn.containers import Sequential
from nn.functions import Tanh
from nn.layers.convolution import Conv2d
from nn.layers.dense import Linear
from nn.optim import SGD
from nn.train.regularisation import L1, L2, MaxNorm
from tests.numerical import slope


def network():
    return Sequential(Linear(4, 3), Tanh(), Linear(3, 2))


def cost(model, x):
    return np.mean(model(x) ** 2)


@pytest.mark.parametrize(
    ("penalty", "f"),
    [(L2(0.3), lambda w: 0.3 / 2 * np.sum(w**2)), (L1(0.3), lambda w: 0.3 * np.sum(np.abs(w)))],
)
@pytest.mark.parametrize("biases", [False, True])
def test_a_penalty_is_the_sum_over_weights(rng, penalty, f, biases):
    model = network()
    penalty = type(penalty)(0.3, biases=biases)
    weights = [p for name, p in model.named_parameters() if biases or "weight" in name]
    assert penalty(model).item() == pytest.approx(sum(f(p.numpy()) for p in weights))
    assert penalty(weights).item() == pytest.approx(penalty(model).item())
    penalty(model).backward()
    for p in model.parameters():
        if any(p is w for w in weights):
            direction = rng.normal(size=p.shape)
            (expected,) = slope(f, [p.numpy()], [direction])
            np.testing.assert_allclose(np.sum(p.grad * direction), expected, rtol=1e-8)
        else:
            assert p.grad is None


def test_a_penalty_is_visible_in_the_graph(rng):
    model = network()
    total = cost(model, rng.normal(size=(5, 4))) + L2(0.1)(model)
    found = [t for t in history(total) if t.scope == ("L2",)]
    assert {model[0].weight, model[2].weight} <= {parent for t in found for parent in t.parents}


@pytest.mark.parametrize("lam", [0.0, 0.7])
def test_the_four_ways_of_the_course(lam):
    """λ·½w², λw², λ/2n w² and λ/2m w², each as a strength."""
    n = 50
    w = Tensor([[1.5, -2.0]], requires_grad=True)
    squares = 1.5**2 + 2.0**2
    assert L2(lam)([w]).item() == pytest.approx(lam * squares / 2)
    assert L2(2 * lam)([w]).item() == pytest.approx(lam * squares)
    assert L2(lam / n)([w]).item() == pytest.approx(lam / (2 * n) * squares)


def test_l2_is_the_weight_decay_of_sgd(rng):
    x, start = rng.normal(size=(5, 4)), network().state_dict()
    results = []
    for strength, decay in ((0.2, 0.0), (0.0, 0.2)):
        model = network()
        model.load_state_dict(start)
        optimizer = SGD(model.parameters(), lr=0.1, weight_decay=decay)
        for _ in range(10):
            optimizer.zero_grad()
            (cost(model, x) + L2(strength, biases=True)(model)).backward()
            optimizer.step()
        results.append(model.state_dict())
    for name in start:
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-12)


def test_l1_brings_weights_to_zero_that_l2_only_shrinks(rng):
    x = rng.normal(size=(200, 5))
    y = x[:, :1] * 2.0  # the other four inputs say nothing
    smallest = {}
    for penalty in (L1(0.2), L2(0.2)):
        layer = Linear(5, 1)
        optimizer = SGD(layer.parameters(), lr=0.02)
        for _ in range(500):
            optimizer.zero_grad()
            (np.mean((layer(x) - y) ** 2) / 2 + penalty(layer)).backward()
            optimizer.step()
        smallest[type(penalty)] = np.abs(layer.weight.numpy()).ravel()
    assert np.all(smallest[L1][1:] < 0.01)
    assert smallest[L1][0] > 1.5


def test_float32_stays_float32():
    model = network().astype(np.float32)
    assert L2(0.1)(model).dtype == L1(0.1)(model).dtype == np.float32
    MaxNorm(0.1)(model)
    assert all(p.dtype == np.float32 for p in model.parameters())


def test_max_norm_projects_each_neurons_incoming_weights(rng):
    model = Sequential(Conv2d(2, 3, 3), Linear(4, 5))
    for p in model.parameters():
        p.data[...] = rng.normal(size=p.shape) * 5
    model[1].weight.data[0] = 0.01
    before = model.state_dict()
    MaxNorm(3)(model)
    for name, p in model.named_parameters():
        if "bias" in name:
            np.testing.assert_array_equal(p.numpy(), before[name])
            continue
        for neuron, was in zip(p.numpy(), before[name], strict=True):
            length = np.linalg.norm(was)
            # the nearest point of the ball: along the same line, no further than 3
            np.testing.assert_allclose(neuron, was * min(1, 3 / length), rtol=1e-12)
    again = model.state_dict()
    MaxNorm(3.0001)(model)
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.numpy(), again[name])


def test_max_norm_leaves_a_recorded_graph_alone(rng):
    layer = Linear(4, 3)
    layer.weight.data[...] = 10.0
    loss = np.sum(layer(rng.normal(size=(2, 4))) ** 2)
    loss.backward()
    first = layer.weight.grad
    layer.weight.zero_grad()
    MaxNorm(1)(layer)
    loss.backward()
    np.testing.assert_array_equal(layer.weight.grad, first)
    np.testing.assert_allclose(np.linalg.norm(layer.weight.numpy(), axis=1), 1)


def test_max_norm_tames_a_rate_that_is_too_high(rng):
    x = rng.normal(size=(20, 4))
    model = network()
    optimizer, constraint = SGD(model.parameters(), lr=50.0), MaxNorm(4)
    for _ in range(50):
        optimizer.zero_grad()
        np.mean((model(x) - 1) ** 2).backward()
        optimizer.step()
        constraint(model)
        for layer in (model[0], model[2]):
            assert np.all(np.linalg.norm(layer.weight.numpy(), axis=1) <= 4 * (1 + 1e-12))


def test_clear_errors():
    with pytest.raises(ValueError, match="0 or more"):
        L2(-1)
    with pytest.raises(ValueError, match="positive"):
        MaxNorm(0)
    with pytest.raises(ValueError, match=r"L2\(0.1\) found no weights in Tanh"):
        L2(0.1)(Tanh())
    assert repr(L1(0.5, biases=True)) == "L1(0.5, biases=True)"
    assert repr(MaxNorm(3)) == "MaxNorm(3.0)"
