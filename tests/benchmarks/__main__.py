"""Measure the engine against other engines and against NumPy by hand, and print one table.

`--quick` takes fewer rounds, `--save FILE` writes the table as markdown.
"""

import os

# One thread for everybody. The libraries below look here when NumPy is imported.
os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from . import chain, checking, expression, large_array, layers, network, training
from .timing import OURS, Faster, Longer, Row, Run, Slower, Work, keep_freed_memory, set_up

BY_HAND = "NumPy by hand"
HEADINGS = Row("work", "compared with", "ours", "theirs", "ratio", "goal", "met?")
CHAIN = f"chain of {chain.LENGTH:,} scalar operations"
BYTES_PER_NODE = 450


def fresh_import(module: str) -> Run:
    """A new Python that imports the module and ends."""
    command = [sys.executable, "-c", f"import {module}"]

    def run():
        subprocess.run(command, check=True)
        return []

    return run


WORKS = [
    Work(
        f"{expression.OPERATIONS} elementwise operations on 10 entries",
        {
            OURS: expression.microgradnd,
            "PyTorch": expression.pytorch,
            "autograd": expression.autograd,
            "MyGrad": expression.mygrad,
        },
        {"PyTorch": Faster(3), "autograd": Faster(5), "MyGrad": Faster(4)},
        rounds=120,
        calls=30,
    ),
    Work(
        f"{CHAIN}, time of each",
        {OURS: chain.microgradnd, "PyTorch": chain.pytorch, "micrograd": chain.micrograd},
        {"PyTorch": Faster(2.5), "micrograd": Faster(2)},
        rounds=11,
        calls=1,
        operations=chain.LENGTH,
    ),
    Work(
        f"sum(tanh(x) * x) of {large_array.SIZE:,} entries",
        {
            OURS: large_array.microgradnd,
            BY_HAND: large_array.numpy_by_hand,
            "autograd": large_array.autograd,
            "MyGrad": large_array.mygrad,
        },
        {BY_HAND: Slower(1.3), "autograd": Faster(1), "MyGrad": Faster(1)},
        rounds=40,
        calls=1,
    ),
    Work(
        "784-30-10 network, a step, spelled out",
        {
            OURS: network.microgradnd_spelled_out,
            BY_HAND: network.numpy_by_hand,
            "PyTorch": network.pytorch_spelled_out,
        },
        {BY_HAND: Slower(2.2), "PyTorch": Faster(3)},
        rounds=120,
        calls=30,
    ),
    Work(
        "784-30-10 network, a step, with primitives",
        {
            OURS: network.microgradnd_with_primitives,
            BY_HAND: network.numpy_by_hand,
            "PyTorch": network.pytorch_with_its_own,
        },
        {BY_HAND: Slower(1.4), "PyTorch": Faster(4.5)},
        rounds=120,
        calls=30,
    ),
    Work(
        f"LeNet-5, batch of {layers.IMAGES}, a step of SGD",
        {OURS: layers.lenet_microgradnd, "PyTorch": layers.lenet_pytorch},
        {"PyTorch": Slower(1.2)},
        rounds=60,
        calls=10,
    ),
    Work(
        f"LSTM {layers.INPUTS}-{layers.HIDDEN}, {layers.STEPS} steps, batch of {layers.EXAMPLES}, "
        "there and back",
        {OURS: layers.lstm_microgradnd, "PyTorch": layers.lstm_pytorch},
        {"PyTorch": Slower(1.5)},
        rounds=60,
        calls=10,
    ),
    Work(
        "784-30-10 sigmoid, quadratic cost, batch 10, SGD: a step with nn",
        {
            OURS: training.sigmoid_ours,
            BY_HAND: training.sigmoid_by_hand,
            "PyTorch": training.sigmoid_pytorch,
        },
        {BY_HAND: Slower(1.4), "PyTorch": Faster(4.5)},
        rounds=80,
        calls=30,
    ),
    Work(
        "784-100-10 ReLU, cross-entropy, batch 64, Adam: a step with nn",
        {
            OURS: lambda: training.ours(training.RELU),
            BY_HAND: training.relu_by_hand,
            "PyTorch": lambda: training.pytorch(training.RELU),
        },
        {BY_HAND: Slower(1), "PyTorch": Faster(1.5)},
        rounds=40,
        calls=20,
    ),
    Work(
        "784-256-256-10 ReLU, dropout, batch 128, Adam: a step with nn",
        {
            OURS: lambda: training.ours(training.DROPOUT),
            "PyTorch": lambda: training.pytorch(training.DROPOUT),
        },
        {"PyTorch": Faster(1)},
        rounds=30,
        calls=10,
    ),
    Work(
        "micrograd's demo: two moons, 2-16-16-1, 100 points, a step",
        {OURS: training.moons_ours, "micrograd": training.moons_micrograd},
        {"micrograd": Faster(1000)},
        rounds=7,
        calls=1,
    ),
    Work(
        "gradcheck of a 10-20-20-3 network",
        {OURS: checking.microgradnd, "PyTorch": checking.pytorch},
        {"PyTorch": Faster(1)},
        rounds=11,
        calls=1,
    ),
    Work(
        "import in a new process",
        {OURS: lambda: fresh_import("microgradnd"), "NumPy": lambda: fresh_import("numpy")},
        {"NumPy": Longer(30)},
        rounds=25,
        calls=1,
    ),
    Work(
        "import of nn in a new process",
        {OURS: lambda: fresh_import("nn"), "NumPy": lambda: fresh_import("numpy")},
        {"NumPy": Longer(40)},
        rounds=25,
        calls=1,
    ),
]


