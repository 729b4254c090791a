"""A formula or number as printed, the check that settles it, and the verdict that follows.

Nobody writes a verdict down. The printed formula, written as code just as it is printed, is
compared with a truth that comes from elsewhere: a derivative from autograd and differences, a value
computed in another way, a count. If the two agree the row is right. If not, the corrected formula
goes through the same check, and must pass: then the row is wrong. Anything else is unsettled,
which is a mistake in the row, and makes the tests fail.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, partialmethod
from typing import Any

import numpy as np

from microgradnd.operators import plain

from .sample import Sample, random_samples

RIGHT, WRONG, GARBLED = "right", "wrong", "garbled"
DEFINITION, REPORTED, UNSETTLED = "definition", "reported", "unsettled"
VERDICTS = (RIGHT, WRONG, GARBLED, DEFINITION, REPORTED, UNSETTLED)

MISTAKES = {
    "lost term": "something that belongs to the formula is missing",
    "sign": "a plus where a minus belongs, or the other way round",
    "index": "the wrong neuron, layer or entry",
    "factor": "a factor too many, missing or wrong",
    "power": "a square or a root too many or missing",
    "bracket": "a bracket in the wrong place, or none",
    "letter": "another quantity than the one that is meant",
    "dimension": "shapes that do not fit, or a transposition",
    "range": "a loop or a sum that begins or ends in the wrong place",
    "exchange": "two things with their names or places exchanged",
    "count": "a number of things that is not their number",
    "lost step": "something that an algorithm must do is missing",
    "rounding": "cut off, or computed from rounded numbers",
    "inherited": "computed correctly from a wrong formula",
    "concept": "a statement that does not hold",
}

Claim = Any  # a formula as a function of a sample, or a number as it is printed


@dataclass(frozen=True)
class Finding:
    """Whether a claim passed its check, how that was found, and what was found."""

    agrees: bool
    how: str
    found: str


Check = Callable[[Claim], Finding]


@dataclass(frozen=True)
class Row:
    """A formula or number of a course text."""

    lines: str  # where it stands in the text: "115", "209-210", or more; "47; 61": it stands twice
    place: str  # the slide or section; "": that of the row before
    printed: str
    claim: Claim = None  # what is printed, as code; None where there is nothing to evaluate
    check: Check | None = None
    corrected: str = ""
    correction: Claim = None
    mistake: str = ""  # one of MISTAKES, a colon, and more words
    reading: str = ""  # what garbled text most likely means; then the claim is this
    otherwise: str = RIGHT  # the verdict if the claim agrees, or if there is none
    note: str = ""

    def first_line(self) -> int:
        """The first of its lines."""
        return int(re.split("[,-]", self.lines)[0])


@dataclass(frozen=True)
class Judged:
    """A row with its verdict, and what the checks of the claim and of the correction found."""

    row: Row
    verdict: str
    finding: Finding
    corrected: Finding | None = None


def judge(row: Row) -> Judged:
    """Run the check of a row, for what is printed and for its correction."""
    if row.check is None:
        return Judged(row, row.otherwise, Finding(True, "nothing to check", ""))
    finding = row.check(row.claim)
    corrected = row.check(row.correction) if row.correction is not None else None
    if finding.agrees:
        return Judged(row, UNSETTLED if corrected else row.otherwise, finding, corrected)
    settled = corrected is not None and corrected.agrees and bool(row.corrected and row.mistake)
    return Judged(row, WRONG if settled else UNSETTLED, finding, corrected)


class Rows:
    """Writes rows whose expressions are evaluated on the same samples.

    Arguments:
        samples: the program of random samples, or a function that makes them.
        helpers: names that the expressions use, such as the functions of a module.
    """

    def __init__(
        self, samples: str | Callable[[], Sequence[Sample]], helpers: Mapping[str, Any]
    ) -> None:
        self.samples = random_samples(samples) if isinstance(samples, str) else samples
        self.helpers = helpers

    def __call__(
        self, lines: str, place: str, printed: str, claim: str, truth: str, how: str = "",
        **more: Any,
    ) -> Row:  # fmt: skip
        """A formula that either holds or does not: on every sample the claim equals the truth."""
        way = "autograd and differences" if _ONE_DERIVATIVE.match(truth) else "computed another way"
        check = partial(self._agrees, truth, how or f"{way}, random cases")
        return Row(lines, place, printed, claim, check, **more)

    # A definition; what is checked is that it fits what the text says elsewhere.
    definition = partialmethod(__call__, otherwise=DEFINITION)

    def garbled(
        self, lines: str, place: str, printed: str, reading: str, claim: str, truth: str,
        **more: Any,
    ) -> Row:  # fmt: skip
        """A formula that cannot be read as it stands; what is checked is what it likely means."""
        return self(lines, place, printed, claim, truth, reading=reading, otherwise=GARBLED, **more)

    def number(
        self, lines: str, place: str, printed: str, digits: str = "", *, exact: str,
        factors: str = "", how: str = "recomputed", **more: Any,
    ) -> Row:  # fmt: skip
        """A printed number, which must be what the exact one rounds to.

        Where it is printed as the product of other numbers, these are the `factors`: then it must
        be what their product rounds to, and the finding also says what the exact one is. The digits
        are those at the end of what is printed.
        """
        if "corrected" in more:
            more = {"correction": more["corrected"], **more}
        digits = digits or re.split(" = |: ", printed)[-1]
        return Row(
            lines, place, printed, digits, partial(self._rounds, exact, factors, how), **more
        )

    def _agrees(self, truth: str, how: str, claim: str) -> Finding:
        largest = 0.0
        for sample in self.samples():
            true = np.asarray(sample.evaluate(truth, self.helpers))
            try:
                claimed = np.asarray(plain(sample.evaluate(claim, self.helpers)))
            except (ValueError, SyntaxError) as error:
                return Finding(False, how, f"cannot be computed: {error}")
            if claimed.shape != true.shape:
                return Finding(False, how, f"has shape {claimed.shape}, must have {true.shape}")
            gap = np.abs(claimed - true.astype(float))
            where = np.unravel_index(np.argmax(gap), gap.shape)
            if not gap[where] <= 1e-9 * (1 + np.max(np.abs(true))):
                at = f" at {list(map(int, where))}" if where else ""
                return Finding(False, how, f"gives {claimed[where]:.4g}{at}, is {true[where]:.4g}")
            largest = max(largest, float(gap[where]))
        return Finding(True, how, f"agrees to {largest:.0e}" if largest else "agrees exactly")

    def _rounds(self, exact: str, factors: str, how: str, digits: str) -> Finding:
        value, unit = _read(digits)
        true, product = (
            float(self.samples()[0].evaluate(number, self.helpers))
            for number in (exact, factors or exact)
        )
        unrounded = f" from the printed factors, {_digits(true)} unrounded" * (product != true)
        rounds = abs(value - product) <= unit / 2 * (1 + 1e-9)
        return Finding(rounds, how, f"is {_digits(product)}{unrounded}")


_ONE_DERIVATIVE = re.compile(r"∂\w+(\[[\d, ]*\])?/∂\w+(\[[\d, ]*\])?$")


def _read(number: str) -> tuple[float, float]:
    """A number as printed, and the unit of its last digit.

    >>> _read("−0.46"), _read("23,860"), _read("65k")
    ((-0.46, 0.01), (23860.0, 1.0), (65000.0, 1000.0))
    """
    found = re.fullmatch(r"([−-]?)([\d,]+)(?:\.(\d+))?\s*(k|M|%|billion|quadrillion|)", number)
    assert found, f"not a number: {number!r}"
    sign, whole, decimals, suffix = found.groups()
    decimals = decimals or ""
    scale = {"k": 1e3, "M": 1e6, "billion": 1e9, "quadrillion": 1e15}.get(suffix, 1.0)
    value = float(f"{whole.replace(',', '')}.{decimals or 0}") * scale
    return (-value if sign else value), scale / 10 ** len(decimals)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:.5g}"


def _without(otherwise: str, lines: str, place: str, printed: str, note: str) -> Row:
    return Row(lines, place, printed, note=note, otherwise=otherwise)


convention = partial(_without, DEFINITION)  # a name, a choice or a rule of thumb
reported = partial(_without, REPORTED)  # a measurement or a fact from elsewhere
unreadable = partial(_without, GARBLED)  # garbled beyond a formula: nothing left to check


@dataclass(frozen=True)
class Text:
    """A course text: its file begins with the name, and its rows are in its order."""

    name: str
    title: str
    rows: Sequence[Row]
