"""What people write from habit is refused with what to write here."""

import numpy as np
import pytest

import microgradnd
import nn
from microgradnd import Tensor
from microgradnd.habits import HABITS

T = Tensor([[1.0, 2.0]], requires_grad=True)
MODEL = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
MOONS = nn.data.moons(20)
NORMED = nn.utils.weight_norm(nn.Linear(2, 2))
PACKED = nn.utils.rnn.pack_sequence([[[1.0] * 4], [[2.0] * 4]])


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(2, 2)]) if kind is not dict else {"a": nn.Linear(2, 2)}

    def forward(self, x):
        return x


class Mapped(nn.Module):
    def __init__(self, function):
        self.linear, self.function = nn.Linear(2, 2), function

    def forward(self, x):
        return self.function(self.linear(x))


def fit(model=MODEL, **options):
    defaults = {
        "loss": nn.CrossEntropyLoss(),
        "optimizer": nn.optim.SGD(MODEL.parameters(), lr=0.1),
    }
    return nn.fit(model, MOONS, **{"epochs": 1, "progress": False, **defaults, **options})


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
        (
            lambda: nn.optim.Adam(MODEL.parameters(), learning_rate=0.1),
            "Adam has no argument .*; use lr=",
        ),
        (lambda: nn.optim.AdaDelta, r"did you mean Adadelta\?"),
        (lambda: nn.optim.lr_scheduler.StepLr, r"did you mean StepLR\?"),
        (lambda: nn.init.xavier_uniform, r"did you mean xavier_uniform_\?"),
        (lambda: nn.utils.clip_grad_norm, r"did you mean clip_grad_norm_\?"),
        (lambda: nn.functional.embeding_bag, r"did you mean embedding_bag\?"),
        (lambda: nn.distributions.Normall, r"did you mean Normal\?"),
        (
            lambda: nn.Linear(in_feature=2, out_features=3),
            "Linear has no argument 'in_feature'; use in_features=",
        ),
        (lambda: MODEL.fit(MOONS), r"use nn\.fit\(model, data"),
        (lambda: MODEL.cuda(), "for a GPU"),
        (lambda: MODEL.paramters(), r"did you mean parameters\?"),
        (
            lambda: nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))(T),
            "got 2 in a tuple, as an LSTM.*pick the one",
        ),
        (
            lambda: nn.Sequential(nn.MaxPool1d(2, return_indices=True), nn.Flatten())([T.numpy()]),
            "got 2 in a tuple",
        ),
        (lambda: nn.Linear(4, 2)(PACKED), "got 4 in a PackedSequence"),
        (lambda: nn.utils.rnn.pad_packed_sequence(T), "expected a PackedSequence, got Tensor"),
        (
            lambda: nn.utils.parameters_to_vector(MODEL),
            r"got Sequential: use model\.parameters\(\)",
        ),
        (
            lambda: nn.optim.swa_utils.AveragedModel(MODEL.parameters()),
            "expected a Module, got generator",
        ),
        (
            lambda: setattr(NORMED, "weight", nn.Parameter([[1.0]])),
            r"Linear\.weight is computed; change what",
        ),
        (lambda: nn.utils.weight_norm(nn.ReLU()), "a Parameter 'weight'; ReLU has none"),
        (lambda: fit(optimizer=nn.optim.LBFGS(MODEL.parameters())), r"optimizer\.step\(closure\)"),
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
        (lambda: fit(loss="mse"), r"such as nn\.CrossEntropyLoss\(\), got 'mse'"),
        (lambda: fit(verbose=1), "fit has no argument 'verbose'; use progress="),
        (lambda: fit(epochs="2"), "epochs must be a number, got '2'"),
        (lambda: fit(callbacks=[print]), r"such as nn\.EarlyStopping\(\), got <built-in"),
        (
            lambda: nn.fit(MODEL, MOONS.inputs, MOONS.labels, epochs=1),
            "fit takes by position model, data, and other options by name, got 3 by position",
        ),
        (lambda: fit(Mapped(lambda y: None)), "Mapped.forward returned None: end it with a return"),
        (lambda: fit(Mapped(Tensor.numpy)), r"to be a Tensor, got float64: .* leaves the graph"),
        (lambda: nn.Film("film.gif"), r"expected a file that ends in \.html, got film\.gif"),
        (
            lambda: nn.CrossEntropyLoss()(Tensor(np.ones((4, 3, 2))), np.ones((4, 3), int)),
            "moveaxis",
        ),
        (lambda: nn.save("a.npz", MODEL), "a model, then a path, got 'a.npz' first"),
        (lambda: nn.save(MODEL.state_dict(), "a.npz"), r"expected a model, got dict; use nn.save"),
        (lambda: nn.load("a.npz", MODEL), "a model, then a path, got 'a.npz' first"),
        (lambda: nn.predict(MOONS.inputs, MODEL), "expected a model, then x, got ndarray first"),
        (lambda: nn.evaluate(MODEL, MOONS.inputs), "a pair of inputs and labels, got ndarray"),
        (lambda: nn.Classifier(epoch=3), "Classifier has no argument 'epoch'; use epochs="),
        (lambda: nn.Regressor((3,), 2), "Regressor takes by position model, .* got 2 by position"),
        (
            lambda: nn.BCELoss()(np.ones((3, 1)), np.ones(3)),
            r"\(3, 1\), got \(3,\); use .*\[:, None\]",
        ),
        (lambda: nn.CrossEntropyLoss()(np.ones((3, 2)), np.ones(3)), r"use \.astype\(int\)"),
        (lambda: MODEL.save("a.npz"), r"use nn\.save\(model, path\)"),
        (lambda: MODEL.add(nn.ReLU()), "Sequential has no attribute 'add'$"),
        (lambda: T.relu(), r"use nn\.functional\.relu\(t\)"),
        (lambda: nn.summary(nn.Embedding(5, 2), 3), "use dtype=int"),
        (
            lambda: fit(Listed(list)),
            r"Listed\.layers, a plain list, would not be trained.*nn\.ModuleList",
        ),
        (lambda: fit(Listed(tuple)), r"a plain tuple.*nn\.ModuleList"),
        (lambda: nn.summary(Listed(dict), 2), r"a plain dict.*nn\.ModuleDict"),
    ],
)
def test_the_error_says_what_to_write(call, message):
    with pytest.raises((TypeError, AttributeError, ValueError), match=message):
        call()
