"""Ways to train besides following the gradient: jump, and train on mistakes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from microgradnd import no_grad
from microgradnd.habits import at_least
from microgradnd.operators import beside, plain

from ..init import generator
from ..optim import Optimizer
from .evaluation import misclassified
from .run import Callback, Run


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
