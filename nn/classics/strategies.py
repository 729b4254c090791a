"""Ways to train besides following the gradient: start again, jump, look at mistakes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradnd import no_grad

from ..init import generator
from ..module import Module
from ..optim import Optimizer


class Restarts(NamedTuple):
    """The best of several models, its number, and the cost of each on held-out data."""

    model: Any
    best: int
    costs: list[float]


def random_restarts(
    build: Callable[[], Any],
    train: Callable[[Any], Any],
    held_out_cost: Callable[[Any], Any],
    restarts: int = 5,
) -> Restarts:
    """Train from several random starts, and keep the model with the least cost on held-out data.

    Gradient descent ends in a valley near its start: which one is good only other data can tell.
    Of an accuracy hand over `1 - accuracy`.

    >>> import numpy as np
    >>> from nn.classics.strategies import random_restarts
    >>> starts = iter([3.0, -2.0, 0.5])
    >>> random_restarts(lambda: [next(starts)], lambda model: None, lambda model: abs(model[0]), 3)
    Restarts(model=[0.5], best=2, costs=[3.0, 2.0, 0.5])
    """
    if restarts < 1:
        raise ValueError(f"there must be at least one start, not {restarts}")
    best, kept, costs = 0, None, list[float]()
    for number in range(restarts):
        model = build()
        train(model)
        with no_grad():
            costs.append(_number(held_out_cost(model)))
        if kept is None or costs[number] < costs[best] or np.isnan(costs[best]):
            best, kept = number, model
    return Restarts(kept, best, costs)


class Attempt(NamedTuple):
    """A step that was tried: the cost before and after it, and whether it was kept."""

    before: float
    after: float
    accepted: bool


class StepOrJump:
    """Accept a step of the optimiser only if the cost fell; else take it back, and perturb every
    weight by normal noise with the standard deviation `scale`.

    `step` is given the cost as a function without arguments, which must give the same for the same
    weights: no dropout, and the same examples.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from nn.optim import SGD
    >>> from nn.classics.strategies import StepOrJump
    >>> w = Tensor([3.0], requires_grad=True)
    >>> strategy = StepOrJump(SGD([w], lr=0.1))
    >>> attempt = strategy.step(lambda: np.sum(w * w))
    >>> attempt.accepted, attempt.before > attempt.after
    (True, True)
    """

    def __init__(self, optimizer: Optimizer, scale: float = 0.01) -> None:
        if not scale >= 0:
            raise ValueError(f"the scale of a perturbation is 0 or more, not {scale}")
        self.optimizer, self.scale = optimizer, scale

    def step(self, cost: Callable[[], Any]) -> Attempt:
        """Try a step down the gradient of the cost."""
        self.optimizer.zero_grad()
        loss = cost()
        loss.backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        kept = [p.numpy() for p in parameters]  # a step overwrites no array
        self.optimizer.step()
        with no_grad():
            before, after = _number(loss), _number(cost())
        accepted = after < before
        if not accepted:
            for p, values in zip(parameters, kept, strict=True):
                noise = generator.standard_normal(p.shape).astype(p.dtype)
                p.hold(np.asarray(values + self.scale * noise))
        return Attempt(before, after, accepted)


def misclassified(model: Module, x: Any, y: Any, threshold: float = 0.5) -> np.ndarray[Any, Any]:
    """The positions of the examples that the model gets wrong, to train on these alone.

    Labels are numbers of classes or one-hot rows. Of several outputs the largest counts; a single
    output means class 1 above the threshold.

    >>> import numpy as np
    >>> from nn.containers import Sequential
    >>> from nn.classics.strategies import misclassified
    >>> x = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> misclassified(Sequential(), x, [0, 1, 1])
    array([2])
    """
    with no_grad():
        outputs = _array(model(x))
    targets = _array(y)
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    found = np.argmax(outputs, axis=1) if outputs.ndim == 2 else outputs > threshold
    if targets.ndim == 2:
        targets = np.argmax(targets, axis=1) if targets.shape[1] > 1 else targets[:, 0]
    if targets.shape != found.shape:
        raise ValueError(f"{len(found)} outputs need as many labels, found shape {np.shape(y)}")
    return np.flatnonzero(found != targets)


def _number(value: Any) -> float:
    return float(value.item() if hasattr(value, "item") else value)


def _array(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
