"""Random programs of NumPy's functions: plain data, for arrays, Tensors and other libraries to run.

A program is a list of calls. It is drawn with its values computed along, so that each call fits the
values there are, and so that these stay tame: none grows, logarithms and quotients stay away from 0.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

# ---- programs ------------------------------------------------------------------------------------


class V(int):
    """A value of a program by its number: the inputs come first, then the result of each call."""

    def __repr__(self) -> str:
        return f"V({int(self)})"


class Call(NamedTuple):
    """A call of a function with values and constants, the values possibly in lists or tuples."""

    function: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def __repr__(self) -> str:
        options = [f"{name}={option!r}" for name, option in self.options.items()]
        return f"call({', '.join([repr(self.function), *map(repr, self.arguments), *options])})"

    def with_values(self, value_of: Callable[[V], Any]) -> Call:
        """The call with something else in the place of each V."""

        def filled(argument: Any) -> Any:
            if isinstance(argument, V):
                return value_of(argument)
            if isinstance(argument, list | tuple):
                return type(argument)(map(filled, argument))
            return argument

        options = {name: filled(option) for name, option in self.options.items()}
        return Call(self.function, filled(self.arguments), options)

    def operands(self) -> list[V]:
        found: list[V] = []
        self.with_values(found.append)
        return found

    def run(self, library: Library) -> Any:
        arguments = self.arguments
        if WRITING & self.options.keys():  # NumPy may write into an array, but not into a Tensor
            arguments = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in arguments)
        return library(self.function)(*arguments, **self.options)


WRITING = {"overwrite_input", "copy"}
"""Options by which a function may write into its argument."""


def call(function: str, *arguments: Any, **options: Any) -> Call:
    return Call(function, arguments, options)


class Program(NamedTuple):
    """Calls that compute outputs from inputs; printed, it is an expression that makes it again."""

    shapes: list[tuple[int, ...]]  # of the inputs
    seed: int  # of the inputs and of the weights in the sum of the outputs
    tied: bool  # whether the inputs are whole numbers, many of them equal
    calls: list[Call]
    outputs: list[V]

    def __repr__(self) -> str:
        count = len(self.shapes)
        lines = [f"        {made!r},  # V({count + i})" for i, made in enumerate(self.calls)]
        return "\n".join(
            [
                f"Program(\n    shapes={self.shapes}, seed={self.seed}, tied={self.tied},",
                "    calls=[",
                *lines,
                f"    ],\n    outputs={self.outputs},\n)",
            ]
        )

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        if self.tied:
            return [rng.integers(-2, 3, shape) * np.ones(shape) for shape in self.shapes]
        return [rng.uniform(-2, 2, shape) for shape in self.shapes]

    def values(self, inputs: Iterable[Any], library: Library) -> list[Any]:
        values = list(inputs)
        for made in self.calls:
            values.append(made.with_values(values.__getitem__).run(library))
        return values

    def run(self, inputs: Iterable[Any], library: Library) -> list[Any]:
        """The outputs."""
        values = self.values(inputs, library)
        return [values[output] for output in self.outputs]

    def total(self, inputs: Iterable[Any], library: Library) -> Any:
        """The sum of the outputs' entries, each with a weight of its own."""
        rng = np.random.default_rng(self.seed)
        outputs = self.run(inputs, library)
        weights = [rng.uniform(0.5, 2, output.shape) for output in outputs]
        return reduce(operator.add, map(library("np.vdot"), weights, outputs))


# ---- libraries -----------------------------------------------------------------------------------

Library = Callable[[str], Callable[..., Any]]


def library_of(module: Any, own: dict[str, Callable[..., Any]]) -> Library:
    """What finds a function by NumPy's name for it: in `own`, or else in a module like NumPy."""

    def find(name: str) -> Any:
        if name in own:
            return own[name]
        root, *path = name.split(".")
        return reduce(getattr, path, operator if root == "operator" else module)

    return find


def set_at(x: Any, index: Any, values: Any) -> Any:
    if hasattr(x, "at"):
        return x.at[index].set(values)
    x = np.array(x)
    x[index] = values
    return x


def add_at(x: Any, index: Any, values: Any) -> Any:
    if hasattr(x, "at"):
        return x.at[index].add(values)
    x = np.array(x)
    np.add.at(x, index, np.broadcast_to(values, x[index].shape))  # NumPy fails to do so itself
    return x


def floating(x: Any) -> bool:
    return isinstance(x, float | np.ndarray | np.generic) and np.asarray(x).dtype.kind == "f"


NUMPY = library_of(np, {"set_at": set_at, "add_at": add_at})  # for arrays and for Tensors


# ---- drawing a program ---------------------------------------------------------------------------

