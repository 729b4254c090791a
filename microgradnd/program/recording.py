"""One recording: a step runs, and its calls are noted with all that they depend on."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..random_state import state_of
from ..tensor import Tensor, constant
from ..tree import map_leaves
from .inside import arrays_at, form, is_equal, is_number, is_same, owner, part_by_part
from .moment import Moment
from .reach import Holder, Reach, put
from .recorded import NotReplayableError, Number, Recorded, Unmoved, plain, refused, spelled
from .tape import Tape, noting

Place = tuple[int, Any]  # where something is held: the id of the holder, and the key


class Slot(NamedTuple):
    """A Tensor within reach of a step, and its arrays in the recording.

    `data` has its values before and after the step. `old_grad` is its gradient before, if the step
    reads it, `grad` the one after it; `had_grad` is whether there was one.
    """

    tensor: Tensor
    data: Array
    old_grad: Array | None
    grad: Array | None
    had_grad: bool


@dataclass(frozen=True)
class Result:
    """An array in what a step returns, and whether it is that of a Tensor."""

    array: Array
    of_tensor: bool


class Recording:
    """A step that ran once, noted. Raises an error where it cannot be replayed, and then leaves
    everything as it was before.
    """

    def __init__(
        self, step: Any, arguments: tuple[Any, ...], changing: set[Any], held: dict[Any, Any]
    ) -> None:
        self.reach, self.slots = Reach(step), list[Slot]()
        self._read, self._looked_at = set[int](), 0
        self.before = Moment(self.reach)
        self.tape = Tape(self.before)
        # Numbers within reach, by their places, and the places where they are seen to change.
        self.numbers_held = {
            (id(holder), key): value for holder, key, value in self.before.held if is_number(value)
        }
        items = self.numbers_held.items()
        self.changing = changing | {place for place, v in items if held.get(place, v) is not v}
        self.numbers: dict[Place, tuple[Holder, Any, Number]] = {}  # those that the step sees
        self.new_numbers: list[tuple[Holder, Any, str]] = []  # what the step makes of them
        self.arguments: list[Any] = []
        self.results: list[Result] = []
        held_before = self._objects()
        try:
            self._show_recorded()
            self.arguments = [self._argument(k, a) for k, a in enumerate(arguments)]
            returned = self._carry_out(step)
            after = Reach(step)
            self._take_back(after)
            self.result = map_leaves(self._as_result, returned)
            del returned
            self._check_arguments(arguments)
            self._check_generators()
            self._check_that_nothing_is_left()
            self.tape.closed = True
            self._check_against(step, arguments, Moment(after, self.tape.overwritten.values()))
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
            return constant(np.array(x.array)) if x.of_tensor else np.array(x.array)

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
            seen = self.tape.see(np.array(argument, order="C"))
            self.tape.outside[id(seen.array)] = seen.array
            self.tape.arguments[id(seen.array)] = number
            return seen
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
        see = self.tape.see
        self._start: dict[Tensor, tuple[Recorded, Recorded | None]] = {}
        for tensor, data, _, grad in self.before.tensors:
            arrays = [np.array(array) for array in (data, grad) if array is not None]
            self.tape.outside |= {id(array): array for array in arrays}
            first, *second = map(see, arrays)
            self._start[tensor] = first, second[0] if second else None
            tensor._array, tensor.grad = self._start[tensor]
        self._seen: dict[int, Recorded] = {}  # arrays from outside, by their ids
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
            self._seen[id(value)] = self.tape.see(value)
            self.tape.outside[id(owner(value))] = owner(value)
        return self._seen[id(value)]

    # ---- after it --------------------------------------------------------------------------------

    def _take_back(self, after: Reach) -> None:
        """Puts plain arrays and numbers everywhere, and notes what must be written where."""
        for tensor in after.tensors:
            if tensor not in self._start and isinstance(tensor._array, Recorded):
                raise NotReplayableError(
                    "the step keeps a Tensor that it has computed, and a replay would not compute "
                    "it again: return it from the step"
                )
        held = {(id(holder), key): value for holder, key, value in self.before.held}
        self._places = Counter(id(owner(a)) for value in held.values() for a in arrays_at(value))
        entries = []
        for holder, key, value in after.entries():
            before = held.get((id(holder), key))
            entries.append((holder, key, self._apart(value, before), before))
        for entry in entries:
            self._take_back_entry(*entry)
        for tensor, *_, grad in self.before.tensors:
            self._take_back_tensor(tensor, grad is not None)

    def _apart(self, value: Any, before: Any) -> Any:
        """A value that was moved here from another place, as a copy: what is at that place may be
        overwritten before it is written to this one."""
        if isinstance(value, tuple):
            return part_by_part(self._apart, value, before)
        moved = isinstance(value, Recorded) and value.array is not before
        return value.copy("K") if moved and id(owner(value.array)) in self.tape.outside else value

    def _take_back_entry(self, holder: Holder, key: Any, value: Any, before: Any) -> None:
        place = id(holder), key
        if isinstance(value, Recorded | Number | Unmoved | tuple):
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
        if not isinstance(value, Recorded):
            return value
        if value.array is before:
            return before
        made = np.array(value.array)
        if not self._may_be_overwritten(before) or form(before) != form(made):
            return made
        self.tape.copy(before, value)
        return before

    def _may_be_overwritten(self, array: Any) -> bool:
        """Whether it is a whole array that no other place holds."""
        return (
            isinstance(array, np.ndarray)
            and array.flags.writeable
            and self._places[id(owner(array))] == 1
        )

    def _take_back_tensor(self, tensor: Tensor, had_grad: bool) -> None:
        old_data, old_grad = self._start[tensor]
        data, grad = tensor._array, tensor.grad
        if data is not old_data:
            self.tape.copy(old_data.array, data)
        if old_grad is not None and not self._is_read(old_grad):
            old_grad = None
        if old_grad is not None and isinstance(grad, Recorded) and grad is not old_grad:
            self.tape.copy(old_grad.array, grad)  # where the next step reads it
            grad = old_grad
        made = None if grad is None else np.asarray(plain(grad))
        read = None if old_grad is None else old_grad.array
        self.slots.append(Slot(tensor, old_data.array, read, made, had_grad))
        tensor._array, tensor._shared = np.array(old_data.array), False
        tensor.grad = None if made is None else np.array(made)

    def _is_read(self, seen: Recorded) -> bool:
        """Whether a call noted so far reads the memory."""
        new = self.tape.calls[self._looked_at :]
        self._looked_at = len(self.tape.calls)
        self._read |= {id(owner(array)) for call in new for array in call.reads}
        return id(owner(seen.array)) in self._read

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
        if isinstance(seen, Recorded):
            given = self.tape.argument_number(seen.array) is not None
            seen = seen.copy().array if given else seen.array
        elif (of_tensor and value in self._start) or not isinstance(seen, np.ndarray):
            return value  # a parameter, say, or a number
        self.results.append(Result(seen, of_tensor))
        return self.results[-1]

    def _check_arguments(self, arguments: tuple[Any, ...]) -> None:
        """A step must not change its arguments, directly or as something within its reach."""
        for memory, number in self.tape.arguments.items():
            if line := self.tape.where_written(self.tape.outside[memory]):
                raise NotReplayableError(f"a step must not change its argument {number}, at {line}")
        changed = self._changed_tensors()
        for tensor, data, *_ in self.before.tensors:
            others = [array for other, array in changed.items() if other is not tensor]
            if any(
                np.may_share_memory(data, a) for a in (*others, *self.tape.overwritten.values())
            ):
                raise NotReplayableError(
                    f"{tensor.title} shares memory with something that the step changes"
                )
        gradients = [grad for *_, grad in self.before.tensors if grad is not None]
        written = [*changed.values(), *gradients, *self.tape.overwritten.values()]
        for number in self.tape.arguments.values():
            argument = getattr(arguments[number], "_array", arguments[number])
            if any(np.may_share_memory(argument, array) for array in written):
                raise NotReplayableError(
                    f"argument {number} shares memory with what the step changes: pass a copy"
                )

    def _changed_tensors(self) -> dict[Tensor, Array]:
        """The Tensors that the step changes, with the arrays that they held before."""
        overwritten = self.tape.overwritten
        return {
            t: d for t, d, *_ in self.before.tensors if id(self._start[t][0].array) in overwritten
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
        recorded = self.returned(), self.before.left_in_tensors()
        self.before.go_back()
        if not is_equal(recorded, (step(*arguments), self.before.left_in_tensors())):
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
            return any(id(seen) not in known for seen in self.tape.in_use())

        if is_kept():
            gc.collect()  # objects that refer to each other may be nobody's
            if is_kept():
                raise NotReplayableError(
                    "the step keeps an array that it has computed where replay() does not look: "
                    "return what is needed later"
                )


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "biufc"
