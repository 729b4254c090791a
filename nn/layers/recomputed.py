"""Less memory for more time: a block whose inside is computed again on the way back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microgradnd import Tensor, no_grad, primitive, vjp
from microgradnd.operators import plain
from microgradnd.random_state import Snapshot, common_generators, shared_generators

from ..module import Module, functional_call


class Recomputed(Module):
    """Computes a block without keeping what is inside; a backward pass computes it once more.

    So a deep network takes the memory of one block at a time. Dropout draws the same masks again,
    and running statistics move once. The inputs are Tensors or arrays of floats.

    >>> import nn
    >>> block = nn.Sequential(nn.Linear(4, 100), nn.Tanh(), nn.Linear(100, 4))
    >>> y = Recomputed(block)(np.ones((2, 4)))
    >>> y.operation.name, len(y.parents)
    ('recomputed', 4)
    """

    def __init__(self, block: Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, *inputs: Any) -> Any:
        """Returns what the block returns."""
        named = {name: p for name, p in self.block.named_parameters() if p.requires_grad}
        count, then = len(inputs), Snapshot([*common_generators(), *shared_generators])
        asked: Any = None  # a plain gradient of the output, and what is left of those it gave
        found: dict[int, Any] = {}

        def output(*arguments: Any) -> Any:
            values = dict(zip(named, arguments[count:], strict=True))
            return functional_call(self.block, values, *arguments[:count])

        def values(*arguments: Any) -> Any:
            with no_grad():
                return plain(output(*arguments))

        def slopes(g: Any, arguments: tuple[Any, ...]) -> Any:
            now, buffers = Snapshot(then.states), [(b, b.copy()) for b in self.block.buffers()]
            then.restore()
            try:
                return vjp(output, *arguments)[1](g)
            finally:
                now.restore()
                for buffer, was in buffers:
                    buffer[...] = was

        def rule(position: int, g: Any, y: Any, *arguments: Any) -> Any:
            nonlocal asked
            if any(isinstance(value, Tensor) for value in (g, *arguments)):
                return slopes(g, arguments)[position]  # to keep Tensors here would be a cycle
            if g is not asked or position not in found:
                asked = g
                found.update(enumerate(slopes(g, arguments)))
            slope = found.pop(position)
            asked = asked if found else None
            return slope

        arguments = *inputs, *named.values()
        rules = [partial(rule, position) for position in range(len(arguments))]
        arrays = [x if hasattr(x, "dtype") else np.asarray(x, dtype=float) for x in arguments]
        return primitive(values, *rules, name="recomputed")(*arrays)
