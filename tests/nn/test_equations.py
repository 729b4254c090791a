"""Backpropagation by hand agrees with autograd, with differences, and with PyTorch."""

import ast
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from microgradnd import Tensor
from nn import equations as eq
from nn import functions
from nn.classics.backprop_check import _HEAD, check_backprop
from tests.numerical import slope


@pytest.fixture(autouse=True)
def _seed():
    nn.manual_seed(0)


def network(rng):
    """Three weights, stored as (outputs, inputs), and three biases."""
    return [rng.normal(size=shape) for shape in [(3, 4), (5, 3), (2, 5), 3, 5, 2]]


def layers_of(arrays, activation):
    return [eq.Layer(W, b, activation) for W, b in zip(arrays[:3], arrays[3:], strict=True)]


def outputs_of(layers, x, *layout):
    return eq.feed_forward(layers, x, *layout)[-1][1]


def gradients_of(layers):
    return [g.dW for g in layers] + [g.db for g in layers]


def assert_slopes(cost, arrays, gradients, rng):
    """The gradients are those of the cost, a function of the arrays: by differences."""
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    for k, gradient in enumerate(gradients):
        direction = rng.normal(size=arrays[k].shape)
        directions = [direction if j == k else 0 * a for j, a in enumerate(arrays)]
        (expected,) = slope(cost, arrays, directions, step=1e-5)  # short: there are kinks about
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-7, atol=1e-8)


def test_no_autograd_is_used():
    """The equations import NumPy and each other; the closed form, which reads models, also nn."""
    for path in pathlib.Path(nn.equations.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [] if node.level else [node.module]
                assert node.level <= (3 if path.stem == "closed_form" else 1)
            assert {*names} <= {"__future__", "collections.abc", "typing", "numpy"}


# ---- the worked example of the course ------------------------------------------------------------

W1 = np.array([[0.1, 0.3, 0.8, -0.4], [-0.3, -0.2, 0.5, 0.5], [-0.3, 0, 0.5, 0.4], [0.2, 0.5, -0.9, 0.7]])  # fmt: skip
W2 = np.array([[0.5, 0.8, 0.2, 0.4], [0.5, 0.2, 0.3, -0.5]])
X, Y = np.array([[2.0, 5.0, 3.0, 3.0]]), np.array([[1.0, 0.0]])


def test_the_4_4_2_network(rng):
    """Sigmoids, a softmax, and the squared error. The slides print -0.029 for ∂L/∂w₂₁₂."""

    def layers(w1, w2):
        return [eq.Layer(w1, np.zeros(4), eq.sigmoid), eq.Layer(w2, np.zeros(2), eq.softmax(-1))]

    (_, hidden), (_, output) = eq.feed_forward(layers(W1, W2), X)
    assert hidden[0, 1] == pytest.approx(0.80, abs=0.005)  # the printed h₁₂ and ŷ₁
    assert output[0, 0] == pytest.approx(0.77, abs=0.005)
    found = eq.backpropagate(layers(W1, W2), X, Y, lambda a, y: 2 * (a - y))
    assert found[1].dW[0, 1] == pytest.approx(-0.1304, abs=5e-5)
    assert found[0].dW[2, 0] == pytest.approx(0.00316, abs=5e-6)

    def squared_error(w1, w2):
        return np.sum((outputs_of(layers(w1, w2), X) - Y) ** 2)

    assert_slopes(squared_error, [W1, W2], [g.dW for g in found], rng)


# ---- the five equations --------------------------------------------------------------------------

ACTIVATIONS = [eq.identity, eq.sigmoid, eq.tanh, eq.relu, eq.leaky_relu(0.1), eq.elu(1.5)]
COUPLED = [kind(axis) for kind in (eq.softmax, eq.log_softmax) for axis in (0, 1)]
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)


@pytest.mark.parametrize("activation", ACTIVATIONS + COUPLED, ids=lambda a: a.name)
def test_the_way_back_through_activations_is_that_of_differences(rng, activation):
    z, g, direction = rng.normal(size=(3, 3, 4))
    (moved,) = slope(activation.of, [z], [direction])
    found = activation.pull_back(g, z, activation.of(z))
    np.testing.assert_allclose(np.sum(found * direction), np.sum(g * moved), rtol=1e-8)
    if activation in ACTIVATIONS:
        np.testing.assert_allclose(found * direction, g * moved, rtol=1e-8, atol=1e-10)


