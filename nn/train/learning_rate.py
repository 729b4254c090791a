"""Finding a learning rate: a short training in which the rate rises until the loss explodes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain, count
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import ArrayLike
from microgradnd.habits import at_least, require
from microgradnd.random_state import Snapshot

from ..data import Data
from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .evaluation import dtype_of
from .history import RateTest


def find_learning_rate(
    model: Module,
    data: Data | tuple[ArrayLike, ArrayLike],
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> RateTest:
    """Trains for some steps with a rate that rises from step to step, and puts everything back.

    The loss is smoothed; the test ends where it is four times its least value.

    Arguments:
        lowest, highest: rates of the first and the last step, evenly spaced on a logarithmic axis.
        steps: number of steps, one batch each.

    >>> import nn
    >>> _ = nn.manual_seed(0)
    >>> model = nn.Linear(2, 2)
    >>> sgd = nn.optim.SGD(model.parameters(), lr=0.1)
    >>> test = find_learning_rate(model, nn.data.moons(200, seed=0), loss=nn.CrossEntropyLoss(),
    ...                           optimizer=sgd)
    >>> 0.01 < test.best < 10, sgd.param_groups[0]["lr"]
    (True, 0.1)
    """
    at_least(2, steps=steps)
    rising = f"expected 0 < lowest < highest, got {lowest} and {highest}"
    require(0 < lowest < highest, rising)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    random = Snapshot([generator])
    batches = Data.of(data, dtype_of(model)).batches(batch_size)
    smooth, losses = 0.0, list[float]()
    rates = np.geomspace(lowest, highest, steps)
    endless = chain.from_iterable(batches.epoch() for _ in count())
    try:
        for number, (rate, (x, y)) in enumerate(zip(rates, endless, strict=False), 1):
            for group in optimizer.param_groups:
                group["lr"] = float(rate)
            cost = loss(model(Tensor(x, copy=False)), y)
            smooth = 0.9 * smooth + 0.1 * cost.item()
            losses.append(smooth / (1 - 0.9**number))
            if not np.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
                losses.pop()
                break
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
    finally:
        model.load_state_dict(before[0])
        optimizer.load_state_dict(before[1])
        optimizer.zero_grad()
        random.restore()
    return RateTest(rates[: len(losses)], np.array(losses), rates[np.argmin(losses)].item() / 10)
