"""Recording: arrays and numbers that note what a step does with them.

The rules of the engine compute on whatever arrays they are handed. Handed `Recorded` ones, a step
computes as ever, and a `Tape` notes which of NumPy's functions it called on which arrays.
"""

from __future__ import annotations

import functools
import itertools
import operator
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..recording import users_line
from ..tensor import Tensor

Array = np.ndarray[Any, Any]

recording_to: ContextVar[Tape | None] = ContextVar("tape", default=None)


class NotReplayable(TypeError):
    """A step does what a recorded program cannot do; the message says what, and in which line."""


# ---- what a step may say about itself ------------------------------------------------------------


def being_recorded() -> bool:
    """Whether a step is being recorded just now.

    >>> from microgradnd.replay import being_recorded
    >>> being_recorded()
    False
    """
    return recording_to.get() is not None


def afresh(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`, which each replay calls anew: for random numbers.

    >>> import numpy as np
    >>> from microgradnd.replay import afresh
    >>> afresh(np.random.default_rng(0).random, 3).shape
    (3,)
    """
    tape = recording_to.get()
    return function(*arguments) if tape is None else tape.afresh(function, arguments)


def holds(truth: Any) -> bool:
    """Whether it is true, for an `if` that checks data. A replay looks again, and where the answer
    is another one it leaves the work to the step itself.

    >>> from microgradnd.replay import holds
    >>> holds(1 < 2)
    True
    """
    if not isinstance(truth, Recorded):
        return bool(truth)
    found = bool(truth.array)
    _of(truth).add(expect, [truth.array, found], lasting=True)
    return found


class Otherwise(Exception):
    """Something is otherwise than it was when the step was recorded."""


def expect(truth: Array, found: bool) -> None:
    if bool(truth) is not found:
        raise Otherwise


# ---- recording: arrays and numbers that note what is done with them ------------------------------


class Call:
    """A call to be repeated. Its arguments hold arrays, Numbers and constants."""

    def __init__(
        self, function: Any, arguments: Any, keywords: Any, writes: list[Array], lasting: bool
    ) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords
        self.writes, self.lasting = writes, lasting  # lasting: to be made even if nobody reads it
        self.line = users_line()
        found = arrays_in([arguments, keywords])
        self.reads = [array for array in found if all(array is not w for w in writes)]
        if sum(array is written for array in found for written in writes) > len(writes):
            self.reads += writes  # in place

    @property
    def elementwise(self) -> bool:
        """Whether an entry of what it writes depends on the same entries of what it reads."""
        return isinstance(self.function, np.ufunc) and self.function.signature is None


OUT = object()  # stands for the array to write to, among the arguments of a call


class Tape:
    """What a step does while it is recorded."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.lines: list[str] = []  # of Python, computing with numbers
        self.ignored: set[str] = set()  # the kinds of NumPy's warnings that the step switches off
        self.generators: dict[Any, Any] = {}  # that were drawn from, with their states before
        self.outside: dict[int, Array] = {}  # arrays that are there before the step, by their ids
        self.overwritten: dict[int, tuple[Array, Array]] = {}  # those of them, with their values
        self.closed = False
        self._viewers: dict[int, tuple[Array, weakref.WeakSet[Recorded]]] = {}

    def add(
        self,
        function: Any,
        arguments: list[Any],
        keywords: dict[str, Any] | None = None,
        writes: Iterable[Array] = (),
        lasting: bool = False,
    ) -> None:
        """Note a call that has been made."""
        self.ignored |= {kind for kind, reaction in np.geterr().items() if reaction == "ignore"}
        self.calls.append(Call(function, arguments, keywords or {}, list(writes), lasting))

    def see(self, value: Any) -> Recorded:
        """An array as the step gets to see it."""
        made = Recorded(self, np.asarray(value))
        self._look(made)
        return made

    def _look(self, seen: Recorded) -> None:
        """Remember who looks at which memory."""
        memory = owner(seen.array)
        self._viewers.setdefault(id(memory), (memory, weakref.WeakSet()))[1].add(seen)

    def knows(self, array: Array) -> bool:
        """Whether the step got to see this array, rather than made it behind the tape's back."""
        return id(owner(array)) in self._viewers

    def new_number(self, text: str, value: Any) -> Number:
        """A number computed by this expression."""
        name = f"n{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return Number(self, name, value)

    def compute(self, function: Any, arguments: list[Any], keywords: Any, out: Any) -> Recorded:
        """A function that can be told the array to write to, and writes all of it."""
        result = function(*(None if a is OUT else plain(a) for a in arguments), **plain(keywords))
        noted, options = noted_in(arguments), noted_in(keywords)
        if out is None:
            made = self.see(result)
        elif not isinstance(out, Recorded):
            raise refused("writing into an array from outside")
        elif self._is_alone(out) and np.shape(result) == out.shape:
            # Nobody else looks at this memory, so a new array does as well, and may lie anywhere.
            out.array = np.asarray(result).astype(out.dtype, copy=False)
            self._look(out)
            made = out
        else:
            self._keep_values(out.array)
            np.copyto(out.array, result, casting="same_kind")
            made = out
        noted = [made.array if a is OUT else a for a in noted]
        self.add(function, noted, options, [made.array])
        return made

    def _is_alone(self, seen: Recorded) -> bool:
        if seen.array.base is not None or id(seen.array) in self.outside:
            return False
        return len(self._viewers[id(seen.array)][1]) == 1

    def _keep_values(self, array: Array) -> None:
        """Before an array is overwritten that was there before the step."""
        memory = owner(array)
        if id(memory) in self.outside and id(memory) not in self.overwritten:
            self.overwritten[id(memory)] = memory, memory.copy()

    def ufunc(self, function: np.ufunc, method: str, inputs: Any, keywords: Any) -> Any:
        """A ufunc, or one of its methods."""
        (out,) = keywords.pop("out", None) or (None,)
        if method == "__call__" and function.nout == 1:
            return self.compute(function, [*inputs, OUT], keywords, out)
        if method == "reduce":
            axis, dtype = keywords.pop("axis", 0), keywords.pop("dtype", None)
            places = [*inputs, *[axis, dtype][len(inputs) - 1 :]]
            keepdims = keywords.pop("keepdims", False)
            return self.compute(_reduction(function), [*places, OUT, keepdims], keywords, out)
        if out is not None or method == "at":
            raise refused(f"np.{function.__name__}.{method} into an array")
        called = function if method == "__call__" else getattr(function, method)
        return self.call(called, inputs, keywords)

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Any other function; its result is copied to where the program keeps it."""
        if function in _SPELLED_OUT:
            return _SPELLED_OUT[function](self, *arguments, **keywords)
        result = function(*plain(arguments), **plain(keywords))
        if function in _OF_SHAPES:
            return result
        if isinstance(result, tuple | list):
            raise refused(f"{function.__name__}, which gives several arrays,")
        owners = {id(owner(array)) for array in arrays_in(noted_in([arguments, keywords]))}
        if isinstance(result, np.ndarray) and id(owner(result)) in owners:
            return self.see(result)  # a view, which stays one
        made = self.see(np.array(result))
        into = [made.array, function, *noted_in(arguments)]
        self.add(_into, into, noted_in(keywords), [made.array])
        return made

    def copy(self, target: Array, value: Any, **options: Any) -> None:
        """Write values to an array."""
        self._keep_values(target)
        np.copyto(target, plain(value), "unsafe", **plain(options))
        self.add(np.copyto, [target, noted_in(value), "unsafe"], noted_in(options), [target])
        if options:
            self.calls[-1].reads.append(target)  # the entries that stay

    def afresh(self, function: Any, arguments: tuple[Any, ...]) -> Recorded:
        """A call that gives something else each time."""
        source = getattr(function, "__self__", None)
        drawn = isinstance(source, np.random.Generator)
        if drawn:
            self.generators.setdefault(source, source.bit_generator.state)
        made = self.see(function(*arguments))
        if drawn and function.__name__ == "random" and made.dtype.kind == "f":
            self.add(function, [None, made.dtype, made.array], None, [made.array], lasting=True)
        else:
            into = [made.array, function, *arguments]
            self.add(_into, into, None, [made.array], lasting=True)
        return made


@functools.cache
def _reduction(function: np.ufunc) -> Any:
    """Its method reduce, one and the same each time."""
    return function.reduce


def _into(out: Array, function: Any, *arguments: Any, **keywords: Any) -> None:
    np.copyto(out, function(*arguments, **keywords), "unsafe")


class Recorded:
    """An array of a step that is being recorded: its shape can be known, its values cannot."""

    __slots__ = ("__weakref__", "array", "tape")

    def __init__(self, tape: Tape, array: Array) -> None:
        self.tape, self.array = tape, array

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    nbytes = property(lambda self: self.array.nbytes)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return _of(self).ufunc(function, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return _of(self).call(function, args, keywords)

    def __getitem__(self, index: Any) -> Any:
        whole = index if isinstance(index, tuple) else (index,)
        if any(array.dtype == bool for array in arrays_in(noted_in(whole))):
            raise refused("picking by a mask, which decides a shape,")
        if all(part is None or isinstance(part, int | np.integer | slice) for part in whole):
            return _of(self).see(self.array[(*whole, ...)])
        return _of(self).call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        part = self.array[plain(index)]
        if isinstance(part, np.ndarray) and owner(part) is owner(self.array):
            if not (isinstance(value, Recorded) and _place(part) == _place(value.array)):
                _of(self).copy(part, value)
            return
        self.tape._keep_values(self.array)
        self.array[plain(index)] = plain(value)
        noted = [self.array, noted_in(index), noted_in(value)]
        _of(self).add(operator.setitem, noted, None, [self.array], lasting=False)
        self.tape.calls[-1].reads.append(self.array)  # the other entries stay

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) is int and exponent == 0:
            return np.ones(self.shape, self.dtype)
        return np.power(self, exponent)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The values in another dtype."""
        if self.dtype == dtype and not copy:
            return self
        made = _of(self).see(np.empty(self.shape, dtype))
        self.tape.copy(made.array, self)
        return made

    def copy(self) -> Any:
        """The same values in an array of its own."""
        return self.astype(self.dtype)

    def numpy(self) -> Any:
        """The array to read: as it is, since the step must not find out what is in it."""
        return self

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """The same entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        return np.transpose(self, None if not axes else axes[0] if len(axes) == 1 else axes)  # type: ignore

    def _is_read(self, *_: Any, **__: Any) -> Any:
        raise refused("reading a value (by if, float, item, numpy, print or the like)")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = _is_read
    __format__ = __repr__ = __contains__ = item = tolist = _is_read
    __hash__ = object.__hash__


class Number:
    """A number that changes from step to step, such as a learning rate. An `if` on it is no harm:
    each replay finds out first whether it would go the same way.
    """

    __slots__ = ("name", "tape", "value")

    def __init__(self, tape: Tape, name: str, value: Any) -> None:
        self.tape, self.name, self.value = tape, name, value

    def _known(self, kind: Any) -> Any:
        found = kind(self.value)
        name = f"n{len(self.tape.lines)}"
        self.tape.lines.append(f"{name} = expect({kind.__name__}({self.name}) == {found!r}, True)")
        return found

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return self.tape.ufunc(function, method, inputs, keywords)

    def __bool__(self) -> bool:
        return self._known(bool)  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return self._known(float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._known(int)  # type: ignore[no-any-return]

    __index__ = __int__

    def __repr__(self) -> str:
        raise refused("printing a number that changes from step to step")

    def __hash__(self) -> int:
        return hash(self._known(type(self.value)))


_INFIX = {
    "add": ("+", np.add),
    "sub": ("-", np.subtract),
    "mul": ("*", np.multiply),
    "truediv": ("/", np.true_divide),
    "floordiv": ("//", np.floor_divide),
    "mod": ("%", np.remainder),
    "pow": ("**", np.power),
    "matmul": ("@", np.matmul),
    "and": ("&", np.bitwise_and),
    "or": ("|", np.bitwise_or),
    "eq": ("==", np.equal),
    "ne": ("!=", np.not_equal),
    "lt": ("<", np.less),
    "le": ("<=", np.less_equal),
    "gt": (">", np.greater),
    "ge": (">=", np.greater_equal),
}
_PREFIX = {"neg": ("-", np.negative), "abs": ("abs", np.absolute), "invert": ("~", np.invert)}
_METHODS = (
    "sum mean var std max min prod all any argmax argmin argsort cumsum cumprod clip round dot "
    "trace diagonal swapaxes squeeze ravel take repeat nonzero"
)


def _give_operators(name: str, symbol: str, ufunc: Any) -> None:
    """The operator with this name, its reflected form and that in place."""

    def number(left: Any, right: Any) -> Any:
        if isinstance(left, Recorded | Tensor) or isinstance(right, Recorded | Tensor):
            return NotImplemented
        tape = left.tape if isinstance(left, Number) else right.tape
        value = eval_infix(plain(left), plain(right))
        return tape.new_number(f"{spelled(left)} {symbol} {spelled(right)}", value)

    eval_infix = getattr(operator, f"__{name}__")
    setattr(Number, f"__{name}__", number)
    setattr(Number, f"__r{name}__", lambda self, other: number(other, self))
    if name != "pow":
        setattr(Recorded, f"__{name}__", lambda self, other: ufunc(self, other))
    setattr(Recorded, f"__r{name}__", lambda self, other: ufunc(other, self))
    setattr(Recorded, f"__i{name}__", lambda self, other: ufunc(self, other, out=(self,)))


def _give_method(name: str) -> None:
    """The method with the name of one of NumPy's functions."""
    function = getattr(np, name)
    setattr(Recorded, name, lambda self, *inputs, **options: function(self, *inputs, **options))


for _name, (_symbol, _ufunc) in _INFIX.items():
    _give_operators(_name, _symbol, _ufunc)
for _name, (_symbol, _ufunc) in _PREFIX.items():
    setattr(Recorded, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
for _name in _METHODS.split():
    _give_method(_name)


def spelled(number: Any) -> str:
    return number.name if isinstance(number, Number) else repr(number)


# ---- functions that are better spelled out, in calls that can be told where to write -------------


def _reduced(ufunc: np.ufunc) -> Any:
    def reduce(tape: Tape, a: Any, axis: Any = None, **options: Any) -> Any:
        given = {name: value for name, value in options.items() if value is not np._NoValue}
        return ufunc.reduce(a, axis, **given)

    return reduce


def _mean(tape: Tape, a: Any, axis: Any = None, keepdims: Any = False, **options: Any) -> Any:
    total = np.add.reduce(a, axis, keepdims=keepdims is True, **options)
    total /= max(a.size, 1) // max(total.size, 1)
    return total


def _where(tape: Tape, condition: Any, x: Any, y: Any) -> Any:
    made = tape.see(np.array(np.where(plain(condition), plain(x), plain(y))))
    tape.copy(made.array, y)
    tape.copy(made.array, x, where=condition)
    return made


def _filled(value: Any) -> Any:
    def fill(tape: Tape, a: Any, *given: Any, **options: Any) -> Any:
        inside = given[0] if value is None else value
        made = tape.see(np.empty_like(plain(a), **options))
        tape.copy(made.array, inside)
        return made

    return fill


def _concatenated(tape: Tape, arrays: Any, axis: int = 0) -> Any:
    made = tape.see(np.concatenate([plain(array) for array in arrays], axis))
    ends = itertools.accumulate(np.shape(plain(array))[axis] for array in arrays)
    for array, end in zip(arrays, ends, strict=True):
        start = end - np.shape(plain(array))[axis]
        tape.copy(np.moveaxis(np.moveaxis(made.array, axis, 0)[start:end], 0, axis), array)
    return made


_SPELLED_OUT: dict[Any, Any] = {
    np.sum: _reduced(np.add),
    np.max: _reduced(np.maximum),
    np.min: _reduced(np.minimum),
    np.mean: _mean,
    np.where: _where,
    np.concatenate: _concatenated,
    np.copy: lambda tape, a: a.copy(),
    np.empty_like: lambda tape, a, **options: tape.see(np.empty_like(plain(a), **options)),
    np.zeros_like: _filled(0),
    np.ones_like: _filled(1),
    np.full_like: _filled(None),
}
_OF_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}


# ---- what is inside ------------------------------------------------------------------------------


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The value with what is inside its lists, tuples, dicts and slices changed."""
    if type(value) in (list, tuple):
        return type(value)(mapped(change, part) for part in value)
    if type(value) is dict:
        return {key: mapped(change, part) for key, part in value.items()}
    return change(value)


def plain(value: Any) -> Any:
    """The value with arrays and numbers as NumPy knows them."""
    inner = {Recorded: "array", Number: "value"}
    return mapped(lambda x: getattr(x, inner[type(x)]) if type(x) in inner else x, value)


def noted_in(value: Any) -> Any:
    """The value as a call on the tape holds it: with arrays, and with Numbers as they are."""
    return mapped(lambda x: x.array if isinstance(x, Recorded) else x, value)


def arrays_in(value: Any) -> list[Array]:
    """All arrays inside."""
    if isinstance(value, np.ndarray):
        return [value]
    parts = value.values() if type(value) is dict else value
    if type(value) not in (list, tuple, dict):
        return []
    return [array for part in parts for array in arrays_in(part)]


def owner(array: Array) -> Array:
    """The array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _place(array: Array) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype


def _of(seen: Recorded) -> Tape:
    if seen.tape.closed:
        raise RuntimeError(
            "an array of a recorded step was kept where replay() does not look: let the step return "
            "what is needed after it"
        )
    return seen.tape


def refused(what: str) -> NotReplayable:
    """An error that says what cannot be replayed, and where it is."""
    return NotReplayable(
        f"{what} cannot be replayed, at {users_line()}. A replayed step computes with arrays; let "
        "it return what is to be looked at, and check data by microgradnd.replay.holds()"
    )
