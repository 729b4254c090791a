"""The tape of values: each array is one value that is never overwritten, and knows its call.

Code that computes on arrays gets stand-ins. What it does with one is a call on the tape, which
returns a new value; equal calls are one. What is written in place, or with `out=`, is a new value
of the whole memory, and everything that looks at this memory sees it from then on.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..random_state import is_generator
from ..table import full_name
from ..tree import like_tuple, map_leaves
from .inside import owner
from .spelled_out import OF_SHAPES
from .stand_in import Memory, StandIn
from .tape import recording_to
from .value import (
    NotDerivableError,
    Value,
    arrays_of,
    changed,
    evaluated,
    frozen,
    opaque,
    parts_of,
    values_in,
)

LIKE = {np.zeros_like: np.zeros_like, np.ones_like: np.ones_like, np.empty_like: np.zeros_like}
DECIDE_SHAPES = {
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique, np.delete,
    np.trim_zeros, np.union1d, np.intersect1d, np.setdiff1d, np.bincount, np.histogram,
}  # fmt: skip


class ValueTape:
    """The calls of a function on stand-ins. `touched` has the values that calls returned, in order.

    >>> tape = ValueTape()
    >>> x = tape.see(np.array([1.0, 2.0]), fixed=False)
    >>> y = np.exp(x)
    >>> y += 1
    >>> y.value.function is np.add, [value.function for value in y.value.used()]
    (True, [<ufunc 'exp'>])
    """

    closed, is_read = False, True

    def __init__(self, foreign: Collection[str] = ()) -> None:
        self.foreign = foreign  # names of ufuncs that are not NumPy's, and are known nevertheless
        self.touched: list[Value] = []
        self._known: dict[Any, Value] = {}
        self._constants: dict[Any, Value] = {}
        self._outside: list[tuple[Array, StandIn]] = []

    def see(self, array: Any, fixed: bool = True) -> StandIn:
        """A constant, or an argument if it is not fixed, as code gets it."""
        return StandIn(self, Memory(Value(array, fixed=fixed)))

    def valued(self, tree: Any) -> Any:
        """The same with values in the place of arrays and stand-ins."""
        return map_leaves(self._valued, tree)

    def _valued(self, leaf: Any) -> Any:
        if isinstance(leaf, StandIn):
            return leaf.value
        if isinstance(leaf, slice):
            return slice(*map(self._valued, parts_of(leaf)))
        if not isinstance(leaf, np.ndarray):
            return leaf
        for array, stand_in in self._outside:
            if array is leaf:
                return stand_in.value
            if np.may_share_memory(array, leaf):
                raise self.refused("looking at an array that was overwritten, by another array,")
        return self._constants.setdefault(_content(leaf), Value(leaf.copy(), fixed=True))

    def known(self, array: Any) -> Value | None:
        """The constant that an array has become, if it was used."""
        return self._constants.get(_content(array)) if isinstance(array, np.ndarray) else None

    # ---- calls -----------------------------------------------------------------------------------

    def value(self, function: Any, arguments: Any, keywords: Any) -> Value:
        """The value of a call on values."""
        key = function, frozen(arguments), frozen(keywords)
        value = self._known.get(key)
        if value is None:
            try:
                result = evaluated(function, arguments, keywords)
            except ValueError as error:
                if "read-only" in str(error):
                    raise self.refused(
                        f"{_called(function)}, which writes into an array,"
                    ) from error
                raise
            value = Value(result, function, arguments, keywords)
            value.fixed = all(used.fixed for used in value.used())
            self._known[key] = value
        self.touched.append(value)
        return value

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """A call on stand-ins: what it returns is one, or a tuple of them."""
        if function in OF_SHAPES or function in LIKE:
            given = arrays_of(self.valued([arguments, keywords]))
            result = LIKE.get(function, function)(*given[0], **given[1])
            return result if function in OF_SHAPES else self.see(np.copy(result))
        decides = function in DECIDE_SHAPES or (function is np.where and len(arguments) == 1)
        if decides and not all(value.fixed for value in values_in(self.valued(arguments[:1]))):
            raise self.refused(f"{_called(function)}, in which data decide a shape,")
        if (
            isinstance(function, np.ufunc)
            and not hasattr(np, function.__name__)
            and (function.__name__ not in self.foreign)
        ):
            raise self.refused(f"{function.__name__}, which is not in NumPy,")
        if function is np.copyto:
            return self._copied(*arguments, **keywords)
        given = self.valued([tuple(arguments), keywords])
        value = self.value(function, *given)
        if isinstance(value.array, tuple | list):
            values = [self.value(operator.getitem, (value, i), {}) for i in range(len(value.array))]
            return like_tuple(value.array, [StandIn(self, Memory(each)) for each in values])
        first = arguments[0] if arguments else None
        if (
            isinstance(value.array, np.ndarray)
            and isinstance(first, StandIn)
            and isinstance(first.array, np.ndarray)
            and owner(value.array) is owner(first.array)
        ):
            return first.part(function, given[0][1:], given[1])
        return StandIn(self, Memory(value))

    def ufunc(self, function: np.ufunc, method: str, inputs: Any, keywords: Any) -> Any:
        """A ufunc, or one of its methods."""
        (out,) = keywords.pop("out", None) or (None,)
        if method == "at":
            return self._stand_in(inputs[0]).write(getattr(function, "at"), *inputs[1:])  # noqa: B009
        called = function if method == "__call__" else getattr(function, method)
        result = self.call(called, inputs, keywords)
        if out is None or (isinstance(out, StandIn) and out.single):
            return result
        out = self._stand_in(out)
        out.write(operator.setitem, Ellipsis, result)
        return out

    def _copied(self, target: Any, source: Any, casting: str = "", where: Any = True) -> None:
        target = self._stand_in(target)
        target.write(operator.setitem, Ellipsis, np.where(where, source, target))

    def _stand_in(self, array: Any) -> StandIn:
        """That of an array from outside, which itself is never overwritten."""
        if isinstance(array, StandIn):
            return array
        known = [stand_in for outside, stand_in in self._outside if outside is array]
        if not known:
            known = [self.see(array.copy())]
            self._outside.append((array, known[0]))
        return known[0]

    def change(self, memory: Memory, path: Any, function: Any, arguments: Any) -> None:
        """A new value of a memory, in which a part has changed."""
        place = frozen(path)
        memory.before = memory.before if place == memory.path else memory.value
        memory.path = memory.part = None
        if function is operator.setitem and arguments[0] is Ellipsis:
            memory.path, memory.part = place, self._written(memory.value, path, arguments[1])
            if not path and memory.part is not None:
                memory.value = memory.part
                return
        else:
            memory.before = memory.value
        memory.value = self.value(changed, (memory.before, path, function, *arguments), {})

    def _written(self, whole: Value, path: Any, new: Any) -> Value | None:
        """What a part is after a value was written to it, if that is the value itself."""
        part = whole.array
        for step, others, options in path:
            part = step(part, *arrays_of(others), **options)
        fits = isinstance(new, Value) and (new.shape, new.dtype) == (part.shape, part.dtype)
        return new if fits else None

    # ---- what a function may say about itself ----------------------------------------------------

    def holds(self, truth: StandIn) -> bool:
        """The truth of a check of data, which is not made again."""
        return bool(truth.array)

    def afresh(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> StandIn:
        """Random numbers are constants, drawn once; other functions are called as they are."""
        if is_generator(getattr(function, "__self__", None)):
            return self.see(function(*arguments))
        return self.call(opaque, (function, *arguments), {})  # type: ignore[no-any-return]

    def refused(self, what: str) -> NotDerivableError:
        return NotDerivableError(
            f"{what} cannot be derived, at {users_line()}. Compute with arrays alone: "
            "np.where(condition, a, b) in the place of if, np.sum(x * mask) in that of x[mask]"
        )


@contextlib.contextmanager
def recording_on(tape: ValueTape) -> Iterator[None]:
    """Inside, afresh() and the like speak to this tape."""
    token = recording_to.set(tape)  # type: ignore[arg-type]
    try:
        yield
    finally:
        recording_to.reset(token)


def _content(array: Array) -> Any:
    return array.shape, array.dtype, array.tobytes()


def _called(function: Any) -> str:
    try:
        return full_name(function)
    except AttributeError:
        return getattr(function, "__name__", repr(function))
