"""Tables in text files: a row for each example, one of its columns the label."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from csv import Error, reader
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import chain
from textwrap import shorten
from typing import Any, TypeAlias

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import check_choice, explain_options, require

from ..files.named_arrays import Path
from ..init import zeros
from .examples import Data

KINDS = "number", "category", "date", "skip"
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])  # in small letters
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DELIMITERS = "\t;|,"  # a decimal comma is more common than any of the others inside a cell
_SAMPLE = 1 << 16  # characters


@dataclass(eq=False)
class Columns:
    """How the cells of a table become inputs: what `nn.data.csv` learnt from one file, for others.

    A category becomes a column of zeros and ones for each of its words, in alphabetical order, and
    a date the days since 1970. An empty cell, NA, nan, null, none and ? are missing. Missing cells,
    and words that were not there to be learnt, are refused; with `missing="keep"` they are nan in a
    column of numbers (`Standardise(fill=True)` fills them), and zeros in all columns of a category.

    Arguments:
        kinds: by the name of each column, or its position from 1 on, "number", "category", "date"
            (as 2024-12-31), a format of dates such as "%d.%m.%Y", or "skip".
        label, classes: the column of labels, and the names of the classes, if there are any.
        missing: "refuse" or "keep".

    Without arguments it is empty, and `nn.load(model, path, columns)` fills it.

    >>> columns = Columns({"age": "number", "city": "category"}, missing="keep")
    >>> columns([["31", "Ulm"], ["", "Bonn"]], learn=True)
    array([[31.,  0.,  1.],
           [nan,  1.,  0.]])
    >>> columns([["40", "Paris"]]), columns.inputs
    (array([[40.,  0.,  0.]]), ['age', 'city=Bonn', 'city=Ulm'])
    """

    kinds: dict[Any, str] = field(default_factory=dict)
    label: str | int = -1
    classes: Sequence[str] = ()
    missing: str = "refuse"

    def __post_init__(self) -> None:
        self.kinds, self.classes = dict(self.kinds), tuple(self.classes)
        self.words: dict[Any, tuple[str, ...]] = {}
        for name, kind in self.kinds.items():
            formats = f"{', '.join(KINDS)} or a format of dates such as '%d.%m.%Y'"
            found = f"column {name!r}: expected {formats}, got {kind!r}"
            require(kind in KINDS or "%" in kind, found)
        check_choice("missing", self.missing, "refuse", "keep")

    @property
    def inputs(self) -> list[str]:
        """The names of the columns of inputs."""
        words = {name: [f"{name}={word}" for word in known] for name, known in self.words.items()}
        used = [name for name, kind in self.kinds.items() if kind != "skip"]
        return [each for name in used for each in words.get(name, [str(name)])]

    def __call__(self, rows: Iterable[Sequence[str]], learn: bool = False) -> Array:
        """Returns the inputs of rows of cells, without the label; `learn` learns their words."""
        require(bool(self.kinds), "these Columns are empty: load them, or name their kinds")
        self.words = {} if learn else self.words
        known, readers = dict[Any, dict[str, int]](), []
        for place, (name, kind) in enumerate(self.kinds.items()):
            if kind == "category":
                known[name] = {word: k for k, word in enumerate(self.words.get(name, ()))}
            if kind != "skip":
                readers.append((place, name, _reader(kind, known.get(name), learn)))
        numbers, width, count = array("d"), len(self.kinds), 0
        for cells in rows:
            count += 1
            require(len(cells) == width, f"expected {width} cells, got {len(cells)}")
            for place, name, read in readers:
                value = read(cell := str(cells[place]).strip())
                if value is None or not math.isfinite(value):
                    value = self._not_read(cell, name)
                numbers.append(value)
        table: Array = np.asarray(numbers).reshape(count, len(readers))
        if learn:
            self.words = {name: tuple(sorted(words)) for name, words in known.items()}
        if known:
            parts = [
                column == [known[name][word] for word in self.words[name]]
                if name in known
                else column
                for (_, name, _), column in zip(readers, table.T[..., None], strict=True)
            ]
            table = np.concatenate(parts, axis=1)
        return table.astype(zeros().dtype, copy=False)

    def _not_read(self, cell: str, name: Any) -> float:
        """nan for what is missing or was not learnt, if that is kept, or an error for the cell."""
        kind, words = self.kinds[name], ", ".join(self.words.get(name, ())[:20])
        if missing := kind == "category" or is_missing(cell):
            hint = "missing='keep' allows this"
        elif kind == "number" and "," in cell and number(cell.replace(",", ".")) is not None:
            hint = "write decimals with a point, as in 1234.5"
        else:
            hint = "if the first line names the columns, use header=True; " * isinstance(name, int)
            hint += f"if it has words, use columns={{{name!r}: 'category'}}; leave gaps empty"
        form = "2024-12-31" if kind == "date" else kind
        plain = {"number": "a number", "category": f"one of {words}" if words else "a word"}
        expected = plain.get(kind, f"a date such as {form}")
        wrong = f"column {name!r}: expected {expected}, got {cell!r} ({hint})"
        require(missing and self.missing == "keep", wrong)
        return math.nan

    def state_dict(self) -> dict[str, Any]:
        """What is saved with a model."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was saved."""
        new = Columns(*(state_dict[option.name] for option in fields(self)))
        categories = [name for name, kind in new.kinds.items() if kind == "category"]
        new.words = {name: tuple(map(str, state_dict["words"][name])) for name in categories}
        vars(self).update(vars(new))


