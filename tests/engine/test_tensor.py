"""Tensors as values: construction, operators and methods compared with NumPy's own arrays."""

import copy
import operator
import pickle

import numpy as np
import pytest

from microgradnd import Tensor, set_default_dtype
from tests.numerical import leaf, plain


def test_construction():
    assert Tensor(3).dtype == Tensor([1, 2]).dtype == Tensor([[True]]).dtype == np.float64
    assert Tensor(np.arange(3)).dtype == np.arange(3).dtype
    for dtype in (np.float16, np.float32, np.float64, np.int8, bool, np.complex64):
        assert Tensor(np.zeros(2, dtype)).dtype == dtype
        assert Tensor(np.zeros(2, dtype)[0]).dtype == dtype
    assert Tensor([1, 2], dtype=np.float16).dtype == np.float16
    assert Tensor([1, 2], dtype=int).dtype == int
    assert Tensor([1j]).dtype == complex
    assert Tensor([[1, 2], [3, 4]]).shape == (2, 2)
    assert Tensor(2.0, name="w").name == "w"
    assert Tensor(Tensor([1.0, 2.0])).tolist() == [1, 2]
    assert Tensor([Tensor(1.0), Tensor(2.0)]).tolist() == [1, 2]

    with set_default_dtype(np.float32), set_default_dtype(np.float16):
        assert Tensor([1.5]).dtype == np.float16
        assert Tensor(np.zeros(1)).dtype == np.float64
    assert Tensor(1).dtype == np.float64


def test_data_is_copied_by_default():
    array = np.zeros(2)
    assert not np.shares_memory(Tensor(array).numpy(), array)
    assert np.shares_memory(Tensor(array, copy=False).numpy(), array)


BINARY = "add sub mul truediv floordiv mod pow matmul eq ne lt le gt ge"
OTHERS = [2, 2.5, True, np.float32(1.5), np.array([1.0, 2.0, 3.0]), np.int64(2), [1.0, 2.0, 4.0]]


@pytest.mark.parametrize("name", BINARY.split())
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: type(other).__name__)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_operators_do_what_they_do_on_arrays(name, other, requires_grad):
    f = getattr(operator, name)
    array = np.array([0.5, 1.5, 2.5])
    t = Tensor(array, requires_grad=requires_grad)
    if name == "matmul" and np.ndim(other) == 0:
        with pytest.raises(ValueError, match="matmul"):
            f(t, other)
        return
    for mine, theirs in ((f(t, other), f(array, other)), (f(other, t), f(other, array))):
        compares = name in ("eq", "ne", "lt", "le", "gt", "ge")
        assert isinstance(mine, np.ndarray if compares else Tensor)
        assert compares or mine.requires_grad == requires_grad
        np.testing.assert_array_equal(plain(mine), theirs)
        assert mine.dtype == theirs.dtype


RECORDED = """
-t ; +t ; abs(t) ; divmod(t, 2)[0] ; divmod(t, 2)[1] ; divmod(5, t + 4)[0] ; divmod(5, t + 4)[1] ; sum([t, t])
t.sum(axis=1) ; t.prod(axis=0) ; t.var(ddof=1) ; t.std(axis=1) ; t.max() ; t.trace() ; t.clip(0, 1)
t.min(axis=0, keepdims=True) ; t.cumsum() ; t.cumprod(axis=1) ; t.round(decimals=1) ; t.squeeze()
t.diagonal(offset=1) ; t.ravel(order="F") ; t.flatten() ; t.copy() ; t.transpose() ; t.T ; t.mT
t.repeat(2) ; t.take([0, 1]) ; t.swapaxes(0, 1) ; t.compress(condition=[True, False])
t.astype(dtype="f4") ; t.dot([1, 1, 1]) ; t.mean()
"""
PLAIN = """
t.all() ; t.any(axis=0) ; t.argmax() ; t.argmin(axis=1) ; t.argsort(axis=1) ; t.nonzero() ; t.tolist()
t.shape ; t.ndim ; t.size ; t.dtype ; t.nbytes ; len(t) ; t == t ; t != t ; t > 1 ; 2.0 in t ; 7 in t
np.argsort(t) ; np.isnan(t) ; np.argmax(t[1:]) ; np.shape(t) ; np.size(t) ; np.isfinite(t)
np.searchsorted(t[0], 2.0) ; np.nonzero(t > 0) ; np.where(t > 1) ; np.zeros_like(t)
np.allclose(t, t + 1e-9) ; bool(t[0, 0]) ; bool(t[1, 1])
"""


@pytest.mark.parametrize("calls", [RECORDED, PLAIN])
def test_a_tensor_does_what_an_array_does(calls):
    array = np.array([[0.5, -1.25, 2.0], [0.75, 0.0, -3.0]])
    for call in calls.strip().replace("\n", " ; ").split(" ; "):
        mine, theirs = (eval(call, {"np": np, "t": t}) for t in (leaf(array), array))
        assert isinstance(mine, Tensor) == (calls is RECORDED), call
        np.testing.assert_array_equal(plain(mine) if calls is RECORDED else mine, theirs, call)


def test_iteration_records():
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    first, second = t
    np.sum(first * second).backward()
    np.testing.assert_array_equal(t.grad, [[3, 4], [1, 2]])


def test_representation():
    assert repr(Tensor([1.0, 2.0], requires_grad=True, name="w")) == (
        "Tensor([1., 2.], requires_grad=True, name='w')"
    )
    assert repr(Tensor(np.float32(2))) == "Tensor(2., dtype=float32)"
    assert repr(np.sum(Tensor([1.0], requires_grad=True))) == "Tensor(1., operation='sum')"
    assert repr(Tensor(np.zeros((0, 3)))) == "Tensor([], shape=(0, 3))"
    assert repr(round(Tensor([-1.5, 2.5]), 0)) == "Tensor([-2.,  2.])"
    assert str(Tensor([1.0])) == f"{Tensor([1.0])}" == "Tensor([1.])"
    t = Tensor(np.pi, requires_grad=True)
    assert f"{t:.2f} and {t * 2:8.3e}" == "3.14 and 6.283e+00"
    assert f"{Tensor([1.0, 2.0]):.1f}" == "[1.0, 2.0]"


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_leaves_are_copied_and_pickled(duplicate):
    w = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True, name="w")
    np.sum(w * w).backward()
    other = duplicate(w)
    assert (other.name, other.requires_grad, other.dtype) == ("w", True, np.float32)
    np.testing.assert_array_equal(other.numpy(), w.numpy())
    np.testing.assert_array_equal(other.grad, w.grad)
    other.data[0] = 9
    assert w.tolist() == [1, 2]
    with pytest.raises(TypeError, match="history cannot be copied"):
        duplicate(w * 2)
