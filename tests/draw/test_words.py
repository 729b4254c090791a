"""The texts in a picture: arrays in few words, symbols, formulas."""

import re

import numpy as np
import pytest

import nn
from microgradnd import Tensor, primitive
from microgradnd.draw.numbers import BARS, Numbers, described, in_a_line, rows, statistics, written
from microgradnd.draw.picture import draw
from microgradnd.draw.style import LIGHT, text_width
from tests.draw.graphs import by_symbol, leaf


def test_large_arrays_are_summarised_by_mean_spread_range_and_histogram(rng):
    array = rng.normal(2.0, 3.0, size=(40, 50))
    numbers = described(array)
    assert numbers.entries is None
    assert (numbers.mean, numbers.spread) == pytest.approx((array.mean(), array.std()))
    assert (numbers.low, numbers.high) == (array.min(), array.max())
    np.testing.assert_array_equal(numbers.histogram, np.histogram(array, BARS)[0])
    large = rng.normal(size=1_000_000)
    large[777_777] = 1e6
    assert described(large).high == 1e6  # exact, although the rest is of a sample
    assert described(large[:700_000]).mean == pytest.approx(0, abs=0.02)
    array = np.arange(100.0)
    array[[3, 50, 80]] = np.nan, np.inf, -np.inf
    numbers = described(array)
    assert (numbers.not_finite, numbers.low, numbers.high) == (3, 0, 99)
    assert "3 not finite" in statistics(numbers)
    line = in_a_line(described(np.linspace(-1, 1, 10_000)))
    assert re.search("± 0.577, −1 … 1 [▁▂▃▄▅▆▇█]{8}$", line)


@pytest.mark.parametrize(
    "array",
    [
        np.full(50, np.nan), np.zeros((0, 3)), np.full(99, 1e308), np.array([1e308, -1e308] * 30),
        np.ones(99, np.float16), np.arange(60), np.ones(60, bool), np.ones(60, complex),
        np.float64(3), np.ones((2, 2, 2)), np.ones((2, 2), complex),
    ],
)  # fmt: skip
def test_odd_arrays_are_described_without_warnings(array):
    numbers = described(array)
    assert numbers.shape == array.shape
    assert all(map(str.strip, [*statistics(numbers), *rows(numbers)]))
    assert isinstance(in_a_line(numbers), str)


def test_foreign_arrays_are_not_looked_into():
    dask = pytest.importorskip("dask.array")
    x = Tensor(dask.ones((300, 4)), requires_grad=True, name="x")
    assert by_symbol(draw(x.sum()))["x"].value == Numbers((300, 4), "float64")


def test_numbers_are_short_and_true():
    for value in (0.0, -0.0, 1.0, -2.5, 1 / 3, 1e-9, -1.5e300, 12345678.0, 7, -3, float("nan")):
        text = written(value)
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3, nan_ok=True)
        assert len(text) <= 10
    assert rows(described(np.array([1.0, -1e-18, 0.25]))) == ["     1", "-1e-18", "  0.25"]
    assert text_width("e\u0301", 10) == pytest.approx(5.56)  # accents take no room
    numbers = described(np.array([[1, 20], [3, 4]]))
    assert (rows(numbers), in_a_line(numbers)) == ([" 1  20", " 3   4"], "[[1, 20], [3, 4]]")


W, X = leaf(np.ones((2, 2)), "W1"), Tensor([1.0, 2.0], name="x")
B, Z = leaf(1.0, "b"), leaf([1.0], "z")
softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
add = primitive(lambda x: x + 1, lambda g, y, x: g, name="add")  # with one argument
FORMULAS = {
    "W₁·x": W @ X, "x + b": X + B, "b − 2": B - 2, "b − (−2)": B - (-2), "W₁ * W₁": W * W, "3·b": 3 * B,
    "b²": B**2, "b⁻¹": B**-1, "b¹²": B**12, "b^2.5": B**2.5, "−b": -B, "√b": np.sqrt(B),
    "exp(b)": np.exp(B), "ln(b)": np.log(B), "mean W₁": np.mean(W), "W₁ᵀ": W.T,
    "Σ W₁": np.sum(W), "Σ W₁ (axis 0)": np.sum(W, axis=0), "cumsum(W₁, axis 1)": np.cumsum(W, axis=1),
    "W₁[0, 1:]": W[0, 1:], "W₁[:1, ::2]": W[:1, ::2], "W₁[…, None]": W[..., None],
    "[W₁, W₁]": np.concatenate([W, W]),
    "max(W₁, 0)": np.maximum(W, 0), "einsum(ij, j → i: W₁, x)": np.einsum("ij,j->i", W, X),
    "σ(z)": nn.functional.sigmoid(Z), "max(z, 0)": nn.functional.relu(Z),
    "interp(z, x, x)": np.interp(Z, X, X), "interp(z, x, x), left 0": np.interp(Z, X, X, left=0),
    "W·z + b": nn.Linear(1, 2)(Z), "W·z": nn.Linear(1, 2, bias=False)(Z),
    "cross_entropy(z, 0)": nn.functional.cross_entropy(Z, 0), "softplus(b)": softplus(B), "add(b)": add(B), "reshape W₁": W.reshape(4),
}  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_written_as_in_books(formula):
    assert [node.formula for node in draw(FORMULAS[formula]).shown.nodes][-1] == formula


def test_parameters_inputs_and_constants_are_marked_apart():
    w, x = leaf([1.0, 2.0], "w"), Tensor([1.0, 2.0], name="x")
    drawing = draw(np.sum(w * x * np.array([3.0, 4.0]) + Tensor(5.0)))
    kinds = {node.symbol: node.kind for node in drawing.shown.nodes if not node.formula}
    assert kinds == {"w": "parameter", "x": "input", "c₁": "constant", "5": "constant"}
    assert all(LIGHT[k] in drawing.dot for k in ("parameter", "input", "constant", "head"))
    assert by_symbol(drawing)["w"].about == ["parameter, 2 float64"]
