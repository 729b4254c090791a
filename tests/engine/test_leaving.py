"""Nothing leaves the graph unnoticed: what would drop a gradient raises and says what to write."""

import math
import re

import numpy as np
import pytest

from microgradnd import Tensor


def put_in_an_array(t):
    np.zeros(3)[0] = t


def put_in_a_slice(t):
    np.zeros(3)[:1] = t


DROPPING = {
    "float": float,
    "int": int,
    "complex": complex,
    "math.exp": math.exp,
    "math.floor": math.floor,
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of a list": lambda t: np.array([t, t]),
    "np.array of nested lists": lambda t: np.array([[t], [t]]),
    "np.array as floats": lambda t: np.array([t, t], dtype=float),
    "np.float64": np.float64,
    "an entry of an array": put_in_an_array,
    "a slice of an array": put_in_a_slice,
    "Tensor": Tensor,
    "Tensor of a list": lambda t: Tensor([t, t]),
    "np.full": lambda t: np.full(3, t),
    "np.full_like": lambda t: np.full_like(np.zeros(3), t),
    "np.fromiter": lambda t: np.fromiter([t], float),
    "np.asarray with dtype": lambda t: np.asarray(t, dtype=np.float32),
    "np.sum of a list": lambda t: np.sum([t, t]),
    "a Tensor's data": lambda t: setattr(Tensor(0.0), "data", t),
}


@pytest.mark.parametrize("name", DROPPING)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_what_would_drop_a_gradient_raises(name, shape):
    leaf = Tensor(np.full(shape, 2.0), requires_grad=True, name="w")
    for t, called in ((leaf, "Tensor 'w'"), (leaf * 3, "this result of multiply")):
        with pytest.raises((TypeError, ValueError)) as caught:
            DROPPING[name](t)
        # NumPy chains an error of its own to ours where a number is put into an array.
        reason = caught.value.__cause__ or caught.value
        assert isinstance(reason, TypeError)
        words = f"drop the gradient of {called}: use|np.copyto changes its argument"
        assert re.search(words, str(reason))


@pytest.mark.parametrize("name", [name for name in DROPPING if name != "np.full_like"])
def test_on_tensors_without_gradient_it_works(name):
    DROPPING[name](Tensor(2.0))


def test_values_without_gradient():
    assert float(Tensor(2.5)) == 2.5
    assert math.exp(Tensor(0.0)) == 1
    assert np.array([Tensor(1.0), Tensor(2.0)]).tolist() == [1, 2]
    a = np.zeros(2)
    a[0] = Tensor(3.0)
    assert a.tolist() == [3, 0]
    assert [10, 20, 30][Tensor(np.array(1))] == 20


def test_leaving_is_spelled_out():
    w = Tensor([[1.0, 2.0]], requires_grad=True)
    for t in (w, w * 1):
        assert t.numpy().tolist() == t.data.tolist() == t.tolist() == [[1, 2]]
        assert t.item(0, 1) == 2
        assert not t.detach().requires_grad
        assert isinstance(t.numpy(), np.ndarray)
    assert np.sum(w).item() == 3
    assert isinstance(np.sum(w).numpy(), np.ndarray)


def test_printing_always_works(capsys):
    t = Tensor(1.5, requires_grad=True) * 2
    print(t, f"{t} {t:.1f} {t!r}")
    assert "3." in capsys.readouterr().out
    assert bool(t)
    assert not Tensor(0.0)
