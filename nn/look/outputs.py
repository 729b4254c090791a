"""What a model returns for examples when it is used, not trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from microgradnd import no_grad
from microgradnd.arrays import Array, ArrayLike
from microgradnd.operators import plain

from ..data.examples import require
from ..module import Module

BATCH = 1000  # examples at once, so that the layers of all of them need not be in memory together


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Inside, a model is in evaluation mode, and nothing is recorded; after, it is as before."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    try:
        for module, _ in modes:
            module.training = False
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def outputs_of(model: Any, inputs: ArrayLike) -> Array:
    """Returns the outputs of a module, or of any function of an array of examples."""
    x = np.asarray(inputs)
    require(len(x), f"there are no examples in inputs of shape {x.shape}")
    with evaluating(model):
        parts = [model(x[start : start + BATCH]) for start in range(0, len(x), BATCH)]
    return np.concatenate([np.asarray(plain(part)) for part in parts])
