"""Many independent runs: one after the other, or in the processes of an executor."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import numpy as np

from microgradnd import set_default_dtype
from microgradnd.late import needed
from microgradnd.random_state import Snapshot

from ..init import generator, manual_seed, zeros


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
    before = Snapshot([generator])
    try:
        with _one_thread(caller is not None), set_default_dtype(dtype):
            manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))
            return function(*arguments)
    finally:
        before.restore()


def _one_thread(required: bool) -> Any:
    if not required and find_spec("threadpoolctl") is None:
        return nullcontext()
    what = "an executor's runs need threadpoolctl"
    return needed("threadpoolctl", what, '"microgradnd[cores]"').threadpool_limits(1, "blas")