@each_activation
@pytest.mark.parametrize(("points", "stored"), eq.LAYOUTS)
def test_the_matrix_form_in_all_four_layouts(rng, points, stored, activation):
    arrays = network(rng)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    turned = [array if stored == "outputs, inputs" else array.T for array in arrays]
    inputs, targets = (x, y) if points == "rows" else (x.T, y.T)
    layout = points, stored
    found = eq.backpropagate(
        layers_of(turned, activation), inputs, targets, eq.quadratic_slope, *layout
    )

    def cost(*arrays):
        outputs = outputs_of(layers_of(arrays[:-1], activation), arrays[-1], *layout)
        return np.sum((targets - outputs) ** 2) / 2

    assert_slopes(cost, [*turned, inputs], [*gradients_of(found), found[0].dH], rng)
    usual = eq.backpropagate(layers_of(arrays, activation), x, y, eq.quadratic_slope)
    for mine, other in zip(found, usual, strict=True):
        delta = mine.delta if points == "rows" else mine.delta.T
        np.testing.assert_allclose(delta, other.delta, rtol=1e-12, atol=1e-14)


@each_activation
def test_the_elemental_form_is_the_matrix_form(rng, activation):
    arrays = [array.T for array in network(rng)]
    x, y = rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    layers = layers_of(arrays, activation)
    expected = eq.backpropagate(layers, x, y, eq.quadratic_slope, weights="inputs, outputs")
    found = eq.elemental(arrays[:3], arrays[3:], activation, x[0], y[0])
    for mine, other in zip(found, expected, strict=True):
        for entry, row in zip(mine, other, strict=True):
            np.testing.assert_allclose(entry, np.reshape(row, entry.shape), rtol=1e-12, atol=1e-14)


def test_bp1_to_bp4(rng):
    arrays, x, y = network(rng), rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    layers = layers_of(arrays, eq.sigmoid)
    a = [x[0], *(a[0] for _, a in eq.feed_forward(layers, x))]
    slopes = [a * (1 - a) for a in a[1:]]
    expected = eq.backpropagate(layers, x, y, eq.quadratic_slope)
    for number in (2, 1, 0):
        if number == 2:
            delta = eq.bp1(a[-1] - y[0], slopes[-1])
        else:
            delta = eq.bp2(arrays[number + 1], delta, slopes[number])
        np.testing.assert_allclose(eq.bp3(delta), expected[number].db, rtol=1e-12)
        np.testing.assert_allclose(eq.bp4(a[number], delta), expected[number].dW, rtol=1e-12)


# ---- softmax and sigmoids with cross-entropy -----------------------------------------------------


@pytest.mark.parametrize("hidden", [eq.sigmoid, eq.tanh, eq.relu], ids=lambda a: a.name)
def test_softmax_with_cross_entropy(rng, hidden):
    arrays, x, y = network(rng), rng.normal(size=(6, 4)), np.eye(2)[rng.integers(0, 2, 6)]

    def cost(*arrays):
        return eq.softmax_batch(arrays[:3], arrays[3:], hidden, x.T, y.T)[0]

    def cost_of_point(*arrays):
        return eq.softmax_point(arrays[:3], arrays[3:6], hidden, arrays[6], y[0])[0]

    loss, found = eq.softmax_batch(arrays[:3], arrays[3:], hidden, x.T, y.T)
    assert_slopes(cost, arrays, gradients_of(found), rng)
    points = [eq.softmax_point(arrays[:3], arrays[3:], hidden, *p) for p in zip(x, y, strict=True)]
    first = points[0][1]
    assert_slopes(cost_of_point, [*arrays, x[0]], [*gradients_of(first), first[0].dH], rng)
    assert loss == pytest.approx(np.mean([loss for loss, _ in points]))
    for layer, batch in enumerate(found):
        for i, (_, gradients) in enumerate(points):
            one = batch.dZ[:, i], batch.dW_each[i], batch.db_each[i], batch.dH[:, i]
            for entry, other in zip(one, gradients[layer], strict=True):
                np.testing.assert_allclose(entry, other, rtol=1e-11)
        np.testing.assert_allclose(batch.dW, batch.dW_each.mean(axis=0), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(batch.db, batch.db_each.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[-1].dZ.sum(axis=0), 0, atol=1e-15)  # p and y add up to 1


@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_sigmoids_with_cross_entropy_and_a_regulariser(rng, strength):
    arrays = network(rng)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 2)).astype(float)

    def cost(*arrays):
        return eq.sigmoid_batch(arrays[:3], arrays[3:], x, y, strength)[0]

    value, found = eq.sigmoid_batch(arrays[:3], arrays[3:], x, y, strength)
    assert_slopes(cost, arrays, gradients_of(found), rng)
    a = outputs_of(layers_of(arrays, eq.sigmoid), x)
    entropy = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / 6
    assert value == pytest.approx(entropy + strength / 12 * sum(np.sum(W**2) for W in arrays[:3]))


