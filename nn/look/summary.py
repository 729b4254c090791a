"""What a network amounts to: its layers with their shapes, units, parameters and connections."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from microgradnd import no_grad

from ..init import outline, zeros
from ..layers.embedding import Embedding
from ..layers.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm
from ..module import Module

Shape = tuple[int, ...]


class Row(NamedTuple):
    """A layer's line in a `Summary`; everything is for one example but the memory."""

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
    """What `summary` gives: the rows of a table, and their totals. It prints as a table.

    - Units are the outputs of the layers that have weights, and the inputs of the network.
    - Parameters are counted once, however often they are used.
    - Connections are the uses of weights and of biases for one example, as they are counted in the
      papers on the networks of the eighties and nineties; a bias is the weight of a constant 1.
    - Multiply-adds are those of the weights, for one example forwards; the way back takes twice as
      many. What activations, pooling and normalisation cost beside them is left out.
    - Memory is what training takes, in bytes: the parameters, their gradients, and the outputs of
      all layers for a batch, which the way back needs. An optimiser may keep one or two more arrays
      like the parameters.
    """

    rows: tuple[Row, ...]
    input_units: int
    batch_size: int
    dtype: np.dtype[Any]

    @property
    def output_units(self) -> int:
        """The units of the last layer that has any."""
        return next((row.units for row in reversed(self.rows) if row.units), 0)

    @property
    def hidden_units(self) -> int:
        """The units between the inputs and the outputs of the network."""
        return sum(row.units for row in self.rows) - self.output_units

    @property
    def units(self) -> int:
        """All units: inputs, hidden ones and outputs."""
        return self.input_units + self.hidden_units + self.output_units

    @property
    def parameters(self) -> int:
        """The numbers that are learnt."""
        return sum(row.parameters for row in self.rows)

    @property
    def connections(self) -> int:
        """The uses of weights and biases for one example."""
        return sum(row.connections for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """The multiplications by weights for one example, forwards."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory(self) -> int:
        """The bytes that training takes with this batch size, estimated."""
        return sum(row.memory for row in self.rows)

    def __str__(self) -> str:
        table = [_HEADINGS, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if place < _TEXTS else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ).rstrip()
            for cells in table
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], self._note()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

        *body, total = self._cells()
        return (
            f"<table><thead>{line(_HEADINGS, 'th')}</thead>"
            f"<tbody>{''.join(line(cells, 'td') for cells in body)}</tbody>"
            f"<tfoot>{line(total, 'th')}</tfoot></table><p>{html.escape(self._note())}</p>"
        )

    def _cells(self) -> Iterator[list[str]]:
        for row in self.rows:
            shape = "not called" if row.output_shape is None else _by(row.output_shape)
            yield [row.name, row.kind, shape, *_numbers(row)]
        yield ["total", "", "", *_numbers(self)]

    def _note(self) -> str:
        return (
            f"{self.units:,} units: {self.input_units:,} inputs, {self.hidden_units:,} hidden, "
            f"{self.output_units:,} outputs. Memory: training in {self.dtype}, batches of "
            f"{self.batch_size}."
        )


_HEADINGS = [
    *("layer", "kind", "output shape"),
    *("units", "parameters", "connections", "multiply-adds", "memory"),
]
_TEXTS = 3


def _by(shape: Shape) -> str:
    return " × ".join(map(str, shape)) or "1"


def _numbers(of: Row | Summary) -> list[str]:
    units = of.units if isinstance(of, Row) else of.hidden_units + of.output_units
    counts = units, of.parameters, of.connections, of.multiply_adds
    return [*(f"{count:,}" if count else "" for count in counts), _bytes(of.memory)]


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.3g} {unit}"


def summary(
    model: Module | Callable[[], Module],
    input_shape: int | Shape | list[Shape],
    batch_size: int = 1,
    dtype: Any = None,
) -> Summary:
    """A table of the layers of a model, for inputs of this shape, which is that of one example.

    Instead of a model, a function that makes it can be given, such as its class; then parameters
    take no memory. A model of several inputs gets a list of shapes. `dtype` is that of the inputs:
    say `int` if they are numbers of words.

    The shapes are found by running the model on a batch of no examples, which costs nothing; if it
    cannot do with that, on two of zeros. A layer of one's own is counted by its `weight`, used once
    at each place of the output, or by its method `connections(output_shape)`, if it has one, which
    says how many connections have a weight, and how many a bias.

    >>> from nn.functions import Sigmoid
    >>> from nn.containers import Sequential
    >>> from nn.layers.dense import Linear
    >>> from nn.look.summary import summary
    >>> table = summary(Sequential(Linear(784, 30), Sigmoid(), Linear(30, 10), Sigmoid()), 784)
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
    first = next(model.parameters(), None)
    kind = zeros().dtype if first is None else first.dtype
    shapes = _shapes(input_shape)
    calls = _calls(model, shapes, dtype or kind)
    rows = tuple(_rows(model, calls, batch_size, kind.itemsize))
    return Summary(rows, sum(map(math.prod, shapes)), batch_size, kind)


def _shapes(given: Any) -> list[Shape]:
    if isinstance(given, int):
        return [(given,)]
    if isinstance(given, list) and not all(isinstance(size, int) for size in given):
        return [tuple(shape) for shape in given]
    return [tuple(given)]


Call = tuple[Module, Shape]  # the module that was called, and the shape of what it gave


def _calls(model: Module, shapes: list[Shape], dtype: Any) -> list[Call]:
    """Which layers the model calls, in order, with the shapes of what they give for one example."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of averages of nothing
            return _run(model, [np.zeros((0, *shape), dtype) for shape in shapes])
    except (ValueError, IndexError, ZeroDivisionError):
        return _run(model, [np.zeros((2, *shape), dtype) for shape in shapes])


def _run(model: Module, inputs: list[Any]) -> list[Call]:
    calls: list[Call] = []

    def look(module: Module, _: Any, output: Any) -> None:
        while isinstance(output, tuple | list):  # an LSTM gives its states too
            output = output[0]
        calls.append((module, output.shape[1:]))

    modes = [(module, module.training) for module in model.modules()]
    with ExitStack() as stack, no_grad():
        for module in filter(_is_layer, model.modules()):
            stack.enter_context(module.register_forward_hook(look))
        try:
            model.eval()(*inputs)
        finally:
            for module, training in modes:
                module.training = training
    return calls


def _is_layer(module: Module) -> bool:
    """Whether a module is more than a container of others."""
    own = next(module.parameters(recurse=False), None)
    return own is not None or next(module.children(), None) is None


def _rows(model: Module, calls: list[Call], batch_size: int, itemsize: int) -> Iterator[Row]:
    names = {id(module): name for name, module in model.named_modules()}
    called = {id(module) for module, _ in calls}
    silent = [
        (module, None)
        for module in model.modules()
        if id(module) not in called and next(module.parameters(recurse=False), None) is not None
    ]
    counted: set[int] = set()
    for module, shape in [*calls, *silent]:
        own = [p for p in module.parameters(recurse=False) if id(p) not in counted]
        counted.update(map(id, own))
        parameters = sum(p.size for p in own)
        outputs = 0 if shape is None else math.prod(shape)
        weights, biases = (0, 0) if shape is None else _connections(module, shape)
        yield Row(
            name=names[id(module)],
            kind=type(module).__name__,
            output_shape=shape,
            units=outputs if weights + biases else 0,
            parameters=parameters,
            connections=weights + biases,
            multiply_adds=weights,
            memory=(2 * parameters + batch_size * outputs) * itemsize,
        )


def _connections(module: Any, output_shape: Shape) -> tuple[int, int]:
    """How many connections have a weight, and how many a bias, for one example.

    Every weight is used once at each place of the output: of an image, or of a sequence.
    """
    if hasattr(module, "connections"):
        return module.connections(output_shape)  # type: ignore[no-any-return]
    outputs = math.prod(output_shape)
    if isinstance(module, Embedding):
        return outputs, 0
    if isinstance(module, BatchNorm1d | BatchNorm2d | LayerNorm):  # they scale what units say
        return 0, 0
    if hasattr(module, "weight_hh_l0"):  # recurrent: the places are the steps
        together = module.hidden_size * (1 + module.bidirectional)
    else:
        weight = getattr(module, "weight", None)
        together = outputs if weight is None or weight.ndim < 2 else len(weight)
    places = outputs // together if together else 0
    sizes = {name: p.size for name, p in module.named_parameters(recurse=False)}
    biases = sum(size for name, size in sizes.items() if name.startswith("bias"))
    return places * (sum(sizes.values()) - biases), places * biases
