"""Generators of random numbers, NumPy's old and new ones and Python's, and their states."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

# np.random is only looked at where it is needed: to import it takes as long as all of this package.


def is_generator(thing: Any) -> bool:
    """Whether random numbers are drawn from it."""
    return isinstance(thing, np.random.Generator | np.random.RandomState | random.Random)


def common_generators() -> tuple[Any, Any]:
    """Those behind `np.random.rand` and `random.random`, within everybody's reach."""
    return np.random.rand.__self__, random.seed.__self__  # type: ignore[attr-defined]


def state_of(generator: Any) -> Any:
    """Where a generator is."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def put_back(generator: Any, state: Any) -> None:
    """Have it draw again what it drew from there."""
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
