"""Calls on a tape as items of a program for a browser: few functions, on arrays by their numbers.

What only moves entries is a "pick" of them; sums of products are one "contract".
"""

from __future__ import annotations

import math
import operator
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..habits import require
from ..tree import map_leaves
from .loops import along_rows, contraction, refuse_options
from .stand_in import Memory, StandIn
from .value import (
    NotDerivableError,
    Value,
    arrays_of,
    astype,
    changed,
    part_of,
    reachable,
    values_in,
)
from .value_tape import ValueTape

MOST_CALLS, MOST_ENTRIES = 30_000, 100_000  # of a program, and of the arrays that it begins with

FOREIGN = ("erf", "expit")  # functions of SciPy's that the page knows
MOVES = {
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims,
    np.broadcast_to, np.flip, np.roll, np.rot90, np.tril, np.triu, np.diag, np.diagonal, np.tile,
    np.repeat, np.take, np.take_along_axis, np.concatenate, np.stack, np.pad, np.copy, np.split,
    np.array_split, np.atleast_1d, np.atleast_2d, np.broadcast_arrays, operator.getitem,
    np.lib.stride_tricks.sliding_window_view, np.diagflat, np.rollaxis, np.atleast_3d,
}  # fmt: skip
ROWS = {
    np.max: "max", np.min: "min", np.amax: "max", np.amin: "min",
    np.prod: "prod", np.any: "any", np.all: "all",
    np.argmax: "argmax", np.argmin: "argmin", np.cumsum: "cumsum",
}  # fmt: skip


def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = np.sum(a, axis=axis, keepdims=keepdims)
    return total / (a.size / total.size)


def _var(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    total = np.sum((a - _mean(a, axis, True)) ** 2, axis=axis, keepdims=keepdims)
    return total / (a.size / total.size - ddof)


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


SPELLED: dict[Any, Callable[..., Any]] = {
    np.mean: _mean,
    np.nansum: lambda a, **options: np.sum(np.where(np.isnan(a), 0, a), **options),
    operator.pow: lambda a, b: np.power(a, b),
    np.add.reduce: lambda a, axis=0, **options: np.sum(a, axis=axis, **options),
    np.maximum.reduce: lambda a, axis=0, **options: np.max(a, axis=axis, **options),
    np.minimum.reduce: lambda a, axis=0, **options: np.min(a, axis=axis, **options),
    np.multiply.reduce: lambda a, axis=0, **options: np.prod(a, axis=axis, **options),
    np.var: _var,
    np.std: lambda *args, **options: np.sqrt(_var(*args, **options)),
    np.clip: _clip,
    np.outer: lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1)),
    np.vecdot: lambda a, b: np.sum(a * b, axis=-1),
    np.vdot: lambda a, b: np.sum(np.reshape(a, -1) * np.reshape(b, -1)),
}


