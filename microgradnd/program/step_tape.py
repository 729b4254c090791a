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
from .value import Value, astype, changed, copied_as_is, form, frozen, imagined, opaque, owner
from .value_tape import ValueTape, on_tape

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
    with on_tape(tape), warnings, contextlib.redirect_stdout(_Refusing(sys.stdout)):
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
    """What a step does while it is recorded.

    The tape of an earlier recording may be `like` this one: then equal values are the very same
    ones, with places that are of the same form, and two recordings agree where these are the same.
    """

    refused = staticmethod(refused)  # type: ignore[assignment]
    is_read = False

    def __init__(
        self, generators: Snapshot, like: StepTape | None = None, with_lines: bool = False
    ) -> None:
        super().__init__(like=like)
        self._generators, self._with_lines = generators, with_lines
        self.ignored: set[str] = set()  # the kinds of NumPy's warnings that the step switches off
        self.drawn: dict[Any, Any] = {}  # generators that were drawn from, as they are since
        self.leaves: list[Value] = []  # what was there before
        self.lasting: list[Value] = []  # to be computed even if nobody needs them
        self.found_false = False  # a condition that the step checks

    def see_leaf(self, key: Any, array: Array, is_place: bool = False) -> StandIn:
        """An array that is there before the step, in a place with this key; a program finds it
        there, or (if it `is_place`) in this very array."""
        values = array.view()
        values.flags.writeable = False
        key = key, form(array)
        if key not in self._known:
            self._known[key] = Value(array if is_place else imagined(array))
        self.leaves.append(self._known[key])
        return StandIn(self, Memory(self.leaves[-1], values))

    def see_number(self, key: Any, value: Any) -> Number:
        self.leaves.append(self._known.setdefault((key, type(value)), Value(value)))
        return Number(self, self.leaves[-1], value)

    def number(self, function: Any, *given: Any) -> Number:
        numbers = self.real(given)
        made = function(*numbers)
        value = self._one(function, self.valued(given), made, type(made))
        is_power = function is operator.pow and isinstance(given[1], Number)
        if is_power and all(isinstance(x, int) for x in numbers):
            self.check(self.number(operator.lt, given[1], 0).value, type(made) is float)
        return Number(self, value, made)

    # ---- calls -----------------------------------------------------------------------------------

    def new(self, function: Any, arguments: Any, keywords: Any, result: Any) -> Value:
        """A value that nobody has computed yet; a part of another one is not computed at all."""
        value = super().new(function, arguments, keywords, result)
        leaves = [used.array for used in value.used() if used.function is None]
        if any(np.asarray(array).dtype.hasobject for array in leaves):
            raise refused("an array of objects, for which a list will do,")
        if getattr(result, "dtype", np.dtype("O")).kind not in "biufc":
            raise refused(f"{function.__name__}, which returns several arrays or no numbers,")
        if value.fixed:
            return value
        part = _place_in_whole(value)
        value.place = imagined(result) if part is None else part
        if not isinstance(result, np.generic):
            value.array = value.place
        is_ufunc = isinstance(getattr(function, "__self__", function), np.ufunc)
        # Else data may decide the shape.
        value.lasts = part is None and not is_ufunc and function not in _OF_KNOWN_SHAPES
        return value

    def _one(self, function: Any, arguments: Any, made: Any, *of: Any) -> Value:
        """The value of a call of a function that is not NumPy's."""
        key = function, frozen(arguments), *of
        if key not in self._known:
            self._known[key] = Value(made, function, arguments)
            self._known[key].lasts = function in (expect, opaque)
        value = self._known[key]
        if value not in self.touched:
            self._note(value)
        return value

    def _note(self, value: Value) -> None:
        self.touched[value] = users_line() if self._with_lines else ""
        if value.lasts:
            self.lasting.append(value)
        if value.is_number:
            return
        for kind, reaction in np.geterr().items():
            if reaction != "call":
                if reaction != "ignore":
                    raise refused(f"np.errstate({kind}={reaction!r})")
                self.ignored.add(kind)

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
        self._one(expect, (truth, found), np.empty(0))

    def holds_nan(self, array: StandIn) -> bool:
        return not self.holds(~np.isnan(np.vdot(array, array)))  # type: ignore[arg-type]

    def afresh(self, function: Any, arguments: tuple[Any, ...]) -> StandIn:
        """A call that returns something else each time."""
        source = getattr(function, "__self__", None)
        if is_generator(source):
            self._generators.add(source)
        result = function(*self.real(arguments))
        is_array = isinstance(result, np.ndarray | np.generic)
        if not is_array or result.dtype.hasobject:
            made = "an array of objects" if is_array else f"a {type(result).__name__}"
            raise refused(f"afresh() of a function that returns {made}, not an array of numbers,")
        if is_generator(source):
            self.drawn[source] = fingerprint(source)
        result = copied_as_is(result)
        given, number = (function, *self.valued(arguments)), len(self.lasting)
        value = self._one(opaque, given, imagined(result), number, *form(result))
        result.flags.writeable = False
        return self.hold(value, result)


def _place_in_whole(value: Value) -> Any:
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
