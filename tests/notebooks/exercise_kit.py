"""What the tests of the exercises share: solutions, with mistakes in them, and answers in this process."""

import json

import make
import numpy as np
from checks import EXERCISES
from checks.answers import Answer, Failure, read_reply
from checks.judge import judge_answer
from checks.worker import Cell, decode


def solution(name):
    """The solution's cell."""
    return make.solution(EXERCISES[name])


def with_mistake(name, right, wrong):
    """The solution with something in it replaced; all of it if `right` is None."""
    if right is None:
        return wrong
    cell = solution(name)
    assert cell.count(right) == 1, f"{right!r} stands {cell.count(right)} times in {name}"
    return cell.replace(right, wrong)


def judged(name, cell):
    """The verdict on a cell of ours, in this process, which is quick."""
    return judge_answer(EXERCISES[name], InThisProcess(cell, name))


class InThisProcess(Answer):
    """An answer of a trusted cell: quick, and without limits."""

    def __enter__(self):
        self._here = Cell(self.cell)
        read_reply(json.dumps(self._here.run()), self.limits)
        return self

    def __exit__(self, *_):
        pass

    def _ask(self, message):
        name, arguments = json.loads(json.dumps(message))
        with np.errstate(all="ignore"):  # a process only prints warnings
            return read_reply(json.dumps(self._here.call(name, decode(arguments))), self.limits)


class Returning(InThisProcess):
    """An answer that gives what a function of the exercise's arguments by name does."""

    def __init__(self, exercise, function):
        super().__init__("", exercise.name)
        names = list(next(iter(exercise.cases(np.random.default_rng()))))
        self.function = lambda *values: function(**dict(zip(names, values, strict=True)))

    def __call__(self, *arguments):
        self.called = True
        try:
            return self.function(*arguments)
        except ValueError as error:
            raise Failure(f"it raised {error}") from None
