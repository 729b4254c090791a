"""What a replay could get wrong is refused, with the line, and undone."""

from __future__ import annotations

import functools
import types
import weakref

import numpy as np
import pytest

import nn
from microgradnd import Tensor, replay, trace
from microgradnd.program import NotReplayableError, afresh
from nn.init import generator
from tests.program.replayed import World, X, bits, from_state, refuse, refuses, replays, squares

# ---- refusals ------------------------------------------------------------------------------------

READING = {
    "if": lambda x: 1 if x[0, 0] > 0 else 2,
    "item": lambda x: x[0, 0].item(),
    "float": lambda x: float(x[0, 0]),
    "print": lambda x: str(x),
    "format": lambda x: f"{x[0, 0]:.2f}",
    "list": lambda x: x.tolist(),
    "asarray": lambda x: np.asarray(x),
    "bytes": lambda x: x.tobytes(),
    "index": lambda x: [1, 2, 3][np.argmax(x[0])],
    "range": lambda x: sum(range(np.argmax(x[0]))),
    "in": lambda x: 1.0 in x,
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: np.nonzero(x),
    "min": lambda x: min(x[0]),
}


@pytest.mark.parametrize("look", READING.values(), ids=READING)
@pytest.mark.parametrize("of", ["argument", "closure", "parameter", "tensor"])
def test_looking_at_data_is_refused_with_the_line(look, of):
    def build(world):
        a = X.copy()
        world.kept = lambda: a

        def step(x):
            np.multiply(a, 0.5, out=a)
            loss = world.descend(squares(world, x))
            held = {"argument": x, "closure": a, "parameter": world.w.data[None]}
            look(held[of] if of != "tensor" else (x * world.w).detach().numpy())
            return loss

        return step

    line = look.__code__.co_firstlineno
    refuse(lambda: World(build), f"test_replay_refused.py, line {line}:")


WRITING = {
    "copyto": lambda a: np.copyto(a, 1.0),
    "put": lambda a: np.put(a, [0], 1.0),
    "fill_diagonal": lambda a: np.fill_diagonal(a, 0.0),
    "put_along_axis": lambda a: np.put_along_axis(a, np.array([[0], [1]]), 0.0, 1),
    "clip": lambda a: np.clip(a, 0, 1, out=a),
    "cumsum": lambda a: np.cumsum(a, axis=0, out=a),
    "nan_to_num": lambda a: np.nan_to_num(a, copy=False),
    "fill": lambda a: a.fill(1),
    "sort": lambda a: a.sort(),
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
@refuses("cannot be replayed, at ")
def test_functions_that_write_into_their_arguments_are_refused(world, write):
    a = X.copy()
    world.kept = lambda: a

    def step(x):
        write(a)
        return world.descend(squares(world, x) + np.sum(a * world.w))

    return step


@refuses("cannot be replayed")
def test_writing_what_was_computed_into_an_array_that_the_step_made_is_refused(world):
    def step(x):
        made = np.zeros((2, 3))
        np.copyto(made, x)
        return world.descend(squares(world, made))

    return step


@refuses("returns no numbers")
def test_a_function_that_gives_no_numbers_is_refused(world):
    return lambda x: len(np.char.mod("%d", x))


@pytest.mark.parametrize("of", ["the same array", "a view", "its data"])
@refuses("shares memory with something that the step changes")
def test_two_tensors_on_one_memory_are_refused(world, of):
    array = np.ones(3)
    world.w = Tensor(array, requires_grad=True, copy=False)
    arrays = {"the same array": array, "a view": array[1:], "its data": world.w.numpy()}
    other = Tensor(arrays[of], copy=False)
    return lambda x: world.descend(squares(world, x) + np.sum(other))


@refuses("shares memory with something that the step changes")
def test_a_tensor_that_looks_at_an_array_that_the_step_changes_is_refused(world):
    a = X.copy()
    looking = Tensor(a, copy=False)
    world.kept = lambda: a

    def step(x):
        a[0] += x[0]
        return world.descend(squares(world, x) + np.sum(looking * world.w))

    return step


@replays()
def test_what_is_kept_by_nobody_but_itself_does_no_harm(world):
    def step(x):
        circle = [x * 2]
        circle.append(circle)
        return world.descend(squares(world, circle[0]))

    return step


class Key:
    pass


hidden, key = weakref.WeakKeyDictionary(), Key()


@refuses("keeps an array that it has computed")
def test_what_a_step_keeps_where_nobody_looks_is_refused(world):
    bag = next(iter([[]]))
    append = types.SimpleNamespace(to={}).to.__setitem__  # bound: looked into
    secret = {key: bag.append}

    def step(x):
        loss = world.descend(squares(world, x))
        hidden[key] = x * 2
        append("last", x * 3)
        return loss if secret else None

    return step


def test_steps_that_leave_more_behind_each_time_are_refused_in_the_end():
    def build(world):
        losses = []
        world.kept = lambda: losses

        def step(x):
            loss = world.descend(squares(world, x))
            losses.append(loss.numpy())
            return loss

        return step

    assert refuse(lambda: World(build), "leaves other objects behind", calls=20) > 1


@refuses("keeps a Tensor")
def test_a_tensor_that_is_kept_is_refused(world):
    kept = []

    def step(x):
        kept.append(squares(world, x))
        return world.descend(squares(world, x))

    return step


@refuses("functools.partial")
def test_arrays_in_a_partial_are_refused(world):
    return functools.partial(lambda v, x: world.descend(squares(world, x * v)), np.ones(3))


@pytest.mark.parametrize("of", ["argument", "gradient", "number"])
@refuses("while it was recorded, it computed other numbers", calls=4)
def test_a_step_that_does_something_else_while_it_is_recorded_is_refused_at_once(world, of):
    options = world.options = {"rate": 0.1}

    def step(x):
        loss = world.backward(squares(world, x))
        things = {"argument": x, "gradient": world.w.grad, "number": options["rate"]}
        plain = isinstance(things[of], np.ndarray | float)
        options["rate"] *= 0.9
        world.w.data -= options["rate"] * world.w.grad * (1.0 if plain else 2.0)
        return loss

    return step


@refuses("np.errstate(divide='raise')")
def test_a_stricter_errstate_is_refused(world):
    def step(x):
        with np.errstate(divide="raise"):
            return world.descend(squares(world, x))

    return step


@pytest.mark.parametrize("make", [lambda n: X + n, lambda n: np.int64(n)])
def test_what_is_put_within_reach_anew_each_time_is_refused_with_advice(make):
    world = World(lambda world: lambda: world.descend(squares(world, world.given)))
    fast = replay(world.step)

    def call_often():
        for number in range(20):
            world.given = make(number)
            fast()

    with pytest.raises(NotReplayableError, match="pass what changes as arguments"):
        call_often()


# ---- errors, which leave everything as it was ----------------------------------------------------


def test_numpys_reactions_are_those_around_the_replay_but_for_those_that_the_step_sets():
    def logistic(world):
        return lambda x: np.sum(nn.functional.sigmoid(1e4 * x * world.w))

    def exponential(world):
        return lambda x: np.sum(np.exp(1e4 * x * world.w))

    fast, other = (replay(World(build).step) for build in (logistic, exponential))
    for _ in range(5):
        fast(X)
        other(X * 1e-9)
    assert fast.source
    assert other.source
    with np.errstate(over="raise"):
        fast(X)
        with pytest.raises(FloatingPointError, match="overflow"):
            other(X)
    with np.errstate(over="ignore"):
        other(X)
    with np.errstate(under="raise"), pytest.raises(FloatingPointError, match="underflow"):
        fast(X)


def test_under_trace_a_step_is_not_replayed_in_silence():
    world = World(lambda world: lambda x: world.descend(np.sum(np.sqrt(x * world.w))))
    fast = replay(world.step)
    with np.errstate(all="ignore"):
        for _ in range(5):
            fast(X)
        with trace(), pytest.raises((FloatingPointError, NotReplayableError)):
            fast(X)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, NotReplayableError])
