"""What happened in a training, epoch by epoch, as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import instead, require

_MEASURES = ("loss", "accuracy", "validation_loss", "validation_accuracy", "rate", "seconds")


class RateTest(NamedTuple):
    """The rates that were tried, the loss at each, and a tenth of the rate where it was least."""

    rates: Array
    losses: Array
    best: float


@dataclass(eq=False, repr=False)
class History:
    """The measures of each epoch, as lists of numbers; what was not measured is an empty list.

    `loss` and `accuracy` are means over an epoch, while the model changed; `validation_loss` and
    `validation_accuracy` are those of the model at its end. `rate` is the learning rate at its
    end, and `seconds` the time it took. `health["0 (Linear)"]["gradient"]` and the like are what
    `Health` found in each layer, `metrics["f1"]` and the like what `fit(metrics=…)` asked for.
    `stopped` is why training ended early, if it did; `plot()` draws the learning curves.

    >>> history = History()
    >>> history.append(loss=0.9, validation_accuracy=0.5)
    >>> history.loss, history
    ([0.9], History(1 epoch: loss 0.9, validation accuracy 50.00 %))
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    health: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""

    plot: ClassVar[Callable[..., Any]]  # learning_curves, which is on a floor above: see look/plots

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            meant = "" if name[0] == "_" else instead(name, self.__dataclass_fields__, None)
            raise AttributeError(f"a History has no attribute {name!r}{meant}")

    @property
    def interrupted(self) -> bool:
        """Whether training was ended by Ctrl-C."""
        return self.stopped == "interrupted"

    def append(self, **measures: float | None) -> None:
        """Add the measures of an epoch, by their names in `arrays`; those that are None are left
        out."""
        for name, value in measures.items():
            if value is not None:
                require(not np.ndim(value), f"expected one number, got {name} = {value!r}")
                column = self._column(name)
                if name.startswith("metrics/"):
                    column += [math.nan] * (len(self) - len(column))  # of epochs without it
                column.append(float(value))

    def _column(self, name: str) -> list[float]:
        """The numbers behind a name in `arrays`."""
        kind, _, inner = name.partition("/")
        layer, _, measure = inner.rpartition("/")
        if kind == "metrics" and inner:
            return self.metrics.setdefault(inner, [])
        if kind == "health" and layer:
            return self.health.setdefault(layer, {}).setdefault(measure, [])
        require(name in _MEASURES, f"a history has no {name!r}")
        column: list[float] = getattr(self, name)
        return column

    def arrays(self) -> dict[str, Array]:
        """Return all numbers as arrays by their names: to be written by `np.savez`, say.

        >>> history = History.from_arrays({"loss": [0.5], "health/0 (Linear)/gradient": [0.1]})
        >>> history.arrays()
        {'loss': array([0.5]), 'health/0 (Linear)/gradient': array([0.1])}
        """
        columns = {name: getattr(self, name) for name in _MEASURES}
        columns |= {f"metrics/{name}": values for name, values in self.metrics.items()}
        for layer, measures in self.health.items():
            columns |= {f"health/{layer}/{name}": values for name, values in measures.items()}
        return {name: np.array(values) for name, values in columns.items() if values}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> History:
        """Build a history from its arrays."""
        history = cls()
        for name, values in arrays.items():
            array = np.asarray(values)
            listed = array.ndim == 1 and array.dtype.kind in "iuf"
            require(listed, f"{name}: expected a list of numbers, got shape {array.shape}")
            history._column(name).extend(array.astype(float).tolist())
        return history

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        epochs = f"{len(self)} epoch" + "s" * (len(self) != 1)
        stopped = f", {self.stopped}" if self.stopped else ""
        measured = ", ".join(map(" ".join, in_words(**self.last()).items()))
        return f"History({epochs}{stopped}" + (f": {measured})" if measured else ")")

    def last(self) -> dict[str, float]:
        """The measures of the last epoch."""
        columns = {name: getattr(self, name) for name in _MEASURES[:4]} | self.metrics
        return {name: values[-1] for name, values in columns.items() if values}


def measure(name: str, value: float) -> str:
    """A measure in words: an accuracy in per cent, all else with four digits."""
    per_cent = name.endswith("accuracy") and math.isfinite(value)
    return f"{100 * value:.2f} %" if per_cent else f"{value:.4g}"


def in_words(**measures: float | None) -> dict[str, str]:
    """Measures and their names in words; those that are None are left out."""
    given = {name: value for name, value in measures.items() if value is not None}
    return {name.replace("_", " "): measure(name, value) for name, value in given.items()}
