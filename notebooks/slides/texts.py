"""The five course texts with their rows, each in its order."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from .row import Row, Text

TITLES = {
    "000": "Image Processing and Machine Learning, lecture 12",
    "001": "Deep Learning for Computer Vision: backpropagation",
    "002": "Introduction to Neural Networks",
    "003": "Network training, convolutional and recurrent networks",
    "004": "Practical Neural Networks, after Nielsen's book",
}


def _rows(name: str) -> list[Row]:
    """The rows in the files of a text; one that stands there again is a row each time, and one
    without a place is at that of the row before it."""
    files = sorted(Path(__file__).parent.glob(f"lecture{name}_*.py"))
    written = [row for f in files for row in import_module(f".{f.stem}", __package__).ROWS]
    each = [replace(row, lines=lines) for row in written for lines in row.lines.split("; ")]
    rows, place = list[Row](), ""
    for row in sorted(each, key=Row.first_line):
        place = row.place or place
        rows.append(replace(row, place=place))
    return rows


TEXTS = [Text(name, title, _rows(name)) for name, title in TITLES.items()]
