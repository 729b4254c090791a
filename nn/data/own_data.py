"""Data of one's own for `python -m nn`: a table or a folder of images, in two parts, prepared."""

from __future__ import annotations

import pathlib
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

from microgradnd.habits import require

from .examples import Data, Standardise
from .image_folder import images
from .mnist import digits, mnist
from .tables import csv, days, is_missing, number, opened_table

HELD_OUT = 0.2  # of the examples, where no part of them is named test
_MOST_CLASSES = 20  # of whole numbers without names
_MOST_WORDS = 100  # of a category


class OwnData(NamedTuple):
    """Data to learn from and to test, what was saved of their preparation, and words about them.

    `targets` has the scale of the labels where these are numbers to be predicted, else None.
    """

    train: Data
    test: Data
    kind: str = "images"  # or "digits", or "rows" of a table
    preparation: tuple[Any, ...] = ()
    targets: Standardise | None = None
    notes: Sequence[str] = ()


def own_data(options: Namespace) -> OwnData:
    """The data that the options of `python -m nn` ask for."""
    path, seed = pathlib.Path(options.data), options.seed
    known = {"shipped": digits, "mnist": mnist}
    if options.data in known:
        own = OwnData(*known[options.data](), "digits")
    elif not path.exists():
        raise ValueError(f"--data {path}: there is no such file or folder")
    elif path.is_dir() and any("ubyte" in each.name for each in path.iterdir()):
        own = OwnData(*mnist(path), "digits")
    elif path.is_dir():
        own = pictures(path, options.size, options.colour, seed)
    else:
        own = table(path, options.label, options.columns, options.numbers, seed)
    train, test, of_table = own.train, own.test, own.kind == "rows"
    sizes = " and ".join(f"{len(d)} of {d.inputs.shape[1]} pixels" for d in (train, test))
    usable = len(train) and len(test) and train.inputs.shape[1] == test.inputs.shape[1]
    require(usable, f"--data {path}: expected examples to train and test, got {sizes}")
    tables = options.label or options.columns or options.numbers
    require(of_table or not tables, "--label, --columns and --numbers are for CSV files")
    require(not (of_table or options.colour) or not options.augment,
            "--augment changes digits and images without --colour")  # fmt: skip
    if own.targets is not None:
        usual = options.loss == "cross-entropy"
        require(usual, f"--loss {options.loss} is for classes; the labels are numbers")
    else:
        count, names = len(train) + len(test), train.classes
        found = f"{len(names)} among {count}: {shorten(', '.join(names), 60)}"
        require(1 < len(names) <= count / 2 and not options.numbers,
                f"--data {path}: expected several examples of each of two or more classes, got "
                f"{found} (--label NAME is another column; --numbers predicts numbers, written "
                "as 1234.5)")  # fmt: skip
    count = options.examples or len(train)
    require(count <= len(train), f"--examples {count}: there are only {len(train)}")
    if count < len(train):
        train, _ = train.split(count, seed=seed, stratified=own.targets is None)
    return own._replace(train=train)


def table(
    path: pathlib.Path, label: str | None, kinds: Sequence[str], predict: bool, seed: int
) -> OwnData:
    """A CSV file, a fifth of it held out, standardised by the rest; gaps become the mean."""
    column = -1 if label is None else int(label) if label.lstrip("-").isdigit() else label
    guess = guess_columns(path, column)
    for option in kinds:
        name, _, kind = option.rpartition("=")
        require(name, f"--columns: expected NAME=KIND, got {option}")
        guess[int(name) if int in map(type, guess) else name] = kind
    data = csv(path, column, columns=guess, missing="keep")
    require(data.inputs.shape[1] > 0, f"{path}: no column is left to learn from")
    columns: Any = data.columns
    different = np.unique(data.labels)
    few = not predict and not data.classes and len(different) <= _MOST_CLASSES
    if few and different.dtype.kind == "i":
        data = Data(data.inputs, data.labels.astype(str), [*map(str, different)], columns)
        columns.classes = data.classes
    train, test = data.split(1 - HELD_OUT, seed=seed, stratified=bool(data.classes))
    scaler = Standardise(train, fill=True)
    train, test, preparation = scaler(train), scaler(test), (columns, scaler)
    read = ", ".join(f"{name} ({kind})" for name, kind in columns.kinds.items())
    notes = [f"Columns: {read}. To change one: --columns NAME=KIND."]
    if data.classes:
        return OwnData(train, test, "rows", preparation, None, notes)
    targets = Standardise(train.labels[:, None])
    train, test = (Data(d.inputs, targets(d.labels[:, None])) for d in (train, test))
    return OwnData(train, test, "rows", (*preparation, targets), targets, notes)


def guess_columns(path: pathlib.Path, label: str | int) -> dict[Any, str]:
    """What the columns of a file seem to be.

    Numbers and dates are found by their cells. Other columns are a category if they have at most
    100 words, and no more than half as many as rows; else they are what most cells are, numbers or
    dates, so that `csv` names the cell that is not, or to be skipped.
    """
    with opened_table(path, label=label) as (names, rows, labels):
        kinds, words = [Counter[str]() for _ in names], [set[str]() for _ in names]
        for row in rows:
            for place, cell in enumerate(map(str.strip, row)):
                if not is_missing(cell):
                    kinds[place][_kind_of_cell(cell)] += 1
                    if len(words[place]) <= _MOST_WORDS:
                        words[place].add(cell)
    few, guess = min(_MOST_WORDS, len(labels) / 2), {}
    for name, found, known in zip(names, kinds, words, strict=True):
        kind = max(("skip", "number", "date"), key=found.__getitem__)
        strange = found[kind] < found.total() or kind == "skip"
        guess[name] = "category" if strange and 0 < len(known) <= few else kind
    return guess


def _kind_of_cell(cell: str) -> str:
    if number(cell.replace(",", ".")) is not None:  # `csv` refuses the comma, and says so
        return "number"
    return "skip" if days(cell) is None else "date"


def pictures(folder: pathlib.Path, size: int, colour: bool, seed: int) -> OwnData:
    """Images by class as rows of pixels: the folders train and test, or a fifth held out."""

    def read(part: pathlib.Path, classes: Sequence[str] = ()) -> Data:
        found = images(part, size, 3 if colour else 1, classes)
        return found.map(lambda x: x.reshape(len(x), -1))

    if (folder / "train").is_dir() and (folder / "test").is_dir():
        train = read(folder / "train")
        return OwnData(train, read(folder / "test", train.classes))
    train, test = read(folder).split(1 - HELD_OUT, seed=seed, stratified=True)
    return OwnData(train, test)
