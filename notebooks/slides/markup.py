"""Formulas and tables as HTML. Whatever comes in as text is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()

    def __add__(self, other: str) -> Html:
        assert isinstance(other, Html), "what is added to HTML must be HTML"
        return Html(str.__add__(self, other))

    def _repr_html_(self) -> str:
        return str(self)


def words(text: str, kind: str = "") -> Html:
    """Plain text; of a kind, it gets an element of its own, and formulas in it are set."""
    if not kind or not text:
        return Html(html.escape(text))
    return Html(f'<span class="{html.escape(kind)}">{_set(text)}</span>')


def formula(text: str) -> Html:
    """A formula, w_ij^L and e^{−z} with their indices and powers lowered and raised.

    >>> formula("a_k^{l−1} < 1")
    '<i>a<sub>k</sub><sup>l−1</sup> &lt; 1</i>'
    """
    return Html(f"<i>{_set(text)}</i>") if text else Html("")


_INSIDE = r"(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*"
_LOWERED_OR_RAISED = re.compile(
    rf"([_^])(?:\{{({_INSIDE})\}}|(\w{{1,5}}(?!\w)|\(\w\)))|(.)", re.DOTALL
)


def _set(text: str) -> str:
    parts = []
    for mark, long, short, character in _LOWERED_OR_RAISED.findall(text):
        tag = "sub" if mark == "_" else "sup"
        parts.append(f"<{tag}>{_set(long or short)}</{tag}>" if mark else html.escape(character))
    return "".join(parts)


def table(
    head: Sequence[str],
    lines: Sequence[Sequence[Html]],
    marks: Sequence[Mapping[str, str]] | None = None,
) -> Html:
    """A table; the marks of a line become its data attributes, for colours and filters."""
    rows = []
    for number, line in enumerate(lines):
        data = (marks[number] if marks else {}).items()
        attributes = "".join(f' data-{key}="{html.escape(value)}"' for key, value in data)
        rows.append(f"<tr{attributes}>" + "".join(f"<td>{part}</td>" for part in line) + "</tr>")
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return Html(
        f'{STYLE}<div class="slides"><table><thead><tr>{top}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


STYLE = """<style>
.slides table { border-collapse: collapse; font-size: 0.9rem; }
.slides td, .slides th { text-align: left !important; vertical-align: top !important;
  padding: 0.35em 0.6em; border-bottom: 1px solid #8884; word-break: normal; }
.slides { overflow-x: auto; }
.slides td:nth-child(3), .slides td:nth-child(6) { min-width: 10em; overflow-wrap: anywhere; }
.slides i { font-family: serif; font-size: 1.1em; }
.slides td:first-child { white-space: nowrap; opacity: 0.75; }
.slides .small { display: block; font-size: 0.85em; opacity: 0.75; }
.slides .verdict { font-weight: bold; border-radius: 4px; padding: 0.1em 0.5em; color: #000;
  background: #ddd; white-space: nowrap; }
.slides tr[data-verdict=right] .verdict { background: #bfe6c4; }
.slides tr[data-verdict=wrong] .verdict { background: #f6b8b0; }
.slides tr[data-verdict=garbled] .verdict { background: #f7e0a3; }
.slides tr[data-verdict=unsettled] .verdict { background: #e0a8ff; }
</style>"""
