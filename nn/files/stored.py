"""Arrays that are still in a file: what is known about each before memory is taken for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradnd.arrays import Array


class Stored(NamedTuple):
    """An array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: Callable[[], Array]
    compressed: bool = False

    def read(self) -> Array:
        """The array itself; bytes that nobody understands raise a ValueError."""
        try:
            return self.values()
        except Exception as error:  # there is no list of what decompressors raise
            raise ValueError(f"{self.name}: the file is damaged: {error}") from error


class File(NamedTuple):
    """The arrays in a file by their names, and the text beside them, if any."""

    arrays: dict[str, Stored]
    text: str | None
