"""Backpropagation by hand agrees with autograd, with differences, and with PyTorch."""

import ast
import itertools
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from microgradnd import Tensor
from nn import functions, losses
from nn.classics.backprop_check import _HEAD, check_backprop
from nn.classics.equations import (
    LAYOUTS,
    Layer,
    backpropagate,
    bp1,
    bp2,
    bp3,
    bp4,
    closed_form,
    elemental,
    elu,
    feed_forward,
    identity,
    leaky_relu,
    log_softmax,
    quadratic_slope,
    relu,
    sigmoid,
    sigmoid_batch,
    softmax,
    softmax_batch,
    softmax_point,
    tanh,
)
from nn.containers import Sequential
from nn.init import manual_seed
from nn.layers.convolution import Conv1d
from nn.layers.dense import Flatten, Identity, Linear
from nn.layers.dropout import Dropout
from nn.module import Module
from tests.numerical import slope

WIDTHS = [4, 3, 5, 2]


@pytest.fixture(autouse=True)
def _seed():
    manual_seed(0)


def network(rng, widths=WIDTHS):
    """Weights, stored as (outputs, inputs), and biases."""
    pairs = list(itertools.pairwise(widths))
    return [rng.normal(size=(o, i)) for i, o in pairs], [rng.normal(size=o) for _, o in pairs]


def assert_slopes(cost, arrays, gradients, rng):
    """The gradients are those of the cost, a function of the arrays: by differences."""
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


def test_the_4_4_2_network():
    """Sigmoids, a softmax, and the squared error. The slides print -0.029 for ∂L/∂w₂₁₂."""
    layers = [Layer(W1, np.zeros(4), sigmoid), Layer(W2, np.zeros(2), softmax(-1))]
    hidden, output = (a for _, a in feed_forward(layers, X))
    assert hidden[0, 1] == pytest.approx(0.80, abs=0.005)  # the printed h₁₂ and ŷ₁
    assert output[0, 0] == pytest.approx(0.77, abs=0.005)
    first, second = backpropagate(layers, X, Y, lambda a, y: 2 * (a - y))
    assert second.dW[0, 1] == pytest.approx(-0.1304, abs=5e-5)
    assert first.dW[2, 0] == pytest.approx(0.00316, abs=5e-6)

    def squared_error(w1, w2):
        layers = [Layer(w1, np.zeros(4), sigmoid), Layer(w2, np.zeros(2), softmax(-1))]
        return np.sum((feed_forward(layers, X)[-1][1] - Y) ** 2)

    for (k, place), printed in {(1, (0, 1)): -0.029, (0, (2, 0)): None}.items():
        directions = [np.zeros((4, 4)), np.zeros((2, 4))]
        directions[k][place] = 1
        (true,) = slope(squared_error, [W1, W2], directions)
        assert (first, second)[k].dW[place] == pytest.approx(float(true), rel=1e-8)
        assert printed is None or abs(printed - true) > 0.1


# ---- the five equations --------------------------------------------------------------------------

ACTIVATIONS = [identity, sigmoid, tanh, relu, leaky_relu(0.1), elu(1.5)]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_slopes_of_activations(rng, activation):
    z, direction = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    (expected,) = slope(activation.of, [z], [direction])
    found = activation.pull_back(direction, z, activation.of(z))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("activation", [softmax, log_softmax])
