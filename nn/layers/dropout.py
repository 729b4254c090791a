"""Three ways to leave parts of a network out while it trains; p is the fraction that is dropped."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.habits import explain_options
from microgradnd.program import afresh

from ..functions import FunctionModule
from ..init import generator, numbers
from ..module import Module, functional_call
from .layer import Layer, for_axes, over_axes, probability
from .windows import spatial


@explain_options
def dropout(input: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Sets each entry to 0 with probability p and divides the others by 1 - p; without `training`,
    as after `eval()`, it returns the input.

    >>> sorted(set(dropout(np.ones(1000), p=0.5).tolist()))
    [0.0, 2.0]
    >>> Dropout(0.2).eval()([1.0, 2.0])
    array([1., 2.])
    """
    x, p = numbers(input), probability("p", p)
    if not training or p == 0:
        return x
    kept = afresh(generator.random, x.shape, np.float32) >= p
    return x * np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=x.dtype)


def _dropout(
    axes: int, input: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Drops whole channels of sequences, (N, C, length), images or volumes, as `dropout` entries.

    >>> sorted(set(np.max(dropout2d(np.ones((1, 99, 4, 4))), axis=(2, 3)).ravel().tolist()))
    [0.0, 2.0]
    >>> Dropout1d(0.2).eval()([[1.0, 2.0]]), Dropout2d(1.0)([[[1.0]]])
    (array([[1., 2.]]), array([[[0.]]]))
    """
    x = spatial(input, axes)
    return x * dropout(np.ones(x.shape[:-axes] + (1,) * axes, x.dtype), p, training)


dropout1d, dropout2d, dropout3d = over_axes(_dropout)


def _classic_dropout(input: ArrayLike, p: float = 0.5, training: bool = True) -> Any:
    """One mask with exactly round(p · neurons) of them dropped serves all points of the batch,
    which the first of several axes numbers; the others are not scaled. When the network is used,
    all outputs are multiplied by 1 - p.

    >>> layer = ClassicDropout(0.3)
    >>> np.sum(layer(np.ones((2, 10))), axis=1)
    array([7., 7.])
    >>> layer.eval()(np.ones(2))
    array([0.7, 0.7])
    """
    x = numbers(input)
    if not training:
        return x * (1 - p)
    return x * _exact_mask(x.shape[1:] if x.ndim > 1 else x.shape, p, x.dtype)


class _Dropping(Layer, FunctionModule):
    def __post_init__(self) -> None:
        probability("p", vars(self)["p"])


class ClassicDropout(_Dropping, of=_classic_dropout):
    """Dropout as it was first: in each mini-batch a fraction p of the neurons is silent."""


# fmt: off
class Dropout(_Dropping, of=dropout): ...
class _ChannelDropout(Dropout, of=_dropout): ...
Dropout1d, Dropout2d, Dropout3d = for_axes(_ChannelDropout, "Dropout")
# fmt: on


class DropConnect(Module):
    """Leaves out connections instead of neurons: in each mini-batch exactly round(p · weights) of
    the `weight` of the module inside are 0. When the network is used, all count, times 1 - p.

    >>> from nn.layers.dense import Linear
    >>> layer = DropConnect(Linear(4, 3, bias=False), p=0.25)
    >>> layer.module.weight.data[:] = 1
    >>> np.sum(layer(np.ones(4))).item(), np.sum(layer.eval()(np.ones(4))).item()
    (9.0, 9.0)
    """

    _option_names = ("p",)

    def __init__(self, module: Module, p: float = 0.5) -> None:
        if not hasattr(module, "weight"):
            found = f"{type(module).__name__} has none"
            raise TypeError(f"DropConnect drops entries of a module's `weight`, and {found}")
        self.module, self.p = module, probability("p", p)

    def forward(self, x: ArrayLike) -> Any:
        weight: Any = self.module.weight
        mask = _exact_mask(weight.shape, self.p, weight.dtype) if self.training else 1 - self.p
        return functional_call(self.module, {"weight": weight * mask}, x)


def _exact_mask(shape: tuple[int, ...], p: float, dtype: Any) -> Any:
    """Zeros in round(p · n) of the n places, chosen at random, and ones elsewhere."""
    count = math.prod(shape)
    order = afresh(generator.permutation, count).reshape(shape)
    return (order >= round(p * count)).astype(dtype)
