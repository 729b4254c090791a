"""Gradient descent in five ways: SGD, and four that divide by the root of squared gradients.

What is remembered is updated in place, and a long product is spelled out as NumPy calls on one
scratch array: a step reads and writes every weight a dozen times, and that is its whole cost.

All take `params`, `lr`, `weight_decay` (adds weight_decay · w to the gradient g), `maximize`
(climbs instead) and, except SGD, `eps` (added to the root, so that nothing is divided by 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import explain_options, require
from microgradnd.program import being_recorded

from .optimizer import Group, Optimizer, Parameters, State, accumulate


@dataclass(eq=False, repr=False)
class _WithOptions(Optimizer):
    """An optimiser whose options are its fields; afterwards they are found in the groups alone."""

    params: InitVar[Parameters]
    lr: float = 1e-3
    _: KW_ONLY
    maximize: bool = False

    along: ClassVar[Callable[..., Array]]  # the change from a gradient in which the decay is by now
    counts = True  # whether the state of a parameter has the number of its steps
    decoupled = False  # whether the decay is beside the step where no option says so

    def __post_init__(self, params: Parameters) -> None:
        super().__init__(params, {f.name: vars(self).pop(f.name, f.default) for f in fields(self)})

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        decay = group["weight_decay"]
        beside = decay and group.get("decoupled_weight_decay", self.decoupled)
        if decay and not beside:
            gradient = gradient + decay * values
        if self.counts:
            state["step"] = state.get("step", 0) + 1
        change = self.along(gradient, state, group)
        if beside:
            change += group["lr"] * decay * values
        return change


def average_of_squares(
    state: State, name: str, kept: float, gradient: Array
) -> tuple[Array, Array]:
    """The average of the squares of all gradients so far, and an array to compute in."""
    scratch = gradient * gradient
    scratch *= 1 - kept
    return accumulate(state, name, kept, scratch), scratch


def averages(gradient: Array, state: State, group: Group) -> tuple[Array, Array, Array]:
    """Adam's two averages, of gradients and of their squares, and an array to compute in."""
    beta1, beta2 = group["betas"]
    square, scratch = average_of_squares(state, "exp_avg_sq", beta2, gradient)
    news = np.multiply(gradient, 1 - beta1, out=scratch)
    return accumulate(state, "exp_avg", beta1, news), square, scratch


def over_root(numerator: Array, square: Array, eps: float, scratch: Array) -> Array:
    """numerator / (√square + eps), in the array to compute in."""
    change: Array = np.sqrt(square, out=scratch)
    change += eps
    return np.divide(numerator, change, out=change)


@dataclass(eq=False, repr=False)
class SGD(_WithOptions):
    """Gradient descent: w ← w - lr · v, where v is the gradient, or with momentum
    v ← momentum · v + (1 - dampening) · gradient.

    Arguments:
        momentum: fraction of the previous v that is added.
        dampening: fraction of the gradient that momentum leaves out, except in the first step.
        nesterov: whether to step along gradient + momentum · v.

    >>> from microgradnd import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> np.sum(w**2).backward()
    >>> SGD([w], lr=0.1).step()
    >>> w.data
    array([ 0.8, -1.6])
    """

    joined_up_to = 0  # the formula is so short that joining would cost more than it saves

    momentum: float = 0
    dampening: float = 0
    weight_decay: float = 0
    nesterov: bool = False

    def check(self, group: Group) -> None:
        super().check(group)
        fits = not group["nesterov"] or group["momentum"] > 0 == group["dampening"]
        require(fits, "Nesterov's momentum needs a momentum above 0, and no dampening")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        groups = self.param_groups
        more = any(g["momentum"] or g["weight_decay"] or g["maximize"] for g in groups)
        moved = [(g["lr"], p) for g in groups for p in g["params"] if p._grad is not None]
        if closure is not None or more or not moved or type(self) is not SGD or being_recorded():
            return super().step(closure)
        for lr, p in moved:  # lr · gradient alone, in two thirds of the time
            change, values = lr * p._grad, p._array
            if type(change) is np.ndarray and change.dtype is values.dtype:
                p._array, p._shared = np.subtract(values, change, change), False
            else:
                alike = change.ndim and change.dtype is values.dtype
                p.hold(np.subtract(values, change, change if alike else None))
        return None

    def change(self, values: Array, gradient: Array, state: State, group: Group) -> Array:
        if decay := group["weight_decay"]:
            gradient = gradient + decay * values
        if momentum := group["momentum"]:
            news = (1 - group["dampening"]) * gradient if state else gradient
            velocity = accumulate(state, "momentum_buffer", momentum, news)
            gradient = gradient + momentum * velocity if group["nesterov"] else velocity
        change: Array = group["lr"] * gradient
        return change


