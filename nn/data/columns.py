"""What the columns of a table are, and how their cells become numbers: learnt once, used again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import check_choice, require

from ..init import zeros

KINDS = "number", "category", "date", "skip"
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])  # in small letters
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(repr=False, eq=False)
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
        decimal: what separates the decimals of numbers.

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
    decimal: str = "."

    def __post_init__(self) -> None:
        self.kinds, self.classes = dict(self.kinds or {}), tuple(self.classes)
        self.words: dict[Any, tuple[str, ...]] = {}
        for name, kind in self.kinds.items():
            formats = f"{', '.join(KINDS)} or a format of dates such as '%d.%m.%Y'"
            found = f"column {name!r}: expected {formats}, got {kind!r}"
            require(kind in KINDS or "%" in kind, found)
        check_choice("missing", self.missing, "refuse", "keep")
        check_choice("decimal", self.decimal, ".", ",")

    @property
    def inputs(self) -> list[str]:
        """The names of the columns of inputs."""
        words = {name: [f"{name}={word}" for word in known] for name, known in self.words.items()}
        used = [name for name, kind in self.kinds.items() if kind != "skip"]
        return [each for name in used for each in words.get(name, [str(name)])]

    def __call__(self, rows: Iterable[Sequence[str]], learn: bool = False) -> Array:
        """Returns the inputs of rows of cells, without the label; `learn` learns their words."""
        require(bool(self.kinds), "these Columns are empty: load them, or name their kinds")
        kinds = list(self.kinds.items())
        used = [(k, name, kind) for k, (name, kind) in enumerate(kinds) if kind != "skip"]
        known: dict[Any, dict[str, float]] = {
            name: {} if learn else {word: k for k, word in enumerate(self.words[name])}
            for _, name, kind in used
            if kind == "category"
        }

        def value(cell: str, name: Any, kind: str) -> float:
            words, found, missing = known.get(name), None, is_missing(cell)
            if words is not None and not missing:
                found = words.setdefault(cell, len(words)) if learn else words.get(cell)
            elif not missing:
                found = number(cell, self.decimal) if kind == "number" else days(cell, kind)
            if found is None:
                unknown = missing or words is not None
                if not unknown or self.missing != "keep":
                    some = () if learn else islice(words or (), 20)
                    raise ValueError(self._refusal(name, kind, cell, unknown, some))
            return math.nan if found is None else found

        numbers, count = array("d"), 0
        only_numbers = {kind for _, kind in kinds} == {"number"} and self.decimal == "."
        for cells in rows:
            count += 1
            require(len(cells) == len(kinds), f"expected {len(kinds)} cells, got {len(cells)}")
            numbers.extend(
                (only_numbers and _all_finite(cells))
                or [value(str(cells[k]).strip(), name, kind) for k, name, kind in used]
            )
        table: Array = np.asarray(numbers).reshape(count, len(used))
        if learn:
            self.words = {name: tuple(sorted(words)) for name, words in known.items()}
        if known:
            columns = [(name, column) for (_, name, _), column in zip(used, table.T, strict=True)]
            parts = [
                column[:, None] == [known[name][word] for word in self.words[name]]
                if name in known
                else column[:, None]
                for name, column in columns
            ]
            table = np.concatenate(parts, axis=1)
        return table.astype(zeros().dtype, copy=False)

    def _refusal(self, name: Any, kind: str, cell: str, unknown: bool, words: Iterable[str]) -> str:
        such = f"a date such as {'2024-12-31' if kind == 'date' else kind}"
        known = ", ".join(words)
        plain = {"number": "a number", "category": f"one of {known}" if known else "a word"}
        hint = f"if it has words, use columns={{{name!r}: 'category'}}; leave missing cells empty"
        if unknown:
            hint = "missing='keep' allows this"
        elif isinstance(name, int):
            hint = f"if the first line names the columns, use header=True; {hint}"
        return f"column {name!r}: expected {plain.get(kind, such)}, got {cell!r} ({hint})"

    def state_dict(self) -> dict[str, Any]:
        """What is saved with a model."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was saved."""
        new = Columns(*(state_dict[option.name] for option in fields(self)))
        categories = [name for name, kind in new.kinds.items() if kind == "category"]
        new.words = {name: tuple(map(str, state_dict["words"][name])) for name in categories}
        vars(self).update(vars(new))

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name}: {kind}" for name, kind in self.kinds.items())
        return f"Columns({kinds or 'empty'})"


def is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """The finite number in a cell, or None; 1_000 is none, nor is 1.000 with a decimal comma."""
    if "_" in cell or (decimal != "." and "." in cell):
        return None
    try:
        value = float(cell if decimal == "." else cell.replace(decimal, "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _all_finite(cells: Sequence[str]) -> Sequence[float]:
    """The finite numbers in a row, if there are no others; faster than one by one."""
    with suppress(ValueError, TypeError):
        numbers = array("d", map(float, cells))
        if math.isfinite(sum(numbers)) and "_" not in "".join(cells):
            return numbers
    return ()


def days(cell: str, form: str = "date") -> float | None:
    """The days from 1970 to a date, whose time is that of Greenwich unless it says otherwise."""
    try:
        iso = form == "date"
        date = datetime.fromisoformat(cell) if iso else datetime.strptime(cell, form)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return (date - _EPOCH) / timedelta(days=1)
