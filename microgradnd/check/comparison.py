"""A gradient somebody gives, held against slopes: everywhere, or in directions when it is big."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .slopes import Along, Array, careful_slopes, quick_slope

SMALL = 256  # up to so many entries each is looked at alone
ENOUGH = 8  # after so many wrong entries no more are looked at closely
_DOUBLE = float(np.finfo(np.float64).eps)
_TINY = 1e-300  # below it numbers lose their digits
_AGREEMENT = 1e-6  # two slopes that differ by less, relatively, are the same

Place = tuple[int, ...]


class Judgement(NamedTuple):
    """What a gradient says of one slope, and what differences say.

    The verdict is "right", "wrong", "kink" (the slopes to the left and right differ, and the given
    one is between them), or "unclear" (rounding hides the slope).
    """

    verdict: str
    given: float = 0.0
    expected: float = 0.0
    error: float = 0.0
    left: float = 0.0
    right: float = 0.0
    place: Place | None = None
    tied: bool = False  # judged together with the other entries that have a kink


class Comparison(NamedTuple):
    """What was found for one array: how it was looked at, and each place that is not right.

    `rounded` says that a gradient in a narrow dtype is right but for its rounding.
    """

    entries: int
    directions: int
    difference: float  # the largest
    largest: float  # slope
    found: list[Judgement]
    rounded: bool = False

    def having(self, verdict: str) -> list[Judgement]:
        """The judgements with this verdict."""
        return [judgement for judgement in self.found if judgement.verdict == verdict]


class Given(NamedTuple):
    """A gradient to be judged: one for each output that is looked at, stacked along axis 0."""

    values: Array
    precision: float  # the ε of the dtype it was computed in
    rounding: Callable[[], Array]  # how far each entry moves when the inputs do by their last bit
    again: Callable[[], Array]  # the gradient where the array, in float64, is now
    noise: float = 0.0  # jumps of the outputs below it are rounding


def compare(outputs: Callable[[], Array], array: Array, given: Given) -> Comparison:
    """Hold a gradient by `array` against the slopes of the outputs, moving the array's entries.

    The array is contiguous, and is as it was when this returns.
    """
    found = _compared(outputs, array, given)
    if found.directions and found.having("kink") and not found.having("wrong"):
        # A direction across a kink shows little: look at the directions a little beside it.
        before = array.copy()
        try:
            array += 0.1 * typical_size(array) * np.random.default_rng(0).normal(size=array.shape)
            beside = _compared(outputs, array, given._replace(values=given.again()))
        finally:
            array[...] = before
        found = found._replace(found=found.found + beside.having("wrong"))
    if given.precision > _DOUBLE and found.having("wrong"):
        exact = _compared(outputs, array, given._replace(values=given.again(), precision=_DOUBLE))
        if not exact.having("wrong"):
            return exact._replace(rounded=True)
    return found


def _compared(outputs: Callable[[], Array], array: Array, given: Given) -> Comparison:
    flat = array.reshape(-1)
    gradient = given.values.reshape(len(given.values), -1)
    judge = _Judge(outputs, flat, gradient, given)
    movable = np.flatnonzero(np.isfinite(flat))
    directions = 0 if movable.size <= SMALL else 4
    if directions:
        rng = np.random.default_rng(0)
        for _ in range(directions):
            judge.search(movable, rng.choice((-1.0, 1.0), movable.size))
        steepest = np.argsort(np.max(np.abs(gradient[:, movable]), axis=0))[-8:]
        movable = np.unique(movable[[*steepest, *rng.integers(0, movable.size, 16)]])
    judge.entries(movable)
    judge.kinks_together()
    found = [
        judgement._replace(place=tuple(map(int, np.unravel_index(entry, array.shape))))
        for entry, judgement in sorted(judge.found.items())
    ]
    return Comparison(judge.seen, directions, judge.difference, judge.largest, found)


def typical_size(array: Array) -> float:
    """The root of the mean square of the finite entries, or 1 where that says nothing."""
    finite = array[np.isfinite(array)]
    largest = float(np.max(np.abs(finite), initial=0))
    return largest * float(np.sqrt(np.mean((finite / largest) ** 2))) if largest else 1.0


class _Judge:
    """Judges entries and directions of one array, and remembers the entries that are not right."""

    def __init__(self, outputs: Any, flat: Array, gradient: Array, given: Given) -> None:
        self.outputs, self.flat, self.gradient, self.given = outputs, flat, gradient, given
        self.found: dict[int, Judgement] = {}
        self._here = outputs()
        self.seen = 0
        self.difference = self.largest = 0.0
        self._rounding: Array | None = None
        finite = np.where(np.isfinite(gradient), np.abs(gradient), 0)
        self._steepest = np.max(finite, axis=1, initial=0)
        # In a narrow dtype an entry bears the rounding of the sums that larger ones took part in.
        self._shared = given.precision * self._steepest if given.precision > _DOUBLE else 0.0
        self._typical = typical_size(flat)

    def entries(self, indices: Array) -> None:
        """Judge each of these entries alone."""
        for index in indices.tolist():
            wrong = sum(judgement.verdict == "wrong" for judgement in self.found.values())
            judgement = self._judge(np.array([index]), np.ones(1), close=wrong < ENOUGH)
            self.seen += 1
            if judgement.verdict != "right":
                self.found[index] = judgement

    def kinks_together(self) -> None:
        """Where entries are tied, each alone shows little: move all that have a kink at once."""
        kinks = [entry for entry, found in self.found.items() if found.verdict == "kink"]
        if 1 < len(kinks) <= SMALL:
            judgement = self._judge(np.array(kinks), np.ones(len(kinks)))
            if judgement.verdict == "wrong":
                self.found[kinks[0]] = judgement._replace(tied=True)

    def search(self, indices: Array, signs: Array) -> None:
        """Judge a direction; where it is not right, follow the worse half down to entries."""
        judgement = self._judge(indices, signs)
        while judgement.verdict in ("wrong", "kink") and len(indices) > 4:
            middle = len(indices) // 2
            halves = [(indices[:middle], signs[:middle]), (indices[middle:], signs[middle:])]
            judged = [(self._judge(*half), *half) for half in halves]
            wrong = [half for half in judged if half[0].verdict == judgement.verdict]
            if not wrong:
                break
            judgement, indices, signs = max(wrong, key=lambda half: _distance(half[0]))
        if judgement.verdict in ("wrong", "kink"):
            self.entries(indices[:4])
            shown = (self.found.get(index) for index in indices[:4].tolist())
            if not any(found and found.verdict == judgement.verdict for found in shown):
                self.found[int(indices[0])] = judgement  # no entry alone shows it

    def _along(self, indices: Array, signs: Array) -> Along:
        flat, outputs = self.flat, self.outputs
        before = flat[indices]

        def along(distance: float) -> Array:
            flat[indices] = before + distance * signs
            try:
                return outputs()  # type: ignore[no-any-return]
            except Exception:  # whatever somebody's function may raise outside its domain
                return np.full(len(self.gradient), np.nan)
            finally:
                flat[indices] = before

        return along

    def _judge(self, indices: Array, signs: Array, close: bool = True) -> Judgement:
        """Compare the gradient's slope along these signs with differences."""
        parts = self.gradient[:, indices]
        with np.errstate(all="ignore"):
            given = parts @ signs
            largest = np.max(np.abs(parts), axis=1)
            shares = parts / np.where(largest > 0, largest, 1)[:, None]
            length = largest * np.sqrt(np.sum(shares * shares, axis=1))
        # A scale for the steps: the entry's own size, unless it is small among its like.
        scale = self._typical
        if len(indices) == 1:
            scale = max(abs(float(self.flat[indices[0]])), scale)
        along = self._along(indices, signs)
        quick, bend = quick_slope(along, scale, self._here)
        size = np.maximum(np.abs(quick.value), np.abs(given))
        distance = np.abs(quick.value - given)
        rounding = 16 * (self.given.precision * np.nan_to_num(length) + self._shared)
        blind = (quick.error > 1e-4 * size) & (size > 0)
        bent = bend > 0.01 * size + 4 * quick.error
        agreed = (distance <= _AGREEMENT * size + quick.error + rounding + _TINY) & ~bent
        agreed &= ~blind & np.isfinite(given)
        if agreed.all():
            self._note(distance, size)
            return Judgement("right")
        if not close:
            worst = int(np.argmax(np.where(agreed, -1, np.nan_to_num(distance, nan=np.inf))))
            return Judgement("wrong", float(given[worst]), float(quick.value[worst]), np.inf)
        return self._judge_closely(along, scale, indices, given, rounding)

    def _judge_closely(
        self, along: Along, scale: float, indices: Array, given: Array, rounding: Array
    ) -> Judgement:
        own = float(np.max(np.abs(self.flat[indices])))
        through, left, right = careful_slopes(along, scale, own, self.given.noise)
        if self._rounding is None:
            self._rounding = self.given.rounding().reshape(self.gradient.shape)
        moved = self._rounding[:, indices]
        moved = np.where(moved <= 0.01 * self._steepest[:, None], moved, 0)  # else it is a jump
        allowed = rounding + 20 * np.sqrt(np.sum(moved * moved, axis=1))
        judged = [
            _judged(*map(float, numbers))
            for numbers in zip(given, *through, *left, *right, allowed, strict=True)
        ]
        for judgement in judged:
            if judgement.verdict in ("right", "wrong"):
                apart = np.array([judgement.given - judgement.expected])
                self._note(np.abs(apart), np.array([abs(judgement.expected)]))
        return max(judged, key=lambda judgement: _ORDER.index(judgement.verdict))

    def _note(self, distance: Array, size: Array) -> None:
        self.difference = max(self.difference, float(np.max(distance)))
        self.largest = max(self.largest, float(np.max(size)))


