"""gradcheck: right where differences agree, wrong with the culprit's name, kinks as kinks."""

import functools
import random
import re

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, no_grad, paths, primitive, replay, scope, trace
from microgradnd.operators import plain
from microgradnd.random_state import shared_generators
from tests.check.planted import PLANTS, WRONG_SINE, network, operations
from tests.misuse import explained

X = np.array([0.5, 1.0, 2.0])


# ---- wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}")
def test_a_planted_mistake_is_found_and_named(plant):
    f, inputs = network(operations(plant), np.random.default_rng(0))
    report = gradcheck(f, *inputs)
    assert not report
    assert (report.culprit.operation, report.culprit.argument) == (plant.operation, plant.argument)
    assert plant.mistake in (report.culprit.mistake or "")
    assert plant.operation in str(report)


def test_the_report_in_full():
    x = Tensor([[1.0, 0.0, 2.0]] * 2, requires_grad=True, name="x")

    def f(x, y):
        with scope("encoder"), scope("second"):
            return np.sum(WRONG_SINE(x) * x) + np.sum(abs(y))

    report = gradcheck(f, x, np.array([0.0, 3.0], np.float32))
    shown = re.sub(r"e-\d+", "e-xx", re.sub(r"/.*(test_\w+\.py), line \d+", r"\1", str(report)))
    assert [line.rstrip() for line in shown.split("\n")] == [
        "gradcheck: WRONG",
        "  input        shape   checked    difference  verdict",
        "  x            (2, 3)  6 entries  1.2e+00     WRONG at [0, 0]: gave 0.301169, "
        "differences say 1.38177 ± 1e-xx, and 3 more",
        "  y (float32)  (2,)    2 entries  0.0e+00     not differentiable at [0]: slopes -1 and 1, "
        "gave 0",
        "culprit: wrong_sine, argument 0",
        "    wrong sign",
        "    it gave 0.614303 at [0, 0], differences say -0.614303",
        "    shapes (2, 3) -> (2, 3)",
        "    in encoder / second",
        "    test_gradcheck.py: return np.sum(WRONG_SINE(x) * x) + np.sum(abs(y))",
    ]


RELU = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu")
SCALED = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, name="scaled")


def half_changed(g, y, x):
    slope = g * np.cos(x)
    x *= 0
    return slope


def wrong(rule, function=np.sin):
    """A sum of a function with this rule."""
    operation = primitive(function, rule, name="wrong")
    return lambda x: 2 * np.sum(operation(x))


# A function, where, the culprit and a part of its mistake (or of what it raised).
WRONG = {
    "one of two outputs": (lambda x: (np.cos(x), WRONG_SINE(x)), X, "wrong_sine", "wrong sign"),
    "detached": (lambda x: np.sum(np.exp(x) * x.detach()), X, "multiply", "left the graph"),
    "a number": (lambda x: np.sum(x) * float(np.sum(x.numpy())), X, "multiply", "left the graph"),
    "an option": (
        lambda x: np.sum(SCALED(RELU(x), float(np.sum(x.numpy() ** 2)))), X - 0.5, "scaled", "left",
    ),
    "a shift": (lambda x: np.sum(np.exp(x - x.data.max()) * X), X, "subtract", "left the graph"),
    "everything": (lambda x: np.sum(x.numpy()), X, "an output", "no history"),
    "one output": (lambda x: (np.sum(RELU(x)), x.numpy() * 2), X - 0.5, "an output", "no history"),
    "beside an infinite slope": (
        lambda x: np.sum(np.sqrt(x)) + np.sum(WRONG_SINE(x)), X - 0.5, "wrong_sine", "sign",
    ),
    "a point that is no kink": (
        wrong(lambda g, y, x: g * np.cos(x) * (x != 0)), X - 0.5, "wrong", "wrong at 1 of 3",
    ),
    "beside a kink": (
        wrong(lambda g, y, x: -g * (x > 0), lambda x: np.maximum(x, 0)), X - 0.5, "wrong", "wrong at 2",
    ),
    "steeper than a kink": (
        wrong(lambda g, y, x: g * ((x > 0) + 5.0 * (x == 0)), lambda x: np.maximum(x, 0)),
        X - 0.5, "wrong", "wrong at 1 of 3",
    ),
    "ties that get too much together": (
        wrong(lambda g, y, x: g * (x == y), np.max), np.array([1.0, 1.0, 0.0]), "wrong", "",
    ),
    "arguments changed in place": (wrong(half_changed), X, "wrong", "in place"),
    "no array": (wrong(lambda g, y, x: "text"), X, "wrong", ""),
    "any error": (wrong(lambda g, y, x: {}["sorry"]), X, "wrong", "KeyError: 'sorry'"),
}  # fmt: skip


