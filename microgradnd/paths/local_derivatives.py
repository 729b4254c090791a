"""The local derivatives of a recorded call, entry by entry: ∂y[i]/∂x[j] wherever it is not zero.

A rule is linear in the gradient g, so it stands for a matrix. Its rows come from the rule itself;
its columns from the same map transposed, which is forward mode. Either way a few applications are
enough, since entries that cannot meet in a result are probed together.
"""

from __future__ import annotations

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
    """The derivatives of a node's entries with respect to some entries of one of its arguments.

    The rows are entries of the node, the columns places in `live`, and no value is zero. They are
    computed in float64, whatever the dtype in the graph.

    Arguments:
        node: the result of a recorded call.
        position: the argument.
        live: the entries of the argument, in flat order.
    """
    argument = node.arrays[position + 1]

    def pull(g: Any) -> Any:
        """The gradient of the argument, not yet summed over broadcast axes."""
        return node.operation.rules[position](g, *node.arrays, **node.keywords)

    if node.operation.kind == "elementwise":
        diagonal = np.asarray(plain(pull(np.ones(node.shape))), float)
        if diagonal.shape == node.shape:
            return _along_the_diagonal(diagonal.reshape(-1), node.shape, argument.shape, live)
    like = np.broadcast_to(np.float64(0), argument.shape)
    push = None
    if len(live) < node.size:
        push = _transposed(lambda g: fit(pull(g), like, node), node.shape)
    if push is None:

        def row(g: Array) -> Array:
            pulled = fit(pull(g.reshape(node.shape)), like, node)
            return np.asarray(plain(pulled)).reshape(-1)[live]

        columns, rows, values = sparse_matrix(row, node.size, len(live))
        return rows, columns, values

    def column(v: Array) -> Array:
        velocity = np.zeros(argument.size)
        velocity[live] = v
        return np.asarray(push(velocity.reshape(argument.shape))).reshape(-1)

    return sparse_matrix(column, len(live), node.size)


def _transposed(pull: Callable[[Tensor], Any], shape: tuple[int, ...]) -> Linear | None:
    """The map from a velocity of the argument to that of the node, if the rule can be recorded."""
    probe = Tensor(np.ones(shape), requires_grad=True)
    try:
        with recording_on():
            pulled = pull(probe)
    except Exception:  # whatever a user's rule may raise
        return None
    if not (isinstance(pulled, Tensor) and pulled.requires_grad):
        return None
    return lambda velocity: differentiate({pulled: velocity}, {probe})[probe]


def _along_the_diagonal(
    values: Array, shape: tuple[int, ...], argument: tuple[int, ...], live: Array
) -> Entries:
    """For a call that treats each entry alone: entry i has the argument broadcast to i."""
    place = np.full(argument, -1)
    place.reshape(-1)[live] = np.arange(len(live))
    place = np.broadcast_to(place, shape).reshape(-1)
    outputs = np.flatnonzero((place >= 0) & (values != 0))
    return outputs, place[outputs], values[outputs]


def sparse_matrix(apply: Linear, columns: int, rows: int) -> Entries:
    """The entries of a linear map's matrix that are not zero.

    Columns are probed in groups: a nan in each marks all rows that the group may reach. Groups that
    have no such row in common share a probe. Each is split in four, down to single columns, which
    are probed with ones. A diagonal takes about 4·log₄(n) probes, n dense blocks of m columns
    4·(log₄(n) + m/3).
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
    return joined(found)


def _probed(apply: Linear, parts: list[Array], columns: int, rows: int) -> list[Array]:
    """The result for each part; all nan where the rule refuses even a single entry."""
    probe = np.zeros(columns)
    for part in parts:
        probe[part] = np.nan if len(part) > 1 else 1
    try:
        return [apply(probe)] * len(parts)
    except Exception:  # whatever a rule may raise
        if len(parts) == 1:
            return [np.full(rows, np.nan)]
        return [result for part in parts for result in _probed(apply, [part], columns, rows)]


def joined(parts: list[Entries]) -> Entries:
    """The entries of all parts."""
    rows, columns, values = zip(*parts, strict=True) if parts else [[np.zeros(0, int)]] * 3
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _apart(groups: list[tuple[Array, Array]], rows: int) -> list[list[tuple[Array, Array]]]:
    """The groups, each in up to four parts, in rounds within which no row can be reached twice."""
    rounds: list[list[tuple[Array, Array]]] = []
    used = np.zeros(rows, int)  # the first round in which a row is free
    for group, reach in groups:
        if not len(reach):
            continue
        for part in np.array_split(group, min(4, len(group))):
            turn = used[reach].max()
            used[reach] = turn + 1
            if turn == len(rounds):
                rounds.append([])
            rounds[turn].append((part, reach))
    return rounds
