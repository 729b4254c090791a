"""What happened in a training, epoch by epoch, as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = Any  # a NumPy array

_MEASURES = ("loss", "accuracy", "validation_loss", "validation_accuracy", "rate", "seconds")


class History:
    """The measures of each epoch, as lists of numbers; what was not measured is an empty list.

    `loss` and `accuracy` are means over an epoch, while the model changed; `validation_loss` and
    `validation_accuracy` are those of the model at its end. `rate` is the learning rate at its
    end, and `seconds` the time it took. `health["0 (Linear)"]["gradient"]` and the like are
    what `Health` found about each layer. `stopped` says why training ended early, if it did, and
    `interrupted` is true if that was Ctrl-C.

    >>> from nn.train.history import History
    >>> history = History()
    >>> history.append(loss=0.9, validation_accuracy=0.5)
    >>> history.append(loss=0.4, validation_accuracy=0.75)
    >>> history
    History(2 epochs: loss 0.4, validation accuracy 75.00 %)
    >>> history.loss
    [0.9, 0.4]
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.validation_loss: list[float] = []
        self.validation_accuracy: list[float] = []
        self.rate: list[float] = []
        self.seconds: list[float] = []
        self.health: dict[str, dict[str, list[float]]] = {}
        self.stopped = ""

    @property
    def interrupted(self) -> bool:
        """Whether training was ended by Ctrl-C."""
        return self.stopped == "interrupted"

    def append(self, **measures: float | None) -> None:
        """Add the measures of an epoch; None says that there is none."""
        for name, value in measures.items():
            if value is not None:
                getattr(self, name).append(float(value))

    def append_health(self, layer: str, **measures: float) -> None:
        """Add what was found about a layer in an epoch."""
        columns = self.health.setdefault(layer, {})
        for name, value in measures.items():
            columns.setdefault(name, []).append(float(value))

    def arrays(self) -> dict[str, Array]:
        """All numbers as arrays by their names: to be written by `np.savez`, say.

        >>> import numpy as np
        >>> from nn.train.history import History
        >>> history = History()
        >>> history.append(loss=0.5)
        >>> history.append_health("0 (Linear)", gradient=0.1)
        >>> history.arrays()
        {'loss': array([0.5]), 'health/0 (Linear)/gradient': array([0.1])}
        >>> History.from_arrays(history.arrays()).loss
        [0.5]
        """
        columns = {name: getattr(self, name) for name in _MEASURES}
        for layer, measures in self.health.items():
            columns |= {f"health/{layer}/{name}": values for name, values in measures.items()}
        return {name: np.array(values) for name, values in columns.items() if values}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> History:
        """A history from its arrays."""
        history = cls()
        for name, values in arrays.items():
            kind, _, rest = name.partition("/")
            layer, _, measure = rest.rpartition("/")
            if kind == "health" and layer:
                history.health.setdefault(layer, {})[measure] = _numbers(name, values)
            elif name in _MEASURES:
                setattr(history, name, _numbers(name, values))
            else:
                raise ValueError(f"a history has no {name!r}")
        return history

    def plot(self) -> Any:
        """The learning curves as a figure. It needs matplotlib."""
        from nn.look.plots import (
            learning_curves,  # matplotlib is slow to import, and may be missing
        )

        return learning_curves(self)

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        epochs = f"{len(self)} epoch" + "s" * (len(self) != 1)
        stopped = f", {self.stopped}" if self.stopped else ""
        measured = described(self)
        return f"History({epochs}{stopped}" + (f": {measured})" if measured else ")")


def described(history: History) -> str:
    """The measures of the last epoch in words."""
    return ", ".join(
        f"{name.replace('_', ' ')} {measure(name, values[-1])}"
        for name in _MEASURES[:4]
        if (values := getattr(history, name))
    )


def measure(name: str, value: float) -> str:
    """A measure in words: an accuracy in per cent, all else with four digits.

    >>> from nn.train.history import measure
    >>> measure("accuracy", 0.98765), measure("loss", 0.012345678)
    ('98.77 %', '0.01235')
    """
    if name.endswith("accuracy") and math.isfinite(value):
        return f"{100 * value:.2f} %"
    return f"{value:.4g}"


def _numbers(name: str, values: Any) -> list[float]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise ValueError(f"{name} is to be a list of numbers, found shape {array.shape}")
    return [float(value) for value in array]
