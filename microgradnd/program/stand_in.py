"""What code on a tape of values gets in the place of an array."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .recorded import Recorded
from .value import Value, astype, frozen, values_in


class Memory:
    """What an array holds now; several stand-ins may look at it.

    After a part was written, it also knows what was there before, the path to the part, and what is
    there: to be read again, or overwritten.
    """

    def __init__(self, value: Value) -> None:
        self.value = self.before = value
        self.path: Any = None
        self.part: Value | None = None


class StandIn(Recorded):
    """What code gets in the place of an array: a memory, and the path to a part of it."""

    __slots__ = ("_memory", "_path", "_seen")

    def __init__(self, tape: Any, memory: Memory, path: tuple[Any, ...] = ()) -> None:
        self.tape, self._memory, self._path = tape, memory, path
        self._seen: Any = None

    @property
    def value(self) -> Value:
        """The value of the part as it is now."""
        whole = self._memory.value
        if self._seen is None or self._seen[0] is not whole:
            value = self._memory.part if frozen(self._path) == self._memory.path else None
            if value is None:
                value = whole
                for function, others, options in self._path:
                    value = self.tape.value(function, (value, *others), options)
            self._seen = whole, value
        return self._seen[1]  # type: ignore[no-any-return]

    array = property(lambda self: self.value.array)
    single = property(lambda self: isinstance(self.value.array, np.generic))
    flags = property(lambda self: self.value.array.flags)

    def part(self, function: Any, others: Any, options: Any) -> StandIn:
        """A view, which this call returns."""
        return StandIn(self.tape, self._memory, (*self._path, (function, others, options)))

    def write(self, function: Any, *arguments: Any) -> None:
        """Let a function write into the array."""
        arguments = self.tape.valued(arguments)
        self.tape.change(self._memory, self._path, function, arguments)

    def __getitem__(self, index: Any) -> Any:
        values = values_in(self.tape.valued(index))
        if any(value.dtype == bool and not value.fixed for value in values):
            raise self.tape.refused("picking by a mask, which decides a shape,")
        return self.tape.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        part = self[index] if index is not Ellipsis else None
        if not (isinstance(part, StandIn) and part._memory is self._memory):  # no view
            self.write(operator.setitem, index, value)
        elif not (isinstance(value, StandIn) and value.value is part.value):
            part.write(operator.setitem, Ellipsis, value)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) is int and exponent == 0:
            return self.tape.see(np.ones(self.shape, self.dtype))
        return self.tape.call(operator.pow, (self, exponent), {})

    def __rpow__(self, base: Any) -> Any:
        return self.tape.call(operator.pow, (base, self), {})

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        """The values in another dtype."""
        if self.dtype == dtype:
            return self.copy() if copy else self
        return self.tape.call(astype, (self, np.dtype(dtype)), {})

    def copy(self, order: Any = "C") -> Any:
        """The same value, in a memory of its own."""
        return StandIn(self.tape, Memory(self.value))

    own = kept = copy

    def __copy__(self, _: Any = None) -> Any:
        return self.copy()

    __deepcopy__ = __copy__

    def holds_nan(self) -> bool:
        return bool(np.isnan(self.array).any())


def _read_if_fixed(name: str) -> None:
    """What is refused of an array that may change can be asked of a constant."""

    def read(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.value.fixed:
            return getattr(self.array, name)(*arguments, **options)
        return getattr(Recorded, name)(self, *arguments, **options)

    setattr(StandIn, name, read)


for _name in ("__array__", "__bool__", "__float__", "__int__", "__index__", "item", "tolist"):
    _read_if_fixed(_name)
