"""Derived source agrees with backward() on other values: layers, losses, and random programs."""

import itertools
import random

import numpy as np
import pytest

import nn
from microgradnd import Tensor, derive
from tests.program.derived import RNG, check, leaf, run
from tests.properties.programs import NUMPY, program_from

# ---- networks ------------------------------------------------------------------------------------

X = leaf(4, 6, name="x", requires_grad=False)
LABELS, PARTS = np.array([0, 2, 1, 1]), RNG.uniform(0.1, 0.9, (4, 3))
ACTIVATIONS = """
CELU ELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish PReLU ReLU
ReLU6 RReLU SELU SiLU Sigmoid Softmax Softmin Softplus Softshrink Softsign Step Tanh Tanhshrink
"""
LAYERS = {
    "adaptive_avg_pool": (nn.AdaptiveAvgPool1d(4), (2, 3, 6)),
    "adaptive_max_pool": (nn.AdaptiveMaxPool2d(2), (2, 3, 8, 8)),
    "conv_transpose": (nn.ConvTranspose2d(3, 2, 3), (2, 3, 4, 4)),
    "pixel_shuffle": (nn.PixelShuffle(2), (2, 4, 3, 3)),
    "reflection_pad": (nn.ReflectionPad2d(1), (2, 3, 4, 4)),
    "transformer": (nn.TransformerEncoderLayer(6, 2, 8), (3, 2, 6)),
    "upsample": (nn.Upsample(scale_factor=2), (2, 3, 4, 4)),
    "avg_pool": (nn.AvgPool2d(3, padding=1), (2, 3, 8, 8)),
    "batch_norm": (nn.BatchNorm1d(6), (4, 6)),
    "batch_norm in use": (nn.BatchNorm2d(3).eval(), (2, 3, 4, 4)),
    "classic_dropout": (nn.Sequential(nn.Linear(6, 4), nn.ClassicDropout(0.5)), (4, 6)),
    "conv1d": (nn.Conv1d(3, 2, 3), (2, 3, 8)),
    "conv2d": (nn.Conv2d(3, 2, 3, padding=1, stride=2), (2, 3, 8, 8)),
    "drop_connect": (nn.DropConnect(nn.Linear(6, 4)), (4, 6)),
    "dropout": (nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)), (4, 6)),
    "flatten": (nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), (2, 3, 4)),
    "gru": (nn.Sequential(nn.GRU(6, 4)), (3, 2, 6)),
    "layer_norm": (nn.LayerNorm(6), (4, 6)),
    "lstm": (nn.LSTM(6, 4, num_layers=2, bidirectional=True), (3, 2, 6)),
    "max_pool": (nn.MaxPool2d(2), (2, 3, 8, 8)),
    "rnn": (nn.RNN(6, 4), (3, 2, 6)),
}
LOSSES = {
    "BCELoss": (nn.Sigmoid(), nn.BCELoss(), PARTS),
    "BCEWithLogitsLoss": (nn.Identity(), nn.BCEWithLogitsLoss(), PARTS),
    "CrossEntropyLoss": (nn.Identity(), nn.CrossEntropyLoss(), LABELS),
    "HuberLoss": (nn.Identity(), nn.HuberLoss(), PARTS),
    "L1Loss": (nn.Identity(), nn.L1Loss(), PARTS),
    "MSELoss": (nn.Identity(), nn.MSELoss(), PARTS),
    "NLLLoss": (nn.LogSoftmax(dim=1), nn.NLLLoss(), LABELS),
    "QuadraticLoss": (nn.Sigmoid(), nn.QuadraticLoss(), LABELS),
    "SigmoidCrossEntropyLoss": (nn.Sigmoid(), nn.SigmoidCrossEntropyLoss(), LABELS),
    "ignored labels": (
        nn.Identity(),
        nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=0.1),
        np.array([0, -1, 1, -1]),
    ),
}
MODES = pytest.mark.parametrize("traced", [False, True], ids=["recorded", "traced"])


@MODES
@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations(name, traced):
    options = {"dim": 1} if "oftm" in name else {}
    model = nn.Sequential(nn.Linear(6, 5), getattr(nn, name)(**options), nn.Linear(5, 3))
    check(lambda: np.sum(model(X) ** 2), [X, *model.parameters()], traced)


@MODES
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, traced):
    activation, loss, target = LOSSES[name]
    model = nn.Sequential(nn.Linear(6, 3), activation)
    check(lambda: loss(model(X), target), [X, *model.parameters()], traced)


@MODES
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, traced):
    model, shape = LAYERS[name]
    x = leaf(*shape, name="x")

    def loss():
        output = model(x)
        return np.sum(np.tanh(output[0] if isinstance(output, tuple) else output) ** 2)

    check(loss, [x, *model.parameters()], traced)


@MODES
@pytest.mark.parametrize("padding", [None, 1])
def test_embeddings(padding, traced):
    words = nn.Embedding(7, 4, padding_idx=padding)
    numbers = np.array([[1, 2, 2], [0, 6, 1]])
    check(lambda: np.sum((words(numbers) + 1) ** 3), list(words.parameters()), traced)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4)
    )


@MODES
def test_a_convolutional_network(traced):
    model, images = lenet(), leaf(2, 1, 8, 8, name="x", requires_grad=False)
    loss = nn.CrossEntropyLoss()
    check(lambda: loss(model(images), [1, 3]), [images, *model.parameters()], traced)


# ---- programs ------------------------------------------------------------------------------------


def check_program(seed, traced):
    drawn = (program_from(random.Random(seed + 10_000 * k)) for k in itertools.count())
    program = next(program for program in drawn if not program.tied)  # at kinks rounding decides
    leaves = [Tensor(x, requires_grad=True, name=f"x{k}") for k, x in enumerate(program.inputs())]

    def loss(*xs):
        return program.total(xs, NUMPY)

    answer = derive(loss, *leaves) if traced else derive(loss(*leaves), leaves)
    rng = np.random.default_rng(program.seed)
    moved = 0.1 if traced else 1e-6  # choices that were recorded stay
    others = [
        Tensor(x.numpy() + moved * rng.normal(size=x.shape), requires_grad=True) for x in leaves
    ]
    with np.errstate(all="ignore"):
        expected = loss(*others)
        expected.backward()
    values = {x.name: other.numpy() for x, other in zip(leaves, others, strict=True)}
    found = run(answer, **{name: a for name, a in values.items() if name in answer.values})
    slopes = {x.name: other.grad for x, other in zip(leaves, others, strict=True)}
    if not all(s is None or np.isfinite(s).all() for s in slopes.values()):
        return  # moved to where there is no logarithm, say
    size = max(1, *(np.max(np.abs(s), initial=0) for s in slopes.values() if s is not None), 1)
    np.testing.assert_allclose(found.pop("L"), expected.numpy(), 1e-12, 1e-12)
    for name, gradient in found.items():
        exact = slopes[name[1:]]
        np.testing.assert_allclose(gradient, 0 if exact is None else exact, 0, 1e-12 * size)


@MODES
@pytest.mark.parametrize("seed", range(20))
def test_random_programs(seed, traced):
    check_program(seed, traced)


@pytest.mark.heavy
@MODES
@pytest.mark.parametrize("start", range(100, 1100, 50))
def test_many_random_programs(start, traced):
    for seed in range(start, start + 50):
        check_program(seed, traced)
