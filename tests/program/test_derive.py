"""The source that derive() writes: as a person would write it, or refused with the line."""

import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

import nn
from microgradnd import Tensor, derive, grad, gradcheck, gradients
from microgradnd.program import NotDerivableError
from nn.functional import sigmoid, softmax
from tests.program.derived import RNG, leaf

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


def test_variables_of_a_function_keep_their_names():
    x, y = np.array([2.0, 5.0]), np.array([[1.0, 0.0]])

    def cost(W, b):
        return np.sum((W @ x + b - y) ** 2) / 2

    answer = derive(cost, np.eye(2), np.zeros(2))
    assert "def gradients(W, b):" in answer.source
    assert body(answer)[:2] == [
        "x = np.array([2.0, 5.0]) # (2,)",
        "y = np.array([[1.0, 0.0]]) # (1, 2)",
    ]
    assert list(answer()) == ["L", "dW", "db"]


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
    assert body(answer)[0].startswith("v2 = np.linalg.inv(A + (0.1 * np.eye(5)))")
    assert r"\operatorname{inv}(A + 0.1 \, I)" in answer.latex
    answer = derive(lambda A: np.sum(np.tanh(A @ np.full(5, 2.0))), eye)
    assert r"\tanh(A \, 2 \, \mathbf{1})" in answer.latex  # and not 2 A
    assert r"\, (2 \, \mathbf{1})^{\mathsf T}" in answer.latex


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_error_function_is_that_of_python(dtype):
    x = Tensor(np.linspace(-3, 3, 7).astype(dtype), requires_grad=True, name="x")
    answer = derive(lambda x: np.sum(nn.functional.gelu(x)), x)
    assert answer.source.startswith("import math\n\nimport numpy as np\n")
    np.sum(nn.functional.gelu(x)).backward()
    np.testing.assert_allclose(answer()["dx"], x.grad, 1e-6)
    assert answer()["dx"].dtype == dtype


def test_masks_are_computed_again_and_what_was_decided_outside_is_as_recorded():
    x = Tensor([1.0, -2.0, 3.0], requires_grad=True, name="x")
    assert "as recorded" not in derive(np.sum(np.abs(x)) + np.max(x), [x]).source
    chosen = np.sum(np.where(x > 0, x * x, 0))
    assert "# (3,): as recorded" in derive(chosen, [x]).source
    answer = derive(lambda x: np.sum(np.where(x > 0, x * x, 0)), x)
    assert "as recorded" not in answer.source
    np.testing.assert_array_equal(answer(x=[-1.0, 5.0, 0.0])["dx"], [0, 10, 0])


REFUSED = {
    "a function that NumPy has not": lambda x: np.sum(special.gammaln(x)),
    "if": lambda x: x if np.sum(x) > 0 else -x,
    "item": lambda x: np.sum(x) * np.max(x).item(),
    "a mask that picks": lambda x: np.sum(x[x > 0]),
    "a shape that data decide": lambda x: np.sum(x) * len(np.nonzero(x > 0)[0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_decisions_on_data_are_refused_with_the_line(name):
    with pytest.raises(NotDerivableError, match=r"cannot be derived, at .*test_derive.py, line"):
        derive(REFUSED[name], np.array([1.0, -2.0]))


def test_what_a_trace_cannot_see_is_found_out():
    seen = []

    def f(x):
        seen.append(len(seen))
        return np.sum(x) * seen[-1]

    with pytest.raises(NotDerivableError, match="in a way that derive"):
        derive(f, np.array([1.0, -2.0]))


def test_a_leaf_that_changed_between_two_uses_is_refused():
    w = leaf(2, name="w")
    first = np.sum(w * w)
    w.data += 1
    with pytest.raises(NotDerivableError, match="Tensor 'w' was changed between two uses"):
        derive(first + np.sum(w), [w])


def test_a_part_that_was_taken_outside_of_the_graph_is_refused_beside_the_whole():
    w, x = leaf(3, name="w"), leaf(3, 3, name="x", requires_grad=False)
    assert "as recorded" in derive(np.sum(w @ x.T), [w]).source
    with pytest.raises(NotDerivableError, match="Tensor 'x', or a part of it, was also used"):
        derive(np.sum(w @ x.T @ x), [w])
    derive(lambda w: np.sum(w @ x.T @ x), w)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: derive(3), "expected a function or a Tensor"),
        (lambda w: derive(np.sum(w)), "expected the leaves to differentiate with respect to"),
        (lambda w: derive(np.sum(w), [w.detach()]), "expected Tensors that require a gradient"),
        (lambda w: derive(np.sum, [w]), "expected arrays, Tensors and numbers as arguments"),
        (lambda w: derive(lambda w: 3.0, w), "expected a function that returns a Tensor"),
        (lambda w: derive(np.sum(w), [w])(v=1), "expected arguments out of w, got v"),
    ],
)
def test_misuse(call, message):
    with pytest.raises(TypeError, match=message):
        call(leaf(2, name="w"))


