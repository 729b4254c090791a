"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler


class _Several(LRScheduler):
    """Schedules that together make one."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        if not schedulers:
            raise ValueError("give at least one schedule")
        self.optimizer = optimizer or schedulers[0].optimizer
        for position, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    f"schedule {position} is a {type(scheduler).__name__}: it takes schedules "
                    "whose step() needs no measure"
                )
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(f"schedule {position} belongs to another optimiser")
        self._schedulers = list(schedulers)

    def get_last_lr(self) -> list[float]:
        """The present rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on later."""
        inner = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": inner}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})


class SequentialLR(_Several):
    """Schedules one after the other: each begins at its beginning when its milestone is reached.

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.1)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
    >>> for _ in range(3):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.1]
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
                f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones between them, "
                f"found {len(milestones)}"
            )
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        self._turn().restart()

    def step(self) -> None:
        """Go on with the schedule whose turn it is."""
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

    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LinearLR
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.1)]
    >>> schedule = ChainedScheduler(parts)
    >>> schedule.step()
    >>> [round(lr, 6) for lr in schedule.get_last_lr()]
    [0.075]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(schedulers, optimizer)

    def step(self) -> None:
        """Go on with all of them."""
        for scheduler in self._schedulers:
            scheduler.step()

    def _begin(self) -> None:
        for scheduler in self._schedulers:
            scheduler._begin()
