"""The words of the exercises, as a lesson's Markdown file has them.

The title of the lesson and an introduction; then each exercise with its number and title, what it
asks for, a cell to begin with, and three hints.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Words(NamedTuple):
    """What a student reads of an exercise, and the name of the function that the cell defines."""

    number: str
    title: str
    statement: str
    start: str
    hints: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last function of the cell; those before it are given."""
        return re.findall(r"^def (\w+)", self.start, re.MULTILINE)[-1]


class Lesson(NamedTuple):
    """A lesson with the words of its exercises by their numbers."""

    title: str
    introduction: str
    words: dict[str, Words]


@cache
def read(number: int) -> Lesson:
    """The words of a lesson."""
    text = Path(__file__).with_name(f"lesson{number}.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    title, introduction = head.removeprefix("# ").strip().split("\n\n", 1)
    words = [_exercise(section) for section in sections]
    return Lesson(title, introduction, {each.number: each for each in words})


def _exercise(section: str) -> Words:
    head, statement, start, hints = re.fullmatch(
        r"(.*?)\n\n(.*?)\n\n```python\n(.*?)```\n(.*)", section, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    number, title = head.split(" ", 1)
    each = re.split(r"^\d\. ", hints, flags=re.MULTILINE)[1:]
    return Words(number, title, statement, start, tuple(" ".join(hint.split()) for hint in each))
