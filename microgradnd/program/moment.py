"""A snapshot of all that a step can reach, to go back to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import Snapshot, common_generators, state_of
from .inside import digested, is_number, owner
from .reach import Reach, get, put


class Moment:
    """What is held everywhere, the Tensors with their arrays, the state of the generators, and the
    values of those arrays that may be overwritten."""

    def __init__(
        self, reach: Reach, overwritten: Iterable[Array] = (), generators: Iterable[Any] = ()
    ) -> None:
        self.held = list(reach.entries())
        self.tensors = [
            (t, t._array, t._shared, t.grad) for t in reach.tensors if t.operation is None
        ]
        self.generators = Snapshot({*common_generators(), *reach.generators, *generators})
        self._contents = [(holder, holder.copy()) for holder in reach.whole]
        self._sets = [(members, members.copy()) for members in reach.sets]
        self._values = [(array, np.array(array)) for array in overwritten if array.flags.writeable]
        self._overwritten = {id(owner(array)) for array, _ in self._values}

    def go_back(self) -> None:
        """Restores everything."""
        for array, values in self._values:
            np.copyto(array, values)
        self.generators.restore()
        for tensor, data, shared, grad in self.tensors:
            tensor._array, tensor._shared, tensor.grad = data, shared, grad
        for holder, contents in self._contents:
            holder.clear()
            holder.update(contents) if isinstance(holder, dict) else holder.extend(contents)
        for members, then in self._sets:
            if members != then:
                members.clear()
                members.update(then)
        for holder, key, value in self.held:
            if get(holder, key) is not value:  # some holders, such as an Enum, cannot be set
                put(holder, key, value)

    def drawn(self) -> Any:
        """The states of the generators now."""
        return digested([state_of(generator) for generator in self.generators.states])

    def left(self) -> Any:
        """What the Tensors hold now, and what lies where something lay then, to be compared."""
        arrays = digested([(tensor._array, tensor.grad) for tensor, *_ in self.tensors])
        held = [self._left(get(holder, key), value) for holder, key, value in self.held]
        return arrays, self.drawn(), held

    def _left(self, now: Any, then: Any) -> Any:
        is_new = isinstance(now, np.ndarray) and (
            now is not then or id(owner(now)) in self._overwritten
        )
        return digested(now) if is_new or is_number(now) else now is then
