"""Arrays of other libraries inside Tensors: dask's, which are lazy, so nothing may force them."""

import numpy as np
import pytest

from microgradnd import Tensor, gradients, jvp

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
def test_dask_arrays_stay_lazy_and_agree(name):
    f = PROGRAMS[name]
    x, w = Tensor(X, requires_grad=True), Tensor(W, requires_grad=True)
    f(x, w).backward()
    lazy = [Tensor(da.from_array(a, chunks=2), requires_grad=True, copy=False) for a in (X, W)]
    loss = f(*lazy)
    loss.backward()
    assert isinstance(loss.data, da.Array)
    np.testing.assert_allclose(loss.item(), f(x, w).item(), rtol=1e-13)
    for leaf, expected in zip(lazy, (x, w), strict=True):
        assert isinstance(leaf.grad, da.Array)
        np.testing.assert_allclose(leaf.grad.compute(), expected.grad, rtol=1e-12, atol=1e-12)


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


def test_nothing_is_computed_on_the_way():
    def forbidden(block):
        raise AssertionError("computed")

    x = Tensor(
        da.from_array(X, chunks=2).map_blocks(forbidden, dtype=float, meta=np.empty((0, 0))),
        requires_grad=True,
    )
    np.sum(np.maximum(x, 0) * np.where(W > 0, x, 0.0)).backward()
    with pytest.raises(AssertionError, match="computed"):
        x.grad.compute()
