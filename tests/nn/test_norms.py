"""Layers that normalise are their definitions, with statistics of the batch and with running ones."""

import functools

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck
from nn import LayerNorm
from nn.functional import batch_norm

NORMS = {  # further arguments, the shape in which an array of shape (4, 6, 5) is read, and the axes
    "batch_norm": ((None, None), (4, 6, 5), (0, 2)),
    "instance_norm": ((), (4, 6, 5), 2),
    "group_norm": ((2,), (4, 2, 3, 5), (2, 3)),
    "layer_norm": (((6, 5),), (4, 6, 5), (1, 2)),
}


@pytest.mark.parametrize("given", ["", "weight", "bias", "weight bias"])
@pytest.mark.parametrize("name", NORMS)
def test_norms_are_their_definition_also_of_integers(rng, name, given):
    arguments, shape, axes = NORMS[name]
    how = {"training": True} if name == "batch_norm" else {}
    norm = functools.partial(getattr(nn.functional, name), **how)
    x, of_one = rng.integers(0, 9, size=(4, 6, 5)), (6, 5) if name == "layer_norm" else (6, 1)
    options = {key: rng.integers(1, 5, size=of_one).squeeze() for key in given.split()}
    read = x.reshape(shape)
    mean, variance = (f(read, axis=axes, keepdims=True) for f in (np.mean, np.var))
    y = np.reshape((read - mean) / np.sqrt(variance + 1e-5), x.shape)
    w, b = (
        np.reshape(options.get(key, np.full(of_one, n)), of_one)
        for key, n in (("weight", 1), ("bias", 0))
    )
    np.testing.assert_allclose(norm(x, *arguments, **options), y * w + b, rtol=1e-12, atol=1e-14)
    floats = [array.astype(float) for array in (x, *options.values())]
    assert gradcheck(
        lambda x, *more: norm(x, *arguments, **dict(zip(options, more, strict=True))), *floats
    )


@pytest.mark.parametrize(("layer", "shape", "axes"), [
    (nn.BatchNorm1d(6, 0.3), (4, 6), 0), (nn.BatchNorm1d(6, 0.3), (4, 6, 5), (0, 2)),
    (nn.BatchNorm2d(6, 0.3), (4, 6, 5, 2), (0, 2, 3)), (nn.GroupNorm(6, 6, 0.3), (4, 6, 5), 2),
    (nn.InstanceNorm2d(6, 0.3, affine=True), (4, 6, 5, 2), (2, 3)),
    (LayerNorm((6, 5), 0.3), (4, 6, 5), (1, 2)),
])  # fmt: skip
def test_layers_normalise_over_their_axes_with_their_own_eps(rng, layer, shape, axes):
    layer.weight.data[...], layer.bias.data[...] = 2.0, 1.0
    x = rng.normal(5, 3, size=shape)
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (np.mean, np.var))
    y = 2 * (x - mean) / np.sqrt(variance + 0.3) + 1
    np.testing.assert_allclose(layer(x).numpy(), y, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_local_response_norm_divides_by_what_its_neighbours_are(rng, size):
    x = rng.normal(size=(2, 5, 3))
    for c, y in enumerate(np.moveaxis(nn.LocalResponseNorm(size, 0.5, 0.6, 2.0)(x), 1, 0)):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        square = np.sum(near**2, axis=1) / size
        np.testing.assert_allclose(y, x[:, c] / (2 + 0.5 * square) ** 0.6, rtol=1e-13)


def test_constant_channels_do_no_harm():
    x = Tensor(np.full((4, 2), 1e3), requires_grad=True)
    y = nn.BatchNorm1d(2)(x)
    y.sum().backward()
    assert not y.numpy().any()
    assert np.isfinite(x.grad).all()


def test_without_momentum_the_statistics_are_plain_averages_over_the_batches(rng):
    layer, batches = nn.BatchNorm1d(2, momentum=None), rng.normal(3, 2, size=(7, 5, 2))
    for batch in batches:
        layer(batch)
    np.testing.assert_allclose(layer.running_mean, batches.mean(axis=1).mean(axis=0), rtol=1e-13)
    variances = batches.var(axis=1, ddof=1)
    np.testing.assert_allclose(layer.running_var, variances.mean(axis=0), rtol=1e-13)
    x = np.array([[1.0, 2.0]])  # one point alone, as the network is used
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + layer.eps)
    np.testing.assert_allclose(layer.eval()(x).numpy(), expected, rtol=1e-13)
    assert layer.num_batches_tracked == 7


def test_batch_norm_as_a_function_moves_the_statistics_it_is_given(rng):
    x, mean, variance = rng.normal(size=(5, 2)), np.zeros(2), np.ones(2)
    y = batch_norm(x, mean, variance, training=True, momentum=0.5)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(mean, x.mean(axis=0) / 2)
    np.testing.assert_allclose(variance, (1 + x.var(axis=0, ddof=1)) / 2)
