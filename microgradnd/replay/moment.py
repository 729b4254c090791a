"""How all that a step can reach is at some moment, to go back to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .luck import common_generators, put_back, state_of
from .reach import Reach, put
from .recorded import Array


class Moment:
    """What is held everywhere, and where the generators are; and the values of some arrays."""

    def __init__(
        self, reach: Reach, arrays: Iterable[Array] = (), generators: Iterable[Any] = ()
    ) -> None:
        self.held = list(reach.entries())
        self.tensors = [
            (t, t._data, t._shared, t.grad) for t in reach.tensors if t.operation is None
        ]
        self.luck = {g: state_of(g) for g in {*common_generators(), *reach.generators, *generators}}
        self._contents = [(holder, holder.copy()) for holder in reach.whole]
        self._sets = [(members, members.copy()) for members in reach.sets]
        self._values = {id(array): (array, array.copy()) for array in arrays}

    def keep(self, array: Array) -> None:
        """Remember the values of one more array, which is about to be overwritten."""
        self._values.setdefault(id(array), (array, array.copy()))

    def keep_luck(self, generator: Any) -> None:
        """Remember where one more generator is, which is about to draw."""
        if generator not in self.luck:
            self.luck[generator] = state_of(generator)

    def go_back(self) -> None:
        """Everything as it was at this moment."""
        for array, values in self._values.values():
            np.copyto(array, values)
        for generator, state in self.luck.items():
            put_back(generator, state)
        for tensor, data, shared, grad in self.tensors:
            tensor._data, tensor._shared, tensor.grad = data, shared, grad
        for holder, contents in self._contents:
            holder.clear()
            holder.update(contents) if isinstance(holder, dict) else holder.extend(contents)
        for members, then in self._sets:
            if members != then:
                members.clear()
                members.update(then)
        for holder, key, value in self.held:
            put(holder, key, value)
