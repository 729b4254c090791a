"""A gradient written by hand: the function with it is an operation, checked like any other."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from ..context import holding
from ..operators import plain
from ..paths.search import PathStep, paths
from ..primitive import Primitive
from ..tensor import Tensor
from ..tree import flatten, leaves_along
from .comparison import Judgement
from .culprit import Culprit
from .function_under_test import FunctionUnderTest
from .report import Report

_ENTRIES = 3  # are looked at, when a path is missing
_ALIKE = 1e-4  # the product of a path and what an entry lacks


def check_by_hand(
    function: FunctionUnderTest, gradient: Any, check: Callable[[FunctionUnderTest], Report]
) -> Report:
    """Check the function as an operation whose rules are the gradient function, or its arrays."""
    values = function.checked_values()
    if values.size != 1:
        raise ValueError(
            f"a gradient written by hand is that of a scalar, but {function.title} returned "
            f"{values.size} values: reduce them (np.sum)"
        )

    @functools.wraps(function.f, updated=())
    def forward(*arrays: Array) -> Array:
        with holding(function.variables, arrays):
            return function.values().reshape(())

    def rule(k: int, g: Array, _: Array, *arrays: Array) -> Array:
        with holding(function.variables, arrays):
            part = _gradient_parts(function, gradient)[k]
        if part is None or part.shape != arrays[k].shape:
            found = "None" if part is None else f"a gradient of shape {part.shape}"
            raise ValueError(
                f"{found} for an input of shape {arrays[k].shape}: give one number for each entry "
                f"of {function.names[k]}, in its shape, in every call"
            )
        return np.asarray(g * part.astype(float))

    rules = [functools.partial(rule, k) for k in range(len(function.variables))]
    given = zip(function.arrays, _gradient_parts(function, gradient), function.names, strict=True)
    variables = [Tensor(x, requires_grad=part is not None, name=name) for x, part, name in given]
    report = check(FunctionUnderTest(Primitive(forward, rules, function.title), tuple(variables)))
    checked = [k for k, variable in enumerate(variables) if variable.requires_grad]
    wrong = {k: row.having("wrong") for k, row in zip(checked, report.rows, strict=False)}
    for i, culprit in enumerate(report.culprits):
        if isinstance(k := culprit.argument, int):
            own, raised = wrong.get(k, []), (culprit.raised or "").removeprefix("ValueError: ")
            mistake = culprit.mistake or raised or _path(function, k, own)
            numbers: Any = own[0] if own else culprit  # which are for a random g
            report.culprits[i] = Culprit(
                f"the gradient with respect to {function.names[k]}", mistake=mistake,
                given=numbers.given, expected=numbers.expected, place=numbers.place,
            )  # fmt: skip
    return report


def _path(function: FunctionUnderTest, k: int, wrong: list[Judgement]) -> str | None:
    """The path whose product all of these entries of a gradient lack, in words."""
    recorded = copy.copy(function)
    recorded.as_arrays = False
    lacked: list[dict[str, float]] = []  # for each entry
    with contextlib.suppress(Exception):
        (loss,) = recorded.outputs()
        for entry in wrong[:_ENTRIES]:
            routes = paths(loss, recorded.variables[k], entry.place).paths
            lack = entry.expected - entry.given
            routes = [r for r in routes if np.isclose(r.product, lack, rtol=_ALIKE, atol=0)]
            ways = (" → ".join([function.names[k], *map(_step_title, r.steps)]) for r in routes)
            lacked.append(dict(zip(ways, (r.product for r in routes), strict=True)))
    common = set.intersection(*map(set, lacked)) if lacked else set()
    if not common:
        return None
    way = min(common)
    place = "".join(f" at {list(entry.place)}" for entry in wrong[:1] if entry.place)
    return f"the path {way} is missing: its product is {lacked[0][way]:.6g}{place}"


def _gradient_parts(function: FunctionUnderTest, gradient: Any) -> list[Array | None]:
    """What the gradient function returns where the variables are now, one part for each."""
    if callable(gradient):
        gradient = function.call(gradient, careful="the gradient function")
    gradient, count = plain(gradient), len(function.variables)
    by_key = isinstance(gradient, dict) and isinstance(function.form, dict)
    parts = leaves_along(function.form, gradient) if by_key else flatten(gradient)[0]
    if count == 1 and isinstance(gradient, list | tuple) and not any(p is None for p in parts):
        with contextlib.suppress(ValueError):  # a list of numbers is an array if its rows are alike
            if np.shape(gradient) == function.arrays[0].shape:
                parts = [np.array(gradient)]
    if len(parts) != count or all(part is None for part in parts):
        missing = "None: is a return missing?"
        found = ", ".join(missing if p is None else type(p).__name__ for p in parts)
        raise ValueError(
            f"expected a gradient for each of the {count} float inputs "
            f"({', '.join(function.names)}), got {len(parts)} ({found}): give one for each, None "
            "for what is not checked"
        )
    return [None if part is None else np.asarray(part) for part in parts]


def _step_title(step: PathStep) -> str:
    """A Tensor on a path: by its name, or as in pictures, with the operation that made it."""
    told = step.tensor.name or step.symbol == "L"
    return step.symbol if told else f"{step.symbol} ({step.tensor.operation.name})"
