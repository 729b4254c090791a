"""A gradient compared with slopes: at every entry, or in directions where there are many."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .slopes import EPSILON, Slope, careful_slopes, moving, quick_slope

_SMALL = 256  # up to so many entries each is looked at alone
_ENOUGH = 8  # after so many wrong entries no more are looked at closely
_TINY = 1e-300  # below it numbers lose their digits
_AGREEMENT = 1e-6  # two slopes that differ by less, relatively, are the same
_NEARER = 2.0**-16  # as far as this, a second look, before a gradient is called wrong
_MANY = 2.0**24  # so many times its rounding a term of a sum is disturbed, to see it in every sum
_VERDICTS = ("right", "unclear", "kink", "wrong")  # of several verdicts the last one counts


class Judgement(NamedTuple):
    """One slope according to a gradient and according to differences.

    The verdict is "right", "wrong", "kink" (the slopes to the left and right differ, and the given
    one is between them), or "unclear" (rounding hides the slope).
    """

    verdict: str
    given: float = 0.0
    expected: float = 0.0
    error: float = 0.0
    left: float = 0.0
    right: float = 0.0
    place: tuple[int, ...] | None = None
    bent: bool = False  # the slopes to both sides differ, and no other entry explains it

    def refutes(self, alarm: Judgement) -> bool:
        """Whether slopes so near that little else lies between show that nothing is wrong."""
        if alarm.verdict != "wrong" or self.verdict not in ("right", "kink"):
            return False
        well_known = 10 * self.error < abs(alarm.given - alarm.expected)
        return well_known and bool(np.isfinite([self.left, self.right]).all())


@dataclass
class Comparison:
    """The result for one array: how it was looked at, and each place that is not right."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    entries: int = 0
    directions: int = 0
    difference: float = 0.0  # the largest
    largest: float = 0.0  # slope
    found: list[Judgement] = field(default_factory=list)

    def having(self, verdict: str) -> list[Judgement]:
        """The judgements with this verdict."""
        return [judgement for judgement in self.found if judgement.verdict == verdict]

    @property
    def verdict(self) -> str:
        """The worst verdict on an entry: "wrong", "kink", "unclear" or "right"."""
        return max((j.verdict for j in self.found), key=_VERDICTS.index, default="right")


@dataclass
class Claim:
    """A function of arrays, and what are claimed to be its gradients."""

    arrays: list[Array]  # float64; they are moved in place and put back
    weights: Array  # of the outputs, a row for each gradient
    values: Callable[[], Array]  # all outputs in one vector, where the arrays are now
    gradients: Callable[..., list[Array]]  # stacked for each array: see FunctionUnderTest

    def outputs(self) -> Array:
        try:
            return np.asarray(self.weights @ self.values())
        except Exception:  # whatever a user's function may raise
            return np.full(len(self.weights), np.nan)

    @functools.cached_property
    def rounding(self) -> list[Array]:
        """How far each gradient moves if all numbers that it is a sum of move by one ε."""
        rng, here = np.random.default_rng(0), self.gradients()
        disturb = lambda t: t + _MANY * EPSILON * rng.normal(size=np.shape(t)) * t  # noqa: E731
        disturbed = zip(*(self.gradients(disturb) for _ in range(3)), strict=True)
        distances = (np.abs(np.stack(parts) - g) for parts, g in zip(disturbed, here, strict=True))
        return [np.nan_to_num(np.max(distance, axis=0), posinf=0) / _MANY for distance in distances]

    @contextlib.contextmanager
    def moved(self, steps: list[Any]) -> Iterator[None]:
        """Inside, these steps, in units of each array's typical size, are added to the arrays."""
        before = [array.copy() for array in self.arrays]
        try:
            for array, step in zip(self.arrays, steps, strict=True):
                array += typical_size(array) * step
            yield
        finally:
            for array, was in zip(self.arrays, before, strict=True):
                array[...] = was

    def beside(self, seed: int = 0) -> contextlib.AbstractContextManager[None]:
        """Inside, all arrays are moved a little."""
        rng = np.random.default_rng(seed)
        return self.moved([1e-3 * rng.standard_normal(array.shape) for array in self.arrays])

    def is_kinked(self) -> bool:
        """Whether slopes in two directions do not add up to the slope in the sum of the two."""

        def ahead(steps: list[Any]) -> Slope:
            def along(distance: float) -> Array:
                with self.moved([distance * step for step in steps]):
                    return self.outputs()

            return careful_slopes(along, 1.0, 1.0).right

        rng = np.random.default_rng(0)
        for _ in range(6):
            one, other = ([rng.normal(size=a.shape) for a in self.arrays] for _ in range(2))
            both = [a + b for a, b in zip(one, other, strict=True)]
            slopes = [ahead(steps) for steps in (one, other, both)]
            first, last, through = (slope.value for slope in slopes)
            known = sum(10 * s.error + 1e-5 * np.abs(s.value) for s in slopes)
            infinite = np.isinf([first, last, through]).any()
            if infinite or np.any(np.abs(first + last - through) > known):
                return True
        return False

    def is_right_beside(self) -> bool:
        """Whether the gradients are right a little further on, wherever the function is defined."""
        for seed in range(4):
            with contextlib.suppress(Exception), self.beside(seed):  # outside the domain
                if np.isfinite(self.outputs()).all():
                    given = enumerate(self.gradients())
                    if "wrong" in (compare(self, k, part).verdict for k, part in given):
                        return False
        return True


