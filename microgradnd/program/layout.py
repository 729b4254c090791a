"""Where the arrays of a program lie: the calls of a recording, fewer of them, on better places.

- What is only copied is computed where the copy would be: gradients in one long vector, and new
  parameters in the place of the old, so that a single update serves them all.
- Arrays that are never needed at the same time share memory.

This moves numbers and changes none.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .calls import Call, Calls
from .value import bounds, form, owner

BEFORE, AFTER = -1, 1 << 60  # the times before the first call and behind the last one
ALIGNED = 64  # bytes: a line of the cache


class Block:
    """The block of memory of an array in a recording. It may become a part of another one."""

    def __init__(self, array: Array, movable: bool) -> None:
        self.start, end = bounds(array)
        self.array, self.size, self.movable = array, end - self.start, movable
        self.lasting = not movable  # whether it keeps its values from one replay to the next
        self._whole, self._offset = self, 0

    @property
    def is_passing(self) -> bool:
        """Whether its values are of no use after a replay."""
        return self.movable and not self.lasting

    def become_part(self, whole: Block, offset: int) -> None:
        self._whole, self._offset = whole, offset
        whole.lasting = whole.lasting or self.lasting

    def place(self) -> tuple[Block, int]:
        """The memory that it is a part of, or itself; and where in it."""
        memory, offset = self, 0
        while memory._whole is not memory:
            offset += memory._offset
            memory = memory._whole
        return memory, offset


class Use(NamedTuple):
    """That a call reads or writes an array, at a time; and which bytes of a memory these are."""

    time: int
    writes: bool
    array: Array
    call: Call | None
    start: int
    end: int

    def is_same(self, other: Use) -> bool:
        return self.start == other.start and form(self.array) == form(other.array)


class Layout:
    """Where the arrays of a recording lie, and in which order they are computed."""

    def __init__(self, calls: Calls, overwritten: list[Array]) -> None:
        self._made = calls.made
        self._memories: dict[int, Block] = {}
        self._known: dict[int, tuple[Block, int, int]] = {}
        self._common = Block(np.empty(0), movable=True)
        self.written: dict[Block, None] = {}  # in the order of the calls
        own = [slot.start for slot in calls.slots if slot.start is not None]
        needed = [slot.end for slot in calls.slots if slot.end is not None]
        for array in own:  # were there before the step, but a program may keep others
            self._found(array)[0].movable = True
        for array in [*own, *needed]:
            self._found(array)[0].lasting = True
        self._uses: dict[Block, list[Use]] = {}
        self._use(BEFORE, True, [*own, *overwritten])
        for time, call in enumerate(calls.calls):
            self._use(time, False, call.reads, call)
            self._use(time, True, call.writes, call)
        self._use(AFTER, False, [*own, *overwritten, *needed, *calls.returned])
        for call in calls.calls:
            if pair := call.copied:
                is_made = self.at(pair[1])[0].movable  # else what lies there must stay as it is
                if not self._join(*pair) and is_made:
                    self._join(*reversed(pair))
        self.calls = [call for call in calls.calls if not self._moves_nothing(call)]
        self._compute_in_place({self.at(array)[0] for array in (*own, *overwritten)})
        self._share_memory(calls.returned)

    def _use(self, time: int, writes: bool, arrays: list[Array], call: Call | None = None) -> None:
        for array in arrays:
            memory, start, end = self._found(array)
            self._uses.setdefault(memory, []).append(Use(time, writes, array, call, start, end))

    def at(self, array: Array) -> tuple[Block, int]:
        """The memory that an array lies in, and where in it."""
        memory, start, _ = self._known.get(id(array)) or self._found(array)
        whole, offset = memory.place()
        return whole, offset + start

    def _found(self, array: Array) -> tuple[Block, int, int]:
        """The memory of its own that an array lay in, and where in it the array begins and ends.
        Its call holds the array, so that its id stays its own."""
        if id(array) not in self._known:
            whole, (start, end) = owner(array), bounds(array)
            if id(whole) not in self._memories:
                self._memories[id(whole)] = Block(whole, id(whole) in self._made)
            memory = self._memories[id(whole)]
            self._known[id(array)] = memory, start - memory.start, end - memory.start
        return self._known[id(array)]

    # ---- two memories as one ---------------------------------------------------------------------

    def _moves_nothing(self, call: Call | None) -> bool:
        pair = call.copied if call else None
        return pair is not None and self.at(pair[0]) == self.at(pair[1])

    def _join(self, target: Array, source: Array) -> bool:
        """Puts the memory of one array into that of another, if that changes nothing."""
        (inner, inner_start), (outer, outer_start) = self.at(source), self.at(target)
        offset = outer_start - inner_start
        fits = offset >= 0 and offset + inner.size <= outer.size
        movable = inner.movable and (outer.movable or outer.array.flags.forc)
        if inner is outer or not movable or not fits:
            return False
        moved = [
            Use(time, writes, array, call, start + offset, end + offset)
            for time, writes, array, call, start, end in self._uses[inner]
        ]
        if not self._may_be_one(moved, self._uses[outer], offset, offset + inner.size):
            return False
        inner.become_part(outer, offset)
        del self._uses[inner]
        gone = {use.time for use in moved if self._moves_nothing(use.call)}
        self._uses[outer] = [use for use in self._uses[outer] + moved if use.time not in gone]
        return True

    def _may_be_one(self, mine: list[Use], others: list[Use], low: int, high: int) -> bool:
        """Whether all calls would read what they read now, if the memories of these uses were one.

        The program is gone through with one memory and with two, and with a new token for all that
        is written to a piece of memory: tokens that are read must be the same.
        """
        others = [use for use in others if use.start < high and use.end > low]
        copies: set[int] = set()  # the times of calls that copy one into the other
        for time in {use.time for use in mine} & {use.time for use in others}:
            now = [(u, v) for u in mine if u.time == time for v in others if v.time == time]
            meeting = [(u, v) for u, v in now if u.start < v.end and v.start < u.end]
            if any(_is_copy(*pair) for pair in meeting):
                copies.add(time)
            elif not all(_may_meet(*pair) for pair in meeting):
                return False
        times = [use.time for use in mine], [use.time for use in others]
        if not others or max(times[0]) <= min(times[1]) or max(times[1]) <= min(times[0]):
            return True  # the one is of no use any more when the other begins to be
        uses = [(use[:2], 0, use) for use in mine] + [(use[:2], 1, use) for use in others]
        uses.sort(key=operator.itemgetter(0))
        inside = {end for *_, use in uses for end in (use.start, use.end) if low < end < high}
        pieces = [low, *sorted(inside)]
        two: tuple[dict[int, Any], dict[int, Any]] = {}, {}
        one: dict[int, Any] = {}
        for (time, writes), side, use in uses:
            partly = use.array.nbytes < use.end - use.start  # it writes between other entries
            for piece in pieces[bisect_left(pieces, use.start) : bisect_left(pieces, use.end)]:
                there = two[side].get(piece)
                matters = not writes or (partly and there is not None)
                if matters and there != one.get(piece):
                    return False
                if writes:
                    one[piece] = one.get(piece) if time in copies else (time, side)
                    two[side][piece] = one[piece]
        return True

    # ---- entry by entry, results take the place of what they are made of -------------------------

    def _compute_in_place(self, rewritten: set[Block]) -> None:
        for call in self.calls:
            # NumPy takes twice as long for a single number in its own place.
            for made in call.writes if call.elementwise and call.writes[0].size > 1 else ():
                for array in call.reads if self.at(made)[0].is_passing else ():
                    old, new = self.at(array)[0], self.at(made)[0]
                    alike = form(array) == form(made) and old.size == new.size == made.nbytes
                    alike = alike and (old.is_passing or old in rewritten)
                    if alike and self._join(array, made):
                        break

    # ---- memory that is shared -------------------------------------------------------------------

    def _share_memory(self, returned: list[Array]) -> None:
        """Put what keeps nothing in one memory, at one place what is of use at different times."""
        lives: dict[Block, list[int]] = {}  # the first and the last time
        for time, call in enumerate(self.calls):
            memories = [self.at(array)[0] for array in (*call.reads, *call.writes)]
            self.written |= dict.fromkeys(memories[len(call.reads) :])
            for memory in memories:
                lives.setdefault(memory, [time, time])[1] = time
        for array in returned:
            lives.setdefault(self.at(array)[0], [AFTER, AFTER])[1] = AFTER
        self.used = set(lives)
        placed: list[tuple[int, int, int, int]] = []  # where each starts and ends, and when
        passing = [memory for memory in lives if memory.is_passing]
        for memory in sorted(passing, key=lambda memory: -memory.size):
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


def _is_copy(one: Use, other: Use) -> bool:
    """Whether a call copies the one into the other, which then needs no call if they are one."""
    whole = one.array.nbytes == one.end - one.start and one.writes is not other.writes
    return bool(one.call and one.call.copied) and whole and one.is_same(other)


def _may_meet(one: Use, other: Use) -> bool:
    """Whether a call may use two arrays in one place: NumPy computes the product of an array and
    itself in another way, and only entry by entry it reads all before it writes."""
    elementwise = one.call is not None and one.call.elementwise
    if one.writes or other.writes:
        return elementwise and one.writes is not other.writes and one.is_same(other)
    return elementwise or one.call is None or one.call.function is np.copyto
