"""Whether and how operations are recorded: `no_grad`, `scope` and `trace`.

The three share one immutable state in a context variable, so each thread and each async task has
its own. In the usual state the variable is None, which is all that an operation checks.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


EVERYTHING = "everything"


class How(NamedTuple):
    """How operations are recorded."""

    enabled: bool | str = True  # or EVERYTHING: also what no gradient flows through
    traced: bool = False
    stops: bool = False  # at the first nan or inf


USUALLY = How()


class State(NamedTuple):
    """An open `with` block or call of a module: each time it is opened it has another state.

    It has how operations are recorded inside, the state around it, what was opened (a module by a
    weak reference, as graphs hold states), and the name and kind if this is a scope.
    """

    how: How
    outer: State | None
    block: Any
    name: str | None = None
    kind: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The names of all open scopes, outermost first."""
        names: list[str] = []
        state: State | None = self
        while state is not None:
            if state.name is not None:
                names.append(state.name)
            state = state.outer
        return tuple(reversed(names))

    def options(self) -> str:
        """What else a picture says of the scope."""
        block = self.block() if isinstance(self.block, weakref.ref) else self.block
        return "" if block is None else block._picture_options()


current: ContextVar[State | None] = ContextVar("recording", default=None)


class _Change:
    """A context manager that changes what is recorded inside its `with` block.

    Blocks nest; in generators that take turns they may also close in another order.
    """

    changes: Mapping[str, Any] = {}
    name: str | None = None
    kind = ""

    def __init_subclass__(cls, **changes: Any) -> None:
        cls.changes = changes

    def __enter__(self) -> Any:
        current.set(_opened(self, self.name, self.kind, current.get()))
        return self

    def __exit__(self, *error: object) -> None:
        leave(self)


def _opened(block: Any, name: str | None, kind: str, outer: State | None) -> State:
    how = USUALLY if outer is None else outer.how
    how = how._replace(**getattr(block, "changes", {}))
    return State(USUALLY if how == USUALLY else how, outer, block, name, kind)


def leave(block: Any) -> None:
    """Close a block, which is the innermost one that is open, as almost always, or another."""
    state, still_open = current.get(), []
    while state is not None and state.block is not block:
        still_open.append(state)
        state = state.outer
    if state is None:  # the block was opened in another context
        return
    state = state.outer
    for inner in reversed(still_open):
        state = _opened(inner.block, inner.name, inner.kind, state)
    current.set(state)


class no_grad(_Change, contextlib.ContextDecorator, enabled=False):
    """Record nothing inside, and let leaves be changed in place. Also a decorator.

    >>> from microgradnd import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    Tensor([0.5, 1.5], requires_grad=True)
    >>> @no_grad()
    ... def predict(x):
    ...     return np.sum(w * x)
    >>> predict(2.0)
    Tensor(4.)
    """

    def __call__(self, function: Function) -> Function:
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError(
                f"no_grad() cannot decorate {function.__name__}, a generator or coroutine, whose "
                "body runs after the call returns; use `with no_grad():` inside it"
            )
        return super().__call__(function)


class recording_on(_Change, enabled=True):
    """Record inside, even within no_grad: a transform needs its own graph."""


class recording_everything(_Change, enabled=EVERYTHING):
    """Record inside also what no gradient flows through, for a picture of it."""


def everything_is_recorded() -> bool:
    """Whether what is computed is for a picture, which shows each operation."""
    state = current.get()
    return state is not None and state.how.enabled == EVERYTHING


class scope(_Change):
    """Group the operations recorded inside under a name, for pictures and reports.

    Arguments:
        name: what the group is called.
        kind: what it is, such as "Linear": a picture of many such groups shows each as one box.
        options: a function that returns what else a picture writes into that box.

    >>> from microgradnd import Tensor, scope
    >>> x = Tensor(2.0, requires_grad=True)
    >>> with scope("encoder"), scope("square"):
    ...     y = x * x
    >>> y.scope
    ('encoder', 'square')
    """

    def __init__(self, name: str, kind: str = "", options: Callable[[], str] = str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a scope must be a string, got {type(name).__name__}")
        self.name, self.kind, self._picture_options = name, kind, options


class trace(_Change):
    """Record source lines inside, and raise at the first nan or inf, forward or backward.

    The error names the operation, its scope and the line; with stop=False nothing is raised.

    >>> from microgradnd import Tensor, trace
    >>> x = Tensor([1.0, 0.0], requires_grad=True)
    >>> with trace(), np.errstate(divide="ignore"):  # doctest: +ELLIPSIS
    ...     y = np.log(x)
    Traceback (most recent call last):
    FloatingPointError: log gave -inf at ..., line 2: y = np.log(x)
    """

    def __init__(self, stop: bool = True) -> None:
        self.changes = {"traced": True, "stops": stop}


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Restore the usual state inside (recording, no scope, no trace), without NumPy's warnings."""
    token = current.set(None)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        current.reset(token)


@contextlib.contextmanager
def holding(tensors: Sequence[Any], arrays: Sequence[Any]) -> Iterator[None]:
    """Inside, the Tensors hold these arrays, of any dtype; afterwards what they held before."""
    before = [tensor._array for tensor in tensors]
    try:
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor._array = array
        yield
    finally:
        for tensor, array in zip(tensors, before, strict=True):
            tensor._array = array


# The folders of libraries: a line in one of them is not the user's. nn adds its own.
library_folders = {
    os.path.dirname(os.path.abspath(file)) + os.sep for file in (__file__, np.__file__)
}


def _users_frame() -> FrameType:
    """That of the nearest caller that is not in a library's folder."""
    frame, folders = sys._getframe(1), tuple(library_folders)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(folders):
        frame = frame.f_back
    return frame


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line of the user's that calls the library, and not at a line of the library."""
    frame = _users_frame()
    seen = frame.f_globals.setdefault("__warningregistry__", {})
    place = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__"), seen
    warnings.warn_explicit(message, category, *place)


def users_line() -> str:
    """The line of the nearest caller that is not in a library's folder, with its text."""
    import linecache  # only a traced run needs it

    frame = _users_frame()
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    return f"{file}, line {number}" + (f": {text}" if text else "")
