"""The edges of a picture, and the local derivatives along them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .numbers import described, rows, shape_of, written

FEW = 6  # entries of a local derivative that is written out
FEW_DIAGONAL = 4  # of one that is a diagonal


@dataclass
class Derivative:
    """The local derivative of one node with respect to another, as a matrix of this `shape`.

    `entries` are the rows, columns and values of those that are not 0, if they are not too many.
    """

    shape: tuple[int, int]
    diagonal: bool
    entries: tuple[Array, Array, Array] | None = None

    @property
    def lines(self) -> list[str]:
        """A number, a small matrix, or the shape of a larger one."""
        size, (height, _) = math.prod(self.shape), self.shape
        diagonal = self.diagonal and size != 1
        if self.entries is not None and size:
            at_rows, at_columns, values = self.entries
            if size == 1:
                return [written(values.sum())]
            square = height == self.shape[1]
            if diagonal or (square and len(values) and np.all(at_rows == at_columns)):
                diagonal, numbers = True, np.zeros(height)
                numbers[at_rows] = values
                if np.all(numbers == numbers[0]):
                    factor = written(numbers[0])
                    return [{"1": "I", "−1": "−I"}.get(factor, f"{factor}·I")]
                if height <= FEW_DIAGONAL:
                    return ["diagonal", *rows(described(numbers))]
            elif size <= FEW:
                matrix = np.zeros(self.shape)
                matrix[at_rows, at_columns] = values
                return rows(described(matrix))
        return [("diagonal " if diagonal else "matrix ") + shape_of(self.shape)]


@dataclass
class Edge:
    """One use of a node as an argument, or `count` of them where a box is involved.

    A gradient `flows` back along it if the source requires one.
    """

    source: str
    target: str
    flows: bool
    mark: str = ""
    count: int = 1
    position: int = 0
    derivative: Derivative | None = None
