"""Layers, losses, optimisers and schedules of nn: replayed, they do the same, bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nn
from microgradnd import replay
from tests.program.replayed import bits, check, refuse, with_gradients

X = np.sin(np.arange(24.0)).reshape(4, 6)
IMAGES = np.sin(np.arange(384.0)).reshape(2, 3, 8, 8)
SERIES = np.cos(np.arange(60.0)).reshape(2, 5, 6)
LABELS = np.array([0, 2, 1, 1])
HOT = np.eye(3)[LABELS]
INDICES = np.arange(8).reshape(4, 2) % 3
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Training:
    """A model, its optimiser and a step, all made alike each time.

    `change` is called with the number of each call and with this, before the call.
    """

    def __init__(self, make_model, dtype=np.float64, loss=None, make_optimizer=None, change=None):
        nn.manual_seed(3)
        self.model = model = make_model().astype(dtype)
        self.parameters = list(model.parameters())
        make_optimizer = make_optimizer or (lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9))
        self.optimizer = optimizer = make_optimizer(self.parameters)
        self.change = (lambda number: change(number, self)) if change else id

        def step(x, *y):
            outputs = model(x)
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


def as_dtype(x, dtype):
    return x.astype(dtype) if x.dtype.kind == "f" else x


ACTIVATIONS = "ELU LeakyReLU LogSigmoid LogSoftmax ReLU Sigmoid SiLU Softmax Softplus Step Tanh"


@BOTH
@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations(name, dtype):
    check(
        lambda: Training(lambda: dense(getattr(nn, name)()), dtype), [(X.astype(dtype),)], rounds=5
    )


def conv(*layers, of=nn.Conv2d, channels=3):
    return lambda: nn.Sequential(of(channels, 4, 3), *layers)


LAYERS = {
    "LayerNorm": (lambda: dense(nn.LayerNorm(5)), X),
    "BatchNorm1d": (lambda: dense(nn.BatchNorm1d(5)), X),
    "BatchNorm1d, not tracked": (lambda: dense(nn.BatchNorm1d(5, track_running_stats=False)), X),
    "BatchNorm2d": (lambda: conv(nn.BatchNorm2d(4))(), IMAGES),
    "Conv2d, padded": (lambda: nn.Conv2d(3, 4, 3, padding=1), IMAGES),
    "Conv2d, strided": (lambda: nn.Conv2d(3, 4, 3, stride=2), IMAGES),
    "Conv1d": (lambda: nn.Conv1d(5, 4, 3), SERIES),
    "MaxPool2d": (conv(nn.MaxPool2d(2)), IMAGES),
    "MaxPool2d, overlapping": (conv(nn.MaxPool2d(3, stride=1, padding=1)), IMAGES),
    "AvgPool2d": (conv(nn.AvgPool2d(2)), IMAGES),
    "MaxPool1d": (conv(nn.MaxPool1d(2), of=nn.Conv1d, channels=5), SERIES),
    "AvgPool1d": (conv(nn.AvgPool1d(2), of=nn.Conv1d, channels=5), SERIES),
    "RNN": (lambda: nn.RNN(6, 4), SERIES),
    "LSTM": (lambda: nn.LSTM(6, 4, 2), SERIES),
    "GRU": (lambda: nn.GRU(6, 4), SERIES),
    "Dropout": (lambda: dense(nn.Dropout(0.3)), X),
    "ClassicDropout": (lambda: dense(nn.ClassicDropout(0.3)), X),
    "DropConnect": (lambda: nn.DropConnect(nn.Linear(6, 5), 0.3), X),
    "Embedding": (lambda: nn.Embedding(7, 3), INDICES),
    "Embedding, padded": (lambda: nn.Sequential(nn.Embedding(7, 3, 0), nn.Flatten()), INDICES),
    "Flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Identity(), nn.Linear(192, 3)), IMAGES),
}


@BOTH
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, dtype):
    """Also for a last batch that is smaller, where one point is enough for the layer."""
    make, x = LAYERS[name]
    x = as_dtype(x, dtype)
    smaller = [] if "BatchNorm" in name else [(x[:1],)]
    check(lambda: Training(make, dtype), [(x,), *smaller, (x[::-1] * 1,)], rounds=5)


WEIGHTS = np.array([1.0, 2.0, 3.0])


def behind(layer):
    return lambda: nn.Sequential(dense(), layer)


LOSSES = {
    "cross-entropy of labels": (nn.CrossEntropyLoss(), dense, LABELS),
    "cross-entropy of probabilities": (nn.CrossEntropyLoss(), dense, HOT),
    "cross-entropy, summed": (nn.CrossEntropyLoss(reduction="sum"), dense, LABELS),
    "cross-entropy, smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), dense, LABELS),
    "cross-entropy, weighted": (nn.CrossEntropyLoss(weight=WEIGHTS), dense, LABELS),
    "BCEWithLogitsLoss, weighted": (nn.BCEWithLogitsLoss(pos_weight=WEIGHTS), dense, HOT),
    "NLLLoss": (nn.NLLLoss(), behind(nn.LogSoftmax()), LABELS),
    "MSELoss": (nn.MSELoss(), dense, HOT),
    "L1Loss": (nn.L1Loss(), dense, HOT),
    "HuberLoss": (nn.HuberLoss(), dense, HOT),
    "BCELoss": (nn.BCELoss(), behind(nn.Sigmoid()), HOT),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), dense, HOT),
    "QuadraticLoss": (nn.QuadraticLoss(), dense, HOT),
    "QuadraticLoss of labels": (nn.QuadraticLoss(), dense, LABELS),
    "SigmoidCrossEntropyLoss": (nn.SigmoidCrossEntropyLoss(), behind(nn.Sigmoid()), LABELS),
}


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, dtype):
    loss, make, target = LOSSES[name]
    x, y = X.astype(dtype), as_dtype(target, dtype)
    batches = [(x, y), (x[:2], y[:2]), (x[1:], y[1:]), (x, np.roll(y, 1, 0))]
    check(lambda: Training(make, dtype, loss), batches, rounds=5)


def test_averages_over_all_batches_are_refused_since_they_are_counted_in_python():
    refuse(lambda: Training(lambda: dense(nn.BatchNorm1d(5, momentum=None))), "reading a value", X)


def test_labels_to_be_ignored_are_refused_since_they_are_counted():
    loss = nn.CrossEntropyLoss(ignore_index=1)
    refuse(lambda: Training(dense, loss=loss), "cannot be replayed", X, LABELS)


@pytest.mark.parametrize("calls", [1, 5])
@pytest.mark.parametrize(
    ("make", "loss", "right", "wrong", "error"),
    [
        (dense, nn.CrossEntropyLoss(), (X, LABELS), (X, LABELS + 1), "labels go from 0 to 2"),
        (lambda: nn.Embedding(7, 3), None, (INDICES,), (INDICES + 6,), "numbers from 0 to 6"),
    ],
)
def test_wrong_data_raise_the_error_of_the_step(make, loss, right, wrong, error, calls):
    alone, other = Training(make, loss=loss), Training(make, loss=loss)
    fast = replay(other.step)
    for _ in range(calls):
        fast(*right)
        alone.step(*right)
    with pytest.raises((ValueError, IndexError), match=error):
        fast(*wrong)
    assert other.seen() == alone.seen()
    assert bits(fast(*right)) == bits(alone.step(*right))
    assert other.seen() == alone.seen()


O = nn.optim  # noqa: E741
OPTIMIZERS = {
    "SGD": lambda p: O.SGD(p, lr=0.1),
    "SGD, all": lambda p: O.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "SGD, Nesterov": lambda p: O.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "SGD, upwards": lambda p: O.SGD(p, lr=0.01, maximize=True),
    "Adam": lambda p: O.Adam(p, lr=0.1),
    "Adam, all": lambda p: O.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: O.AdamW(p, lr=0.1, amsgrad=True, maximize=True),
    "Adagrad": lambda p: O.Adagrad(p, 0.1, 0.1, 0.1, initial_accumulator_value=0.1),
    "RMSprop": lambda p: O.RMSprop(p, lr=0.1),
    "RMSprop, all": lambda p: O.RMSprop(p, 0.1, 0.9, 1e-8, 0.1, 0.9, True, maximize=True),
    "groups": lambda p: O.Adam(
        [{"params": p[:1], "lr": 0.1}, {"params": p[1:], "lr": 0.01, "betas": (0.8, 0.9)}]
    ),
    "groups of SGD": lambda p: O.SGD(
        [{"params": p[:1], "momentum": 0.5}, {"params": p[1:], "weight_decay": 0.1}], lr=0.1
    ),
}


@BOTH
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers(name, dtype):
    x = X.astype(dtype)

    def make():
        return Training(lambda: dense(nn.Tanh()), dtype, nn.CrossEntropyLoss(), OPTIMIZERS[name])

    check(make, [(x, LABELS), (x[:3], LABELS[:3])], rounds=5)


# ---- changes from outside ------------------------------------------------------------------------


def changes():
    def rate(number, t):
        t.optimizer.param_groups[0]["lr"] = 0.1 / (1 + number // 3)

    def schedule(number, t):
        if not number:
            t.schedule = O.lr_scheduler.LambdaLR(t.optimizer, lambda epoch: 1 / (1 + epoch // 2))
        else:
            t.schedule.step()

    def one_cycle(number, t):
        momentum = isinstance(t.optimizer, O.SGD)
        if not number:
            t.schedule = O.lr_scheduler.OneCycleLR(t.optimizer, 0.1, 40, cycle_momentum=momentum)
        else:
            t.schedule.step()

    def modes(number, t):
        t.model.train(number % 4 != 3)

    def freezing(number, t):
        t.model[0].weight.requires_grad = number % 12 < 6

    def freezing_once(number, t):
        t.model[0].weight.requires_grad = number < 6

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

    def dtypes(number, t):
        if number in (6, 14):
            t.model.astype([np.float32, np.float64][number == 14])

    def eager_steps(number, t):
        if number % 5 == 4:
            t.step(X)

    def kept_graphs(number, t):
        if number == 6:
            t.kept = t.model.eval()(X)
            t.model.train()
            t.bits = bits(t.kept)
        if number == 10:
            assert bits(t.kept) == t.bits
            t.kept.sum().backward()

    return dict(locals())


@pytest.mark.parametrize("change", changes().values(), ids=changes())
@pytest.mark.parametrize("optimizer", ["SGD, all", "Adam, all"])
def test_changes_from_outside(change, optimizer):
    def make():
        layers = nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.2)
        return Training(lambda: dense(*layers), make_optimizer=OPTIMIZERS[optimizer], change=change)

    check(make, [(X,), (X * 0.5,)], rounds=12)
