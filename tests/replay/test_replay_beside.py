"""Replays that are checked, nested, shared and interrupted by other work; and what they cost."""

from __future__ import annotations

import array
import copy
import functools
import gc
import pickle
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nn
from microgradnd import Tensor, no_grad, replay, scope
from microgradnd.replay import NotReplayableError, holds
from tests.replay.replayed import World, X, bits, check, squares

# ---- shapes that data decide, checks -------------------------------------------------------------


def test_a_shape_that_data_decide_is_never_frozen():
    def build(world):
        def step(x):
            different = np.unique(np.round(x))
            return world.descend(squares(world, x) * len(different)), different

        return step

    check(build, calls=[(X,), (X,), (X * 3,), (X * 3,), (X * 0,), (X * 0,), (X,)], rounds=3)


def test_a_shape_that_is_only_asked_for_is_never_frozen_either():
    def build(world):
        return lambda x: world.descend(squares(world, x) * len(np.unique(np.round(x))))

    check(build, calls=[(X,), (X,), (X * 3,), (X * 3,), (X * 0,), (X * 0,), (X,)], rounds=3)


def test_holds_is_asked_anew():
    def build(world):
        def step(x):
            if holds(np.sum(x) > 2):
                return world.descend(squares(world, x))
            return world.descend(np.sum(x * world.w))

        return step

    check(build, calls=[(X,), (X,), (X + 1,), (X - 1,), (X + 2,)], rounds=5)


def test_a_program_that_does_not_fit_draws_no_random_numbers_while_it_is_tried():
    def build(world):
        layer = world.layer = nn.Dropout(0.5)
        return lambda x: world.descend(squares(world, layer(x)))

    def between(number, world):
        world.layer.p = [0.0, 1.0, 0.5][number % 3]

    check(build, between=between, rounds=8)


def test_check_mode_compares_each_time():
    world = World(lambda world: lambda x: world.descend(squares(world, x)))
    alone = World(lambda world: lambda x: world.descend(squares(world, x)))
    fast = replay(world.step, check=True)
    for _ in range(6):
        assert bits(fast(X)) == bits(alone.step(X))
        assert world.seen() == alone.seen()


def test_check_mode_finds_what_cannot_be_seen():
    """A step that changes its ways by a count that nobody can see, but not before it is replayed."""

    def build(world):
        counts = array.array("i", [0])

        def step(x):
            counts[0] += 1
            return world.descend(squares(world, x) * (1.0 if counts[0] <= 8 else 2.0))

        return step

    world = World(build)
    fast = replay(world.step, check=True)
    for _ in range(6):
        before = fast(X), world.seen()
    with pytest.raises(NotReplayableError, match="cannot see"):
        fast(X)
    assert world.seen() == before[1]


# ---- replays beside other things -----------------------------------------------------------------


def test_threads_wait_for_each_other():
    w = Tensor(np.cos(np.arange(300.0 * 300)).reshape(300, 300))

    def predict(x):
        return np.tanh(x @ w) @ w

    arguments = [np.sin(np.arange(200.0 * 300) * n).reshape(200, 300) for n in range(4)]
    expected = [bits(predict(x)) for x in arguments]
    together, apart = replay(predict), [replay(lambda x: predict(x)) for _ in arguments]

    def work(number):
        x = arguments[number]
        return {fast(x).numpy().tobytes() for fast in (together, apart[number]) for _ in range(20)}

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [{values} for _, _, values in expected]


@pytest.mark.parametrize("calls", [0, 5])
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"]
)
def test_a_copy_of_what_holds_a_replay_goes_its_own_way(calls, again):
    first, alone = Trainer(), Trainer()
    for _ in range(calls):
        assert bits(first.fast(X)) == bits(alone.step(X))
    second = again(first)
    for trainer in (second, second, second, first):
        before = bits(first.w), bits(second.w)
        trainer.fast(X)
        assert (bits(first.w) == before[0]) == (trainer is second)
        assert (bits(second.w) == before[1]) == (trainer is first)
    alone.step(X)
    assert bits(first.w) == bits(alone.w)


