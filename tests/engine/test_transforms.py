"""grad, vjp, jvp, jacobian, hessian, hvp: against closed forms, each other, and nested in any mix."""

import itertools
from collections import namedtuple

import numpy as np
import pytest

from microgradnd import (
    Tensor,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from microgradnd.primitive import Primitive

A = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 1.0]])
X = np.array([0.3, -1.2, 0.7])


def quadratic(x):
    return 0.5 * (x @ A @ x)


def wave(x):
    return np.sin(x) * np.sum(x**2)


def test_arrays_return_arrays_and_tensors_return_tensors():
    assert isinstance(grad(quadratic)(X), np.ndarray)
    assert isinstance(grad(quadratic)(Tensor(X)), Tensor)
    assert isinstance(grad(lambda x: x * x)(3.0), float)
    assert grad(quadratic)(X.astype(np.float32)).dtype == np.float32
    value, slope_ = value_and_grad(quadratic)(X)
    assert not isinstance(value, Tensor)
    np.testing.assert_allclose(slope_, A @ X)
    assert isinstance(jvp(quadratic, (Tensor(X),), (X,))[1], Tensor)


def test_argnum():
    def f(a, b, c):
        return np.sum(a * b**2 * c**3)

    assert grad(f)(2.0, 3.0, 1.0) == 9
    assert grad(f, 1)(2.0, 3.0, 1.0) == 12
    assert grad(f, -1)(2.0, 3.0, 1.0) == 54
    assert grad(f, (0, 2))(2.0, 3.0, 1.0) == (9, 54)
    assert value_and_grad(f, (0, 1))(2.0, 3.0, 1.0) == (18, (9, 12))
    assert jacobian(f, (0, 1))(2.0, 3.0, 1.0) == (9, 12)
    rows = hessian(f, (0, 1))(2.0, 3.0, 1.0)
    assert rows == ((0, 6), (6, 4))
    assert hessian(f, 2)(2.0, 3.0, 1.0) == 108
    assert grad(f)(2.0, b=3.0, c=1.0) == 9


def test_nested_arguments():
    Pair = namedtuple("Pair", "left right")

    def f(tree, x):
        return np.sum(tree["w"][0] @ x * tree["pair"].left) + np.sum(tree["w"][1] ** 2)

    tree = {"w": [A, np.array(3.0)], "pair": Pair(np.array(2.0), np.ones(2))}
    slopes = grad(f)(tree, X)
    assert list(slopes) == ["w", "pair"]
    assert isinstance(slopes["pair"], Pair)
    np.testing.assert_allclose(slopes["w"][0], np.outer(np.ones(3), X) * 2)
    assert slopes["w"][1] == 6
    np.testing.assert_allclose(slopes["pair"].left, np.sum(A @ X))
    np.testing.assert_array_equal(slopes["pair"].right, [0, 0])
    v = {"pair": Pair(np.array(1.0), np.ones(2)), "w": [A, np.array(1.0)]}  # in another order
    _, moved = jvp(lambda tree: f(tree, X), (tree,), (v,))
    np.testing.assert_allclose(moved, 2 * np.sum(A @ X) + 6 + np.sum(A @ X))
    by = jacobian(lambda tree: tree["a"] * tree["b"])({"a": X, "b": X})
    np.testing.assert_allclose(by["a"], np.diag(X))
    back = hvp(lambda tree: np.sum(tree[0] ** 2 * tree[1]), ([X, X],), ([X, X],))
    np.testing.assert_allclose(back[0][0], 4 * X * X)


def test_several_outputs():
    def f(x, a):
        return {"square": a * x**2, "rest": (np.sum(a * x), x[0] * 3)}

    value, moved = jvp(lambda x: f(x, 1.0), (X,), (X,))
    np.testing.assert_allclose(value["square"], X**2)
    np.testing.assert_allclose(moved["square"], 2 * X**2)
    np.testing.assert_allclose(moved["rest"], (np.sum(X), X[0] * 3))
    _, pull = vjp(lambda x: f(x, 1.0), X)
    (back,) = pull({"rest": (1.0, 10.0), "square": np.ones(3)})
    np.testing.assert_allclose(back, 2 * X + 1 + [30, 0, 0])
    for x in (X, X[:1]):  # by rows and by columns
        blocks = jacobian(f, (0, 1))(x, 2.0)
        np.testing.assert_allclose(blocks["square"][0], np.diag(4 * x))
        np.testing.assert_allclose(blocks["square"][1], x**2)
        np.testing.assert_allclose(blocks["rest"][0][0], np.full(x.shape, 2.0))


