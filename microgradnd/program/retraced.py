"""A recorded graph, computed once more on a tape of values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..tensor import Tensor, constant
from .stand_in import Memory, StandIn
from .value import NotDerivableError, Value, values_in
from .value_tape import ValueTape


class Retraced:
    """The Tensors of a graph as they are on a tape: `made` has for each the one with a stand-in.

    Arguments:
        tape: what notes the calls.
        variables: the leaves that are not constants; `leaves` has them by their values.
    """

    def __init__(self, tape: ValueTape, variables: Collection[Tensor]) -> None:
        self.tape, self.variables = tape, variables
        self.made: dict[Tensor, Tensor] = {}
        self.leaves: dict[Value, Tensor] = {}
        self.parts: list[Any] = []  # arrays of Tensors that were computed outside of the graph
        self.constants = set[Value]()  # arrays that calls were given beside Tensors

    def compute(self, node: Tensor) -> Tensor:
        """Calls the function of a node on stand-ins, and records that."""
        pairs = [self.argument(node, position) for position in range(len(node._parents))]
        parents = tuple(None if parent is None else self.leaf(parent, a) for parent, a in pairs)
        arrays = [
            self._constant(array) if parent is None else parent._array
            for parent, (_, array) in zip(parents, pairs, strict=True)
        ]
        self.constants.update(values_in(self.tape.valued(node._keywords)))
        output = node.operation.function(*arrays, **node._keywords)
        value = node.operation.without_kept(output)
        if isinstance(value, tuple):
            value = np.concatenate([np.ravel(each) for each in value])
        if node._requires_grad:
            made = node.operation.record(parents, (output, *arrays), node._keywords, value, None)
        else:
            made = constant(value)
        self.made[node] = made
        return made  # type: ignore[no-any-return]

    def argument(self, node: Tensor, position: int) -> tuple[Tensor | None, Any]:
        """An argument of a call: the Tensor, if it is one, and its array."""
        return node._parents[position], node.arrays[position + 1]

    def _constant(self, array: Any) -> Any:
        """An argument that is no Tensor; an array as a constant of the tape."""
        if not isinstance(array, np.ndarray | np.bool):
            return array
        value = self.tape.valued(np.asarray(array))
        self.constants.add(value)
        return StandIn(self.tape, Memory(value))

    def leaf(self, tensor: Tensor, array: Any) -> Tensor:
        """A Tensor on the tape; one that was not computed has the array that was used."""
        made = self.made.get(tensor)
        if made is None:
            varies = tensor in self.variables
            if not isinstance(array, StandIn):
                if not varies:
                    self.parts.append(array)
                array = self.tape.see(np.array(array), fixed=not varies)
                self.constants.update([] if varies else [array.value])
            made = self.made[tensor] = constant(array)
            made._requires_grad = tensor._requires_grad
            if varies:
                self.leaves.setdefault(array.value, tensor)
        elif not isinstance(array, StandIn):
            first = made._array.array
            if tensor.operation is not None:
                first = tensor.operation.without_kept(tensor.arrays[0])
            first = tensor._array if isinstance(first, tuple) else first
            if not (array is first or np.array_equal(first, array, equal_nan=True)):
                raise NotDerivableError(
                    f"{tensor.title} was changed between two uses, so it is no single value; give "
                    "the second one a name of its own"
                )
        return made
