"""The local derivatives of a recorded call, entry by entry: ∂y[i]/∂x[j] wherever it is not zero.

A rule is linear in the gradient g, so it stands for a matrix. Its rows come from the rule itself,
its columns from the same map transposed, which is forward mode.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..chain_rule import fit
from ..context import recording_on
from ..operators import plain
from ..tensor import Tensor

Linear = Callable[[Array], Array]  # a linear map of vectors
Entries = tuple[Array, Array, Array]  # of a sparse matrix: rows, columns and values


def local_derivatives(node: Tensor, position: int, live: Array) -> Entries:
    """The derivatives of a node's entries with respect to entries of the argument at a position.

    The rows are entries of the node, the columns places in `live`, which has the argument's entries
    in flat order. No value is zero. They are computed in float64, whatever the dtype in the graph.
    """
    argument = node.arrays[position + 1]
    if node.operation.kind == "elementwise":
        diagonal = np.asarray(plain(_rule(node, position, np.ones(node.shape))), float)
        if diagonal.shape == node.shape:  # entry i has the entry of the argument broadcast to i
            places = np.full(argument.shape, -1)
            places.reshape(-1)[live] = np.arange(len(live))
            places, values = np.broadcast_to(places, node.shape).reshape(-1), diagonal.reshape(-1)
            outputs = np.flatnonzero((places >= 0) & (values != 0))
            return outputs, places[outputs], values[outputs]

    def row(g: Array) -> Array:
        return pull(node, position, g.reshape(node.shape)).reshape(-1)[live]

    def column(v: Array) -> Array:
        velocity = np.zeros(argument.size)
        velocity[live] = v
        return push(velocity.reshape(argument.shape)).reshape(-1)  # type: ignore[misc]

    if len(live) < node.size and (push := pushing(node, position)):
        return sparse_matrix(column, len(live), node.size)
    columns, rows, values = sparse_matrix(row, node.size, len(live))
    return rows, columns, values


def _rule(node: Tensor, position: int, g: Any, arrays: tuple[Any, ...] = ()) -> Any:
    return node.operation.rules[position](g, *(arrays or node.arrays), **node.keywords)


def pull(node: Tensor, position: int, g: Array, arrays: tuple[Any, ...] = ()) -> Array:
    """An argument's gradient from that of a node, g, in float64; perhaps at other arrays."""
    return np.asarray(plain(_fitted(node, position, _rule(node, position, g, arrays))))


def pushing(node: Tensor, position: int) -> Linear | None:
    """The map of small changes of the argument to those of the node, unless the rule refuses."""
    probe, recorded = Tensor(np.ones(node.shape), requires_grad=True), None
    with contextlib.suppress(Exception), recording_on():  # whatever a user's rule may raise
        recorded = _fitted(node, position, _rule(node, position, probe))
    if not (isinstance(recorded, Tensor) and recorded.requires_grad):
        return None
    return lambda velocity: np.asarray(differentiate({recorded: velocity}, {probe})[probe])


def _fitted(node: Tensor, position: int, contribution: Any) -> Any:
    return fit(contribution, np.broadcast_to(np.float64(0), node.arrays[position + 1].shape), node)


def sparse_matrix(apply: Linear, columns: int, rows: int) -> Entries:
    """The entries of a linear map's matrix that are not zero.

    Columns are probed in groups: a nan in each marks all rows that the group may reach. Groups that
    have no such row in common share a probe. Each is split in four, down to single columns, which
    are probed with ones. A diagonal takes about 4·log₄(n) probes.
    """
    found: list[Entries] = []
    groups = [(np.arange(columns), np.arange(rows))] if columns and rows else []
    while groups:
        rounds = _apart(groups, rows)
        groups = []
        for together in rounds:
            results = _probed(apply, [part for part, _ in together], columns, rows)
            for (part, reach), result in zip(together, results, strict=True):
                values = result[reach]
                if len(part) > 1:
                    groups.append((part, reach[np.isnan(values)]))
                else:
                    reached = np.flatnonzero(values)
                    column = np.broadcast_to(part, reached.shape)
                    found.append((reach[reached], column, values[reached]))
    parts = zip(*found, strict=True) if found else [[np.zeros(0, int)]] * 3
    return tuple(map(np.concatenate, parts))  # type: ignore[return-value]


def _probed(apply: Linear, parts: list[Array], columns: int, rows: int) -> list[Array]:
    """The result for each part; all nan where the rule refuses even a single entry."""
    probe = np.zeros(columns)
    for part in parts:
        probe[part] = np.nan if len(part) > 1 else 1
    try:
        return [apply(probe)] * len(parts)
    except Exception:  # whatever a rule may raise
        alone = [np.full(rows, np.nan)]
    return alone if len(parts) == 1 else [_probed(apply, [p], columns, rows)[0] for p in parts]


def _apart(groups: list[tuple[Array, Array]], rows: int) -> list[list[tuple[Array, Array]]]:
    """The groups, each in up to four parts, in rounds within which no row can be reached twice."""
    rounds: list[list[tuple[Array, Array]]] = []
    used = np.zeros(rows, int)  # the first round in which a row is free
    for group, reach in groups:
        for part in np.array_split(group, min(4, len(group))) if len(reach) else ():
            turn = used[reach].max()
            used[reach] = turn + 1
            if turn == len(rounds):
                rounds.append([])
            rounds[turn].append((part, reach))
    return rounds
