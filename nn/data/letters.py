"""A text as numbers, letter by letter; Shakespeare's sonnets ship with this package."""

from __future__ import annotations

import gzip
import pathlib

import numpy as np

from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import require


class Text:
    """A text, and the number of each of its letters: its place among those that occur, sorted.

    >>> short = Text("to be")
    >>> short.letters, short.numbers
    (' beot', array([4, 3, 0, 1, 2]))
    >>> short.encode("bet"), short.decode([1, 2, 4])
    (array([1, 2, 4]), 'bet')
    """

    def __init__(self, text: str) -> None:
        self.text, self.letters = text, "".join(sorted(set(text)))
        self.numbers = self.encode(text)

    def __repr__(self) -> str:
        return f"Text of {len(self.text):,} letters, {len(self.letters)} different ones"

    def encode(self, text: str) -> Array:
        """Returns the numbers of another text's letters."""
        known = {letter: number for number, letter in enumerate(self.letters)}
        unknown = "".join(sorted(set(text) - set(known)))
        require(not unknown, f"expected letters among {self.letters!r}, got {unknown!r}")
        return np.array([known[letter] for letter in text], dtype=np.int64)

    def decode(self, numbers: ArrayLike) -> str:
        """Returns the text whose letters have these numbers."""
        return "".join(self.letters[number] for number in np.asarray(numbers))


def sonnets() -> Text:
    """Returns Shakespeare's 154 sonnets, without a download.

    >>> sonnets()
    Text of 95,645 letters, 62 different ones
    >>> print(sonnets().text[39:81])
    From fairest creatures we desire increase,
    """
    file = pathlib.Path(__file__).parent / "shakespeare" / "sonnets.txt.gz"
    return Text(gzip.decompress(file.read_bytes()).decode("ascii"))
