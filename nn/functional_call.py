"""A model as a function of its parameters, for grad, hessian and the other transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microgradnd import Tensor

from .module import Module


def functional_call(
    model: Module, parameters: Mapping[str, Any], *inputs: Any, **options: Any
) -> Any:
    """`model(*inputs)` with other parameters, given by their paths; the rest keep their own.

    So a model becomes a function of its parameters, and grad, hessian and the others work on it.

    >>> import numpy as np
    >>> from microgradnd import grad
    >>> from nn.layers.dense import Linear
    >>> from nn.functional_call import functional_call
    >>> layer, x = Linear(2, 1), np.array([3.0, 4.0])
    >>> loss = lambda parameters: np.sum(functional_call(layer, parameters, x))
    >>> grad(loss)({"weight": np.zeros((1, 2)), "bias": np.zeros(1)})
    {'weight': array([[3., 4.]]), 'bias': array([1.])}
    """
    places = {path: (vars(owner), key) for path, owner, key in model._places()}
    unknown = [path for path in parameters if path not in places]
    if unknown:
        raise ValueError(
            f"{model._where()} has no {', '.join(map(repr, unknown))}; it has {', '.join(places)}"
        )
    own = {path: held[key] for path, (held, key) in places.items()}
    instead = {  # a Parameter that is used in several places is replaced in all of them
        place: _instead_of(own[path], value, path)
        for path, value in parameters.items()
        for place in places
        if place == path or (own[place] is own[path] and place not in parameters)
    }
    replaced = [(held, held.get("_replaced", frozenset())) for held, _ in places.values()]
    try:
        for path, value in instead.items():
            held, key = places[path]
            held[key] = value
            if isinstance(value, Tensor):
                held["_replaced"] = held.get("_replaced", frozenset()) | {key}
        return model(*inputs, **options)
    finally:
        for path in instead:
            held, key = places[path]
            held[key] = own[path]
        for held, before in replaced:
            held["_replaced"] = before


def _instead_of(own: Any, value: Any, path: str) -> Any:
    """The value as what stands in for a model's own Parameter or buffer."""
    if isinstance(own, Tensor):
        value = value if isinstance(value, Tensor) else Tensor(value)
    else:
        value = np.array(value)  # its own: batch normalisation moves it in place
    if value.shape != own.shape:
        raise ValueError(f"{path!r} has shape {own.shape}, the one given {value.shape}")
    return value
