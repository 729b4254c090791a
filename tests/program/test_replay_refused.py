"""What a replay could get wrong is refused, with the line, and undone."""

from __future__ import annotations

import contextvars
import functools
import random
from contextlib import nullcontext

import numpy as np
import pytest

import nn
from microgradnd import Tensor, replay, trace
from microgradnd.program import NotReplayableError, afresh
from nn.init import generator
from tests.program.replayed import (
    World,
    X,
    bits,
    check,
    from_state,
    refuse,
    refuses,
    replays,
    squares,
    squaring,
    untouched,
    world_of,
)  # isort: skip  # fmt: skip

READING = {
    "if": lambda x: 1 if x[0, 0] > 0 else 2,
    "item": lambda x: x[0, 0].item(),
    "float": lambda x: float(x[0, 0]),
    "round": lambda x: round(x[0, 0], 2),
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
@pytest.mark.parametrize("of", ["argument", "array", "parameter", "tensor"])
def test_looking_at_data_is_refused_with_the_line(look, of):
    def step(world, x):
        np.multiply(world.a, 0.5, out=world.a)
        loss = world.descend(squares(world, x))
        held = {"argument": x, "array": world.a, "parameter": world.w.data[None]}
        look(held[of] if of in held else (x * world.w).detach().numpy())
        return loss

    line = look.__code__.co_firstlineno
    refuse(world_of(step), f"test_replay_refused.py, line {line}:")


WRITING = {
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
def test_functions_that_write_into_their_arguments_are_refused(world, x, write):
    write(world.a)
    return world.descend(squares(world, x) + np.sum(world.a * world.w))


def keeping_arrays_where_nobody_looks(world):
    kept = contextvars.ContextVar("kept")
    return lambda x: (kept.set(x * 2), world.descend(squares(world, x)))


def keeping_a_tensor(world, x):
    world.kept = squares(world, x)
    return world.descend(world.kept)


def changing_its_argument(world, x):
    loss = world.descend(squares(world, x))
    x *= 0.5
    return loss


def copying_what_was_computed_into_an_array_of_its_own(world, x):
    made = np.zeros((2, 3))
    np.copyto(made, x)
    return world.descend(squares(world, made))


def with_a_stricter_errstate(world, x):
    with np.errstate(divide="raise"):
        return world.descend(squares(world, x))


def arrays_in_a_partial(world):
    return functools.partial(lambda v, x: world.descend(squares(world, x * v)), np.ones(3))


def printing_a_constant(world, x):
    print("a step")
    return world.descend(squares(world, x))


def objects_in_an_array(world):
    objects = np.array([None, 0.1])
    return lambda x: world.descend(squares(world, x), objects[1])


def objects_left(world):
    world.objects = np.array([None, 0.1])

    def step(x):
        world.objects = world.objects.copy()
        return world.descend(squares(world, x))

    return step


def objects_made_afresh(world, x):
    return world.descend(squares(world, x)), afresh(np.append, x, [None])


def a_view_left_anew_each_time(world, x):
    world.v = (world.v * 0.5 + world.w.data)[:]
    return world.descend(squares(world, x))


def a_number_in_words(world, x):
    world.n += 1
    return world.descend(squares(world, x)), f"{world.n:.2f}"


def spawning_a_generator(world):
    rng = np.random.default_rng(0)
    world.kept = lambda: rng.bit_generator.seed_seq.n_children_spawned
    return lambda x: world.descend(squares(world, x) + np.sum(rng.spawn(1)[0].random(3) * world.w))


REFUSED = {
    objects_in_an_array: "an array of objects",
    lambda world, x: np.array([None, 0.1]): "returns an array of objects: a list will do",
    objects_left: "leaves other objects behind",
    objects_made_afresh: "returns an array of objects, not an array of numbers",
    a_view_left_anew_each_time: "leaves other objects behind",
    a_number_in_words: f"does not make the same calls each time, at {__file__}, line ",
    spawning_a_generator: "does not make the same calls each time",
    printing_a_constant: "printing cannot be replayed, at ",
    changing_its_argument: "must not change its argument 0, at ",
    copying_what_was_computed_into_an_array_of_its_own: "cannot be replayed",
    lambda world, x: len(np.char.mod("%d", x)): "no numbers",
    keeping_arrays_where_nobody_looks: "keeps an array that it has computed",
    keeping_a_tensor: "keeps a Tensor",
    arrays_in_a_partial: "functools.partial",
    with_a_stricter_errstate: "np.errstate(divide='raise')",
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_refused(build):
    refuses(REFUSED[build], calls=8)(build)()


@refuses("shares memory with something that the step changes")
def test_two_on_one_memory_are_refused(world):
    other = Tensor(world.a, copy=False)

    def step(x):
        world.a[0] += x[0]
        return world.descend(squares(world, x) + np.sum(other))

    return step


@pytest.mark.parametrize("of", ["the same array", "a view", "its data"])
@replays()
def test_two_that_begin_on_one_memory(world, of):
    world.w = Tensor(world.v, requires_grad=True, copy=False)
    arrays = {"the same array": world.v, "a view": world.v[1:], "its data": world.w.numpy()}
    other = Tensor(arrays[of], copy=False)
    return lambda x: world.descend(squares(world, x) + np.sum(other))


def test_steps_that_leave_more_behind_each_time_are_refused_in_the_end():
    def build(world):
        world.kept = []
        return lambda x: world.kept.append(world.descend(squares(world, x)).numpy())

    assert refuse(lambda: World(build), "leaves other objects behind", calls=20) > 1


@pytest.mark.parametrize("of", ["argument", "gradient", "number"])
@refuses("replayed, it computed other numbers", calls=4)
def test_a_step_that_does_something_else_while_it_is_recorded_is_refused(world, of):
    options = world.kept = {"rate": 0.1}

    def step(x):
        loss = world.backward(squares(world, x))
        things = {"argument": x, "gradient": world.w.grad, "number": options["rate"]}
        plain = type(things[of]) in (np.ndarray, float)
        options["rate"] *= 0.9
        world.w.data -= options["rate"] * world.w.grad * (1.0 if plain else 2.0)
        return loss

    return step


@pytest.mark.parametrize("make", [lambda n: X + n, lambda n: np.int64(n)])
def test_what_is_put_within_reach_anew_each_time_is_refused_with_advice(make):
    def build(world):
        world.change = lambda number: setattr(world, "given", make(number))
        return lambda: world.descend(squares(world, world.given))

    with pytest.raises(NotReplayableError, match="pass what changes as arguments"):
        check(lambda: World(build), calls=[()], rounds=20)


@pytest.mark.parametrize("of", ["gradient", "array"])
@pytest.mark.parametrize("written", ["gradient", "other"])
def test_a_gradient_that_comes_to_be_another_array_is_refused_where_one_is_written(of, written):
    def build(world):
        world.w.grad, u = np.ones(3), Tensor(np.ones(3), requires_grad=True)
        u.grad = np.ones(3)
        other = lambda: u.grad if of == "gradient" else world.v  # noqa: E731
        world.change = lambda number: number == 5 and setattr(world.w, "grad", other())

        def step(x):
            array = world.w.grad if written == "gradient" else other()
            array *= 2
            return np.sum(x * world.w.grad), np.sum(other())

        return step

    with pytest.raises(NotReplayableError, match="shares memory with something"):
        check(lambda: World(build), calls=[(X,)], rounds=8)


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
    for _ in range(4 * replayed):
        fast(np.ones(np.shape(alias(world.w))))
    assert bool(fast.source) == replayed
    untouched(world, NotReplayableError, "shares memory", fast, alias(world.w))


@pytest.mark.parametrize("argument", [{"a": 1}, [1.0], (X,), np.ma.masked_array(X), {1}, object()])
def test_other_arguments_are_refused(argument):
    refuse(squaring, "argument 0 is a", argument)


@pytest.mark.parametrize("calls", [0, 4])
def test_an_argument_that_requires_a_gradient_is_refused(calls):
    fast = replay(squaring().step)
    for _ in range(calls):
        fast(Tensor(X))
    with pytest.raises(NotReplayableError, match="requires a gradient"):
        fast(Tensor(X, requires_grad=True))


RNG, OLD = np.random.default_rng(0), random.Random(0)
OTHERWISE = {
    "of a generator": lambda: RNG.random(),
    "of an old one": lambda: OLD.random(),
    "of NumPy": lambda: np.random.rand(),
    "of Python": lambda: random.random(),
}


@pytest.mark.parametrize("draw", OTHERWISE.values(), ids=OTHERWISE)
@refuses("draws random numbers")
def test_random_numbers_drawn_otherwise_are_refused(world, x, draw):
    loss = world.descend(squares(world, x))
    return np.sum(x) if draw() < 0 else loss


@refuses("afresh() of a function")
def test_afresh_is_for_arrays(world, x):
    return afresh(np.random.default_rng(0).random)


@pytest.mark.parametrize("before", ["call", "ignore"])
def test_numpys_reactions_are_those_around_the_replay_but_for_those_that_the_step_sets(before):
    def called(function, x):
        fast = replay(lambda x: np.sum(function(1e4 * x)))
        with np.errstate(all=before, call=lambda *_: None):
            for _ in range(5):
                fast(x)
        assert fast.source
        return fast

    fast, other = called(nn.functional.sigmoid, X), called(np.exp, X * 1e-9)
    with np.errstate(over="raise"):
        fast(X)
        with pytest.raises(FloatingPointError, match="overflow"):
            other(X)
    with np.errstate(over="ignore"):
        other(X)
    with np.errstate(under="raise"), pytest.raises(FloatingPointError, match="underflow"):
        fast(X)


def test_a_cache_keeps_no_array_of_a_recording_that_was_refused():
    held = []

    @functools.cache
    def doubled():
        return held[-1] * 2

    def step(x):
        held.append(x)
        return 1 if np.sum(doubled()) > 0 else 2

    fast = replay(step)
    fast(X)
    doubled.cache_clear()
    with pytest.raises(NotReplayableError):
        fast(X)
    held.append(X)
    assert type(doubled()) is np.ndarray


@pytest.mark.parametrize("around", [nullcontext, lambda: trace(stop=False)])
def test_under_trace_a_step_is_not_replayed_in_silence(around):
    fast = replay(world_of(lambda world, x: world.descend(np.sum(np.sqrt(x * world.w))))().step)
    with np.errstate(all="ignore"), around():
        for _ in range(5):
            fast(X)
        with trace(), pytest.raises((FloatingPointError, NotReplayableError)):
            fast(X)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, NotReplayableError])
@pytest.mark.parametrize("when", [1, 2])
def test_an_error_in_a_recording_leaves_everything_as_it_was(error, when):
    def step(world, x):
        afresh(generator.random, 3)
        world.v = world.v + x[0]
        world.n += 1
        world.kept = [1]
        world.a += 1
        loss = world.descend(squares(world, x))
        if world.raising:
            raise error("in the middle")
        return loss

    world, alone = world_of(step)(), world_of(step)()
    fast, world.raising, alone.raising = replay(world.step), False, False
    for _ in range(when):
        fast(X), alone.step(X)
    world.raising = True
    untouched(world, error, "in the middle", fast, X)
    world.raising = False
    for _ in range(4):
        state = generator.bit_generator.state
        expected = from_state(state, lambda: bits(alone.step(X)))
        assert from_state(state, lambda: bits(fast(X))) == expected
        assert world.seen() == alone.seen()


def test_an_error_of_numpys_in_a_replay_leaves_everything_as_it_was():
    def step(world, x):
        world.v += afresh(generator.random, 3)
        return world.descend(squares(world, np.linalg.inv(x)))

    world = world_of(step)()
    fast = replay(world.step)
    for _ in range(5):
        fast(np.eye(3))
    untouched(world, np.linalg.LinAlgError, "Singular", fast, np.zeros((3, 3)))
