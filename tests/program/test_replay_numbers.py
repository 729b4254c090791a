"""Numbers that change from step to step, within a replay: what is done with them is done anew."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from microgradnd.program import holds
from tests.program.replayed import X, check, replays, squares, world_of


@pytest.mark.parametrize(("dtype", "kind"), [(np.float64, float), (np.float32, int)])
def test_numbers_and_what_can_be_done_with_them(dtype, kind):
    def step(world, x, k):
        world.n += 1
        world.kept = (world.kept or 1.0) * 0.5 + k
        factor = k**2 + min(k, 3) + max(k, 2) + abs(-k) + k // 2 + k % 2 + round(k) + int(k)
        factor = factor + ((-2) ** k - 3 % -k) * np.float64(0.5) + (k < np.inf) - min(k, np.inf)
        factor = factor + sum(divmod(k, 2)) + sum(divmod(7, k))
        factor = factor + np.sum(k * np.ones(3)) + np.arange(3.0)[1] ** k
        factor = factor + np.sum(np.maximum(x, k) + np.minimum(world.kept, world.w))
        many = squares(world, x[: int(world.n % 2) + 1])
        return world.descend(many * (factor + +k - world.kept) / np.sqrt(k), 0.001 / world.n)

    calls = [(X.astype(dtype), kind(k)) for k in (1, 3, 2, 1)]
    check(world_of(step), calls=calls, rounds=6)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@replays(rounds=6)
def test_a_rate_that_is_a_number_of_numpys(world, kind, dtype):
    options = {"rate": kind(0.1), "mean": kind(0.5)}
    world.change = lambda number: options.update(rate=kind(0.1 * np.cos(number / 10)))

    def step(x):
        loss = world.backward(squares(world, x.astype(dtype)))
        options["mean"] = 0.9 * options["mean"] + kind(0.1)
        change = options["rate"] / (1 + options["mean"] ** 2) * world.w.grad
        world.w.data = (world.w.data - change).astype(dtype)
        return loss, change

    return step


@pytest.mark.parametrize("of", [lambda n: 2**n, lambda n: n * isinstance(n, int), copy.deepcopy])
@replays(rounds=6)
def test_whole_numbers_of_either_sign(world, of):
    options = {"n": 1}
    world.change = lambda number: options.update(n=[1, 2, 3, 3, 1, -1, -2, 2][number % 8])
    return lambda x: (world.descend(squares(world, x)), np.arange(3) * of(options["n"]))


@replays(calls=[(X,), (-X,)])
def test_a_row_that_data_choose_is_checked_after_the_whole_was_written(world, x):
    whole = x * 0.0
    row = whole[np.argmax(x[:, 0])]
    whole[...] = x + 1
    if not holds(np.sum(row) == np.sum(x[np.argmax(x[:, 0])] + 1)):
        raise ValueError("this is another row")
    return world.descend(squares(world, x)), row


@replays(calls=[(X, 0), (X, 1)])
def test_a_row_by_a_number(world, x, y):
    return world.descend(squares(world, x)), x[y] * 2


@replays(calls=[(X, 1.0), (X, 2.0), (X, 1.2)], rounds=10)
def test_an_if_on_a_number_is_decided_anew(world, x, y):
    world.n += 1
    if y > 1.5 or world.n % 3 == 0:
        return world.descend(squares(world, x) * y, 0.01)
    return world.descend(np.sum(x * world.w) * y, 0.01)


@replays(rounds=10)
def test_an_equal_number_made_anew_each_time_is_no_change(world):
    options = {"rate": 0.1}
    world.change = lambda number: options.update(rate=float("0.1"))
    return lambda x: world.descend(squares(world, x), options["rate"])


@pytest.mark.parametrize("later", [None, True, 2, np.float64(0.5)], ids=repr)
@replays(rounds=8)
def test_a_number_may_become_something_else_and_a_number_again(world, later):
    def change(number):
        world.limit = later if 5 <= number < 9 else 1 / (1 + number)

    world.limit, world.change = 1.0, change
    scale = lambda limit: 1 if limit is None else np.arange(3) * limit  # noqa: E731
    return lambda x: world.descend(squares(world, x * scale(world.limit)), 0.01)


@replays(rounds=8)
def test_numbers_that_are_set_and_returned(world):
    options = world.kept = {"n": 1.0}
    world.change = lambda number: options.update(n=number / 2)

    def step(x):
        twice = options["n"] * 2
        options["n"] = 7.0
        return world.descend(squares(world, x) * twice, 1e-3), twice, f"{world.n:.1f}"

    return step
