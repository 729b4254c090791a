"""Training written down for other programs: a CSV file, or the events of TensorBoard."""

from __future__ import annotations

import csv
import io
import os
from itertools import zip_longest
from typing import Any

from microgradnd.late import needed

from ..files.named_arrays import Path, replacing
from .run import Callback, Run


class CSVLogger(Callback):
    """Writes the measures of all epochs into a CSV file after each epoch: a column for each.

    A run that goes on from a checkpoint writes the same file as one that was never interrupted.

    Arguments:
        path: the file, which is replaced.

    >>> log = CSVLogger("log.csv")
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, run: Run) -> None:
        if not os.path.exists(self.path):  # to find out at once whether it can be written
            self.after_epoch(run)

    def after_epoch(self, run: Run) -> None:
        if run.together.rank:
            return
        measures = _measures(run)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["epoch", *measures])
        rows = zip_longest(*measures.values(), fillvalue="")
        writer.writerows([epoch, *row] for epoch, row in enumerate(rows, 1))
        with replacing(self.path) as file:
            file.write(text.getvalue().encode())


class TensorBoard(Callback):
    """Writes the measures of each epoch, and what `Health` found in each layer, for TensorBoard:
    `tensorboard --logdir runs` shows them.

    It needs tensorboardX: `pip install "microgradnd[tensorboard]"` installs it.

    Arguments:
        folder: where the events are written; each run needs one of its own.

    >>> board = TensorBoard("runs/first")
    """

    def __init__(self, folder: Path = "runs") -> None:
        self.folder = folder

    def begin(self, run: Run) -> None:
        purpose, install = "nn.TensorBoard needs tensorboardX", '"microgradnd[tensorboard]"'
        self._make = needed("tensorboardX", purpose, install).SummaryWriter
        self._writer: Any = None

    def after_epoch(self, run: Run) -> None:
        if run.together.rank:
            return
        first = now = run.epoch
        if self._writer is None:  # the whole history anew: a run that was killed may have lost some
            first = 1
            suffix = f".{now}"
            self._writer = self._make(str(self.folder), purge_step=1, filename_suffix=suffix)
        layers = {
            f"{measure}/{layer}": values
            for layer, found in run.history.health.items()
            for measure, values in found.items()
        }
        for name, values in (_measures(run) | layers).items():
            for step, value in enumerate(values, now - len(values) + 1):
                if step >= first:
                    self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()


def _measures(run: Run) -> dict[str, list[float]]:
    arrays = run.history.arrays().items()
    shown = ((name, values) for name, values in arrays if not name.startswith("health/"))
    return {name.removeprefix("metrics/"): values.tolist() for name, values in shown}
