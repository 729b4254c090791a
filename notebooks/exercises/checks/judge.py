"""Is an answer right, and if not, what is wrong with it?"""

import ast
import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradnd.check.mistakes import Trial

from .answers import Answer, Failure, Limits
from .exercise import Case, Exercise, Slope, as_tuple
from .mistakes import is_right, recognised, same
from .short_cuts import short_cut
from .worker import Strange, encode

RIGHT, WRONG, EMPTY, STOPPED, REFUSED = "right", "wrong", "not written yet", "stopped", "short cut"
SIGNS = {RIGHT: "✓", EMPTY: "–", WRONG: "✗", STOPPED: "✗", REFUSED: "✗"}


class Verdict(NamedTuple):
    """The result of a check, and what there is to say, one sentence for each thing."""

    exercise: Exercise
    result: str
    said: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.result == RIGHT

    @property
    def _head(self) -> str:
        return f"{SIGNS[self.result]} {self.exercise.called}: {self.result}"

    def __repr__(self) -> str:
        return "\n    ".join([self._head, *self.said])

    def _repr_html_(self) -> str:
        colour = {RIGHT: "#2a9d55", EMPTY: "#8a8a8a"}.get(self.result, "#d1495b")
        lines = "".join(f"<br>{html.escape(line)}" for line in self.said)
        head = f"<b>{html.escape(self._head)}</b>"
        return (
            f'<div style="border-left: 4px solid {colour}; padding-left: 8px">{head}{lines}</div>'
        )


def judge(exercise: Exercise, cell: str, limits: Limits | None = None) -> Verdict:
    """Run the answer in a cell, on new random cases, and compare what it returns with the truth."""
    cell = as_python(cell)
    if taken := short_cut(cell):
        return Verdict(exercise, REFUSED, (taken,))
    return judge_answer(exercise, Answer(cell, exercise.name, limits))


def judge_answer(exercise: Exercise, answer: Answer) -> Verdict:
    """The same for an answer that can be called."""
    if is_as_handed_out(exercise, answer.cell):
        return Verdict(exercise, EMPTY)
    tried = _Tried(exercise, *zip(*exercise.trials(np.random.default_rng()), strict=True), [])
    try:
        with answer:
            for case in tried.cases:
                tried.given.append(answer(*case.values()))
            _check_manners(answer, tried.cases[0], tried.given[0])
            wrong = tried.wrong()
            named = wrong and _UNNAMED not in "".join(wrong.values())
            report = None if named else _gradcheck(exercise, answer, tried.cases[0])
    except _Unfit as unfit:
        return Verdict(exercise, WRONG, (str(unfit),))
    except Failure as failure:
        return Verdict(exercise, STOPPED, tuple(tried.up_to(failure, answer.called)))
    if not wrong and (report is None or report):
        checked = " and with differences" if report else ""
        said = f"it agrees with the truth{checked}, in {len(tried.cases)} cases made just now"
        return Verdict(exercise, RIGHT, (said,))
    lines = [f"{name}: {wrong.get(name, RIGHT)}" for name in exercise.gives]
    if report is not None:
        lines += [culprit.mistake for culprit in report.culprits if culprit.mistake]
    return Verdict(exercise, WRONG, tuple(lines))


def as_python(cell: str) -> str:
    """The cell without the lines that are for the notebook, such as %%time, !pip or np.exp?"""
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.sub(r"^[ \t]*([%!?].*|[\w.]+\?{1,2})$", "", cell, flags=re.MULTILINE)
    return cell


def is_as_handed_out(exercise: Exercise, cell: str) -> bool:
    """Whether nothing was written yet but comments, docstrings and blank lines."""
    try:
        return _code(cell) == _code(exercise.words.start)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _code(cell: str) -> str:
    tree = ast.parse(cell)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


class _Unfit(Exception):  # noqa: N818  (what an answer is, not an error of ours)
    """An answer whose numbers need not be looked at, and why."""


def _check_manners(answer: Answer, case: Case, given: Any) -> None:
    """An answer leaves its arguments alone, and returns the same again."""
    if answer.changed:
        names = ", ".join(name for k, name in enumerate(case) if k in answer.changed)
        raise _Unfit(f"it changes its arguments ({names}): make a new array instead")
    if json.dumps(encode(answer(*case.values()))) != json.dumps(encode(given)):
        raise _Unfit("it returns something else at each call with the same arguments")


def _gradcheck(exercise: Exercise, answer: Answer, case: Case) -> Any:
    """The report, where derivatives are asked for."""
    if not isinstance(exercise.truth, Slope):
        return None
    try:
        return exercise.truth.agrees(answer, case)
    except (ValueError, TypeError):
        raise _Unfit("it gives values of other forms when it is called again") from None


