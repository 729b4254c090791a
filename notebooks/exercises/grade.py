"""Grade a folder of filled-in notebooks: `python grade.py FOLDER --out results`.

A student is a folder in it, or a notebook that lies in it directly. Writes results.csv, a line for
each student and exercise, and results.html, a table of all.
"""

import argparse
import csv
import html
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

from checks import EXERCISES
from checks.answers import Limits
from checks.exercise import Exercise
from checks.judge import RIGHT, SIGNS, STOPPED, is_as_handed_out, judge

MISSING = "not handed in"
_LARGEST = 20 * 2**20  # bytes of a notebook


class Result(NamedTuple):
    """What one student did with one exercise."""

    student: str
    exercise: str
    title: str
    result: str
    said: str

    @property
    def points(self) -> int:
        """1 if it is right."""
        return int(self.result == RIGHT)


def handed_in(folder: Path) -> dict[str, list[Path]]:
    """The notebooks of each student."""
    students: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            student = inside.parts[0] if len(inside.parts) > 1 else inside.stem
            students.setdefault(student, []).append(path)
    return students


def answers_in(path: Path) -> Iterator[tuple[str, str]]:
    """The names of exercises and the cells that answer them. A notebook is only ever read."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path.name} is larger than {_LARGEST // 2**20} MB: clear its outputs")
    try:
        content = json.loads(path.read_bytes())
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} is not a notebook ({type(error).__name__})") from None
    by_number = {exercise.number: exercise.name for exercise in EXERCISES.values()}
    for cell, source in zip(cells, sources, strict=True):
        metadata = cell.get("metadata")
        number = metadata.get("exercise") if isinstance(metadata, dict) else None
        named = by_number.get(number) if isinstance(number, str) else None
        for name in EXERCISES:
            defined = re.search(rf"^def {name}\b", source, re.MULTILINE)
            if name == named or (named is None and defined):  # a cell that lost its mark
                yield name, source


def grade_student(student: str, paths: list[Path], limits: Limits) -> list[Result]:
    """All exercises of one student. Where one was written in several cells, the last is graded."""
    cells: dict[str, str] = {}
    unread = []
    for path in paths:
        try:
            for name, cell in answers_in(path):
                if name not in cells or not is_as_handed_out(EXERCISES[name], cell):
                    cells[name] = cell
        except (ValueError, OSError) as error:  # noqa: PERF203
            unread.append(str(error))
    return [
        _graded(student, exercise, cells.get(exercise.name), unread, limits)
        for exercise in EXERCISES.values()
    ]


def _graded(
    student: str, exercise: Exercise, cell: str | None, unread: list[str], limits: Limits
) -> Result:
    result, said = MISSING, tuple(unread)
    if cell is not None:
        try:
            _, result, said = judge(exercise, cell, limits)
        except Exception as error:  # a fault of the check must not cost the others their results
            result, said = STOPPED, (f"the check failed, please look yourself: {error!r}",)
    text, title = _sound("\n".join(said)), exercise.words.title
    return Result(_sound(student), exercise.number, title, result, text)


def _sound(text: str) -> str:
    """The text in which what is not a character, such as half of one, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_csv(path: Path, results: Iterable[Result]) -> None:
    """A line for each student and exercise, marked as UTF-8, without which Excel spoils names."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["student", "exercise", "title", "result", "points", "said"])
        for r in results:
            table.writerow(map(_inert, (*r[:4], r.points, r.said)))


def _inert(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(value)
    return "'" + text if text.lstrip().startswith(("=", "+", "-", "@")) else text


def write_html(path: Path, graded: list[list[Result]]) -> None:
    """A row for each student, a column for each exercise, and the verdicts on each below."""
    head = "".join(
        f'<th title="{html.escape(e.words.title)}">{e.number}</th>' for e in EXERCISES.values()
    )
    rows = "".join(_row(results) for results in graded)
    details = "".join(_details(results) for results in graded)
    path.write_text(
        _PAGE.format(head=head, rows=rows, details=details, count=len(graded)), encoding="utf-8"
    )


def _row(results: list[Result]) -> str:
    cells = "".join(
        f'<td class="{r.result.replace(" ", "-")}" title="{html.escape(r.said)}">'
        f"{SIGNS.get(r.result, '')}</td>"
        for r in results
    )
    student = html.escape(results[0].student)
    return f"<tr><th>{student}</th><td>{sum(r.points for r in results)}</td>{cells}</tr>"


def _details(results: list[Result]) -> str:
    items = "".join(
        f"<li><b>{r.exercise} {html.escape(r.title)}: {r.result}</b>"
        f"<pre>{html.escape(r.said)}</pre></li>"
        for r in results
        if r.said and r.result != RIGHT
    )
    student = html.escape(results[0].student)
    return f"<details><summary>{student}</summary><ul>{items}</ul></details>" if items else ""


_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Results</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font-family: sans-serif; color: #222; background: #fff; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #ccc; padding: 3px 7px; text-align: center; }}
td.right {{ background: #cdeed8; }}
td.wrong, td.stopped, td.short-cut {{ background: #f7cdd2; }}
pre {{ white-space: pre-wrap; margin: 2px 0 10px; }}
</style></head><body>
<h1>Results of {count} students</h1>
<table><tr><th>student</th><th>points</th>{head}</tr>{rows}</table>
<p>✓ right, ✗ not right, – not written yet, empty: not handed in</p>
<h2>What is not right</h2>
{details}
</body></html>
"""


def main(arguments: list[str] | None = None) -> int:
    """Grade a folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the notebooks, or a folder for each student")
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="FOLDER")
    parser.add_argument("--seconds", type=int, default=Limits().seconds, help="for each answer")
    parser.add_argument("--megabytes", type=int, default=Limits().megabytes, help="for each answer")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="students at a time")
    options = parser.parse_args(arguments)
    students = handed_in(options.folder)
    if not students:
        print(f"there are no notebooks in {options.folder}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    graded, limits = [], Limits(options.seconds, options.megabytes)
    with ProcessPoolExecutor(options.jobs) as pool:
        for results in pool.map(grade_student, students, students.values(), repeat(limits)):
            graded.append(results)
            right = sum(result.points for result in results)
            unread = sorted({r.said for r in results if r.result == MISSING and r.said})
            said = [f"{results[0].student}: {right} of {len(results)} right", *unread]
            print("; ".join(said), flush=True)
    write_csv(options.out / "results.csv", chain.from_iterable(graded))
    write_html(options.out / "results.html", graded)
    print(f"written: {options.out / 'results.csv'}, {options.out / 'results.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
