"""A loss and its gradients on a tape of values, and all that is said of them: names and reasons."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import undisturbed
from ..paths.notation import Symbols
from ..tensor import Tensor, history
from .retraced import Retraced
from .simplify import Simplifier
from .stand_in import StandIn
from .value import NotDerivableError, Value, owner, reachable, values_in
from .value_tape import ValueTape, on_tape
from .writing import Writer

WORDS = {
    "linear": "weighted sums", "matmul": "matrix product", "multiply": "product",
    "add": "addition", "subtract": "subtraction", "divide": "division", "negative": "minus sign",
    "relu": "ReLU", "standardise": "standardisation", "getitem": "index",
}  # fmt: skip


class Sheet:
    """A loss on a tape with the gradients of the targets, and how all of it is written.

    Arguments:
        loss: what was recorded, with arrays or with stand-ins of the tape.
        targets: the leaves to differentiate with respect to.
        leaves: for a function that was traced, the Tensors that it uses, with their stand-ins.
        given: its arguments, in their order.
        variables: these and others that it uses, by name.
    """

    def __init__(
        self,
        loss: Tensor,
        targets: list[Tensor],
        tape: ValueTape,
        leaves: Mapping[Tensor, StandIn] = {},
        given: Sequence[Tensor] = (),
        variables: Mapping[str, Any] = {},
    ) -> None:
        self.loss, self.tape, self.known, nodes = loss, tape, variables, history(loss)
        in_order = dict.fromkeys([*given, *nodes, *targets] if leaves else targets)
        self.targets = [t for t in in_order if t in {*targets}]
        self.given = dict.fromkeys([*self.targets, *given])
        self.names = _names(loss, nodes, [*self.targets, *leaves], variables)
        self.reasons = dict[Value, str]()
        retraced = Retraced(tape, self.names)
        self.made, self.leaves, self.parts = retraced.made, retraced.leaves, retraced.parts
        self.leaves |= {seen.value: t for t, seen in leaves.items()}
        self.recorded = set() if leaves else retraced.constants  # which a trace computes
        with undisturbed(), on_tape(tape):
            for node in (node for node in nodes if node.operation is not None):
                made = retraced.compute(node)
                self._explain(f"for the {_words(node)}", (made.arrays, made._array))
                if self._value(made).function is not None:
                    self.reasons[self._value(made)] = _words(node)
            for target in self.targets:
                if target not in self.made:  # the loss does not depend on it
                    retraced.leaf(target, leaves.get(target, target._array))
            self.gradients = self._differentiated()

    def _value(self, made: Tensor) -> Value:
        return self.tape.valued(made._array)  # type: ignore[no-any-return]

    def _explain(self, reason: str, of: Any) -> list[Value]:
        """Notes the reason of what is new among the values from which something was computed."""
        new = [x for x in reachable(values_in([self.tape.valued(of)]), self.reasons) if x.function]
        self.reasons |= dict.fromkeys(new, reason)
        return new

    def _differentiated(self) -> dict[Tensor, Value]:
        """The gradients of all nodes on the way, as values."""
        node_of = {made: node for node, made in self.made.items()}
        name_of = lambda made: self.names.get(node_of[made], "it")  # noqa: E731

        def visit(made: Tensor, position: int, gradient: Any, contribution: Any) -> Any:
            self._explain(f"the sum over the uses of {name_of(made)}", gradient)
            parent: Any = made._parents[position]
            new = self._explain(f"through the {_words(made)}", contribution)
            sums = [value for value in new if value.function is np.sum]
            if sums and parent.size < gradient.size and made.operation.kind != "routes":
                shape = sums[-1].arguments[0].shape
                rows = parent.ndim == 1 and len(shape) == 2
                over = f"over {shape[0]} rows" if rows else f"to {shape}"
                self.reasons[sums[-1]] = f"{name_of(parent)} was broadcast {over}"
            return contribution

        head, wanted = self.made[self.loss], [self.made[target] for target in self.targets]
        found = differentiate({head: head.seed(None)}, wanted, retain=True, visit=visit)
        found |= {made: np.zeros(made.shape, made.dtype) for made in wanted if made not in found}
        for made, gradient in found.items():
            self._explain(f"the sum over the uses of {name_of(made)}", gradient)
        arrays = {made: g if isinstance(g, StandIn) else np.asarray(g) for made, g in found.items()}
        return {node_of[made]: self.tape.valued(array) for made, array in arrays.items()}

    def written(self) -> tuple[Writer, list[Any]]:
        """The simplest lines that compute all that is asked for, and what they compute here."""
        names, loss = self.names, self._value(self.made[self.loss])
        ends = {names[self.loss]: loss, **{f"d{names[t]}": self.gradients[t] for t in self.targets}}
        called = {value: names[t] for value, t in self.leaves.items()} | {loss: names[self.loss]}
        apart = set(ends.values())  # always have a line of their own
        steps = [(t, names[t], self._value(made)) for t, made in self.made.items() if t.operation]
        # Of equal gradients that of a named step gives its name, then one that was asked for.
        rank = lambda t: (names[t][0] != "z" and not (t.operation and t.name), t not in self.given)  # noqa: E731
        by_rank = sorted((t for t in self.gradients if t in names), key=rank)
        steps += [(t, f"d{names[t]}", self.gradients[t]) for t in by_rank]
        for node, name, value in steps:
            if value.function is not None:
                called.setdefault(value, name)
            if (node.name and node.operation) or name[0] == "z":
                apart.add(value)
        for name, array in self.known.items():
            constant = self.tape.known(array)
            if constant and name not in called.values():
                called[constant] = name
                apart.add(constant)
        place = {value: k for k, value in enumerate(self.tape.touched, 1)}
        order = sorted(reachable(ends.values()), key=lambda value: place.get(value, 0))
        new = Simplifier().all_of(order, apart, self.recorded)
        # First the arguments that were asked for or given, then other leaves that are used.
        value_of = {t: value for value, t in self.leaves.items()}
        in_order = [t for t in dict.fromkeys([*self.given, *value_of]) if t in value_of]
        arguments = [value_of[t] for t in in_order if t in self.given or value_of[t] in new]
        self._check_parts([self.leaves[argument] for argument in arguments])
        renamed = {argument: called[argument] for argument in arguments}
        for old, name in called.items():
            if old in new and (new[old].function or not old.function):
                renamed.setdefault(new[old], name)
        reasons = {new[old]: reason for old, reason in reversed(self.reasons.items()) if old in new}
        reasons[new[loss]] = "the loss"
        reasons |= {new[value]: "as recorded" for value in self.recorded if value in new}
        simple = {name: new[value] for name, value in ends.items()}
        apart = {new[value] for value in apart if value in new and new[value].function}
        apart |= {new[value] for value in self.recorded if value in new}
        writer = Writer(renamed, arguments, simple, apart, new.values(), reasons)
        return writer, [end.array for end in ends.values()]

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


def _words(node: Tensor) -> str:
    """What a person calls an operation."""
    name: str = node.operation.name
    return WORDS.get(name, name.replace("_", " "))


def _names(
    loss: Tensor, nodes: list[Tensor], asked: list[Tensor], variables: Mapping[str, Any]
) -> dict[Tensor, str]:
    """A name for each Tensor that was computed, and for the leaves that are named or asked for: its
    own, that of a variable, or as in pictures, in letters that Python takes."""
    called = {t: name for name, t in variables.items() if isinstance(t, Tensor) and not t.name}
    symbols, names, taken = Symbols([loss]), dict[Tensor, str](), set[str]()
    there, wanted = set(nodes), set(asked)
    leaves = [t for t in [*nodes, *asked] if t.operation is None and (t.name or t in wanted)]
    for t in dict.fromkeys([*leaves, *(node for node in nodes if node.operation)]):
        symbol = symbols.plain(t) if t in there else t.name or "x"
        name = identifier(called.get(t) or symbol)
        while name in taken or f"d{name}" in taken:
            name += "_"
        taken |= {name, f"d{name}"}
        names[t] = name
    return names


def identifier(symbol: str) -> str:
    """A symbol as a name that Python takes.

    >>> identifier("W₁"), identifier("∂x"), identifier("lambda")
    ('W1', '_x', 'lambda_')
    """
    text = re.sub(r"\W", "_", unicodedata.normalize("NFKC", symbol))
    text = text if text.isidentifier() else f"x{text}"
    return f"{text}_" if keyword.iskeyword(text) or text == "np" else text
