"""Backpropagation three times over: by autograd, by the equations, and by differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from microgradnd import no_grad
from microgradnd.arrays import Array, ArrayLike
from microgradnd.check.slopes import careful_slopes, quick_slope
from microgradnd.operators import plain
from microgradnd.text_table import html_table, text_table

from ..data.examples import require
from ..module import Module
from .equations import closed_form

_EQUAL = 1e-12  # the largest difference between autograd and closed form that rounding explains
_CLOSE = 1e-6  # and between either and differences
_SEEN = 1e-6  # slopes below it are seen by differences as if they were as large
_HEAD = (
    "gradient", "at", "autograd", "closed form", "differences", "autograd - closed",
    "differences - closed",
)  # fmt: skip


class GradientRow(NamedTuple):
    """One array of parameters, and its gradient three times.

    `numerical` is nan at the entries that were not measured, of arrays that have very many.
    """

    name: str
    autograd: Array
    closed_form: Array
    numerical: Array

    def _apart(self, other: Array, least: float = 0.0, where: Any = True) -> float:
        largest = np.max(np.abs(self.closed_form), initial=least)
        apart = np.max(np.abs(other - self.closed_form), initial=0, where=where)
        return float(apart / (largest or 1))

    @property
    def difference(self) -> float:
        """The largest difference of autograd and closed form, relative to the largest entry."""
        return self._apart(self.autograd)

    @property
    def numerical_difference(self) -> float:
        """The largest difference of differences and closed form, relative to the largest entry."""
        return self._apart(self.numerical, _SEEN, ~np.isnan(self.numerical))

    @property
    def right(self) -> bool:
        """Whether the three agree."""
        return self.difference <= _EQUAL and self.numerical_difference <= _CLOSE

    @property
    def place(self) -> tuple[int, ...]:
        """The entry at which they differ most; if none does, the largest that was measured."""
        size = np.where(np.isnan(self.numerical), -1, np.abs(self.closed_form))
        if not self.right:
            measured = np.nan_to_num(self.numerical - self.closed_form)
            wrong = np.abs(self.autograd - self.closed_form)
            size = np.maximum(wrong / _EQUAL, np.abs(measured) / _CLOSE)
        return tuple(map(int, np.unravel_index(np.argmax(size), size.shape)))

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        values = (f"{a[self.place]:.8g}" for a in self[1:])
        apart = (f"{self.difference:.0e}", f"{self.numerical_difference:.0e}")
        return self.name, str(list(self.place)), *values, *apart


@dataclass(repr=False)
class BackpropReport:
    """The result of `check_backprop`: truthy when all gradients agree. `rows` has the arrays."""

    rows: list[GradientRow]

    def __bool__(self) -> bool:
        return all(row.right for row in self.rows)

    def __repr__(self) -> str:
        lines = text_table([_HEAD, *(row.cells for row in self.rows)])
        return "\n  ".join([f"check_backprop: {'right' if self else 'WRONG'}", *lines])

    def _repr_html_(self) -> str:
        verdict = "✓ right" if self else "✗ wrong"
        table = html_table(_HEAD, [row.cells for row in self.rows])
        return f"<b>check_backprop: {verdict}</b>{table}"


def check_backprop(
    model: Module, loss: Any, x: ArrayLike, y: ArrayLike, entries: int = 100
) -> BackpropReport:
    """Compares the gradients of a model by autograd, by the closed form, and by differences.

    Autograd and the equations agree to 1e-12, relative to the largest entry of an array, central
    differences to 1e-6. All is computed in float64 on a copy: the model and its gradients stay as
    they are.

    Arguments:
        model: one that `equations.closed_form` can express.
        loss: one of nn's losses.
        x, y: the points and their targets.
        entries: how many entries of each array are measured by differences; where an array has
            more, these are chosen at random.

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

    def cost() -> Array:
        return np.array([loss(model(x), y).item()])

    rows = []
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        autograd = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad
        numerical = _measured(parameter, cost, gradient, entries)
        rows.append(GradientRow(name, autograd, gradient, numerical))
    return BackpropReport(rows)


def _measured(parameter: Any, cost: Callable[[], Array], expected: Array, entries: int) -> Array:
    """The slopes of the cost along entries of the parameter, nan at those that were not chosen."""
    values = parameter.numpy().copy()
    flat, slopes, here = values.reshape(-1), np.full(values.size, np.nan), cost()
    precision = _CLOSE / 10 * np.max(np.abs(expected), initial=_SEEN)
    parameter.hold(values)  # and so a change of `values` moves the parameter
    with no_grad():
        for entry in np.random.default_rng(0).permutation(values.size)[:entries].tolist():
            before = float(flat[entry])

            def along(distance: float, entry: int = entry, before: float = before) -> Array:
                flat[entry] = before + distance
                return cost()

            slope, _ = quick_slope(along, 1.0, here)
            if not abs(slope.value - expected.flat[entry]) <= precision:  # there may be a kink near
                slope = careful_slopes(along, 1.0, abs(before)).through
            slopes[entry] = slope.value.item()
            flat[entry] = before
    return slopes.reshape(values.shape)
