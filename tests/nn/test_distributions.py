"""Distributions: densities, entropies and divergences are PyTorch's; samples are spread as they say."""

import numpy as np
import pytest
from nn.distributions import Bernoulli, Categorical, Normal, Uniform, kl_divergence

import nn
from microgradnd import Tensor, replay
from tests.nn.layer_checks import BESIDE, check_orders, torch

LOC, SCALE = np.array([[0.3, -2.0, 1.0]]), np.array([[0.5], [2.0]])
P = np.array([[0.2, 0.9, 0.5], [0.05, 0.6, 0.35]])
CASES = [  # a distribution, its parameters, another one's, values
    (Normal, {"loc": LOC, "scale": SCALE}, {"loc": SCALE, "scale": SCALE + 1}, LOC - SCALE),
    (Uniform, {"low": LOC, "high": LOC + SCALE}, {"low": LOC - 1, "high": LOC + SCALE + 2}, LOC + SCALE / 3),
    (Bernoulli, {"probs": P}, {"probs": P[::-1].copy()}, np.array([[1.0, 0, 1], [0, 0, 1]])),
    (Bernoulli, {"logits": LOC * SCALE}, {"logits": LOC - SCALE}, np.array([[1.0, 0, 1], [0, 0, 1]])),
    (Categorical, {"probs": P}, {"probs": P[::-1].copy()}, np.array([2, 0])),
    (Categorical, {"probs": P * [[1, 0, 1]]}, {"probs": P}, np.array([2, 0])),
    (Categorical, {"logits": LOC * SCALE}, {"logits": SCALE - LOC}, np.array([[2, 0], [1, 1]])),
]  # fmt: skip


@BESIDE
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__} {'-'.join(case[1])}")
def test_they_are_pytorchs(case):
    kind, given, other, value = case
    ours, theirs = [], []

    def made(options):
        mine = {name: Tensor(array, requires_grad=True) for name, array in options.items()}
        tensors = {name: torch.tensor(array, requires_grad=True) for name, array in options.items()}
        ours.extend(mine.values()), theirs.extend(tensors.values())
        return kind(**mine), getattr(torch.distributions, kind.__name__)(**tensors)

    (p, p_torch), (q, q_torch) = made(given), made(other)
    found = [p.log_prob(value), p.entropy() + 0 * p.log_prob(value), kl_divergence(p, q)]
    log_prob = p_torch.log_prob(torch.tensor(value))
    expected = [log_prob, p_torch.entropy() + 0 * log_prob]
    expected += [torch.distributions.kl_divergence(p_torch, q_torch)]
    assert p.entropy().shape == p_torch.entropy().shape
    check_orders(found, expected, ours, theirs)
    assert p.sample((4, 5)).shape == p_torch.sample((4, 5)).shape


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__} {'-'.join(case[1])}")
def test_samples_are_spread_as_they_say(case):
    nn.manual_seed(0)
    kind, given, other, _ = case
    p, q = kind(**given), kind(**other)
    samples = p.sample((40_000,))
    assert not isinstance(samples, Tensor)
    density = p.log_prob(samples)
    np.testing.assert_allclose(np.mean(density, axis=0), -p.entropy(), atol=0.03)
    further = np.mean(density - q.log_prob(samples), axis=0)
    np.testing.assert_allclose(further, kl_divergence(p, q), rtol=0.03, atol=0.03)


def test_reparametrised_samples_have_slopes_and_are_drawn_anew_in_a_replay():
    loc, scale = (Tensor(x, requires_grad=True) for x in (LOC, SCALE))
    x = Normal(loc, scale).rsample((7,))
    np.sum(x).backward()
    np.testing.assert_allclose(loc.grad, np.full((1, 3), 14.0))
    np.testing.assert_allclose(scale.grad, np.sum((x.numpy() - LOC) / SCALE, axis=(0, 2))[:, None])

    def step(mean):
        loc.zero_grad()
        p = Normal(loc + mean, np.exp(scale))
        loss = np.sum(p.rsample() ** 2) + np.sum(kl_divergence(p, Normal(0.0, 1.0)))
        picked = Categorical(logits=loc).sample()
        loss = loss + np.sum(Categorical(logits=loc).log_prob(picked))
        loss = loss + Bernoulli(logits=loc).sample().sum()
        loss.backward()
        return loss.numpy(), loc.grad.copy()

    def run(how):
        nn.manual_seed(1)
        call = how(lambda mean: step(mean))
        return [call(np.float64(i)) for i in range(5)]

    np.testing.assert_equal(run(replay), run(lambda f: f))


def test_at_the_borders_in_float32():
    assert Uniform(0.0, 1.0).log_prob([-0.1, 0.0, 1.0]).tolist() == [-np.inf, 0, -np.inf]
    one, half = Bernoulli([1.0]), Bernoulli([0.5])
    assert kl_divergence(one, half).round(6).item() == round(np.log(2), 6)
    assert kl_divergence(half, one).item() == np.inf
    assert kl_divergence(Uniform(0.0, 2.0), Uniform(0.0, 1.0)).item() == np.inf
    closed = Categorical(logits=[0.0, -np.inf, 0.0])
    assert closed.entropy().round(6).item() == round(np.log(2), 6)
    p = Normal(0.0, np.ones(2, np.float32))
    for array in (p.sample(), p.log_prob([1.0, 2.0]), p.entropy()):
        assert array.dtype == np.float32
