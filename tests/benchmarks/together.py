"""The time of a step of LeNet-5 by as many processes as run this.

mpiexec -n 2 python -m tests.benchmarks.together            # a batch of 512, in two parts
python -m tests.benchmarks.together --batch 256             # one process on one part alone
"""

import argparse
from statistics import median
from time import perf_counter

import numpy as np

import nn

EXAMPLES, ROUNDS = 2048, 5


def seconds_of_a_step(comm, batch: int) -> float:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(EXAMPLES, 1, 28, 28)).astype(np.float32)
    data = nn.data.Data(images, rng.integers(0, 10, EXAMPLES))
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
        nn.Linear(84, 10),
    ).astype(np.float32)  # fmt: skip
    sgd, times = nn.optim.SGD(model.parameters(), lr=0.01), []
    for _ in range(ROUNDS + 1):  # the first one warms up
        comm.Barrier()
        start = perf_counter()
        nn.fit(
            model, data, loss=nn.CrossEntropyLoss(), optimizer=sgd, epochs=6, batch_size=batch,
            seed=0, progress=False, callbacks=[nn.Together(comm)],
        )  # fmt: skip
        comm.Barrier()
        times.append((perf_counter() - start) / (6 * EXAMPLES // batch))
    return median(times[1:])


if __name__ == "__main__":
    from mpi4py import MPI

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    world = MPI.COMM_WORLD
    taken = seconds_of_a_step(world, options.batch)
    if not world.rank:
        print(f"{world.size} process(es): {1e3 * taken:.1f} ms a step of {options.batch} images")
