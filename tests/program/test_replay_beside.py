"""Replays that are checked, nested, shared and interrupted by other work; and what they cost."""

from __future__ import annotations

import array
import copy
import functools
import gc
import multiprocessing
import os
import pickle
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nn
from microgradnd import Tensor, no_grad, replay, scope
from microgradnd.program import NotReplayableError, afresh, holds
from microgradnd.program.surroundings import Surroundings
from nn.init import generator
from tests.program.replayed import X, bits, replays, same, squares, squaring, untouched, world_of


@pytest.mark.parametrize("returned", [True, False])
@replays(calls=[(X * n,) for n in (1, 1, 3, 3, 0, 0, 1)], rounds=3)
def test_a_shape_that_data_decide_is_never_frozen(world, x, returned):
    different = np.unique(np.round(x))
    loss = world.descend(squares(world, x) * len(different))
    return (loss, different) if returned else loss


@replays(calls=[(X + n,) for n in (0, 0, 1, -1, 2, 0, 1, 1)])
def test_holds_is_asked_anew_and_a_draw_before_it_undone_where_it_fails(world, x):
    noise = afresh(generator.random, 3)
    world.w.data += 0.01 * noise
    if holds(np.sum(x) > 2):
        return world.descend(squares(world, x)), noise
    return world.descend(np.sum(x * world.w)), noise


def test_a_number_that_differs_in_each_call_is_no_reason_to_record_anew():
    counts = array.array("i", [0])

    def step(world, x, rate):
        counts[0] += 1  # only while it is recorded
        return world.descend(squares(world, x), rate)

    fast = replay(world_of(step)().step)
    for number in range(6):
        counts[0] = 0
        fast(X, 0.1 / (1 + number))
    assert not counts[0]


def test_check_mode_compares_each_time_and_finds_what_cannot_be_seen():
    """A step that changes its ways by a count that nobody can see, but not before it is replayed."""

    def step(world, x):
        world.counts[0] += 1
        return world.descend(squares(world, x) * (1.0 if world.counts[0] <= 8 else 2.0))

    world, alone = world_of(step)(), world_of(step)()
    world.counts, alone.counts = array.array("i", [0]), array.array("i", [0])
    fast = replay(world.step, check=True)
    for _ in range(6):
        assert bits(fast(X)) == bits(alone.step(X))
        assert world.seen() == alone.seen()
    untouched(world, NotReplayableError, "cannot see", fast, X)


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


