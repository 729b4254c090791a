"""The time of a training step by as many processes as run this, and of many on paper.

mpiexec -n 2 python -m tests.benchmarks.together            # LeNet-5, a batch of 512, in two parts
python -m tests.benchmarks.together --batch 256             # one process on one part alone
python -m tests.benchmarks.together --paper                 # how many times as fast 2 to 64 are

On paper a step takes the processor time of a part, measured, with all the work on the message, and
its way: twice the gradient through the link, and twice log₂ of the processes a latency.
"""

import argparse
from collections.abc import Callable
from itertools import pairwise
from math import log2
from statistics import median
from time import perf_counter, process_time

import numpy as np

import nn

ROUNDS, STEPS = 3, 8
LINKS = {"10 Gb/s": (1.25e9, 30e-6), "100 Gb/s": (12.5e9, 3e-6)}  # bytes a second, and a latency
COUNTS = (2, 4, 8, 16, 32, 64)


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
        nn.Linear(84, 10),
    )  # fmt: skip


def dense(*sizes: int) -> nn.Module:
    layers = [part for pair in pairwise(sizes) for part in (nn.ReLU(), nn.Linear(*pair))]
    return nn.Sequential(nn.Flatten(), *layers[1:])


WORKS = {
    "LeNet-5": (lenet, 512),
    "784-100-10": (lambda: dense(784, 100, 10), 4096),
    "4 × 1,024": (lambda: dense(784, 1024, 1024, 1024, 1024, 10), 4096),
}


class Alone:
    """A communicator of one process that says it is the first of many."""

    def __init__(self, size: int) -> None:
        self.Get_size, self.Get_rank = lambda: size, lambda: 0
        self.Barrier, self.bcast, self.allgather = lambda: None, lambda x: x, lambda x: [x]

    def Allreduce(self, sent: np.ndarray, found: np.ndarray) -> None:
        found[...] = sent


def seconds_of_a_step(comm, make: Callable, batch: int, clock: Callable = perf_counter) -> float:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(STEPS * batch, 1, 28, 28)).astype(np.float32)
    data = nn.data.Data(images, rng.integers(0, 10, len(images)))
    model = make().astype(np.float32)
    sgd, times = nn.optim.SGD(model.parameters(), lr=0.01), []
    for _ in range(ROUNDS + 1):  # the first one warms up
        comm.Barrier()
        start = clock()
        nn.fit(
            model, data, loss=nn.CrossEntropyLoss(), optimizer=sgd, epochs=1, batch_size=batch,
            seed=0, progress=False, callbacks=[nn.Together(comm)],
        )  # fmt: skip
        comm.Barrier()
        times.append((clock() - start) / STEPS)
    return median(times[1:])


def on_paper() -> None:
    print("| processes | |", *(f"{count} |" for count in COUNTS))
    print(f"|---|---|{'---:|' * len(COUNTS)}")
    for name, (make, batch) in WORKS.items():
        weights = sum(p.size for p in make().parameters())
        parts = {n: seconds_of_a_step(Alone(n), make, batch, process_time) for n in (1, *COUNTS)}
        title = f"{name}, {weights:,} weights, batch {batch:,}: {1e3 * parts[1]:.0f} ms"
        for link, (speed, latency) in LINKS.items():
            ways = {n: 2 * 4 * weights / speed + 2 * log2(n) * latency for n in COUNTS}
            times = [parts[1] / (parts[n] + way) for n, way in ways.items()]
            print(f"| {title} | {link} |", *(f"{faster:.2g} |" for faster in times), flush=True)
            title = ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--paper", action="store_true")
    options = parser.parse_args()
    if options.paper:
        on_paper()
    else:
        from mpi4py import MPI

        world = MPI.COMM_WORLD
        taken = seconds_of_a_step(world, lenet, options.batch)
        if not world.rank:
            print(
                f"{world.size} process(es): {1e3 * taken:.1f} ms a step of {options.batch} images"
            )
