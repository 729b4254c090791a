"""gradcheck on layers: none is suspected wrongly, and a wrong one is named with its place."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, primitive
from tests.nn import kinds

WRONG = primitive(lambda x: x * 3.0, lambda g, y, x: 2.0 * g, name="wrong")

CHOSEN = """
Linear Conv1d Conv2d MaxPool2d AvgPool1d Flatten BatchNorm1d BatchNorm2d LayerNorm RNN LSTM GRU
Dropout ClassicDropout DropConnect Sigmoid Tanh ELU SiLU Softplus LogSigmoid Step ReLU LeakyReLU
Softmax LogSoftmax
"""


def of_loss(name):
    loss, x, target = kinds.loss(name)
    return lambda x: loss(x, target), [x]


EACH_LOSS = {case.partition("(")[0]: case for case in kinds.LOSSES}.values()
MAKERS = dict.fromkeys(CHOSEN.split(), kinds.layer) | dict.fromkeys(EACH_LOSS, of_loss)


def first(output):
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", MAKERS)
def test_a_layer_or_loss_is_right_and_not_suspected(name):
    """A wrong operation behind it makes gradcheck try every rule inside the layer alone."""
    layer, (x, *_) = MAKERS[name](name)
    x = Tensor(x, requires_grad=True, name="x")
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
     lambda g, y, x, w, b, **over: g * np.reshape(w, (1, -1)) / np.std(x, -1, keepdims=True), "", "LayerNorm2"),
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
