"""Calling a function again and again with the same luck: its random generators are put back."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

# Generators that functions draw from without naming them; a library adds its own.
shared_generators: list[np.random.Generator] = []


def restorer(f: Callable[..., Any], *generators: Any) -> Callable[[], None]:
    """A function that puts back, as it is now, every generator that f may draw from.

    Those are Python's and NumPy's own, the shared ones, the ones given, and those that f closes
    over or finds by name among the globals.
    """
    restores = [
        partial(random.setstate, random.getstate()),
        partial(np.random.set_state, np.random.get_state()),
    ]
    for generator in (*shared_generators, *generators, *closed_over(f)):
        if isinstance(generator, np.random.Generator):
            bits = generator.bit_generator
            restores.append(partial(setattr, bits, "state", bits.state))
        elif isinstance(generator, np.random.RandomState):
            restores.append(partial(generator.set_state, generator.get_state()))
        elif isinstance(generator, random.Random):
            restores.append(partial(generator.setstate, generator.getstate()))

    def restore() -> None:
        for put_back in restores:
            put_back()

    return restore


def closed_over(f: Callable[..., Any]) -> list[Any]:
    """The values that a Python function finds outside itself."""
    try:
        found = inspect.getclosurevars(f)
    except (TypeError, ValueError):  # not written in Python
        return []
    return [*found.nonlocals.values(), *found.globals.values()]
