"""A layer's weight as a formula of other parameters: its length apart, or divided by its norm."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from microgradnd.operators import plain

from ..functions import normalize
from ..init import generator
from ..module import Module, Parameter

Kind = TypeVar("Kind", bound=Module)


def _norm(v: Any, dim: int | None) -> Any:
    axes = tuple(axis for axis in range(v.ndim) if dim is None or axis != dim)
    return np.sqrt(np.sum(v * v, axis=axes, keepdims=dim is not None))


class _WeightNorm:
    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def __call__(self, module: Module) -> Any:
        length, v = (getattr(module, f"{self.name}_{end}") for end in "gv")
        return v * (length / _norm(v, self.dim))


class _SpectralNorm:
    def __init__(self, name: str, times: int, eps: float, dim: int) -> None:
        self.name, self.times, self.eps, self.dim = name, times, eps, dim

    def __call__(self, module: Module) -> Any:
        weight, u, v = (getattr(module, f"{self.name}_{end}") for end in ("orig", "u", "v"))
        return weight / (u @ (self.matrix(weight) @ v))

    def matrix(self, weight: Any) -> Any:
        return np.moveaxis(weight, self.dim, 0).reshape(weight.shape[self.dim], -1)

    def look(self, module: Module, _: Any = None) -> None:
        """Turns u and v towards the directions in which the matrix lengthens most."""
        weight, u, v = (getattr(module, f"{self.name}_{end}") for end in ("orig", "u", "v"))
        matrix = self.matrix(plain(weight))
        for _ in range(self.times if module.training else 0):
            v[...] = normalize(u @ matrix, dim=0, eps=self.eps)
            u[...] = normalize(matrix @ v, dim=0, eps=self.eps)


def _checked(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    if not isinstance(weight, Parameter):
        found = "none" if weight is None else f"a {type(weight).__name__}"
        expected = f"expected a module with a Parameter {name!r}"
        raise TypeError(f"{expected}; {type(module).__name__} has {found}")
    return weight


def weight_norm(module: Kind, name: str = "weight", dim: int | None = 0) -> Kind:
    """Learns the lengths of a weight's rows apart from their directions: w = g · v / |v|.

    The module gets the parameters `weight_g` and `weight_v` in place of `weight`.

    Arguments:
        module: a layer, which is changed and returned.
        name: the parameter.
        dim: the axis that numbers the rows; None for one length of the whole weight.

    >>> from nn.layers.dense import Linear
    >>> layer = weight_norm(Linear(2, 3))
    >>> [name for name, _ in layer.named_parameters()], layer.weight_g.shape
    (['bias', 'weight_g', 'weight_v'], (3, 1))
    """
    weight = _checked(module, name)
    dim = None if dim in (None, -1) else normalize_axis_index(dim, weight.ndim)
    formula = _WeightNorm(name, dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(_norm(weight.data, formula.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    module._formulas = {**module._formulas, name: formula}
    return module


def spectral_norm(
    module: Kind, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Kind:  # fmt: skip
    """Divides a weight by its largest singular value, so that the layer lengthens nothing.

    The value is followed in training by a few multiplications for each batch.

    Arguments:
        module: a layer, which is changed and returned.
        name: the parameter, which is then called `weight_orig`.
        n_power_iterations: number of multiplications for a batch.
        eps: the least length by which is divided.
        dim: the axis of outputs, which is 1 in transposed convolutions and 0 in all others.

    >>> from nn.layers.dense import Linear
    >>> layer = Linear(2, 2, bias=False)
    >>> layer.weight.data = [[4.0, 0.0], [0.0, 1.0]]
    >>> spectral_norm(layer, n_power_iterations=20)(np.ones(2)).numpy().round(6).tolist()
    [1.0, 0.25]
    """
    weight = _checked(module, name)
    if n_power_iterations < 1:
        raise ValueError(f"n_power_iterations must be 1 or more, got {n_power_iterations}")
    transposed = "Transpose" in type(module).__name__
    formula = _SpectralNorm(name, n_power_iterations, eps, int(transposed) if dim is None else dim)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", Parameter(weight.data))
    rows = weight.shape[formula.dim]
    for end, size in (("u", rows), ("v", math.prod(weight.shape) // rows)):
        start = normalize(generator.normal(size=size).astype(weight.dtype), dim=0, eps=eps)
        module.register_buffer(f"{name}_{end}", start)
    module._formulas = {**module._formulas, name: formula}
    module.register_forward_pre_hook(formula.look)
    return module


def _removed(module: Kind, name: str, kind: type) -> Kind:
    formula = module._formulas.get(name)
    if not isinstance(formula, kind):
        raise ValueError(f"{name!r} of this {type(module).__name__} is not computed in this way")
    value = Parameter(plain(getattr(module, name)))
    for end in ("g", "v", "orig", "u"):
        vars(module).pop(f"{name}_{end}", None)
    module._buffers = {k: v for k, v in module._buffers.items() if k in vars(module)}
    for handle, (_, hook) in list(module._hooks.items()):
        if getattr(hook, "__self__", None) is formula:
            handle.remove()
    module._formulas = {k: v for k, v in module._formulas.items() if k != name}
    setattr(module, name, value)
    return module


def remove_weight_norm(module: Kind, name: str = "weight") -> Kind:
    """Makes a Parameter again of a weight that `weight_norm` computes, with its present values.

    >>> from nn.layers.dense import Linear
    >>> [name for name, _ in remove_weight_norm(weight_norm(Linear(2, 3))).named_parameters()]
    ['bias', 'weight']
    """
    return _removed(module, name, _WeightNorm)


def remove_spectral_norm(module: Kind, name: str = "weight") -> Kind:
    """Makes a Parameter again of a weight that `spectral_norm` computes, with its present values.

    >>> from nn.layers.dense import Linear
    >>> [name for name, _ in remove_spectral_norm(spectral_norm(Linear(2, 3))).named_parameters()]
    ['bias', 'weight']
    """
    return _removed(module, name, _SpectralNorm)