def memory() -> tuple[list[Row], list[str]]:
    """Bytes per node of the chain. Ours has the goal; the peers are there to be seen."""
    found, missing = set_up(
        {
            OURS: chain.microgradnd_bytes,
            "PyTorch": chain.pytorch_bytes,
            "micrograd": chain.micrograd_bytes,
        }
    )
    ours = found.pop(OURS)
    met = "yes" if ours < BYTES_PER_NODE else "no"
    title, spelled = f"{CHAIN}, memory of each", f"{ours:.0f} B"
    rows = [Row(title, "-", spelled, "-", "-", f"below {BYTES_PER_NODE} B", met)]
    for peer, theirs in found.items():
        rows.append(
            Row(title, peer, spelled, f"{theirs:.0f} B", f"{theirs / ours:.2f}x less", "-", "-")
        )
    return rows, missing


def measure(quick: bool) -> tuple[list[Row], list[str]]:
    """All the rows, and a line for each system that is not installed."""
    rows, missing = [], []
    for work in WORKS:
        print(f"... {work.title}", file=sys.stderr)
        measured, left_out = work.measure(quick)
        rows += measured
        missing += left_out
    measured, left_out = memory()
    return rows + measured, [*dict.fromkeys(missing + left_out)]


def markdown(rows: list[Row]) -> str:
    """The rows as a table that reads well as plain text too."""
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    rule = Row._make("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (HEADINGS, rule, *rows)
    )


def versions() -> str:
    """What was measured: Python, and each library that has been imported by now."""
    libraries = ("numpy", "torch", "autograd", "mygrad", "micrograd")
    found = [f"{name} {version(name)}" for name in libraries if name in sys.modules]
    return ", ".join([f"Python {platform.python_version()}", *found])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the table as markdown")
    options = parser.parse_args()

    keep_freed_memory()
    with contextlib.suppress(ModuleNotFoundError):
        import torch

        torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as bytecode:  # so that no import has to compile first
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        rows, missing = measure(options.quick)

    how = "One thread; medians of the rounds, in each of which the systems take turns."
    report = "\n".join([markdown(rows), "", versions(), how, *missing])
    print(report)
    if options.save:
        options.save.write_text(report + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