def test_a_softmax_couples_its_neurons(rng, activation, axis):
    z, g, direction = rng.normal(size=(3, 3, 4))
    (moved,) = slope(activation(axis).of, [z], [direction])
    found = activation(axis).pull_back(g, z, activation(axis).of(z))
    np.testing.assert_allclose(np.sum(found * direction), np.sum(g * moved), rtol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize(("points", "stored"), LAYOUTS)
def test_the_matrix_form_in_all_four_layouts(rng, points, stored, activation):
    weights, biases = network(rng)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    turned = [W if stored == "outputs, inputs" else W.T for W in weights]
    layers = [Layer(W, b, activation) for W, b in zip(turned, biases, strict=True)]
    rows = points == "rows"
    inputs, targets = (x, y) if rows else (x.T, y.T)
    found = backpropagate(layers, inputs, targets, quadratic_slope, points, stored)

    def cost(*arrays):
        changed = [Layer(W, b, activation) for W, b in zip(arrays[:3], arrays[3:], strict=True)]
        outputs = feed_forward(changed, inputs, points, stored)[-1][1]
        return np.sum((targets - outputs) ** 2) / 2

    gradients = [g.dW for g in found] + [g.db for g in found]
    assert [g.shape for g in gradients] == [a.shape for a in turned + biases]
    assert_slopes(cost, turned + biases, gradients, rng)
    assert found[0].dH.shape == inputs.shape

    def cost_of_inputs(inputs):
        return np.sum((targets - feed_forward(layers, inputs, points, stored)[-1][1]) ** 2) / 2

    assert_slopes(cost_of_inputs, [inputs], [found[0].dH], rng)
    usual = [Layer(W, b, activation) for W, b in zip(weights, biases, strict=True)]
    for mine, other in zip(found, backpropagate(usual, x, y, quadratic_slope), strict=True):
        delta = mine.delta if rows else mine.delta.T
        np.testing.assert_allclose(delta, other.delta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_the_elemental_form_is_the_matrix_form(rng, activation):
    weights, biases = network(rng)
    turned = [W.T for W in weights]
    x, y = rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    layers = [Layer(W, b, activation) for W, b in zip(turned, biases, strict=True)]
    expected = backpropagate(layers, x, y, quadratic_slope, weights="inputs, outputs")
    found = elemental(turned, biases, activation, x[0], y[0])
    for mine, other in zip(found, expected, strict=True):
        for entry, row in zip(mine, other, strict=True):
            np.testing.assert_allclose(entry, np.reshape(row, entry.shape), rtol=1e-12, atol=1e-14)


def test_bp1_to_bp4(rng):
    weights, biases = network(rng)
    x, y = rng.normal(size=4), rng.normal(size=2)
    layers = [Layer(W, b, sigmoid) for W, b in zip(weights, biases, strict=True)]
    outputs = [(z[0], a[0]) for z, a in feed_forward(layers, x[np.newaxis])]
    a, slopes = [x] + [a for _, a in outputs], [a * (1 - a) for _, a in outputs]
    delta = bp1(a[-1] - y, slopes[-1])
    expected = backpropagate(layers, x[np.newaxis], y[np.newaxis], quadratic_slope)
    for number in (2, 1, 0):
        if number < 2:
            delta = bp2(weights[number + 1], delta, slopes[number])
        np.testing.assert_allclose(bp3(delta), expected[number].db, rtol=1e-12)
        np.testing.assert_allclose(bp4(a[number], delta), expected[number].dW, rtol=1e-12)


# ---- softmax and sigmoids with cross-entropy -----------------------------------------------------


@pytest.mark.parametrize("hidden", [sigmoid, tanh, relu], ids=lambda a: a.name)
def test_softmax_with_cross_entropy(rng, hidden):
    weights, biases = network(rng)
    x, labels = rng.normal(size=(6, 4)), rng.integers(0, 2, 6)
    y = np.eye(2)[labels]

    def cost(*arrays):
        return softmax_batch(arrays[:3], arrays[3:], hidden, x.T, y.T)[0]

    loss, found = softmax_batch(weights, biases, hidden, x.T, y.T)
    assert_slopes(cost, weights + biases, [g.dW for g in found] + [g.db for g in found], rng)
    points = [softmax_point(weights, biases, hidden, *point) for point in zip(x, y, strict=True)]
    assert loss == pytest.approx(np.mean([loss for loss, _ in points]))
    for layer, batch in enumerate(found):
        for i, (_, gradients) in enumerate(points):
            one = batch.dZ[:, i], batch.dW_each[i], batch.db_each[i], batch.dH[:, i]
            for entry, other in zip(one, gradients[layer], strict=True):
                np.testing.assert_allclose(entry, other, rtol=1e-11)
        np.testing.assert_allclose(batch.dW, batch.dW_each.mean(axis=0), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(batch.db, batch.db_each.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[-1].dZ.sum(axis=0), 0, atol=1e-15)  # p and y add up to 1
    arrays = weights + biases + [x[0]]

    def cost_of_point(*arrays):
        return softmax_point(arrays[:3], arrays[3:6], hidden, arrays[6], y[0])[0]

    gradients = [g.dW for g in points[0][1]] + [g.db for g in points[0][1]] + [points[0][1][0].dH]
    assert_slopes(cost_of_point, arrays, gradients, rng)


@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_sigmoids_with_cross_entropy_and_a_regulariser(rng, strength):
    weights, biases = network(rng)
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 2)).astype(float)

    def cost(*arrays):
        return sigmoid_batch(arrays[:3], arrays[3:], x, y, strength)[0]

    value, found = sigmoid_batch(weights, biases, x, y, strength)
    assert_slopes(cost, weights + biases, [g.dW for g in found] + [g.db for g in found], rng)
    layers = [Layer(W, b, sigmoid) for W, b in zip(weights, biases, strict=True)]
    a = feed_forward(layers, x)[-1][1]
    entropy = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / 6
    assert value == pytest.approx(entropy + strength / 12 * sum(np.sum(W**2) for W in weights))


def test_saturated_outputs_stay_exact():
    W, b, x = np.array([[1000.0]]), np.zeros(1), np.array([[1.0]])
    cost, (layer,) = sigmoid_batch([W], [b], x, np.zeros((1, 1)))
    assert (cost, layer.delta.item()) == (1000.0, 1.0)
    loss, (layer,) = softmax_point(
        [np.array([[1000.0], [0.0]])], [np.zeros(2)], tanh, [1.0], [0, 1]
    )
    assert loss == 1000.0
    np.testing.assert_array_equal(layer.delta, [1.0, -1.0])


# ---- of a model ----------------------------------------------------------------------------------

N, K = 7, 3
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.abs(np.sin(np.arange(1.0, N * K + 1))).reshape(N, K)
SOFT /= SOFT.sum(axis=1, keepdims=True)

MODELS = {
    "quadratic": (functions.Sigmoid(), losses.QuadraticLoss(), LABELS),
    "quadratic one-hot": (functions.Softmax(dim=1), losses.QuadraticLoss(), ONE_HOT),
    "squares": (functions.Tanh(), losses.MSELoss(), SOFT),
    "sum of squares": (functions.Softmax(dim=-1), losses.MSELoss(reduction="sum"), SOFT),
    "absolute": (Identity(), losses.L1Loss(), SOFT),
    "huber": (functions.ELU(0.5), losses.HuberLoss(delta=0.5), SOFT),
    "cross-entropy": (None, losses.CrossEntropyLoss(), LABELS),
    "cross-entropy soft": (None, losses.CrossEntropyLoss(reduction="sum"), SOFT),
    "cross-entropy smoothed": (None, losses.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "cross-entropy ignoring": (None, losses.CrossEntropyLoss(ignore_index=1), LABELS),
    "log-likelihood": (functions.LogSoftmax(dim=1), losses.NLLLoss(), LABELS),
    "log-likelihood ignoring": (functions.LogSoftmax(1), losses.NLLLoss(ignore_index=2), LABELS),
    "binary": (functions.Sigmoid(), losses.BCELoss(), SOFT),
    "binary after softmax": (functions.Softmax(dim=1), losses.BCELoss(), SOFT),
    "binary scores": (None, losses.BCEWithLogitsLoss(reduction="sum"), SOFT),
    "sigmoids": (functions.Sigmoid(), losses.SigmoidCrossEntropyLoss(), LABELS),
    "sigmoid scores": (None, losses.SigmoidCrossEntropyLoss(logits=True), ONE_HOT),
}


def model_of(last, *hidden):
    hidden = hidden or (functions.ReLU(),)
    modules = [Linear(5, 4), *hidden, Linear(4, 4, bias=False), functions.Tanh(), Linear(4, K)]
    return Sequential(*modules, *([] if last is None else [last]))


@pytest.mark.parametrize("name", MODELS)
def test_closed_form_autograd_and_differences_agree(rng, name):
    last, loss, y = MODELS[name]
    model = model_of(last)
    report = check_backprop(model, loss, rng.normal(size=(N, 5)), y)
    assert report, f"\n{report}"
    assert [row.name for row in report.rows] == [n for n, _ in model.named_parameters()]
    assert all(not np.isnan(row.numerical).any() for row in report.rows)


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith(("quadratic", "sigmoid"))])
def test_the_closed_form_is_pytorchs_gradient(rng, name):
    torch = pytest.importorskip("torch")
    last, loss, y = MODELS[name]
    model, x = model_of(last), rng.normal(size=(N, 5))
    tensors = [torch.tensor(p.numpy(), requires_grad=True) for p in model.parameters()]
    w1, b1, w2, w3, b3 = tensors
    h = torch.relu(torch.tensor(x) @ w1.T + b1)
    z = torch.tanh(h @ w2.T) @ w3.T + b3
    kind = type(last).__name__
    options = {k: getattr(last, k) for k in ("dim", "alpha") if hasattr(last, k)}
    outputs = getattr(torch.nn, kind)(**options)(z) if last else z
    options = ("reduction", "delta", "ignore_index", "label_smoothing")
    options = {k: getattr(loss, k) for k in options if hasattr(loss, k)}
    getattr(torch.nn, type(loss).__name__)(**options)(outputs, torch.tensor(y)).backward()
    found = closed_form(model, loss, x, y)
    mine = [g for layer in found for g in (layer.dW, layer.db) if g is not None]
    for gradient, tensor in zip(mine, tensors, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-11, atol=1e-14)


