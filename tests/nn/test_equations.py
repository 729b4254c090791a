"""Backpropagation by hand, the closed form of a model, autograd and differences agree."""

import copy
import itertools
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
from tests.misuse import explained
from tests.numerical import slope


def network(rng):
    """Three weights, stored as (outputs, inputs), and three biases."""
    return [rng.normal(size=shape) for shape in [(3, 4), (5, 3), (2, 5), 3, 5, 2]]


def layers_of(arrays, activation):
    return [eq.Layer(W, b, activation) for W, b in zip(arrays[:3], arrays[3:], strict=True)]


def outputs_of(layers, x, *layout):
    return eq.feed_forward(layers, x, *layout)[-1][1]


def gradients_of(layers):
    return [g.dW for g in layers] + [g.db for g in layers]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


def assert_slopes(cost, arrays, gradients, rng):
    """The gradients are those of the cost, a function of the arrays: by differences."""
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    for k, gradient in enumerate(gradients):
        direction = rng.normal(size=arrays[k].shape)
        directions = [direction if j == k else 0 * a for j, a in enumerate(arrays)]
        (expected,) = slope(cost, arrays, directions, step=1e-5)  # short: there are kinks about
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-7, atol=1e-8)


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
@pytest.mark.parametrize("points", ["rows", "columns"])
@pytest.mark.parametrize("stored", ["outputs, inputs", "inputs, outputs"])
def test_the_matrix_form_in_all_four_layouts(rng, points, stored, activation):
    arrays, x, y = network(rng), rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    turned = [array if stored == "outputs, inputs" else array.T for array in arrays]
    inputs, targets = (x, y) if points == "rows" else (x.T, y.T)
    options = inputs, targets, eq.quadratic_slope, points, stored
    found = eq.backpropagate(layers_of(turned, activation), *options)

    def cost(*arrays):
        outputs = outputs_of(layers_of(arrays[:-1], activation), arrays[-1], points, stored)
        return np.sum((targets - outputs) ** 2) / 2

    assert_slopes(cost, [*turned, inputs], [*gradients_of(found), found[0].dH], rng)
    usual = eq.backpropagate(layers_of(arrays, activation), x, y, eq.quadratic_slope)
    for mine, other in zip(found, usual, strict=True):
        delta = mine.delta if points == "rows" else mine.delta.T
        close(delta, other.delta)


@each_activation
def test_the_elemental_form_and_bp1_to_bp4_are_the_matrix_form(rng, activation):
    arrays, x, y = network(rng), rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    layers = layers_of(arrays, activation)
    expected = eq.backpropagate(layers, x, y, eq.quadratic_slope)
    turned = [array.T for array in arrays]
    found = eq.elemental(turned[:3], turned[3:], activation, x[0], y[0])
    outputs = eq.feed_forward(layers, x)
    slopes = [1.0, *(activation.pull_back(1.0, z[0], a[0]) for z, a in outputs)]
    delta = eq.bp1(outputs[-1][1][0] - y[0], slopes[-1])
    for number in (2, 1, 0):
        before = outputs[number - 1][1][0] if number else x[0]
        books = delta, eq.bp4(before, delta), eq.bp3(delta)
        for mine, book, row in zip(found[number], books, expected[number], strict=False):
            close(np.reshape(mine.T, row.shape), row)
            close(np.reshape(book, row.shape), row)
        close(found[number].dH, expected[number].dH[0])
        delta = eq.bp2(arrays[number], delta, slopes[number])
    close(delta, expected[0].dH[0])


