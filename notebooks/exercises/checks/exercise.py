"""What an exercise is: words for the student, and what its check needs to know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nn.functional as F  # noqa: N812
from microgradnd import Tensor, gradcheck, gradients, jacobian
from microgradnd.arrays import Array

Case = dict[str, Any]  # the arguments of one call, by name


class Words(NamedTuple):
    """What a student reads of an exercise, and the name of the function that the cell defines."""

    number: str
    title: str
    statement: str
    start: str
    hints: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last function of the cell; those before it are given."""
        return re.findall(r"^def (\w+)", self.start, re.MULTILINE)[-1]


class Lesson(NamedTuple):
    """A lesson with the words of its exercises by their numbers."""

    title: str
    introduction: str
    words: dict[str, Words]


@cache
def read(number: int) -> Lesson:
    """The words of a lesson, as its Markdown file has them.

    The title of the lesson and an introduction; then each exercise with its number and title, what
    it asks for, a cell to begin with, and three hints.
    """
    text = Path(__file__).with_name(f"lesson{number}.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    title, introduction = head.removeprefix("# ").strip().split("\n\n", 1)
    words = [_exercise(section) for section in sections]
    return Lesson(title, introduction, {each.number: each for each in words})


def _exercise(section: str) -> Words:
    head, statement, start, hints = re.fullmatch(
        r"(.*?)\n\n(.*?)\n\n```python\n(.*?)```\n(.*)", section, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    number, title = head.split(" ", 1)
    each = re.split(r"^\d\. ", hints, flags=re.MULTILINE)[1:]
    return Words(number, title, statement, start, tuple(" ".join(hint.split()) for hint in each))


class Loss(str):
    """A wrong function, as an expression: its right derivatives are a usual mistake."""

    __slots__ = ()


class Slope:
    """The derivatives of a number with respect to some of its arguments, without their formulas.

    Called with a case, it returns the engine's; `agrees` compares given formulas with
    differences.

    Arguments:
        loss: the number, as a function of the arguments of the answer and those of `at`.
        wrt: the names of the arguments.
        at: from a case, arguments of the loss that the answer does not get.
    """

    def __init__(
        self, loss: Callable[..., Any], *wrt: str, at: Callable[..., Case] | None = None
    ) -> None:
        self.loss, self.wrt, self.at = loss, wrt, at or (lambda **case: {})

    def __call__(self, **case: Any) -> tuple[Any, ...]:
        everything = case | self.at(**case)
        leaves = {name: Tensor(everything[name], requires_grad=True) for name in self.wrt}
        found = gradients(self.loss(**everything | leaves), list(leaves.values()))
        return tuple(part.numpy() for part in found)

    def agrees(self, answer: Callable[..., Any], case: Case) -> Any:
        """gradcheck's report on an answer, on one case."""
        everything = case | self.at(**case)

        def moved(values: Any) -> Case:
            return everything | dict(zip(self.wrt, values, strict=True))

        def loss(*values: Any) -> Any:
            return self.loss(**moved(values))

        def gradient(*values: Any) -> tuple[Any, ...]:
            there = moved([v.numpy() if isinstance(v, Tensor) else v for v in values])
            return tuple(map(np.asarray, as_tuple(answer(*(there[name] for name in case)))))

        tensors = [Tensor(everything[name], requires_grad=True, name=name) for name in self.wrt]
        return gradcheck(loss, *tensors, gradient=gradient)


@dataclass(frozen=True)
class Exercise:
    """One exercise, and how an answer is judged.

    Truth and mistakes are functions of a case, or expressions of its arguments and of the names of
    the lesson. In the expression of a mistake `true(n=1)` is the truth where n is 1, and `case` has
    all arguments; a mistake may also be a `Loss`.

    Arguments:
        gives: the names of the arrays that each call returns.
        cases: makes the arguments of the calls, anew for each check.
        truth: what a call must return, an array for each of `gives`.
        mistakes: what usual mistakes return, by the words that name them; None for an array that
            a mistake leaves right.
        about: what is special about each case, where an answer may be right in some and wrong in
            others.
        extremes: further cases, of extreme size: what is special about each, and the arguments in
            which it differs from the first case, as expressions.
        names: what the expressions use.
    """

    number: str
    gives: tuple[str, ...]
    cases: Callable[[np.random.Generator], Iterable[Case]]
    truth: Callable[..., Any] | str
    mistakes: Mapping[str, Callable[..., Any] | str]
    about: tuple[str, ...] = ()
    extremes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def words(self) -> Words:
        """What the student reads."""
        return read(int(self.number[0])).words[self.number]

    @property
    def name(self) -> str:
        """The function that the student writes."""
        return self.words.name

    @property
    def called(self) -> str:
        """The number and the title."""
        return f"{self.number} {self.words.title}"

    def trials(self, rng: np.random.Generator) -> list[tuple[str, Case]]:
        """All cases, and what is special about each."""
        cases = list(self.cases(rng))
        first, trials = cases[0], list(zip(self.about or [""] * len(cases), cases, strict=True))
        for about, changes in self.extremes.items():
            names = {**NAMES, **first, "rng": rng}
            changed = {name: eval(expression, names) for name, expression in changes.items()}
            trials.append((about, first | changed))
        return trials

    def true(self, **case: Any) -> tuple[Any, ...]:
        """What the call with these arguments must return."""
        return self.instead(self.truth, case)

    def instead(self, formula: Callable[..., Any] | str, case: Case) -> tuple[Any, ...]:
        """What another formula than the truth returns."""
        if isinstance(formula, Loss):
            true: Any = self.truth
            return Slope(lambda **case: self._value(formula, case), *true.wrt, at=true.at)(**case)
        if isinstance(formula, str):
            return as_tuple(self._value(formula, case))
        return as_tuple(formula(**case))

    def _value(self, expression: str, case: Case) -> Any:
        def true(**changes: Any) -> Any:
            parts = self.true(**{**case, **changes})
            return parts if len(self.gives) > 1 else parts[0]

        return eval(expression, {**NAMES, **self.names, **case, "case": case, "true": true})


def drawn(
    names: str, sizes: Iterable[Any], **arguments: str
) -> Callable[[np.random.Generator], Iterable[Case]]:
    """Random cases of several sizes.

    Arguments:
        names: of the numbers that make up a size, such as "neurons points".
        sizes: a tuple of these numbers for each case; the number itself if there is one.
        arguments: an expression for each argument, of `rng`, these numbers and the arguments
            before it.
    """

    def cases(rng: np.random.Generator) -> Iterable[Case]:
        for size in sizes:
            numbers = dict(zip(names.split(), size, strict=True)) if " " in names else {names: size}
            case: Case = {}
            for name, expression in arguments.items():
                case[name] = eval(expression, {**NAMES, "rng": rng, **numbers, **case})
            yield case

    return cases


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Several values as a tuple, one as a tuple of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def cut(x: Any) -> Any:
    """The value of x without its history: a path that is not counted."""
    return x.detach() if isinstance(x, Tensor) else x


def as_if(value: Any, other: Any) -> Any:
    """The value of one thing with the slope of another: a factor mistaken, or left out."""
    return cut(value) + other - cut(other)


def unit_rows(W: Array) -> Array:
    """The rows of a matrix, each divided by its length."""
    return W / np.sqrt(np.sum(W * W, axis=1, keepdims=True))


sigmoid = F.sigmoid  # for losses
NAMES = {
    "np": np, "F": F, "Tensor": Tensor, "jacobian": jacobian, "Slope": Slope, "sigmoid": sigmoid,
    "cut": cut, "as_if": as_if, "unit_rows": unit_rows,
}  # fmt: skip
