"""Calls on a tape as items of a program for a browser: few functions, on arrays by their numbers.

What only moves entries is a "pick" of them; sums of products are one "contract".
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..tree import map_leaves
from .loops import along_rows, contraction, refuse_options
from .stand_in import Memory, StandIn
from .value import NotDerivableError, Value, arrays_of, astype, changed, reachable, values_in
from .value_tape import ValueTape

MOST_CALLS, MOST_ENTRIES = 30_000, 100_000  # of a program, and of the arrays that it begins with

ENTRYWISE = {
    np.absolute, np.add, np.arccos, np.arccosh, np.arcsin, np.arcsinh, np.arctan, np.arctan2,
    np.arctanh, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.cbrt, np.ceil, np.copysign,
    np.cos, np.cosh, np.degrees, np.divide, np.equal, np.exp, np.exp2, np.expm1, np.fabs,
    np.floor, np.floor_divide, np.fmax, np.fmin, np.fmod, np.greater, np.greater_equal,
    np.heaviside, np.hypot, np.isfinite, np.isinf, np.isnan, np.less, np.less_equal,
    np.log, np.log10,
    np.log1p, np.log2, np.logaddexp, np.logical_and, np.logical_not, np.logical_or,
    np.logical_xor, np.maximum, np.minimum, np.multiply, np.negative, np.not_equal,
    np.positive, np.power, np.radians, np.reciprocal, np.remainder, np.rint, np.sign,
    np.signbit, np.sin, np.sinh, np.sqrt, np.square, np.subtract, np.tan, np.tanh, np.trunc,
    np.where,
}  # fmt: skip
FOREIGN = ("erf", "expit")  # of SciPy's
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
    np.argmax: "argmax", np.argmin: "argmin", np.cumsum: "cumsum", np.argsort: "argsort",
    np.maximum.reduce: "max", np.minimum.reduce: "min", np.multiply.reduce: "prod",
}  # fmt: skip
SAME_LENGTH = ("cumsum", "argsort")


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
    np.float_power: lambda a, b: np.power(a, b),
    np.deg2rad: lambda a: np.radians(a),
    np.rad2deg: lambda a: np.degrees(a),
    np.var: _var,
    np.std: lambda *args, **options: np.sqrt(_var(*args, **options)),
    np.clip: _clip,
    np.outer: lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1)),
    np.vecdot: lambda a, b: np.sum(a * b, axis=-1),
    np.vdot: lambda a, b: np.sum(np.reshape(a, -1) * np.reshape(b, -1)),
    np.sort: lambda a, axis=-1: np.take_along_axis(a, np.argsort(a, axis=axis), axis),
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
        if len(self.all) >= MOST_CALLS:
            raise NotDerivableError(f"it takes more than {MOST_CALLS:,} calls")
        self.all.append([name, arguments, options] if options else [name, arguments])
        return len(self.all) - 1

    def _constant(self, array: Any) -> int:
        array = np.asarray(array)
        content = listed(array)
        self._room -= len(content.get("data", "1"))
        if array.dtype.kind not in "biuf":
            raise NotDerivableError(f"a page has no {array.dtype}")
        if self._room < 0:
            raise NotDerivableError(f"its arrays have more than {MOST_ENTRIES:,} entries")
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
        if function is None or value.fixed:
            return self._constant(value.array)
        of = getattr(function, "__self__", None)
        name = str(getattr(function, "__name__", function))
        if isinstance(of, np.ufunc) and name == "reduce" and of is np.add:
            function, options = np.sum, {"axis": 0, **options}
        elif isinstance(of, np.ufunc) and function in ROWS:
            options = {"axis": 0, **options}
        if function in (np.full_like, np.zeros_like, np.ones_like) and not values_in(arguments[1:]):
            return self._constant(value.array)
        if function is operator.pow:
            function, name = np.power, "power"
        if function is np.invert and value.dtype == bool:
            function, name = np.logical_not, "logical_not"
        if function is astype:
            kind = "trunc" if value.dtype.kind in "iu" else "positive"
            kind = "not_equal" if value.dtype.kind == "b" else kind
            return self.add(kind, self.item(arguments[0]), *[self.item(0)] * (kind == "not_equal"))
        foreign = isinstance(function, np.ufunc) and name in FOREIGN
        if (function in ENTRYWISE or foreign) and not options:
            return self.add(name, *map(self.item, arguments))
        if function in SPELLED:
            return self._spelled(SPELLED[function], arguments, options)
        if function is changed:
            return self._changed(*arguments)
        if function in (np.sum, np.matmul, np.einsum):
            factors, loops = contraction(function, arguments, options)
            return self.add("contract", *map(self.item, factors), shape=value.shape, **loops)
        if function in ROWS:
            return self._rows(ROWS[function], value, *arguments, **options)
        if function in MOVES:
            return self._moved(value)
        raise NotDerivableError(f"{name} is not among the functions that it knows")

    def _spelled(self, function: Any, arguments: Any, options: Any) -> int:
        """A call of a function that is written with others."""
        given = map_leaves(self._seen, arguments)
        result = function(*given, **map_leaves(self._seen, options)).value
        self.write([result])
        return self.item(result)

    def _seen(self, leaf: Any) -> Any:
        return StandIn(self.tape, Memory(leaf)) if isinstance(leaf, Value) else leaf

    # ---- moving entries --------------------------------------------------------------------------

    def _moved(self, value: Value) -> int:
        """A call that only moves entries: found by moving their places."""
        outer, which = value, None
        if value.function is operator.getitem and isinstance(
            value.arguments[0].array, tuple | list
        ):
            outer, which = value.arguments
        function, (first, *others) = outer.function, outer.arguments
        if function not in MOVES:
            name = getattr(function, "__name__", function)
            raise NotDerivableError(f"{name} is not among the functions that it knows")
        if any(not each.fixed for each in values_in([others, outer.keywords])):
            return self._picked(outer)
        sources = values_in(first)
        starts = itertools.accumulate((s.array.size for s in sources), initial=1)
        places = {
            source: np.arange(start, start + source.array.size).reshape(source.shape)
            for source, start in zip(sources, starts, strict=False)
        }
        moved = map_leaves(
            lambda leaf: places.get(leaf, leaf) if isinstance(leaf, Value) else leaf, first
        )
        result = function(moved, *arrays_of(others), **arrays_of(outer.keywords))
        result = np.asarray(result if which is None else result[which]) - 1
        whole = (
            self.item(sources[0])
            if len(sources) == 1
            else self.add("join", *map(self.item, sources))
        )
        before = np.concatenate([np.ravel(source.array) for source in sources])
        expected = np.where(result < 0, 0, before[result]) if before.size else value.array
        if not np.array_equal(expected, value.array, equal_nan=True):
            raise NotDerivableError(
                f"{function.__name__} with these options is not one that it knows"
            )
        shape = sources[0].shape if len(sources) == 1 else before.shape
        return self.at(whole, shape, result)

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

    def _picked(self, value: Value) -> int:
        """Entries at places that were computed."""
        whole, *others = value.arguments
        given = map_leaves(self._seen, [others, value.keywords])
        places = _places(value.function, whole.shape, *given[0], **given[1])
        self.write([places.value])
        return self.add("pick", self.item(whole), self.item(places.value))

    def _changed(self, whole: Value, path: Any, function: Any, index: Any, new: Any = 0) -> int:
        """A copy in which entries were set, or added to."""
        adds = (
            getattr(function, "__name__", "") == "at" and getattr(function, "__self__", 0) is np.add
        )
        if function is not operator.setitem and not adds:
            raise NotDerivableError("it changes an array in a way that it does not know")
        if any(not each.fixed for each in values_in(path)):
            raise NotDerivableError("it changes an array at a computed place")
        part = np.arange(whole.array.size).reshape(whole.shape)
        for step, others, options in path:
            part = step(part, *arrays_of(others), **arrays_of(options))
        if any(not each.fixed for each in values_in(index)):
            seen = _places(operator.getitem, part.shape, map_leaves(self._seen, index))
            places, at = self._placed(part, seen)
        else:
            at = part[arrays_of(index)]
            places = self._indices(at)
        shape = new.shape if isinstance(new, Value) else np.shape(new)
        entries = self.item(new)
        if tuple(shape) != at.shape:
            given = np.arange(math.prod(shape)).reshape(shape)
            entries = self.at(entries, shape, np.broadcast_to(given, at.shape))
        return self.add("add_at" if adds else "put", self.item(whole), places, entries)

    def _placed(self, part: Array, seen: StandIn) -> tuple[int, Array]:
        """Computed places in a part of an array, as places in all of it."""
        self.write([seen.value])
        places = self.item(seen.value)
        if not np.array_equal(part.reshape(-1), np.arange(part.size)):
            places = self.add("pick", self._indices(part), places)
        return places, seen.value.array

    def _rows(self, name: str, value: Value, a: Value, axis: Any = None, **options: Any) -> int:
        """A function that goes along rows; the axes it takes are brought to the end."""
        if name == "argsort":
            axis = -1 if axis is None else axis
            options = {"axis": axis}
        refuse_options(options, "axis", "keepdims")
        places = along_rows(a, axis)
        rows = self.add(name, self.at(self.item(a), a.shape, places))
        if name not in SAME_LENGTH:
            return self.at(rows, places.shape[:1], np.arange(value.array.size).reshape(value.shape))
        back = np.empty(a.array.size, int)
        back[places.reshape(-1)] = np.arange(a.array.size)
        return self.at(rows, places.shape, back.reshape(value.shape))


def _places(function: Any, shape: Any, index: Any, axis: Any = None, **options: Any) -> Any:
    """The places, in flat order, of what is picked with a computed index."""
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    if function is np.take and axis is None:
        return _wrapped(index, math.prod(shape))
    if function in (np.take, np.take_along_axis) and not {*options} - {"mode"}:
        axis = int(axis) % len(shape)
        grid = np.arange(math.prod(shape)).reshape(shape).take([0], axis)
        steps = _wrapped(index, shape[axis]) * strides[axis]
        if function is np.take_along_axis:
            return grid + steps
        grid = grid.reshape(*shape[:axis], *(1 for _ in np.shape(index)), *shape[axis + 1 :])
        return grid + np.reshape(steps, (*np.shape(index), *(1 for _ in shape[axis + 1 :])))
    index = index if isinstance(index, tuple) else (index,)
    if function is operator.getitem and all(isinstance(part, _INDICES) for part in index):
        left = shape[len(index) :]
        picked: Any = 0
        for part, size, stride in zip(index, shape, strides, strict=False):
            picked = picked + _wrapped(part, size) * stride
        picked = np.reshape(picked, (*np.shape(picked), *(1 for _ in left)))
        return picked + np.arange(math.prod(left)).reshape(left)
    raise NotDerivableError("it picks entries at computed places in a way that it does not know")


_INDICES = int | np.integer | np.ndarray | StandIn


def _wrapped(index: Any, size: int) -> Any:
    return np.remainder(index, size)


def listed(array: Any) -> dict[str, Any]:
    """An array as JSON has it; one of equal entries as one of them."""
    flat = np.asarray(array).reshape(-1)
    kind = float if flat.dtype.kind == "f" else int
    numbers = [_number(kind(x)) for x in flat.tolist()]
    if len(numbers) > 1 and len(set(numbers)) == 1:
        return {"shape": np.shape(array), "all": numbers[0]}
    return {"shape": np.shape(array), "data": numbers}


def _number(value: Any) -> Any:
    return value if math.isfinite(value) else str(value)
