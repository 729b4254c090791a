"""Arrays of other libraries inside Tensors: dask's, which are lazy, so nothing may force them; others."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck, gradients, jvp
from tests import device_arrays

da = pytest.importorskip("dask.array")

PROGRAMS = {
    "arithmetic": lambda x, w: np.sum((x * 2 + w) ** 2 / (1 + np.exp(-x)) - np.maximum(x, w)),
    "network": lambda x, w: np.sum(np.tanh(x @ w.T) * np.mean(x, axis=1, keepdims=True)),
    "shapes": lambda x, w: np.sum(np.transpose(x).reshape(4, 3) @ np.concatenate([x, w])[:3] ** 3),
    "reductions": lambda x, w: np.sum(
        np.std(x, axis=0) * np.max(w, axis=0) + np.var(x, axis=1).sum()
    ),
    "where": lambda x, w: np.sum(np.where(W > 0, x, w * x)),
    "einsum": lambda x, w: np.sum(np.einsum("ij,kj->ik", x, w) * np.stack([x[:, 0]] * 3)),
    "diagonals": lambda x, w: np.sum(np.einsum("ii->i", x @ w.T) * np.einsum("ij->", x)),
    "log": lambda x, w: np.sum(np.log(np.sum(np.exp(x - w), axis=1))),
}
X = np.linspace(-1, 2, 12).reshape(3, 4) + 0.01
W = np.cos(np.arange(12.0)).reshape(3, 4)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [None, "f4"])
def test_dask_arrays_stay_lazy_and_agree(name, dtype):
    f, options = PROGRAMS[name], {"requires_grad": True, "dtype": dtype}
    x, w = Tensor(X, **options), Tensor(W, **options)
    f(x, w).backward()
    lazy = [Tensor(da.from_array(a, chunks=2), copy=False, **options) for a in (X, W)]
    loss = f(*lazy)
    loss.backward()
    assert isinstance(loss.data, da.Array)
    assert all(t.dtype == (dtype or float) for t in (loss, *lazy))
    tolerance = 1e-12 if dtype is None else 1e-4
    np.testing.assert_allclose(loss.item(), f(x, w).item(), rtol=tolerance / 10)
    for leaf, expected in zip(lazy, (x, w), strict=True):
        assert isinstance(leaf.grad, da.Array)
        np.testing.assert_allclose(leaf.grad.compute(), expected.grad, tolerance, tolerance)


def test_second_derivatives_and_forward_mode():
    f = PROGRAMS["network"]
    x, w = (Tensor(da.from_array(a, chunks=2), requires_grad=True) for a in (X, W))
    (slope,) = gradients(f(x, w), [x])
    np.sum(slope**2).backward()
    plain = Tensor(X, requires_grad=True)
    (expected,) = gradients(f(plain, Tensor(W)), [plain])
    np.sum(expected**2).backward()
    np.testing.assert_allclose(x.grad.compute(), plain.grad, rtol=1e-12)
    moved = jvp(lambda x: f(x, W), (da.from_array(X, chunks=2),), (da.ones((3, 4), chunks=2),))[1]
    np.testing.assert_allclose(moved.compute(), np.sum(expected.numpy()), rtol=1e-12)


def test_softmax_of_rows_of_which_nobody_knows_how_many_there_are():
    rows = da.from_array(X, chunks=(2, 4))
    found = nn.functional.softmax(Tensor(rows[rows[:, 0] > 0]), -1).data.compute()
    np.testing.assert_array_equal(found, nn.functional.softmax(X[X[:, 0] > 0], -1))


def test_nothing_is_computed_on_the_way():
    def forbidden(block):
        raise AssertionError("computed")

    lazy = da.from_array(X, chunks=2).map_blocks(forbidden, dtype=float, meta=np.empty((0, 0)))
    x = Tensor(lazy, requires_grad=True)
    np.sum(np.maximum(x, 0) * np.where(W > 0, x, 0.0)).backward()
    with pytest.raises(AssertionError, match="computed"):
        x.grad.compute()


# ---- other libraries: the numbers of NumPy, or an error ------------------------------------------


def quantity(x):
    return x * pytest.importorskip("pint").UnitRegistry().m


def sparse(x):
    return pytest.importorskip("sparse").COO.from_numpy(x)


V, S = np.array([1.0, 2.0, 4.0]), np.array([[0, 1.0, 0], [2.0, 0, 3.0]])
WORKS = [
    (quantity, V, lambda w: np.sum(np.sqrt(w**3))),
    (quantity, V, lambda w: np.sum(w * np.arange(3.0))),
    (quantity, V, lambda w: np.mean(w) + np.sqrt(np.var(w))),
    (quantity, V, lambda w: w @ w),
    (quantity, V, lambda w: np.max(w) + np.sum(np.maximum(w, np.flip(2 * w)))),
    (quantity, V, lambda w: np.sum(np.where(V > 1, w, 2 * w))),
    (quantity, V, lambda w: np.sum(np.concatenate([w, w]) ** 2)),
    (sparse, S, lambda w: np.sum(w * w)),
    (sparse, S, lambda w: np.sum(np.tanh(w) ** 3)),
    (sparse, S, lambda w: np.mean(w) + np.max(w)),
    (sparse, S, lambda w: np.sum((w @ np.ones((3, 2))) ** 2)),
    (sparse, S, lambda w: np.sum(w.reshape(3, 2) ** 2)),
]


def slope(f, x):
    x = Tensor(x, requires_grad=True, copy=False)
    f(x).backward()
    return x.grad


@pytest.mark.parametrize(("library", "x", "f"), WORKS)
def test_other_libraries_have_numpys_gradients(library, x, f):
    found = slope(f, library(x))
    found = found.todense() if hasattr(found, "todense") else getattr(found, "magnitude", found)
    np.testing.assert_allclose(found, slope(f, x), rtol=1e-14)


@pytest.mark.parametrize(("library", "x"), [(quantity, V), (sparse, S)])
def test_entries_that_have_no_gradient_there_are_refused(library, x):
    with pytest.raises(TypeError, match="zeros_with"):
        slope(lambda w: np.sum(w[0] * w[1]), library(x))


def test_gradients_have_units():
    for f, unit in ((lambda w: w @ w, "[length]"), (lambda w: np.sum(w), "[]")):
        assert slope(f, quantity(V)).check(unit)


# ---- as strict as CuPy ---------------------------------------------------------------------------


def test_constants_move_to_the_library_that_takes_no_others():
    x = Tensor(device_arrays.asarray(X), requires_grad=True)
    for f in (
        lambda x: x * W + W / x - [1.0, 2.0, 3.0, 4.0],
        lambda x: (
            np.where(W > 0, x, W) + np.concatenate([x[:1], W[1:]]) + np.einsum("ij,ij->ij", W, x)
        ),
        lambda x: x[np.array([0, 2, 0])] + x.at[np.array([1, 1])].add(W[:2]) + x.at[W > 0].set(0.0),
        lambda x: np.max(x, axis=0) * np.pad(x, 1)[1:-1, 1:-1] + Tensor(W),
    ):
        plain = Tensor(X, requires_grad=True)
        for leaf in (x, plain):
            leaf.zero_grad()
            (y,) = gradients(np.sum(f(leaf) ** 3), [leaf])
            np.sum(y**2).backward()
        assert isinstance(x.grad, device_arrays.DeviceArray)
        np.testing.assert_array_equal((x > W).get(), W < X)
        np.testing.assert_allclose(x.grad.get(), plain.grad, rtol=1e-13)


def test_what_needs_numpys_arrays_refuses_others():
    x, w = (Tensor(device_arrays.asarray(a), requires_grad=True) for a in (X, W))
    y = np.sum(x * Tensor(W))
    y.backward()
    np.testing.assert_array_equal(x.grad.get(), W)
    with pytest.raises(TypeError, match="expected NumPy's array"):
        gradcheck(lambda x: np.sum(x * x), x)
    with pytest.raises(TypeError, match="Unsupported type"):  # it would have to travel back
        w * Tensor(W, requires_grad=True)
