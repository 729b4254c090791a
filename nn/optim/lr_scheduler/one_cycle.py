"""A schedule for a whole training: up once, and down once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..optimizer import Group, Optimizer
from .schedule import LRScheduler, check_optimizer, per_group


class OneCycleLR(LRScheduler):
    """One cycle over a whole training, a step per batch: from max_lr / div_factor up to max_lr in
    the first `pct_start` of the steps, then down to the initial rate / final_div_factor. The
    momentum (or Adam's β₁) falls and rises against it.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import OneCycleLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0, momentum=0.9)
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=0.5)
    >>> [round(schedule.rates(t)[0], 3) for t in (0, 4, 5, 10)]
    [0.04, 0.971, 0.98, 0.0]
    """

    in_proportion = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("give total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            raise ValueError(f"the number of steps must be positive, not {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be from 0 to 1, not {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}")
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"{type(optimizer).__name__} has no momentum to cycle: pass cycle_momentum=False"
            )
        # phases: the step at which each ends, and from what to what the rate and the momentum go
        low_high, high_low = ("base_momentum", "max_momentum"), ("max_momentum", "base_momentum")
        up = pct_start * total_steps - 1
        self._phases: list[Any] = [(up, ("initial_lr", "max_lr"), high_low)]
        if three_phase:
            self._phases += [
                (2 * up, ("max_lr", "initial_lr"), low_high),
                (total_steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
            ]
        else:
            self._phases += [(total_steps - 1, ("max_lr", "min_lr"), low_high)]
        if last_epoch == -1:
            options = {
                "max_lr": per_group("max_lr", max_lr, optimizer),
                "base_momentum": per_group("base_momentum", base_momentum, optimizer),
                "max_momentum": per_group("max_momentum", max_momentum, optimizer),
            }
            for i, group in enumerate(optimizer.param_groups):
                group |= {name: values[i] for name, values in options.items()}
                group["initial_lr"] = group["max_lr"] / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        """The rate of each group on its way up or down."""
        return [self._annealed(group, t, 1) for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Go on by one batch."""
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"the cycle was made for {self.total_steps} steps, and they are over")
        super().step()

    def _apply(self, before: list[float] | None) -> None:
        super()._apply(before)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                momentum = self._annealed(group, self.last_epoch, 2)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _annealed(self, group: Group, t: int, which: int) -> float:
        """The rate (1) or the momentum (2) after t steps."""
        start = 0.0
        for phase in self._phases[:-1]:
            if t <= phase[0]:
                break
            start = phase[0]
        else:
            phase = self._phases[-1]
        done = (t - start) / (phase[0] - start)
        first, last = (group[name] for name in phase[which])
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        return float(first + (last - first) * done)
