"""Tensors as values: construction, operators and methods compared with NumPy's own arrays."""

import copy
import operator
import pickle

import numpy as np
import pytest

from microgradnd import Tensor, set_default_dtype
from tests.numerical import plain


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


def test_other_operators():
    t = Tensor([-1.5, 2.5], requires_grad=True)
    assert (-t).tolist() == [1.5, -2.5]
    assert (+t).tolist() == [-1.5, 2.5]
    assert abs(t).tolist() == [1.5, 2.5]
    quotient, rest = divmod(t, 2)
    assert (quotient.tolist(), rest.tolist()) == ([-1, 1], [0.5, 0.5])
    quotient, rest = divmod(5, t)
    assert (quotient.tolist(), rest.tolist()) == ([-4, 2], [-1, 0])
    assert round(t, 0).tolist() == [-2, 2]
    assert sum([t, t]).tolist() == [-3, 5]
    assert 2.5 in t
    assert 7 not in t


METHODS = {
    "sum": {"axis": 1}, "mean": {}, "prod": {"axis": 0}, "var": {"ddof": 1}, "std": {"axis": 1},
    "max": {}, "min": {"axis": 0, "keepdims": True}, "argmax": {}, "argmin": {"axis": 1},
    "all": {}, "any": {"axis": 0}, "argsort": {"axis": 1}, "cumsum": {}, "cumprod": {"axis": 1},
    "clip": {"min": 0, "max": 1}, "round": {"decimals": 1}, "trace": {}, "diagonal": {"offset": 1},
    "squeeze": {}, "ravel": {"order": "F"}, "flatten": {}, "copy": {}, "nonzero": {}, "transpose": {},
    "tolist": {}, "repeat": {"repeats": 2}, "take": {"indices": [0, 1]}, "swapaxes": {"axis1": 0, "axis2": 1},
    "compress": {"condition": [True, False]}, "astype": {"dtype": np.float32}, "dot": {"b": np.ones(3)},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_do_what_they_do_on_arrays(name):
    array = np.array([[0.5, -1.25, 2.0], [0.75, 0.0, -3.0]])
    options = dict(METHODS[name])
    positional = []
    if name in ("swapaxes", "dot", "clip", "repeat", "take"):
        positional, options = list(options.values()), {}
    mine = getattr(Tensor(array, requires_grad=True), name)(*positional, **options)
    theirs = getattr(array, name)(*positional, **options)
    np.testing.assert_array_equal(plain(mine) if isinstance(mine, Tensor) else mine, theirs)


def test_attributes():
    t = Tensor(np.zeros((2, 3, 4), np.float32))
    assert (t.shape, t.ndim, t.size, t.dtype, t.nbytes) == ((2, 3, 4), 3, 24, np.float32, 96)
    assert (t.T.shape, t.mT.shape, len(t)) == ((4, 3, 2), (2, 4, 3), 2)


def test_iteration_records():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = t
    np.sum(first * second).backward()
    np.testing.assert_array_equal(t.grad, [[3, 4], [1, 2]])


def test_functions_with_indices_or_booleans_return_plain_arrays():
    t = Tensor([3.0, 1.0, np.nan], requires_grad=True)
    for value, expected in [
        (np.argsort(t), [1, 0, 2]), (np.isnan(t), [False, False, True]), (np.argmax(t[:2]), 0),
        (np.shape(t), (3,)), (np.size(t), 3), (np.isfinite(t), [True, True, False]), (t == t, [True, True, False]),
        (np.searchsorted(t[:1], 2.0), 0), (np.nonzero(t > 1)[0], [0]), (np.where(t > 1)[0], [0]), (np.zeros_like(t), [0, 0, 0]),
    ]:  # fmt: skip
        assert not isinstance(value, Tensor)
        np.testing.assert_array_equal(value, expected)
    assert np.allclose(t[:2], [3, 1])


def test_representation():
    assert repr(Tensor([1.0, 2.0], requires_grad=True, name="w")) == (
        "Tensor([1., 2.], requires_grad=True, name='w')"
    )
    assert repr(Tensor(np.float32(2))) == "Tensor(2., dtype=float32)"
    assert repr(np.sum(Tensor([1.0], requires_grad=True))) == "Tensor(1., operation='sum')"
    assert repr(Tensor(np.zeros((0, 3)))) == "Tensor([], shape=(0, 3))"
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
