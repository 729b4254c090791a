"""What two recordings of a step must have in common to make a program."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..tree import map_leaves
from .calls import Call, Calls
from .inside import bounds, form, is_same, owner
from .number import Number
from .recording import Recording, Result


class Outline(NamedTuple):
    """A recording without its arrays."""

    held: list[Any]  # within reach
    settled: bool  # whether that was the same before the step
    calls: list[CallMade]
    numbers: Any
    result: Any


class CallMade(NamedTuple):
    """A call in words, the same for two recordings that made the same call; the arrays among its
    arguments that the step made behind the tape's back; and where it stands."""

    description: Any
    constants: list[Array]
    line: str


def outline_of(recording: Recording) -> Outline:
    """Returns what is compared with the other recording."""
    met: dict[int, int] = {}
    return Outline(
        recording.held,
        recording.settled,
        [_described(call, recording.calls, met) for call in recording.calls.calls],
        [recording.tape.numbers, recording.new_numbers],
        map_leaves(lambda value: _result(value, recording.calls), recording.result),
    )


def _described(call: Call, calls: Calls, met: dict[int, int]) -> CallMade:
    """A call in words; `met` numbers the memories in the order in which the calls met them."""
    constants: list[Array] = []

    def described(value: Any) -> Any:
        if isinstance(value, Number):
            return Number, value.name
        if not isinstance(value, np.ndarray):
            return type(value), repr(value) if isinstance(value, float | np.generic) else value
        memory = owner(value)
        if id(memory) not in calls.known:
            constants.append(value)
            return "a constant", form(value)
        number = met.setdefault(id(memory), len(met))
        start = 0 if value is memory else bounds(value)[0] - bounds(memory)[0]
        return number, start, form(value)

    arguments = map_leaves(described, [call.arguments, call.keywords])
    writes = [form(array) for array in call.writes]
    return CallMade((call.function, arguments, call.lasting, writes), constants, call.line)


def _result(value: Any, calls: Calls) -> Any:
    """What a step returned in words, the same if its replay returns the same."""
    if not isinstance(value, Result):
        return value
    made_without_tape = id(owner(value.array)) not in calls.known
    return form(value.array), value.of_tensor, made_without_tape and value.array.tobytes()


def difference(first: Outline, second: Outline) -> str:
    """Says why two recordings of a step make no program; an empty string if they make one."""
    if not second.settled:
        return "it leaves other objects behind than it found"
    if not is_same(first.held, second.held):
        return (
            "other objects are put within its reach from call to call: pass what changes as "
            "arguments, a rate as one of Python's numbers"
        )
    for one, other in itertools.zip_longest(first.calls, second.calls):
        if one is None or other is None:
            return "it does not always make the same calls"
        if one.description != other.description:
            return f"it does not make the same calls each time, at {other.line}"
        for mine, others in zip(one.constants, other.constants, strict=True):
            if mine.tobytes() != others.tobytes():
                return (
                    "a number or an array that differs from call to call, and is not computed by "
                    f"NumPy from the step's arguments, is used at {other.line}. Pass it as an "
                    "argument, compute it by np.cos rather than math.cos, or draw it by "
                    "afresh(generator.random, ...), from microgradnd.program"
                )
    if first.numbers != second.numbers:
        return "it does not compute the same with numbers each time"
    return "" if first.result == second.result else "it does not return the same each time"
