"""The record of the layers' health, and warnings that name the layer."""

import itertools
import re
import warnings

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn import Callback, Health, TrainingWarning

TRAIN, TEST = nn.data.digits()
MOONS = nn.data.moons(200, seed=0)
IMAGES = TRAIN.map(lambda x: x.reshape(-1, 1, 28, 28))


def trained(model, data=MOONS, lr=0.1, **options):
    """The history, and what was warned of."""
    usual = {"loss": nn.CrossEntropyLoss(), "epochs": 2, "batch_size": 20, "seed": 0}
    if "optimizer" not in options:
        options["optimizer"] = nn.optim.SGD(model.parameters(), lr=lr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = nn.fit(model, data, progress=False, **{**usual, **options})
    warned = [w for w in caught if w.category is TrainingWarning]
    assert all(w.filename == __file__ for w in warned)  # not at a line of the library
    return history, [str(w.message) for w in warned]


def network(*sizes, activation, dead=()):
    """Linear layers with activations between them; in the first some units never fire."""
    nn.manual_seed(0)
    layers = []
    for size, next_size in itertools.pairwise(sizes):
        layers += [nn.Linear(size, next_size), activation()]
    for unit in dead:
        layers[0].weight.data[unit], layers[0].bias.data[unit] = 0.0, -1.0
    return nn.Sequential(*layers[:-1])


def test_norms_and_shares_are_those_of_the_batches_looked_at():
    model, seen, outputs = network(2, 6, 5, 2, activation=nn.Tanh), [], []

    class Look(Callback):
        def after_backward(self, run):
            seen.append([[p.grad.copy() for p in layer.parameters()] for layer in run.model[::2]])

    model[0].weight.data *= 20
    keep = lambda module, inputs, y: outputs.append(y.numpy()) if module.training else None  # noqa: E731
    with model[1].register_forward_hook(keep):
        history, _ = trained(model, epochs=1, callbacks=[Health(every=4), Look()])
    for layer, name in enumerate(("0 (Linear)", "2 (Linear)", "4 (Linear)")):
        norms = [np.sqrt(sum((g**2).sum() for g in seen[batch][layer])) for batch in (0, 4, 8)]
        assert history.health[name]["gradient"] == pytest.approx([np.mean(norms)], rel=1e-12)
        weights = np.concatenate([p.numpy().ravel() for p in model[2 * layer].parameters()])
        assert history.health[name]["weight"] == pytest.approx([np.linalg.norm(weights)], rel=1e-12)
    # a tanh is saturated where its slope 1 - y² is below 0.05
    shares = [np.mean(np.abs(outputs[batch]) > np.sqrt(0.95)) for batch in (0, 4, 8)]
    assert history.health["1 (Tanh)"]["saturated"] == pytest.approx([np.mean(shares)])
    assert 0 < np.mean(shares) < 1


def test_saturated_sigmoids():
    layer = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    layer[0].weight.data[...], layer[0].bias.data[...] = 1.0, 0.0
    # σ(z)(1 - σ(z)) is a twentieth of its largest value at z = ±4.357
    x, y = np.array([[-4.36], [-4.35], [0.0], [4.35], [4.36]]), np.zeros((5, 1))
    history, _ = trained(layer, (x, y), loss=nn.MSELoss(), lr=0.0, epochs=1)
    assert history.health["1 (Sigmoid)"]["saturated"] == [2 / 5]


@pytest.mark.parametrize("size", [1, 20, None])
def test_every_epoch_has_its_record_and_looking_changes_nothing(size):
    models = [network(2, 4, 2, activation=nn.ReLU) for _ in range(2)]
    for model, every in zip(models, (1, 10**9), strict=True):
        history, _ = trained(model, batch_size=size, epochs=3, callbacks=[Health(every=every)])
        columns = [values for layer in history.health.values() for values in layer.values()]
        assert [len(values) for values in columns] == [3] * 5
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_functions_are_seen_like_modules():
    class Net(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Linear(2, 5), nn.Linear(5, 5)
            self.last = nn.Linear(5, 2)

        def forward(self, x):
            x = nn.functional.relu(self.first(x))
            return self.last(np.tanh(nn.functional.relu(self.second(x))))

    net, layers = Net(), ["first (Linear)", "last (Linear)"]
    net.second.requires_grad_(False)  # and so it has no gradient
    optimizer = nn.optim.SGD([*net.first.parameters(), *net.last.parameters()], lr=0.1)
    found = trained(net, optimizer=optimizer)[0].health
    assert {*found} == {*layers, "Net", "Net, relu 2", "Net, tanh 3"}


def test_a_dead_unit_is_named_once_and_a_channel_is_dead_if_it_fires_nowhere():
    model = network(2, 8, 2, activation=nn.ReLU, dead=(2, 5))
    history, (message,) = trained(model, epochs=3, callbacks=[Health(every=1)])
    assert "2 of the 8 units of 1 (ReLU) never fired for the 200 examples" in message
    assert "looked at: 2, 5. " in message
    assert history.health["1 (ReLU)"]["dead"] == [0.25] * 3
    convolution = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    convolution[0].weight.data[1], convolution[0].bias.data[1] = 0.0, -1.0
    model = nn.Sequential(convolution, nn.Flatten(), nn.Linear(3 * 26 * 26, 10))
    _, (message,) = trained(model, IMAGES[:100], epochs=1, callbacks=[Health(every=1)])
    assert "1 of the 3 units of 0.1 (ReLU) never fired" in message


@pytest.mark.parametrize(("examples", "warnings"), [(1000, 0), (60, 1), (61, 0)])
def test_few_examples_condemn_no_unit(examples, warnings):
    model = network(784, 30, 10, activation=nn.ReLU, dead=[3])
    look = Health(every=100, examples=examples)  # it looks at 60 of 6000
    assert len(trained(model, TRAIN, epochs=1, callbacks=[look])[1]) == warnings


def test_gradients_that_vanish_in_a_deep_net_of_sigmoids():
    model = network(784, *[30] * 8, 10, activation=nn.Sigmoid)
    history, messages = trained(model, TRAIN[:1000], epochs=2)
    named = {re.match(r"the gradient vanishes in (\d+) \(Linear\)", m)[1] for m in messages}
    assert "0" in named
    assert not named & {"12", "14", "16"}  # near the loss they do not
    norms = [history.health[f"{2 * i} (Linear)"]["gradient"][0] for i in range(9)]
    assert norms[0] < 1e-3 * norms[-1]


def test_gradients_that_explode():
    model = network(784, *[30] * 5, 10, activation=nn.ReLU)
    for layer in model[2::2]:
        layer.weight.data *= 30
    _, messages = trained(model, TRAIN[:500], lr=1e-12)
    assert any(message.startswith("the gradient of 0 (Linear) explodes") for message in messages)
    for slope, count in ((2999.0, 0), (3001.0, 1)):  # 1000 · (1 + 2) is the most
        layer = nn.Linear(1, 1, bias=False)
        layer.weight.data[...] = 2.0
        loss = lambda outputs, labels, slope=slope: slope * np.mean(outputs)  # noqa: E731
        _, messages = trained(layer, (np.ones((20, 1)), np.zeros(20)), loss=loss, lr=0.0, epochs=1)
        assert len(messages) == count


class Probed(nn.Sequential):  # whose last layer comes after the scores
    def forward(self, input):
        return self[0](input)


class Scaled(nn.Module):  # a loss with a parameter of its own
    def __init__(self):
        self.scale = nn.Parameter([1.0])

    def forward(self, outputs, labels):
        return nn.functional.cross_entropy(outputs * self.scale, labels)


@pytest.mark.parametrize(
    ("kind", "last", "loss", "warned"),
    [
        (nn.Sequential, [nn.Softmax(dim=-1)], nn.CrossEntropyLoss(), True),
        (nn.Sequential, [nn.Sequential(nn.Sigmoid())], nn.CrossEntropyLoss(), True),
        (nn.Sequential, [nn.Softmax(dim=-1)], nn.NLLLoss(), True),
        (nn.Sequential, [nn.LogSoftmax(dim=-1)], nn.NLLLoss(), False),
        (nn.Sequential, [], nn.CrossEntropyLoss(), False),
        (Probed, [nn.Softmax(dim=-1)], nn.CrossEntropyLoss(), False),
    ],
)
def test_a_layer_that_does_what_the_loss_does_is_named(kind, last, loss, warned):
    _, found = trained(kind(nn.Linear(2, 2), *last), loss=loss, epochs=1)
    assert [message for message in found if "Loss expects " in message] == found
    assert len(found) == warned


@pytest.mark.parametrize("loss", [Scaled(), Scaled().forward])
def test_parameters_of_the_optimiser_that_the_model_has_not_are_counted(loss):
    model, scale = network(2, 4, 2, activation=nn.Tanh), getattr(loss, "__self__", loss).scale
    optimizer = nn.optim.SGD([*model.parameters(), scale], lr=0.1)
    assert trained(model, loss=loss, optimizer=optimizer)[1] == []
    model[2] = nn.Linear(4, 2)
    (message,) = trained(model, loss=loss, optimizer=optimizer)[1]
    count = 2 if isinstance(loss, Scaled) else 3
    assert message.startswith(f"{count} of the 5 parameters of the optimiser are not the model's")


def test_a_layer_that_is_made_anew_in_each_step_is_named():
    class Forgetful(nn.Module):
        def __init__(self, made):
            self.layer, self.made = nn.Linear(2, 2), made

        def forward(self, x):
            return self.made()(self.layer(x))

    (message,) = trained(Forgetful(lambda: nn.Linear(2, 2)), epochs=2)[1]
    assert message.startswith(
        "Forgetful.Linear computes with Tensor 'weight', which is not trained"
    )
    assert trained(Forgetful(lambda: nn.Linear(2, 2).requires_grad_(False)), epochs=1)[1] == []
    point = Tensor(np.zeros(2), requires_grad=True)  # as a model that needs slopes of its inputs
    assert trained(Forgetful(lambda: lambda x: x + point), epochs=1)[1] == []


HEALTHY = {
    "sigmoids": lambda: network(784, 30, 10, activation=nn.Sigmoid),
    "ReLUs": lambda: network(784, 64, 64, 32, 10, activation=nn.ReLU),
    "tanhs": lambda: network(784, 64, 64, 64, 64, 10, activation=nn.Tanh),
    "normalised": lambda: nn.Sequential(
        nn.Linear(784, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10)
    ),
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(144, 10)
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("optimizer", [nn.optim.Adam, lambda p: nn.optim.SGD(p, lr=0.1)])
def test_healthy_networks_are_left_in_peace(kind, optimizer):
    nn.manual_seed(0)
    model, data = HEALTHY[kind](), (IMAGES if kind == "convolutions" else TRAIN)[::4]
    history, messages = trained(model, data, optimizer=optimizer(model.parameters()))
    assert messages == []
    assert history.loss[-1] < history.loss[0]


def test_a_network_that_has_learnt_it_all_is_left_in_peace():
    model, blobs = network(2, 8, 2, activation=nn.Tanh), nn.data.blobs(100, 0.05, 2, seed=0)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    history, messages = trained(model, blobs, optimizer=optimizer, epochs=300)
    assert history.loss[-1] < 1e-4
    assert messages == []
