"""Arguments, and steps written by hand: replayed, they do the same, bit for bit."""

from __future__ import annotations

import copy
import functools
import random
from typing import NamedTuple

import numpy as np
import pytest

from microgradnd import Tensor, gradients, no_grad, replay, scope
from microgradnd.program import NotReplayableError, afresh, holds
from nn.init import generator
from tests.program.replayed import (
    World,
    X,
    bits,
    check,
    refuse,
    refuses,
    replays,
    squares,
    squaring,
)

# ---- arguments -----------------------------------------------------------------------------------


KINDS = [
    [(X, 0.5), (X[:1], 0.5), (X[:0], 0.5), (X.astype(np.float32), np.float32(0.5))],
    [(X, np.array(0.5)), (X, np.float64(0.5)), (Tensor(X), Tensor(0.5)), (X, True)],
]


@pytest.mark.parametrize("calls", KINDS)
def test_shapes_and_dtypes_and_kinds_of_arguments(calls):
    def build(world):
        return lambda x, k: (world.descend(squares(world, x) * k), x, x[..., ::-1])

    check(lambda: World(build), calls=calls)


def test_arguments_that_are_not_contiguous_count_as_if_they_were():
    def build(world):
        return lambda x: world.descend(np.sum(np.exp(x * world.w), axis=0).sum(), 1e-3)

    alone, other = World(build), World(build)
    fast = replay(other.step)
    big = np.sin(np.arange(600.0)).reshape(50, 12)
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
def test_entries_stay_in_their_order_in_memory_in_which_they_are_added(world, function):
    def step(x):
        each = np.sum(function(np.exp(world.w.T * x)), axis=0)
        return world.descend(np.sum(each * each), 1e-9)

    return step


@replays(calls=[(X, X), (X, X + 1)])
def test_the_same_array_as_two_arguments(world):
    return lambda x, y: (world.descend(squares(world, x) + np.sum(y * world.w)), y)


ALIASES = {
    "data": lambda w: w.data,
    "a view of data": lambda w: w.data[None],
    "numpy()": lambda w: w.numpy(),
    "the gradient": lambda w: w.grad,
    "a buffer": lambda w: np.frombuffer(memoryview(w.numpy())),
    "strides": lambda w: np.lib.stride_tricks.as_strided(w.numpy(), (3,), (8,)),
}


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("replayed", [False, True])
def test_an_argument_that_is_a_parameters_data_is_refused(alias, replayed):
    world = squaring()
    fast = replay(world.step)
    fast(X)
    shape = np.shape(alias(world.w))
    for _ in range(4 * replayed):
        fast(np.ones(shape))
    assert bool(fast.source) == replayed
    before = world.seen()
    with pytest.raises(NotReplayableError, match="shares memory"):
        fast(alias(world.w))
    assert world.seen() == before


@pytest.mark.parametrize("argument", [{"a": 1}, [1.0], (X,), np.ma.masked_array(X), {1}, object()])
def test_other_arguments_are_refused(argument):
    refuse(squaring, "argument 0 is a", argument)


def test_an_argument_that_requires_a_gradient_is_refused_also_later():
    fast = replay(squaring().step)
    for _ in range(4):
        fast(Tensor(X))
    with pytest.raises(NotReplayableError, match="requires a gradient"):
        fast(Tensor(X, requires_grad=True))


def test_arguments_are_not_changed():
    def build(world):
        def step(x):
            loss = world.descend(squares(world, x))
            x *= 0.5
            return loss

        return step

    x = X.copy()
    refuse(lambda: World(build), "must not change its argument 0, at ", x)
    assert bits(x) == bits(X)


