"""A recorded graph as a program for a browser: its values, and what each adds to the gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..context import undisturbed
from ..draw.graph import Graph
from ..tensor import Tensor
from .items import FOREIGN, Items, listed
from .retraced import Retraced
from .stand_in import StandIn
from .value import reachable
from .value_tape import ValueTape, recording_on


def browser_program(
    graph: Graph,
    start: Mapping[Tensor, Any],
    leaves: Iterable[Tensor],
    key: Callable[[Tensor], str],
) -> dict[str, Any]:
    """The calls that compute all values and gradients of a graph, as JSON has them.

    Its `items` are arrays and calls; those before `forward` compute the values, which are at
    `places`. Each of its `turns`, in the order of the backward pass, computes what a node adds to
    the gradients of its arguments, by the items `from` its first one to before its `end`; those
    from `linear` on depend on the gradient of the node, the item before.

    Arguments:
        graph: what is computed.
        start: the gradients of its heads from which the backward pass starts.
        leaves: what can change.
        key: what the page calls a node.
    """
    tape, leaves = ValueTape(FOREIGN), list(leaves)
    retraced, items = _Retraced(tape, graph, leaves), Items(tape)
    with undisturbed(), recording_on(tape):
        for node in graph.number:
            retraced.compute(node)
        made = retraced.made
        items.write(each._array.value for each in made.values())
        forward = len(items.all)
        places = {node: items.item(each._array.value) for node, each in made.items()}
        turns = []
        for node in reversed(graph.number):
            used = enumerate(node._parents)
            positions = [i for i, parent in used if parent is not None and parent.requires_grad]
            if start and node.requires_grad and positions:
                parents: Any = [retraced.argument(node, position)[0] for position in positions]
                turn = {"node": key(node), "to": list(map(key, parents)), "positions": positions}
                turns.append(turn | _turn(items, made[node], positions))
    return {
        "items": items.all,
        "forward": forward,
        "places": {key(node): place for node, place in places.items()},
        "start": [[key(head), listed(array)] for head, array in start.items()],
        "turns": turns,
        "leaves": [key(leaf) for leaf in leaves if leaf in places],
    }


class _Retraced(Retraced):
    """The graph as it is drawn: leaves of equal values that are drawn as one are one."""

    def __init__(self, tape: ValueTape, graph: Graph, leaves: Iterable[Tensor]) -> None:
        super().__init__(tape, dict.fromkeys(leaves))
        self.graph = graph
        for leaf in self.variables:
            self.leaf(leaf, graph.array(leaf))

    def argument(self, node: Tensor, position: int) -> tuple[Tensor | None, Any]:
        drawn = dict(self.graph.sources(node)).get(position)
        if drawn is None or drawn not in self.variables:
            return super().argument(node, position)
        return drawn, self.graph.array(drawn)


def _turn(items: Items, made: Tensor, positions: list[int]) -> dict[str, Any]:
    """What a node adds to the gradients of its arguments at these positions."""
    seed = items.tape.see(np.ones(made.shape, made.dtype), fixed=False)
    products = []
    for position in positions:
        product = made.operation.rules[position](seed, *made.arrays, **made._keywords)
        if not isinstance(product, StandIn):
            shape = np.broadcast_shapes(np.shape(product), made.arrays[position + 1].shape)
            product = items.tape.see(np.array(np.broadcast_to(product, shape)))
        products.append(product.value)
    first, linear = len(items.all), {seed.value}
    for value in reachable(products, items.place):
        if not linear.isdisjoint(value.used()):
            linear.add(value)
        elif value is not seed.value:
            items.write([value])
    items.place[seed.value] = items.add("seed")
    middle = len(items.all)
    items.write(products)
    return {
        "kind": made.operation.kind or "",
        "from": first,
        "linear": middle,
        "end": len(items.all),
        "products": [items.place[product] for product in products],
    }
