"""Values as lines of NumPy and as formulas: a line for each step, single uses in their places."""

from __future__ import annotations

import itertools
import operator
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..paths.notation import Place
from ..table import full_name
from .simplify import FEW, REDUCTIONS, Pattern, is_constant, matches
from .value import NotDerivableError, Value, astype, changed, opaque, reachable, values_in

WIDE = 60  # columns up to which comments stand below each other
LONG = 56  # characters of what is written in the place of its use
USUAL = (np.float64, np.int64, np.bool_)
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
    """Writes values in Python and LaTeX. `names` has those of arguments, and of values if they get
    lines; those in `apart` always do.

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
        self.names, self.arguments, self.ends = dict(names), list(arguments), ends
        self._lines: list[tuple[Callable[[], str], str]] = []  # what writes each, and its comment
        self._written, self._given, self._apart = set(arguments), set(names), apart
        self._reasons, self._taken = reasons, {*names.values(), "np"}
        self._latex = False  # what is written now
        needed = set(reachable(ends.values()))
        ordered = [x for x in reachable([*order, *ends.values()]) if x in needed]
        self._uses = Counter(used for value in ordered for used in value.used())
        for value in ordered:
            if value.function is changed:
                self._write_change(value)
            elif value not in self._written:
                self._write(value)
            for name in [name for name, end in ends.items() if end is value]:
                if self.text(value) != name:
                    same = "the same" * (value in self._written)
                    self._line(self._assign, (name, value), value, same)

    # ---- lines -----------------------------------------------------------------------------------

    def _write(self, value: Value) -> None:
        """A line for a value, if it does not stand in the place of its use."""
        text = self.text(value)
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
            self._line(self._define, (value,), value)

    def _line(
        self, write: Callable[..., str], of: tuple[Any, ...], value: Value, reason: str = ""
    ) -> None:
        shape = "several" if isinstance(value.array, tuple) else str(value.shape or "scalar")
        reason = reason or self._reasons.get(value, "")
        comment = f"{shape}: {reason}" if reason else shape
        self._lines.append((lambda: write(*of), comment))

    def _named(self, value: Value, letter: str) -> None:
        """Names a value that gets a line."""
        if value not in self.names:
            names = (f"{letter}{n}" for n in itertools.count(1))
            self.names[value] = next(name for name in names if name not in self._taken)
            self._taken.add(self.names[value])
        self._written.add(value)

    def _write_change(self, value: Value) -> None:
        """An array in which a part changes: in its place, if nobody else looks at it."""
        base, path, function, *arguments = value.arguments
        is_new = base.function in (None, changed) or isinstance(base.function, np.ufunc)
        inside = reachable(values_in(arguments), self._written)  # what also reads it in this line
        reads = sum(each.used().count(base) for each in inside) * (function is operator.setitem)
        is_free = base not in self._written
        alone = self._uses[base] == 1 + reads or (is_constant(base) and is_free)
        is_kept = base in [*self.ends.values(), *self.arguments]
        alone = alone and is_new and base.ndim and not is_kept
        if alone and not is_free:
            if base.function is not changed and base not in self._given:
                self.names[base] = self.names.get(value, self.names[base])
            self.names.setdefault(value, self.names[base])
        self._named(value, "t")
        if is_free or self.names[base] != self.names[value]:
            copies = not (alone and is_free)
            self._line(self._begin, (value, base, copies), base)
        self._line(self._change, (value, path, function, arguments), value)

    def _assign(self, name: str, value: Any) -> str:
        return f"{self._letters(name)} {'&=' if self._latex else '='} {self.text(value)}"

    def _define(self, value: Value) -> str:
        """A value with the call that makes it."""
        self._written.remove(value)
        line = self._assign(self.names[value], value)
        self._written.add(value)
        return line

    def _begin(self, value: Value, base: Value, copies: bool) -> str:
        """An array that will change."""
        line = self._assign(self.names[value], base)
        if not copies or self._latex:
            return line
        name, _, text = line.partition(" = ")
        return f"{name} = np.copy({text})"

    def _change(self, value: Value, path: Any, function: Any, arguments: Any) -> str:
        """How a part of an array changes."""
        target = self._letters(self.names[value])
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
        return f"{target} {'&' * self._latex}{sign}= {self.text(new)}"

    # ---- the whole -------------------------------------------------------------------------------

    def source(self) -> str:
        """A function of the arguments that returns the ends in a dict."""
        self._latex = False
        lines = [(write(), comment) for write, comment in self._lines]
        codes = [code for code, _ in lines]
        width = min(max(map(len, codes)), WIDE)
        texts = [f"    {code.ljust(width)}  # {comment}" for code, comment in lines]
        returned = ", ".join(f'"{name}": {name}' for name in self.ends)
        arguments = ", ".join(self.names[value] for value in self.arguments)
        imports = "import math\n\n" * any("math.erf" in code for code in codes)
        head = f"{imports}import numpy as np\n\n\ndef gradients({arguments}):"
        return "\n".join([head, *texts, f"    return {{{returned}}}", ""])

    def latex(self) -> str:
        """The lines as formulas, aligned."""
        self._latex = True
        rows = " \\\\\n".join(write() for write, _ in self._lines)
        return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"

    def _letters(self, name: str) -> str:
        """A name, in LaTeX with its subscript; a d before another name stays apart."""
        if not self._latex:
            return name
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
                return self._letters(self.names[thing]), ATOM
            if thing.function is not None:
                return self._call_text(thing)
            thing = thing.array
            if np.ndim(thing) and self._latex:
                return _matrix(thing), POWER if thing.ndim == 1 else ATOM
            if np.ndim(thing):
                return _constant(thing), ATOM
        if isinstance(thing, tuple | list):
            inside = ", ".join(map(self.text, thing))
            comma = "," if len(thing) == 1 else ""
            return (f"({inside}{comma})" if isinstance(thing, tuple) else f"[{inside}]"), ATOM
        if isinstance(thing, type | np.dtype):
            return f"np.{np.dtype(thing).name}", ATOM
        if isinstance(thing, np.ndarray | np.generic) and thing.dtype not in USUAL:
            return f"np.{thing.dtype.name}({_spelled(thing.item())})", ATOM
        if isinstance(thing, np.ndarray | np.generic | int | float):
            text = _spelled(np.asarray(thing).item())
            text = _formula(text) if self._latex else text
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
        name = SHORTER.get(name, name)
        name = rf"\{name}" if name in LATEX_KNOWS else _operator(name)
        return f"{name}{below}({', '.join(map(self.text, arguments))})", ATOM

    def _call(self, function: Any, first: str, others: Any, keywords: dict[str, Any]) -> str:
        if function is operator.getitem:
            return f"{first}[{self._index(others[0])}]"
        of: Any = getattr(function, "__self__", None)
        is_method = isinstance(of, np.ufunc)  # such as np.add.at
        name = f"np.{of.__name__}.{function.__name__}" if is_method else full_name(function)
        if not name.startswith("np."):
            raise NotDerivableError(f"{name} is not a function of NumPy")
        name = _operator(name.removeprefix("np.")) if self._latex else name
        options = [f"{option}={self.text(x)}" for option, x in keywords.items()]
        return f"{name}({', '.join([first, *map(self.text, others), *options])})"

    def _formed(self, function: Any, arguments: Any) -> tuple[str, int]:
        """A call that has a form of its own, such as an operator."""
        form, level, needs = FORMS[function][self._latex], *FORMS[function][2:]
        texts: list[str] = []
        is_closed = not (form.startswith("{}") or form.endswith("{}"))
        is_float = all(not np.ndim(x) or x.dtype.kind == "f" for x in arguments)
        holes = re.findall(r"\{*\{\}", form)
        for argument, need, hole in zip(arguments, needs, holes, strict=False):
            text, binds = self._text(argument)
            text = text.removesuffix(".0") if is_float else text  # it becomes a float anyway
            same = isinstance(argument, Value) and argument.function is function
            first = function is np.matmul and not texts
            chained = same and (function in (np.multiply, np.add) or first)
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
        elif self._latex and above != 1:
            text = rf"{_formula(repr(above))} \, {text}"
        elif not self._latex:
            text = text if above == 1 and same_kind else f"{above} * {text}"
            text = text if below == 1 else f"{text} / {below}"
        return sign + text, SUM if sign else FACTOR

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple) and index:
            return ", ".join(map(self._index, index))
        if isinstance(index, slice):
            start, stop, step = index.start, index.stop, index.step
            parts = [start, stop] if step in (None, 1) else [start, stop, step]
            return ":".join("" if part is None else str(part) for part in parts)
        in_place = isinstance(index, Value) and is_constant(index) and index not in self._written
        text = _constant(index.array) if in_place and index.ndim else self.text(index)
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


# ---- numbers and constants -----------------------------------------------------------------------


def _spelled(numbers: Any) -> str:
    """Numbers as Python reads them."""
    return re.sub("inf|nan", r"np.\g<0>", repr(numbers))


def _constant(array: Any) -> str:
    """An array as NumPy makes it."""
    dtype = "" if array.dtype == np.float64 else f", dtype=np.{array.dtype.name}"
    first = array.flat[0].item() if array.size else 0
    if array.size != 1 and np.all(array == first):
        name = {0: "zeros", 1: "ones"}.get(first, "full")
        return f"np.{name}({array.shape}{f', {_spelled(first)}' * (name == 'full')}{dtype})"
    if array.ndim == 1 and array.dtype == np.int64 and np.array_equal(array, np.arange(array.size)):
        return f"np.arange({array.size})"
    for name in ("eye", "tri") if array.ndim == 2 and len({*array.shape}) == 1 else ():
        if np.array_equal(array, first * getattr(np, name)(len(array), dtype=array.dtype)):
            text = f"np.{name}({len(array)}{dtype})"
            return text if first == 1 else f"({_spelled(first)} * {text})"
    dtype = "" if np.array(array.tolist()).dtype == array.dtype else dtype
    return f"np.array({_spelled(array.tolist())}{dtype})"


def _matrix(array: Any) -> str:
    """An array in LaTeX; a vector lies on its side."""
    units = {r"\mathbf{1}": np.ones(array.shape), "I": np.eye(len(array))}  # of ones, identity
    for letter, unit in units.items() if array.size > 1 else ():
        if np.array_equal(array, array.flat[0] * unit):
            text = rf"{_formula(f'{array.flat[0]:.6g}')} \, {letter}"
            return text.removeprefix(r"1 \, ") if array.any() else "0"
    if array.ndim > 2 or array.size > FEW:
        return rf"\text{{constant of shape }} {array.shape}"
    entries = [[f"{entry:.6g}" for entry in row] for row in np.atleast_2d(array * 1).tolist()]
    rows = r" \\ ".join(" & ".join(row) for row in entries)
    side = r"^{\mathsf T}" if array.ndim == 1 else ""
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}{side}"


def _operator(name: str) -> str:
    """The name of a function in LaTeX."""
    return rf"\operatorname{{{name}}}".replace("_", r"\_")


def _formula(number: str) -> str:
    """A number as Python spells it, in LaTeX."""
    number = number.replace("np.inf", r"\infty").replace("np.nan", r"\text{nan}")
    powers = re.sub(r"e([+-])0*(\d+)$", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", number)
    return re.sub(r"^(-?)1(\.0)? \\cdot ", r"\1", powers)
