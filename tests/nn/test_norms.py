"""Layers that normalise are their definitions, with statistics of the batch and with running ones."""

import functools

import numpy as np
import pytest

import nn
from microgradnd import Tensor, gradcheck

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


def test_constant_channels_do_no_harm():
    x = Tensor(np.full((4, 2), 1e3), requires_grad=True)
    y = nn.BatchNorm1d(2)(x)
    y.sum().backward()
    assert not y.numpy().any()
    assert np.isfinite(x.grad).all()


def test_many_long_rows_are_each_normalised_and_numpys_buffers_stay_as_they_are(rng):
    x = rng.normal(size=(300, 512))
    before = np.getbufsize()
    y = nn.functional.layer_norm(x, 512)
    assert np.getbufsize() == before
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
