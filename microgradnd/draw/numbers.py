"""Arrays in few words: their entries if they are few, else their mean, spread, range and shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FEW = 24  # entries that are written out
TALLEST, WIDEST = 8, 6  # rows and columns of what is written out
DUST = 1e-10  # what is so much smaller than the largest is not worth its digits
BARS = 8  # of a histogram
SAMPLED = 100_000  # entries that statistics look at


@dataclass(frozen=True)
class Numbers:
    """What is shown of an array.

    `entries` has them all, as nested lists, if they are few; else the statistics say how they are
    spread, over all that are finite, and `histogram` counts them between the lowest and the
    highest. `not_finite` counts the others.
    """

    shape: tuple[int, ...]
    dtype: str
    entries: Any = None
    mean: float | None = None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    histogram: tuple[int, ...] = ()
    not_finite: int = 0


def described(array: Any) -> Numbers:
    """An array as `Numbers`; of one that is not NumPy's only shape and dtype, to leave it alone."""
    shape, dtype = tuple(array.shape), str(array.dtype)
    if not isinstance(array, np.ndarray | np.generic) or not array.size:
        return Numbers(shape, dtype)
    array = np.asarray(array)
    finite = np.isfinite(array)
    not_finite = array.size - int(np.count_nonzero(finite))
    if array.size <= FEW and _fits(shape):
        return Numbers(shape, dtype, entries=array.tolist(), not_finite=not_finite)
    values = array.reshape(-1) if not not_finite else array[finite]
    if values.dtype.kind not in "biuf" or not values.size:
        return Numbers(shape, dtype, not_finite=not_finite)
    low, high = float(values.min()), float(values.max())
    if len(values) > SAMPLED:
        values = values[:: len(values) // SAMPLED]
    place: Any
    with np.errstate(all="ignore"):  # huge numbers have no square
        values = values.astype(float)
        mean, spread = float(values.mean()), float(values.std())
        place = np.nan_to_num((values - low) / (high - low) * BARS)
    counts = np.bincount(np.minimum(place, BARS - 1).astype(int), minlength=BARS)
    histogram = tuple(counts.tolist()) if high > low else ()
    return Numbers(shape, dtype, None, mean, spread, low, high, histogram, not_finite)


def _fits(shape: tuple[int, ...]) -> bool:
    sizes = (*shape, 1, 1)[: max(len(shape), 2)]
    return len(sizes) == 2 and sizes[0] <= TALLEST and sizes[1] <= WIDEST


def written(value: Any, digits: int = 4) -> str:
    """A number in few digits."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, complex | np.complexfloating):
        return f"{value:.{digits}g}"
    if isinstance(value, int | np.integer) and abs(int(value)) < 10**7:
        return str(int(value)).replace("-", "−")
    text = f"{float(value):.{digits}g}"
    if "e" in text:
        factor, exponent = text.split("e")
        text = f"{factor}e{int(exponent)}"
    return ("0" if text == "-0" else text).replace("-", "−")


def rows(numbers: Numbers, digits: int = 3) -> list[str]:
    """The entries in columns, as lines of one width; a vector stands upright."""
    if numbers.entries is None:
        return []
    if numbers.shape == ():
        return [written(numbers.entries)]
    table = numbers.entries if len(numbers.shape) == 2 else [[entry] for entry in numbers.entries]
    sizes: list[Any] = [abs(entry) for row in table for entry in row if entry == entry]
    largest: Any = max(sizes, default=0)
    # a hyphen is as wide as every other character; a minus sign may come from another font
    texts = [
        [
            written(entry, 1 if abs(entry) < DUST * largest else digits).replace("−", "-")
            for entry in row
        ]
        for row in table
    ]
    width = max((len(text) for row in texts for text in row), default=0)
    return ["  ".join(text.rjust(width) for text in row) for row in texts]


def statistics(numbers: Numbers) -> list[str]:
    """What is said of the entries where they are too many to be written out."""
    lines = []
    if numbers.histogram:
        lines.append(f"{written(numbers.mean, 3)} ± {written(numbers.spread, 3)}")
        lines.append(f"{written(numbers.low, 3)} … {written(numbers.high, 3)}")
    elif numbers.mean is not None:
        lines.append(f"all {written(numbers.mean, 3)}")
    if numbers.not_finite:
        lines.append(f"{numbers.not_finite} not finite")
    return lines


def in_a_line(numbers: Numbers) -> str:
    """The same as one line of text."""
    if numbers.entries is not None:
        return _nested(numbers.entries)
    bars = "".join("▁▂▃▄▅▆▇█"[height - 1] for height in heights(numbers, 8))
    return " ".join(filter(None, [", ".join(statistics(numbers)), bars]))


def _nested(entries: Any) -> str:
    if isinstance(entries, list):
        return "[" + ", ".join(map(_nested, entries)) + "]"
    return written(entries)


def heights(numbers: Numbers, tallest: int) -> list[int]:
    """The bars of the histogram in whole units, from 1 to the tallest."""
    most = max(numbers.histogram, default=1)
    return [1 + round((tallest - 1) * count / most) for count in numbers.histogram]


def shape_of(shape: tuple[int, ...]) -> str:
    """A shape as it is said: 30 × 784."""
    return " × ".join(map(str, shape)) if shape else "scalar"
