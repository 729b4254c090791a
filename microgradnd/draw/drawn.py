"""What is drawn, as plain data with its texts: nodes, boxes, edges and local derivatives."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..paths.notation import counted
from ..tensor import Tensor
from .numbers import Numbers, described, in_a_line, rows, shape_of, written

FEW = 6  # entries of a local derivative that is written out
FEW_DIAGONAL = 4  # of one that is a diagonal
WIDEST = 40  # characters of a line of options


@dataclass
class DrawnNode:
    """A Tensor, or an array, and the operation that made it.

    Its kind is "operation", "parameter", "input", "constant" or "given" (computed outside of what
    is drawn). `uses` counts the arguments it is, `caption` names a scope that holds only it, and
    `group` is the key of the innermost frame that it is in. An `output` is that of a model.
    """

    key: str
    kind: str
    symbol: str
    name: str
    operation: str
    formula: str
    value: Numbers
    gradient: Numbers | None
    gradient_name: str
    uses: int
    caption: str
    scope: tuple[str, ...]
    line: str
    group: str
    mark: str
    output: bool
    tensor: Tensor = field(repr=False)

    @property
    def heading(self) -> str:
        return f"{self.symbol} = {self.formula}" if self.formula else self.symbol

    @property
    def about(self) -> list[str]:
        """The line below the heading: with the name, if the symbol shows only the end of it."""
        if self.operation:
            return ["output, " * self.output + self.value.kind]
        name = self.name if "." in self.name or len(self.name) > len(self.symbol) else ""
        kind = {"given": "from elsewhere"}.get(self.kind, self.kind)
        used = f"used {self.uses} times" if self.uses > 1 else ""
        return [", ".join(filter(None, [name, kind, self.value.kind, used]))]

    @property
    def everything(self) -> str:
        """All about it, for its tooltip."""
        lines = [self.heading if self.formula else self.name or self.symbol]
        lines += [f"{self.kind}, {self.value.kind}", in_a_line(self.value, exact=True)]
        if self.gradient is not None:
            lines.append(f"{self.gradient_name}: {in_a_line(self.gradient, exact=True)}")
        return "; ".join(filter(None, [*lines, " / ".join(self.scope), self.line]))


@dataclass
class Box:
    """A group: what is in it, in few words, and its results, also as a node if it is just one.

    It is drawn as a box, or as a frame around what is in it if it is `open`. If it stands for
    `times` alike parts, `follows` tells whether each uses the result of the one before, as in a
    loop, and `shared` how many parameters all of them use. Of a layer, `options` say more than what
    is in it.
    """

    key: str
    kind: str
    title: str
    times: int
    operations: int
    contents: tuple[tuple[str, int], ...]
    parameters: int
    shape: tuple[int, ...] | None
    result: DrawnNode | None
    results: tuple[str, ...]
    layer: bool
    options: str
    follows: bool
    shared: int
    open: bool
    group: str
    mark: str

    @property
    def turns(self) -> int:
        return self.times if self.kind == "repeat" else 1

    @property
    def heading(self) -> str:
        """The title, and how many it stands for."""
        times = f" × {self.times:,}" if self.times > 1 else ""
        return (self.title or counted(self.operations // self.turns, "operation")) + times

    @property
    def about(self) -> list[str]:
        """The lines below the heading."""
        turns, lines = self.turns, textwrap.wrap(self.options, WIDEST)
        if self.title and self.operations > turns and not self.layer:  # else it is the heading
            lines.append(counted(self.operations // turns, "operation"))
        if len(self.contents) > 1 and not self.layer:
            shown = [f"{count // turns:,} {name}" for name, count in self.contents[:3]]
            lines.append(", ".join(shown) + ", …" * (len(self.contents) > 3))
        if turns > 1 and lines:
            lines[0] = "each " + lines[0]
        if self.parameters:
            lines.append(counted(self.parameters, "parameter") + " in all" * (turns > 1))
        if self.follows:
            lines.append("each after the other" + ", with the same weights" * bool(self.shared))
        elif self.shared:
            lines.append("all with the same weights")
        if self.shape is not None:
            lines.append("each " + shape_of(self.shape))
        return [*lines, *self.results]


@dataclass
class Derivative:
    """The local derivative of one node with respect to another, as a matrix of this `shape`.

    `entries` are the rows, columns and values of those that are not 0, if they are not too many.
    """

    shape: tuple[int, int]
    diagonal: bool
    entries: tuple[Array, Array, Array] | None = None

    def matrix(self) -> Array:
        """It as an array; its entries must be known."""
        assert self.entries is not None
        matrix = np.zeros(self.shape)
        matrix[self.entries[:2]] = self.entries[2]
        return matrix

    @property
    def lines(self) -> list[str]:
        """A number, a small matrix, or the shape of a larger one."""
        size = math.prod(self.shape)
        diagonal = self.diagonal and size != 1
        if self.entries is not None and size:
            at_rows, at_columns, values = self.entries
            if size == 1:
                return [written(values.sum())]
            square = self.shape[0] == self.shape[1]
            if diagonal or (square and len(values) and np.all(at_rows == at_columns)):
                diagonal, numbers = True, np.zeros(self.shape[0])
                numbers[at_rows] = values
                if np.all(numbers == numbers[0]):
                    factor = written(numbers[0])
                    return [{"1": "I", "−1": "−I"}.get(factor, f"{factor}·I")]
                if len(numbers) <= FEW_DIAGONAL:
                    return ["diagonal", *rows(described(numbers))]
            elif size <= FEW:
                return rows(described(self.matrix()))
        return [("diagonal " if diagonal else "matrix ") + shape_of(self.shape)]


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    position: int
    flows: bool
    count: int = 1
    derivative: Derivative | None = None
    mark: str = ""
