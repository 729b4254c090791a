"""What code on a tape of values gets in the place of an array."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from .value import Value, astype, part_of, values_in

_METHODS = (
    "sum mean var std max min prod all any argmax argmin argsort cumsum cumprod round dot "
    "trace diagonal swapaxes squeeze ravel take repeat nonzero"
)


class Memory:
    """What an array holds now: a value, and its entries. Several stand-ins may look at it."""

    def __init__(self, value: Value, array: Any = None) -> None:
        self.first = self.value = self.before = value
        self.array = value.array if array is None else array
        self.path = self.part = None


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """What code gets in the place of an array: a memory, and the path to a part of it. Its shape
    can be known, its values cannot, unless it is a constant.
    """

    __slots__ = ("__weakref__", "known", "memory", "path", "tape")

    def __init__(self, tape: Any, memory: Memory, path: tuple[Any, ...] = ()) -> None:
        self.tape, self.memory, self.path = tape, memory, path
        self.known: Any = None
        tape.in_use.add(self)

    def _look(self) -> Any:
        """The value of the memory, and value and array of the part as they are now."""
        memory = self.memory
        if self.known is None or self.known[0] is not memory.value:
            value = memory.part if memory.path is self.path else None
            if value is None:
                value = memory.before = memory.value
                for function, others, options in self.path:
                    value = self.tape.value(function, (value, *others), options)
            self.known = memory.value, value, part_of(memory.array, self.path)
        return self.known

    value = property(lambda self: self._look()[1])
    array = property(lambda self: self._look()[2])
    leaf = property(lambda self: self.memory.first)
    single = property(lambda self: isinstance(self.array, np.generic))
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    nbytes = property(lambda self: self.array.nbytes)
    itemsize = property(lambda self: self.array.itemsize)
    flags = property(lambda self: self.array.flags)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented
        return self.tape.ufunc(function, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        return self.tape.call(function, args, keywords)

    def __getattr__(self, name: str) -> Any:
        if hasattr(np.ndarray, name) and not name.startswith("__"):
            raise self.tape.refused(f"an array's {name}")
        raise AttributeError(f"an array of a recorded step has no attribute {name!r}")

    # ---- parts, and writing to them --------------------------------------------------------------

    def part(self, function: Any, others: Any, options: Any) -> StandIn:
        """A view, which this call returns."""
        return StandIn(self.tape, self.memory, (*self.path, (function, others, options)))

    def write(self, function: Any, *arguments: Any) -> None:
        """Let a function write into the array."""
        self.tape.change(self.memory, self.path, function, arguments)

    def __getitem__(self, index: Any) -> Any:
        values = values_in(self.tape.valued(index))
        if any(value.dtype == bool and not value.fixed for value in values):
            raise self.tape.refused("picking by a mask, which decides a shape,")
        return self.tape.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        whole = index if isinstance(index, tuple) else (index,)
        part = self[index] if all(map(_is_basic, whole)) else None
        if not (isinstance(part, StandIn) and part.memory is self.memory):  # no view
            self.write(operator.setitem, index, value)
        elif not (isinstance(value, StandIn) and value.value is part.value):
            part.write(operator.setitem, Ellipsis, value)

    # ---- what an array can do --------------------------------------------------------------------

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Tensor):
            return NotImplemented
        if type(exponent) is int and exponent == 0:
            return self.tape.see(np.ones(self.shape, self.dtype))
        return self.tape.call(operator.pow, (self, exponent), {})

    def __rpow__(self, base: Any) -> Any:
        return self.tape.call(operator.pow, (base, self), {})

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        """The values in another dtype."""
        if self.dtype == dtype:
            return self.own() if copy and not self.single else self
        return self.tape.call(astype, (self, np.dtype(dtype)), {})

    def copy(self, order: Any = "C") -> Any:
        """The same value, in a memory of its own."""
        array, is_read = self.array, self.tape.is_read  # people do not care how entries lie
        if is_read or array.size < 2 or array.strides == np.empty_like(array, order=order).strides:
            return self.tape.hold(self.value, np.array(array))
        return self.tape.call(np.copy, (self,), {} if order == "K" else {"order": order})

    kept = copy

    def own(self) -> Any:
        """A copy with the entries in the same order, as `np.array` makes it."""
        if self.single and not self.tape.is_read:
            return self.tape.call(np.asarray, (self,), {})
        return self.copy("K")

    def __copy__(self, _: Any = None) -> Any:
        return self.astype(self.dtype)

    __deepcopy__ = __copy__

    def numpy(self) -> Any:
        """The array to read: as it is, since code must not find out what is in it."""
        return self

    def holds(self) -> bool:
        """Whether it is true, for a check of data."""
        return self.tape.holds(self)  # type: ignore[no-any-return]

    def holds_nan(self) -> bool:
        """Whether nan is among the values."""
        return self.tape.holds_nan(self)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """The same entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        return np.transpose(self, None if not axes else axes[0] if len(axes) == 1 else axes)  # type: ignore

    def clip(self, min: Any = None, max: Any = None, **options: Any) -> Any:
        """The values, none below or above these bounds, one of which may be left out."""
        return np.clip(self, min, max, **options)

    def flatten(self) -> Any:
        """The entries in one row, as a copy."""
        return np.ravel(self).copy()

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        if self.tape.is_read and self.value.fixed:
            return self.array.__array__(*arguments, **options)
        raise self.tape.refused(
            "a plain array made of it (by np.asarray, or as an index of a plain array; labels "
            "become one-hot by labels[:, None] == np.arange(classes))"
        )

    __hash__ = object.__hash__


def _is_basic(index: Any) -> bool:
    if isinstance(index, int | np.integer | slice):
        return not isinstance(index, bool)
    return index is None or index is Ellipsis


def _give_method(name: str) -> None:
    """The method with the name of one of NumPy's functions."""
    function = getattr(np, name)
    setattr(StandIn, name, lambda self, *inputs, **options: function(self, *inputs, **options))


def _give_reading(name: str) -> None:
    """What is refused of an array that may change can be asked of a constant."""

    def read(self: Any, *arguments: Any, **options: Any) -> Any:
        if self.tape.is_read and self.value.fixed:
            return getattr(self.array, name)(*arguments, **options)
        raise self.tape.refused("reading a value (by if, float, item, print or the like)")

    setattr(StandIn, name, read)


for _name in _METHODS.split():
    _give_method(_name)
for _name in ("bool", "float", "int", "index", "complex", "format", "repr", "contains", "round"):
    _give_reading(f"__{_name}__")
for _name in ("item", "tolist"):
    _give_reading(_name)
