"""Arrays in few words: their entries if they are few, else their mean, spread, range and shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FEW = 24  # entries that are written out
FEWEST = 4  # in a line
MOST = 8, 6  # rows and columns of what is written out
ROUNDING = 16  # units in the last place, below which there is nothing but rounding
BARS = 8  # of a histogram
SAMPLED = 100_000  # entries that statistics look at


@dataclass(frozen=True)
class Numbers:
    """What is shown of an array: all `entries` in flat order, or statistics of the finite ones.

    `rounded` has the places of entries that are nothing but rounding, with a bound of it.
    """

    shape: tuple[int, ...]
    dtype: str
    entries: list[Any] | None = None
    mean: float | None = None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    histogram: tuple[int, ...] = ()
    not_finite: int = 0
    rounded: dict[int, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The shape and the dtype."""
        return f"{shape_of(self.shape)} {self.dtype}"


def described(array: Any, few: bool = True, scale: Any = None) -> Numbers:
    """An array as `Numbers`; of one that is not NumPy's only the shape and dtype are looked at.

    Of a `few` entries all are there. What is far smaller than the `scale` of what it was computed
    from comes from rounding.
    """
    shape, dtype = tuple(array.shape), str(array.dtype)
    if not isinstance(array, np.ndarray | np.generic) or not array.size:
        return Numbers(shape, dtype)
    flat = np.asarray(array).reshape(-1)
    unit = unit_of(flat)
    values = flat[np.isfinite(flat)]
    not_finite = flat.size - values.size
    fits = len(shape) <= 2 and all(n <= most for n, most in zip(shape, MOST, strict=False))
    if few and fits and flat.size <= FEW:
        known = np.zeros(flat.size) if scale is None else scale
        bounds = unit * np.where(np.isfinite(known), known, 0)  # an infinite one bounds nothing
        dust = np.flatnonzero(abs(flat) < bounds).tolist()
        rounded = {place: float(bounds[place]) for place in dust}
        return Numbers(shape, dtype, flat.tolist(), not_finite=not_finite, rounded=rounded)
    if values.dtype.kind not in "biuf" or not values.size:
        return Numbers(shape, dtype, not_finite=not_finite)
    low, high = float(values.min()), float(values.max())
    values = values[:: max(1, len(values) // SAMPLED)].astype(float)
    with np.errstate(all="ignore"):  # huge numbers have no square
        mean, spread = float(values.mean()), float(values.std())
        if abs(mean) < unit * max(-low, high):
            mean = 0.0
        place = np.nan_to_num((values - low) / (high - low) * BARS)
    counts = np.bincount(np.minimum(place, BARS - 1).astype(int), minlength=BARS)
    histogram = tuple(counts.tolist()) if high > low else ()
    return Numbers(shape, dtype, None, mean, spread, low, high, histogram, not_finite)


def unit_of(array: Any) -> float:
    """How much of what an entry was computed from is nothing but rounding, as a share of it."""
    return ROUNDING * float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 0.0


def written(value: Any, digits: int = 4) -> str:
    """A number in few digits."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, complex | np.complexfloating):
        text = f"{value:.{digits}g}"
    elif isinstance(value, int | np.integer) and abs(int(value)) < 10**7:
        text = str(int(value))
    else:
        text, _, exponent = f"{float(value):.{digits}g}".partition("e")
        text += f"e{int(exponent)}" if exponent else ""
    return ("0" if text == "-0" else text).replace("-", "−")


def rows(numbers: Numbers) -> list[str]:
    """The entries in columns, as lines of one width; a vector stands upright."""
    if not numbers.entries or numbers.shape == ():
        return _texts(numbers)
    # a hyphen is as wide as every other character; a minus sign may come from another font
    texts = [text.replace("−", "-") for text in _texts(numbers, digits=3)]
    texts = [text.rjust(max(map(len, texts))) for text in texts]
    columns = numbers.shape[1] if len(numbers.shape) == 2 else 1
    return ["  ".join(texts[i : i + columns]) for i in range(0, len(texts), columns)]


def statistics(numbers: Numbers) -> list[str]:
    """The lines that stand for entries that are too many to be written out."""
    lines = []
    if numbers.histogram:
        lines.append(f"{written(numbers.mean, 3)} ± {written(numbers.spread, 3)}")
        lines.append(f"{written(numbers.low, 3)} … {written(numbers.high, 3)}")
    elif numbers.mean is not None:
        lines.append(f"all {written(numbers.mean, 3)}")
    if numbers.not_finite:
        lines.append(f"{numbers.not_finite} not finite")
    return lines


def _texts(numbers: Numbers, digits: int = 4) -> list[str]:
    """The entries, those that are nothing but rounding as 0."""
    return [
        "0" if place in numbers.rounded else written(entry, digits)
        for place, entry in enumerate(numbers.entries or ())
    ]


def in_a_line(numbers: Numbers, exact: bool = False) -> str:
    """The array as one line of text, where it is not `exact` without mere rounding."""
    if numbers.entries is not None:
        texts = list(map(written, numbers.entries)) if exact else _texts(numbers)
        for size in reversed(numbers.shape):
            texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
        return texts[0]
    bars = "".join("▁▂▃▄▅▆▇█"[height - 1] for height in heights(numbers, 8))
    return " ".join(filter(None, [", ".join(statistics(numbers)), bars]))


def summary(numbers: Numbers) -> str:
    """The array in a few words: up to four entries, or statistics."""
    if numbers.entries is not None and len(numbers.entries) > FEWEST:
        numbers = described(np.array(numbers.entries), few=False)
    return in_a_line(numbers) if numbers.entries is not None else ", ".join(statistics(numbers))


def heights(numbers: Numbers, tallest: int) -> list[int]:
    """The bars of the histogram in whole units, from 1 to the tallest."""
    most = max(numbers.histogram, default=1)
    return [1 + round((tallest - 1) * count / most) for count in numbers.histogram]


def shape_of(shape: tuple[int, ...]) -> str:
    """A shape in writing: 30 × 784."""
    return " × ".join(map(str, shape)) if shape else "scalar"
