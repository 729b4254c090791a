"""Backpropagation three times over: by autograd, by the equations, and by differences."""

from __future__ import annotations

import copy
import html
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradnd import no_grad

from ..module import Module
from .equations import closed_form

Array = np.ndarray[Any, Any]

_EQUAL = 1e-12  # the largest difference between autograd and closed form that rounding explains
_CLOSE = 1e-6  # and between either and differences
_SEEN = 1e-6  # slopes below it are seen by differences as if they were as large


class Row(NamedTuple):
    """One array of parameters, and its gradient three times.

    `numerical` is nan at the entries that were not measured, of arrays that have very many.
    """

    name: str
    autograd: Array
    closed_form: Array
    numerical: Array

    @property
    def difference(self) -> float:
        """How far autograd and closed form are apart at most, relative to the largest entry."""
        return _relative(self.autograd - self.closed_form, self.closed_form)

    @property
    def numerical_difference(self) -> float:
        """How far closed form and differences are apart at most, relative to the largest entry."""
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


class BackpropReport:
    """What `check_backprop` found: truthy when all gradients agree. `rows` has the arrays."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __bool__(self) -> bool:
        return all(row.right for row in self.rows)

    def __repr__(self) -> str:
        table = [_HEAD, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            for cells in table
        ]
        verdict = f"check_backprop: {'right' if self else 'WRONG'}"
        return "\n".join([verdict, *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row)) + "</tr>"
            for row in self.rows
        )
        verdict = "✓ right" if self else "✗ wrong"
        return f"<b>check_backprop: {verdict}</b><table><tr>{head}</tr>{body}</table>"


def check_backprop(model: Module, loss: Any, x: Any, y: Any, entries: int = 100) -> BackpropReport:
    """Set the gradients of a model side by side: autograd, the closed form, and differences.

    Autograd and the equations agree to 1e-12, relative to the largest entry of an array; central
    differences to 1e-6. The latter are measured at so many `entries` of each array, chosen at
    random if it has more. It is computed in float64, on a copy: the model and its gradients stay
    as they are. What the equations can express is said at `equations.closed_form`.

    >>> import numpy as np
    >>> from nn.functions import Sigmoid
    >>> from nn.classics.backprop_check import check_backprop
    >>> from nn.containers import Sequential
    >>> from nn.layers.dense import Linear
    >>> from nn.losses import QuadraticLoss
    >>> model = Sequential(Linear(4, 3), Sigmoid(), Linear(3, 2), Sigmoid())
    >>> report = check_backprop(model, QuadraticLoss(), np.eye(4), [0, 1, 1, 0])
    >>> bool(report), [row.name for row in report.rows]
    (True, ['0.weight', '0.bias', '2.weight', '2.bias'])
    """
    if not isinstance(model, Module):
        raise TypeError(f"check_backprop takes a module, not a {type(model).__name__}")
    model, x = copy.deepcopy(model).astype(np.float64).requires_grad_(), _double(x)
    model.zero_grad()
    by_equations = closed_form(model, loss, x, y)
    parameters = dict(model.named_parameters())
    loss(model(x), y).backward()

    def cost() -> float:
        return float(loss(model(x), y).item())

    rows = []
    for layer in by_equations:
        prefix = f"{layer.layer}." if f"{layer.layer}.weight" in parameters else ""
        for kind, gradient in (("weight", layer.dW), ("bias", layer.db)):
            if gradient is not None:
                parameter = parameters[prefix + kind]
                autograd = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad
                numerical = _measured(parameter, cost, entries)
                rows.append(Row(prefix + kind, autograd, gradient, numerical))
    return BackpropReport(rows)


def _measured(parameter: Any, cost: Callable[[], float], entries: int) -> Array:
    """The slopes of the cost by entries of the parameter, nan at those that were not chosen."""
    values = parameter.numpy().copy()
    slopes = np.full(values.size, np.nan)
    chosen = np.arange(values.size)
    if values.size > entries:
        chosen = np.random.default_rng(0).choice(values.size, entries, replace=False)
    flat = values.reshape(-1)
    parameter.hold(values)  # and so a change of `values` moves the parameter
    with no_grad():
        for entry in chosen.tolist():
            here = flat[entry]

            def along(distance: float, entry: int = entry, here: float = here) -> float:
                flat[entry] = here + distance
                return cost()

            slopes[entry] = _slope(along)
            flat[entry] = here
    return slopes.reshape(values.shape)


def _slope(f: Callable[[float], float]) -> float:
    """f'(0) by central differences, Richardson's rule applied to two widths. Where these do not
    agree but for rounding, a kink is near, and a narrower try may not reach it."""
    slope = np.nan
    for h in (2.0**-13, 2.0**-19, 2.0**-25):
        ahead = f(h)
        wide, narrow = (ahead - f(-h)) / (2 * h), (f(h / 2) - f(-h / 2)) / h
        slope = (4 * narrow - wide) / 3
        rounding = 8 * np.finfo(float).eps * abs(ahead) / h
        if abs(narrow - wide) <= 1e-7 * abs(narrow) + rounding:
            break
    return slope


def _relative(apart: Array, like: Array, least: float = 0.0) -> float:
    largest = np.max(np.abs(like), initial=least)
    return float(np.max(np.abs(apart), initial=0) / (largest if largest > 0 else 1))


def _double(x: Any) -> Array:
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x, np.float64)


_HEAD = (
    "gradient",
    "at",
    "autograd",
    "closed form",
    "differences",
    "autograd - closed",
    "differences - closed",
)


def _cells(row: Row) -> tuple[str, ...]:
    place = row.place
    values = (f"{array[place]:.8g}" for array in (row.autograd, row.closed_form, row.numerical))
    apart = (f"{row.difference:.0e}", f"{row.numerical_difference:.0e}")
    return (row.name, str(list(place)), *values, *apart)