@pytest.mark.parametrize(("f", "x", "operation", "text"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_found(f, x, operation, text):
    w = Tensor(x, requires_grad=True)
    for report in (gradcheck(f, x), gradcheck(lambda: f(w), w)):
        assert not report
        assert report.culprit.operation == operation
        assert text in str(report.culprit)
    np.testing.assert_array_equal(w.data, x)


def test_numbers_at_a_kink_are_those_of_the_entry():
    f, _, _, _ = WRONG["steeper than a kink"]
    wrong = gradcheck(f, np.array([0.0, 1.0, 0.0])).rows[0].having("wrong")
    assert [(j.place, j.given, j.left, j.right) for j in wrong] == [
        (place, 10, 0, pytest.approx(2)) for place in ((0,), (2,))
    ]


def test_a_mistake_hidden_by_ties_and_failures():
    f = lambda x: np.median(x) + 0 * np.sum(WRONG_SINE(x)) + np.sum(x.detach())  # noqa: E731
    assert not gradcheck(f, np.ones(3))
    assert not gradcheck(lambda x: {0.5: np.sum(x.detach())}[x.item(0)], X)  # fails elsewhere


@pytest.mark.parametrize("slope", [lambda g: 2, lambda g: 2 * g * g, lambda g: 2 * abs(g)])
def test_a_rule_must_be_linear_in_the_gradient_even_where_that_is_1(slope):
    square = primitive(lambda x: np.sum(x * x), lambda g, y, x: slope(g) * x, name="square")
    for report in (gradcheck(square, np.array([0.5, 1.0])), gradcheck(square)):
        assert not report
        assert report.culprit.operation == "square"


def test_a_rule_right_to_first_order_only():
    half = primitive(np.sin, lambda g, y, x: g * Tensor(np.cos(plain(x))))
    assert gradcheck(lambda x: np.sum(half(x)), X)  # but its own derivative is lost
    assert not gradcheck(lambda x: np.sum(half(x)), X, order=2)


def test_a_rule_that_cannot_be_differentiated_again():
    def rule(g, y, x):
        slope = np.zeros_like(x)
        for i in range(len(x)):
            slope[i] = g[i] * np.cos(x[i])
        return slope

    loop = primitive(np.sin, rule, name="loop")
    w = Tensor([0.5, 1.0], requires_grad=True)
    assert gradcheck(lambda x: np.sum(loop(x)), w)
    report = gradcheck(lambda x: np.sum(loop(x)), w, order=2)
    assert "differentiated again" in report.culprit.mistake
    assert not gradcheck(lambda x: np.sum(loop(x)), w, forward=True)
    assert paths(np.sum(loop(w)), w, 0).total == pytest.approx(np.cos(0.5))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_kinks_among_many_entries_hide_nothing(share):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 50)) * (rng.random((40, 50)) > share)

    def rule(g, y, x):
        slope = g * (x > 0)
        slope[:, -1] = 0
        return slope

    f = wrong(rule, lambda x: np.maximum(x, 0))
    assert gradcheck(lambda x: np.sum(RELU(x)), x)
    assert gradcheck(f, x).culprit.operation == "wrong"
    assert not gradcheck(lambda x: np.sum(np.maximum(x, 0)), x, gradient=lambda x: rule(1, 0, x))


# ---- kinks ---------------------------------------------------------------------------------------

KINKS = [
    (lambda x: np.sum(np.maximum(x, 0)), [0.0, 1.0], (0, 1)),
    (lambda x: np.sum(np.abs(x)), [0.0, -1.0], (-1, 1)),
    (lambda x: np.max(x), [2.0, 2.0, 1.0], (0, 1)),
    (lambda x: np.min(x), [1.0, 2.0, 1.0], (1, 0)),
    (lambda x: 3 * np.linalg.norm(x), [0.0, 0.0], (-3, 3)),
    (lambda x: np.sum(np.sqrt(x)), [0.0, 1.0], (np.nan, np.inf)),
]


