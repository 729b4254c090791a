"""The result of `paths`: the largest paths with their steps, and how they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .notation import Place, columns, counted, fraction, latex_number

Factor = tuple[str, str, str]  # a derivative in text and in LaTeX, and its value

WIDTH = 100  # columns of a line
WRITTEN = 12  # factors of a path; of more, those in the middle are put together

# These only rearrange entries. Where their result has no name, their factors are not written.
_REARRANGING = {
    "broadcast_to", "copy", "expand_dims", "getitem", "moveaxis", "ravel", "reshape", "squeeze",
    "swapaxes", "transpose",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Step(Place):
    """An entry on a path, and its local derivative with respect to the entry before it."""

    derivative: float
    straight: bool = field(repr=False)  # no paths part or meet there


@dataclass(frozen=True, eq=False)
class Path:
    """One way to the loss: its steps, and the product of their local derivatives."""

    product: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Story:
    """How one entry reaches the loss: see `paths`.

    The paths lead from `start` to `end`. A path's `steps` go the same way, each with the `tensor`
    it reaches, the `index` in it and the local `derivative`.

    Written out, the factors begin at the loss, as on a blackboard. Indices count from 0 as in
    NumPy: ∂L/∂W₁[2,0] is with respect to W1[2, 0]. A number at the end of a name is its subscript.
    Name the Tensors on the way (`h.name = "h"`): then those without a name are written only where
    paths part or meet, and elsewhere are part of the factor around them.
    """

    total: float
    count: int
    paths: list[Path]
    rest: float
    start: Place
    end: Place

    def __repr__(self) -> str:
        whole = fraction(self.end, self.start)[0]
        if not self.count:
            return f"{whole} = 0: there is no path on which no local derivative is 0"
        more, shown = self.count - len(self.paths), len(self.paths)
        lines = [f"{whole} is the sum over {counted(self.count, 'path')}"]
        if shown:
            these = "this is the largest" if shown == 1 else f"these are the {shown} largest"
            lines = [f"{lines[0]}, of which {these}:" if more else f"{lines[0]}:", ""]
        for number, path in enumerate(self.paths, 1):
            lines += _text_rows(f"{number:>3}.  ", self.factors(path), path.product)
        terms = [f"{path.product:.4g}" for path in self.paths]
        if more:
            terms.append(f"{self.rest:.4g} (of {counted(more, 'more path')})")
        total = [f"{self.total:.4g}"] if len(terms) > 1 else []
        summed = " + ".join(terms).replace("+ -", "- ")
        return "\n".join([*lines, "", " = ".join([whole, summed, *total])])

    def latex(self) -> str:
        """The paths as LaTeX for a formula of its own, with the numbers under their factors.

        >>> from microgradnd import Tensor, paths
        >>> w = Tensor(3.0, requires_grad=True, name="w_1")
        >>> print(paths(w * 2, w).latex())
        \\begin{aligned}
        \\frac{\\partial L}{\\partial w_{1}}
        &= \\underbrace{\\frac{\\partial L}{\\partial w_{1}}}_{2} \\\\
        &= 2
        \\end{aligned}
        """
        terms = [
            r" \cdot ".join(_braced(d, latex_number(value)) for _, d, value in self.factors(path))
            for path in self.paths
        ]
        if more := self.count - len(self.paths):
            number, _, words = counted(more, "more path").partition(" ")
            under = rf"{latex_number(number)}\text{{ {words}}}"
            terms.append(_braced(latex_number(f"{self.rest:.4g}"), under))
        rows = [("&+ " if k else "&= ") + term for k, term in enumerate(terms)]
        rows.append("&= " + latex_number(f"{self.total:.4g}"))
        body, whole = " \\\\\n".join(rows), fraction(self.end, self.start)[1]
        return f"\\begin{{aligned}}\n{whole}\n{body}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def factors(self, path: Path) -> list[Factor]:
        """The factors of a path as they are written, from the loss on."""
        named = any(step.tensor.name for step in path.steps[:-1])
        found: list[tuple[float, Place, Place]] = []
        before, derivative = self.start, 1.0
        for step in path.steps:
            derivative *= step.derivative
            unchanged = step.derivative == 1 and step.tensor.operation.name in _REARRANGING
            passed = not step.tensor.name and (unchanged or (named and step.straight))
            if step is path.steps[-1] or not passed:  # else it is part of the factor around it
                found.append((derivative, step, before))
                before, derivative = step, 1.0
        found = found[::-1] or [(1.0, self.end, self.start)]
        half = WRITTEN // 2
        middle = found[half:-half] if len(found) > WRITTEN + 1 else []
        shown = found[:half] + found[-half:] if middle else found
        factors = [(*fraction(of, by), f"{value:.4g}") for value, of, by in shown]
        if middle:
            latex = rf"\cdots \text{{({len(middle)} factors)}} \cdots"
            product = f"{math.prod(value for value, *_ in middle):.4g}"
            factors.insert(half, (f"… {len(middle):,} more factors …", latex, product))
        return factors


def _braced(latex: str, under: str) -> str:
    return rf"\underbrace{{{latex}}}_{{{under}}}"


def _text_rows(number: str, factors: list[Factor], product: float) -> list[str]:
    """The factors of a path, with their values below them."""
    rows, joint = [], ""
    above, below = number, " " * len(number)
    for text, _, value in factors:
        width = max(columns(text), len(value))
        if joint and columns(above) + len(joint) + width > WIDTH:
            rows += [f"{above} ·", f"{below} ·"]
            above, below, joint = " " * len(number), " " * len(number), ""
        above += joint + _centred(text, width)
        below += joint + _centred(value, width)
        joint = " · "
    return [*rows, above.rstrip(), f"{below} = {product:.4g}"]


def _centred(text: str, width: int) -> str:
    spare = width - columns(text)
    return " " * (spare // 2) + text + " " * (spare - spare // 2)
