"""Where the arrays of a program lie: the calls of a recording, fewer of them, on better places.

- Calls whose result nobody needs are left out, and what was computed before is not repeated.
- What is only copied is computed where the copy would be: gradients in one long vector, and new
  parameters in the place of the old, so that a single update serves them all.
- Arrays that are never needed at the same time share memory.

This moves numbers and changes none.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..arrays import Array
from ..tree import map_leaves
from .inside import form, owner
from .recorded import Number
from .recording import Recording
from .tape import Call, expect, into

BEFORE, AFTER = -1, 1 << 60  # the times before the first call and behind the last one
ALIGNED = 64  # bytes: a line of the cache


class Memory:
    """The memory of an array in a recording. It may become a part of another one."""

    def __init__(self, start: int, end: int, movable: bool) -> None:
        self.start, self.size, self.movable = start, end - start, movable
        self.lasting = not movable  # whether it keeps its values from one replay to the next
        self._whole, self._offset = self, 0

    def become_part(self, whole: Memory, offset: int) -> None:
        """From now on it lies in another memory."""
        self._whole, self._offset = whole, offset
        whole.lasting = whole.lasting or self.lasting

    def place(self) -> tuple[Memory, int]:
        """The memory that it is a part of, or itself; and where in it."""
        memory, offset = self, 0
        while memory._whole is not memory:
            offset += memory._offset
            memory = memory._whole
        return memory, offset


class Access(NamedTuple):
    """That a call reads or writes an array, at a time; and which bytes of a memory these are."""

    array: Array
    call: Call | None
    time: int
    writes: bool
    start: int
    end: int

    def moved(self, offset: int) -> Access:
        """The same in a memory that the first one is a part of."""
        array, call, time, writes, start, end = self
        return Access(array, call, time, writes, start + offset, end + offset)

    def meets(self, other: Access) -> bool:
        """Whether the two have bytes in common."""
        return self.start < other.end and other.start < self.end


class Layout:
    """Where the arrays of a recording lie, and in which order they are computed."""

    def __init__(self, recording: Recording) -> None:
        self._tape = tape = recording.tape
        self._memories: dict[int, Memory] = {}
        self._known: dict[int, tuple[int, int]] = {}
        self._common = Memory(0, 0, movable=True)
        self.calls = list(tape.calls)
        held = [(slot.data, slot.old_grad) for slot in recording.slots]
        self._own = [array for pair in held for array in pair if array is not None]
        self._needed = [slot.grad for slot in recording.slots if slot.grad is not None]
        for array in self._own:  # were there before the step, but Tensors can be given others
            self._memory(array).movable = True
        for array in [*self._own, *self._needed]:
            self._memory(array).lasting = True
        self._returned = [result.array for result in recording.results]
        self._products: dict[Memory, list[list[Array]]] = {}  # the factors of those of a memory
        for call in self.calls:
            if len(call.reads) > 1 and not call.elementwise and call.function is not np.copyto:
                for memory in {self._memory(array) for array in call.reads}:
                    self._products.setdefault(memory, []).append(call.reads)
        self._leave_out_repetitions()
        self._leave_out_what_nobody_needs()
        self._compute_in_place_of_copies()
        self.calls = [call for call in self.calls if not self._moves_nothing(call)]
        self._compute_in_place()
        self._share_memory()

    def at(self, array: Array) -> tuple[Memory, int]:
        """The memory that an array lies in, and where in it."""
        memory = self._memory(array)
        whole, offset = memory.place()
        return whole, offset + self._bounds(array)[0] - memory.start

    def _bounds(self, array: Array) -> tuple[int, int]:
        """Where an array begins and ends; its call holds it, so that its id stays its own."""
        if id(array) not in self._known:
            self._known[id(array)] = byte_bounds(array)
        return self._known[id(array)]

    def _become_one(self, part: Memory, whole: Memory, offset: int) -> bool:
        """Makes a memory a part of another, but not if an array in it is multiplied by the same in
        the other: NumPy computes the product of an array and itself in another way."""

        def meets(array: Array) -> bool:
            memory, start = self.at(array)
            low, high = self._bounds(array)
            end = start + high - low
            return memory is whole and start < offset + part.size and offset < end

        products = self._products.get(part, [])
        if any(meets(array) for factors in products for array in factors):
            return False
        self._products.setdefault(whole, []).extend(products)
        part.become_part(whole, offset)
        return True

    def _memory(self, array: Array) -> Memory:
        whole = owner(array)
        if id(whole) not in self._memories:
            movable = self._tape.knows(whole) and id(whole) not in self._tape.outside
            self._memories[id(whole)] = Memory(*byte_bounds(whole), movable)
        return self._memories[id(whole)]

    def _place(self, array: Array) -> tuple[Any, ...]:
        memory, start = self.at(array)
        return memory, start, *form(array)

    # ---- what was computed before is not repeated ------------------------------------------------

    def _leave_out_repetitions(self) -> None:
        written = Counter(self._memory(a) for call in self.calls for a in call.writes)
        versions: dict[Memory, int] = {}
        found: dict[Any, Array] = {}
        kept = []
        for call in self.calls:
            key = self._meaning(call, versions)
            if call.function is expect:
                if key in found:
                    continue
                found[key] = call.reads[0]
            elif not call.lasting and key is not None:
                (made,) = call.writes
                memory = self._memory(made)
                if written[memory] == 1 and _is_whole(made):
                    if key in found and self._is_passing(memory):
                        whole, offset = self._memory(found[key]).place()
                        if self._become_one(memory, whole, offset):
                            continue
                    found[key] = made
            for array in call.writes:
                memory = self.at(array)[0]
                versions[memory] = versions.get(memory, 0) + 1
            kept.append(call)
        self.calls = kept

    def _meaning(self, call: Call, versions: dict[Memory, int]) -> Any:
        """What a call computes, the same for two that compute the same."""
        made = call.writes[0] if call.writes else None

        def meaning(value: Any) -> Any:
            if value is made and made is not None:
                return "out", *form(made)
            if isinstance(value, np.ndarray):
                place = self._place(value)
                return place, versions.get(place[0], 0)
            if isinstance(value, Number):
                return Number, value.name
            return type(value), repr(value) if isinstance(value, float) else value  # 0 is not -0

        key = call.function, *map(_frozen, map_leaves(meaning, [call.arguments, call.keywords]))
        try:
            hash(key)
        except TypeError:
            return None
        return key

    # ---- what nobody needs -----------------------------------------------------------------------

    def _leave_out_what_nobody_needs(self) -> None:
        needed = {self.at(a)[0] for a in [*self._own, *self._needed, *self._returned]}
        kept = []
        for call in reversed(self.calls):
            places = [self.at(array) for array in call.writes]
            checks = call.lasting or call.function is into
            if checks or any(m in needed or not m.movable for m, _ in places):
                kept.append(call)
                for array in call.writes:
                    memory = self.at(array)[0]
                    if memory.size == array.nbytes and not memory.lasting:
                        needed.discard(memory)
                needed |= {self.at(array)[0] for array in call.reads}
        self.calls = kept[::-1]

    # ---- what is only copied is computed in its place --------------------------------------------

    def _compute_in_place_of_copies(self) -> None:
        self._accesses: dict[Memory, list[Access]] = {}
        for time, call in enumerate(self.calls):
            for arrays, writes in ((call.reads, False), (call.writes, True)):
                for array in arrays:
                    self._note(array, time, writes, call)
        for array in self._own:
            self._note(array, BEFORE, True, None)
        for array in [*self._own, *self._needed, *self._returned]:
            self._note(array, AFTER, False, None)
        for call in self.calls:
            if (pair := self._copied(call)) and not self._moves_nothing(call):
                target, source = pair
                self._join(source, target)

    def _note(self, array: Array, time: int, writes: bool, call: Call | None) -> None:
        memory, start = self.at(array)
        low, high = self._bounds(array)
        access = Access(array, call, time, writes, start, start + high - low)
        self._accesses.setdefault(memory, []).append(access)

    def _copied(self, call: Call) -> tuple[Array, Array] | None:
        """Target and source of a call that copies an array as it is."""
        if call.function is not np.copyto or call.keywords:
            return None
        target, source, *_ = call.arguments
        alike = isinstance(source, np.ndarray) and form(source) == form(target)
        return (target, source) if alike else None

    def _moves_nothing(self, call: Call) -> bool:
        pair = self._copied(call)
        return pair is not None and self.at(pair[0]) == self.at(pair[1])

    def _join(self, source: Array, target: Array) -> None:
        """Puts the memory of a copy's source into that of its target, if that changes nothing."""
        (inner, inner_start), (outer, outer_start) = self.at(source), self.at(target)
        offset = outer_start - inner_start
        fits = offset >= 0 and offset + inner.size <= outer.size
        if inner is outer or not inner.movable or not outer.movable or not fits:
            return
        if self._may_be_one(inner, outer, offset) and self._become_one(inner, outer, offset):
            moved = [access.moved(offset) for access in self._accesses.pop(inner)]
            self._accesses[outer] += moved

    def _may_be_one(self, source: Memory, target: Memory, offset: int) -> bool:
        """Whether the source of a copy may lie in its target: while the one is of use, the other
        has the same values, or is of no use.
        """
        low, high = offset, offset + source.size
        of_source, of_target, copies = list[Access](), list[Access](), list[Access]()
        for uses, shift, memory in ((of_source, offset, source), (of_target, 0, target)):
            for use in (access.moved(shift) for access in self._accesses[memory]):
                if use.end > low and use.start < high:
                    copied = self._is_copy(use.call, source, target, offset)
                    (copies if copied else uses).append(use)

        writes = [use for use in of_source if use.writes]
        if not writes or not copies:  # as for an empty array
            return False
        begin = min(writes, key=lambda use: use.time)
        last_of_source = max(use.time for use in of_source)
        last_of_target = max((use.time for use in of_target), default=BEFORE)
        for use in of_target:
            if use.time < begin.time or _is_entry_by_entry(begin, use):
                continue
            before = [copy.time for copy in copies if copy.meets(use)]
            if use.time <= max(before, default=AFTER) or not _cover(copies, use, low, high):
                return False  # it needs what was there before the copy
            if use.writes and use.time <= last_of_source:
                return False
        for use in writes:
            before = [copy.time for copy in copies if copy.meets(use)]
            if min(before, default=AFTER) < use.time <= last_of_target:
                return False
        return True

    def _is_copy(self, call: Call | None, source: Memory, target: Memory, offset: int) -> bool:
        """Whether it copies from the one memory to its place in the other."""
        pair = call and self._copied(call)
        if not pair:
            return False
        (to, to_start), (of, of_start) = map(self.at, pair)
        return to is target and of is source and to_start == of_start + offset

    # ---- entry by entry, results take the place of what they are made of -------------------------

    def _compute_in_place(self) -> None:
        last = {
            self.at(array)[0]: time
            for time, call in enumerate(self.calls)
            for array in (*call.reads, *call.writes)
        }
        last |= {self.at(array)[0]: AFTER for array in self._returned}
        born: set[Memory] = set()
        for time, call in enumerate(self.calls):
            for made in call.writes:
                memory, start = self.at(made)
                fresh = memory not in born and self._is_passing(memory)
                born.add(memory)
                if not fresh or not call.elementwise or memory.size != made.nbytes:
                    continue
                if made.size == 1:  # for which NumPy takes twice as long in its own place
                    continue
                for array in call.reads:
                    old, at = self.at(array)
                    if (
                        last[old] == time
                        and old is not memory
                        and self._is_passing(old)
                        and (form(array), at, old.size) == (form(made), start, memory.size)
                    ):
                        memory.become_part(old, 0)
                        last[old] = last[memory]
                        break

    def _is_passing(self, memory: Memory) -> bool:
        """Whether its values are of no use after a replay."""
        return memory.movable and not memory.lasting

    # ---- memory that is shared -------------------------------------------------------------------

    def _share_memory(self) -> None:
        """Put what keeps nothing in one memory, at one place what is of use at different times."""
        lives: dict[Memory, list[int]] = {}  # the first and the last time
        for time, call in enumerate(self.calls):
            for array in (*call.reads, *call.writes):
                memory = self.at(array)[0]
                if self._is_passing(memory):
                    lives.setdefault(memory, [time, time])[1] = time
        for array in self._returned:
            if self.at(array)[0] in lives:
                lives[self.at(array)[0]][1] = AFTER
        placed: list[tuple[int, int, int, int]] = []  # where each starts and ends, and when
        for memory in sorted(lives, key=lambda memory: -memory.size):
            first, last = lives[memory]
            size = -(-memory.size // ALIGNED) * ALIGNED
            taken = sorted(
                (start, end) for start, end, born, gone in placed if first <= gone and born <= last
            )
            offset = 0
            for start, end in taken:
                if offset + size <= start:
                    break
                offset = max(offset, end)
            placed.append((offset, offset + size, first, last))
            memory.become_part(self._common, offset)
        self._common.size = max((end for _, end, *_ in placed), default=0)


def _cover(copies: list[Access], use: Access, low: int, high: int) -> bool:
    """Whether all the bytes of a use between the two are copied."""
    reached = max(use.start, low)
    for copy in sorted(copies, key=lambda copy: copy.start):
        if copy.start <= reached and copy.array.nbytes == copy.end - copy.start:
            reached = max(reached, copy.end)
    return reached >= min(use.end, high)


def _is_entry_by_entry(write: Access, read: Access) -> bool:
    """Whether a call reads each entry where it writes it."""
    return (
        not read.writes
        and write.call is not None
        and write.call is read.call
        and write.call.elementwise
        and write.start == read.start
        and form(write.array) == form(read.array)
    )


def _is_whole(array: Array) -> bool:
    return array.nbytes == owner(array).nbytes


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _frozen(part)) for key, part in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
