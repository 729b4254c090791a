"""A training step, recorded twice and replayed as a straight line of NumPy calls: `replay`."""

from __future__ import annotations

import functools
import itertools
import operator
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import arrays
from ..context import USUALLY, current
from ..tensor import Tensor, constant
from .recorder import NotReplayableError, OtherwiseError, being_recorded
from .recording import Recording, carried_out, check_argument
from .runner import Program
from .value import is_same, kind_of


def replay(step: Callable[..., Any], check: bool = False) -> Replay:
    """Returns a function that does what a training step does, faster: as a recorded program.

    A step takes arrays, Tensors and numbers, computes a loss and its gradients, and updates what it
    finds in its closure. It returns what the caller needs; Tensors are returned without history.

    >>> w = Tensor([1.0, -1.0], requires_grad=True)
    >>> def step(x, rate):
    ...     loss = np.sum((w * x) ** 2)
    ...     w.zero_grad()
    ...     loss.backward()
    ...     w.data -= rate * w.grad
    ...     return loss
    >>> fast = replay(step)
    >>> [round(fast(np.ones(2), 0.1).item(), 3) for _ in range(5)]
    [2.0, 1.28, 0.819, 0.524, 0.336]

    In each of the first three calls the step runs as always. Before that the second and the third
    record it and undo it; if the two recordings agree, they are a program, which must do the same
    as the step in the third call (with `check` in each). From then on the program runs alone; its
    lines are in `source`. Arguments (made contiguous) and whatever else the step reaches are read
    again in each call; other shapes or dtypes, or `eval()`, make another program. A result is a
    copy, and an array also where NumPy would return a number.

    A step that looks at data in Python (by `if`, `item()` or print) is refused, with the line, and
    undone. So is one that draws random numbers unseen by `replay`, changes its arguments, or keeps
    what it computes where `replay` does not look. It may check data by `holds(condition)`, draw
    random numbers by `afresh(generator.random, shape)`, and look into arrays in a function of its
    own by `afresh(function, array)`, as the layers of `nn` do; both are in `microgradnd.program`.

    Threads may call replays: they wait for each other, and so must other code that reads what a
    step changes. The program changes parameters in place, as `w.data -= ...` does, and gradients
    lie in the same arrays each time: copy what you want to keep from one step to the next.
    """
    return Replay(step, check)


class Replay:
    """A step that is replayed. `source` is the last program, as readable Python."""

    _KEPT = 8  # programs, for other shapes, types and modes
    _PATIENCE = 6  # recordings in a row without a program

    def __init__(self, step: Callable[..., Any], check: bool = False) -> None:
        if not callable(step):
            raise TypeError(f"replay() takes a function, got {type(step).__name__}")
        functools.update_wrapper(self, step, updated=())
        self._step, self._check = step, check
        self._programs: list[tuple[Any, Program]] = []  # and for what arguments, the latest first
        self._earlier: list[tuple[Any, Recording]] = []
        self._changing: set[Any] = set()
        self._numbers: dict[Any, Any] = {}
        self._in_vain, self._called = 0, False

    @property
    def source(self) -> str:
        """The lines of the program that ran last; empty before the first."""
        return self._programs[0][1].source if self._programs else ""

    def __call__(self, *arguments: Any) -> Any:
        if being_recorded():  # inside another step, as a part of it
            return self._step(*arguments)
        with _one_at_a_time:
            kind = _made_for(arguments)
            for number, (made_for, program) in enumerate(self._programs):
                if made_for != kind:
                    continue
                try:
                    if self._check:
                        returned = program.verify(self._step, arguments)
                    else:
                        returned = program.run(arguments)
                except OtherwiseError:
                    continue
                if number:
                    self._programs.insert(0, self._programs.pop(number))
                return returned
            contiguous = tuple(map(_contiguous, arguments))
            if any(map(operator.is_not, contiguous, arguments)):
                return self(*contiguous)
            return self._record(kind, arguments)

    def __reduce__(self) -> Any:  # a copy makes programs of its own
        return type(self), (self._step, self._check)

    def _record(self, kind: Any, arguments: tuple[Any, ...]) -> Any:
        """Runs the step as always; from the second call on it is recorded before."""
        for number, argument in enumerate(arguments):
            check_argument(number, argument)
        if not self._called:
            self._called = True
            return carried_out(self._step, arguments)
        try:
            earlier = [each for made_for, each in reversed(self._earlier) if made_for == kind]
            seen, is_last = (self._changing, self._numbers), self._in_vain == self._PATIENCE
            recording = Recording(self._step, arguments, earlier, *seen, with_lines=is_last)
        except OtherwiseError:
            return carried_out(self._step, arguments)
        self._changing |= recording.changing
        self._numbers |= recording.numbers_held
        reasons = [_difference(each, recording) for each in earlier]
        if "" in reasons:
            program = Program(recording)
            try:
                returned = program.verify(self._step, arguments)
            except OtherwiseError:
                reasons.append("an array that it leaves lies in several places")
            else:
                self._programs = [(kind, program), *self._programs[: self._KEPT - 1]]
                self._earlier = [(other, each) for other, each in self._earlier if other != kind]
                self._in_vain = 0
                return returned
        self._earlier = [*self._earlier[1 - self._KEPT :], (kind, recording)]
        self._in_vain += 1
        if self._in_vain > self._PATIENCE:
            reason = [*filter(None, reasons), "its arguments have another shape each time"][0]
            raise NotReplayableError(f"this step cannot be replayed: {reason}")
        return carried_out(self._step, arguments)


_one_at_a_time = threading.RLock()  # what one thread records or replays, another could find changed


if hasattr(os, "register_at_fork"):  # no child begins with a step that is half recorded
    unlock = _one_at_a_time.release
    os.register_at_fork(
        before=_one_at_a_time.acquire, after_in_parent=unlock, after_in_child=unlock
    )


def _contiguous(argument: Any) -> Any:
    """An argument with its entries one after the other in memory."""
    array = argument._array if isinstance(argument, Tensor) else argument
    if type(array) is not np.ndarray or array.flags.c_contiguous:
        return argument
    array = np.asarray(array, order="C")
    return constant(array) if isinstance(argument, Tensor) else array


def _made_for(arguments: tuple[Any, ...]) -> Any:
    """What a program is made for: how operations are recorded, and the kinds of its arguments."""
    state = current.get()
    how = USUALLY if state is None else state.how
    return how, arrays._default_dtype, *map(kind_of, arguments)


def _difference(first: Recording, second: Recording) -> str:
    """Says why two recordings of a step make no program; an empty string if they make one."""
    if not second.settled:
        return "it leaves other objects behind than it found"
    if not is_same(first.held, second.held):
        return (
            "other objects are put within its reach from call to call: pass what changes as "
            "arguments, a rate as one of Python's numbers"
        )
    for one, other in itertools.zip_longest(first.called, second.called):
        if one is not other:
            line = "its end" if other is None else second.tape.touched[other]
            return (
                f"it does not make the same calls each time, at {line}. If a number or an "
                "array differs there, which NumPy does not compute from the step's arguments, pass "
                "it as an argument, compute it by np.cos rather than math.cos, or draw it by "
                "afresh(generator.random, ...), from microgradnd.program"
            )
    return "" if first.rest == second.rest else "it does not leave or return the same each time"
