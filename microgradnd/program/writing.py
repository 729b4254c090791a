"""Values as lines of NumPy and as formulas: a line for each step, single uses in their places."""

from __future__ import annotations

import ast
import inspect
import itertools
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..paths.notation import Place
from ..table import full_name
from .spelling import (
    ATOM,
    FEW,
    FORMS,
    PRODUCT,
    SUM,
    Form,
    constant_text,
    is_plain,
    matrix_text,
    number_text,
)  # fmt: skip
from .value import NotDerivableError, Value, astype, changed, opaque, reachable, values_in

WIDE = 60  # columns up to which comments stand below each other
SUMMED = {None: "", 0: r"_{\text{rows}}", 1: r"_{\text{columns}}"}  # by axis
LATEX_KNOWS = {"max", "min", "tanh", "sinh", "cosh", "sin", "cos", "tan", "arctan"}
LONG = 48  # characters of what is written in the place of its use


class Line(NamedTuple):
    """A step: the name of what it computes, its code, and its formula."""

    name: str
    code: str
    formula: str
    value: Value


class Writer:
    """Writes values. `names` has those of arguments, and of values if they get lines; those in
    `apart` always do.

    >>> x = Value(np.array([1.0, 2.0]))
    >>> y = Value(x.array * 2 + 1, np.add, (Value(x.array * 2, np.multiply, (2, x)), 1))
    >>> [line.code for line in Writer({x: "x", y: "y"}, [x], [y]).lines]
    ['2 * x + 1']
    """

    def __init__(
        self,
        names: dict[Value, str],
        arguments: list[Value],
        ends: list[Value],
        apart: Container[Value] = (),
        order: Iterable[Value] = (),
    ) -> None:
        self.names, self.arguments, self._apart = dict(names), list(arguments), apart
        self._numbers = defaultdict[str, Any](lambda: itertools.count(1))
        self._taken, self._given = {*names.values(), "np"}, set(names)
        needed = set(reachable(ends))
        self.order = [value for value in reachable([*order, *ends]) if value in needed]
        self._uses = Counter(used for value in self.order for used in value.used())
        self._ends = set(ends)
        self.helpers: dict[str, str] = {}
        self.lines: list[Line] = []
        self._plain = all(_is_usual(value) for value in self.order)
        self._written = set(arguments)
        for value in self.order:
            if not self._is_written_in_place(value):
                self._write(value)
                self._written.add(value)

    # ---- lines -----------------------------------------------------------------------------------

    def _is_written_in_place(self, value: Value) -> bool:
        if value in self._written:
            return True
        if value.function is changed:
            return False
        if value.function is None:
            uses = self._uses[value] + (value in self._ends)
            few = uses <= 1 and len(constant_text(value.array)) <= LONG
            named = value in self.names or value.dtype == bool  # says so in its line
            return value.array.size <= 1 or (few and not named)
        text = self.text(value)[0]
        is_short = re.fullmatch(r"\w+(\*\*2|\.T)", text)
        once = is_short or (self._uses[value] == 1 and value not in self._apart)
        return value not in self._ends and once and len(text) <= LONG

    def symbol(self, name: str) -> str:
        """A name in LaTeX; a d before another name stays apart."""
        d, name = ("d", name[1:]) if name[0] == "d" and name[1:] in self._taken else ("", name)
        return d + Place(None, (), name).latex  # type: ignore[arg-type]

    def new_name(self, letter: str) -> str:
        """A name that nothing has yet."""
        names = (f"{letter}{number}" for number in self._numbers[letter])
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name

    def _write(self, value: Value) -> None:
        if value.function is None:
            name = self.names[value] = self.names.get(value) or self.new_name("x")
            if value.array.size > FEW and not is_plain(value.array):
                self.arguments.append(value)
            else:
                self.lines.append(
                    Line(name, constant_text(value.array), matrix_text(value.array), value)
                )
            return
        if value.function is changed:
            self._write_change(value)
            return
        code, formula = self.text(value)[0], self.text(value, latex=True)[0]
        name = self.names[value] = self.names.get(value) or self.new_name("t")
        self.lines.append(Line(name, code, formula, value))

    def _write_change(self, value: Value) -> None:
        """An array in which a part changes: in its place, if nobody else looks at it."""
        base, path, function, *arguments = value.arguments
        made = base.function in (None, changed) or isinstance(base.function, np.ufunc)
        known = self._given | {*self.arguments}
        fresh = made and isinstance(base.array, np.ndarray) and base not in known
        reads = self._count(arguments, base) if function is operator.setitem else 0
        alone = fresh and self._uses[base] == 1 + reads and base not in self._ends
        name = self.names.get(value) or (self.names.get(base) if alone else None)
        name = name or self.new_name("t")
        if self.names.get(base) != name:
            text = self.text(base)[0]
            is_new = base.function is None and base not in self._written and base.ndim
            self.lines.append(Line(name, text if is_new else f"np.copy({text})", "", base))
        self.names[value] = target = name
        for step, others, options in path:
            if step is operator.getitem:
                target = f"{target}[{self._index(others[0])}]"
            else:
                given = ", ".join(filter(None, [target, self._listed(others, options)]))
                target = f"{self._function(step)}({given})"
        if function is operator.setitem:
            index, new = arguments
            whole = index is Ellipsis and target.endswith("]")
            target = target if whole else f"{target}[{self._index(index)}]"
            code = f"{target} = {self.text(new)[0]}"
        else:
            code = f"{self._function(function)}({target}, {self._listed(arguments, {})})"
        self.lines.append(Line("", code, "", value))

    def _count(self, tree: Any, wanted: Value) -> int:
        """How often a value is read in an expression."""
        found, stack = 0, values_in(tree)
        while stack:
            value = stack.pop()
            found += value is wanted
            stack += [] if value in self._written else value.used()
        return found

    # ---- the whole -------------------------------------------------------------------------------

    def source(self, ends: dict[str, Value], reasons: dict[Value, str], recorded: bool) -> str:
        """A function of the arguments that returns the ends in a dict."""
        lines = []
        for line in self.lines:
            reason, value = reasons.get(line.value, ""), line.value
            if recorded and value.function is None and (value.dtype == bool or not reason):
                reason = "as recorded"
            code = f"{line.name} = {line.code}" if line.name else line.code
            lines.append((code, value, reason))
            own = self.names.get(value)
            again = [name for name, end in ends.items() if end is value and name != own]
            lines += [(f"{name} = {own}", value, "the same") for name in again]
        lined = {line.value for line in self.lines}
        for name, value in ends.items():
            if value not in lined:
                lines.append((f"{name} = {self.text(value)[0]}", value, reasons.get(value, "")))
        width = min(max(len(code) for code, *_ in lines), WIDE)
        texts = []
        for code, value, reason in lines:
            shape = "several" if isinstance(value.array, tuple) else str(value.shape or "scalar")
            texts.append(f"    {code.ljust(width)}  # {f'{shape}: {reason}' if reason else shape}")
        returned = ", ".join(f'"{name}": {name}' for name in ends)
        arguments = ", ".join(self.names[value] for value in self.arguments)
        helpers = "".join(f"\n\n{text}\n" for text in self.helpers.values())
        head = [f"import numpy as np\n{helpers}\n", f"def gradients({arguments}):"]
        return "\n".join([*head, *texts, f"    return {{{returned}}}", ""])

    def latex(self) -> str:
        """The lines as formulas, aligned."""
        rows = [f"{self.symbol(x.name)} &= {x.formula}" for x in self.lines if x.formula]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    # ---- expressions -----------------------------------------------------------------------------

    def text(self, thing: Any, latex: bool = False) -> tuple[str, int]:
        """An expression, and how tightly it binds."""
        if isinstance(thing, Value):
            return self._value_text(thing, latex)
        if isinstance(thing, tuple | list):
            inside = ", ".join(self.text(part, latex)[0] for part in thing)
            comma = "," if len(thing) == 1 else ""
            return (f"({inside}{comma})" if isinstance(thing, tuple) else f"[{inside}]"), ATOM
        if isinstance(thing, float | int | np.number) and not isinstance(thing, bool):
            return _signed(number_text(thing, self._plain))
        if isinstance(thing, np.dtype) or thing in (float, int, bool):
            return f"np.{np.dtype(thing).name}", ATOM
        if isinstance(thing, type) and issubclass(thing, np.generic):
            return f"np.{thing.__name__}", ATOM
        if thing is Ellipsis:
            return "...", ATOM
        if isinstance(thing, slice | str | bool | np.bool_ | None):
            return repr(thing), ATOM
        raise NotDerivableError(f"a {type(thing).__name__} cannot be written as NumPy: {thing!r}")

    def _value_text(self, value: Value, latex: bool) -> tuple[str, int]:
        if value in self._written:
            name = self.names[value]
            return (self.symbol(name) if latex else name), ATOM
        if value.function is None:
            if value.array.size == 1 and not value.ndim:
                return _signed(number_text(value.array, self._plain))
            return (matrix_text if latex else constant_text)(value.array), ATOM
        return self._call(value, latex)

    def _sigmoid_of(self, value: Any) -> Any:
        """What z is in 1 / (1 + exp(-z)), if the value is that."""
        for function in (np.true_divide, np.add, np.exp, np.negative):
            is_named = not isinstance(value, Value) or value in self._written
            if is_named or value.function is not function:
                return None
            *ones, inner = value.arguments
            if ones != [1] * (function in (np.true_divide, np.add)):
                return None
            value = inner
        return value

    def _call(self, value: Value, latex: bool) -> tuple[str, int]:
        if latex and (inner := self._sigmoid_of(value)) is not None:
            return rf"\sigma({self.text(inner, latex)[0]})", ATOM
        function, arguments, keywords = value.function, value.arguments, value.keywords
        form = FORMS.get(function)
        if form and len(arguments) == len(form.needs) and not keywords:
            return self._formed(value, form, latex)
        if function is opaque:
            function, *arguments = arguments
            self._help(function)
            return f"{function.__name__}({self._listed(arguments, keywords)})", ATOM
        text, level = self.text(arguments[0], latex) if arguments else ("", ATOM)
        text = text if level == ATOM else f"({text})"
        if function is operator.getitem:
            return f"{text}[{self._index(arguments[1])}]", ATOM
        if function is astype:
            return (text if latex else f"{text}.astype({self.text(arguments[1])[0]})"), ATOM
        if latex:
            return self._formula(value)
        return f"{self._function(function)}({self._listed(arguments, keywords)})", ATOM

    def _formed(self, value: Value, form: Form, latex: bool) -> tuple[str, int]:
        """A call that has a form of its own, such as an operator."""
        function, arguments, texts = value.function, value.arguments, []
        needs = (latex and form.latex_needs) or form.needs
        for argument, needed in zip(arguments, needs, strict=True):
            text, level = self.text(argument, latex)
            chained = isinstance(argument, Value) and function is argument.function
            chained = chained and _is_associative(function, argument)
            texts.append(text if level >= needed or chained else f"({text})")
        if all(not isinstance(x, Value) or not x.ndim or x.dtype.kind == "f" for x in arguments):
            texts = [text.removesuffix(".0") for text in texts]  # it becomes a float anyway
        wanted = form.latex if latex else form.python
        if latex and function is np.multiply and _has_number(arguments):
            wanted = r"{} \, {}"
        return wanted.format(*texts), (latex and form.latex_level) or form.level

    def _formula(self, value: Value) -> tuple[str, int]:
        """A call of a function that has no form of its own, in LaTeX."""
        arguments, axis = value.arguments, value.keywords.get("axis")
        if value.function is np.sum:
            text, level = self.text(arguments[0], latex=True)
            below = SUMMED.get(axis, f"_{{{axis}}}")
            return rf"\sum{below} {text if level >= PRODUCT else f'({text})'}", PRODUCT
        inside = ", ".join(self.text(x, latex=True)[0] for x in arguments if isinstance(x, Value))
        name = getattr(value.function, "__name__", "f").replace("_", r"\_")
        name = rf"\{name}" if name in LATEX_KNOWS else rf"\operatorname{{{name}}}"
        return f"{name}({inside})", ATOM

    def _listed(self, arguments: Any, keywords: dict[str, Any]) -> str:
        options = [f"{name}={self.text(option)[0]}" for name, option in keywords.items()]
        return ", ".join([*(self.text(argument)[0] for argument in arguments), *options])

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple) and index:
            return ", ".join(map(self._index, index))
        if isinstance(index, slice):
            start, stop, step = ("" if x is None else str(x) for x in _parts(index))
            return f"{start}:{stop}" + (f":{step}" if step not in ("", "1") else "")
        return self.text(index)[0]

    def _function(self, function: Any) -> str:
        of = getattr(function, "__self__", None)
        if isinstance(of, np.ufunc):
            return f"np.{of.__name__}.{function.__name__}"
        name = full_name(function)
        if not name.startswith("np."):
            raise NotDerivableError(f"{name} is not a function of NumPy")
        return name

    def _help(self, function: Callable[..., Any]) -> None:
        """The source of a function that stands above the others, with nothing but NumPy in it."""
        tree: Any = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body[0]
        tree.returns = None
        for argument in tree.args.args:
            argument.annotation = None
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        ours = names & {*function.__globals__} - {*function.__code__.co_varnames, "np"}
        if ours or not isinstance(tree, ast.FunctionDef) or function.__closure__:
            raise NotDerivableError(f"{function.__name__} uses more than NumPy and its arguments")
        self.helpers[function.__name__] = ast.unparse(tree)


def _is_associative(function: Any, inner: Value) -> bool:
    matrices = all(value.ndim == 2 for value in (inner, *inner.used()))
    return function in (np.multiply, np.add) or (function is np.matmul and matrices)


def _signed(text: str) -> tuple[str, int]:
    """A number; a minus binds as in a sum."""
    return text, SUM if text.startswith("-") else ATOM


def _parts(index: slice) -> list[Any]:
    return [index.start, index.stop, index.step]


def _has_number(arguments: Any) -> bool:
    return any(not isinstance(x, Value) or x.shape == () for x in arguments)


def _is_usual(value: Value) -> bool:
    arrays = value.array if isinstance(value.array, tuple) else (value.array,)
    return all(array.dtype in (np.float64, np.int64, np.bool_) for array in arrays)
