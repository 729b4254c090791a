"""Functions of one's own: rules, several outputs, broadcasting, names, and messages."""

import numpy as np

from microgradnd import Tensor, grad, jvp, primitive


def test_plain_arrays_in_plain_arrays_out():
    double = primitive(lambda x: 2 * x, lambda g, y, x: 2 * g)
    assert isinstance(double(np.ones(2)), np.ndarray)
    assert isinstance(double(Tensor([1.0])), Tensor)


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


def test_none_is_an_error_only_where_a_gradient_is_wanted():
    pick = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, None, name="pick")
    x = Tensor([1.0], requires_grad=True)
    pick(x, 3.0).backward()
    assert x.grad.tolist() == [3]
    pick(x, Tensor(2.0))


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
