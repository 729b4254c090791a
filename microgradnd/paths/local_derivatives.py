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
        diagonal = np.asarray(plain(apply_rule(node, position, np.ones(node.shape))), float)
        if diagonal.shape == node.shape:  # entry i has the entry of the argument broadcast to i
            places = np.full(argument.shape, -1)
            places.reshape(-1)[live] = np.arange(len(live))
            places, values = np.broadcast_to(places, node.shape).reshape(-1), diagonal.reshape(-1)
            outputs = np.flatnonzero((places >= 0) & (values != 0))
            return outputs, places[outputs], values[outputs]
    push = pushing(node, position) if len(live) < node.size else None

    def row(g: Array) -> Array:
        return pull(node, position, g.reshape(node.shape)).reshape(-1)[live]

    def column(v: Array) -> Array:
        velocity = np.zeros(argument.size)
        velocity[live] = v
        return push(velocity.reshape(argument.shape)).reshape(-1)  # type: ignore[misc]

    if push:
        return sparse_matrix(column, len(live), node.size)
    columns, rows, values = sparse_matrix(row, node.size, len(live))
    return rows, columns, values


def apply_rule(node: Tensor, position: int, g: Any, arrays: tuple[Any, ...] = ()) -> Any:
    """What the rule for an argument of a node returns; perhaps at other arrays."""
    return node.operation.rules[position](g, *(arrays or node.arrays), **node.keywords)


def _fitted(node: Tensor, position: int, contribution: Any) -> Any:
    return fit(contribution, np.broadcast_to(np.float64(0), node.arrays[position + 1].shape), node)


def pull(node: Tensor, position: int, g: Array, arrays: tuple[Any, ...] = ()) -> Array:
    """An argument's gradient from that of a node, g, in float64; perhaps at other arrays."""
    return np.asarray(plain(_fitted(node, position, apply_rule(node, position, g, arrays))))


def pushing(node: Tensor, position: int) -> Linear | None:
    """The map of small changes of the argument to those of the node, unless the rule refuses."""
    probe, recorded = Tensor(np.ones(node.shape), requires_grad=True), None
    with contextlib.suppress(Exception), recording_on():  # whatever a user's rule may raise
        recorded = _fitted(node, position, apply_rule(node, position, probe))
    if not (isinstance(recorded, Tensor) and recorded.requires_grad):
        return None
    return lambda velocity: np.asarray(differentiate({recorded: velocity}, {probe})[probe])


def noise(shape: int | tuple[int, ...], seed: int = 0) -> Array:
    """Positive numbers of no pattern, which cancel only where all numbers must."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


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
            probe = np.zeros(columns)
            for part, _ in together:
                probe[part] = np.nan if len(part) > 1 else 1
            try:
                result = apply(probe)
            except Exception:  # a rule may refuse nan; if it refuses more, each is probed alone
                result = np.full(rows, np.nan)
                with contextlib.suppress(Exception):
                    result = apply(np.where(np.isnan(probe), noise(columns), probe))
            for part, reach in together:
                touched = reach[result[reach] != 0]
                if len(part) > 1:
                    groups.append((part, touched))
                else:
                    found.append((touched, np.broadcast_to(part, touched.shape), result[touched]))
    parts = zip(*found, strict=True) if found else [[np.zeros(0, int)]] * 3
    return tuple(map(np.concatenate, parts))  # type: ignore[return-value]


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
