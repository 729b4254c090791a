"""Ways to train besides following the gradient: start again, jump, train on mistakes only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from microgradnd import no_grad
from microgradnd.habits import at_least, require
from microgradnd.operators import beside, plain

from ..init import generator
from ..optim import Optimizer
from .callbacks import EachEpoch, KeepsTheBest
from .evaluation import misclassified
from .run import Callback, Run


class Restarts(KeepsTheBest):
    """Starts again from new weights every so many epochs, with the optimiser and its schedule as at
    first. In the end the model has the weights with which a part ended best.

    Arguments:
        every: the epochs from start to start.
        start: draws new weights, called with the model; without it layers draw them as when they
            were made.
        measure: one of the history's.

    >>> import nn
    >>> five_starts = {"epochs": 50, "callbacks": [nn.Restarts(10)]}  # for fit(**five_starts, …)
    """

    _kept = *KeepsTheBest._kept, "first"

    def __init__(
        self,
        every: int,
        start: Callable[[Any], Any] | None = None,
        measure: str = "validation_loss",
    ) -> None:
        at_least(1, every=every)
        super().__init__(measure)
        self.every, self.start = every, start

    def begin(self, run: Run) -> None:
        super().begin(run)
        self._schedules = [each for each in run.callbacks if isinstance(each, EachEpoch)]
        self.first: dict[str, Any] = {
            "model": run.model.state_dict(),  # also what is never drawn, such as running means
            "optimizer": {**run.optimizer.state_dict(), "state": {}},
            "schedules": [each.state_dict() for each in self._schedules],
        }
        layers = [each for each in run.model.modules() if hasattr(each, "reset_parameters")]
        draws: list[Any] = [layer.reset_parameters for layer in layers]
        self._draws = draws if self.start is None else [partial(self.start, run.model)]
        none = f"no layer of {run.model._where()} has reset_parameters(): give Restarts start="
        require(self._draws, none, TypeError)

    def before_epoch(self, run: Run) -> None:
        if run.epoch and run.epoch % self.every == 0:
            run.model.load_state_dict(self.first["model"])
            run.optimizer.load_state_dict(self.first["optimizer"])
            for each, first in zip(self._schedules, self.first["schedules"], strict=True):
                each.load_state_dict(first)
            for draw in self._draws:
                draw()

    def after_epoch(self, run: Run) -> None:
        if run.epoch % self.every == 0:
            self.improves(run)


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
        wrong = misclassified(run.model, data.inputs, data.labels)
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
    weight by normal noise.

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
