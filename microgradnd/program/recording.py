"""One recording: a step runs, and its calls are noted with all that they depend on."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..random_state import state_of
from ..tensor import Tensor, constant
from ..tree import map_leaves
from .calls import Calls, needed
from .inside import arrays_at, form, imagined, is_equal, is_number, is_same, owner, part_by_part
from .moment import Moment
from .number import Number, Unmoved, spelled
from .reach import Holder, Reach, put
from .recorder import NotReplayableError, refused
from .stand_in import StandIn
from .step_tape import StepTape, noting
from .value import Value

Place = tuple[int, Any]  # where something is held: the id of the holder, and the key


@dataclass
class Slot:
    """A Tensor within reach of a step, and where its arrays lie.

    `data` has its values before and after the step. `old_grad` is its gradient before, if the step
    reads it, `grad` the one after it; `had_grad` is whether there was one.
    """

    tensor: Tensor
    data: Array
    old_grad: Array | None
    grad: Array | None
    had_grad: bool


@dataclass
class Result:
    """An array in what a step returns, whether it is that of a Tensor, and where it lies."""

    value: Value
    values: Array
    of_tensor: bool
    array: Any = None


class Recording:
    """A step that ran once, noted. Raises an error where it cannot be replayed, and then leaves
    everything as it was before.
    """

    def __init__(
        self, step: Any, arguments: tuple[Any, ...], changing: set[Any], held: dict[Any, Any]
    ) -> None:
        self.reach = Reach(step)
        self.before = Moment(self.reach)
        self.tape = StepTape(self.before)
        # Numbers within reach, by their places, and the places where they are seen to change.
        self.numbers_held = {
            (id(holder), key): value for holder, key, value in self.before.held if is_number(value)
        }
        items = self.numbers_held.items()
        self.changing = changing | {place for place, v in items if held.get(place, v) is not v}
        self.numbers: dict[Place, tuple[Holder, Any, Number]] = {}  # those that the step sees
        self.new_numbers: list[tuple[Holder, Any, str]] = []  # what the step makes of them
        self.arguments: list[Any] = []
        self.of_arguments: dict[int, int] = {}  # their numbers, by the ids of their arrays
        self.results: list[Result] = []
        self.overwritten: dict[int, Array] = {}  # arrays that are there before the step
        self._finals: list[tuple[Array, Value]] = []  # what is left in them, and in others
        held_before = self._objects()
        try:
            self._show_recorded()
            self.arguments = [self._argument(k, a) for k, a in enumerate(arguments)]
            returned = self._carry_out(step)
            after = Reach(step)
            self._take_back(after)
            self.result = map_leaves(self._as_result, returned)
            del returned
            self._leave()
            self._check_arguments(arguments)
            self._check_generators()
            self._check_that_nothing_is_left()
            self.tape.closed = True
            self._write_calls()
            self._check_against(step, arguments, Moment(after, self.overwritten.values()))
        except NotReplayableError:
            self._go_back()
            if self.tape.found_false:
                self._let_it_raise(step, arguments)
            raise
        except BaseException:
            self._go_back()
            raise
        finally:
            self.tape.closed = True
        self.held = self._objects()
        self.settled = is_same(held_before, self.held)

    def _carry_out(self, step: Any) -> Any:
        with noting(self.tape):
            return step(*self.arguments)

    def _go_back(self) -> None:
        self.before.go_back()
        for cache in self.reach.caches:  # they may hold arrays of the recording
            cache.cache_clear()

    def _objects(self) -> list[Any]:
        """What is held everywhere, with only the types of the numbers that may change."""
        return [
            type(value) if (id(holder), key) in self.changing and is_number(value) else value
            for holder, key, value in self.reach.entries()
        ] + self.reach.members()

    def returned(self) -> Any:
        """What the step returned."""

        def values(x: Any) -> Any:
            if not isinstance(x, Result):
                return x
            return constant(x.values) if x.of_tensor else x.values

        return map_leaves(values, self.result)

    # ---- before the step -------------------------------------------------------------------------

    def _argument(self, number: int, argument: Any) -> Any:
        """An argument as the step gets to see it."""
        if isinstance(argument, Tensor):
            if argument.requires_grad:
                raise NotReplayableError(
                    f"argument {number} requires a gradient: a step takes data as arguments, and "
                    "finds its parameters in its closure"
                )
            return constant(self._argument(number, argument.numpy()))
        if type(argument) in (np.ndarray, np.memmap) or isinstance(argument, np.generic):
            array = np.array(argument, order="C")
            self.of_arguments[id(array)] = number
            return self.tape.see_leaf(array)
        if type(argument) in (int, float):
            return Number(self.tape, f"x{number}", argument)
        if argument is None or type(argument) in (bool, str):
            return argument
        raise NotReplayableError(
            f"argument {number} is a {type(argument).__name__}: a step takes arrays, Tensors "
            "and numbers, and finds everything else in its closure"
        )

    def _show_recorded(self) -> None:
        """Shows recorded arrays and numbers to the step wherever it looks."""
        self._start: dict[Tensor, tuple[StandIn, StandIn | None]] = {}
        for tensor, data, _, grad in self.before.tensors:
            there = [np.asarray(self.before.values(a)) for a in (data, grad) if a is not None]
            seen = [self.tape.see_leaf(array, imagined(array)) for array in there]
            self._start[tensor] = seen[0], seen[1] if len(seen) > 1 else None
            tensor._array, tensor.grad = self._start[tensor]
        self._seen: dict[int, StandIn] = {}  # arrays from outside, by their ids
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

    def _shown(self, value: Any, _: Any = None) -> Any:
        """An array within reach, or a tuple with arrays in it, as the step gets to see it."""
        if isinstance(value, tuple):
            return part_by_part(self._shown, value)
        if isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools"):
            return Unmoved(value)
        if not isinstance(value, np.ndarray) or not _is_numeric(value):
            return value
        if id(value) not in self._seen:
            self._seen[id(value)] = self.tape.see_outside(value)
        return self._seen[id(value)]

    # ---- after it --------------------------------------------------------------------------------

    def _take_back(self, after: Reach) -> None:
        """Puts plain arrays and numbers everywhere, and notes what must be written where."""
        for tensor in after.tensors:
            if tensor not in self._start and isinstance(tensor._array, StandIn):
                raise NotReplayableError(
                    "the step keeps a Tensor that it has computed, and a replay would not compute "
                    "it again: return it from the step"
                )
        held = {(id(holder), key): value for holder, key, value in self.before.held}
        self._places = Counter(id(owner(a)) for value in held.values() for a in arrays_at(value))
        for holder, key, value in after.entries():
            self._take_back_entry(holder, key, value, held.get((id(holder), key)))

    def _take_back_entry(self, holder: Holder, key: Any, value: Any, before: Any) -> None:
        place = id(holder), key
        if isinstance(value, StandIn | Number | Unmoved | tuple):
            put(holder, key, self._taken_back(value, before))
        if isinstance(value, Number):
            if place not in self.numbers or value is not self.numbers[place][2]:
                self.new_numbers.append((holder, key, value.name))
        elif is_number(value) and is_number(before):
            if place in self.numbers:
                self.new_numbers.append((holder, key, spelled(value)))
            elif value is not before:
                self.changing.add(place)

    def _taken_back(self, value: Any, before: Any) -> Any:
        """What is to lie where the step left this value: what did before, with the new numbers
        in it, if it is an array of the same form."""
        if isinstance(value, Number):
            return value.value
        if isinstance(value, Unmoved):
            return value.iterator
        if isinstance(value, tuple):
            return part_by_part(self._taken_back, value, before)
        if not isinstance(value, StandIn):
            return value
        if value is self._seen.get(id(before)):
            return before
        made = np.array(value.array)
        if not self._may_be_overwritten(before) or form(before) != form(made):
            return made
        self._finals.append((before, value.value))
        return before

    def _may_be_overwritten(self, array: Any) -> bool:
        """Whether it is a whole array that no other place holds."""
        return (
            isinstance(array, np.ndarray)
            and array.flags.writeable
            and self._places[id(owner(array))] == 1
        )

    def _leave(self) -> None:
        """Leaves everywhere what the step leaves."""
        replaced = {id(owner(array)) for array, _ in self._finals}
        for memory, (array, seen) in self.tape.memories.items():
            if seen.value is not seen.first and memory not in replaced:
                self._finals.append((array, seen.value))
        self.overwritten = {id(owner(array)): owner(array) for array, _ in self._finals}
        for array in self.overwritten.values():
            self.before.keep(array)
        written = [(array, np.array(value.array)) for array, value in self._finals]
        leaves, self._gradients = self.tape.leaves, list[tuple[Value | None, Value | None]]()
        for tensor, (data, grad) in self._start.items():
            value, array = self.tape.valued(tensor._array), leaves[data.leaf]
            self._finals += [(array, value)] if value is not data.leaf else []
            tensor._array, tensor._shared = np.empty_like(array), False
            np.copyto(tensor._array, value.array, "unsafe")
            made = None if tensor.grad is None else self.tape.valued(tensor.grad)
            self._gradients.append((None if grad is None else grad.leaf, made))
            tensor.grad = None if made is None else np.array(made.array)
        for array, values in written:
            np.copyto(array, values, "unsafe")

    def _write_calls(self) -> None:
        """What the step has computed as calls, and where that lies."""
        tape = self.tape
        ends = [result.value for result in self.results] + [value for _, value in self._finals]
        ends += [made for _, made in self._gradients if made is not None]
        order = needed(tape.touched, [*ends, *tape.lasting])
        self.calls, read = Calls(tape.leaves, tape.empty.values(), tape.line_of), set(order)
        self.calls.compute(order)
        for result in self.results:
            result.array = self.calls.returned(result.value)
        self.slots = []
        for (tensor, (data, _)), (old, made) in zip(
            self._start.items(), self._gradients, strict=True
        ):
            kept = tape.leaves[old] if old in read and made is not None else None
            if kept is not None and made is not None and made is not old:
                self._finals.append((kept, made))
            grad = None if made is None else self.calls.own(made) if kept is None else kept
            self.slots.append(Slot(tensor, tape.leaves[data.leaf], kept, grad, old is not None))
        self.calls.write(self._finals)

    def _let_it_raise(self, step: Any, arguments: tuple[Any, ...]) -> None:
        """Runs a step that finds its data wrong, so that it raises an error of its own."""
        for array in (*self.reach.arrays, *(getattr(a, "_array", a) for a in arguments)):
            self.before.keep(array)
        try:
            step(*arguments)
        finally:
            self.before.go_back()

    # ---- what could not be replayed --------------------------------------------------------------

    def _as_result(self, value: Any) -> Any:
        """An entry of what a step returned, as the program will find it."""
        if isinstance(value, Number):
            raise refused("returning a number that changes from step to step")
        of_tensor = isinstance(value, Tensor)
        seen = value._array if of_tensor else value
        if (of_tensor and value in self._start) or not isinstance(seen, StandIn | np.ndarray):
            return value  # a parameter, say, or a number
        made = self.tape.valued(seen)
        self.results.append(Result(made, np.array(made.array), of_tensor))
        return self.results[-1]

    def _check_arguments(self, arguments: tuple[Any, ...]) -> None:
        """A step must not change its arguments, directly or as something within its reach."""
        given = [getattr(argument, "_array", argument) for argument in self.arguments]
        for number, argument in enumerate(given):
            if isinstance(argument, StandIn) and argument.memory in self.tape.written_at:
                line = self.tape.written_at[argument.memory]
                raise NotReplayableError(f"a step must not change its argument {number}, at {line}")
        changed = self._changed_tensors()
        for tensor, data, *_ in self.before.tensors:
            others = [array for other, array in changed.items() if other is not tensor]
            if any(np.may_share_memory(data, a) for a in (*others, *self.overwritten.values())):
                raise NotReplayableError(
                    f"{tensor.title} shares memory with something that the step changes"
                )
        gradients = [grad for *_, grad in self.before.tensors if grad is not None]
        written = [*changed.values(), *gradients, *self.overwritten.values()]
        for number in self.of_arguments.values():
            argument = getattr(arguments[number], "_array", arguments[number])
            if any(np.may_share_memory(argument, array) for array in written):
                raise NotReplayableError(
                    f"argument {number} shares memory with what the step changes: pass a copy"
                )

    def _changed_tensors(self) -> dict[Tensor, Array]:
        """The Tensors that the step changes, with the arrays that they held before."""
        written = {id(array) for array, _ in self._finals}
        leaves = self.tape.leaves
        return {
            t: d
            for t, d, *_ in self.before.tensors
            if id(leaves[self._start[t][0].leaf]) in written
        }

    def _check_generators(self) -> None:
        for generator, before in self.before.generators.states.items():
            if not is_equal(state_of(generator), self.tape.generators.get(generator, before)):
                raise NotReplayableError(
                    f"the step draws random numbers from {generator}, which a replay would not "
                    "draw: draw them by afresh(generator.random, shape), from microgradnd.program"
                )

    def _check_against(self, step: Any, arguments: tuple[Any, ...], after: Moment) -> None:
        """Compares with the step itself. (What optimisers hold may differ: they join more
        parameters while they are recorded.)"""
        left = {t: [after.values(data), after.values(grad)] for t, data, _, grad in after.tensors}
        recorded = self.returned(), [left[t] for t in self._start], self.before.drawn()
        self.before.go_back()
        result = step(*arguments)
        arrays = [(tensor._array, tensor.grad) for tensor in self._start]
        if not is_equal(recorded, (result, arrays, self.before.drawn())):
            raise NotReplayableError(
                "this step does something that replay() cannot see: while it was recorded, it "
                "computed other numbers. Perhaps it looks at the type of an array"
            )
        after.go_back()

    def _check_that_nothing_is_left(self) -> None:
        ours = [*self.arguments, *itertools.chain(*self._start.values()), *self._seen.values()]
        ours += [a._array for a in self.arguments if isinstance(a, Tensor)]
        known = set(map(id, ours))

        def is_kept() -> bool:
            return any(id(seen) not in known for seen in self.tape.in_use)

        if is_kept():
            gc.collect()  # objects that refer to each other may be nobody's
            if is_kept():
                raise NotReplayableError(
                    "the step keeps an array that it has computed where replay() does not look: "
                    "return what is needed later"
                )


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "biufc"