def test_saturated_outputs_stay_exact():
    W, x = np.array([[1000.0]]), np.array([[1.0]])
    cost, (layer,) = eq.sigmoid_batch([W], [np.zeros(1)], x, np.zeros((1, 1)))
    assert (cost, layer.delta.item()) == (1000.0, 1.0)
    W, b = np.array([[1000.0], [0.0]]), np.zeros(2)
    loss, (layer,) = eq.softmax_point([W], [b], eq.tanh, [1.0], [0, 1])
    assert (loss, layer.delta.tolist()) == (1000.0, [1.0, -1.0])


# ---- of a model ----------------------------------------------------------------------------------

N, K = 7, 3
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.abs(np.sin(np.arange(1.0, N * K + 1))).reshape(N, K)
SOFT /= SOFT.sum(axis=1, keepdims=True)

MODELS = {
    "quadratic": (nn.Sigmoid(), nn.QuadraticLoss(), LABELS),
    "quadratic one-hot": (nn.Softmax(dim=1), nn.QuadraticLoss(), ONE_HOT),
    "squares": (nn.Tanh(), nn.MSELoss(), SOFT),
    "sum of squares": (nn.Softmax(dim=-1), nn.MSELoss(reduction="sum"), SOFT),
    "absolute": (nn.Identity(), nn.L1Loss(), SOFT),
    "huber": (nn.ELU(0.5), nn.HuberLoss(delta=0.5), SOFT),
    "cross-entropy": (None, nn.CrossEntropyLoss(), LABELS),
    "cross-entropy soft": (None, nn.CrossEntropyLoss(reduction="sum"), SOFT),
    "cross-entropy smoothed": (None, nn.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "cross-entropy ignoring": (None, nn.CrossEntropyLoss(ignore_index=1), LABELS),
    "log-likelihood": (nn.LogSoftmax(dim=1), nn.NLLLoss(), LABELS),
    "log-likelihood ignoring": (nn.LogSoftmax(1), nn.NLLLoss(ignore_index=2), LABELS),
    "binary": (nn.Sigmoid(), nn.BCELoss(), SOFT),
    "binary after softmax": (nn.Softmax(dim=1), nn.BCELoss(), SOFT),
    "binary scores": (None, nn.BCEWithLogitsLoss(reduction="sum"), SOFT),
    "sigmoids": (nn.Sigmoid(), nn.SigmoidCrossEntropyLoss(), LABELS),
    "sigmoid scores": (None, nn.SigmoidCrossEntropyLoss(logits=True), ONE_HOT),
}


def model_of(last, *hidden):
    hidden = hidden or (nn.ReLU(),)
    modules = [nn.Linear(5, 4), *hidden, nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, K)]
    return nn.Sequential(*modules, *([] if last is None else [last]))


@pytest.mark.parametrize("name", MODELS)
def test_closed_form_autograd_and_differences_agree(rng, name):
    last, loss, y = MODELS[name]
    model = model_of(last)
    report = check_backprop(model, loss, rng.normal(size=(N, 5)), y)
    assert report, f"\n{report}"
    assert [row.name for row in report.rows] == [n for n, _ in model.named_parameters()]
    assert all(not np.isnan(row.numerical).any() for row in report.rows)