LARGEST = 3.0  # a value with a larger entry is scaled down
MOST_ENTRIES = 36
DTYPES = ["f8"] * 8 + ["?", "u1", "i1", "u2", "i4", "i8", "f2", "f4"]  # of constants
NUDGE = 1e-8  # how far arguments are moved to see whether a call is smooth

Shape = tuple[int, ...]


class NotSmoothError(Exception):
    """The call that was drawn has a jump or a kink at these values."""


class Draft:
    """A program that is being drawn."""

    def __init__(self, random: Any, refused: bool) -> None:
        self.random, self.refused = random, refused
        shapes = [self.shape() for _ in range(self.upto(1, 3))]
        seed, tied = random.randrange(2**16), random.randrange(5) == 4
        self.program = Program(shapes, seed, tied, [], [])
        self.values: list[Any] = self.program.inputs()
        self.ready = list(map(V, range(len(shapes))))  # what the next call may use
        self.kinks_allowed = not tied

    def finished(self) -> Program:
        used = {v for made in self.program.calls for v in made.operands()}
        return self.program._replace(outputs=[v for v in self.ready if v not in used])

    def add(self, move: Callable[[Draft], V | list[V]]) -> None:
        """Make a move, or none if it is of no use."""
        before = len(self.program.calls)
        self.kinks_allowed = not self.program.tied
        try:
            kept = move(self)
            for v in kept if isinstance(kept, list) else [kept]:
                self.keep(v)
        except (NotSmoothError, np.exceptions.AxisError):  # of a number, which has no axis
            del self.program.calls[before:], self.values[len(self.program.shapes) + before :]
            self.ready = [v for v in self.ready if v < len(self.values)]

    # ---- choices

    def choice(self, options: Iterable[Any]) -> Any:
        return self.random.choice(list(options))

    def upto(self, low: int, high: int) -> int:
        return self.random.randrange(low, high + 1)

    def maybe(self) -> bool:
        return self.random.randrange(2) == 1

    def shape(self, least: int = 0, most: int = 3) -> Shape:
        return tuple(self.upto(1, 3) for _ in range(self.upto(least, most)))

    def constants(self) -> np.random.Generator:
        return np.random.default_rng(self.random.randrange(2**16))

    def constant(self, shape: Shape = ()) -> Any:
        """Quarters, which print as they are."""
        numbers = self.constants().integers(-8, 9, shape) / 4
        return numbers if shape else float(numbers)

    def operand(self, shape: Shape = (), positive: bool = False) -> Any:
        """A constant: quarters, or numbers of a small dtype, some of them large for it."""
        dtype = np.dtype(self.choice(DTYPES))
        numbers = self.constants().integers(0 if dtype.kind in "bu" else -8, 9, shape)
        numbers = np.abs(numbers) + 2 if positive else numbers
        if dtype.kind == "f":
            return (
                float(numbers / 4)
                if dtype.char == "d" and not shape
                else (numbers / 4).astype(dtype)
            )
        return (numbers * self.choice([1, 1, 1, 12])).astype(dtype)

    def axis(self, ndim: int) -> int:
        return self.upto(-ndim, ndim - 1)

    # ---- values

    def __getitem__(self, v: V) -> Any:
        return self.values[v]

    def of(self, v: V) -> Shape:
        return np.shape(self.values[v])

    def do(self, function: str, *arguments: Any, **options: Any) -> V:
        """Add a call to the program, if it is smooth there."""
        made = Call(function, arguments, options)
        value = made.with_values(self.values.__getitem__).run(NUMPY)
        if self.breaks(made, value):
            raise NotSmoothError
        self.values.append(value)
        self.program.calls.append(made)
        return V(len(self.values) - 1)

    def breaks(self, made: Call, value: Any) -> bool:
        """Whether a call jumps at its arguments, or has a kink there that one cannot allow.

        A jump makes a number of rounding errors, in every library others. At a kink the libraries
        may choose other slopes. Where two entries are always equal, as after np.take, their
        maximum has no kink though it looks like one; so kinks are let pass unless inputs are tied.
        """
        if isinstance(value, list | tuple):
            return False

        def change(*directions: int) -> Any:
            uses = itertools.count(1)  # an operand that is used twice is moved in two ways

            def nudged(v: V) -> Any:
                x, use = self.values[v], next(uses)
                if not floating(x):
                    return x
                places = np.arange(x.size) + 2.3 * use
                step = sum(np.sign(d) * np.sin(np.abs(d) * places) for d in directions)
                return x + NUDGE * step.reshape(x.shape)

            moved = made.with_values(nudged).run(NUMPY)
            return moved - value if floating(value) else (moved != value) * 1.0

        if np.any(np.abs([change(1), change(-1)]) > 1e-4):
            return True
        pairs = [] if self.kinks_allowed else [(1, -1), (2, 3), (4, 5), (6, 7), (8, 9)]
        bends = [change(i) + change(j) - change(i, j) for i, j in pairs]
        return any(np.any(np.abs(bend) > 1e-4 * NUDGE * (1 + np.abs(value))) for bend in bends)

    def keep(self, v: V) -> None:
        """Let the next calls use the value, made smaller if it is too large."""
        while self[v].size > MOST_ENTRIES or self[v].ndim > 4:
            v = self.do("np.mean", v, axis=0)
        largest = np.max(np.abs(self[v]))
        if largest > LARGEST:
            v = self.do("operator.mul", v, float(f"{LARGEST / 2 / largest:.1g}"))
            if self.maybe():
                v = self.do(self.choice(["np.tanh", "np.sin", "np.arctan"]), v)
        self.ready.append(v)

    def pick(self, least_ndim: int = 0) -> V:
        """One of the values, rather a late one."""
        v = self.ready[-1 - min(self.upto(0, len(self.ready) - 1) for _ in "ab")]
        missing = range(least_ndim - len(self.of(v)))
        if missing:
            v = self.do("np.broadcast_to", v, (*(self.upto(1, 2) for _ in missing), *self.of(v)))
        return v

    def of_shape(self, shape: Shape) -> V:
        """A value of that shape: one that is there, or made of another one."""
        there = [v for v in self.ready if self.of(v) == shape]
        if there and self.upto(0, 7):
            return self.choice(there)
        v, size = self.pick(), math.prod(shape)
        if self.of(v) == shape[len(shape) - len(self.of(v)) :]:
            return self.do("np.broadcast_to", v, shape)
        if self[v].size == size:
            return self.do("np.reshape", v, shape)
        return self.do("np.take", v, self.constants().integers(0, self[v].size, shape))

    def within(self, v: V, low: float, high: float) -> V:
        """The value if its entries are that large, or else a smooth function of it."""
        if np.all((low < self[v]) & (self[v] < high)):
            return v
        if high == math.inf:
            return self.do("operator.add", self.do("np.square", v), low + 0.2)
        wave = self.do("operator.mul", self.do("np.sin", v), (high - low) * 0.45)
        return self.do("operator.add", wave, (high + low) / 2)

    def partner(self, v: V) -> Shape:
        """A shape that broadcasts with that of the value, either way."""
        shape = [self.choice((n, n, 1) if n > 1 else (1, 1, 2, 3)) for n in self.of(v)]
        if self.upto(0, 3) == 0:
            shape.insert(0, self.upto(1, 3))
        return tuple(shape[self.upto(0, len(shape)) if self.maybe() else 0 :])


