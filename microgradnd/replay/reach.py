"""What a step can reach: the Tensors, dicts, lists and cells in its closure, its globals, and the
objects in these. What is in there may change between two steps, and a replay has to notice.
"""

from __future__ import annotations

import functools
import operator
import os
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..tensor import Tensor

Holder = Any  # a dict, a list or a cell
_NOT_LOOKED_INTO = {"numpy", "microgradnd", "builtins"}  # the packages of classes
_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Reach:
    """All that a step can reach.

    >>> from microgradnd import Tensor
    >>> from microgradnd.replay.reach import Reach
    >>> w, options = Tensor([1.0, 2.0]), {"rate": 0.1}
    >>> def step():
    ...     w.data -= options["rate"]
    >>> reach = Reach(step)
    >>> reach.tensors == [w], [(key, value) for _, key, value in reach.entries() if key == "rate"]
    (True, [('rate', 0.1)])
    """

    def __init__(self, step: Any) -> None:
        self.tensors: list[Tensor] = []
        self._holders: list[tuple[Holder, list[str] | None]] = []  # and the keys, if not all
        self._cells: list[types.CellType] = []
        self._seen: dict[int, Any] = {}
        waiting = [step]
        while waiting:
            thing = waiting.pop()
            if id(thing) not in self._seen:
                self._seen[id(thing)] = thing
                waiting += self._inside(thing)

    def _inside(self, thing: Any) -> Iterable[Any]:
        if isinstance(thing, Tensor):
            self.tensors.append(thing)
        elif isinstance(thing, dict | list):
            self._holders.append((thing, None))
            return list(thing.values() if isinstance(thing, dict) else thing)
        elif isinstance(thing, tuple | set | frozenset):
            return thing
        elif isinstance(thing, types.CellType):
            self._cells.append(thing)
            return [thing.cell_contents]
        elif isinstance(thing, types.FunctionType):
            return self._inside_function(thing) if _is_users(thing) else []
        elif isinstance(thing, types.MethodType):
            return [thing.__self__, thing.__func__]
        elif isinstance(thing, functools.partial):
            return [thing.func, thing.args, thing.keywords]
        elif not isinstance(thing, type | types.ModuleType) and _is_looked_into(type(thing)):
            return [vars(thing)] if hasattr(thing, "__dict__") else []
        return []

    def _inside_function(self, function: types.FunctionType) -> Iterable[Any]:
        names = [name for name in _names_in(function.__code__) if name in function.__globals__]
        if names:
            self._holders.append((function.__globals__, names))
        found = [function.__globals__[name] for name in names]
        filled = [cell for cell in function.__closure__ or () if _is_filled(cell)]
        return [*found, *filled, function.__defaults__, function.__kwdefaults__]

    def entries(self) -> Iterator[tuple[Holder, Any, Any]]:
        """What is held: the holder, the key and the value."""
        for holder, keys in self._holders:
            if keys is not None:
                yield from ((holder, key, get(holder, key)) for key in keys)
            elif isinstance(holder, dict):
                yield from ((holder, key, value) for key, value in holder.items())
            else:
                yield from ((holder, number, value) for number, value in enumerate(holder))
        yield from ((cell, "cell_contents", cell.cell_contents) for cell in self._cells)

    def whole_holders(self) -> list[Holder]:
        """The dicts and lists that are held as a whole."""
        return [holder for holder, keys in self._holders if keys is None]

    def values(self) -> list[Iterable[Any]]:
        """The same values as `entries`, as live views: they always show what is held just then."""
        views = [
            _Mapped(holder.__getitem__, keys)
            if keys is not None
            else holder.values()
            if isinstance(holder, dict)
            else holder
            for holder, keys in self._holders
        ]
        return [*views, _Mapped(operator.attrgetter("cell_contents"), self._cells)]


class _Mapped:
    """What a function gives for each of some things, whenever it is asked for."""

    def __init__(self, function: Callable[[Any], Any], things: list[Any]) -> None:
        self._function, self._things = function, things

    def __iter__(self) -> Iterator[Any]:
        return map(self._function, self._things)


def get(holder: Holder, key: Any) -> Any:
    """What is held under the key."""
    return holder.cell_contents if isinstance(holder, types.CellType) else holder[key]


def put(holder: Holder, key: Any, value: Any) -> None:
    """Have it hold something else."""
    if isinstance(holder, types.CellType):
        holder.cell_contents = value
    else:
        holder[key] = value


def _is_users(function: types.FunctionType) -> bool:
    package = (function.__module__ or "").partition(".")[0]
    return package != "numpy" and not function.__code__.co_filename.startswith(_ENGINE)


def _is_looked_into(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in _NOT_LOOKED_INTO


def _names_in(code: types.CodeType) -> list[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return sorted({*code.co_names, *(name for part in inner for name in _names_in(part))})


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