class Trainer:
    def __init__(self):
        self.w = Tensor(np.ones(3), requires_grad=True)
        self.fast = replay(self.step)

    def step(self, x):
        loss = squares(self, x)
        self.w.grad = None
        loss.backward()
        self.w.data -= 0.1 * self.w.grad
        return loss


def test_replays_that_share_parameters_and_steps_in_between():
    def both(of):
        world = World(lambda world: lambda x: world.descend(squares(world, x)))
        other = lambda x: world.descend(np.sum(np.exp(x * world.w)))  # noqa: E731
        first, second, seen = of(world.step), of(other), []
        for number in range(14):
            run = [first, second, world.step, other][(0, 1, 1, 0, 2, 0, 3, 1)[number % 8]]
            seen.append(bits([run(X + number % 3), world.seen()]))
        return seen

    assert both(replay) == both(lambda step: step)


def test_a_replay_within_a_replay():
    def build(world):
        inner = lambda x: world.descend(squares(world, x))  # noqa: E731
        fast = replay(inner)
        world.options = {"scale": 1.0}
        return lambda x: (fast(x * world.options["scale"]), fast(x))[1]

    check(
        build, between=lambda number, world: world.options.update(scale=1 + number // 3), rounds=5
    )


def test_a_graph_recorded_in_between_stays_as_it_was():
    world = World(lambda world: lambda x: world.descend(squares(world, x)))
    fast = replay(world.step)
    for _ in range(4):
        fast(X)
    values = world.w.data.copy()
    loss, kept, view = squares(world, X), world.w.detach(), bits(squares(world, X))
    for _ in range(3):
        fast(X)
    world.w.data[...] = 7
    world.w.grad = None
    loss.backward()
    assert bits(loss) == view
    assert bits(kept) == bits(values)
    np.testing.assert_allclose(world.w.grad, np.sum(2 * X**2 * values, axis=0), rtol=1e-12)


def test_no_grad_around_a_replay_is_another_program():
    def build(world):
        return lambda x: squares(world, x) + 1

    def run(of):
        world = World(build)
        step, seen = of(world.step), []
        for _ in range(4):
            seen.append(bits(step(X)))
            with no_grad(), scope("quiet"):
                seen.append(bits(step(X)))
        return seen

    assert run(replay) == run(lambda step: step)


# ---- cost ----------------------------------------------------------------------------------------


def network(seed=0, optimizer=nn.optim.Adam, hidden=128, **options):
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, hidden), nn.Tanh(), nn.Dropout(0.2), nn.Linear(hidden, 10))
    moved = optimizer(model.parameters(), **options)
    loss_of = nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_of(model(x), y)
        moved.zero_grad()
        loss.backward()
        moved.step()
        return loss

    return model, step


def test_no_array_is_allocated_in_the_steady_state():
    """NumPy has buffers of its own when it broadcasts, of a fixed size; arrays are larger here."""
    _, step = network(hidden=1024)
    fast = replay(step)
    x, y = np.ones((256, 64)), np.arange(256) % 10  # 2 MB in the hidden layer
    for _ in range(5):
        fast(x, y)
    gc.collect()
    tracemalloc.start()
    try:
        fast(x, y)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        fast(x, y)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1024
    assert peak - before < 4 * 8 * np.getbufsize()


def test_a_recording_that_waits_for_its_like_keeps_no_array():
    def step(x):  # makes sixteen arrays of the size of x
        return np.sum(functools.reduce(lambda y, _: np.tanh(y), range(16), x))

    x, fast = np.ones(100_000), replay(step)
    fast(np.ones(2))  # with what is made only once
    tracemalloc.start()
    try:
        fast(x)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after < x.nbytes < peak


def test_memory_goes_with_the_replay():
    _, step = network()
    fast = replay(step)
    x, y = np.ones((32, 64)), np.arange(32) % 10
    for _ in range(5):
        fast(x, y)
    program = weakref.ref(fast._programs[0][1])
    gc.disable()
    try:
        del fast
        assert program() is None
    finally:
        gc.enable()


def test_the_cache_is_bounded():
    _, step = network()
    fast = replay(step)
    for size in [size for size in range(1, 15) for _ in range(3)]:
        fast(np.ones((size, 64)), np.zeros(size, int))
    assert len(fast._programs) <= 8
    assert len(fast._earlier) <= 8