def test_delta_is_the_gradient_of_the_weighted_sums(rng):
    model, x = model_of(functions.Sigmoid()), rng.normal(size=(N, 5))
    found, seen = closed_form(model, losses.QuadraticLoss(), x, LABELS), []
    for module in model:
        if isinstance(module, Linear):
            module.register_full_backward_hook(lambda module, inner, outer: seen.append(outer[0]))
    losses.QuadraticLoss()(model(x), LABELS).backward()
    for layer, delta in zip(found, reversed(seen), strict=True):
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-11, atol=1e-15)
    assert [layer.layer for layer in found] == ["0", "2", "4"]
    assert found[1].db is None


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(
        st.sampled_from(["Linear", "Sigmoid", "Tanh", "LeakyReLU", "Softmax", "ELU", "Identity"]),
        min_size=1,
        max_size=6,
    ),
)
def test_any_order_of_layers(seed, kinds):
    rng = np.random.default_rng(seed)
    modules, width = [], 3
    for kind in [*kinds, "Linear"]:
        if kind == "Linear":
            wider = int(rng.integers(1, 5))
            modules.append(Linear(width, wider))
            width = wider
        elif kind == "Identity":
            modules.append(Identity())
        else:
            options = {"dim": 1} if kind == "Softmax" else {}
            modules.append(getattr(functions, kind)(**options))
    model = Sequential(Sequential(*modules[:2]), *modules[2:])
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, width))
    report = check_backprop(model, losses.MSELoss(), x, y)
    assert all(row.difference < 1e-12 for row in report.rows), f"\n{report}"


