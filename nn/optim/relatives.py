"""Relatives of Adam and of Adagrad, with a rate of its own for each weight; and Muon, which makes
the singular values of a gradient alike.

Their arguments that are not described here are those of Adam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import check_choice, require
from microgradnd.program import holds

from .algorithms import (
    _WithBetas,
    _WithOptions,
    average_of_squares,
    averages,
    over_root,
    without_defaults,
)
from .optimizer import Group, State, accumulate


@dataclass(eq=False, repr=False)
class Adadelta(_WithOptions):
    """w ← w - lr · d, where d = g · √(u + eps) / √(v + eps), with averages v of g² and u of d².

    Arguments:
        rho: fraction of the averages that stays at each step.

    >>> import nn
    >>> optimizer = nn.optim.Adadelta(nn.Linear(2, 1).parameters(), lr=100.0)
    """

    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0

    def check(self, group: Group) -> None:
        super().check(group)
        require(0 <= group["rho"] <= 1, f"rho must be from 0 to 1, got {group['rho']}")

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        rho, eps = group["rho"], group["eps"]
        square, scratch = average_of_squares(state, "square_avg", rho, gradient)
        change: Array = np.sqrt(state.get("acc_delta", 0.0 * square) + eps, out=scratch)
        change *= gradient / np.sqrt(square + eps)
        average_of_squares(state, "acc_delta", rho, change)
        change *= group["lr"]
        return change


@dataclass(eq=False, repr=False)
class Adamax(_WithBetas):
    """w ← w - lr · m̂ / u: Adam with the largest |g|, which fades, in place of the root of v̂:
    u ← max(β₂ u, |g| + eps).

    >>> import nn
    >>> optimizer = nn.optim.Adamax(nn.Linear(2, 1).parameters(), lr=0.1)
    """

    lr: float = 2e-3

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        beta1, beta2 = group["betas"]
        mean = accumulate(state, "exp_avg", beta1, (1 - beta1) * gradient)
        largest = np.abs(gradient) + group["eps"]
        if "exp_inf" in state:
            np.maximum(state["exp_inf"] * beta2, largest, out=largest)
        state["exp_inf"] = largest
        change: Array = group["lr"] / (1 - beta1 ** state["step"]) * mean / largest
        return change


@dataclass(eq=False, repr=False)
class NAdam(_WithBetas):
    """Adam with Nesterov's momentum: the step goes along what the average will be after the next
    gradient. The fraction β₁ grows towards its value: μₜ = β₁ (1 - ½ · 0.96^(t · momentum_decay)).

    Arguments:
        momentum_decay: how fast μ grows.

    >>> import nn
    >>> optimizer = nn.optim.NAdam(nn.Linear(2, 1).parameters(), lr=0.1)
    """

    lr: float = 2e-3
    momentum_decay: float = 4e-3
    decoupled_weight_decay: bool = False

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        lr, step, (beta1, beta2) = group["lr"], state["step"], group["betas"]
        mean, square, scratch = averages(gradient, state, group)
        now, then = (
            beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        )
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        along: Array = lr * (1 - now) / (1 - product) * gradient
        along += np.multiply(lr * then / (1 - product * then), mean, out=scratch)
        unbiased = np.divide(square, 1 - beta2**step, out=scratch)
        return over_root(along, unbiased, group["eps"], scratch)


@dataclass(eq=False, repr=False)
class RAdam(_WithBetas):
    """Adam without division by √v̂ in the first steps, in which v̂ is known too badly, and with a
    rate below lr in those that follow.

    >>> import nn
    >>> optimizer = nn.optim.RAdam(nn.Linear(2, 1).parameters(), lr=0.1)
    """

    decoupled_weight_decay: bool = False

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        step, (beta1, beta2) = state["step"], group["betas"]
        mean, square, scratch = averages(gradient, state, group)
        correction, most = 1 - beta2**step, 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / correction  # of the average of squares, in steps
        change: Array = np.multiply(group["lr"] / (1 - beta1**step), mean)
        if holds(length > 5):
            part = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            change *= (part * correction) ** 0.5
            return over_root(change, square, group["eps"], scratch)
        return change


@dataclass(eq=False, repr=False)
class Muon(_WithOptions):
    """W ← W - lr · r · O, where O is the average gradient of a matrix of weights with all its
    singular values brought near 1, by a polynomial that is applied several times: for each,
    X ← a X + b (XXᵀ) X + c (XXᵀ)² X. The decay of W is beside it, as in AdamW.

    Arguments:
        momentum: fraction of the average that stays at each step.
        nesterov: whether the gradient is moved towards the average, instead of the average itself.
        ns_coefficients: a, b and c.
        ns_steps: how many times.
        adjust_lr_fn: what r is for m rows and n columns: √max(1, m/n), also as "original", or
            ⅕ √max(m, n) with "match_rms_adamw", so that Adam's lr and weight_decay may be used.

    >>> import nn
    >>> optimizer = nn.optim.Muon([nn.Linear(2, 3).weight], lr=0.02)
    """

    counts, decoupled, joined_up_to = False, True, None

    weight_decay: float = 0.1
    momentum: float = 0.95
    nesterov: bool = True
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    eps: float = 1e-7
    ns_steps: int = 5
    adjust_lr_fn: str | None = None

    def check(self, group: Group) -> None:
        super().check(group)
        wrong = next((p.shape for p in group["params"] if p.ndim != 2), None)
        expected = "Muon moves matrices, got a parameter of shape"
        require(wrong is None, f"{expected} {wrong}; use AdamW for the rest")
        check_choice("adjust_lr_fn", group["adjust_lr_fn"], None, "original", "match_rms_adamw")

    def along(self, gradient: Array, state: State, group: Group) -> Array:
        momentum = group["momentum"]
        average = accumulate(state, "momentum_buffer", momentum, (1 - momentum) * gradient)
        if group["nesterov"]:
            average = gradient + momentum * (average - gradient)
        m, n = gradient.shape
        x = average.T if m > n else average
        x = x / np.maximum(np.linalg.norm(x), group["eps"])
        a, b, c = group["ns_coefficients"]
        for _ in range(group["ns_steps"]):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        adamw = group["adjust_lr_fn"] == "match_rms_adamw"
        ratio = 0.2 * max(m, n) ** 0.5 if adamw else max(1, m / n) ** 0.5
        change: Array = group["lr"] * ratio * (x.T if m > n else x)
        return change


without_defaults(Adadelta, Adamax, NAdam, RAdam, Muon)
