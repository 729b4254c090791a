"""The networks of the papers: their layers by definition, their gradients by differences."""

import numpy as np
import pytest

import nn
from microgradnd import Tensor
from nn import networks
from nn.losses import cross_entropy
from tests.numerical import plain, slope


@pytest.mark.parametrize(("build", "side"), [("lenet1989", 16), ("lenet1998", 32), ("lenet5", 28)])
def test_gradients_of_the_lenets_are_those_of_differences(build, side, rng):
    model, labels = getattr(networks, build)(), np.array([3, 7])
    x = rng.normal(size=(2, 1, side, side))
    names, parameters = zip(*model.named_parameters(), strict=True)
    assert names[:2] == ("0.weight", "0.bias")  # an optimiser's state is in this order
    arrays = [parameter.numpy() for parameter in parameters]
    directions = [rng.normal(size=array.shape) / np.sqrt(array.size) for array in arrays]

    def loss(*arrays):
        outputs = nn.functional_call(model, dict(zip(names, arrays, strict=True)), x)
        return cross_entropy(-outputs, labels)

    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    loss(*tensors).backward()
    along = sum(np.sum(t.grad * v) for t, v in zip(tensors, directions, strict=True))
    (expected,) = slope(loss, arrays, directions, step=1e-4)
    np.testing.assert_allclose(along, expected, rtol=1e-6)
    assert all(np.any(t.grad) for t in tensors)


@pytest.mark.parametrize(("padding", "stride"), [(0, 1), (2, 2)])
def test_a_table_says_which_maps_are_read(padding, stride, rng):
    table = [[1], [0, 2], [0, 1, 2]]
    layer = networks.TableConv2d(table, 3, (3, 1, 1), stride, padding, background=-1.0)
    layer.bias.data = rng.normal(size=(3, 1, 1))
    x, kernels = rng.normal(size=(2, 3, 6, 6)), np.zeros((3, 3, 3, 3))
    pairs = [(output, map_) for output, maps in enumerate(table) for map_ in maps]
    for (output, map_), kernel in zip(pairs, layer.weight.numpy(), strict=True):
        kernels[output, map_] = kernel
    wide = np.pad(x + 1, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2)) - 1
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(2, 3))
    expected = np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], kernels)
    np.testing.assert_allclose(plain(layer(x)), expected + layer.bias.numpy(), rtol=1e-11)


def test_lenet1998_has_the_table_of_the_paper_and_pictures_that_differ_in_many_points():
    model = networks.lenet1998()
    rows = [
        "X   XXX  XXXX XX",
        "XX   XXX  XXXX X",
        "XXX   XXX  X XXX",
        " XXX  XXXX  X XX",
        "  XXX  XXXX XX X",
        "   XXX  XXXX XXX",
    ]
    drawn = {(i, o) for i, row in enumerate(rows) for o, mark in enumerate(row) if mark == "X"}
    assert set(zip(model[4].inputs.tolist(), model[4].outputs.tolist(), strict=True)) == drawn
    pictures = model[-1].weight
    assert pictures.shape == (10, 84)
    assert set(np.unique(pictures)) == {-1, 1}
    apart = 4 * np.count_nonzero(pictures[:, np.newaxis] != pictures, axis=-1)
    np.testing.assert_array_equal(plain(model[-1](pictures)), apart)
    assert np.all(apart + 16 * np.eye(10) >= 16)


def test_subsampling_sums_blocks_and_the_squashing_function_is_1_at_1(rng):
    layer, x = networks.Subsampling(2), rng.normal(size=(3, 2, 4, 4))
    layer.bias.data = rng.normal(size=(2, 1, 1))
    blocks = sum(x[:, :, i::2, j::2] for i in range(2) for j in range(2))
    expected = layer.weight.numpy() * blocks + layer.bias.numpy()
    np.testing.assert_allclose(plain(layer(x)), expected, rtol=1e-12)
    assert networks.ScaledTanh()(1.0) == pytest.approx(1, abs=1e-4)


@pytest.mark.heavy
def test_alexnet_runs_forwards_and_backwards(rng):
    model = networks.alexnet().astype(np.float32)
    loss = cross_entropy(model(rng.normal(size=(1, 3, 227, 227)).astype(np.float32)), [7])
    assert loss.item() == pytest.approx(np.log(1000), rel=0.3)
    loss.backward()
    assert all(np.isfinite(p.grad).all() and np.any(p.grad) for p in model.parameters())