def test_a_single_point_images_and_dropout_in_evaluation(rng):
    model = Sequential(Flatten(), Linear(6, 4), Dropout(0.5), functions.Tanh(), Linear(4, K))
    with pytest.raises(TypeError, match=r"2 \(Dropout\) has no closed form"):
        closed_form(model, losses.CrossEntropyLoss(), np.zeros((N, 2, 3)), LABELS)
    model.eval()
    assert check_backprop(model, losses.CrossEntropyLoss(), rng.normal(size=(N, 2, 3)), LABELS)
    assert check_backprop(Linear(6, K), losses.CrossEntropyLoss(), rng.normal(size=6), 1)
    point = Tensor(rng.normal(size=6))
    assert check_backprop(Linear(6, K), losses.QuadraticLoss(), point, Tensor([0.0, 1.0, 0.0]))


def test_what_has_no_closed_form_is_refused_by_name(rng):
    x, loss = rng.normal(size=(N, 5)), losses.CrossEntropyLoss()

    class Odd(Module):
        def forward(self, x):
            return x

    class Sigmoid(functions.Sigmoid):
        """Not what its name says."""

    for wrong, name in [
        (Odd(), r"1 \(Odd\)"),
        (Sigmoid(), r"1 \(Sigmoid\)"),
        (Sequential(functions.ReLU(), Conv1d(1, 1, 1)), r"1.1 \(Conv1d\)"),
        (functions.Softmax(dim=0), r"1 \(Softmax\)"),
        (Flatten(), r"1 \(Flatten\)"),
    ]:
        with pytest.raises(TypeError, match=f"{name} has no closed form"):
            check_backprop(Sequential(Linear(5, 5), wrong, Linear(5, K)), loss, x, LABELS)
    layer = Linear(5, 5)
    with pytest.raises(TypeError, match=r"1 \(Linear\) is in the model twice"):
        closed_form(Sequential(layer, layer), loss, x, LABELS)
    with pytest.raises(TypeError, match="no Linear layer"):
        closed_form(Sequential(functions.ReLU()), loss, x, LABELS)
    with pytest.raises(ValueError, match=r"0 \(Linear\) takes points in rows of 4, got \(7, 5\)"):
        closed_form(Sequential(Linear(4, K)), loss, x, LABELS)
    for wrong, message in [
        (losses.CrossEntropyLoss(weight=np.ones(K)), "with a weight"),
        (losses.MSELoss(reduction="none"), "does not return a single number"),
        (lambda a, y: a, "function has no closed form"),
    ]:
        with pytest.raises(TypeError, match=message):
            closed_form(Linear(5, K), wrong, x, LABELS)
    with pytest.raises(TypeError, match="expected a module, got a function"):
        check_backprop(lambda x: x, loss, x, LABELS)
    with pytest.raises(ValueError, match="targets"):
        closed_form(Linear(5, K), losses.MSELoss(), x, SOFT[:2])


