"""Make the students' notebooks from the exercises: `python notebooks/exercises/make.py`.

With `--solved FOLDER` the cells have the solutions in them, for an instructor to look at.
"""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checks.course import LESSONS
from checks.exercise import Exercise, read

HERE = Path(__file__).parent
SETUP = "import numpy as np\nfrom checks import check, hint"
RULES = """\
Write each answer into its cell, run it, and run the check below it. A cell holds all that its
answer needs: NumPy is there as `np`, and helper functions belong in the same cell. Stuck? Remove
the # before `hint`; there are three hints, each more helpful than the one before."""

Answer = Callable[[Exercise], str]


def notebook(lesson: Any, answer: Answer = lambda exercise: exercise.words.start) -> dict[str, Any]:
    """The notebook of a lesson, as Jupyter stores it, with answers in its cells."""
    number = lesson.EXERCISES[0].number[0]
    words = read(int(number))
    head = f"# Exercises {number}: {words.title}\n\n{words.introduction}\n\n{RULES}"
    cells = [_markdown("introduction", head), _code("setup", SETUP)]
    for exercise in lesson.EXERCISES:
        name = f"exercise-{exercise.number.replace('.', '-')}"
        asked = f"## {exercise.called}\n\n{exercise.words.statement}"
        checked = f"# hint({exercise.name})\ncheck({exercise.name})"
        cells += [
            _markdown(f"{name}-asked", asked),
            _code(f"{name}-answer", answer(exercise).rstrip(), exercise=exercise.number),
            _code(f"{name}-check", checked),
        ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def file_name(lesson: Any) -> str:
    """Such as 1_the_chain_rule_and_its_many_paths.ipynb."""
    number = lesson.EXERCISES[0].number[0]
    words = re.findall(r"\w+", read(int(number)).title.lower())
    return f"{number}_{'_'.join(words)}.ipynb"


def solution(exercise: Exercise) -> str:
    """The cell that solves an exercise."""
    return (HERE / "solutions" / f"{exercise.number}.py").read_text(encoding="utf-8")


def write(folder: Path, answer: Answer = lambda exercise: exercise.words.start) -> None:
    """Write all notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in LESSONS:
        text = json.dumps(notebook(lesson, answer), indent=1, ensure_ascii=False, sort_keys=True)
        (folder / file_name(lesson)).write_text(text + "\n", encoding="utf-8")


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(True)}


def _code(name: str, text: str, **metadata: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "id": name, "metadata": metadata,
        "outputs": [], "source": text.splitlines(True),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--solved", type=Path, metavar="FOLDER", help="write solved notebooks here")
    options = parser.parse_args()
    if options.solved:
        write(options.solved, solution)
    else:
        write(HERE)
