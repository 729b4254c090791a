"""Numbers of a step that is being recorded, and what else replaces what was there before."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .recorder import refused

INFIX: dict[str, tuple[str, np.ufunc]] = {
    "add": ("+", np.add), "sub": ("-", np.subtract), "mul": ("*", np.multiply),
    "truediv": ("/", np.true_divide), "floordiv": ("//", np.floor_divide),
    "mod": ("%", np.remainder), "pow": ("**", np.power), "matmul": ("@", np.matmul),
    "and": ("&", np.bitwise_and), "or": ("|", np.bitwise_or), "xor": ("^", np.bitwise_xor),
    "lshift": ("<<", np.left_shift), "rshift": (">>", np.right_shift), "eq": ("==", np.equal),
    "ne": ("!=", np.not_equal), "lt": ("<", np.less), "le": ("<=", np.less_equal),
    "gt": (">", np.greater), "ge": (">=", np.greater_equal),
}  # fmt: skip
PREFIX: dict[str, tuple[str, np.ufunc]] = {
    "neg": ("-", np.negative), "pos": ("+", np.positive), "abs": ("abs", np.absolute),
    "invert": ("~", np.invert),
}  # fmt: skip


class Number:
    """A number that changes from step to step, such as a learning rate. An `if` on it is allowed:
    each replay first checks whether it would take the same branch.
    """

    __slots__ = ("name", "tape", "value")
    fixed = False

    def __init__(self, tape: Any, name: str, value: Any) -> None:
        self.tape, self.name, self.value = tape, name, value

    def _known(self, kind: Any) -> Any:
        found = kind(self.value)
        self.tape.numbers.append(f"expect({kind.__name__}({self.name}) == {found!r}, True)")
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

    def _is_used(self, *_: Any) -> Any:
        raise refused("going on with an iterator, or a generator, that was there before the step,")

    __iter__ = __next__ = __contains__ = send = throw = close = _is_used


def spelled(number: Any) -> str:
    if isinstance(number, Number):
        return number.name
    if type(number) not in (int, float, bool):
        raise refused(f"a {type(number).__name__} beside a number that changes from step to step")
    return f"({number!r})"


def _give_operator(name: str, symbol: str, ufunc: np.ufunc) -> None:
    """The operator of two numbers with this name, and its reflected form."""
    compute = getattr(operator, f"__{name}__")

    def number(left: Any, right: Any) -> Any:
        if any(isinstance(x, np.ndarray | np.generic) for x in (left, right)):
            return ufunc(left, right)
        numbers = [x for x in (left, right) if isinstance(x, Number)]
        if any(hasattr(type(x), "__array_function__") for x in (left, right)):
            return NotImplemented  # an array of the step, or a Tensor
        values = (x.value if isinstance(x, Number) else x for x in (left, right))
        text = f"{spelled(left)} {symbol} {spelled(right)}"
        return numbers[0].tape.new_number(text, compute(*values))

    setattr(Number, f"__{name}__", number)
    setattr(Number, f"__r{name}__", lambda self, other: number(other, self))


def _give_prefix(name: str, symbol: str) -> None:
    """The operator of one number with this name."""
    compute = getattr(operator, f"__{name}__")
    made = lambda self: self.tape.new_number(f"{symbol}({self.name})", compute(self.value))  # noqa: E731
    setattr(Number, f"__{name}__", made)


def _give_reading(name: str, kind: type) -> None:
    setattr(Number, f"__{name}__", lambda self: self._known(kind))


for _name, _kind in {"bool": bool, "float": float, "int": int, "index": int}.items():
    _give_reading(_name, _kind)
for _name, (_symbol, _ufunc) in INFIX.items():
    _give_operator(_name, _symbol, _ufunc)
for _name, (_symbol, _) in PREFIX.items():
    _give_prefix(_name, _symbol)
