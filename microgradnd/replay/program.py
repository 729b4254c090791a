"""A program: the calls of a recording as lines of Python, and how these are run."""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..tensor import Tensor, constant
from .layout import ALIGNED, Layout, Memory
from .luck import put_back, state_of
from .moment import Moment
from .reach import get, put
from .recorded import Array, NotReplayableError, Number, form, is_equal, owner
from .recording import Recording, Result
from .tape import Call, OtherwiseError, expect, into


class Program:
    """What a step does, without the step. `source` is there to be read."""

    def __init__(self, recording: Recording) -> None:
        self.verified = False
        self._recording, self._layout = recording, Layout(recording)
        self._offsets, size = self._layout.offsets()
        self._passing = Memory(np.empty(size, np.uint8), movable=True)
        self._bytes = {self._passing: _aligned_bytes(size)}
        self._lying: dict[str, tuple[Memory, int, Any]] = {}  # where arrays lie, and their forms
        self._names: dict[Any, str] = {}
        self._given: dict[str, Any] = {  # what the lines use, by name
            "get": get,
            "put": put,
            "expect": expect,
            "view": np.ndarray,
            "constant": constant,
            "inf": math.inf,
            "nan": math.nan,
        }
        self._views: list[str] = []  # lines that make views of the arguments
        self._note_what_it_depends_on()
        self.source = self._written()
        made: dict[str, Any] = {}
        exec(compile(self.source, "<a replayed step>", "exec"), made)
        self._function = self._replay = made.pop("replayed")  # so that no cycle keeps the arrays
        if recording.tape.ignored:
            ignored: Any = dict.fromkeys(recording.tape.ignored, "ignore")
            self._replay = np.errstate(**ignored)(self._function)
        del self._recording, self._layout  # with the arrays of the recording
        self._make_arrays(set(self._bytes))
        for memory in self._bytes:
            del memory.array

    # ---- running it ------------------------------------------------------------------------------

    def fits(self) -> bool:
        """Whether all that the step can reach is as it was when it was recorded."""
        try:
            for position, holder, key in self._changing:
                self._expected[position] = get(holder, key)
            held = itertools.chain.from_iterable(self._values)
            return (
                all(map(operator.is_, held, self._expected))
                and list(map(len, self._whole)) == self._lengths
                and [(t._requires_grad, t.grad is None) for t in self._tensors] == self._flags
            )
        except (LookupError, AttributeError, ValueError):  # something is no longer there
            return False

    def run(self, arguments: tuple[Any, ...]) -> Any:
        """Do what the step does. Where something does not hold, raise, and have done nothing."""
        contents = [a._data if isinstance(a, Tensor) else a for a in arguments]
        self._check_memory(contents)
        self._take_over()
        for array, values in self._undo:
            np.copyto(values, array)
        luck = [state_of(generator) for generator in self._draws_before_checks]
        try:
            return self._replay(*contents)
        except Exception:
            for array, values in self._undo:
                np.copyto(array, values)
            for generator, state in zip(self._draws_before_checks, luck, strict=True):
                put_back(generator, state)
            raise

    def _check_memory(self, contents: list[Any]) -> None:
        """No argument may lie where the program writes."""
        for array in contents:
            if isinstance(array, np.ndarray):
                whole = owner(array)
                if (whole.base is not None or id(whole) in self._owners) and any(
                    np.may_share_memory(array, memory) for memory in self._memories_written()
                ):
                    raise OtherwiseError

    def _memories_written(self) -> list[Array]:
        return [*self._bytes.values(), *self._held]

    def _take_over(self) -> None:
        """Have the Tensors hold the arrays of the program, with the values that they have now."""
        given = self._given
        for tensor, name, is_written in self._data:
            if tensor._data is not given[name] or (is_written and tensor._shared):
                self._check_forms()
                self._move()
                break
        for tensor, name in self._old_gradients:
            if tensor.grad is not given[name]:
                self._check_forms()
                np.copyto(given[name], tensor.grad)

    def _check_forms(self) -> None:
        """What is to be taken over must be of the form that the program was made for."""
        pairs = [(tensor._data, name) for tensor, name, _ in self._data]
        pairs += [(tensor.grad, name) for tensor, name in self._old_gradients]
        for array, name in pairs:
            array = np.asarray(array) if isinstance(array, np.generic) else array
            if type(array) is not np.ndarray or form(array) != form(self._given[name]):
                raise OtherwiseError

    def _move(self) -> None:
        """Leave memory that others may look at, such as a graph that was recorded since."""
        old = dict(self._given)
        left = {
            self._lying[name][0]
            for tensor, name, is_written in self._data
            if tensor._data is not old[name] or (is_written and tensor._shared)
        }
        for memory in left:
            self._bytes[memory], values = _aligned_bytes(memory.size), self._bytes[memory]
            self._bytes[memory][:] = values
        self._make_arrays(left)
        for tensor, name, _ in self._data:
            if tensor._data is not self._given[name]:
                if tensor._data is not old[name]:
                    np.copyto(self._given[name], tensor._data)
                tensor._data, tensor._shared = self._given[name], False

    # ---- what it depends on ----------------------------------------------------------------------

    def _note_what_it_depends_on(self) -> None:
        recording, calls = self._recording, self._layout.calls
        self._values, self._expected = recording.reach.values(), list(recording.held)
        self._changing = [
            (position, holder, key)
            for position, (holder, key, _) in enumerate(recording.reach.entries())
            if (id(holder), key) in recording.changing
        ]
        used = {self._layout.at(a)[0] for call in calls for a in (*call.reads, *call.writes)}
        written = {self._layout.at(a)[0] for call in calls for a in call.writes}
        self._held = [memory.array for memory in written if not memory.movable]
        self._tensors = [slot.tensor for slot in recording.slots]
        self._flags = [(s.tensor._requires_grad, not s.had_grad) for s in recording.slots]
        slots = [
            s for s in recording.slots if s.grad is not None or self._layout.at(s.data)[0] in used
        ]
        self._reach, self._overwritten = recording.reach, recording.tape.overwritten
        self._generators = list(recording.tape.generators)
        self._whole = recording.reach.whole
        self._lengths = list(map(len, self._whole))
        self._data = [
            (slot.tensor, self._name(slot.data), self._layout.at(slot.data)[0] in written)
            for slot in slots
        ]
        self._old_gradients = [
            (slot.tensor, self._name(slot.old_grad)) for slot in slots if slot.old_grad is not None
        ]
        self._gradients = [
            (slot.tensor, "None" if slot.grad is None else self._name(slot.grad))
            for slot in slots
            if slot.grad is not None or slot.had_grad
        ]
        checks = [time for time, call in enumerate(calls) if call.function in (expect, into)]
        before = calls[: max(checks, default=0)]
        self._draws_before_checks = self._generators if checks else []
        lasting = [a for call in before for a in call.writes if self._layout.at(a)[0].lasting]
        self._undone = {id(owner(a)): self._name(owner(a)) for a in lasting}

    # ---- the lines -------------------------------------------------------------------------------

    def _written(self) -> str:
        """The program as a function in Python."""
        recording = self._recording
        lines = list(recording.tape.lines)
        calls = list(map(self._line, self._layout.calls))
        lines += [*self._views, *calls]
        for number, (holder, key, _) in enumerate(recording.numbers.values()):
            self._given |= {f"h{number}": holder, f"k{number}": key}
        for number, (holder, key, name) in enumerate(recording.new_numbers):
            self._given |= {f"to{number}": holder, f"at{number}": key}
            lines.append(f"put(to{number}, at{number}, {name})")
        for number, (tensor, name) in enumerate(self._gradients):
            self._given[f"t{number}"] = tensor
            lines.append(f"t{number}.grad = {name}")
        lines.append(f"return {self._text(recording.result)}")
        self._parameters = list(dict.fromkeys([*self._given, *self._lying]))
        arguments = [f"x{number}" for number in range(len(recording.arguments))]
        head = ", ".join([*arguments, *(f"{name}=None" for name in self._parameters)])
        return f"def replayed({head}):\n    " + "\n    ".join(lines) + "\n"

    def _line(self, call: Call) -> str:
        arguments = list(map(self._text, call.arguments))
        arguments += [f"{name}={self._text(value)}" for name, value in call.keywords.items()]
        return f"{self._constant(call.function)}({', '.join(arguments)})"

    def _text(self, value: Any) -> str:
        """How a value is spelled in a line."""
        if isinstance(value, np.ndarray):
            return self._name(value)
        if isinstance(value, Number):
            return value.name
        if isinstance(value, Result):
            values = f"{self._name(value.array)}.copy()"
            return f"constant({values})" if value.of_tensor else values
        if type(value) is list:
            return f"[{', '.join(map(self._text, value))}]"
        if type(value) is tuple:
            return f"({''.join(self._text(part) + ', ' for part in value)})"
        if type(value) is dict:
            pairs = (f"{self._text(key)}: {self._text(part)}" for key, part in value.items())
            return f"{{{', '.join(pairs)}}}"
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        if type(value) is float and math.isfinite(value):
            return repr(value)
        return self._constant(value)

    def _constant(self, value: Any) -> str:
        """The name of a value that never changes, such as a function."""
        if ("constant", id(value)) not in self._names:
            name = getattr(value, "__name__", "constant")
            of = getattr(value, "__self__", None)
            name = f"{of.__name__}_{name}" if isinstance(of, np.ufunc) else name
            name = name if name.isidentifier() else "constant"
            taken = f"{name}_{len(self._given)}" if name in self._given else name
            self._names["constant", id(value)] = taken
            self._given[taken] = value
        return self._names["constant", id(value)]

    def _name(self, array: Array) -> str:
        """The name of an array: the same for arrays of the same form at the same place."""
        memory, start = self._layout.at(array)
        key = memory, start, *form(array)
        if key not in self._names:
            self._names[key] = self._new_name(array, memory, start)
        return self._names[key]

    def _new_name(self, array: Array, memory: Memory, start: int) -> str:
        number = self._recording.tape.argument_number(array)
        if number is not None:
            if form(array) == form(owner(array)):
                return f"x{number}"
            name, its_form = f"x{number}_{len(self._views)}", f"form{len(self._views)}"
            start += _first_entry(array)
            self._given[its_form] = array.shape, array.dtype, start, array.strides
            given = f"{its_form}[0], {its_form}[1], x{number}, {its_form}[2], {its_form}[3]"
            self._views.append(f"{name} = view({given})")
            return name
        if not memory.movable:
            name = f"held_{len(self._given)}"
            if not array.ndim and not self._recording.tape.knows(array):
                name = _called(array)
                name = f"{name}_{len(self._given)}" if name in self._given else name
            self._given[name] = array
            return name
        name = f"a{len(self._lying)}"
        if memory.lasting:
            self._bytes.setdefault(memory, _aligned_bytes(memory.size))
        else:
            memory, start = self._passing, self._offsets[memory] + start
        self._lying[name] = memory, start + _first_entry(array), form(array)
        return name

    def _make_arrays(self, memories: set[Memory]) -> None:
        """The arrays that lie in these memories, and with them what depends on them."""
        for name, (memory, start, (shape, strides, dtype)) in self._lying.items():
            if memory in memories:
                self._given[name] = np.ndarray(shape, dtype, self._bytes[memory], start, strides)
        self._owners = {id(owner(memory)) for memory in self._memories_written()}
        self._function.__defaults__ = tuple(self._given[name] for name in self._parameters)
        arrays = [self._given[name] for name in self._undone.values()]
        self._undo = [(array, np.empty_like(array)) for array in arrays]

    # ---- checking it -----------------------------------------------------------------------------

    def verify(self, step: Any, arguments: tuple[Any, ...]) -> Any:
        """Carry out the step, take everything back, and run the program; compare the two."""
        arrays = [array for t in self._tensors for array in (t._data, t.grad)]
        arrays = [array for array in arrays if isinstance(array, np.ndarray)]
        before = Moment(self._reach, [*arrays, *self._overwritten.values()], self._generators)
        done = step(*arguments), self._left(before)
        before.go_back()
        try:
            replayed = self.run(arguments), self._left(before)
        except OtherwiseError:
            raise
        except Exception:  # which the step did not raise
            replayed = None
        if replayed is None or not is_equal(done, replayed):
            before.go_back()
            raise NotReplayableError(
                "this step does something that replay() cannot see: replayed, it gave other "
                "numbers. Perhaps it changes an array that it does not find in its closure"
            )
        self.verified = True
        return replayed[0]

    def _left(self, before: Moment) -> Any:
        """Copies of what a run, or the step, has left behind."""
        return (
            [(t._data.copy(), None if t.grad is None else t.grad.copy()) for t in self._tensors],
            [self._left_at(get(holder, key), value) for holder, key, value in before.held],
            [state_of(generator) for generator in before.luck],
        )

    def _left_at(self, now: Any, then: Any) -> Any:
        if isinstance(then, tuple) and isinstance(now, tuple) and len(now) == len(then):
            return list(map(self._left_at, now, then))
        if isinstance(then, np.ndarray) and id(owner(then)) in self._overwritten:
            return np.array(now)
        return now if type(then) in (int, float) else now is then


def _called(number: Array) -> str:
    """A name for a number that never changes: minus_0_5 for -0.5."""
    return "c" + f"{number:g}".replace("-", "minus_").replace(".", "_").replace("+", "")


def _first_entry(array: Array) -> int:
    """How many bytes behind the lowest one that it takes an array's first entry lies."""
    return array.__array_interface__["data"][0] - byte_bounds(array)[0]  # type: ignore[no-any-return]


def _aligned_bytes(size: int) -> Array:
    room = np.empty(size + ALIGNED, np.uint8)
    start = -byte_bounds(room)[0] % ALIGNED
    return room[start : start + size]
