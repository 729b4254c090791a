"""Convolution: PyTorch's numbers for every option, exact derivatives, and errors that explain."""

import itertools
import math

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients, hvp, jvp, no_grad
from nn.init import manual_seed
from nn.layers.convolution import Conv1d, Conv2d, conv1d, conv2d
from nn.module import Module
from tests.numerical import slope

STRIDES = 1, 2, (2, 1)
PADDINGS = 0, 1, (2, 1), "same", "valid"
DILATIONS = 1, 2, (1, 2)
OPTIONS = [
    pytest.param(stride, padding, dilation, groups, id=f"{stride}-{padding}-{dilation}-{groups}")
    for stride, padding, dilation, groups in itertools.product(STRIDES, PADDINGS, DILATIONS, (1, 2))
    if padding != "same" or stride == 1
]


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


def against_torch(ours, theirs, arrays):
    """The value, the gradients, and second derivatives, to 1e-12 of the largest entry."""
    torch = pytest.importorskip("torch")
    mine = [Tensor(array, requires_grad=True) for array in arrays]
    others = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, z = ours(*mine), theirs(*others)
    close(y, z)
    first = gradients(np.sum(y**3), mine)
    expected = torch.autograd.grad((z**3).sum(), others, create_graph=True)
    for a, b in zip(first, expected, strict=True):
        close(a, b)
    second = gradients(sum(np.sum(g**2) for g in first), mine)
    expected = torch.autograd.grad(sum((g**2).sum() for g in expected), others)
    for a, b in zip(second, expected, strict=True):
        close(a, b)


def close(mine, other):
    other = other.detach().numpy()
    scale = np.abs(other).max(initial=1e-300)
    np.testing.assert_allclose(mine.numpy(), other, rtol=0, atol=1e-12 * scale)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), OPTIONS)