# ---- what is done within a step ------------------------------------------------------------------


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

    def max_norm(world, x):
        loss = world.descend(squares(world, x))
        length = np.sqrt(np.sum(world.w.data**2))
        world.w.data *= np.where(length > 0.7, 0.7 / length, 1.0)
        return loss

    def second_order(world, x):
        (slope,) = gradients(np.sum((x * world.w) ** 3), [world.w])
        return world.descend(squares(world, x) + 0.1 * np.sum(slope**2))

    def accumulated(world, x):
        loss = squares(world, x)
        loss.backward()
        world.w.data -= 0.01 * world.w.grad
        return loss

    def two_passes(world, x):
        world.backward(squares(world, x))
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
        t[1:, :2] = s[:1, 1:]
        t[..., 2] += 1
        s[0] = t[1]
        return world.descend(np.sum((t * world.w + s) ** 2)), s, t

    def a_part_copied_beside_zeros(world, x):
        t, s = np.zeros_like(x), x * 2
        t[:1] = s[:1]
        return world.descend(np.sum((t * world.w + 1) ** 2))

    def powers(world, x):
        bases = np.abs(x) + 0.1 * world.w.data**2
        found = [bases**exponent for exponent in (2, 2.0, 0.5, -1, -1.0, 1, 0, 3, -0.5)]
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
        return world.descend(sum(map(np.sum, greater))), greater, signs

    def products_of_every_other_column(world, x):
        wide = np.sin(np.arange(3 * 60.0)).reshape(60, 3).T + x[:1].T  # columns, and with gaps
        found = [wide[:, ::3] @ wide[:, 1::3].T, wide @ wide.T, wide[::2] @ wide[1:].T]
        return world.descend(squares(world, x)), found

    def products_of_equal_arrays(world, x):
        wide = np.sin(np.outer(np.arange(17.0), np.arange(19)) * x[0, 0]).astype(np.float32)
        keys, queries = np.exp(wide), np.exp(wide)
        found = [keys @ queries.T, keys.copy() @ keys.T, keys @ keys.T]
        stacked = wide[None] * 2, wide[None] * 2
        return world.descend(squares(world, x)), found, stacked[0] @ np.swapaxes(stacked[1], 1, 2)

    def parts_moved(world, x):
        values = world.w.data.copy()
        values[:2] = values[1:]
        values[::-1][:1] = x[0, 0]
        return world.descend(np.sum((x * world.w + values) ** 2)), values

    def constants_changed_before_the_way_back(world, x):
        t = x * 2
        held = world.held = getattr(world, "held", np.ones(3))
        loss = np.sum((t * world.w) ** 2) + np.sum(held * world.w * x[0]) + np.sum(world.w**2 @ t.T)
        t += 1
        held *= 0.9
        t[0] = held
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

    def products_of_complex_arrays(world, x):
        waves = np.fft.fft(x)
        return world.descend(squares(world, x)), np.vdot(waves, waves)

    def returns_many(world, x):
        loss = world.descend(squares(world, x))
        rest = [x, x.T, (np.mean(x > 0), None, "name"), Outcome(loss, np.mean(x))]
        unchanging = np.zeros(2), Tensor([1.0, 2.0]), np.float64(3)
        return {"loss": loss, "rest": rest}, world.w, unchanging

    return {f.__name__: f for f in list(locals().values())}


@pytest.mark.parametrize("name", steps_by_hand())
def test_steps_by_hand(name):
    make = functools.partial(World, functools.partial(functools.partial, steps_by_hand()[name]))
    check(make, calls=[(X + n / 7,) for n in range(8)])


wide = np.cos(np.arange(37 * 41.0)).reshape(37, 41)


@replays(shape=(37, 41), calls=[(wide,), (wide**2,)])
def test_sums_of_a_gradient_whose_entries_lie_column_by_column(world):
    def step(x):
        loss = world.descend(np.sum((x.T * world.w.T) ** 2), 1e-3)
        return loss, np.sum(world.w.grad), np.sum(world.w.grad.astype(np.float32))

    return step


@pytest.mark.parametrize("shape", [(), (1,), (0, 3)])
def test_parameters_without_axes_or_entries(shape):
    def build(world):
        c = Tensor(2.0) * 3  # a constant that holds one of NumPy's scalars

        def step(x):
            loss = squares(world, x) * c
            loss.backward()
            world.w.data -= 0.01 * world.w.grad
            return loss

        return step

    check(lambda: World(build, shape), calls=[(X[:1],), (X[:1] + 1,)])


@replays()
def test_more_tensors_than_one_and_swaps_among_them(world):
    u, average = Tensor([1.0, 1, 1], requires_grad=True), Tensor(np.zeros(3))
    world.tensors += [u, average]

    def step(x):
        loss = world.descend(squares(world, x) + np.sum(u * world.w))
        average.data = 0.9 * average.data + 0.1 * world.w.data
        world.w.data, u.data = u.data, world.w.data
        return loss, np.sum(average.data)

    return step


# ---- random numbers ------------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", ["a0", "x0", "t0", "n0", "h0", "to0", "put", "bool", "held"])
@replays()
def test_functions_may_have_the_names_that_the_lines_use(world, name):
    def twice(x):
        return 2 * x

    twice.__name__ = name
    state = world.state = [1]

    def step(x):
        state[0] += 1
        return world.descend(squares(world, afresh(twice, x)) / state[0])

    return step


RNG, OLD = np.random.default_rng(0), random.Random(0)
OTHERWISE = [
    lambda: RNG.random(),
    lambda: OLD.random(),
    lambda: np.random.rand(),
    lambda: random.random(),
]


@pytest.mark.parametrize("draw", OTHERWISE)
@refuses("draws random numbers")
def test_random_numbers_drawn_otherwise_are_refused(world, draw):
    def step(x):
        loss = world.descend(squares(world, x))
        return np.sum(x) if draw() < 0 else loss

    return step


@refuses("afresh() of a function")
def test_afresh_is_for_arrays(world):
    return lambda x: afresh(np.random.default_rng(0).random)


@replays(calls=[(X,), (X,), (X + 1,), (X,), (X + 1,), (X + 2,)])
def test_the_random_state_is_restored_where_a_check_fails_after_a_draw(world):
    def step(x):
        noise = afresh(generator.random, 3)
        world.w.data += 0.01 * noise
        if holds(np.sum(x) > 2):
            return world.descend(squares(world, x)), noise
        return world.descend(np.sum(x * world.w)), noise

    return step
