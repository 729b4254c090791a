"""The gradients beside the nodes of a picture, and the local derivatives on its edges.

They are computed for the picture alone: nobody's `.grad` is read or changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backward import differentiate
from ..chain_rule import fit
from ..context import undisturbed
from ..tensor import Tensor

SMALL = 16  # entries of a local derivative that is computed


@dataclass(frozen=True)
class Derivative:
    """The local derivative of one node by another.

    As a matrix it has this `shape`, a row for each entry of the one and a column for each of the
    other; `entries` are its rows, if they are few. A function of single entries has a `diagonal`.
    """

    shape: tuple[int, int]
    entries: list[list[float]] | None = None
    diagonal: bool = False


def gradients_of(heads: tuple[Tensor, ...], wanted: Iterable[Tensor], seed: Any) -> dict[Any, Any]:
    """The gradients of the wanted nodes: of a scalar, of the sum of several, or from a seed."""
    start: dict[Any, Any] = {}
    for head in heads:
        if head.requires_grad:
            start[head] = head.seed(None if seed is True else seed)
    targets = {node for node in wanted if node.requires_grad}
    if not start or not targets:
        return {}
    with undisturbed():
        return differentiate(start, targets)


def may_start(heads: tuple[Tensor, ...], gradients: Any) -> bool:
    """Whether gradients are wanted, and it is known what of: a scalar, or a seed is there."""
    if gradients is True:
        return all(head.size == 1 for head in heads)
    if gradients is None or gradients is False:
        return False
    if len(heads) > 1:
        raise ValueError("draw(gradients=...): a gradient to start from is that of one Tensor")
    return True


def local_derivative(node: Tensor, position: int) -> Derivative:
    """The derivative of a node by one of its arguments."""
    output, argument = node.arrays[0], node.arrays[position + 1]
    shape = node.size, argument.size
    diagonal = node.operation.kind == "elementwise" and argument.shape == node.shape
    if not 0 < shape[0] * shape[1] <= SMALL or isinstance(output, tuple):
        return Derivative(shape, None, diagonal)
    if not isinstance(argument, np.ndarray | np.generic):
        return Derivative(shape, None, diagonal)
    rule = node.operation.rules[position]
    entries = []
    with undisturbed():
        for entry in np.eye(node.size, dtype=node.dtype):
            row = rule(entry.reshape(node.shape), *node.arrays, **node.keywords)
            entries.append(np.asarray(fit(row, argument, node)).reshape(-1).tolist())
    return Derivative(shape, entries, diagonal)
