"""Run every experiment, each in a process of its own, and write the table of their results.

python notebooks/experiments/all.py --mnist FOLDER    # hours: all of MNIST
python notebooks/experiments/all.py --text FOLDER     # minutes: ten plays
python notebooks/experiments/all.py                   # the table alone, from results/

`--workers N` runs N of them at once, and `--cluster ADDRESS` as many as a Dask cluster has workers,
which must see the same folders.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiment import RESULTS, add_processes, processes, shown

from nn import run_each

HERE = Path(__file__).parent

HEAD = """# The course's experiments, measured

`python notebooks/experiments/all.py` writes this page from `results/`, and with `--mnist FOLDER` it
first makes them anew from the four files of MNIST, which takes hours, or with `--text FOLDER` from
`plays.txt`. With `--quick` a script runs for seconds, on data that comes with the project. A number
with a range is the median of several seeds, with the smallest and the largest."""


def run_all(data: str, folder: Path, executor: Any = None) -> None:
    """Run every experiment on these data, in the order of their names."""
    declared = f'@runs_on("{data}")\ndef '
    scripts = [s for s in sorted(HERE.glob("*.py")) if declared + s.stem in s.read_text("utf-8")]
    run_each(run_script, [(script, f"--{data}", folder) for script in scripts], executor)


def run_script(script: Path, *options: Any) -> None:
    """Run one, in a process with one thread: more pay on a quiet machine."""
    print(f"\n{script.stem}", flush=True)
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, script, *options], check=True, env=one_thread)


def page() -> str:
    """All results in Markdown."""
    names = [file.stem for file in sorted(RESULTS.glob("*.json"))]
    contents = [f"- [{_title(name)}](#{name.replace('_', '-')}): {_claim(name)}" for name in names]
    return "\n\n".join([HEAD, "\n".join(contents), *map(_section, names)]) + "\n"


def _section(name: str) -> str:
    results = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    seconds = results["seconds"]
    time = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    made = f"`{results['command']}`: {time} on {results['machine']}."
    figures = [f"![{_title(name)}](results/{figure})" for figure in results["figures"]]
    heading = f"## {_title(name)}"
    return "\n\n".join([heading, _claim(name), *_tables(results["rows"]), *figures, made])


def _tables(rows: list[dict[str, Any]]) -> list[str]:
    """Rows that have a measure in common stand in one table."""
    tables: list[list[dict[str, Any]]] = []
    for row in rows:
        for table in tables:
            if any(_measures(row) & _measures(other) for other in table):
                table.append(row)
                break
        else:
            tables.append([row])
    return [_table(table) for table in tables]


def _table(rows: list[dict[str, Any]]) -> str:
    """A line for each row and a column for each measure, numbers to the right; the goals last."""
    columns = sorted({key: 0 for row in rows for key in row if key != "what"}, key="goal".__eq__)
    lines = [["", *(key.replace("_", " ") for key in columns)]]
    lines.append([":---", *(":---" if key == "goal" else "---:" for key in columns)])
    lines += [[row["what"], *(shown(key, row.get(key, "")) for key in columns)] for row in rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _measures(row: dict[str, Any]) -> set[str]:
    return row.keys() - {"what", "goal"}


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _claim(name: str) -> str:
    """What an experiment shows: the first paragraph of its script."""
    tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="the four files of MNIST")
    parser.add_argument("--text", type=Path, metavar="FOLDER", help="plays.txt")
    add_processes(parser)
    options = parser.parse_args()
    with processes(options) as executor:
        for data in ("mnist", "text"):
            if (folder := getattr(options, data)) is not None:
                run_all(data, folder.resolve(), executor)
    (HERE / "README.md").write_text(page(), encoding="utf-8")
