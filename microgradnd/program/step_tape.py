"""The tape of values while a step is recorded, to be replayed."""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..random_state import Snapshot, fingerprint, is_generator
from ..tree import leaves_of, map_leaves
from .recorder import being_recorded, expect, refused
from .stand_in import Memory, Number, StandIn
from .value import Value, arrays_of, astype, changed, imagined, opaque, owner
from .value_tape import ValueTape, recording_on

_MOVE = {np.where, np.concatenate, np.stack}  # these copy entries; others may multiply them
_OF_NUMBERS = {np.reshape, np.broadcast_to, np.ravel, np.asarray, operator.getitem}
_OF_KNOWN_SHAPES = {
    np.copy, astype, changed, operator.pow, operator.getitem, np.full_like, np.mean, np.where,
    np.concatenate, np.vdot, np.sum, np.max, np.min,
}  # fmt: skip


@contextlib.contextmanager
def noting(tape: StepTape) -> Iterator[None]:
    """Inside, this thread's calls are noted on the tape."""
    # What the step ignores itself is told apart from what is ignored around it.
    warnings = np.errstate(all="call", call=lambda *_: None)
    with recording_on(tape), warnings, contextlib.redirect_stdout(_Refusing(sys.stdout)):
        yield


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


class StepTape(ValueTape):
    """What a step does while it is recorded."""

    refused = staticmethod(refused)  # type: ignore[assignment]
    is_read = False

    def __init__(self, generators: Snapshot) -> None:
        super().__init__()
        self._generators = generators
        self.ignored: set[str] = set()  # the kinds of NumPy's warnings that the step switches off
        self.drawn: dict[Any, Any] = {}  # generators that were drawn from, as they are since
        self.leaves: list[Value] = []  # what was there before
        self.line_of: dict[Value, str] = {}
        self.lasting: list[Value] = []  # to be computed even if nobody needs them
        self.found_false = False  # a condition that the step checks

    def see_leaf(self, array: Array, place: Array) -> StandIn:
        """An array that is there before the step, and where a program finds it."""
        values = array.view()
        values.flags.writeable = False
        self.leaves.append(Value(place))
        return StandIn(self, Memory(self.leaves[-1], values))

    def see_number(self, value: Any) -> Number:
        self.leaves.append(Value(value))
        return Number(self, self.leaves[-1])

    def number(self, function: Any, *given: Any) -> Number:
        values = self.valued(given)
        made = Value(function(*arrays_of(values)), function, values)
        self.line_of[made] = users_line()
        self.touched.append(made)
        is_power = function is operator.pow and isinstance(given[1], Number)
        if is_power and all(isinstance(x, int) for x in arrays_of(values)):
            self.check(self.number(operator.lt, given[1], 0).value, type(made.array) is float)
        return Number(self, made)

    # ---- calls -----------------------------------------------------------------------------------

    def new(self, function: Any, arguments: Any, keywords: Any, result: Any) -> Value:
        """A value that nobody has computed yet; a part of another one is not computed at all."""
        value = super().new(function, arguments, keywords, result)
        if any(np.asarray(used.array).dtype.hasobject for used in value.used()):
            raise refused("an array of objects, for which a list will do,")
        if getattr(result, "dtype", np.dtype("O")).kind not in "biufc":
            raise refused(f"{function.__name__}, which returns several arrays or no numbers,")
        self._note(value)
        if value.fixed:
            return value
        part = _part(value)
        value.place = imagined(result) if part is None else part
        if not isinstance(result, np.generic):
            value.array = value.place
        is_ufunc = isinstance(getattr(function, "__self__", function), np.ufunc)
        if part is None and not is_ufunc and function not in _OF_KNOWN_SHAPES:
            self.lasting.append(value)  # data may decide the shape
        return value

    def _note(self, value: Value) -> None:
        for kind, reaction in np.geterr().items():
            if reaction != "call":
                if reaction != "ignore":
                    raise refused(f"np.errstate({kind}={reaction!r})")
                self.ignored.add(kind)
        self.line_of[value] = users_line()

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        entries = isinstance(function, np.ufunc) and function.signature is None
        if not entries and function not in _MOVE:
            arguments = self._apart(arguments)
        return super().call(function, arguments, keywords)

    def _apart(self, arguments: Any) -> Any:
        """Equal values that lie in two memories, as two: NumPy computes the product of an array and
        itself in another way."""
        first: dict[int, Memory] = {}

        def apart(leaf: Any) -> Any:
            whole = owner(leaf.value.place) if isinstance(leaf, StandIn) else np.empty(())
            # One entry is a number, however it is broadcast.
            if whole.size == 1 or first.setdefault(id(whole), leaf.memory) is leaf.memory:
                return leaf
            array = leaf.memory.array
            copied = self.value(np.copy, (leaf.memory.value,), {}, array)
            return StandIn(self, Memory(copied, array), leaf.path)

        seen = [x for x in leaves_of(arguments) if isinstance(x, StandIn)]
        return map_leaves(apart, arguments) if len(seen) > 1 else arguments

    # ---- what a step may say about itself --------------------------------------------------------

    def holds(self, truth: StandIn) -> bool:
        """Returns whether it is true; each replay checks it again."""
        found = bool(truth.array)
        self.found_false |= not found
        self.check(truth.value, found)
        return found

    def check(self, truth: Value, found: bool) -> None:
        """Each replay looks whether this is still as it was found."""
        self._last(Value(np.empty(0), expect, (truth, found)))

    def holds_nan(self, array: StandIn) -> bool:
        return not self.holds(~np.isnan(np.vdot(array, array)))  # type: ignore[arg-type]

    def afresh(self, function: Any, arguments: tuple[Any, ...]) -> StandIn:
        """A call that returns something else each time."""
        source = getattr(function, "__self__", None)
        if is_generator(source):
            self._generators.add(source)
        result = function(*self.real(arguments))
        if not isinstance(result, np.ndarray | np.generic):
            raise refused(
                f"afresh() of a function that returns a {type(result).__name__}, not an array,"
            )
        if is_generator(source):
            self.drawn[source] = fingerprint(source)
        result = np.array(result)
        value = Value(imagined(result), opaque, (function, *self.valued(arguments)))
        result.flags.writeable = False
        return self.hold(self._last(value), result)

    def _last(self, value: Value) -> Value:
        self._note(value)
        self.lasting.append(value)
        self.touched.append(value)
        return value


def _part(value: Value) -> Any:
    """Where a value lies if it is a part of another one, whatever is in other arguments."""
    whole, *others = [each for each in value.used() if not each.fixed]
    if whole.is_number or any(other is not whole for other in others):
        return None
    made = value.array
    if isinstance(made, np.generic) or isinstance(whole.array, np.generic):
        if value.function not in _OF_NUMBERS:
            return None
        given, keywords = map_leaves(place_of, (value.arguments, value.keywords))
        if value.function is operator.getitem and isinstance(made, np.generic):
            index = given[1] if isinstance(given[1], tuple) else (given[1],)
            given = given[0], (*index, ...)
        made = value.function(*given, **keywords)
    return made if owner(made) is owner(whole.place) else None


def place_of(leaf: Any) -> Any:
    """Where a program finds a value; a number lies nowhere."""
    return leaf.place if isinstance(leaf, Value) and not leaf.is_number else leaf
