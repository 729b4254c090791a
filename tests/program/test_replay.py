"""What a step may depend on and leave behind is the same when it is replayed, bit for bit."""

from __future__ import annotations

import collections
import enum
import functools
import itertools
import operator
import sys
import types
import weakref  # noqa: F401
from typing import NamedTuple

import numpy as np
import pytest

import nn
from microgradnd import Tensor, grad, no_grad, primitive  # noqa: F401
from tests.program.replayed import refuses, replays, squares


class Slots:
    __slots__ = ("v",)


def attribute(of):
    def make(v):
        held = of()
        held.v = v
        return held

    return make, lambda held: held.v, lambda held, v: setattr(held, "v", v)


def item(make):
    return make, lambda held: held[0], lambda held, v: operator.setitem(held, 0, v)


def names(v):
    """Functions that read and set a global variable of a namespace of their own."""
    names = {"v": v}
    exec("def get():\n    return v\ndef put(x):\n    global v\n    v = x\n", names)
    return names["get"], names["put"]


def closure(v):
    def put(x):
        nonlocal v
        v = x

    return lambda: v, put


ACCESSORS = lambda held: held[0](), lambda held, v: held[1](v)
PLACES = {  # of an array or a number: how it gets there, is read, and is put there anew
    "slots": attribute(Slots),
    "class": attribute(lambda: type("Settings", (), {})),
    "object": attribute(types.SimpleNamespace),
    "module": attribute(lambda: types.ModuleType("settings")),
    "function": attribute(lambda: lambda: None),
    "parameter": attribute(lambda: nn.Parameter(np.zeros(2))),
    "list": item(lambda v: [v]),
    "dict": item(lambda v: {0: v}),
    "deque": item(lambda v: collections.deque([v], maxlen=1)),
    "global": (names, *ACCESSORS),
    "closure": (closure, *ACCESSORS),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("in_place", [True, False])
@replays(rounds=6)
def test_arrays_and_numbers_wherever_they_lie(world, place, in_place):
    make, get, put = PLACES[place]
    velocity, rate, steps = make(np.zeros(3)), make(0.1), make(0)
    world.kept = lambda: [get(velocity), get(rate), get(steps)]
    world.change = lambda count: put(rate, 0.1 / (1 + count // 2))

    def step(x):
        loss = world.backward(squares(world, x))
        put(steps, get(steps) + 1)
        if in_place:
            v = get(velocity)
            v *= 0.9
            v += world.w.grad
        else:
            put(velocity, 0.9 * get(velocity) + world.w.grad)
        world.w.data -= get(rate) / get(steps) * get(velocity)
        return loss

    return step


Pair = collections.namedtuple("Pair", "v rate")


def defaults(*v):
    f = lambda: None  # noqa: E731
    f.__defaults__ = v
    return f


@pytest.mark.parametrize("make", [lambda *x: x, Pair, defaults])
@replays()
def test_arrays_in_tuples(world, make):
    held = make(np.ones(3), 0.5)
    world.kept = parts = lambda: getattr(held, "__defaults__", held)

    def step(x):
        v, rate = parts()
        v *= 0.9
        return world.descend(squares(world, x) + np.sum(v * world.w) * rate)

    return step


SETTINGS = {"scale": 1.0}
settings = sys.modules["settings_of_a_test"] = types.ModuleType("settings_of_a_test")


def thing(scaled):
    return type("Thing", (), {"scaled": scaled})


class Base:
    def scale(self, w):
        return w * SETTINGS["scale"]


class Rule(Base):
    def __call__(self, w):
        return self.scale(w)


class Layer(NamedTuple):
    shift: float

    def __call__(self, w):
        return w * settings.scale + self.shift


class Chain(list):
    scale = 1.0

    def __call__(self, w):
        return functools.reduce(lambda w, layer: layer(w) * self.scale, self, w)


def imported(w):
    from settings_of_a_test import scale

    return w * scale


def named(held, w):
    return w * (2 if "a" in held else 1)


def kind(names):
    return names["__dict__"].__objclass__


SCALE = "scale"
WAYS = """ what the step holds ; the number times w ; the change, if not of the settings
property: thing(property(lambda self: SETTINGS[SCALE]))() ; w * h.scaled
inherited method: Rule() ; h(w)
class method: thing(classmethod(lambda kind, w: w * SETTINGS[SCALE])).scaled ; h(w)
method of a dict: SETTINGS.get ; w * h(SCALE)
primitive: primitive(lambda w: w * SETTINGS[SCALE], lambda g, y, w: g * SETTINGS[SCALE]) ; h(w)
transform: grad(lambda w: np.sum(w**2) * SETTINGS[SCALE]) ; h(w)
decorator: no_grad()(lambda w: w.data * SETTINGS[SCALE]) ; h(w)
module in a list: [settings] ; w * h[0].scale
module imported: imported ; h(w)
name in a string: settings ; w * getattr(h, "scale")
method of a tuple: Layer(0.5) ; h(w)
dict to be read: types.MappingProxyType(SETTINGS) ; w * h[SCALE]
values of a dict: SETTINGS.values() ; w * sum(h)
wrapper of a method: (lambda w: w * SETTINGS[SCALE]).__call__ ; h(w)
weak reference: weakref.ref(settings) ; w * h().scale
names of a module: settings ; w * h.__dict__["scale"]
modules: None ; w * sys.modules["settings_of_a_test"].scale
name of an attribute: settings ; w * operator.attrgetter("scale")(h)
attribute of a list: Chain([np.tanh]) ; h(w) ; setattr(h, SCALE, 2.0)
set: {"b"} ; named(h, w) ; h.add("a")
set of the same size: {"b"} ; named(h, w) ; (h.clear(), h.add("a"))
keys of a dict: {"b": 1} ; named(h, w) ; h.update(a=h.popitem()[1])
class of a class: type("Meta", (type,), {SCALE: 1.0})("Thing", (), {}) ; w * h.scale ; setattr(type(h), SCALE, 2.0)
class attribute, no longer inherited: type("Thing", (Chain,), {})([np.tanh]) ; h(w) ; setattr(type(h), SCALE, 2)
names of a class: vars(type("Thing", (), {SCALE: 1.0})) ; w * h["scale"] * getattr(kind(h), SCALE) ; setattr(kind(h), SCALE, 2.0)
options of a function: lambda w, *, scale=1.0: w * scale ; h(w) ; setattr(h, "__kwdefaults__", {SCALE: 2.0})
attribute of another name: types.SimpleNamespace(b=1) ; named(vars(h), w) ; setattr(h, "a", vars(h).pop("b"))
name of a tensor: world.w ; named(h.name or "b", w) ; setattr(h, "name", "a")
text in an array: np.array(["a", "b", "b"]) ; w * np.where(h == "a", 2, 1) ; h.fill("a")
records: np.ones(3, [(SCALE, float)]) ; w * h["scale"] ; h.fill(2)
number beside a tensor as key: {world.w: 0.5} ; sum(number * key * w for key, number in h.items()) ; h.update(dict.fromkeys(h, 0.3))
"""


@pytest.mark.parametrize("way", WAYS.splitlines()[1:], ids=lambda way: way.partition(":")[0])
@replays(rounds=8)
def test_all_ways_to_a_number_are_found(world, way):
    make, of, *change = way.partition(": ")[2].split(" ; ")
    held = eval(f"lambda world: {make}", globals())(world)
    scaled, *alter = (eval(f"lambda h, w=None: {code}", globals()) for code in (of, *change))

    def change(number):
        if not alter or number == 0:
            SETTINGS["scale"] = settings.scale = 1 / (1 + number // 4)
        elif number == 5:
            alter[0](held)

    world.change = change
    return lambda x: world.descend(np.sum((x * scaled(held, world.w) + world.w) ** 2), 0.01)


@pytest.mark.parametrize(
    "numbers", [itertools.count(1), map(abs, itertools.count(1)), (n for n in itertools.count(1))]
)
@refuses("iterator")
def test_going_on_with_an_iterator_is_refused(world, numbers):
    return lambda x: world.descend(squares(world, x) * (2 if next(numbers) % 5 == 0 else 1))


@replays()
def test_an_iterator_that_is_not_used_does_no_harm(world):
    world.numbers = itertools.count()
    world.kept = lambda: next(world.numbers)
    return lambda x: world.descend(squares(world, x))


@replays()
def test_arrays_changed_between_calls_are_read_anew(world):
    a, b = np.ones(3), (np.ones(3),)

    def change(number):
        a[...] *= 1.01
        b[0][0] = number

    world.change = change
    return lambda x: world.descend(squares(world, x) + np.sum(a * 2 * world.w * np.exp(b[0])))


@replays()
def test_what_is_returned_alone(world):
    other = Tensor([1.0, 2.0, 3.0])
    world.change = lambda number: other.data.__imul__(2)

    def step(x):
        world.descend(squares(world, x))
        world.v *= 0.9
        return world.w.data, world.w.grad, world.v, world.v[1:], other.data

    return step


@replays()
def test_places_that_hold_the_same_array_and_swap(world):
    same = np.ones(3)
    held = world.kept = [same, same, np.arange(3.0), np.zeros(3)]

    def step(x):
        loss = world.descend(squares(world, x) + np.sum(held[0] * world.w))
        held[2], held[3] = held[3], held[2]
        held[1] = held[0]
        held[0] = held[0] * 0.5 + world.w.data
        return loss

    return step


@replays()
def test_views_of_one_array_that_are_read(world):
    held = [world.a, world.a[0], world.a.T, world.a[::-1]]
    world.change = lambda number: held[1].__iadd__(1)

    def step(x):
        loss = world.descend(squares(world, x) + np.sum(held[2] @ held[3] * world.w))
        return loss, held[3][:, ::-1], held[1]

    return step


VIEWS = {"whole": lambda a: a, "row": lambda a: a[0], "T": lambda a: a.T, "-1": lambda a: a[::-1]}


@pytest.mark.parametrize("view", list(VIEWS)[1:])
@pytest.mark.parametrize("written", [0, 1])
@refuses("shares memory with something that the step changes")
def test_views_of_one_array_that_are_written_are_refused(world, view, written):
    held = world.kept = [world.a, VIEWS[view](world.a)]

    def step(x):
        held[written][0] += 1
        return world.descend(squares(world, x) + np.sum(held[1 - written]))

    return step


@refuses("leaves one array in two places", calls=3)
def test_one_array_left_in_two_places_is_refused(world, x):
    world.a = world.v = world.v * 0.5
    return world.descend(squares(world, x) + np.sum(world.v))


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


@replays()
def test_what_a_function_remembers_stays_remembered(world):
    first = functools.cache(lambda: world.w.data.copy())
    return lambda x: world.descend(squares(world, x) + np.sum((world.w - first()) ** 2))


class Mode(enum.Enum):
    SQUARES, SUM = 1, 2


@replays(rounds=3)
def test_a_step_that_looks_at_an_enum(world):
    def step(x):
        mode = Mode.SUM if world.n > 1 else Mode.SQUARES
        return world.descend(squares(world, x) if mode is Mode.SQUARES else np.sum(x * world.w))

    return step
