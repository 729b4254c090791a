"""Arrays and numbers of a step that is being recorded."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..tensor import Tensor
from ..tree import map_leaves
from .inside import arrays_in, owner


class NotReplayableError(RuntimeError):
    """A step does what a recorded program cannot do; the message says what, and in which line."""


class Recorded:
    """An array of a step that is being recorded: its shape can be known, its values cannot."""

    __slots__ = ("__weakref__", "array", "single", "tape")

    def __init__(self, tape: Any, value: Any) -> None:
        self.tape, self.array = tape, np.asarray(value)
        self.single = isinstance(value, np.generic)  # whether it is a number beside the tape

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    nbytes = property(lambda self: self.array.nbytes)
    itemsize = property(lambda self: self.array.itemsize)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if _is_for_a_tensor(inputs):
            return NotImplemented
        return _of(self).ufunc(function, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        return _of(self).call(function, args, keywords)

    def __getattr__(self, name: str) -> Any:
        if hasattr(np.ndarray, name) and not name.startswith("__"):
            raise self.tape.refused(f"an array's {name}")
        raise AttributeError(f"an array of a recorded step has no attribute {name!r}")

    def __getitem__(self, index: Any) -> Any:
        whole = index if isinstance(index, tuple) else (index,)
        if any(array.dtype == bool for array in arrays_in(noted_in(whole))):
            raise self.tape.refused("picking by a mask, which decides a shape,")
        if all(part is None or _is_basic(part) for part in whole):
            seen = _of(self).see(self.array[(*whole, ...)])
            seen.single = isinstance(self.array[index], np.generic)
            return seen
        return _of(self).call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        part = self.array[plain(index)]
        if isinstance(part, np.ndarray) and owner(part) is owner(self.array):
            _of(self).copy(part, value)
            return
        self.tape.keep_values(self.array)
        self.array[plain(index)] = plain(value)
        noted = [self.array, noted_in(index), noted_in(value)]
        _of(self).add(operator.setitem, noted, {}, noted, [self.array])

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) is int and exponent == 0:
            return np.ones(self.shape, self.dtype)
        if self.single and _is_single(exponent):
            return _of(self).call(_power, (self, exponent), {})
        if type(exponent) in (int, float) and exponent in _POWERS and self.dtype.kind == "f":
            return _POWERS[exponent](self)
        return np.power(self, exponent)

    def __rpow__(self, base: Any) -> Any:
        single = self.single and _is_single(base)
        return _of(self).call(_power, (base, self), {}) if single else np.power(base, self)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The values in another dtype."""
        if self.dtype == dtype and not copy:
            return self
        return self._copied_to(np.empty_like(self.array, dtype), self.single)  # in the same order

    def copy(self, order: Any = "C") -> Any:
        """The same values in an array of its own."""
        return self._copied_to(np.empty_like(self.array, order=order))

    def _copied_to(self, array: Array, single: bool = False) -> Any:
        made = _of(self).see(array)
        made.single = single
        self.tape.copy(array, self)
        return made

    def __copy__(self, _: Any = None) -> Any:
        return self.astype(self.dtype)

    __deepcopy__ = __copy__

    def own(self) -> Any:
        """A copy with the entries in the same order, as `np.array` makes it."""
        return self.copy("K")

    def kept(self) -> Any:
        """The values as they are now, for a graph to keep; those of an argument never change."""
        if self.tape.argument_number(self.array) is not None:
            return self
        return self._copied_to(np.empty_like(self.array, order="C"), self.single)

    def numpy(self) -> Any:
        """The array to read: as it is, since the step must not find out what is in it."""
        return self

    def holds(self) -> bool:
        """Whether it is true, for a check of data."""
        return self.tape.holds(self)  # type: ignore[no-any-return]

    def holds_nan(self) -> bool:
        """Whether nan is among the values; a replay looks again."""
        return not self.tape.holds(~np.isnan(np.vdot(self, self)))

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """The same entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        return np.transpose(self, None if not axes else axes[0] if len(axes) == 1 else axes)  # type: ignore

    def flatten(self) -> Any:
        """The entries in one row, as a copy."""
        return np.ravel(self).copy()

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self.tape.refused(
            "a plain array made of it (by np.asarray, or as an index of a plain array; labels "
            "become one-hot by labels[:, None] == np.arange(classes))"
        )

    def _is_read(self, *_: Any, **__: Any) -> Any:
        raise self.tape.refused("reading a value (by if, float, item, print or the like)")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _is_read
    __format__ = __repr__ = __contains__ = item = tolist = _is_read
    __hash__ = object.__hash__


class Number:
    """A number that changes from step to step, such as a learning rate. An `if` on it is allowed:
    each replay first checks whether it would take the same branch.
    """

    __slots__ = ("name", "tape", "value")

    def __init__(self, tape: Any, name: str, value: Any) -> None:
        self.tape, self.name, self.value = tape, name, value

    def _known(self, kind: Any) -> Any:
        found = kind(self.value)
        self.tape.lines.append(f"expect({kind.__name__}({self.name}) == {found!r}, True)")
        return found

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if _is_for_a_tensor(inputs):
            return NotImplemented
        return self.tape.ufunc(function, method, inputs, keywords)

    def __bool__(self) -> bool:
        return self._known(bool)  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return self._known(float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._known(int)  # type: ignore[no-any-return]

    __index__ = __int__

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise refused("an array of a number that changes from step to step")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._known(type(self.value)), name)

    def __round__(self, *digits: int) -> Any:
        return round(self._known(type(self.value)), *digits)

    def __repr__(self) -> str:
        raise refused("printing a number that changes from step to step")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __hash__(self) -> int:
        return hash(self._known(type(self.value)))


class Unmoved:
    """Replaces an iterator that was there before the step: a replay would not go on with it."""

    def __init__(self, iterator: Any) -> None:
        self.iterator = iterator

    def _is_used(self, *_: Any) -> Any:
        raise refused("going on with an iterator, or a generator, that was there before the step,")

    __iter__ = __next__ = __contains__ = send = throw = close = _is_used


_INFIX = {
    "add": ("+", np.add),
    "sub": ("-", np.subtract),
    "mul": ("*", np.multiply),
    "truediv": ("/", np.true_divide),
    "floordiv": ("//", np.floor_divide),
    "mod": ("%", np.remainder),
    "pow": ("**", np.power),
    "matmul": ("@", np.matmul),
    "and": ("&", np.bitwise_and),
    "or": ("|", np.bitwise_or),
    "eq": ("==", np.equal),
    "ne": ("!=", np.not_equal),
    "lt": ("<", np.less),
    "le": ("<=", np.less_equal),
    "gt": (">", np.greater),
    "ge": (">=", np.greater_equal),
}
_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}  # as NumPy does
_PREFIX = {
    "neg": ("-", np.negative),
    "pos": ("+", np.positive),
    "abs": ("abs", np.absolute),
    "invert": ("~", np.invert),
}
_METHODS = (
    "sum mean var std max min prod all any argmax argmin argsort cumsum cumprod clip round dot "
    "trace diagonal swapaxes squeeze ravel take repeat nonzero"
)


def _give_operators(name: str, symbol: str, ufunc: Any) -> None:
    """The operator with this name, its reflected form and that in place."""

    def number(left: Any, right: Any) -> Any:
        if isinstance(left, Recorded | Tensor) or isinstance(right, Recorded | Tensor):
            return NotImplemented
        if any(isinstance(x, np.ndarray | np.generic) for x in (left, right)):
            return ufunc(left, right)
        tape = left.tape if isinstance(left, Number) else right.tape
        value = compute(plain(left), plain(right))
        return tape.new_number(f"{spelled(left)} {symbol} {spelled(right)}", value)

    compute = getattr(operator, f"__{name}__")
    setattr(Number, f"__{name}__", number)
    setattr(Number, f"__r{name}__", lambda self, other: number(other, self))
    if name != "pow":
        setattr(Recorded, f"__{name}__", lambda self, other: ufunc(self, other))
        setattr(Recorded, f"__r{name}__", lambda self, other: ufunc(other, self))
    setattr(Recorded, f"__i{name}__", lambda self, other: ufunc(self, other, out=(self,)))


def _give_method(name: str) -> None:
    """The method with the name of one of NumPy's functions."""
    function = getattr(np, name)
    setattr(Recorded, name, lambda self, *inputs, **options: function(self, *inputs, **options))


