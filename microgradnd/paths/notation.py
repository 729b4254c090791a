"""Derivatives in text, like on a blackboard, and in LaTeX: ∂L/∂W₁[2,0]."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..tensor import Tensor

LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
LTR = "\u200e"  # a mark of no width, from which on a text runs from left to right again
_HEBREW_TO_ARABIC = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+"
_LEFTWARD = re.compile(f"{_HEBREW_TO_ARABIC}(?: +{_HEBREW_TO_ARABIC})*")
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot"}
# No < may stand before a letter and no & before one: a notebook's page is HTML.
_ESCAPES = {
    "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&{}", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"{\wedge}", "~": r"{\sim}", "<": "{<}", ">": "{>}", " ": r"\ ",
}  # fmt: skip


def subscripted(name: str) -> tuple[str, str]:
    """A name without the number at its end, and that number, which may follow a _.

    >>> subscripted("W1"), subscripted("W_12"), subscripted("W"), subscripted("9e15")
    (('W', '1'), ('W', '12'), ('W', ''), ('9e15', ''))
    """
    letter = "[^\\W0-9_][\u0300-\u036f]*'*"  # with its accents
    found = re.fullmatch(rf"(?![-0-9])(?:(.*[^_.])_([0-9]+)|(.*{letter})([0-9]+))", name, re.DOTALL)
    return (found[1] or found[3], found[2] or found[4]) if found else (name, "")


def printable(text: Any) -> str:
    """A text without characters that cannot be shown; words from right to left stay apart."""
    shown = "".join(c if c.isprintable() else "�" for c in str(text).replace(LTR, ""))
    return _LEFTWARD.sub(rf"\g<0>{LTR}", shown)


def counted(number: int, noun: str) -> str:
    """A number of things; one of more than twelve digits in scientific notation."""
    digits = f"{number:,}" if number < 10**12 else f"{Decimal(number):.4g}"
    return f"{digits} {noun}" + "s" * (number != 1)


@dataclass(frozen=True, eq=False)
class Place:
    """An entry of a Tensor: the Tensor, the index in it, and the name of the Tensor here."""

    tensor: Tensor = field(repr=False)
    index: tuple[int, ...]
    name: str

    @property
    def symbol(self) -> str:
        """How the Tensor is written on a blackboard: W₁."""
        name, number = subscripted(printable(self.name))
        return name + number.translate(LOW)

    @property
    def text(self) -> str:
        """How the entry is written on a blackboard: W₁[2,0]."""
        return self.symbol + bracketed(self.index)

    @property
    def latex(self) -> str:
        """How the entry is written in LaTeX, whatever characters are in its name."""
        name, number = subscripted(self.name)
        letters: list[str] = []
        for c in unicodedata.normalize("NFD", name):
            if c in _ACCENTS and letters:
                letters[-1] = rf"\{_ACCENTS[c]}{{{letters[-1]}}}"
            else:
                letters.append(_ESCAPES.get(c, c if c.isprintable() else r"\ "))
        symbol = unicodedata.normalize("NFC", "".join(letters))
        if columns(name) != 1:
            symbol = rf"\mathrm{{{symbol}}}"
        return symbol + (f"_{{{number}}}" if number else "") + bracketed(self.index)


def bracketed(index: tuple[int, ...]) -> str:
    """An index in brackets; a scalar has none."""
    return f"[{','.join(map(str, index))}]" if index else ""


def fraction(of: Place, by: Place) -> tuple[str, str]:
    """The derivative of one entry with respect to another, as text and LaTeX: ∂h[1]/∂W₁[2,0]."""
    return f"∂{of.text}/∂{by.text}", rf"\frac{{\partial {of.latex}}}{{\partial {by.latex}}}"


def latex_number(text: str) -> str:
    """The digits of a number, with commas and a power of ten as in mathematics."""
    digits, _, exponent = text.replace(",", "{,}").partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits


def columns(text: str) -> int:
    """The columns that a text takes on the screen: none for accents, two for wide letters."""
    return sum(
        0 if unicodedata.combining(c) or c == LTR else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
