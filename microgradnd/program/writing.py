"""Values as lines of NumPy and as formulas: a line for each step, single uses in their places."""

from __future__ import annotations

import itertools
import operator
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..paths.notation import Place
from ..table import full_name
from .simplify import FEW, REDUCTIONS, Pattern, is_constant, matches
from .spelling import USUAL, constant_text, formula_of, matrix_text, operator_of, spelled
from .value import NotDerivableError, Value, astype, changed, opaque, reachable, values_in

WIDE = 60  # columns up to which comments stand below each other
LONG = 56  # characters of what is written in the place of its use
SUM, PRODUCT, FACTOR, POWER, ATOM = 4, 5, 6, 8, 9  # how tightly a call binds

# How calls are written in Python and in LaTeX, how tightly they bind, and how tightly the arguments
# must that stand in them without brackets.
FORMS: dict[Any, tuple[Any, ...]] = {
    np.add: ("{} + {}", "{} + {}", SUM, (SUM, SUM)),
    np.subtract: ("{} - {}", "{} - {}", SUM, (SUM, PRODUCT)),
    np.multiply: ("{} * {}", r"{} \odot {}", FACTOR, (FACTOR, POWER)),
    np.true_divide: ("{} / {}", r"\frac{{{}}}{{{}}}", FACTOR, (FACTOR, POWER)),
    np.matmul: ("{} @ {}", r"{} \, {}", PRODUCT, (POWER, POWER)),
    np.vdot: ("np.vdot({}, {})", r"{}^{{\mathsf T}} \, {}", PRODUCT, (ATOM, POWER)),
    np.outer: ("np.outer({}, {})", r"{} \, {}^{{\mathsf T}}", PRODUCT, (POWER, ATOM)),
    np.floor_divide: ("{} // {}", r"\lfloor {} / {} \rfloor", PRODUCT, (FACTOR, POWER)),
    np.remainder: ("{} % {}", r"{} \bmod {}", PRODUCT, (FACTOR, POWER)),
    np.power: ("{}**{}", "{}^{{{}}}", POWER, (ATOM, ATOM)),
    np.transpose: ("{}.T", r"{}^{{\mathsf T}}", ATOM, (ATOM,)),
    np.bitwise_and: ("{} & {}", r"{} \wedge {}", 2, (3, 3)),
    np.bitwise_or: ("{} | {}", r"{} \vee {}", 2, (3, 3)),
    np.invert: ("~{}", r"\neg {}", POWER, (ATOM,)),
    np.greater: ("{} > {}", "[{} > {}]", 1, (2, 2)),
    np.greater_equal: ("{} >= {}", r"[{} \ge {}]", 1, (2, 2)),
    np.less: ("{} < {}", "[{} < {}]", 1, (2, 2)),
    np.less_equal: ("{} <= {}", r"[{} \le {}]", 1, (2, 2)),
    np.equal: ("{} == {}", "[{} = {}]", 1, (2, 2)),
    np.not_equal: ("{} != {}", r"[{} \ne {}]", 1, (2, 2)),
    np.exp: ("np.exp({})", "e^{{{}}}", ATOM, (0,)),
    np.log: ("np.log({})", r"\ln({})", ATOM, (0,)),
    np.sqrt: ("np.sqrt({})", r"\sqrt{{{}}}", ATOM, (0,)),
    np.absolute: ("np.abs({})", r"\lvert {} \rvert", ATOM, (0,)),
    astype: ("{}.astype({})", "{}", ATOM, (ATOM, 0)),
}
SIGMOID = 1 / (1 + np.exp(-1 * Pattern("z")))
LATEX_KNOWS = {"max", "min", "tanh", "sinh", "cosh", "sin", "cos", "tan", "arctan"}
SHORTER = {"maximum": "max", "minimum": "min"}


