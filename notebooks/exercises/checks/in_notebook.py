"""What a student types: `check(sigmoid_slope)` and `hint(sigmoid_slope)`."""

import collections
import linecache
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from .course import EXERCISES
from .exercise import Exercise
from .judge import Verdict, judge

_given: collections.Counter[str] = collections.Counter()


def check(answer: Callable[..., Any]) -> Verdict:
    """Judge the newest cell that defines the function, run in a process of its own."""
    exercise = _exercise_of(answer)
    cell = _newest(exercise.name) or "".join(linecache.getlines(answer.__code__.co_filename))
    if not cell:
        raise ValueError(f"the cell that defines {exercise.name} cannot be found: run it again")
    return judge(exercise, cell)


def _newest(name: str) -> str | None:
    """The cell, as it was typed, that last defined a function, or failed to for a SyntaxError."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    cells = shell.history_manager.input_hist_raw if shell else []
    return next((cell for cell in reversed(cells) if re.search(rf"\bdef {name}\b", cell)), None)


def hint(answer: Callable[..., Any]) -> None:
    """Print the next of the three hints for an exercise, each more helpful than the one before."""
    exercise = _exercise_of(answer)
    number = min(_given[exercise.name] + 1, len(exercise.words.hints))
    _given[exercise.name] = number
    said = f"Hint {number} of {len(exercise.words.hints)}: {exercise.words.hints[number - 1]}"
    print(textwrap.fill(said, 80))  # a notebook breaks lines within words


def _exercise_of(answer: Any) -> Exercise:
    name = getattr(answer, "__name__", None)
    if name not in EXERCISES or not hasattr(answer, "__code__"):
        raise ValueError(
            "hand in the function of an exercise itself, as in check(sigmoid_slope): "
            f"{name or answer!r} is none of {', '.join(EXERCISES)}"
        )
    return EXERCISES[name]
