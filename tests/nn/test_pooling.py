"""Pooling is what its definition says. For more, see test_layers."""

import numpy as np
import pytest

from microgradnd import Tensor
from nn.layers.pooling import (
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize(("k", "p"), [(1, 0), (2, 0), (3, 0), (2, 1), (3, 1)])
def test_each_window_is_pooled(rng, k, s, p, d, ceil_mode):
    n, length = 7, (k - 1) * d + 1
    starts = list(range(-p, n + p - length + 1, s))
    if ceil_mode and starts[-1] + length < n + p and starts[-1] + s < n:
        starts.append(starts[-1] + s)
    (x,) = rng.normal(size=(1, n))
    inside = [[i for i in range(a, a + length, d) if 0 <= i < n] for a in starts]
    y = max_pool1d(x[None], k, s, p, d, ceil_mode)
    assert y.tolist() == [[max(x[w]) for w in inside]]
    if d == 1:
        y = avg_pool1d(x[None], k, s, p, ceil_mode, count_include_pad=False)
        np.testing.assert_allclose(y, [[np.mean(x[w]) for w in inside]], atol=1e-15)
        counts = [min(a + k, n + p) - a for a in starts]
        y = avg_pool1d(x[None], k, s, p, ceil_mode)
        expected = [sum(x[w]) / count for w, count in zip(inside, counts, strict=True)]
        np.testing.assert_allclose(y, [expected], atol=1e-15)


def test_windows_that_tile_an_image_are_blocks(rng):
    x = rng.normal(size=(2, 3, 6, 8))
    blocks = x.reshape(2, 3, 3, 2, 2, 4)
    np.testing.assert_array_equal(max_pool2d(x, (2, 4)), blocks.max(axis=(3, 5)))
    np.testing.assert_allclose(avg_pool2d(x, (2, 4)), blocks.mean(axis=(3, 5)), atol=1e-15)
    total = avg_pool2d(x, (2, 4), divisor_override=1)
    np.testing.assert_allclose(total, blocks.sum(axis=(3, 5)), atol=1e-14)


def test_the_first_of_equal_maxima_has_the_whole_gradient():
    x = Tensor(np.zeros((1, 4, 4)), requires_grad=True)
    np.sum(max_pool2d(x, 2)).backward()
    assert x.grad[0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    x = Tensor([[3.0, 5.0, 5.0, 5.0]], requires_grad=True)
    np.sum(max_pool1d(x, 3, stride=1)).backward()
    assert x.grad.tolist() == [[0, 2, 0, 0]]


def test_ties_are_torchs(rng):
    torch = pytest.importorskip("torch")
    x = rng.integers(0, 3, (4, 2, 9, 8)).astype(float)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = max_pool2d(a, 3, 2, 1)
    weights = rng.normal(size=y.shape)
    np.sum(y * weights).backward()
    z = torch.nn.functional.max_pool2d(b, 3, 2, 1)
    (z * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-14)


def test_padding_is_never_the_maximum():
    x = Tensor(np.full((1, 2, 4), -5.0), requires_grad=True)
    y = max_pool1d(x, 3, 2, padding=1)
    assert y.tolist() == [[[-5, -5], [-5, -5]]]
    np.sum(y).backward()
    assert x.grad.sum() == 4


def test_a_gradient_that_is_not_selected_does_not_turn_into_nan():
    x = Tensor([[0.0, 4.0, 1.0, 9.0]], requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.sum(max_pool1d(np.sqrt(x), 2)).backward()
    assert x.grad.tolist() == [[0, 0.25, 0, 1 / 6]]


def test_types_and_layouts(rng):
    x = rng.normal(size=(2, 3, 4, 6)).astype(np.float32)
    for pool in (MaxPool2d(2), AvgPool2d(2), AvgPool2d(2, padding=1), MaxPool2d(3, 1, 1)):
        assert isinstance(pool(x), np.ndarray)
        assert pool(x).dtype == np.float32
        given = Tensor(x, requires_grad=True)
        y = pool(given)
        np.sum(y * y).backward()
        assert y.dtype == given.grad.dtype == np.float32
        laid_out = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
        np.testing.assert_array_equal(pool(laid_out), pool(x))
        np.testing.assert_array_equal(pool(x[1]), pool(x)[1])
        assert pool(x[:0]).shape == (0, *pool(x).shape[1:])
    assert MaxPool1d(2)([[1, 3, 2, 4]]).tolist() == [[3, 4]]
    assert AvgPool1d(2)(np.array([[1, 2, 2, 4]])).tolist() == [[1.5, 3]]
