"""Convolution is what its definition says. For more, see test_layers."""

import itertools

import numpy as np
import pytest

from microgradnd import Tensor, no_grad
from nn.layers.convolution import Conv1d, Conv2d, conv1d, conv2d


def one_sum_after_the_other(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """The definition: for each example, output and window the sum over the window."""
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    size = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    ]
    y = np.zeros((len(x), len(w), *size))
    inputs, outputs = w.shape[1], len(w) // groups
    for n, o, i, j, c, k, m in np.ndindex(*y.shape, *w.shape[1:]):
        row, column = i * stride[0] + k * dilation[0], j * stride[1] + m * dilation[1]
        y[n, o, i, j] += w[o, c, k, m] * x[n, o // outputs * inputs + c, row, column]
    return y + b[:, None, None]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": (2, 1), "padding": (1, 2)},
        {"dilation": (2, 3), "padding": (2, 0)},
        {"groups": 2, "stride": (1, 3)},
        {"groups": 4},
    ],
)
def test_it_is_the_sum_over_each_window(rng, options):
    groups = options.get("groups", 1)
    x, w = rng.normal(size=(2, 4, 6, 7)), rng.normal(size=(8, 4 // groups, 3, 2))
    b = rng.normal(size=8)
    expected = one_sum_after_the_other(x, w, b, **options)
    np.testing.assert_allclose(conv2d(x, w, b, **options), expected, atol=1e-13)


def test_in_one_dimension_it_is_correlation(rng):
    x, w = rng.normal(size=50), rng.normal(size=7)
    y = conv1d(x[None], w[None, None])
    np.testing.assert_allclose(y[0], np.correlate(x, w, "valid"), atol=1e-13)
    y = conv1d(x[None], w[None, None], padding="same")
    np.testing.assert_allclose(y[0], np.correlate(x, w, "same"), atol=1e-13)


def test_the_layout_in_memory_changes_nothing(rng):
    x, w = rng.normal(size=(3, 2, 6, 5)), rng.normal(size=(4, 2, 3, 3))
    y = conv2d(x, w)
    for order in itertools.permutations(range(4)):
        laid_out = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_allclose(conv2d(laid_out, w), y, rtol=1e-13, atol=1e-13)
    flipped = conv2d(x[::-1], w)
    np.testing.assert_allclose(flipped[::-1], y, rtol=1e-13, atol=1e-13)


def test_arrays_in_arrays_out(rng):
    x, layer = rng.normal(size=(1, 1, 4, 4)), Conv2d(1, 2, 3)
    assert isinstance(conv2d(x, layer.weight.numpy()), np.ndarray)
    with no_grad():
        assert not layer(x).requires_grad
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x[0]).numpy())


def test_no_examples_are_no_error():
    layer = Conv2d(2, 3, 3)
    x = Tensor(np.zeros((0, 2, 5, 5)), requires_grad=True)
    y = layer(x)
    assert y.shape == (0, 3, 3, 3)
    np.sum(y).backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.any()


def test_the_representation_shows_what_is_unusual():
    assert repr(Conv2d(1, 6, 5, padding=2)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    )
    assert repr(Conv1d(2, 4, 3, 3, 0, 2, 2, False, "reflect")) == (
        "Conv1d(2, 4, kernel_size=(3,), stride=(3,), dilation=(2,), groups=2, "
        "bias=False, padding_mode=reflect)"
    )