def compare(claim: Claim, k: int, given: Array, dtype: Any = float, name: str = "") -> Comparison:
    """Compare gradients for array k, which may be rounded as in this dtype, with slopes."""
    row = _Judge(claim, k, given, dtype, name).everywhere()
    if row.verdict == "kink":
        # A kink shows little, since all between its slopes may be right: look a little beside it.
        steps: list[Any] = [np.zeros(array.shape) for array in claim.arrays]
        steps[k] = 0.1 * np.random.default_rng(0).standard_normal(steps[k].shape)
        with claim.moved(steps), contextlib.suppress(Exception):  # outside the domain
            row.found += _Judge(claim, k, claim.gradients()[k], dtype).everywhere().having("wrong")
    return row


class _Judge:
    """Judges entries and directions of one array, and remembers the entries that are not right."""

    def __init__(
        self, claim: Claim, k: int, given: Array, dtype: Any = float, name: str = ""
    ) -> None:
        self.claim, self.k = claim, k
        self.array, self.precision = claim.arrays[k], float(np.finfo(dtype).eps)
        self.row = Comparison(name, self.array.shape, np.dtype(dtype).name)
        self.gradient = given.reshape(len(given), -1)
        self.found: dict[int, Judgement] = {}
        self._here = claim.outputs()
        # An entry bears the rounding of the sums that larger ones took part in.
        finite = np.isfinite(self.gradient)
        self._steepest = np.max(np.abs(self.gradient), axis=1, initial=0, where=finite)
        self._typical = typical_size(self.array)

    def everywhere(self) -> Comparison:
        """Judge each entry, or of many some directions and some entries."""
        movable = np.flatnonzero(np.isfinite(self.array))
        if movable.size > _SMALL:
            rng, self.row.directions = np.random.default_rng(0), 4
            for _ in range(self.row.directions):
                self._search(movable, rng.choice((-1.0, 1.0), movable.size))
            steepest = np.argsort(np.max(np.abs(self.gradient[:, movable]), axis=0))[-8:]
            movable = np.unique(movable[[*steepest, *rng.integers(0, movable.size, 16)]])
        self._entries(movable)
        bent = {entry: found for entry, found in self.found.items() if found.bent}
        if 1 < len(bent) <= _SMALL:  # where entries are tied, each alone shows little
            together = self._judge(np.array(list(bent)), np.ones(len(bent)))
            if together.verdict != "wrong":  # each has a share of the slope that is theirs together
                self.found |= {entry: found._replace(bent=False) for entry, found in bent.items()}
            elif np.isfinite(together.expected) and all(j.verdict == "kink" for j in bent.values()):
                self.found[min(bent)] = together._replace(bent=True)  # but not at a jump
        self.row.found = [
            judgement._replace(place=tuple(map(int, np.unravel_index(entry, self.array.shape))))
            for entry, judgement in sorted(self.found.items())
        ]
        return self.row

    def _entries(self, indices: Array) -> None:
        for index in indices.tolist():
            wrong = sum(judgement.verdict == "wrong" for judgement in self.found.values())
            judgement = self._judge(np.array([index]), np.ones(1), close=wrong < _ENOUGH)
            self.row.entries += 1
            if judgement.verdict != "right":
                self.found[index] = judgement

    def _search(self, indices: Array, signs: Array) -> None:
        """Judge a direction; where it is not right, follow a half that is not, down to entries."""
        judgement = self._judge(indices, signs)
        if judgement.verdict not in ("wrong", "kink"):
            return
        while len(indices) > 4:
            middle = len(indices) // 2
            for half in (slice(middle), slice(middle, None)):
                found = self._judge(indices[half], signs[half])
                if found.verdict == judgement.verdict:
                    break
            else:
                break
            judgement, indices, signs = found, indices[half], signs[half]
        self._entries(indices[:4])
        shown = (self.found.get(index) for index in indices[:4].tolist())
        if not any(found and found.verdict == judgement.verdict for found in shown):
            self.found[int(indices[0])] = judgement  # no entry alone shows it

    def _judge(self, indices: Array, signs: Array, close: bool = True) -> Judgement:
        """Compare the gradient's slope along these signs with differences."""
        along = moving(self.array, indices, signs, self.claim.outputs)
        parts = self.gradient[:, indices]
        given, length = parts @ signs, np.hypot.reduce(parts, axis=1)
        own, scale = float(np.max(np.abs(self.array.flat[indices]))), self._typical
        if len(indices) == 1:  # an entry's own size, unless it is small among its like
            scale = max(own, scale)
        quick, bend = quick_slope(along, scale, self._here)
        size = np.maximum(np.abs(quick.value), np.abs(given))
        distance = np.abs(quick.value - given)
        rounding = 16 * self.precision * (np.nan_to_num(length) + self._steepest)
        blind = (quick.error > 1e-4 * size) & (size > 0)
        bent = bend > 0.01 * size + 4 * quick.error
        agreed = distance <= _AGREEMENT * size + quick.error + rounding + _TINY
        agreed &= ~bent & ~blind & np.isfinite(given)
        if agreed.all():
            self._note(distance, size)
            return Judgement("right")
        if not close:
            worst = int(np.argmax(np.where(agreed, -1, np.nan_to_num(distance, nan=np.inf))))
            values = float(given[worst]), float(quick.value[worst]), np.inf
            return Judgement("wrong", *values, bent=bool(bent[worst]))
        moved = self.claim.rounding[self.k].reshape(self.gradient.shape)[:, indices]
        allowed = rounding + 20 * np.hypot.reduce(moved, axis=1)

        def judged(nearer: float) -> list[Judgement]:
            slopes = careful_slopes(along, scale, own, nearer)
            parts = enumerate(zip(given.tolist(), allowed.tolist(), strict=True))
            return [_judged(slope, slopes.at(i), margin) for i, (slope, margin) in parts]

        found = judged(1.0)
        if any(judgement.verdict == "wrong" for judgement in found):
            pairs = zip(found, judged(_NEARER), strict=True)
            found = [near if near.refutes(far) else far for far, near in pairs]
        for judgement in found:
            if judgement.verdict in ("right", "wrong"):
                self._note(abs(judgement.given - judgement.expected), abs(judgement.expected))
        return max(found, key=lambda judgement: _VERDICTS.index(judgement.verdict))

    def _note(self, distance: Array | float, size: Array | float) -> None:
        self.row.difference = max(self.row.difference, float(np.max(distance)))
        self.row.largest = max(self.row.largest, float(np.max(size)))


