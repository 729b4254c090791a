"""A gradient that somebody wrote by hand, held against the function it is said to be of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..operators import plain as values_of
from ..tree import flatten
from .comparison import Comparison, Given, compare
from .culprits import Culprit, extent
from .mistakes import recognised
from .repetition import closed_over
from .report import Report, Row
from .rules import Rule
from .slopes import Array
from .subject import Subject, apart

Gradients = list[Array | None]  # by each variable; None for one that is not checked


def check_by_hand(subject: Subject, gradient: Any) -> Report:
    """Check a gradient function, or the arrays it gave, input by input."""
    values = subject.checked_values()
    if values.size != 1:
        raise ValueError(
            f"a gradient written by hand is that of a scalar, but {subject.called} gave "
            f"{values.size} values: reduce them (np.sum)"
        )
    now = functools.partial(_gradients, subject, gradient)
    given = now()
    beside = functools.cache(lambda: subject.a_bit_beside(now, given))
    rows: list[Row] = []
    culprits = []
    with subject.widened() as arrays:
        for k, (array, name) in enumerate(zip(arrays, subject.names, strict=True)):
            if given[k] is None:
                continue
            rule = _as_rule(subject, gradient, k)
            try:
                comparison = _compared(subject, k, array, given, beside, now)
            except _ShapeError as error:
                turned = callable(gradient) and "transposed" in (recognised(rule) or "")
                culprits.append(_culprit(name, f"transposed: {error}" if turned else str(error)))
                continue
            rows.append(Row(name, array.shape, str(subject.dtypes[k]), comparison))
            if comparison.having("wrong"):
                mistake = recognised(rule) if callable(gradient) else None
                culprits.append(_culprit(name, mistake, comparison))
    return Report(rows, culprits, [])


class _ShapeError(Exception):
    """A gradient is not shaped like its input."""


def _compared(
    subject: Subject,
    k: int,
    array: Array,
    given: Gradients,
    beside: Callable[[], Gradients],
    now: Callable[[], Gradients],
) -> Comparison:
    """The gradient by the k-th variable held against differences, shaped right in every call."""

    def own(parts: Gradients) -> Array:
        part = parts[k]
        if part is not None and part.shape == array.shape:
            return part.astype(float)
        found = "None" if part is None else f"a gradient of shape {part.shape}"
        unlike = "" if parts is given else ", though another call gave the right shape"
        raise _ShapeError(
            f"{found} for an input of shape {array.shape}{unlike}: give one number for each "
            f"entry of {subject.names[k]}, in its shape, in every call"
        )

    here = own(given)
    precision = float(np.finfo(subject.dtypes[k]).eps)
    claim = Given(
        here[None], precision, lambda: apart(own(beside()), here), lambda: own(now())[None]
    )
    return compare(lambda: np.array(subject.values()), array, claim)


def _gradients(subject: Subject, gradient: Any) -> Gradients:
    """What the gradient function gives now, one for each variable."""
    given = gradient
    if callable(gradient):
        before = subject.snapshot()
        given = subject.called_with_inputs(gradient)
        subject.check_unchanged(before, "the gradient function")
    count = len(subject.variables)
    parts = flatten(given)[0]
    if count == 1 and _is_list_of_entries(given, parts, subject.arrays[0].shape):
        parts = [np.array(given)]
    if len(parts) != count or all(part is None for part in parts):
        found = ", ".join(map(_kind, parts))
        raise ValueError(
            f"the gradient has {len(parts)} parts ({found}), the float inputs are {count} "
            f"({', '.join(subject.names)}): give one for each, None for what is not checked"
        )
    return [None if part is None else np.asarray(values_of(part)) for part in parts]


def _is_list_of_entries(given: Any, parts: list[Any], shape: tuple[int, ...]) -> bool:
    """Whether a list, perhaps of lists, is meant as one array, and not as a list of arrays."""
    if not isinstance(given, list | tuple) or any(p is None or np.ndim(p) for p in parts):
        return False
    try:
        return np.shape(given) == shape or len(parts) > 1
    except ValueError:  # its rows have different lengths
        return False


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
