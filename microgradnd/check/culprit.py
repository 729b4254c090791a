"""Where in a recorded graph a gradient becomes wrong: a rule, or a value that left the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..chain_rule import leading_to, parents_first
from ..operators import plain
from ..tensor import Tensor
from .comparison import Judgement, compare, is_float
from .rule import Rule, is_recorded, recognised

_ENOUGH = 5  # culprits: more would not be read


class Culprit(NamedTuple):
    """The call that makes a gradient wrong, and its mistake."""

    operation: str
    argument: int | str | None = None  # whose rule is wrong, or the name of an option
    shapes: tuple[tuple[int, ...], ...] = ()  # of the arguments
    output_shape: tuple[int, ...] = ()
    scope: tuple[str, ...] = ()
    line: str | None = None
    mistake: str | None = None  # in words, if it is a usual one
    given: float | None = None  # an entry of what the rule computes, for some gradient
    expected: float | None = None  # the same entry by differences
    place: tuple[int, ...] | None = None
    raised: str | None = None  # by the rule, if it could not even be applied

    def __str__(self) -> str:
        at = f" at {list(self.place)}" if self.place else ""
        gave = None
        if self.given is not None:
            gave = f"it gave {self.given:.6g}{at}, differences say {self.expected:.6g}"
        lines = [
            self.operation + ("" if self.argument is None else f", argument {self.argument}"),
            self.mistake,
            self.raised and f"it raised {self.raised}",
            gave,
            self.shapes and f"shapes {', '.join(map(str, self.shapes))} -> {self.output_shape}",
            self.scope and "in " + " / ".join(self.scope),
            self.line,
        ]
        return "\n    ".join(str(line) for line in lines if line)


def find_suspects(outputs: list[Any], variables: list[Tensor]) -> tuple[list[Culprit], list[str]]:
    """The culprits among all rules used, and texts on operations at a kink."""
    order = parents_first(filter(is_recorded, outputs))
    relevant = leading_to(variables, order)
    culprits, kinks = list[Culprit](), list[str]()
    for node in order:
        if node.operation is not None and node in relevant and len(culprits) < _ENOUGH:
            for position, argument in enumerate(node.arguments):
                if is_recorded(argument) and argument in relevant:
                    _try(node, position, culprits, kinks)
    return culprits, kinks


def _try(node: Tensor, position: int, culprits: list[Culprit], texts: list[str]) -> None:
    """Add a culprit if a rule is wrong, or a text if it is right except for a kink."""
    rule, about = Rule(node, position), dict[str, Any]()
    wrong, kinks = list[Judgement](), list[Judgement]()
    try:
        if claim := rule.claim():
            found = compare(claim, 0, claim.gradients()[0])
            wrong, kinks = found.having("wrong"), found.having("kink")
            # All that is wrong may come from a kink that no entry shows when it moves alone.
            hidden = not any(judgement.bent for judgement in wrong)
            if wrong and hidden and claim.is_kinked() and claim.is_right_beside():
                wrong, kinks = [], kinks + wrong
    except Exception as error:  # whatever a user's rule may raise
        about["raised"] = f"{type(error).__name__}: {error}"
    if wrong:
        about |= {"given": wrong[0].given, "expected": wrong[0].expected, "place": wrong[0].place}
        if not found.directions and len(wrong) < found.entries:
            count = f"{len(wrong)} of {found.entries}"
            about["mistake"] = f"wrong at {count} entries, right at the others"
    if about or rule.changes_arguments():
        about |= {"mistake": recognised(node, position) or about.get("mistake")}
        culprits.append(_culprit(node, position)._replace(**about))
    elif kinks:
        line = f" ({node.line})" if node.line else ""
        slopes = f"slopes {kinks[0].left:.6g} and {kinks[0].right:.6g}"
        texts.append(f"{node.operation.name} at {kinks[0].place}: {slopes}{line}")


def _culprit(node: Tensor, argument: int | str) -> Culprit:
    shapes = tuple(np.shape(array) for array in node.arrays[1:])
    return Culprit(node.operation.name, argument, shapes, node.shape, node.scope, node.line)


def cannot_differentiate(error: Exception) -> Culprit:
    """The culprit where a derivative could not be differentiated itself."""
    mistake = "a rule cannot be differentiated again: write it with operators and NumPy's functions"
    raised = f"{type(error).__name__}: {error}"
    return Culprit("a derivative of a derivative", mistake=mistake, raised=raised)


def find_leak(outputs: list[Any], moved: list[Any]) -> Culprit | None:
    """The call that got as a constant what changes when the variables are moved."""
    for was, now in zip(outputs, moved, strict=False):
        if not is_recorded(was) and not np.array_equal(plain(was), plain(now)):
            mistake = (
                "it depends on the inputs, but has no history: return the Tensor itself, "
                "not .item(), .numpy() or .data"
            )
            return Culprit("an output", output_shape=np.shape(was), mistake=mistake)
    mistake = (
        "forgot a path: this argument depends on the inputs, but left the graph before "
        "(detach(), numpy(), item(), .data), so the way through it is not counted"
    )
    before, after = (parents_first(filter(is_recorded, ys)) for ys in (outputs, moved))
    for node, again in zip(before, after, strict=False):
        if node.operation is not again.operation:
            return None
        was, now = _constant_floats(node), _constant_floats(again)
        for place in was:
            if place in now and not np.array_equal(was[place], now[place], equal_nan=True):
                return _culprit(node, place)._replace(mistake=mistake)
    return None


def _constant_floats(node: Tensor) -> dict[int | str, Any]:
    """The floats that a call got as constants, by the position or the name of the argument."""
    arguments = enumerate(zip(node.arguments, node.arrays[1:], strict=True))
    found: dict[Any, Any] = {k: x for k, (given, x) in arguments if not is_recorded(given)}
    found |= node.keywords
    return {place: x for place, x in found.items() if isinstance(x, float) or is_float(x)}
