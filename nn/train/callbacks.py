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


def progress_shown(wanted: bool) -> Callback:
    """A bar where there is a screen, a line per epoch in a log."""
    if not wanted:
        return Callback()
    needed("tqdm", "the progress bar needs tqdm", "tqdm, or pass progress=False")
    screen = sys.stderr is not None and sys.stderr.isatty()
    return Bar() if screen or in_notebook() else Lines()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, not only has its package been imported."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Bar(Callback):
    """One bar for the whole run. Validation comes first: a narrow window cuts off the rest."""

    _SECONDS = 0.1  # between two updates
    _FORM = "{desc}{percentage:.0f}%|{bar}| {remaining} left{postfix}"

    def begin(self, run: Run) -> None:
        # In a notebook stderr is shown on red, in a cell of unknown width.
        where: dict[str, Any] = {"file": sys.stdout, "ncols": 100} if in_notebook() else {}
        drawn = where and find_spec("ipywidgets")
        tqdm = importlib.import_module("tqdm.notebook" if drawn else "tqdm").tqdm  # slow to import
        steps = run.epochs * len(run.batches) or None
        self._bar = tqdm(total=steps, initial=self._done(run), bar_format=self._FORM, **where)
        self._next = 0.0

    def _done(self, run: Run) -> int:
        return run.epoch * len(run.batches) + run.batch

    def after_step(self, run: Run) -> None:
        if time.perf_counter() >= self._next:
            self.after_epoch(run, loss=run.sums.loss, accuracy=run.sums.accuracy)

    def after_epoch(self, run: Run, **now: float | None) -> None:
        epoch = min(run.epoch + (run.batch > 0), run.epochs)
        self._bar.set_description(f"epoch {epoch}/{run.epochs}", refresh=False)
        words = in_words(**run.history.last() | now, rate=run.rate)
        first = ("validation accuracy", "accuracy", "validation loss", "loss")
        ordered = {name: words[name] for name in first if name in words} | words
        self._bar.set_postfix(ordered, refresh=False)
        self._bar.update(self._done(run) - self._bar.n)
        self._next = time.perf_counter() + self._SECONDS

    def end(self, run: Run) -> None:
        self._bar.close()


class Lines(Callback):
    """A line after each epoch, but at most one in a second: for logs."""

    def begin(self, run: Run) -> None:
        self._began, self._first, self._next = time.perf_counter(), run.epoch, 0.0

    def after_epoch(self, run: Run) -> None:
        from tqdm import tqdm

        now = time.perf_counter()
        if now >= self._next or run.epoch == run.epochs or run.stopped:
            self._next = now + 1
            seconds = (now - self._began) / (run.epoch - self._first)
            left = tqdm.format_interval(seconds * (run.epochs - run.epoch))
            shown = ", ".join(map(" ".join, in_words(**run.history.last(), rate=run.rate).items()))
            line = f"epoch {run.epoch}/{run.epochs}: {shown}, {left} left"
            print(line, file=sys.stderr, flush=True)
