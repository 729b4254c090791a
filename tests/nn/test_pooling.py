"""The places of maxima, and the way back from them, beside PyTorch's."""

import importlib.util

import numpy as np
import pytest

import nn
from microgradnd import Tensor, replay
from tests.nn.layer_checks import check_against_torch, check_slopes

torch = pytest.importorskip("torch") if importlib.util.find_spec("torch") else None
BESIDE = pytest.mark.skipif(torch is None, reason="compares with PyTorch")
F = nn.functional
SHAPES = {1: (2, 3, 11), 2: (2, 3, 8, 9), 3: (2, 3, 6, 5, 7)}
HOW = [
    (2, None, 0, 1, False), (3, 2, 1, 1, False), (3, 2, 1, 1, True), (2, 3, 0, 2, False),
    (3, 1, 1, 2, True),
]  # fmt: skip


@BESIDE
@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("how", HOW)
def test_places_of_maxima_are_pytorchs(rng, axes, how):
    x = rng.integers(0, 6, size=SHAPES[axes]).astype(float)  # several are as large
    kernel, *rest = how
    for array in (x, x[0]):
        options = dict(zip(("stride", "padding", "dilation", "ceil_mode"), rest, strict=True))
        y, places = getattr(F, f"max_pool{axes}d")(array, kernel, **options, return_indices=True)
        pool = getattr(torch.nn, f"MaxPool{axes}d")(kernel, **options, return_indices=True)
        theirs, expected = pool(torch.tensor(array))
        np.testing.assert_array_equal(y, theirs)
        np.testing.assert_array_equal(places, expected)
    y, places = getattr(F, f"adaptive_max_pool{axes}d")(x, 4, return_indices=True)
    theirs, expected = getattr(torch.nn, f"AdaptiveMaxPool{axes}d")(4, True)(torch.tensor(x))
    np.testing.assert_array_equal(y, theirs)
    np.testing.assert_array_equal(places, expected)


@BESIDE
@pytest.mark.parametrize("axes", SHAPES)
def test_the_way_back_is_pytorchs_and_its_slopes_are_right(rng, axes):
    shape, size = SHAPES[axes], SHAPES[axes][2:]
    pool, back = (getattr(nn, f"Max{name}{axes}d") for name in ("Pool", "Unpool"))
    others = (getattr(torch.nn, f"Max{name}{axes}d") for name in ("Pool", "Unpool"))
    their_pool, their_back = others

    def ours(x):
        y, places = pool(2, return_indices=True)(x)
        return back(2)(y, places, size)

    def theirs(x):
        y, places = their_pool(2, return_indices=True)(x)
        return their_back(2)(y, places, output_size=size)

    check_against_torch(ours, theirs, rng.normal(size=shape))
    check_against_torch(ours, theirs, rng.normal(size=shape[1:]))
    check_slopes(ours, rng.normal(size=shape))
    x = rng.normal(size=shape)  # windows overlap: what is put twice in one place counts once
    _, places = getattr(F, f"max_pool{axes}d")(x, 3, 1, return_indices=True)
    check_slopes(lambda y: getattr(F, f"max_unpool{axes}d")(y, places, 3, 1), places / 7.0)


def test_the_way_back_replayed_in_float32_and_refused():
    rng = np.random.default_rng(0)
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
        for found, expected in zip(again(x), step(x), strict=True):
            np.testing.assert_array_equal(found, expected)
    nothing = np.full((1, 2), -np.inf)  # the maximum is in the input, not in the padding
    assert F.max_pool1d(nothing, 2, padding=1, return_indices=True)[1].tolist() == [[0, 1]]
    x = rng.normal(size=(2, 3, 4))
    y, places = F.max_pool1d(x, 2, return_indices=True)
    back = F.max_unpool1d(y, places, 2)
    np.testing.assert_array_equal(back, np.where(np.isin(x, y), x, 0))
    assert F.max_unpool1d(np.ones((1, 2), np.float32), [[0, 2]], 2).dtype == np.float32
    for arguments, message in (
        (([[0, 4]], 2), "numbers from 0 to 3, got 4"),
        (([[0.0, 1.0]], 2), "expected whole numbers, got float64"),
        (([0, 1], 2), r"expected indices of shape \(1, 2\)"),
        (([[0, 1]], 2, None, 0, (6,)), r"less than a stride from \(4,\), got \(6,\)"),
    ):
        with pytest.raises((ValueError, IndexError, TypeError), match=message):
            F.max_unpool1d(np.ones((1, 2)), *arguments)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("around", [(1, 2), (-1, 2), (1, -2, 0, 1), (-1, -1, 2, -1)])
def test_borders_are_pytorchs(mode, around, rng):
    torch, x = pytest.importorskip("torch"), rng.normal(size=(2, 4, 5, 6)[2 - len(around) // 2 :])
    expected = torch.nn.functional.pad(torch.tensor(x), around, mode)
    np.testing.assert_array_equal(F.pad(x, around, mode), expected)
