"""The values of a recorded step as calls of NumPy's functions that are told where to write."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, largest
from ..tree import leaves_of, map_leaves
from .recorder import OtherwiseError, expect
from .recording import Recording
from .step_tape import place_of
from .value import Value, astype, changed, form, imagined, opaque, owner, part_of
from .value_tape import method_of


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
    number: Value | None = None  # that it returns
    copied: tuple[Array, Array] | None = None  # target and source, if it copies an array as it is

    @property
    def elementwise(self) -> bool:
        """Whether an entry of what it writes depends on the same entries of what it reads."""
        return isinstance(self.function, np.ufunc) and self.function.signature is None


_EXTREMES = {np.maximum, np.minimum}  # five times as fast beside a whole array as beside a number
_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}  # as NumPy does
_REDUCED = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}


class Calls:
    """The calls that compute the values of a recording, each array in a memory of its own but for
    views.

    `known` has the ids of the memories of what was there before or is computed, `made` of the
    latter; all else are constants.
    """

    def __init__(self, recording: Recording) -> None:
        self.calls: list[Call] = []
        self.made: dict[int, Array] = {}
        places = [leaf.place for leaf in recording.tape.leaves if not leaf.is_number]
        self.known = {id(owner(place)): place for place in places}
        self._constants: dict[Any, Array] = {}
        for value in recording.order:
            if value.is_number:
                if value.function is not None:
                    made = Call(value.function, [*value.arguments], {}, [], [], value)
                    self.calls.append(made)
            elif not (value.fixed or id(owner(value.place)) in self.known):
                self.made[id(value.place)] = self.known[id(value.place)] = value.place
                self._compute(value)
        for result in recording.results:
            result.array = self._copied(result.value.place)
        self.returned = [result.array for result in recording.results]
        finals, read = list(recording.finals), set(recording.order)
        self.slots = recording.slots
        for slot in self.slots:
            before, after = slot.before, slot.after
            if before and after and (before in read or not slot.is_grad):
                slot.start = slot.end = before.place
                finals += [] if after is before else [(before.place, after)]
            elif after:
                slot.end = self._copied(after.place)
        # In the end values are written to places, all at once.
        for place, copied in [(place, self._copied(value.place)) for place, value in finals]:
            self._copy(place, copied)

    # ---- one value -------------------------------------------------------------------------------

    def _compute(self, value: Value) -> None:
        function, made = value.function, value.place
        given, keywords = map_leaves(place_of, [list(value.arguments), value.keywords])
        if function in _REDUCED and len(given) == 1:
            function, keywords = method_of(_REDUCED[function], "reduce"), {"axis": None, **keywords}
        if isinstance(function, np.ufunc) and function.nout == 1:
            self._ufunc(function, made, given, keywords)
        elif function is operator.pow:
            self._power(value, made, *given)
        elif getattr(function, "__name__", "") == "reduce" and len(given) == 1:
            self._reduce(function, made, given[0], **keywords)
        elif not (function in SPELLED and SPELLED[function](self, made, *given, **keywords)):
            self._add(into, [made, function, *given], keywords, made)

    def _check(self, _: Array, truth: Any, found: bool) -> bool:
        self._add(expect, [truth, found])
        return True

    def _changed(self, whole: Array, before: Array, path: Any, function: Any, *given: Any) -> bool:
        self._copy(whole, before)
        part = part_of(whole, path)
        if function is operator.setitem and given[0] is Ellipsis:
            return self._copy(part, given[1])
        self._add(function, [part, *given], {}, part, partly=True)
        return True

    def _drawn(self, made: Array, function: Any, *given: Any) -> bool:
        source = getattr(function, "__self__", None)
        if isinstance(source, np.random.Generator) and function.__name__ == "random":
            self._add(function, [None, made.dtype, made], {}, made)
        else:
            self._add(into, [made, function, *given], {}, made)
        return True

    def _ufunc(self, function: np.ufunc, made: Array, given: list[Any], keywords: Any) -> None:
        if function is np.matmul and all(map(_is_matrix, given)) and not keywords:
            function = np.dot  # type: ignore[assignment]  # does not ask as much
        if not keywords:
            given = self._with_arrays(function, given)
        if function in _EXTREMES:  # they take `out` in no other way
            self._add(function, given, {**keywords, "out": made}, made)
        else:
            self._add(function, [*given, made], keywords, made)

    def _reduce(self, function: Any, made: Array, a: Array, **keywords: Any) -> None:
        given = {name: x for name, x in keywords.items() if x is not np._NoValue}
        axis, dtype = given.pop("axis", 0), given.pop("dtype", None)
        keepdims = given.pop("keepdims", False)
        whole = a.ndim and a.size and a.flags.c_contiguous and made.flags.c_contiguous
        plain = whole and dtype is None and not given and axis in (-1, a.ndim - 1)
        if plain and function == np.maximum.reduce:
            self._add(_maxima, [a, made], {}, made)
        else:
            self._add(function, [a, axis, dtype, made, keepdims], given, made)

    def _power(self, value: Value, made: Array, base: Any, exponent: Any) -> None:
        numbers = np.generic | int | float
        singles = [isinstance(getattr(x, "array", x), numbers) for x in value.arguments]
        if all(singles) or isinstance(exponent, Value):
            self._add(into, [made, power, base, exponent], {}, made)
        elif type(exponent) in (int, float) and exponent in _POWERS and made.dtype.kind == "f":
            self._add(_POWERS[exponent], [base, made], {}, made)
        else:
            self._ufunc(np.power, made, [base, exponent], {})

    # ---- arrays and calls ------------------------------------------------------------------------

    def _copied(self, array: Any) -> Array:
        made = imagined(np.asarray(array))
        self.made[id(made)] = self.known[id(made)] = made
        self._copy(made, array)
        return made

    def _copy(self, target: Array, source: Any, *_: Any, where: Any = True, **options: Any) -> bool:
        if isinstance(source, np.ndarray) and id(owner(source)) not in self.known and source.size:
            first = source.flat[:1].reshape(())
            if source.tobytes() == first.tobytes() * source.size:
                source = self._constants.setdefault((first.dtype, first.tobytes()), first)
        some = {} if where is True else {"where": where}
        self._add(np.copyto, [target, source, "unsafe"], some, target, partly=bool(some))
        if not some and isinstance(source, np.ndarray) and form(source) == form(target):
            self.calls[-1] = self.calls[-1]._replace(copied=(target, source))
        return True

    def _with_arrays(self, function: np.ufunc, given: list[Any]) -> list[Any]:
        """Numbers beside arrays of floats as arrays of their dtype, which NumPy takes faster: of
        one entry, or whole ones with the entries in the same order."""
        arrays = [x for x in given if isinstance(x, np.ndarray)]
        kinds = {array.dtype for array in arrays}
        (dtype,) = kinds if len(kinds) == 1 else (None,)
        if dtype is None or dtype.kind != "f":
            return list(given)
        like = arrays[0] if function in _EXTREMES else np.empty((), dtype)
        return [
            self._constants.setdefault((repr(x), *form(like)), np.full_like(like, x))
            if type(x) is float
            or (type(x) is int and not _takes_integers(function, dtype))
            or (isinstance(x, np.generic) and x.dtype == dtype)
            else x
            for x in given
        ]

    def _add(
        self,
        function: Any,
        arguments: list[Any],
        keywords: dict[str, Any] = {},  # noqa: B006
        made: Array | None = None,
        partly: bool = False,
    ) -> None:
        """A call that writes to an array among its arguments, perhaps only to a part of it."""
        given = leaves_of([*arguments, *keywords.values()])
        arrays = [x for x in given if isinstance(x, np.ndarray)]
        reads = [x for x in arrays if x is not made or partly]
        writes = [] if made is None else [made]
        self.calls.append(Call(function, arguments, keywords, reads, writes))

    # ---- functions that become several calls -----------------------------------------------------

    def _mean(self, made: Array, a: Array, axis: Any = None, **options: Any) -> bool:
        keepdims = options.pop("keepdims", False) is True
        if any(value is not np._NoValue for value in options.values()) or a.dtype.char not in "fd":
            return False
        self._reduce(method_of(np.add, "reduce"), made, a, axis=axis, keepdims=keepdims)
        count = a.size // max(made.size, 1)
        self._add(np.true_divide, [made, count, made], {}, made, partly=True)
        return True

    def _where(self, made: Array, condition: Any, x: Any, y: Any) -> bool:
        if np.dtype(bool) != getattr(condition, "dtype", None):
            return False
        return self._copy(made, y) and self._copy(made, x, where=condition)

    def _concatenate(self, made: Array, arrays: Any, axis: Any = 0, **options: Any) -> bool:
        if axis is None or options:
            return False
        ends = itertools.accumulate(np.shape(array)[axis] for array in arrays)
        for array, end in zip(arrays, ends, strict=True):
            start = end - np.shape(array)[axis]
            self._copy(made.swapaxes(0, axis)[start:end].swapaxes(0, axis), array)
        return True

    def _inner_product(self, made: Array, *given: Any) -> bool:
        real = [x for x in given if isinstance(x, np.ndarray) and x.flags.c_contiguous]
        if len(real) < 2 or any(np.iscomplexobj(x) for x in real):
            return False
        self._add(np.dot, [*(x.reshape(-1) for x in real), made], {}, made)
        return True


SPELLED: dict[Any, Callable[..., bool]] = {
    expect: Calls._check,
    changed: Calls._changed,
    opaque: Calls._drawn,
    astype: Calls._copy,
    np.copy: Calls._copy,
    np.full_like: lambda calls, made, a, fill_value, *_, **options: calls._copy(made, fill_value),
    np.mean: Calls._mean,
    np.where: Calls._where,
    np.concatenate: Calls._concatenate,
    np.vdot: Calls._inner_product,
}


def _takes_integers(function: np.ufunc, dtype: Any) -> bool:
    """Whether it takes integers as they are beside floats of this dtype, as np.ldexp does."""
    return any(dtype.char in loop and {*loop} & {*"bhilqBHILQ"} for loop in function.types)


def _maxima(a: Array, made: Array) -> None:
    """The maxima along the last axis; where 0 and -0 are equal, the one that NumPy finds."""
    largest(a, made)
    if not made.all():
        np.max(a, -1, made, made.ndim == a.ndim)


def _is_matrix(value: Any) -> bool:
    """Whether np.matmul passes it to BLAS as np.dot does: it lies in memory without gaps."""
    if getattr(value, "ndim", 0) != 2 or min(value.shape) < 2 or value.dtype.kind != "f":
        return False
    return bool(value.flags.forc)
