"""Measure the engine against other engines and against NumPy by hand, and print the tables.

Everything is measured with one thread, and again with two. Each library may use all instructions of
the processor that it knows, whatever the environment says. `--quick` takes fewer rounds, measures
only the first works with two threads, and skips what needs minutes to compile. `--save FOLDER`
keeps what was measured, as JSON under a name with version and machine, and the tables beside it;
`--compare BEFORE AFTER` shows how the ratios of two such files differ.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from microgradnd import __version__

from .report import compared, report

THREADS = (1, 2)
HELD_BACK = (  # settings that keep a library from some of the processor's instructions
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "NPY_DISABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)


def measured(threads: int, quick: bool, folder: Path) -> dict:
    """Returns what `measure` finds in a process whose libraries use this many threads."""
    number, file = str(threads), folder / f"{threads}.json"
    environment = os.environ | {
        **{f"{library}_NUM_THREADS": number for library in ("OMP", "OPENBLAS", "MKL")},
        "NPROC": number,  # for JAX
        "JAX_PLATFORMS": "cpu",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),  # so that no import compiles first
    }
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    for setting in (*HELD_BACK, "PYTHONDONTWRITEBYTECODE"):
        environment.pop(setting, None)
    command = [sys.executable, "-m", "tests.benchmarks.measure", number, str(file)]
    subprocess.run([*command, *["--quick"] * quick], check=True, env=environment)
    return json.loads(file.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep what was measured")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="FILE", help="of two runs")
    options = parser.parse_args()
    if options.compare:
        print(compared(*(json.loads(file.read_text("utf-8")) for file in options.compare)))
        return

    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        passes = {number: measured(number, options.quick, Path(folder)) for number in THREADS}
    text = f"{report(passes)}\n\nMeasured in {(perf_counter() - start) / 60:.1f} minutes.\n"
    print(text)
    if options.save:
        machine = f"{platform.system()}-{platform.machine()}-{os.cpu_count()}-cores".lower()
        file = options.save / f"microgradnd-{__version__}-{machine}.json"
        options.save.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(passes), encoding="utf-8")
        file.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
