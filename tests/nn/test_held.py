"""What a module may hold besides its layers, and what parameters() would miss."""

from collections import OrderedDict

import numpy as np
import pytest

import nn
from microgradnd import Tensor

X = np.random.default_rng(0).normal(size=(6, 3))


class Holding(nn.Module):
    def __init__(self, **held):
        self.layer = nn.Linear(3, 2)
        vars(self).update(held)

    def forward(self, x):
        self.seen = x
        return self.layer(x)


def frozen():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).requires_grad_(False)


def in_circles():
    node = {"many": [[[[0] * 99] * 99] * 99] * 99}
    node["parent"] = node
    return node


@pytest.mark.parametrize(
    "held",
    [
        lambda: [nn.ReLU(), nn.Tanh(), nn.MSELoss()],
        lambda: {"act": nn.GELU(), "loss": nn.CrossEntropyLoss(), "drop": 0.5},
        lambda: (frozen().eval(),),
        lambda: [nn.Parameter([1.0], requires_grad=False), Tensor([1.0])],
        in_circles,
    ],
)
def test_what_is_not_trained_may_be_held_anywhere(held):
    assert len(list(Holding(held=held()).parameters())) == 2


@pytest.mark.parametrize(
    "held",
    [
        lambda: (frozen(),),  # its running averages would go on in eval()
        lambda: {"drop": [nn.Dropout(0.5)]},
        lambda: OrderedDict(a=nn.Linear(2, 2)),
        lambda: [[(nn.Parameter([1.0]),)]],
    ],
)
def test_what_would_be_missed_is_refused(held):
    with pytest.raises(TypeError, match=r"Holding\.held, a plain .*, would not be trained or sav"):
        Holding(held=held()).parameters()


def test_what_is_known_elsewhere_in_the_model_may_be_held_twice():
    model = Holding()
    model.inner = Holding(all=[model, model.layer])
    model.weights = [*model.inner.parameters()]
    assert len(list(model.parameters())) == 4
    twice = {name: p * 2 for name, p in model.named_parameters()}
    model.forward = lambda x: sum(p.sum() for p in model.parameters())
    assert nn.functional_call(model, twice, X).item() == pytest.approx(2 * model(X).item())


def test_an_input_that_requires_a_gradient_may_be_kept():
    model = Holding()
    model(Tensor(X, requires_grad=True))
    assert model.seen.requires_grad
    assert len(list(model.parameters())) == 2
