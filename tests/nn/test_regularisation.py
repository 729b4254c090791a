"""Penalties are terms of the cost with the gradients of the books, and constraints hold."""

import numpy as np
import pytest

from microgradnd import Tensor, history
from nn import L1, L2, Conv2d, Linear, MaxNorm, Sequential, Tanh
from nn.optim import SGD
from tests.numerical import slope


def network():
    return Sequential(Linear(4, 3), Tanh(), Linear(3, 2))


def descend(model, optimizer, cost, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        cost(model).backward()
        optimizer.step()
        yield model


@pytest.mark.parametrize(
    ("kind", "f"),
    [(L2, lambda w: 0.3 / 2 * np.sum(w**2)), (L1, lambda w: 0.3 * np.sum(np.abs(w)))],
)
@pytest.mark.parametrize("biases", [False, True])
def test_a_penalty_is_the_sum_over_weights(rng, kind, f, biases):
    model, penalty = network(), kind(0.3, biases=biases)
    weights = {n: p for n, p in model.named_parameters() if biases or "weight" in n}
    assert penalty(model).item() == pytest.approx(sum(f(p.numpy()) for p in weights.values()))
    assert penalty(weights.values()).item() == pytest.approx(penalty(model).item())
    penalty(model).backward()
    for name, p in model.named_parameters():
        if name in weights:
            direction = rng.normal(size=p.shape)
            (expected,) = slope(f, [p.numpy()], [direction])
            np.testing.assert_allclose(np.sum(p.grad * direction), expected, rtol=1e-8)
        else:
            assert p.grad is None


def test_a_penalty_is_visible_in_the_graph(rng):
    model = network()
    total = np.mean(model(rng.normal(size=(5, 4))) ** 2) + L2(0.1)(model)
    found = [t for t in history(total) if t.scope == ("L2",)]
    assert {model[0].weight, model[2].weight} <= {parent for t in found for parent in t.parents}


@pytest.mark.parametrize("lam", [0.0, 0.7])
def test_the_ways_of_the_course(lam):
    """λ·½w², λw² and λ/2n w², each as a strength."""
    w, squares = Tensor([[1.5, -2.0]], requires_grad=True), 1.5**2 + 2.0**2
    for strength, cost in [(lam, lam * squares / 2), (2 * lam, lam * squares)]:
        assert L2(strength)([w]).item() == pytest.approx(cost)
    assert L2(lam / 50)(w).item() == pytest.approx(lam / (2 * 50) * squares)


def test_l2_is_the_weight_decay_of_sgd(rng):
    x, models = rng.normal(size=(5, 4)), [network(), network()]
    models[1].load_state_dict(models[0].state_dict())
    for model, strength, decay in zip(models, (0.2, 0.0), (0.0, 0.2), strict=True):
        penalty = L2(strength, biases=True)
        optimizer = SGD(model.parameters(), lr=0.1, weight_decay=decay)
        list(descend(model, optimizer, lambda m, p=penalty: np.mean(m(x) ** 2) + p(m), 10))
    for one, other in zip(*(model.state_dict().values() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_l1_brings_weights_to_zero_that_l2_only_shrinks(rng):
    x = rng.normal(size=(200, 5))
    y = x[:, :1] * 2.0  # the other four inputs tell nothing
    smallest = {}
    for penalty in (L1(0.2), L2(0.2)):
        layer = Linear(5, 1)
        optimizer = SGD(layer.parameters(), lr=0.02)
        cost = lambda m, p=penalty: np.mean((m(x) - y) ** 2) / 2 + p(m)  # noqa: E731
        list(descend(layer, optimizer, cost, 500))
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
        else:  # the nearest point of the ball: along the same line, no further than 3
            lengths = np.linalg.norm(before[name].reshape(len(p), -1), axis=1)
            factors = np.minimum(1, 3 / lengths).reshape(-1, *[1] * (p.ndim - 1))
            np.testing.assert_allclose(p.numpy(), before[name] * factors, rtol=1e-12)
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
    x, model, constraint = rng.normal(size=(20, 4)), network(), MaxNorm(4)
    optimizer = SGD(model.parameters(), lr=50.0)
    for _ in descend(model, optimizer, lambda m: np.mean((m(x) - 1) ** 2), 50):
        constraint(model)
        for layer in (model[0], model[2]):
            assert np.all(np.linalg.norm(layer.weight.numpy(), axis=1) <= 4 * (1 + 1e-12))


def test_clear_errors():
    for wrong, words in [
        (lambda: L2(-1), "0 or more, got -1"),
        (lambda: MaxNorm(0), "positive, got 0"),
        (lambda: L2(0.1)(Tanh()), r"L2\(0.1\) found no weights in Tanh"),
    ]:
        with pytest.raises(ValueError, match=words):
            wrong()
    assert repr(L1(0.5, biases=True)) == "L1(0.5, biases=True)"
    assert repr(MaxNorm(3)) == "MaxNorm(3.0)"
