"""Values as lines of NumPy and as formulas: a line for each step, single uses in their places."""

from __future__ import annotations

import itertools
import operator
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..paths.notation import Place
from ..table import full_name
from .simplify import FEW, REDUCTIONS, Pattern, is_constant, matches
from .value import NotDerivableError, Value, astype, changed, reachable

WIDE = 60  # columns up to which comments stand below each other
LONG = 56  # characters of what is written in the place of its use
USUAL = (np.float64, np.int64, np.bool_)
SUM, PRODUCT, FACTOR, POWER, ATOM = 4, 5, 6, 8, 9  # how tightly a call binds

# How calls are written in Python and in LaTeX, how tightly they bind, and how tightly the arguments
# must that stand in them without brackets.
FORMS: dict[Any, tuple[Any, ...]] = {
    np.add: ("{} + {}", "{} + {}", SUM, SUM, SUM),
    np.subtract: ("{} - {}", "{} - {}", SUM, SUM, PRODUCT),
    np.multiply: ("{} * {}", r"{} \odot {}", FACTOR, FACTOR, POWER),
    np.true_divide: ("{} / {}", r"\frac{{{}}}{{{}}}", FACTOR, FACTOR, POWER),
    np.matmul: ("{} @ {}", r"{} \, {}", PRODUCT, POWER, POWER),
    np.vdot: ("np.vdot({}, {})", r"{}^{{\mathsf T}} \, {}", PRODUCT, ATOM, POWER),
    np.outer: ("np.outer({}, {})", r"{} \, {}^{{\mathsf T}}", PRODUCT, POWER, ATOM),
    np.power: ("{}**{}", "{}^{{{}}}", POWER, ATOM, ATOM),
    np.transpose: ("{}.T", r"{}^{{\mathsf T}}", ATOM, ATOM),
    np.bitwise_and: ("{} & {}", r"{} \wedge {}", 2, 3, 3),
    np.bitwise_or: ("{} | {}", r"{} \vee {}", 2, 3, 3),
    np.invert: ("~{}", r"\neg {}", POWER, ATOM),
    np.greater: ("{} > {}", "[{} > {}]", 1, 2, 2),
    np.greater_equal: ("{} >= {}", r"[{} \ge {}]", 1, 2, 2),
    np.less: ("{} < {}", "[{} < {}]", 1, 2, 2),
    np.less_equal: ("{} <= {}", r"[{} \le {}]", 1, 2, 2),
    np.equal: ("{} == {}", "[{} = {}]", 1, 2, 2),
    np.not_equal: ("{} != {}", r"[{} \ne {}]", 1, 2, 2),
    np.exp: ("np.exp({})", "e^{{{}}}", ATOM, 0),
    np.log: ("np.log({})", r"\ln({})", ATOM, 0),
    np.sqrt: ("np.sqrt({})", r"\sqrt{{{}}}", ATOM, 0),
    np.absolute: ("np.abs({})", r"\lvert {} \rvert", ATOM, 0),
    astype: ("{}.astype({})", "{}", ATOM, ATOM, 0),
}
SIGMOID = 1 / (1 + np.exp(-1 * Pattern("z")))
LATEX_KNOWS = {"max", "min", "tanh", "sinh", "cosh", "sin", "cos", "tan", "arctan"}
SHORTER = {"maximum": "max", "minimum": "min"}


