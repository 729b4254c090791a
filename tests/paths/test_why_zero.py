"""Why a gradient is zero: the planted cause is named, in networks of many kinds."""

import re

import numpy as np
import pytest

import nn
from microgradnd import Tensor, no_grad, primitive, trace, why_zero

F = nn.functional


def finite(g):
    assert np.isfinite(g).all()
    return g


own_relu = primitive(lambda z: np.maximum(z, 0), lambda g, y, z: g * (z > 0), kind="elementwise")
own_choosy = primitive(
    lambda z: np.maximum(z, 0 if abs(z).min() > 0.9 else "refused"), lambda g, y, z: g * (z > 0)
)
own_strict = primitive(lambda z: 2 * z, lambda g, y, z: 2 * finite(g))
own_bump = primitive(lambda z: z / (1 + abs(z)), lambda g, y, z: g / (1 + abs(z)) ** 2)


def leaf(shape, rng, name=None):
    return Tensor(rng.normal(size=shape) / 2, requires_grad=True, name=name)


def pairs(h, dead):
    """Each entry beside one that is larger where it shall lose, and the larger of the two."""
    return np.max(np.stack([h, np.where(dead, 99.0, -99.0) + 0 * h.numpy()]), axis=0)


def pooled(h, dead):
    beside = np.where(dead, 99.0, -99.0) + 0 * h.numpy()
    both = np.reshape(np.stack([h, Tensor(beside)], axis=-1), (1, -1))
    return np.reshape(F.max_pool1d(both, 2), h.shape)


def with_factors(h, dead):
    return h * Tensor(np.where(dead, 0.0, 1.5), requires_grad=True)


def in_float32(h, dead):
    small = np.where(dead, 1e-30, 1.0).astype(np.float32)
    return h.astype(np.float32) * small * small


# A cause, the operation that has it, and a function in which the entries `dead` of h die.
PLANTED = [
    ("dead", "relu", lambda h, dead: F.relu(h - np.where(dead, 99, -99))),
    ("dead", "own_relu", lambda h, dead: own_relu(h - np.where(dead, 99, -99))),
    ("dead", "own_choosy", lambda h, dead: own_choosy(h - np.where(dead, 99, -99))),
    ("dead", "elu", lambda h, dead: F.elu(h - np.where(dead, 999, -99), 0.0)),
    ("dead", "relu6", lambda h, dead: F.relu6(h - np.where(dead, 99, -3))),
    ("flat", "hardshrink", lambda h, dead: F.hardshrink(h / 9 + np.where(dead, 0, 99))),
    ("saturated", "sigmoid", lambda h, dead: F.sigmoid(h + np.where(dead, 99, 0))),
    ("saturated", "sigmoid", lambda h, dead: F.sigmoid(h - np.where(dead, 999, 0))),
    ("saturated", "tanh", lambda h, dead: np.tanh(h + np.where(dead, 50, 0))),
    ("saturated", "exp", lambda h, dead: np.exp(h - np.where(dead, 999, 0))),
    ("saturated", "own_bump", lambda h, dead: own_bump(h * np.where(dead, 1e200, 1))),
    ("loser", "maximum", lambda h, dead: np.maximum(h, np.where(dead, 99, -99))),
    ("loser", "minimum", lambda h, dead: np.minimum(np.where(dead, -99, 99), h)),
    ("loser", "max", pairs),
    ("loser", "max_pool", pooled),
    ("masked", "where", lambda h, dead: np.where(dead, 0.5, h)),
    ("multiplied by 0", "multiply", lambda h, dead: Tensor(np.where(dead, 0, 1.5)) * h),
    ("clipped", "clip", lambda h, dead: np.clip(h, np.where(dead, 9, -99), 99)),
    ("multiplied by 0", "multiply", with_factors),
    ("multiplied by 0", "power", lambda h, dead: (9 + h) ** np.where(dead, 0, 1)),
    ("underflow", "multiply", in_float32),
    ("underflow", "multiply", lambda h, dead: h * (s := np.where(dead, 1e-200, 1)) * s),
    ("flat", "square", lambda h, dead: np.square(h - np.where(dead, h.numpy(), 9))),
    ("flat", "absolute", lambda h, dead: abs(h - np.where(dead, h.numpy(), 9))),
    ("left out", "getitem", lambda h, dead: h[np.broadcast_to(~dead, h.shape)]),
    ("left out", "sum", lambda h, dead: np.sum(h, where=~dead)),
    ("cancel", None, lambda h, dead: h - h * np.where(dead, 1, 0)),
]
WHOLE = [  # those that leave nothing of h
    ("step", "round", np.round),
    ("step", "step", nn.Step()),
    ("multiplied by 0", "matmul", lambda h: np.reshape(h, -1) @ np.zeros((h.size, 2))),
    ("multiplied by 0", "multiply", lambda h: h * 0),
    ("saturated", "softmax", lambda h: F.softmax(np.ravel(h) + 9999.0 * (np.arange(h.size) == 1), 0)),
    ("cancel", "softmax", lambda h: np.sum(F.softmax(np.ravel(h), 0))),
    ("cancel", "standardise", lambda h: np.sum(F.layer_norm(np.ravel(h), (h.size,)))),
    ("multiplied by 0", "multiply", lambda h: F.dropout(h, 1.0)),
    ("detached", None, lambda h: h.detach()),
    ("detached", None, lambda h: h.numpy() + 0),
    ("not connected", None, lambda h: np.sin(h.numpy())),
    ("not connected", None, lambda h: np.ones(h.shape)),
]  # fmt: skip


