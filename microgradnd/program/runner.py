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
from .layout import ALIGNED, Layout
from .lines import Lines
from .recorder import NotReplayableError, OtherwiseError, expect
from .recording import Recording, carried_out
from .surroundings import StepSnapshot, get
from .value import bounds, digested, form, kind_of, owner, viewed

_END = (object(),)  # so that lists of different lengths differ


class Program:
    """What a step does, without the step. `source` has its lines."""

    def __init__(self, recording: Recording) -> None:
        calls = Calls(recording)
        layout = Layout(calls, [array for array, _ in recording.finals])
        lines = Lines(layout, calls, recording)
        self._surroundings, self._overwritten = recording.surroundings, recording.overwritten
        self._generators = list(recording.tape.drawn)
        self._expected = [*recording.held, *_END]
        self._lengths = self._surroundings.lengths
        self._places = [
            (recording.positions[place], holder, key, kind_of(seen.array))
            for place, (holder, key, seen) in recording.places.items()
        ]
        gradients = self._note_tensors(calls, layout, lines)
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

    # ---- what it depends on ----------------------------------------------------------------------

    def _note_tensors(self, calls: Calls, layout: Layout, lines: Lines) -> list[tuple[Tensor, str]]:
        """Which arrays of Tensors are the program's own; returns the gradients with their names."""
        self._own: dict[tuple[Tensor, str], str] = {}  # with the names of the arrays in the lines
        self._flags: list[tuple[Any, ...]] = []  # what must be as it was
        self._unused: list[tuple[Tensor, Any]] = []  # whose shape or dtype may matter
        for data, grad in zip(calls.slots[::2], calls.slots[1::2], strict=True):
            tensor, memory = data.tensor, layout.at(data.end)[0]
            if memory in layout.used:
                self._own[tensor, "_array"] = lines.name(data.end)
            else:
                self._unused.append((tensor, data.found))
            if grad.start is not None:
                self._own[tensor, "_grad"] = lines.name(grad.end)
            flags = tensor.name, tensor._requires_grad, grad.before is not None
            self._flags.append((tensor, *flags, memory in layout.written))
        return [
            (slot.tensor, "None" if slot.end is None else lines.name(slot.end))
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
        self._held = [memory.array for memory in layout.written if not memory.movable]

    def _make_arrays(self) -> None:
        room = {memory: _aligned_bytes(memory.size) for memory, *_ in self._lying.values()}
        for name, (memory, start, its_form) in self._lying.items():
            self._given[name] = viewed(room[memory], start, its_form)
        self._memory = [*room.values(), *self._held]
        self._owners = {id(owner(memory)) for memory in self._memory}
        self._function.__defaults__ = tuple(self._given[name] for name in self._parameters)
        arrays = [self._given[name] for name in self._undone]
        self._undo = [(array, np.empty_like(array)) for array in arrays]
        self._arrays = [self._given[name] for name in self._own.values()]
        own = dict(zip(self._own, self._arrays, strict=True))
        self._checked = [(*flags, own.get((flags[0], "_array"))) for flags in self._flags]
        self._slopes = [(t, array) for (t, key), array in own.items() if key == "_grad"]

    def _references(self) -> list[int]:
        """How many hold each of its arrays for Tensors, and then the memory of each."""
        return list(map(sys.getrefcount, [*self._arrays, *map(owner, self._arrays)]))

    # ---- running it ------------------------------------------------------------------------------

    def run(self, arguments: tuple[Any, ...]) -> Any:
        """Does what the step does; where something differs, raises an error and changes nothing."""
        inputs = [a._array if isinstance(a, Tensor) else a for a in arguments]
        self._check_surroundings(inputs)
        self._check_memory(inputs)
        self._check_tensors()
        for array, values in self._undo:
            np.copyto(values, array)
        states = [state_of(generator) for generator in self._draws_before_checks]
        try:
            return self._replay(*inputs)
        except Exception:
            for array, values in self._undo:
                np.copyto(array, values)
            for generator, state in zip(self._draws_before_checks, states, strict=True):
                restore(generator, state)
            raise

    def _check_surroundings(self, inputs: list[Any]) -> None:
        """All that the step can reach must be as it was, but for what is read anew."""
        try:
            for position, holder, key, kind in self._places:
                self._expected[position] = value = get(holder, key)
                if kind_of(value) != kind:
                    raise OtherwiseError
                inputs.append(value)
            now = itertools.chain(itertools.chain.from_iterable(self._surroundings.views), _END)
            same = all(map(operator.is_, now, self._expected))
        except (LookupError, AttributeError, ValueError):  # something is no longer there
            same = False
        if not same or list(map(len, self._surroundings.sized)) != self._lengths:
            raise OtherwiseError

    def _check_memory(self, inputs: list[Any]) -> None:
        """No input may lie where the program writes."""
        for array in inputs:
            if isinstance(array, np.ndarray):
                whole = owner(array)
                owns = whole.base is None  # and shares its memory with none but its views
                if (not owns or id(whole) in self._owners) and any(
                    np.may_share_memory(array, memory) for memory in self._memory
                ):
                    raise OtherwiseError

    def _check_tensors(self) -> None:
        """Tensors must be as they were; their arrays may be others."""
        moved = bool(self._slopes) and any(t._grad is not own for t, own in self._slopes)
        for tensor, name, requires_grad, has_grad, is_written, array in self._checked:
            is_other = tensor._requires_grad is not requires_grad or tensor.name is not name
            if is_other or (tensor._grad is None) is has_grad:
                raise OtherwiseError
            if array is not None and (
                tensor._array is not array or (is_written and tensor._shared)
            ):
                moved = True
        if self._unused and any(form(t._array) != its_form for t, its_form in self._unused):
            raise OtherwiseError
        if moved:
            array = None  # it would count as a holder
            self._take_over()

    def _take_over(self) -> None:
        """Puts arrays of the program into Tensors, with the values that lie there now: new ones,
        if others hold those that it has, such as a graph that was recorded since."""
        there = list(map(operator.is_, itertools.starmap(getattr, self._own), self._arrays))
        holders = itertools.zip_longest(self._alone, there, fillvalue=0)
        is_held = self._references() != list(map(sum, holders))
        arrays = [
            np.asarray(a) if isinstance(a, np.generic) else a
            for a in itertools.starmap(getattr, self._own)
        ]
        for (_, key), array, own in zip(self._own, arrays, self._arrays, strict=True):
            if type(array) is not np.ndarray or form(array) != form(own):
                raise OtherwiseError
            if key == "_grad":  # must not be seen from elsewhere
                near = (
                    np.may_share_memory(array, a) for a in (*arrays, *self._surroundings.arrays)
                )
                if sum(near) > 1:
                    raise OtherwiseError
        if is_held:
            self._make_arrays()
            self._alone = self._references()
        for (tensor, key), array, own in zip(self._own, arrays, self._arrays, strict=True):
            np.copyto(own, array)
            setattr(tensor, key, own)
            if key == "_array":
                tensor._shared = False

    # ---- checking it -----------------------------------------------------------------------------

    def verify(self, step: Any, arguments: tuple[Any, ...]) -> Any:
        """Runs the program, undoes it, runs the step, and compares the two."""
        before = StepSnapshot(self._surroundings, self._overwritten, self._generators)
        replayed = digested(self.run(arguments)), before.left()
        before.restore()
        returned = carried_out(step, arguments)
        if (digested(returned), before.left()) != replayed:
            before.restore()
            raise NotReplayableError(
                "this step does something that replay() cannot see: replayed, it computed other "
                "numbers. Perhaps it changes an array that it does not find in its closure"
            )
        return returned


def _aligned_bytes(size: int) -> Array:
    room = np.empty(size + ALIGNED, np.uint8)
    start = -bounds(room)[0] % ALIGNED
    return room[start : start + size]
