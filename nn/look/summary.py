"""The size of a network: its layers with their shapes, units, parameters and connections."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from microgradnd import no_grad
from microgradnd.habits import require
from microgradnd.text_table import html_table, text_table

from ..init import outline, zeros
from ..module import Module
from ..train.evaluation import in_mode

Shape = tuple[int, ...]
_HEADINGS = (
    "layer", "kind", "output shape", "units", "parameters", "connections", "multiply-adds", "memory"
)  # fmt: skip


class SummaryRow(NamedTuple):
    """A layer's row in a `Summary`; all numbers but the memory are for one example."""

    name: str
    kind: str
    output_shape: Shape | None  # None: the model did not call it
    units: int
    parameters: int
    connections: int
    multiply_adds: int
    memory: int


@dataclass(frozen=True, repr=False)
class Summary:
    """The result of `summary`: the rows of a table, and their totals. It prints as a table.

    - Units are the outputs of the layers that have weights, and the inputs of the network.
    - Parameters are counted once, however often they are used.
    - Connections are the uses of weights and of biases for one example, as they are counted in the
      papers on the networks of the eighties and nineties; a bias is the weight of a constant 1.
    - Multiply-adds are those of the weights, for one example forwards; the way back needs twice as
      many. Those of activations, pooling and normalisation are left out.
    - Memory is that of training, in bytes: the parameters, their gradients, and the outputs of all
      layers for a batch, which the way back needs. An optimiser may keep one or two more arrays
      like the parameters.
    """

    rows: tuple[SummaryRow, ...]
    units: int  # inputs, hidden ones and outputs
    input_units: int
    hidden_units: int
    output_units: int  # of the last layer that has any
    parameters: int
    connections: int
    multiply_adds: int
    memory: int
    batch_size: int
    dtype: np.dtype[Any]

    def __repr__(self) -> str:
        rows, note = self._texts()
        head, *body, total = text_table([_HEADINGS, *rows], left=3)
        rule = "-" * max(map(len, [head, *body, total]))
        return "\n".join([head, rule, *body, rule, total, note])

    def _repr_html_(self) -> str:
        (*body, total), note = self._texts()
        return f"{html_table(_HEADINGS, body, total)}<p>{note}</p>"

    def _texts(self) -> tuple[list[list[str]], str]:
        """The rows, with the total as the last, and what is written below."""
        counts = self.parameters, self.connections, self.multiply_adds, self.memory
        total = SummaryRow("total", "", None, self.units - self.input_units, *counts)
        rows = []
        for name, kind, shape, *numbers, memory in (*self.rows, total):
            called = "not called" if shape is None else " × ".join(map(str, shape)) or "1"
            power = min(len(str(memory)) - 1, 9) // 3
            size = f"{memory / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"
            rows.append([name, kind, called, *(f"{n:,}" if n else "" for n in numbers), size])
        rows[-1][2] = ""
        units = f"{self.units:,} units: {self.input_units:,} inputs, {self.hidden_units:,} hidden"
        training = f"training in {self.dtype}, batches of {self.batch_size}"
        return rows, f"{units}, {self.output_units:,} outputs. Memory: {training}."


