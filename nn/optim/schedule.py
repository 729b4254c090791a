"""What all schedules share, how the rate after t steps is set; and schedules of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from microgradnd.habits import at_least, require

from .optimizer import Optimizer

PerGroup: TypeAlias = float | Sequence[float]  # for all groups of parameters, or one for each


@dataclass(init=False, eq=False, repr=False)
class LRScheduler:
    """The base of all schedules; a subclass defines its `rate`.

    >>> import nn
    >>> class InverseLR(LRScheduler):
    ...     def rate(self, base, t):
    ...         return base / (1 + t)
    >>> schedule = InverseLR(nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.6))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.3]
    """

    optimizer: Optimizer

    last_epoch = -1
    eta_min = 0.0  # where the rate ends, if it does so at some other value than 0
    in_proportion = True  # if a rate was also moved by others, keep their part of it
    needs_measure = False  # by `step`

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.__post_init__()

    def __post_init__(self) -> None:
        lengths = vars(self).keys() & {"step_size", "T_max", "total_iters"}
        at_least(1.0, **{name: vars(self)[name] for name in lengths})
        begins, groups = self.last_epoch == -1, self.optimizer.param_groups
        for group in groups:
            if begins:
                group.setdefault("initial_lr", group["lr"])
            needed = "to go on at an epoch, the optimiser's groups must have an 'initial_lr'"
            require("initial_lr" in group, f"{needed}: load the optimiser's state first")
        self.base_lrs = [group["initial_lr"] for group in groups]
        self.last_epoch += 1
        self._apply(self.base_lrs if begins else None)

    def rate(self, base: float, t: int) -> float:
        """Returns the rate after t steps, for a group that began with the rate `base`."""
        raise NotImplementedError(f"{type(self).__name__} needs a method `rate`")

    def rates(self, t: int) -> list[float]:
        """Returns the rate of each group after t steps."""
        return [float(self.rate(base, t)) for base in self.base_lrs]

    def step(self) -> None:
        """Goes on by one epoch, or by one batch; call it after the optimiser's steps."""
        before = self.rates(self.last_epoch) if self.in_proportion else None
        self.last_epoch += 1
        self._apply(before)

    def restart(self, reset: bool = True) -> None:
        """Begins at the beginning, from the first rates, or else from the present ones."""
        for group in self.optimizer.param_groups if reset else ():
            group["lr"] = group["initial_lr"]
        self.last_epoch = 0
        self._apply(self.base_lrs)

    def get_last_lr(self) -> list[float]:
        """Returns the present rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Returns all that is needed to go on later, except the optimiser and functions."""
        state = {k: v for k, v in vars(self).items() if k not in ("optimizer", "lr_lambdas")}
        return {**state, "_last_lr": self.get_last_lr()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a saved state."""
        vars(self).update(state_dict)

    def _apply(self, before: list[float] | None) -> None:
        """Sets the rates; one that others have moved away from what it was `before` keeps their
        part of it, in proportion."""
        rates, low = self.rates(self.last_epoch), self.eta_min
        for i, (group, rate) in enumerate(zip(self.optimizer.param_groups, rates, strict=True)):
            if self.in_proportion and before and low != before[i] != group["lr"]:
                rate = low + (group["lr"] - low) * (rate - low) / (before[i] - low)
            group["lr"] = rate


def per_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each of the optimiser's groups: one for all of them, or a list."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    found = f"{name} has {len(values)} values for {groups} parameter groups"
    require(len(values) == groups, found)
    return values


class ChainedScheduler(LRScheduler):
    """Schedules all at once: the rate is moved by each of them in turn.

    >>> import nn
    >>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR
    >>> sgd = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = ChainedScheduler([LinearLR(sgd, 0.5, total_iters=2), ExponentialLR(sgd, 0.5)])
    >>> schedule.step()
    >>> sgd.param_groups[0]["lr"]
    0.375
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        require(schedulers, "expected at least one schedule, got none")
        self.optimizer, self._schedulers = optimizer or schedulers[0].optimizer, list(schedulers)
        for n, each in enumerate(schedulers):
            fits = isinstance(each, LRScheduler) and not each.needs_measure
            found = f"got schedule {n}: {type(each).__name__}"
            require(fits, f"expected schedules whose step() needs no measure, {found}", TypeError)
            ours = each.optimizer is self.optimizer
            require(ours, f"schedule {n} belongs to another optimiser")

    def step(self) -> None:
        for scheduler in self._schedulers:
            scheduler.step()

    def restart(self, reset: bool = True) -> None:
        for position, scheduler in enumerate(self._schedulers):
            scheduler.restart(reset and position == 0)

    def state_dict(self) -> dict[str, Any]:
        inner = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({**state_dict, "_schedulers": self._schedulers})


class SequentialLR(ChainedScheduler):
    """Schedules one after the other: each begins at its beginning when its milestone is reached.

    >>> import nn
    >>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR
    >>> sgd = nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> warm_up = LinearLR(sgd, start_factor=0.25, total_iters=3)
    >>> schedule = SequentialLR(sgd, [warm_up, ExponentialLR(sgd, 0.5)], milestones=[3])
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(schedulers, optimizer)
        between = f"{len(schedulers) - 1} milestones between {len(schedulers)} schedules"
        found = f"expected {between}, got {len(milestones)}"
        require(len(milestones) == len(schedulers) - 1, found)
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        self._turn().restart()

    def step(self) -> None:
        self.last_epoch += 1
        turn = self._turn()
        (turn.restart if self.last_epoch in self._milestones else turn.step)()

    def restart(self, reset: bool = True) -> None:
        self.last_epoch = 0
        self._turn().restart(reset)

    def _turn(self) -> LRScheduler:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]
