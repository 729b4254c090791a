"""A gradient that somebody wrote by hand, held against the function it is said to be of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..operators import plain as values_of
from ..transforms import flatten
from .comparison import Comparison, Given, compare
from .culprits import Culprit, extent
from .mistakes import recognised
from .repetition import closed_over
from .report import Report, Row
from .rules import Rule
from .slopes import Array
from .subject import Subject


def check_by_hand(subject: Subject, gradient: Any) -> Report:
    """Check a gradient function, or the arrays it gave, input by input."""
    values = subject.checked_values()
    if values.size != 1:
        raise ValueError(
            f"a gradient written by hand is that of a scalar, but {subject.called} gave "
            f"{values.size} values: reduce them (np.sum)"
        )
    given = _gradients(subject, gradient)
    known = [np.zeros(1) if part is None else part for part in given]
    rounding = subject.moved_by_a_bit(
        lambda: [k if g is None else g for g, k in zip(_gradients(subject, gradient), known,
                                                       strict=True)], known)  # fmt: skip
    rows: list[Row] = []
    culprits = []
    with subject.widened() as arrays:
        for k, (array, part, name) in enumerate(zip(arrays, given, subject.names, strict=True)):
            if part is None:
                continue
            rule = _as_rule(subject, gradient, k)
            if part.shape != array.shape:
                found = f"a gradient of shape {part.shape} for an input of shape {array.shape}"
                turned = callable(gradient) and "transposed" in (recognised(rule) or "")
                culprits.append(_culprit(name, f"transposed: {found}" if turned else found))
                continue
            precision = float(np.finfo(subject.dtypes[k]).eps)
            claim = Given(
                part[None].astype(float),
                precision,
                lambda k=k: rounding(k),  # type: ignore[misc]
                lambda k=k: np.asarray(_gradients(subject, gradient)[k], float)[None],  # type: ignore
            )
            comparison = compare(lambda: np.array(subject.values()), array, claim)
            rows.append(Row(name, array.shape, str(subject.dtypes[k]), comparison))
            if comparison.having("wrong"):
                mistake = recognised(rule) if callable(gradient) else None
                culprits.append(_culprit(name, mistake, comparison))
    return Report(rows, culprits, [])


def _gradients(subject: Subject, gradient: Any) -> list[Array | None]:
    """What the gradient function gives now, one for each variable."""
    given = gradient
    if callable(gradient):
        before = subject.snapshot()
        given = subject.called_with_inputs(gradient)
        subject.check_unchanged(before, "the gradient function")
    count = len(subject.variables)
    # The one gradient there is to be given may be a list of its entries.
    one = count == 1 and not isinstance(given, dict) and np.shape(given) == subject.arrays[0].shape
    parts = [np.array(given)] if one else flatten(given)[0]
    if len(parts) != count or all(part is None for part in parts):
        found = ", ".join(map(_kind, parts))
        raise ValueError(
            f"the gradient has {len(parts)} parts ({found}), the float inputs are {count} "
            f"({', '.join(subject.names)}): give one for each, None for what is not checked"
        )
    return [None if part is None else np.asarray(values_of(part)) for part in parts]


def _kind(part: Any) -> str:
    return "None: is a return missing?" if part is None else type(part).__name__


def _as_rule(subject: Subject, gradient: Any, k: int) -> Rule:
    """The gradient by the k-th variable as if it were a rule of an operation."""

    def function(*arrays: Array) -> Array:
        with subject.with_arrays(list(arrays)):
            return np.array(subject.values().reshape(()))

    def rule(g: Array, _: Any, *arrays: Array) -> Any:
        with subject.with_arrays(list(arrays)):
            part = _gradients(subject, gradient)[k]
        return None if part is None else g * part

    return Rule(function, rule, k, subject.arrays, around=closed_over(subject.f))


def _culprit(name: str, mistake: str | None, comparison: Comparison | None = None) -> Culprit:
    wrong = comparison.having("wrong")[0] if comparison else None
    if comparison and not mistake:
        mistake = extent(comparison)
    return Culprit(
        f"the gradient by {name}", None, (), (), (), None, mistake,
        wrong and wrong.given, wrong and wrong.expected, wrong and wrong.place,
    )  # fmt: skip
