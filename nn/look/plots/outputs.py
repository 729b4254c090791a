"""What a model makes of examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import Tensor, no_grad

from ...data import Data
from ...module import Module

Array = Any  # a NumPy array

BATCH = 1000  # examples at once, so that the layers of all of them need not be in memory together


def outputs_of(model: Any, inputs: Any) -> Array:
    """The outputs of the model as it is used, not as it is trained; nothing is recorded.

    The model is a module, or any function of an array of examples.

    >>> from nn.containers import Sequential
    >>> from nn.layers.dropout import Dropout
    >>> from nn.look.plots.outputs import outputs_of
    >>> model = Sequential(Dropout(0.5))
    >>> outputs_of(model, [[1.0, 2.0]]), model.training
    (array([[1., 2.]]), True)
    """
    x = np.asarray(inputs)
    if not len(x):
        raise ValueError(f"there are no examples in inputs of shape {x.shape}")
    modes = {m: m.training for m in model.modules()} if isinstance(model, Module) else {}
    try:
        for module in modes:
            module.training = False
        with no_grad():
            parts = [model(x[start : start + BATCH]) for start in range(0, len(x), BATCH)]
    finally:
        for module, training in modes.items():
            module.training = training
    return np.concatenate([p.numpy() if isinstance(p, Tensor) else np.asarray(p) for p in parts])


def examples_of(data: Any) -> Data:
    """Data as it is, or made of a pair of inputs and labels."""
    return data if isinstance(data, Data) else Data(*data)


def label_numbers(labels: Array) -> Array:
    """Labels as numbers of classes, also where they are one-hot rows."""
    if labels.ndim == 2:
        return np.argmax(labels, axis=1) if labels.shape[1] > 1 else labels[:, 0].astype(int)
    if labels.ndim != 1 or (labels.dtype.kind == "f" and np.any(labels != np.round(labels))):
        raise ValueError(
            "labels are the numbers of classes or one-hot rows, "
            f"found {labels.dtype} of shape {labels.shape}"
        )
    return labels.astype(int)


def names_of(data: Data, count: int) -> tuple[str, ...]:
    """The names of so many classes: their numbers if nobody named them."""
    return data.classes if len(data.classes) == count else tuple(map(str, range(count)))
