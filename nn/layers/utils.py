"""What works on parameters and sequences beside the layers: `nn.utils`, as PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from microgradnd import Tensor
from microgradnd.arrays import parts_of
from microgradnd.habits import at_least, require
from microgradnd.operators import plain

from ..functions import normalize
from ..init import check_shapes, generator
from ..module import Module, Parameter
from ..optim.optimizer import clip_grad_norm_, clip_grad_value_, listed
from . import sequences as rnn

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "rnn", "spectral_norm",
    "vector_to_parameters", "weight_norm",
]  # fmt: skip

Kind = TypeVar("Kind", bound=Module)


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
    total = sum(p.size for p in taken)
    check_shapes(values.shape == (total,), f"a vector of {total} entries", values)
    for p, part in zip(taken, parts_of(values, taken), strict=True):
        p.data = part


# ---- weights that are computed: a formula of the module, and of the parts of the weight ----------


def _attributes_ending(module: Module, name: str, *ends: str) -> list[Any]:
    return [getattr(module, f"{name}_{end}") for end in ends]


def _norm_except(v: Any, dim: int | None) -> Any:
    axes = tuple(axis for axis in range(v.ndim) if dim is None or axis != dim)
    return np.sqrt(np.sum(v * v, axis=axes, keepdims=dim is not None))


def _scaled(name: str, dim: int | None, module: Module) -> Any:
    length, v = _attributes_ending(module, name, "g", "v")
    return v * (length / _norm_except(v, dim))


def _weight_as_matrix(weight: Any, dim: int) -> Any:
    return np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def _divided(name: str, dim: int, module: Module) -> Any:
    weight, u, v = _attributes_ending(module, name, "orig", "u", "v")
    return weight / (u @ (_weight_as_matrix(weight, dim) @ v))


def _turn(name: str, dim: int, times: int, eps: float, module: Module, _: Any = None) -> None:
    """Turns u and v towards the directions in which the matrix lengthens most."""
    weight, u, v = _attributes_ending(module, name, "orig", "u", "v")
    matrix = _weight_as_matrix(plain(weight), dim)
    for _ in range(times if module.training else 0):
        v[...] = normalize(u @ matrix, dim=0, eps=eps)
        u[...] = normalize(matrix @ v, dim=0, eps=eps)


def _parameter_named(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    found = "none" if weight is None else f"a {type(weight).__name__}"
    expected = f"expected a module with a Parameter {name!r}; {type(module).__name__} has {found}"
    require(isinstance(weight, Parameter), expected, TypeError)
    return weight


def _reparametrised(module: Kind, name: str, formula: Any, **parts: Any) -> Kind:
    delattr(module, name)
    for end, part in parts.items():
        register = module.register_parameter if type(part) is Parameter else module.register_buffer
        register(f"{name}_{end}", part)
    module._formulas = {**module._formulas, name: formula}
    return module


def weight_norm(module: Kind, name: str = "weight", dim: int | None = 0) -> Kind:
    """Learns the lengths of a weight's rows, `weight_g`, apart from `weight_v`: w = g · v / |v|.

    Arguments:
        module: a layer, which is changed and returned.
        dim: the axis that numbers the rows; None for one length of the whole weight.

    >>> from nn.layers.dense import Linear
    >>> layer = weight_norm(Linear(2, 3))
    >>> [name for name, _ in layer.named_parameters()], layer.weight_g.shape
    (['bias', 'weight_g', 'weight_v'], (3, 1))
    """
    weight = _parameter_named(module, name)
    dim = None if dim in (None, -1) else normalize_axis_index(dim, weight.ndim)
    g, v = Parameter(_norm_except(weight.data, dim)), Parameter(weight.data)
    return _reparametrised(module, name, partial(_scaled, name, dim), g=g, v=v)


def spectral_norm(
    module: Kind, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Kind:  # fmt: skip
    """Divides a weight, then called `weight_orig`, by its largest singular value, so that the layer
    lengthens nothing. Each batch in training follows the value by a few multiplications.

    Arguments:
        module: a layer, which is changed and returned.
        n_power_iterations: number of multiplications for a batch.
        eps: the least length by which is divided.
        dim: the axis of outputs, which is 1 in transposed convolutions and 0 in all others.

    >>> from nn.layers.dense import Linear
    >>> layer = Linear(2, 2, bias=False)
    >>> layer.weight.data = [[4.0, 0.0], [0.0, 1.0]]
    >>> spectral_norm(layer, n_power_iterations=20)(np.ones(2)).numpy().round(6).tolist()
    [1.0, 0.25]
    """
    weight = _parameter_named(module, name)
    at_least(1, n_power_iterations=n_power_iterations)
    axis = int("Transpose" in type(module).__name__) if dim is None else dim
    rows = weight.shape[axis]
    u, v = (
        normalize(generator.normal(size=size).astype(weight.dtype), dim=0, eps=eps)
        for size in (rows, math.prod(weight.shape) // rows)
    )
    formula, orig = partial(_divided, name, axis), Parameter(weight.data)
    _reparametrised(module, name, formula, orig=orig, u=u, v=v)
    module.register_forward_pre_hook(partial(_turn, name, axis, n_power_iterations, eps))
    return module