for _name, (_symbol, _ufunc) in _INFIX.items():
    _give_operators(_name, _symbol, _ufunc)


def _give_prefix(name: str, symbol: str, ufunc: Any) -> None:
    """The operator of one value with this name."""

    def number(self: Any) -> Any:
        value = getattr(operator, f"__{name}__")(self.value)
        return self.tape.new_number(f"{symbol}({self.name})", value)

    setattr(Number, f"__{name}__", number)
    setattr(Recorded, f"__{name}__", lambda self: ufunc(self))


for _name, (_symbol, _ufunc) in _PREFIX.items():
    _give_prefix(_name, _symbol, _ufunc)
for _name in _METHODS.split():
    _give_method(_name)


def _power(base: Any, exponent: Any) -> Any:
    """A power of two numbers, which NumPy does not compute as it does those of arrays."""
    base, exponent = (x[()] if isinstance(x, np.ndarray) else x for x in (base, exponent))
    return base**exponent


def spelled(number: Any) -> str:
    if isinstance(number, Number):
        return number.name
    if type(number) not in (int, float, bool):
        raise refused(f"a {type(number).__name__} beside a number that changes from step to step")
    return f"({number!r})"


# ---- what is inside ------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The value with arrays and numbers as NumPy knows them."""
    inner = {Recorded: "array", Number: "value"}
    return map_leaves(lambda x: getattr(x, inner[type(x)]) if type(x) in inner else x, value)


def noted_in(value: Any) -> Any:
    """The value as a call on the tape holds it: with arrays, and with Numbers as they are."""
    return map_leaves(lambda x: x.array if isinstance(x, Recorded) else x, value)


def _is_for_a_tensor(inputs: Any) -> bool:
    """Whether it is for a Tensor to answer."""
    return any(isinstance(x, Tensor) for x in inputs)


def _is_single(value: Any) -> bool:
    return value.single if isinstance(value, Recorded) else not isinstance(value, np.ndarray)


def _is_basic(part: Any) -> bool:
    return isinstance(part, int | np.integer | slice) and not isinstance(part, bool)


def _of(seen: Recorded) -> Any:
    if seen.tape.closed:
        raise RuntimeError(
            "an array of a recorded step was kept where replay() does not look: return what "
            "is needed later from the step"
        )
    return seen.tape


def refused(what: str) -> NotReplayableError:
    """Returns an error that says what cannot be replayed, and in which line."""
    return NotReplayableError(
        f"{what} cannot be replayed, at {users_line()}. A replayed step computes with arrays; "
        "return from it what you want to look at, and check data by holds(), from "
        "microgradnd.program"
    )