_ORDER = ("right", "unclear", "kink", "wrong")  # the last of these is what a direction is


def _judged(
    given: float,
    through: float,
    error: float,
    left: float,
    left_error: float,
    right: float,
    right_error: float,
    allowed: float,
) -> Judgement:
    sides = [side for side in (left, right) if not np.isnan(side)]
    finite = [abs(side) for side in sides if np.isfinite(side)]
    size = max(abs(through), abs(given))
    margin = _AGREEMENT * size + 10 * error + allowed + _TINY
    known = 10 * (left_error + right_error) + 10 * _AGREEMENT * max(finite, default=0) + _TINY
    if len(finite) < 2 or abs(right - left) > known:
        # Where a side has no slope, or an infinite one, 0 is a convention, and so are nan and inf.
        edge = len(finite) < 2
        low, high = min(sides, default=0.0), max(sides, default=0.0)
        low, high = (min(low, 0.0), max(high, 0.0)) if edge and not finite else (low, high)
        agreed = edge and (given == 0 or not np.isfinite(given))
        between = agreed or not sides or low - known <= given <= high + known
        return Judgement("kink" if between else "wrong", given, through, error, left, right)
    if np.isfinite(given) and abs(through - given) <= margin:
        hidden = abs(through - given) > error and 10 * error > size
        return Judgement("unclear" if hidden else "right", given, through, error)
    return Judgement("wrong", given, through, error)


def _distance(judgement: Judgement) -> float:
    return float(np.nan_to_num(abs(judgement.given - judgement.expected), nan=np.inf))
