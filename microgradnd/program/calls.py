"""The values of a recorded step as calls of NumPy's functions that are told where to write."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..tree import leaves_of, map_leaves
from .inside import arrays_in, form, imagined, owner
from .number import Number
from .recorder import OtherwiseError
from .value import Value, astype, changed, opaque, reachable
from .value_tape import method_of


def expect(truth: Array, found: bool) -> None:
    if bool(truth) is not found:
        raise OtherwiseError


def into(out: Array, function: Any, *arguments: Any, **keywords: Any) -> None:
    """Call a function, and copy the array that it makes, which must be of the same form."""
    made = np.asarray(function(*arguments, **keywords))
    if made.shape != out.shape or made.dtype != out.dtype:
        raise OtherwiseError
    np.copyto(out, made)


def power(base: Any, exponent: Any) -> Any:
    """A power of two numbers, which NumPy does not compute as it does those of arrays."""
    base, exponent = (x[()] if isinstance(x, np.ndarray) else x for x in (base, exponent))
    return base**exponent


class Call(NamedTuple):
    """A call to be repeated. Its arguments hold arrays, Numbers and constants."""

    function: Any
    arguments: list[Any]
    keywords: dict[str, Any]
    reads: list[Array]  # those among the arguments whose values matter
    writes: list[Array]  # those among them that it changes
    lasting: bool  # whether it is to be made even if nobody reads what it writes
    line: str

    @property
    def elementwise(self) -> bool:
        """Whether an entry of what it writes depends on the same entries of what it reads."""
        return isinstance(self.function, np.ufunc) and self.function.signature is None


_EXTREMES = {np.maximum, np.minimum}  # five times as fast beside a whole array as beside a number
_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}  # as NumPy does
_OF_NUMBERS = {np.reshape, np.broadcast_to, np.ravel, np.asarray, operator.getitem}
_REDUCED = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}


class Calls:
    """The calls that compute values, each array in a memory of its own but for views.

    `known` has the ids of the memories of what was there before or is computed, `made` of the
    latter; all else are constants.
    """

    def __init__(
        self, leaves: dict[Value, Array], empty: Iterable[Value], line_of: dict[Value, str]
    ) -> None:
        self.calls: list[Call] = []
        self.made: dict[int, Array] = {}
        self.known = {id(owner(array)): array for array in leaves.values()}
        self._arrays, self._line_of, self._line = dict(leaves), line_of, ""
        self._empty = {id(value.array) for value in empty}
        self._constants: dict[Any, Array] = {}
        self._taken: set[int] = set()

    def compute(self, order: Iterable[Value]) -> None:
        """The calls for these values, which stand behind their arguments."""
        for value in order:
            if value not in self._arrays:
                self._line = self._line_of.get(value, "")
                self._arrays[value] = value.array if value.fixed else self._made(value)

    def own(self, value: Value) -> Array:
        """Where a value lies, in a memory that no other array for the time after the step has."""
        array = self._arrays[value]
        whole = id(owner(array))
        if whole not in self.made or whole in self._taken:
            array = self._copied(array)
        self._taken.add(id(owner(array)))
        return array

    def returned(self, value: Value) -> Array:
        """Where a value lies that is to be returned, whatever is overwritten in the end."""
        array = self._arrays[value]
        whole = id(owner(array))
        return self._copied(array) if whole in self.known and whole not in self.made else array

    def write(self, pairs: list[tuple[Array, Value]]) -> None:
        """In the end, values are written to these arrays, all at once."""
        targets = {id(owner(array)) for array, _ in pairs}
        moves = []
        for target, value in pairs:
            array = self._arrays[value]
            if array is not target:
                apart = id(owner(array)) in targets
                moves.append((target, self._copied(array) if apart else array))
        for target, array in moves:
            self._copy(target, array)

    # ---- one value -------------------------------------------------------------------------------

    def _made(self, value: Any) -> Array:
        function = value.function
        given, keywords = map_leaves(
            lambda x: self._arrays[x] if isinstance(x, Value) else x,
            [list(value.arguments), value.keywords],
        )
        if function is expect:
            self._add(expect, given, {}, given, [], lasting=True)
            return np.empty(0)
        if function is changed:
            return self._changed(*given)
        if function is opaque:
            return self._drawn(value, *given)
        view = self._view(value, given, keywords)
        if view is not None:
            return view
        made = self._new(value.like)
        if function in _REDUCED and len(given) == 1:
            keywords = {"axis": None, **keywords}
            function = method_of(_REDUCED[function], "reduce")
        if isinstance(function, np.ufunc) and function.nout == 1:
            self._ufunc(function, made, given, keywords)
        elif function is operator.pow:
            self._power(value, made, *given)
        elif function is np.copy or function is astype:
            self._copy(made, given[0])
        elif function is np.full_like and not keywords:
            self._copy(made, given[1])
        elif getattr(function, "__name__", "") == "reduce" and len(given) == 1:
            self._reduce(function, made, given[0], **keywords)
        elif not (function in SPELLED and SPELLED[function](self, made, *given, **keywords)):
            self._add(into, [made, function, *given], keywords, [given, keywords], [made])
        return made

    def _view(self, value: Any, given: list[Any], keywords: Any) -> Array | None:
        """A part of an array that is there already, if the value is one."""
        if value.base is None:
            return None
        if isinstance(value.like, np.generic):
            index = given[1] if isinstance(given[1], tuple) else (given[1],)
            given = [given[0], (*index, ...)]
        made = value.function(*given, **keywords)
        return made if owner(made) is owner(self._arrays[value.base]) else None

    def _changed(self, before: Array, path: Any, function: Any, *arguments: Any) -> Array:
        """A copy in which a part is different."""
        whole = part = self._copied(before)
        for step, others, options in path:
            part = step(part, *others, **options)
        if function is operator.setitem and arguments[0] is Ellipsis:
            self._copy(part, arguments[1])
        else:
            noted = [part, *arguments]
            self._add(function, noted, {}, noted, [part])
        return whole

    def _drawn(self, value: Value, function: Any, *given: Any) -> Array:
        made, source = self._new(value.array), getattr(function, "__self__", None)
        if isinstance(source, np.random.Generator) and function.__name__ == "random":
            self._add(function, [None, made.dtype, made], {}, [], [made], lasting=True)
        else:
            noted = [made, function, *given]
            self._add(into, noted, {}, given, [made], lasting=True)
        return made

    def _ufunc(self, function: np.ufunc, made: Array, given: list[Any], keywords: Any) -> None:
        noted = [given, keywords]
        if function is np.matmul and all(map(_is_matrix, given)) and not keywords:
            function = np.dot  # type: ignore[assignment]  # does not ask as much
        if np.dtype(keywords.get("dtype")).kind == "f" and "dtype" in keywords:
            dtype = keywords.pop("dtype")  # NumPy casts the arguments, in memory of its own
            given = [self._cast(x, dtype) for x in given]
            noted = [given, keywords]
        if not keywords:
            given = self._with_arrays(given, whole=function in _EXTREMES)
            noted = [given]
        if function in _EXTREMES:  # they take `out` in no other way
            self._add(function, given, {**keywords, "out": made}, noted, [made])
        else:
            self._add(function, [*given, made], keywords, noted, [made])

    def _reduce(self, function: Any, made: Array, a: Array, **keywords: Any) -> None:
        given = {name: x for name, x in keywords.items() if x is not np._NoValue}
        axis, dtype = given.pop("axis", 0), given.pop("dtype", None)
        keepdims = given.pop("keepdims", False)
        noted = [a, axis, dtype, made, keepdims]
        self._add(function, noted, given, [a, given], [made])

    def _power(self, value: Value, made: Array, base: Any, exponent: Any) -> None:
        numbers = np.generic | int | float | Number
        singles = [isinstance(getattr(x, "like", x), numbers) for x in value.arguments]
        if all(singles) or isinstance(exponent, Number):
            function = power if all(singles) else operator.pow
            self._add(into, [made, function, base, exponent], {}, [base, exponent], [made])
        elif type(exponent) in (int, float) and exponent in _POWERS and made.dtype.kind == "f":
            self._add(_POWERS[exponent], [base, made], {}, [base], [made])
        else:
            self._ufunc(np.power, made, [base, exponent], {})

    # ---- arrays and calls ------------------------------------------------------------------------

    def _new(self, like: Any) -> Array:
        made = imagined(like)
        self.made[id(made)] = self.known[id(made)] = made
        return made

    def _copied(self, array: Array) -> Array:
        made = self._new(array)
        self._copy(made, array)
        return made

    def _copy(self, target: Array, source: Any, **options: Any) -> None:
        if id(source) in self._empty:
            return
        if isinstance(source, np.ndarray) and id(owner(source)) not in self.known and source.size:
            first = source.flat[:1].reshape(())
            if source.tobytes() == first.tobytes() * source.size:
                source = self._constants.setdefault((first.dtype, first.tobytes()), first)
        read = [source, options, target] if options else source  # `where` leaves some entries
        self._add(np.copyto, [target, source, "unsafe"], options, read, [target])

    def _cast(self, value: Any, dtype: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.dtype == dtype:
            return value
        made = self._new(np.empty_like(value, dtype))
        self._copy(made, value)
        return made

    def _with_arrays(self, given: list[Any], whole: bool) -> list[Any]:
        """Numbers beside arrays of floats as arrays of their dtype, which NumPy takes faster: of
        one entry, or whole ones with the entries in the same order."""
        arrays = [x for x in given if isinstance(x, np.ndarray)]
        kinds = {array.dtype for array in arrays}
        (dtype,) = kinds if len(kinds) == 1 else (None,)
        if dtype is None or dtype.kind != "f":
            return list(given)
        like = arrays[0] if whole else np.empty((), dtype)
        return [
            self._constants.setdefault((repr(x), *form(like)), np.full_like(like, x))
            if type(x) in (int, float) or (isinstance(x, np.generic) and x.dtype == dtype)
            else x
            for x in given
        ]

    def _add(
        self,
        function: Any,
        arguments: list[Any],
        keywords: dict[str, Any],
        reads: Any,
        writes: list[Array],
        lasting: bool = False,
    ) -> None:
        read = arrays_in(reads)
        self.calls.append(Call(function, arguments, keywords, read, writes, lasting, self._line))

    # ---- functions that become several calls -----------------------------------------------------

    def _mean(self, made: Array, a: Array, axis: Any = None, **options: Any) -> bool:
        keepdims = options.pop("keepdims", False) is True
        if any(value is not np._NoValue for value in options.values()) or a.dtype.char not in "fd":
            return False
        self._reduce(method_of(np.add, "reduce"), made, a, axis=axis, keepdims=keepdims)
        count = max(a.size, 1) // max(made.size, 1)
        self._ufunc(np.true_divide, made, [made, count], {})
        return True

    def _where(self, made: Array, condition: Any, x: Any, y: Any) -> bool:
        if np.dtype(bool) != getattr(condition, "dtype", None):
            return False
        self._copy(made, y)
        self._copy(made, x, where=condition)
        return True

    def _concatenate(self, made: Array, arrays: Any, axis: Any = 0, **options: Any) -> bool:
        if axis is None or options:
            return False
        ends = itertools.accumulate(np.shape(array)[axis] for array in arrays)
        for array, end in zip(arrays, ends, strict=True):
            start = end - np.shape(array)[axis]
            self._copy(np.moveaxis(np.moveaxis(made, axis, 0)[start:end], 0, axis), array)
        return True

    def _inner_product(self, made: Array, *given: Any) -> bool:
        real = [x for x in given if isinstance(x, np.ndarray) and x.flags.c_contiguous]
        if len(real) < 2 or any(np.iscomplexobj(x) for x in real):
            return False
        rows = [x.reshape(-1) for x in real]
        self._add(np.dot, [*rows, made], {}, rows, [made])
        return True


SPELLED: dict[Any, Callable[..., bool]] = {
    np.mean: Calls._mean,
    np.where: Calls._where,
    np.concatenate: Calls._concatenate,
    np.vdot: Calls._inner_product,
}


_KNOWN = {
    np.copy,
    astype,
    changed,
    operator.pow,
    operator.getitem,
    np.full_like,
    *SPELLED,
    *_REDUCED,
}


def decides_shape(value: Value) -> bool:
    """Whether data may decide the shape of what a call returns, so that it must always be made."""
    function = value.function
    return not (isinstance(getattr(function, "__self__", function), np.ufunc) or function in _KNOWN)


def base_of(value: Value) -> Value | None:
    """What a value is a part of, if it is a part of it whatever the numbers in other arguments."""
    if isinstance(value.array, np.ndarray) and value.array.base is None:
        return None
    inside = [
        leaf
        for leaf in leaves_of([value.arguments, value.keywords])
        if isinstance(leaf, Value | Number)
    ]
    bases, array = value.used(), value.array
    if isinstance(array, np.ndarray) and any(isinstance(x.array, np.ndarray) for x in bases):
        wholes = [x for x in bases if isinstance(x.array, np.ndarray)]
        bases = [x for x in wholes if owner(x.array) is owner(array)]
    elif value.function not in _OF_NUMBERS:
        return None
    return bases[0] if bases and all(x.fixed or x is bases[0] for x in inside) else None


def needed(touched: list[Value], ends: Iterable[Value]) -> list[Value]:
    """What the ends are computed from, in the order in which the step computed it."""
    wanted = dict.fromkeys(reachable(ends))
    constants = [value for value in wanted if value.function is None]
    return [*constants, *(value for value in dict.fromkeys(touched) if value in wanted)]


def _is_matrix(value: Any) -> bool:
    """Whether np.matmul passes it to BLAS as np.dot does: it lies in memory without gaps."""
    if getattr(value, "ndim", 0) != 2 or min(value.shape) < 2 or value.dtype.kind != "f":
        return False
    return bool(value.flags.forc)