def dense(rng):
    n, *sizes = rng.integers(2, 7, 3)
    w = leaf((sizes[0], sizes[1]), rng, "w")
    h = np.sin(rng.normal(size=(n, sizes[0])) @ w + leaf(sizes[1], rng))
    return w, h, (slice(None), rng.integers(sizes[1]))


def convolutional(rng):
    n, channels, k, size = rng.integers((1, 2, 2, 5), (4, 5, 4, 8))
    w = leaf((channels, 2, k, k), rng, "w")
    h = np.sin(F.conv2d(rng.normal(size=(n, 2, size, size)), w, padding=1))
    return w, h, (rng.integers(channels),)


def recurrent(rng):
    n, size, steps = rng.integers(2, 6, 3)
    w, v = leaf((1, size), rng, "w"), leaf(size, rng)
    h = rng.normal(size=(n, size))
    for _ in range(steps):
        h = np.tanh(h * v + rng.normal(size=(n, 1)) @ w)
    return w, h, (slice(None), rng.integers(size))


def loss_of(h, rng):
    """A loss in which each entry counts, by several paths."""
    h = np.reshape(h, (1, -1))
    y = np.sin(h @ leaf((h.size, 4), rng)) @ leaf((4, 3), rng)
    y = y if rng.random() < 0.5 else y + h @ leaf((h.size, 3), rng)
    return F.cross_entropy(y, [1]) if rng.random() < 0.5 else np.mean((y - 1) ** 2)


def zeros_of(loss, w):
    """Why they are zero, as many as backward finds, also those that are 0 but for rounding."""
    with np.errstate(all="ignore"):
        loss.backward(retain_grads=True)
    result = why_zero(loss, w)
    assert result.zeros == np.sum(abs(w.grad) < 1e-14)
    return result