@pytest.mark.parametrize("hidden", [eq.sigmoid, eq.tanh, eq.relu], ids=lambda a: a.name)
def test_softmax_with_cross_entropy(rng, hidden):
    arrays, x, y = network(rng), rng.normal(size=(6, 4)), np.eye(2)[rng.integers(0, 2, 6)]

    def batch(*arrays):
        return eq.softmax_batch(arrays[:3], arrays[3:], hidden, x.T, y.T)

    def point(*arrays, i=0):
        return eq.softmax_point(arrays[:3], arrays[3:6], hidden, arrays[6], y[i])

    loss, found = batch(*arrays)
    assert_slopes(lambda *a: batch(*a)[0], arrays, gradients_of(found), rng)
    points = [point(*arrays, x[i], i=i) for i in range(6)]
    first = points[0][1]
    of_point = [*gradients_of(first), first[0].dH]
    assert_slopes(lambda *a: point(*a)[0], [*arrays, x[0]], of_point, rng)
    assert loss == pytest.approx(np.mean([loss for loss, _ in points]))
    for layer, batch in enumerate(found):
        for i, (_, gradients) in enumerate(points):
            one = batch.dZ[:, i], batch.dW_each[i], batch.db_each[i], batch.dH[:, i]
            for entry, other in zip(one, gradients[layer], strict=True):
                close(entry, other)
        close(batch.dW, batch.dW_each.mean(axis=0))
        close(batch.db, batch.db_each.mean(axis=0))
    close(found[-1].dZ.sum(axis=0), 0)  # p and y add up to 1


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


# ---- of a model: check_backprop -------------------------------------------------------------------

N, K = 7, 3
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.abs(np.sin(np.arange(1.0, N * K + 1))).reshape(N, K)
SOFT /= SOFT.sum(axis=1, keepdims=True)
SQUARE, SCORES = nn.Linear(5, K), nn.CrossEntropyLoss()

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
    report = check_backprop(model_of(last), loss, rng.normal(size=(N, 5)), y)
    assert report, f"\n{report}"
    names = [row.name for row in report.rows]
    assert names == ["0.weight", "0.bias", "2.weight", "4.weight", "4.bias"]
    assert all(not np.isnan(row.numerical).any() for row in report.rows)


KINDS = ["Linear", "Sigmoid", "Tanh", "LeakyReLU", "Softmax", "ELU", "Identity"]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
def test_any_order_of_layers(seed, kinds):
    rng = np.random.default_rng(seed)
    widths = itertools.pairwise([3, *rng.integers(1, 5, len(kinds) + 1).tolist()])
    options = {"Softmax": lambda: [1], "Linear": lambda: next(widths)}
    modules = [getattr(nn, kind)(*options.get(kind, list)()) for kind in [*kinds, "Linear"]]
    model = nn.Sequential(nn.Sequential(*modules[:2]), *modules[2:])
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, modules[-1].out_features))
    report = check_backprop(model, nn.MSELoss(), x, y)
    assert all(row.difference < 1e-12 for row in report.rows), f"\n{report}"


def test_a_single_point_images_and_dropout_in_evaluation(rng):
    layers = nn.Flatten(), nn.Linear(6, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, K)
    model = nn.Sequential(*layers).eval()
    assert check_backprop(model, SCORES, rng.normal(size=(N, 2, 3)), LABELS)
    assert check_backprop(nn.Linear(6, K), SCORES, rng.normal(size=6), 1)
    point = Tensor(rng.normal(size=6))
    assert check_backprop(nn.Linear(6, K), nn.QuadraticLoss(), point, Tensor([0.0, 1.0, 0.0]))


TWICE, TIED, TIES = (nn.Linear(5, 5) for _ in range(3))
TIES.weight = TIED.weight


def check(*layers, loss=SCORES, y=LABELS):
    return check_backprop(nn.Sequential(*layers), loss, np.ones((N, 5)), y)


