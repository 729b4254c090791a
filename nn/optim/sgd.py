"""Stochastic gradient descent, with momentum and Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from microgradnd.arrays import Array

from .optimizer import Group, Optimizer, State, accumulate


class SGD(Optimizer):
    """Gradient descent: w ← w - lr · v, where v is the gradient, or with momentum
    v ← momentum · v + (1 - dampening) · gradient.

    Arguments:
        momentum: fraction of the previous v that is added.
        dampening: fraction of the gradient that momentum leaves out, except in the first step.
        weight_decay: adds weight_decay · w to the gradient.
        nesterov: whether to step along gradient + momentum · v.
        maximize: whether to climb instead.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     np.sum(w**2).backward()
    ...     optimizer.step()
    >>> w.data
    array([ 0.46, -0.92])
    """

    joined_up_to = 0  # the formula is so short that joining would cost more than it saves

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, locals())

    def check(self, group: Group) -> None:
        """Raises an error for options that make no sense."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("Nesterov's momentum needs a momentum above 0, and no dampening")

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """Computes lr · v."""
        if decay := group["weight_decay"]:
            gradient = gradient + decay * values
        if momentum := group["momentum"]:
            news = (1 - group["dampening"]) * gradient if state else gradient
            velocity = accumulate(state, "momentum_buffer", momentum, news)
            gradient = gradient + momentum * velocity if group["nesterov"] else velocity
        change: Array = group["lr"] * gradient
        return change