KINDS = [dense, convolutional, recurrent]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cause", "operation", "plant"), PLANTED)
def test_the_cause_planted_in_one_unit_is_named(kind, seed, cause, operation, plant):
    rng = np.random.default_rng(seed)
    w, h, unit = kind(rng)
    dead = np.zeros(h.shape, bool)
    dead[:, unit[-1]] = True
    result = zeros_of(loss := loss_of(plant(h, dead), rng), w)
    assert result.zeros == w[unit].size < result.size == w.size, result
    assert {reason.cause for reason in result.reasons} == {cause}, result
    names = {t.operation.name for reason in result.reasons for t in reason.tensors}
    assert operation is None or names == {operation}, result
    inside = np.zeros(w.shape, bool)
    inside[unit] = True
    for entry, found in (np.argwhere(inside)[0], {cause}), (np.argwhere(~inside)[-1], set()):
        one = why_zero(loss, w, tuple(entry))
        assert {reason.cause for reason in one.reasons} == found, one


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cause", "operation", "plant"), WHOLE)
def test_the_cause_planted_everywhere_is_named(kind, cause, operation, plant):
    rng = np.random.default_rng(4)
    w, h, _ = kind(rng)
    result = why_zero(loss_of(plant(h), rng), w)  # to which no path may lead
    assert (result.zeros, result.reasons[0].share) == (w.size, 1)
    assert result.reasons[0].cause == cause, result
    assert operation is None or result.reasons[0].tensors[0].operation.name == operation


def test_several_causes_with_their_lines_the_most_important_first():
    z = Tensor(np.linspace(-3, 2, 6), requires_grad=True, name="z")
    with trace(stop=False):
        loss = np.sum(F.relu(z) * [1, 1, 1, 1, 1, 0])
    assert (
        re.sub(r"/.*/|\d+(?=: loss)", "", str(why_zero(loss, z)))
        == """\
the gradient of Tensor 'z' is 0 in 5 of 6 entries, and in the others at least 1 in size:
 80.0%  relu: dead, relu(-3) is 0 and is flat on this side of 0 (4 entries)
        test_why_zero.py, line : loss = np.sum(F.relu(z) * [1, 1, 1, 1, 1, 0])
 20.0%  multiply: multiplied by 0, the value of the other argument (1 entry)
        test_why_zero.py, line : loss = np.sum(F.relu(z) * [1, 1, 1, 1, 1, 0])"""
    )
    result = why_zero(np.sum(own_strict(z) * np.zeros(6)), z)
    assert [(reason.cause, reason.share) for reason in result.reasons] == [("multiplied by 0", 1)]
    result = why_zero(np.sum(2 * z), z)
    assert (result.zeros, result.reasons, result.smallest) == (0, [], 2)
    assert str(result) == "the gradient of Tensor 'z' is nowhere 0: at least 2 in size"


def test_what_was_not_recorded():
    w, x = Tensor([1.0, 2.0], requires_grad=True, name="w"), Tensor([3.0, 4.0], name="x")
    with no_grad():
        quiet = np.sum(w * x)
    for loss, of in (np.sum(w * x), x), (quiet, w), (np.sum(x), w):
        (reason,) = why_zero(loss, of).reasons
        assert reason.cause == "not recorded"
    kept = np.sum(w * x)
    (reason,) = why_zero(np.sum(Tensor(1.0, requires_grad=True) * kept.detach()), w).reasons
    assert (reason.cause, reason.tensors) == ("detached", (kept,))
    assert "the values of this result of sum are a constant in multiply" in reason.text


class Cut(nn.Module):
    """A module that leaves the graph on the way."""

    def __init__(self, leave):
        self.first, self.second, self.leave = nn.Linear(4, 4), nn.Linear(4, 2), leave

    def forward(self, x):
        return self.second(self.leave(lambda: np.tanh(self.first(x))))


@no_grad()
def quietly(compute):
    return compute()


def named(name, *shape):
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name=name)


def exact(loss):
    z = named("z", 3, 4)
    return loss(z, np.where(ROW, z.numpy(), z.numpy() + 1)), z


def on(layer, z, *arguments):
    y = layer(z, *arguments)
    return np.sum(np.sin(y[0] if isinstance(y, tuple) else y)), z


def of_weight(model, weight, x=None):
    return on(model, named("x", 3, 4) if x is None else x)[0], weight


def changed(parameter, index, value):
    parameter.data[index] = value
    return parameter


def of_log(guard):
    x = Tensor([0.0, 4.0], requires_grad=True)
    return np.sum(guard(x, np.log(x))), x


def last(h, steps=3000):
    for _ in range(steps):
        h = h + 0.001
    return np.ravel(h)[-1]


