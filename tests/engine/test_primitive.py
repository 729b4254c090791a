"""Functions of one's own: rules, several outputs, broadcasting, names, and messages."""

import weakref
from operator import itemgetter

import numpy as np
import pytest

from microgradnd import (
    Tensor,
    derive,
    draw,
    grad,
    gradcheck,
    gradients,
    hessian,
    jvp,
    no_grad,
    paths,
    primitive,
    replay,
    value_and_grad,
)  # fmt: skip
from microgradnd.primitive import Primitive
from microgradnd.table import together


def test_plain_arrays_in_plain_arrays_out():
    double = primitive(lambda x: 2 * x, lambda g, y, x: 2 * g)
    assert isinstance(double(np.ones(2)), np.ndarray)
    assert isinstance(double(Tensor([1.0])), Tensor)
    pick = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, None, name="pick")
    assert grad(lambda x: pick(x, 3.0) + pick(x, Tensor(2.0)))(1.0) == 5


def test_several_outputs():
    polar = primitive(
        lambda x, y: (np.hypot(x, y), np.arctan2(y, x)),
        lambda g, out, x, y: g[0] * x / out[0] - g[1] * y / out[0] ** 2,
        lambda g, out, x, y: g[0] * y / out[0] + g[1] * x / out[0] ** 2,
    )
    x, y = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    for part, reference in ((0, np.hypot), (1, lambda x, y: np.arctan2(y, x))):
        for argnum in (0, 1):
            mine = grad(lambda *xy, part=part: np.sum(polar(*xy)[part]), argnum)
            theirs = grad(lambda *xy, f=reference: np.sum(f(*xy)), argnum)
            np.testing.assert_allclose(mine(x, y), theirs(x, y), rtol=1e-14)
            second = grad(lambda *xy, f=mine: np.sum(f(*xy)), argnum)
            expected = grad(lambda *xy, f=theirs: np.sum(f(*xy)), argnum)
            np.testing.assert_allclose(second(x, y), expected(x, y), rtol=1e-12)
    radius, angle = polar(Tensor(x), Tensor(y))
    assert isinstance(radius, Tensor)
    assert not angle.requires_grad


def test_rules_that_share_a_walk_take_it_once_in_a_backward_pass():
    walks = []

    def walk(g, y, x, w):
        walks.append(type(x))
        return g * w, g * x

    product = Primitive(lambda x, w: x * w, together(walk, *map(itemgetter, (0, 1))), "product")
    x, w = (Tensor(values, requires_grad=True) for values in ([1.0, 2.0], [3.0, 5.0]))
    y = product(x, w)
    for count, g in enumerate(([1.0, 1.0], [2.0, 0.0], [2.0, 0.0]), 1):
        y.backward(np.array(g))
        assert walks == [np.ndarray] * count
    assert (x.grad.tolist(), w.grad.tolist()) == ([15, 5], [5, 2])
    for rule, expected in zip(product.rules, ([3, 5], [1, 2]), strict=True):  # each alone
        assert rule(np.ones(2), None, x.data, w.data).tolist() == expected
    walks.clear()
    dx, dw = gradients(np.sum(product(x, w)), [x, w])
    assert walks == [Tensor]
    (dx @ dw).backward()  # Σ w x: the slopes are those of a product
    assert x.grad.tolist() == [15 + 3, 5 + 5]
    rules = together(lambda g, y, x, w: walk(g[0], y, x, w), itemgetter(0), itemgetter(1))
    two = Primitive(lambda x, w: (x * w, w), rules, "two")
    walks.clear()
    np.sum(two(x, w)[0]).backward()
    assert walks == [np.ndarray]


def test_a_zero_derivative_is_written_as_one():
    step = primitive(lambda x: (x > 0) * 1.0, lambda g, y, x: 0)
    assert grad(lambda x: np.sum(step(x) + x))(np.ones(2)).tolist() == [1, 1]
    assert jvp(step, (np.ones(2),), (np.ones(2),))[1].tolist() == [0, 0]


def test_options():
    power = primitive(
        lambda x, order=2: x**order, lambda g, y, x, order=2: g * order * x ** (order - 1)
    )
    assert grad(power)(3.0) == 6
    assert grad(lambda x: power(x, 3))(3.0) == 27
    assert grad(lambda x: power(x, order=3))(3.0) == 27
    assert grad(lambda x: power(x=x, order=3))(3.0) == 27


def test_names():
    softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    assert softplus.name == "softplus"

    def swish(x):
        return x / (1 + np.exp(-x))

    assert primitive(swish, None).name == "swish"
    assert primitive(lambda x: x, None, name="other").name == "other"
    assert [primitive(lambda x: x, None)][0].name == "primitive"
    assert repr(softplus) == "<primitive softplus>"
    assert softplus(Tensor(1.0, requires_grad=True)).operation is softplus


def _with_exponential(x):
    e = np.exp(x)
    return np.log1p(e), e


keeping = primitive(
    _with_exponential, lambda g, y, x: g * y[1] / (1 + y[1]), name="softplus", keeps=True
)


def test_what_a_function_keeps_is_right_wherever_its_rules_run():
    x, plain = np.array([-1.0, 0.5, 3.0]), lambda x: np.log1p(np.exp(x))
    loss, reference = (lambda x, f=f: np.sum(f(x) ** 2) for f in (keeping, plain))
    third = lambda f: grad(lambda x: np.sum(grad(lambda x: np.sum(grad(f)(x) ** 2))(x)))  # noqa: E731
    for transform in (grad, hessian, third):
        np.testing.assert_allclose(transform(loss)(x), transform(reference)(x), rtol=1e-12)
    np.testing.assert_allclose(jvp(keeping, (x,), (x,)), jvp(plain, (x,), (x,)), rtol=1e-14)
    assert gradcheck(loss, Tensor(x, requires_grad=True), order=2)
    w = Tensor(x, requires_grad=True, name="w")
    recorded = loss(w)
    recorded.backward()
    recorded.backward()  # nothing kept was changed
    np.testing.assert_allclose(w.grad, 2 * grad(reference)(x), rtol=1e-14)
    assert paths(recorded, w, 1).total == grad(loss)(x)[1]
    assert "v₁ = softplus(w)  3       [0.3133" in repr(draw(recorded))
    for answer in (derive(recorded, [w]), derive(loss, w)):
        np.testing.assert_allclose(answer(w=2 * x)["dw"], grad(reference)(2 * x), rtol=1e-12)
    step = replay(lambda x: value_and_grad(loss)(Tensor(x))[1])
    for scale in range(1, 6):
        np.testing.assert_allclose(step(scale * x).data, grad(reference)(scale * x), rtol=1e-12)


def test_what_a_function_keeps_is_not_part_of_its_value_and_goes_with_the_graph():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert isinstance(keeping(x.numpy()), np.ndarray)
    with no_grad():
        assert keeping(x).shape == (2,)
    y = keeping(x)
    kept = weakref.ref(y.arrays[0][1])
    assert kept() is not None
    del y
    assert kept() is None


def test_what_cannot_be_kept_is_refused():
    with pytest.raises(TypeError, match="keeps: expected a tuple, got ndarray"):
        primitive(np.exp, lambda g, y, x: g * y, keeps=True)(Tensor([1.0]))
    rng = np.random.default_rng(0)
    noisy = primitive(
        lambda x: ((m := rng.random(3)) * x, m), lambda g, y, x: g * y[1], name="noisy", keeps=True
    )
    with pytest.raises(RuntimeError, match="noisy returned something else"):
        grad(grad(lambda x: np.sum(noisy(x * x))), 0)(np.ones(3))
