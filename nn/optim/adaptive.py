"""Optimisers that give each weight a rate of its own: Adagrad, RMSprop, Adam and AdamW.

All of them divide by the root of an average of squared gradients. What is remembered is updated
in place, and a long product is spelled out as NumPy calls on one scratch array: a step reads and
writes every weight a dozen times, and that is its whole cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Array, Group, Optimizer, State


class Adagrad(Optimizer):
    """w ← w - lr · g / (√s + eps), where s is the sum of all squared gradients so far.

    `lr_decay` makes the rate lr / (1 + steps · lr_decay).

    >>> from microgradnd import Tensor
    >>> from nn.optim import Adagrad
    >>> w = Tensor([3.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data                      # the first step has the length lr, whatever the gradient
    array([2.5])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """lr · g / (√s + eps)."""
        if not state:
            state |= {"step": 0, "sum": np.full_like(values, group["initial_accumulator_value"])}
        if decay := group["weight_decay"]:
            gradient = gradient + decay * values
        state["sum"] += gradient * gradient
        change = np.sqrt(state["sum"])
        change += group["eps"]
        np.divide(gradient, change, out=change)
        change *= group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        return change


class RMSprop(Optimizer):
    """w ← w - lr · g / (√v + eps), where v ← alpha · v + (1 - alpha) · g².

    `centered` divides by an estimate of the standard deviation: v less the square of the average
    gradient. `momentum` accumulates the quotients.

    >>> from microgradnd import Tensor
    >>> from nn.optim import RMSprop
    >>> w = Tensor([3.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.01)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([2.9])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """lr · g / (√v + eps), or the accumulated quotients."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] else []
        names += ["grad_avg"] if group["centered"] else []
        _remember(state, names, values)
        if decay := group["weight_decay"]:
            gradient = gradient + decay * values
        scratch = np.multiply(gradient, gradient)
        square = _average(state, "square_avg", scratch, group["alpha"], scratch)
        if group["centered"]:
            mean = _average(state, "grad_avg", gradient, group["alpha"], scratch)
            square = np.maximum(square - mean * mean, 0)  # rounding may leave it below 0
        change = np.sqrt(square, out=scratch)
        change += group["eps"]
        np.divide(gradient, change, out=change)
        if momentum := group["momentum"]:
            state["momentum_buffer"] *= momentum
            state["momentum_buffer"] += change
            return group["lr"] * state["momentum_buffer"]
        return group["lr"] * change


class Adam(Optimizer):
    """w ← w - lr · m̂ / (√v̂ + eps), with averages of the gradient and of its square:
    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², and m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    after t steps, because both averages began at 0.

    `amsgrad` divides by the largest v so far.

    >>> from microgradnd import Tensor
    >>> from nn.optim import Adam
    >>> w = Tensor([3.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     (w * w).backward()
    ...     optimizer.step()
    >>> abs(w.item()) < 0.1
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        """lr · m̂ / (√v̂ + eps), and the decay where that is decoupled."""
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
        _remember(state, names, values)
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        if decay and not group["decoupled_weight_decay"]:
            gradient = gradient + decay * values
        scratch = np.multiply(gradient, gradient)
        square = _average(state, "exp_avg_sq", scratch, beta2, scratch)
        mean = _average(state, "exp_avg", gradient, beta1, scratch)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = square = np.maximum(state["max_exp_avg_sq"], square)

        # √v̂ + eps = (√v + eps · c) / c with c = √(1 - β₂ᵗ): numbers are cheaper than arrays
        correction = (1 - beta2 ** state["step"]) ** 0.5
        change = np.sqrt(square, out=scratch)
        change += group["eps"] * correction
        np.divide(mean, change, out=change)
        change *= lr * correction / (1 - beta1 ** state["step"])
        if decay and group["decoupled_weight_decay"]:
            change += lr * decay * values
        return change


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - lr · weight_decay · w beside Adam's step, which
    does not see the decay in its gradient.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from nn.optim import AdamW
    >>> w = Tensor([3.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> w.grad = np.zeros(1)
    >>> optimizer.step()
    >>> w.data                      # 3 - 0.1 · 0.5 · 3
    array([2.85])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )


def _remember(state: State, names: list[str], values: Array) -> None:
    """Count the step, and begin what is not yet remembered with zeros."""
    state["step"] = state.get("step", 0) + 1
    for name in names:
        if name not in state:
            state[name] = np.zeros_like(values)


def _average(state: State, name: str, news: Array, beta: float, scratch: Array) -> Array:
    """average ← β · average + (1 - β) · news."""
    np.multiply(news, 1 - beta, out=scratch)
    state[name] *= beta
    state[name] += scratch
    return state[name]