ROW = np.arange(3)[:, None] * np.ones(4, int) == 1
PAST = np.where(ROW, 9_000.0, 0.0)
IDS = np.array([[0, 1, 2], [3, 0, 1]])
LABELS = np.array([0, -100, 2])
KEYS = np.array([[False, False, True]])
IN_LAYERS = {  # a loss and a leaf; the cause; which entries of the gradient are zero
    "pool": (lambda: on(nn.MaxPool1d(3), named("z", 1, 1, 3)), "loser", 2),
    "pool beside": (lambda: on(nn.MaxPool1d(1, stride=3), named("z", 1, 1, 5)), "left out", 3),
    "hardtanh": (lambda: on(nn.Hardtanh(), 0.1 * named("z", 3, 4) + PAST), "saturated", ROW),
    "no_grad": (lambda: of_weight(m := Cut(quietly), m.first.weight), "not connected", True),
    "frozen": (lambda: of_weight(m := nn.Linear(4, 2).requires_grad_(False), m.weight), "not recorded", True),
    "zeros": (lambda: of_weight(nn.Sequential(f := nn.Linear(4, 4), g := nn.Linear(4, 2)),
              changed(g.weight, ..., 0) is g.weight and f.weight), "multiplied by 0", True),
    "before a norm": (lambda: of_weight(nn.Sequential(f := nn.Linear(4, 4), nn.BatchNorm1d(4)), f.bias), "cancel", True),
    "embedding": (lambda: of_weight(e := nn.Embedding(4, 2), e.weight, IDS % 3), "left out", 2),
    "padding": (lambda: of_weight(e := nn.Embedding(4, 2, padding_idx=0), e.weight, IDS), "left out", 2),
    "ignored": (lambda: (nn.CrossEntropyLoss()(z := named("z", 3, 4), LABELS), z), "multiplied by 0", ROW),
    "weight 0": (lambda: (nn.CrossEntropyLoss([1, 0, 1, 1])(z := named("z", 3, 4), abs(LABELS) % 99), z), "multiplied by 0", ROW),
    "attention": (lambda: on(lambda x: nn.MultiheadAttention(4, 2, batch_first=True)(
                  np.ones((1, 2, 4)), x, x, key_padding_mask=KEYS), named("x", 1, 3, 4)), "saturated, multiplied by 0", 4),
    "exact squares": (lambda: exact(nn.MSELoss()), "flat", ROW),
    "no entry": (lambda: (np.sum((z := named("z", 2))[:0]), z), "left out", True),
    "a product without rows": (lambda: (np.sum(np.zeros((0, 2)) @ (z := named("z", 2))), z), "left out", True),
    "a long chain": (lambda: (last(F.relu(z := named("z", 4) - 9)), z), "left out, dead", True),
    "a logarithm behind where": (lambda: of_log(lambda x, y: np.where(x > 0, y, 0)), "masked", 1),
    "a logarithm behind maximum": (lambda: of_log(lambda x, y: np.maximum(y, -10)), "loser", 1),
    "a logarithm behind clip": (lambda: of_log(lambda x, y: np.clip(y, -10, 10)), "clipped", 1),
    "a logarithm that is not used": (lambda: of_log(lambda x, y: y[1:]), "left out", 1),
    "last step": (lambda: on(lambda x: nn.RNN(4, 2)(x)[0][0], named("x", 3, 1, 4)), "left out", 8),
    "strides": (lambda: on(nn.Conv1d(1, 2, 1, stride=2), named("x", 1, 1, 5)), "left out", 2),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", IN_LAYERS)
def test_the_cause_inside_a_layer_is_named(name, seed):
    nn.manual_seed(seed)
    make, cause, zero = IN_LAYERS[name]
    loss, w = make()
    result = why_zero(loss, w) if zero is True else zeros_of(loss, w)
    assert result.zeros == (w.size if zero is True else np.sum(zero)), result
    assert {reason.cause for reason in result.reasons} == {*cause.split(", ")}, result
