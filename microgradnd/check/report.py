"""What gradcheck says: truthy when right, a short table to print, a richer one in a notebook."""

from __future__ import annotations

import html
from typing import NamedTuple

from .comparison import Comparison, Judgement
from .culprits import Culprit


class Row(NamedTuple):
    """One input that was checked."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    comparison: Comparison

    @property
    def verdict(self) -> str:
        """The worst of what was found: "wrong", "kink", "unclear" or "right"."""
        verdicts = {judgement.verdict for judgement in self.comparison.found}
        return next((v for v in ("wrong", "kink", "unclear") if v in verdicts), "right")

    @property
    def checked(self) -> str:
        """How this input was looked at."""
        entries = (
            f"{self.comparison.entries} entries" if self.comparison.entries != 1 else "1 entry"
        )
        return f"{self.comparison.directions} directions, {entries}"[
            0 if self.comparison.directions else len("0 directions, ") :
        ]


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

    def __init__(
        self, rows: list[Row], culprits: list[Culprit], notes: list[str], excused: bool = False
    ) -> None:
        self.rows, self.culprits, self.notes = rows, culprits, notes
        self._excused = excused

    def __bool__(self) -> bool:
        wrong = any(row.verdict == "wrong" for row in self.rows)
        return not self.culprits and (self._excused or not wrong)

    @property
    def culprit(self) -> Culprit | None:
        """The first operation found to be wrong."""
        return self.culprits[0] if self.culprits else None

    def __repr__(self) -> str:
        table = [_HEAD, *(self._cells(row) for row in self.rows)] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            for cells in table
        ]
        said = [f"gradcheck: {'right' if self else 'WRONG'}", *(line.rstrip() for line in lines)]
        said += [f"culprit: {culprit}" for culprit in self.culprits]
        said += [f"note: {note}" for note in self.notes]
        return "\n".join(said)

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in self._cells(row)) + "</tr>"
            for row in self.rows
        )
        head = "".join(f"<th>{cell}</th>" for cell in _HEAD)
        verdict = "✓ right" if self else "✗ wrong"
        said = [f"culprit: {culprit}" for culprit in self.culprits]
        said += [f"note: {note}" for note in self.notes]
        below = "".join(f"<pre>{html.escape(text)}</pre>" for text in said)
        return f"<b>gradcheck: {verdict}</b><table><tr>{head}</tr>{body}</table>{below}"

    def _cells(self, row: Row) -> tuple[str, ...]:
        name = row.name if row.dtype == "float64" else f"{row.name} ({row.dtype})"
        verdict = "right but for rounding" if row.comparison.rounded else row.verdict
        if verdict == "wrong" and self._excused:
            verdict = "see the note"
        elif verdict in _SAYS:
            found = row.comparison.having(verdict)
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            verdict = _SAYS[verdict](found[0]) + more
        largest = max((row.comparison.largest for row in self.rows), default=0) or 1.0
        difference = f"{row.comparison.difference / largest:.1e}"
        return name, str(row.shape), row.checked, difference, verdict


_HEAD = ("input", "shape", "checked", "difference", "verdict")


def _wrong(j: Judgement) -> str:
    known = f" ± {j.error:.0e}" if 0 < j.error < float("inf") else ""
    return f"WRONG{_at(j)}: gave {j.given:.6g}, differences say {j.expected:.6g}{known}"


def _kink(j: Judgement) -> str:
    return f"not differentiable{_at(j)}: slopes {j.left:.6g} and {j.right:.6g}, gave {j.given:.6g}"


def _unclear(j: Judgement) -> str:
    return f"too noisy to judge{_at(j)}: gave {j.given:.6g}, differences ± {j.error:.0e}"


def _at(j: Judgement) -> str:
    return f" at {list(j.place)}" if j.place else ""


_SAYS = {"wrong": _wrong, "kink": _kink, "unclear": _unclear}