class Writer:
    """Writes values in Python and LaTeX.

    Arguments:
        names: of the arguments, and of values if they get lines.
        ends: what the function returns, by name.
        apart: values that always get a line.
        order: of the lines.
        reasons: what the comments say.
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
        self._apart, self._reasons, self._taken = apart, reasons, {*names.values(), *ends, "np"}
        needed = set(reachable(ends.values()))
        self._order = [x for x in reachable([*order, *ends.values()]) if x in needed]
        self._readers: dict[Value, list[Value]] = defaultdict(list)
        for value in self._order:
            for used in value.used():
                self._readers[used].append(value)
        changes = [value for value in self._order if value.function is changed]
        self._becomes = {x.arguments[0]: x for x in changes if self._changes_in_place(x)}
        self._python = self._written(latex=False)

    def _written(self, latex: bool) -> list[tuple[str, str]]:
        """All lines, with their comments."""
        self._latex, self._lines = latex, list[tuple[str, str]]()
        self._shown = {x: (self._letters(self.names[x]), ATOM) for x in self.arguments}
        for value in self._order:
            if value.function is changed:
                self._write_change(value)
            elif value not in self._shown:
                self._write(value)
            for name in (name for name, end in self.ends.items() if end is value):
                if self.names.get(value) != name:
                    same = "the same" * (value in self.names)
                    self._line(value, self._letters(name), "=", self._text(value), same)
        return self._lines

    def source(self) -> str:
        """A function of the arguments that returns the ends in a dict."""
        width = min(max(len(code) for code, _ in self._python), WIDE)
        texts = [f"    {code.ljust(width)}  # {comment}" for code, comment in self._python]
        returned = ", ".join(f'"{name}": {name}' for name in self.ends)
        arguments = ", ".join(self.names[value] for value in self.arguments)
        imports = "import math\n\n" * any("math.erf" in code for code, _ in self._python)
        head = f"{imports}import numpy as np\n\n\ndef gradients({arguments}):"
        return "\n".join([head, *texts, f"    return {{{returned}}}", ""])

    def latex(self) -> str:
        """The lines as formulas, aligned."""
        rows = " \\\\\n".join(formula for formula, _ in self._written(latex=True))
        return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"

    # ---- lines -----------------------------------------------------------------------------------

    def _write(self, value: Value) -> None:
        """A line for a value, if it does not stand in the place of its use."""
        text, level = self._spelled(value)
        if not text:  # of many entries
            self._name(value, "x")
            self.arguments.append(value)
        elif value not in self.names if self._latex else self._is_inline(value, text):
            self.names.pop(value, None)
            self._shown[value] = text, level
        else:
            self._line(value, self._name(value, "x" if value.function is None else "t"), "=", text)

    def _is_inline(self, value: Value, text: str) -> bool:
        is_leaf, is_list = value.function is None, text.startswith("np.array")
        apart = value in self._apart or (is_leaf and (value in self.names or value.dtype == bool))
        again = len(self._readers[value]) > 1 and (is_list or not is_leaf)
        short = len(text) <= LONG and not (apart or again)
        is_cheap = re.fullmatch(r"\w+(\*\*2|\.T)", text) and value not in self.ends.values()
        is_number = is_leaf and value.array.size <= 1 and value not in self._apart
        return bool(short or is_cheap or is_number) and value not in self._becomes

    def _line(self, value: Value, target: str, sign: str, text: str, reason: str = "") -> None:
        shape = "several" if isinstance(value.array, tuple) else str(value.shape or "scalar")
        reason = reason or self._reasons.get(value, "")
        code = f"{target} {'&' * self._latex}{sign} {text}".strip()
        self._lines.append((code, f"{shape}: {reason}" if reason else shape))

    def _name(self, value: Value, letter: str) -> str:
        """The name of a value that gets a line; what it becomes in its place has the same."""
        then = value
        while then not in self.names and then in self._becomes:
            then = self._becomes[then]
        if then not in self.names:
            names = (f"{letter}{n}" for n in itertools.count(1))
            self.names[then] = next(name for name in names if name not in self._taken)
            self._taken.add(self.names[then])
        self.names[value] = self.names[then]
        self._shown[value] = self._letters(self.names[value]), ATOM
        return self._shown[value][0]

    def _letters(self, name: str) -> str:
        """A name, in LaTeX with its subscript; a d before another name stays apart."""
        if not self._latex:
            return name
        is_d = name[0] == "d" and (name[1:] in self._taken or name[2:].isdigit())
        d, name = ("d", name[1:]) if is_d else ("", name)
        return d + Place(None, (), name).latex  # type: ignore[arg-type]

    # ---- arrays of which a part changes ----------------------------------------------------------

    def _changes_in_place(self, value: Value) -> bool:
        """Whether an array that changes is a new one, and only this value is made of it."""
        base = value.arguments[0]
        for reader in self._readers[base]:
            while reader is not value and len(self._readers[reader]) == 1:
                (reader,) = self._readers[reader]
            if reader is not value:
                return False
        is_new = base.function is changed or isinstance(base.function, np.ufunc)
        return bool(is_new and base.ndim and base not in self.ends.values())

    def _write_change(self, value: Value) -> None:
        base, path, function, *arguments = value.arguments
        if self._becomes.get(base) is value:
            self.names.setdefault(value, self.names[base])
        target = self._name(value, "t")
        if self.names.get(base) != self.names[value]:
            text = self._text(base)
            is_new = is_constant(base) and base.ndim and base not in self.names
            text = text if is_new or self._latex else f"np.copy({text})"
            self._line(base, target, "=", text)
        for step, others, options in path:
            target = self._call(step, target, others, options)
        if function is not operator.setitem:
            self._line(value, "", "", self._call(function, target, arguments, {}))
            return
        index, new = arguments
        if not (index is Ellipsis and target.endswith("]")):
            target += f"[{self._index(index)}]"
        sign = isinstance(new, Value) and {np.add: "+", np.subtract: "-"}.get(new.function)
        if sign and new not in self.names and self._text(new.arguments[0]) == target:
            self._line(value, target, f"{sign}=", self._text(new.arguments[1]))
        else:
            self._line(value, target, "=", self._text(new))

    # ---- expressions -----------------------------------------------------------------------------

    def _text(self, thing: Any, need: int = 0) -> str:
        """An argument, in brackets if it binds less tightly than it needs to."""
        text, level = self._part(thing)
        return text if level >= need else f"({text})"

    def _part(self, thing: Any) -> tuple[str, int]:
        """An argument, and how tightly it binds."""
        if isinstance(thing, Value):
            return self._shown[thing]
        thing = list(thing) if isinstance(thing, range) else thing
        if not isinstance(thing, tuple | list):
            return _constant_written(thing, self._latex)
        inside = ", ".join(map(self._text, thing)) + "," * (len(thing) == 1)
        return f"({inside})" if isinstance(thing, tuple) else f"[{inside}]", ATOM

    def _spelled(self, value: Value) -> tuple[str, int]:
        """What computes a value, and how tightly it binds."""
        function, arguments, keywords = value.function, value.arguments, value.keywords
        if function is None:
            return _constant_written(value.array, self._latex)
        found: dict[str, Any] = {}
        if self._latex and matches(SIGMOID, value, found, self.names.keys() - {value}):
            return rf"\sigma({self._text(found['z'])})", ATOM
        name = getattr(function, "__name__", "")
        if name == "erf" and not self._latex:
            of = self._text(arguments[0])
            return f"np.vectorize(math.erf, otypes={value.dtype.char!r})({of})", ATOM
        if function is np.matmul and self._latex and all(x.ndim == 1 for x in arguments):
            function = np.vdot
        if function in FORMS and len(arguments) == len(FORMS[function]) - 3 and not keywords:
            if function is np.multiply and isinstance(arguments[0], int | float):
                return self._scaled(arguments[0], arguments[1])
            return self._formed(function, arguments)
        first = self._text(arguments[0], ATOM * (function is operator.getitem))
        if not self._latex or function is operator.getitem:
            return self._call(function, first, arguments[1:], keywords), ATOM
        below = _along(value) if function in REDUCTIONS else ""
        if function is np.sum:
            return rf"\sum{below} {self._text(arguments[0], PRODUCT)}", PRODUCT
        name = SHORTER.get(name, name)
        name = rf"\{name}" if name in LATEX_KNOWS else _latex_operator(name)
        return f"{name}{below}({', '.join(map(self._text, arguments))})", ATOM

    def _call(self, function: Any, first: str, others: Any, keywords: dict[str, Any]) -> str:
        if function is operator.getitem:
            return f"{first}[{self._index(others[0])}]"
        of: Any = getattr(function, "__self__", None)
        is_method = isinstance(of, np.ufunc)  # such as np.add.at
        name = f"np.{of.__name__}.{function.__name__}" if is_method else full_name(function)
        if not name.startswith("np."):
            raise NotDerivableError(f"{name} is not a function of NumPy")
        name = _latex_operator(name.removeprefix("np.")) if self._latex else name
        options = [f"{option}={self._text(x)}" for option, x in keywords.items()]
        return f"{name}({', '.join([first, *map(self._text, others), *options])})"

    def _formed(self, function: Any, arguments: Any) -> tuple[str, int]:
        """A call that has a form of its own, such as an operator."""
        form, (level, *needs) = FORMS[function][self._latex], FORMS[function][2:]
        texts: list[str] = []
        is_closed = not (form.startswith("{}") or form.endswith("{}"))
        is_float = all(not np.ndim(x) or x.dtype.kind == "f" for x in arguments)
        holes = re.findall(r"\{*\{\}", form)
        for argument, need, hole in zip(arguments, needs, holes, strict=False):
            text, binds = self._part(argument)
            text = text.removesuffix(".0") if is_float else text  # it becomes a float anyway
            same = isinstance(argument, Value) and argument.function is function
            first = function is np.matmul and not texts
            goes_on = same and (function in (np.multiply, np.add) or first)
            free = is_closed or hole != "{}" or goes_on or binds >= need
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
        text = self._text(value, PRODUCT if self._latex or above == below == 1 else FACTOR)
        if self._latex:
            factor = _formula(repr(above)) if below == 1 else rf"\frac{{{above}}}{{{below}}}"
            text = text if above == below == 1 else rf"{factor} \, {text}"
        else:
            first = value
            while getattr(first, "function", None) in (np.multiply, np.true_divide):
                first = first.arguments[0]
            # NumPy has no negative of a mask.
            is_mask = getattr(first, "dtype", np.dtype(float)).kind == "b"
            bare = above == 1 and same_kind and not (sign and is_mask)
            text = text if bare else f"{above} * {text}"
            text = text if below == 1 else f"{text} / {below}"
        return sign + text, SUM if sign else FACTOR

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple) and index:
            return ", ".join(map(self._index, index))
        if not isinstance(index, slice):
            return self._text(index)
        step = None if index.step == 1 else index.step
        parts = [index.start, index.stop] + [step] * (step is not None)
        return ":".join("" if part is None else str(part) for part in parts)


# ---- numbers and constants -----------------------------------------------------------------------


def _constant_written(thing: Any, latex: bool) -> tuple[str, int]:
    """What is no value, and how tightly it binds."""
    if isinstance(thing, np.ndarray) and thing.ndim:
        return _array(thing, latex)
    if isinstance(thing, np.ndarray | np.generic | int | float):
        number = np.asarray(thing).item()
        text = _formula(repr(number)) if latex else _digits(number)
        dtype = getattr(thing, "dtype", np.dtype(float))
        if dtype not in USUAL and not latex:
            return f"np.{dtype.name}({text})", ATOM
        return text, FACTOR if text.startswith("-") else ATOM
    if isinstance(thing, type | np.dtype):
        return f"np.{np.dtype(thing).name}", ATOM
    if thing is None or isinstance(thing, str | slice):
        return rf"\text{{{thing}}}" if latex else repr(thing), ATOM
    if thing is Ellipsis:
        return "...", ATOM
    raise NotDerivableError(f"a {type(thing).__name__} cannot be written as NumPy: {thing!r}")


def _digits(numbers: Any) -> str:
    """Numbers as Python reads them."""
    return re.sub("inf|nan", r"np.\g<0>", repr(numbers))


def _formula(number: str) -> str:
    """A number as Python spells it, in LaTeX."""
    number = number.replace("inf", r"\infty").replace("nan", r"\text{nan}")
    powers = re.sub(r"e([+-])0*(\d+)$", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", number)
    return re.sub(r"^(-?)1(\.0)? \\cdot ", r"\1", powers)


def _array(array: Any, latex: bool) -> tuple[str, int]:
    """How NumPy makes a constant, and how tightly that binds; of many entries nothing."""
    size, of, first = len(array), array.shape, array.flat[0].item() if array.size else 0
    dtype = "" if array.dtype == np.float64 else f", dtype=np.{array.dtype.name}"
    units = [(f"np.zeros({of}{dtype})", "0"), (f"np.ones({of}{dtype})", r"\mathbf{1}")]
    if array.ndim == 1:
        units += [(f"np.arange({size})", rf"(0, \ldots, {size - 1})")]
    elif of == (size, size):
        units += [(f"np.eye({size}{dtype})", "I"), (f"np.tri({size}{dtype})", r"\mathrm{tri}")]
    scale = 1 if first in (0, 1) else first
    for text, symbol in units if array.size != 1 else ():
        unit = eval(text)
        if unit.dtype == array.dtype and np.array_equal(array, scale * unit):
            text = symbol if latex else text
            factor = _formula(f"{scale:.6g}") + r" \, " if latex else f"{_digits(scale)} * "
            return (text, ATOM) if scale == 1 else (factor + text, FACTOR)
    if array.size > FEW:
        return "", ATOM
    if not latex:
        dtype = "" if np.array(array.tolist()).dtype == array.dtype else dtype
        return f"np.array({_digits(array.tolist())}{dtype})", ATOM
    if array.ndim > 2:
        return rf"\text{{constant of shape }} {of}", ATOM
    entries = [[f"{entry:.6g}" for entry in row] for row in np.atleast_2d(array * 1).tolist()]
    rows = r" \\ ".join(" & ".join(row) for row in entries)
    side = r"^{\mathsf T}" if array.ndim == 1 else ""
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}{side}", POWER if side else ATOM


def _along(value: Value) -> str:
    """The axes of a sum, or the like, as they stand below its sign."""
    axis = value.keywords.get("axis", *value.arguments[1:2])
    ndim = value.arguments[0].ndim
    axes = [each % ndim for each in np.atleast_1d(axis).tolist()] if axis is not None else []
    if len(axes) in (0, ndim):
        return ""
    which = ("rows", "columns")[axes[0]] if ndim == 2 else f"axis {', '.join(map(str, axes))}"
    return rf"_{{\text{{{which}}}}}"


def _latex_operator(name: str) -> str:
    """The name of a function in LaTeX."""
    return rf"\operatorname{{{name}}}".replace("_", r"\_")
