"""Data of one's own for `python -m nn`: a table or a folder of images, in two parts, prepared."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradnd.habits import require

from .csv_file import csv, guess_columns
from .examples import Data, Standardise
from .image_folder import images

HELD_OUT = 0.2  # of the examples, where no part of them is named test
_MOST_CLASSES = 20  # of whole numbers without names


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


def table(
    path: pathlib.Path, label: str | None, kinds: Sequence[str], predict: bool, seed: int
) -> OwnData:
    """A CSV file, a fifth of it held out, standardised by the rest; missing numbers are the mean.

    Arguments:
        label: the name or the position of the column of labels; by default the last.
        kinds: "NAME=KIND" for columns that are not what they seem.
        predict: whether labels that are whole numbers are predicted, and are not classes.
    """
    pairs = [kind.rpartition("=")[::2] for kind in kinds]
    wrong = [kind for kind, (name, _) in zip(kinds, pairs, strict=True) if not name]
    require(not wrong, f"--columns: expected NAME=KIND, got {', '.join(wrong)}")
    column = -1 if label is None else int(label) if label.lstrip("-").isdigit() else label
    guess = guess_columns(path, column)
    chosen = {int(name) if int in map(type, guess) else name: kind for name, kind in pairs}
    data = csv(path, column, columns=guess | chosen, missing="keep")
    require(data.inputs.shape[1] > 0, f"{path}: no column is left to learn from")
    columns: Any = data.columns
    few = len(np.unique(data.labels)) <= _MOST_CLASSES
    if data.labels.dtype.kind == "i" and not data.classes and few and not predict:
        names = [str(number) for number in np.unique(data.labels)]
        data = Data(data.inputs, data.labels.astype(str), names, columns)
        columns.classes = data.classes
    classes = len(data.classes)
    train, test = data.split(1 - HELD_OUT, seed=seed, stratified=classes > 0)
    scaler = Standardise(train, fill=True)
    read = ", ".join(f"{name} ({kind})" for name, kind in columns.kinds.items())
    train, test, notes = scaler(train), scaler(test), [f"Columns: {read}."]
    if classes:
        return OwnData(train, test, "rows", (columns, scaler), None, notes)
    targets = Standardise(train.labels[:, None])
    train, test = (Data(d.inputs, targets(d.labels[:, None])) for d in (train, test))
    return OwnData(train, test, "rows", (columns, scaler, targets), targets, notes)


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
