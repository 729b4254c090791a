"""What a step can reach: the Tensors, dicts, lists and cells in its closure, its globals, and the
objects in these. What is in there may change between two steps, and a replay has to notice; a
`StepSnapshot` is a snapshot of it.
"""

from __future__ import annotations

import dis
import functools
import gc
import itertools
import operator
import os
import sys
import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..primitive import Primitive
from ..random_state import Snapshot, common_generators, fingerprint, is_generator
from ..tensor import Tensor
from .recorder import unchanging
from .value import digested, is_number, is_same, owner

_IMMUTABLE = 1 << 8  # the flag of classes, written in C, whose attributes cannot be set
GONE = object()
Holder = Any  # a dict, a list, a class, or an object with attributes, such as a cell
_WHOLE = (dict, list, deque)  # what is held as a whole
_ATOMS = {int, float, complex, bool, str, bytes, type(None)}
_CACHE = type(functools.cache(len))
_BY_STRINGS = {  # what finds things by their names
    "__dict__", "__import__", "attrgetter", "getattr", "globals", "import_module", "modules",
    "vars",
}  # fmt: skip
_OF_CALLS = {types.FrameType, types.TracebackType}  # which lead to all variables
_REPLAY = f"{__package__}.replay"
_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Places:
    """Entries of dicts, lists and classes, and attributes; iterated over, what is there now."""

    def __init__(self, places: Iterable[tuple[Holder, Any]]) -> None:
        self.all = sorted(places, key=lambda place: not _has_items(place[0]))
        items = [place for place in self.all if _has_items(place[0])]
        self._items = [_items(holder) for holder, _ in items], [key for _, key in items]
        self._attributes = [list(each) for each in zip(*self.all[len(items) :], strict=True)]

    def __iter__(self) -> Iterator[Any]:
        attributes = map(getattr, *self._attributes) if self._attributes else ()
        return itertools.chain(map(operator.getitem, *self._items), attributes)


class Surroundings:
    """Finds all that a step can reach.

    >>> w, options = Tensor([1.0, 2.0]), {"rate": 0.1}
    >>> def step():
    ...     w.data -= options["rate"]
    >>> around = Surroundings(step)
    >>> around.tensors == [w], [(key, value) for _, key, value in around.entries() if key == "rate"]
    (True, [('rate', 0.1)])
    """

    def __init__(self, step: Any) -> None:
        self.tensors: list[Tensor] = []
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.generators: list[Any] = []
        self.whole: list[Any] = []  # the dicts and lists, which are held with all they hold
        self.sets: list[set[Any]] = []
        self.sized: list[Any] = []  # what has as many entries as before, unless it was changed
        self.caches: list[Any] = []  # functions that remember what they returned
        self._missing: list[tuple[Holder, str]] = []  # where there is nothing yet
        self._fixed: set[int] = set()  # the ids of dicts of attributes, always of these names
        self._modules: list[dict[str, Any]] = []
        self._names: dict[str, None] = {}  # in the code of functions
        self._parts: dict[int, tuple[Holder, dict[str, None]]] = {}  # of a holder, by its id
        waiting, seen = [step], dict[int, Any]()
        while waiting:
            thing = waiting.pop()
            if type(thing) not in _ATOMS and id(thing) not in seen:
                seen[id(thing)] = thing
                waiting += self._inside(thing)
            if not waiting:  # what lies in modules under names that the functions have in them
                for module in self._modules:
                    waiting += self._part(module, self._names)
        self.places = Places((h, key) for h, keys in self._parts.values() for key in keys)
        filled = list(filter(len, self.whole))
        keyed = [d for d in filled if isinstance(d, dict) and id(d) not in self._fixed]
        self._members: list[Any] = [*keyed, *self.sets]
        self.sized += self.whole
        self.lengths = list(map(len, self.sized))
        lists = [each.values() if isinstance(each, dict) else each for each in filled]
        places = [self.places] if self.places.all else []
        # The values of `entries` and the `members`, always as they are just then.
        self.views: list[Iterable[Any]] = [*lists, *places, *self._members]

    def _inside(self, thing: Any) -> Iterable[Any]:
        if isinstance(thing, (*_WHOLE, tuple, set, frozenset)):
            self.whole += [thing] if isinstance(thing, _WHOLE) else []
            self.sets += [thing] if isinstance(thing, set) else []
            return [*gc.get_referents(thing), getattr(thing, "__dict__", None)]
        if isinstance(thing, types.FunctionType):
            return self._inside_function(thing)
        if isinstance(thing, type):
            return self._inside_class(thing)
        if isinstance(thing, np.ndarray):
            self.arrays.append(thing)
        elif is_generator(thing):
            self.generators.append(thing)
        elif isinstance(thing, types.ModuleType):
            self._modules += [] if _package(thing) in unchanging else [vars(thing)]
        elif isinstance(thing, weakref.ref):
            return [thing()]
        elif isinstance(thing, _CACHE):
            self.caches.append(thing)
            return [thing.__wrapped__]
        else:
            return self._inside_object(thing)
        return []

    def _inside_function(self, function: types.FunctionType) -> Iterable[Any]:
        found = [*(function.__closure__ or ()), vars(function)]
        options = "__defaults__", "__kwdefaults__"
        found += self._part(function, [name for name in options if getattr(function, name)])
        if not _is_users(function):
            return found
        names, loaded = _names_in(function.__code__)
        self._names |= dict.fromkeys(names)
        found += self._part(function.__globals__, [name for name in names if name in loaded])
        return found + [sys.modules[name] for name in names if name in sys.modules]  # imported

    def _inside_class(self, kind: type) -> Iterable[Any]:
        if _package(kind) in unchanging or kind.__flags__ & _IMMUTABLE:
            return []
        self._part(kind, [name for name in vars(kind) if not name.startswith("__")])
        self.sized.append(vars(kind))
        return [*vars(kind).values(), *kind.__bases__, type(kind)]

    def _inside_object(self, thing: Any) -> Iterable[Any]:
        kind = type(thing)
        package, found = _package(kind), [kind]
        if isinstance(thing, Tensor):
            self.tensors.append(thing)
        elif isinstance(thing, types.CellType):
            found += self._part(thing, ["cell_contents"])
        elif package not in unchanging or isinstance(thing, Primitive):
            found += self._part(thing, _slots(kind))
        if kind is types.MappingProxyType and "__module__" in thing:  # vars() of a class
            return [getattr(thing.get("__dict__"), "__objclass__", None)]
        if kind.__flags__ & _IMMUTABLE and package in unchanging:
            return [] if package == "numpy" or kind in _OF_CALLS else gc.get_referents(thing)
        if hasattr(thing, "__dict__"):
            inside = vars(thing)
            self._fixed |= {id(inside)} if package in unchanging else set()
            found.append(inside.get("__wrapped__") if kind.__module__ == _REPLAY else inside)
        return found

    def _part(self, holder: Holder, keys: Iterable[str]) -> list[Any]:
        """Some of the keys of a holder; returns what is there that was not known before."""
        _, known = self._parts.setdefault(id(holder), (holder, {}))
        there = {key: get(holder, key) for key in keys if key not in known}
        new = {key: value for key, value in there.items() if value is not GONE}
        self._missing += [(holder, key) for key in there if key not in new]
        known |= dict.fromkeys(new)
        return list(new.values())

    def entries(self) -> Iterator[tuple[Holder, Any, Any]]:
        """What is held: the holder, the key and the value."""
        for holder in self.whole:
            pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
            yield from ((holder, key, value) for key, value in pairs)
        for holder, key in self.places.all:
            yield holder, key, get(holder, key)

    def lead_as_before(self) -> bool:
        """Whether no more can be reached than what is held by the entries, if these are as then."""
        as_long = list(map(len, self.sized)) == self.lengths
        return as_long and all(get(*place) is GONE for place in self._missing)

    def members(self) -> list[Any]:
        """The keys of the dicts, but not the names of attributes, and what is in the sets."""
        return list(itertools.chain(*self._members))


