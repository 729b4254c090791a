"""The source that derive() writes: as a person would write it, or refused with the line."""

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest
import scipy.special  # noqa: F401

import nn
from microgradnd import Tensor, derive, grad, gradcheck, gradients
from nn.functional import sigmoid, softmax
from tests.misuse import explained
from tests.program.test_derive_agrees import RNG, leaf, run

# ---- as a person writes it -----------------------------------------------------------------------


def body(answer):
    """The lines of the function without its head, with single spaces."""
    lines = answer.source.partition(":\n")[2].splitlines()
    return [re.sub(" +", " ", line.strip()) for line in lines]


def digits():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    x, y = leaf(10, 784, name="x", requires_grad=False), Tensor(np.eye(10), name="y")
    return nn.QuadraticLoss()(model(x), y), list(model.parameters())


def test_the_network_that_reads_digits():
    answer = derive(*digits())
    assert "def gradients(W1, b1, W2, b2, x, y):" in answer.source
    assert body(answer) == [
        "z1 = x @ W1.T + b1 # (10, 30): weighted sums",
        "a1 = 1 / (1 + np.exp(-z1)) # (10, 30): sigmoid",
        "z2 = a1 @ W2.T + b2 # (10, 10): weighted sums",
        "a2 = 1 / (1 + np.exp(-z2)) # (10, 10): sigmoid",
        "t1 = a2 - y # (10, 10): for the quadratic loss",
        "L = np.sum(t1**2) / 20 # scalar: the loss",
        "dz2 = t1 * a2 * (1 - a2) / 10 # (10, 10): through the sigmoid",
        "dW2 = dz2.T @ a1 # (10, 30): through the weighted sums",
        "db2 = np.sum(dz2, axis=0) # (10,): b2 was broadcast over 10 rows",
        "dz1 = (dz2 @ W2) * a1 * (1 - a1) # (10, 30): through the sigmoid",
        "dW1 = dz1.T @ x # (30, 784): through the weighted sums",
        "db1 = np.sum(dz1, axis=0) # (30,): b1 was broadcast over 10 rows",
        'return {"L": L, "dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}',
    ]
    assert r"a_{1} &= \sigma(z_{1}) \\" in answer.latex
    assert r"z_{1} &= x \, W_{1}^{\mathsf T} + b_{1} \\" in answer.latex
    assert r"dz_{1} &= (dz_{2} \, W_{2}) \odot a_{1} \odot (1 - a_{1}) \\" in answer.latex
    assert answer._repr_latex_().startswith("$$\n\\begin{aligned}\nz_{1} &= ")


def test_sums_over_rows_are_written_as_sums_however_they_are_computed():
    x, w = leaf(3, 4, name="x"), leaf(3, 4, name="w")
    source = derive(np.sum(np.vecdot(x, w) ** 2), [x]).source
    assert "np.sum(x * w, axis=-1)" in source
    for dtype in np.float32, np.float64:
        x = Tensor(x.data, requires_grad=True, name="x", dtype=dtype)
        source = derive(np.sum(softmax(x, dim=-1) ** 2), [x]).source
        assert "np.max(x, axis=-1, keepdims=True)" in source
        assert source.count("np.sum(") == 3
        assert "ones" not in source


def lecture():
    """The example of a lecture, by hand, with names."""
    w1, w2 = leaf(4, 4, name="W1"), leaf(2, 4, name="W2")
    h = sigmoid(w1 @ Tensor([2.0, 5.0, 3.0, 3.0], name="x"))
    a2 = w2 @ h
    output = softmax(a2, dim=0)
    h.name, a2.name, output.name = "h", "a2", "ŷ"
    return np.sum((Tensor([1.0, 0.0], name="y") - output) ** 2), [w1, w2]


