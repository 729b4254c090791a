"""A gradient written by hand: the function with it is an operation whose rules are checked."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import holding, recording_on
from ..operators import plain
from ..primitive import Primitive
from ..tree import flatten
from .comparison import compare
from .culprit import Culprit
from .function_under_test import FunctionUnderTest, closed_over
from .mistakes import recognised
from .report import Report, Row
from .rule import Rule


def check_by_hand(function: FunctionUnderTest, gradient: Any) -> Report:
    """Check a gradient function, or the arrays that it returned, input by input."""
    values = function.checked_values()
    if values.size != 1:
        raise ValueError(
            f"a gradient written by hand is that of a scalar, but {function.title} returned "
            f"{values.size} values: reduce them (np.sum)"
        )
    given = _parts(function, gradient)
    operation = _operation(function, gradient)
    report = Report()
    for k, (name, array) in enumerate(zip(function.names, function.arrays, strict=True)):
        if given[k] is None:
            continue
        rule = Rule(operation, k, function.arrays, around=closed_over(function.f))
        culprit = Culprit(f"the gradient with respect to {name}")
        try:
            here = _shaped(given[k], array, name)
            claim = rule.claim(np.ones(()))
            assert claim is not None
            found = compare(claim, 0, here[None], array.dtype)
        except ShapeError as error:
            turned = callable(gradient) and "transposed" in (recognised(rule) or "")
            text = f"transposed: {error}" if turned else str(error)
            report.culprits.append(culprit._replace(mistake=text))
            continue
        report.rows.append(Row.of(name, array, found))
        if found.having("wrong"):
            mistake = recognised(rule) if callable(gradient) else None
            report.culprits.append(culprit._replace(mistake=mistake).because(found))
    return report


class ShapeError(Exception):
    """A gradient is not shaped like its input."""


def _operation(function: FunctionUnderTest, gradient: Any) -> Primitive:
    """The function as an operation on the arrays in its variables."""

    def forward(*arrays: Array) -> Array:
        with function.quiet(), holding(function.variables, arrays):
            return function.values().reshape(())

    def rule(k: int, g: Array, _: Array, *arrays: Array) -> Array:
        with recording_on(), np.errstate(all="ignore"), holding(function.variables, arrays):
            part = _parts(function, gradient)[k]
        return g * _shaped(part, arrays[k], function.names[k])

    rules = [functools.partial(rule, k) for k in range(len(function.variables))]
    return Primitive(forward, rules, function.title)


def _shaped(part: Array | None, array: Array, name: str) -> Array:
    if part is None or part.shape != array.shape:
        found = "None" if part is None else f"a gradient of shape {part.shape}"
        raise ShapeError(
            f"{found} for an input of shape {array.shape}: give one number for each entry of "
            f"{name}, in its shape, in every call"
        )
    return part.astype(float)


def _parts(function: FunctionUnderTest, gradient: Any) -> list[Array | None]:
    """What the gradient function returns where the variables are now, one part for each."""
    given = gradient
    if callable(gradient):
        before = function.snapshot()
        given = function.call(gradient)
        function.check_unchanged(before, "the gradient function")
    count = len(function.variables)
    parts = flatten(given)[0]
    numbers = isinstance(given, list | tuple) and not any(p is None or np.ndim(p) for p in parts)
    if count == 1 and numbers:  # one array, unless its rows have different lengths
        with contextlib.suppress(ValueError):
            if np.shape(given) == function.arrays[0].shape or len(parts) > 1:
                parts = [np.array(given)]
    if len(parts) != count or all(part is None for part in parts):
        missing = "None: is a return missing?"
        found = ", ".join(missing if p is None else type(p).__name__ for p in parts)
        raise ValueError(
            f"expected a gradient for each of the {count} float inputs "
            f"({', '.join(function.names)}), got {len(parts)} ({found}): give one for each, None "
            "for what is not checked"
        )
    return [None if part is None else np.asarray(plain(part)) for part in parts]
