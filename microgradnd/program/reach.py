"""What a step can reach: the Tensors, dicts, lists and cells in its closure, its globals, and the
objects in these. What is in there may change between two steps, and a replay has to notice.
"""

from __future__ import annotations

import dis
import functools
import itertools
import operator
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..primitive import Primitive
from ..random_state import is_generator
from ..tensor import Tensor
from .recorder import unchanging

_IMMUTABLE = 1 << 8  # the flag of classes, written in C, whose attributes cannot be set
GONE = object()
Holder = Any  # a dict, a list, a class, or an object with attributes, such as a cell
_WHOLE = (dict, list, deque)  # what is held as a whole
_HOLDING: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__self__", "__func__"),
    types.BuiltinMethodType: ("__self__",),
    functools.partial: ("func", "args", "keywords"),
    property: ("fget", "fset", "fdel"),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
    type(functools.cache(len)): ("__wrapped__",),
}
_BY_STRINGS = {"getattr", "globals", "vars"}  # the functions that find things by their names
_REPLAY = f"{__package__}.replay"
_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Reach:
    """Finds all that a step can reach.

    >>> w, options = Tensor([1.0, 2.0]), {"rate": 0.1}
    >>> def step():
    ...     w.data -= options["rate"]
    >>> reach = Reach(step)
    >>> reach.tensors == [w], [(key, value) for _, key, value in reach.entries() if key == "rate"]
    (True, [('rate', 0.1)])
    """

    def __init__(self, step: Any) -> None:
        self.tensors: list[Tensor] = []
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.generators: list[Any] = []
        self.whole: list[Any] = []  # the dicts and lists, which are held with all they hold
        self.sets: list[set[Any]] = []
        self.caches: list[Any] = []  # functions that remember what they returned
        self._attributes: set[int] = set()  # the ids of the dicts that hold attributes of objects
        self._modules: list[dict[str, Any]] = []
        self._names: dict[str, None] = {}  # in the code of functions
        self._parts: dict[int, tuple[Holder, dict[str, None]]] = {}  # of a holder, by its id
        waiting, seen = [step], dict[int, Any]()
        while waiting:
            thing = waiting.pop()
            if id(thing) not in seen:
                seen[id(thing)] = thing
                waiting += self._inside(thing)
            if not waiting:
                waiting += self._inside_modules()

    def _inside(self, thing: Any) -> Iterable[Any]:
        if isinstance(thing, _WHOLE):
            self.whole.append(thing)
            inside = [*thing, *thing.values()] if isinstance(thing, dict) else list(thing)
            return [*inside, *_of_its_class(thing)]
        if isinstance(thing, tuple | set | frozenset):
            self.sets += [thing] if isinstance(thing, set) else []
            return [*thing, *_of_its_class(thing)]
        if isinstance(thing, types.CellType):
            return self._part(thing, ["cell_contents"])
        if isinstance(thing, types.FunctionType):
            return self._inside_function(thing)
        if isinstance(thing, type):
            return self._inside_class(thing)
        if isinstance(thing, np.ndarray):
            self.arrays.append(thing)
        elif is_generator(thing):
            self.generators.append(thing)
        elif isinstance(thing, types.ModuleType):
            self._modules += [] if _package(thing.__name__) in unchanging else [vars(thing)]
        else:
            return self._inside_object(thing)
        return []

    def _inside_function(self, function: types.FunctionType) -> Iterable[Any]:
        found: list[Any] = [
            c for c in function.__closure__ or () if get(c, "cell_contents") is not GONE
        ]
        found += [vars(function), function.__kwdefaults__]
        if function.__defaults__:
            found += self._part(function, ["__defaults__"])
        if not _is_users(function):
            return found
        names, loaded = _names_in(function.__code__)
        self._names |= dict.fromkeys(names)
        own = function.__globals__
        found += self._part(own, [name for name in names if name in own and name in loaded])
        return found + [sys.modules[name] for name in names if name in sys.modules]  # imported

    def _inside_modules(self) -> list[Any]:
        """What lies in modules under names that the functions have in them."""
        found = []
        for module in self._modules:
            known = self._parts[id(module)][1] if id(module) in self._parts else {}
            new = [name for name in self._names if name in module and name not in known]
            found += self._part(module, new)
        return found

    def _inside_class(self, kind: type) -> Iterable[Any]:
        if _package(kind.__module__) in unchanging or kind.__flags__ & _IMMUTABLE:
            return []
        inside = dict(vars(kind))
        self._part(kind, [name for name in inside if not name.startswith("__")])
        return [*inside.values(), *kind.__bases__]

    def _inside_object(self, thing: Any) -> Iterable[Any]:
        kind = type(thing)
        if kind in _HOLDING:
            self.caches += [thing] if hasattr(thing, "cache_clear") else []
            return [getattr(thing, name) for name in _HOLDING[kind]]
        package, found = _package(kind.__module__), [kind]
        if isinstance(thing, Tensor):
            self.tensors.append(thing)
        elif package not in unchanging or isinstance(thing, Primitive):
            found += self._part(thing, [name for name in _slots(kind) if hasattr(thing, name)])
        if hasattr(thing, "__dict__") and package not in ("numpy", "builtins"):
            inside = vars(thing)
            self._attributes.add(id(inside))
            found.append(inside.get("__wrapped__") if kind.__module__ == _REPLAY else inside)
        return found

    def _part(self, holder: Holder, keys: list[str]) -> list[Any]:
        """Some of the keys of a holder; returns what is there."""
        if keys:
            self._parts.setdefault(id(holder), (holder, {}))[1].update(dict.fromkeys(keys))
        return [get(holder, key) for key in keys]

    def entries(self) -> Iterator[tuple[Holder, Any, Any]]:
        """What is held: the holder, the key and the value."""
        for holder in self.whole:
            pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
            yield from ((holder, key, value) for key, value in pairs)
        for holder, key in itertools.chain(*self._places()):
            yield holder, key, get(holder, key)

    def _places(self) -> tuple[list[tuple[Holder, Any]], list[tuple[Holder, Any]]]:
        """Holders of which only parts are held, with keys: those in dicts and classes, and those
        that are attributes of objects."""
        places = [(holder, key) for holder, keys in self._parts.values() for key in keys]
        of_items = [place for place in places if _has_items(place[0])]
        return of_items, [place for place in places if not _has_items(place[0])]

    def values(self) -> list[Iterable[Any]]:
        """The same values as `entries`, and the `members`, as live views: they always show what is
        held just then."""
        whole = [holder for holder in self.whole if holder]
        views = [holder.values() if isinstance(holder, dict) else holder for holder in whole]
        items, attributes = self._places()
        items = [(_items(holder), key) for holder, key in items]
        views += [_Looked(operator.getitem, items)] if items else []
        views += [_Looked(getattr, attributes)] if attributes else []
        return [*views, *self._members()]

    def members(self) -> list[Any]:
        """The keys of the dicts, but not the names of attributes, and what is in the sets."""
        return list(itertools.chain(*self._members()))

    def _members(self) -> list[Iterable[Any]]:
        dicts = [holder for holder in self.whole if isinstance(holder, dict) and holder]
        return [*(d for d in dicts if id(d) not in self._attributes), *self.sets]


