"""Layers, losses and optimisers of nn: the same when replayed, bit for bit."""

from __future__ import annotations

import copy
import functools
import re

import numpy as np
import pytest

import nn
from microgradnd import replay
from tests.nn import kinds, test_optim
from tests.program.replayed import bits, check, refuse, untouched, with_gradients

X = np.sin(np.arange(24.0)).reshape(4, 6)
LABELS = np.array([0, 2, 1, 1])
DTYPE = np.float32  # where a float64 that a step does not have shows


def momentum(parameters):
    return nn.optim.SGD(parameters, lr=0.05, momentum=0.9)


class Training:
    """A model, its optimiser and a step, all made alike; changed before each call."""

    def __init__(self, make_model, dtype=np.float64, loss=None, optimizer=momentum, change=None):
        nn.manual_seed(3)
        self.model = model = make_model().astype(dtype)
        self.parameters = list(model.parameters())
        self.optimizer = optimizer = optimizer(self.parameters)
        self.change = (lambda number: change(number, self)) if change else id

        def step(x, *y):
            outputs = model(x, *(() if loss else y))
            outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            cost = (outputs**2).mean() if loss is None else loss(outputs, *y)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            return cost, outputs

        self.step = step

    def seen(self):
        buffers = [buffer.copy() for buffer in self.model.buffers()]
        state = copy.deepcopy(self.optimizer.state_dict())
        return bits([with_gradients(self.parameters), buffers, state])


def dense(*layers):
    return nn.Sequential(nn.Linear(6, 5), *layers, nn.Linear(5, 3))


def narrowed(*arrays):
    return [a.astype(DTYPE) if a.dtype.kind == "f" else a for a in arrays]


def slowly(parameters):
    return nn.optim.SGD(parameters, lr=1e-4, momentum=0.9)


@pytest.mark.parametrize("name", kinds.LAYERS)
def test_layers(name):
    """Also for a last batch that is smaller, where one point is enough for the layer."""
    x, *others = narrowed(*kinds.layer(name)[1])
    calls = [(x, *others), (x[::-1] * 1, *others)]
    if not others and not re.search("Norm", name):
        calls.append((x[:1],))
    make = lambda: kinds.Scaled(kinds.layer(name)[0])  # noqa: E731
    check(lambda: Training(make, DTYPE, optimizer=slowly), calls, rounds=5)


@pytest.mark.parametrize("options", [(None,), (0,), (None, 0.5, 1.0), (0, 0.5, 2.0, True)])
def test_embeddings(options):
    indices = np.arange(8).reshape(4, 2) % 3
    make = lambda: nn.Sequential(nn.Embedding(7, 3, *options), nn.Flatten())  # noqa: E731
    check(lambda: Training(make, DTYPE), [(indices,), (indices[:1],), (indices[::-1],)], rounds=5)


PADDED = np.where(LABELS == 2, -1, LABELS)
MORE_LOSSES = {
    "weights from elsewhere": (
        lambda z, y: nn.functional.cross_entropy(z, y, np.arange(1.0, 4.0)), X[:, :3], LABELS,
    ),
    "a variance of the input": (
        lambda z, y: nn.functional.gaussian_nll_loss(z, y, z * z + 1), X[:, :3], X[:, 3:],
    ),
    "some labels ignored": (nn.CrossEntropyLoss(ignore_index=1), X[:, :3], LABELS),
    "padding": (
        nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=0.1, reduction="sum"), X[:, :3], PADDED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*MORE_LOSSES, *kinds.LOSSES])
def test_losses(name):
    loss, *arrays = MORE_LOSSES.get(name) or kinds.loss(name)
    x, y = narrowed(*arrays)
    batches = [(x, y), (x * 0.9, y)]
    if x.ndim > 1:
        batches += [(x[:2], y[:2]), (x[1:], y[1:]), (x, np.roll(y, 1, 0))]
    make = lambda: kinds.Scaled(nn.Identity())  # noqa: E731
    check(lambda: Training(make, DTYPE, loss, slowly), batches, rounds=5)


