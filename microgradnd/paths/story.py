"""What `paths` finds, and how it is written: as text like on a blackboard, or as LaTeX."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from ..tensor import Tensor


@dataclass(frozen=True, eq=False)
class Place:
    """An entry of a Tensor: the Tensor, the index in it, and what the Tensor is called here."""

    tensor: Tensor = field(repr=False)
    index: tuple[int, ...]
    name: str


@dataclass(frozen=True, eq=False)
class Step(Place):
    """An entry that a path reaches, and its local derivative by the entry before it.

    It is `straight` if one way leads to it and one leads on: no paths part or meet there.
    """

    derivative: float
    straight: bool = field(repr=False)


@dataclass(frozen=True, eq=False)
class Path:
    """One way to the loss: its steps, and the product of their local derivatives."""

    product: float
    steps: tuple[Step, ...]

    @classmethod
    def along(cls, steps: list[Step]) -> Path:
        return cls(math.prod((step.derivative for step in steps), start=1.0), tuple(steps))


@dataclass(frozen=True, eq=False, repr=False)
class Story:
    """How one entry reaches the loss: see `paths`.

    `total` is the derivative, `count` the number of paths; `paths` are the largest of them and
    `rest` is the sum of the others. They lead from `start` to `end`. A path's `steps` go the same
    way, each with the `tensor` it reaches, the `index` in it and the local `derivative`.

    Written out, the factors begin at the loss, as on a blackboard. Indices count from 0 as in
    NumPy: ∂L/∂W₁[2,0] is by W1[2, 0]. A number at the end of a name is its subscript. Give the
    Tensors on the way names that you like to read (`h.name = "h"`): then what has none is written
    only where paths part or meet, and elsewhere is part of the factor around it.
    """

    total: float
    count: int
    paths: list[Path]
    rest: float
    start: Place
    end: Place

    def __repr__(self) -> str:
        return _as_text(self)

    def latex(self) -> str:
        """The story as LaTeX for a formula of its own, with the numbers under their factors.

        >>> from microgradnd import Tensor, paths
        >>> w = Tensor(3.0, requires_grad=True, name="w_1")
        >>> print(paths(w * 2, w).latex())
        \\begin{aligned}
        \\frac{\\partial L}{\\partial w_{1}}
        &= \\underbrace{\\frac{\\partial L}{\\partial w_{1}}}_{2} \\\\
        &= 2
        \\end{aligned}
        """
        return _as_latex(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


# ---- names ---------------------------------------------------------------------------------------


def names_of(nodes: list[Tensor], loss: Tensor) -> dict[Tensor, str]:
    """What to call the Tensors of a graph that require a gradient, no two the same.

    A Tensor has its own name; else that of its operation, after those of its scopes, but for the
    ones that all share; a scope called like the operation in it, such as `Sigmoid1`, says it
    already. A loss without name is L, a leaf without name w. Those that would be called the same
    are numbered.
    """
    scopes = [node.scope for node in nodes if node.operation and node is not loss]
    shared = _shared_start(scopes)
    wanted = {node: _wanted_name(node, loss, shared) for node in nodes if node.requires_grad}
    often = Counter(wanted.values())
    taken = {name for name in often if often[name] == 1}
    numbers = {name: itertools.count(1) for name in often}
    names: dict[Tensor, str] = {}
    for node, name in wanted.items():
        if often[name] > 1:
            joint = "_" if name[-1:].isdigit() else ""
            while (numbered := f"{name}{joint}{next(numbers[name])}") in taken:
                pass
            taken.add(numbered)
            name = numbered
        names[node] = name
    return names


def _shared_start(scopes: list[tuple[str, ...]]) -> int:
    """How many names all the scopes have in common, from the outermost on."""
    levels = zip(*scopes, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, levels))


def _wanted_name(node: Tensor, loss: Tensor, shared: int) -> str:
    if node.name:
        return str(node.name)
    if node is loss:
        return "L"
    if node.operation is None:
        return "w"
    scope, name = node.scope[shared:], node.operation.name
    said = scope and scope[-1].lower().rstrip("0123456789") == name.lower()
    return ".".join(scope if said else (*scope, name))


def _subscripted(name: str) -> tuple[str, str]:
    """A name and the number at its end, which may follow a _, apart: W1 is W with the index 1."""
    found = re.fullmatch(r"(.*[^_.])_([0-9]+)|(.*[^0-9_.])([0-9]+)", name, re.DOTALL)
    return (found[1] or found[3], found[2] or found[4]) if found else (name, "")


# ---- the factors of a path -----------------------------------------------------------------------

# These give an entry under another index, but do nothing to it. Where no name was given to what
# they make, their factors of 1 are not written.
HANDING_ON = {
    "broadcast_to", "copy", "expand_dims", "getitem", "moveaxis", "ravel", "reshape", "squeeze",
    "swapaxes", "transpose",
}  # fmt: skip
WRITTEN = 12  # factors of a path; of more, those in the middle are put together


class Factor(NamedTuple):
    """A local derivative ∂of/∂by; or the product of so many that are left out."""

    derivative: float
    of: Place | None = None
    by: Place | None = None
    left_out: int = 0


def _factors(story: Story, path: Path) -> list[Factor]:
    """The factors of a path as they are written, from the loss on."""
    named = any(step.tensor.name for step in path.steps[:-1])
    factors: list[Factor] = []
    by, derivative = story.start, 1.0
    for step in path.steps:
        derivative *= step.derivative
        if step is path.steps[-1] or not _is_passed(step, named):
            factors.append(Factor(derivative, step, by))
            by, derivative = step, 1.0
    factors.reverse()
    if len(factors) > WRITTEN + 1:
        half = WRITTEN // 2
        middle = factors[half:-half]
        product = math.prod(factor.derivative for factor in middle)
        factors[half:-half] = [Factor(product, left_out=len(middle))]
    return factors or [Factor(1.0, story.end, story.start)]


def _is_passed(step: Step, named: bool) -> bool:
    """Whether an entry between others is not written, but is part of the factor around it."""
    if step.tensor.name:
        return False
    handed_on = step.derivative == 1 and step.tensor.operation.name in HANDING_ON
    return handed_on or (named and step.straight)


def _more(story: Story) -> int:
    """The number of paths that are not shown."""
    return story.count - len(story.paths)


def _counted(number: int, noun: str) -> str:
    """A number of things; one of more than twelve digits in scientific notation."""
    digits = f"{number:,}" if number < 10**12 else f"{Decimal(number):.4g}"
    return f"{digits} {noun}" if number == 1 else f"{digits} {noun}s"


# ---- as text -------------------------------------------------------------------------------------

WIDTH = 100


def _as_text(story: Story) -> str:
    whole = _text_fraction(story.end, story.start)
    if not story.count:
        return f"{whole} = 0: there is no path on which no local derivative is 0"
    lines = [f"{whole} is the sum over {_counted(story.count, 'path')}"]
    if story.paths:
        shown = len(story.paths)
        these = "this is the largest" if shown == 1 else f"these are the {shown} largest"
        lines = [f"{lines[0]}, of which {these}:" if _more(story) else f"{lines[0]}:", ""]
    for number, path in enumerate(story.paths, 1):
        lines += _text_rows(f"{number:>3}.  ", story, path)
    terms = [_text_number(path.product) for path in story.paths]
    if _more(story):
        terms.append(f"{_text_number(story.rest)} (of {_counted(_more(story), 'more path')})")
    summed = " + ".join(terms).replace("+ -", "- ")
    total = _text_number(story.total)
    lines += ["", f"{whole} = {summed}" if len(terms) == 1 else f"{whole} = {summed} = {total}"]
    return "\n".join(lines)


def _text_rows(number: str, story: Story, path: Path) -> list[str]:
    """The factors of a path, with their values below them; after WIDTH columns on new lines."""
    rows: list[str] = []
    above, below, joint = number, " " * len(number), ""
    for factor in _factors(story, path):
        symbol = f"… {factor.left_out:,} more factors …"
        if factor.of is not None and factor.by is not None:
            symbol = _text_fraction(factor.of, factor.by)
        value = _text_number(factor.derivative)
        width = max(_columns(symbol), len(value))
        if _columns(above) + len(joint) + width > WIDTH and joint:
            rows += [above + " ·", below + " ·"]
            above, below, joint = " " * len(number), " " * len(number), ""
        above += joint + _centred(symbol, width)
        below += joint + _centred(value, width)
        joint = " · "
    return [*rows, above.rstrip(), f"{below} = {_text_number(path.product)}"]


def _text_fraction(of: Place, by: Place) -> str:
    return f"∂{_text_entry(of)}/∂{_text_entry(by)}"


def _text_entry(place: Place) -> str:
    name, number = _subscripted("".join(c if c.isprintable() else "�" for c in place.name))
    subscript = "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in number)
    return name + subscript + _brackets(place)


def _brackets(place: Place) -> str:
    return f"[{','.join(map(str, place.index))}]" if place.index else ""


def _text_number(value: float) -> str:
    return f"{value:.4g}"


def _columns(text: str) -> int:
    """The columns that a text takes on the screen: none for accents, two for wide letters."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _centred(text: str, width: int) -> str:
    spare = width - _columns(text)
    return " " * (spare // 2) + text + " " * (spare - spare // 2)


# ---- as LaTeX ------------------------------------------------------------------------------------


def _as_latex(story: Story) -> str:
    whole = _latex_fraction(story.end, story.start)
    rows, sign = [], "&="
    for path in story.paths:
        rows.append(f"{sign} " + r" \cdot ".join(map(_latex_factor, _factors(story, path))))
        sign = "&+"
    if _more(story):
        number, _, words = _counted(_more(story), "more path").partition(" ")
        under = rf"{_latex_digits(number)}\text{{ {words}}}"
        rows.append(rf"{sign} \underbrace{{{_latex_number(story.rest)}}}_{{{under}}}")
    rows.append(f"&= {_latex_number(story.total)}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{whole}\n{body}\n\\end{{aligned}}"


def _latex_factor(factor: Factor) -> str:
    symbol = rf"\cdots \text{{({factor.left_out} factors)}} \cdots"
    if factor.of is not None and factor.by is not None:
        symbol = _latex_fraction(factor.of, factor.by)
    return rf"\underbrace{{{symbol}}}_{{{_latex_number(factor.derivative)}}}"


def _latex_fraction(of: Place, by: Place) -> str:
    return rf"\frac{{\partial {_latex_entry(of)}}}{{\partial {_latex_entry(by)}}}"


def _latex_entry(place: Place) -> str:
    name, number = _subscripted(place.name)
    symbol = _latex_letters(name)
    if _columns(name) != 1:
        symbol = rf"\mathrm{{{symbol}}}"
    return symbol + (f"_{{{number}}}" if number else "") + _brackets(place)


# No < may stand before a letter and no & before one: a notebook's page is HTML.
_ESCAPES = {
    "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&{}", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"{\wedge}", "~": r"{\sim}", "<": "{<}", ">": "{>}", " ": r"\ ",
}  # fmt: skip
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot"}


def _latex_letters(name: str) -> str:
    """A name for LaTeX's mathematics, whatever characters it has; ŷ becomes \\hat{y}."""
    letters: list[str] = []
    for c in unicodedata.normalize("NFD", name):
        if c in _ACCENTS and letters:
            letters[-1] = rf"\{_ACCENTS[c]}{{{letters[-1]}}}"
        else:
            letters.append(_ESCAPES.get(c, c if c.isprintable() else r"\ "))
    return unicodedata.normalize("NFC", "".join(letters))


def _latex_number(value: float) -> str:
    return _latex_digits(_text_number(value))


def _latex_digits(text: str) -> str:
    digits, _, exponent = text.replace(",", "{,}").partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits
