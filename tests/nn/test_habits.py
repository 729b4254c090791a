"""What people write from habit is refused with what to write here."""

import pytest

import microgradnd
import nn
from microgradnd import Tensor
from microgradnd.habits import HABITS

T = Tensor([[1.0, 2.0]], requires_grad=True)
MODEL = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
MOONS = nn.data.moons(20)


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(2, 2)]) if kind is not dict else {"a": nn.Linear(2, 2)}

    def forward(self, x):
        return x


def fit(model=MODEL, **options):
    defaults = {
        "loss": nn.CrossEntropyLoss(),
        "optimizer": nn.optim.SGD(MODEL.parameters(), lr=0.1),
    }
    return nn.fit(model, MOONS, epochs=1, progress=False, **{**defaults, **options})


@pytest.mark.parametrize("name", [name for name in HABITS if not hasattr(T, name)])
def test_a_tensor_names_what_to_write(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; use "):
        getattr(T, name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: T.view(2, 1), r"use t\.reshape\(shape\)"),
        (lambda: T.exp(), r"no attribute 'exp'; use np\.exp"),
        (lambda: T.sum(dim=1), r"sum\(dim=\) is not supported on Tensors; use axis="),
        (lambda: T.mean(keepdim=True), "use keepdims="),
        (lambda: microgradnd.cat, r"'microgradnd' has no attribute 'cat'; use np\.concatenate"),
        (lambda: microgradnd.zeros, r"use np\.zeros"),
        (lambda: microgradnd.Tenser, r"did you mean Tensor\?"),
        (lambda: nn.no_grad, r"use microgradnd\.no_grad"),
        (lambda: nn.relu, r"use nn\.functional\.relu"),
        (lambda: nn.BatchNorm2D, r"did you mean BatchNorm2d\?"),
        (lambda: nn.optim.SGD(MODEL, lr=0.1), r"got Sequential: use model\.parameters\(\)"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.functional.relu),
            r"use its module, such as nn\.ReLU",
        ),
        (
            lambda: fit(loss=nn.CrossEntropyLoss),
            r"got the class CrossEntropyLoss: use CrossEntropyLoss\(\)",
        ),
        (lambda: fit(optimizer="adam"), r"got 'adam'; use for example nn\.optim\.Adam\(model"),
        (lambda: fit(optimizer=nn.optim.Adam), r"use for example nn\.optim\.Adam\(model"),
        (
            lambda: fit(Listed(list)),
            r"Listed\.layers, a plain list, would not be trained.*nn\.ModuleList",
        ),
        (lambda: fit(Listed(tuple)), r"a plain tuple.*nn\.ModuleList"),
        (lambda: nn.summary(Listed(dict), 2), r"a plain dict.*nn\.ModuleDict"),
    ],
)
def test_the_error_says_what_to_write(call, message):
    with pytest.raises((TypeError, AttributeError), match=message):
        call()
