"""Calling a function again and again with the same luck: its random generators are put back."""

from __future__ import annotations

import inspect
import pickle
import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..random_state import shared_generators


class _State(NamedTuple):
    """A generator as it was."""

    get: Callable[[], Any]
    put: Callable[[Any], None]
    was: Any

    def has_moved(self) -> bool:
        """Whether somebody has drawn from it since."""
        return pickle.dumps(self.get()) != pickle.dumps(self.was)


class Luck:
    """Every generator that f may draw from, as it is now.

    Those are Python's and NumPy's own, the shared ones, the ones given, and those that f closes
    over or finds by name among the globals; beside them the buffers of a model that it uses.
    """

    def __init__(self, f: Callable[..., Any], *generators: Any) -> None:
        self._states: list[_State] = []
        self._narrowed = False
        self._add(random.getstate, random.setstate)
        self._add(np.random.get_state, np.random.set_state)
        for generator in (*shared_generators, *generators, *closed_over(f)):
            if isinstance(generator, np.random.Generator):
                bits = generator.bit_generator
                self._add(partial(getattr, bits, "state"), partial(setattr, bits, "state"))
            elif isinstance(generator, np.random.RandomState):
                self._add(generator.get_state, generator.set_state)
            elif isinstance(generator, random.Random):
                self._add(generator.getstate, generator.setstate)
            elif callable(getattr(generator, "buffers", None)):  # a model's running averages
                for buffer in generator.buffers():
                    self._add(buffer.copy, partial(np.copyto, buffer))

    def _add(self, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        self._states.append(_State(get, put, get()))

    def restore(self) -> None:
        """Put back those that f draws from: the ones that its first call did."""
        if not self._narrowed:
            self._states = [state for state in self._states if state.has_moved()]
            self._narrowed = True
        for state in self._states:
            state.put(state.was)


def closed_over(f: Callable[..., Any]) -> list[Any]:
    """The values that a Python function finds outside itself."""
    try:
        found = inspect.getclosurevars(f)
    except (TypeError, ValueError):  # not written in Python
        return []
    return [*found.nonlocals.values(), *found.globals.values()]
