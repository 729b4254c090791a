"""The tape: which of NumPy's functions a step calls on which arrays, in a form to be repeated.

What NumPy would return in a new array is noted as a call with the array to write to.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..random_state import is_generator, state_of
from ..tree import map_leaves
from .inside import arrays_in, form, owner
from .moment import Moment
from .recorded import Number, Recorded, noted_in, plain, refused
from .spelled_out import OF_SHAPES, OUT, SPELLED_OUT

recording_to: ContextVar[Tape | None] = ContextVar("tape", default=None)


@contextlib.contextmanager
def noting(tape: Tape) -> Iterator[None]:
    """Inside, this thread's calls are noted on the tape."""
    token = recording_to.set(tape)
    silent = [kind for kind, reaction in np.geterr().items() if reaction == "ignore"]
    # What is ignored around the step is told apart from what the step ignores itself.
    calls: Any = dict.fromkeys(silent if np.geterrcall() is None else [], "call")
    calls |= {"call": lambda *_: None} if calls else {}
    try:
        with np.errstate(**calls), contextlib.redirect_stdout(_Refusing(sys.stdout)):
            tape.reactions = np.geterr()
            yield
    finally:
        recording_to.reset(token)


class _Refusing:
    """Replaces the stream that print() writes to: a replay would not print again."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        if being_recorded():  # in this thread
            raise refused("printing")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# ---- what a step may say about itself ------------------------------------------------------------


def being_recorded() -> bool:
    """Returns whether a step is being recorded now.

    >>> being_recorded()
    False
    """
    return recording_to.get() is not None


def afresh(function: Callable[..., Any], *arguments: Any, plainly: Any = None) -> Any:
    """Returns `function(*arguments)`, which each replay calls again: for random numbers, and for
    arrays that Python must look into, such as the numbers of the rows to read. The function gets
    plain arrays, and returns an array whose shape does not depend on their values. `plainly` may do
    the same in fewer words, for `derive` to write down.

    >>> afresh(np.random.default_rng(0).random, 3).shape
    (3,)
    """
    tape = recording_to.get()
    if tape is None:
        return function(*arguments)
    if plainly is not None and tape.is_read:
        return plainly(*arguments)
    return tape.afresh(function, arguments)


class OtherwiseError(Exception):
    """Something differs from what it was when the step was recorded."""


def expect(truth: Array, found: bool) -> None:
    if bool(truth) is not found:
        raise OtherwiseError


# ---- the calls -----------------------------------------------------------------------------------


class Call(NamedTuple):
    """A call to be repeated. Its arguments hold arrays, Numbers and constants."""

    function: Any
    arguments: list[Any]
    keywords: dict[str, Any]
    reads: list[Array]  # those among the arguments whose values matter
    writes: list[Array]  # those among them that it changes
    lasting: bool  # whether it is to be made even if nobody reads what it writes
    line: str

    @property
    def elementwise(self) -> bool:
        """Whether an entry of what it writes depends on the same entries of what it reads."""
        return isinstance(self.function, np.ufunc) and self.function.signature is None


_EXTREMES = {np.maximum, np.minimum}  # five times as fast beside a whole array as beside a number


class Tape:
    """What a step does while it is recorded."""

    refused = staticmethod(refused)
    is_read = False  # by people

    def __init__(self, before: Moment) -> None:
        self._before = before
        self.calls: list[Call] = []
        self.lines: list[str] = []  # of Python, computing with numbers
        self.ignored: set[str] = set()  # the kinds of NumPy's warnings that the step switches off
        self.generators: dict[Any, Any] = {}  # that were drawn from, with their states since
        self.outside: dict[int, Array] = {}  # arrays that are there before the step, by their ids
        self.overwritten: dict[int, Array] = {}  # those of them that are changed
        self.arguments: dict[int, int] = {}  # the numbers of those that are arguments of the step
        self._constants: dict[Any, Array] = {}
        self.reactions = np.geterr()  # to floating-point errors around the step
        self.found_false = False  # a condition that the step checks
        self.closed = False
        self._viewers: dict[int, tuple[Array, weakref.WeakSet[Recorded]]] = {}

    def add(
        self,
        function: Any,
        arguments: list[Any],
        keywords: dict[str, Any],
        reads: Any,
        writes: list[Array],
        lasting: bool = False,
    ) -> None:
        """Note a call that has been made, and the arrays it reads: all that are in `reads`."""
        for kind, reaction in np.geterr().items():
            if reaction != self.reactions[kind]:  # type: ignore[literal-required]
                if reaction != "ignore":
                    raise refused(f"np.errstate({kind}={reaction!r})")
                self.ignored.add(kind)
        arrays = arrays_in(reads)
        self.calls.append(
            Call(function, arguments, keywords, arrays, writes, lasting, users_line())
        )

    def where_written(self, memory: Array) -> str | None:
        """The line that writes to a memory, if any does."""
        lines = (c.line for c in self.calls for array in c.writes if owner(array) is memory)
        return next(lines, None)

    def argument_number(self, array: Array) -> int | None:
        """Which argument an array is, or is a view of."""
        return self.arguments.get(id(owner(array)))

    def see(self, value: Any) -> Recorded:
        """An array as the step gets to see it."""
        made = Recorded(self, value)
        self._look(made)
        return made

    def _look(self, seen: Recorded) -> None:
        """Remember who looks at which memory."""
        memory = owner(seen.array)
        self._viewers.setdefault(id(memory), (memory, weakref.WeakSet()))[1].add(seen)

    def knows(self, array: Array) -> bool:
        """Whether the step got to see this array, rather than made it behind the tape's back."""
        return id(owner(array)) in self._viewers

    def in_use(self) -> list[Recorded]:
        """All that the step got to see, as far as somebody still holds it."""
        return [seen for _, viewers in self._viewers.values() for seen in viewers]

    def new_number(self, text: str, value: Any) -> Number:
        """A number computed by this expression."""
        name = f"n{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return Number(self, name, value)

    def holds(self, truth: Recorded) -> bool:
        """Returns whether it is true; each replay checks it again."""
        found = bool(truth.array)
        self.found_false |= not found
        self.add(expect, [truth.array, found], {}, truth.array, [], lasting=True)
        return found

    def compute(self, function: Any, arguments: list[Any], keywords: Any, out: Any) -> Recorded:
        """A function that takes the array to write to, and writes all of it."""
        noted = noted_in([arguments, keywords])
        inputs, options = plain(
            map_leaves(lambda x: None if x is OUT else x, [arguments, keywords])
        )
        result = function(*inputs, **options)
        if out is None:
            made = self.see(result)
        elif not isinstance(out, Recorded):
            raise refused("writing into an array from outside")
        elif self._is_alone(out) and np.shape(result) == out.shape:
            # Nobody else looks at this memory, so a new array does as well, and may lie anywhere.
            out.array = np.asarray(result).astype(out.dtype, casting="same_kind", copy=False)
            self._look(out)
            made = out
        else:
            self.keep_values(out.array)
            np.copyto(out.array, result, casting="same_kind")
            made = out
        arguments, keywords = map_leaves(lambda x: made.array if x is OUT else x, noted)
        self.add(function, arguments, keywords, noted, [made.array])
        return made

    def _is_alone(self, seen: Recorded) -> bool:
        if seen.array.base is not None or id(seen.array) in self.outside:
            return False
        return len(self._viewers[id(seen.array)][1]) == 1

    def keep_values(self, array: Array) -> None:
        """Before an array is overwritten that was there before the step."""
        memory = owner(array)
        if id(memory) in self.outside and id(memory) not in self.overwritten:
            self.overwritten[id(memory)] = memory
            self._before.keep(memory)

    def ufunc(self, function: np.ufunc, method: str, inputs: Any, keywords: Any) -> Any:
        """A ufunc, or one of its methods."""
        (out,) = keywords.pop("out", None) or (None,)
        if method == "__call__" and function.nout == 1:
            if function is np.matmul and all(map(_is_matrix, inputs)) and out is None:
                return self.compute(np.dot, [*inputs, OUT], keywords, None)  # does not ask as much
            if np.dtype(keywords.get("dtype")).kind == "f" and "dtype" in keywords:
                dtype = keywords.pop("dtype")  # NumPy casts the arguments, in memory of its own
                inputs = [x.astype(dtype, False) if isinstance(x, Recorded) else x for x in inputs]
            if not keywords:
                inputs = self._with_arrays(inputs, whole=function in _EXTREMES)
            if function in _EXTREMES:  # they take `out` in no other way
                return self.compute(function, list(inputs), {**keywords, "out": OUT}, out)
            return self.compute(function, [*inputs, OUT], keywords, out)
        if method == "reduce":
            axis, dtype = keywords.pop("axis", 0), keywords.pop("dtype", None)
            by_position = [*inputs, *[axis, dtype][len(inputs) - 1 :]]
            given = [*by_position, OUT, keywords.pop("keepdims", False)]
            return self.compute(_method(function, "reduce"), given, keywords, out)
        if method == "at" and isinstance(inputs[0], Recorded):
            return self._at(function, *inputs)
        if out is not None or method == "at":
            raise refused(f"np.{function.__name__}.{method} into an array")
        called = function if method == "__call__" else _method(function, method)
        return self.call(called, inputs, keywords)

    def _at(self, function: np.ufunc, target: Recorded, *others: Any) -> None:
        """Change some entries of an array, which may come repeatedly."""
        self.keep_values(target.array)
        function.at(target.array, *plain(others))
        noted = [target.array, *noted_in(others)]
        self.add(_method(function, "at"), noted, {}, noted, [target.array])

    def _with_arrays(self, inputs: Any, whole: bool) -> list[Any]:
        """Numbers beside arrays of floats as arrays of their dtype, which NumPy takes faster: of
        one entry, or whole ones with the entries in the same order."""
        arrays = [plain(x) for x in inputs if isinstance(x, Recorded | np.ndarray)]
        kinds = {array.dtype for array in arrays}
        (dtype,) = kinds if len(kinds) == 1 else (None,)
        if dtype is None or dtype.kind != "f":
            return list(inputs)
        like = arrays[0] if whole else np.empty((), dtype)
        return [
            self._constants.setdefault((repr(x), *form(like)), np.full_like(like, x))
            if type(x) in (int, float) or (isinstance(x, np.generic) and x.dtype == dtype)
            else x
            for x in inputs
        ]

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Any other function; its result is copied to where the program keeps it."""
        if function in SPELLED_OUT:
            made = SPELLED_OUT[function](self, *arguments, **keywords)
            if made is not NotImplemented:
                return made
        given = plain([arguments, keywords])
        result = _without_writing(function, *given)
        if function in OF_SHAPES:
            return result
        if isinstance(result, tuple | list):
            raise refused(f"{function.__name__}, which returns several arrays,")
        owners = {id(owner(array)) for array in arrays_in(given) if self.knows(array)}
        if isinstance(result, np.ndarray) and id(owner(result)) in owners:
            return self.see(function(*given[0], **given[1]))  # a view, which stays one
        made = self.see(np.array(result))
        made.single = isinstance(result, np.generic)
        if made.dtype.kind not in "biufc":
            raise refused(f"{function.__name__}, which returns no numbers,")
        arguments, keywords = noted_in([list(arguments), keywords])
        copied = [made.array, function, *arguments]
        self.add(into, copied, keywords, [arguments, keywords], [made.array])
        return made

    def copy(self, target: Array, value: Any, **options: Any) -> None:
        """Write values to an array."""
        self.keep_values(target)
        np.copyto(target, plain(value), "unsafe", **plain(options))
        value, options = noted_in([value, options])
        read = [value, options, target] if options else value  # `where` leaves some entries
        self.add(np.copyto, [target, value, "unsafe"], options, read, [target])

    def afresh(self, function: Any, arguments: tuple[Any, ...]) -> Recorded:
        """A call that returns something else each time."""
        source = getattr(function, "__self__", None)
        if is_generator(source):
            self._before.generators.add(source)
        result = _without_writing(function, plain(arguments), {})
        arguments = noted_in(arguments)
        if not isinstance(result, np.ndarray | np.generic):
            raise refused(
                f"afresh() of a function that returns a {type(result).__name__}, not an array,"
            )
        made = self.see(np.array(result))
        if is_generator(source):
            self.generators[source] = state_of(source)
        if isinstance(source, np.random.Generator) and function.__name__ == "random":
            given = [None, made.dtype, made.array]
        else:
            function, given = into, [made.array, function, *arguments]
        self.add(function, given, {}, arguments, [made.array], lasting=True)
        return made


def _is_matrix(value: Any) -> bool:
    """Whether np.matmul passes it to BLAS as np.dot does: it lies in memory without gaps."""
    if getattr(value, "ndim", 0) != 2 or min(value.shape) < 2 or value.dtype.kind != "f":
        return False
    return bool(plain(value).flags.forc)


@functools.cache
def _method(function: np.ufunc, name: str) -> Any:
    """One of its methods, the same object each time."""
    return getattr(function, name)


def into(out: Array, function: Any, *arguments: Any, **keywords: Any) -> None:
    """Call a function, and copy the array that it makes, which must be of the same form."""
    made = np.asarray(function(*arguments, **keywords))
    if made.shape != out.shape or made.dtype != out.dtype:
        raise OtherwiseError
    np.copyto(out, made)


def _without_writing(function: Any, arguments: Any, keywords: Any) -> Any:
    """What a function makes of arrays that it is not allowed to change."""

    def to_read(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            value = value.view()
            value.flags.writeable = False
        return value

    try:
        return function(*map_leaves(to_read, arguments), **map_leaves(to_read, keywords))
    except ValueError as error:
        if "read-only" in str(error):
            raise refused(f"{function.__name__}, which writes into an array,") from error
        raise
