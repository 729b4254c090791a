"""A schedule for a whole training: up once, and down once."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from .optimizer import Group, Optimizer
from .schedule import LRScheduler, PerGroup, check_choice, check_optimizer, per_group


class OneCycleLR(LRScheduler):
    """One cycle over a whole training, a step per batch: from max_lr / div_factor up to max_lr,
    then down to the first rate / final_div_factor. The momentum (or Adam's β₁) falls while the rate
    rises, and rises while it falls.

    Arguments:
        max_lr: the highest rate.
        total_steps: number of steps, or else `epochs` times `steps_per_epoch`.
        pct_start: fraction of the steps in which the rate rises.
        anneal_strategy: "cos" to go along half a cosine, "linear" along a straight line.
        cycle_momentum: whether to move the momentum from max_momentum to base_momentum and back.
        three_phase: whether to go down as fast as up, and only then to the last rate.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0, momentum=0.9)
    >>> cycle = nn.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=11, pct_start=0.5)
    >>> [round(cycle.rates(t)[0], 3) for t in (0, 4, 5, 10)]
    [0.04, 0.971, 0.98, 0.0]
    """

    in_proportion = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: PerGroup,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: PerGroup = 0.85,
        max_momentum: PerGroup = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("expected total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            raise ValueError(f"the number of steps must be positive, got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be from 0 to 1, got {pct_start}")
        check_choice("anneal_strategy", anneal_strategy, "cos", "linear")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"{type(optimizer).__name__} has no momentum to cycle: use cycle_momentum=False"
            )
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        # phases: the step at which each ends, and from what to what the rate and the momentum go
        up, last = pct_start * total_steps - 1, total_steps - 1
        to_base, to_max = ("max_momentum", "base_momentum"), ("base_momentum", "max_momentum")
        self._phases: list[Any] = [(up, ("initial_lr", "max_lr"), to_base)]
        if three_phase:
            self._phases.append((2 * up, ("max_lr", "initial_lr"), to_max))
            self._phases.append((last, ("initial_lr", "min_lr"), ("max_momentum",) * 2))
        else:
            self._phases.append((last, ("max_lr", "min_lr"), to_max))
        if last_epoch == -1:
            names = "max_lr", "base_momentum", "max_momentum"
            limits = zip(names, (max_lr, base_momentum, max_momentum), strict=True)
            columns = [per_group(name, value, optimizer) for name, value in limits]
            for group, *values in zip(optimizer.param_groups, *columns, strict=True):
                group |= zip(names, values, strict=True)
                group["initial_lr"] = group["max_lr"] / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        """Returns the rate of each group on its way up or down."""
        return [self._annealed(group, t, 1) for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Goes on by one batch."""
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"the cycle was made for {self.total_steps} steps, and they are over")
        super().step()

    def _apply(self, before: list[float] | None) -> None:
        super()._apply(before)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            momentum = self._annealed(group, self.last_epoch, 2)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _annealed(self, group: Group, t: int, which: int) -> float:
        """The rate (1) or the momentum (2) after t steps."""
        ends = [phase[0] for phase in self._phases]
        i = bisect_left(ends, t, hi=len(ends) - 1)
        start = ends[i - 1] if i else 0.0
        done = (t - start) / (ends[i] - start)
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        first, last = (group[name] for name in self._phases[i][which])
        return float(first + (last - first) * done)
