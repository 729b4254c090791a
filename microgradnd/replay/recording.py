"""One recording: a step is carried out, and what it did is noted with all that it depends on."""

from __future__ import annotations

import gc
import itertools
import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..tensor import Tensor, constant
from .luck import state_of
from .moment import Moment
from .reach import Holder, Reach, put
from .recorded import (
    Array,
    NotReplayableError,
    Number,
    Recorded,
    form,
    is_equal,
    like_tuple,
    mapped,
    owner,
    refused,
    spelled,
)
from .tape import Call, Tape, recording_to


class Slot(NamedTuple):
    """A Tensor within reach of a step, and its arrays in the recording.

    `data` has its values before the step and behind it. `old_grad` is its gradient before, if the
    step looks at that, `grad` the one behind it; `had_grad` says if there was one.
    """

    tensor: Tensor
    data: Array
    old_grad: Array | None
    grad: Array | None
    had_grad: bool


@dataclass(frozen=True)
class Result:
    """An array in what a step returns, and whether it is that of a Tensor."""

    array: Array
    of_tensor: bool


class CallMade(NamedTuple):
    """A call as it is compared with that of another recording: in words, the arrays among its
    arguments that the step made behind the tape's back, and where it stands."""

    description: Any
    constants: list[Array]
    line: str


class Outline(NamedTuple):
    """What two recordings of a step must have in common, without the arrays."""

    held: list[Any]  # within reach
    settled: bool  # whether that was the same before the step
    calls: list[CallMade]
    numbers: Any
    result: Any


