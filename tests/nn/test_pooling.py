"""Pooling: PyTorch's numbers for every option, exact derivatives, and errors that explain."""

import itertools

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients, hvp
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
from nn.module import Module
from tests.numerical import slope

KERNELS = 2, 3, (3, 2)
STRIDES = None, 1, 2, (3, 1)
PADDINGS = 0, 1, (1, 0)


def close(mine, other):
    np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)


def against_torch(ours, theirs, x):
    """The value, the gradient, and second derivatives, of a function that is not linear in it."""
    torch = pytest.importorskip("torch")
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    assert y.shape == z.shape
    close(y, z)
    (first,) = gradients(np.sum(y**3), [a])
    (expected,) = torch.autograd.grad((z**3).sum(), b, create_graph=True)
    close(first, expected)
    (second,) = gradients(np.sum(first**2), [a])
    (expected,) = torch.autograd.grad((expected**2).sum(), b)
    close(second, expected)


def first(option):
    return option[0] if isinstance(option, tuple) else option


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), list(itertools.product(KERNELS, STRIDES)))
def test_torch_gives_the_same_maxima(rng, kernel, stride, ceil_mode):
    torch = pytest.importorskip("torch")
    for padding, dilation in itertools.product(PADDINGS, (1, 2, (1, 2))):
        how = (kernel, stride, padding, dilation, ceil_mode)
        against_torch(
            lambda x, how=how: max_pool2d(x, *how),
            lambda x, how=how: torch.nn.functional.max_pool2d(x, *how),
            rng.normal(size=(2, 3, 8, 9)),
        )
        how = tuple(map(first, how))
        against_torch(
            lambda x, how=how: max_pool1d(x, *how),
            lambda x, how=how: torch.nn.functional.max_pool1d(x, *how),
            rng.normal(size=(2, 3, 11)),
        )


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), list(itertools.product(KERNELS, STRIDES)))
def test_torch_gives_the_same_averages(rng, kernel, stride, ceil_mode):
    torch = pytest.importorskip("torch")
    for padding, counted, divisor in itertools.product(PADDINGS, (True, False), (None, 5)):
        how = (kernel, stride, padding, ceil_mode, counted)
        against_torch(
            lambda x, how=how, divisor=divisor: avg_pool2d(x, *how, divisor),
            lambda x, how=how, divisor=divisor: torch.nn.functional.avg_pool2d(x, *how, divisor),
            rng.normal(size=(2, 3, 8, 9)),
        )
        how = tuple(map(first, how))
        against_torch(
            lambda x, how=how: avg_pool1d(x, *how),
            lambda x, how=how: torch.nn.functional.avg_pool1d(x, *how),
            rng.normal(size=(2, 3, 11)),
        )


def test_windows_that_tile_an_image_are_blocks(rng):
    x = rng.normal(size=(2, 3, 6, 8))
    blocks = x.reshape(2, 3, 3, 2, 2, 4)
    np.testing.assert_array_equal(max_pool2d(x, (2, 4)), blocks.max(axis=(3, 5)))
    np.testing.assert_allclose(avg_pool2d(x, (2, 4)), blocks.mean(axis=(3, 5)), atol=1e-15)


def test_windows_that_overlap(rng):
    x = rng.normal(size=(2, 1, 9))
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=-1)
    np.testing.assert_array_equal(max_pool1d(x, 3, stride=1), windows.max(axis=-1))
    np.testing.assert_allclose(avg_pool1d(x, 3, stride=1), windows.mean(axis=-1), atol=1e-15)


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


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: max_pool2d(x, 3, 2, 1, ceil_mode=True),
        lambda x: max_pool2d(x, 2, 1, 0, (2, 1)),
        lambda x: avg_pool2d(x, (3, 2), 2, 1, count_include_pad=False),
        lambda x: avg_pool2d(x, 2, (2, 1), ceil_mode=True),
    ],
)
def test_derivatives_are_the_slopes(rng, pool):
    x, v = rng.permutation(80).reshape(2, 1, 5, 8) / 10, rng.normal(size=(2, 1, 5, 8))

    def loss(x):
        y = pool(x)
        return np.sum(np.tanh(y) * y)

    np.testing.assert_allclose(np.sum(grad(loss)(x) * v), slope(loss, [x], [v])[0], rtol=1e-9)
    np.testing.assert_allclose(hvp(loss, x, v), slope(grad(loss), [x], [v])[0], atol=1e-8)


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


@pytest.mark.parametrize("layer", [MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d])
def test_layers_are_torchs(rng, layer):
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(2, 3, 9, 7)[: 3 + layer.__name__.endswith("2d")])
    for arguments in ((3,), (3, 2), (3, 2, 1), (2, None, 1)):
        for options in ({}, {"ceil_mode": True}):
            mine = layer(*arguments, **options)
            other = getattr(torch.nn, layer.__name__)(*arguments, **options)
            np.testing.assert_allclose(mine(x), other(torch.tensor(x)).numpy(), atol=1e-14)
    assert repr(MaxPool2d(2)) == repr(torch.nn.MaxPool2d(2))
    assert repr(AvgPool2d(2)) == repr(torch.nn.AvgPool2d(2))


class Net(Module):
    def __init__(self):
        self.pool = MaxPool2d(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Net().pool(np.ones((2, 2))),
            r"pool \(MaxPool2d\): expected .* \(N, channels, height, width\).*, got \(2, 2\)",
        ),
        (
            lambda: Net().pool(np.ones((1, 2, 5))),
            r"pool \(MaxPool2d\): a kernel of 3 by 3 does not fit an input of 2 by 5",
        ),
        (lambda: AvgPool1d(4)(np.ones((1, 3))), r"AvgPool1d: a kernel of length 4 .* length 3"),
        (
            lambda: MaxPool1d(2, 1, 2)(np.ones((1, 9))),
            "padding by 2 is more than half of the kernel",
        ),
        (lambda: max_pool2d(np.ones((1, 9, 9)), (1, 2, 3)), r"kernel_size .* got \(1, 2, 3\)"),
        (
            lambda: avg_pool1d(np.ones((1, 9)), 2, stride=0),
            "stride must be a whole number, 1 or more",
        ),
    ],
)
def test_misuse_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