@pytest.mark.parametrize(("f", "x", "slopes"), KINKS)
def test_a_kink_is_no_mistake(f, x, slopes):
    report = gradcheck(f, np.array(x))
    assert report
    kink = report.rows[0].having("kink")[0]
    assert kink.place == (0,)
    assert (kink.left, kink.right) == pytest.approx(slopes, abs=1e-6, nan_ok=True)
    assert "not differentiable" in str(report)
    assert not gradcheck(f, np.array(x), gradient=lambda x: np.full(len(x), -77.0))


# No entry alone shows these kinks: of three equal numbers the median stays if one moves either way,
# and relu(x) - relu(-x) = x has the slope 0 at 0 in a graph with relu'(0) = 0.
def zero_slope(x):
    return np.sum(RELU(x - 1) - RELU(1 - x))


@pytest.mark.parametrize(
    "f", [np.median, lambda x: np.partition(x, 1)[1], lambda x: np.sort(x)[1], zero_slope]
)
def test_kinks_that_only_show_together(f):
    report = gradcheck(f, np.ones(3))
    assert report
    assert "not differentiable here" in str(report)


# ---- what cannot be checked, and what stays as it was --------------------------------------------

W = Tensor(X, requires_grad=True) * 2
STRANGE = primitive(lambda x: np.linalg.inv(x)[5], lambda g, y, x: g, name="strange")
MISUSE = r"""
gradcheck(np.sum, np.arange(3)) ; TypeError: .*nothing to check.*int64
gradcheck(np.sum, X, eps=1e-3) ; TypeError: gradcheck has no argument 'eps'; leave it out, as
gradcheck(lambda: 0.0, iter([W])) ; TypeError: .*nothing to check .*\*model\.parameters\(\)
gradcheck(lambda: 0) ; TypeError: .*nothing to check .no inputs
gradcheck(np.sum, X + 1j) ; TypeError: .*nothing to check.*complex128
gradcheck(3.0, X) ; TypeError: .*a function, got float
gradcheck(np.sum, np.ones((0, 3))) ; ValueError: .*empty
gradcheck(lambda x: x, np.array([1.0, np.nan])) ; ValueError: .*input x holds nan
gradcheck(lambda x: np.log(x - 1), np.ones(3)) ; ValueError: .*gives nan or inf.*log gave -inf
gradcheck(lambda x: "text", X) ; TypeError: .*returned <U4
gradcheck(lambda x: None, X) ; TypeError: .*is a return missing
gradcheck(np.sum, X, order=3) ; ValueError: .*must be 1 or 2, got 3
gradcheck(lambda x: x, X, gradient=lambda x: x) ; ValueError: .*of a scalar
gradcheck(np.dot, X, X, gradient=lambda x, y: y) ; ValueError: .*one for each
gradcheck(np.sum, X, gradient=X, order=2) ; ValueError: .*to first order
gradcheck(lambda: 0.0, X) ; TypeError: .*closes over
gradcheck(lambda: np.sum(W**2), W) ; TypeError: .*got this result of multiply
gradcheck(STRANGE) ; TypeError: .*strange takes none
gradcheck(np.sum, X, gradient=lambda x: [np.zeros(2), np.zeros(3)]) ; ValueError: .*one for each
gradcheck(np.sum, X, gradient=lambda x: [[1.0, 2.0], [3.0]]) ; ValueError: .*one for each
gradcheck(np.sum, X, gradient=lambda x: [1.0, 2.0]) ; ValueError: .*got 2 .float, float.: give one for
gradcheck(np.sum, X, gradient=lambda x: [np.zeros(3), np.zeros(3)]) ; ValueError: .*one for each
gradcheck(np.sum, X, gradient=lambda x: None) ; ValueError: .*is a return missing
gradcheck(np.sum, X, gradient=lambda x: [None] * 3) ; ValueError: .*is a return missing
"""
test_misuse = explained(MISUSE, globals())


