"""Keeping weights small: L1 and L2 as terms of the cost, and the max-norm constraint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgradnd import Tensor, scope
from microgradnd.habits import at_least, require
from microgradnd.operators import plain

from ..module import Module

Weights = Module | Iterable[Tensor]


@dataclass(eq=False)
class _Penalty:
    """λ times the sum of f(w) over all weights, recorded under the name of the penalty."""

    strength: float
    biases: bool = False

    of: ClassVar[Any]  # f

    def __post_init__(self) -> None:
        at_least(0.0, strength=self.strength)
        self.strength = float(self.strength)

    def __call__(self, weights: Weights) -> Any:
        """The term to add to the cost, for a module's weights or for a list of Tensors."""
        chosen = list(_weights_penalised(weights, self.biases))
        require(chosen, f"{self!r} found no weights in {type(weights).__name__}")
        with scope(type(self).__name__):
            return self.strength * sum(type(self).of(w) for w in chosen)


class L2(_Penalty):
    """The term λ · ½ Σ w² over all weights.

    Its gradient is λw: it is the `weight_decay` of plain SGD. Where a text has λ Σ w², the strength
    is 2λ, and for λ/2n Σ w² it is λ/n, with the n examples of the whole training set.

    Arguments:
        strength: λ; 0 or more.
        biases: whether biases are penalised as well.

    >>> L2(0.1)([Tensor([3.0, -4.0])]).item()
    1.25
    """

    of = staticmethod(lambda w: np.vdot(w, w) / 2)


class L1(_Penalty):
    """The term λ Σ |w| over all weights, which makes weights exactly 0. The arguments are those of
    `L2`; where a text has λ/n Σ |w| with n examples, the strength is λ/n.

    >>> L1(0.5)([Tensor([3.0, -4.0])]).item()
    3.5
    """

    of = staticmethod(lambda w: np.sum(np.abs(w)))


@dataclass(eq=False)
class MaxNorm:
    """A constraint to restore after a step: no neuron's incoming weights are longer than c.

    Longer ones are shortened to the length c, their direction kept. Neurons (or output channels)
    are along the first axis, as in `Linear` and the convolutions; vectors are left alone.

    >>> w = Tensor([[6.0, 8.0], [0.3, 0.4]], requires_grad=True)
    >>> MaxNorm(5)([w])                  # after optimizer.step()
    >>> w.data
    array([[3. , 4. ],
           [0.3, 0.4]])
    """

    c: float

    def __post_init__(self) -> None:
        require(self.c > 0, f"the radius c must be positive, got {self.c}")
        self.c = float(self.c)

    def __call__(self, weights: Weights) -> None:
        """Restore the constraint, for a module's weights or for a list of Tensors."""
        for w in _weights_penalised(weights, biases=False):
            if w.ndim > 1:
                values, incoming = plain(w), tuple(range(1, w.ndim))
                lengths = np.sqrt(np.sum(values * values, axis=incoming, keepdims=True))
                if np.any(lengths > self.c):
                    w.hold(values * (self.c / np.maximum(lengths, self.c)))


def _weights_penalised(weights: Weights, biases: bool) -> Iterator[Tensor]:
    """The Tensors given, or a module's parameters, without those whose name begins with "bias"."""
    if isinstance(weights, Module):
        for path, parameter in weights.named_parameters():
            if biases or not path.rpartition(".")[2].startswith("bias"):
                yield parameter
    else:
        yield from [weights] if isinstance(weights, Tensor) else weights
