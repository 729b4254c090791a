"""Tables in text files: a row for each example, one of its columns the label."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator, Sequence
from csv import Error, reader
from itertools import chain
from typing import Any

import numpy as np

from microgradnd.arrays import Array

from ..init import zeros
from .examples import Data


def csv(
    path: str | os.PathLike[str],
    label: str | int = -1,
    header: bool | None = None,
    classes: Sequence[str] = (),
    delimiter: str = ",",
) -> Data:
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

    >>> import tempfile, pathlib
    >>> from nn.data import csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "flowers.csv"
    ...     size = file.write_text("length,species,width\\n5.1,iris,3.5\\n4.7,aster,3.2\\n")
    ...     flowers = csv(file, label="species")
    >>> flowers.inputs, flowers.labels, flowers.classes
    (array([[5.1, 3.5],
           [4.7, 3.2]]), array([1, 0]), ('aster', 'iris'))
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = reader(file, delimiter=delimiter)
        try:
            inputs, words = _read(filter(None, rows), label, header)  # without blank lines
        except (Error, ValueError) as error:  # a UnicodeDecodeError is a ValueError
            raise ValueError(f"{path}, line {rows.line_num}: {error}") from None
    try:
        return Data(inputs, words if classes else _as_numbers(words), classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(rows: Iterator[list[str]], label: str | int, header: bool | None) -> tuple[Array, Any]:
    """The inputs, and the labels as words."""
    first = next(rows, None)
    if first is None:
        raise ValueError("there is nothing in the file")
    columns = [cell.strip() for cell in first]
    width = len(columns)
    if width < 2:
        raise ValueError(f"expected two columns or more, got {columns}")
    if isinstance(label, str) and header is False:
        raise ValueError(f"without a header the label must be a position, got {label!r}")
    position = _position(label, columns)
    del columns[position]
    if header is None:
        header = isinstance(label, str) or all(_number(name) is None for name in columns)
    numbers, labels = array("d"), list[str]()
    for cells in rows if header else chain([first], rows):
        if len(cells) != width:
            raise ValueError(f"expected {width} cells, got {len(cells)}")
        labels.append(cells.pop(position).strip())
        if labels[-1].lower() in ("", "nan"):
            raise ValueError("the label is missing")
        try:
            values = array("d", map(float, cells))
        except ValueError:
            values = array("d", [math.nan])
        if not math.isfinite(sum(values)):
            _check_numbers(cells, columns if header else None)
        numbers.extend(values)
    if not labels:
        raise ValueError("there are no examples below the header")
    inputs = np.frombuffer(numbers).reshape(len(labels), width - 1)
    return inputs.astype(zeros().dtype, copy=False), labels


def _position(label: str | int, names: list[str]) -> int:
    if isinstance(label, str):
        if names.count(label) != 1:
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ValueError(f"{names.count(label)} columns are named {label!r}, among {shown}")
        return names.index(label)
    if not -len(names) <= label < len(names):
        raise ValueError(f"there is no column {label}, of {len(names)}")
    return label % len(names)


def _check_numbers(cells: list[str], columns: list[str] | None) -> None:
    """Raises for the first cell that is not a finite number."""
    hint = "" if columns else " (if the first line names the columns, use header=True)"
    for cell, column in zip(cells, columns or range(1, len(cells) + 1), strict=True):
        number = _number(cell)
        if number is None or not math.isfinite(number):
            raise ValueError(f"column {column!r}: expected a number, got {cell!r}{hint}")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _as_numbers(labels: list[str]) -> Any:
    """The labels as whole numbers, else as other numbers, else as the words they are."""
    try:
        return np.array(list(map(int, labels)), np.int64)
    except (ValueError, OverflowError):
        numbers = list(map(_number, labels))
        return labels if None in numbers else np.array(numbers, zeros().dtype)