def _judged(given: float, slopes: list[tuple[float, float]], allowed: float) -> Judgement:
    (through, error), (left, left_error), (right, right_error) = slopes
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
        verdict, error = "kink" if between else "wrong", max(error, left_error, right_error)
        return Judgement(verdict, given, through, error, left, right, bent=left != right)
    if through == error == 0 < abs(given) <= EPSILON:  # so small a change is lost beside a 1
        return Judgement("unclear", given, through, EPSILON)
    if np.isfinite(given) and abs(through - given) <= margin:
        hidden = abs(through - given) > error and 10 * error > size
        return Judgement("unclear" if hidden else "right", given, through, error)
    return Judgement("wrong", given, through, error)


# ---- arrays of numbers ---------------------------------------------------------------------------


def is_float(value: Any) -> bool:
    """Whether it is an array of floating-point numbers."""
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"


def widened(value: Any) -> Any:
    """An array of floats as a copy in float64, in the same layout, which order="A" depends on."""
    return np.array(value, float) if is_float(value) else value


def typical_size(array: Array) -> float:
    """The root of the mean square of the finite entries, or 1 if there is none but 0."""
    finite = array[np.isfinite(array)]
    largest = float(np.max(np.abs(finite), initial=0))
    return largest * float(np.sqrt(np.mean((finite / largest) ** 2))) if largest else 1.0
