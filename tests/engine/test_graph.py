"""The graph: backward, gradients, walking it, and what it costs."""

import gc
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from microgradnd import Tensor, gradients, history, no_grad
from tests.numerical import leaf

# ---- backward ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_the_gradient_of_a_single_number_is_an_array_after_every_backward(shape):
    w = Tensor(np.full(shape, 2.0), requires_grad=True)
    for expected in (4.0, 8.0):
        (w * w).backward()
        assert w.grad == expected
        assert isinstance(w.grad, np.ndarray)
    (w * 3).backward(Tensor(np.ones(shape)))
    assert w.grad == 11
    w.grad.fill(0)  # one of NumPy's numbers would stay as it is
    assert w.grad == 0


def test_a_large_gradient_that_another_leaf_shares_is_not_changed_in_place():
    a, b = (Tensor(np.ones(2000), requires_grad=True) for _ in range(2))
    np.sum((a + b) * np.full(2000, 2.0) + a * 1 * 1 * 1).backward()  # the longer way comes later
    assert (set(a.grad), set(b.grad)) == ({3}, {2})


def test_intermediate_gradients_on_request():
    x = leaf([1.0, 2.0])
    y = x * x
    loss = np.sum(y * 3)
    loss.backward()
    with pytest.warns(UserWarning, match=r"multiply is None; use .*\(retain_grads=True\)"):
        assert y.grad is None
    loss.backward(retain_grads=True)
    assert y.grad.tolist() == [3, 3]
    assert loss.grad == 1
    assert x.grad.tolist() == [12, 24]


# ---- walking -------------------------------------------------------------------------------------


def test_the_graph_can_be_walked():
    w, x = leaf([1.0, 2.0], name="w"), Tensor([3.0, 4.0], name="x")
    y = np.sum(w * x, axis=0, keepdims=True) * 2.0
    names = [t.name or t.operation.name for t in history(y)]
    assert names == ["w", "x", "multiply", "sum", "multiply"]
    assert [p.operation.name for p in y.parents] == ["sum"]
    assert y.arguments[1] == 2.0
    total = y.parents[0]
    assert total.keywords == {"axis": 0, "keepdims": True}
    assert total.operation.function([[1.0]] and np.ones(2)) == 2
    assert w.operation is None
    assert w.parents == () == w.arguments
    heads = history(w * 1, w * 2)
    assert heads[0] is w
    assert len(heads) == 3


# ---- what a graph costs ---------------------------------------------------------------------------


def test_a_hundred_thousand_operations_in_a_thread_with_a_small_stack():
    """No C function calls itself for each of them either: that takes 10 MB or more."""
    count = 100_000

    def work():
        tracemalloc.start()
        x = y = leaf(1.0)
        for _ in range(count):
            y = y * 1.00001
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        y.backward()
        return held, len(history(y)), [x.grad, gradients(y, x).item()]  # and y goes

    before = threading.stack_size(256 * 1024)  # the usual is 8 MB
    try:
        with ThreadPoolExecutor(1) as pool:
            held, nodes, slopes = pool.submit(work).result()
    finally:
        threading.stack_size(before)
    assert held < 450 * count
    assert nodes == count + 1
    assert slopes == pytest.approx([1.00001**count] * 2, rel=1e-9)


def step(w, x, penalty):
    loss = np.sum(np.tanh(w @ x) ** 2)
    if penalty:
        (slope,) = gradients(loss, [w])
        loss = loss + np.sum(slope**2)
    loss.backward()
    w.data -= 0.01 * w.grad
    w.zero_grad()


@pytest.mark.parametrize(("steps", "penalty"), [(3000, False), (1000, True)])
def test_thousands_of_steps_leave_memory_flat(steps, penalty):
    w, x = Tensor(np.ones((3, 3)), requires_grad=True), Tensor(np.ones(3))
    gc.collect()
    gc.disable()
    # Python keeps tuples that are no longer needed, up to 2,000 of each length.
    pools = [tuple([0] * length) for length in range(20) for _ in range(2000)]
    del pools
    try:
        tracemalloc.start()
        for _ in range(100):
            step(w, x, penalty)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(steps):
            step(w, x, penalty)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 5 * steps


def test_threads_do_not_disturb_each_other():
    inputs = np.random.default_rng(1).standard_normal((8, 4, 4))

    def slope(k):
        t = leaf(inputs[k])
        loss = np.sum(np.sin(t * k) @ np.exp(-t * t) + np.cumsum(t, axis=0) ** 2)
        with no_grad():
            assert not (loss + t).requires_grad
        loss.backward()
        return t.grad.tolist()

    expected = [slope(k) for k in range(8)]
    with ThreadPoolExecutor(8, initializer=threading.Barrier(8).wait) as pool:
        assert list(pool.map(slope, [*range(8)] * 100)) == expected * 100


def test_a_tensor_that_is_set_is_not_copied():
    w = leaf([1.0, 2.0])
    for y in (Tensor([0.0, 0.0, 0.0]).at[:2].set(w), Tensor([0.0, 0.0]).at[[0, 0]].add(w)):
        assert y.parents[-1] is w
