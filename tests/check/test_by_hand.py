"""Gradients written by hand: their numbers, their shapes, and what they may look like."""

import numpy as np
import pytest

from microgradnd import Tensor, gradcheck
from microgradnd.check.mistakes import Trial, usual

RNG = np.random.default_rng(0)
A, B, X = RNG.normal(size=(6, 3)), RNG.normal(size=3), RNG.normal(size=3)
A32, X32 = A.astype(np.float32), X.astype(np.float32)
P = {"w": np.ones(3), "b": 0.5}


def cost(x):
    return 0.5 * np.mean((A @ x) ** 2)


def slope(x):
    return A.T @ (A @ x) / 6


def squares(x):
    return np.sum(x**2)


WRONG = {
    "wrong sign": lambda x: -slope(x),
    "off by the batch size: 6 times": lambda x: 6 * slope(x),
    "off by a factor: 2 times": lambda x: 2 * slope(x),
    "zero": lambda x: np.zeros(3),
    "wrong at 1 of 3 entries": lambda x: slope(x) * [1, 1.001, 1],
    "multiplied by argument 0 once too often": lambda x: slope(x) * x,
    "multiplied by an array the function uses once too often": lambda x: slope(x) * B,
}


@pytest.mark.parametrize(("mistake", "gradient"), WRONG.items(), ids=WRONG)
def test_a_mistake_is_named(mistake, gradient):
    report = gradcheck(lambda x: 0.5 * np.mean((A @ x) ** 2) + 0 * B[0], X, gradient=gradient)
    assert not report
    assert mistake in report.culprit.mistake


def gradient_of_two(w, x, n):
    outer = n * (w @ x) ** (n - 1)
    return np.outer(outer, x), w.T @ outer


RIGHT = {
    "a function": (cost, [X], slope),
    "an array": (cost, [X], slope(X)),
    "arrays in a list": (squares, [X], [2 * X]),
    "a list of numbers": (squares, [X], (2 * X).tolist()),
    "a list of one number": (squares, [np.ones(1)], lambda x: list(2 * x)),
    "several inputs, one without gradient": (
        lambda w, x, n: np.sum((w @ x) ** n), [np.eye(2) + 1, X[:2], np.array(3)], gradient_of_two,
    ),
    "one that is not checked": (lambda w, x: np.sum(w * x), [X, X], lambda w, x: (x, None)),
    "in the form of the inputs": (
        lambda p: np.sum(p["w"] ** 2) * p["b"], [P],
        lambda p: {"b": np.sum(p["w"] ** 2), "w": 2 * p["w"] * p["b"]},  # the keys in any order
    ),
    "of many entries": (lambda x: np.sum(x**3), [RNG.normal(size=(60, 50))], lambda x: 3 * x**2),
    "small, on a large offset": (
        lambda x: 1e3 + x[0] + 1e-7 * np.sin(x[1]), [X],
        lambda x: np.array([1, 1e-7 * np.cos(x[1]), 0]),
    ),
    "float32": (lambda x: np.sum((A32 @ x) ** 2) / 2, [X32], lambda x: A32.T @ (A32 @ x)),
    "an array of float32": (lambda x: np.sum(np.exp(x)), [X32], np.exp(X32)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "inputs", "gradient"), RIGHT.values(), ids=RIGHT)
def test_right_and_wrong_at_one_entry(f, inputs, gradient):
    assert gradcheck(f, *inputs, gradient=gradient)
    right = gradient if callable(gradient) else lambda x: gradient
    if isinstance(right(*inputs), np.ndarray):

        def wrong(x):
            given = np.array(right(x))
            given[..., -1] *= 1.001
            given[..., 1] *= -1
            return given

        report = gradcheck(f, *inputs, gradient=wrong)
        places = [j.place for j in report.rows[0].having("wrong")]
        assert not report
        assert any(place[-1] in (1, X.size - 1, np.shape(inputs[0])[-1] - 1) for place in places)


# What a gradient with respect to x = [0, 1, 2] may be instead of an array of three numbers.
MISSHAPEN = {
    "too few": (lambda x: (2 * x)[:2], "(2,)"),
    "an axis too many": (lambda x: (2 * x)[None], "(1, 3)"),
    "the gradient of each example": (lambda x: np.ones((5, 3)), "(5, 3)"),
    "one number": (lambda x: 3.0, "()"),
    "an array, no function": (np.ones(4), "(4,)"),
}


@pytest.mark.parametrize(("gradient", "shape"), MISSHAPEN.values(), ids=MISSHAPEN)
def test_a_wrong_shape(gradient, shape):
    report = gradcheck(squares, np.arange(3.0), gradient=gradient)
    assert not report
    assert report.culprit.operation == "the gradient with respect to x"
    assert f"of shape {shape} for an input of shape (3,): give" in report.culprit.mistake