def test_other_shapes_are_refused():
    w = leaf(2, name="w")
    with pytest.raises(ValueError, match=r"expected w of shape \(2,\), got \(3,\)"):
        derive(np.sum(w), [w])(w=np.zeros(3))


def test_a_trace_leaves_everything_as_it_was():
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before, state = model.state_dict(), nn.init.generator.bit_generator.state
    derive(lambda x: np.sum(model(x) ** 2), leaf(4, 6, requires_grad=False))
    assert all(np.array_equal(before[key], now) for key, now in model.state_dict().items())
    assert nn.init.generator.bit_generator.state == state
    assert all(isinstance(p.data, np.ndarray) and p.grad is None for p in model.parameters())


def test_axes_that_are_swapped_with_themselves():
    x = leaf(3, 3, name="x")
    answer = derive(np.sum(np.swapaxes(x, -1, -1) * np.swapaxes(x, 0, 1)), [x])
    np.testing.assert_allclose(answer()["dx"], 2 * x.numpy().T)


def test_numbers_that_happen_to_be_alike_are_not_taken_for_the_same():
    def f(x, mask):
        rows, columns = np.sum(x, axis=0), np.sum(x, axis=1)
        return np.sum(
            x.T * x @ np.reshape(x, (2, 2)) ** 3 * np.where(mask > 0, x, 0.0) - rows * columns
        )

    at, other = [np.ones((2, 2))] * 2, [RNG.normal(size=(2, 2)) for _ in "xm"]
    for dtype in np.float64, np.float32:
        answer = derive(f, *(a.astype(dtype) for a in at))
        expected = grad(f)(*other)
        found = answer(x=other[0], mask=other[1])["dx"]
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, 1e-12 if dtype == np.float64 else 1e-4)


def test_scalars_that_require_no_gradient():
    def f(w, x, s):
        return np.sum(w) * np.mean(x) * s

    answer = derive(f, leaf(2, name="w"), Tensor([1.0, 2.0]), Tensor(3.0))
    assert "def gradients(w, x, s):" in answer.source
    np.testing.assert_array_equal(answer(x=[2.0, 4.0], s=5.0)["dw"], [15, 15])
    unnamed = derive(lambda *a: a[0] * a[1] / a[2], leaf(name="w"), Tensor(2.0), Tensor(3.0))
    assert "def gradients(w, c, c_):" in unnamed.source


def test_names_that_python_does_not_take():
    w, other = leaf(2, name="lambda"), leaf(2, name="w.1")
    answer = derive(np.sum(w * other), [w, other])
    assert "def gradients(lambda_, x1):" in answer.source


def test_a_weight_that_is_used_twice():
    w = Tensor([0.5, 2.0], requires_grad=True, name="w")
    answer = derive(np.sum(w * np.exp(w)), [w])
    assert "the sum over the uses of w" in answer.source
    np.testing.assert_allclose(answer()["dw"], grad(lambda w: np.sum(w * np.exp(w)))(w.numpy()))


def test_writes_in_place_become_values():
    """Rules and layers may write into arrays; views of what they write see it."""

    def f(x):
        y = np.zeros_like(x.numpy()) + x.numpy()
        top = y[:2]
        top *= 3
        y[1] += x.numpy()[0]
        np.add.at(y, [0, 0], 1.0)
        return np.sum(x * top[::-1])

    x = np.arange(1.0, 3.0)
    answer = derive(f, Tensor(x, requires_grad=True, name="x"))
    np.testing.assert_allclose(answer(x=[2.0, 5.0])["L"], 2 * 17 + 5 * 8)


def test_what_the_loss_does_not_depend_on_has_a_gradient_of_zero():
    used, unused = leaf(2, name="u"), leaf(3, name="v")
    traced = derive(lambda u, v: np.sum(u), used.numpy(), unused.numpy())
    for answer in (derive(np.sum(used), [used, unused]), traced):
        assert "def gradients(u, v):" in answer.source
        np.testing.assert_array_equal(answer()["dv"], np.zeros(3))


def test_results_share_no_memory():
    w = leaf(2, name="w")
    answer = derive(lambda w: np.sum(w * w.detach()), w)
    answer()["dw"][:] = 0
    np.testing.assert_array_equal(answer()["dw"], w.numpy())


def test_gradients_of_gradients():
    def f(w):
        (slope,) = gradients(np.sum(np.tanh(w) ** 3), [w])
        return np.sum(slope * slope)

    w = RNG.normal(size=3)
    np.testing.assert_allclose(derive(f, w)(w=w / 2)["dw"], grad(f)(w / 2), 1e-12)


def test_a_long_graph():
    x = y = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(2000):
        y = 1.01 * np.sin(y)
    np.testing.assert_allclose(derive(y, [x])()["dx"], gradients(y, [x])[0].numpy(), 1e-9)
