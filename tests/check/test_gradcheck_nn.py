"""gradcheck on layers: none is suspected wrongly, and a wrong one is named with its place."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, primitive

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
    "softmax": (lambda: nn.Softmax(dim=1), (3, 4)),
    "log_softmax": (lambda: nn.LogSoftmax(dim=1), (3, 4)),
}
SMOOTH = (nn.Sigmoid, nn.Tanh, nn.ELU, nn.SiLU, nn.Softplus, nn.LogSigmoid)
for activation in (*SMOOTH, nn.Step, nn.ReLU, nn.LeakyReLU):
    LAYERS[activation.__name__] = activation, (3, 4)
LABELS = np.array([2, 0, 1])
PROBABILITIES = nn.Sigmoid()
LOSSES = {
    "mse": (nn.MSELoss(), np.ones((3, 4))),
    "l1": (nn.L1Loss(), np.ones((3, 4))),
    "huber": (nn.HuberLoss(), np.ones((3, 4))),
    "quadratic": (nn.QuadraticLoss(), LABELS),
    "cross_entropy": (nn.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "nll": (nn.NLLLoss(), LABELS),
    "bce": (lambda x, t: nn.BCELoss()(PROBABILITIES(x), t), np.eye(4)[LABELS]),
    "bce_with_logits": (nn.BCEWithLogitsLoss(), np.eye(4)[LABELS]),
    "sigmoid_cross_entropy": (nn.SigmoidCrossEntropyLoss(logits=True), LABELS),
    "sigmoid_cross_entropy of probabilities": (
        lambda x, t: nn.SigmoidCrossEntropyLoss()(PROBABILITIES(x), t), LABELS,
    ),
}  # fmt: skip
LAYERS |= {
    name: (lambda loss=loss, target=target: lambda x: loss(x, target), (3, 4))
    for name, (loss, target) in LOSSES.items()
}


def first(output):
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_or_loss_is_right_and_not_suspected(name):
    """A wrong operation behind it makes gradcheck try every rule inside the layer alone."""
    make, shape = LAYERS[name]
    layer = make()
    x = Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name="x")
    leaves = [x, *(layer.parameters() if isinstance(layer, nn.Module) else ())]
    assert gradcheck(lambda: np.sin(first(layer(x))), *leaves, order=2)
    output = (lambda: np.sin(x) + layer(x)) if name == "Step" else (lambda: first(layer(x)))
    report = gradcheck(lambda: np.sin(WRONG(output())), *leaves)
    assert {culprit.operation for culprit in report.culprits} == {"wrong"}


# ---- mistakes inside layers ----------------------------------------------------------------------

# A layer, the argument of its operation, a wrong rule, the mistake, the scope.
MISTAKES = [
    (nn.Linear(3, 3), 0, lambda g, y, x, w, bias=None: -g @ w, "sign", "Sequential2"),
    (nn.Linear(3, 3), 1, lambda g, y, x, w, bias=None: g.T @ x / len(x), "batch size", "Linear0"),
    (nn.Linear(3, 3), 2, lambda g, y, x, w, bias: g[0], "forgot to sum", "Linear0"),
    (nn.Sigmoid(), 0, lambda g, y, x: g * (1 - y), "forgot to multiply by the output", "Sigmoid1"),
    (nn.LayerNorm(3, elementwise_affine=False), 0,
     lambda g, y, x, shape, eps: g / np.std(x, -1, keepdims=True), "", "LayerNorm2"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "argument", "rule", "mistake", "place"), MISTAKES)
def test_a_mistake_inside_a_layer(monkeypatch, layer, argument, rule, mistake, place):
    operation = layer(Tensor(np.ones((2, 3)), requires_grad=True)).operation
    rules = list(operation.rules)
    rules[argument] = rule
    monkeypatch.setattr(operation, "rules", tuple(rules))
    inner = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.LayerNorm(5))
    model = nn.Sequential(nn.Linear(6, 5), nn.Sigmoid(), inner, nn.Linear(5, 3))
    x, loss = np.random.default_rng(0).normal(size=(4, 6)), nn.QuadraticLoss()
    report = gradcheck(lambda: loss(model(x), np.array([0, 1, 2, 0])), *model.parameters())
    culprit = report.culprit
    assert (culprit.operation, culprit.argument) == (operation.name, argument)
    assert place in culprit.scope
    assert mistake in (culprit.mistake or "")
    assert report.rows[0].name == "0.weight"
