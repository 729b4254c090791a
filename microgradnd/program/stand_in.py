"""What code on a tape of values gets in the place of an array or a number."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from .recorder import refused
from .value import Value, astype, part_of, values_in

_METHODS = (
    "sum mean var std max min prod all any argmax argmin argsort cumsum cumprod round dot "
    "trace diagonal swapaxes squeeze ravel take repeat nonzero"
)
_FORM = "shape dtype ndim size nbytes itemsize flags"
_READINGS = (
    "item tolist __bool__ __float__ __int__ __index__ __complex__ __format__ __repr__ "
    "__contains__ __round__"
)
_INFIX = "add sub mul truediv floordiv mod pow and or xor lshift rshift eq ne lt le gt ge"
_PREFIX = "neg pos abs invert"


class Memory:
    """What an array holds now: a value, and its entries. Several stand-ins may look at it.
    `written` is the line that wrote to it first.
    """

    def __init__(self, value: Value, array: Any = None) -> None:
        self.first = self.value = self.before = value
        self.array = value.array if array is None else array
        self.path = self.part = None
        self.written: str | None = None


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """What code gets in the place of an array: a memory, and the path to a part of it. Its shape
    can be known, its values cannot, unless it is a constant.
    """

    __slots__ = ("__weakref__", "known", "memory", "path", "tape")

    def __init__(self, tape: Any, memory: Memory, path: tuple[Any, ...] = ()) -> None:
        self.tape, self.memory, self.path = tape, memory, path
        self.known: Any = None
        tape.in_use.append(weakref.ref(self))

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

    @property
    def value(self) -> Value:
        return self._look()[1]  # type: ignore[no-any-return]

    @property
    def array(self) -> Any:
        known = self.known
        is_now = known is not None and known[0] is self.memory.value
        return known[2] if is_now else self._look()[2]

    single = property(lambda self: isinstance(self.array, np.generic))
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
        return StandIn(self.tape, self.memory, (*self.path, (function, others, options)))

    def write(self, function: Any, *arguments: Any) -> None:
        self.tape.change(self.memory, self.path, function, arguments)

    def __getitem__(self, index: Any) -> Any:
        values = values_in(self.tape.valued(index))
        if any(not (v.fixed or v.is_number) and v.dtype == bool for v in values):
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
            ones = np.ones(self.shape, self.dtype)
            return self.tape.hold(self.tape.valued(ones), ones)
        return self.tape.call(operator.pow, (self, exponent), {})

    def __rpow__(self, base: Any) -> Any:
        return self.tape.call(operator.pow, (base, self), {})

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Any:
        if self.dtype == dtype:
            return self.own() if copy and not self.single else self
        return self.tape.call(astype, (self, np.dtype(dtype)), {})

    def copy(self, order: Any = "C") -> Any:
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

    __copy__ = __deepcopy__ = lambda self, _=None: self.astype(self.dtype)

    def numpy(self) -> Any:
        """The array to read: as it is, since code must not find out what is in it."""
        return self

    def holds(self) -> Any:
        return self.tape.holds(self)

    def holds_nan(self) -> Any:
        return self.tape.holds_nan(self)

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, None if not axes else axes[0] if len(axes) == 1 else axes)  # type: ignore

    def clip(self, min: Any = None, max: Any = None, **options: Any) -> Any:
        return np.clip(self, min, max, **options)

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        if self.tape.is_read and self.value.fixed:
            return self.array.__array__(*arguments, **options)
        raise self.tape.refused(
            "a plain array made of it (by np.asarray, or as an index of a plain array; labels "
            "become one-hot by labels[:, None] == np.arange(classes))"
        )

    __hash__ = object.__hash__


class Number:
    """A number that changes from step to step, such as a learning rate. An `if` on it is allowed:
    each replay first checks whether it would take the same branch.
    """

    __slots__ = ("array", "tape", "value")

    def __init__(self, tape: Any, value: Any, now: Any) -> None:
        self.tape, self.value = tape, value
        self.array = value.array = now

    __class__ = property(lambda self: type(self.array))  # type: ignore[assignment]

    def _known(self, kind: Any) -> Any:
        found = kind(self.array)
        same = self.tape.number(operator.eq, self.tape.number(kind, self), found)
        self.tape.check(same.value, True)
        return found

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(hasattr(type(x), "requires_grad") for x in inputs):  # for a Tensor to answer
            return NotImplemented
        return self.tape.ufunc(function, method, inputs, keywords)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self.tape.refused("an array of a number that changes from step to step")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._known(type(self.array)), name)

    def __deepcopy__(self, _: Any) -> Number:
        return self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __index__(self) -> int:
        return self._known(int)  # type: ignore[no-any-return]


class Unmoved:
    """Replaces an iterator that was there before the step: a replay would not go on with it."""

    def _is_used(self, *_: Any) -> Any:
        raise refused("going on with an iterator, or a generator, that was there before the step,")

    __iter__ = __next__ = __contains__ = send = throw = close = _is_used


def _is_basic(index: Any) -> bool:
    if isinstance(index, int | np.integer | slice):
        return not isinstance(index, bool)
    return index is None or index is Ellipsis


def _method_called(name: str) -> Any:
    function = getattr(np, name)
    return lambda self, *inputs, **options: function(self, *inputs, **options)


def _refused(self: StandIn, *_: Any, **__: Any) -> Any:
    raise self.tape.refused("reading a value (by if, float, item, print or the like)")


def _known_in(name: str) -> Any:
    """What is asked of a number itself, which must then be the same in each replay."""
    return lambda self, *options: getattr(self._known(type(self.array)), name)(*options)


def _operator(name: str, is_reflected: bool = False) -> Any:
    compute = getattr(operator, name)

    def number(*numbers: Any) -> Any:
        if not all(isinstance(x, int | float | np.number | Number) for x in numbers):
            return NotImplemented  # for an array to answer, or a Tensor
        tape = next(x.tape for x in numbers if type(x) is Number)
        return tape.number(compute, *(reversed(numbers) if is_reflected else numbers))

    return number


for _name in _METHODS.split():
    setattr(StandIn, _name, _method_called(_name))
for _name in _FORM.split():
    setattr(StandIn, _name, property(lambda self, name=_name: getattr(self.array, name)))  # type: ignore[misc]
for _name in _READINGS.split():
    setattr(StandIn, _name, _refused)
for _kind in (bool, float, int):
    setattr(Number, f"__{_kind.__name__}__", lambda self, kind=_kind: self._known(kind))
for _name in ("__repr__", "__format__", "__round__", "__hash__"):
    setattr(Number, _name, _known_in(_name))
for _name in f"{_INFIX} {_PREFIX}".split():
    setattr(Number, f"__{_name}__", _operator(f"__{_name}__"))
for _name in _INFIX.split():
    setattr(Number, f"__r{_name}__", _operator(f"__{_name}__", is_reflected=True))
