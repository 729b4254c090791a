"""What each system needs in memory: the peak of a new process, and what a replayed step allocates.

`python -m tests.benchmarks.memory SYSTEM` trains with one system alone, and prints its peaks.
"""

import dataclasses
import gc
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np

from . import by_hand, dense, functional
from .timing import (
    AUTOGRAD,
    BY_HAND,
    EAGER,
    JAX,
    MYGRAD,
    PYTORCH,
    REPLAYED,
    LeftOutError,
    Run,
)

SETTINGS = {
    "2-2-2 network, batch 1": dense.Setting((2, 2, 2), 1),
    "784-256-256-10, batch 128": dense.DROPOUT,
    "784-256-256-10, batch 4,096": dataclasses.replace(dense.DROPOUT, batch=4096),
}
SYSTEMS = {
    REPLAYED: dense.replayed,
    EAGER: dense.eager,
    BY_HAND: by_hand.any_depth,
    PYTORCH: dense.pytorch,
    JAX: functional.jax,
    AUTOGRAD: functional.autograd,
    MYGRAD: functional.mygrad,
}
STATUS = Path("/proc/self/status")


def peak() -> float:
    """The most memory that this process ever had, in MB. (Linux's getrusage() reports something
    else: it continues the count of the process that started this one.)
    """
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def peaks_alone(system: str) -> list[float]:
    """The peaks of a new process that trains with one system, after each of the settings."""
    if not STATUS.exists():
        raise LeftOutError("this system does not report how much memory a process used")
    command = [sys.executable, "-m", __spec__.name, system]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise LeftOutError(ended.stderr.strip().splitlines()[-1])
    return json.loads(ended.stdout)


def peaks_here(system: str) -> list[float]:
    found = []
    for setting in SETTINGS.values():
        run = dense.steps(SYSTEMS[system], setting)
        for _ in range(10):
            run()
        found.append(peak())
    return found


def allocated(run: Run) -> int:
    """The most bytes that a line of a step takes beyond what stays, once the first steps are done.

    NumPy's loops are not counted: each takes about a kilobyte, and buffers for what it broadcasts
    or converts, which are as small as possible while this is measured.
    """
    for _ in range(20):
        run()
    matrix, row = np.ones((100, 100), np.float32), np.ones(100, np.float32)
    usual = np.setbufsize(16)  # entries
    try:
        loop = _most_in_a_line(lambda: [np.add(matrix, row, out=matrix)])
        return max(0, _most_in_a_line(run) - loop)
    finally:
        np.setbufsize(usual)


def _most_in_a_line(run: Run) -> int:
    start = most = 0

    def trace(frame, event, _):
        nonlocal start, most
        now, peak = tracemalloc.get_traced_memory()
        only_for_tracing = sys.getsizeof(frame) if event == "call" else 0
        most = max(most, peak - start - only_for_tracing)
        start = now
        tracemalloc.reset_peak()
        return trace

    gc.collect()
    tracing = sys.gettrace()
    tracemalloc.start()
    sys.settrace(trace)
    try:
        run()  # also creates what Python needs for tracing
        start, most = sys.maxsize, 0
        run()
    finally:
        sys.settrace(tracing)
        tracemalloc.stop()
    return most


if __name__ == "__main__":
    print(json.dumps(peaks_here(sys.argv[1])))
