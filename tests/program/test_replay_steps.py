"""Arguments, and steps written by hand: replayed, they do the same, bit for bit."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import nn
from microgradnd import Tensor, gradients, no_grad, replay, scope
from microgradnd.program import afresh
from nn.init import generator
from tests.program.replayed import X, bits, check, replays, squares, world_of  # fmt: skip

KINDS = [
    [(X, 0.5), (X[:1], 0.5), (X[:0], 0.5), (X.astype(np.float32), np.float32(0.5))],
    [(X, np.array(0.5)), (X, np.float64(0.5)), (Tensor(X), Tensor(0.5)), (X, True)],
    [(X, X), (X, X + 1)],
]


@pytest.mark.parametrize("calls", KINDS)
def test_shapes_and_dtypes_and_kinds_of_arguments(calls):
    def step(world, x, k):
        return world.descend(np.sum(squares(world, x) * k + k * world.w)), x, x[..., ::-1]

    check(world_of(step), calls=calls)


@replays(calls=[(X.astype(np.float32),), (np.exp(X).astype(np.float32),)])
def test_numbers_of_numpy_keep_their_dtype(world, x):
    return [x * number for number in (0.1, np.float32(0.1), np.float64(0.1))]


def test_arguments_that_are_not_contiguous_count_as_if_they_were():
    make = world_of(lambda world, x: world.descend(np.sum(np.exp(x * world.w), axis=0).sum(), 1e-3))
    alone, other = make(), make()
    fast, big = replay(other.step), np.sin(np.arange(600.0)).reshape(50, 12)
    for x in [big[:, ::4], np.asfortranarray(big[:, :3]), big[::-1, :3], big[:, :3]] * 3:
        assert bits(fast(x)) == bits(alone.step(np.ascontiguousarray(x)))
        assert other.seen() == alone.seen()


ORDERED = {
    "maximum": lambda a: np.maximum(a, 0.1),
    "np.copy": np.copy,
    "copy.copy": lambda a: Tensor(copy.copy(a.numpy()), copy=False) * a,
    "astype": lambda a: a.astype(np.float32),
    "where": lambda a: np.where(a > 1, a, 0),
    "ones_like": lambda a: a * np.ones_like(a),
}


@pytest.mark.parametrize("function", ORDERED.values(), ids=ORDERED)
@replays(calls=[(1.0,), (1.1,)], shape=(40, 300))
def test_entries_stay_in_their_order_in_memory_in_which_they_are_added(world, x, function):
    each = np.sum(function(np.exp(world.w.T * x)), axis=0)
    return world.descend(np.sum(each * each), 1e-9)


WIDE = np.sin(np.arange(45.0)).reshape(5, 9)


@pytest.mark.parametrize("rows", [5, 3])
@replays(calls=[(WIDE,), (np.exp(WIDE),), (WIDE**2,)], shape=(9,))
def test_products_with_constants_that_lie_in_any_way(world, x, rows):
    """NumPy adds the products in another order where it cannot hand the arrays to BLAS."""
    numbers = np.sqrt(np.arange(1.0, 82)).reshape(9, 9)
    backwards = [numbers[::-1], numbers[:, ::-1], numbers[:, ::2], numbers[:, 1:6].T[::-1].T]
    repeated = [np.broadcast_to(part, (9, 4)) for part in (numbers[0, 0], numbers[0, :4])]
    found = [x[:rows] @ constant for constant in [*backwards, *repeated]]
    return world.descend(squares(world, x), 1e-6), found


@replays(calls=[(WIDE,), (np.exp(WIDE),), (WIDE**2,)], shape=(9,))
def test_windows_look_at_the_memory_of_an_array(world, x):
    whole = x * 2.0
    windows = sliding_window_view(whole, 4, axis=1)
    same = sliding_window_view(np.broadcast_to(world.w.data[0], 9), 7)
    products = windows @ np.cos(np.arange(4.0)), same.ravel() @ x.ravel()[:21], same @ x[0, :7]
    whole[...] = x + 1
    return world.descend(squares(world, x), 1e-6), products, np.sum(windows, axis=0)


class Outcome(NamedTuple):
    loss: Tensor
    mean: Tensor


def test_what_is_returned_is_the_callers_to_change():
    def step(x):
        return np.sum(x), np.zeros(2), Tensor([1.0, 2.0])

    fast = replay(step)
    for _ in range(5):
        returned = fast(X)
        assert bits(returned) == bits(step(X))
        returned[1][0] = returned[2].data[0] = 7


def steps_by_hand():
    def penalties(world, x):
        penalty = 0.01 * np.sum(np.abs(world.w)) + 0.02 * np.sum(world.w**2)
        loss = world.backward(squares(world, x) + penalty)
        length = np.sqrt(np.sum(world.w.grad**2))
        world.w.data -= 0.1 * world.w.grad * np.minimum(1, 0.5 / (length + 1e-6))
        return loss, length

    def second_order(world, x):
        (slope,) = gradients(np.sum((x * world.w) ** 3), [world.w])
        return world.descend(squares(world, x) + 0.1 * np.sum(slope**2))

    def accumulated_in_two_passes(world, x):
        squares(world, x).backward()
        np.sum(x * world.w).backward()
        world.w.data -= 0.01 * world.w.grad
        return world.w.grad

    def gradients_in_place(world, x):
        world.backward(squares(world, x))
        world.w.grad *= 0.5
        world.w.data = world.w.data - 0.1 * world.w.grad
        world.w.grad = world.w.grad * 2
        return world.w.grad

    def parts_copied(world, x):
        t, s = np.zeros_like(x), x * 2
        t[:1] = s[:1]
        beside_zeros = world.descend(np.sum((t * world.w + 1) ** 2))
        t[1:, :2] = s[:1, 1:]
        t[..., 2] += 1
        np.copyto(t[0], -1.0, where=t[1] > 0)
        s[0] = t[1]
        s[s > 1] = 0.5
        return beside_zeros, world.descend(np.sum((t * world.w + s) ** 2)), s, t

    def powers(world, x):
        bases = np.abs(x) + 0.1 * world.w.data**2
        found = [bases**exponent for exponent in (2, 2.0, 0.5, -1, -1.0, 1, 0, 3, -0.5)]
        found += [world.v**world.w, world.w**world.v]
        return world.descend(np.sum(((x * world.w) ** 2 + 1) ** 0.5)), found

    def powers_of_numbers(world, x):
        length = np.sum((x * world.w.data) ** 2)  # a number, whose powers NumPy finds otherwise
        loss = world.descend(sum(np.sum((x * world.w) ** 2) ** e for e in (0.5, 1.5, 3)), 1e-4)
        found = [length**exponent for exponent in (2, 0.5, -1, 3, 1 / 3)]
        return loss, found, 0.9**length, [n**3 for n in x[0]], np.mean(x).astype(np.float32) ** 3

    def extremes_and_both_zeros(world, x):
        zeros = np.where(x > 0, x, 0.0) * np.array([-1.0, 1.0])[:, None]
        greater = np.maximum(x * world.w, 0), np.maximum(0.25, world.w), np.maximum(x, x[0])
        functions = np.maximum, np.minimum, np.multiply, np.full_like
        signs = [np.copysign(1.0, f(zeros, zero)) for f in functions for zero in (0.0, -0.0)]
        clipped = x.clip(0), x.clip(max=0.5), x.clip(-0.5, 0.5)
        full = np.full_like(x, x[0], np.float32), np.full_like(a=x, fill_value=world.n, order="F")
        return world.descend(sum(map(np.sum, greater))), greater, signs, clipped, full

    def products_of_every_other_column(world, x):
        wide = np.sin(np.arange(3 * 60.0)).reshape(60, 3).T + x[:1].T  # columns, and with gaps
        found = [wide[:, ::3] @ wide[:, 1::3].T, wide @ wide.T, wide[::2] @ wide[1:].T]
        return world.descend(squares(world, x)), found

    def products_of_equal_arrays(world, x):
        wide = np.sin(np.outer(np.arange(17.0), np.arange(19)) * x[0, 0]).astype(np.float32)
        keys, queries = np.exp(wide), np.exp(wide)
        found = [keys @ queries.T, keys.copy() @ keys.T, keys @ keys.T]
        found += [keys[:9] @ keys[:9].copy().T]
        stacked = wide[None] * 2, wide[None] * 2
        return world.descend(squares(world, x)), found, stacked[0] @ np.swapaxes(stacked[1], 1, 2)

    def parts_moved(world, x):
        values = world.w.data.copy()
        values[:2] = values[1:]
        values[::-1][:1] = x[0, 0]
        return world.descend(np.sum((x * world.w + values) ** 2)), values

    def arrays_overwritten_after_they_were_read(world, x):
        slowed, w = world.v * 0.9, world.w.data * 0.5
        later = np.tanh(slowed + world.v) * x[0]
        world.a *= 0.5
        world.a += np.exp(-world.a)
        world.v[...] = slowed + later
        world.w.data[...] = w + np.sin(w) * world.w.data
        return world.descend(squares(world, x) + np.sum(world.v * world.w)), slowed, world.a

    def constants_changed_before_the_way_back(world, x):
        t, v = x * 2, world.v
        loss = np.sum((t * world.w) ** 2) + np.sum(v * world.w * x[0]) + np.sum(world.w**2 @ t.T)
        t += 1
        v *= 0.9
        t[0] = v
        return world.descend(loss), t

    def in_scopes(world, x):
        with scope("outer"):
            loss = world.descend(squares(world, x))
            with no_grad():
                again = squares(world, x)
        return loss, again

    def quietly(world, x):
        with np.errstate(all="ignore"):
            return world.descend(np.sum(np.log(np.abs(np.floor(x * world.w)) * world.w)), 0.0)

    def integers_and_their_bits(world, x):
        whole = np.floor(4 * np.abs(x)).astype(int)
        found = whole << 1, 1 << whole, whole >> 1, whole ^ 5, (x > 0) ^ (world.w.data > 0)
        return world.descend(np.sum(np.ldexp(world.w, 2) * x)), found, np.ldexp(x, -3)

    def products_of_complex_arrays(world, x):
        waves = np.fft.fft(x)
        signs = waves * complex(0.0, -0.0), waves * complex(0.0, 0.0)
        return world.descend(squares(world, x)), np.vdot(waves, waves), signs

    def returns_many(world, x):
        loss = world.descend(squares(world, x))
        rest = [x, x.T, (np.mean(x > 0), None, "name"), Outcome(loss, np.mean(x))]
        unchanging = np.zeros(2), Tensor([1.0, 2.0]), np.float64(3)
        return {"loss": loss, "rest": rest}, world.w, unchanging

    def in_a_circle(world, x):
        circle = [x * 2]
        circle.append(circle)
        return world.descend(squares(world, circle[0]))

    return {f.__name__: f for f in list(locals().values())}


@pytest.mark.parametrize("step", steps_by_hand().values(), ids=steps_by_hand())
def test_steps_by_hand(step):
    check(world_of(step), calls=[(X + n / 7,) for n in range(8)])


wide = np.cos(np.arange(37 * 41.0)).reshape(37, 41)


@replays(shape=(37, 41), calls=[(wide,), (wide**2,)])
def test_sums_of_a_gradient_whose_entries_lie_column_by_column(world, x):
    loss = world.descend(np.sum((x.T * world.w.T) ** 2), 1e-3)
    return loss, np.sum(world.w.grad), np.sum(world.w.grad.astype(np.float32))


@pytest.mark.parametrize("shape", [(), (1,), (0, 3)])
def test_parameters_without_axes_or_entries(shape):
    six = Tensor(2.0) * 3  # a constant that holds one of NumPy's scalars
    step = world_of(lambda world, x: world.descend(squares(world, x) * six), shape)
    check(step, calls=[(X[:1],), (X[:1] + 1,)])


DRAWS = [
    ("random", 3),
    ("random", (2, 3), np.float32),
    ("standard_normal", 3),
    ("normal", 0, 1, 3),
    ("permutation", 3),
    ("integers", 0, 5, 3),
    ("uniform", 0, 1, ()),
]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw[0])
@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@replays()
def test_random_numbers_drawn_afresh(world, draw, make):
    name, *options = draw
    if make is np.random.RandomState and name in ("random", "integers"):
        name, options = "random_sample", [3]
    rng = make(0)
    world.kept = lambda: repr(rng.__getstate__())
    draws = getattr(rng, name)
    return lambda x: world.descend(squares(world, x) + np.sum(afresh(draws, *options) * world.w))


@replays(calls=[(X, 1.0), (X, 2.0)], rounds=5)
def test_draws_keep_their_order_whatever_they_depend_on(world, x, y):
    first = afresh(generator.random, 3)
    return world.descend(squares(world, x) + np.sum(afresh(generator.normal, 0, y, 3) * first))


@pytest.mark.parametrize("name", ["a0", "x0", "t0", "n0", "h0", "to0", "put", "bool", "held"])
@replays()
def test_functions_may_have_the_names_that_the_lines_use(world, name):
    def twice(x):
        return 2 * x

    def step(x):
        world.n += 1
        return world.descend(squares(world, afresh(twice, x)) / world.n)

    twice.__name__ = name
    return step


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@replays()
def test_a_mean_of_nothing(world, x):
    with np.errstate(all="ignore"):
        nothing = np.mean(x[:0]), np.mean(x[:0], axis=0), np.mean(x[:, :0], axis=1)
    return world.descend(squares(world, x)), nothing


@replays()
def test_nan_has_no_sign(world, x):
    nothing = np.sum(world.w) * np.nan
    return world.descend(squares(world, x) + (nothing + -nothing)), -nothing + nothing


@pytest.mark.parametrize("keepdims", [True, False])
def test_the_largest_of_0_and_minus_0_is_the_one_that_numpy_finds(keepdims, rng):
    step = replay(lambda x: np.max(Tensor(x), -1, keepdims=keepdims))
    for _ in range(20):
        x = rng.choice([0.0, -0.0, -1.0], (7, 9))
        expected = np.max(x, -1, keepdims=keepdims)
        assert step(x).numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("function", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_lies_otherwise_in_memory_is_rounded_alike(function, dtype, rng):
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Conv2d(4, 3, 1)
    model, images = nn.Sequential(*layers).astype(dtype), rng.normal(size=(5, 3, 9, 8))

    @replay  # which compares the numbers, bit by bit
    def step(x):
        model.zero_grad()
        loss = np.sum(getattr(nn.functional, function)(model(x), -1) ** 3)
        loss.backward()
        return loss

    losses = [step(images.astype(dtype)).item() for _ in range(4)]
    assert len(set(losses)) == 1
