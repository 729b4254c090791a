"""What is added to a training: early stopping, strategies, schedules, the progress, and logs for
other programs."""

from __future__ import annotations

import csv
import importlib
import io
import math
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import zip_longest
from typing import Any, NamedTuple

from microgradnd import no_grad
from microgradnd.arrays import Array
from microgradnd.habits import at_least, require
from microgradnd.late import needed
from microgradnd.operators import beside, plain

from ..files.named_arrays import Path, replacing
from ..files.state import check_alike
from ..init import generator
from ..optim import Optimizer
from ..optim.schedule import LRScheduler
from .evaluation import misclassified
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
        self.patience, self.minimum = patience, minimum
        self.measure, self.restore = measure, restore

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


class OnlyMistakes(Callback):
    """Trains in each epoch only on the examples that the model gets wrong when the epoch begins,
    and ends training when there are none.

    >>> import nn
    >>> data, model = nn.data.blobs(100, noise=0.1, classes=2, seed=0), nn.Linear(2, 2)
    >>> history = nn.fit(
    ...     model, data, loss=nn.CrossEntropyLoss(), epochs=100, progress=False,
    ...     optimizer=nn.optim.SGD(model.parameters(), 0.5), callbacks=[nn.OnlyMistakes()],
    ... )
    >>> history.stopped
    'the model gets every example right'
    """

    def before_epoch(self, run: Run) -> None:
        data = run.batches.data
        wrong = misclassified(run.model, data.inputs, data.labels, run.sums.threshold)
        run.select(wrong)
        if not len(wrong):
            run.stop("the model gets every example right")


class Attempt(NamedTuple):
    """A step that was tried: the cost before and after it, and whether it was kept."""

    before: float
    after: float
    accepted: bool


class StepOrJump:
    """Accepts a step of the optimiser only if the cost fell; else takes it back, and perturbs every
    weight by normal noise. In `fit` no callback looks at its gradients: there is no
    `history.health`.

    Arguments:
        optimizer: makes the steps.
        scale: the standard deviation of the noise.

    >>> import nn
    >>> from microgradnd import Tensor
    >>> w = Tensor(3.0, requires_grad=True)
    >>> nn.StepOrJump(nn.optim.SGD([w], lr=0.5)).step(lambda: w * w)
    Attempt(before=9.0, after=0.0, accepted=True)
    """

    def __init__(self, optimizer: Optimizer, scale: float = 0.01) -> None:
        at_least(0.0, scale=scale)
        self.optimizer, self.scale = optimizer, scale

    def step(self, cost: Callable[[], Any]) -> Attempt:
        """Try a step down the gradient of the cost, a function without arguments. It must return
        the same for the same weights: no dropout, and the same examples."""
        self.optimizer.zero_grad()
        loss = cost()
        loss.backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        kept = [plain(p) for p in parameters]  # a step overwrites no array
        self.optimizer.step()
        with no_grad():
            before, after = float(plain(loss)), float(plain(cost()))
        accepted = after < before
        if not accepted:
            for p, values in zip(parameters, kept, strict=True):
                noise = generator.standard_normal(p.shape).astype(p.dtype)
                p.hold(values + self.scale * beside(noise, values))
        return Attempt(before, after, accepted)


class EachEpoch(Callback):
    """Steps a schedule of the learning rate after each epoch: what `fit(schedule=...)` does.

    ReduceLROnPlateau gets the validation loss, or with mode "max" the accuracy; without validation
    those of training.
    """

    def __init__(self, schedule: LRScheduler) -> None:
        self.schedule = schedule

    def after_epoch(self, run: Run) -> None:
        name = "accuracy" if getattr(self.schedule, "mode", "min") == "max" else "loss"
        held_out = getattr(run.history, f"validation_{name}")
        measured = (held_out or getattr(run.history, name))[-1:]
        needed = getattr(self.schedule, "needs_measure", False)
        none = "mode='max' is for an accuracy, and these targets have none; use mode='min'"
        require(measured or not needed, none)
        self.schedule.step(*measured if needed else ())

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

    def __init__(self) -> None:
        needed("tqdm", "the progress bar needs tqdm", "tqdm, or pass progress=False")

    def begin(self, run: Run) -> None:
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
        rows = zip_longest(*measures.values())
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