def summary(
    model: Module | Callable[[], Module],
    input_shape: int | Shape | list[Shape],
    batch_size: int = 1,
    dtype: np.typing.DTypeLike | None = None,
) -> Summary:
    """Returns a table of the layers of a model.

    The shapes are found by running the model on a batch of no examples, which costs nothing; if it
    raises an error, on two of zeros. A layer of your own is counted by its parameters, used once
    at each place of the output, or by its method `connections(output_shape)`, if it has one: it
    returns how many connections have a weight, and how many a bias.

    Arguments:
        model: a module, or a function that makes one, such as its class; then its parameters take
            no memory.
        input_shape: of one example; a list of shapes for a model of several inputs.
        batch_size: examples in a batch, for the memory.
        dtype: of the inputs, such as `int` for numbers of words; by default that of the parameters.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    >>> table = nn.summary(model, 784)
    >>> table
    layer  kind     output shape  units  parameters  connections  multiply-adds   memory
    ------------------------------------------------------------------------------------
    0      Linear   30               30      23,550       23,550         23,520   377 kB
    1      Sigmoid  30                                                             240 B
    2      Linear   10               10         310          310            300  5.04 kB
    3      Sigmoid  10                                                              80 B
    ------------------------------------------------------------------------------------
    total                            40      23,860       23,860         23,820   382 kB
    824 units: 784 inputs, 30 hidden, 10 outputs. Memory: training in float64, batches of 1.
    >>> table.parameters
    23860
    """
    if not isinstance(model, Module):
        with outline():
            model = model()
    array = isinstance(input_shape, np.ndarray)
    require(not array, "expected a shape such as (784,), got an array; use x.shape[1:]", TypeError)
    first = next(model.parameters(), None)
    kind = zeros().dtype if first is None else first.dtype
    several = isinstance(input_shape, list) and not all(isinstance(n, int) for n in input_shape)
    given: Any = input_shape if several else [input_shape]
    shapes = [np.broadcast_shapes(shape) for shape in given]  # a number becomes a shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of averages of nothing
            calls = layer_outputs(model, *(np.zeros((0, *s), dtype or kind) for s in shapes))
    except TypeError as error:
        if dtype is None and "whole numbers" in str(error):
            raise TypeError(f"{error}; use dtype=int") from None
        raise
    except (ValueError, IndexError, ZeroDivisionError):
        calls = layer_outputs(model, *(np.zeros((2, *s), dtype or kind) for s in shapes))
    called = {id(module) for _, module, _ in calls}
    others = ((name, m) for name, m in model.named_modules() if id(m) not in called)
    calls += [(name, m, None) for name, m in others if [*m.parameters(recurse=False)]]

    rows, counted = [], set[int]()
    for name, module, output in calls:
        while isinstance(output, tuple | list):  # an LSTM also returns its states
            output = output[0]
        shape = None if output is None else output.shape[1:]
        own = {id(p): p.size for p in module.parameters(recurse=False) if id(p) not in counted}
        counted |= own.keys()
        outputs = 0 if shape is None else math.prod(shape)
        weights, biases = (0, 0) if shape is None else _connections(module, shape)
        memory = (2 * sum(own.values()) + batch_size * outputs) * kind.itemsize
        counts = sum(own.values()), weights + biases, weights, memory
        units = outputs if weights + biases else 0
        rows.append(SummaryRow(name, type(module).__name__, shape, units, *counts))
    inputs = sum(map(math.prod, shapes))
    outputs = next((row.units for row in reversed(rows) if row.units), 0)
    totals = {name: sum(getattr(row, name) for row in rows) for name in SummaryRow._fields[3:]}
    hidden = totals.pop("units") - outputs
    sizes = inputs + hidden + outputs, inputs, hidden, outputs
    return Summary(tuple(rows), *sizes, **totals, batch_size=batch_size, dtype=kind)


def layer_outputs(model: Module, *inputs: Any) -> list[tuple[str, Module, Any]]:
    """The layers that the model calls, in order: the name, the layer and its output.

    A layer has parameters of its own, or no modules inside.
    """
    calls: list[tuple[str, Module, Any]] = []
    names = {id(module): name for name, module in model.named_modules()}

    def note(module: Module, _: Any, output: Any) -> None:
        calls.append((names[id(module)], module, output))

    with ExitStack() as stack, in_mode(model, training=False), no_grad():
        for module in model.modules():
            if any(True for _ in module.parameters(recurse=False)) or not [*module.children()]:
                stack.enter_context(module.register_forward_hook(note))
        model(*inputs)
    return calls


def _connections(module: Any, output_shape: Shape) -> tuple[int, int]:
    """How many connections have a weight, and how many a bias, for one example.

    Every weight is used once at each place of the output: of an image, or of a sequence.
    """
    if hasattr(module, "connections"):
        return module.connections(output_shape)  # type: ignore[no-any-return]
    outputs, weight = math.prod(output_shape), getattr(module, "weight", None)
    units = outputs if weight is None or weight.ndim < 2 else len(weight)  # at one place
    units = getattr(module, "_units", units)
    places = outputs // units if units else 0
    sizes = {name: p.size for name, p in module.named_parameters(recurse=False)}
    biases = sum(size for name, size in sizes.items() if name.startswith("bias"))
    return places * (sum(sizes.values()) - biases), places * biases
