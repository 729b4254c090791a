"""How training goes: a bar where there is a screen, a line per epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from .checkpoint import Run
from .history import described, measure


def progress_of(run: Run, wanted: bool) -> Progress:
    """The kind of progress that suits where its messages go."""
    if not wanted:
        return Progress()
    screen = sys.stderr is not None and sys.stderr.isatty()
    return Bar(run) if screen or "ipykernel" in sys.modules else Lines(run)


class Progress:
    """Says nothing."""

    def after_step(self, run: Run) -> None:
        """A batch is done. It is called often, and must be quick."""

    def after_epoch(self, run: Run) -> None:
        """An epoch is done."""

    def end(self) -> None:
        """Training is over."""


class Bar(Progress):
    """One bar for the whole run, with loss, accuracy, learning rate and the time left."""

    _SECONDS = 0.1  # between two looks

    def __init__(self, run: Run) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]  # slow to import

        steps = len(run.batches)
        self._bar: Any = tqdm(
            total=run.epochs * steps, initial=run.epoch * steps + run.batch, unit="batch"
        )
        self._next = 0.0

    def after_step(self, run: Run) -> None:
        if time.perf_counter() >= self._next:
            self._show(run, {"loss": run.sums.loss, "accuracy": run.sums.accuracy})

    def after_epoch(self, run: Run) -> None:
        found = {name: getattr(run.history, name)[-1:] for name in _SHOWN}
        self._show(run, {name: values[0] for name, values in found.items() if values})

    def end(self) -> None:
        self._bar.close()

    def _show(self, run: Run, measures: dict[str, float | None]) -> None:
        shown = {_SHOWN[name]: measure(name, v) for name, v in measures.items() if v is not None}
        shown["rate"] = measure("rate", rate_of(run))
        epoch = min(run.epoch + (run.batch > 0), run.epochs)
        self._bar.set_description(f"epoch {epoch}/{run.epochs}", refresh=False)
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(run.epoch * len(run.batches) + run.batch - self._bar.n)
        self._next = time.perf_counter() + self._SECONDS


class Lines(Progress):
    """A line after each epoch, but not more than one in a second: for logs."""

    def __init__(self, run: Run) -> None:
        self._began, self._done_before, self._next = time.perf_counter(), run.epoch, 0.0

    def after_epoch(self, run: Run) -> None:
        now = time.perf_counter()
        if now < self._next and run.epoch < run.epochs and not run.stopped:
            return
        self._next = now + 1
        left = (now - self._began) / (run.epoch - self._done_before) * (run.epochs - run.epoch)
        print(
            f"epoch {run.epoch}/{run.epochs}: {described(run.history)}, "
            f"rate {measure('rate', rate_of(run))}, {_duration(left)} left",
            file=sys.stderr,
            flush=True,
        )


def rate_of(run: Run) -> float:
    """The learning rate, of the first group if there are several."""
    return float(run.optimizer.param_groups[0]["lr"])


_SHOWN = {
    "loss": "loss",
    "accuracy": "accuracy",
    "validation_loss": "validation",
    "validation_accuracy": "validation accuracy",
}


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
