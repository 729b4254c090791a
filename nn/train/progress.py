"""The progress of a training: a bar where there is a screen, a line per epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from .history import described, measure
from .run import Callback, Run


def progress(wanted: bool) -> Callback:
    """The kind of progress that suits where its messages go."""
    if not wanted:
        return Callback()
    screen = sys.stderr is not None and sys.stderr.isatty()
    return Bar() if screen or "ipykernel" in sys.modules else Lines()


_SHOWN = {
    "loss": "loss",
    "accuracy": "accuracy",
    "validation_loss": "validation",
    "validation_accuracy": "validation accuracy",
}


class Bar(Callback):
    """One bar for the whole run, with loss, accuracy, learning rate and the time left."""

    _SECONDS = 0.1  # between two updates

    def begin(self, run: Run) -> None:
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
        self._show(run, {name: (getattr(run.history, name) or [None])[-1] for name in _SHOWN})

    def end(self, run: Run) -> None:
        self._bar.close()

    def _show(self, run: Run, measures: dict[str, float | None]) -> None:
        shown = {_SHOWN[n]: measure(n, v) for n, v in measures.items() if v is not None}
        shown["rate"] = measure("rate", run.rate)
        epoch = min(run.epoch + (run.batch > 0), run.epochs)
        self._bar.set_description(f"epoch {epoch}/{run.epochs}", refresh=False)
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(run.epoch * len(run.batches) + run.batch - self._bar.n)
        self._next = time.perf_counter() + self._SECONDS


class Lines(Callback):
    """A line after each epoch, but at most one in a second: for logs."""

    def begin(self, run: Run) -> None:
        self._began, self._done_before, self._next = time.perf_counter(), run.epoch, 0.0

    def after_epoch(self, run: Run) -> None:
        now = time.perf_counter()
        if now >= self._next or run.epoch == run.epochs or run.stopped:
            self._next = now + 1
            seconds = (now - self._began) / (run.epoch - self._done_before)
            minutes, seconds = divmod(round(seconds * (run.epochs - run.epoch)), 60)
            hours, minutes = divmod(minutes, 60)
            left = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
            print(
                f"epoch {run.epoch}/{run.epochs}: {described(run.history)}, "
                f"rate {measure('rate', run.rate)}, {left} left",
                file=sys.stderr,
                flush=True,
            )
