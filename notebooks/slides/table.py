"""All rows judged: what was found, as tables for a notebook and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Html, formula, table, words
from .row import MISTAKES, VERDICTS, Judged, Text, judge
from .texts import TEXTS


@dataclass(frozen=True)
class Entry:
    """A judged row, with the name of its text and a name of its own, such as "001:269b"."""

    text: str
    name: str
    judged: Judged


@dataclass(frozen=True)
class Findings:
    """What the checks of some rows found. In a notebook it is a table."""

    entries: Sequence[Entry]

    def __len__(self) -> int:
        return len(self.entries)

    def only(self, text: str = "", verdict: str = "") -> Findings:
        """Those of one text, or with one verdict."""
        return Findings([
            entry for entry in self.entries
            if text in ("", entry.text) and verdict in ("", entry.judged.verdict)
        ])  # fmt: skip

    def count(self, text: str = "", verdict: str = "") -> int:
        """How many there are of one text, with one verdict."""
        return len(self.only(text, verdict))

    def summary(self) -> Html:
        """How many rows there are, by text and verdict."""
        texts = {text.name: f"{text.name} {text.title}" for text in TEXTS} | {"": "all"}
        lines = [[t, *(str(self.count(n, v)) for v in (*VERDICTS, ""))] for n, t in texts.items()]
        return table(["text", *VERDICTS, "rows"], [list(map(words, line)) for line in lines])

    def mistakes(self) -> Html:
        """The mistakes found, by their kind, the most frequent first."""
        wrong = self.only(verdict="wrong").entries
        kinds = Counter(entry.judged.row.mistake.partition(":")[0] for entry in wrong)
        lines = [[kind, MISTAKES[kind], str(count)] for kind, count in kinds.most_common()]
        return table(["mistake", "", "rows"], [list(map(words, line)) for line in lines])

    def _repr_html_(self) -> str:
        head = ["", "where", "as printed", "checked", "verdict", "put right"]
        marks = [{"text": e.text, "verdict": e.judged.verdict} for e in self.entries]
        return str(table(head, [_cells(entry) for entry in self.entries], marks))


def run(texts: Sequence[Text] = TEXTS) -> Findings:
    """Run the check of every row."""
    return Findings([
        Entry(text.name, name, judge(row))
        for text in texts
        for name, row in zip(names(text), text.rows, strict=True)
    ])  # fmt: skip


def names(text: Text) -> list[str]:
    """A name for each row of a text: its line, and a letter where several rows are on one line."""
    lines = [row.first_line() for row in text.rows]
    total, seen, found = Counter(lines), Counter[int](), []
    for line in lines:
        letter = chr(ord("a") + seen[line]) if total[line] > 1 else ""
        seen[line] += 1
        found.append(f"{text.name}:{line}{letter}")
    return found


def _cells(entry: Entry) -> list[Html]:
    row, finding = entry.judged.row, entry.judged.finding
    printed = formula(row.printed)
    if row.reading:
        printed += words("read as ", "small") + formula(row.reading)
    right = formula(row.corrected) + words(row.mistake, "small") + words(row.note, "small")
    return [
        words(entry.name),
        words(row.place, "place") + words(f"line {row.lines}", "small"),
        printed,
        words(finding.found) + words(finding.how, "small"),
        words(entry.judged.verdict, "verdict"),
        right,
    ]
