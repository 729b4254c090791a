"""A program that is being drawn: its values are computed along, and stay tame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tests.properties.calls import NUMPY, Call, Program, V, floating

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
            python = dtype.char == "d" and not shape
            return float(numbers / 4) if python else (numbers / 4).astype(dtype)
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


def named(names: str) -> list[str]:
    return [f"np.{name}" for name in names.split()]


def some_axes(d: Draft, ndim: int) -> Any:
    if ndim == 0:
        return d.choice([None, 0, -1])
    if d.upto(0, 3) == 0:
        return None
    if ndim == 1 or d.maybe():
        return d.axis(ndim)
    axes = d.random.sample(range(ndim), d.upto(1, ndim))
    return tuple(axis - ndim if d.maybe() else axis for axis in axes)
