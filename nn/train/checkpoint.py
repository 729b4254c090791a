"""Checkpoints: the whole run in a file, from which a run that was killed goes on."""

from __future__ import annotations

import os
import time

from microgradnd.habits import at_least
from microgradnd.operators import plain

from ..files.named_arrays import Path, opened, write
from ..files.state import pack, unpack
from .run import Callback, Run
from .step import finite


class Checkpoint(Callback):
    """Keeps the whole run in a file, every so many seconds, or every so many steps if given.

    The file is .npz or .safetensors, as the path ends. It is replaced in one go: whenever the run
    is killed, a complete checkpoint is there, from which `fit(..., resume=True)` goes on to the
    same end, bit for bit. With other data, loss, dtype or options of the optimiser than the run
    began with, that is a ValueError which names what differs.

    >>> each_minute = Checkpoint("run.npz", seconds=60)
    """

    def __init__(self, path: Path, seconds: float = 30.0, steps: int | None = None) -> None:
        at_least(0.0, seconds=seconds)
        at_least(1, None, steps=steps)
        self.path, self.seconds, self.steps = path, seconds, steps
        self._last = 0.0

    def begin(self, run: Run) -> None:
        """Go on where the run in the file was, if there is one."""
        if os.path.exists(self.path):
            with opened(self.path) as file:
                run.restore(unpack(file.text or "{}", file.arrays))
        self.save(run)  # also to find out at once what cannot be kept

    def save(self, run: Run) -> None:
        """Keep the run as it is now, unless its model has nan or inf: the last file is better."""
        if finite(map(plain, run.model.parameters())):
            write(self.path, *pack(run.state()))
            self._last = time.monotonic()

    def after_step(self, run: Run) -> None:
        due = time.monotonic() - self._last >= self.seconds
        if run.step % self.steps == 0 if self.steps else due:
            self.save(run)

    def end(self, run: Run) -> None:
        self.save(run)

    def __repr__(self) -> str:
        every = f"steps={self.steps}" if self.steps else f"seconds={self.seconds}"
        return f"Checkpoint({os.fspath(self.path)!r}, {every})"
