"""The tape of values: each array is one value that is never overwritten, and knows its call.

Code that computes on arrays gets stand-ins. What it does with one is a call on the tape, which
returns a new value; equal calls are one. What is written in place, or with `out=`, is a new value
of the whole memory, and everything that looks at this memory sees it from then on.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import weakref
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..random_state import is_generator
from ..table import full_name
from ..tensor import Tensor
from ..tree import like_tuple, map_leaves
from .recorder import recording_to
from .stand_in import Memory, Number, StandIn
from .value import (
    PLAIN,
    NotDerivableError,
    Value,
    arrays_of,
    changed,
    computed,
    copied_as_is,
    form,
    frozen,
    owner,
    part_of,
    values_in,
)

STAND_INS = {StandIn, Number}
OF_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}
LIKE = {np.zeros_like: np.zeros_like, np.ones_like: np.ones_like, np.empty_like: np.zeros_like}
DECIDE_SHAPES = {
    np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.compress, np.unique, np.delete,
    np.trim_zeros, np.union1d, np.intersect1d, np.setdiff1d, np.bincount, np.histogram,
}  # fmt: skip


class ValueTape:
    """The calls of a function on stand-ins. `touched` has the values that they returned, in order.
    Equal calls are one value, also those of another tape that is `like` this one.

    >>> tape = ValueTape()
    >>> x = tape.see(np.array([1.0, 2.0]), fixed=False)
    >>> y = np.exp(x)
    >>> y += 1
    >>> y.value.function is np.add, [value.function for value in y.value.used()]
    (True, [<ufunc 'exp'>])
    """

    is_read = True  # by people

    def __init__(self, foreign: Collection[str] = (), like: ValueTape | None = None) -> None:
        self.foreign = foreign  # names of ufuncs that are not NumPy's, and are known nevertheless
        self.touched: dict[Value, str] = {}  # with their lines, where somebody asks for them
        self.in_use: list[weakref.ref[StandIn]] = []
        self._known: dict[Any, Value] = {} if like is None else like._known
        self._constants: dict[Any, Value] = {} if like is None else like._constants
        self._outside: list[tuple[Array, StandIn]] = []

    def see(self, array: Any, fixed: bool = True) -> StandIn:
        """A constant, or an argument if it is not fixed, as code gets it."""
        return StandIn(self, Memory(Value(array, fixed=fixed)))

    def valued(self, tree: Any) -> Any:
        """The same with values in the place of arrays and stand-ins."""
        return map_leaves(self._valued, tree)

    def _valued(self, leaf: Any) -> Any:
        if type(leaf) in PLAIN:
            return leaf
        leaf = self._seen(leaf)
        if type(leaf) in STAND_INS:
            return leaf.value
        if isinstance(leaf, slice):
            ends = leaf.start, leaf.stop, leaf.step
            return slice(*(end if end is None else operator.index(end) for end in ends))
        if not isinstance(leaf, np.ndarray):
            return leaf
        return self._constants.setdefault(_content(leaf), Value(copied_as_is(leaf), fixed=True))

    def _seen(self, leaf: Any) -> Any:
        """What stands for an array that was overwritten; for a Tensor, as an index, its array."""
        if type(leaf) in STAND_INS:
            return leaf
        leaf = leaf._array if isinstance(leaf, Tensor) else leaf
        for array, stand_in in self._outside if isinstance(leaf, np.ndarray) else ():
            if array is leaf:
                return stand_in
            if np.may_share_memory(array, leaf):
                raise self.refused("looking at an array that was overwritten, by another array,")
        return leaf

    def known(self, array: Any) -> Value | None:
        """The constant that an array has become, if it was used."""
        return self._constants.get(_content(array)) if isinstance(array, np.ndarray) else None

    def real(self, tree: Any) -> Any:
        return map_leaves(self._real, tree)

    def _real(self, leaf: Any) -> Any:
        leaf = self._seen(leaf)
        return leaf.array if type(leaf) in STAND_INS else leaf

    # ---- calls -----------------------------------------------------------------------------------

    def value(self, function: Any, arguments: Any, keywords: Any, *result: Any) -> Value:
        """The value of a call on values, with its result if that is known."""
        key = function, frozen(arguments), frozen(keywords)
        value = self._known.get(key)
        if value not in self.touched:
            if value is None or (result and not value.is_like(*result)):
                result = result or (computed(function, *arrays_of((arguments, keywords))),)
                value = self._known[key] = self.new(function, arguments, keywords, *result)
            elif result and isinstance(result[0], np.generic):
                value.array = result[0]  # an index, perhaps
            self._note(value)
        return value

    def _note(self, value: Value) -> None:
        self.touched[value] = ""

    def new(self, function: Any, arguments: Any, keywords: Any, result: Any) -> Value:
        value = Value(result, function, arguments, keywords)
        value.fixed = all(used.fixed for used in value.used())
        return value

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """A call on stand-ins: what it returns is one, or a tuple of them."""
        arguments = tuple(arguments)
        given, options = self.real(arguments), keywords and self.real(keywords)
        if function in OF_SHAPES or function in LIKE:
            result = LIKE.get(function, function)(*given, **options)
            return result if function in OF_SHAPES else self.hold(self.valued(result), result)
        if self.is_read:
            self._check(function, arguments)
        if function is np.copyto:
            return self._copied(*arguments, **keywords)
        try:
            result = computed(function, given, options)
        except ValueError as error:
            if "read-only" in str(error):
                raise self.refused(f"{_title_of(function)}, which writes into an array,") from error
            raise
        values = self.valued(arguments), keywords and self.valued(keywords)
        if isinstance(result, tuple | list):
            value = self.value(function, *values, result)
            parts = [self.value(operator.getitem, (value, i), {}, x) for i, x in enumerate(result)]
            return like_tuple(
                result, [self.hold(*pair) for pair in zip(parts, result, strict=True)]
            )
        leaf = arguments[0] if arguments else None
        array = result if isinstance(result, np.ndarray) else np.empty(0)
        if isinstance(leaf, StandIn) and owner(np.asarray(leaf.array)) is owner(array):
            seen = leaf.part(function, tuple(values[0][1:]), values[1])
            seen.known = leaf.memory.value, self.value(function, *values), result
            return seen
        return self.hold(self.value(function, *values, result), result)

    def hold(self, value: Value, result: Any) -> StandIn:
        """A value as code gets it, in a memory of its own."""
        return StandIn(self, Memory(value, result))

    def _check(self, function: Any, arguments: Any) -> None:
        """What cannot be written down is refused."""
        decides = function in DECIDE_SHAPES or (function is np.where and len(arguments) == 1)
        if decides and not all(value.fixed for value in values_in(self.valued(arguments[:1]))):
            raise self.refused(f"{_title_of(function)}, in which data decide a shape,")
        name = getattr(function, "__name__", "")
        if isinstance(function, np.ufunc) and not hasattr(np, name) and name not in self.foreign:
            raise self.refused(f"{name}, which is not in NumPy,")

    def ufunc(self, function: np.ufunc, method: str, inputs: Any, keywords: Any) -> Any:
        (out,) = keywords.pop("out", None) or (None,)
        if method == "at":
            return self._stand_in(inputs[0]).write(method_of(function, "at"), *inputs[1:])
        called = function if method == "__call__" else method_of(function, method)
        result = self.call(called, inputs, keywords)
        if out is None or (isinstance(out, StandIn) and out.single):
            return result
        where = keywords.get("where", True) if method == "__call__" else True
        return self._copied(out, result, where=where)

    def _copied(self, target: Any, source: Any, casting: str = "", where: Any = True) -> Any:
        target = self._stand_in(target)
        source = source if where is True else np.where(where, source, target)
        target.write(operator.setitem, Ellipsis, source)
        return target

    def _stand_in(self, array: Any) -> StandIn:
        """That of an array from outside, which itself is never overwritten."""
        seen = self._seen(array)
        if not isinstance(seen, StandIn):
            if not self.is_read:
                raise self.refused("writing into an array from outside")
            seen = self.see(array.copy())
            self._outside.append((array, seen))
        return seen

    def change(self, memory: Memory, path: Any, function: Any, arguments: Any) -> None:
        """Lets a function write into a part of a memory, which has a new value from then on."""
        memory.written = memory.written or users_line()
        memory.array = np.copy(memory.array)
        part = part_of(memory.array, path)
        function(part, *self.real(arguments))
        memory.array.flags.writeable = False
        values = self.valued(arguments)
        is_whole = function is operator.setitem and values[0] is Ellipsis
        new: Any = values[1] if is_whole else None
        alike = isinstance(new, Value) and type(new.array) is type(part)
        if not (is_whole and memory.path is path):  # else what was written there is never read
            memory.before = memory.value
        memory.path, memory.part = path, new if alike and form(new.array) == form(part) else None
        if path or memory.part is None:
            values = (memory.before, path, function, *values)
            memory.value = self.value(changed, values, {}, memory.array)
        else:
            memory.value = memory.part

    # ---- what a function may say about itself ----------------------------------------------------

    def holds(self, truth: StandIn) -> bool:
        """The truth of a check of data, which is not made again."""
        return bool(truth.array)

    def holds_nan(self, array: StandIn) -> bool:
        return bool(np.isnan(array.array).any())

    def afresh(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> StandIn:
        """Random numbers are constants, drawn once; other functions are called as they are."""
        if is_generator(getattr(function, "__self__", None)):
            return self.see(function(*arguments))
        return self.call(function, arguments, {})  # type: ignore[no-any-return]

    def refused(self, what: str) -> NotDerivableError:
        return NotDerivableError(
            f"{what} cannot be derived, at {users_line()}. Compute with arrays alone: "
            "np.where(condition, a, b) in the place of if, np.sum(x * mask) in that of x[mask]"
        )


@contextlib.contextmanager
def on_tape(tape: ValueTape | str) -> Iterator[None]:
    """Inside, afresh() and the like speak to this tape."""
    token = recording_to.set(tape)
    try:
        yield
    finally:
        recording_to.reset(token)


def _content(array: Array) -> Any:
    return form(array), array.tobytes()


@functools.cache
def method_of(function: np.ufunc, name: str) -> Any:
    """One of its methods, the same object each time."""
    return getattr(function, name)


def _title_of(function: Any) -> str:
    try:
        return full_name(function)
    except AttributeError:
        return getattr(function, "__name__", repr(function))