@pytest.mark.parametrize("when", [0, 1])
def test_an_error_in_a_recording_leaves_everything_as_it_was(error, when):
    def build(world):
        options, v = {"rate": 0.1}, [np.zeros(3)]
        count = types.SimpleNamespace(v=np.zeros(3), steps=0)
        world.raising = False
        world.kept = lambda: [options, v, count.v, count.steps]

        def step(x):
            afresh(generator.random, 3)
            v[0] += 1
            count.v = count.v + x[0]
            count.steps += 1
            options["new"] = 3
            loss = world.descend(squares(world, x))
            if world.raising:
                raise error("in the middle")
            return loss

        return step

    world, alone = World(build), World(build)
    fast = replay(world.step)
    for _ in range(when):
        fast(X), alone.step(X)
    before, state = world.seen(), generator.bit_generator.state
    world.raising = True
    with pytest.raises(error, match="in the middle"):
        fast(X)
    world.raising = False
    assert world.seen() == before
    assert generator.bit_generator.state == state
    for _ in range(6):
        state = generator.bit_generator.state
        expected = from_state(state, lambda: bits(alone.step(X)))
        assert from_state(state, lambda: bits(fast(X))) == expected
        assert world.seen() == alone.seen()


def test_an_error_of_numpys_in_a_replay_leaves_everything_as_it_was():
    def build(world):
        v = [np.zeros(3)]
        world.kept = lambda: v

        def step(x):
            v[0] += afresh(generator.random, 3)
            return world.descend(squares(world, np.linalg.inv(x)))

        return step

    world = World(build)
    fast = replay(world.step)
    for _ in range(5):
        fast(np.eye(3))
    before, state = world.seen(), generator.bit_generator.state
    with pytest.raises(np.linalg.LinAlgError):
        fast(np.zeros((3, 3)))
    assert world.seen() == before
    assert generator.bit_generator.state == state
