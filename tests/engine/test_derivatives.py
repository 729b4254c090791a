"""Every function's value against NumPy's, and its derivatives against differences.

Forward mode is compared with differences, reverse mode with forward mode by ⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩,
which holds to rounding, and second derivatives with differences of the first.
"""

import gc
import weakref

import numpy as np
import pytest

from microgradnd import Tensor, gradients, jvp, vjp
from tests.engine import cases, cases_of_compositions
from tests.engine.cases import Case
from tests.numerical import outputs, plain, slope

pytestmark = pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
CASES = cases.CASES + cases_of_compositions.CASES
try:
    from tests.engine import cases_of_special_functions
except ModuleNotFoundError:  # there is no SciPy
    pass
else:
    CASES = CASES + cases_of_special_functions.CASES


def directions(case: Case, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal(x.shape) for x in case.inputs]


def close(found: list, expected: list, tolerance: float) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        scale = 1 + np.max(np.abs(theirs), initial=0)
        np.testing.assert_allclose(plain(mine), plain(theirs), rtol=0, atol=tolerance * scale)


def check_value(case):
    expected = outputs(case.call(*case.inputs))
    found = outputs(case.call(*(Tensor(x, requires_grad=True) for x in case.inputs)))
    for mine, theirs in zip(found, expected, strict=True):
        assert isinstance(mine, Tensor)
        assert mine.shape == np.shape(theirs)
        np.testing.assert_allclose(plain(mine), theirs, rtol=1e-13, atol=1e-13)


def check_first_derivative(case):
    rng = np.random.default_rng(0)
    v = directions(case, rng)
    value, moved = jvp(case.call, case.inputs, tuple(v))
    moved = outputs(moved)
    close(moved, slope(case.call, case.inputs, v), 1e-8)
    u = [rng.standard_normal(y.shape) for y in outputs(value)]
    _, pull = vjp(case.call, *case.inputs)
    pulled = pull(u[0] if not isinstance(value, list | tuple) else u)
    for x, g in zip(case.inputs, pulled, strict=True):
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
    ahead = sum(np.sum(a * b) for a, b in zip(u, moved, strict=True))
    back = sum(np.sum(a * b) for a, b in zip(pulled, v, strict=True))
    np.testing.assert_allclose(ahead, back, rtol=1e-9, atol=1e-9)
    leaves = [Tensor(x, requires_grad=True) for x in case.inputs]
    made = outputs(case.call(*leaves))
    for t in (*made, *leaves):
        t.data[...] = 7  # which no graph sees
    for y, g in zip(made, u, strict=True):
        y.backward(g)
    close([leaf.grad for leaf in leaves], pulled, 1e-12)


def check_second_derivative(case):
    rng = np.random.default_rng(0)
    first, second = directions(case, rng), directions(case, rng)

    def moved(*xs):
        return outputs(jvp(case.call, tuple(xs), tuple(first))[1])

    expected = slope(moved, case.inputs, second)
    close(jvp(moved, case.inputs, tuple(second))[1], expected, 1e-7)
    _, pull = vjp(moved, *case.inputs)
    u = [rng.standard_normal(np.shape(y)) for y in expected]
    ahead = sum(np.sum(a * b) for a, b in zip(u, expected, strict=True))
    back = sum(np.sum(a * b) for a, b in zip(pull(u), second, strict=True))
    np.testing.assert_allclose(ahead, back, rtol=1e-6, atol=1e-6 * (1 + abs(ahead)))


def check_narrow_types(case, dtype):
    inputs = [x.astype(dtype) for x in case.inputs]
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    made = outputs(case.call(*leaves))
    for mine, theirs in zip(made, outputs(case.call(*inputs)), strict=True):
        assert mine.dtype == theirs.dtype
    sum(np.sum(y) for y in made).backward()
    _, pull = vjp(case.call, *(x.astype(float) for x in inputs))
    ones = [np.ones(y.shape) for y in made]
    wide = pull(ones if len(ones) > 1 or isinstance(case.call(*inputs), list | tuple) else ones[0])
    for leaf, expected in zip(leaves, wide, strict=True):
        assert (leaf.grad.dtype, leaf.grad.shape) == (dtype, leaf.shape)
        tolerance = 2e-3 if dtype == np.float32 else 0.1
        scale = 1 + np.max(np.abs(expected), initial=0)
        np.testing.assert_allclose(leaf.grad, expected, atol=tolerance * scale, rtol=tolerance)


def check_that_no_call_leaves_a_cycle_behind(case):
    """Without the garbage collector, a graph and its derivatives go with the last reference."""
    gc.disable()
    try:
        leaves = [Tensor(x, requires_grad=True) for x in case.inputs]
        watched = [weakref.ref(leaf) for leaf in leaves]
        loss = sum(np.sum(y) for y in outputs(case.call(*leaves)))
        slopes = gradients(loss, leaves)
        assert all(leaf.grad is None for leaf in leaves)
        loss.backward()
        jvp(case.call, tuple(leaves), case.inputs)
        del loss, slopes, leaves
        assert all(ref() is None for ref in watched)
    finally:
        gc.enable()


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_function(case):
    check_value(case)
    check_first_derivative(case)
    check_second_derivative(case)
    check_narrow_types(case, np.float32)
    if isinstance(case.function, np.ufunc):
        check_narrow_types(case, np.float16)
    check_that_no_call_leaves_a_cycle_behind(case)
