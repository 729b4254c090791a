"""A long chain of scalar operations: what a node costs, in time and in memory."""

import gc
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from microgradnd import Tensor

LENGTH = 100_000


def grown(w: Any) -> Any:
    for _ in range(LENGTH):
        w = w * 1.0001
    return w


def there_and_back(new_leaf: Callable[[], Any]) -> list[Any]:
    leaf = new_leaf()
    grown(leaf).backward()  # most graphs are freed here, with their heads;
    gc.collect()  # those with cycles are freed here
    return [leaf.grad]


def microgradnd_leaf() -> Any:
    return Tensor(1.0, requires_grad=True)


def microgradnd():
    return lambda: there_and_back(microgradnd_leaf)


def pytorch():
    import torch

    def leaf():
        return torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    return lambda: there_and_back(leaf)


def micrograd():
    from micrograd.engine import Value

    # Its backward() calls itself once per node, so it runs in a thread with a stack for that.
    sys.setrecursionlimit(10 * LENGTH)

    def run():
        usual = threading.stack_size(512 * 2**20)
        try:
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(there_and_back, lambda: Value(1.0)).result()
        finally:
            threading.stack_size(usual)

    return run


# ---- bytes per node, after the forward pass ------------------------------------------------------


def traced_bytes(leaf: Any) -> float:
    """The bytes that Python's allocator gives to a node; memory allocated in C++ is not counted."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        head = grown(leaf)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del head
    return (after - before) / LENGTH


def microgradnd_bytes() -> float:
    return traced_bytes(microgradnd_leaf())


def micrograd_bytes() -> float:
    from micrograd.engine import Value

    return traced_bytes(Value(1.0))


RESIDENT = """
import resource, torch
from tests.benchmarks.chain import LENGTH, grown

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

leaf = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
leaf * 1.0001
before = resident()
head = grown(leaf)
print((resident() - before) / LENGTH)
"""


def pytorch_bytes() -> float | None:
    """How much a new process grows, where the system reports it."""
    import torch  # noqa: F401  (where it is missing, it is reported like any other peer)

    if not Path("/proc/self/statm").exists():
        return None
    command = [sys.executable, "-c", RESIDENT]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
