"""Where a loss that is nan or inf began."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from microgradnd import Tensor, history

from ..health import layers_by_scope
from ..module import Module
from ..randomness import generator

Array = Any  # a NumPy array


class Moment(NamedTuple):
    """A step that is about to be made: its batch, and the model and its luck before it."""

    place: tuple[int, int, int]  # steps, epochs, and batches of this epoch before it
    inputs: Any
    targets: Array
    values: list[Array]
    buffers: list[Array]
    luck: Any

    def repeat_luck(self) -> None:
        """Draw once more what was drawn in this step."""
        generator.bit_generator.state = self.luck


class Memory:
    """The present step and the one before."""

    def __init__(self, model: Module, parameters: list[Any]) -> None:
        self._model, self._parameters = model, parameters
        self._buffers = list(model.buffers())
        self.now: Moment | None = None
        self._before: Moment | None = None

    def add(self, place: tuple[int, int, int], inputs: Any, targets: Array) -> None:
        """Remember how things are before this step."""
        # An optimiser gives its parameters new arrays and overwrites none: they need no copy.
        values = [parameter.data for parameter in self._parameters]
        buffers = [buffer.copy() for buffer in self._buffers]
        luck = generator.bit_generator.state
        self._before, self.now = self.now, Moment(place, inputs, targets, values, buffers, luck)

    def finite(self) -> bool:
        """Whether the parameters have neither nan nor inf in them now."""
        return _finite(parameter.numpy() for parameter in self._parameters)

    def explained(self, cost: Callable[[Any, Array], Any]) -> FloatingPointError:
        """The error for the last step before which the model still had numbers in it; it is put
        back to there."""
        for moment in (self.now, self._before):
            if moment is not None and _finite(moment.values):
                step, epoch, batch = (count + 1 for count in moment.place)
                self._put_back(moment)
                where = _trouble(self._model, cost, moment)
                self._put_back(moment)
                return FloatingPointError(
                    f"the loss is no longer a number. It began at step {step} (epoch {epoch}, "
                    f"batch {batch}): {where}. The model is as it was before that step"
                )
        names = [path for path, p in self._model.named_parameters() if not _finite([p.numpy()])]
        return FloatingPointError(f"the model began with nan or inf in {', '.join(names)}")

    def _put_back(self, moment: Moment) -> None:
        for parameter, values in zip(self._parameters, moment.values, strict=True):
            parameter.hold(values.copy())
        for buffer, values in zip(self._buffers, moment.buffers, strict=True):
            buffer[...] = values
        moment.repeat_luck()
        self._model.zero_grad()


def _finite(arrays: Iterable[Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _trouble(model: Module, cost: Callable[[Any, Array], Any], moment: Moment) -> str:
    """What went wrong in a step: it is made once more, and its graph searched."""
    for name, given in (("inputs", moment.inputs.numpy()), ("targets", moment.targets)):
        if not _finite([given]):
            return f"the {name} of this batch hold {_worst(given)}"
    head = cost(moment.inputs, moment.targets)
    if not _finite([head.numpy()]):
        return _in_values(model, head)
    head.backward(retain_grads=True)
    return _in_gradients(model, head) or (
        "its gradients are finite, but the step of the optimiser was too long for the weights"
    )


def _in_values(model: Module, head: Tensor) -> str:
    """The operation that made nan or inf of numbers, found from the loss on back."""
    bad, node = head, None
    while bad is not node:
        node = bad
        bad = next((p for p in node.parents if not _finite([p.numpy()])), node)
    return f"{_operation(model, node)} gave {_worst(node.numpy())}"


def _in_gradients(model: Module, head: Tensor) -> str | None:
    """The operation whose rule made a gradient that is no number from one that is."""
    graph = history(head)
    uses: dict[Any, list[Any]] = {node: [] for node in graph}
    for node in graph:
        for parent in node.parents:
            uses[parent].append(node)
    bad = {node for node in graph if node.grad is not None and not _finite([node.grad])}
    for node in bad:
        if not bad.intersection(uses[node]):
            at_fault = " or ".join(dict.fromkeys(_operation(model, use) for use in uses[node]))
            return f"the gradient of {at_fault} is {_worst(node.grad)}"
    return None


def _operation(model: Module, node: Any) -> str:
    name = node.operation.name if node.operation else repr(node.name or "a constant")
    layer = layers_by_scope(model).get(node.scope, ".".join(node.scope))
    return f"{name} in {layer}" if layer else name


def _worst(values: Array) -> str:
    return "nan" if np.isnan(values).any() else "inf"
