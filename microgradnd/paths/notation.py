"""What each Tensor of a graph is called in pictures, paths and derived programs, and derivatives in
text, like on a blackboard, and in LaTeX: ∂L/∂W₁[2,0]."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..chain_rule import parents_first
from ..tensor import Tensor

LONGEST = 32  # characters of a name inside a formula
_SHORT = {"weight": "W", "bias": "b"}  # what books call the parts of a layer
LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
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
    """A text without characters that cannot be shown."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def counted(number: int, noun: str) -> str:
    """A number of things; one of more than twelve digits in scientific notation."""
    digits = f"{number:,}" if number < 10**12 else f"{Decimal(number):.4g}"
    return f"{digits} {noun}" + "s" * (number != 1)


@dataclass(eq=False)
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
    letters = (c for c in text if not unicodedata.combining(c))
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in letters)


# ---- the names of a graph ------------------------------------------------------------------------


def _kind_of_leaf(leaf: Tensor) -> str:
    return "parameter" if leaf.requires_grad else "input"


class Symbols:
    """The symbol of each node: its own name, or else v₁, v₂, ... in the order of computing.

    A number at the end of a name is its subscript. Of a name with dots only the last part is left;
    the parts of layers, which share their names, are numbered by layer: W₁, b₁, W₂. In layers of nn
    z is what is computed from W and b, and a follows from z. A scalar from which all starts is L;
    leaves without names are w if they are parameters, c if they are constants, and x else.

    Arguments:
        heads: where the graph ends.
        leaves: what is used in it, in the order of their uses, if not only Tensors.
        kind: returns whether a leaf is a "parameter", a "constant" or an "input".
        number: returns what a scalar constant is called.

    >>> w, b = (Tensor(2.0, requires_grad=True, name=name) for name in ("w_1", "b"))
    >>> loss = (w * 3 + b) ** 2
    >>> symbols = Symbols([loss])
    >>> symbols(w), symbols.plain(w), [symbols(node) for node in parents_first([loss])]
    ('w₁', 'w1', ['w₁', 'v₁', 'b', 'v₂', 'L'])
    """

    def __init__(
        self,
        heads: Sequence[Tensor],
        leaves: Iterable[Tensor] | None = None,
        kind: Callable[[Tensor], str] = _kind_of_leaf,
        number: Callable[[Tensor], str] = str,
    ) -> None:
        operations = [node for node in parents_first(heads) if node.operation is not None]
        if leaves is None:
            used = (parent for node in operations for parent in node.parents)
            leaves = (parent for parent in used if parent.operation is None)
        nodes = dict.fromkeys([*operations, *leaves, *heads])
        names = self._names = _own_names([node for node in nodes if node.name])
        taken = set(names.values())
        for node in operations:
            if node not in names and (name := _name_in_layer(node, names)) not in {"", *taken}:
                names[node] = name
                taken.add(name)
        if len(heads) == 1 == heads[0].size and heads[0].operation and "L" not in taken:
            names.setdefault(heads[0], "L")
        for place, node in enumerate(operations, 1):
            names.setdefault(node, f"v{place}" + "'" * (f"v{place}" in taken))
        following = {letter: itertools.count(1) for letter in "wcx"}
        for leaf in [node for node in nodes if node not in names]:
            what = kind(leaf)
            if what == "constant" and leaf.size == 1:
                names[leaf] = number(leaf)
                continue
            letter = {"parameter": "w", "constant": "c"}.get(what, "x")
            symbols = (f"{letter}{place}" for place in following[letter])
            names[leaf] = next(symbol for symbol in symbols if symbol not in taken)

    def __call__(self, node: Tensor) -> str:
        name, number = subscripted(self.plain(node))
        return (name if len(name) <= LONGEST else name[: LONGEST - 1] + "…") + number.translate(LOW)

    def plain(self, node: Tensor) -> str:
        """The symbol with its number in digits: W1."""
        return self._names[node]


def _own_names(nodes: list[Tensor]) -> dict[Tensor, str]:
    """The names that Tensors have themselves, with numbers where several have the same."""
    wanted = {node: _last_part(node.name) for node in nodes}
    often = Counter(wanted.values())
    names: dict[Tensor, str] = {}
    taken = {name for name in often if often[name] == 1}
    layers: dict[str, int] = {}
    numbers = {name: itertools.count(1) for name in often}
    for node, name in wanted.items():
        layer = str(node.name).rpartition(".")[0]
        if often[name] > 1 or layer in layers:
            taken -= {name}
            first = layers.setdefault(layer, len(layers) + 1) if layer else next(numbers[name])
            joint = "_" * name[-1:].isdigit()
            candidates = (f"{name}{joint}{number}" for number in itertools.count(first))
            name = next(each for each in candidates if _without_underscore(each) not in taken)
        names[node] = _without_underscore(name)
        taken.add(names[node])
    return names


def _name_in_layer(node: Tensor, names: dict[Tensor, str]) -> str:
    """z for the weighted sums of a layer of nn, and a for what follows them."""
    if node.size == 1:
        return ""
    if node.operation.name == "linear" and len(node.arguments) > 1:
        weight = node.arguments[1]
        number = names.get(weight, "") if isinstance(weight, Tensor) else ""
        return "z" + number[1:] * number.startswith("W")
    first, *others = node.parents
    is_activation = node.operation.kind == "elementwise" or node.operation.name == "softmax"
    before = names.get(first, "") if is_activation and not (others or first.name) else ""
    return "a" + before[1:] if before.startswith("z") else ""


def _last_part(name: object) -> str:
    """A name without the layers before it, in the words of books."""
    whole = printable(name)
    last = whole.rpartition(".")[2] or whole
    return _SHORT.get(last, last)


def _without_underscore(name: str) -> str:
    """A name without the _ before its number, unless that would run into another."""
    letters, number = subscripted(name)
    return name if letters[-1:].isdigit() else letters + number
