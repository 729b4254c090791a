"""Run every experiment, each in a process of its own, and write the table of their results.

python notebooks/experiments/all.py --mnist FOLDER    # hours: all of MNIST
python notebooks/experiments/all.py                   # the table alone, from results/
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiment import RESULTS, shown

HERE = Path(__file__).parent
HELPERS = {"all", "experiment"}


def run_all(mnist: Path) -> None:
    """Run every script beside this one, in the order of their names."""
    for script in sorted(HERE.glob("*.py")):
        if script.stem not in HELPERS:
            print(f"\n{script.stem}", flush=True)
            subprocess.run([sys.executable, script, "--mnist", mnist], check=True)


def table() -> str:
    """All results as a page of Markdown."""
    parts = [HEAD]
    for file in sorted(RESULTS.glob("*.json")):
        parts.append(_section(file.stem, json.loads(file.read_text(encoding="utf-8"))))
    return "\n\n".join(parts) + "\n"


HEAD = """# The course's experiments, measured

Written by `python notebooks/experiments/all.py` from `results/`. A number with a range is the median of
several seeds, with the smallest and the largest. Each script's first lines say what it is about."""


def _section(name: str, results: dict[str, Any]) -> str:
    rows = results["rows"]
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("what", "goal")))
    last = ["goal"] if any("goal" in row for row in rows) else []
    lines = [_line(["", *(column.replace("_", " ") for column in columns), *last])]
    lines.append(_line(["---"] * (1 + len(columns) + len(last))))
    for row in rows:
        values = [shown(column, row[column]) if column in row else "" for column in columns]
        lines.append(_line([row["what"], *values, *(row.get(key, "") for key in last)]))
    figures = "\n".join(f"![{name}](results/{figure})" for figure in results["figures"])
    made = f"`{results['command']}`, {results['seconds']:.0f} s on {results['machine']}"
    return f"## {name.replace('_', ' ')}\n\n{made}\n\n" + "\n".join(lines) + f"\n\n{figures}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="the four files of MNIST")
    options = parser.parse_args()
    if options.mnist is not None:
        run_all(options.mnist.resolve())
    (HERE / "README.md").write_text(table(), encoding="utf-8")
