"""What the columns of a table are, and how their cells become numbers: learnt once, used again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import numpy as np

from microgradnd.arrays import Array
from microgradnd.habits import check_choice, require

from ..init import zeros

KINDS = "number", "category", "date", "skip"
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])  # in small letters
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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

    def __init__(
        self,
        kinds: Mapping[Any, str] | None = None,
        label: str | int = -1,
        classes: Sequence[str] = (),
        missing: str = "refuse",
        decimal: str = ".",
    ) -> None:
        self.kinds, self.label, self.classes = dict(kinds or {}), label, tuple(classes)
        self.missing, self.decimal = missing, decimal
        self.words: dict[Any, tuple[str, ...]] = {}
        for name, kind in self.kinds.items():
            formats = f"{', '.join(KINDS)} or a format of dates such as '%d.%m.%Y'"
            found = f"column {name!r}: expected {formats}, got {kind!r}"
            require(kind in KINDS or "%" in kind, found)
        check_choice("missing", missing, "refuse", "keep")
        check_choice("decimal", decimal, ".", ",")

    @property
    def inputs(self) -> list[str]:
        """The names of the columns of inputs."""
        words = {name: [f"{name}={word}" for word in known] for name, known in self.words.items()}
        used = [name for name, kind in self.kinds.items() if kind != "skip"]
        return [each for name in used for each in words.get(name, [str(name)])]

    def __call__(self, rows: Iterable[Sequence[str]], learn: bool = False) -> Array:
        """Returns the inputs of rows of cells, without the label; `learn` learns their words."""
        require(bool(self.kinds), "these Columns are empty: load them, or name their kinds")
        known: dict[Any, dict[str, float]] = {
            name: {} if learn else {word: k for k, word in enumerate(self.words[name])}
            for name, kind in self.kinds.items()
            if kind == "category"
        }
        read, numbers, count = self._reader(known, learn), array("d"), 0
        for cells in rows:
            numbers.extend(read(cells))
            count += 1
        used = [name for name, kind in self.kinds.items() if kind != "skip"]
        table: Array = np.asarray(numbers).reshape(count, len(used))
        if learn:
            self.words = {name: tuple(sorted(words)) for name, words in known.items()}
        if known:
            columns = zip(used, table.T[..., None], strict=True)
            parts = [
                values == [known[name][word] for word in self.words[name]]
                if name in known
                else values
                for name, values in columns
            ]
            table = np.concatenate(parts, axis=1)
        return table.astype(zeros().dtype, copy=False)

    def _reader(
        self, known: dict[Any, dict[str, float]], learn: bool
    ) -> Callable[[Sequence[str]], Iterable[float]]:
        """A function of the cells of a row, to the number in each column that is used."""
        kinds, keeps, each = self.kinds, self.missing == "keep", list[tuple[int, Any, Any, str]]()
        for place, (name, kind) in enumerate(kinds.items()):
            words: Any = known.get(name)
            if kind == "number":
                each.append((place, name, partial(number, decimal=self.decimal), "a number"))
            elif kind == "category" and learn:
                each.append((place, name, lambda w, of=words: of.setdefault(w, len(of)), "a word"))
            elif kind == "category":
                each.append((place, name, words.get, f"one of {', '.join(list(words)[:20])}"))
            elif kind != "skip":
                form = None if kind == "date" else kind
                such = f"a date such as {form or '2024-12-31'}"
                each.append((place, name, partial(days, form=form), such))
        only_numbers = set(kinds.values()) == {"number"} and self.decimal == "."

        def read(cells: Sequence[str]) -> Iterable[float]:
            require(len(cells) == len(kinds), f"expected {len(kinds)} cells, got {len(cells)}")
            if only_numbers:
                try:
                    require("_" not in "".join(cells), "expected numbers without _")
                    numbers = array("d", map(float, cells))
                    if math.isfinite(sum(numbers)):  # or finite numbers have an infinite sum
                        return numbers
                except (ValueError, TypeError):
                    pass
            numbers = array("d")
            for place, name, reading, expected in each:
                value = None if is_missing(cell := str(cells[place]).strip()) else reading(cell)
                if value is None:
                    unknown = is_missing(cell) or name in known
                    require(keeps and unknown, self._refusal(name, cells[place], expected, unknown))
                numbers.append(math.nan if value is None else value)
            return numbers

        return read

    def _refusal(self, name: Any, cell: str, expected: str, unknown: bool) -> str:
        hint = f"if it has words, use columns={{{name!r}: 'category'}}"
        if unknown:
            hint = "missing='keep' allows this"
        elif isinstance(name, int):
            hint = f"if the first line names the columns, use header=True; {hint}"
        return f"column {name!r}: expected {expected}, got {cell!r} ({hint})"

    def state_dict(self) -> dict[str, Any]:
        """What is saved with a model."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was saved."""
        options = ("kinds", "label", "classes", "missing", "decimal")
        new = Columns(**{name: state_dict[name] for name in options})
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


def days(cell: str, form: str | None = None) -> float | None:
    """The days from 1970 to a date, whose time is that of Greenwich unless it says otherwise."""
    try:
        date = datetime.strptime(cell, form) if form else datetime.fromisoformat(cell)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return (date - _EPOCH) / timedelta(days=1)
