"""Numbers of a step that is being recorded, and what else replaces what was there before."""

from __future__ import annotations

import operator
from typing import Any

from .recorder import refused

_INFIX = "add sub mul truediv floordiv mod pow and or xor lshift rshift eq ne lt le gt ge"
_PREFIX = "neg pos abs invert"


class Number:
    """A number that changes from step to step, such as a learning rate. An `if` on it is allowed:
    each replay first checks whether it would take the same branch.
    """

    __slots__ = ("tape", "value")

    def __init__(self, tape: Any, value: Any) -> None:
        self.tape, self.value = tape, value

    array = property(lambda self: self.value.array)
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
        raise refused("an array of a number that changes from step to step")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._known(type(self.array)), name)

    def __round__(self, *digits: int) -> Any:
        return round(self._known(type(self.array)), *digits)

    def __repr__(self) -> str:
        raise refused("printing a number that changes from step to step")

    def __format__(self, _: str) -> str:
        return repr(self)

    def __deepcopy__(self, _: Any) -> Number:
        return self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __hash__(self) -> int:
        return hash(self._known(type(self.array)))


class Unmoved:
    """Replaces an iterator that was there before the step: a replay would not go on with it."""

    def _is_used(self, *_: Any) -> Any:
        raise refused("going on with an iterator, or a generator, that was there before the step,")

    __iter__ = __next__ = __contains__ = send = throw = close = _is_used


def _give_operator(name: str) -> None:
    """The operator of numbers with this name, and its reflected form."""
    compute = getattr(operator, f"__{name}__")

    def number(*numbers: Any) -> Any:
        if any(hasattr(type(x), "__array_ufunc__") for x in numbers if not isinstance(x, Number)):
            return NotImplemented  # for an array to answer, or a Tensor
        tape = next(x.tape for x in numbers if isinstance(x, Number))
        return tape.number(compute, *numbers)

    setattr(Number, f"__{name}__", number)
    if name not in _PREFIX:
        setattr(Number, f"__r{name}__", lambda self, other: number(other, self))


def _give_reading(name: str, kind: type) -> None:
    setattr(Number, f"__{name}__", lambda self: self._known(kind))


for _name, _kind in {"bool": bool, "float": float, "int": int, "index": int}.items():
    _give_reading(_name, _kind)
for _name in f"{_INFIX} {_PREFIX}".split():
    _give_operator(_name)
