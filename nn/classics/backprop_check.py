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
from microgradnd.text_table import html_table, text_table

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

    @property
    def difference(self) -> float:
        """The largest difference of autograd and closed form, relative to the largest entry."""
        return _relative(self.autograd - self.closed_form, self.closed_form)

    @property
    def numerical_difference(self) -> float:
        """The largest difference of differences and closed form, relative to the largest entry."""
        apart = (self.numerical - self.closed_form)[~np.isnan(self.numerical)]
        return _relative(apart, self.closed_form, _SEEN)

    @property
    def place(self) -> tuple[int, ...]:
        """The entry at which they differ most; if none does, the largest that was measured."""
        size = np.where(np.isnan(self.numerical), -1, np.abs(self.closed_form))
        if not self.difference <= _EQUAL:
            size = np.abs(self.autograd - self.closed_form)
        elif not self.numerical_difference <= _CLOSE:
            size = np.nan_to_num(np.abs(self.numerical - self.closed_form), nan=-1)
        return tuple(map(int, np.unravel_index(np.argmax(size), size.shape)))

    @property
    def right(self) -> bool:
        """Whether the three agree."""
        return self.difference <= _EQUAL and self.numerical_difference <= _CLOSE

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        place = self.place
        values = (f"{a[place]:.8g}" for a in (self.autograd, self.closed_form, self.numerical))
        apart = (f"{self.difference:.0e}", f"{self.numerical_difference:.0e}")
        return self.name, str(list(place)), *values, *apart


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

    >>> import numpy as np
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid())
    >>> report = nn.check_backprop(model, nn.QuadraticLoss(), np.eye(4), [0, 1, 1, 0])
    >>> bool(report), [row.name for row in report.rows]
    (True, ['0.weight', '0.bias', '2.weight', '2.bias'])
    """
    if not isinstance(model, Module):
        raise TypeError(f"check_backprop expected a module, got a {type(model).__name__}")
    x = np.asarray(x.numpy() if hasattr(x, "numpy") else x, np.float64)
    model = copy.deepcopy(model).astype(np.float64).requires_grad_()
    model.zero_grad()
    by_equations = closed_form(model, loss, x, y)
    parameters = dict(model.named_parameters())
    loss(model(x), y).backward()

    def cost() -> Array:
        return np.array([loss(model(x), y).item()])

    rows = []
    for layer in by_equations:
        prefix = f"{layer.layer}." if f"{layer.layer}.weight" in parameters else ""
        for kind, gradient in (("weight", layer.dW), ("bias", layer.db)):
            if gradient is not None:
                parameter = parameters[prefix + kind]
                autograd = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad
                numerical = _measured(parameter, cost, gradient, entries)
                rows.append(GradientRow(prefix + kind, autograd, gradient, numerical))
    return BackpropReport(rows)


def _measured(parameter: Any, cost: Callable[[], Array], expected: Array, entries: int) -> Array:
    """The slopes of the cost along entries of the parameter, nan at those that were not chosen."""
    values = parameter.numpy().copy()
    flat, slopes, here = values.reshape(-1), np.full(values.size, np.nan), cost()
    precision = _CLOSE / 10 * np.max(np.abs(expected), initial=_SEEN)
    chosen = np.arange(values.size)
    if values.size > entries:
        chosen = np.random.default_rng(0).choice(values.size, entries, replace=False)
    parameter.hold(values)  # and so a change of `values` moves the parameter
    with no_grad():
        for entry in chosen.tolist():
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


def _relative(apart: Array, like: Array, least: float = 0.0) -> float:
    largest = np.max(np.abs(like), initial=least)
    return float(np.max(np.abs(apart), initial=0) / (largest if largest > 0 else 1))
