"""A loss and its gradients on a tape of values, and all that is said of them: names and reasons."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import undisturbed
from ..tensor import Tensor, history
from .answer import Answer
from .inside import owner
from .naming import names_of
from .retraced import Retraced
from .simplify import Simplifier
from .stand_in import StandIn
from .value import NotDerivableError, Value, reachable
from .value_tape import ValueTape, recording_on
from .writing import Writer

WORDS = {
    "linear": "weighted sums", "matmul": "matrix product", "multiply": "product",
    "add": "addition", "subtract": "subtraction", "divide": "division", "negative": "minus sign",
    "relu": "ReLU", "standardise": "standardisation", "getitem": "index",
}  # fmt: skip


class Sheet(Retraced):
    """A recorded loss, computed once more on a tape, with the gradients of the targets.

    Arguments:
        loss: what was recorded, with arrays or with stand-ins of the tape.
        targets: the leaves to differentiate with respect to.
        leaves: arguments of the loss that are on the tape already.
        named: names for leaves that have none.
        given: the arguments of a function that was traced, in their order.
        constants: its variables.
    """

    def __init__(
        self,
        loss: Tensor,
        targets: list[Tensor],
        tape: ValueTape,
        leaves: Mapping[Value, Tensor] = {},
        named: Mapping[Tensor, str] = {},
        given: Sequence[Tensor] = (),
        constants: Mapping[str, Any] = {},
    ) -> None:
        self.loss, self.constants, nodes = loss, constants, history(loss)
        self.is_traced = bool(leaves)
        known = {leaf: value for value, leaf in leaves.items()}
        in_order = [*given, *nodes] if leaves else targets
        self.targets = [t for t in dict.fromkeys(in_order) if t in {*targets}]
        used = [node for node in nodes if node.operation is None]
        self.given = list(dict.fromkeys([*self.targets, *given]))
        self.names = names_of(loss, nodes, [*used, *targets, *known], {*targets, *known}, named)
        super().__init__(tape, self.names)
        self.leaves = {value: t for t, value in known.items()}
        self.reasons: dict[Value, str] = {}
        with undisturbed(), recording_on(tape):
            for node in nodes:
                if node.operation is not None:
                    self.compute(node)
            for target in self.targets:
                if target not in self.made:  # the loss does not depend on it
                    self.leaf(target, target._array)
            self.gradients = self._differentiated()

    # ---- forward ---------------------------------------------------------------------------------

    def compute(self, node: Tensor) -> Tensor:
        begin = len(self.tape.touched)
        made = super().compute(node)
        for each in self.tape.touched[begin:]:
            self.reasons.setdefault(each, f"for the {words(node)}")
        if made._array.value.function is not None:
            self.reasons[made._array.value] = words(node)
        return made

    # ---- backward --------------------------------------------------------------------------------

    def _differentiated(self) -> dict[Tensor, Value]:
        """The gradients of all nodes on the way, as values."""
        forward, tape = set(self.reasons), self.tape
        node_of = {made: node for node, made in self.made.items()}
        mark = len(tape.touched)
        last: Any = None

        def note(reason: str, values: list[Value]) -> None:
            self.reasons.update((value, reason) for value in values if value not in forward)

        def note_sum() -> None:
            """A contribution that was added to those of earlier uses."""
            nonlocal mark
            added = tape.touched[mark : mark + 1]
            if last and added and added[0].function is np.add and last[1] in added[0].arguments:
                note(f"the sum over the uses of {last[0]}", added)
                mark += 1

        def visit(node: Tensor, position: int, gradient: Any, contribution: Any) -> Any:
            nonlocal mark, last
            note_sum()
            touched, parent = tape.touched[mark:], node._parents[position]
            assert parent is not None
            name = self.names.get(node_of[parent], "it")
            note(f"through the {words(node)}", touched)
            sums = [value for value in touched if value.function is np.sum]
            if sums and parent.size < gradient.size and node.operation.kind != "routes":
                note(f"{name} was {_broadcast(parent, sums[-1].arguments[0])}", sums[-1:])
            mark, last = len(tape.touched), (name, tape.valued(contribution))
            return contribution

        head, wanted = self.made[self.loss], [self.made[target] for target in self.targets]
        found = differentiate({head: head.seed(None)}, wanted, retain=True, visit=visit)
        note_sum()
        found |= {made: np.zeros(made.shape, made.dtype) for made in wanted if made not in found}
        return {node_of[made]: _value(tape, gradient) for made, gradient in found.items()}

    # ---- the answer ------------------------------------------------------------------------------

    def answer(self) -> Answer:
        """The simplest lines that compute all that is asked for."""
        names = self.names
        ends = {names[self.loss]: self.made[self.loss]._array.value}
        ends |= {f"d{names[t]}": self.gradients[t] for t in self.targets}
        called, apart = self._called(ends)
        place = {value: k for k, value in reversed(list(enumerate(self.tape.touched, 1)))}
        order = sorted(reachable(ends.values()), key=lambda value: place.get(value, 0))
        new = Simplifier().all_of(order, apart)
        simple = {name: new[value] for name, value in ends.items()}
        arguments = self._arguments(new)
        self._check_parts([self.leaves[argument] for argument in arguments])
        renamed = {argument: called[argument] for argument in arguments}
        for old, name in called.items():
            if old in new and (new[old].function or not old.function):
                renamed.setdefault(new[old], name)
        used = {value for each in new.values() for value in each.used()}
        renamed |= {end: name for name, end in simple.items() if end.function and end not in used}
        apart = {new[value] for value in apart if value in new}
        writer = Writer(renamed, arguments, list(simple.values()), apart, new.values())
        reasons = {new[ends[names[self.loss]]]: "the loss"}
        for old, reason in self.reasons.items():
            if old in new:
                reasons.setdefault(new[old], reason)
        source = writer.source(simple, reasons, not self.is_traced)
        values = {writer.names[value]: value.array for value in writer.arguments}
        answer = Answer(source, writer.latex(), values)
        for (name, mine), exact in zip(answer().items(), ends.values(), strict=True):
            if not np.allclose(mine, exact.array, 1e-6, 1e-9, equal_nan=True):
                raise NotDerivableError(f"{name} computed by this source is wrong:\n{source}")
        return answer

    def _called(self, ends: dict[str, Value]) -> tuple[dict[Value, str], set[Value]]:
        """The names of values, and those values that always have a line of their own."""
        names, loss = self.names, self.made[self.loss]._array.value
        called = {value: names[t] for value, t in self.leaves.items()} | {loss: names[self.loss]}
        apart = set(ends.values())
        steps = [(n, m._array.value, names[n]) for n, m in self.made.items() if n.operation]
        steps += [(n, value, f"d{names[n]}") for n, value in self.gradients.items() if n in names]
        for node, value, name in steps:
            if value.function is not None:
                called.setdefault(value, name)
            if (node.name and node.operation) or name[0] == "z":
                apart.add(value)
        for name, array in self.constants.items():
            if (value := self.tape.known(array)) and name not in called.values():
                called[value] = name
                apart.add(value)
        return called, apart

    def _check_parts(self, arguments: list[Tensor]) -> None:
        """A part of an argument, such as x.T, that is no value of the graph would stay as it was
        recorded while the argument changes."""
        whole = {id(owner(t._array)): t for t in arguments if isinstance(t._array, np.ndarray)}
        for array in self.parts:
            leaf = whole.get(id(owner(array))) if isinstance(array, np.ndarray) else None
            if leaf is not None:
                raise NotDerivableError(
                    f"{leaf.title}, or a part of it, was also used without history, as after "
                    "detach() or where it requires no gradient, and would be a constant there; use "
                    "derive(function, ...)"
                )

    def _arguments(self, used: Container[Value]) -> list[Value]:
        """First those that were asked for or given, then other leaves that are used."""
        by_name = {self.names[t]: value for value, t in self.leaves.items()}
        first = [self.names[t] for t in self.given]
        in_order = dict.fromkeys([*first, *self.names.values()])
        return [
            by_name[name]
            for name in in_order
            if name in by_name and (name in first or by_name[name] in used)
        ]


def _value(tape: ValueTape, array: Any) -> Value:
    seen = array if isinstance(array, StandIn) else tape.see(np.asarray(array))
    return seen.value


def words(node: Tensor) -> str:
    """What a person calls an operation."""
    name: str = node.operation.name
    return WORDS.get(name, name.replace("_", " "))


def _broadcast(parent: Tensor, whole: Value) -> str:
    if parent.ndim == 1 and whole.ndim == 2:
        return f"broadcast over {len(whole.array)} rows"
    return f"broadcast to {whole.shape}"
