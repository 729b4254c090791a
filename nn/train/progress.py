"""The progress of a training: a bar where there is a screen, a line per epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from .history import in_words
from .run import Callback, Run


def progress(wanted: bool) -> Callback:
    """The kind of progress that suits where its messages go."""
    if not wanted:
        return Callback()
    screen = sys.stderr is not None and sys.stderr.isatty()
    return Bar() if screen or "ipykernel" in sys.modules else Lines()


class Bar(Callback):
    """One bar for the whole run, with loss, accuracy, learning rate and the time left."""

    _SECONDS = 0.1  # between two updates

    def begin(self, run: Run) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]  # slow to import

        done, steps = run.epoch * len(run.batches) + run.batch, run.epochs * len(run.batches)
        self._bar: Any = tqdm(total=steps, initial=done, unit="batch")
        self._next = 0.0

    def after_step(self, run: Run) -> None:
        if time.perf_counter() >= self._next:
            self._show(run, loss=run.sums.loss, accuracy=run.sums.accuracy)

    def after_epoch(self, run: Run) -> None:
        self._show(run, **run.history.last())

    def end(self, run: Run) -> None:
        self._bar.close()

    def _show(self, run: Run, **measures: float | None) -> None:
        epoch = min(run.epoch + (run.batch > 0), run.epochs)
        self._bar.set_description(f"epoch {epoch}/{run.epochs}", refresh=False)
        self._bar.set_postfix(in_words(**measures, rate=run.rate), refresh=False)
        self._bar.update(run.epoch * len(run.batches) + run.batch - self._bar.n)
        self._next = time.perf_counter() + self._SECONDS


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
