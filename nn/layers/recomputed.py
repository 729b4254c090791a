"""Less memory for more time: a block whose inside is computed again on the way back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microgradnd import no_grad, primitive, vjp
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
        found: dict[int, Any] = {}  # the gradients that were computed and not taken yet

        def output(*arguments: Any) -> Any:
            values = dict(zip(named, arguments[count:], strict=True))
            return functional_call(self.block, values, *arguments[:count])

        def values(*arguments: Any) -> Any:
            with no_grad():
                return plain(output(*arguments))

        def rule(position: int, g: Any, y: Any, *arguments: Any) -> Any:
            if position not in found:
                now, buffers = Snapshot(then.states), [(b, b.copy()) for b in self.block.buffers()]
                then.restore()
                try:
                    found.update(enumerate(vjp(output, *arguments)[1](g)))
                finally:
                    now.restore()
                    for buffer, was in buffers:
                        buffer[...] = was
            return found.pop(position)

        arguments = *inputs, *named.values()
        rules = [partial(rule, position) for position in range(len(arguments))]
        arrays = [x if hasattr(x, "dtype") else np.asarray(x, dtype=float) for x in arguments]
        return primitive(values, *rules, name="recomputed")(*arrays)
