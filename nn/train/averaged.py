"""Averages of a model's weights over the steps of a training: `nn.optim.swa_utils`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from microgradnd.arrays import Array, on_host
from microgradnd.habits import require
from microgradnd.operators import beside

from ..init import misfits
from ..module import Module, Parameter

Average = Callable[[Any, Any, int], Any]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Returns an average that fades: a function of the average so far, the parameter, and how many
    there were.

    >>> get_ema_avg_fn(0.75)(4.0, 8.0, 1)
    5.0
    """
    require(0 <= decay <= 1, f"decay must be from 0 to 1, got {decay}")
    return lambda average, parameter, count: decay * average + (1 - decay) * parameter


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """Returns `get_ema_avg_fn` for lists of arrays, of which it changes the averages.

    >>> averages = [np.array([6.0])]
    >>> get_ema_multi_avg_fn(0.75)(averages, [np.array([10.0])], 1)
    >>> averages
    [array([7.])]
    """
    return _of_lists(get_ema_avg_fn(decay))


def _of_lists(average: Average) -> Callable[..., None]:
    def update(averages: Iterable[Any], parameters: Iterable[Any], count: int) -> None:
        for one, other in zip(averages, parameters, strict=True):
            one[...] = average(one, other, count)

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are the averages of the model's, as often as it is asked.

    Arguments:
        model: the model, which stays as it is.
        avg_fn: an average, as of `get_ema_avg_fn`; the plain one unless given.
        multi_avg_fn: an average of lists of arrays instead.
        use_buffers: whether buffers are averaged also; if not, they are copied.

    >>> from nn import Linear
    >>> model = Linear(1, 1, bias=False)
    >>> average = AveragedModel(model)
    >>> for w in (1.0, 2.0, 6.0):
    ...     model.weight.data[...] = w
    ...     average.update_parameters(model)
    >>> average([1.0]).item()
    3.0
    """

    n_averaged: Array

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Average | None = None,
        multi_avg_fn: Callable[..., None] | None = None, use_buffers: bool = False,
    ) -> None:  # fmt: skip
        found = f"expected a Module, got {type(model).__name__}"
        require(isinstance(model, Module), found, TypeError)
        one = "expected avg_fn or multi_avg_fn, and not both"
        require(avg_fn is None or multi_avg_fn is None, one)
        self.module = copy.deepcopy(model).to("cpu" if device is None else device)
        self.register_buffer("n_averaged", np.array(0, np.int64))
        self.use_buffers = use_buffers
        mean: Average = lambda average, p, count: average + (p - average) / (count + 1)  # noqa: E731
        self._update = multi_avg_fn or _of_lists(avg_fn or mean)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.module(*inputs, **options)

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the averages."""
        held, found = (
            dict[str, Any]([*each.named_parameters(), *each.named_buffers()])
            for each in (self.module, model)
        )
        _, problems = misfits(held, found)
        require(not problems, "\n    ".join(["expected a model like the averaged one:", *problems]))
        news = {name: on_host(value) for name, value in found.items()}
        if count := int(self.n_averaged):
            of = [n for n, v in held.items() if self.use_buffers or isinstance(v, Parameter)]
            averages = [np.array(on_host(held[name])) for name in of]
            self._update(averages, [news[name] for name in of], count)
            news |= zip(of, averages, strict=True)
        for name, value in held.items():
            if isinstance(value, Parameter):
                value.data = news[name]
            else:
                value[...] = beside(news[name], value)
        self.n_averaged += 1