def test_delta_is_the_gradient_of_the_weighted_sums(rng):
    model, x, seen = model_of(nn.Sigmoid()), rng.normal(size=(N, 5)), []
    found = eq.closed_form(model, nn.QuadraticLoss(), x, LABELS)
    for layer in (model[4], model[2], model[0]):
        layer.register_full_backward_hook(lambda module, inner, outer: seen.append(outer[0]))
    nn.QuadraticLoss()(model(x), LABELS).backward()
    for layer, delta in zip(found, reversed(seen), strict=True):
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-11, atol=1e-15)
    assert [layer.layer for layer in found] == ["0", "2", "4"]
    assert found[1].db is None


KINDS = ["Linear", "Sigmoid", "Tanh", "LeakyReLU", "Softmax", "ELU", "Identity"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
def test_any_order_of_layers(seed, kinds):
    rng = np.random.default_rng(seed)
    modules, width = [], 3
    for kind in [*kinds, "Linear"]:
        if kind == "Linear":
            wider = int(rng.integers(1, 5))
            modules.append(nn.Linear(width, wider))
            width = wider
        else:
            modules.append(getattr(nn, kind)(**({"dim": 1} if kind == "Softmax" else {})))
    model = nn.Sequential(nn.Sequential(*modules[:2]), *modules[2:])
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, width))
    report = check_backprop(model, nn.MSELoss(), x, y)
    assert all(row.difference < 1e-12 for row in report.rows), f"\n{report}"


def test_a_single_point_images_and_dropout_in_evaluation(rng):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, K)
    )
    model.eval()
    assert check_backprop(model, nn.CrossEntropyLoss(), rng.normal(size=(N, 2, 3)), LABELS)
    assert check_backprop(nn.Linear(6, K), nn.CrossEntropyLoss(), rng.normal(size=6), 1)
    point = Tensor(rng.normal(size=6))
    assert check_backprop(nn.Linear(6, K), nn.QuadraticLoss(), point, Tensor([0.0, 1.0, 0.0]))


class Odd(nn.Module):
    def forward(self, x):
        return x


class Sigmoid(nn.Sigmoid):
    """Not what its name says."""


TWICE, TIED, TIES = (nn.Linear(5, 5) for _ in range(3))
TIES.weight = TIED.weight


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Linear(5, 5), Odd()], r"1 \(Odd\) has no closed form"),
        ([nn.Linear(5, 5), Sigmoid()], r"1 \(Sigmoid\) has no closed form"),
        ([nn.Sequential(nn.ReLU(), nn.Conv1d(1, 1, 1))], r"0.1 \(Conv1d\) has no closed form"),
        ([nn.Linear(5, 5), nn.Softmax(dim=0)], r"1 \(Softmax\) has no closed form"),
        ([nn.Linear(5, 5), nn.Flatten()], r"1 \(Flatten\) has no closed form"),
        ([nn.Linear(5, 5), nn.Dropout(0.5)], r"1 \(Dropout\) has no closed form"),
        ([TWICE, TWICE], r"1 \(Linear\) is in the model twice"),
        ([nn.ReLU()], "no Linear layer"),
        ([TIED, TIES], r"1 \(Linear\).*shares its weight"),
        ([nn.Linear(4, K)], r"0 \(Linear\) takes points in rows of 4, got \(7, 5\)"),
    ],
)
def test_models_without_a_closed_form_are_refused_by_name(modules, message):
    with pytest.raises((TypeError, ValueError), match=message):
        eq.closed_form(nn.Sequential(*modules), nn.CrossEntropyLoss(), np.ones((N, 5)), LABELS)