class StepSnapshot:
    """What is `held` everywhere, the `arrays` of the Tensors, the state of the generators, and the
    values of those arrays that may be overwritten."""

    def __init__(
        self, around: Surroundings, overwritten: Iterable[Array] = (), generators: Any = ()
    ) -> None:
        self.held = list(around.entries())
        tensors, keys = around.tensors, ("_array", "_grad")
        self.arrays = [(t, key, getattr(t, key)) for t in tensors for key in keys]
        self._shared = [(t, "_shared", t._shared) for t in tensors]
        self.generators = Snapshot({*common_generators(), *around.generators, *generators})
        self._contents = [(holder, holder.copy()) for holder in (*around.whole, *around.sets)]
        self._values = [(array, np.array(array)) for array in overwritten if array.flags.writeable]
        self._overwritten = {id(owner(array)) for array, _ in self._values}

    def restore(self) -> None:
        for array, values in self._values:
            np.copyto(array, values)
        self.generators.restore()
        for holder, contents in self._contents:
            if not is_same(list(holder), list(contents)):  # also in order
                holder.clear()
                add = holder.update if isinstance(holder, dict | set) else holder.extend
                add(contents)
        for holder, key, value in [*self.held, *self.arrays, *self._shared]:
            if get(holder, key) is not value:  # some holders, such as an Enum, cannot be set
                put(holder, key, value)

    def left(self) -> Any:
        """What the Tensors hold now, and what lies where something lay then, to be compared."""
        arrays = digested([get(tensor, key) for tensor, key, _ in self.arrays])
        held = [self._left(get(holder, key), value) for holder, key, value in self.held]
        return arrays, list(map(fingerprint, self.generators.states)), held

    def _left(self, now: Any, then: Any) -> Any:
        is_new = isinstance(now, np.ndarray) and (
            now is not then or id(owner(now)) in self._overwritten
        )
        return digested(now) if is_new or is_number(now) else now is then


def _has_items(holder: Holder) -> bool:
    return isinstance(holder, (*_WHOLE, type))


def _items(holder: Holder) -> Any:
    return vars(holder) if isinstance(holder, type) else holder


def get(holder: Holder, key: Any) -> Any:
    """What is held under the key, or GONE."""
    try:
        if isinstance(holder, _WHOLE):
            return holder[key]
        return vars(holder)[key] if isinstance(holder, type) else getattr(holder, key)
    except (LookupError, AttributeError, ValueError):
        return GONE


def put(holder: Holder, key: Any, value: Any) -> None:
    if isinstance(holder, _WHOLE):
        holder[key] = value
    elif isinstance(holder, type):
        setattr(holder, key, value)
    else:
        object.__setattr__(holder, key, value)  # whatever the class does on assignments


def _is_users(function: types.FunctionType) -> bool:
    """Whether it may use globals that change; the examples in our docstrings do too."""
    if function.__code__.co_filename.startswith(_ENGINE):  # even if it wraps a user's function
        return False
    return _package(function) not in unchanging - {"microgradnd"}


def _package(thing: Any) -> str:
    """That of a module, a class or a function; Cython's types have none."""
    module = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
    return module.partition(".")[0] if isinstance(module, str) else ""


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
