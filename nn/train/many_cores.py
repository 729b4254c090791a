"""Beyond one core: many independent runs, one after the other or in the processes of an executor;
and one training by many processes, each with its part of every batch, whose gradients meet."""

from __future__ import annotations

import math
import os
import pickle
import platform
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar

import numpy as np

from microgradnd import Tensor, no_grad, set_default_dtype
from microgradnd.arrays import Array, is_foreign
from microgradnd.habits import at_least, require
from microgradnd.late import needed
from microgradnd.operators import plain
from microgradnd.random_state import Snapshot, restore, state_of

from ..init import generator, manual_seed, zeros
from .metrics import Sums
from .run import Callback, Run

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
    one_thread: Any = nullcontext()
    if caller is not None or find_spec("threadpoolctl"):
        what = "an executor's runs need threadpoolctl"
        blas = needed("threadpoolctl", what, '"microgradnd[cores]"')
        one_thread = blas.threadpool_limits(1, "blas")
    with one_thread, set_default_dtype(dtype), seeded(own):
        return function(*arguments)


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


class Together(Callback):
    """Trains one model by several processes, each of which runs the same script on the same data,
    as `mpiexec -n 4 python train.py` starts them.

    Each process takes its part of every batch; gradients, BatchNorm's statistics and measures are
    averaged in one message. So all have the same model, bit for bit, and that of one process up to
    rounding, but that BatchNorm normalises over a part, and each process draws its own dropout.
    Process 0 says how the run begins, writes the checkpoint, shows the progress, and decides when
    training ends. An error in one process ends all. A loss must be a mean over the examples.

    Arguments:
        comm: a communicator of mpi4py, such as `MPI.COMM_WORLD`; None for this process alone.

    >>> alone = Together(None)           # callbacks=[nn.Together(MPI.COMM_WORLD)] in a script
    """

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank, self.size = comm, 0, 1
        if comm is not None:
            self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.examples = 1  # of this process in the present batch; 1 where it has all of them
        self.cut: Callable[[int, int], slice] = slice if self.size == 1 else self._part
        self._run: Run | None = None
        self._wish = self._ended = False
        if self.size > 1:
            sys.excepthook = partial(self._end_all, sys.excepthook)

    def _end_all(self, report: Any, *error: Any) -> None:
        """After an error here, for which the others would wait for ever."""
        report(*error)
        sys.stderr.flush()
        time.sleep(1)  # what is said must reach the screen first
        self.comm.Abort(1)

    def average(self, parameters: Iterable[Tensor | Array], examples: float = 1) -> float:
        """Replaces every gradient by its mean over all processes, and returns the number of all
        examples: for a loop by hand, between `backward()` and `step()`.

        Arguments:
            parameters: Tensors with gradients, and arrays, such as `model.buffers()`, which are
                averaged in place.
            examples: how many examples the gradients of this process are the mean of.
        """
        return float(self.meet(parameters, examples)[0])

    def meet(
        self, parameters: Iterable[Tensor | Array], examples: float, numbers: Sequence[float] = ()
    ) -> Array:
        """Average, and return the sums over all processes of the examples and of other numbers."""
        own = [examples, *numbers]
        if self.size == 1:
            return np.array(own, float)
        things = [p for p in parameters if isinstance(p, Tensor) or p.dtype.kind in "fc"]
        arrays = [p.grad if isinstance(p, Tensor) else p for p in things]
        there = [array is not None for array in arrays]
        flat = [
            np.zeros(p.size, p.dtype) if array is None else array.ravel()
            for p, array in zip(things, arrays, strict=True)
        ]
        sent = np.concatenate([*flat, there, own, [self._wish]], dtype=np.result_type("f", *things))
        ends = np.cumsum([len(part) for part in (*flat, there)])
        sent[: ends[-1]] *= examples
        found = np.empty_like(sent)
        self.comm.Allreduce(sent, found)
        *means, have, rest = np.split(found, ends)
        for p, mean, has in zip(things, means, have.real != 0, strict=True):
            mean /= rest[0]
            if not isinstance(p, Tensor):
                p[...] = mean.reshape(p.shape)
            elif has:
                p.grad = mean.reshape(p.shape).astype(p.dtype, copy=False)
        self._ended = self._ended or bool(rest[-1].real > 0)
        return rest[:-1].real

    def _part(self, start: int, stop: int) -> slice:
        """The part of this process of a batch. A part has two examples or more, as BatchNorm needs;
        where they do not suffice, some processes repeat another's part, which counts nothing."""
        parts = max(1, min(self.size, (stop - start) // 2))
        number, run = self.rank % parts, self._run
        first, last = (start + (stop - start) * n // parts for n in (number, number + 1))
        self.examples = last - first if number == self.rank else 0
        if self.rank and run is not None:  # other dropout than elsewhere, also when a run goes on
            place = zlib.crc32(pickle.dumps(run._order)), run.step, self.rank
            restore(generator, type(generator.bit_generator)(place).state)
        return slice(first, last)

    def begin(self, run: Run) -> None:
        if self.size == 1:
            return
        ours = not any(is_foreign(plain(parameter)) for parameter in run.model.parameters())
        require(ours, "Together averages NumPy's arrays; use model.to('cpu')", TypeError)
        self._run, self._wish, self._ended = run, False, False
        loss: Any = run.loss
        how, ignored = getattr(loss, "reduction", "mean"), getattr(loss, "ignore_index", None)
        labels = run.batches.labels
        weighted = ignored is not None and (loss.weight is not None or np.any(labels == ignored))
        what = "weights of classes or ignored labels" if weighted else f"reduction={how!r}"
        expected = "Together expects a loss that is a mean over the examples"
        require("mean" in how and not weighted, f"{expected}, got one with {what}")

    def share(self, run: Run) -> None:
        """Begin as process 0 does, which may have read a checkpoint."""
        if self.size > 1:
            state = self.comm.bcast(None if self.rank else run.state())
            if self.rank:
                run.restore(state)

    def ends(self, wish: Any) -> bool:
        """Whether all end now, because one of them was told so."""
        self._wish = bool(wish)
        return self._ended if self.size > 1 else self._wish

    def total(self, sums: Sums) -> Sums:
        """The measures over all processes."""
        if self.size > 1:
            found = np.empty(4)
            self.comm.Allreduce(np.array(sums.numbers(), float), found)
            sums.clear()
            sums.include(found)
        return sums

    def gathered(self, outputs: Array) -> list[Array]:
        """The outputs of all parts of a batch, in its order."""
        mine = outputs if self.examples else outputs[:0]
        return self.comm.allgather(mine) if self.size > 1 else [mine]

    def first(self, words: str) -> str:
        """What the first process says that has something to say."""
        said = self.comm.allgather(words) if self.size > 1 else [words]
        return next(filter(None, said), "")

    def after_epoch(self, run: Run) -> None:
        if self.size > 1:
            mine = run.stopped, run.history, state_of(generator)
            run.stopped, run.history, state = self.comm.bcast(mine)
            restore(generator, state)

    def end(self, run: Run) -> None:
        self.after_epoch(run)  # also where one is not complete
        self._run = None
