"""What an exercise is: words for the student, and what its check needs to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradnd import Tensor, gradcheck, gradients

Array = np.ndarray[Any, Any]
Case = dict[str, Any]  # the arguments of one call, by name


class Slope:
    """The derivatives of a number by some of its arguments, found without knowing their formulas.

    Called with a case, it gives the engine's; `agrees` holds somebody's formulas against
    differences. A usual mistake is often the right derivative of a wrong function: `of(wrong)`.
    """

    def __init__(
        self, loss: Callable[..., Any], *by: str, at: Callable[..., Case] | None = None
    ) -> None:
        self.loss, self.by = loss, by
        self.at = at or (lambda **case: {})  # arguments of the loss that the answer is not handed

    def of(self, loss: Callable[..., Any]) -> Slope:
        """Derivatives of another function, by the same arguments."""
        return Slope(loss, *self.by, at=self.at)

    def __call__(self, **case: Any) -> tuple[Any, ...]:
        everything = case | self.at(**case)
        leaves = {name: Tensor(everything[name], requires_grad=True) for name in self.by}
        found = gradients(self.loss(**everything | leaves), list(leaves.values()))
        return tuple(part.numpy() for part in found)

    def agrees(self, answer: Callable[..., Any], case: Case) -> Any:
        """gradcheck's report on an answer, on one case."""
        everything = case | self.at(**case)

        def moved(values: Any) -> Case:
            return everything | dict(zip(self.by, values, strict=True))

        def loss(*values: Any) -> Any:
            return self.loss(**moved(values))

        def gradient(*values: Any) -> tuple[Any, ...]:
            there = moved([v.numpy() if isinstance(v, Tensor) else v for v in values])
            return as_tuple(answer(*(there[name] for name in case)))

        tensors = [Tensor(everything[name], requires_grad=True, name=name) for name in self.by]
        return gradcheck(loss, *tensors, gradient=gradient)


@dataclass(frozen=True)
class Exercise:
    """One exercise. The student writes the function `name`.

    `cases` makes the arguments of the calls, anew for each check. `truth` says what each call
    should give, one array for each of `gives`. `mistakes` says what usual mistakes would give,
    None where a mistake is not about that array, by the words that name them. `about` says what
    is special about each case, where an answer may be right in some and wrong in others.
    """

    number: str
    name: str
    title: str
    statement: str
    start: str
    hints: tuple[str, str, str]
    gives: tuple[str, ...]
    cases: Callable[[np.random.Generator], Iterable[Case]]
    truth: Callable[..., Any]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """The number and the title."""
        return f"{self.number} {self.title}"


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Several values as a tuple, one as a tuple of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def cut(x: Any) -> Any:
    """The value of x without its history: a path that is not counted."""
    return x.detach() if isinstance(x, Tensor) else x


def as_if(value: Any, other: Any) -> Any:
    """The value of one thing with the slope of another: a factor mistaken, or left out."""
    return cut(value) + other - cut(other)


def sigmoid(z: Any) -> Any:
    """σ(z), for losses."""
    return 1 / (1 + np.exp(-z))