AGAIN = {"copy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}


@pytest.mark.parametrize("calls", [0, 5])
@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_a_copy_of_what_holds_a_replay_goes_its_own_way(calls, again):
    first = squaring()
    first.fast = replay(first.step)
    for _ in range(calls):
        first.fast(X)
    second = again(first)
    for trainer, other in [(second, first)] * 3 + [(first, second)]:
        before, expected = other.seen(), copy.deepcopy(trainer)
        assert bits(trainer.fast(X)) == bits(expected.step(X))
        assert trainer.seen() == expected.seen()
        assert other.seen() == before


def test_replays_that_share_parameters_and_steps_in_between():
    def run(of):
        world, found = squaring(), []
        other = lambda x: world.descend(np.sum(np.exp(x * world.w)))  # noqa: E731
        first, second = of(world.step), of(other)
        for number in range(14):
            step = [first, second, world.step, other][(0, 1, 1, 0, 2, 0, 3, 1)[number % 8]]
            found.append(bits([step(X + number % 3), world.seen()]))
        return found

    same(run)


@replays(rounds=7)
def test_the_shape_and_the_dtype_of_data_that_are_not_read(world):
    layer, other = nn.Linear(3, 1), Tensor(np.ones(2))

    def change(number):
        layer.to(np.float32 if number >= 4 else np.float64)
        other._array = np.ones(2 + (number >= 8))

    world.change = change
    dtype_of, shape_of = lambda: layer.weight.dtype, lambda: other.shape
    return lambda x: world.descend(squares(world, x).astype(dtype_of()) * len(np.ones(shape_of())))


@pytest.mark.parametrize("returned", [False, True])
@replays()
def test_the_data_of_a_tensor_that_was_computed_may_change(world, returned):
    made = world.w * 2
    world.change = lambda number: made.data.__imul__(1 + number % 3)

    def step(x):
        loss = world.descend(squares(world, x * made) + np.sum(made.data * world.w), 0.01)
        return made if returned else loss

    return step


@replays(rounds=5)
def test_a_replay_within_a_replay(world):
    fast = replay(lambda x: world.descend(squares(world, x)))
    options = {"scale": 1.0}
    world.change = lambda number: options.update(scale=1 + number // 3)
    return lambda x: (fast(x * options["scale"]), fast(x))[1]


def test_a_graph_recorded_in_between_stays_as_it_was():
    world = squaring()
    fast = replay(world.step)
    for _ in range(4):
        fast(X)
    values = world.w.data.copy()
    loss, kept, expected = squares(world, X), world.w.detach(), bits(squares(world, X))
    for _ in range(3):
        fast(X)
    world.w.data[...] = 7
    world.backward(loss)
    assert bits(loss) == expected
    assert bits(kept) == bits(values)
    np.testing.assert_allclose(world.w.grad, np.sum(2 * X**2 * values, axis=0), rtol=1e-12)


@pytest.mark.parametrize("held", [lambda w: w.data, lambda w: w.data[1:], lambda w: w.data.data])
def test_an_array_that_others_hold_is_not_used_again(held):
    world = squaring()
    fast = replay(world.step)
    for _ in range(4):
        fast(X)
    kept = held(world.w)
    world.w.data = np.ones(3)
    expected = bytes(kept)
    for _ in range(3):
        fast(X)
    assert bytes(kept) == expected


class Full(dict):
    clear = None


@replays()
def test_a_dict_that_is_as_it_was_is_never_emptied(world):
    """As others may look at it just then."""
    world.kept = Full(rate=0.1)
    return lambda x: world.descend(squares(world, x), world.kept["rate"])


def test_no_grad_around_a_replay_is_another_program():
    def run(of):
        step, found = of(world_of(lambda world, x: squares(world, x) + 1)().step), []
        for number in range(9):
            with no_grad() if number % 2 else scope("loud"):
                found.append(bits(step(X)))
        return found

    same(run)


def memory_of(function, *arguments):
    """How much memory a call leaves taken, and how much it takes in between."""
    gc.collect()
    tracemalloc.start()
    try:
        function(*arguments)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        function(*arguments)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, peak - before


def test_no_array_is_allocated_in_the_steady_state():
    """NumPy has buffers of its own when it broadcasts, of a fixed size; arrays are larger here."""
    model = nn.Sequential(nn.Linear(64, 1024), nn.Tanh(), nn.Dropout(0.2), nn.Linear(1024, 10))
    optimizer, loss_of = nn.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    fast, arguments = replay(step), (np.ones((256, 64)), np.arange(256) % 10)
    for _ in range(5):
        fast(*arguments)
    left, taken = memory_of(fast, *arguments)
    assert left < 1024
    assert taken < 4 * 8 * np.getbufsize()


def test_a_recording_that_waits_for_its_like_keeps_no_array():
    def step(x):  # makes sixteen arrays of the size of x
        return np.sum(functools.reduce(lambda y, _: np.tanh(y), range(16), x))

    sizes, fast = iter([2, 100_000]), replay(step)  # first what is made only once
    left, taken = memory_of(lambda: fast(np.ones(next(sizes))))
    assert left < 8 * 100_000 < taken / 2 < 5 * 8 * 100_000  # and lets go what nobody holds


def test_a_replay_goes_when_nobody_holds_it_and_its_oldest_program_when_they_are_many():
    counts = array.array("i", [0])

    def step(x):
        counts[0] += 1  # only while it is recorded
        return np.sum(x)

    fast = replay(step)
    for size in [size for size in range(1, 15) for _ in range(3)]:
        fast(np.ones(size))
    for size, again in ((14, False), (1, True)):
        counts[0] = 0
        fast(np.ones(size))
        assert bool(counts[0]) == again
    gone = weakref.ref(fast)
    del fast
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_threads_that_it_does_not_have():
    fast, done = replay(squaring().step), threading.Event()

    def train():
        while not done.is_set():
            fast(X)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=fast, args=(X,))
            child.start()
            child.join(20)
            assert child.exitcode == 0
    finally:
        done.set()
        thread.join()


def test_the_name_of_a_method_is_no_global():
    """A global function of the same name, with arrays of its own, is not within reach."""
    source = "def train(x):\n    return np.sum(box.step(x) ** 2)\n"
    own = {"value": np.ones(3)}

    class Box:
        def step(self, x):
            return W * x

    W = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    names = {"np": np, "box": Box(), "step": lambda: own}
    exec(source, names)
    assert not any(holder is own for holder, *_ in Surroundings(names["train"]).entries())
