"""What the tests of the exercises share: the course, its solutions, and answers with a mistake."""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent.parent / "notebooks" / "exercises"
sys.path.insert(0, str(HERE))

from checks import EXERCISES  # noqa: E402
from checks.answers import InThisProcess, Limits  # noqa: E402
from checks.judge import judge, judge_answer  # noqa: E402

__all__ = ["EXERCISES", "HERE", "Limits", "judge", "judged", "solution", "with_mistake"]


def solution(name):
    """The solution's cell."""
    return (HERE / "solutions" / f"{EXERCISES[name].number}.py").read_text()


def with_mistake(name, right, wrong):
    """The solution with something in it replaced; all of it if `right` is None."""
    if right is None:
        return wrong
    cell = solution(name)
    assert cell.count(right) == 1, f"{right!r} stands {cell.count(right)} times in {name}"
    return cell.replace(right, wrong)


def judged(name, cell):
    """The verdict on a cell of ours, in this process, which is quick."""
    exercise = EXERCISES[name]
    return judge_answer(exercise, InThisProcess(cell, name))
