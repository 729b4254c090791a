"""What is added to a training: early stopping, schedules, the progress."""

from __future__ import annotations

import importlib
import math
import sys
import time
from importlib.util import find_spec
from typing import Any

from microgradnd.arrays import Array
from microgradnd.habits import at_least, require
from microgradnd.late import needed

from ..files.state import check_alike
from ..optim.schedule import LRScheduler
from .history import in_words
from .metrics import METRICS
from .run import Callback, Run


class EarlyStopping(Callback):
    """Ends training when a measure has not improved for some epochs.

    Arguments:
        patience: how many epochs without an improvement end the training.
        minimum: what counts as an improvement is larger than this.
        measure: one of the history's; an accuracy and metrics given by name should rise, all else
            fall.
        restore: whether the model gets back the weights with which it was best.

    >>> stop = EarlyStopping(patience=3, minimum=0.01)
    """

    _kept = "least", "epoch", "weights"

    def __init__(
        self,
        patience: int = 5,
        minimum: float = 0.0,
        measure: str = "validation_loss",
        restore: bool = True,
    ) -> None:
        at_least(1, patience=patience)
        at_least(0.0, minimum=minimum)
        self.patience, self.minimum, self.measure, self.restore = (
            patience,
            minimum,
            measure,
            restore,
        )

    def begin(self, run: Run) -> None:
        self.least, self.epoch = math.inf, 0
        self.weights: dict[str, Array] = {}

    def after_epoch(self, run: Run) -> None:
        history, name = run.history, self.measure
        values = getattr(history, name, None) or history.metrics.get(name, [])
        hint = ": give fit validation=" * name.startswith("validation")
        require(values, f"EarlyStopping finds no {name} to judge by{hint}")
        rises = name.endswith("accuracy") or name in METRICS
        value = -values[-1] if rises else values[-1]
        if value < self.least - self.minimum:
            self.least, self.epoch, self.weights = value, run.epoch, run.model.state_dict()
        elif run.epoch - self.epoch >= self.patience:
            run.stop(f"{name} has not improved since epoch {self.epoch}")

    def end(self, run: Run) -> None:
        if self.restore and self.weights:
            run.model.load_state_dict(self.weights)


class EachEpoch(Callback):
    """Steps a schedule of the learning rate after each epoch: what `fit(schedule=...)` does."""

    def __init__(self, schedule: LRScheduler) -> None:
        self.schedule = schedule

    def after_epoch(self, run: Run) -> None:
        measured = (run.history.validation_loss or run.history.loss)[-1:]
        self.schedule.step(*measured if getattr(self.schedule, "needs_measure", False) else ())

    def state_dict(self) -> dict[str, Any]:
        return self.schedule.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        name = f"the schedule {type(self.schedule).__name__}"
        check_alike(self.schedule.state_dict(), state_dict, name)
        self.schedule.load_state_dict(state_dict)


class EachStep(EachEpoch):
    """Steps a schedule of the learning rate after each batch, for `fit(schedule=EachStep(...))`.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    >>> warm_up = nn.EachStep(nn.optim.lr_scheduler.LinearLR(optimizer, total_iters=1000))
    """

    def after_step(self, run: Run) -> None:
        self.schedule.step()

    def after_epoch(self, run: Run) -> None:
        pass


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, not only has its package been imported."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Progress(Callback):
    """A bar where there is a screen; in a log a line after each epoch, but at most one in a second.

    Validation comes first: a narrow window cuts off the rest.
    """

    def begin(self, run: Run) -> None:
        needed("tqdm", "the progress bar needs tqdm", "tqdm, or pass progress=False")
        # In a notebook stderr is shown on red, in a cell of unknown width.
        where: dict[str, Any] = {"file": sys.stdout, "ncols": 100} if in_notebook() else {}
        module = "tqdm.notebook" if where and find_spec("ipywidgets") else "tqdm"
        self._tqdm = importlib.import_module(module).tqdm  # slow to import
        self._began, self._first, self._next = time.perf_counter(), self._done(run), 0.0
        self._on_screen = bool(where) or (sys.stderr is not None and sys.stderr.isatty())
        if self._on_screen:
            form = "{desc}{percentage:.0f}%|{bar}| {remaining} left{postfix}"
            self._bar = self._tqdm(total=run.epochs, initial=self._first, bar_format=form, **where)

    def _done(self, run: Run) -> float:
        return run.epoch + run.batch / (len(run.batches) or math.inf)  # of a stream

    def after_step(self, run: Run) -> None:
        if self._on_screen and time.perf_counter() >= self._next:
            self._show(run, loss=run.sums.loss, accuracy=run.sums.accuracy)

    def after_epoch(self, run: Run) -> None:
        last = run.epoch == run.epochs or run.stopped
        if self._on_screen or last or time.perf_counter() >= self._next:
            self._show(run)

    def _show(self, run: Run, **now: float | None) -> None:
        words = in_words(**run.history.last() | now, rate=run.rate)
        first = ("validation accuracy", "accuracy", "validation loss", "loss")
        ordered = {name: words[name] for name in first if name in words} | words
        shown, done = ", ".join(map(" ".join, ordered.items())), self._done(run)
        title = f"epoch {min(run.epoch + (run.batch > 0), run.epochs)}/{run.epochs}: "
        if self._on_screen:
            self._bar.n = done
            self._bar.set_description_str(title, refresh=False)
            self._bar.set_postfix_str(shown)
        else:
            line = self._tqdm.format_meter(
                done, run.epochs, time.perf_counter() - self._began, initial=self._first,
                prefix=title, postfix=shown, bar_format="{desc}{remaining} left{postfix}",
            )  # fmt: skip
            print(line, file=sys.stderr, flush=True)
        self._next = time.perf_counter() + (0.1 if self._on_screen else 1.0)

    def end(self, run: Run) -> None:
        if self._on_screen:
            self._bar.close()
