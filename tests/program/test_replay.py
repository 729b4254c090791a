"""What a step may depend on and leave behind is the same when it is replayed, bit for bit."""

from __future__ import annotations

import collections
import functools
import types

import numpy as np
import pytest

import nn
from microgradnd import grad, no_grad, primitive
from tests.program.replayed import World, X, bits, replays, same, squares

# ---- where arrays and numbers may lie ------------------------------------------------------------


class Slots:
    __slots__ = ("rate", "steps", "v")


PLACES = {
    "slots": Slots,
    "class": lambda: type("Settings", (), {}),
    "object": types.SimpleNamespace,
    "module": lambda: types.ModuleType("settings"),
    "function": lambda: lambda: None,
    "parameter": lambda: nn.Parameter(np.zeros(2)),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("in_place", [True, False])
@replays(rounds=6)
def test_arrays_and_numbers_as_attributes(world, place, in_place):
    held = place()
    held.v, held.rate, held.steps = np.zeros(3), 0.1, 0
    world.kept = lambda: [held.v, held.rate, held.steps]
    world.change = lambda number: setattr(held, "rate", 0.1 / (1 + number // 2))

    def step(x):
        loss = world.backward(squares(world, x))
        held.steps += 1
        if in_place:
            held.v *= 0.9
            held.v += world.w.grad
        else:
            held.v = 0.9 * held.v + world.w.grad
        world.w.data -= held.rate / held.steps * held.v
        return loss

    return step


Pair = collections.namedtuple("Pair", "v rate")
CONTAINERS = {  # of an array, and how the array is put into the container anew
    "list": (lambda v: [v], lambda held, v: v),
    "dict": (lambda v: {0: v}, lambda held, v: v),
    "deque": (lambda v: collections.deque([v], maxlen=1), lambda held, v: v),
    "tuple": (lambda v: [(v, 1.0)], lambda held, v: (v, held[0][1])),
    "named tuple": (lambda v: [Pair(v, 1.0)], lambda held, v: held[0]._replace(v=v)),
}


@pytest.mark.parametrize(("make", "again"), CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("in_place", [True, False])
@replays()
def test_arrays_in_containers(world, make, again, in_place):
    held = make(np.zeros(3))
    world.kept = lambda: held

    def step(x):
        loss = world.backward(squares(world, x))
        v = held[0][0] if isinstance(held[0], tuple) else held[0]
        if in_place:
            v *= 0.9
            v += world.w.grad
        else:
            v = 0.9 * v + world.w.grad
            held[0] = again(held, v)
        world.w.data -= 0.1 * v
        return loss

    return step


@replays()
def test_default_arguments_of_functions(world):
    def step(x, v=np.ones(3)):  # noqa: B008
        v *= 0.9
        return world.descend(squares(world, x) + np.sum(v * world.w))

    world.kept = lambda: step.__defaults__
    return step


SETTINGS = {"global": 1.0}
RATE, VELOCITY = 0.1, np.zeros(3)


class Base:
    def scale(self, x):
        return x * SETTINGS["global"]


class Rule(Base):
    @property
    def rate(self):
        return 0.1 * SETTINGS["global"]

    def __call__(self, w, x):
        return np.sum((self.scale(x) * w) ** 2) * self.rate


def test_globals_of_the_step_and_of_methods():
    def build(world):
        rule = Rule()

        def step(x):
            global VELOCITY
            loss = world.backward(rule(world.w, x))
            VELOCITY = 0.9 * VELOCITY + world.w.grad
            world.w.data -= RATE * VELOCITY
            return loss

        return step

    def run(of):
        global RATE, VELOCITY
        VELOCITY, found, world = np.zeros(3), [], World(build)
        step = of(world.step)
        for number in range(12):
            RATE, SETTINGS["global"] = 0.1 / (1 + number // 3), 1.0 + number // 4
            found.append(bits([step(X), world.seen(), VELOCITY]))
        return found

    same(run)


# ---- ways to a number ----------------------------------------------------------------------------


def a_thing_with(attribute):
    return type("Thing", (), {"scaled": attribute})


def by_property(options):
    thing = a_thing_with(property(lambda self: options["scale"]))()
    return lambda w: w * thing.scaled


WAYS = {
    "property": by_property,
    "class method": lambda o: a_thing_with(classmethod(lambda kind, w: w * o["scale"])).scaled,
    "static method": lambda o: a_thing_with(staticmethod(lambda w: w * o["scale"])).scaled,
    "method of a dict": lambda o: functools.partial(lambda get, w: w * get("scale"), o.get),
    "primitive": lambda o: primitive(lambda w: w * o["scale"], lambda g, y, w: g * o["scale"]),
    "transform": lambda o: grad(lambda w: np.sum(w**2) * o["scale"]),
    "decorator": lambda o: no_grad()(lambda w: w.data * o["scale"]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@replays(rounds=8)
def test_all_ways_to_a_number_are_found(world, way):
    options = {"scale": 1.0}
    scaled = way(options)
    world.change = lambda number: options.update(scale=1 / (1 + number // 4))
    return lambda x: world.descend(np.sum((x * scaled(world.w) + world.w) ** 2), 0.01)


# ---- arrays that change, swap and overlap --------------------------------------------------------


@replays()
def test_arrays_changed_between_calls_are_read_anew(world):
    a, b = np.ones(3), (np.ones(3),)

    def change(number):
        a[...] *= 1.01
        b[0][0] = number

    world.change = change
    return lambda x: world.descend(squares(world, x) + np.sum(a * 2 * world.w * np.exp(b[0])))


@replays()
def test_places_that_hold_the_same_array_and_swap(world):
    same = np.ones(3)
    held = [same, same, np.arange(3.0), np.zeros(3), same[:2]]
    world.kept = lambda: held

    def step(x):
        loss = world.descend(squares(world, x) + np.sum(held[0] * world.w))
        held[2], held[3] = held[3], held[2]
        held[1] = held[0]
        held[0] = held[0] * 0.5 + world.w.data
        held[4][0] += 1
        return loss

    return step


@replays()
def test_views_of_one_array(world):
    whole = np.arange(6.0).reshape(2, 3)
    held = [whole, whole[0], whole.T, whole[::-1]]
    world.kept = lambda: held

    def step(x):
        held[0] *= 0.9
        held[1] += 1
        held[2][0] += 2
        held[3][0, ::-1] -= world.w.data
        return world.descend(squares(world, x) + np.sum(whole * world.w)), held[3][:, ::-1]

    return step


# ---- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers", [[(X, 1.0), (X, 2.0)], [(X.astype(np.float32), 1), (X.astype(np.float32), 3)]]
)
def test_numbers_and_what_can_be_done_with_them(numbers):
    @replays(calls=[*numbers, numbers[0]], rounds=8)
    def test(world):
        state = [0, 1.0]
        world.kept = lambda: state

        def step(x, k):
            state[0] += 1
            state[1] = state[1] * 0.5 + k
            factor = k**2 + min(k, 3) + max(k, 2) + abs(-k) + k // 2 + k % 2 + round(k) + int(k)
            factor = factor + ((-2) ** k - 3 % -k) * np.float64(0.5) + (k < np.inf) - min(k, np.inf)
            factor = factor + sum(divmod(k, 2)) + sum(divmod(7, k))
            factor = factor + np.sum(k * np.ones(3)) + np.arange(3.0)[1] ** k
            factor = factor + np.sum(np.maximum(x, k) + np.minimum(state[1], world.w))
            many = squares(world, x[: int(state[0] % 2) + 1])
            return world.descend(many * (factor + +k - state[1]) / np.sqrt(k), 0.001 / state[0])

        return step

    test()


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


@replays(calls=[(X, 1.0), (X, 2.0), (X, 1.2)], rounds=10)
def test_an_if_on_a_number_is_decided_anew(world):
    steps = [0]

    def step(x, k):
        steps[0] += 1
        if k > 1.5 or steps[0] % 3 == 0:
            return world.descend(squares(world, x) * k, 0.01)
        return world.descend(np.sum(x * world.w) * k, 0.01)

    return step


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

    def step(x):
        loss = world.backward(squares(world, x))
        limit = world.limit
        scaled = world.w.grad if limit is None else world.w.grad * (np.arange(3) * limit)
        world.w.data -= 0.01 * scaled
        return loss

    world.limit, world.change = 1.0, change
    return step