@pytest.mark.parametrize("rows", [2, 9])
def test_jacobian_by_rows_and_by_columns(rows):
    m = np.arange(rows * 3.0).reshape(rows, 3)

    def f(x):
        return np.tanh(m @ x / 10).reshape(rows, 1)

    expected = (1 - np.tanh(m @ X / 10) ** 2)[:, None] * m / 10
    np.testing.assert_allclose(jacobian(f)(X), expected[:, None, :])
    assert jacobian(lambda x: x)(np.zeros((2, 0))).shape == (2, 0, 2, 0)
    assert jacobian(lambda x: np.zeros((0, 2)) @ x)(np.ones(2)).shape == (0, 2)


def test_a_product_with_the_hessian_costs_little_more_than_a_gradient(monkeypatch):
    recorded, record = [], Primitive.record
    monkeypatch.setattr(
        Primitive, "record", lambda *call: (recorded.append(call[0].name), record(*call))[1]
    )

    def loss(w, v):
        return np.sum((1 / (1 + np.exp(-np.tanh(A @ w) @ v)) - A) ** 2)

    def operations(compute):
        recorded.clear()
        compute()
        return len(recorded)

    gradient = operations(lambda: grad(loss, (0, 1))(A, A))
    assert operations(lambda: hvp(loss, (A, A), (A, A))) <= 3 * gradient


def forward(f):
    return lambda x: jvp(f, (x,), (1.0 + 0 * x,))[1]


def reverse(f):
    return lambda x: vjp(f, x)[1](1.0 + 0 * x)[0]


MODES = [forward, reverse, grad, jacobian]


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)))
def test_third_derivatives_in_any_mix(modes):
    def f(x):
        return x**2 * np.sin(3 * x) + np.exp(-x)

    third = f
    for mode in modes:
        third = mode(third)
    x = 0.7
    sin, cos = np.sin(3 * x), np.cos(3 * x)
    expected = 18 * cos - 54 * x * sin - 27 * x**2 * cos - np.exp(-x)
    assert third(x) == pytest.approx(expected, rel=1e-13)
    assert isinstance(third(x), float)
    assert third(np.array(x)) == pytest.approx(expected, rel=1e-13)
    assert np.float64(third(Tensor(x)).item()) == pytest.approx(expected, rel=1e-13)


def test_inner_variables_stay_apart_from_outer_ones():
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative must not see x as its own variable."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1
    assert grad(lambda x: x * forward(lambda y: x + y)(1.0))(1.0) == 1
    assert forward(lambda x: x * forward(lambda y: x * y)(2.0))(3.0) == 6
    assert grad(lambda x: grad(lambda y: x * y**2)(x))(3.0) == 12
    assert grad(lambda x: grad(lambda x: x**3)(x) * x)(2.0) == 36


def test_inner_variables_do_not_make_the_outer_result_a_tensor():
    mixed = grad(lambda b: np.sum(grad(lambda a: np.sum(a**2 * b))(X)))(X)
    assert isinstance(mixed, np.ndarray)
    np.testing.assert_allclose(mixed, 2 * X)
    _, pull = vjp(lambda b: vjp(lambda a: a * b, X)[1](X * b)[0], X)
    assert isinstance(pull(X)[0], np.ndarray)
    np.testing.assert_allclose(pull(np.ones(3))[0], 2 * X * X)
    three = grad(lambda a: grad(lambda b: grad(lambda c: a**2 * b**2 * c**2)(2.0))(3.0))(5.0)
    assert three == 2 * 5 * 2 * 3 * 2 * 2
    assert isinstance(three, float)


def test_inside_no_grad_a_transform_still_works():
    w = Tensor(2.0, requires_grad=True)
    with no_grad():
        slope_ = grad(lambda x: x * x * w)(3.0)
        assert slope_ == 12
        assert not getattr(slope_, "requires_grad", False)
        inside = grad(lambda x: grad(lambda y: y**3)(x))(2.0)
    assert inside == 12


def test_what_does_not_matter_has_gradient_zero():
    assert grad(lambda x: Tensor(3.0))(1.0) == 0
    assert gradients(np.sum(Tensor(X, requires_grad=True)), Tensor(1.0, requires_grad=True)) == 0
