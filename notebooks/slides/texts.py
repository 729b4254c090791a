"""The five course texts with their rows, each in its order."""

from collections.abc import Iterator
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


def _rows(name: str) -> Iterator[Row]:
    """The rows in the files of a text; one without a place is at that of the row before it."""
    for file in Path(__file__).parent.glob(f"lecture{name}_*.py"):
        place = ""
        for row in import_module(f".{file.stem}", __package__).ROWS:
            place = row.place or place
            yield replace(row, place=place)


TEXTS = [
    Text(name, title, sorted(_rows(name), key=Row.first_line)) for name, title in TITLES.items()
]
