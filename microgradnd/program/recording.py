"""One recording: a step runs on stand-ins, and its calls are noted with all that they depend on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..habits import require
from ..random_state import state_of
from ..tensor import Tensor, constant
from ..tree import leaves_of, like_tuple, map_leaves
from .inside import digested, form, imagined, is_number, is_same
from .moment import Moment
from .number import Number, Unmoved
from .reach import Holder, Reach, get, put
from .recorder import SETTLING, NotReplayableError, OtherwiseError, expect, refused
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
    found: Any  # the array that was there
    before: Value | None
    after: Value | None
    start: Any = None  # where the two lie, for a program
    end: Any = None

    @property
    def is_grad(self) -> bool:
        return isinstance(self.holder, Tensor) and self.key == "_grad"


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
        self.numbers_held = {(id(h), key): v for h, key, v in self.before.held if is_number(v)}
        items = self.numbers_held.items()
        self.changing = changing | {place for place, v in items if held.get(place, v) is not v}
        self.numbers: dict[Place, tuple[Holder, Any, Number]] = {}  # those that the step sees
        self.new_numbers: list[tuple[Holder, Any, Any]] = []  # what the step makes of them
        self.arguments: list[Any] = []
        self.of_arguments: dict[int, int] = {}  # their numbers, by the ids of their values
        self.slots: list[Slot] = []
        self.results: list[Result] = []
        self._tensors = {tensor for tensor, *_ in self.before.arrays}
        self._leaves: list[tuple[Tensor, str, Any, Any]] = []  # what lies in Tensors, and is shown
        self._seen: dict[int, Any] = {}  # what is shown in the place of others, by their ids
        self._arrays: list[tuple[Array, StandIn]] = []  # those among them
        caches = {cache: cache.cache_info().misses for cache in self.reach.caches}
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
            self._check_memory(arguments)
            self._check_generators()
            self._note_order()
        except NotReplayableError as error:
            if self.tape.found_false:  # perhaps it raises an error of its own
                raise OtherwiseError from error
            raise
        finally:
            self.before.go_back()
            for cache, misses in caches.items():
                if cache.cache_info().misses != misses:  # it may hold arrays of the recording
                    cache.cache_clear()
        self._check_that_nothing_is_left()
        for entries in (self._leaves, self._arrays, self._seen, self.tape.written_at):
            entries.clear()  # they hold arrays

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
            seen: Any = self.tape.see_leaf(array, imagined(array))
        elif type(argument) in (int, float):
            seen = self.tape.see_number(argument)
        else:
            return argument
        leaf = self.tape.leaves[-1]
        self.of_arguments[id(leaf if leaf.is_number else leaf.place)] = number
        return seen

    def _show_recorded(self) -> None:
        """Shows recorded arrays and numbers to the step wherever it looks."""
        for tensor, key, array in self.before.arrays:
            shown = None
            if array is not None:
                array = np.asarray(array)
                shown = self.tape.see_leaf(array, imagined(array))
                put(tensor, key, shown)
            self._leaves.append((tensor, key, array, shown))
        for holder, key, value in self.before.held:
            place = id(holder), key
            if place in self.changing and is_number(value):
                self.numbers[place] = holder, key, self.tape.see_number(value)
                put(holder, key, self.numbers[place][-1])
            elif (shown := self._shown(value)) is not value:
                put(holder, key, shown)
        for array in self.reach.arrays:
            _require(
                id(array) in self._seen,
                f"an array of shape {array.shape} is within reach of the step where nothing else "
                "can be put in its place, such as in a functools.partial: keep it in a list, a "
                "dict or a variable",
            )

    def _shown(self, value: Any) -> Any:
        """What the step gets to see in the place of an array, a tuple with arrays, or an iterator,
        the same each time."""
        if id(value) in self._seen:
            return self._seen[id(value)]
        if isinstance(value, Iterator) and type(value).__module__ in _OF_ITERATORS:
            shown: Any = Unmoved()
        elif isinstance(value, np.ndarray):
            shown = self.tape.see_leaf(value, value)
            self._arrays.append((value, shown))
        elif isinstance(value, tuple):
            parts = list(map(self._shown, value))
            shown = value if is_same(parts, value) else like_tuple(value, parts)
        else:
            return value
        self._seen[id(value)] = shown
        return shown

    # ---- after it --------------------------------------------------------------------------------

    def _take_back(self) -> None:
        """Notes what the step leaves where, and puts back what does not differ."""
        for tensor, key, array, shown in self._leaves:
            before = None if shown is None else shown.leaf
            now = get(tensor, key)
            after = None if now is None else self.tape.valued(now)
            self.slots.append(Slot(tensor, key, array, before, after))
        left: set[int] = set()  # the ids of the memories of new arrays
        for holder, key, before in self.before.held:
            value, place = get(holder, key), (id(holder), key)
            if value is self._seen.get(id(before)):
                put(holder, key, before)
            elif isinstance(value, Tensor) and value not in self._tensors:
                _require(
                    not isinstance(value._array, StandIn),
                    "the step keeps a Tensor that it has computed, and a replay would not compute "
                    "it again: return it from the step",
                )
            elif isinstance(value, StandIn):
                self._take_back_array(holder, key, value, before)
                twice = "the step leaves one array in two places: leave a copy in one of them"
                _require(id(value.memory) not in left, twice)
                left.add(id(value.memory))
            elif isinstance(value, Number):
                put(holder, key, value.array)
                if place not in self.numbers or value is not self.numbers[place][2]:
                    self.new_numbers.append((holder, key, value.value))
            elif is_number(value) and is_number(before):
                if place in self.numbers:
                    self.new_numbers.append((holder, key, value))
                elif value is not before:
                    self.changing.add(place)
        written = self.tape.written_at
        leaves = [(array, shown) for *_, array, shown in self._leaves if shown is not None]
        # What the step itself would overwrite, and what is written to arrays from outside.
        self.overwritten = [a for a, seen in (*leaves, *self._arrays) if seen.memory in written]
        self.finals = [(a, seen.memory.value) for a, seen in self._arrays if seen.memory in written]

    def _take_back_array(self, holder: Holder, key: Any, value: StandIn, before: Any) -> None:
        """Where the step leaves a new array: it must take the place of one that lies apart, which
        the step does not change, or of a single number."""
        seen = self._seen.get(id(before))
        if isinstance(before, np.generic) and value.single:
            self.results.append(Result(value.value, of_tensor=False))
            self.new_numbers.append((holder, key, self.results[-1]))
            self.changing.add((id(holder), key))
            put(holder, key, before)
        elif isinstance(seen, StandIn) and seen.memory not in self.tape.written_at:
            others = (other for *_, other in self.before.held if isinstance(other, np.ndarray))
            alone = sum(np.may_share_memory(before, other) for other in others) == 1
            if alone and form(before) == form(value.array):
                self.slots.append(Slot(holder, key, before, seen.leaf, value.value))
                put(holder, key, before)

    def _note_order(self) -> None:
        """What must be computed: numbers first, then what is checked and drawn, up to the last
        check, so that little is undone where something differs; all in the order of the step."""
        ends = [result.value for result in self.results] + [value for _, value in self.finals]
        ends += [slot.after for slot in self.slots if slot.after]
        ends += [value for *_, value in self.new_numbers if isinstance(value, Value)]
        wanted = dict.fromkeys(reachable([*ends, *self.tape.lasting]))
        first = [value for value in wanted if value.function is None]
        called = [value for value in dict.fromkeys(self.tape.touched) if value in wanted]
        lasting = self.tape.lasting
        checks = [k for k, value in enumerate(lasting, 1) if value.function is expect]
        checked = set(reachable(lasting[: max(checks, default=0)]))
        called.sort(key=lambda value: (not _is_of_numbers(value), value not in checked))
        self.order = [*first, *called]

    # ---- what could not be replayed --------------------------------------------------------------

    def _as_result(self, value: Any) -> Any:
        """An entry of what a step returned, as the program will find it."""
        if isinstance(value, Number):
            raise refused("returning a number that changes from step to step")
        of_tensor = isinstance(value, Tensor)
        seen = value._array if of_tensor else value
        is_leaf = of_tensor and value in self._tensors and value.operation is None
        if is_leaf or not isinstance(seen, StandIn | np.ndarray):
            return value  # a parameter, say, or a number
        self.results.append(Result(self.tape.valued(seen), of_tensor))
        return self.results[-1]

    def _check_memory(self, arguments: tuple[Any, ...]) -> None:
        """A step must not change its arguments, nor what lies in the memory of something else."""
        changed = [slot.found for slot in self.slots if slot.after is not slot.before]
        changed = [*self.overwritten, *(array for array in changed if array is not None)]
        for number, (argument, seen) in enumerate(zip(arguments, self.arguments, strict=True)):
            array, seen = (getattr(each, "_array", each) for each in (argument, seen))
            line = self.tape.written_at.get(seen.memory if isinstance(seen, StandIn) else None)
            _require(not line, f"a step must not change its argument {number}, at {line}")
            near = changed if isinstance(array, np.ndarray) else []
            wrong = f"argument {number} shares memory with what the step changes: pass a copy"
            _require(not any(np.may_share_memory(array, other) for other in near), wrong)
        lying = [(t.title, array) for t, _, array, _ in self._leaves if array is not None]
        lying += [(f"an array of shape {array.shape}", array) for array, _ in self._arrays]
        for array in self.overwritten:
            near = [title for title, other in lying if np.may_share_memory(array, other)]
            wrong = f"{near[0]} shares memory with something that the step changes"
            _require(len(near) == 1, wrong)

    def _check_generators(self) -> None:
        for generator, before in self.before.generators.states.items():
            expected = self.tape.drawn.get(generator, before)
            _require(
                digested(state_of(generator)) == digested(expected),
                f"the step draws random numbers from {generator}, which a replay would not draw: "
                "draw them by afresh(generator.random, shape), from microgradnd.program",
            )

    def _check_that_nothing_is_left(self) -> None:
        seen = leaves_of([self.arguments, self._leaves, list(self._seen.values())])
        known = {id(getattr(x, "_array", x)) for x in seen}

        def is_kept() -> bool:
            return any(id(seen) not in known for seen in self.tape.in_use)

        if is_kept():
            gc.collect()  # objects that refer to each other may be nobody's
            _require(
                not is_kept(),
                "the step keeps an array that it has computed where replay() does not look: return "
                "what is needed later",
            )


def carried_out(step: Any, arguments: tuple[Any, ...]) -> Any:
    """What a step returns, without history. Like a recording it settles what an optimiser holds."""

    def alone(leaf: Any) -> Any:  # a copy, as of what a program returns
        if isinstance(leaf, Tensor) and leaf.operation is not None:
            return constant(np.array(leaf._array))
        return np.array(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf

    with recording_on(SETTLING):
        return map_leaves(alone, step(*arguments))


def check_argument(number: int, argument: Any) -> None:
    """Raises an error for an argument that a program could not take."""
    is_tensor = isinstance(argument, Tensor)
    _require(
        not (is_tensor and argument.requires_grad),
        f"argument {number} requires a gradient: a step takes data as arguments, and finds its "
        "parameters in its closure",
    )
    _require(
        is_tensor or isinstance(argument, np.generic) or type(argument) in _ARGUMENTS,
        f"argument {number} is a {type(argument).__name__}: a step takes arrays, Tensors and "
        "numbers, and finds everything else in its closure",
    )


def _require(right: object, message: str) -> None:
    require(right, message, NotReplayableError)


def _is_of_numbers(value: Value) -> bool:
    """Whether it is a number, or a check of one."""
    return value.is_number or (value.function is expect and value.used()[0].is_number)
