"""A program: the calls of a recording as lines of Python, and how these are run."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import restore, state_of
from ..tensor import Tensor
from .calls import Calls, into
from .inside import bounds, digested, form, owner
from .layout import ALIGNED, Layout, Memory
from .lines import Lines
from .moment import Moment
from .reach import get, put
from .recorder import NotReplayableError, OtherwiseError, expect
from .recording import Recording, carried_out


class Program:
    """What a step does, without the step. `source` has its lines."""

    def __init__(self, recording: Recording) -> None:
        calls = Calls(recording)
        layout = Layout(calls, [array for array, _ in recording.finals])
        lines = Lines(layout, calls, recording)
        self._note_what_it_depends_on(recording)
        self._note_slots(calls, layout, lines)
        self._note_what_is_undone(recording, layout, lines)
        self.source = lines.source(self._gradients)
        self._parameters, self._given, self._lying = lines.parameters(), lines.given, lines.lying
        made: dict[str, Any] = {}
        exec(compile(self.source, "<a replayed step>", "exec"), made)
        self._function = self._replay = made.pop("replayed")  # so that no cycle keeps the arrays
        if recording.tape.ignored:
            ignored: Any = dict.fromkeys(recording.tape.ignored, "ignore")
            self._replay = np.errstate(**ignored)(self._function)
        self._bytes: dict[Memory, Array] = {}
        self._make_arrays({memory for memory, *_ in self._lying.values()})
        self._is_seen = False  # whether others may hold its arrays

    # ---- running it ------------------------------------------------------------------------------

    def fits(self) -> bool:
        """Whether all that the step can reach is as it was when it was recorded."""
        try:
            for position, holder, key, kind in self._changing:
                self._expected[position] = value = get(holder, key)
                if type(value) is not kind:
                    return False
            held = itertools.chain.from_iterable(self._values)
            return (
                all(map(operator.is_, held, self._expected))
                and list(map(len, self._whole)) == self._lengths
            )
        except (LookupError, AttributeError, ValueError):  # something is no longer there
            return False

    def run(self, arguments: tuple[Any, ...]) -> Any:
        """Does what the step does; where something differs, raises an error and changes nothing."""
        contents = [a._array if isinstance(a, Tensor) else a for a in arguments]
        self._check_memory(contents)
        self._take_over()
        for array, values in self._undo:
            np.copyto(values, array)
        states = [state_of(generator) for generator in self._draws_before_checks]
        try:
            return self._replay(*contents)
        except Exception:
            for array, values in self._undo:
                np.copyto(array, values)
            for generator, state in zip(self._draws_before_checks, states, strict=True):
                restore(generator, state)
            raise

    def _check_memory(self, contents: list[Any]) -> None:
        """No argument may lie where the program writes."""
        for array in contents:
            if isinstance(array, np.ndarray):
                whole = owner(array)
                owns = whole.base is None  # and shares its memory with none but its views
                if (not owns or id(whole) in self._owners) and any(
                    np.may_share_memory(array, memory) for memory in self._memories_written()
                ):
                    raise OtherwiseError

    def _memories_written(self) -> list[Array]:
        return [*self._bytes.values(), *self._held]

    def _take_over(self) -> None:
        """Puts the arrays of the program where it keeps arrays of its own, with the values that lie
        there now. What needs gradients, or has them, must be what it was in the recording."""
        given, moved = self._given, False
        for tensor, requires_grad, had_grad, array, is_written in self._tensors:
            if tensor._requires_grad is not requires_grad or (tensor.grad is None) is had_grad:
                raise OtherwiseError
            if array is not None and (
                tensor._array is not array or (is_written and tensor._shared)
            ):
                moved = True
        if moved or any(get(slot, key) is not given[name] for slot, key, name in self._others):
            self._move()
        for tensor, name in self._old_gradients:
            if tensor.grad is not given[name]:
                np.copyto(given[name], self._fitting(tensor.grad, name))

    def _fitting(self, array: Any, name: str) -> Array:
        """An array that is to be taken over, of the form that the program was made for."""
        array = np.asarray(array) if isinstance(array, np.generic) else array
        if type(array) is not np.ndarray or form(array) != form(self._given[name]):
            raise OtherwiseError
        return array

    def _move(self) -> None:
        """Leaves memory that others may read, such as a graph that was recorded since."""
        places = [*((tensor, "_array", name) for tensor, name, _ in self._array), *self._others]
        arrays = [self._fitting(get(holder, key), name) for holder, key, name in places]
        shared = {n for tensor, n, is_written in self._array if is_written and tensor._shared}
        for array in arrays[len(self._array) :]:  # which must not be seen from elsewhere
            if sum(np.may_share_memory(array, a) for a in (*arrays, *self._outside)) > 1:
                raise OtherwiseError
        left = {
            self._lying[name][0]
            for (*_, name), array in zip(places, arrays, strict=True)
            if array is not self._given[name] or name in shared
        }
        if self._is_seen:
            self._make_arrays(left)
        self._is_seen = True
        for (holder, key, name), array in zip(places, arrays, strict=True):
            if array is not self._given[name]:
                np.copyto(self._given[name], array)
                put(holder, key, self._given[name])
                if key == "_array":
                    holder._shared = False

    # ---- what it depends on ----------------------------------------------------------------------

    def _note_what_it_depends_on(self, recording: Recording) -> None:
        self._reach = recording.reach
        self._generators = list(recording.tape.drawn)
        self._overwritten = recording.overwritten
        end = object()  # so that lists of different lengths differ
        self._values, self._expected = [*recording.reach.values(), [end]], [*recording.held, end]
        slots = {(id(slot.holder), slot.key) for slot in recording.slots}
        self._changing = [
            (position, holder, key, type(value))
            for position, (holder, key, value) in enumerate(recording.before.held)
            if (id(holder), key) in recording.numbers or (id(holder), key) in slots
        ]
        self._whole = recording.reach.whole
        self._lengths = list(map(len, self._whole))

    def _note_slots(self, calls: Calls, layout: Layout, lines: Lines) -> None:
        """Where the program keeps arrays of its own, and what the lines call them."""
        reads = [*calls.returned, *(a for call in layout.calls for a in call.reads)]
        read = {layout.at(a)[0] for a in reads}
        written = {layout.at(a)[0] for call in layout.calls for a in call.writes}
        graded = {slot.holder for slot, _, end in calls.slots if slot.is_grad and end is not None}
        self._array: list[tuple[Tensor, str, bool]] = []
        self._others: list[tuple[Any, Any, str]] = []
        self._old_gradients: list[tuple[Tensor, str]] = []
        self._gradients: list[tuple[Tensor, str]] = []
        taken = {id(start) for _, start, _ in calls.slots}
        self._outside = [array for array in self._reach.arrays if id(array) not in taken]
        self._flags: dict[Tensor, tuple[bool, bool]] = {}
        for slot, start, end in calls.slots:
            holder, name = slot.holder, "None" if end is None else lines.name(end)
            if slot.is_grad:
                self._flags[holder] = holder._requires_grad, slot.before is not None
                if start is not None:
                    self._old_gradients.append((holder, lines.name(start)))
                if slot.before or slot.after:
                    self._gradients.append((holder, name))
            elif not isinstance(holder, Tensor):
                self._others.append((holder, slot.key, name))
            elif end is not None:
                memory = layout.at(end)[0]
                if holder in graded or memory in read | written:
                    self._array.append((holder, name, memory in written))

    def _note_what_is_undone(self, recording: Recording, layout: Layout, lines: Lines) -> None:
        """What a call may have changed already when a later one finds that something differs."""
        checks = [t for t, call in enumerate(layout.calls) if call.function in (expect, into)]
        before = layout.calls[: max(checks, default=0)]
        self._draws_before_checks = self._generators if checks else []
        lasting = [a for call in before for a in call.writes if layout.at(a)[0].lasting]
        self._undone = {id(owner(a)): lines.name(owner(a)) for a in lasting}
        written = [layout.at(array)[0] for call in layout.calls for array in call.writes]
        held = {id(memory.array): memory.array for memory in written if not memory.movable}
        self._held = list(held.values())

    def _make_arrays(self, memories: set[Memory]) -> None:
        """New arrays that lie in these memories, and with them what depends on them."""
        self._bytes |= {memory: _aligned_bytes(memory.size) for memory in memories}
        for name, (memory, start, (shape, strides, dtype)) in self._lying.items():
            if memory in memories:
                self._given[name] = np.ndarray(shape, dtype, self._bytes[memory], start, strides)
        held = {tensor: (self._given[name], written) for tensor, name, written in self._array}
        self._tensors = [
            (t, *flags, *held.get(t, (None, False))) for t, flags in self._flags.items()
        ]
        self._owners = {id(owner(memory)) for memory in self._memories_written()}
        self._function.__defaults__ = tuple(self._given[name] for name in self._parameters)
        arrays = [self._given[name] for name in self._undone.values()]
        self._undo = [(array, np.empty_like(array)) for array in arrays]

    # ---- checking it -----------------------------------------------------------------------------

    def verify(self, step: Any, arguments: tuple[Any, ...]) -> Any:
        """Runs the program, undoes it, runs the step, and compares the two."""
        before = Moment(self._reach, self._overwritten, self._generators)
        try:
            replayed = self.run(arguments), before.left()
        except OtherwiseError:
            raise
        except Exception:  # as the step may
            replayed = None
        before.go_back()
        self._is_seen = False
        returned = carried_out(step, arguments)
        if digested((returned, before.left())) != digested(replayed):
            before.go_back()
            raise NotReplayableError(
                "this step does something that replay() cannot see: replayed, it computed other "
                "numbers. Perhaps it changes an array that it does not find in its closure"
            )
        return returned


def _aligned_bytes(size: int) -> Array:
    room = np.empty(size + ALIGNED, np.uint8)
    start = -bounds(room)[0] % ALIGNED
    return room[start : start + size]