@pytest.mark.parametrize("later", [np.ones(2), None])
def test_a_shape_that_changes_from_call_to_call(later):
    calls = iter([np.full(3, 0.5)])
    gradient = lambda x, y: (next(calls, later), np.zeros(1))  # noqa: E731
    report = gradcheck(lambda x, y: squares(x), np.arange(3.0), np.ones(1), gradient=gradient)
    assert report.culprit.operation == "the gradient with respect to x"
    assert "for an input of shape (3,): give" in report.culprit.mistake


@pytest.mark.parametrize("wrong", [np.inf, 1e300, np.nan, -77.0])
def test_one_absurd_entry(wrong):
    report = gradcheck(squares, X, gradient=lambda x: np.array([wrong, *(2 * x[1:])]))
    assert report.rows[0].having("wrong")[0].place == (0,)


def test_usual_mistakes_in_trials_whose_arrays_differ_in_axes():
    """As in the exercises, where each trial has other arguments."""
    shapes = [(3,), (2, 3), (4, 3)]
    arrays = [RNG.normal(size=shape) for shape in shapes]
    for times, words in ((-1, "wrong sign"), (2, "off by a factor: 2 times"), (0, "it is zero")):
        trials = [Trial(times * a, a, [("x", 1 + a)]) for a in arrays]
        assert usual(trials).startswith(words)
    trials = [Trial(len(a) * a, a, [("x", a)]) for a in arrays]
    assert "3 is the length of axis 0 of x" in usual(trials)
    assert usual([Trial(a * a, a, [("x", a)]) for a in arrays]) == "multiplied by x once too often"
    assert usual([Trial(a, a * a, [("x", a)]) for a in arrays]) == "forgot to multiply by x"
    assert usual([Trial(np.nan * a, a, [("x", a)]) for a in arrays]) is None
    assert usual([Trial(a.T, a, []) for a in arrays[1:]]).startswith("transposed")
    assert usual([Trial(np.exp(a), a, []) for a in arrays]) is None


# L = Σ a + b² with a = sin w and b = w a: three paths from each entry of w
PATHS = {
    "w → v₁ (sin) → v₄ (add) → L": lambda w: np.cos(w),
    "w → v₂ (multiply) → v₃ (power) → v₄ (add) → L": lambda w: 2 * w * np.sin(w) ** 2,
    "w → v₁ (sin) → v₂ (multiply) → v₃ (power) → v₄ (add) → L": lambda w: (
        2 * w**2 * np.sin(w) * np.cos(w)
    ),
}


@pytest.mark.parametrize("left_out", [*PATHS, None])
@pytest.mark.parametrize("kind", ["arrays", "Tensors", "closure"])
def test_a_path_that_was_forgotten_is_named_with_its_product(left_out, kind, rng):
    x = rng.uniform(0.5, 1.5, size=(2, 3))
    w = Tensor(x, requires_grad=True, name="w")

    def loss(w=w):
        a = np.sin(w)
        return np.sum(a + (w * a) ** 2)

    def gradient(w=w):
        w = w.numpy() if isinstance(w, Tensor) else w
        parts = [slope(w) for way, slope in PATHS.items() if way != left_out]
        return sum(parts) + (0 if left_out else 0.1 * w**3)

    inputs = {"arrays": [x], "Tensors": [w], "closure": []}[kind]
    if kind == "closure":
        f, by_hand, inputs = lambda: loss(w), lambda: gradient(w), [w]
    else:
        f, by_hand = (lambda w: loss(w)), (lambda w: gradient(w))
    mistake = gradcheck(f, *inputs, gradient=by_hand).culprit.mistake
    if left_out is None:  # what is wrong is no path's product
        assert not mistake
    else:
        product = PATHS[left_out](x)[0, 0]
        assert mistake == f"the path {left_out} is missing: its product is {product:.6g} at [0, 0]"


def test_a_path_is_that_of_its_input_also_where_names_repeat_and_the_numbers_are_the_tables():
    a = Tensor([0.6, 0.7], requires_grad=True, name="w")
    b, fixed = Tensor([1.5], requires_grad=True, name="w"), Tensor([2.0], requires_grad=True)

    def loss(fixed, a, b):
        return np.sum(np.sin(a) + a**2) + np.sum(b**3 + fixed * b)

    def gradient(fixed, a, b):
        return None, np.cos(a.numpy()), 3 * b.numpy() ** 2

    first, second = gradcheck(loss, fixed, a, b, gradient=gradient).culprits
    assert "(power)" in first.mistake
    assert "its product is 1.2 at [0]" in first.mistake
    assert "(multiply)" in second.mistake
    assert "its product is 2 at [0]" in second.mistake
    for culprit, product in ((first, 1.2), (second, 2.0)):
        assert culprit.expected - culprit.given == pytest.approx(product)