def _parts(exercise: Exercise, value: Any) -> list[Any]:
    """The arrays that a value consists of."""
    asked = f"(asked for: {', '.join(exercise.gives)})"
    parts = (value,) if value is None or len(exercise.gives) == 1 else as_tuple(value)
    if value is not None and len(parts) != len(exercise.gives):
        number = f"{len(parts)} {'value' if len(parts) == 1 else 'values'}"
        raise _Unfit(f"it gives {number}, not {len(exercise.gives)} {asked}")
    arrays = []
    for part in parts:
        if part is None or isinstance(part, str | Strange):
            raise _Unfit(f"it gives {_kind(part)}, not numbers {asked}")
        try:
            arrays.append(np.asarray(part, float))
        except (TypeError, ValueError, OverflowError):
            raise _Unfit(f"it gives a list of unlike parts, not numbers {asked}") from None
    return arrays


def _kind(part: str | Strange | None) -> str:
    if isinstance(part, Strange):
        dots = part.kind.endswith("ellipsis")
        return "the ... that stands for what you are to write" if dots else part.kind
    return "nothing (is a return missing?)" if part is None else "text"


_UNNAMED = "it is not one of the usual mistakes"
_AS_WELL = "wrong as well, perhaps for the same reason"


class _Tried(NamedTuple):
    """The cases of an exercise, what is special about each, and what was given so far."""

    exercise: Exercise
    about: Sequence[str]
    cases: Sequence[Case]
    given: list[Any]

    def wrong(self) -> dict[str, str]:
        """What is wrong with each of the values that are asked for, in the cases up to here."""
        pairs = list(zip(self.cases, self.given, strict=False))
        truths = [self.exercise.true(**case) for case, _ in pairs]
        parts = [_parts(self.exercise, value) for _, value in pairs]
        wrong = {}
        for k, name in enumerate(self.exercise.gives):
            trials = [
                Trial(part[k], np.asarray(truth[k], float), list(case.items()))
                for (case, _), part, truth in zip(pairs, parts, truths, strict=True)
            ]
            if not all(is_right(trial) for trial in trials):
                with np.errstate(all="ignore"):
                    wrong[name] = self._what_is_wrong(k, trials, truths)
        if any(_UNNAMED not in words for words in wrong.values()):
            wrong = {name: words.replace(_UNNAMED, _AS_WELL) for name, words in wrong.items()}
        return wrong

    def up_to(self, failure: Failure, called: bool) -> Iterator[str]:
        """How the answer failed, in which case, and what was wrong before."""
        here = self.about[len(self.given)] if called and len(self.given) < len(self.about) else ""
        yield f"{failure} (with {here})" if here else str(failure)
        try:
            yield from (f"{name}: {words}" for name, words in self.wrong().items())
        except _Unfit as unfit:
            yield str(unfit)

    def _what_is_wrong(self, k: int, trials: list[Trial], truths: list[tuple[Any, ...]]) -> str:
        """The mistake in the k-th of the values, by name if it is a usual one, and where it is."""
        about = self.about
        seen = [k for k, trial in enumerate(trials) if not is_right(trial)]
        ordinary = [k for k in range(len(trials)) if not about[k]]
        if not set(seen) & set(ordinary):  # right in the ordinary cases
            ordinary = list(range(len(trials)))
        looked_at = [trials[k] for k in ordinary]
        mistakes = self.exercise.mistakes.items()
        named = next((words for words, m in mistakes if self._matches(m, k, looked_at)), None)
        for other, name in enumerate(self.exercise.gives):
            pairs = zip(trials, truths, strict=True)
            if not named and other != k and all(same(t.given, true[other]) for t, true in pairs):
                named = f"this is {name}: the values are in another order than asked for"
        named = named or recognised(looked_at) or recognised([trials[k] for k in seen])
        words = named or _UNNAMED
        special = [about[k] for k in seen] if all(about[k] for k in seen) else []
        if len(special) > 1:
            special = [label.partition(":")[0] for label in special]
        if special and len(seen) < len(trials):
            words += f" (in {len(seen)} of {len(trials)} cases: {'; '.join(special)})"
        return words + _where(trials[seen[0]])

    def _matches(self, mistaken: Any, k: int, trials: list[Trial]) -> bool:
        """Whether this mistake gives in every case what was given."""
        differs = False
        for trial in trials:
            try:
                instead = self.exercise.instead(mistaken, dict(trial.arrays))[k]
            except ValueError:  # shapes that do not fit: the answer would have raised too
                return False
            if instead is None or not same(trial.given, instead):
                return False
            differs |= not same(trial.expected, instead)
        return differs


def _where(trial: Trial) -> str:
    """An entry that is wrong."""
    if trial.given.shape != trial.expected.shape:
        return ""
    off = np.abs(np.nan_to_num(trial.given - trial.expected, nan=np.inf, posinf=np.inf))
    place = tuple(int(i) for i in np.unravel_index(np.argmax(off), off.shape))
    at = f" at {list(place)}" if place else ""
    given, truth = trial.given[place], trial.expected[place]
    digits = 6 if f"{given:.6g}" != f"{truth:.6g}" else 16
    return f". It gave {given:.{digits}g}{at}, not {truth:.{digits}g}"
