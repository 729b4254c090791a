"""Tables in text files: a row for each example, one of its columns the label."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator, Sequence
from csv import Error, reader
from itertools import chain
from textwrap import shorten
from typing import Any

import numpy as np

from microgradnd.arrays import Array

from ..init import zeros
from .examples import Data, require


def csv(
    path: str | os.PathLike[str], label: str | int = -1, header: bool | None = None,
    classes: Sequence[str] = (), delimiter: str = ",",
) -> Data:  # fmt: skip
    """Returns the examples in a CSV file: the column of labels, and all others as numbers.

    Labels are whole numbers, or other numbers, or else words.

    Arguments:
        path: the file, in UTF-8.
        label: name or position of the column of labels.
        header: whether the first line names the columns; by default it does if the label is given
            by name, or if none of its other cells is a number.
        classes: the names of the classes, for labels that are words; by default these in
            alphabetical order. Pass those of the training file to read the file for the test.
        delimiter: what separates the cells.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "flowers.csv")
    ...     size = file.write_text("length,species,width\\n5.1,iris,3.5\\n4.7,aster,3.2\\n")
    ...     flowers = csv(file, label="species")
    >>> flowers.inputs.tolist(), flowers.labels, flowers.classes
    ([[5.1, 3.5], [4.7, 3.2]], array([1, 0]), ('aster', 'iris'))
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = reader(file, delimiter=delimiter)
        try:
            inputs, labels = _read(filter(None, rows), label, header)  # without blank lines
        except (Error, ValueError) as error:  # a UnicodeDecodeError is a ValueError
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from None
    try:
        return Data(inputs, labels if classes else _as_numbers(labels), classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(rows: Iterator[list[str]], label: str | int, header: bool | None) -> tuple[Array, Any]:
    """The inputs, and the labels as words."""
    first = [cell.strip() for cell in next(rows, [])]
    width = len(first)
    require(width > 1, f"expected two columns or more, got {first}")
    named, required = isinstance(label, str), "without a header the label must be a position"
    require(not named or header is not False, f"{required}, got {label!r}")
    places = [k for k, name in enumerate(first) if label in (name, k, k - width)]
    found = f"{len(places)} among {width}: {shorten(', '.join(first), 200)}"
    require(len(places) == 1, f"expected one column {label!r}, got {found}")
    (place,) = places
    if header is None:
        others = first[:place] + first[place + 1 :]
        header = named or all(_number(name, None) is None for name in others)
    names: list[Any] = first.copy() if header else list(range(1, width + 1))
    name_of_label = names.pop(place)
    hint = "" if header else " (if the first line names the columns, use header=True)"
    numbers, labels = array("d"), list[str]()
    for cells in rows if header else chain([first], rows):
        require(len(cells) == width, f"expected {width} cells, got {len(cells)}")
        word = cells.pop(place).strip()
        valid = word and math.isfinite(_number(word, otherwise=0))
        require(valid, f"column {name_of_label!r}: expected a label, got {word!r}")
        labels.append(word)
        try:
            values = array("d", map(float, cells))
        except ValueError:
            values = array("d", [math.nan])
        if not math.isfinite(sum(values)):  # or finite numbers have an infinite sum
            for name, cell in zip(names, cells, strict=True):
                wrong = f"column {name!r}: expected a number, got {cell!r}{hint}"
                require(math.isfinite(_number(cell)), wrong)
        numbers.extend(values)
    require(bool(labels), "there are no examples below the header")
    inputs = np.frombuffer(numbers).reshape(len(labels), width - 1)
    return inputs.astype(zeros().dtype, copy=False), labels


def _number(cell: str, otherwise: float | None = math.nan) -> Any:
    try:
        return float(cell)
    except ValueError:
        return otherwise


def _as_numbers(labels: list[str]) -> Any:
    """The labels as whole numbers, else as other numbers, else as the words they are."""
    try:
        return np.array([*map(int, labels)], np.int64)
    except (ValueError, OverflowError):
        numbers = np.array([*map(_number, labels)])
        return labels if np.isnan(numbers).any() else numbers.astype(zeros().dtype)