# ---- the check itself ----------------------------------------------------------------------------


def test_a_planted_mistake_is_found(rng, monkeypatch):
    rules = functions._sigmoid.rules
    monkeypatch.setattr(functions._sigmoid, "rules", (lambda g, y, z: g * y,))
    model = model_of(None, functions.Sigmoid())
    report = check_backprop(model, losses.CrossEntropyLoss(), rng.normal(size=(N, 5)), LABELS)
    assert not report
    assert {row.name: row.right for row in report.rows} == {
        "0.weight": False,
        "0.bias": False,
        "2.weight": True,
        "4.weight": True,
        "4.bias": True,
    }
    wrong = report.rows[0]
    assert wrong.numerical_difference < 1e-6  # differences side with the closed form
    np.testing.assert_array_equal(
        np.abs(wrong.autograd - wrong.closed_form).max(),
        np.abs(wrong.autograd - wrong.closed_form)[wrong.place],
    )
    assert "WRONG" in str(report)
    monkeypatch.setattr(functions._sigmoid, "rules", rules)
    assert check_backprop(model, losses.CrossEntropyLoss(), rng.normal(size=(N, 5)), LABELS)


def test_a_wrong_equation_is_found(rng, monkeypatch):
    slips = {
        "dW": lambda delta, A: delta.T @ A / 2,
        "back": lambda W, delta: -(delta @ W),
        "db": lambda delta: delta.mean(axis=0),
    }
    for field, slip in slips.items():
        right = LAYOUTS["rows", "outputs, inputs"]
        with monkeypatch.context() as patch:
            patch.setitem(LAYOUTS, ("rows", "outputs, inputs"), right._replace(**{field: slip}))
            report = check_backprop(
                model_of(None), losses.CrossEntropyLoss(), rng.normal(size=(N, 5)), LABELS
            )
        assert not report
        assert any(row.numerical_difference > 0.1 for row in report.rows)


def test_the_model_stays_as_it_is(rng):
    model, x = model_of(None).astype(np.float32), rng.normal(size=(N, 5)).astype(np.float32)
    loss = losses.CrossEntropyLoss()
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
    model = Sequential(Linear(50, 30), functions.Sigmoid(), Linear(30, K))
    report = check_backprop(model, losses.CrossEntropyLoss(), rng.normal(size=(N, 50)), LABELS, 20)
    assert report
    assert [int(np.sum(~np.isnan(row.numerical))) for row in report.rows] == [20, 20, 20, 3]
    assert all(not np.isnan(row.numerical[row.place]) for row in report.rows)


def test_how_the_report_looks(rng):
    model = Sequential({"<b>first</b>": Linear(2, K)})
    report = check_backprop(model, losses.CrossEntropyLoss(), rng.normal(size=(N, 2)), LABELS)
    verdict, head, *rows = str(report).splitlines()
    assert verdict == "check_backprop: right"
    assert re.split(r"\s{2,}", head) == ["", *_HEAD]
    assert [row.split()[0] for row in rows] == ["<b>first</b>.weight", "<b>first</b>.bias"]
    page = report._repr_html_()
    assert "<b>first</b>" not in page
    assert "&lt;b&gt;first&lt;/b&gt;.weight" in page
