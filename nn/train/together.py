"""One training by many processes: each takes its part of every batch, and the gradients meet."""

from __future__ import annotations

import pickle
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, is_foreign
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.random_state import restore, state_of

from ..init import generator
from .metrics import Sums
from .run import Callback, Run


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
