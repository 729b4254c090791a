"""A training step, recorded once and replayed as a straight line of NumPy calls: `replay`.

`tape` notes what a step does with arrays and numbers, `reach` finds what it depends on, `recording`
holds both together, `layout` decides where arrays lie, and `program` is what is run in the end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..recording import current
from ..tensor import Tensor
from .program import Program
from .recorded import NotReplayableError
from .recording import Recording, difference, is_same
from .tape import OtherwiseError, afresh, being_recorded, holds

__all__ = ["NotReplayableError", "Replay", "afresh", "being_recorded", "holds", "replay"]


def replay(step: Callable[..., Any], check: bool = False) -> Replay:
    """A function that does what a step does, from the third call on as a recorded program.

    The step computes a loss from the arrays, Tensors and numbers that it is handed, its gradients,
    and an update. It returns what is to be known of it: Tensors come without history.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from microgradnd.replay import replay
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
    >>> print(fast.source)
    """
    return Replay(step, check)


class Replay:
    """A step that is replayed. `source` has the last program, as Python that can be read."""

    _KEPT = 8  # programs, for other shapes, types and modes
    _PATIENCE = 8  # recordings in a row without a program

    def __init__(self, step: Callable[..., Any], check: bool) -> None:
        if not callable(step):
            raise TypeError(f"replay() takes a function, not {type(step).__name__}")
        functools.update_wrapper(self, step, updated=())
        self._step, self._check = step, check
        self._programs: list[tuple[Any, Program]] = []  # and for what arguments, the latest first
        self._earlier: list[tuple[Any, Recording]] = []
        self._changing: set[Any] = set()
        self._numbers: dict[Any, Any] = {}
        self._in_vain = 0

    @property
    def source(self) -> str:
        """The lines of the program that was run last; empty as long as there is none."""
        return self._programs[0][1].source if self._programs else ""

    def __call__(self, *arguments: Any) -> Any:
        kind = _kind(arguments)
        for number, (made_for, program) in enumerate(self._programs):
            if made_for == kind and program.fits():
                if number:
                    self._programs.insert(0, self._programs.pop(number))
                try:
                    if self._check or not program.verified:
                        return program.verify(self._step, arguments)
                    return program.run(arguments)
                except OtherwiseError:
                    continue
        return self._record(kind, arguments)

    def _record(self, kind: Any, arguments: tuple[Any, ...]) -> Any:
        recording = Recording(self._step, arguments, self._changing, self._numbers)
        self._changing |= recording.changing
        self._numbers |= recording.numbers_held
        reason = "it leaves other objects behind than it found"
        for made_for, earlier in reversed(self._earlier):
            if made_for == kind and is_same(earlier.held, recording.held):
                reason = difference(earlier, recording)
                if not reason:
                    self._programs.insert(0, (kind, Program(recording)))
                    del self._programs[self._KEPT :]
                    self._earlier.remove((made_for, earlier))
                    self._in_vain = 0
                    return recording.returned()
        self._earlier = [*self._earlier[1 - self._KEPT :], (kind, recording)]
        self._in_vain += 1
        if self._in_vain > self._PATIENCE:
            raise NotReplayableError(f"this step cannot be replayed: {reason}")
        return recording.returned()


def _kind(arguments: tuple[Any, ...]) -> Any:
    """What a program is made for: the types of its arguments, with shapes and dtypes."""
    state = current.get()
    return state is None or state.enabled, *[
        (Tensor, a._data.shape, a._data.dtype)
        if isinstance(a, Tensor)
        else (type(a), a.shape, a.dtype)
        if isinstance(a, np.ndarray)
        else type(a)
        if type(a) in (int, float)
        else a
        for a in arguments
    ]
