"""Where in a recorded graph a gradient goes wrong: the rule, or the place where a value left it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..chain_rule import Node, leading_to, parents_first
from ..operators import plain
from .comparison import Comparison, Judgement
from .mistakes import recognised
from .rules import Rule, rules_of

_ENOUGH = 5  # culprits, after which nobody reads on


class Culprit(NamedTuple):
    """The call that makes a gradient wrong, and what is wrong with it.

    `operation` is the function's name and `argument` the number of the argument whose rule is
    wrong, or the name of an option, or None for a gradient written by hand. `given` is what the
    rule gives at one entry (`place`) for some gradient of the output, `expected` what differences
    say. `mistake` says it in words, where it is one of the usual. `raised` is what the rule raised,
    if it could not even be applied.
    """

    operation: str
    argument: int | str | None
    shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    scope: tuple[str, ...]
    line: str | None
    mistake: str | None
    given: float | None = None
    expected: float | None = None
    place: tuple[int, ...] | None = None
    raised: str | None = None

    def __str__(self) -> str:
        argument = "" if self.argument is None else f", argument {self.argument}"
        said = [self.operation + argument]
        if self.mistake:
            said.append(self.mistake)
        if self.raised:
            said.append(f"it raised {self.raised}")
        if self.given is not None:
            where = f" at {list(self.place)}" if self.place else ""
            said.append(f"it gave {self.given:.6g}{where}, differences say {self.expected:.6g}")
        if self.shapes:
            said.append(f"shapes {', '.join(map(str, self.shapes))} -> {self.output_shape}")
        if self.scope:
            said.append("in " + " / ".join(self.scope))
        if self.line:
            said.append(self.line)
        return "\n    ".join(said)


class Suspects(NamedTuple):
    """What a walk over a graph found."""

    culprits: list[Culprit]
    kinks: list[str]  # the operations that have no derivative where they were


def find_suspects(heads: list[Node], variables: list[Node]) -> Suspects:
    """Try every rule on the way from the variables to the heads, by itself."""
    order = parents_first(heads)
    relevant = leading_to(variables, order)
    culprits: list[Culprit] = []
    kinks: list[str] = []
    for node in order:
        if node.operation is None or node not in relevant:
            continue
        wanted = {p for p in node.parents if p in relevant and p.requires_grad}
        for rule in rules_of(node, wanted):
            suspect = _tried(node, rule)
            if isinstance(suspect, Culprit):
                culprits.append(suspect)
            elif suspect is not None:
                kinks.append(suspect)
        if len(culprits) >= _ENOUGH:
            break
    return Suspects(culprits, kinks)


def _tried(node: Node, rule: Rule) -> Culprit | str | None:
    """The culprit if a rule is wrong, or a text if it is right but for a kink."""
    try:
        found = rule.judge()
    except Exception as error:  # whatever a rule of somebody's may raise
        raised = f"{type(error).__name__}: {error}"
        return _culprit(node, rule.position, recognised(rule))._replace(raised=raised)
    wrong = found.having("wrong") if found else []
    if found and wrong and not _at_a_tie(rule, found):
        return _culprit(node, rule.position, recognised(rule) or extent(found), wrong[0])
    if rule.changes_what_it_is_handed():
        return _culprit(node, rule.position, recognised(rule))
    for kink in (found.having("kink") if found else []) + wrong:
        line = f" ({node.line})" if node.line else ""
        slopes = f"slopes {kink.left:.6g} and {kink.right:.6g}"
        return f"{node.operation.name} at {kink.place}: {slopes}{line}"
    return None


def _at_a_tie(rule: Rule, found: Comparison) -> bool:
    """Whether there is a kink that no entry shows when it moves alone, and the rule is right."""
    wrong = found.having("wrong")
    hidden = all(judgement.left == judgement.right and not judgement.tied for judgement in wrong)
    return hidden and rule.excused()


def extent(found: Comparison) -> str | None:
    """How many of the entries are wrong, where it is not all."""
    wrong = len(found.having("wrong"))
    if found.directions or wrong == found.entries:
        return None
    return f"wrong at {wrong} of {found.entries} entries, right at the others"


def _culprit(
    node: Node, argument: int | str, mistake: str | None, wrong: Judgement | None = None
) -> Culprit:
    return Culprit(
        operation=node.operation.name,
        argument=argument,
        shapes=tuple(np.shape(argument) for argument in node.arrays[1:]),
        output_shape=node.shape,
        scope=node.scope,
        line=node.line,
        mistake=mistake,
        given=wrong and wrong.given,
        expected=wrong and wrong.expected,
        place=wrong and wrong.place,
    )


def not_again(error: Exception) -> Culprit:
    """The culprit where a derivative could not be differentiated itself."""
    return Culprit(
        "a derivative of a derivative", None, (), (), (), None,
        "a rule cannot be differentiated again: it must be written with operators and NumPy's "
        "functions", raised=f"{type(error).__name__}: {error}",
    )  # fmt: skip


def find_leak(
    outputs: list[Any], moved_outputs: list[Any], variables: list[Node]
) -> Culprit | None:
    """The call that was handed as a constant what depends on the variables.

    In a second run the variables were moved a little: what is the same call in both, but was
    handed a different constant, lost the path that the constant came by.
    """
    for was, now in zip(outputs, moved_outputs, strict=False):
        if not getattr(was, "requires_grad", False) and not _equal(plain(was), plain(now)):
            return Culprit(
                "an output", None, (), np.shape(was), (), None,
                "it depends on the inputs, but has no history: return the Tensor itself, "
                "not .item(), .numpy() or .data",
            )  # fmt: skip
    before, after = (
        parents_first(y for y in ys if getattr(y, "requires_grad", False))
        for ys in (outputs, moved_outputs)
    )
    for node, moved in zip(before, after, strict=False):
        if node.operation is not moved.operation:
            return None
        if node.operation is None:
            continue
        for position, was, now in _constants(node, moved, variables):
            if not _equal(was, now):
                return _culprit_of_leak(node, position)
    return None


def _culprit_of_leak(node: Node, argument: int | str) -> Culprit:
    return _culprit(
        node,
        argument,
        "forgot a path: this argument depends on the inputs, but left the graph before "
        "(detach(), numpy(), item(), .data), so the way through it is not counted",
    )


def _constants(
    node: Node, moved: Node, variables: list[Node]
) -> Iterator[tuple[int | str, Any, Any]]:
    known = set(variables)
    for position, parent in enumerate(node._parents):
        if parent is None or not (parent.requires_grad or parent in known):
            yield position, node.arrays[position + 1], moved.arrays[position + 1]
    for name, option in node.keywords.items():
        if isinstance(option, float) or getattr(option, "dtype", None) == np.float64:
            yield name, option, moved.keywords[name]


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True))
    except (TypeError, ValueError):  # not numbers
        return True
