"""Tables in text files: a row for each example, one of its columns the label."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from csv import Error, reader
from itertools import chain
from typing import Any

import numpy as np

from ..module import zeros
from .arrays import Data

Row = tuple[int, list[str]]  # the number of its line in the file, and its cells


def csv(
    path: str | os.PathLike[str],
    label: str | int = -1,
    header: bool | None = None,
    classes: Sequence[str] = (),
    delimiter: str = ",",
) -> Data:
    """The examples in a CSV file: its column `label` (by name or position), and the others.

    All columns but the label's hold numbers. Labels are whole numbers, or other numbers to be
    learnt, or else words, which are numbered in alphabetical order, or as in `classes`: hand
    over those of the training file to read the file for the test. Unless `header` says so, the
    first line names the columns if the label is given by name, or if none of its other cells is
    a number.

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
        try:
            return _read(_rows(file, delimiter), label, header, classes)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _rows(file: Any, delimiter: str) -> Iterator[Row]:
    lines = reader(file, delimiter=delimiter)
    try:
        for cells in lines:
            if cells:  # else the line is blank
                yield lines.line_num, cells
    except Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"this is no text in UTF-8: {error}") from None


def _read(rows: Iterator[Row], label: str | int, header: bool | None, classes: Any) -> Data:
    first = next(rows, None)
    if first is None:
        raise ValueError("there is nothing in the file")
    names = [cell.strip() for cell in first[1]]
    if len(names) < 2:
        raise ValueError(f"line {first[0]}: examples take two columns or more, found {names}")
    if isinstance(label, str) and header is False:
        raise ValueError(f"without a header the label is a position, not {label!r}")
    position = _position(label, names)
    columns = names[:position] + names[position + 1 :]
    if header is None:
        header = isinstance(label, str) or not any(map(_is_number, columns))
    numbers, labels, lines = array("d"), list[str](), list[int]()
    for line, cells in rows if header else chain([first], rows):
        if len(cells) != len(names):
            raise ValueError(f"line {line}: found {len(cells)} cells, expected {len(names)}")
        lines.append(line)
        labels.append(cells.pop(position).strip())
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            wrong = next(place for place, cell in enumerate(cells) if not _is_number(cell))
            raise _no_number(line, cells[wrong], columns[wrong] if header else None) from None
    if not lines:
        raise ValueError("there are no examples below the header")
    inputs = np.frombuffer(numbers).reshape(len(lines), len(columns))
    for row, column in np.argwhere(~np.isfinite(inputs))[:1]:
        raise _no_number(lines[row], str(inputs[row, column]), columns[column] if header else None)
    for line, name in zip(lines, labels, strict=True):
        if name.lower() in ("", "nan"):
            raise ValueError(f"line {line}: the label is missing")
    inputs = inputs.astype(zeros().dtype, copy=False)
    return Data(inputs, labels if classes else _as_numbers(labels), classes)


def _position(label: str | int, names: list[str]) -> int:
    if isinstance(label, str):
        if names.count(label) != 1:
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ValueError(f"{names.count(label)} columns are named {label!r}, among {shown}")
        return names.index(label)
    if not -len(names) <= label < len(names):
        raise ValueError(f"there is no column {label}, of {len(names)}")
    return label % len(names)


def _as_numbers(labels: list[str]) -> Any:
    """The labels as whole numbers, else as other numbers, else as the words they are."""
    try:
        return np.array(list(map(int, labels)), np.int64)
    except (ValueError, OverflowError):
        return np.array(labels, zeros().dtype) if all(map(_is_number, labels)) else labels


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _no_number(line: int, cell: str, column: str | None) -> ValueError:
    if column is not None:
        return ValueError(f"line {line}: the column {column!r} holds numbers, found {cell!r}")
    return ValueError(
        f"line {line}: columns but the label's hold numbers, found {cell!r} "
        "(if the first line names the columns, say header=True)"
    )
