"""Restarts, accepted and rejected steps, and training on mistakes."""

import numpy as np
import pytest

from microgradnd import Tensor
from nn import Linear, Sequential, Sigmoid, StepOrJump, Tanh, misclassified, random_restarts
from nn.init import generator, manual_seed
from nn.optim import SGD, Adam


def two_valleys(w):
    """A deep valley near w = 2 and a shallow one near w = -2."""
    return np.sum((w**2 - 4) ** 2 / 8 - w)


def test_restarts_find_the_deeper_valley():
    manual_seed(3)

    def train(w):
        optimizer = SGD([w], lr=0.05)
        for _ in range(100):
            optimizer.zero_grad()
            two_valleys(w).backward()
            optimizer.step()

    start = lambda: Tensor(generator.uniform(-4, 4), requires_grad=True)  # noqa: E731
    model, best, costs = random_restarts(start, train, two_valleys, restarts=8)
    assert len(costs) == 8
    assert costs[best] == min(costs) == two_valleys(model).item()
    assert max(costs) - min(costs) > 3  # the starts did end in both valleys
    assert model.item() > 1.9


@pytest.mark.parametrize(
    ("costs", "best"), [([np.nan, 2.0, np.nan, 1.0, np.nan], 3), ([np.nan] * 2, 0), ([5.0, 5.0], 0)]
)
def test_a_restart_that_failed_is_never_the_best(costs, best):
    numbers, found = iter(range(9)), iter(costs)
    restarts = [lambda: next(numbers), lambda model: None, lambda model: next(found)]
    assert random_restarts(*restarts, len(costs))[:2] == (best, best)
    with pytest.raises(ValueError, match="1 or more"):
        random_restarts(*restarts, 0)


@pytest.mark.parametrize(("kind", "lr"), [(SGD, 0.5), (Adam, 0.1)])
def test_a_step_is_kept_if_and_only_if_the_cost_falls(rng, kind, lr):
    manual_seed(0)
    model = Sequential(Linear(3, 4), Tanh(), Linear(4, 1))
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    strategy = StepOrJump(kind(model.parameters(), lr=lr), scale=0.01)
    kinds = set()
    for _ in range(150):
        before = [p.numpy().copy() for p in model.parameters()]
        attempt = strategy.step(lambda: np.mean((model(x) - y) ** 2))
        kinds.add(attempt.accepted)
        assert attempt.accepted == (attempt.after < attempt.before)
        now = np.mean((model(x) - y) ** 2).item()
        if attempt.accepted:
            assert now == attempt.after
        else:  # back, and a little away from where it was
            for p, was in zip(model.parameters(), before, strict=True):
                assert 0 < np.max(np.abs(p.numpy() - was)) < 0.06
    assert kinds == {True, False}


def test_a_jump_leaves_a_place_where_the_gradient_is_zero():
    manual_seed(0)
    w = Tensor([0.0], requires_grad=True)  # a maximum: gradient descent stays there forever
    strategy = StepOrJump(SGD([w], lr=0.1), scale=0.1)
    for _ in range(200):
        strategy.step(lambda: np.sum((w**2 - 1) ** 2))
    assert abs(abs(w.item()) - 1) < 0.3


def test_jumps_keep_dtype_and_repeat_with_the_seed():
    found = []
    for _ in range(2):
        manual_seed(5)
        w = Tensor(np.zeros((2, 2), np.float32), requires_grad=True)
        b = Tensor(np.float32(0), requires_grad=True)
        StepOrJump(SGD([w, b], lr=0.1)).step(lambda w=w, b=b: np.sum(w * 0) + b * 0)
        assert w.dtype == b.dtype == np.float32
        found.append(w.tolist())
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="scale"):
        StepOrJump(SGD([w]), scale=-1)


def test_misclassified_examples(rng):
    scores, labels = rng.normal(size=(30, 4)), rng.integers(0, 4, 30)
    expected = np.flatnonzero(scores.argmax(axis=1) != labels).tolist()
    for targets in (labels, labels * 1.0, labels[:, None], np.eye(4)[labels], Tensor(labels)):
        assert misclassified(Sequential(), scores, targets).tolist() == expected
    chances, yes = rng.random(30), rng.integers(0, 2, 30)
    for threshold in (0.5, 0.2):
        expected = np.flatnonzero((chances > threshold) != yes).tolist()
        for x, y in ((chances, yes), (chances[:, None], yes[:, None] * 1.0)):
            assert misclassified(Sequential(), x, y, threshold).tolist() == expected
    with pytest.raises(ValueError, match=r"\(30,\), or one-hot, got"):
        misclassified(Sequential(), scores, labels[:3])


def test_training_on_mistakes_alone_learns_what_can_be_separated(rng):
    manual_seed(1)
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] > x[:, 1]).astype(float)
    model = Sequential(Linear(2, 1), Sigmoid())
    optimizer = SGD(model.parameters(), lr=1.0)
    while (wrong := misclassified(model, x, y)).size:
        optimizer.zero_grad()
        np.mean((model(x[wrong])[:, 0] - y[wrong]) ** 2).backward()
        optimizer.step()
