"""The closed form of a model, autograd and differences agree, and mistakes in each are found."""

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


SLIPS = {
    "dW": lambda delta, A: delta.T @ A / 2,
    "back": lambda W, delta: -(delta @ W),
    "db": lambda delta: delta.mean(axis=0),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_wrong_equation_is_found(rng, monkeypatch, slip):
    usual = ("rows", "outputs, inputs")
    wrong = eq.LAYOUTS[usual]._replace(**{slip: SLIPS[slip]})
    monkeypatch.setitem(eq.LAYOUTS, usual, wrong)
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
    model = nn.Sequential(nn.Linear(50, 30), nn.Sigmoid(), nn.Linear(30, K))
    report = check_backprop(model, SCORES, rng.normal(size=(N, 50)), LABELS, entries=20)
    assert report
    measured = [np.count_nonzero(~np.isnan(row.numerical)) for row in report.rows]
    assert measured == [20, 20, 20, 3]
    assert not any(np.isnan(row.numerical[row.place]) for row in report.rows)


def test_how_the_report_looks_and_saturated_outputs_are_no_mistake(rng):
    model = nn.Sequential({"<b>first</b>": nn.Linear(2, K), "last": nn.Softmax(1)})
    report = check_backprop(model, SCORES, 1e4 * rng.normal(size=(N, 2)), LABELS)
    verdict, head, *rows = str(report).splitlines()
    assert verdict == "check_backprop: right"
    assert re.split(r"\s{2,}", head) == ["", *_HEAD]
    assert [row.split()[0] for row in rows] == ["<b>first</b>.weight", "<b>first</b>.bias"]
    assert "&lt;b&gt;first&lt;/b&gt;.weight" in report._repr_html_()