def test_the_example_of_a_lecture():
    answer = derive(*lecture())
    assert body(answer) == [
        "h = 1 / (1 + np.exp(-W1 @ x)) # (4,): sigmoid",
        "a2 = W2 @ h # (2,): matrix product",
        "t1 = np.exp(a2 - np.max(a2)) # (2,): for the softmax",
        "ŷ = t1 / np.sum(t1) # (2,): softmax",
        "v5 = y - ŷ # (2,): subtraction",
        "L = np.sum(v5**2) # scalar: the loss",
        "dŷ = -2 * v5 # (2,): through the subtraction",
        "da2 = ŷ * (dŷ - np.sum(dŷ * ŷ)) # (2,): through the softmax",
        "dW2 = np.outer(da2, h) # (2, 4): through the matrix product",
        "dh = W2.T @ da2 # (4,): through the matrix product",
        "dW1 = np.outer(dh * h * (1 - h), x) # (4, 4): through the matrix product",
        'return {"L": L, "dW1": dW1, "dW2": dW2}',
    ]


def test_a_layer_of_one_example():
    linear = nn.functional.linear
    lines = body(
        derive(lambda W, x, b: np.sum(linear(x, W, b) ** 2), np.eye(2), np.ones(2), np.ones(2))
    )
    assert "dz = 2 * z # (2,): through the power" in lines
    assert "db = dz # (2,): the same" in lines
    assert "dW = np.outer(dz, x) # (2, 2): through the weighted sums" in lines
    assert "dx = W.T @ dz # (2,): through the weighted sums" in lines


def test_variables_of_a_function_keep_their_names():
    x, y = np.array([2.0, 5.0]), np.array([[1.0, 0.0]])

    def cost(W, b):
        return np.sum((W @ x + b - y) ** 2) / 2

    answer = derive(cost, np.eye(2), np.zeros(2))
    assert body(answer)[:2] == [
        "x = np.array([2.0, 5.0]) # (2,)",
        "y = np.array([[1.0, 0.0]]) # (1, 2)",
    ]
    assert list(answer()) == ["L", "dW", "db"]


A, B = leaf(2, name="w"), leaf(name="w")
HEADS = {  # what arguments are called, and in which order
    "W, b": lambda: derive(lambda W, b: W @ b, np.ones(2), np.ones(2)),
    "w, x, s": lambda: derive(lambda w, x, s: np.sum(w) * x * s, A, Tensor(2.0), Tensor(3.0)),
    "w, x1, x2": lambda: derive(lambda *a: a[0] * a[1] / a[2], B, Tensor(2.0), Tensor(3.0)),
    "lambda_, x1": lambda: derive((x := leaf(name="lambda")) * (y := leaf(name="w.1")), [x, y]),
}


@pytest.mark.parametrize("head", HEADS)
def test_names_of_arguments(head):
    assert f"def gradients({head}):" in HEADS[head]().source


def test_large_constants_are_arguments_beside_the_text():
    w, data = leaf(30, name="w"), RNG.normal(size=30)
    answer = derive(np.sum(w * data), [w])
    assert "def gradients(w, x1):" in answer.source
    np.testing.assert_array_equal(answer(w=np.zeros(30))["dw"], data)


def test_the_source_runs_in_an_empty_interpreter():
    w = Tensor([0.5, -1.0], requires_grad=True, name="w")
    answer = derive(np.sum(np.exp(w)), [w])
    code = f"{answer.source}\nprint(gradients(np.array([0.0, 0.0])))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "{'L': np.float64(2.0), 'dw': array([1., 1.])}\n"


def test_gradcheck_agrees():
    W, x = RNG.normal(size=(3, 4)), RNG.normal(size=4)

    def f(W, x):
        return np.sum(np.maximum(W @ x, 0) ** 3)

    answer = derive(f, W, x)
    assert gradcheck(f, W, x, gradient=lambda W, x: [answer(W=W, x=x)[k] for k in ("dW", "dx")])


# ---- what is a constant, and what is refused ----------------------------------------------------


