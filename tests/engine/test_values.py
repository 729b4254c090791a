"""Values of Tensors are those that NumPy has for arrays, also in odd calls."""

import inspect
import itertools
import warnings

import numpy as np
import pytest

from microgradnd import Tensor
from microgradnd.arrays import over_rows
from microgradnd.table import full_name, table
from tests.numerical import leaf

CALLS = [  # with the values that NumPy has, of whole numbers that overflow and of odd ones
    *itertools.product([
        np.diff, np.ediff1d, np.cumprod, np.nancumprod, np.transpose, np.sum, np.prod, np.atleast_2d,
        lambda x: np.polyval(x, 2), lambda x: np.polyadd(x, x), lambda x: np.dot(x, x),
        lambda x: np.einsum("i,j->ij", x, x), lambda x: np.tensordot(x, x, 1),
        lambda x: np.pad(x, 1, constant_values=7),
        *(ufunc.accumulate for ufunc in (np.add, np.multiply, np.maximum, np.minimum)),
    ], [np.array([200, 20, 3], np.uint8), np.array([200, 20, 3])]),
    *itertools.product([
        lambda x: np.add.reduceat(x, [0, 2]), lambda x: np.trim_zeros(0 * x[2:], "f"),
        lambda x: np.polymul(0 * x[2:], [1.0, 2.0]), lambda x: np.roots(0 * x[2:]),
        lambda x: np.polydiv(np.array([1.0, 3.0, 2.0 + 1e-9]) + 0 * x[3], [1.0, 1.0])[1],
        lambda x: np.append(x, []), lambda x: np.insert([1.0, 2.0], np.arange(2), x[2:]),
        lambda x: np.insert(x.astype(np.float32), 1, np.array([0.1])),
        lambda x: np.polyval([1.0, 2.0], x.astype(np.float32)),
        *(lambda x, q=q: np.percentile(x.astype(np.float32), q) for q in (30.0, np.float64(30))),
        lambda x: np.percentile(x[2:], np.float32(37)),
        lambda x: np.linalg.vector_norm(x[1:2], ord=-1),
        lambda x: np.linalg.vector_norm(x * np.nan, ord=0),
        lambda x: np.cov(x[2:], ddof=2), lambda x: np.modf(x)[0],
        lambda x: np.piecewise(x, [x < 0, x < 3], [np.max, np.exp]),
        lambda x: np.diff([5, 6], prepend=x), lambda x: np.gradient([1, 2, 3, 5], x),
        lambda x: np.trapezoid([1, 2, 3, 5], x=x), lambda x: np.interp(x, [0, 1, 1], [0.0, 5, 7]),
        lambda x: np.nanquantile(x[2:] * [[1], [np.nan], [2]], [[0.1, 0.3]], axis=1),
        lambda x: np.gradient(x * [1, np.nan, 2, 1], 0.5), lambda x: x[2:].conjugate(),
        lambda x: np.select([x < 2, x < 3], [x.astype(np.float32), x > 1]),
        lambda x: np.choose([0, 1, 0, 1], [x.astype(np.float32), 3]),
        lambda x: np.full_like(x, 1.5, device=None) + np.astype(x, float, device=None),
        lambda x: np.cov(x[2:], dtype=np.float32) + np.corrcoef(x[2:], dtype=np.float32),
        lambda x: np.polydiv(x[2:].astype(np.longdouble), [1, 2, 3])[1],
        lambda x: np.pad(x.reshape(2, 2), 1, mode="mean"),
    ], [np.array([1.0, np.inf, 3.0, 2.0])]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x"), CALLS)
def test_values_are_numpys(f, x):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = f(x), f(Tensor(x, requires_grad=x.dtype.kind == "f"))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6 * (x.dtype.kind == "f"))


def takes_an_axis(function):
    if function in (np.linspace, np.logspace, np.geomspace):
        return False  # the axis is one of the result
    try:
        return "axis" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


WITH_AXIS = [key for key in table if callable(key) and takes_an_axis(key)]


@pytest.mark.parametrize("function", WITH_AXIS, ids=full_name)
def test_an_axis_that_there_is_not_is_refused(function):
    x = np.arange(1.0, 7.0).reshape(2, 3)
    usual = {np.repeat: [2], np.take: [[0]], np.quantile: [0.5], np.nanquantile: [0.5]}
    for argument in (x, leaf(x)):
        with pytest.raises((ValueError, TypeError, IndexError)):
            function(argument, *usual.get(function, []), axis=5)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_spread_of_too_few_entries_is_nan():
    x = np.array([[1.0, np.nan, np.nan], [1.0, 2.0, np.nan]])
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        expected, variance = (np.nanvar(each, axis=1, ddof=1) for each in (x, leaf(x)))
    np.testing.assert_array_equal(variance.numpy(), expected)


def test_the_quantile_of_a_row_of_nan_is_nan_and_the_other_rows_have_gradients():
    x = leaf([[1.0, np.nan, 4.0], [np.nan, np.nan, np.nan]])
    found = np.nanquantile(x, 0.3, axis=1)
    np.testing.assert_allclose(found.numpy(), [1.9, np.nan], rtol=1e-15)
    found[0].backward()
    np.testing.assert_allclose(x.grad, [[0.7, 0, 0.3], [0, 0, 0]], rtol=1e-15)


def test_tensors_of_small_integers_do_not_overflow():
    def image(*entries):
        return Tensor(np.array(entries, np.uint8))

    assert np.linalg.norm(image(200, 200)).item() == pytest.approx(np.hypot(200, 200))
    assert np.gradient(image(200, 100, 0, 50)).tolist() == [-100, -100, -25, 50]
    assert np.interp(leaf([0.5]), image(0, 1, 2), image(200, 100, 0)).item() == 150
    assert np.average(image(200, 100), weights=image(200, 100)).item() == pytest.approx(500 / 3)
    assert np.cumprod(image(200, 2)).tolist() == [200, 400]
    assert np.piecewise(image(3, 1), [[True, False]], [lambda x: x / 2]).tolist() == [1, 0]
    square = np.full((10, 10), 100, np.uint8)
    assert np.linalg.multi_dot([square, square, leaf(np.ones((10, 1)))]).tolist() == [[1e6]] * 10


def test_values_are_numpys_to_the_last_bit_where_a_bin_ends():
    for seed in range(20):
        x, w = np.random.default_rng(seed).standard_normal((2, 9))
        for bins in (4, 7):
            edges = np.histogram_bin_edges(leaf(x), bins)
            np.testing.assert_array_equal(edges.numpy(), np.histogram_bin_edges(x, bins))
            counts = np.histogram(leaf(x), bins, weights=w)[0]
            np.testing.assert_allclose(counts, np.histogram(x, bins, weights=w)[0])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8"])
@pytest.mark.parametrize("shape", [(4,), (1,), (5, 7), (2, 3, 4), (3, 1), (0, 3)])
def test_sums_and_maxima_over_rows_are_numpys(shape, dtype, rng):
    whole = rng.integers(-4, 4, (2, *shape, 2)).astype(dtype)
    if dtype != "i8" and whole.size:
        whole.flat[0], whole.flat[-1] = np.nan, -np.inf
    turned = whole[1].swapaxes(0, -1)
    for x in (whole[0, ..., 0], np.ascontiguousarray(whole[..., 0]), turned):
        for ufunc in (np.add, np.maximum)[: 1 + (x.shape[-1] > 0)]:
            expected = ufunc.reduce(x, axis=-1, keepdims=True)
            found = over_rows(ufunc, x)
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(found, expected)