class Items:
    """Values of a tape as items: arrays, and calls of functions on the items before them."""

    def __init__(self, tape: ValueTape) -> None:
        self.tape = tape
        self.all: list[list[Any]] = []
        self.place: dict[Value, int] = {}
        self._room = MOST_ENTRIES

    def write(self, ends: Iterable[Value]) -> None:
        for value in reachable(ends, self.place):
            if not isinstance(value.array, tuple | list):
                self.item(value)

    def add(self, name: str, *arguments: int, **options: Any) -> int:
        wrong = f"it takes more than {MOST_CALLS:,} calls"
        require(len(self.all) < MOST_CALLS, wrong, NotDerivableError)
        self.all.append([name, arguments, options] if options else [name, arguments])
        return len(self.all) - 1

    def _constant(self, array: Any) -> int:
        array = np.asarray(array)
        require(array.dtype.kind in "biuf", f"a page has no {array.dtype}", NotDerivableError)
        content = listed(array)
        self._room -= array.size if "packed" in content else 1
        wrong = f"its arrays have more than {MOST_ENTRIES:,} entries"
        require(self._room >= 0, wrong, NotDerivableError)
        return self.add("array", **content)

    def item(self, value: Any) -> int:
        """The place of a value, or of a number."""
        if not isinstance(value, Value):
            value = Value(np.asarray(value), fixed=True)
        if value not in self.place:
            self.place[value] = self._written(value)
        return self.place[value]

    def _written(self, value: Value) -> int:
        function, arguments, options = value.function, value.arguments, value.keywords
        alike = function in (np.full_like, np.zeros_like, np.ones_like)
        if function is None or value.fixed or (alike and not values_in(arguments[1:])):
            return self._constant(value.array)
        if function is astype:
            kind = value.dtype.kind
            zero = [self.item(0)] if kind == "b" else []
            name = {"b": "not_equal", "f": "positive"}.get(kind, "trunc")
            return self.add(name, self.item(arguments[0]), *zero)
        if function in SPELLED:
            return self._spelled(function, arguments, options)
        if function is changed:
            return self._changed(*arguments)
        if function in (np.sum, np.matmul, np.einsum):
            factors, loops = contraction(function, arguments, options)
            return self.add("contract", *map(self.item, factors), shape=value.shape, **loops)
        if function in ROWS:
            return self._rows(ROWS[function], value, *arguments, **options)
        if function in MOVES:
            return self._moved(value)
        name = str(getattr(function, "__name__", function))
        of_entries = isinstance(function, np.ufunc) and function.signature is None
        known = getattr(np, name, None) is function or name in FOREIGN
        if function is np.where or (of_entries and known and not options):
            name = "logical_not" if name == "invert" and value.dtype == bool else name
            return self.add(name, *map(self.item, arguments))  # the page says if it knows it not
        raise _unknown(function)

    def _spelled(self, function: Any, arguments: Any, options: Any) -> int:
        """A call of a function that is written with others."""
        given = map_leaves(self._seen, arguments)
        try:
            result = SPELLED[function](*given, **map_leaves(self._seen, options)).value
        except TypeError:
            raise _unknown(function, " with these options") from None
        self.write([result])
        return self.item(result)

    def _seen(self, leaf: Any) -> Any:
        return StandIn(self.tape, Memory(leaf)) if isinstance(leaf, Value) else leaf

    # ---- moving entries --------------------------------------------------------------------------

    def _moved(self, value: Value) -> int:
        """A call that only moves entries: found by moving their places."""
        which, whole, made = None, value.arguments[0], value.array
        if value.function is operator.getitem and isinstance(whole.array, tuple | list):
            value, which = value.arguments  # one of several results
        function, (first, *others) = value.function, value.arguments
        if function not in MOVES:
            raise _unknown(function)
        _require_fixed([others, value.keywords], "it picks entries at computed places")
        places: dict[Value, Array] = {}
        count = 1
        for each in dict.fromkeys(values_in(first)):
            places[each] = np.arange(count, count + each.array.size).reshape(each.shape)
            count += each.array.size
        moved = map_leaves(lambda leaf: places.get(leaf, leaf) if values_in(leaf) else leaf, first)
        result = function(moved, *arrays_of(others), **arrays_of(value.keywords))
        result = np.asarray(result if which is None else result[which])
        before = np.concatenate([[0], *(np.ravel(each.array) for each in places)])
        if not np.array_equal(before.take(result, mode="clip"), made, equal_nan=True):
            raise _unknown(function, " with these options")
        parts = list(map(self.item, places))
        whole = parts[0] if len(parts) == 1 else self.add("join", *parts)
        shape = next(iter(places)).shape if len(parts) == 1 else (count - 1,)
        return self.at(whole, shape, result - 1)

    def at(self, whole: int, shape: Any, places: Array) -> int:
        """The entries at these places in flat order; at -1 is a 0."""
        size = math.prod(shape)
        if places.shape == tuple(shape) and np.array_equal(places.reshape(-1), np.arange(size)):
            return whole
        if not places.size:
            return self._constant(np.zeros(places.shape))
        return self.add("pick", whole, self._indices(places))

    def _indices(self, places: Array) -> int:
        """Places as an array; where they lie regularly, as the first one and strides."""
        if not places.size or places.min() < 0:
            return self._constant(places)
        first, strides = int(places.reshape(-1)[0]), []
        for axis, length in enumerate(places.shape):
            along = np.moveaxis(places, axis, 0).reshape(length, -1)[:2, 0]
            strides.append(int(along[-1] - along[0]))
        grid: Any = np.indices(places.shape, sparse=True)
        regular: Any = sum((step * index for step, index in zip(strides, grid, strict=True)), first)
        if not np.array_equal(regular, places):
            return self._constant(places)
        return self.add("array", shape=places.shape, first=first, strides=strides)

    def _changed(self, whole: Value, path: Any, function: Any, index: Any, new: Any = 0) -> int:
        """A copy in which entries were set, or added to."""
        adds = function == np.add.at
        wrong = "it changes an array in a way that it does not know"
        require(adds or function is operator.setitem, wrong, NotDerivableError)
        _require_fixed([path, index], "it changes an array at computed places")
        part = part_of(np.arange(whole.array.size).reshape(whole.shape), path)
        at = part[arrays_of(index)]
        own = new.shape if isinstance(new, Value) else np.shape(new)
        spread = np.broadcast_to(np.arange(math.prod(own)).reshape(own), at.shape)
        entries = self.at(self.item(new), own, spread)
        return self.add("add_at" if adds else "put", self.item(whole), self._indices(at), entries)

    def _rows(self, name: str, value: Value, a: Value, axis: Any = None, **options: Any) -> int:
        """A function that goes along rows; the axes it takes are brought to the end."""
        refuse_options(options, "axis", "keepdims")
        places = along_rows(a, axis)
        rows = self.add(name, self.at(self.item(a), a.shape, places))
        if name != "cumsum":
            return self.at(rows, places.shape[:1], np.arange(value.array.size).reshape(value.shape))
        back = np.empty(a.array.size, int)
        back[places.reshape(-1)] = np.arange(a.array.size)
        return self.at(rows, places.shape, back.reshape(value.shape))


def _require_fixed(tree: Any, wrong: str) -> None:
    require(all(value.fixed for value in values_in(tree)), wrong, NotDerivableError)


def _unknown(function: Any, how: str = "") -> NotDerivableError:
    name = getattr(function, "__name__", function)
    return NotDerivableError(f"{name}{how} is not among the functions that it knows")


def listed(array: Any) -> dict[str, Any]:
    """An array as JSON has it: its bytes as float64, in base64; or one for all equal entries."""
    flat = np.ravel(np.asarray(array, np.float64))
    bits = flat.view(np.int64)  # 0 and −0 are not the same
    if flat.size > 1 and np.isfinite(flat[0]) and np.all(bits == bits[0]):
        return {"shape": np.shape(array), "all": float(flat[0])}
    return {"shape": np.shape(array), "packed": b64encode(flat.astype("<f8").tobytes()).decode()}
