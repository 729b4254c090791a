"""Convolution and pooling are what their definitions say. For more, see test_layers."""

import numpy as np
import pytest

from microgradnd import Tensor, gradcheck
from nn import AvgPool1d, Conv1d, Conv2d, MaxPool1d, MaxPool2d
from nn.functional import avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d
from nn.layers import windows


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


@pytest.fixture(params=["all windows at once", "row by row"])
def in_blocks(request, monkeypatch):
    """However many windows fit into a processor's cache."""
    if request.param == "row by row":
        monkeypatch.setattr(windows, "_CACHE", 1)
    windows.Windows.blocks.cache_clear()
    yield
    windows.Windows.blocks.cache_clear()


@pytest.mark.usefixtures("in_blocks")
@pytest.mark.parametrize("options", [
    {}, {"stride": (2, 1), "padding": (1, 2)}, {"dilation": (2, 3), "padding": (2, 0)},
    {"groups": 2, "stride": (1, 3)}, {"groups": 4},
])  # fmt: skip
def test_it_is_the_sum_over_each_window(rng, options):
    groups = options.get("groups", 1)
    x, w = rng.normal(size=(2, 4, 6, 7)), rng.normal(size=(8, 4 // groups, 3, 2))
    b = rng.normal(size=8)
    expected = one_sum_after_the_other(x, w, b, **options)
    np.testing.assert_allclose(conv2d(x, w, b, **options), expected, atol=1e-13)
    arguments = [Tensor(each, requires_grad=True) for each in (x, w, b)]
    assert gradcheck(lambda x, w, b: np.tanh(conv2d(x, w, b, **options)), *arguments)


def test_in_one_dimension_it_is_correlation(rng):
    x, w = rng.normal(size=50), rng.normal(size=7)
    y = conv1d(x[None], w[None, None])
    np.testing.assert_allclose(y[0], np.correlate(x, w, "valid"), atol=1e-13)
    y = conv1d(x[None], w[None, None], padding="same")
    np.testing.assert_allclose(y[0], np.correlate(x, w, "same"), atol=1e-13)


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


def test_arrays_and_lists_in_arrays_out_and_what_is_unusual_is_shown(rng):
    x = rng.normal(size=(1, 4, 4))
    assert all(isinstance(y, np.ndarray) for y in (conv2d(x, x[None, :, :2]), MaxPool2d(2)(x)))
    assert MaxPool1d(2)([[1, 3, 2, 4]]).tolist() == [[3, 4]]
    assert AvgPool1d(2)(np.array([[1, 2, 2, 4]])).tolist() == [[1.5, 3]]
    assert repr(Conv2d(1, 6, 5, padding=2)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    )
    assert repr(Conv1d(2, 4, 3, 3, 0, 2, 2, False, "reflect")) == (
        "Conv1d(2, 4, kernel_size=(3,), stride=(3,), dilation=(2,), groups=2, "
        "bias=False, padding_mode=reflect)"
    )