def test_averages_for_which_python_counts_are_refused():
    make = functools.partial(Training, lambda: dense(nn.BatchNorm1d(5, momentum=None)))
    refuse(make, "reading a value", X)


@pytest.mark.parametrize("calls", [1, 5])
@pytest.mark.parametrize(
    ("make", "loss", "right", "wrong", "error"),
    [
        (dense, nn.CrossEntropyLoss(), (X, LABELS), (X, LABELS + 1), "labels go from 0 to 2"),
        (lambda: nn.Embedding(7, 3), None, (LABELS,), (LABELS + 6,), "numbers from 0 to 6"),
    ],
)
def test_wrong_data_raise_the_error_of_the_step(make, loss, right, wrong, error, calls):
    alone, other = Training(make, loss=loss), Training(make, loss=loss)
    fast = replay(other.step)
    for number in range(calls + 1):
        assert bits(fast(*right)) == bits(alone.step(*right))
        if number == calls - 1:
            untouched(other, (ValueError, IndexError), error, fast, *wrong)
        assert other.seen() == alone.seen()


O = nn.optim  # noqa: E741
OPTIMIZERS = {
    "groups": lambda p: O.Adam(
        [{"params": p[:1], "lr": 0.1}, {"params": p[1:], "lr": 0.01, "betas": (0.8, 0.9)}]
    ),
    "groups of SGD": lambda p: O.SGD(
        [{"params": p[:1], "momentum": 0.5}, {"params": p[1:], "weight_decay": 0.1}], lr=0.1
    ),
} | {
    f"{kind.__name__} {' '.join(options)}": functools.partial(kind, **options)
    for kind, options in test_optim.CASES
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers(name):
    x, model = X.astype(DTYPE), lambda: dense(nn.Tanh())
    make = functools.partial(Training, model, DTYPE, nn.CrossEntropyLoss(), OPTIMIZERS[name])
    check(make, [(x, LABELS), (x[:3], LABELS[:3])], rounds=5)


def scheduled(make):
    def change(number, t):
        if not number:
            t.schedule = make(t.optimizer)
        else:
            t.schedule.step()

    return change


def one_cycle(optimizer):
    momentum = isinstance(optimizer, O.SGD)
    return O.lr_scheduler.OneCycleLR(optimizer, 0.1, 40, cycle_momentum=momentum)


def states(number, t):
    if number == 4:
        t.saved = t.model.state_dict(), copy.deepcopy(t.optimizer.state_dict())
    if number in (8, 15):
        t.model.load_state_dict(t.saved[0])
    if number in (11, 15):
        t.optimizer.load_state_dict(t.saved[1])


def values(number, t):
    weight = t.model[0].weight
    if number == 6:
        weight.data = np.ones(weight.shape)
    if number == 8:
        weight.data[...] = 0.5
    if number == 10:
        weight.data = np.asfortranarray(np.cos(np.arange(30.0)).reshape(weight.shape))
    if number == 12:
        weight.grad = np.ones(weight.shape)


CHANGES = {
    "schedule": scheduled(lambda o: O.lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch // 2))),
    "one cycle": scheduled(one_cycle),
    "modes": lambda n, t: t.model.train(n % 4 != 3),
    "freezing": lambda n, t: setattr(t.model[0].weight, "requires_grad", n % 12 < 6),
    "freezing once": lambda n, t: setattr(t.model[0].weight, "requires_grad", n < 6),
    "dtypes": lambda n, t: n in (6, 14) and t.model.astype([np.float32, np.float64][n == 14]),
    **{change.__name__: change for change in (states, values)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("optimizer", ["SGD lr momentum nesterov weight_decay", "Adam lr amsgrad"])
def test_changes_from_outside(change, optimizer):
    model = lambda: dense(nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.2))  # noqa: E731
    make = functools.partial(Training, model, optimizer=OPTIMIZERS[optimizer], change=change)
    check(make, [(X,), (X * 0.5,)], rounds=12)
