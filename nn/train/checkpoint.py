"""A training run: all that has to be kept of it to go on later, and who may look on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..data import Batches
from ..files.atomic import Path, opened, write
from ..files.state import pack, unlike, unpack
from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .history import History

Array = Any  # a NumPy array


class Callback:
    """Looks on while `fit` trains a model, or has a say: a new one overrides some of the methods.

    Each is called with the Run. `run.stop("why")` ends the training after this epoch.

    >>> from nn.train.checkpoint import Callback
    >>> class Report(Callback):
    ...     def after_epoch(self, run):
    ...         print(f"epoch {run.epoch}: {run.history.loss[-1]:.3f}")
    """

    def begin(self, run: Run) -> None:
        """Before the first step, also when a run goes on from a checkpoint."""

    def before_epoch(self, run: Run) -> None:
        """Before the order of an epoch is drawn. `run.select(which)` restricts it to some data."""

    def after_backward(self, run: Run) -> None:
        """When the parameters have their gradients, and `run.cost` its graph."""

    def looks(self, run: Run) -> bool:
        """Whether `after_backward` has something to do in this step. Those in which nobody looks
        can be replayed."""
        return True

    def after_step(self, run: Run) -> None:
        """When the optimiser has moved the parameters."""

    def after_epoch(self, run: Run) -> None:
        """When the measures of the epoch are in `run.history`."""

    def end(self, run: Run) -> None:
        """After the last step, also after Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint is to keep: arrays, numbers and texts, in dictionaries and lists."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""


