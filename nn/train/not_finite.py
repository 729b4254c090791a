"""Where a loss that is nan or inf came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from microgradnd import Tensor, trace
from microgradnd.arrays import Array
from microgradnd.backward import differentiate
from microgradnd.context import users_line

from ..module import Module
from .health import layers_by_scope


def finite(arrays: Iterable[Array]) -> bool:
    """Whether there is neither nan nor inf in any of these arrays."""
    return all(np.isfinite(array).all() for array in arrays)


def culprit(
    model: Module, cost: Callable[[Tensor, Array], Tensor], inputs: Tensor, targets: Array
) -> str:
    """What went wrong in a step, in words: the step is traced, and its graph searched."""
    for name, values in (("inputs", inputs.numpy()), ("targets", targets)):
        if not finite([values]):
            return f"the {name} of this batch hold {_worst(values)}"
    with trace(stop=False):  # what np.where leaves out may be inf and do no harm
        head = cost(inputs, targets)
    bad, node = head, None
    while bad is not node:  # from the loss back to an operation on numbers that did not give any
        node = bad
        bad = next((parent for parent in node.parents if not finite([parent.numpy()])), node)
    if not finite([node.numpy()]):
        return f"{_name(model, node)} gave {_worst(node.numpy())}{_line(node)}"
    found: list[tuple[Tensor, Array]] = []

    def visit(node: Any, position: int, gradient: Any, contribution: Any) -> Any:
        if not found and not finite([contribution]):
            found.append((node, contribution))
        return contribution

    differentiate({head: np.ones_like(head.numpy())}, visit=visit)
    for node, gradient in found:
        return f"the gradient of {_name(model, node)} is {_worst(gradient)}{_line(node)}"
    return "its gradients are finite, but the step of the optimiser was too long for the weights"


def _name(model: Module, node: Tensor) -> str:
    name = node.operation.name if node.operation else repr(node.name or "a constant")
    layer = layers_by_scope(model).get(node.scope, ".".join(node.scope))
    return f"{name} in {layer}" if layer else name


def _worst(values: Array) -> str:
    return "nan" if np.isnan(values).any() else "inf"


def _line(node: Tensor) -> str:
    """The user's line, unless it is the one that calls `fit`."""
    return f" at {node.line}" if node.line and node.line != users_line() else ""
