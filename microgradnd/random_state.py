"""The state of random generators, kept and restored: NumPy's new and old ones, and Python's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

# To import np.random takes as long as this package, and random is rare: both only when needed.

shared_generators: list[Any] = []  # those a library's functions draw from; the library adds them


def is_generator(thing: Any) -> bool:
    """Whether random numbers can be drawn from it."""
    from random import Random

    return isinstance(thing, np.random.Generator | np.random.RandomState | Random)


def common_generators() -> tuple[Any, Any]:
    """The generators behind `np.random.rand` and `random.random`."""
    import random

    return np.random.rand.__self__, random.seed.__self__  # type: ignore[attr-defined]


def state_of(generator: Any) -> Any:
    """The state of a generator, to be restored later."""
    if (bits := getattr(generator, "bit_generator", None)) is not None:
        return bits.state
    legacy = isinstance(generator, np.random.RandomState)
    return generator.get_state(legacy=False) if legacy else generator.getstate()


def fingerprint(generator: Any) -> Any:
    """The same as long as nobody draws from it."""
    return _comparable(state_of(generator))


def _comparable(state: Any) -> Any:
    """A state without arrays, so that == compares it."""
    if isinstance(state, dict):
        return {name: _comparable(part) for name, part in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state


def restore(generator: Any, state: Any) -> None:
    """Set a generator back, so that it draws again what it drew from that state."""
    if hasattr(generator, "bit_generator"):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


class Snapshot:
    """The states of some generators at one time."""

    def __init__(self, generators: Iterable[Any]) -> None:
        self.states: dict[Any, Any] = {}
        self._seeds: dict[Any, Any] = {}  # of those that may spawn others
        for generator in generators:
            self.add(generator)

    def add(self, generator: Any) -> None:
        """Keep the state of one more generator, unless it is kept already."""
        if generator not in self.states:
            self.states[generator] = state_of(generator)
            seeds = getattr(getattr(generator, "bit_generator", None), "seed_seq", None)
            if isinstance(seeds, np.random.SeedSequence):
                self._seeds[generator.bit_generator] = seeds.state

    def moved(self) -> list[Any]:
        """The generators that were drawn from since."""
        return [
            generator
            for generator, state in self.states.items()
            if fingerprint(generator) != _comparable(state)
        ]

    def restore(self) -> None:
        """Set every generator back to the state it had."""
        for generator, state in self.states.items():
            restore(generator, state)
        for bits, seeds in self._seeds.items():
            if bits.seed_seq.n_children_spawned != seeds["n_children_spawned"]:
                bits.__setstate__((bits.state, np.random.SeedSequence(**seeds)))
