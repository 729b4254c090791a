"""What a step may depend on and leave behind is the same when it is replayed, bit for bit."""

from __future__ import annotations

import collections
import copy
import functools
import types

import numpy as np
import pytest

import nn
from microgradnd import grad, no_grad, primitive, replay
from tests.replay.replayed import World, X, bits, check, squares

# ---- what a step may depend on, and leave behind -------------------------------------------------


class Slots:
    __slots__ = ("rate", "steps", "v")

    def __init__(self):
        self.v, self.rate, self.steps = np.zeros(3), 0.1, 0


def class_with_attributes():
    return type("Settings", (), {"v": np.zeros(3), "rate": 0.1, "steps": 0})


def module():
    made = types.ModuleType("settings")
    made.v, made.rate, made.steps = np.zeros(3), 0.1, 0
    return made


def namespace():
    return types.SimpleNamespace(v=np.zeros(3), rate=0.1, steps=0)


PLACES = {"slots": Slots, "class": class_with_attributes, "object": namespace, "module": module}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("in_place", [True, False])
def test_arrays_and_numbers_as_attributes(place, in_place):
    def build(world):
        held = world.held = PLACES[place]()
        world.kept = lambda: [held.v, held.rate, held.steps]

        def step(x):
            loss = squares(world, x)
            world.w.grad = None
            loss.backward()
            held.steps += 1
            if in_place:
                held.v *= 0.9
                held.v += world.w.grad
            else:
                held.v = 0.9 * held.v + world.w.grad
            world.w.data -= held.rate / held.steps * held.v
            return loss

        return step

    def between(number, world):
        world.held.rate = 0.1 / (1 + number // 2)

    check(build, between=between, rounds=6)


RATE, VELOCITY = 0.1, np.zeros(3)


def test_globals():
    def build(world):
        world.kept = lambda: VELOCITY

        def step(x):
            global VELOCITY
            loss = squares(world, x)
            world.w.grad = None
            loss.backward()
            VELOCITY = 0.9 * VELOCITY + world.w.grad
            world.w.data -= RATE * VELOCITY
            return loss

        return step

    def run(of):
        global RATE, VELOCITY
        VELOCITY, values = np.zeros(3), []
        world = World(build)
        step = of(world.step)
        for number in range(10):
            RATE = 0.1 / (1 + number // 3)
            values.append(bits([step(X), world.seen()]))
        return values

    assert run(replay) == run(lambda step: step)


def held_in(kind):
    """A step whose momentum lies in some container, in place or put there anew."""

    def build(world):
        box = {"list": [np.zeros(3)], "dict": {0: np.zeros(3)}, "tuple": [(np.zeros(3), 1.0)]}
        box |= {"deque": collections.deque([np.zeros(3)], maxlen=1)}
        box |= {"named": [collections.namedtuple("Pair", "v rate")(np.zeros(3), 1.0)]}
        held = box[kind.partition(" ")[0]]
        world.kept = lambda: held

        def step(x):
            loss = squares(world, x)
            world.w.grad = None
            loss.backward()
            v = held[0] if isinstance(held[0], np.ndarray) or "tuple" not in kind else held[0][0]
            v = v[0] if isinstance(v, tuple) else v
            if "anew" in kind:
                v = 0.9 * v + world.w.grad
                if "tuple" in kind:
                    held[0] = (v, held[0][1])
                elif "named" in kind:
                    held[0] = held[0]._replace(v=v)
                else:
                    held[0] = v
            else:
                v *= 0.9
                v += world.w.grad
            world.w.data -= 0.1 * v
            return loss

        return step

    return build


@pytest.mark.parametrize("kind", ["list", "dict", "deque", "tuple", "named"])
@pytest.mark.parametrize("how", ["", " anew"])
def test_arrays_in_containers(kind, how):
    check(held_in(kind + how))


def test_default_arguments_and_attributes_of_functions():
    def build(world):
        def step(x, v=np.ones(3)):  # noqa: B008
            v *= 0.9
            step.count += 1
            return world.descend(squares(world, x) + np.sum(v * world.w) / step.count)

        step.count = 0
        world.kept = lambda: [step.count, step.__defaults__]
        return step

    step = World(build).step
    step.__defaults__[0][...] = 1
    check(lambda world: _with_own_defaults(build(world)))


def _with_own_defaults(step):
    step.__defaults__ = copy.deepcopy(step.__defaults__)
    return step


def test_helpers_behind_decorators_transforms_and_primitives_are_looked_into():
    def build(world):
        options = world.options = {"a": 1.0, "b": 1.0, "c": 1.0}
        scaled = primitive(lambda x: x * options["a"], lambda g, y, x: g * options["a"])
        slope = grad(lambda w, x: np.sum((x * w) ** 2) * options["b"])

        @no_grad()
        def update():
            world.w.data -= 0.1 * options["c"] * world.w.grad

        def step(x):
            world.w.grad = None
            loss = squares(world, x) + np.sum(scaled(world.w) ** 2)
            loss.backward()
            update()
            return loss, slope(world.w, x)

        return functools.partial(step)

    for name in "abc":

        def between(number, world, name=name):
            world.options[name] = 1 / (1 + number // 3)

        check(build, between=between, rounds=6)


def by_property(options):
    scale = property(lambda self: options["scale"])
    thing = type("Thing", (), {"scale": scale})()
    return lambda w: w * thing.scale


def by_class_method(options):
    scaled = classmethod(lambda kind, w: w * options["scale"])
    thing = type("Thing", (), {"scaled": scaled})
    return lambda w: thing.scaled(w)


def by_static_method(options):
    thing = type("Thing", (), {"scaled": staticmethod(lambda w: w * options["scale"])})
    return lambda w: thing.scaled(w)


def by_a_method_of_a_dict(options):
    return functools.partial(lambda get, w: w * get("scale"), options.get)


def by_a_primitive(options):
    return primitive(lambda w: w * options["scale"], lambda g, y, w: g * options["scale"])


@pytest.mark.parametrize(
    "way",
    [by_property, by_class_method, by_static_method, by_a_method_of_a_dict, by_a_primitive],
)
def test_all_ways_to_a_number_are_found(way):
    found_in_no_other_way = []

    def build(world):
        found_in_no_other_way.append({"scale": 1.0})
        scaled = way(found_in_no_other_way[-1])
        return lambda x: world.descend(np.sum((x * scaled(world.w)) ** 2))

    def between(number, world):
        for options in found_in_no_other_way:
            options["scale"] = 1 / (1 + number // 4)

    check(build, between=between, rounds=8)


def test_attributes_of_a_parameter():
    def build(world):
        p = world.w = nn.Module.__getattribute__(nn.Linear(3, 1, bias=False), "weight")
        world.tensors = [p]
        p.v = np.zeros((1, 3))
        world.kept = lambda: p.v

        def step(x):
            loss = squares(world, x)
            p.grad = None
            loss.backward()
            p.v *= 0.9
            p.v += p.grad
            p.data -= 0.1 * p.v
            return loss

        return step

    def seeded(world):
        nn.manual_seed(1)
        return build(world)

    check(seeded)


def test_arrays_changed_between_calls_are_read_anew():
    def build(world):
        world.a, world.b = np.ones(3), (np.ones(3),)
        a, b = world.a, world.b

        def step(x):
            return world.descend(squares(world, x) + np.sum(a * 2 * world.w * np.exp(b[0])))

        return step

    def between(number, world):
        world.a *= 1.01
        world.b[0][0] = number

    check(build, between=between)


def test_places_that_hold_the_same_array_and_swap():
    def build(world):
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

    check(build)


def test_views_of_one_array():
    def build(world):
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

    check(build)


def test_numbers_and_what_can_be_done_with_them():
    def build(world):
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

    check(build, calls=[(X, 1.0), (X, 2.0), (X, 1.0)], rounds=8)
    check(build, calls=[(X.astype(np.float32), 1), (X.astype(np.float32), 3)], rounds=8)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_rate_that_is_a_number_of_numpys(kind, dtype):
    def build(world):
        world.options = {"rate": kind(0.1), "mean": kind(0.5)}

        def step(x):
            loss = squares(world, x.astype(dtype))
            world.w.grad = None
            loss.backward()
            world.options["mean"] = 0.9 * world.options["mean"] + kind(0.1)
            change = world.options["rate"] / (1 + world.options["mean"] ** 2) * world.w.grad
            world.w.data = (world.w.data - change).astype(dtype)
            return loss, change

        return step

    def between(number, world):
        world.options["rate"] = kind(0.1 * np.cos(number / 10))

    check(build, between=between, rounds=6)


def test_an_if_on_a_number_is_decided_anew():
    def build(world):
        steps = [0]

        def step(x, k):
            steps[0] += 1
            if k > 1.5 or steps[0] % 3 == 0:
                return world.descend(squares(world, x) * k, 0.01)
            return world.descend(np.sum(x * world.w) * k, 0.01)

        return step

    check(build, calls=[(X, 1.0), (X, 2.0), (X, 1.2)], rounds=10)


def test_an_equal_number_made_anew_each_time_is_no_change():
    def build(world):
        world.options = {"rate": 0.1}
        return lambda x: world.descend(squares(world, x), world.options["rate"])

    def between(number, world):
        world.options["rate"] = float("0.1")

    check(build, between=between, rounds=10)


FACTORS = {"global": 1.0}


class Base:
    def scale(self, x):
        return x * FACTORS["global"]


class Rule(Base):
    @property
    def rate(self):
        return 0.1 * FACTORS["global"]

    def __call__(self, w, x):
        return np.sum((self.scale(x) * w) ** 2) * self.rate


def test_methods_of_classes_are_looked_into():
    """What changes is a global of theirs."""

    def run(of):
        rule, seen = Rule(), []
        world = World(lambda world: lambda x: world.descend(rule(world.w, x)))
        step = of(world.step)
        for number in range(12):
            FACTORS["global"] = 1.0 + number // 4
            seen.append(bits([step(X), world.seen()]))
        return seen

    assert run(replay) == run(lambda step: step)


def test_a_parameter_of_another_dtype():
    def run(of):
        nn.manual_seed(0)
        layer = nn.Linear(3, 2, bias=False)

        def step(x):
            layer.weight.grad = None
            loss = np.sum(layer(x) ** 2)
            loss.backward()
            layer.weight.data -= 0.1 * layer.weight.grad
            return loss

        act, seen = of(step), []
        for number in range(15):
            if number in (5, 10):
                layer.astype([np.float32, np.float64][number == 10])
            seen.append(bits([act(X), layer.weight, layer.weight.grad]))
        return seen

    assert run(replay) == run(lambda step: step)
