"""gradcheck on layers: none is suspected wrongly, and a wrong one is named with its place."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, primitive

# A wrong operation behind a layer makes gradcheck try every rule inside the layer by itself.
WRONG = primitive(lambda x: x * 3.0, lambda g, y, x: 2.0 * g, name="wrong")

LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (5, 4)),
    "conv1d": (lambda: nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2), (2, 2, 7)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3, padding="same", dilation=2), (2, 2, 5, 5)),
    "max_pool": (lambda: nn.MaxPool2d(2), (2, 2, 4, 4)),
    "avg_pool": (lambda: nn.AvgPool1d(3, padding=1), (2, 2, 6)),
    "flatten": (lambda: nn.Flatten(), (2, 3, 2)),
    "batch_norm": (lambda: nn.BatchNorm1d(4), (5, 4)),
    "batch_norm_2d": (lambda: nn.BatchNorm2d(2), (3, 2, 2, 2)),
    "layer_norm": (lambda: nn.LayerNorm(4), (5, 4)),
    "dropout": (lambda: nn.Dropout(0.5), (5, 4)),
    "classic_dropout": (lambda: nn.ClassicDropout(0.5), (5, 4)),
    "drop_connect": (lambda: nn.DropConnect(nn.Linear(4, 3), 0.5), (5, 4)),
    "rnn": (lambda: nn.RNN(3, 4), (3, 2, 3)),
    "lstm": (lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True), (3, 2, 3)),
    "gru": (lambda: nn.GRU(3, 4, batch_first=True), (2, 3, 3)),
    "step": (lambda: nn.Step(), (3, 4)),
    "sigmoid": (lambda: nn.Sigmoid(), (3, 4)),
    "tanh": (lambda: nn.Tanh(), (3, 4)),
    "relu": (lambda: nn.ReLU(), (3, 4)),
    "leaky_relu": (lambda: nn.LeakyReLU(), (3, 4)),
    "elu": (lambda: nn.ELU(), (3, 4)),
    "silu": (lambda: nn.SiLU(), (3, 4)),
    "softplus": (lambda: nn.Softplus(), (3, 4)),
    "softmax": (lambda: nn.Softmax(dim=1), (3, 4)),
    "log_softmax": (lambda: nn.LogSoftmax(dim=1), (3, 4)),
    "logsigmoid": (lambda: nn.LogSigmoid(), (3, 4)),
}
LABELS = np.array([2, 0, 1])
LOSSES = {
    "mse": (nn.MSELoss, np.ones((3, 4))),
    "l1": (nn.L1Loss, np.ones((3, 4))),
    "huber": (nn.HuberLoss, np.ones((3, 4))),
    "quadratic": (nn.QuadraticLoss, LABELS),
    "cross_entropy": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "nll": (nn.NLLLoss, LABELS),
    "bce_with_logits": (nn.BCEWithLogitsLoss, np.eye(4)[LABELS]),
    "sigmoid_cross_entropy": (lambda: nn.SigmoidCrossEntropyLoss(logits=True), LABELS),
}


def first(output):
    return output[0] if isinstance(output, tuple) else output


@pytest.fixture(autouse=True)
def seed():
    nn.manual_seed(0)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_right(name):
    make, shape = LAYERS[name]
    layer = make()
    x = Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name="x")
    assert gradcheck(lambda: np.sin(first(layer(x))), x, *layer.parameters(), order=2)


@pytest.mark.parametrize("name", LAYERS)
def test_no_rule_of_a_layer_is_suspected_when_another_is_wrong(name):
    make, shape = LAYERS[name]
    layer = make()
    x = Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name="x")
    if name == "step":
        report = gradcheck(lambda: np.sum(WRONG(np.sin(x)) + layer(x)), x)
    else:
        report = gradcheck(lambda: np.sin(WRONG(first(layer(x)))), x, *layer.parameters())
    assert {culprit.operation for culprit in report.culprits} == {"wrong"}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_right_and_not_suspected(name):
    make, target = LOSSES[name]
    loss = make()
    x = Tensor(np.random.default_rng(0).normal(size=(3, 4)), requires_grad=True)
    assert gradcheck(lambda: loss(x, target), x, order=2)
    report = gradcheck(lambda: np.sin(WRONG(loss(WRONG(x), target))), x)
    assert {culprit.operation for culprit in report.culprits} == {"wrong"}


def test_bce_of_probabilities():
    p = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4))
    assert gradcheck(lambda p: nn.BCELoss()(p, np.eye(4)[LABELS]), p, order=2)
    assert gradcheck(lambda p: nn.SigmoidCrossEntropyLoss()(p, LABELS), p, order=2)


# ---- mistakes inside layers ----------------------------------------------------------------------


def network():
    return nn.Sequential(
        nn.Linear(6, 5), nn.Sigmoid(), nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.LayerNorm(5)),
        nn.Linear(5, 3),
    )  # fmt: skip


def planted(function, *rules, name):
    return primitive(function, *rules, name=name)


def wrong_linear(which):
    from nn.layers.dense import _linear

    rules = list(_linear.rules)
    rules[which] = {
        0: lambda g, y, x, weight, bias=None: -g @ weight,
        1: lambda g, y, x, weight, bias=None: g.T @ x / len(x),
        2: lambda g, y, x, weight, bias: g[0],
    }[which]
    return "nn.layers.dense._linear", planted(_linear.function, *rules, name="linear")


def wrong_sigmoid():
    from nn.functions import _sigmoid

    rule = lambda g, y, x: g * (1 - y)  # noqa: E731
    return "nn.functions._sigmoid", planted(_sigmoid.function, rule, name="sigmoid")


def wrong_standardise():
    from nn.layers.normalisation import _standardised

    rule = lambda g, y, x, axes, eps: g / np.std(x, axes, keepdims=True)  # noqa: E731
    made = planted(_standardised.function, rule, name="standardise")
    return "nn.layers.normalisation._standardised", made


MISTAKES = [
    (lambda: wrong_linear(0), "linear", 0, "sign", "Sequential2"),
    (lambda: wrong_linear(1), "linear", 1, "batch size", "Linear0"),
    (lambda: wrong_linear(2), "linear", 2, "forgot to sum", "Linear0"),
    (wrong_sigmoid, "sigmoid", 0, "forgot to multiply by the output", "Sigmoid1"),
    (wrong_standardise, "standardise", 0, None, "LayerNorm2"),
]


@pytest.mark.parametrize(("plant", "operation", "argument", "mistake", "place"), MISTAKES)
def test_a_mistake_inside_a_layer(monkeypatch, plant, operation, argument, mistake, place):
    monkeypatch.setattr(*plant())
    model, x = network(), np.random.default_rng(0).normal(size=(4, 6))
    loss = nn.QuadraticLoss()
    report = gradcheck(lambda: loss(model(x), np.array([0, 1, 2, 0])), *model.parameters())
    assert not report
    assert (report.culprit.operation, report.culprit.argument) == (operation, argument)
    assert place in report.culprit.scope
    assert mistake is None or mistake in report.culprit.mistake
    assert report.rows[0].name == "0.weight"
