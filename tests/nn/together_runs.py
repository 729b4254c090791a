"""What the tests of `nn.Together` start by `mpiexec -n 2 python -m tests.nn.together_runs NAME`."""

import copy
import hashlib
import itertools
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import nn
from nn.init import generator
from tests.nn.runs import HELD_OUT, MOONS, at, looking, trained

COMM = None  # all processes that mpiexec has started, or threads


class Threads:
    """What `Together` asks of a communicator of MPI, from threads of one process."""

    def __init__(self, size):
        self.size, self._own = size, threading.local()
        self._sent, self._meeting = [None] * size, threading.Barrier(size, timeout=60)

    rank = property(lambda self: self._own.rank)

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size

    def allgather(self, value):
        self._sent[self.rank] = value
        self._meeting.wait()
        found = copy.deepcopy(self._sent)
        self._meeting.wait()
        return found

    def bcast(self, value):
        return self.allgather(value)[0]

    def Allreduce(self, sent, found):
        found[...] = sum(self.allgather(sent))

    def run(self, function, *arguments):
        """What a function returns in the first thread, when all have called it."""

        def call(rank):
            self._own.rank = rank
            try:
                return function(*arguments)
            except BaseException:
                self._meeting.abort()
                raise

        with ThreadPoolExecutor(self.size) as pool:
            first, *_ = pool.map(call, range(self.size))
        return first


def network(kind="", seed=0):
    nn.manual_seed(seed)
    norm = [nn.BatchNorm1d(8)] if "BatchNorm" in kind else []
    dropout = [nn.Dropout(0.2)] if "Dropout" in kind else []
    return nn.Sequential(nn.Linear(2, 8), *norm, nn.Tanh(), *dropout, nn.Linear(8, 2))


def bits(*trees):
    """A number for all that there is in models and histories, but the seconds."""
    parts = [[(k, v.tobytes()) for k, v in tree.items() if k != "seconds"] for tree in trees]
    return hashlib.md5("".join(map(repr, map(sorted, parts))).encode()).hexdigest()


def told(model, history, optimizer=None):
    """What process 0 prints: the end, whether all processes have reached it, and what it is."""
    states = model.state_dict(), history.arrays(), {"random": np.array(generator.random())}
    here = bits(*states)
    return {
        "same": len(set(COMM.allgather(here))) == 1,
        "bits": here,
        "model": {name: np.asarray(array).tolist() for name, array in states[0].items()},
        "metrics": history.metrics, "loss": history.loss, "accuracy": history.accuracy,
        "validation_loss": history.validation_loss, "stopped": history.stopped,
        "validation_accuracy": history.validation_accuracy,
    }  # fmt: skip


def train(kind="", together=True, callbacks=(), **options):
    model = options.pop("model", None) or network(kind)
    options = {"validation": HELD_OUT, "batch_size": 22, "seed": 3, "replay": False, **options}
    if "Stream" in kind:
        options["data"] = list(MOONS.batches(22, shuffle=False))
    every = [*[nn.Together(COMM)] * together, *callbacks]  # 90 examples: 2 in the last batch
    return trained(model, callbacks=every, **options)


def plain(kind, *_):
    """A training with replay and without, and the same without Together."""
    return [told(*train(kind, replay=True)), told(*train(kind)), told(*train(kind, together=False))]


def single(kind, *_):
    """The same in float32, with what `fit` may have besides."""
    options = {
        "clip_norm": 0.1,
        "regulariser": nn.L2(0.1),
        "constraint": nn.MaxNorm(1.0),
        "callbacks": [nn.EarlyStopping(1), nn.OnlyMistakes()],
        "epochs": 5,
        "at_once": 5,
        "metrics": ["f1", "auc"],
    }
    ends = (train(together=each, model=network().astype(np.float32), **options) for each in (1, 0))
    return [told(*end) for end in ends]


def other_starts(*_):
    """Each process has made another model, and goes on as process 0."""
    return told(*train(model=network("BatchNorm", seed=COMM.rank), seed=None))


def by_hand(kind, *_):
    """A loop by hand, each process with every second example, and one parameter that is not used
    here and there."""
    model, together, loss = network(kind), nn.Together(COMM), nn.CrossEntropyLoss()
    unused = nn.Parameter(np.ones(2))
    optimizer = nn.optim.SGD([*model.parameters(), unused], lr=0.1, weight_decay=0.1)
    for x, y in itertools.chain(*(MOONS.batches(15, seed=0) for _ in "123")):
        mine = slice(COMM.rank, None, COMM.size)
        optimizer.zero_grad()
        loss(model(x[mine]), y[mine]).backward()
        count = together.average([*model.parameters(), unused, *model.buffers()], len(y[mine]))
        assert count == len(y)
        assert unused.grad is None
        optimizer.step()
    return told(model, nn.History())


def masks(*_):
    """What dropout leaves out in the first three steps, in each process."""
    seen, model = [], network("Dropout")
    with model[2].register_forward_hook(lambda m, x, y: seen.append((y.numpy() == 0).tolist())):
        train(model=model, epochs=1)
    return COMM.allgather([mask[:10] for mask in seen[:3]])


def nan(*_):
    """The loss of one process is nan in the second step."""
    part = COMM.size - 1

    def loss(outputs, y):
        broken = COMM.rank == part and len(seen) == 2
        return nn.functional.cross_entropy(outputs * (np.nan if broken else 1.0), y)

    seen, model = [], network()
    count = looking(before_epoch=lambda run: seen.append(0), after_step=lambda run: seen.append(1))
    try:
        train(model=model, loss=loss, callbacks=[count])
    except FloatingPointError as error:
        nn.manual_seed(0)
        return {"errors": COMM.allgather(str(error)), **told(model, nn.History())}


def stops(*_):
    """The last process is interrupted, in an epoch; and the first one ends a training."""
    last = COMM.rank == COMM.size - 1
    press = at(3, lambda: last and os.kill(os.getpid(), signal.SIGINT))
    ended = looking(after_epoch=lambda run: COMM.rank == 0 and run.stop("enough"))
    steps = []
    count = looking(end=lambda run: steps.append(run.step))
    results = [told(*train(callbacks=[each, count], epochs=9)) for each in (press, ended)]
    return [COMM.allgather(steps), *results]


def other_data(*_):
    """Each process has other examples: that is refused."""
    train(data=MOONS[:80] if COMM.rank else MOONS[10:])


def resumed(kind, path, step="0"):
    """Dropout and all else, killed after a step, or to its end."""

    def kill():
        if COMM.rank == COMM.size - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    keeper = nn.Checkpoint(path, steps=1)
    optimizer = lambda p: nn.optim.Adam(p, lr=0.02)  # noqa: E731
    options = {"optimizer": optimizer, "checkpoint": keeper, "resume": True, "epochs": 4}
    calls = [nn.EarlyStopping(3), at(int(step), kill)]
    return told(*train("BatchNorm Dropout", callbacks=calls, augment=jittered, **options))


def jittered(x):
    return x + 0.1 * generator.normal(size=x.shape)


if __name__ == "__main__":
    from mpi4py import MPI

    COMM = MPI.COMM_WORLD
    name, *arguments = sys.argv[1:]
    found = globals()[name](*(arguments or [""]))
    if COMM.rank == 0:
        print(json.dumps(found))
