"""What a step may say about itself, and what it is told where it cannot be recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ..context import users_line

recording_to: ContextVar[Any] = ContextVar("tape", default=None)
SETTLING = "a step runs as always before it is recorded"
"""In the place of a tape: what an optimiser arranges for a recording is then there before it."""

unchanging = {"numpy", "microgradnd", "builtins", *sys.stdlib_module_names}
"""The packages whose functions and classes are always the same, and use nothing that changes."""


class NotReplayableError(RuntimeError):
    """A step does what a recorded program cannot do; the message says what, and in which line."""


class OtherwiseError(Exception):
    """Something differs from what it was when the step was recorded."""


def expect(truth: Any, found: bool) -> None:
    """A call of a program: what it looks at must be as it was found."""
    if bool(truth) is not found:
        raise OtherwiseError


def refused(what: str) -> NotReplayableError:
    """Returns an error that says what cannot be replayed, and in which line."""
    return NotReplayableError(
        f"{what} cannot be replayed, at {users_line()}. A replayed step computes with arrays; "
        "return from it what you want to look at, and check data by holds(), from "
        "microgradnd.program"
    )


def being_recorded() -> bool:
    """Returns whether a step is being recorded now.

    >>> being_recorded()
    False
    """
    return recording_to.get() is not None


def afresh(function: Callable[..., Any], *arguments: Any, plainly: Any = None) -> Any:
    """Returns `function(*arguments)`, which each replay calls again: for random numbers, and for
    arrays that Python must look into, such as the numbers of the rows to read. The function gets
    plain arrays, and returns an array whose shape does not depend on their values. `plainly` may do
    the same in fewer words, for `derive` to write down.

    >>> import numpy as np
    >>> afresh(np.random.default_rng(0).random, 3).shape
    (3,)
    """
    tape = recording_to.get()
    if tape is None or tape is SETTLING:
        return function(*arguments)
    if plainly is not None and tape.is_read:
        return plainly(*arguments)
    return tape.afresh(function, arguments)
