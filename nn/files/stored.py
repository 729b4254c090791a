"""Arrays that are still in a file: what is known about them before memory is taken for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Array = Any  # a NumPy array


class Stored(NamedTuple):
    """An array in a file: what it will be, and `read`, which gives it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Array]
    compressed: bool = False


class File(NamedTuple):
    """The arrays in a file by their names, and the text that stands beside them, if any."""

    arrays: dict[str, Stored]
    text: str | None


def misfits(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, Stored]) -> list[str]:
    """What keeps stored arrays from being real numbers of the expected names and shapes."""
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    problems = [f"missing: {_listed(missing)}"] * bool(missing)
    problems += [f"unexpected: {_listed(unexpected)}"] * bool(unexpected)
    for name, shape in expected.items():
        if name in found and found[name].shape != shape:
            problems.append(f"{name}: expected shape {shape}, found {found[name].shape}")
        if name in found and found[name].dtype.kind not in "biuf":
            problems.append(f"{name}: expected real numbers, found {found[name].dtype}")
    return problems


def _listed(names: list[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