@explain_options
def csv(
    path: Path, label: str | int = -1, header: bool | None = None, classes: Sequence[str] = (),
    delimiter: str | None = None, columns: Mapping[Any, str] | Columns | None = None,
    missing: str = "refuse",
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
        columns: the kinds of those columns that are no numbers, see `Columns`; or the Columns of
            another file.
        missing: as in `Columns`.

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
    form = "expected columns as a dict such as {'colour': 'category'}"
    kinds: Any = known.kinds if known else {} if columns is None else columns
    require(isinstance(kinds, Mapping), f"{form}, got {type(columns).__name__}", TypeError)
    if known:
        own = label in (-1, known.label) and missing in ("refuse", known.missing)
        require(own, f"label and missing are those of the {known}, got {label!r}, {missing!r}")
        label, classes = known.label, classes or known.classes
    with opened_table(path, delimiter, label, header, kinds) as (names, rows, labels):
        strange = [name for name in kinds if name not in names]
        require(not strange, f"columns= names {str(strange)[1:-1]}, but there are {names}")
        every = {name: kinds.get(name, "number") for name in names}
        use = known or Columns(every, label, classes, missing)
        require(names == list(use.kinds), f"expected the columns {list(use.kinds)}, got {names}")
        inputs = use(rows, learn=known is None)
        require(labels, "there are no examples below the header")
    try:
        data = Data(inputs, labels if classes else _as_numbers(labels), classes, use)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if known is None:
        use.classes = data.classes
    return data


Table: TypeAlias = tuple[list[Any], Iterator[list[str]], list[str]]


@contextmanager
def opened_table(
    path: Path, delimiter: str | None = None, label: str | int = -1, header: bool | None = None,
    kinds: Iterable[Any] = (),
) -> Iterator[Table]:  # fmt: skip
    """The names of the columns of inputs, their cells row by row, and the labels that were read."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            if delimiter is None:
                start = file.read(_SAMPLE)
                file.seek(0)
                delimiter = _delimiter(start.splitlines(keepends=True), len(start) < _SAMPLE)
            rows = reader(file, delimiter=delimiter, strict=True)
            yield _without_label(filter(None, rows), label, header, kinds)
        except UnicodeDecodeError as error:
            byte = f"byte {error.object[error.start]:#x}"
            raise ValueError(f"{path}: expected UTF-8, got {byte}; save it as UTF-8") from None
        except (Error, ValueError) as error:
            form = " (a cell that begins with a quote ends with one, and has others inside twice)"
            hint = form * isinstance(error, Error)
            raise ValueError(f"{path}, line {rows.line_num}: {error}{hint}") from None


def _delimiter(lines: list[str], whole: bool) -> str:
    """What separates all first rows into the same number of cells, more than one; or a comma."""
    for delimiter in _DELIMITERS:
        with suppress(Error):
            found = list(filter(None, reader(lines, delimiter=delimiter)))
            widths = {len(row) for row in (found if whole else found[:-1])}
            if len(widths) == 1 and widths != {1}:
                return delimiter
    return ","


def _without_label(
    rows: Iterator[list[str]], label: str | int, header: bool | None, kinds: Iterable[Any]
) -> Table:
    """The same, of rows whose first may name the columns."""
    first = [cell.strip() for cell in next(rows, [])]
    width, named, labels = len(first), isinstance(label, str), list[str]()
    require(width > 1, f"expected two columns or more, got {first}")
    required = "without a header the label must be a position"
    require(not named or header is not False, f"{required}, got {label!r}")
    places = [k for k, name in enumerate(first) if label in (name, k, k - width)]
    found = f"{len(places)} among {width}: {shorten(', '.join(first), 200)}"
    require(len(places) == 1, f"expected one column {label!r}, got {found}")
    (place,) = places
    if header is None:
        others = first[:place] + first[place + 1 :]
        header = named or any(isinstance(name, str) for name in kinds)
        # A number that is refused, as 1_000 and 1,5 are, names no column: its row would be lost.
        plain = (re.sub(r"(?<=\d)_(?=\d)", "", name.replace(",", ".")) for name in others)
        header = header or all(number(name) is None for name in plain)
    twice = [f"{name} ({k})" if first.count(name) > 1 else name for k, name in enumerate(first, 1)]
    names: list[Any] = twice if header else [*range(1, width + 1)]
    of_label = names.pop(place)

    def others_of_each() -> Iterator[list[str]]:
        for row in rows if header else chain([first], rows):
            require(len(row) == width, f"expected {width} cells, got {len(row)}")
            labels.append(word := row.pop(place).strip())
            found = f"column {of_label!r}: expected a label, got {word!r}"
            require(word and math.isfinite(number(word) or 0), found)
            yield row

    return names, others_of_each(), labels


def is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _reader(kind: str, known: dict[str, int] | None, learn: bool) -> Callable[[str], float | None]:
    """A function that returns the number for a cell, or None."""
    if known is None:
        return number if kind == "number" else partial(days, form=kind)
    if learn:
        return lambda cell: None if is_missing(cell) else known.setdefault(cell, len(known))
    return known.get


def number(cell: str) -> float | None:
    """The number in a cell, which may be nan or inf; None for words, as 1_000 is one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def days(cell: str, form: str = "date") -> float | None:
    """The days from 1970 to a date, whose time is that of Greenwich unless it says otherwise."""
    try:
        iso = form == "date"
        date = datetime.fromisoformat(cell) if iso else datetime.strptime(cell, form)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return (date - _EPOCH) / timedelta(days=1)


def _as_numbers(labels: list[str]) -> Any:
    """The labels as whole numbers, else as other numbers, else as the words they are."""
    numbers = [*map(number, labels)]
    if None not in numbers:
        with suppress(ValueError, OverflowError):
            return np.array([*map(int, labels)], np.int64)
        return np.array(numbers, zeros().dtype)
    strange = {word for word, value in zip(labels, numbers, strict=True) if value is None}
    few = len(strange) < len(labels) and all(map(is_missing, strange))
    require(not few, f"expected a label in each row, got {str(sorted(strange))[1:-1]}")
    return labels
