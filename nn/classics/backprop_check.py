"""Backpropagation three times over: by autograd, by the equations, and by differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microgradnd import no_grad
from microgradnd.arrays import Array, ArrayLike
from microgradnd.check.slopes import careful_slopes, moving, quick_slope
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.text_table import html_table, text_table

from ..module import Module, Parameter
from .equations import closed_form

_EQUAL = 1e-12  # the largest difference between autograd and closed form that rounding explains
_CLOSE = 1e-6  # and between either and differences
_SEEN = 1e-6  # slopes below it are seen by differences as if they were as large
_MEASURED = 100  # entries of an array at most, by differences
_HEAD = (
    "gradient", "at", "autograd", "closed form", "differences", "autograd - closed",
    "differences - closed",
)  # fmt: skip


class GradientRow(NamedTuple):
    """One array of parameters, and its gradient three times.

    `numerical` is nan at the entries that were not measured, of arrays that have very many. The two
    differences are the largest from the closed form, relative to its largest entry, and `place` is
    where they are; if all agree, it is the largest entry that was measured.
    """

    name: str
    autograd: Array
    closed_form: Array
    numerical: Array
    difference: float
    numerical_difference: float
    place: tuple[int, ...]

    @property
    def right(self) -> bool:
        """Whether the three agree."""
        return self.difference <= _EQUAL and self.numerical_difference <= _CLOSE


@dataclass(repr=False)
class BackpropReport:
    """The result of `check_backprop`: truthy when all gradients agree. `rows` has the arrays."""

    rows: list[GradientRow]

    def __bool__(self) -> bool:
        return all(row.right for row in self.rows)

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (row.name, str([*row.place]), *(f"{array[row.place]:.8g}" for array in row[1:4]),
             f"{row.difference:.0e}", f"{row.numerical_difference:.0e}")
            for row in self.rows
        ]  # fmt: skip

    def __repr__(self) -> str:
        lines = text_table([_HEAD, *self._cells()])
        return "\n  ".join([f"check_backprop: {'right' if self else 'WRONG'}", *lines])

    def _repr_html_(self) -> str:
        verdict = "✓ right" if self else "✗ wrong"
        return f"<b>check_backprop: {verdict}</b>{html_table(_HEAD, self._cells())}"


def check_backprop(model: Module, loss: Module, x: ArrayLike, y: ArrayLike) -> BackpropReport:
    """Compares the gradients of a model by autograd, by the closed form, and by differences.

    Autograd and the equations agree to 1e-12, relative to the largest entry of an array, central
    differences to 1e-6. All is computed in float64 on a copy: the model and its gradients stay as
    they are. Of an array with more than 100 entries so many are measured, chosen at random.

    Arguments:
        model: one that `equations.closed_form` can express.
        loss: one of nn's losses.
        x, y: the points and their targets.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid())
    >>> report = nn.check_backprop(model, nn.QuadraticLoss(), np.eye(4), [0, 1, 1, 0])
    >>> bool(report), [row.name for row in report.rows]
    (True, ['0.weight', '0.bias', '2.weight', '2.bias'])
    """
    kind = type(model).__name__
    require(isinstance(model, Module), f"check_backprop expected a module, got a {kind}", TypeError)
    x = np.asarray(plain(x), np.float64)
    model = copy.deepcopy(model).astype(np.float64).requires_grad_()
    model.zero_grad()
    gradients = [g for layer in closed_form(model, loss, x, y) for g in layer[2:] if g is not None]
    loss(model(x), y).backward()

    cost = lambda: np.array([loss(model(x), y).item()])  # noqa: E731
    rows = []
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        autograd = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad
        rows.append(_row(name, autograd, gradient, _slopes_along(parameter, cost, gradient)))
    return BackpropReport(rows)


def _row(name: str, autograd: Array, closed: Array, numerical: Array) -> GradientRow:
    size, unknown = np.abs(closed), np.isnan(numerical)
    wrong, measured = np.abs(autograd - closed), np.where(unknown, 0, np.abs(numerical - closed))
    difference = float(np.max(wrong, initial=0) / (np.max(size, initial=0) or 1))
    by_differences = float(np.max(measured, initial=0) / np.max(size, initial=_SEEN))
    row = GradientRow(name, autograd, closed, numerical, difference, by_differences, ())
    worst = np.maximum(wrong / _EQUAL, measured / _CLOSE)
    where = np.argmax(np.where(unknown, -1, size) if row.right else worst)
    return row._replace(place=tuple(map(int, np.unravel_index(where, size.shape))))


def _slopes_along(parameter: Parameter, cost: Callable[[], Array], expected: Array) -> Array:
    """The slopes of the cost along entries of the parameter, nan at those that were not chosen."""
    values = parameter.numpy().copy()
    slopes, here = np.full(values.size, np.nan), cost()
    precision = _CLOSE / 10 * np.max(np.abs(expected), initial=_SEEN)
    parameter.hold(values)  # and so a change of `values` moves the parameter
    with no_grad():
        for entry in np.random.default_rng(0).permutation(values.size)[:_MEASURED].tolist():
            along = moving(values, entry, 1.0, cost)
            slope, _ = quick_slope(along, 1.0, here)
            if not abs(slope.value - expected.flat[entry]) <= precision:  # there may be a kink near
                slope = careful_slopes(along, 1.0, abs(values.flat[entry])).through
            slopes[entry] = slope.value.item()
    return slopes.reshape(values.shape)
