"""no_grad, scope and trace: what is recorded, per thread and per task."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from microgradnd import Tensor, gradients, no_grad, scope, trace


def test_no_grad():
    w = Tensor([1.0, 2.0], requires_grad=True)
    with no_grad():
        y = np.tanh(w) * 2
        with no_grad():
            assert not (w + 1).requires_grad
        assert not (w + 1).requires_grad
    assert not y.requires_grad
    assert y.operation is None
    assert (w * 2).requires_grad

    @no_grad()
    def predict(x):
        """Of x."""
        return w * x

    assert not predict(2.0).requires_grad
    assert predict.__name__ == "predict"
    assert predict.__doc__ == "Of x."
    with pytest.raises(ZeroDivisionError), no_grad():
        _ = 1 / 0
    assert (w * 2).requires_grad


def test_scopes():
    x = Tensor(2.0, requires_grad=True)
    again = scope("again")
    with scope("encoder"):
        a = x * 2
        with again, again:
            b = a * 3
    assert (x * 1).scope == ()
    assert (a.scope, b.scope) == (("encoder",), ("encoder", "again", "again"))


def test_each_thread_and_each_task_has_its_own():
    w = Tensor(1.0, requires_grad=True)
    seen = lambda: ((w * 2).requires_grad, (w * 2).scope)  # noqa: E731

    async def inside(block, seconds):
        with block:
            await asyncio.sleep(seconds)
            return seen()

    async def tasks():
        loud = inside(scope("loud"), 0.005)
        return await asyncio.gather(inside(no_grad(), 0.01), loud, inside(no_grad(), 0.01))

    with no_grad(), scope("here"), ThreadPoolExecutor() as pool:
        assert pool.submit(seen).result() == (True, ())
    assert asyncio.run(tasks()) == [(False, ()), (True, ("loud",)), (False, ())]


# ---- trace -----------------------------------------------------------------------------------------


def test_a_traced_run_remembers_the_lines():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert np.sum(x).line is None
    with trace():
        y = np.sum(np.std(x) * x)  # the line
    assert y.line.endswith("y = np.sum(np.std(x) * x)  # the line")
    assert "test_context.py, line " in y.line
    assert y.parents[0].line == y.line


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_first_nan_or_inf_is_named():
    x = Tensor([0.0, 1.0], requires_grad=True)
    line = r"test_context.py, line \d+: y = "
    with pytest.raises(FloatingPointError, match=f"log gave -inf at .*{line}"), trace():
        y = np.log(x) * 2
    with pytest.raises(FloatingPointError, match=r"multiply gave nan at .*y = "), trace():
        y = x * np.nan
    with trace():
        y = np.sum(np.sqrt(x))  # fine forward
        with pytest.raises(FloatingPointError, match=r"gradient of sqrt gave inf at .*# fine for"):
            y.backward()
        with pytest.raises(FloatingPointError, match=r"the gradient of sqrt.*# fine forward"):
            gradients(y, [x])
    y.backward()
    assert x.grad[0] == np.inf