def test_formulas_say_along_which_axis_and_what_changes_in_place():
    answer = derive(lambda z: nn.functional.cross_entropy(z, [0, 2]), RNG.normal(size=(2, 3)))
    assert r"t_{1} &= z - \max_{\text{columns}}(z) \\" in answer.latex
    assert r"dz[(0, \ldots, 1), x_{1}] &-= 0.5" in answer.latex
    eye = np.eye(5)
    answer = derive(lambda A, x: x @ np.linalg.inv(A + eye / 10) @ x, eye, np.ones(5))
    assert body(answer)[0].startswith("v2 = np.linalg.inv(A + 0.1 * np.eye(5))")
    assert r"\operatorname{inv}(A + 0.1 \, I)" in answer.latex
    answer = derive(lambda A: np.sum(np.tanh(A @ np.full(5, 2.0))), eye)
    assert r"\tanh(A \, (2 \, \mathbf{1}))" in answer.latex  # and not 2 A
    assert r"\, (2 \, \mathbf{1})^{\mathsf T}" in answer.latex


def test_masks_are_computed_again_and_what_was_decided_outside_is_as_recorded():
    x = Tensor([1.0, -2.0, 3.0], requires_grad=True, name="x")
    assert "as recorded" not in derive(np.sum(np.abs(x)) + np.max(x), [x]).source
    chosen = np.sum(np.where(x > 0, x * x, 0))
    assert "# (3,): as recorded" in derive(chosen, [x]).source
    answer = derive(lambda x: np.sum(np.where(x > 0, x * x, 0)), x)
    assert "as recorded" not in answer.source
    np.testing.assert_array_equal(answer(x=[-1.0, 5.0, 0.0])["dx"], [0, 10, 0])


def if_on_data(x):
    return x if np.sum(x) > 0 else -x


def changed_between_two_uses():
    w = leaf(2, name="w")
    first = np.sum(w * w)
    w.data += 1
    return derive(first + np.sum(w), [w])


CALLS, NUMBERS = itertools.count(), np.array([1.0, -2.0])
W, DATA = leaf(3, name="w"), leaf(3, 3, name="x", requires_grad=False)
MISUSE = r"""
derive(lambda x: np.sum(scipy.special.gammaln(x)), NUMBERS) ; NotDerivableError: gammaln, which is not in NumPy
derive(if_on_data, NUMBERS) ; NotDerivableError: .*cannot be derived, at .*test_derive.py, line
derive(lambda x: np.sum(x) * np.max(x).item(), NUMBERS) ; NotDerivableError: reading a value
derive(lambda x: np.sum(x[x > 0]), NUMBERS) ; NotDerivableError: picking by a mask
derive(lambda x: len(np.nonzero(x > 0)[0]) * x, NUMBERS) ; NotDerivableError: np.nonzero, in which data decide
derive(lambda x: np.sum(x) * next(CALLS), NUMBERS) ; NotDerivableError: .*in a way that derive
changed_between_two_uses() ; NotDerivableError: Tensor 'w' was changed between two uses
derive(np.sum(W @ DATA.T @ DATA), [W]) ; NotDerivableError: Tensor 'x', or a part of it, was also used
derive(3) ; TypeError: expected a function or a Tensor
derive(np.sum(W)) ; TypeError: expected the leaves to differentiate with respect to
derive(np.sum(W), [W.detach()]) ; TypeError: expected Tensors that require a gradient
derive(np.sum, [W]) ; TypeError: expected arrays, Tensors and numbers as arguments
derive(lambda w: 3.0, W) ; TypeError: expected a function that returns a Tensor
derive(np.sum(W), [W])(v=1) ; TypeError: expected arguments out of w, got v
derive(np.sum(W), [W])(w=np.zeros(2)) ; ValueError: expected w of shape \(3,\), got \(2,\)
"""
test_misuse = explained(MISUSE, globals())


def test_a_part_that_was_taken_outside_of_the_graph_is_a_constant():
    assert "as recorded" in derive(np.sum(W @ DATA.T), [W]).source
    assert "as recorded" not in derive(lambda w: np.sum(w @ DATA.T @ DATA), W).source


