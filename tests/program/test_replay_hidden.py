"""What a step depends on without holding it in a variable of its own: a replay notices a change."""

from __future__ import annotations

import functools
import itertools
import sys
import types
from typing import NamedTuple

import numpy as np
import pytest

from microgradnd import Tensor
from tests.program.replayed import refuses, replays, squares

settings = types.ModuleType("settings_of_a_test")
sys.modules[settings.__name__] = settings


class Layer(NamedTuple):
    """A tuple with a method, which looks into a module."""

    w: Tensor

    def __call__(self, x):
        return x * self.w * settings.scale


class Chain(list):
    """A list with an attribute."""

    scale = 1.0

    def __call__(self, x):
        return functools.reduce(lambda x, layer: layer(x) * self.scale, self, x)


# Each returns a loss, and what changes it.


def a_set(world):
    frozen = {"b"}
    return lambda x: squares(world, x) * (2 if "a" in frozen else 1), lambda: frozen.add("a")


def a_set_of_the_same_size(world):
    frozen = {"b"}
    change = lambda: (frozen.clear(), frozen.add("a"))  # noqa: E731
    return lambda x: squares(world, x) * (2 if "a" in frozen else 1), change


def the_keys_of_a_dict(world):
    frozen = {"b": True}
    loss = lambda x: squares(world, x) * (2 if "a" in frozen else 1)  # noqa: E731
    return loss, lambda: frozen.update(a=frozen.popitem()[1])


def a_number_beside_a_tensor_as_key(world):
    weights = {world.w: 0.5}
    loss = lambda x: sum(c * np.sum((x * w) ** 2) for w, c in weights.items())  # noqa: E731
    return loss, lambda: weights.update({world.w: 0.3})


def a_module_that_an_object_holds(world):
    world.module = settings
    return lambda x: squares(world, x) * world.module.scale, change_settings


def a_module_imported_in_the_step(world):
    def loss(x):
        from settings_of_a_test import scale

        return squares(world, x) * scale

    return loss, change_settings


def a_name_in_a_string(world):
    world.module = settings
    return lambda x: squares(world, x) * getattr(world.module, "scale"), change_settings  # noqa: B009


def the_method_of_a_tuple(world):
    layer = Layer(world.w)
    return lambda x: np.sum(layer(x) ** 2), change_settings


def the_attribute_of_a_list(world):
    chain = Chain([lambda x: x * world.w])
    return lambda x: np.sum(chain(x) ** 2), lambda: setattr(chain, "scale", 2.0)


def change_settings():
    settings.scale = 2.0


CASES = [
    a_set,
    a_set_of_the_same_size,
    the_keys_of_a_dict,
    a_number_beside_a_tensor_as_key,
    a_module_that_an_object_holds,
    a_module_imported_in_the_step,
    a_name_in_a_string,
    the_method_of_a_tuple,
    the_attribute_of_a_list,
]


@pytest.mark.parametrize("case", CASES)
@replays()
def test_a_change_is_noticed(world, case):
    loss, change = case(world)

    def start_or_change(number):
        if number == 0:
            settings.scale = 1.0
        if number == 5:
            change()

    world.change = start_or_change
    return lambda x: world.descend(loss(x))


ITERATORS = [
    lambda: itertools.count(1),
    lambda: itertools.cycle([1, 2, 3, 4, 5]),
    lambda: (n for n in itertools.count(1)),
    lambda: map(abs, itertools.count(1)),
]


@pytest.mark.parametrize("iterator", ITERATORS)
@refuses("iterator")
def test_going_on_with_an_iterator_is_refused(world, iterator):
    numbers = iterator()

    def step(x):
        loss = world.descend(squares(world, x))
        if next(numbers) % 5 == 0:
            world.w.data *= 0.5
        return loss

    return step


@replays()
def test_an_iterator_that_is_not_used_does_no_harm(world):
    world.numbers = itertools.count()
    world.kept = lambda: next(world.numbers)
    return lambda x: world.descend(squares(world, x))
