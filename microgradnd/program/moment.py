"""A snapshot of all that a step can reach, to go back to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import Snapshot, common_generators, state_of
from .inside import is_number, owner
from .reach import Reach, get, put


class Moment:
    """What is held everywhere, the Tensors with their values, the state of the generators, and the
    values of some more arrays."""

    def __init__(
        self, reach: Reach, arrays: Iterable[Array] = (), generators: Iterable[Any] = ()
    ) -> None:
        self.held = list(reach.entries())
        self.tensors = [
            (t, t._array, t._shared, t.grad) for t in reach.tensors if t.operation is None
        ]
        self.generators = Snapshot({*common_generators(), *reach.generators, *generators})
        self._contents = [(holder, holder.copy()) for holder in reach.whole]
        self._sets = [(members, members.copy()) for members in reach.sets]
        self._values: dict[int, tuple[Array, Array]] = {}
        of_tensors = [array for _, data, _, grad in self.tensors for array in (data, grad)]
        for array in (*arrays, *of_tensors):
            self.keep(array)

    def keep(self, array: Any) -> None:
        """Remembers the values of one more array, which may be overwritten."""
        if isinstance(array, np.ndarray) and array.flags.writeable:
            self._values.setdefault(id(array), (array, np.array(array)))

    def values(self, array: Any) -> Any:
        """The values that an array had."""
        return self._values[id(array)][1] if id(array) in self._values else array

    def go_back(self) -> None:
        """Restores everything."""
        for array, values in self._values.values():
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
            if not _is_at(holder, key, value):  # some holders, such as an Enum, cannot be set
                put(holder, key, value)

    def drawn(self) -> Any:
        """The states of the generators now."""
        return [state_of(generator) for generator in self.generators.states]

    def left(self) -> Any:
        """Copies of what the Tensors hold now, and of what lies where something lay then."""
        arrays = [(_copied(tensor._array), _copied(tensor.grad)) for tensor, *_ in self.tensors]
        held = [self._left_at(get(holder, key), value) for holder, key, value in self.held]
        return arrays, self.drawn(), held

    def _left_at(self, now: Any, then: Any) -> Any:
        if isinstance(then, tuple) and isinstance(now, tuple) and len(now) == len(then):
            return list(map(self._left_at, now, then))
        if isinstance(now, np.ndarray) and (now is not then or id(owner(now)) in self._values):
            return _copied(now)
        return now if is_number(now) else now is then


def _is_at(holder: Any, key: Any, value: Any) -> bool:
    try:
        return get(holder, key) is value
    except (LookupError, AttributeError, ValueError):  # it is no longer there
        return False


def _copied(array: Any) -> Any:
    return None if array is None else np.array(array)
