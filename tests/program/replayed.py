"""A step and its replay, side by side in two copies of its world: equal bit for bit, or refused."""

from __future__ import annotations

import collections
import copy
import functools
import inspect

import numpy as np
import pytest

from microgradnd import Tensor, replay
from microgradnd.program import NotReplayableError
from microgradnd.tree import leaves_of
from nn.init import generator

X = np.sin(np.arange(6.0)).reshape(2, 3)


def bits(value):
    """Values with all their bits, so that == compares them; nan has no sign."""
    value = value.numpy() if isinstance(value, Tensor) else value
    if isinstance(value, int) and abs(value) >= 2**63:
        return repr(value)
    if isinstance(value, np.ndarray | np.generic | float | int):
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
        return array.shape, array.dtype, array.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple | collections.deque):
        return list(map(bits, value))
    return repr(value)


def with_gradients(tensors):
    return [(t, t.grad, t.requires_grad) for t in tensors]


class World:
    """What a step finds: a parameter w, arrays a and v, a count n, and what a test puts there.

    `seen` is compared: all these, and what a test has as `kept`. `change`, if a test sets it, is
    called with the number of each call before that.
    """

    def __init__(self, build, shape=(3,)):
        self.w = Tensor(np.cos(np.arange(float(np.prod(shape)))).reshape(shape), requires_grad=True)
        self.a, self.v, self.n = X.copy(), np.ones(3), 0
        self.tensors, self.kept = [self.w], None
        self.step = build(self)

    def backward(self, loss):
        self.w.grad = None
        loss.backward()
        return loss

    def descend(self, loss, rate=0.1):
        self.backward(loss)
        self.w.data -= rate * self.w.grad
        return loss

    def seen(self):
        kept = self.kept() if callable(self.kept) else self.kept
        return bits([with_gradients(self.tensors), self.a, self.v, self.n, kept])


def squares(world, x):
    return np.sum((x * world.w) ** 2)


def world_of(step, shape=(3,)):
    """The world of a step(world, x), all of whose state the world has."""
    return lambda: World(functools.partial(functools.partial, step), shape)


def descending(world, x):
    return world.descend(squares(world, x))


squaring = world_of(descending)
"""The plainest world: a step of gradient descent."""


def from_state(state, function, *arguments):
    """Calls a function with nn's generator in this state; returns the result and the new state."""
    generator.bit_generator.state = state
    return function(*arguments), generator.bit_generator.state


def check(make, calls=((X,), (X + 0.1,)), rounds=4, replayed=True):
    """Runs a step and its replay side by side; returns the replay. Results stay as they were."""
    alone, other = make(), make()
    changes = [vars(world).pop("change", id) for world in (alone, other)]  # out of the step's reach
    fast, results, found = replay(other.step), [], []
    for number, arguments in enumerate([*calls] * rounds):
        state = generator.bit_generator.state
        for change in changes:
            _, after = from_state(state, change, number)
        returned, end = from_state(after, lambda: bits(alone.step(*arguments)))  # noqa: B023
        result, end_of_fast = from_state(after, lambda: fast(*arguments))  # noqa: B023
        assert (bits(result), end_of_fast) == (returned, end), number
        results += [r for r in leaves_of(result) if not getattr(r, "requires_grad", False)]
        found += map(bits, results[len(found) :])
        assert other.seen() == alone.seen(), f"left behind by call {number}"
    assert bool(fast.source) == replayed
    assert bits(results) == found, "a result was changed by a later call"
    return fast


def untouched(world, error, match, function, *arguments):
    """A call raises an error and leaves the world, and nn's generator, as they were."""
    before = world.seen(), generator.bit_generator.state
    with pytest.raises(error, match=match):
        function(*arguments)
    assert (world.seen(), generator.bit_generator.state) == before


def refuse(make, match, *arguments, calls=2):
    """A step is refused within some calls, and everything is as it was before the last one."""
    world, alone = make(), make()
    fast = replay(world.step)
    for number in range(calls):
        given, others = copy.deepcopy(arguments or (X,)), copy.deepcopy(arguments or (X,))
        before = bits([world.seen(), generator.bit_generator.state, given])
        try:
            fast(*given)
        except NotReplayableError as error:
            if match not in str(error):
                raise
            assert bits([world.seen(), generator.bit_generator.state, given]) == before
            assert world.seen() == alone.seen()
            return number
        alone.step(*others)
    pytest.fail("not refused")


def same(run):
    """What is done by way of a replay is what is done without."""
    assert run(replay) == run(lambda step: step)


def _test_of(run):
    """A decorator that makes a test of a step(world, x), or of a function from a world to a step.

    Its other arguments are those of the test.
    """

    def made(build):
        signature = inspect.signature(build)
        others = [p for p in signature.parameters.values() if p.name not in ("world", "x", "y")]
        partial = functools.partial(*[functools.partial] * ("x" in signature.parameters), build)

        @functools.wraps(build)
        def test(**parameters):
            run(functools.partial(partial, **parameters))

        test.__signature__ = signature.replace(parameters=others)
        return test

    return made


def replays(shape=(3,), **options):
    return _test_of(lambda build: check(lambda: World(build, shape), **options))


def refuses(match, *arguments, **options):
    return _test_of(lambda build: refuse(lambda: World(build), match, *arguments, **options))