class Recording:
    """A step that was carried out once, and noted. Where it cannot be replayed, an error is raised
    and everything is as it was before.
    """

    def __init__(
        self, step: Any, arguments: tuple[Any, ...], changing: set[Any], held: dict[Any, Any]
    ) -> None:
        self.reach, self.slots = Reach(step), list[Slot]()
        self.before = Moment(self.reach)
        self.tape = Tape(self.before)
        # Numbers within reach, by the ids of their holders and keys, and those seen to change.
        self.numbers_held = {
            (id(holder), key): value
            for holder, key, value in self.reach.entries()
            if type(value) in (int, float)
        }
        self.changing = changing | {
            place
            for place, value in self.numbers_held.items()
            if place in held and held[place] is not value
        }
        self.numbers: dict[
            tuple[int, Any], tuple[Holder, Any, Number]
        ] = {}  # those at their places
        self.new_numbers: list[tuple[Holder, Any, str]] = []  # what the step makes of them
        self.arguments: list[Any] = []
        self.results: list[Result] = []
        self._met: dict[int, int] = {}  # memories, numbered in the order of the calls
        before = self._objects()
        try:
            self._hand_over()
            token = recording_to.set(self.tape)
            try:
                self.arguments = [self._as_seen(k, a) for k, a in enumerate(arguments)]
                returned = step(*self.arguments)
            finally:
                recording_to.reset(token)
            self._take_back(Reach(step))
            self.result = mapped(self._as_result, returned)
            del returned
            self._check_arguments(arguments)
            self._check_luck()
            self._check_that_nothing_is_left()
        except BaseException:
            self.before.go_back()
            raise
        finally:
            self.tape.closed = True
        after = self._objects()
        self.outline = Outline(
            after,
            is_same(before, after),
            [self._described(call) for call in self.tape.calls],
            [self.tape.lines, self.new_numbers],
            mapped(_form, self.result),
        )

    def _objects(self) -> list[Any]:
        """What is held everywhere, with None for the numbers that may change."""
        return [
            None if (id(holder), key) in self.changing else value
            for holder, key, value in self.reach.entries()
        ]

    def returned(self) -> Any:
        """What the step returned."""

        def values(x: Any) -> Any:
            if not isinstance(x, Result):
                return x
            return constant(np.array(x.array)) if x.of_tensor else np.array(x.array)

        return mapped(values, self.result)

    def _described(self, call: Call) -> CallMade:
        """A call, the same in two recordings if they made the same call."""
        constants: list[Array] = []

        def described(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return self._origin(value, constants), form(value)
            if isinstance(value, Number):
                return Number, value.name
            return type(value), repr(value) if isinstance(value, float | np.generic) else value

        arguments = mapped(described, [call.arguments, call.keywords])
        writes = [form(array) for array in call.writes]
        return CallMade((call.function, arguments, call.lasting, writes), constants, call.line)

    def _origin(self, array: Array, constants: list[Array]) -> Any:
        """Which memory an array lies in, by the order in which the recording met it, and where."""
        memory = owner(array)
        if not self.tape.knows(memory):
            constants.append(array)
            return "a constant"
        number = self._met.setdefault(id(memory), len(self._met))
        return number, byte_bounds(array)[0] - byte_bounds(memory)[0]

    # ---- before the step -------------------------------------------------------------------------

    def _as_seen(self, number: int, argument: Any) -> Any:
        """An argument as the step gets it."""
        if isinstance(argument, Tensor):
            if argument.requires_grad:
                raise NotReplayableError(
                    f"argument {number} requires a gradient: a step is handed data, and finds its "
                    "parameters in its closure"
                )
            return constant(self._as_seen(number, argument.numpy()))
        if type(argument) in (np.ndarray, np.memmap) or isinstance(argument, np.generic):
            seen = self.tape.see(np.array(argument, order="C"))
            self.tape.outside[id(seen.array)] = seen.array
            self.tape.arguments[id(seen.array)] = number
            return seen
        if type(argument) in (int, float):
            return Number(self.tape, f"x{number}", argument)
        if argument is None or type(argument) in (bool, str):
            return argument
        raise NotReplayableError(
            f"argument {number} is a {type(argument).__name__}: a step is handed arrays, Tensors "
            "and numbers, and finds everything else in its closure"
        )

    def _hand_over(self) -> None:
        """Have the step see recorded arrays and numbers wherever it looks."""
        see = self.tape.see
        self._start: dict[Tensor, tuple[Recorded, Recorded | None]] = {}
        for tensor, data, _, grad in self.before.tensors:
            arrays = [np.array(array) for array in (data, grad) if array is not None]
            self.tape.outside |= {id(array): array for array in arrays}
            first, *second = map(see, arrays)
            self._start[tensor] = first, second[0] if second else None
            tensor._data, tensor.grad = self._start[tensor]
        self._seen: dict[int, Recorded] = {}  # arrays from outside, by their ids
        for holder, key, value in self.before.held:
            place = id(holder), key
            if place in self.changing and type(value) in (int, float):
                number = len(self.numbers)
                made = self.tape.new_number(f"get(h{number}, k{number})", value)
                self.numbers[place] = holder, key, made
                put(holder, key, made)
            elif (handed := self._handed_over(value)) is not value:
                put(holder, key, handed)
        for array in self.reach.arrays:
            if _is_numeric(array) and id(array) not in self._seen:
                raise NotReplayableError(
                    f"an array of shape {array.shape} is within reach of the step where nothing "
                    "else can be put in its place, such as in a functools.partial: let it be in "
                    "a list, a dict or a variable"
                )

    def _handed_over(self, value: Any) -> Any:
        """An array within reach, or a tuple with arrays in it, as the step gets to see it."""
        if isinstance(value, tuple):
            parts = list(map(self._handed_over, value))
            return value if all(map(operator.is_, parts, value)) else like_tuple(value, parts)
        if not isinstance(value, np.ndarray) or not _is_numeric(value):
            return value
        if id(value) not in self._seen:
            self._seen[id(value)] = self.tape.see(value)
            self.tape.outside[id(owner(value))] = owner(value)
        return self._seen[id(value)]

    # ---- behind it -------------------------------------------------------------------------------

    def _take_back(self, after: Reach) -> None:
        """Put plain arrays and numbers everywhere, and note what is to be written where."""
        for tensor in after.tensors:
            if tensor not in self._start and isinstance(tensor._data, Recorded):
                raise NotReplayableError(
                    "the step keeps a Tensor that it has computed, and a replay would not make it "
                    "anew: let the step return it"
                )
        held = {(id(holder), key): value for holder, key, value in self.before.held}
        self._places = Counter(map(id, map(owner, self._arrays_held())))
        entries = []
        for holder, key, value in after.entries():
            before = held.get((id(holder), key))
            entries.append((holder, key, self._apart(value, before), before))
        data = [self._apart(t._data, old.array) for t, (old, _) in self._start.items()]
        for entry in entries:
            self._take_back_entry(*entry)
        for (tensor, *_, grad), (old_data, seen_grad), new_data in zip(
            self.before.tensors, self._start.values(), data, strict=True
        ):
            if new_data is not old_data:
                self.tape.copy(old_data.array, new_data)
            new, old = tensor.grad, None
            if seen_grad is not None and self._is_read(seen_grad):
                old = seen_grad.array
                if isinstance(new, Recorded) and new is not seen_grad:
                    self.tape.copy(old, new)
                    new = seen_grad
            made = None if new is None else np.asarray(getattr(new, "array", new))
            self.slots.append(Slot(tensor, old_data.array, old, made, grad is not None))
            tensor._data, tensor._shared = np.array(old_data.array), False
            tensor.grad = None if made is None else np.array(made)

    def _arrays_held(self) -> Iterator[Array]:
        def arrays(value: Any) -> Iterator[Array]:
            for part in value if isinstance(value, tuple) else [value]:
                if isinstance(part, tuple):
                    yield from arrays(part)
                elif isinstance(part, np.ndarray):
                    yield part

        for _, _, value in self.before.held:
            yield from arrays(value)

    def _apart(self, value: Any, before: Any) -> Any:
        """A value that was moved here from another place, as a copy: what is at that place may be
        overwritten before it is written to this one."""
        if isinstance(value, tuple):
            old = before if isinstance(before, tuple) and len(before) == len(value) else value
            parts = list(map(self._apart, value, old))
            return value if is_same(parts, list(value)) else like_tuple(value, parts)
        moved = isinstance(value, Recorded) and value.array is not before
        return value.copy() if moved and id(owner(value.array)) in self.tape.outside else value

    def _take_back_entry(self, holder: Holder, key: Any, value: Any, before: Any) -> None:
        place = id(holder), key
        if isinstance(value, Recorded | Number | tuple):
            put(holder, key, self._taken_back(value, before))
        if isinstance(value, Number):
            if place not in self.numbers or value is not self.numbers[place][2]:
                self.new_numbers.append((holder, key, value.name))
        elif type(value) in (int, float) and type(before) in (int, float):
            if place in self.numbers:
                self.new_numbers.append((holder, key, spelled(value)))
            elif value is not before:
                self.changing.add(place)

    def _taken_back(self, value: Any, before: Any) -> Any:
        """What is to lie where the step left this value: what did before, with the new numbers
        in it, if it is an array of the same form."""
        if isinstance(value, Number):
            return value.value
        if isinstance(value, tuple):
            old = before if isinstance(before, tuple) and len(before) == len(value) else value
            parts = list(map(self._taken_back, value, old))
            for same in (before, value):
                if type(same) is type(value) and is_same(parts, list(same)):
                    return same
            return like_tuple(value, parts)
        if not isinstance(value, Recorded):
            return value
        if value.array is before:
            return before
        made = np.array(value.array)
        if not self._may_be_overwritten(before) or form(before) != form(made):
            return made
        self.tape.copy(before, value)
        return before

    def _may_be_overwritten(self, array: Any) -> bool:
        """Whether it is a whole array that no other place holds."""
        return (
            isinstance(array, np.ndarray)
            and array.flags.writeable
            and self._places[id(owner(array))] == 1
        )

    def _is_read(self, seen: Recorded) -> bool:
        reads = itertools.chain(*(call.reads for call in self.tape.calls))
        return any(owner(array) is owner(seen.array) for array in reads)

    # ---- what could not be replayed --------------------------------------------------------------

    def _as_result(self, value: Any) -> Any:
        """An entry of what a step returned, as the program will find it."""
        if isinstance(value, Number):
            raise refused("returning a number that changes from step to step")
        of_tensor = isinstance(value, Tensor)
        seen = value._data if of_tensor else value
        if not isinstance(seen, Recorded):
            return value
        given = self.tape.argument_number(seen.array) is not None
        self.results.append(Result(seen.copy().array if given else seen.array, of_tensor))
        return self.results[-1]

    def _check_arguments(self, arguments: tuple[Any, ...]) -> None:
        """A step must not change what it is handed, directly or as something within its reach."""
        for memory, number in self.tape.arguments.items():
            if line := self.tape.where_written(self.tape.outside[memory]):
                raise NotReplayableError(f"a step must not change its argument {number}, at {line}")
        written = list(self._seen_written())
        for tensor, data, *_ in self.before.tensors:
            if id(owner(np.asarray(data))) in self.tape.overwritten:
                raise NotReplayableError(
                    f"{tensor._called()} shares memory with an array that the step changes"
                )
        for number in self.tape.arguments.values():
            argument = getattr(arguments[number], "_data", arguments[number])
            if any(np.may_share_memory(argument, array) for array in written):
                raise NotReplayableError(
                    f"argument {number} shares memory with what the step changes: hand it a copy"
                )

    def _seen_written(self) -> Iterator[Array]:
        """The arrays that were there before, and are changed."""
        for tensor, data, _, grad in self.before.tensors:
            if id(self._start[tensor][0].array) in self.tape.overwritten:
                yield data
            if grad is not None:
                yield grad
        yield from self.tape.overwritten.values()

    def _check_luck(self) -> None:
        for generator, before in self.before.luck.items():
            if not is_equal(state_of(generator), self.tape.generators.get(generator, before)):
                raise NotReplayableError(
                    f"the step draws random numbers from {generator} which a replay would not draw "
                    "anew: draw them by afresh(generator.random, shape), from microgradnd.replay"
                )

    def _check_that_nothing_is_left(self) -> None:
        ours = [*self.arguments, *itertools.chain(*self._start.values()), *self._seen.values()]
        ours += [a._data for a in self.arguments if isinstance(a, Tensor)]
        known = set(map(id, ours))
        if any(id(seen) not in known for seen in self.tape.in_use()):
            gc.collect()
            if any(id(seen) not in known for seen in self.tape.in_use()):
                raise NotReplayableError(
                    "the step keeps an array that it has computed where replay() does not look: "
                    "let it return what is needed after it"
                )


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "biufc"


def is_same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(one) == len(other) and all(map(operator.is_, one, other))


def difference(first: Outline, second: Outline) -> str:
    """Why two recordings of a step do not make a program, or an empty string if they do."""
    if not (is_same(first.held, second.held) and second.settled):
        return "it leaves other objects behind than it found"
    for one, other in itertools.zip_longest(first.calls, second.calls):
        if one is None or other is None:
            return "it does not always make the same calls"
        if one.description != other.description:
            return f"it does not make the same calls each time, at {other.line}"
        for mine, others in zip(one.constants, other.constants, strict=True):
            if mine.tobytes() != others.tobytes():
                return (
                    "an array that is another one each time, and is not computed from what the "
                    f"step is handed, is used at {other.line}. Hand it over, or draw it by "
                    "afresh(generator.random, ...), from microgradnd.replay"
                )
    if first.numbers != second.numbers:
        return "it does not compute the same with numbers each time"
    return "" if first.result == second.result else "it does not return the same each time"


def _form(value: Any) -> Any:
    if isinstance(value, Result):
        return form(value.array), value.of_tensor
    return form(value) if isinstance(value, np.ndarray) else value
