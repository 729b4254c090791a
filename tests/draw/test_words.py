"""The texts in a picture: arrays in few words, symbols, formulas."""

import numpy as np
import pytest

from microgradnd import Tensor, primitive
from microgradnd.draw.numbers import BARS, Numbers, described, in_a_line, rows, statistics, written
from microgradnd.draw.picture import draw
from microgradnd.draw.style import LIGHT
from tests.draw.graphs import by_symbol, leaf

# ---- arrays in few words -------------------------------------------------------------------------


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
    lines = [*statistics(numbers), *rows(numbers), in_a_line(numbers)]
    assert all(isinstance(line, str) for line in lines)


def test_foreign_arrays_are_not_looked_into():
    dask = pytest.importorskip("dask.array")
    x = Tensor(dask.ones((300, 4)), requires_grad=True, name="x")
    assert by_symbol(draw(x.sum()))["x"].value == Numbers((300, 4), "float64")


def test_numbers_are_short_and_true():
    for value in (0.0, -0.0, 1.0, -2.5, 1 / 3, 1e-9, -1.5e300, 12345678.0, 7, -3):
        text = written(value)
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3)
        assert len(text) <= 10
    assert written(float("nan")) == "nan"
    assert rows(described(np.array([1.0, -1e-18, 0.25]))) == ["     1", "-1e-18", "  0.25"]
    assert rows(described(np.array([[1, 20], [3, 4]]))) == [" 1  20", " 3   4"]
    assert in_a_line(described(np.array([[1, 20], [3, 4]]))) == "[[1, 20], [3, 4]]"


# ---- names and formulas --------------------------------------------------------------------------


def formula(tensor):
    return [node.formula for node in draw(tensor).model.nodes if node.formula][-1]


def test_formulas_are_written_as_in_books():
    import nn

    w, x, b = leaf(np.ones((2, 2)), "W1"), Tensor([1.0, 2.0], name="x"), leaf(1.0, "b")
    z = leaf([1.0], "z")
    softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    add = primitive(lambda x: x + 1, lambda g, y, x: g, name="add")  # with one argument
    for tensor, expected in (
        (w @ x, "W₁·x"),
        (x + b, "x + b"),
        (b - 2, "b − 2"),
        (b - (-2), "b − (−2)"),
        (w * w, "W₁ * W₁"),
        (3 * b, "3·b"),
        (b**2, "b²"),
        (b**-1, "b⁻¹"),
        (b**12, "b¹²"),
        (b**2.5, "b^2.5"),
        (-b, "−b"),
        (np.sqrt(b), "√b"),
        (np.exp(b), "exp(b)"),
        (np.log(b), "ln(b)"),
        (np.sum(w), "Σ W₁"),
        (np.sum(w, axis=0), "Σ W₁ (axis 0)"),
        (np.mean(w), "mean W₁"),
        (w.T, "W₁ᵀ"),
        (w[0, 1:], "W₁[0, 1:]"),
        (w[..., None], "W₁[…, None]"),
        (np.maximum(w, 0), "max(W₁, 0)"),
        (np.concatenate([w, w]), "[W₁, W₁]"),
        (np.cumsum(w, axis=1), "cumsum(W₁, axis 1)"),
        (np.einsum("ij,j->i", w, x), "einsum(ij, j → i: W₁, x)"),
        (nn.functional.sigmoid(z), "σ(z)"),
        (nn.functional.relu(z), "max(z, 0)"),
        (nn.Linear(1, 2)(z), "W·z + b"),
        (softplus(b), "softplus(b)"),
        (add(b), "add(b)"),
    ):
        assert formula(tensor) == expected


def test_what_has_no_name_gets_one_that_nothing_else_has():
    v1, x1 = leaf(1.0, "v1"), leaf(2.0, "x1")
    loss = np.sum(np.tanh(v1 * x1) * Tensor([1.0, 2.0]) * np.array([3.0, 4.0]) + leaf(3.0))
    symbols = [node.symbol for node in draw(loss).model.nodes]
    assert len(set(symbols)) == len(symbols)
    assert {"v₁", "x₁", "L", "w₁"} <= set(symbols)


def test_parameters_inputs_and_constants_are_marked_apart():
    w, x = leaf([1.0, 2.0], "w"), Tensor([1.0, 2.0], name="x")
    drawing = draw(np.sum(w * x * np.array([3.0, 4.0]) + Tensor(5.0)))
    kinds = {node.symbol: node.kind for node in drawing.model.nodes if not node.formula}
    assert kinds == {"w": "parameter", "x": "input", "x₁": "input", "5": "constant"}
    for colour in ("parameter", "input", "constant", "operation", "head"):
        assert LIGHT[colour] in drawing.dot
    assert by_symbol(drawing)["w"].about == ["parameter, 2 float64"]
