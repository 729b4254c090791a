"""Where a loss that is nan or inf began."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from microgradnd import Tensor, history

from ..init import generator
from ..module import Module
from .health import layers_by_scope

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

    def __init__(self, model: Module, parameters: list[Any], overwritten: bool) -> None:
        self._model, self._parameters, self._overwritten = model, parameters, overwritten
        self._buffers = list(model.buffers())
        self.now: Moment | None = None
        self._before: Moment | None = None

    def add(self, place: tuple[int, int, int], inputs: Any, targets: Array) -> None:
        """Remember how things are before this step."""
        # An optimiser gives its parameters new arrays: only a replay overwrites those there are.
        values = [parameter.data for parameter in self._parameters]
        if self._overwritten:
            forgotten = self._before.values if self._before else map(np.empty_like, values)
            values = [_copied(array, room) for array, room in zip(values, forgotten, strict=True)]
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


def _copied(array: Array, room: Array) -> Array:
    np.copyto(room, array)
    return room


def _finite(arrays: Iterable[Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _trouble(model: Module, cost: Callable[[Any, Array], Any], moment: Moment) -> str:
    """What went wrong in a step: it is made once more, and its graph searched."""
    for name, given in (("inputs", moment.inputs.numpy()), ("targets", moment.targets)):
        if not _finite([given]):
            return f"the {name} of this batch hold {_worst(given)}"
    head, lines = _with_lines(lambda: cost(moment.inputs, moment.targets))
    if not _finite([head.numpy()]):
        node = _first_bad_value(head)
        return f"{_operation(model, node)} gave {_worst(node.numpy())}{_at([node], lines)}"
    head.backward(retain_grads=True)
    node, uses = _first_bad_gradient(head)
    if node is not None:
        at_fault = " or ".join(dict.fromkeys(_operation(model, use) for use in uses))
        return f"the gradient of {at_fault} is {_worst(node.grad)}{_at(uses, lines)}"
    return "its gradients are finite, but the step of the optimiser was too long for the weights"


def _first_bad_value(head: Tensor) -> Tensor:
    """What an operation made that made nan or inf of numbers, found from the loss on back."""
    bad, node = head, None
    while bad is not node:
        node = bad
        bad = next((p for p in node.parents if not _finite([p.numpy()])), node)
    return node


def _first_bad_gradient(head: Tensor) -> tuple[Any, list[Any]]:
    """What has a gradient that is no number, although what was computed from it, which comes with
    it, has gradients that are; or None."""
    graph = history(head)
    uses: dict[Any, list[Any]] = {node: [] for node in graph}
    for node in graph:
        for parent in node.parents:
            uses[parent].append(node)
    bad = {node for node in graph if node.grad is not None and not _finite([node.grad])}
    for node in bad:
        if not bad.intersection(uses[node]):
            return node, uses[node]
    return None, []


def _operation(model: Module, node: Any) -> str:
    name = node.operation.name if node.operation else repr(node.name or "a constant")
    layer = layers_by_scope(model).get(node.scope, ".".join(node.scope))
    return f"{name} in {layer}" if layer else name


def _worst(values: Array) -> str:
    return "nan" if np.isnan(values).any() else "inf"


# ---- the source line -----------------------------------------------------------------------------


def _with_lines(compute: Callable[[], Any]) -> tuple[Any, dict[Any, str]]:
    """What is computed, and for each Tensor on the way the line that asked for it.

    Every Tensor is returned by a function, first by one of the engine's. Python tells a profiler
    when that happens.
    """
    lines: dict[Any, str] = {}

    def look(frame: Any, event: str, result: Any) -> None:
        if event == "return" and isinstance(result, Tensor) and result not in lines:
            lines[result] = _users_line(frame)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        return compute(), lines
    finally:
        sys.setprofile(before)


def _users_line(frame: Any) -> str:
    """The nearest line that the user wrote, with its text; none if the model is all of nn's."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == __name__:
            break
        if module.partition(".")[0] not in ("nn", "microgradnd"):
            file, number = frame.f_code.co_filename, frame.f_lineno
            text = linecache.getline(file, number, frame.f_globals).strip()
            return f"{file}, line {number}" + (f": {text}" if text else "")
        frame = frame.f_back
    return ""


def _at(nodes: Iterable[Any], lines: dict[Any, str]) -> str:
    found = dict.fromkeys(lines.get(node, "") for node in nodes)
    said = " or ".join(filter(None, found))
    return f" at {said}" if said else ""