def test_a_trace_leaves_everything_as_it_was():
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before, state = model.state_dict(), nn.init.generator.bit_generator.state
    derive(lambda x: np.sum(model(x) ** 2), leaf(4, 6, requires_grad=False))
    assert all(np.array_equal(before[key], now) for key, now in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == state
    assert all(isinstance(p.data, np.ndarray) and p.grad is None for p in model.parameters())


def test_what_the_loss_does_not_depend_on_has_a_gradient_of_zero():
    used, unused = leaf(2, name="u"), leaf(3, name="v")
    traced = derive(lambda u, v: np.sum(u), used.numpy(), unused.numpy())
    for answer in (derive(np.sum(used), [used, unused]), traced):
        assert "def gradients(u, v):" in answer.source
        np.testing.assert_array_equal(answer()["dv"], np.zeros(3))


def test_a_gradient_of_zero_has_one_line():
    for answer in (derive(lambda w: np.sum(np.sign(w)), W), derive(np.sum(np.sign(W)), [W])):
        assert re.search(r"    dw = np.zeros\(\(3,\)\) *# \(3,\)\n", answer.source)


def test_results_share_no_memory():
    w = leaf(2, name="w")
    answer = derive(lambda w: np.sum(w * w.detach()), w)
    answer()["dw"][:] = 0
    np.testing.assert_array_equal(answer()["dw"], w.numpy())


def test_a_number_that_a_constant_chooses():
    answer = derive(lambda x: np.where(np.array(True), 0.5, x) * x, 3.0)
    assert run(answer) == {"L": 1.5, "dx": 0.5}


def test_a_long_graph():
    x = y = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(1100):
        y = 1.01 * np.sin(y)
    np.testing.assert_allclose(derive(y, [x])()["dx"], gradients(y, [x])[0].numpy(), 1e-9)


# ---- at other values -----------------------------------------------------------------------------


def alike(x):
    """Sums, orders and masks that no number tells apart where all are one."""
    masked = np.where(x > 0.5, x, 0.0)
    rows, columns = np.sum(x, axis=0), np.sum(x, axis=1)
    return np.sum(x.T * x @ np.reshape(x, (2, 2)) ** 3 * masked - rows * columns)


def in_place(x):
    """Rules and layers may write into arrays; views of what they write see it, copies do not."""
    y, flipped = np.exp(x.numpy()), x.numpy()[::-1].copy()
    flipped[0] = 1
    top, turned = y[:1], y.T.copy()
    y[1] = turned[0]
    top *= 3
    y[1] += x.numpy()[0]
    np.add.at(y, [0, 0], np.ones_like(y[0]))
    return np.sum(x * y[::-1] * top * turned * flipped)


def of_slope(x):
    (slope,) = gradients(np.sum(np.tanh(x) ** 3), [x])
    return np.sum(slope * slope)


FUNCTIONS = {
    "axes swapped with themselves": lambda x: np.sum(np.swapaxes(x, -1, -1) * np.swapaxes(x, 0, 1)),
    "the error function, which is that of Python": lambda x: np.sum(nn.functional.gelu(x)),
    "a weight used twice": lambda x: np.sum(x * np.exp(x)),
    "a layer of a vector": lambda x: np.sum(np.tanh(nn.functional.linear(x[0], x, x[1])) * x),
    "singular values": lambda x: np.sum(np.linalg.svd(x + np.diag([1, 3]))[1] ** 3),
    "numbers that happen to be alike": alike,
    "constants of the same dtype": lambda x: np.sum(x**2 * np.array([0, 1], x.dtype)),
    "writes in place": in_place,
    "gradients of gradients": of_slope,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_trace_is_right_for_all_values(name, dtype):
    f, x = FUNCTIONS[name], RNG.normal(size=(2, 2))
    answer = derive(lambda x: f(x), np.ones((2, 2), dtype))
    given = x.astype(dtype)
    found = run(answer, x=given)["dx"]
    np.testing.assert_array_equal(given, x.astype(dtype))  # and is not overwritten
    assert found.dtype == dtype
    np.testing.assert_allclose(found, grad(f)(x), 1e-12 if dtype == np.float64 else 1e-3)


def test_no_mask_has_a_minus_sign_which_numpy_refuses():
    a, b = (Tensor([n, 2.0], requires_grad=True, name="ab"[n]) for n in range(2))
    answer = derive(np.mean(nn.functional.relu(-(a - b) * np.array([1.0, 2.0]))), [a, b])
    assert answer(a=np.zeros(2))["da"].tolist() == [-0.5, -1.0]
