"""A program: the calls of a recording as lines of Python, and how these are run."""

from __future__ import annotations

import itertools
import operator
import sys
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import restore, state_of
from ..tensor import Tensor
from .calls import Calls, into
from .inside import bounds, digested, form, owner, viewed
from .layout import ALIGNED, Layout
from .lines import Lines
from .moment import Moment
from .reach import Places, get, put
from .recorder import NotReplayableError, OtherwiseError, expect
from .recording import Recording, carried_out

_END = (object(),)  # so that lists of different lengths differ


class Program:
    """What a step does, without the step. `source` has its lines."""

    def __init__(self, recording: Recording) -> None:
        calls = Calls(recording)
        layout = Layout(calls, [array for array, _ in recording.finals])
        lines = Lines(layout, calls, recording)
        self._reach, self._overwritten = recording.reach, recording.overwritten
        self._generators = list(recording.tape.drawn)
        self._note_what_it_depends_on(recording)
        gradients = self._note_slots(calls, layout, lines)
        self._note_what_is_undone(layout, lines)
        self.source = lines.source(gradients)
        self._parameters, self._given, self._lying = lines.parameters(), lines.given, lines.lying
        made: dict[str, Any] = {}
        exec(compile(self.source, "<a replayed step>", "exec"), made)
        self._function = self._replay = made.pop("replayed")  # so that no cycle keeps the arrays
        if recording.tape.ignored:
            ignored: Any = dict.fromkeys(recording.tape.ignored, "ignore")
            self._replay = np.errstate(**ignored)(self._function)
        self._make_arrays()
        self._alone = self._references()  # while nobody else holds them

    # ---- running it ------------------------------------------------------------------------------

    def fits(self) -> bool:
        """Whether all that the step can reach is as it was when it was recorded."""
        try:
            for position, holder, key, kind in self._changing:
                self._expected[position] = value = get(holder, key)
                if type(value) is not kind:
                    return False
            now = itertools.chain(itertools.chain.from_iterable(self._reach.views), _END)
            return (
                all(map(operator.is_, now, self._expected))
                and list(map(len, self._reach.sized)) == self._lengths
            )
        except (LookupError, AttributeError, ValueError):  # something is no longer there
            return False

    def run(self, arguments: tuple[Any, ...]) -> Any:
        """Does what the step does; where something differs, raises an error and changes nothing."""
        contents = [a._array if isinstance(a, Tensor) else a for a in arguments]
        self._check_memory(contents)
        for tensor, its_form in self._unread:
            if form(tensor._array) != its_form:
                raise OtherwiseError
        moved = bool(self._rest.all) and any(map(operator.is_not, self._rest, self._own_rest))
        for tensor, name, requires_grad, has_grad, array, is_written in self._tensors:
            is_other = tensor._requires_grad is not requires_grad or tensor.name is not name
            if is_other or (tensor._grad is None) is has_grad:
                raise OtherwiseError
            if array is not None and (
                tensor._array is not array or (is_written and tensor._shared)
            ):
                moved = True
        if moved:
            array = None  # it would count as a holder
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
                    np.may_share_memory(array, memory) for memory in self._memory
                ):
                    raise OtherwiseError

    def _take_over(self) -> None:
        """Puts arrays of the program in its places, with the values that lie there now: new ones,
        if others hold those that it has, such as a graph that was recorded since."""
        there = [array is own for array, own in zip(self._places, self._own, strict=True)]
        holders = itertools.zip_longest(self._alone, there, fillvalue=0)
        is_held = self._references() != list(map(sum, holders))
        arrays = [np.asarray(a) if isinstance(a, np.generic) else a for a in self._places]
        for (holder, key), array, name in zip(self._places.all, arrays, self._names, strict=True):
            if type(array) is not np.ndarray or form(array) != self._lying[name][-1]:
                raise OtherwiseError
            if key != "_array" or not isinstance(holder, Tensor):  # must not be seen from elsewhere
                near = (np.may_share_memory(array, a) for a in (*arrays, *self._outside))
                if sum(near) > 1:
                    raise OtherwiseError
        if is_held:
            self._make_arrays()
            self._alone = self._references()
        for (holder, key), array, own in zip(self._places.all, arrays, self._own, strict=True):
            np.copyto(own, array)
            put(holder, key, own)
            if isinstance(holder, Tensor) and key == "_array":
                holder._shared = False

    # ---- what it depends on ----------------------------------------------------------------------

    def _note_what_it_depends_on(self, recording: Recording) -> None:
        graded = [slot for slot in recording.slots if slot.is_grad]
        self._flags = [
            (s.holder, s.holder.name, s.holder._requires_grad, s.before is not None) for s in graded
        ]
        self._expected = [*recording.held, *_END]
        slots = {(id(slot.holder), slot.key) for slot in recording.slots}
        self._changing = [
            (position, holder, key, type(value))
            for position, (holder, key, value) in enumerate(recording.before.held)
            if (id(holder), key) in recording.numbers or (id(holder), key) in slots
        ]
        self._lengths = list(map(len, self._reach.sized))

    def _note_slots(self, calls: Calls, layout: Layout, lines: Lines) -> list[tuple[Tensor, str]]:
        """Where the program keeps arrays of its own, and what the lines call them; returns the
        gradients with their names."""
        reads = [*calls.returned, *(a for call in layout.calls for a in call.reads)]
        read = {layout.at(a)[0] for a in reads}
        written = {layout.at(a)[0] for call in layout.calls for a in call.writes}
        graded = {slot.holder for slot in calls.slots if slot.is_grad and slot.after}
        names: dict[Any, str] = {}
        self._written: list[Tensor] = []
        self._unread: list[tuple[Tensor, Any]] = []  # whose shape or dtype may matter
        for slot in calls.slots:
            is_kept = not slot.is_grad or slot.start is not None
            if isinstance(slot.holder, Tensor) and not slot.is_grad:
                memory = layout.at(slot.end)[0]
                is_kept = slot.holder in graded or memory in read or memory in written
                self._written += [slot.holder] if memory in written else []
                self._unread += [] if is_kept else [(slot.holder, form(slot.found))]
            if is_kept:
                names[id(slot.holder), slot.key] = lines.name(slot.end)
        kept = [(s.holder, s.key) for s in calls.slots if (id(s.holder), s.key) in names]
        self._places = Places(kept)
        self._names = [names[id(holder), key] for holder, key in self._places.all]
        # Of all but the data of Tensors.
        rest = [(h, key) for h, key in kept if key != "_array" or not isinstance(h, Tensor)]
        self._rest = Places(rest)
        taken = {id(slot.start) for slot in calls.slots}
        self._outside = [array for array in self._reach.arrays if id(array) not in taken]
        return [
            (slot.holder, "None" if slot.end is None else lines.name(slot.end))
            for slot in calls.slots
            if slot.is_grad and (slot.before or slot.after)
        ]

    def _note_what_is_undone(self, layout: Layout, lines: Lines) -> None:
        """What a call may have changed already when a later one finds that something differs."""
        checks = [t for t, call in enumerate(layout.calls) if call.function in (expect, into)]
        before = layout.calls[: max(checks, default=0)]
        self._draws_before_checks = self._generators if checks else []
        lasting = [a for call in before for a in call.writes if layout.at(a)[0].lasting]
        self._undone = list({id(owner(a)): lines.name(owner(a)) for a in lasting}.values())
        written = [layout.at(array)[0] for call in layout.calls for array in call.writes]
        self._held = [m.array for m in dict.fromkeys(written) if not m.movable]

    def _make_arrays(self) -> None:
        """New arrays for the program."""
        room = {memory: _aligned_bytes(memory.size) for memory, *_ in self._lying.values()}
        for name, (memory, start, its_form) in self._lying.items():
            self._given[name] = viewed(room[memory], start, its_form)
        self._own = [self._given[name] for name in self._names]
        places = [(id(holder), key) for holder, key in self._places.all]
        own, written = dict(zip(places, self._own, strict=True)), set(self._written)
        self._own_rest = [own[id(holder), key] for holder, key in self._rest.all]
        self._tensors = [(*f, own.get((id(f[0]), "_array")), f[0] in written) for f in self._flags]
        self._memory = [*room.values(), *self._held]
        self._owners = {id(owner(memory)) for memory in self._memory}
        self._function.__defaults__ = tuple(self._given[name] for name in self._parameters)
        arrays = [self._given[name] for name in self._undone]
        self._undo = [(array, np.empty_like(array)) for array in arrays]

    def _references(self) -> list[int]:
        """How many hold each of its arrays for places, and then the memory of each."""
        return list(map(sys.getrefcount, [*self._own, *map(owner, self._own)]))

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
