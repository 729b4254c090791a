"""One recording: a step is carried out, and what it did is noted with all that it depends on."""

from __future__ import annotations

import itertools
import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..tensor import Tensor, constant
from .reach import Holder, Reach, put
from .recorded import (
    Array,
    NotReplayableError,
    Number,
    Recorded,
    arrays_in,
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


class Result(NamedTuple):
    """An array in what a step returns, and whether it is that of a Tensor."""

    array: Array
    of_tensor: bool


class Recording:
    """A step that was carried out once, and noted. Where it cannot be replayed, an error is raised
    and everything is as it was before.
    """

    def __init__(
        self, step: Any, arguments: tuple[Any, ...], changing: set[Any], held: dict[Any, Any]
    ) -> None:
        self.tape, self.reach, self.slots = Tape(), Reach(step), list[Slot]()
        # Numbers within reach, by the ids of their holders and keys, and those seen to change.
        self.numbers_held = {
            (id(holder), key): value
            for holder, key, value in self.reach.entries()
            if type(value) in (int, float)
        }
        self.changing = changing | {
            place
            for place, value in self.numbers_held.items()
            if place in held and held[place] != value
        }
        self.numbers: dict[
            tuple[int, Any], tuple[Holder, Any, Number]
        ] = {}  # those at their places
        self.new_numbers: list[tuple[Holder, Any, str]] = []  # what the step makes of them
        self.handed_over: dict[int, Array] = {}  # the arguments that are arrays, by their numbers
        self._met: dict[int, int] = {}
        self._held = list(self.reach.entries())
        self._contents = [(holder, holder.copy()) for holder in self.reach.whole_holders()]
        self._tensors = [
            (t, t._data, t._shared, t.grad) for t in self.reach.tensors if t.operation is None
        ]
        before = self.objects()
        try:
            self._hand_over()
            token = recording_to.set(self.tape)
            try:
                self.arguments = [self._as_seen(k, a) for k, a in enumerate(arguments)]
                returned = step(*self.arguments)
            finally:
                recording_to.reset(token)
            self._take_back(Reach(step))
            self.result = mapped(_as_result, returned)
        except BaseException:
            self._undo()
            raise
        finally:
            self.tape.closed = True
        self.held = self.objects()
        self.settled = is_same(before, self.held)

    def objects(self) -> list[Any]:
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
            return constant(x.array.copy()) if x.of_tensor else x.array.copy()

        return mapped(values, self.result)

    def argument_number(self, array: Array) -> int | None:
        """Which argument an array is, or is a view of."""
        memory = owner(array)
        numbers = (number for number, whole in self.handed_over.items() if whole is memory)
        return next(numbers, None)

    def origin(self, array: Array) -> Any:
        """Which memory an array lies in, by the order in which the recording met it, and where."""
        memory = owner(array)
        if not self.tape.knows(memory):
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
        if isinstance(argument, np.ndarray):
            seen = self.tape.see(np.array(argument, order="C"))
            self.tape.outside[id(seen.array)] = seen.array
            self.handed_over[number] = seen.array
            return seen
        is_number = type(argument) in (int, float)
        return Number(self.tape, f"x{number}", argument) if is_number else argument

    def _hand_over(self) -> None:
        """Have the step see recorded arrays and numbers wherever it looks."""
        see = self.tape.see
        self._start: dict[Tensor, tuple[Recorded, Recorded | None]] = {}
        for tensor, data, _, grad in self._tensors:
            arrays = [np.array(array) for array in (data, grad) if isinstance(array, np.ndarray)]
            self.tape.outside |= {id(array): array for array in arrays}
            first, *second = map(see, arrays)
            self._start[tensor] = first, second[0] if second else None
            tensor._data, tensor.grad = self._start[tensor]
        seen: dict[int, Recorded] = {}
        for holder, key, value in self._held:
            place = id(holder), key
            if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
                if id(value) not in seen:
                    seen[id(value)] = see(value)
                    self.tape.outside[id(owner(value))] = owner(value)
                put(holder, key, seen[id(value)])
            elif place in self.changing and type(value) in (int, float):
                number = len(self.numbers)
                made = self.tape.new_number(f"get(h{number}, k{number})", value)
                self.numbers[place] = holder, key, made
                put(holder, key, made)

    # ---- behind it -------------------------------------------------------------------------------

    def _take_back(self, after: Reach) -> None:
        """Put plain arrays and numbers everywhere, and note what is to be written where."""
        for tensor in after.tensors:
            if tensor not in self._start and isinstance(tensor._data, Recorded):
                raise NotReplayableError(
                    "the step keeps a Tensor that it has computed, and a replay would not make it "
                    "anew: let the step return it"
                )
        held = {(id(holder), key): value for holder, key, value in self._held}
        for holder, key, value in list(after.entries()):
            self._take_back_entry(holder, key, value, held.get((id(holder), key)))
        for (tensor, *_, grad), (data, seen_grad) in zip(
            self._tensors, self._start.values(), strict=True
        ):
            if tensor._data is not data:
                self.tape.copy(data.array, tensor._data)
            new, old = tensor.grad, None
            if seen_grad is not None and self._is_read(seen_grad):
                old = seen_grad.array
                if isinstance(new, Recorded) and new is not seen_grad:
                    self.tape.copy(old, new)
                    new = seen_grad
            made = None if new is None else np.asarray(getattr(new, "array", new))
            self.slots.append(Slot(tensor, data.array, old, made, grad is not None))
            tensor._data, tensor._shared = data.array.copy(), False
            tensor.grad = None if made is None else made.copy()

    def _take_back_entry(self, holder: Holder, key: Any, value: Any, before: Any) -> None:
        place = id(holder), key
        if isinstance(value, Recorded):
            like = isinstance(before, np.ndarray) and before.dtype == value.dtype
            if not like or before.shape != value.shape:
                put(holder, key, value.array.copy())
                return
            if before is not value.array:
                self.tape.copy(before, value)
            put(holder, key, before)
        elif isinstance(value, Number):
            put(holder, key, value.value)
            if place not in self.numbers or value is not self.numbers[place][2]:
                self.new_numbers.append((holder, key, value.name))
        elif type(value) in (int, float) and type(before) in (int, float):
            if place in self.numbers:
                self.new_numbers.append((holder, key, spelled(value)))
            elif value != before:
                self.changing.add(place)

    def _is_read(self, seen: Recorded) -> bool:
        reads = itertools.chain(*(call.reads for call in self.tape.calls))
        return any(owner(array) is owner(seen.array) for array in reads)

    def _undo(self) -> None:
        """Everything as it was before."""
        for array, values in self.tape.overwritten.values():
            np.copyto(array, values)
        for generator, state in self.tape.generators.items():
            generator.bit_generator.state = state
        for tensor, data, shared, grad in self._tensors:
            tensor._data, tensor._shared, tensor.grad = data, shared, grad
        for holder, contents in self._contents:
            holder.clear()
            holder.update(contents) if isinstance(holder, dict) else holder.extend(contents)
        for holder, key, value in self._held:
            put(holder, key, value)


def _as_result(value: Any) -> Any:
    """An entry of what a step returned, as the program will find it."""
    if isinstance(value, Number):
        raise refused("returning a number that changes from step to step")
    if isinstance(value, Tensor) and isinstance(value._data, Recorded):
        return Result(value._data.array, True)
    return Result(value.array, False) if isinstance(value, Recorded) else value


def is_same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(one) == len(other) and all(map(operator.is_, one, other))


def difference(first: Recording, second: Recording) -> str:
    """Why two recordings of a step do not make a program, or an empty string if they do."""
    for one, other in itertools.zip_longest(first.tape.calls, second.tape.calls):
        if one is None or other is None:
            return "it does not always make the same calls"
        if _described(one, first) != _described(other, second):
            return f"it does not make the same calls each time, at {other.line}"
        constants = zip(_constants(one, first), _constants(other, second), strict=True)
        for mine, others in constants:
            if mine.tobytes() != others.tobytes():
                return (
                    "an array that is another one each time, and is not computed from what the "
                    f"step is handed, is used at {other.line}. Hand it over, or draw it by "
                    "microgradnd.replay.afresh(generator.random, ...)"
                )
    if first.tape.lines != second.tape.lines or first.new_numbers != second.new_numbers:
        return "it does not compute the same with numbers each time"
    if mapped(_form, first.result) != mapped(_form, second.result):
        return "it does not return the same each time"
    return "" if second.settled else "it leaves other objects behind than it found"


def _described(call: Call, recording: Recording) -> Any:
    """A call, the same in two recordings if they made the same call."""

    def described(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return recording.origin(value), _form(value)
        if isinstance(value, Number):
            return Number, value.name
        return type(value), repr(value) if isinstance(value, float | np.generic) else value

    arguments = mapped(described, [call.arguments, call.keywords])
    return call.function, arguments, call.lasting, [_form(array) for array in call.writes]


def _constants(call: Call, recording: Recording) -> list[Array]:
    found = arrays_in([call.arguments, call.keywords])
    return [array for array in found if not recording.tape.knows(array)]


def _form(value: Any) -> Any:
    if isinstance(value, Result):
        return _form(value.array), value.of_tensor
    if isinstance(value, np.ndarray):
        return value.shape, value.strides, value.dtype
    return value
