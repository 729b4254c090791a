"""Many independent runs: one after the other, or in the processes of an executor."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar

import numpy as np

from microgradnd import no_grad, set_default_dtype
from microgradnd.habits import at_least
from microgradnd.late import needed
from microgradnd.operators import plain
from microgradnd.random_state import Snapshot

from ..init import generator, manual_seed, zeros

M = TypeVar("M")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, the generator of `nn` has this seed; after, it goes on as before."""
    before = Snapshot([generator])
    manual_seed(seed)
    try:
        yield
    finally:
        before.restore()


def run_each(
    function: Callable[..., Any], settings: Iterable[Any], executor: Any = None
) -> list[Any]:
    """Calls a function with each of these settings, and returns the results in their order: here,
    or in the processes of an executor, with the same bits.

    Each call has a seed of its own, drawn from the generator of `nn`, and one thread of BLAS, for
    the same bits everywhere: that takes threadpoolctl, which an executor requires.

    Arguments:
        function: a run, such as a training; processes must find it in a module (loky and Dask also
            take functions that are made on the spot).
        settings: what it is called with: a tuple of arguments, or a single one.
        executor: a `concurrent.futures.Executor` of processes: a ProcessPoolExecutor, one of loky,
            `client.get_executor()` of dask.distributed, or an MPIPoolExecutor of mpi4py.

    >>> run_each(lambda x, y: x + y, [(1, 2), (3, 4)])
    [3, 7]
    """
    root, dtype, caller = int(generator.integers(1 << 62)), zeros().dtype, _process()
    calls = (
        (function, each if isinstance(each, tuple) else (each,), (root, number), dtype)
        for number, each in enumerate(settings)
    )
    if executor is not None:
        waiting = [executor.submit(_call, *call, caller) for call in calls]
        return [each.result() for each in waiting]
    return [_call(*call) for call in calls]


def _process() -> tuple[str, int]:
    return platform.node(), os.getpid()


def _call(
    function: Any, arguments: Any, seed: Any, dtype: Any, caller: tuple[str, int] | None = None
) -> Any:
    if caller == _process():
        raise TypeError("expected an executor of processes, got one of threads: these gain nothing")
    own = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    with _one_thread(caller is not None), set_default_dtype(dtype), seeded(own):
        return function(*arguments)


def _one_thread(required: bool) -> Any:
    if not required and find_spec("threadpoolctl") is None:
        return nullcontext()
    what = "an executor's runs need threadpoolctl"
    return needed("threadpoolctl", what, '"microgradnd[cores]"').threadpool_limits(1, "blas")


class BestStart(NamedTuple):
    """The best of several models, its number, and the cost of each on held-out data."""

    model: Any
    best: int
    costs: list[float]


def random_restarts(
    build: Callable[[], M],
    train: Callable[[M], Any],
    held_out_cost: Callable[[M], Any],
    restarts: int = 5,
    executor: Any = None,
) -> BestStart:
    """Train from several random starts, and keep the model with the least cost on held-out data.

    Arguments:
        build: makes a model with new random weights.
        train: trains it.
        held_out_cost: its cost on held-out data; for an accuracy return `1 - accuracy`.
        restarts: how many starts.
        executor: processes that run them side by side, as for `nn.run_each`.

    >>> starts = iter([3.0, -2.0, 0.5])
    >>> random_restarts(lambda: [next(starts)], lambda model: None, lambda model: abs(model[0]), 3)
    BestStart(model=[0.5], best=2, costs=[3.0, 2.0, 0.5])
    """
    at_least(1, restarts=restarts)
    ends = run_each(_trained, [(build, train, held_out_cost)] * restarts, executor)
    costs = [cost for _, cost in ends]
    best = min(range(restarts), key=lambda n: math.inf if math.isnan(costs[n]) else costs[n])
    return BestStart(ends[best][0], best, costs)


def _trained(
    build: Callable[[], M], train: Callable[[M], Any], held_out_cost: Callable[[M], Any]
) -> tuple[M, float]:
    model = build()
    train(model)
    with no_grad():
        return model, float(plain(held_out_cost(model)))
