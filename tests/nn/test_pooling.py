"""Windows: layouts, the places of maxima and the way back, borders, other sizes. For more, see test_layers."""

import itertools

import numpy as np
import pytest

import nn
from microgradnd import Tensor, replay, vjp
from nn.layers import windows
from tests.nn.layer_checks import check_against_torch, check_slopes, torch

F = nn.functional
SHAPES = {1: (2, 3, 11), 2: (2, 3, 8, 9), 3: (2, 3, 6, 5, 7)}
HOW = [
    (2, None, 0, 1, False), (3, 2, 1, 1, False), (3, 2, 1, 1, True), (2, 3, 0, 2, False),
    (3, 1, 1, 2, True),
]  # fmt: skip


@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("how", HOW)
def test_maxima_are_read_at_their_places_and_are_pytorchs_where_several_are_as_large(
    rng, axes, how
):
    x = rng.integers(0, 6, size=SHAPES[axes]).astype(float)
    options = dict(zip(("stride", "padding", "dilation", "ceil_mode"), how[1:], strict=True))
    for name, size, more in (("MaxPool", how[0], options), ("AdaptiveMaxPool", 4, {})):
        given = {**more, "return_indices": True}
        mine = getattr(nn, f"{name}{axes}d")(size, **given)
        y, places = (each.reshape(2, 3, -1) for each in mine(x))
        np.testing.assert_array_equal(np.take_along_axis(x.reshape(2, 3, -1), places, 2), y)
        if torch:
            theirs = getattr(torch.nn, f"{name}{axes}d")(size, **given)
            check_against_torch(lambda x, f=mine: f(x)[0], lambda x, f=theirs: f(x)[0], x, orders=1)
            for array in (x, x[0]) if name == "MaxPool" else (x,):
                np.testing.assert_array_equal(mine(array)[1], theirs(torch.tensor(array))[1])


@pytest.mark.parametrize("axes", SHAPES)
def test_the_way_back_is_pytorchs_and_its_slopes_are_right(rng, axes):
    shape = SHAPES[axes]

    def there_and_back(library):
        pool, back = (getattr(library, f"Max{name}{axes}d") for name in ("Pool", "Unpool"))
        both = pool(2, return_indices=True), back(2)
        return lambda x: both[1](*both[0](x), output_size=shape[2:])

    for each in (shape, shape[1:]) if torch else ():
        check_against_torch(there_and_back(nn), there_and_back(torch.nn), rng.normal(size=each))
    x = rng.normal(size=shape)
    check_slopes(there_and_back(nn), x)
    # windows overlap: what is put twice in one place counts once
    _, places = getattr(F, f"max_pool{axes}d")(x, 3, 1, return_indices=True)
    check_slopes(lambda y: getattr(F, f"max_unpool{axes}d")(y, places, 3, 1), places / 7.0)


def test_the_way_back_replayed_in_float32_and_of_nothing(rng):
    w = Tensor(rng.normal(size=(1, 4)), requires_grad=True)

    def step(x):
        w.zero_grad()
        y, places = F.max_pool1d(x * w, 2, return_indices=True)
        loss = np.sum(F.max_unpool1d(y, places, 2) ** 3)
        loss.backward()
        return loss.numpy(), w.grad.copy()

    again = replay(step)
    for _ in range(6):
        x = rng.normal(size=(3, 4))
        np.testing.assert_equal(again(x), step(x))
    nothing = np.full((1, 2), -np.inf)  # the maximum is in the input, not in the padding
    assert F.max_pool1d(nothing, 2, padding=1, return_indices=True)[1].tolist() == [[0, 1]]
    assert F.max_unpool1d(np.ones((1, 2), np.float32), [[0, 2]], 2).dtype == np.float32


def test_a_subclass_has_the_border_of_its_class():
    class Mirrored(nn.ReflectionPad1d): ...

    assert Mirrored(1)([[1.0, 2.0]]).tolist() == [[2, 1, 2, 1]]


@pytest.mark.parametrize(("mode", "around", "expected"), [
    ("constant", (-1, 2), [2, 3, 0, 0]), ("reflect", (-1, 2), [2, 3, 2, 1]),
    ("circular", (-1, 2), [2, 3, 2, 3]), ("replicate", (-1, 2), [2, 3, 3, 3]),
    ("replicate", (-3, 2), [3, 3]), ("replicate", (2, -3), [1, 1]),
])  # fmt: skip
def test_a_border_beside_a_cut_even_if_all_is_cut_off(mode, around, expected):
    assert F.pad([1.0, 2.0, 3.0], around, mode).tolist() == expected


def test_a_gradient_that_is_not_selected_does_not_turn_into_nan():
    x = Tensor([[0.0, 4.0, 1.0, 9.0]], requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.sum(F.max_pool1d(np.sqrt(x), 2)).backward()
    assert x.grad.tolist() == [[0, 0.25, 0, 1 / 6]]


@pytest.mark.parametrize("layer", [
    nn.Conv2d(3, 2, 3), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AvgPool2d(2, padding=1), nn.MaxPool2d(3, 1, 1),
    nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"),
])  # fmt: skip
def test_layouts_single_examples_and_none_at_all(rng, layer):
    x = rng.normal(size=(2, 3, 4, 6))
    y = np.asarray(layer.requires_grad_(False)(x))
    for order in itertools.permutations(range(4)):
        laid_out = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_allclose(layer(laid_out), y, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(layer(x[::-1])[::-1], y, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(layer(x[1]), y[1])
    nothing = Tensor(x[:0], requires_grad=True)
    assert layer(nothing).shape == (0, *y.shape[1:])
    np.sum(layer(nothing)).backward()
    assert nothing.grad.shape == nothing.shape


def test_however_many_windows_fit_into_a_cache_the_sums_are_the_same(rng, monkeypatch):
    x, w = rng.normal(size=(2, 4, 6, 7)), rng.normal(size=(4, 2, 3, 2))

    def results():
        windows.Windows.blocks.cache_clear()
        y, pull = vjp(lambda x, w: F.conv2d(x, w, stride=(1, 2), padding=1, groups=2), x, w)
        return [y, *pull(np.cos(y))]

    at_once = results()
    monkeypatch.setattr(windows, "_CACHE", 1)
    for found, expected in zip(results(), at_once, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    windows.Windows.blocks.cache_clear()


def test_the_first_of_equal_maxima_has_the_whole_gradient():
    x = Tensor(np.zeros((1, 4, 4)), requires_grad=True)
    np.sum(F.max_pool2d(x, 2)).backward()
    assert x.grad[0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    x = Tensor([[3.0, 5.0, 5.0, 5.0]], requires_grad=True)
    np.sum(F.max_pool1d(x, 3, stride=1)).backward()
    assert x.grad.tolist() == [[0, 2, 0, 0]]


def test_what_is_unusual_is_shown():
    assert repr(nn.Conv2d(1, 6, 5, padding=2)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    )
    assert repr(nn.Conv1d(2, 4, 3, 3, 0, 2, 2, False, "reflect")) == (
        "Conv1d(2, 4, kernel_size=(3,), stride=(3,), dilation=(2,), groups=2, "
        "bias=False, padding_mode=reflect)"
    )
