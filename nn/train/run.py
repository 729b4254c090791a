"""A training run as far as it has come, the callbacks that look on or have a say, and the file from
which a run that was killed goes on."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import at_least, explain_options, require
from microgradnd.operators import plain
from microgradnd.random_state import restore, state_of

from ..data import Batches
from ..data.stream import Stream
from ..files.named_arrays import Path, opened, write
from ..files.state import check_alike, pack, unpack
from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .history import History
from .metrics import Sums


class Callback:
    """Looks on while `fit` trains a model, or has a say: a new one overrides some of the methods.

    Each is called with the Run. `run.stop("why")` ends the training after this epoch.

    >>> class Report(Callback):
    ...     def after_epoch(self, run):
    ...         print(f"epoch {run.epoch}: {run.history.loss[-1]:.3f}")
    """

    _kept: tuple[str, ...] = ()  # the names of the attributes that a checkpoint keeps

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = explain_options(cls.__init__)  # type: ignore[method-assign]

    def begin(self, run: Run) -> None:
        """Before the first step, also when a run goes on from a checkpoint."""

    def before_epoch(self, run: Run) -> None:
        """Before the order of an epoch is drawn. `run.select(which)` restricts it to some data."""

    def looks(self, run: Run) -> bool:
        """Whether `after_backward` has something to do in this step. If no callback has, the step
        can be replayed."""
        return True

    def after_backward(self, run: Run) -> None:
        """When the parameters have their gradients, and `run.cost` its graph."""

    def after_step(self, run: Run) -> None:
        """When the optimiser has moved the parameters."""

    def after_epoch(self, run: Run) -> None:
        """When the measures of the epoch are in `run.history`."""

    def end(self, run: Run) -> None:
        """After the last step, also after Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: arrays, numbers and texts, in dictionaries and lists."""
        return {name: getattr(self, name) for name in self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        vars(self).update({name: state_dict[name] for name in self._kept})


def acting(name: str, **events: Callable[[Run], Any]) -> Callback:
    """A callback that calls these functions, each at the event of its name."""
    methods = {event: lambda self, run, f=function: f(run) for event, function in events.items()}
    made: Callback = type(name, (Callback,), methods)()
    return made


def overriding(event: str, callbacks: Iterable[Callback]) -> list[Callback]:
    """The callbacks that do something at an event: a step has no time for the others."""
    return [c for c in callbacks if getattr(type(c), event) is not getattr(Callback, event)]


@dataclass(eq=False, repr=False)
class Run:
    """A training run, as far as it has come.

    `epoch` counts the epochs that are complete, `batch` the batches done in the next one, and
    `step` all batches. `model`, `loss`, `optimizer` and `history` are what their names say, `cost`
    what is minimised at this step (the last part of it with `at_once`), `batches` the data, and
    `together` the processes that train.
    """

    model: Module
    loss: Callable[..., Any]
    optimizer: Optimizer
    batches: Batches | Stream
    epochs: int
    callbacks: Sequence[Callback]
    together: Any  # a Together
    at_once: int | None = None  # examples; a batch is computed in parts of so many
    options: dict[str, Any] = field(default_factory=dict)  # of `fit`, which change its steps
    history: History = field(default_factory=History)
    epoch: int = 0
    batch: int = 0
    step: int = 0
    stopped: str = ""
    cost: Any = None
    _selected: Array | None = None
    _order: dict[str, Any] | None = None  # of the generator, before it drew the epoch's order
    _start: dict[str, Any] = field(default_factory=dict)  # see _conditions

    def __post_init__(self) -> None:
        self.sums = Sums(self.loss)  # of the present epoch
        self._generators = generator, self.batches.generator
        loss: Any = self.loss if isinstance(self.loss, Module) else Callback()
        stateful: dict[str, Any] = {"model": self.model, "loss": loss}
        self._parts = {**stateful, "optimizer": self.optimizer, "sums": self.sums}

    def stop(self, why: str) -> None:
        """End the training after this epoch."""
        self.stopped = why

    @property
    def rate(self) -> float:
        """The learning rate, of the first group if there are several."""
        return float(self.optimizer.param_groups[0]["lr"])

    # ---- its data --------------------------------------------------------------------------------

    def select(self, which: Array | None) -> None:
        """Restrict the epochs from now on to these examples; None takes all again."""
        self._selected = which

    def batches_left(self) -> Iterator[tuple[Array, Array]]:
        """The batches of the present epoch that are still to come."""
        batches = self.batches
        if self._selected is not None and isinstance(batches, Batches):
            batches = batches.of(batches.data[self._selected])
        now = [state_of(each) for each in self._generators]  # examples may draw from nn's also
        if self.batch:  # the same order once more
            restore(batches.generator, self._order)
        self._order = state_of(batches.generator)
        left = batches.epoch(self.batch, self.together.cut)
        for each, before in zip(self._generators, now, strict=True) if self.batch else ():
            restore(each, before)
        return left

    # ---- keeping it ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here."""
        self._start = self._start or self._conditions()
        kinds = [type(part).__name__ for part in (self.optimizer, *self.callbacks)]
        size = self.batches.described()[0]
        size += f", {self.at_once} at once" * (self.at_once is not None)
        return {
            "start": self._start,
            "form": dict.fromkeys([" ".join(kinds), size]),  # keys, which are compared
            **{name: part.state_dict() for name, part in self._parts.items()},
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "history": self.history.arrays(),
            "position": [self.epoch, self.batch, self.step, self.stopped],
            "selected": self._selected,
            "order": self._order,
            "generators": [state_of(each) for each in self._generators],
        }

    def _conditions(self) -> dict[str, Any]:
        """What must have the same value when a run goes on, as it was at its start."""
        loss = self.loss
        options = [(name, getattr(loss, name)) for name in getattr(loss, "_options", ())]
        options = [(k, plain(v).tolist() if hasattr(v, "dtype") else v) for k, v in options]
        known = [f"{k}={v!r}" for k, v in options if isinstance(v, bool | int | float | str | list)]
        return {
            "loss": f"{getattr(loss, '__name__', type(loss).__name__)}({', '.join(known)})",
            "dtype": " ".join(sorted({str(p.dtype) for p in self.model.parameters()})),
            "optimizer": self.optimizer.state_dict()["param_groups"],
            "data": self.batches.described()[1],
            "model": _without_address(self.model).splitlines(),
            **{name: _without_address(option) for name, option in self.options.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state: all of it fits this run, or a ValueError names what does not, and
        nothing has changed."""
        here = self.state()
        try:
            missing = ", ".join(k for k in here if k not in state and k != "start")  # new since 0.1
            require(not missing, f"this is no run's checkpoint: it has no {missing}")
            check_alike(here["form"], state["form"])
            options, saved = (each["optimizer"]["param_groups"] for each in (here, state))
            check_alike(options, saved, "the optimiser")
            begun = state.get("start", {})  # earlier versions kept less
            values, kept = (each["model"].values() for each in (here, state))
            # What has made the steps itself may have changed since they began.
            same = {"optimizer": options == saved, "model": all(map(np.array_equal, values, kept))}
            start = {k: begun[k] if same.get(k) else here["start"].get(k) for k in begun}
            check_alike(start, begun, exact=True)
            self._take_over(state)
        except Exception as error:  # a state that was made up may raise anything
            self._take_over(here)
            raise ValueError(f"it does not fit this run: {error}") from error

    def _take_over(self, state: dict[str, Any]) -> None:
        *counts, stopped = state["position"]
        counted = all(type(n) is int and n >= 0 for n in counts) and type(stopped) is str
        require(counted, f"expected a position in a training, got {state['position']}")
        self._start = state.get("start", self._start)
        self.history = History.from_arrays(state["history"])
        (self.epoch, self.batch, self.step), self.stopped = counts, stopped
        self._selected, self._order = state["selected"], state["order"]
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        for callback, kept in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(kept)
        if self.batch:
            self.batches_left()  # it must be possible to draw the order again
        for each, kept in zip(self._generators, state["generators"], strict=True):
            restore(each, kept)


def _without_address(thing: Any) -> str:
    """The name of a function, or the options of an object: the same in each process."""
    return getattr(thing, "__name__", re.sub(" at 0x[0-9a-fA-F]+", "", repr(thing)))


def finite(arrays: Iterable[Array]) -> bool:
    """Whether there is neither nan nor inf in any of these arrays."""
    return all(np.isfinite(array).all() for array in arrays)


class Checkpoint(Callback):
    """Keeps the whole run in a file, every so many seconds, or every so many steps if given.

    The file is .npz or .safetensors, as the path ends, and whenever the run is killed a complete
    one is there, from which `fit(..., resume=True)` goes on to the same end, bit for bit. With
    other data, loss, dtype or options than the run began with, a ValueError names what differs.

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
