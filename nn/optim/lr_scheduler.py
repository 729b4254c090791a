"""Schedules of the learning rate, with torch.optim.lr_scheduler's names, arguments and numbers.

A schedule is one formula: the rate after t steps of the schedule. Every schedule takes the
`optimizer` whose rates it sets, and `last_epoch`, the number of the last step before a pause, or -1
for a schedule that begins.

>>> import nn
>>> sgd = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
>>> StepLR(sgd, step_size=2, gamma=0.5).rates(4)
[0.25]
>>> MultiStepLR(sgd, milestones=[2, 5], gamma=0.5).rates(4)
[0.5]
>>> LinearLR(sgd, start_factor=0.5, total_iters=2).rates(1)
[0.75]
>>> ExponentialLR(sgd, gamma=0.5).rates(3)
[0.125]
>>> CosineAnnealingLR(sgd, T_max=6).rates(2)
[0.75]
>>> LambdaLR(sgd, lambda t: 1 / (1 + t)).rates(3)
[0.25]
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass
from typing import Any

from microgradnd.habits import check_choice, explain_names, explain_options, require

from .schedule import ChainedScheduler, LRScheduler, PerGroup, SequentialLR, per_group

__all__ = [
    "ChainedScheduler", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR",
    "MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
explain_names(sys.modules[__name__])


@dataclass(eq=False, repr=False)
class StepLR(LRScheduler):
    """The rate times gamma after every `step_size` steps."""

    step_size: int
    gamma: float = 0.1
    last_epoch: int = -1

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


@dataclass(eq=False, repr=False)
class MultiStepLR(LRScheduler):
    """The rate times gamma at each milestone, a number of steps."""

    milestones: Iterable[int]
    gamma: float = 0.1
    last_epoch: int = -1

    def __post_init__(self) -> None:
        self.milestones = Counter(self.milestones)  # as in PyTorch's states
        super().__post_init__()

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** sum(m <= t for m in Counter(self.milestones).elements())


@dataclass(eq=False, repr=False)
class LinearLR(LRScheduler):
    """From start_factor to end_factor times the rate, in `total_iters` equal steps: a warm-up."""

    start_factor: float = 1 / 3
    end_factor: float = 1.0
    total_iters: int = 5
    last_epoch: int = -1

    def __post_init__(self) -> None:
        required = "start_factor must be above 0 and at most 1, end_factor from 0 to 1"
        right = 0 < self.start_factor <= 1 and 0 <= self.end_factor <= 1
        require(right, f"{required}; got {self.start_factor} and {self.end_factor}")
        super().__post_init__()

    def rate(self, base: float, t: int) -> float:
        done = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


@dataclass(eq=False, repr=False)
class ExponentialLR(LRScheduler):
    """The rate times gamma at every step."""

    gamma: float
    last_epoch: int = -1

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma**t


@dataclass(eq=False, repr=False)
class CosineAnnealingLR(LRScheduler):
    """Down to eta_min along half a cosine in T_max steps, and up again in as many."""

    T_max: int
    eta_min: float = 0.0
    last_epoch: int = -1

    def rate(self, base: float, t: int) -> float:
        wave = (1 + math.cos(math.pi * t / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * wave


@dataclass(eq=False, repr=False)
class LambdaLR(LRScheduler):
    """The rate times a function of the number of steps, one for all groups or one for each."""

    in_proportion = False

    lr_lambda: InitVar[Callable[[int], float] | Sequence[Callable[[int], float]]]
    last_epoch: int = -1

    def __post_init__(self, lr_lambda: Any) -> None:  # type: ignore[override]
        self.lr_lambdas = per_group("lr_lambda", lr_lambda, self.optimizer)
        super().__post_init__()

    def rates(self, t: int) -> list[float]:
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [float(base * function(t)) for base, function in pairs]


@dataclass(eq=False, repr=False)
class OneCycleLR(LRScheduler):
    """One cycle over a whole training, a step per batch: from max_lr / div_factor up to max_lr,
    then down to the first rate / final_div_factor. The momentum (or Adam's β₁) goes the other way.

    Arguments:
        max_lr: the highest rate.
        total_steps: number of steps, or else `epochs` times `steps_per_epoch`.
        pct_start: fraction of the steps in which the rate rises.
        anneal_strategy: "cos" to go along half a cosine, "linear" along a straight line.
        cycle_momentum: whether to move the momentum from max_momentum to base_momentum and back.
        three_phase: whether to go down as fast as up, and only then to the last rate.

    >>> import nn
    >>> sgd = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0, momentum=0.9)
    >>> cycle = OneCycleLR(sgd, 1.0, total_steps=11, pct_start=0.5)
    >>> [round(cycle.rates(t)[0], 3) for t in (0, 4, 5, 10)]
    [0.04, 0.971, 0.98, 0.0]
    """

    in_proportion = False

    max_lr: PerGroup
    total_steps: int | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    pct_start: float = 0.3
    anneal_strategy: str = "cos"
    cycle_momentum: bool = True
    base_momentum: PerGroup = 0.85
    max_momentum: PerGroup = 0.95
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False
    last_epoch: int = -1

    def __post_init__(self) -> None:
        names = "max_lr", "base_momentum", "max_momentum"
        columns = [per_group(name, vars(self)[name], self.optimizer) for name in names]
        if self.total_steps is None:
            both: Any = self.epochs, self.steps_per_epoch
            require(None not in both, "expected total_steps, or both epochs and steps_per_epoch")
            self.total_steps = both[0] * both[1]
        steps, start = self.total_steps, self.pct_start
        require(steps > 0, f"the number of steps must be positive, got {steps}")
        require(0 <= start <= 1, f"pct_start must be from 0 to 1, got {start}")
        check_choice("anneal_strategy", self.anneal_strategy, "cos", "linear")
        moves = {"momentum", "betas"} & self.optimizer.defaults.keys() or not self.cycle_momentum
        none = f"{type(self.optimizer).__name__} has no momentum to cycle"
        require(moves, f"{none}: use cycle_momentum=False")
        if self.last_epoch == -1:
            for group, *values in zip(self.optimizer.param_groups, *columns, strict=True):
                group |= zip(names, values, strict=True)
                group["initial_lr"] = group["max_lr"] / self.div_factor
                group["min_lr"] = group["initial_lr"] / self.final_div_factor
        super().__post_init__()

    def rates(self, t: int) -> list[float]:
        names = "initial_lr", "max_lr", *["initial_lr"] * self.three_phase, "min_lr"
        groups = self.optimizer.param_groups
        return [self._annealed([group[name] for name in names], t) for group in groups]

    def step(self) -> None:
        over = f"the cycle was made for {self.total_steps} steps, and they are over"
        require(self.last_epoch < (self.total_steps or 0), over)
        super().step()

    def _apply(self, before: list[float] | None) -> None:
        super()._apply(before)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            high, low = group["max_momentum"], group["base_momentum"]
            momentum = self._annealed([high, low, high, high], self.last_epoch)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _annealed(self, values: list[float], t: int) -> float:
        """On the way from one of the values to the next, which is reached where a phase ends."""
        steps = self.total_steps or 0
        up = self.pct_start * steps - 1
        ends = [0.0, up, *[2 * up] * self.three_phase, steps - 1]
        i = bisect_left(ends, t, 1, len(ends) - 1)
        done = (t - ends[i - 1]) / (ends[i] - ends[i - 1])
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        return float(values[i - 1] + (values[i] - values[i - 1]) * done)


@dataclass(eq=False, repr=False)
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
    >>> sgd = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = ReduceLROnPlateau(sgd, patience=1)
    >>> for loss in (0.5, 0.4, 0.4, 0.4):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.1]
    """

    needs_measure = True

    mode: str = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    min_lr: InitVar[PerGroup] = 0
    eps: float = 1e-8

    def __post_init__(self, min_lr: PerGroup) -> None:  # type: ignore[override]
        require(self.factor < 1, f"factor must be below 1, got {self.factor}")
        check_choice("mode", self.mode, "min", "max")
        check_choice("threshold_mode", self.threshold_mode, "rel", "abs")
        self.min_lrs = per_group("min_lr", min_lr, self.optimizer)
        self.best = math.inf if self.mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Takes the present value of the measure: a number, or a Tensor with one entry."""
        measured = float(metrics.item() if hasattr(metrics, "item") else metrics)
        sign = -1 if self.mode == "min" else 1
        margin = sign * self.threshold
        bar = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if sign * measured > sign * bar:
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


for _kind in LRScheduler.__subclasses__():
    _kind.__init__ = explain_options(_kind.__init__)  # type: ignore[method-assign]
