"""Tables in text files: a row for each example, one of its columns the label."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from csv import Error, reader
from itertools import chain
from textwrap import shorten
from typing import Any

import numpy as np

from microgradnd.habits import require

from ..files.named_arrays import Path
from ..init import zeros
from .columns import Columns, days, is_missing, number
from .examples import Data

_DELIMITERS = "\t;|,"  # a decimal comma is more common than any of the others inside a cell
_SAMPLE = 1 << 16  # characters
_MOST_WORDS = 100  # of a category that is guessed


def csv(
    path: Path, label: str | int = -1, header: bool | None = None, classes: Sequence[str] = (),
    delimiter: str | None = None, columns: Mapping[Any, str] | Columns | None = None,
    missing: str = "refuse", decimal: str = ".",
) -> Data:  # fmt: skip
    """Returns the examples in a CSV file: the column of labels, and all others as numbers.

    Labels are whole numbers, or other numbers, or else words. How the columns were read is the
    `columns` of the data: pass them to read another file in the same way, and save them with the
    model by `nn.save(model, path, data.columns)`.

    Arguments:
        path: the file, in UTF-8.
        label: name or position of the column of labels.
        header: whether the first line names the columns; by default it does if one is named here,
            or if no cell of it but that of the label is a number.
        classes: the names of the classes, for labels that are words; by default these in
            alphabetical order.
        delimiter: what separates the cells; by default a comma, semicolon, bar or tab is found.
        columns: the kinds of those columns that are no numbers, see `Columns` (or `guess_columns`);
            or the Columns of another file.
        missing: "refuse" missing cells, or "keep" them as nan, for `Standardise(fill=True)`.
        decimal: what separates the decimals of numbers.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "flowers.csv")
    ...     size = file.write_text("length,species,colour\\n5.1,iris,blue\\n4.7,aster,red\\n")
    ...     flowers = csv(file, label="species", columns={"colour": "category"})
    >>> flowers.inputs.tolist(), flowers.columns.inputs
    ([[5.1, 1.0, 0.0], [4.7, 0.0, 1.0]], ['length', 'colour=blue', 'colour=red'])
    >>> flowers.labels, flowers.classes
    (array([1, 0]), ('aster', 'iris'))
    """
    known = columns if isinstance(columns, Columns) else None
    if known is not None:
        given = {"label": (label, -1), "missing": (missing, "refuse"), "decimal": (decimal, ".")}
        for name, (value, usual) in given.items():
            decided = f"{name} is that of the Columns, {getattr(known, name)!r}, got {value!r}"
            require(value in (usual, getattr(known, name)), decided)
        label, classes = known.label, classes or known.classes
    kinds = dict(columns.kinds if isinstance(columns, Columns) else columns or {})
    with _rows(path, delimiter) as rows:
        place, first, names, rest = _beginning(rows, label, header, kinds)
        strange = [name for name in kinds if name not in names]
        require(not strange, f"columns= names {str(strange)[1:-1]}, but there are {names}")
        every = {name: kinds.get(name, "number") for name in names}
        use = known or Columns(every, label, classes, missing, decimal)
        require(names == list(use.kinds), f"expected the columns {list(use.kinds)}, got {names}")
        labels: list[str] = []

        def inputs_of(row: list[str]) -> list[str]:
            word = row.pop(place).strip()
            found = f"column {first[place]!r}: expected a label, got {word!r}"
            require(word and math.isfinite(_number(word) or 0), found)
            labels.append(word)
            return row

        inputs = use(map(inputs_of, rest), learn=known is None)
        require(bool(labels), "there are no examples below the header")
    try:
        data = Data(inputs, labels if classes else _as_numbers(labels, use.decimal), classes, use)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if known is None:
        use.classes = data.classes
    return data


def guess_columns(
    path: Path, label: str | int = -1, header: bool | None = None, delimiter: str | None = None,
    decimal: str = ".",
) -> dict[Any, str]:  # fmt: skip
    """Returns what the columns of a file seem to be, to be looked at, changed and passed to `csv`.

    Numbers and dates are found by their cells. Other columns are a category if they have at most
    100 words, and no more than half as many as rows; else they are what most cells are, numbers or
    dates, so that `csv` names the cell that is not, or to be skipped.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "people.csv")
    ...     rows = "name;born;city;pay\\nAnn;1990-05-01;Ulm;3\\nBo;1987-01-31;Ulm;4\\n"
    ...     size = file.write_text(rows)
    ...     guess_columns(file, label="pay")
    {'name': 'skip', 'born': 'date', 'city': 'category'}
    """
    with _rows(path, delimiter) as rows:
        place, _, names, rest = _beginning(rows, label, header, {})
        found, words, count = [Counter[Any]() for _ in names], [set[str]() for _ in names], 0
        for row in rest:
            del row[place]
            count += 1
            for cell, kinds, seen in zip(map(str.strip, row), found, words, strict=True):
                if not is_missing(cell):
                    is_number = number(cell, decimal) is not None
                    may_be_both = cell.isdigit()  # such as 20241231
                    is_date = (may_be_both or not is_number) and days(cell) is not None
                    kinds[is_number, is_date] += 1
                    if len(seen) <= _MOST_WORDS:
                        seen.add(cell)
    few, guess = min(_MOST_WORDS, count / 2), {}
    for name, kinds, seen in zip(names, found, words, strict=True):
        both, others = kinds[True, True], kinds[False, False]
        fits = {"number": both + kinds[True, False], "date": both + kinds[False, True]}
        kind = max(fits, key=lambda kind: fits[kind])
        if fits[kind] < kinds.total() and len(seen) <= few:
            kind = "category"
        elif fits[kind] <= others:
            kind = "skip"
        guess[name] = kind
    return guess


@contextmanager
def _rows(path: Path, delimiter: str | None) -> Iterator[Iterator[list[str]]]:
    """The rows of a file without blank lines; an error names the file and the line."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = reader(file)
        try:
            if delimiter is None:
                start = file.read(_SAMPLE)
                file.seek(0)
                delimiter = _delimiter(start.splitlines(keepends=True), len(start) < _SAMPLE)
            rows = reader(file, delimiter=delimiter)
            yield filter(None, rows)
        except UnicodeDecodeError as error:
            byte = f"byte {error.object[error.start]:#x}"
            raise ValueError(f"{path}: expected UTF-8, got {byte}; save it as UTF-8") from None
        except (Error, ValueError) as error:
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from None


