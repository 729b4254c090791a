"""A step and its replay, side by side in two copies of its world: bit for bit, or refused."""

from __future__ import annotations

import collections
import types

import numpy as np
import pytest

from microgradnd import Tensor, replay
from microgradnd.replay import NotReplayableError
from nn.init import generator

X = np.sin(np.arange(6.0)).reshape(2, 3)
NUMBERS = (np.ndarray, np.generic, bool, float)


def bits(value):
    """Values, with all their bits, so that == compares them."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, int) and abs(value) < 2**63:
        value = np.array(value)
    if isinstance(value, NUMBERS):
        array = np.asarray(value)
        return array.shape, array.dtype, array.tobytes()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple | collections.deque):
        return list(map(bits, value))
    return repr(value)


def with_gradients(tensors):
    return [(t, t.grad, t.requires_grad) for t in tensors]


class World(types.SimpleNamespace):
    """What a step finds: w, a parameter, and what a test puts there. `seen` is compared."""

    def __init__(self, build, shape=(3,)):
        self.w = Tensor(np.cos(np.arange(float(np.prod(shape)))).reshape(shape), requires_grad=True)
        self.tensors, self.kept = [self.w], lambda: None
        self.step = build(self)

    def descend(self, loss, rate=0.1):
        self.w.grad = None
        loss.backward()
        self.w.data -= rate * self.w.grad
        return loss

    def seen(self):
        return bits([with_gradients(self.tensors), self.kept()])


def check(build, calls=((X,), (X + 0.1,)), rounds=4, between=None, shape=(3,), replayed=True):
    """Run a step and its replay side by side; returns the replay."""
    alone, other = World(build, shape), World(build, shape)
    fast = replay(other.step)
    for number, arguments in enumerate([*calls] * rounds):
        for world in (alone, other):
            if between is not None:
                between(number, world)
        luck = generator.bit_generator.state
        returned = alone.step(*arguments)
        after, generator.bit_generator.state = generator.bit_generator.state, luck
        assert bits(fast(*arguments)) == bits(returned), f"returned by call {number}"
        assert other.seen() == alone.seen(), f"left behind by call {number}"
        assert generator.bit_generator.state == after
    assert bool(fast.source) == replayed
    return fast


def refuse(build, match, *arguments, calls=1):
    """The step is refused within some calls, and everything is as it was before the last one."""
    world = World(build)
    fast, alone = replay(world.step), World(build)
    for number in range(calls):
        before, luck = world.seen(), generator.bit_generator.state
        try:
            fast(*(arguments or (X,)))
        except NotReplayableError as error:
            if match not in str(error):
                raise
            assert world.seen() == before == alone.seen()
            assert generator.bit_generator.state == luck
            return number
        alone.step(*(arguments or (X,)))
    pytest.fail("not refused")


def squares(world, x):
    return np.sum((x * world.w) ** 2)