def program_from(random: Any, refused: bool = False) -> Program:
    """A program of 5 to 50 calls; `random` is a random.Random, or Hypothesis' imitation of one.

    With `refused` it may ask for what no Tensor does.
    """
    draft = Draft(random, refused)
    length = draft.upto(5, 42)
    while len(draft.program.calls) < length:
        draft.add(draft.choice(MOVES))
    return draft.finished()


random_programs = st.builds(program_from, st.randoms(), st.just(True))


# ---- entry by entry ------------------------------------------------------------------------------


def known(names: str) -> list[str]:
    """Those of the names that this version of NumPy has."""
    return [f"np.{name}" for name in names.split() if hasattr(np, name)]


ANYWHERE, POSITIVE, INSIDE = (-math.inf, math.inf), (0.3, math.inf), (-0.9, 0.9)

ONE = {
    **dict.fromkeys(known("negative positive absolute fabs sign exp exp2 expm1 square"), ANYWHERE),
    **dict.fromkeys(known("sin cos sinh cosh tanh arctan arcsinh sinc nan_to_num copy"), ANYWHERE),
    **dict.fromkeys(known("deg2rad rad2deg degrees radians floor ceil trunc rint round"), ANYWHERE),
    **dict.fromkeys(["operator.neg", "operator.pos", "operator.abs"], ANYWHERE),
    **dict.fromkeys(known("log log2 log10 log1p sqrt cbrt reciprocal"), POSITIVE),
    **dict.fromkeys(known("arcsin arccos arctanh tan"), INSIDE),
    "np.arccosh": (1.2, math.inf),
}
"""Functions of one value, with the interval that it has to lie in."""