def _delimiter(lines: list[str], whole: bool) -> str:
    """What separates all first rows into the same number of cells, more than one; or a comma."""
    for delimiter in _DELIMITERS:
        with suppress(Error):
            found = list(filter(None, reader(lines, delimiter=delimiter)))
            widths = {len(row) for row in (found if whole else found[:-1])}
            if len(widths) == 1 and widths != {1}:
                return delimiter
    return ","


def _beginning(
    rows: Iterator[list[str]], label: str | int, header: bool | None, kinds: Iterable[Any]
) -> tuple[int, list[Any], list[Any], Iterator[list[str]]]:
    """The place of the label, the names of all columns and of those without it, and the rows."""
    first = [cell.strip() for cell in next(rows, [])]
    width = len(first)
    require(width > 1, f"expected two columns or more, got {first}")
    named = isinstance(label, str)
    required = "without a header the label must be a position"
    require(not named or header is not False, f"{required}, got {label!r}")
    places = [k for k, name in enumerate(first) if label in (name, k, k - width)]
    found = f"{len(places)} among {width}: {shorten(', '.join(first), 200)}"
    require(len(places) == 1, f"expected one column {label!r}, got {found}")
    (place,) = places
    if header is None:
        others = first[:place] + first[place + 1 :]
        header = named or any(isinstance(name, str) for name in kinds)
        header = header or all(_number(name) is None for name in others)
    twice = [f"{name} ({k})" if first.count(name) > 1 else name for k, name in enumerate(first, 1)]
    names: list[Any] = list(twice) if header else list(range(1, width + 1))

    def rest() -> Iterator[list[str]]:
        for row in rows if header else chain([first], rows):
            require(len(row) == width, f"expected {width} cells, got {len(row)}")
            yield row

    return place, names, names[:place] + names[place + 1 :], rest()


def _number(cell: str) -> float | None:
    """A number with either decimal mark, or nan or inf; None for words."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _as_numbers(labels: list[str], decimal: str) -> Any:
    """The labels as whole numbers, else as other numbers, else as the words they are."""
    try:
        require("_" not in "".join(labels), "Python reads 1_0 as 10")
        return np.array([*map(int, labels)], np.int64)
    except (ValueError, OverflowError):
        numbers = [number(word, decimal) for word in labels]
        if None not in numbers:
            return np.array(numbers, zeros().dtype)
        strange = {word for word, value in zip(labels, numbers, strict=True) if value is None}
        few = len(strange) < len(labels) and all(map(is_missing, strange))
        require(not few, f"expected a label in each row, got {str(sorted(strange))[1:-1]}")
        return labels
