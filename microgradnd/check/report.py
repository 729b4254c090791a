"""The result of gradcheck: truthy when right, with a table to print or to show in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from ..text_table import html_table, text_table
from .comparison import Comparison, Judgement
from .culprit import Culprit

_HEAD = ("input", "shape", "checked", "difference", "verdict")


@dataclass(eq=False, repr=False)
class Report:
    """The result of a gradient check.

    Truthy when no gradient is wrong beyond what the numerics can explain. `rows` has one row for
    each input, `culprits` the operations that make the gradient wrong, `culprit` the first of them
    (or None), `notes` what else is worth knowing, such as places without a derivative.

    >>> import numpy as np
    >>> from microgradnd import gradcheck
    >>> report = gradcheck(lambda x: np.sum(abs(x)), np.array([-1.0, 0.0, 2.0]))
    >>> bool(report), report.culprit
    (True, None)
    >>> print(report)
    gradcheck: right
      input  shape  checked    difference  verdict
      x      (3,)   3 entries  ...  not differentiable at [1]: slopes -1 and 1, gave 0
    """

    rows: list[Comparison] = field(default_factory=list)
    culprits: list[Culprit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    excused: bool = False  # what is wrong comes from a kink

    def __bool__(self) -> bool:
        wrong = any(row.verdict == "wrong" for row in self.rows)
        return not self.culprits and (self.excused or not wrong)

    def __add__(self, other: Report) -> Report:
        """Both in one; what excuses the one does not excuse the other."""
        rows, culprits = self.rows + other.rows, self.culprits + other.culprits
        return Report(rows, culprits, self.notes + other.notes, bool(self) and bool(other))

    @property
    def culprit(self) -> Culprit | None:
        """The first operation found to be wrong."""
        return self.culprits[0] if self.culprits else None

    def __repr__(self) -> str:
        table = text_table([_HEAD, *map(self._cells, self.rows)]) if self.rows else []
        verdict = f"gradcheck: {'right' if self else 'WRONG'}"
        return "\n".join([verdict, *(f"  {line}" for line in table), *self._remarks()])

    def _repr_html_(self) -> str:
        table = html_table(_HEAD, [self._cells(row) for row in self.rows])
        style = "white-space: pre-wrap; word-break: normal"  # a notebook's breaks words anywhere
        remarks = map(html.escape, self._remarks())
        below = "".join(f'<pre style="{style}">{text}</pre>' for text in remarks)
        return f"<b>gradcheck: {'✓ right' if self else '✗ wrong'}</b>{table}{below}"

    def _remarks(self) -> list[str]:
        culprits = [f"culprit: {culprit}" for culprit in self.culprits]
        return culprits + [f"note: {note}" for note in self.notes]

    def _cells(self, row: Comparison) -> tuple[str, ...]:
        name = row.name if row.dtype == "float64" else f"{row.name} ({row.dtype})"
        verdict, found = row.verdict, row.having(row.verdict)
        if verdict == "wrong" and self.excused:
            verdict = "see the note"
        elif found:
            verdict = _in_words(found[0]) + (f", and {len(found) - 1} more" if found[1:] else "")
        checked = f"{row.directions} directions, " if row.directions else ""
        checked += "1 entry" if row.entries == 1 else f"{row.entries} entries"
        largest = max(row.largest for row in self.rows) or 1.0
        return name, str(row.shape), checked, f"{row.difference / largest:.1e}", verdict


def _in_words(j: Judgement) -> str:
    """A judgement that is not right, in words."""
    at = f" at {list(j.place)}" if j.place else ""
    if j.verdict == "kink":
        return f"not differentiable{at}: slopes {j.left:.6g} and {j.right:.6g}, gave {j.given:.6g}"
    if j.verdict == "unclear":
        return f"too noisy to judge{at}: gave {j.given:.6g}, differences ± {j.error:.0e}"
    known = f" ± {j.error:.0e}" if 0 < j.error < float("inf") else ""
    return f"WRONG{at}: gave {j.given:.6g}, differences say {j.expected:.6g}{known}"