class _Looked:
    """What is at some places whenever it is iterated over."""

    def __init__(self, function: Callable[[Any, Any], Any], places: list[tuple[Any, Any]]) -> None:
        self._function, self._places = function, list(zip(*places, strict=True))

    def __iter__(self) -> Iterator[Any]:
        return map(self._function, *self._places)


def _has_items(holder: Holder) -> bool:
    return isinstance(holder, (*_WHOLE, type))


def _items(holder: Holder) -> Any:
    return vars(holder) if isinstance(holder, type) else holder


def get(holder: Holder, key: Any) -> Any:
    """What is held under the key, or GONE."""
    try:
        return _items(holder)[key] if _has_items(holder) else getattr(holder, key)
    except (LookupError, AttributeError, ValueError):
        return GONE


def put(holder: Holder, key: Any, value: Any) -> None:
    """Puts something else there."""
    if isinstance(holder, _WHOLE):
        holder[key] = value
    elif isinstance(holder, type):
        setattr(holder, key, value)
    else:
        object.__setattr__(holder, key, value)  # whatever the class does on assignments


def _of_its_class(container: Any) -> list[Any]:
    """The class of a list or the like and its attributes, if it is not one of Python's own."""
    kind = type(container)
    own = _package(kind.__module__) not in unchanging
    return [kind, getattr(container, "__dict__", None)] if own else []


def _is_users(function: types.FunctionType) -> bool:
    """Whether it may use globals that change; the examples in our docstrings do too."""
    if function.__code__.co_filename.startswith(_ENGINE):  # even if it wraps a user's function
        return False
    return _package(function.__module__) not in unchanging - {"microgradnd"}


def _package(module: Any) -> str:
    return module.partition(".")[0] if isinstance(module, str) else ""  # Cython's types have none


def _slots(kind: type) -> list[str]:
    """The attributes of its objects that lie in no dict."""
    inside = [vars(base) for base in kind.__mro__ if "__slots__" in vars(base)]
    member = types.MemberDescriptorType
    return [name for each in inside for name, m in each.items() if isinstance(m, member)]


@functools.cache
def _names_in(code: types.CodeType) -> tuple[list[str], set[str]]:
    """The names in the code of a function, and those that do not only stand behind a point, as
    `step` does in `optimizer.step()`."""
    parts = [code]
    for part in parts:  # `parts` grows while it is walked
        parts += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
    names = {name for part in parts for name in part.co_names}
    spelled = {each for part in parts for each in part.co_consts if isinstance(each, str)}
    steps = [step for part in parts for step in dis.get_instructions(part)]
    loaded = {s.argval for s in steps if "ATTR" not in s.opname and "METHOD" not in s.opname}
    return sorted(names | spelled if names & _BY_STRINGS else names), loaded | spelled
