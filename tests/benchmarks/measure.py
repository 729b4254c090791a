"""All measurements with a number of threads, in this process, written to a file.

Libraries read their number of threads when they are imported, so `__main__` starts this file with
the environment that they need.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microgradnd.memory import keep_freed_memory

from . import chain, growth, memory
from .timing import (
    COMPILED,
    EAGER,
    MICROGRAD,
    PYTORCH,
    REPLAYED,
    Work,
    alternate,
    check_agreement,
    set_up,
)
from .works import WORKS

DURATION, QUICK = 6.0, 0.7  # seconds for a work, without its setup


def measured(work: Work, duration: float, quick: bool) -> tuple[dict[str, Any], list[str]]:
    """The times of each system, what a replayed step allocates, and which systems are missing."""
    systems = dict(work.systems)
    missing = []
    if quick and systems.pop(COMPILED, None):
        missing.append(f"{COMPILED} is left out of --quick: it compiles for minutes")
    runs, left_out = set_up(systems)
    check_agreement(runs)
    times = alternate(runs, duration)
    times = {name: [t / work.operations for t in rounds] for name, rounds in times.items()}
    steady = work.steady and REPLAYED in runs
    allocated = memory.allocated(runs[REPLAYED]) if steady else None
    return {"times": times, "allocated": allocated}, missing + left_out


def versions() -> str:
    """What was measured, and where: each library that has been imported so far."""
    from threadpoolctl import threadpool_info

    libraries = ("numpy", "torch", "jax", "autograd", "mygrad", "micrograd")
    found = [f"{name} {version(name)}" for name in libraries if name in sys.modules]
    found += [
        f"{b['internal_api']} for {b['architecture']}"
        for b in threadpool_info()
        if "architecture" in b
    ]
    machine = f"{os.cpu_count()} CPUs: {_processor()}"
    return ", ".join([machine, f"Python {platform.python_version()}", *found])


def _processor() -> str:
    """Its name, where the system reports it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    single = options.threads == 1
    duration = QUICK if options.quick else DURATION

    keep_freed_memory()
    results: dict[str, Any] = {"works": {}, "growth": {}}
    missing: list[str] = []
    works = [work for work in WORKS if single or work.threads]
    for work in works[:4] if options.quick and not single else works:
        print(f"... {work.title}, {options.threads} threads", file=sys.stderr)
        results["works"][work.title], left_out = measured(work, duration, options.quick)
        missing += left_out
    if single or not options.quick:
        print("... growth", file=sys.stderr)
        results["growth"] = growth.grown(duration / 3)
    if single:
        print("... memory", file=sys.stderr)
        nodes, left_out = set_up(
            {
                EAGER: chain.microgradnd_bytes,
                PYTORCH: chain.pytorch_bytes,
                MICROGRAD: chain.micrograd_bytes,
            }
        )
        peaks, without = set_up(
            {name: lambda name=name: memory.peaks_alone(name) for name in memory.SYSTEMS}
        )
        results |= {"nodes": nodes, "peaks": peaks}
        missing += left_out + without
    results |= {"versions": versions(), "missing": missing}
    options.file.write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