@pytest.mark.parametrize(
    ("model", "loss", "y", "message"),
    [
        (nn.Linear(5, K), nn.CrossEntropyLoss(weight=np.ones(K)), LABELS, "with a weight"),
        (nn.Linear(5, K), nn.MSELoss(reduction="none"), SOFT, "not return a single number"),
        (nn.Linear(5, K), lambda a, y: a, LABELS, "function has no closed form"),
        (lambda x: x, nn.CrossEntropyLoss(), LABELS, "expected a module, got a function"),
        (nn.Linear(5, K), nn.MSELoss(), SOFT[:2], "expected targets"),
    ],
)
def test_losses_without_a_closed_form_are_refused_by_name(model, loss, y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_backprop(model, loss, np.ones((N, 5)), y)


# ---- the check itself ----------------------------------------------------------------------------


def test_a_planted_mistake_is_found(rng, monkeypatch):
    model, x = model_of(None, nn.Sigmoid()), rng.normal(size=(N, 5))
    with monkeypatch.context() as patch:
        patch.setattr(functions._sigmoid, "rules", (lambda g, y, z: g * y,))
        report = check_backprop(model, nn.CrossEntropyLoss(), x, LABELS)
    assert not report
    assert "WRONG" in str(report)
    assert [row.name for row in report.rows if not row.right] == ["0.weight", "0.bias"]
    wrong = report.rows[0]
    assert wrong.numerical_difference < 1e-6  # differences agree with the closed form
    apart = np.abs(wrong.autograd - wrong.closed_form)
    assert apart.max() == apart[wrong.place]
    assert check_backprop(model, nn.CrossEntropyLoss(), x, LABELS)


@pytest.mark.parametrize(
    ("field", "slip"),
    [
        ("dW", lambda delta, A: delta.T @ A / 2),
        ("back", lambda W, delta: -(delta @ W)),
        ("db", lambda delta: delta.mean(axis=0)),
    ],
)
def test_a_wrong_equation_is_found(rng, monkeypatch, field, slip):
    usual = ("rows", "outputs, inputs")
    monkeypatch.setitem(eq.LAYOUTS, usual, eq.LAYOUTS[usual]._replace(**{field: slip}))
    x = rng.normal(size=(N, 5))
    report = check_backprop(model_of(None), nn.CrossEntropyLoss(), x, LABELS)
    assert not report
    assert any(row.numerical_difference > 0.1 for row in report.rows)


def test_the_model_stays_as_it_is(rng):
    model, x = model_of(None).astype(np.float32), rng.normal(size=(N, 5)).astype(np.float32)
    loss = nn.CrossEntropyLoss()
    loss(model(x), LABELS).backward()
    before, gradients = model.state_dict(), [p.grad.copy() for p in model.parameters()]
    model[0].weight.requires_grad = False  # frozen, and checked like the others
    assert check_backprop(model, loss, x, LABELS)
    assert not model[0].weight.requires_grad
    for (name, p), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_array_equal(p.numpy(), before[name])
        np.testing.assert_array_equal(p.grad, gradient)


def test_of_large_arrays_some_entries_are_measured(rng):
    model = nn.Sequential(nn.Linear(50, 30), nn.Sigmoid(), nn.Linear(30, K))
    report = check_backprop(model, nn.CrossEntropyLoss(), rng.normal(size=(N, 50)), LABELS, 20)
    assert report
    assert [int(np.sum(~np.isnan(row.numerical))) for row in report.rows] == [20, 20, 20, 3]
    assert all(not np.isnan(row.numerical[row.place]) for row in report.rows)


def test_how_the_report_looks(rng):
    model = nn.Sequential({"<b>first</b>": nn.Linear(2, K)})
    report = check_backprop(model, nn.CrossEntropyLoss(), rng.normal(size=(N, 2)), LABELS)
    verdict, head, *rows = str(report).splitlines()
    assert verdict == "check_backprop: right"
    assert re.split(r"\s{2,}", head) == ["", *_HEAD]
    assert [row.split()[0] for row in rows] == ["<b>first</b>.weight", "<b>first</b>.bias"]
    page = report._repr_html_()
    assert "<b>first</b>" not in page
    assert "&lt;b&gt;first&lt;/b&gt;.weight" in page


def test_saturated_outputs_are_no_mistake(rng):
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
    x = 1e4 * rng.normal(size=(6, 4))
    assert check_backprop(model, nn.CrossEntropyLoss(), x, [0, 1, 2, 0, 1, 2])
