"""The tape of values while a step is recorded, to be replayed."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import users_line
from ..random_state import is_generator, state_of
from ..tree import leaves_of, map_leaves
from .calls import base_of, decides_shape, expect
from .inside import LARGE, form, imagined, owner
from .moment import Moment
from .number import Number
from .recorder import being_recorded, recording_to, refused
from .stand_in import Memory, StandIn
from .value import Value, arrays_of, evaluated, opaque, viewed
from .value_tape import ValueTape

_MOVE = {np.where, np.concatenate, np.stack}  # these copy entries; others may multiply them


@contextlib.contextmanager
def noting(tape: StepTape) -> Iterator[None]:
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


class Passing(Value):
    """A value whose array, if it is large, goes with those who look at it, as it does without a
    tape; whoever asks for it later has it computed again. `like` always has its form, and `base` is
    what it is a part of.
    """

    __slots__ = ("_array", "base", "like")
    _array: Any
    base: Value | None
    like: Any

    @property
    def array(self) -> Any:
        if not isinstance(self._array, weakref.ref):
            return self._array
        array = self._array()
        if array is None:
            array = evaluated(self.function, self.arguments, self.keywords)
            self._array = weakref.ref(array)
        return array

    @array.setter
    def array(self, array: Any) -> None:
        self._array = self.like = array

    def held(self) -> Any:
        array = self.array
        if getattr(array, "nbytes", 0) > LARGE and self.function not in (None, opaque):
            self._array = weakref.ref(array)
            self.like = imagined(array) if self.like is array else self.like
        return array


class StepTape(ValueTape):
    """What a step does while it is recorded."""

    refused = staticmethod(refused)  # type: ignore[assignment]
    is_read = False
    kind = Passing

    def __init__(self, before: Moment) -> None:
        super().__init__()
        self._before = before
        self.numbers: list[str] = []  # lines of Python, computing with numbers
        self.ignored: set[str] = set()  # the kinds of NumPy's warnings that the step switches off
        self.generators: dict[Any, Any] = {}  # that were drawn from, with their states since
        self.leaves: dict[Value, Array] = {}  # what was there before, and where it lies
        self.empty: dict[Any, Value] = {}  # arrays that will be written to, by their forms
        self.memories: dict[int, tuple[Array, Memory]] = {}  # of arrays from outside, by their ids
        self.line_of: dict[Value, str] = {}
        self.written_at: dict[Memory, str] = {}
        self.lasting: list[Value] = []  # to be computed even if nobody needs them
        self.reactions = np.geterr()  # to floating-point errors around the step
        self.found_false = False  # a condition that the step checks
        self.closed = False

    def see_leaf(self, array: Array, place: Array | None = None) -> StandIn:
        """An array that is there before the step; a program finds it at another place."""
        values = array.view()
        values.flags.writeable = False
        seen = self.see(values, fixed=False)
        self.leaves[seen.value] = array if place is None else place
        return seen

    def see_outside(self, array: Array) -> StandIn:
        """An array within reach: the memory of its owner, or a part of that."""
        whole = owner(array)
        if id(whole) not in self.memories:
            self.memories[id(whole)] = whole, self.see_leaf(whole).memory
        memory = self.memories[id(whole)][1]
        if array is whole:
            return StandIn(self, memory)
        if not whole.flags.forc:
            raise refused("a part of an array that has gaps in memory")
        start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        place = array.shape, array.dtype, start, array.strides
        return StandIn(self, memory, ((viewed, place, {}),))

    def new_number(self, text: str, value: Any) -> Number:
        """A number computed by this expression."""
        name = f"n{len(self.numbers)}"
        self.numbers.append(f"{name} = {text}")
        return Number(self, name, value)

    def filled(self, function: Any, array: Array) -> StandIn:
        if function is not np.empty_like:
            return StandIn(self, Memory(self.valued(array)))
        return StandIn(self, Memory(self.empty.setdefault(form(array), Value(array, fixed=True))))

    # ---- calls -----------------------------------------------------------------------------------

    def valued(self, tree: Any) -> Any:
        if self.closed:
            raise RuntimeError(
                "an array of a recorded step was kept where replay() does not look: return what "
                "is needed later from the step"
            )
        return super().valued(tree)

    def new(self, function: Any, arguments: Any, keywords: Any) -> Value:
        value: Any = super().new(function, arguments, keywords)
        if isinstance(value.array, tuple | list):
            raise refused(f"{function.__name__}, which returns several arrays,")
        if getattr(value.array, "dtype", np.dtype("O")).kind not in "biufc":
            raise refused(f"{function.__name__}, which returns no numbers,")
        value.base = base_of(value)
        if value.base is not None:  # then no call is made
            return value  # type: ignore[no-any-return]
        if decides_shape(value):
            self.lasting.append(value)
        return self._noted(value)

    def _viewed(self, value: Any, arguments: Any, given: Any) -> StandIn | None:
        return None if value.base is None else super()._viewed(value, arguments, given)

    def _noted(self, value: Value) -> Value:
        for kind, reaction in np.geterr().items():
            if reaction != self.reactions[kind]:  # type: ignore[literal-required]
                if reaction != "ignore":
                    raise refused(f"np.errstate({kind}={reaction!r})")
                self.ignored.add(kind)
        given = leaves_of([value.arguments, value.keywords]) if value.fixed else []
        value.fixed = value.fixed and not any(isinstance(leaf, Number) for leaf in given)
        self.line_of[value] = users_line()
        return value

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        entries = isinstance(function, np.ufunc) and function.signature is None
        if not entries and function not in _MOVE:
            arguments = self._apart(arguments)
        return super().call(function, arguments, keywords)

    def _apart(self, arguments: Any) -> Any:
        """Equal values that lie in two memories, as two: NumPy computes the product of an array and
        itself in another way."""
        seen = [x for x in leaves_of(arguments) if isinstance(x, StandIn)]
        if len(seen) < 2:
            return arguments
        first: dict[int, Memory] = {}

        def apart(leaf: Any) -> Any:
            if not isinstance(leaf, StandIn) or leaf.single:
                return leaf
            if first.setdefault(id(owner(leaf.array)), leaf.memory) is leaf.memory:
                return leaf
            copied = Memory(self.value(np.copy, (leaf.memory.value,), {}))
            return StandIn(self, copied, leaf.path)

        return map_leaves(apart, arguments)

    def change(self, memory: Memory, path: Any, function: Any, arguments: Any) -> None:
        self.written_at.setdefault(memory, users_line())
        super().change(memory, path, function, arguments)
        memory.held = [x.held() for x in (memory.value, memory.before, memory.part) if x]

    def _stand_in(self, array: Any) -> StandIn:
        if not isinstance(array, StandIn):
            raise refused("writing into an array from outside")
        return array

    # ---- what a step may say about itself --------------------------------------------------------

    def holds(self, truth: StandIn) -> bool:
        """Returns whether it is true; each replay checks it again."""
        found = bool(truth.array)
        self.found_false |= not found
        self._last(Passing(None, expect, (truth.value, found)))
        return found

    def holds_nan(self, array: StandIn) -> bool:
        return not self.holds(~np.isnan(np.vdot(array, array)))  # type: ignore[arg-type]

    def afresh(self, function: Any, arguments: tuple[Any, ...]) -> StandIn:
        """A call that returns something else each time."""
        source = getattr(function, "__self__", None)
        if is_generator(source):
            self._before.generators.add(source)
        given = self.valued(arguments)
        result = function(*arrays_of(given))
        if not isinstance(result, np.ndarray | np.generic):
            raise refused(
                f"afresh() of a function that returns a {type(result).__name__}, not an array,"
            )
        if is_generator(source):
            self.generators[source] = state_of(source)
        made = self._last(Passing(np.array(result), opaque, (function, *given)))
        return StandIn(self, Memory(made))

    def _last(self, value: Value) -> Value:
        self.lasting.append(self._noted(value))
        self.touched.append(value)
        return value
