"""Schedules that are a formula of the number of steps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ..optimizer import Optimizer
from .schedule import LRScheduler, check_optimizer, per_group


class StepLR(LRScheduler):
    """The rate times gamma after every `step_size` steps.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import StepLR
    >>> schedule = StepLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), step_size=2, gamma=0.5)
    >>> schedule.rates(4)
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """base · gamma to the power of the number of times so far."""
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times gamma at each milestone.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import MultiStepLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = MultiStepLR(optimizer, milestones=[2, 5], gamma=0.5)
    >>> [schedule.rates(t)[0] for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """base · gamma to the power of the number of milestones reached."""
        return base * self.gamma ** sum(self.milestones[m] for m in self.milestones if m <= t)


class LinearLR(LRScheduler):
    """From start_factor to end_factor times the rate, in `total_iters` equal steps: a warm-up.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import LinearLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> [schedule.rates(t)[0] for t in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                "start_factor must be above 0 and at most 1, end_factor from 0 to 1; "
                f"found {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """On the straight line from base · start_factor to base · end_factor."""
        done = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ExponentialLR(LRScheduler):
    """The rate times gamma at every step.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import ExponentialLR
    >>> schedule = ExponentialLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), gamma=0.5)
    >>> [schedule.rates(t)[0] for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """base · gammaᵗ."""
        return base * self.gamma**t


class CosineAnnealingLR(LRScheduler):
    """Down to eta_min along half a cosine in T_max steps, and up again in as many.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import CosineAnnealingLR
    >>> schedule = CosineAnnealingLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), T_max=2)
    >>> [round(schedule.rates(t)[0], 3) for t in range(5)]
    [1.0, 0.5, 0.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π t / T_max)) / 2."""
        wave = (1 + math.cos(math.pi * t / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * wave


class LambdaLR(LRScheduler):
    """The rate times a function of the number of steps, one for all groups or one for each.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import LambdaLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> [schedule.rates(t)[0] for t in range(3)]
    [1.0, 0.5, 0.3333333333333333]
    """

    in_proportion = False

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.lr_lambdas = per_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        """base · lr_lambda(t)."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [float(base * function(t)) for base, function in pairs]