class Writer:
    """Writes values. `names` has those of arguments, and of values if they get lines; those in
    `apart` always do.

    >>> x = Value(np.array([1.0, 2.0]))
    >>> y = Value(x.array * 2 + 1, np.add, (Value(x.array * 2, np.multiply, (2, x)), 1))
    >>> print(Writer({x: "x", y: "y"}, [x], {"y": y}).latex())
    \\begin{aligned}
    y &= 2 \\, x + 1
    \\end{aligned}
    """

    def __init__(
        self,
        names: dict[Value, str],
        arguments: list[Value],
        ends: dict[str, Value],
        apart: Container[Value] = (),
        order: Iterable[Value] = (),
        reasons: Mapping[Value, str] = {},
    ) -> None:
        self._reasons = reasons
        self.names, self.arguments, self.ends = dict(names), list(arguments), ends
        # Each is named like a value, if it has a name; its code; of what; the comment; the formula.
        self.lines: list[tuple[Value | None, str, Value, str, str]] = []
        self._written, self._given, self._apart = set(arguments), set(names), apart
        self._latex = False  # what expressions are written in
        self._taken = {*names.values(), "np"}
        needed = set(reachable(ends.values()))
        ordered = [x for x in reachable([*order, *ends.values()]) if x in needed]
        self._uses = Counter(used for value in ordered for used in value.used())
        for value in ordered:
            if value.function is changed:
                self._write_change(value)
            elif value not in self._written:
                self._write(value, self.text(value))
            for name in [name for name, end in ends.items() if end is value]:
                if (own := self.text(value)) != name:
                    formula = f"{self._letters(name)} &= {self._formula(value)}"
                    same = "the same" * (value in self._written)
                    self._line(None, f"{name} = {own}", value, same, formula)

    # ---- lines -----------------------------------------------------------------------------------

    def _write(self, value: Value, text: str) -> None:
        """A line for a value, if it does not stand in the place of its use."""
        is_leaf, is_list = value.function is None, text.startswith("np.array")
        if is_leaf and is_list and value.array.size > FEW:
            self._named(value, "x")
            self.arguments.append(value)
            return
        is_end = value in self.ends.values()
        again = self._uses[value] > 1 and (is_list or not is_leaf)
        apart = is_end or again or value in self._apart or (is_leaf and value.dtype == bool)
        is_cheap = re.fullmatch(r"\w+(\*\*2|\.T)", text) and not is_end
        is_number = is_leaf and value.array.size <= 1
        if not (is_cheap or is_number or (len(text) <= LONG and not apart)):
            self._named(value, "x" if is_leaf else "t")
            self._line(value, text, value)

    def _line(
        self, like: Value | None, code: str, of: Value, reason: str = "", formula: str = ""
    ) -> None:
        shape = "several" if isinstance(of.array, tuple) else str(of.shape or "scalar")
        reason = reason or self._reasons.get(of, "")
        self.lines.append((like, code, of, f"{shape}: {reason}" if reason else shape, formula))

    def _named(self, value: Value, letter: str) -> str:
        """The name of a value that gets a line."""
        if value not in self.names:
            names = (f"{letter}{n}" for n in itertools.count(1))
            self.names[value] = next(name for name in names if name not in self._taken)
            self._taken.add(self.names[value])
        self._written.add(value)
        return self.names[value]

    def _write_change(self, value: Value) -> None:
        """An array in which a part changes: in its place, if nobody else looks at it."""
        base, path, function, *arguments = value.arguments
        is_new = base.function in (None, changed) or isinstance(base.function, np.ufunc)
        inside = reachable(values_in(arguments), self._written)  # what also reads it in this line
        reads = sum(each.used().count(base) for each in inside) * (function is operator.setitem)
        alone = self._uses[base] == 1 + reads or (is_constant(base) and base not in self._written)
        is_kept = base in [*self.ends.values(), *self.arguments]
        alone = alone and is_new and base.ndim and not is_kept
        if alone and base in self._written:
            if base.function is not changed and base not in self._given:
                self.names[base] = self.names.get(value, self.names[base])
            self.names.setdefault(value, self.names[base])
        text, target = self.text(base), self._named(value, "t")
        if text != target:
            is_free = alone and base not in self._written
            copied = text if is_free else f"np.copy({text})"
            self._line(value, copied, base, formula=self._formula(base))
        change = path, function, arguments
        code, self._latex = self._change(target, *change), True
        self._line(None, code, value, formula=self._change(self._letters(target), *change))
        self._latex = False

    def _change(self, target: str, path: Any, function: Any, arguments: Any) -> str:
        """How a part of the target changes."""
        for step, others, options in path:
            target = self._call(step, target, others, options)
        if function is not operator.setitem:
            return "& " * self._latex + self._call(function, target, arguments, {})
        index, new = arguments
        if not (index is Ellipsis and target.endswith("]")):
            target += f"[{self._index(index)}]"
        sign = isinstance(new, Value) and {np.add: "+", np.subtract: "-"}.get(new.function)
        goes_on = sign and new not in self._written and self.text(new.arguments[0]) == target
        sign, new = (sign, new.arguments[1]) if goes_on else ("", new)
        equals = (f"&{sign}=" if sign else "&=") if self._latex else f"{sign}="
        return f"{target} {equals} {self.text(new)}"

    # ---- the whole -------------------------------------------------------------------------------

    def source(self) -> str:
        """A function of the arguments that returns the ends in a dict."""
        codes = [
            f"{self.names[line[0]]} = {line[1]}" if line[0] else line[1] for line in self.lines
        ]
        width = min(max(map(len, codes)), WIDE)
        comments = [comment for *_, comment, _ in self.lines]
        lines = zip(codes, comments, strict=True)
        texts = [f"    {code.ljust(width)}  # {comment}" for code, comment in lines]
        returned = ", ".join(f'"{name}": {name}' for name in self.ends)
        arguments = ", ".join(self.names[value] for value in self.arguments)
        imports = "import math\n\n" * any("math.erf" in code for code in codes)
        head = f"{imports}import numpy as np\n\n\ndef gradients({arguments}):"
        return "\n".join([head, *texts, f"    return {{{returned}}}", ""])

    def latex(self) -> str:
        """The lines as formulas, aligned."""
        rows = []
        for like, _, of, _, formula in self.lines:
            if like is of:
                self._written.remove(of)
                formula = self._formula(of)
                self._written.add(of)
            rows.append(
                formula if like is None else f"{self._letters(self.names[like])} &= {formula}"
            )
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _formula(self, value: Value) -> str:
        """A value in LaTeX."""
        self._latex = True
        text = self.text(value)
        self._latex = False
        return text

    def _letters(self, name: str) -> str:
        """A name in LaTeX; a d before another name stays apart."""
        is_d = name[0] == "d" and (name[1:] in self._taken or name[2:].isdigit())
        d, name = ("d", name[1:]) if is_d else ("", name)
        return d + Place(None, (), name).latex  # type: ignore[arg-type]

    # ---- expressions -----------------------------------------------------------------------------

    def text(self, thing: Any, need: int = 0) -> str:
        """An expression, in brackets if it binds less tightly than it needs to."""
        text, level = self._text(thing)
        return text if level >= need else f"({text})"

    def _text(self, thing: Any) -> tuple[str, int]:
        """An expression, and how tightly it binds."""
        if isinstance(thing, Value):
            if thing in self._written:
                name = self.names[thing]
                return self._letters(name) if self._latex else name, ATOM
            if thing.function is not None:
                return self._call_text(thing)
            thing = thing.array
            if np.ndim(thing) and self._latex:
                return matrix_text(thing), POWER if thing.ndim == 1 else ATOM
            if np.ndim(thing):
                return constant_text(thing), ATOM
        if isinstance(thing, tuple | list):
            inside = ", ".join(map(self.text, thing))
            comma = "," if len(thing) == 1 else ""
            return (f"({inside}{comma})" if isinstance(thing, tuple) else f"[{inside}]"), ATOM
        if isinstance(thing, type | np.dtype):
            return f"np.{np.dtype(thing).name}", ATOM
        if isinstance(thing, np.ndarray | np.generic) and thing.dtype not in USUAL:
            return f"np.{thing.dtype.name}({spelled(thing.item())})", ATOM
        if isinstance(thing, np.ndarray | np.generic | int | float):
            text = spelled(np.asarray(thing).item())
            text = formula_of(text) if self._latex else text
            return text, FACTOR if text.startswith("-") else ATOM
        if self._latex and isinstance(thing, str):
            return rf"\text{{{thing}}}", ATOM
        if thing is Ellipsis or thing is None or isinstance(thing, str | slice):
            return "..." if thing is Ellipsis else repr(thing), ATOM
        raise NotDerivableError(f"a {type(thing).__name__} cannot be written as NumPy: {thing!r}")

    def _call_text(self, value: Value) -> tuple[str, int]:
        function, arguments, keywords = value.function, value.arguments, value.keywords
        found: dict[str, Any] = {}
        if self._latex and matches(SIGMOID, value, found, self._written):
            return rf"\sigma({self.text(found['z'])})", ATOM
        if function is opaque:
            function, *arguments = arguments
        if getattr(function, "__name__", "") == "erf" and not self._latex:
            of = self.text(arguments[0])
            return f"np.vectorize(math.erf, otypes={value.dtype.char!r})({of})", ATOM
        if self._latex and function is np.matmul and all(each.ndim == 1 for each in arguments):
            function = np.vdot
        if function in FORMS and len(arguments) == len(FORMS[function][3]) and not keywords:
            if function is np.multiply and isinstance(arguments[0], int | float):
                return self._scaled(arguments[0], arguments[1])
            return self._formed(function, arguments)
        below = _along(value) if function in REDUCTIONS else ""
        if self._latex and function is np.sum:
            return rf"\sum{below} {self.text(arguments[0], PRODUCT)}", PRODUCT
        first = self.text(arguments[0], ATOM * (function is operator.getitem))
        if not self._latex or function is operator.getitem:
            return self._call(function, first, arguments[1:], keywords), ATOM
        name = getattr(function, "__name__", "f")
        name = (
            rf"\{name}" if (name := SHORTER.get(name, name)) in LATEX_KNOWS else operator_of(name)
        )
        return f"{name}{below}({', '.join(map(self.text, arguments))})", ATOM

    def _call(self, function: Any, first: str, others: Any, keywords: dict[str, Any]) -> str:
        if function is operator.getitem:
            return f"{first}[{self._index(others[0])}]"
        of: Any = getattr(function, "__self__", None)
        is_method = isinstance(of, np.ufunc)  # such as np.add.at
        name = f"np.{of.__name__}.{function.__name__}" if is_method else full_name(function)
        if not name.startswith("np."):
            raise NotDerivableError(f"{name} is not a function of NumPy")
        name = operator_of(name.removeprefix("np.")) if self._latex else name
        given = [first, *map(self.text, others)]
        given += [f"{option}={self.text(x)}" for option, x in keywords.items()]
        return f"{name}({', '.join(given)})"

    def _formed(self, function: Any, arguments: Any) -> tuple[str, int]:
        """A call that has a form of its own, such as an operator."""
        form, level, needs, texts = FORMS[function][self._latex], *FORMS[function][2:], []
        is_closed = not (form.startswith("{}") or form.endswith("{}"))
        is_float = all(not np.ndim(x) or x.dtype.kind == "f" for x in arguments)
        holes = re.findall(r"\{*\{\}", form)
        for argument, need, hole in zip(arguments, needs, holes, strict=False):
            text, binds = self._text(argument)
            text = text.removesuffix(".0") if is_float else text  # it becomes a float anyway
            chained = isinstance(argument, Value) and _is_associative(function, argument)
            free = is_closed or hole != "{}" or chained or binds >= need
            texts.append(text if free else f"({text})")
        if is_closed:
            level = ATOM if form.endswith((")", "]")) else POWER
        return form.format(*texts), level

    def _scaled(self, number: float, value: Any) -> tuple[str, int]:
        """A number times a value, or the value divided by one."""
        sign, size = "-" * (number < 0), abs(number)
        ratio: Any = Fraction(size).limit_denominator(10**6)
        above, below = ratio.as_integer_ratio()
        is_short = 1 in (above, below) or len(repr(size)) > 8
        same_kind = value.dtype.kind in ("f", np.asarray(size).dtype.kind)
        if not (same_kind and is_short and abs(above / below - size) < 4e-16 * size):
            above, below = size, 1
        text = self.text(value, PRODUCT if self._latex or above == below == 1 else FACTOR)
        if self._latex and below != 1:
            text = rf"\frac{{{above}}}{{{below}}} \, {text}"
        elif above != 1 or not (same_kind or self._latex):
            text = rf"{formula_of(repr(above))} \, {text}" if self._latex else f"{above} * {text}"
        text += f" / {below}" if below != 1 and not self._latex else ""
        return sign + text, SUM if sign else FACTOR

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple) and index:
            return ", ".join(map(self._index, index))
        if isinstance(index, slice):
            start, stop, step = index.start, index.stop, index.step
            parts = [start, stop] if step in (None, 1) else [start, stop, step]
            return ":".join("" if part is None else str(part) for part in parts)
        in_place = isinstance(index, Value) and is_constant(index) and index not in self._written
        text = constant_text(index.array) if in_place and index.ndim else self.text(index)
        is_range = self._latex and in_place and text.startswith("np.arange")
        return rf"(0, \ldots, {len(index.array) - 1})" if is_range else text


def _along(value: Value) -> str:
    """The axes of a sum, or the like, as they stand below its sign."""
    axis = value.keywords.get("axis", *value.arguments[1:2])
    ndim = value.arguments[0].ndim
    axes = [each % ndim for each in np.atleast_1d(axis).tolist()] if axis is not None else []
    if len(axes) in (0, ndim):
        return ""
    which = ("rows", "columns")[axes[0]] if ndim == 2 else f"axis {', '.join(map(str, axes))}"
    return rf"_{{\text{{{which}}}}}"


def _is_associative(function: Any, inner: Value) -> bool:
    if function is not inner.function:
        return False
    matrices = all(value.ndim == 2 for value in (inner, *inner.used()))
    return function in (np.multiply, np.add) or (function is np.matmul and matrices)
