"""Changing data under a recorded graph: no gradient may see it.

Each way of changing is tried before the first backward pass and between two of them, on a leaf, on
a constant, on a plain array and on something computed, in reverse mode and for second derivatives.
"""

import array

import numpy as np
import pytest

from microgradnd import Tensor, gradients, no_grad, primitive

keeping = primitive(
    lambda x, factor: (x * factor, factor), lambda g, y, x, factor: g * y[1], None, keeps=True
)


class Setting:
    """loss = Σ exp(w)·c·a·tanh(h) with h = w·c: all the kinds of value that a graph can hold."""

    def __init__(self):
        self.passed = np.array([1.0, 2.0])
        self.w = Tensor(self.passed, requires_grad=True, name="w")
        self.c = Tensor([3.0, 4.0], name="c")
        self.a = np.array([5.0, 6.0])
        self.frozen = self.a[:]  # cannot be written, but changes with a
        self.frozen.flags.writeable = False
        self.buffer, self.width = array.array("d", [1.0, 2.0]), np.array([1, 0])
        self.index = np.array([0, 1])
        self.where = np.array([True, True])
        self.factor = np.array([2.0, 3.0])
        self.h = self.w * self.c
        self.view = self.h.reshape(2, 1)[:, 0]
        self.detached = self.w.detach()
        product = np.exp(self.w) * self.c * self.a * np.tanh(self.view) * self.detached
        product = keeping(product, self.factor)
        product = np.pad(product * self.frozen * self.buffer, self.width)[1:]
        self.loss = np.sum(np.where(self.where, product[self.index], 0.0), where=self.where)


TENSORS = "w", "c", "h", "view", "detached"
CHANGES = [
    *(f"s.{name}.data *= 2" for name in TENSORS),
    *(f"s.{name}.data = np.array([8.0, 9.0])" for name in TENSORS),
    *(f"s.{name}.data[0] = 7.0" for name in TENSORS),
    "with no_grad(): s.w -= 0.5 * np.ones(2)",
    "with no_grad(): s.w[0] = 9.0",
    "with no_grad(): view = s.w.reshape(2, 1); view.data[0] = 7.0",
    "s.passed[0] = 7.0",  # the array that w was made from
    "s.a[0] = 7.0",
    "s.factor[0] = 7.0",
    "s.buffer[0] = 50",
    "s.width[:] = [0, 1]",
    "s.index[0] = 1",
    "s.where[0] = False",
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_gradient_sees_the_change(change):
    def make_change(s):
        exec(change, {"s": s, "np": np, "no_grad": no_grad})

    def curvature(*when):
        s = Setting()
        make_change(s) if "early" in when else None
        (slope,) = gradients(s.loss, [s.w])
        make_change(s) if "between" in when else None
        np.sum(slope).backward()
        return s.w.grad

    expected = Setting()
    expected.loss.backward()

    s = Setting()
    make_change(s)
    s.loss.backward()
    np.testing.assert_array_equal(s.w.grad, expected.w.grad)
    make_change(s)
    s.loss.backward()
    np.testing.assert_array_equal(s.w.grad, 2 * expected.w.grad)
    np.testing.assert_allclose(curvature("early", "between"), curvature(), rtol=1e-14)


def test_new_results_do_see_it():
    s = Setting()
    s.w.data[0] = 7.0
    s.c.data *= 2
    s.h.data[:] = 1
    assert [(t * 1).tolist() for t in (s.w, s.c, s.h)] == [[7, 2], [6, 8], [1, 1]]
    w = Tensor(np.zeros(2, np.float32))
    w.data = [1, 2]
    assert w.dtype == np.float32
    assert w.data is w.data


# ---- in place --------------------------------------------------------------------------------------


def test_in_place_on_a_computed_tensor_makes_a_new_value():
    w = Tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    before = y
    y += w
    y *= 3
    y -= 1
    y /= 2
    y **= 2
    assert before.tolist() == [2, 4]
    np.sum(y).backward()
    np.testing.assert_allclose(w.grad, 2 * (9 * w.numpy() - 1) / 2 * 4.5)


def test_in_place_on_a_leaf_under_no_grad():
    w = Tensor([1.0, 2.0], requires_grad=True)
    same = w
    with no_grad():
        w += 1
        w *= Tensor([2.0, 2.0])
    assert w is same
    assert w.requires_grad
    assert w.tolist() == [4, 6]
    with no_grad():
        w[1:] = Tensor([7.0])
        w[w > 6.5] = 0
    assert w.tolist() == [4, 0]
    c = Tensor([1.0])
    d = c
    c += w[:1]
    assert d.tolist() == [1]
    assert c.requires_grad


def test_a_scalar_leaf_can_be_changed_in_place():
    w = Tensor(2.0, requires_grad=True)
    (w * w).backward()
    with no_grad():
        w -= 0.25 * w.grad
    w.data[...] *= 3
    assert w.item() == 3
    assert isinstance(w.data, np.ndarray)
    with no_grad(), pytest.raises(ValueError, match=r"data of shape \(\), got \(2,\)"):
        w += np.ones(2)


@pytest.mark.parametrize("shaped", [
    lambda a: a, lambda a: a.reshape(3, 2).reshape(6), lambda a: a[:], lambda a: a[::-1][::-1],
    lambda a: a.reshape(2, 3).T.T.ravel(), lambda a: np.broadcast_to(a, 6),
])  # fmt: skip
def test_a_gradient_is_nobody_elses_array(shaped):
    """Whatever a rule returns, and whoever holds that: .grad can be written alone."""
    held = np.arange(6.0)
    rules = {
        "another's": lambda g, y, x: shaped(held),
        "the gradient given": lambda g, y, x: shaped(g),
        "an argument": lambda g, y, x: shaped(x),
        "its own": lambda g, y, x: shaped(g + 0),
    }
    for kind, rule in rules.items():
        x, given = Tensor(np.arange(6.0), requires_grad=True), np.arange(6.0)
        both = primitive(lambda x: x * 1, rule)(x)
        for _ in range(2):
            both.backward(given)
            x.grad += 1
            np.testing.assert_array_equal(x.grad, np.arange(6.0) + 1, err_msg=kind)
            before = x.grad
            both.backward(given)
            np.testing.assert_array_equal(before, np.arange(6.0) + 1, err_msg=kind)
            np.testing.assert_array_equal(x.grad, 2 * np.arange(6.0) + 1, err_msg=kind)
            x.zero_grad()
        for other in (held, given, x.numpy()):
            assert other.tolist() == list(range(6)), kind
