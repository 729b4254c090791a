"""Schedules of the learning rate, with torch.optim.lr_scheduler's names, arguments and numbers.

A schedule is one formula: the rate after t steps of the schedule. `SequentialLR` shows a warm-up.
Every schedule takes the `optimizer` whose rates it sets, and `last_epoch`, the number of the last
step before a pause, or -1 for a schedule that begins.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .one_cycle import OneCycleLR as OneCycleLR
from .optimizer import Optimizer
from .schedule import LRScheduler as LRScheduler
from .schedule import PerGroup, check_choice, per_group

# ---- formulas of the number of steps -------------------------------------------------------------


class StepLR(LRScheduler):
    """The rate times gamma after every `step_size` steps.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5).rates(4)
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """Returns base · gamma to the power of the number of times so far."""
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times gamma at each milestone, a number of steps.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 5], gamma=0.5).rates(4)
    [0.5]
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
        """Returns base · gamma to the power of the number of milestones reached."""
        return base * self.gamma ** sum(self.milestones[m] for m in self.milestones if m <= t)


class LinearLR(LRScheduler):
    """From start_factor to end_factor times the rate, in `total_iters` equal steps: a warm-up.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2).rates(1)
    [0.75]
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
                f"got {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """Returns a rate between base · start_factor and base · end_factor."""
        done = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ExponentialLR(LRScheduler):
    """The rate times gamma at every step.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5).rates(3)
    [0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """Returns base · gammaᵗ."""
        return base * self.gamma**t


class CosineAnnealingLR(LRScheduler):
    """Down to eta_min along half a cosine in T_max steps, and up again in as many.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6).rates(2)
    [0.75]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        """Returns eta_min + (base - eta_min) · (1 + cos(π t / T_max)) / 2."""
        wave = (1 + math.cos(math.pi * t / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * wave


class LambdaLR(LRScheduler):
    """The rate times a function of the number of steps, one for all groups or one for each.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> nn.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t)).rates(3)
    [0.25]
    """

    in_proportion = False

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = per_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        """Returns base · lr_lambda(t)."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [float(base * function(t)) for base, function in pairs]


# ---- a schedule that watches a measure ----------------------------------------------------------


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a measure, given to `step`, has not improved for long.

    Arguments:
        mode: "min" for a measure that is to fall, "max" for one that is to rise.
        factor: what a rate is multiplied by; below 1.
        patience: number of steps without improvement that are accepted.
        threshold: how much better a measure must be: "rel" to the best one, or "abs".
        cooldown: number of steps after a reduction in which nothing is counted.
        min_lr: rate below which none is reduced, for all groups or for each.
        eps: the smallest reduction that is worth it.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = nn.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (0.5, 0.4, 0.4, 0.4):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: PerGroup = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"factor must be below 1, got {factor}")
        check_choice("mode", mode, "min", "max")
        check_choice("threshold_mode", threshold_mode, "rel", "abs")
        self.min_lrs = per_group("min_lr", min_lr, optimizer)
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Takes the present value of the measure: a number, or a Tensor with one entry."""
        measured = float(metrics.item() if hasattr(metrics, "item") else metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(measured):
            self.best, self.num_bad_epochs = measured, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                reduced = max(group["lr"] * self.factor, lowest)
                if group["lr"] - reduced > self.eps:
                    group["lr"] = reduced
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _better(self, measured: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        margin = self.threshold
        if self.threshold_mode == "rel":
            margin *= 0 if math.isinf(self.best) else self.best
        return sign * measured > sign * self.best + margin


# ---- several schedules ---------------------------------------------------------------------------


class _Several(LRScheduler):
    """Schedules that together make one."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        if not schedulers:
            raise ValueError("expected at least one schedule, got none")
        self.optimizer = optimizer or schedulers[0].optimizer
        for position, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    "expected schedules whose step() needs no measure, got schedule "
                    f"{position}: {type(scheduler).__name__}"
                )
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(f"schedule {position} belongs to another optimiser")
        self._schedulers = list(schedulers)

    def get_last_lr(self) -> list[float]:
        """Returns the present rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Returns all that is needed to go on later."""
        inner = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a saved state."""
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({**state_dict, "_schedulers": self._schedulers})


class SequentialLR(_Several):
    """Schedules one after the other: each begins at its beginning when its milestone is reached.

    >>> import nn
    >>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.8)
    >>> warm_up = LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> schedule = SequentialLR(optimizer, [warm_up, ExponentialLR(optimizer, 0.5)], [3])
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates += schedule.get_last_lr()  # here the training goes through the data once
    ...     schedule.step()
    >>> [round(rate, 3) for rate in rates]
    [0.2, 0.4, 0.6, 0.8, 0.4, 0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"expected {len(schedulers) - 1} milestones between {len(schedulers)} schedules, "
                f"got {len(milestones)}"
            )
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        self._turn().restart()

    def step(self) -> None:
        """Goes on with the schedule whose turn it is."""
        self.last_epoch += 1
        if self.last_epoch in self._milestones:
            self._turn().restart()
        else:
            self._turn().step()

    def _begin(self) -> None:
        self.last_epoch = 0
        self._turn()._begin()

    def _turn(self) -> LRScheduler:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]


class ChainedScheduler(_Several):
    """Schedules all at once: the rate is moved by each of them in turn.

    >>> import nn
    >>> from nn.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LinearLR
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> schedule = ChainedScheduler(parts)
    >>> schedule.step()
    >>> optimizer.param_groups[0]["lr"]
    0.375
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(schedulers, optimizer)

    def step(self) -> None:
        """Goes on with all of them."""
        for scheduler in self._schedulers:
            scheduler.step()

    def _begin(self) -> None:
        for scheduler in self._schedulers:
            scheduler._begin()
