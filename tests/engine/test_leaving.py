"""Nothing leaves the graph unnoticed: what would drop a gradient raises and says what to write."""

import math
import re

import numpy as np
import pytest

from microgradnd import Tensor

DROPPING = (
    """
float(t) ; int(t) ; complex(t) ; math.exp(t) ; math.floor(t) ; np.float64(t) ; np.fromiter([t], float)
np.asarray(t) ; np.asarray(t, dtype=np.float32) ; np.array(t) ; np.array([t, t]) ; np.array([[t], [t]])
np.array([t, t], dtype=float) ; np.zeros(3).__setitem__(0, t) ; np.zeros(3).__setitem__(slice(1), t)
Tensor(t) ; Tensor([t, t]) ; setattr(Tensor(0.0), "data", t) ; np.full(3, t) ; np.sum([t, t])
""".strip()
    .replace("\n", " ; ")
    .split(" ; ")
)


@pytest.mark.parametrize("call", [*DROPPING, "np.full_like(np.zeros(3), t)"])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_what_would_drop_a_gradient_raises(call, shape):
    leaf = Tensor(np.full(shape, 2.0), requires_grad=True, name="w")
    for t, called in ((leaf, "Tensor 'w'"), (leaf * 3, "this result of multiply")):
        with pytest.raises((TypeError, ValueError)) as caught:
            eval(call, {"t": t, **globals()})
        # NumPy chains an error of its own to ours where a number is put into an array.
        reason = caught.value.__cause__ or caught.value
        assert isinstance(reason, TypeError)
        words = f"drop the gradient of {called}: use|np.copyto changes its argument"
        assert re.search(words, str(reason))


@pytest.mark.parametrize("call", DROPPING)
def test_on_tensors_without_gradient_it_works(call):
    eval(call, {"t": Tensor(2.0), **globals()})


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
