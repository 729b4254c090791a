"""What two recordings of a step must have in common to make a program."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..tree import map_leaves
from .inside import digested, form, is_same
from .recording import Recording, Result
from .value import Value


class Outline(NamedTuple):
    """A recording without its arrays."""

    held: list[Any]  # within reach
    settled: bool  # whether that was the same before the step
    calls: list[Any]  # each in words, and where it stands
    rest: Any  # what is left where, and returned


def outline_of(recording: Recording) -> Outline:
    """Returns what is compared with the other recording."""
    number: dict[Value, Any] = {}

    def words(leaf: Any) -> Any:
        """The same for two recordings, if they found the same there."""
        if isinstance(leaf, Result):
            return words(leaf.value), leaf.of_tensor
        if isinstance(leaf, Value):
            return number[leaf] if leaf in number else digested(leaf.array)
        return type(leaf), repr(leaf) if isinstance(leaf, float | np.generic) else leaf

    for leaf in recording.tape.leaves:
        number[leaf] = len(number), None if leaf.is_number else form(leaf.place)
    calls = []
    for value in (value for value in recording.order if value.function is not None):
        given = map_leaves(words, (value.arguments, value.keywords))
        made = type(value.array) if value.is_number else (value.shape, value.dtype)
        calls.append(((value.function, given, made), recording.tape.line_of.get(value, "")))
        number[value] = len(number)
    slots = [(id(s.holder), s.key, words(s.before), words(s.after)) for s in recording.slots]
    finals = [(id(array), words(value)) for array, value in recording.finals]
    new = [(id(holder), key, words(number)) for holder, key, number in recording.new_numbers]
    rest = new, slots, finals, map_leaves(words, recording.result)
    return Outline(recording.held, recording.settled, calls, rest)


def difference(first: Outline, second: Outline) -> str:
    """Says why two recordings of a step make no program; an empty string if they make one."""
    if not second.settled:
        return "it leaves other objects behind than it found"
    if not is_same(first.held, second.held):
        return (
            "other objects are put within its reach from call to call: pass what changes as "
            "arguments, a rate as one of Python's numbers"
        )
    for one, other in itertools.zip_longest(first.calls, second.calls, fillvalue=(None, "its end")):
        if one[0] != other[0]:
            return (
                f"it does not make the same calls each time, at {other[1]}. If a number or an "
                "array differs there, which NumPy does not compute from the step's arguments, pass "
                "it as an argument, compute it by np.cos rather than math.cos, or draw it by "
                "afresh(generator.random, ...), from microgradnd.program"
            )
    return "" if first.rest == second.rest else "it does not leave or return the same each time"
