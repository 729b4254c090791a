"""What works on parameters and sequences beside the layers: `nn.utils`, as PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import parts_of
from microgradnd.operators import plain

from ..optim.clipping import clip_grad_norm_, clip_grad_value_
from ..optim.optimizer import listed
from . import sequences as rnn
from .weight_norms import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "remove_spectral_norm",
    "remove_weight_norm", "rnn", "spectral_norm", "vector_to_parameters", "weight_norm",
]  # fmt: skip


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """Returns all entries of the parameters as one Tensor, through which gradients reach them.

    >>> from nn.layers.dense import Linear
    >>> parameters_to_vector(Linear(2, 3).parameters()).shape
    (9,)
    """
    return np.concatenate([p.reshape(-1) for p in listed(parameters)])


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Gives the parameters the values of a vector, such as `parameters_to_vector` returns.

    >>> from nn.layers.dense import Linear
    >>> layer = Linear(2, 1)
    >>> vector_to_parameters([1.0, 2.0, 3.0], layer.parameters())
    >>> layer.weight.data, layer.bias.data
    (array([[1., 2.]]), array([3.]))
    """
    values, taken = np.asarray(plain(vec)), listed(parameters)
    if values.shape != (total := sum(p.size for p in taken),):
        raise ValueError(f"expected a vector of {total} entries, got shape {values.shape}")
    for p, part in zip(taken, parts_of(values, taken), strict=True):
        p.data = part
