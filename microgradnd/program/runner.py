"""A program: the calls of a recording as lines of Python, and how these are run."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import restore, state_of
from ..tensor import Tensor
from .calls import expect, into
from .inside import bounds, form, is_equal, owner
from .layout import ALIGNED, Layout, Memory
from .lines import Lines
from .moment import Moment
from .reach import get
from .recorder import NotReplayableError, OtherwiseError
from .recording import Recording


class Program:
    """What a step does, without the step. `source` has its lines."""

    def __init__(self, recording: Recording) -> None:
        self.verified = False
        layout = Layout(recording)
        lines = Lines(layout, recording)
        self._note_what_it_depends_on(recording)
        self._note_tensors(recording, layout, lines)
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
        """Puts the arrays of the program into the Tensors, with the values that they have now. What
        needs gradients, or has them, must be what it was when the step was recorded."""
        given, moved = self._given, False
        for tensor, requires_grad, had_grad, array, is_written in self._tensors:
            if tensor._requires_grad is not requires_grad or (tensor.grad is None) is had_grad:
                raise OtherwiseError
            if array is not None and (
                tensor._array is not array or (is_written and tensor._shared)
            ):
                moved = True
        if moved:
            self._check_forms()
            self._move()
        for tensor, name in self._old_gradients:
            if tensor.grad is not given[name]:
                self._check_forms()
                np.copyto(given[name], tensor.grad)

    def _check_forms(self) -> None:
        """What is to be taken over must be of the form that the program was made for."""
        pairs = [(tensor._array, name) for tensor, name, _ in self._array]
        pairs += [(tensor.grad, name) for tensor, name in self._old_gradients]
        for array, name in pairs:
            array = np.asarray(array) if isinstance(array, np.generic) else array
            if type(array) is not np.ndarray or form(array) != form(self._given[name]):
                raise OtherwiseError

    def _move(self) -> None:
        """Leaves memory that others may read, such as a graph that was recorded since."""
        left = {
            self._lying[name][0]
            for tensor, name, is_written in self._array
            if tensor._array is not self._given[name] or (is_written and tensor._shared)
        }
        self._make_arrays(left)
        for tensor, name, _ in self._array:
            if tensor._array is not self._given[name]:
                np.copyto(self._given[name], tensor._array)
                tensor._array, tensor._shared = self._given[name], False

    # ---- what it depends on ----------------------------------------------------------------------

    def _note_what_it_depends_on(self, recording: Recording) -> None:
        self._reach, self._overwritten = recording.reach, recording.overwritten
        end = object()  # so that lists of different lengths differ
        self._values, self._expected = [*recording.reach.values(), [end]], [*recording.held, end]
        self._changing = [
            (position, holder, key, type(value))
            for position, (holder, key, value) in enumerate(recording.reach.entries())
            if (id(holder), key) in recording.numbers
        ]
        self._whole = recording.reach.whole
        self._lengths = list(map(len, self._whole))
        self._flags = [(s.tensor, (s.tensor._requires_grad, s.had_grad)) for s in recording.slots]
        self._generators = list(recording.tape.generators)

    def _note_tensors(self, recording: Recording, layout: Layout, lines: Lines) -> None:
        """The Tensors that the calls read or write, and what the lines call their arrays."""
        read = {layout.at(a)[0] for call in layout.calls for a in call.reads}
        written = {layout.at(a)[0] for call in layout.calls for a in call.writes}
        used = [
            slot
            for slot in recording.slots
            if slot.grad is not None or layout.at(slot.data)[0] in read | written
        ]
        self._array = [
            (slot.tensor, lines.name(slot.data), layout.at(slot.data)[0] in written)
            for slot in used
        ]
        self._old_gradients = [
            (slot.tensor, lines.name(slot.old_grad)) for slot in used if slot.old_grad is not None
        ]
        self._gradients = [
            (slot.tensor, "None" if slot.grad is None else lines.name(slot.grad))
            for slot in used
            if slot.grad is not None or slot.had_grad
        ]

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
        self._tensors = [(t, *flags, *held.get(t, (None, False))) for t, flags in self._flags]
        self._owners = {id(owner(memory)) for memory in self._memories_written()}
        self._function.__defaults__ = tuple(self._given[name] for name in self._parameters)
        arrays = [self._given[name] for name in self._undone.values()]
        self._undo = [(array, np.empty_like(array)) for array in arrays]

    # ---- checking it -----------------------------------------------------------------------------

    def verify(self, step: Any, arguments: tuple[Any, ...]) -> Any:
        """Runs the step, undoes it, runs the program, and compares the two. Whether the program can
        run is tried before, since the step may draw from any generator."""
        before = Moment(self._reach, self._overwritten.values(), self._generators)
        try:
            self.run(arguments)
        except OtherwiseError:
            raise
        except Exception:  # as the step may
            pass
        before.go_back()
        done = step(*arguments), before.left()
        before.go_back()
        try:
            replayed = self.run(arguments), before.left()
        except Exception:  # which the step did not raise
            replayed = None
        if replayed is None or not is_equal(done, replayed):
            before.go_back()
            raise NotReplayableError(
                "this step does something that replay() cannot see: replayed, it computed other "
                "numbers. Perhaps it changes an array that it does not find in its closure"
            )
        self.verified = True
        return replayed[0]


def _aligned_bytes(size: int) -> Array:
    room = np.empty(size + ALIGNED, np.uint8)
    start = -bounds(room)[0] % ALIGNED
    return room[start : start + size]
