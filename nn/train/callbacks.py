"""What may be added to a training: early stopping, restarts, mistakes only, schedules, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..classics.strategies import misclassified
from ..files.state import unlike
from ..optim.clipping import clip_grad_norm_
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from .checkpoint import Callback, Run

Array = Any  # a NumPy array

# ---- the best weights ----------------------------------------------------------------------------


class _KeepsTheBest(Callback):
    """Remembers the weights with which a measure of the history was best."""

    def __init__(self, measure: str, minimum: float) -> None:
        self.measure, self.minimum = measure, minimum

    def begin(self, run: Run) -> None:
        self._least, self._epoch = math.inf, 0
        self._weights: dict[str, Array] = {}

    def _improves(self, run: Run) -> bool:
        """Whether the measure is better by more than the minimum; then the weights are kept."""
        values = getattr(run.history, self.measure)
        if not values:
            hint = ": give fit validation=" * self.measure.startswith("validation")
            raise ValueError(f"{type(self).__name__} finds no {self.measure} to judge by{hint}")
        value = -values[-1] if self.measure.endswith("accuracy") else values[-1]
        better = bool(value < self._least - self.minimum)
        if better:
            self._least, self._epoch, self._weights = value, run.epoch, run.model.state_dict()
        return better

    def _restore(self, run: Run) -> None:
        if self._weights:
            run.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {"least": self._least, "epoch": self._epoch, "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._least, self._epoch = float(state_dict["least"]), int(state_dict["epoch"])
        self._weights = dict(state_dict["weights"])


class EarlyStopping(_KeepsTheBest):
    """Ends training when a measure has not improved by more than `minimum` for `patience` epochs.

    The measure is one of the history's: an accuracy is to rise, all else to fall. In the end the
    model has the weights with which it was best, unless `restore` is false.

    >>> import nn
    >>> from nn.train.callbacks import EarlyStopping
    >>> from nn.train import fit
    >>> train, validation = nn.data.moons(200, seed=0).split(0.5, seed=0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> history = fit(
    ...     model, train, loss=nn.CrossEntropyLoss(), validation=validation, epochs=1000,
    ...     optimizer=nn.optim.Adam(model.parameters(), lr=0.1),
    ...     callbacks=[EarlyStopping(patience=3)], progress=False,
    ... )
    >>> history.stopped[:45], len(history) < 1000
    ('validation_loss has not improved since epoch ', True)
    """

    def __init__(
        self,
        patience: int = 5,
        minimum: float = 0.0,
        measure: str = "validation_loss",
        restore: bool = True,
    ) -> None:
        if patience < 1 or not minimum >= 0:
            raise ValueError(f"{patience=} is to be 1 or more, and {minimum=} 0 or more")
        super().__init__(measure, minimum)
        self.patience, self.restore = patience, restore

    def after_epoch(self, run: Run) -> None:
        if not self._improves(run) and run.epoch - self._epoch >= self.patience:
            run.stop(f"{self.measure} has not improved since epoch {self._epoch}")

    def end(self, run: Run) -> None:
        if self.restore:
            self._restore(run)


class Restarts(_KeepsTheBest):
    """Starts again from new weights every so many epochs. In the end the model has the weights
    with which, at the end of such a part, a measure on held-out data was best.

    `start(model)` draws new weights; without it layers draw them as when they were made. The
    optimiser and its schedule begin anew too. With `epochs=50` and `Restarts(10)` there are five
    starts.

    >>> import nn
    >>> from nn.train.callbacks import Restarts
    >>> from nn.train import fit
    >>> _ = nn.manual_seed(0)
    >>> train, validation = nn.data.moons(200, seed=0).split(0.5, seed=0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> history = fit(
    ...     model, train, loss=nn.CrossEntropyLoss(), validation=validation, epochs=6,
    ...     optimizer=nn.optim.Adam(model.parameters(), lr=0.1),
    ...     callbacks=[Restarts(2)], progress=False,
    ... )
    >>> best = nn.CrossEntropyLoss()(model(validation.inputs), validation.labels).item()
    >>> best < history.validation_loss[-1] + 1e-9
    True
    """

    def __init__(
        self,
        every: int,
        start: Callable[[Any], Any] | None = None,
        measure: str = "validation_loss",
    ) -> None:
        if every < 1:
            raise ValueError(f"there must be an epoch or more between starts, not {every}")
        super().__init__(measure, 0.0)
        self.every, self.start = every, start

    def begin(self, run: Run) -> None:
        super().begin(run)
        self._first: dict[str, Any] = {
            "model": run.model.state_dict(),  # such as ones in normalisation, which nobody draws
            "optimizer": {**run.optimizer.state_dict(), "state": {}},
            "schedules": [each.state_dict() for each in _schedules(run)],
        }
        if self.start is None and not any(map(_redraw, run.model.modules())):
            raise TypeError(
                f"no layer of {run.model._where()} has reset_parameters(): give Restarts start="
            )

    def before_epoch(self, run: Run) -> None:
        if run.epoch and run.epoch % self.every == 0:
            run.model.load_state_dict(self._first["model"])
            run.optimizer.load_state_dict(self._first["optimizer"])
            for each, first in zip(_schedules(run), self._first["schedules"], strict=True):
                each.load_state_dict(first)
            for module in run.model.modules():
                if self.start is None and (draw := _redraw(module)):
                    draw()
            if self.start is not None:
                self.start(run.model)

    def after_epoch(self, run: Run) -> None:
        if run.epoch % self.every == 0:
            self._improves(run)

    def end(self, run: Run) -> None:
        self._restore(run)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "first": self._first}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._first = dict(state_dict["first"])


def _redraw(module: Any) -> Any:
    return getattr(module, "reset_parameters", None)


def _schedules(run: Run) -> list[EachEpoch]:
    return [callback for callback in run.callbacks if isinstance(callback, EachEpoch)]


# ---- which data ----------------------------------------------------------------------------------


class OnlyMistakes(Callback):
    """Trains in each epoch only on the examples that the model gets wrong when the epoch begins,
    and ends training when there are none.

    >>> import nn
    >>> from nn.train.callbacks import OnlyMistakes
    >>> from nn.train import fit
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> history = fit(
    ...     model, nn.data.blobs(100, noise=0.1, classes=2, seed=0), loss=nn.CrossEntropyLoss(),
    ...     optimizer=nn.optim.SGD(model.parameters(), lr=0.5), epochs=100,
    ...     callbacks=[OnlyMistakes()], progress=False,
    ... )
    >>> history.stopped
    'the model gets every example right'
    """

    _AT_ONCE = 1000  # examples

    def before_epoch(self, run: Run) -> None:
        data = run.batches.data
        run.model.eval()
        parts = range(0, len(data), self._AT_ONCE)
        inputs, labels = data.inputs, data.labels
        wrong = [
            begin + misclassified(run.model, inputs[part], labels[part])
            for begin in parts
            for part in [slice(begin, begin + self._AT_ONCE)]
        ]
        run.select(np.concatenate(wrong))
        if not any(map(len, wrong)):
            run.stop("the model gets every example right")


# ---- around a step -------------------------------------------------------------------------------


class EachEpoch(Callback):
    """Steps a schedule of the learning rate after each epoch: what `fit(schedule=...)` does."""

    def __init__(self, schedule: LRScheduler) -> None:
        self.schedule = schedule

    def after_epoch(self, run: Run) -> None:
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step((run.history.validation_loss or run.history.loss)[-1])
        else:
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        return self.schedule.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        name = f"the schedule {type(self.schedule).__name__}"
        if problem := unlike(self.schedule.state_dict(), state_dict, name):
            raise ValueError(problem)
        self.schedule.load_state_dict(state_dict)


class EachStep(EachEpoch):
    """Steps a schedule of the learning rate after each batch, for `fit(schedule=EachStep(...))`.

    >>> import nn
    >>> from nn.train.callbacks import EachStep
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    >>> warm_up = EachStep(nn.optim.lr_scheduler.LinearLR(optimizer, total_iters=1000))
    """

    def after_step(self, run: Run) -> None:
        self.schedule.step()

    def after_epoch(self, run: Run) -> None:
        pass


class ClipNorm(Callback):
    """Shortens the gradient of all parameters together: what `fit(clip_norm=...)` does."""

    def __init__(self, norm: float) -> None:
        if not norm > 0:
            raise ValueError(f"a gradient is clipped to a norm above 0, not to {norm}")
        self.norm = norm

    def begin(self, run: Run) -> None:
        self._parameters = list(run.model.parameters())

    def after_backward(self, run: Run) -> None:
        clip_grad_norm_(self._parameters, self.norm)


class Constraint(Callback):
    """Restores a constraint on the weights after each step: what `fit(constraint=...)` does."""

    def __init__(self, restore: Callable[[Any], Any]) -> None:
        self.restore = restore

    def after_step(self, run: Run) -> None:
        self.restore(run.model)
