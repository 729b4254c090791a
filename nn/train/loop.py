"""The loop over epochs and batches: forwards, back, a step, and whoever looks on."""

from __future__ import annotations

import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from microgradnd import Tensor, no_grad
from microgradnd.replay import NotReplayableError, Replay, holds

from ..classics.strategies import StepOrJump
from ..data import Data
from .checkpoint import Callback, Checkpoint, Run
from .health import TrainingWarning
from .not_finite import Memory
from .progress import Progress, rate_of
from .sums import Sums

Array = Any  # a NumPy array
Hook = Callable[[Run], None]


class Loop:
    """How a run is carried out."""

    _VALIDATED_AT_ONCE = 500  # examples

    def __init__(
        self,
        run: Run,
        strategy: StepOrJump | None,
        regulariser: Callable[[Any], Any] | None,
        augment: Callable[[Array], Array] | None,
        validation: Data | None,
        keeper: Checkpoint | None,
        progress: Progress,
        replay: bool,
    ) -> None:
        self._run, self._regulariser, self._augment = run, regulariser, augment
        self._step = self._descend if strategy is None else self._step_or_jump
        self._strategy: Any = strategy
        self._validation, self._keeper, self._progress = validation, keeper, progress
        parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        self._memory = Memory(run.model, parameters, overwritten=replay)
        self._lookers = [hook.__self__ for hook in self._hooks("after_backward")]  # type: ignore
        self._replayed = Replay(self._whole_step()) if replay else None
        for callback in self._lookers:
            if replay and type(callback).looks is Callback.looks:
                self._go_on_without_replay(f"{type(callback).__name__} looks at each gradient")
        self._after_step = self._hooks("after_step")
        if keeper is not None:
            self._after_step.append(keeper.after_step)

    def go(self) -> None:
        """From where the run is to its end."""
        run = self._run
        # That a loss is no number is found by looking at it, without NumPy's warnings.
        with _ctrl_c() as pressed, np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            try:
                while run.epoch < run.epochs and not run.stopped and not pressed:
                    self._epoch(pressed)
                if self._keeper is not None:
                    self._keeper.save(run)
            except KeyboardInterrupt:  # from elsewhere, perhaps in the middle of a step
                pressed.append(True)
            finally:
                self._progress.end()
                run.model.eval()
                run.cost = None
        for callback in run.callbacks:
            callback.end(run)
        run.history.stopped = run.stopped or "interrupted" * bool(pressed)

    def _epoch(self, pressed: list[bool]) -> None:
        """The batches of an epoch that are left, and what comes after them."""
        run = self._run
        if not run.batch:
            run.sums.clear()
            for callback in run.callbacks:
                callback.before_epoch(run)
            if run.stopped:
                return
        run.model.train()
        for x, y in run.batches_left():
            inputs = Tensor(x if self._augment is None else self._augment(x), copy=False)
            self._memory.add((run.step, run.epoch, run.batch), inputs, y)
            value, outputs = self._step(inputs, y)
            run.batch += 1
            run.step += 1
            run.sums.add(value, outputs, y)
            for hook in self._after_step:
                hook(run)
            self._progress.after_step(run)
            if pressed:
                return
        if not self._memory.finite():
            raise self._error()
        self._measure()
        run.epoch += 1
        run.batch = 0
        for callback in run.callbacks:
            callback.after_epoch(run)
        self._progress.after_epoch(run)

    # ---- one step --------------------------------------------------------------------------------

    def _forwards(self, x: Any, y: Array) -> tuple[Any, Any, Any]:
        """The cost of a batch, the loss in it, and the outputs."""
        model = self._run.model
        outputs = model(x)
        loss = self._run.loss(outputs, y)
        penalty = self._regulariser
        return (loss if penalty is None else loss + penalty(model)), loss, outputs

    def _descend(self, x: Any, y: Array) -> tuple[float, Any]:
        """Follow the gradient; returns the loss, and the outputs."""
        run = self._run
        lookers = [callback for callback in self._lookers if callback.looks(run)]
        if self._replayed is not None and not lookers:
            return self._replay(x, y)
        cost, loss, outputs = self._forwards(x, y)
        value = cost.item()
        if not math.isfinite(value):
            raise self._error()
        run.cost = cost
        run.optimizer.zero_grad()
        cost.backward()
        for callback in lookers:
            callback.after_backward(run)
        run.optimizer.step()
        return value if loss is cost else loss.item(), outputs

    def _whole_step(self) -> Callable[[Any, Array], Any]:
        """Following the gradient as a function of its own: what can be replayed."""
        model, loss_of, penalty = self._run.model, self._run.loss, self._regulariser
        optimizer = self._run.optimizer

        def step(x: Any, y: Array) -> tuple[Any, Any]:
            outputs = model(x)
            loss = loss_of(outputs, y)
            cost = loss if penalty is None else loss + penalty(model)
            if not holds(np.isfinite(cost)):
                raise _NotFiniteError
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            return loss, outputs

        return step

    def _replay(self, x: Any, y: Array) -> tuple[float, Any]:
        """Follow the gradient as it was recorded; where that cannot be, as ever from now on."""
        assert self._replayed is not None
        try:
            loss, outputs = self._replayed(x, y)
        except (NotReplayableError, TypeError, AttributeError) as error:  # or wrong: we shall see
            self._go_on_without_replay(str(error))
            return self._descend(x, y)  # type: ignore[no-any-return]
        except _NotFiniteError:
            raise self._error() from None
        return loss.item(), outputs

    def _go_on_without_replay(self, why: str) -> None:
        self._replayed = None
        warnings.warn(f"training goes on without replay: {why}", TrainingWarning, stacklevel=2)

    def _step_or_jump(self, x: Any, y: Array) -> tuple[float, Any]:
        """Follow the gradient, or jump if that does not lower the cost."""
        seen: list[Any] = []

        def cost() -> Any:
            if seen and self._memory.now:
                self._memory.now.repeat_luck()
            seen.append(self._forwards(x, y))
            if not math.isfinite(seen[0][0].item()):
                raise self._error()
            return seen[-1][0]

        self._strategy.step(cost)
        _, loss, outputs = seen[0]
        return loss.item(), outputs

    def _error(self) -> FloatingPointError:
        return self._memory.explained(lambda x, y: self._forwards(x, y)[0])

    # ---- the end of an epoch ---------------------------------------------------------------------

    def _measure(self) -> None:
        """Enter the measures of the epoch."""
        run, held_out = self._run, self._validated()
        run.history.append(
            loss=run.sums.loss,
            accuracy=run.sums.accuracy,
            validation_loss=None if held_out is None else held_out.loss,
            validation_accuracy=None if held_out is None else held_out.accuracy,
            rate=rate_of(run),
            seconds=run.sums.seconds,
        )

    def _validated(self) -> Sums | None:
        """The measures on the data that is never trained."""
        run, data = self._run, self._validation
        if data is None:
            return None
        sums = Sums(run.loss, data.labels)
        run.model.eval()
        with no_grad():
            for x, y in data.batches(self._VALIDATED_AT_ONCE, shuffle=False):
                outputs = run.model(Tensor(x, copy=False))
                sums.add(run.loss(outputs, y).item(), outputs, y)
        return sums

    def _hooks(self, name: str) -> list[Hook]:
        """The methods of this name that do something: a step has no time for the others."""
        return [
            getattr(callback, name)
            for callback in self._run.callbacks
            if getattr(type(callback), name) is not getattr(Callback, name)
        ]


class _NotFiniteError(ArithmeticError):
    """The cost of a step is no number."""


@contextmanager
def _ctrl_c() -> Iterator[list[bool]]:
    """Inside, Ctrl-C is noted, so that a step may be finished; pressed again, it interrupts."""
    pressed: list[bool] = []

    def note(*_: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
