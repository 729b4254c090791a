"""Checks that functions and layers have in common: PyTorch's numbers, and slopes by differences."""

import importlib.util

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients, hvp
from microgradnd.tree import flatten
from nn import functional_call
from tests.numerical import plain, slope

torch = pytest.importorskip("torch") if importlib.util.find_spec("torch") else None
BESIDE = pytest.mark.skipif(torch is None, reason="compares with PyTorch")


def leaves(result):
    """A function's output, or several of them in nested tuples, as a list."""
    return flatten(result)[0]


def states_of(states):
    """Further arguments of a layer: its first states, as a pair if it has two."""
    return [states] if len(states) > 1 else states


def close(mine, theirs):
    theirs = theirs.detach().numpy()
    scale = max(1, np.fmax.reduce(np.abs(theirs), axis=None, initial=0))  # without nan
    np.testing.assert_allclose(plain(mine), theirs, rtol=0, atol=1e-12 * scale)
    assert mine.shape == theirs.shape


def check_against_torch(ours, theirs, *arrays, whole=(), orders=2):
    """Outputs, first and second derivatives with respect to arrays and parameters.

    `whole` are whole numbers, which come first and have no gradient.
    """
    torch = pytest.importorskip("torch")
    mine = [Tensor(array, requires_grad=True) for array in arrays]
    others = [torch.tensor(array, requires_grad=True) for array in arrays]
    (x, *states), (z, *others_states) = [*whole, *mine], [*map(torch.tensor, whole), *others]
    found = leaves(ours(x, *states_of(states)))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        # PyTorch's other attention cannot be differentiated twice.
        expected = leaves(theirs(z, *states_of(others_states)))
    mine += getattr(ours, "parameters", tuple)()
    others += getattr(theirs, "parameters", tuple)()
    check_orders(found, expected, mine, others, orders)


def check_orders(found, expected, mine, others, orders=2):
    """Outputs, first and second derivatives with respect to the tensors, ours and PyTorch's."""
    torch = pytest.importorskip("torch")
    for power in (3, 2, 1)[: orders + 1]:
        for y, z in zip(found, expected, strict=True):
            close(y, z)
        pairs = [(y, z) for y, z in zip(found, expected, strict=True) if z.requires_grad]
        if mine and pairs and power > 3 - orders:
            found = gradients(sum(np.sum(y**power) for y, _ in pairs), mine)
            total = sum((z**power).sum() for _, z in pairs)
            how = {"create_graph": True, "materialize_grads": True}
            expected = torch.autograd.grad(total, others, allow_unused=True, **how)


def in_torch(layer, *arguments, **options):
    """PyTorch's layer of the same name, with the state of ours."""
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, type(layer).__name__)(*arguments, **options).double()
    state = layer.state_dict()
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    return theirs


def check_slopes(f, *points):
    """First and second derivatives against differences, along random directions."""
    rng = np.random.default_rng(0)
    directions = tuple(rng.normal(size=np.shape(point)) for point in points)

    def loss(*xs):
        return sum(np.sum(np.tanh(y) * y) for y in leaves(f(*xs)))

    first = grad(loss, tuple(range(len(points))))
    along = sum(np.sum(g * v) for g, v in zip(first(*points), directions, strict=True))
    np.testing.assert_allclose(along, slope(loss, points, directions)[0], rtol=1e-7, atol=1e-9)
    curved = hvp(loss, points, directions)
    for product, change in zip(curved, slope(first, points, directions), strict=True):
        np.testing.assert_allclose(product, change, rtol=1e-6, atol=1e-6)


def check_slopes_of_layer(layer, *arrays):
    """The same with respect to the parameters of a layer also."""
    names, count = list(dict(layer.named_parameters())), len(arrays)

    def call(x, *others):
        parameters = dict(zip(names, others[count - 1 :], strict=True))
        return functional_call(layer, parameters, x, *states_of(others[: count - 1]))

    check_slopes(call, *arrays, *(p.numpy() for p in layer.parameters()))
