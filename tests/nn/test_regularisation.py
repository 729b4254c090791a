"""Penalties are terms of the cost with the books' gradients; constraints and clipping hold."""

import numpy as np
import pytest
from nn.utils import clip_grad_norm_, clip_grad_value_

from microgradnd import Tensor, history
from nn import L1, L2, Conv2d, Linear, MaxNorm, Sequential, Tanh
from tests.numerical import slope


def network():
    return Sequential(Linear(4, 3), Tanh(), Linear(3, 2))


@pytest.mark.parametrize(
    ("kind", "f"),
    [(L2, lambda w: 0.3 / 2 * np.sum(w**2)), (L1, lambda w: 0.3 * np.sum(np.abs(w)))],
)
@pytest.mark.parametrize("biases", [False, True])
def test_a_penalty_is_the_sum_over_weights(rng, kind, f, biases):
    model, penalty = network(), kind(0.3, biases=biases)
    weights = {n: p for n, p in model.named_parameters() if biases or "weight" in n}
    assert penalty(model).item() == pytest.approx(sum(f(p.numpy()) for p in weights.values()))
    assert penalty(weights.values()).item() == pytest.approx(penalty(model).item())
    penalty(model).backward()
    for name, p in model.named_parameters():
        if name in weights:
            direction = rng.normal(size=p.shape)
            (expected,) = slope(f, [p.numpy()], [direction])
            np.testing.assert_allclose(np.sum(p.grad * direction), expected, rtol=1e-8)
        else:
            assert p.grad is None


def test_strengths_dtypes_and_the_name_in_the_graph():
    """λ·½w², λw² and λ/2n w², each as a strength."""
    w, squares = Tensor([[1.5, -2.0]], requires_grad=True), 1.5**2 + 2.0**2
    for strength, cost in [(0.7, 0.7 * squares / 2), (1.4, 0.7 * squares), (0, 0)]:
        assert L2(strength)([w]).item() == L2(strength)(w).item() == pytest.approx(cost)
    model = network().astype(np.float32)
    found = [t for t in history(L2(0.1)(model)) if t.scope == ("L2",)]
    assert {model[0].weight, model[2].weight} <= {parent for t in found for parent in t.parents}
    assert L2(0.1)(model).dtype == L1(0.1)(model).dtype == np.float32
    MaxNorm(0.1)(model)
    assert all(p.dtype == np.float32 for p in model.parameters())


def test_max_norm_projects_each_neurons_incoming_weights_and_leaves_a_graph_alone(rng):
    model = Sequential(Conv2d(2, 3, 3), Linear(4, 5))
    for p in model.parameters():
        p.data[...] = rng.normal(size=p.shape) * 5
    model[1].weight.data[0] = 0.01
    before, loss = model.state_dict(), sum(np.sum(p**2) for p in model.parameters())
    MaxNorm(3)(model)
    for name, p in model.named_parameters():
        if "bias" in name:
            np.testing.assert_array_equal(p.numpy(), before[name])
        else:  # the nearest point of the ball: along the same line, no further than 3
            lengths = np.linalg.norm(before[name].reshape(len(p), -1), axis=1)
            factors = np.minimum(1, 3 / lengths).reshape(-1, *[1] * (p.ndim - 1))
            np.testing.assert_allclose(p.numpy(), before[name] * factors, rtol=1e-12)
    again = model.state_dict()
    MaxNorm(3.0001)(model)
    loss.backward()
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.numpy(), again[name])
        np.testing.assert_array_equal(p.grad, 2 * before[name])
    assert repr(L1(0.5, biases=True)) == "L1(strength=0.5, biases=True)"
    assert repr(MaxNorm(3)) == "MaxNorm(c=3.0)"


# ---- clipping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, np.inf])
@pytest.mark.parametrize("most", [0.5, 1000.0])
def test_clipping_is_its_formula(rng, most, p):
    shapes = [(3, 4), (4,), (), (0, 2), (2, 3, 2)]
    ws = [Tensor(np.zeros(shape), requires_grad=True) for shape in shapes]
    gradients = [rng.normal(size=shape) for shape in shapes[:-1]]
    for w, gradient in zip(ws, gradients, strict=False):  # the last has none
        w.grad = gradient
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in gradients]), p)
    assert clip_grad_norm_(ws, most, p) == pytest.approx(norm, rel=1e-12)
    for w, gradient in zip(ws, gradients, strict=False):
        np.testing.assert_allclose(w.grad, gradient * min(1, most / (norm + 1e-6)), rtol=1e-12)
    clipped = [np.clip(w.grad, -0.1, 0.1) for w in ws[:-1]]
    clip_grad_value_(ws, 0.1)
    np.testing.assert_equal([w.grad for w in ws], [*clipped, None])


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (float, 1e300)])
def test_clipping_neither_overflows_nor_changes_an_array(dtype, size):
    w = Tensor(np.ones(4, dtype), requires_grad=True, name="w")
    assert clip_grad_norm_(w, 1.0) == 0.0
    w.grad = mine = np.full(4, size, dtype)
    norm = pytest.approx(2 * float(mine[0]))
    assert clip_grad_norm_(w, 3 * size) == clip_grad_norm_(w, 1.0, "inf") * 2 == norm
    assert w.grad.dtype == dtype
    np.testing.assert_allclose(w.grad, 1.0, rtol=1e-5)
    assert np.all(mine == np.asarray(size, dtype))
    w.grad = np.array([np.nan, 1.0, 1.0, 1.0], dtype)
    with pytest.raises(RuntimeError, match="norm of the gradients is nan"):
        clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert np.isnan(clip_grad_norm_([w], 1.0))


def test_clipping_takes_arrays_of_dask():
    asarray = pytest.importorskip("dask.array").asarray
    w = Tensor(asarray([0.0, 0.0]), requires_grad=True)
    w.grad = asarray([3.0, 4.0])
    assert clip_grad_norm_(w, 1.0) == 5.0
    np.testing.assert_allclose(np.asarray(w.grad), [0.6, 0.8], rtol=1e-6)
