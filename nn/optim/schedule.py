"""What all schedules share: one formula, the rate after t steps, and how it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from .optimizer import Optimizer

PerGroup: TypeAlias = float | Sequence[float]  # for all groups of parameters, or one for each


class LRScheduler:
    """The base of all schedules; a subclass defines its `rate`.

    >>> import nn
    >>> class InverseLR(nn.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, base, t):
    ...         return base / (1 + t)
    >>> schedule = InverseLR(nn.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.6))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.3]
    """

    eta_min = 0.0  # where the rate ends, if it does so at some other value than 0
    in_proportion = True  # if a rate was also moved by others, keep their part of it

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    "to go on at an epoch, the optimiser's groups must have an 'initial_lr': load "
                    "the optimiser's state first"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch + 1
        self._apply(self.base_lrs if last_epoch == -1 else None)

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

    def restart(self) -> None:
        """Begins at the beginning."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._begin()

    def get_last_lr(self) -> list[float]:
        """Returns the present rate of each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Returns all that is needed to go on later, except the optimiser and functions."""
        return {k: v for k, v in vars(self).items() if k not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a saved state."""
        vars(self).update(state_dict)

    def _begin(self) -> None:
        self.last_epoch = 0
        self._apply(self.base_lrs)

    def _apply(self, before: list[float] | None) -> None:
        """Sets the rates; one that others have moved away from what it was `before` keeps their
        part of it, in proportion."""
        rates, low = self.rates(self.last_epoch), self.eta_min
        for i, (group, rate) in enumerate(zip(self.optimizer.param_groups, rates, strict=True)):
            if self.in_proportion and before and low != before[i] != group["lr"]:
                rate = low + (group["lr"] - low) * (rate - low) / (before[i] - low)
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"expected an optimiser, got {type(optimizer).__name__}")


def check_choice(name: str, value: str, *choices: str) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}")


def per_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """A value for each of the optimiser's groups: one for all of them, or a list."""
    check_optimizer(optimizer)
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} values for {groups} parameter groups")
    return list(value)