def test_a_function_that_changes_its_input_is_caught():
    def changes(x):
        x[0] += 1
        return np.sum(x**2)

    x, w = np.ones(3), Tensor(np.ones(3), requires_grad=True, name="w")
    with pytest.raises(ValueError, match="changes x in place"):
        gradcheck(changes, x, gradient=lambda x: 2 * x)
    with pytest.raises(ValueError, match="changes w in place"):
        gradcheck(lambda: changes(w.data), w)
    with pytest.raises(ValueError, match="the gradient function changes w in place"):
        gradcheck(lambda w: np.sum(w**2), w, gradient=lambda w: np.multiply(w.data, 2, out=w.data))
    program = replay(lambda: np.sum(w**2))  # it puts an array of its own there, and has no history
    report = gradcheck(lambda w: [program() for _ in range(4)][-1], w)
    assert report.culprit.operation == "an output"
    np.testing.assert_array_equal([x, w.data], 1)


def test_random_functions_draw_the_same_each_time():
    rng, x = np.random.default_rng(0), np.linspace(1, 2, 20)
    draws = [lambda: rng.uniform(size=20), lambda: np.random.uniform(size=20), random.random]
    before = rng.bit_generator.state
    for draw in draws:
        assert gradcheck(lambda x, draw=draw: np.sum(x * draw() * rng.uniform()), x)
    assert rng.bit_generator.state == before
    hidden = functools.partial(lambda rng, x: np.sum(x * rng.uniform(size=20)), rng)
    with pytest.raises(ValueError, match="generator="):
        gradcheck(hidden, x)
    assert gradcheck(hidden, x, generator=rng)
    assert gradcheck(hidden, x, generator=[random.Random(0), rng])
    shared_generators.append(rng)
    try:
        assert gradcheck(hidden, x)
    finally:
        shared_generators.remove(rng)


def test_running_averages_are_put_back():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    x = np.random.default_rng(0).normal(size=(5, 3))
    before = model.state_dict()
    assert gradcheck(lambda: np.sum(np.sin(model(x))), *model.parameters())
    np.testing.assert_equal(model.state_dict(), before)


# ---- an operation alone --------------------------------------------------------------------------

ALONE = ("tanh", "multiply", "softmax", "linear", "divide", "exp")


def test_an_operation_alone_is_tried_on_shapes_of_its_own():
    right = operations()
    own = [right[name] for name in (*ALONE, "matmul", "logsumexp")]
    for function in (*own, np.tanh, np.hypot, np.matmul, np.log, np.arccosh):
        report = gradcheck(function)
        assert report
        assert report.rows
    assert any("(2, 1), (1, 3)" in row.name for row in gradcheck(right["multiply"]).rows)


@pytest.mark.parametrize(
    "plant",
    [plant for plant in PLANTS if plant.operation in ALONE],
    ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}",
)
def test_a_wrong_operation_alone(plant):
    report = gradcheck(operations(plant)[plant.operation])
    assert not report
    assert report.culprit.argument == plant.argument


@pytest.mark.parametrize("rule", [lambda g, y, x: [1.0, 2.0], lambda g, y, x: {}["sorry"]])
def test_a_broken_rule_alone(rule):
    assert gradcheck(primitive(np.sin, rule, name="broken")).culprit.operation == "broken"


def test_a_rule_that_works_for_some_shapes_only():
    product = primitive(
        lambda a, b: a * b,
        lambda g, y, a, b: np.einsum("ij,ij->ij", g, b),
        lambda g, y, a, b: g * a,
        name="product",
    )
    assert "cannot be applied" in str(gradcheck(product))


# ---- the report ----------------------------------------------------------------------------------


def test_the_report_escapes_what_users_write():
    x = Tensor([1.0, 2.0], requires_grad=True, name="<b>x</b>")
    page = gradcheck(lambda x: np.sum(WRONG_SINE(x)), x)._repr_html_()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "wrong sign" in page


def test_nothing_that_changes_is_noted():
    w = Tensor([1.0, 2.0], requires_grad=True)
    values = np.array(w.numpy())
    assert "does not change" in str(gradcheck(lambda: np.sum(values**2), w))


def test_what_surrounds_a_check_does_not_matter():
    f = lambda x: np.sum(np.where(x.numpy() > 0, np.log(abs(x)), 0))  # noqa: E731
    with trace(), no_grad(), scope("around"), np.errstate(divide="ignore"):
        assert gradcheck(f, X, forward=True, order=2)
        assert gradcheck(wrong(lambda g, y, x: -g * np.cos(x)), X).culprit.mistake == "wrong sign"