TWO = {
    **dict.fromkeys(known("add subtract multiply maximum minimum fmax fmin"), (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(known("logaddexp logaddexp2 copysign"), (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(["operator.add", "operator.sub", "operator.mul"], (ANYWHERE, ANYWHERE)),
    **dict.fromkeys(known("true_divide divide arctan2 hypot"), (ANYWHERE, POSITIVE)),
    **dict.fromkeys(known("remainder mod fmod floor_divide"), (ANYWHERE, POSITIVE)),
    **dict.fromkeys(["operator.truediv", "operator.mod"], (ANYWHERE, POSITIVE)),
    **dict.fromkeys([*known("power float_power"), "operator.pow"], (POSITIVE, ANYWHERE)),
}

COMPARISONS = known("greater less greater_equal less_equal")


def one(d: Draft) -> V:
    name = d.choice(ONE)
    v = d.pick()
    writes = d.refused and name == "np.nan_to_num" and d.of(v) and d.maybe()
    options = {"copy": False} if writes else {}
    return d.do(name, d.within(v, *ONE[name]), **options)


def two(d: Draft) -> V:
    """A function of two values, which broadcast."""
    name, v = d.choice(TWO), d.pick()
    pair = v, d.of_shape(d.partner(v))
    left, right = pair if d.maybe() else pair[::-1]
    return d.do(name, d.within(left, *TWO[name][0]), d.within(right, *TWO[name][1]))


def with_constant(d: Draft) -> V:
    name, v = d.choice(TWO), d.pick()
    if name in ("np.power", "operator.pow") and d.maybe():
        return d.do(name, v, d.choice([0, 1, 2, 3, 2.0, np.uint16(0), np.uint8(2), np.int8(3)]))
    mine = d.upto(0, 1)
    constant = d.operand(d.partner(v) if d.maybe() else (), TWO[name][1 - mine] is POSITIVE)
    v = d.within(v, *TWO[name][mine])
    return d.do(name, constant, v) if mine else d.do(name, v, constant)


# ---- choosing ------------------------------------------------------------------------------------


def condition(d: Draft, shape: Shape) -> Any:
    """Booleans: constant, or from comparing a value."""
    if d.maybe():
        return d.constants().integers(0, 2, shape) > 0
    return d.do(d.choice(COMPARISONS), d.of_shape(shape), d.constant() + 0.1)


def where(d: Draft) -> V:
    v = d.pick()
    other = d.operand() if d.upto(0, 2) == 0 else d.of_shape(d.partner(v))
    branches = (v, other) if d.maybe() else (other, v)
    return d.do("np.where", condition(d, d.of(v)), *branches)


def select(d: Draft) -> V:
    v = d.pick()
    conditions = [condition(d, d.of(v)) for _ in "ab"]
    return d.do("np.select", conditions, [v, d.of_shape(d.of(v))], d.operand())


def clip(d: Draft) -> V:
    v = d.pick()
    low = d.choice([-1.1, None, np.int8(-1), d.constant(d.of(v)) - 1.0])
    high = (
        d.choice([0.7, 1.6, np.uint8(1)])
        if low is None
        else d.choice([1.1, None, d.constant(d.of(v)) + 1.2])
    )
    return d.do("np.clip", v, low, high)


# ---- many to one ---------------------------------------------------------------------------------

REDUCTIONS = known("sum mean prod max min amax amin ptp median average var std nansum nanmean")
REDUCTIONS += ["np.add.reduce", "np.multiply.reduce", "np.maximum.reduce", "np.minimum.reduce"]
REDUCTIONS += ["np.logaddexp.reduce", "np.linalg.norm"]


def some_axes(d: Draft, ndim: int) -> Any:
    if ndim == 0:
        return d.choice([None, 0, -1])
    if d.upto(0, 3) == 0:
        return None
    if ndim == 1 or d.maybe():
        return d.axis(ndim)
    axes = d.random.sample(range(ndim), d.upto(1, ndim))
    return tuple(axis - ndim if d.maybe() else axis for axis in axes)


def over_axes(d: Draft, ndim: int) -> dict[str, Any]:
    options: dict[str, Any] = {"axis": some_axes(d, ndim)}
    return {**options, "keepdims": True} if d.maybe() else options


def reduction(d: Draft) -> V:
    name, v = d.choice(REDUCTIONS), d.pick()
    options = over_axes(d, d[v].ndim)
    if name in ("np.var", "np.std") and np.var(d[v]) > 0 and d.maybe():
        options["ddof"] = 0.5
    if name == "np.linalg.norm":
        if d[v].ndim != 1 or options["axis"] is None:
            v, options["axis"] = d.pick(least_ndim=1), -1
        options["ord"] = d.choice([None, 1, 2, 3, np.inf, -np.inf])
    if name in ("np.std", "np.linalg.norm") and np.min(NUMPY(name)(d[v], **options)) < 0.1:
        name, options = "np.sum", {"axis": options["axis"]}  # a root near 0
    return d.do(name, v, **options)


def masked_reduction(d: Draft) -> V:
    name, v = d.choice(known("sum mean prod max min")), d.pick(least_ndim=1)
    mask = d.constants().integers(0, 2, d.of(v)) > 0
    axis = d.axis(d[v].ndim)
    if name == "np.mean":
        return d.do(name, v, axis=axis, where=mask | ~np.any(mask, axis=axis, keepdims=True))
    return d.do(name, v, axis=axis, where=mask, initial=d.choice([0.6, 1.3]))


def reduction_with_holes(d: Draft) -> V:
    """A function that leaves nans out, of a value with some, but not all along the axis."""
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    hole = d.constants().integers(0, 2, d.of(v)) > 0
    hole &= ~np.all(hole, axis=axis, keepdims=True)
    v = d.do("operator.add", v, np.where(hole, np.nan, 0.0))
    return d.do(d.choice(known("nansum nanmean nanmax nanmin")), v, axis=axis)


def quantile(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    q = d.choice([0.37, 0.61, [0.13, 0.83]])
    options = over_axes(d, d[v].ndim) | ({"overwrite_input": True} if d.maybe() else {})
    name = d.choice(known("quantile percentile median"))
    if name == "np.median":
        return d.do(name, v, **options)
    q = np.array(q) * (100 if name == "np.percentile" else 1)
    method = d.choice(["linear", "lower", "higher", "midpoint"])
    return d.do(name, v, q, method=method, **options)


def weighted_average(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    weights = d.within(d.of_shape(d.of(v)), *POSITIVE)
    return d.do("np.average", v, axis=d.axis(d[v].ndim), weights=weights)


RUNNING = ["np.add", "np.multiply", "np.maximum", "np.minimum", "np.logaddexp"]


def running(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice([*known("cumsum cumprod"), *(f"{ufunc}.accumulate" for ufunc in RUNNING)])
    return d.do(name, v, axis=None if name.startswith("np.cum") and d.maybe() else axis)


def difference(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    size = d.of(v)[axis]
    name = d.choice(known("diff gradient trapezoid")) if size > 1 else "np.trapezoid"
    if name == "np.gradient":
        return d.do(name, v, *[d.operand(positive=True)] * d.upto(0, 1), axis=axis)
    if name == "np.diff":
        first = d.operand(tuple(np.take(d[v], [0], axis).shape)) if d.maybe() else np._NoValue
        options = {} if first is np._NoValue else {"prepend": first}
        return d.do(name, v, n=d.upto(1, size - 1), axis=axis, **options)
    x = {"x": np.cumsum(d.constants().integers(1, 9, size)).astype("u1")} if d.maybe() else {}
    return d.do(name, v, axis=axis, **x)


# ---- shapes --------------------------------------------------------------------------------------


def another_shape(d: Draft, size: int) -> Any:
    n = d.choice(n for n in range(1, size + 1) if size % n == 0)
    return d.choice([(n, size // n), (n, -1), -1, (size,), (1, n, -1), (size // n, 1, n)])


def order_of(d: Draft, count: int) -> Shape:
    return tuple(d.random.sample(range(count), count))


def with_axis(d: Draft, x: Any, argument: Callable[[int], Any]) -> Any:
    """An argument for the length of some axis, and the axis."""
    axis = d.axis(x.ndim)
    return argument(x.shape[axis]), axis


def repeats(d: Draft, size: int) -> Any:
    return d.choice([2, d.constants().integers(0, 3, size) | (np.arange(size) == 0)])


def widths(d: Draft, ndim: int) -> Any:
    return [(d.upto(0, 1), d.upto(0, 1)) for _ in range(ndim)]


LAYOUTS: dict[str, Callable[[Draft, Any], tuple[Any, ...]]] = {
    "reshape": lambda d, x: (another_shape(d, x.size), d.choice("CF")),
    "ravel": lambda d, x: (d.choice("CF"),),
    "transpose": lambda d, x: d.choice([(), (order_of(d, x.ndim),)]),
    "swapaxes": lambda d, x: (d.axis(x.ndim), d.axis(x.ndim)),
    "moveaxis": lambda d, x: (d.axis(x.ndim), d.axis(x.ndim)),
    "rollaxis": lambda d, x: (d.axis(x.ndim), d.upto(0, x.ndim)),
    "expand_dims": lambda d, x: (d.axis(x.ndim + 1),),
    "broadcast_to": lambda d, x: ((d.upto(1, 2), *x.shape),),
    "flip": lambda d, x: (some_axes(d, x.ndim),),
    "roll": lambda d, x: (d.upto(-2, 2), d.choice([None, d.axis(x.ndim)])),
    "tile": lambda d, x: (d.choice([2, (2, 1), (1, 2)]),),
    "repeat": lambda d, x: with_axis(d, x, lambda size: repeats(d, size)),
    "pad": lambda d, x: (widths(d, x.ndim), d.choice(["constant", "edge", "symmetric", "wrap"])),
    "diagflat": lambda d, x: (d.upto(-1, 1),),
    "lib.stride_tricks.sliding_window_view": lambda d, x: with_axis(d, x, lambda n: d.upto(1, n)),
    **dict.fromkeys(["squeeze", "flipud", "atleast_1d", "atleast_2d"], lambda d, x: ()),
    "atleast_3d": lambda d, x: (),
}
LAYOUTS_OF_MATRICES: dict[str, Callable[[Draft, Any], tuple[Any, ...]]] = {
    "rot90": lambda d, x: (d.upto(-1, 3), d.choice([(0, 1), (1, 0)])),
    "tril": lambda d, x: (d.upto(-1, 1),),
    "triu": lambda d, x: (d.upto(-1, 1),),
    "diagonal": lambda d, x: (0, *order_of(d, x.ndim)[:2]),
    "trace": lambda d, x: (d.upto(0, 1), *order_of(d, x.ndim)[:2]),
    **dict.fromkeys(["fliplr", "matrix_transpose"], lambda d, x: ()),
}


def layout(d: Draft) -> V:
    table, ndim = d.choice([(LAYOUTS, 1)] * 3 + [(LAYOUTS_OF_MATRICES, 2)])
    v, name = d.pick(ndim), d.choice(table)
    return d.do(f"np.{name}", v, *table[name](d, d[v]))


def join(d: Draft) -> V:
    """Values of one shape joined, or of shapes that differ along the axis."""
    v = d.pick(least_ndim=1)
    shape, axis = d.of(v), d.axis(d[v].ndim)
    name = d.choice(known("concatenate stack append vstack hstack dstack column_stack"))
    if name in ("np.concatenate", "np.append"):
        other = list(shape)
        other[axis] = d.upto(1, 3)
        pair = [v, d.operand(tuple(other)) if d.upto(0, 3) == 0 else d.of_shape(tuple(other))]
        axis = d.choice([axis, None])
        return d.do(name, *pair, axis=axis) if name == "np.append" else d.do(name, pair, axis=axis)
    parts = [v, *(d.of_shape(shape) for _ in range(d.upto(0, 2)))]
    return d.do(name, parts, axis=axis) if name == "np.stack" else d.do(name, parts)


def block(d: Draft) -> V:
    m, n, k = (d.upto(1, 2) for _ in "mnk")
    rows = [[d.of_shape((m, n)), d.of_shape((m, k))], [d.of_shape((1, k)), d.operand((1, n))]]
    return d.do("np.block", rows)


def parts(d: Draft) -> list[V]:
    """A function of several results, each of which goes on."""
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice(known("array_split split broadcast_arrays meshgrid unstack"))
    if name == "np.array_split":
        made = d.do(name, v, min(2, d.of(v)[axis]), axis=axis)
    elif name == "np.split":
        made = d.do(name, v, [1] if d.of(v)[axis] > 1 else 1, axis=axis)
    elif name == "np.unstack":
        made = d.do(name, v, axis=axis)
    elif name == "np.broadcast_arrays":
        made = d.do(name, v, d.of_shape(d.partner(v)))
    else:
        pair = d.of_shape(d.shape(1, 1)), d.of_shape(d.shape(1, 1))
        made = d.do(name, *pair, indexing=d.choice(["xy", "ij"]), sparse=d.maybe())
    return [d.do("operator.getitem", made, i) for i in range(len(d[made]))]


# ---- entries -------------------------------------------------------------------------------------


def slices(d: Draft, size: int) -> Any:
    """A slice that is not empty."""
    start = d.upto(0, size - 1)
    everything, reversed_ = slice(None), slice(None, None, -1)
    return d.choice([everything, reversed_, slice(start, None), slice(None, start + 1)])


def random_index(d: Draft, shape: Shape) -> Any:
    """An index that names at least one entry: basic, of integers, or a mask."""
    kind = d.choice(["basic", "integers", "mask", "mixed"])
    rng = d.constants()
    if kind == "mask":
        return np.asarray(rng.integers(0, 2, shape) > 0) | (np.indices(shape).sum(axis=0) == 0)
    if kind == "integers" and shape:
        which = d.shape(1, 2)
        count = d.upto(1, len(shape))
        index = tuple(rng.integers(-size, size, which) for size in shape[:count])
        return index if count > 1 or d.maybe() else index[0]
    if kind == "mixed" and shape:
        index = [slices(d, size) for size in shape]
        axis = d.upto(0, len(shape) - 1)
        size = shape[axis]
        mask = (rng.integers(0, 2, size) > 0) | (np.arange(size) == 0)
        index[axis] = d.choice([rng.integers(-size, size, d.upto(1, 4)), mask])
        if d.maybe():
            index.insert(d.upto(0, len(index)), None)
        return tuple(index)
    index = [d.choice([slices(d, size), d.upto(-size, size - 1)]) for size in shape]
    if d.maybe():
        start = d.upto(0, len(index))
        index[start : d.upto(start, len(index))] = [Ellipsis]
    elif d.maybe():
        index = index[: d.upto(0, len(index))]
    if d.maybe():
        index.insert(d.upto(0, len(index)), None)
    return tuple(index)


def entries(d: Draft) -> V:
    v = d.pick()
    return d.do("operator.getitem", v, random_index(d, d.of(v)))


def changed_entries(d: Draft) -> V:
    v = d.pick()
    index = random_index(d, d.of(v))
    shape = np.shape(d[v][index])
    new = d.operand() if d.upto(0, 3) == 0 else d.of_shape(d.choice([shape, shape[1:], ()]))
    return d.do(d.choice(["set_at", "add_at"]), v, index, new)


def take(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    size = d.of(v)[axis]
    if d.maybe():
        return d.do("np.take", v, d.constants().integers(-size, size, d.shape(0, 2)), axis=axis)
    kept = (d.constants().integers(0, 2, size) > 0) | (np.arange(size) == 0)
    return d.do("np.compress", kept, v, axis=axis)


def sorted_entries(d: Draft) -> V:
    v = d.pick(least_ndim=1)
    axis = d.axis(d[v].ndim)
    name = d.choice(known("sort argsort partition"))
    if name == "np.sort":
        return d.do(name, v, axis=d.choice([axis, None]))
    if name == "np.argsort":
        order = d.do(name, v, axis=axis)
        return d.do("np.take_along_axis", d.of_shape(d.of(v)), order, axis)
    k = d.upto(0, d.of(v)[axis] - 1)
    return d.do("np.take", d.do(name, v, k, axis=axis), k, axis=axis)  # the others lie anywhere


def interpolation(d: Draft) -> V:
    points = [np.array([-1.6, -0.3, 0.7, 1.9]), np.array([0, 1, 2, 5], "u1")]
    points = points[0] if d.program.tied else d.choice(points)  # at a point, the slope jumps
    return d.do("np.interp", d.pick(), points, d.operand((4,)) if d.maybe() else d.of_shape((4,)))


# ---- products ------------------------------------------------------------------------------------

PRODUCTS = {
    "np.matmul": "n,n  mn,n  n,nm  mn,nk  bmn,nk  mn,bnk  bmn,bnk  bmn,n  n,bnm",
    "operator.matmul": "1mn,bnk  mn,n  mn,nk",
    "np.dot": "n,n  mn,n  mn,nk  mn,bnk  ,mn",
    "np.inner": "n,n  mn,kn  n,mn",
    "np.vecdot": "mn,mn  bmn,n",
    "np.vdot": "mn,mn",
    "np.cross": "3,3  m3,m3  m3,3",
    "np.kron": "m,n  mn,k  mn,bk",
    "np.outer": "mb,n",
    "np.add.outer": "m,nk",
    "np.multiply.outer": "m,nk",
    "np.maximum.outer": "m,nk",
    "np.linalg.multi_dot": "mn,nk,kb",
}
"""The shapes of the arguments: a letter is some length, a digit that length."""

PAIRS = [
    (name, shapes.split(","))
    for name, choices in PRODUCTS.items()
    for shapes in choices.split()
    if name != "np.vecdot" or hasattr(np, "vecdot")
]


def sized(shapes: Iterable[str], sizes: dict[str, int]) -> list[Shape]:
    return [tuple(sizes.get(letter) or int(letter) for letter in shape) for shape in shapes]


def product(d: Draft) -> V:
    name, letters = d.choice(PAIRS)
    shapes = sized(letters, {letter: d.upto(1, 3) for letter in "mnkb"})
    factors = [d.of_shape(shape) for shape in shapes]
    if d.upto(0, 3) == 0 and name != "np.linalg.multi_dot":
        number = d.upto(0, 1)
        factors[number] = d.operand(shapes[number])
    return d.do(name, factors) if name == "np.linalg.multi_dot" else d.do(name, *factors)


def tensordot(d: Draft) -> V:
    letters, axes = d.choice(
        [(("mn", "nk"), 1), (("m", "n"), 0), (("mnk", "kbn"), ([1, -1], [2, 0])), (("mn", "mn"), 2)]
    )
    shapes = sized(letters, {letter: d.upto(1, 3) for letter in "mnkb"})
    return d.do("np.tensordot", *map(d.of_shape, shapes), axes=axes)


def convolution(d: Draft) -> V:
    name, mode = d.choice(known("convolve correlate")), d.choice(["full", "same", "valid"])
    kernel = d.upto(1, 5)
    other = d.operand((kernel,)) if d.maybe() else d.of_shape((kernel,))
    return d.do(name, d.of_shape((d.upto(1, 5),)), other, mode)


def einsum(d: Draft) -> V:
    """Any subscripts: repeated in an operand, in one operand only, summed or in the output."""
    sizes = {letter: d.upto(1, 3) for letter in "ijkl"}
    operands = ["".join(d.choice("ijkl") for _ in range(d.upto(0, 3))) for _ in range(d.upto(1, 3))]
    values = [d.of_shape(shape) for shape in sized(operands, sizes)]
    letters = sorted(set("".join(operands)))
    output = "".join(d.random.sample(letters, d.upto(0, len(letters))))
    subscripts = ",".join(operands) + d.choice(["", "->" + output])
    if d.upto(0, 3) == 0:  # and an axis that is not named, in the first operand
        first = d.of_shape((2, *sized(operands, sizes)[0]))
        named = ",".join(["..." + operands[0], *operands[1:]]) + "->..." + output
        return d.do("np.einsum", named, first, *values[1:])
    return d.do("np.einsum", subscripts, *values, optimize=d.maybe())


MATRIX_FUNCTIONS = ["inv", "det", "slogdet", "cholesky", "pinv", "matrix_power", "eigvalsh"]
MATRIX_FUNCTIONS += ["eigh", "svd", "qr", "solve"]


def linear_algebra(d: Draft) -> V | list[V]:
    """Of a positive definite matrix whose eigenvalues lie apart."""
    n = d.upto(1, 3)
    half = d.of_shape((*d.shape(0, 1), n, n))
    square = d.do("np.matmul", half, d.do("np.swapaxes", half, -1, -2))
    small = d.do("operator.mul", square, 0.1)
    matrix = d.do("operator.add", small, np.diag(np.arange(1.0, n + 1)))
    name = d.choice(MATRIX_FUNCTIONS)
    full = f"np.linalg.{name}"
    if name == "slogdet":
        return d.do("operator.getitem", d.do(full, matrix), 1)
    if name == "matrix_power":
        return d.do(full, matrix, d.upto(-2, 3))
    if name == "solve":
        return d.do(full, matrix, d.of_shape((*d.of(matrix)[:-1], d.upto(1, 2))))
    if name not in ("eigh", "svd", "qr"):
        return d.do(full, matrix)
    # The sign of a vector is anybody's choice, the squares of its entries are not.
    factors = d.do(full, matrix, **({"full_matrices": False} if name == "svd" else {}))
    kept = [d.do("operator.getitem", factors, i) for i in range(2)]
    return [d.do("np.square", factor) for factor in kept]


def coinciding(d: Draft) -> V:
    """A smooth function of equal singular values, eigenvalues or entries, or of zeros."""
    if not (d.refused and d.program.tied):  # only whole numbers print as they are
        raise NotSmoothError
    n, start = d.upto(2, 3), V(d.upto(0, len(d.program.shapes) - 1))
    d.kinks_allowed = True  # within it
    x = d.do("np.take", start, d.constants().integers(0, d[start].size, (n, n)))
    x = d.do("operator.sub", x, d[x].copy())  # zeros, but not in their derivatives
    name = d.choice(["svd", "eigvalsh", "norm", "hypot", "std"])
    if name in ("svd", "eigvalsh"):
        matrix = d.do("operator.add", x, np.eye(n) * d.choice([0.5, 1.0, 2.0]))
        options = {"compute_uv": False} if name == "svd" else {}
        made = d.do(f"np.linalg.{name}", matrix, **options)
    elif name == "hypot":
        made = d.do("np.hypot", x, d.do("np.flip", x, d.upto(0, 1)))
    else:
        full = "np.std" if name == "std" else "np.linalg.norm"
        made = d.do(full, x, axis=d.choice([-1, (0, 1)]))
    return d.do("np.sum", d.do("operator.pow", made, d.choice([2, 2.0, 4])))


MOVES = [
    *[one] * 5,
    *[two] * 6,
    *[with_constant] * 2,
    *[where, select, clip],
    *[reduction] * 3,
    *[masked_reduction, reduction_with_holes, quantile, weighted_average, running, difference],
    *[layout] * 6,
    *[join, join, block, parts],
    *[entries] * 3,
    *[changed_entries, changed_entries, take, sorted_entries, sorted_entries, interpolation],
    *[product, product, tensordot, convolution, einsum, einsum, linear_algebra, linear_algebra],
    coinciding,
]
