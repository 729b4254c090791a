"""Less memory for more time: a block whose inside is computed again on the way back."""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import Any

from microgradnd import Tensor, vjp
from microgradnd.arrays import check_again
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.primitive import Primitive
from microgradnd.random_state import Snapshot, common_generators, shared_generators
from microgradnd.table import together
from microgradnd.tree import flatten, leaves_of, map_leaves

from ..module import Module, functional_call


class Recomputed(Module):
    """Computes a block without keeping what is inside; a backward pass computes it once more.

    So a deep network takes the memory of one block at a time. Dropout draws the same masks again,
    and running statistics move once. What the block takes and returns are Tensors or arrays, or
    lists, tuples and dicts of them.

    >>> import nn
    >>> block = nn.Sequential(nn.Linear(4, 100), nn.Tanh(), nn.Linear(100, 4))
    >>> y = Recomputed(block)([[1.0, 2.0, 3.0, 4.0]])
    >>> y.operation.name, len(y.parents)
    ('recomputed', 4)
    """

    def __init__(self, block: Module) -> None:
        super().__init__()
        self.block = block
        cuts = any(getattr(module, "max_norm", None) is not None for module in block.modules())
        require(not cuts, "max_norm changes weights: keep that layer outside of Recomputed")

    def forward(self, *inputs: Any) -> Any:
        """Returns what the block returns."""
        named = {name: p for name, p in self.block.named_parameters() if p.requires_grad}
        given, rebuild = flatten(inputs)
        moves = [isinstance(x, Tensor) and x.requires_grad for x in given]
        learned = [*itertools.compress(given, moves), *named.values()]
        if not learned:
            return self.block(*inputs)
        then = Snapshot([*common_generators(), *shared_generators])
        buffers = [(buffer, buffer.copy()) for buffer in self.block.buffers()]
        form: Any = None  # what the block returned, with the class in place of each array

        def output(*arguments: Any) -> Any:
            nonlocal form
            left = iter(arguments)
            news = [next(left) if each else x for x, each in zip(given, moves, strict=True)]
            stand_ins = dict(zip(named, left, strict=True))
            returned = functional_call(self.block, stand_ins, *rebuild(news))
            form = map_leaves(lambda x: Tensor if hasattr(x, "dtype") else x, returned)
            made = [x for x in leaves_of(returned) if hasattr(x, "dtype")]
            return made[0] if len(made) == 1 else tuple(made)

        def values(*arguments: Any) -> Any:
            made = output(*arguments)  # of which nothing is recorded
            lost = any(getattr(x, "requires_grad", False) for x in leaves_of(made))
            own = "its block computes with a Tensor that is neither its Parameter nor its input"
            use = "make it one, or its gradient would be lost"
            require(not lost, f"Recomputed: {own}; {use}", RuntimeError)
            return plain(made)

        def slopes(g: Any, y: Any, *arguments: Any) -> Any:
            now = Snapshot(then.states), [buffer.copy() for buffer, _ in buffers]
            then.restore()
            for buffer, before in buffers:
                buffer[...] = before
            try:
                again, pull = vjp(output, *arguments)
                for each in zip(flatten(y)[0], flatten(again)[0], strict=True):
                    check_again("Recomputed: the block (has its mode changed?)", *map(plain, each))
                return pull(g)
            finally:
                now[0].restore()
                for (buffer, _), after in zip(buffers, now[1], strict=True):
                    buffer[...] = after

        rules = together(slopes, *map(itemgetter, range(len(learned))))
        made = Primitive(values, rules, "recomputed")(*learned)
        each = iter(made if isinstance(made, tuple) else [made])
        return map_leaves(lambda x: next(each) if x is Tensor else x, form)
