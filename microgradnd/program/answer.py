"""The answer of `derive`: source, formulas, and the function itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..habits import require
from .value import NotDerivableError


class Answer:
    """The loss and its gradients as a straight line of NumPy, as `derive` returns it.

    `source` is a function that imports NumPy and nothing else (erf is that of Python's `math`),
    `latex` the same as formulas, which a notebook typesets. Called with arrays by name, an answer
    returns a dict of the loss and the gradients; an argument that is left out has the value that it
    was derived at.
    """

    def __init__(self, source: str, latex: str, values: dict[str, Array]) -> None:
        self.source, self.latex, self.values = source, latex, values
        made: dict[str, Any] = {}
        exec(compile(source, "<a derived function>", "exec"), made)
        self._function = made["gradients"]

    def __call__(self, **values: Any) -> dict[str, Any]:
        """Returns the loss and the gradients for other values of the arguments."""
        given = dict(self.values)
        for name, value in values.items():
            wrong = f"expected arguments out of {', '.join(given)}, got {name}"
            require(name in given, wrong, TypeError)
            array = np.asarray(getattr(value, "_array", value), given[name].dtype)
            require(
                array.shape == given[name].shape,
                f"expected {name} of shape {given[name].shape}, got {array.shape}; the source is "
                "that of these shapes, so derive it again for others",
            )
            given[name] = array
        with np.errstate(all="ignore"):
            found = self._function(**given)
        # Two results, or a result and an argument, may be one array.
        return {name: x.copy() if isinstance(x, np.ndarray) else x for name, x in found.items()}

    def check(self, expected: Iterable[Any], reason: str, **values: Any) -> None:
        """Raises an error if this is not what it returns for these values."""
        for (name, mine), exact in zip(self(**values).items(), expected, strict=True):
            size = max(1.0, np.max(np.abs(exact), initial=0))
            error = 1e-6 if exact.dtype.itemsize >= 8 else 1e-2
            same = np.asarray(mine).dtype == exact.dtype
            same = same and np.allclose(mine, exact, error, error / 1000 * size, equal_nan=True)
            wrong = f"{name} is not what this source computes: {reason}"
            require(same, wrong, NotDerivableError)

    def __repr__(self) -> str:
        return self.source

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"
