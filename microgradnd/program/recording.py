"""One recording: a step runs on stand-ins, and its calls are noted with all that they depend on."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import state_of
from ..tensor import Tensor, constant
from ..tree import leaves_of, like_tuple, map_leaves
from .inside import digested, form, imagined, is_number, is_same, owner
from .moment import Moment
from .number import Number, Unmoved, spelled
from .reach import Holder, Reach, get, put
from .recorder import NotReplayableError, OtherwiseError, Settling, refused
from .stand_in import StandIn
from .step_tape import StepTape, noting
from .value import Value, reachable
from .value_tape import recording_on

_OF_ITERATORS = ("builtins", "itertools")  # the modules of their types
_ARGUMENTS = {np.ndarray, np.memmap, int, float, bool, str, type(None)}
Place = tuple[int, Any]  # where something is held: the id of the holder, and the key


@dataclass
class Slot:
    """A place where a program keeps an array of its own: that of a Tensor, a gradient, or a place
    where the step leaves a new array each time. A gradient may be None before or after.
    """

    holder: Holder
    key: Any
    before: Value | None
    after: Value | None
    is_grad: bool = False


@dataclass
class Result:
    """An array in what a step returns, whether it is that of a Tensor, and where it lies."""

    value: Value
    of_tensor: bool
    array: Any = None


class Recording:
    """A step that ran once, noted; afterwards everything is as it was before. Raises an error where
    the step cannot be replayed.
    """

    def __init__(
        self, step: Any, arguments: tuple[Any, ...], changing: set[Any], held: dict[Any, Any]
    ) -> None:
        self.reach = Reach(step)
        self.before = Moment(self.reach)
        self.tape = StepTape(self.before.generators)
        # Numbers within reach, by their places, and the places where they are seen to change.
        self.numbers_held = {
            (id(holder), key): value for holder, key, value in self.before.held if is_number(value)
        }
        items = self.numbers_held.items()
        self.changing = changing | {place for place, v in items if held.get(place, v) is not v}
        self.numbers: dict[Place, tuple[Holder, Any, Number]] = {}  # those that the step sees
        self.new_numbers: list[tuple[Holder, Any, Any]] = []  # what the step makes of them
        self.arguments: list[Any] = []
        self.of_arguments: dict[int, int] = {}  # their numbers, by the ids of their arrays
        self.slots: list[Slot] = []
        self.results: list[Result] = []
        self.finals: list[tuple[Array, Value]] = []  # what is written to arrays from outside
        try:
            self._show_recorded()
            self.arguments = [self._argument(k, a) for k, a in enumerate(arguments)]
            with noting(self.tape):
                returned = step(*self.arguments)
                self._take_back()
                self.result = map_leaves(self._as_result, returned)
            del returned
            self.held = self._objects(self.before.held)
            self.settled = is_same(self.held, self._objects(self.reach.entries()))
            self._check_arguments(arguments)
            self._check_generators()
            self._note_order()
        except NotReplayableError as error:
            if self.tape.found_false:  # perhaps it raises an error of its own
                raise OtherwiseError from error
            raise
        finally:
            self._go_back()
        self._check_that_nothing_is_left()
        for entries in (self._start, self._seen, self.tape.memories, self.tape.written_at):
            entries.clear()  # they hold arrays

    def _go_back(self) -> None:
        self.before.go_back()
        for cache in self.reach.caches:  # they may hold arrays of the recording
            cache.cache_clear()

    def _objects(self, entries: Any) -> list[Any]:
        """What is held everywhere: of numbers that may change only the types, of slots nothing."""
        slots = {(id(slot.holder), slot.key) for slot in self.slots}

        def seen(holder: Holder, key: Any, value: Any) -> Any:
            place = id(holder), key
            changes = place in self.changing and is_number(value)
            return type(value) if changes else None if place in slots else value

        return [seen(*entry) for entry in entries] + self.reach.members()

    # ---- before the step -------------------------------------------------------------------------

    def _argument(self, number: int, argument: Any) -> Any:
        """An argument as the step gets to see it."""
        if isinstance(argument, Tensor):
            return constant(self._argument(number, argument.numpy()))
        if isinstance(argument, np.ndarray | np.generic):
            array = np.asarray(argument, order="C")
            place = imagined(array)
            self.of_arguments[id(place)] = number
            return self.tape.see_leaf(array, place)
        is_number = type(argument) in (int, float)
        return Number(self.tape, f"x{number}", argument) if is_number else argument

    def _show_recorded(self) -> None:
        """Shows recorded arrays and numbers to the step wherever it looks."""
        self._start: dict[Tensor, tuple[StandIn, StandIn | None]] = {}
        for tensor, *_ in self.before.tensors:
            arrays = [np.asarray(a) for a in (tensor._array, tensor.grad) if a is not None]
            seen = [self.tape.see_leaf(array, imagined(array)) for array in arrays]
            self._start[tensor] = seen[0], seen[1] if len(seen) > 1 else None
            tensor._array, tensor.grad = self._start[tensor]
        of_one = Counter(id(owner(array)) for array in self.reach.arrays)
        self._alone = {id(array) for array in self.reach.arrays if of_one[id(owner(array))] == 1}
        self._seen: dict[int, Any] = {}  # what is shown in the place of arrays, by their ids
        for holder, key, value in self.before.held:
            place = id(holder), key
            if place in self.changing and is_number(value):
                number = len(self.numbers)
                made = self.tape.new_number(f"get(h{number}, k{number})", value)
                self.numbers[place] = holder, key, made
                put(holder, key, made)
            elif (shown := self._shown(value)) is not value:
                put(holder, key, shown)
        for array in self.reach.arrays:
            if _is_numeric(array) and id(array) not in self._seen:
                raise NotReplayableError(
                    f"an array of shape {array.shape} is within reach of the step where nothing "
                    "else can be put in its place, such as in a functools.partial: keep it in "
                    "a list, a dict or a variable"
                )

    def _shown(self, value: Any) -> Any:
        """What the step gets to see in the place of an array, a tuple with arrays, or an iterator,
        the same each time."""
        if id(value) in self._seen:
            return self._seen[id(value)]
        if isinstance(value, Iterator) and type(value).__module__ in _OF_ITERATORS:
            shown: Any = Unmoved()
        elif isinstance(value, np.ndarray) and _is_numeric(value):
            whole = value if id(value) in self._alone else owner(value)
            shown = self.tape.see_outside(value, whole)
        elif isinstance(value, tuple) and not is_same(
            parts := list(map(self._shown, value)), value
        ):
            shown = like_tuple(value, parts)
        else:
            return value
        self._seen[id(value)] = shown
        return shown

    # ---- after it --------------------------------------------------------------------------------

    def _take_back(self) -> None:
        """Notes what the step leaves where, and puts back what does not differ."""
        for holder, key, before in self.before.held:
            self._take_back_entry(holder, key, get(holder, key), before)
        replaced = {id(slot.before.place) for slot in self.slots if slot.before}
        for array, memory in self.tape.memories.values():
            if memory.value is not memory.first and id(array) not in replaced:
                self.finals.append((array, memory.value))
        # What the step itself would overwrite.
        seen = [*self.tape.memories.values()]
        for tensor, data, _, grad in self.before.tensors:
            made = None if tensor.grad is None else self.tape.valued(tensor.grad)
            of_data, of_grad = self._start[tensor]
            seen.append((data, of_data.memory))
            self.slots.append(Slot(tensor, "_array", of_data.leaf, self.tape.valued(tensor._array)))
            self.slots.append(Slot(tensor, "grad", None, made, is_grad=True))
            if of_grad is not None:
                seen.append((grad, of_grad.memory))
                self.slots[-1].before = of_grad.leaf
        self.overwritten = [array for array, memory in seen if memory in self.tape.written_at]

    def _take_back_entry(self, holder: Holder, key: Any, value: Any, before: Any) -> None:
        place = id(holder), key
        if value is self._seen.get(id(before)):
            put(holder, key, before)
        elif isinstance(value, Tensor) and value not in self._start:
            if isinstance(value._array, StandIn):
                raise NotReplayableError(
                    "the step keeps a Tensor that it has computed, and a replay would not compute "
                    "it again: return it from the step"
                )
        elif isinstance(value, StandIn):
            if isinstance(before, np.generic) and value.single:
                self.results.append(Result(value.value, of_tensor=False))
                self.new_numbers.append((holder, key, self.results[-1]))
                self.changing.add(place)
                put(holder, key, before)
            elif self._lies_apart(before) and form(before) == form(value.array):
                self.slots.append(Slot(holder, key, self._seen[id(before)].leaf, value.value))
                put(holder, key, before)
        elif isinstance(value, Number):
            put(holder, key, value.value)
            if place not in self.numbers or value is not self.numbers[place][2]:
                self.new_numbers.append((holder, key, value.name))
        elif is_number(value) and is_number(before):
            if place in self.numbers:
                self.new_numbers.append((holder, key, spelled(value)))
            elif value is not before:
                self.changing.add(place)

    def _lies_apart(self, array: Any) -> bool:
        """Whether it is an array that no other place holds, and that the step does not change."""
        seen = self._seen.get(id(array))
        if not isinstance(seen, StandIn) or seen.path or seen.memory in self.tape.written_at:
            return False
        return (
            sum(
                np.may_share_memory(array, other)
                for *_, other in self.before.held
                if isinstance(other, np.ndarray)
            )
            == 1
        )

    def _note_order(self) -> None:
        """What must be computed, in the order in which the step computed it."""
        ends = [result.value for result in self.results] + [value for _, value in self.finals]
        ends += [slot.after for slot in self.slots if slot.after]
        wanted = dict.fromkeys(reachable([*ends, *self.tape.lasting]))
        first = [value for value in wanted if value.function is None]
        self.order = [*first, *(v for v in dict.fromkeys(self.tape.touched) if v in wanted)]

    # ---- what could not be replayed --------------------------------------------------------------

    def _as_result(self, value: Any) -> Any:
        """An entry of what a step returned, as the program will find it."""
        if isinstance(value, Number):
            raise refused("returning a number that changes from step to step")
        of_tensor = isinstance(value, Tensor)
        seen = value._array if of_tensor else value
        if (of_tensor and value in self._start) or not isinstance(seen, StandIn | np.ndarray):
            return value  # a parameter, say, or a number
        self.results.append(Result(self.tape.valued(seen), of_tensor))
        return self.results[-1]

    def _check_arguments(self, arguments: tuple[Any, ...]) -> None:
        """A step must not change its arguments, directly or as something within its reach."""
        given = [getattr(argument, "_array", argument) for argument in self.arguments]
        for number, argument in enumerate(given):
            if isinstance(argument, StandIn) and argument.memory in self.tape.written_at:
                line = self.tape.written_at[argument.memory]
                raise NotReplayableError(f"a step must not change its argument {number}, at {line}")
        data = {tensor: array for tensor, array, *_ in self.before.tensors}
        changed = {
            s.holder: data[s.holder]
            for s in self.slots
            if s.key == "_array" and s.after is not s.before
        }
        written = [array for array, _ in self.finals]
        for tensor, array in data.items():
            others = [other for of, other in changed.items() if of is not tensor]
            if any(np.may_share_memory(array, a) for a in (*others, *written)):
                raise NotReplayableError(
                    f"{tensor.title} shares memory with something that the step changes"
                )
        gradients = [grad for *_, grad in self.before.tensors if grad is not None]
        written += [*changed.values(), *gradients]
        for number, argument in enumerate(arguments):
            array = getattr(argument, "_array", argument)
            if isinstance(array, np.ndarray) and any(
                np.may_share_memory(array, a) for a in written
            ):
                raise NotReplayableError(
                    f"argument {number} shares memory with what the step changes: pass a copy"
                )

    def _check_generators(self) -> None:
        for generator, before in self.before.generators.states.items():
            expected = self.tape.drawn.get(generator, before)
            if digested(state_of(generator)) != digested(expected):
                raise NotReplayableError(
                    f"the step draws random numbers from {generator}, which a replay would not "
                    "draw: draw them by afresh(generator.random, shape), from microgradnd.program"
                )

    def _check_that_nothing_is_left(self) -> None:
        seen = leaves_of([self.arguments, list(self._start.values()), list(self._seen.values())])
        known = {id(getattr(x, "_array", x)) for x in seen}

        def is_kept() -> bool:
            return any(id(seen) not in known for seen in self.tape.in_use)

        if is_kept():
            gc.collect()  # objects that refer to each other may be nobody's
            if is_kept():
                raise NotReplayableError(
                    "the step keeps an array that it has computed where replay() does not look: "
                    "return what is needed later"
                )


def carried_out(step: Any, arguments: tuple[Any, ...]) -> Any:
    """What a step returns, without history. Like a recording it settles what an optimiser holds."""

    def alone(leaf: Any) -> Any:  # a copy, as of what a program returns
        if isinstance(leaf, Tensor) and leaf.operation is not None:
            return constant(np.array(leaf._array))
        return np.array(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf

    with recording_on(Settling()):
        return map_leaves(alone, step(*arguments))


def check_argument(number: int, argument: Any) -> None:
    """Raises an error for an argument that a program could not take."""
    if isinstance(argument, Tensor) and argument.requires_grad:
        raise NotReplayableError(
            f"argument {number} requires a gradient: a step takes data as arguments, and "
            "finds its parameters in its closure"
        )
    if not (type(argument) in _ARGUMENTS or isinstance(argument, Tensor | np.generic)):
        raise NotReplayableError(
            f"argument {number} is a {type(argument).__name__}: a step takes arrays, Tensors "
            "and numbers, and finds everything else in its closure"
        )


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "biufc"
