"""gradcheck where it is easily fooled: scales, noise, kinks among many, rules that raise."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, gradients, paths, primitive
from microgradnd.check.comparison import Comparison, Judgement
from microgradnd.check.report import Report, Row

WRONG_SINE = primitive(np.sin, lambda g, y, x: -g * np.cos(x), name="wrong_sine")

# ---- scales and rounding -------------------------------------------------------------------------

RIGHT = {
    "a flat entry beside a steep one": (lambda x: np.sum(np.exp(-(x**2))), [0.5, 1e4]),
    "a narrow bump": (lambda x: np.sum(np.exp(-((1e4 * x) ** 2))), [5e-5, 1.0]),
    "saturated": (lambda x: np.sum(np.tanh(x)), [0.5, 1e15]),
    "small beside large": (lambda x: np.sum(np.log(x)), [1e-10, 1.0]),
    "huge": (lambda x: np.sum(x / 1e160), [1e200, -3e200]),
    "tiny": (lambda x: np.sum(x * x), [1e-310, 2e-310]),
    "on a large offset": (lambda x: 1e5 + np.sum(np.sin(x)), [0.1, 0.2]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_alarm(name):
    f, x = RIGHT[name]
    report = gradcheck(f, np.array(x))
    assert report
    assert not report.rows[0].comparison.having("kink")


@pytest.mark.parametrize("seed", range(10))
def test_gradients_that_are_zero_but_for_rounding(seed):
    x = np.random.default_rng(seed).normal(size=(6, 3))
    softmax = lambda x: np.sum(np.exp(x) / np.sum(np.exp(x)))  # noqa: E731
    assert gradcheck(softmax, x[0], order=2, forward=True)
    report = gradcheck(lambda x: np.sum((x - np.mean(x, 0)) / np.std(x, 0)), x)
    assert report
    assert not report.rows[0].comparison.having("kink")


def test_a_float32_gradient_near_an_optimum():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 8)).astype(np.float32)
    w = rng.normal(size=8).astype(np.float32)
    b = a @ w + np.float32(1e-4) * rng.normal(size=50).astype(np.float32)
    report = gradcheck(
        lambda w: np.sum((a @ w - b) ** 2) / 2, w, gradient=lambda w: a.T @ (a @ w - b)
    )
    assert report
    assert not gradcheck(
        lambda w: np.sum((a @ w - b) ** 2) / 2, w, gradient=lambda w: a.T @ (a @ w)
    )


def test_a_small_slope_on_a_large_offset_is_seen():
    f = lambda x: 1e3 + x[0] + 1e-7 * np.sin(x[1])  # noqa: E731
    x = np.array([0.3, 0.5])
    assert gradcheck(f, x, gradient=lambda x: np.array([1, 1e-7 * np.cos(x[1])]))
    assert not gradcheck(f, x, gradient=lambda x: np.array([1, -1e-7 * np.cos(x[1])]))


# ---- mistakes that something hides ---------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.inf, 1e300, np.nan, -77.0])
def test_one_absurd_entry(wrong):
    gradient = lambda x: np.array([wrong, *(2 * x[1:])])  # noqa: E731
    report = gradcheck(lambda x: np.sum(x**2), np.array([0.5, 1.0, 2.0]), gradient=gradient)
    assert report.rows[0].comparison.having("wrong")[0].place == (0,)


def test_a_slope_at_the_edge_excuses_no_other():
    x = np.array([0.0, 1.0, 2.0])
    report = gradcheck(lambda x: np.sum(np.sqrt(x)) + np.sum(WRONG_SINE(x)), x)
    assert report.culprit.operation == "wrong_sine"
    assert not gradcheck(lambda x: np.sum(np.sqrt(x)), x, gradient=lambda x: np.full(3, -77.0))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_kinks_among_many_entries_hide_nothing(share):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 50)) * (rng.random((40, 50)) > share)

    def rule(g, y, x):
        slope = g * (x > 0)
        slope[:, -1] = 0
        return slope

    right = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="right")
    wrong = primitive(lambda x: np.maximum(x, 0), rule, name="wrong")
    assert gradcheck(lambda x: np.sum(right(x)), x)
    assert gradcheck(lambda x: np.sum(wrong(x)), x).culprit.operation == "wrong"
    assert not gradcheck(lambda x: np.sum(np.maximum(x, 0)), x, gradient=lambda x: rule(1, 0, x))


def test_what_excuses_one_report_excuses_no_other():
    wrong = Judgement("wrong", 1.0, 2.0, 0.0)
    rows = [Row("x", (1,), "float64", Comparison(1, 0, 1.0, 1.0, [wrong]))]
    excused, plain = Report(rows, [], [], excused=True), Report(rows, [], [])
    assert excused
    assert not plain
    assert excused + excused
    assert not (excused + plain)
    assert not (plain + excused)


def test_ties_that_get_too_much_together():
    greedy = primitive(np.max, lambda g, y, x: g * (x == y), name="greedy")
    x = np.array([1.0, 1.0, 0.0])
    assert gradcheck(lambda x: 2 * np.max(x), x)
    assert gradcheck(lambda x: 2 * greedy(x), x).culprit.operation == "greedy"


# ---- rules and functions that raise --------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [NameError, AttributeError, KeyError, AssertionError, NotImplementedError, RuntimeError],
)
def test_a_rule_that_raises_is_named(error):
    def rule(g, y, x):
        raise error("sorry")

    broken = primitive(np.sin, rule, name="broken")
    for report in (gradcheck(lambda x: np.sum(broken(x)), np.ones(3)), gradcheck(broken)):
        assert not report
        assert report.culprit.operation == "broken"
        assert error.__name__ in str(report)


@pytest.mark.parametrize("given", [None, "text", [1.0, 2.0]])
def test_a_rule_that_gives_no_array_is_named(given):
    broken = primitive(np.sin, lambda g, y, x: given, name="broken")
    assert gradcheck(broken).culprit.operation == "broken"


def test_a_rule_that_works_for_some_shapes_only():
    product = primitive(
        lambda a, b: a * b,
        lambda g, y, a, b: np.einsum("ij,ij->ij", g, b),
        lambda g, y, a, b: g * a,
        name="product",
    )
    assert "cannot be applied" in str(gradcheck(product))


def test_a_rule_that_cannot_be_differentiated_again():
    def rule(g, y, x):
        slope = np.zeros_like(x)
        for i in range(len(x)):
            slope[i] = g[i] * np.cos(x[i])
        return slope

    loop = primitive(np.sin, rule, name="loop")
    w = Tensor([0.5, 1.0], requires_grad=True)
    assert gradcheck(lambda x: np.sum(loop(x)), w)
    assert (
        "differentiated again" in gradcheck(lambda x: np.sum(loop(x)), w, order=2).culprit.mistake
    )
    assert not gradcheck(lambda x: np.sum(loop(x)), w, forward=True)
    assert paths(np.sum(loop(w)), w, 0).total == pytest.approx(np.cos(0.5))


def test_a_domain_guarded_by_an_assertion():
    def f(x):
        assert x.numpy().min() >= 0
        return np.sum(x * x)

    assert gradcheck(f, np.array([0.0, 1.0]))


# ---- what belongs to the user stays as it was ----------------------------------------------------


def test_a_rule_that_changes_the_users_array():
    def rule(g, y, x):
        slope = g * np.cos(x)
        x *= 0
        return slope

    w = Tensor([0.5, 1.0], requires_grad=True)
    broken = primitive(np.sin, rule, name="broken")
    report = gradcheck(lambda: 2 * np.sum(broken(w)), w)
    assert report.culprit.operation == "broken"
    assert "in place" in report.culprit.mistake
    np.testing.assert_array_equal(w.data, [0.5, 1.0])


def test_a_gradient_function_that_changes_its_input():
    def gradient(t):
        t.data *= 2
        return t.numpy()

    t = Tensor([0.5, 1.0], requires_grad=True, name="t")
    with pytest.raises(ValueError, match="the gradient function changes t in place"):
        gradcheck(lambda t: np.sum(t**2), t, gradient=gradient)
    np.testing.assert_array_equal(t.data, [0.5, 1.0])


def test_a_function_that_fails_when_moved():
    w = Tensor([0.5, 1.0], requires_grad=True)

    def f():
        if (w.numpy() != [0.5, 1.0]).all():
            raise RuntimeError("only here")
        return np.sum(w.detach() * 2)

    assert not gradcheck(f, w)
    np.testing.assert_array_equal(w.data, [0.5, 1.0])


def test_running_averages_are_put_back():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    x = np.random.default_rng(0).normal(size=(5, 3))
    before = model.state_dict()
    assert gradcheck(lambda: np.sum(np.sin(model(x))), *model.parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# ---- answers -------------------------------------------------------------------------------------


def test_whole_numbers_are_handed_on():
    assert gradcheck(np.sum, np.ones((2, 3)), 1)
    assert gradcheck(lambda x, n=2: np.sum(x[:n]), np.ones(3), 2)
    assert len(gradcheck(lambda x, n: np.sum(x**n), -np.ones(3), 2).rows) == 1


def test_forgotten_returns_are_named():
    with pytest.raises(TypeError, match="is a return missing"):
        gradcheck(lambda x: None, np.ones(2))
    with pytest.raises(ValueError, match="is a return missing"):
        gradcheck(np.sum, np.ones(2), gradient=lambda x: None)


def test_nothing_that_changes_is_noted():
    w = Tensor([1.0, 2.0], requires_grad=True)
    values = np.array(w.numpy())
    assert "does not change" in str(gradcheck(lambda: np.sum(values**2), w))


def test_gradients_by_hand_in_the_form_of_the_inputs():
    assert gradcheck(lambda x: np.sum(x**2), np.ones(1), gradient=lambda x: list(2 * x))
    p = {"w": np.ones(3), "b": 0.5}
    cost = lambda p: np.sum(p["w"] ** 2) * p["b"]  # noqa: E731
    right = lambda p: {"w": 2 * p["w"] * p["b"], "b": np.sum(p["w"] ** 2)}  # noqa: E731
    assert gradcheck(cost, p, gradient=right)
    report = gradcheck(lambda x: x**2, 3.0, gradient=lambda x: np.array([2 * x]))
    assert "shape (1,)" in report.culprit.mistake


def test_a_function_may_take_gradients_itself():
    def penalty(w):
        x = Tensor([3.0, 1.0], requires_grad=True)
        (by_x,) = gradients(np.sum(np.tanh(w * x)), [x])
        return np.sum(by_x**2)

    w = Tensor([1.0, 2.0], requires_grad=True)
    assert gradcheck(penalty, w)
    assert gradcheck(lambda: penalty(w), w)
    x, wide = np.array([3.0, 1.0]), 1 - np.tanh(np.array([3.0, 2.0])) ** 2
    # d/dw (w s)² with s = sech²(w x), s' = -2 s tanh(w x) x
    closed = 2 * w.numpy() * wide * (wide - 2 * w.numpy() * wide * np.tanh(w.numpy() * x) * x)
    assert gradcheck(penalty, w, gradient=closed)
    assert not gradcheck(penalty, w, gradient=closed + 1e-3)