def test_torch_gives_the_same_with_every_option(rng, stride, padding, dilation, groups):
    torch = pytest.importorskip("torch")
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    arrays = [rng.normal(size=s) for s in ((2, 4, 7, 8), (6, 4 // groups, 3, 2), (6,))]
    against_torch(
        lambda *a: conv2d(*a, **options),
        lambda *a: torch.nn.functional.conv2d(*a, **options),
        arrays,
    )
    options |= {key: value[0] for key, value in options.items() if isinstance(value, tuple)}
    arrays = [rng.normal(size=s) for s in ((2, 4, 9), (6, 4 // groups, 3), (6,))]
    against_torch(
        lambda *a: conv1d(*a, **options),
        lambda *a: torch.nn.functional.conv1d(*a, **options),
        arrays,
    )


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_with_torchs_weights_is_torchs_layer(rng, mode, kind, bias):
    torch = pytest.importorskip("torch")
    options = {"padding": 2, "dilation": 2, "groups": 2, "bias": bias, "padding_mode": mode}
    mine = {"Conv1d": Conv1d, "Conv2d": Conv2d}[kind](4, 6, 3, **options)
    other = getattr(torch.nn, kind)(4, 6, 3, **options, dtype=torch.float64)
    assert list(mine.state_dict()) == list(other.state_dict())
    mine.load_state_dict(other.state_dict())
    for shape in ((3, 4, 9, 9)[: mine.axes + 2], (4, 9, 9)[: mine.axes + 1]):
        x = rng.normal(size=shape)
        x_mine, x_other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = mine(x_mine), other(x_other)
        close(y, z)
        mine.zero_grad()
        other.zero_grad()
        np.sum(y**2).backward()
        (z**2).sum().backward()
        np.testing.assert_allclose(x_mine.grad, x_other.grad, atol=1e-12)
        for p, q in zip(mine.parameters(), other.parameters(), strict=True):
            np.testing.assert_allclose(p.grad, q.grad, atol=1e-11)


def test_derivatives_are_the_slopes(rng):
    shapes = (2, 2, 5, 6), (4, 1, 2, 3), (4,)
    points, directions = ([rng.normal(size=s) for s in shapes] for _ in range(2))

    def loss(x, w, b):
        y = conv2d(x, w, b, stride=(1, 2), padding=(1, 0), dilation=(2, 1), groups=2)
        return np.sum(np.tanh(y) * y)

    slopes = slope(loss, points, directions)
    found = grad(loss, (0, 1, 2))(*points)
    expected = sum(np.sum(g * v) for g, v in zip(found, directions, strict=True))
    np.testing.assert_allclose(slopes[0], expected, rtol=1e-9)
    np.testing.assert_allclose(jvp(loss, tuple(points), tuple(directions))[1], slopes[0], rtol=1e-9)
    curved = hvp(loss, tuple(points), tuple(directions))
    slopes = slope(grad(loss, (0, 1, 2)), points, directions)
    for product, change in zip(curved, slopes, strict=True):
        np.testing.assert_allclose(product, change, rtol=1e-7, atol=1e-8)


def test_a_layer_of_kernels_of_size_one_is_dense(rng):
    x, w = rng.normal(size=(3, 5, 4)), rng.normal(size=(2, 5, 1))
    expected = np.einsum("oc,ncl->nol", w[..., 0], x)
    np.testing.assert_allclose(conv1d(x, w), expected, atol=1e-14)


def test_the_layout_in_memory_changes_nothing(rng):
    x, w = rng.normal(size=(3, 2, 6, 5)), rng.normal(size=(4, 2, 3, 3))
    y = conv2d(x, w)
    for order in itertools.permutations(range(4)):
        laid_out = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_allclose(conv2d(laid_out, w), y, rtol=1e-13, atol=1e-13)
    flipped = conv2d(x[::-1], w)
    np.testing.assert_allclose(flipped[::-1], y, rtol=1e-13, atol=1e-13)


def test_plain_arrays_and_single_precision(rng):
    x, w = rng.normal(size=(1, 1, 4, 4)), rng.normal(size=(1, 1, 2, 2))
    assert isinstance(conv2d(x, w), np.ndarray)
    layer = Conv2d(1, 2, 3).astype(np.float32)
    for given in (x.astype(np.float32), np.ones((1, 1, 4, 4), int), np.ones((1, 1, 4, 4)).tolist()):
        y = layer(given)
        assert y.dtype == np.float32
        np.sum(y).backward()
        assert layer.weight.grad.dtype == layer.bias.grad.dtype == np.float32
    with no_grad():
        assert not layer(x).requires_grad


def test_no_examples_are_no_error():
    layer = Conv2d(2, 3, 3)
    x = Tensor(np.zeros((0, 2, 5, 5)), requires_grad=True)
    y = layer(x)
    assert y.shape == (0, 3, 3, 3)
    np.sum(y).backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.any()


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    manual_seed(0)
    layer = Conv2d(20, 60, 5, groups=2)
    bound = 1 / math.sqrt(10 * 25)
    for values in (layer.weight.numpy(), Conv1d(10, 5000, 25).bias.numpy()):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.99 * bound
        np.testing.assert_allclose(values.std(), bound / math.sqrt(3), rtol=0.02)
    manual_seed(0)
    assert np.array_equal(Conv2d(20, 60, 5, groups=2).weight.numpy(), layer.weight.numpy())


class Net(Module):
    def __init__(self):
        self.first = Conv2d(3, 4, 5)


def test_errors_name_the_layer_and_the_shapes():
    layer = Net().first
    for shape, message in (
        (
            (2, 1, 9, 9),
            r"first \(Conv2d\): expected an input of shape \(N, 3, height, width\).*\(2, 1, 9, 9\)",
        ),
        ((9, 9), r"first \(Conv2d\): .* got \(9, 9\)"),
        ((1, 2, 3, 9, 9), r"got \(1, 2, 3, 9, 9\)"),
        ((2, 3, 4, 9), r"first \(Conv2d\): a kernel of 5 by 5 does not fit an input of 4 by 9"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(np.zeros(shape))
    narrow = Conv1d(1, 1, 4, padding=1, dilation=2)
    with pytest.raises(
        ValueError,
        match=r"Conv1d: a kernel of length 4 with dilation \(2,\) does not fit an input of "
        r"length 3 with padding \(\(1, 1\),\)",
    ):
        narrow(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2, 2))),
            r"expected a weight.*\(3, 2, 2, 2\)",
        ),
        (lambda: conv1d(np.ones((1, 2, 5)), np.ones((3, 1, 2)), groups=2), r"divisible by groups"),
        (
            lambda: conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2)), np.ones(2)),
            r"bias of shape \(3,\), got \(2,\)",
        ),
        (
            lambda: conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2)), stride=0),
            r"stride must be a whole number, 1 or more, got 0",
        ),
        (
            lambda: conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 2, 2, 2)), padding=(1, 2, 3)),
            r"padding .* 2 of them.*, got \(1, 2, 3\)",
        ),
        (
            lambda: conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 2, 2, 2)), dilation=1.5),
            r"dilation .* got 1.5",
        ),
        (lambda: Conv2d(3, 4, 2, padding="some"), r"'same' or 'valid', got 'some'"),
        (
            lambda: Conv2d(3, 4, 2, stride=2, padding="same"),
            r"padding='same' is for stride 1, got \(2, 2\)",
        ),
        (
            lambda: Conv2d(3, 4, 2, groups=2),
            r"in_channels=3 and out_channels=4 must be divisible by groups=2",
        ),
        (
            lambda: Conv2d(3, 4, 2, padding_mode="mirror"),
            r"one of zeros, reflect, replicate, circular, got 'mirror'",
        ),
        (
            lambda: Conv1d(1, 1, 2, padding=1, padding_mode="reflect")(np.ones(5)),
            r"Conv1d: expected an input.*\(5,\)",
        ),
    ],
)
def test_misuse_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_representation_shows_what_is_unusual():
    assert repr(Conv2d(1, 6, 5, padding=2)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    )
    torch = pytest.importorskip("torch")
    for options in (
        {},
        {"padding": "same", "dilation": 2, "bias": False},
        {"stride": 3, "groups": 2, "padding_mode": "reflect"},
    ):
        assert repr(Conv1d(2, 4, 3, **options)) == repr(torch.nn.Conv1d(2, 4, 3, **options))
