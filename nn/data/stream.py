"""Batches from anything that can be iterated over: a list of them, a loader, a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array
from microgradnd.operators import plain

from .. import init
from .examples import Batches, Data
from .in_file import floats_in, in_file


class Stream:
    """Batches as pairs of inputs and labels, with what `fit` asks of `Batches`.

    Each epoch begins anew, and ends with the batches or after so many steps; an iterator, such as a
    generator, cannot begin anew: there each epoch goes on from where the last one ended.
    """

    batch_size, labels, examples = None, None, math.inf

    def __init__(self, source: Iterable[Any], steps: int | None, dtype: Any) -> None:
        self.source, self.steps, self._dtype = source, steps, dtype
        self.once = iter(source) is source
        own = getattr(source, "generator", None)  # as a DataLoader has
        self.generator = own if isinstance(own, np.random.Generator) else init.generator

    @staticmethod
    def is_meant(data: Any) -> bool:
        """Whether data is an iterable of batches, and not a pair of arrays."""
        if isinstance(data, list):
            return all(isinstance(batch, tuple) for batch in data) or len(data) != 2
        arrays = isinstance(data, np.ndarray | Tensor | tuple | dict | str) or in_file(data)
        return isinstance(data, Iterable) and not arrays and not isinstance(data, Data | Batches)

    @property
    def data(self) -> Any:
        """There are no data to look through."""
        raise TypeError("expected Data, got batches one by one: not all examples are at hand")

    def __len__(self) -> int:
        """How many batches an epoch has, or 0 if that is not known."""
        known = len(self.source) if isinstance(self.source, Sized) else self.steps or 0
        return min(known, self.steps or known)

    def described(self) -> tuple[str, str]:
        return f"batches one by one, steps={self.steps}", "batches one by one"

    def epoch(
        self, first: int = 0, cut: Callable[[int, int], slice] = slice
    ) -> Iterator[tuple[Array, Array]]:
        """Returns one epoch, as `Batches.epoch` does."""
        batches = iter(self.source)
        next(islice(batches, first, first), None)  # at once: a loader draws its order here
        left = islice(batches, None if self.steps is None else self.steps - first)
        pairs = (self._pair(batch) for batch in left)
        parts = ((x, y, cut(0, len(y))) for x, y in pairs)
        return ((x[part], y[part]) for x, y, part in parts)

    def _pair(self, batch: Any) -> tuple[Array, Array]:
        arrays = [np.asarray(plain(a)) for a in batch] if isinstance(batch, tuple | list) else []
        kinds = "".join(array.dtype.kind for array in arrays)
        sizes = {array.shape[:1] for array in arrays}
        if len(kinds) != 2 or kinds.strip("biuf") or len(sizes) != 1 or sizes == {()}:
            found = ", ".join(f"{a.dtype} of shape {a.shape}" for a in arrays)
            raise TypeError(
                "expected batches as pairs of inputs and labels, numbers of one length, got "
                f"{type(batch).__name__} of {found or 'other things'}; of single examples "
                "nn.data.DataLoader makes batches"
            )
        x, y = (floats_in(array, self._dtype) for array in arrays)
        return x, y if y.dtype.kind == "f" else y.astype(np.int64, copy=False)
