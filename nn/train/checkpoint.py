"""Checkpoints: the whole run in a file, from which a run that was killed goes on."""

from __future__ import annotations

import os
import time

import numpy as np

from ..files.named_arrays import Path, opened, write
from ..files.state import pack, unpack
from .run import Callback, Run


class Checkpoint(Callback):
    """Keeps the whole run in a file, every so many seconds, or every so many steps if given.

    The file is .npz or .safetensors, as the path ends. It is replaced in one go: whenever the run
    is killed, a complete checkpoint is there, from which `fit(..., resume=True)` goes on to the
    same end, bit for bit.

    >>> from nn import Checkpoint
    >>> each_minute = Checkpoint("run.npz", seconds=60)
    """

    def __init__(self, path: Path, seconds: float = 30.0, steps: int | None = None) -> None:
        if not seconds >= 0 or (steps is not None and steps < 1):
            raise ValueError(
                f"seconds must be 0 or more, and steps 1 or more, got {seconds=}, {steps=}"
            )
        self.path, self.seconds, self.steps = path, seconds, steps
        self._last = 0.0

    def resume(self, run: Run) -> None:
        """Go on where the run in the file was."""
        with opened(self.path) as file:
            state = unpack(file.text or "{}", file.arrays)
            missing = [k for k in run.state() if not isinstance(state, dict) or k not in state]
            if missing:
                raise ValueError(f"this is no run's checkpoint: it has no {', '.join(missing)}")
            run.restore(state)

    def save(self, run: Run) -> None:
        """Keep the run as it is now, unless its model has nan or inf: the last file is better."""
        if all(np.isfinite(parameter.numpy()).all() for parameter in run.model.parameters()):
            write(self.path, *pack(run.state()))
            self._last = time.monotonic()

    def begin(self, run: Run) -> None:
        self.save(run)  # what cannot be kept is best known at once

    def after_step(self, run: Run) -> None:
        due = time.monotonic() - self._last >= self.seconds
        if run.step % self.steps == 0 if self.steps else due:
            self.save(run)

    def end(self, run: Run) -> None:
        self.save(run)

    def __repr__(self) -> str:
        every = f"steps={self.steps}" if self.steps else f"seconds={self.seconds}"
        return f"Checkpoint({os.fspath(self.path)!r}, {every})"