@dataclass(eq=False, repr=False)
class Adagrad(_WithOptions):
    """w ← w - lr · g / (√s + eps), where s is the sum of all squared gradients so far.

    Arguments:
        lr_decay: makes the rate lr / (1 + steps · lr_decay).
        initial_accumulator_value: s before the first step.

    >>> import nn
    >>> optimizer = nn.optim.Adagrad(nn.Linear(2, 1).parameters(), lr=0.5)
    """

    lr: float = 1e-2
    lr_decay: float = 0
    weight_decay: float = 0
    initial_accumulator_value: float = 0
    eps: float = 1e-10

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        if "sum" not in state:
            state["sum"] = np.full_like(gradient, group["initial_accumulator_value"])
        square = gradient * gradient
        state["sum"] += square
        change = over_root(gradient, state["sum"], group["eps"], square)
        change *= group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        return change


@dataclass(eq=False, repr=False)
class RMSprop(_WithOptions):
    """w ← w - lr · g / (√v + eps), where v ← alpha · v + (1 - alpha) · g².

    Arguments:
        alpha: fraction of the average that stays at each step.
        momentum: fraction of the previous step that is added.
        centered: whether to subtract the square of the average gradient from v.

    >>> import nn
    >>> optimizer = nn.optim.RMSprop(nn.Linear(2, 1).parameters(), momentum=0.9)
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0
    momentum: float = 0
    centered: bool = False

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        alpha = group["alpha"]
        square, scratch = average_of_squares(state, "square_avg", alpha, gradient)
        if group["centered"]:
            np.multiply(gradient, 1 - alpha, out=scratch)
            mean = accumulate(state, "grad_avg", alpha, scratch)
            square = np.maximum(square - mean * mean, 0)  # rounding may leave it below 0
        change = over_root(gradient, square, group["eps"], scratch)
        if momentum := group["momentum"]:
            change = accumulate(state, "momentum_buffer", momentum, change).copy()
        change *= group["lr"]
        return change


@dataclass(eq=False, repr=False)
class _WithBetas(_WithOptions):
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0


@dataclass(eq=False, repr=False)
class Adam(_WithBetas):
    """w ← w - lr · m̂ / (√v̂ + eps), with averages of the gradient and of its square:
    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², and m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    after t steps, because both averages began at 0.

    Arguments:
        betas: β₁ and β₂, the fractions of the averages that stay at each step.
        amsgrad: whether to divide by the largest v so far.
        decoupled_weight_decay: whether w loses lr · weight_decay · w beside the step instead.

    >>> import nn
    >>> optimizer = nn.optim.Adam(nn.Linear(2, 1).parameters(), betas=(0.9, 0.99))
    """

    amsgrad: bool = False
    _: KW_ONLY
    decoupled_weight_decay: bool = False

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        step, (beta1, beta2) = state["step"], group["betas"]
        mean, square, scratch = averages(gradient, state, group)
        if group["amsgrad"]:
            square = np.maximum(state.get("max_exp_avg_sq", 0), square)
            state["max_exp_avg_sq"] = square
        # √v̂ + eps = (√v + eps · c) / c with c = √(1 - β₂ᵗ): numbers are cheaper than arrays
        correction = (1 - beta2**step) ** 0.5
        change = over_root(mean, square, group["eps"] * correction, scratch)
        change *= group["lr"] * correction / (1 - beta1**step)
        return change


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - lr · weight_decay · w beside Adam's step, which
    does not see the decay in its gradient. The arguments are those of `Adam`.

    >>> import nn
    >>> optimizer = nn.optim.AdamW(nn.Linear(2, 1).parameters(), weight_decay=0.1)
    """

    weight_decay: float = 1e-2
    decoupled_weight_decay: bool = field(default=True, init=False)


def without_defaults(*kinds: type) -> None:
    """So that `optimizer.lr` is an error, and not the default; an unknown option is explained."""
    for kind in kinds:
        kind.__init__ = explain_options(kind.__init__)  # type: ignore[misc]
        for option in fields(kind):  # type: ignore[arg-type]
            if option.name in vars(kind):
                delattr(kind, option.name)


without_defaults(_WithOptions, SGD, Adagrad, RMSprop, _WithBetas, Adam, AdamW)
