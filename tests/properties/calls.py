"""Programs of NumPy's functions as plain data: lists of calls, and the libraries that run them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np


class V(int):
    """A value of a program by its number: the inputs come first, then the result of each call."""

    def __repr__(self) -> str:
        return f"V({int(self)})"


class Call(NamedTuple):
    """A call of a function with values and constants, the values possibly in lists or tuples."""

    function: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

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


class Program(NamedTuple):
    """Calls that compute outputs from inputs."""

    shapes: list[tuple[int, ...]]  # of the inputs
    seed: int  # of the inputs and of the weights in the sum of the outputs
    tied: bool  # whether the inputs are whole numbers, many of them equal
    calls: list[Call]
    outputs: list[V]

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
