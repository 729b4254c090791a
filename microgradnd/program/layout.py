"""Where the arrays of a program lie: the calls of a recording, fewer of them, on better places.

- What is only copied is computed where the copy would be: gradients in one long vector, and new
  parameters in the place of the old, so that a single update serves them all.
- Arrays that are never needed at the same time share memory.

This moves numbers and changes none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Array
from .calls import Call, Calls
from .inside import bounds, form, owner

BEFORE, AFTER = -1, 1 << 60  # the times before the first call and behind the last one
ALIGNED = 64  # bytes: a line of the cache


class Memory:
    """The memory of an array in a recording. It may become a part of another one."""

    def __init__(self, array: Array, movable: bool) -> None:
        self.start, end = bounds(array)
        self.array, self.size, self.movable = array, end - self.start, movable
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

    def __init__(self, calls: Calls, overwritten: list[Array]) -> None:
        self._made, self.calls = calls.made, calls.calls
        self._memories: dict[int, Memory] = {}
        self._known: dict[int, tuple[int, int]] = {}
        self._common = Memory(np.empty(0), movable=True)
        self._overwritten = overwritten
        self._own = [start for _, start, _ in calls.slots if start is not None]
        self._needed = [end for *_, end in calls.slots if end is not None]
        for array in self._own:  # were there before the step, but Tensors can be given others
            self._memory(array).movable = True
        for array in [*self._own, *self._needed]:
            self._memory(array).lasting = True
        self._returned = calls.returned
        self._products: dict[Memory, list[list[Array]]] = {}  # the factors of those of a memory
        for call in self.calls:
            if len(call.reads) > 1 and not call.elementwise and call.function is not np.copyto:
                for memory in {self._memory(array) for array in call.reads}:
                    self._products.setdefault(memory, []).append(call.reads)
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
            self._known[id(array)] = bounds(array)
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
            self._memories[id(whole)] = Memory(whole, id(whole) in self._made)
        return self._memories[id(whole)]

    # ---- what is only copied is computed in its place --------------------------------------------

    def _compute_in_place_of_copies(self) -> None:
        self._accesses: dict[Memory, list[Access]] = {}
        for time, call in enumerate(self.calls):
            for arrays, writes in ((call.reads, False), (call.writes, True)):
                for array in arrays:
                    self._note(array, time, writes, call)
        there = [*self._own, *self._overwritten]
        for array in there:
            self._note(array, BEFORE, True, None)
        for array in [*there, *self._needed, *self._returned]:
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
        movable = inner.movable and (outer.movable or outer.array.flags.forc)
        if inner is outer or not movable or not fits:
            return
        if self._may_be_one(inner, outer, offset) and self._become_one(inner, outer, offset):
            moved = [access.moved(offset) for access in self._accesses.pop(inner)]
            uses = [*self._accesses[outer], *moved]
            self._accesses[outer] = [
                use for use in uses if use.call is None or not self._moves_nothing(use.call)
            ]

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