class Run:
    """A training, as far as it has come.

    `epoch` counts the epochs that are complete, `batch` the batches done in the next one, and
    `step` all batches. `model`, `loss`, `optimizer` and `history` are what their names say, `cost`
    what is minimised at this step, and `batches` the data.
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Optimizer,
        batches: Batches,
        epochs: int,
        callbacks: Sequence[Callback],
        sums: Any,
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.batches, self.epochs, self.callbacks = batches, epochs, callbacks
        self.sums = sums  # of the measures in the present epoch
        self.history = History()
        self.epoch = self.batch = self.step = 0
        self.stopped = ""
        self.cost: Any = None
        self._selected: Array | None = None
        self._order: Any = None  # the state of the generator before it drew the epoch's order

    def stop(self, why: str) -> None:
        """End the training after this epoch."""
        self.stopped = why

    # ---- its data --------------------------------------------------------------------------------

    def select(self, which: Array | None) -> None:
        """Restrict the epochs from now on to these examples, or to none of them, or take all."""
        self._selected = which

    def batches_left(self) -> Iterator[tuple[Array, Array]]:
        """The batches of the present epoch that are still to come."""
        bits = self.batches.generator.bit_generator
        now = bits.state
        if self.batch:  # the same order once more
            bits.state = self._order
        self._order = bits.state
        left = self.present_batches().epoch(self.batch)
        if self.batch:
            bits.state = now
        return left

    def present_batches(self) -> Batches:
        """The mini-batches of the present epoch."""
        if self._selected is None:
            return self.batches
        whole = self.batches
        data: Any = whole.data[self._selected]
        return Batches(data, whole.batch_size, whole.shuffle, whole.generator)

    # ---- keeping it ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here."""
        return {
            "form": self._form(),
            "model": self.model.state_dict(),
            "loss": self.loss.state_dict() if isinstance(self.loss, Module) else {},
            "optimizer": self.optimizer.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "sums": self.sums.state_dict(),
            "history": self.history.arrays(),
            "position": [self.epoch, self.batch, self.step, self.stopped],
            "selected": self._selected,
            "order": self._order,
            "generators": [bits.state for bits in self._bits()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state: all of it fits this run, or a ValueError says what does not, and
        nothing has changed."""
        before = self.state()
        if problem := unlike(before["form"], state["form"]):
            raise ValueError(f"it is a checkpoint of another run: {problem}")
        try:
            self._take_over(state)
        except Exception as error:  # whatever a made-up state makes the parts do
            self._take_over(before)
            raise ValueError(f"it does not fit this run: {error}") from error

    def _take_over(self, state: dict[str, Any]) -> None:
        options, saved = self.optimizer.state_dict()["param_groups"], state["optimizer"]
        if problem := unlike(options, saved["param_groups"], "the optimiser"):
            raise ValueError(problem)
        self.history = History.from_arrays(state["history"])
        self.epoch, self.batch, self.step, self.stopped = _position(state["position"])
        self._selected, self._order = state["selected"], state["order"]
        self.model.load_state_dict(state["model"])
        if isinstance(self.loss, Module):
            self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(saved)
        for callback, kept in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(kept)
        self.sums.load_state_dict(state["sums"])
        if self.batch:
            self.batches_left()  # it must be possible to draw the order again
        for bits, kept in zip(self._bits(), state["generators"], strict=True):
            bits.state = kept

    def _form(self) -> dict[str, Any]:
        """What must be the same when a run goes on, as keys: they are compared."""
        kinds = [type(part).__name__ for part in (self.optimizer, *self.callbacks)]
        size = f"{len(self.batches.data)} examples in batches of {self.batches.batch_size}"
        return dict.fromkeys([" ".join(kinds), size])

    def _bits(self) -> list[Any]:
        return [generator.bit_generator, self.batches.generator.bit_generator]


class Checkpoint(Callback):
    """Keeps the whole run in a file, every so many seconds, or every so many steps if given.

    The file is .npz or .safetensors, as the path ends. It is replaced in one go: whenever the run
    is killed, a complete checkpoint is there, from which `fit(..., resume=True)` goes on to the
    same end, bit for bit.

    >>> from nn.train.checkpoint import Checkpoint
    >>> each_minute = Checkpoint("run.npz", seconds=60)
    """

    def __init__(self, path: Path, seconds: float = 30.0, steps: int | None = None) -> None:
        if not seconds >= 0 or (steps is not None and steps < 1):
            raise ValueError(f"between checkpoints lie {seconds=} or {steps=}: that cannot be")
        self.path, self.seconds, self.steps = path, seconds, steps
        self._last = 0.0

    def resume(self, run: Run) -> None:
        """Go on where the run in the file was."""
        with opened(self.path) as file:
            if file.text is None:
                raise ValueError("this is no checkpoint of a run")
            state = unpack(file.text, file.arrays)
            missing = run.state().keys() - state.keys() if isinstance(state, dict) else {"state"}
            if missing:
                raise ValueError(f"this is no checkpoint of a run: no {', '.join(missing)}")
            run.restore(state)

    def save(self, run: Run) -> None:
        """Keep the run as it is now, unless its model has broken down: the last file is better."""
        if not all(np.isfinite(parameter.numpy()).all() for parameter in run.model.parameters()):
            return
        write(self.path, *pack(run.state()))
        self._last = time.monotonic()

    def begin(self, run: Run) -> None:
        self.save(run)  # what cannot be kept is best known at once

    def looks(self, run: Run) -> bool:
        """Whether `after_backward` has something to do in this step. Those in which nobody looks
        can be replayed."""
        return True

    def after_step(self, run: Run) -> None:
        due = time.monotonic() - self._last >= self.seconds
        if run.step % self.steps == 0 if self.steps else due:
            self.save(run)

    def __repr__(self) -> str:
        every = f"steps={self.steps}" if self.steps else f"seconds={self.seconds}"
        return f"Checkpoint({os.fspath(self.path)!r}, {every})"


def _position(saved: Any) -> tuple[int, int, int, str]:
    epoch, batch, step, stopped = saved
    whole = all(type(count) is int and count >= 0 for count in (epoch, batch, step))
    if not whole or not isinstance(stopped, str):
        raise ValueError(f"{saved} is no position in a training")
    return epoch, batch, step, stopped
