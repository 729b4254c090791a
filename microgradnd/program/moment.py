"""A snapshot of all that a step can reach, to go back to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import Snapshot, common_generators, state_of
from .inside import digested, is_number, is_same, owner
from .reach import Reach, get, put


class Moment:
    """What is `held` everywhere, the `arrays` of the Tensors, the state of the generators, and the
    values of those arrays that may be overwritten."""

    def __init__(
        self, reach: Reach, overwritten: Iterable[Array] = (), generators: Iterable[Any] = ()
    ) -> None:
        self.held = list(reach.entries())
        tensors, keys = reach.tensors, ("_array", "_grad")
        self.arrays = [(t, key, getattr(t, key)) for t in tensors for key in keys]
        self._shared = [(t, "_shared", t._shared) for t in tensors]
        self.generators = Snapshot({*common_generators(), *reach.generators, *generators})
        self._contents = [(holder, holder.copy()) for holder in (*reach.whole, *reach.sets)]
        self._values = [(array, np.array(array)) for array in overwritten if array.flags.writeable]
        self._overwritten = {id(owner(array)) for array, _ in self._values}

    def go_back(self) -> None:
        """Restores everything."""
        for array, values in self._values:
            np.copyto(array, values)
        self.generators.restore()
        for holder, contents in self._contents:
            if not is_same(list(holder), list(contents)):  # also in order
                holder.clear()
                add = holder.update if isinstance(holder, dict | set) else holder.extend
                add(contents)
        for holder, key, value in [*self.held, *self.arrays, *self._shared]:
            if get(holder, key) is not value:  # some holders, such as an Enum, cannot be set
                put(holder, key, value)

    def left(self) -> Any:
        """What the Tensors hold now, and what lies where something lay then, to be compared."""
        arrays = digested([get(tensor, key) for tensor, key, _ in self.arrays])
        held = [self._left(get(holder, key), value) for holder, key, value in self.held]
        return arrays, digested(list(map(state_of, self.generators.states))), held

    def _left(self, now: Any, then: Any) -> Any:
        is_new = isinstance(now, np.ndarray) and (
            now is not then or id(owner(now)) in self._overwritten
        )
        return digested(now) if is_new or is_number(now) else now is then
