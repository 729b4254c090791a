"""One recording: a step runs on stand-ins, and its calls are noted with all that they depend on."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..habits import require
from ..random_state import fingerprint
from ..tensor import Tensor, constant
from ..tree import like_tuple, map_leaves
from .recorder import SETTLING, NotReplayableError, OtherwiseError, expect
from .stand_in import Number, StandIn, Unmoved
from .step_tape import StepTape, noting
from .surroundings import Holder, StepSnapshot, Surroundings, get, put
from .value import Value, form, is_number, is_same, owner, reachable, values_in
from .value_tape import on_tape

_OF_ITERATORS = ("builtins", "itertools")  # the modules of their types
_ARGUMENTS = {np.ndarray, np.memmap, int, float, bool, str, type(None)}
Place = tuple[int, Any]  # where something is held: the id of the holder, and the key


@dataclass
class Slot:
    """The array or the gradient of a Tensor, which a program keeps in an array of its own. A
    gradient may be None before or after.
    """

    tensor: Tensor
    key: str
    found: Any  # the form of the array that was there
    before: Value | None = None
    after: Value | None = None
    start: Any = None  # where the two lie, for a program
    end: Any = None

    @property
    def is_grad(self) -> bool:
        return self.key == "_grad"


@dataclass
class Result:
    """An array that a step returns or leaves, and how a program makes it of one of its own."""

    value: Value
    made: str
    array: Any = None  # where it lies


class Recording:
    """A step that ran once, noted; afterwards everything is as it was before. Raises an error where
    the step cannot be replayed.

    It is `like` the latest of the `earlier` recordings that found within reach what is there now.
    """

    def __init__(
        self,
        step: Any,
        arguments: tuple[Any, ...],
        earlier: Iterable[Recording],
        changing: set[Any],
        held: dict[Any, Any],
        with_lines: bool = False,
    ) -> None:
        like: Recording | None = next((e for e in earlier if e.is_found_again()), None)
        self.surroundings: Surroundings = like.surroundings if like else Surroundings(step)
        self.before = StepSnapshot(self.surroundings)
        known = like.tape if like else None
        self.tape: StepTape = StepTape(self.before.generators, known, with_lines)
        # Numbers within reach, by their places, and the places where they are seen to change.
        self.numbers_held = {(id(h), key): v for h, key, v in self.before.held if is_number(v)}
        items = self.numbers_held.items()
        self.changing = changing | {place for place, v in items if held.get(place, v) is not v}
        # What a program reads anew: arguments, then what lies in places whose content changes.
        self.inputs: list[Value | None] = []  # none for an argument that is no array or number
        self.places: dict[Place, tuple[Holder, Any, Any]] = {}  # with what the step finds there
        self.left: list[tuple[Holder, Any, Any]] = []  # the numbers and arrays left in places
        self.slots: list[Slot] = []
        self.results: list[Result] = []
        self._tensors = {tensor for tensor, *_ in self.before.arrays}
        self._lying: list[tuple[str, Array, StandIn]] = []  # arrays with what stands for them
        self._seen: dict[int, Any] = {}  # what is shown in the place of others, by their ids
        caches = {cache: cache.cache_info().misses for cache in self.surroundings.caches}
        try:
            given = list(map(self._argument, arguments))
            self._show_recorded()
            with noting(self.tape):
                returned = step(*given)
                self._take_back()
                self.result = map_leaves(self._as_result, returned)
            del returned, given
            self.held = self._objects(self.before.held)
            after = self.surroundings.entries()
            self.settled = not self._has_moved() and is_same(self.held, self._objects(after))
            self._check_memory()
            self._check_generators()
            self._note_order()
            self._note_rest()
        except NotReplayableError as error:
            if self.tape.found_false:  # perhaps it raises an error of its own
                raise OtherwiseError from error
            raise
        finally:
            self.before.restore()
            for cache, misses in caches.items():
                if cache.cache_info().misses != misses:  # it may hold arrays of the recording
                    cache.cache_clear()
        self._check_that_nothing_is_left()
        del self.before, self._lying, self._seen, self._written  # they hold arrays

    def _objects(self, entries: Any) -> list[Any]:
        """What is held everywhere; of what a program reads anew only the types."""
        held = [type(value) if (id(h), key) in self.places else value for h, key, value in entries]
        return held + self.surroundings.members()

    def is_found_again(self) -> bool:
        """Whether there is within reach now what there was before this recording."""
        now = self._objects(self.surroundings.entries())
        return is_same(self.held, now) and self.surroundings.lead_as_before()

    # ---- before the step -------------------------------------------------------------------------

    def _argument(self, argument: Any) -> Any:
        if isinstance(argument, Tensor):
            return constant(self._argument(argument.numpy()))
        seen = argument
        if isinstance(argument, np.ndarray | np.generic):
            array = np.asarray(argument, order="C")
            seen = self._lie(f"argument {len(self.inputs)}", len(self.inputs), array)
        elif type(argument) in (int, float):
            seen = self.tape.see_number(len(self.inputs), argument)
        self.inputs.append(None if seen is argument else self.tape.leaves[-1])
        return seen

    def _lie(self, title: str, key: Any, array: Array, is_place: bool = False) -> StandIn:
        """What stands for an array that is there."""
        self._lying.append((title, array, self.tape.see_leaf(key, array, is_place)))
        return self._lying[-1][-1]

    def _read_anew(self, holder: Holder, key: Any, shown: Any, leaf: Value) -> None:
        """What lies there is an input of the program, like an argument."""
        self.inputs.append(leaf)
        self.places[id(holder), key] = holder, key, shown

    def _show_recorded(self) -> None:
        for tensor, key, array in self.before.arrays:
            self.slots.append(Slot(tensor, key, None if array is None else form(array)))
            if array is not None:
                shown = self._lie(tensor.title, (id(tensor), key), np.asarray(array))
                self.slots[-1].before = shown.memory.first
                put(tensor, key, shown)
        for holder, key, value in self.before.held:
            if (id(holder), key) in self.changing and is_number(value):
                number = self.tape.see_number((id(holder), key), value)
                self._read_anew(holder, key, number, number.value)
                put(holder, key, number)
            elif (shown := self._shown(value)) is not value:
                put(holder, key, shown)
        for array in self.surroundings.arrays:
            _require(
                id(array) in self._seen,
                f"an array of shape {array.shape} is within reach of the step where nothing else "
                "can be put in its place, such as in a functools.partial: keep it in a list, a "
                "dict or a variable",
            )

    def _shown(self, value: Any) -> Any:
        """What the step sees in the place of an array, a tuple of them or an iterator: always the
        same."""
        if id(value) in self._seen:
            return self._seen[id(value)]
        if isinstance(value, Iterator) and type(value).__module__ in _OF_ITERATORS:
            shown: Any = Unmoved()
        elif isinstance(value, np.ndarray):
            key = "array", len(self._seen)
            shown = self._lie(f"an array of shape {value.shape}", key, value, is_place=True)
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
        for slot in self.slots:
            now = get(slot.tensor, slot.key)
            slot.after = None if now is None else self.tape.valued(now)
        left: set[int] = set()  # the ids of the memories of new arrays
        for holder, key, before in self.before.held:
            value, place = get(holder, key), (id(holder), key)
            if value is before and place not in self.places:
                continue
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
                if place not in self.places or value is not self.places[place][2]:
                    self.left.append((holder, key, value.value))
            elif is_number(value) and is_number(before):
                if place in self.places:
                    self.left.append((holder, key, value))
                elif value is not before:
                    self.changing.add(place)
        # What the step itself would overwrite, and what is written to arrays from outside.
        self._written: list[tuple[Array, StandIn]]
        self._written = [(a, seen) for _, a, seen in self._lying if seen.memory.written]
        self.overwritten = [array for array, _ in self._written]
        found = [(array, seen.memory) for array, seen in self._written]
        self.finals = [
            (array, memory.value) for array, memory in found if memory.first.place is array
        ]

    def _take_back_array(self, holder: Holder, key: Any, value: StandIn, before: Any) -> None:
        """Where the step leaves a new array in the place of one that lies apart, and which it does
        not change, a program leaves a copy."""
        seen = self._seen.get(id(before))
        if isinstance(seen, StandIn) and self._is_apart(before, seen, value):
            arrays = self.surroundings.arrays
            arrays[:] = [array for array in arrays if array is not before]
            self._read_anew(holder, key, seen, seen.memory.first)
            self.results.append(Result(value.value, "{}.copy()"))
            self.left.append((holder, key, self.results[-1]))
            put(holder, key, before)

    def _is_apart(self, before: Array, seen: StandIn, after: StandIn) -> bool:
        others = (other for *_, other in self.before.held if isinstance(other, np.ndarray))
        return (
            not (seen.memory.written or before.dtype.hasobject)
            and before.flags.c_contiguous
            and owner(before) is before
            and form(before) == form(after.array)
            and sum(np.may_share_memory(before, other) for other in others) == 1
        )

    def _note_order(self) -> None:
        """What must be computed: numbers first, then what is checked and drawn, up to the last
        check, so that little is undone where something differs; all in the order of the step."""
        ends = [result.value for result in self.results] + [value for _, value in self.finals]
        ends += [slot.after for slot in self.slots if slot.after]
        ends += values_in([self.result, [value for *_, value in self.left]])
        wanted = dict.fromkeys(reachable([*ends, *self.tape.lasting]))
        first = [value for value in wanted if value.function is None]
        called = [value for value in dict.fromkeys(self.tape.touched) if value in wanted]
        lasting = self.tape.lasting
        checks = [k for k, value in enumerate(lasting, 1) if value.function is expect]
        checked = set(reachable(lasting[: max(checks, default=0)]))

        def rank(value: Value) -> tuple[bool, bool]:
            of_number = value.function is expect and value.used()[0].is_number
            return not (value.is_number or of_number), value not in checked

        called.sort(key=rank)
        self.called, self.order = called, [*first, *called]

    def _note_rest(self) -> None:
        """What is left where, and returned, to be compared; and where what is read anew is held."""

        def words(leaf: Any) -> Any:
            if isinstance(leaf, Result):
                return leaf.value, leaf.made
            return type(leaf), repr(leaf) if isinstance(leaf, float | np.generic) else leaf

        slots = [(id(s.tensor), s.key, s.before, s.after) for s in self.slots]
        finals = [(id(array), value) for array, value in self.finals]
        new = [(id(holder), key, words(value)) for holder, key, value in self.left]
        self.rest = new, slots, finals, map_leaves(words, self.result)
        held = [(id(holder), key) for holder, key, _ in self.before.held]
        self.positions = {place: n for n, place in enumerate(held) if place in self.places}

    def _has_moved(self) -> bool:
        """Whether an array is another one than that of a recording like this, and not read anew."""
        there = [(a, s.memory.first) for _, a, s in self._lying if self._seen.get(id(a)) is s]
        return any(leaf.place is not array and leaf not in self.inputs for array, leaf in there)

    # ---- what could not be replayed --------------------------------------------------------------

    def _as_result(self, value: Any) -> Any:
        """An entry of what a step returned, as the program will find it."""
        if isinstance(value, Number):
            return value.value
        of_tensor = isinstance(value, Tensor)
        seen = value._array if of_tensor else value
        is_leaf = of_tensor and value in self._tensors and value.operation is None
        if is_leaf or not isinstance(seen, StandIn | np.ndarray):
            return value  # a parameter, say, or a number
        has_objects = seen.dtype.hasobject
        _require(not has_objects, "the step returns an array of objects: a list will do")
        made = "constant({}.copy())" if of_tensor else "{}.copy()"
        self.results.append(Result(self.tape.valued(seen), made))
        return self.results[-1]

    def _check_memory(self) -> None:
        """A step must not change its arguments, nor what lies in the memory of something else."""
        pairs = zip(self.slots, self.before.arrays, strict=True)
        moved = [(a, None) for s, (*_, a) in pairs if s.after is not s.before and a is not None]
        for title, array, seen in self._lying:
            line, is_input = seen.memory.written, seen.memory.first in self.inputs
            _require(not (line and is_input), f"a step must not change its {title}, at {line}")
            changed = self._written + moved if is_input else self._written
            near = (np.may_share_memory(array, a) for a, other in changed if other is not seen)
            wrong = f"{title} shares memory with something that the step changes: use a copy"
            _require(not any(near), wrong)

    def _check_generators(self) -> None:
        for generator in {*self.before.generators.moved(), *self.tape.drawn}:
            _require(
                fingerprint(generator) == self.tape.drawn.get(generator),
                f"the step draws random numbers from {generator}, which a replay would not draw: "
                "draw them by afresh(generator.random, shape), from microgradnd.program",
            )

    def _check_that_nothing_is_left(self) -> None:
        known = {id(seen) for *_, seen in self._lying}

        def is_kept() -> bool:
            there = (seen() for seen in self.tape.in_use)
            return any(seen is not None and id(seen) not in known for seen in there)

        if is_kept():
            gc.collect()  # objects that refer to each other may be nobody's
            where = "the step keeps an array that it has computed where replay() does not look"
            _require(not is_kept(), f"{where}: return what is needed later")


def carried_out(step: Any, arguments: tuple[Any, ...]) -> Any:
    """What a step returns, without history. Like a recording it settles what an optimiser holds."""

    def alone(leaf: Any) -> Any:  # a copy, as of what a program returns
        if isinstance(leaf, Tensor) and leaf.operation is not None:
            return constant(np.array(leaf._array))
        return np.array(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf

    with on_tape(SETTLING):
        return map_leaves(alone, step(*arguments))


def check_argument(number: int, argument: Any) -> None:
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