REFUSED = r"""
check(SQUARE, SiLU()) ; TypeError: 1 \(SiLU\) has no closed form
check(SQUARE, type("Other", (Sigmoid,), {})()) ; 1 \(Other\) has no closed form
check(SQUARE, Softmax(dim=0)) ; 1 \(Softmax\) has no closed form
check(SQUARE, Flatten()) ; 1 \(Flatten\) has no closed form
check(SQUARE, Dropout()) ; 1 \(Dropout\) has no closed form
check(Sequential(SQUARE, Conv1d(1, 1, 1))) ; 0.1 \(Conv1d\) has no
check(TWICE, TWICE) ; 1 \(Linear\) is in the model twice
check(TIES, TIED) ; 1 \(Linear\).*shares its weight
check(ReLU()) ; no Linear layer
check(Linear(4, 3)) ; Linear\) takes points in rows of 4, got \(7, 5\)
check(SQUARE, loss=CrossEntropyLoss(weight=[1.0, 2.0, 1.0])) ; with a weight
check(SQUARE, loss=MSELoss(reduction="none"), y=SOFT) ; not return a single number
check(SQUARE, loss=lambda a, y: a) ; function has no closed form
check_backprop(lambda x: x, SCORES, SOFT, LABELS) ; expected a module, got a function
check(SQUARE, loss=MSELoss(), y=SOFT[:2]) ; expected targets
eq.feed_forward([], SOFT, "inputs, outputs") ; points must be 'rows' or 'columns', got 'inputs, outputs'
eq.feed_forward([], SOFT, weights="columns") ; weights must be .*, got 'columns'
"""
test_what_has_no_closed_form_is_refused_by_name = explained(REFUSED, {**vars(nn), **globals()})


def test_a_planted_mistake_is_found(rng, monkeypatch):
    sigmoid = functions.operations[functions.sigmoid]
    monkeypatch.setattr(sigmoid, "rules", (lambda g, y, z: g * y,))
    report = check_backprop(model_of(None, nn.Sigmoid()), SCORES, rng.normal(size=(N, 5)), LABELS)
    assert not report
    assert "WRONG" in str(report)
    assert [row.name for row in report.rows if not row.right] == ["0.weight", "0.bias"]
    wrong = report.rows[0]
    assert wrong.numerical_difference < 1e-6  # differences agree with the closed form
    apart = np.abs(wrong.autograd - wrong.closed_form)
    assert apart.max() == apart[wrong.place]


@pytest.mark.parametrize("slip", ["dW", "db"])
def test_a_wrong_equation_is_found(rng, monkeypatch, slip):
    def wrong(*arguments):
        found = eq.backpropagate(*arguments)
        return [g._replace(**{slip: getattr(g, slip) / 2}) for g in found]

    monkeypatch.setitem(eq.closed_form.__globals__, "backpropagate", wrong)
    report = check_backprop(model_of(None), SCORES, rng.normal(size=(N, 5)), LABELS)
    assert not report
    assert any(row.numerical_difference > 0.1 for row in report.rows)


def test_the_model_stays_as_it_is(rng):
    model, x = model_of(None).astype(np.float32), rng.normal(size=(N, 5)).astype(np.float32)
    SCORES(model(x), LABELS).backward()
    model[0].weight.requires_grad = False  # frozen, and checked like the others
    before = copy.deepcopy(model)
    assert check_backprop(model, SCORES, x, LABELS)
    for p, other in zip(model.parameters(), before.parameters(), strict=True):
        assert (p.dtype, p.requires_grad) == (np.float32, other.requires_grad)
        np.testing.assert_array_equal([p.numpy(), p.grad], [other.numpy(), other.grad])


def test_of_large_arrays_some_entries_are_measured(rng):
    model = nn.Sequential(nn.Linear(50, 40), nn.Sigmoid(), nn.Linear(40, K))
    report = check_backprop(model, SCORES, rng.normal(size=(N, 50)), LABELS)
    assert report
    measured = [np.count_nonzero(~np.isnan(row.numerical)) for row in report.rows]
    assert measured == [100, 40, 100, 3]
    assert not any(np.isnan(row.numerical[row.place]) for row in report.rows)


def test_how_the_report_looks_and_saturated_outputs_are_no_mistake(rng):
    model = nn.Sequential({"<b>first</b>": nn.Linear(2, K), "last": nn.Softmax(1)})
    report = check_backprop(model, SCORES, 1e4 * rng.normal(size=(N, 2)), LABELS)
    verdict, head, *rows = str(report).splitlines()
    assert verdict == "check_backprop: right"
    assert re.split(r"\s{2,}", head) == ["", *_HEAD]
    assert [row.split()[0] for row in rows] == ["<b>first</b>.weight", "<b>first</b>.bias"]
    assert "&lt;b&gt;first&lt;/b&gt;.weight" in report._repr_html_()
