"""The table of what has a derivative: each of NumPy's functions, and what is called in its place.

An entry is a `Primitive` (a function with one rule per argument) or a plain Python function
composed of others. `derivatives` fills the table; a ufunc's methods have keys like
(np.add, "reduce").
"""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

table: dict[Any, Any] = {}
refused: dict[Any, str] = {}  # why a function of NumPy's has no entry
when_imported: dict[str, Callable[[], object]] = {}  # enters the functions of another library


class each:
    """One rule for any number of arguments, called with the position of the argument first."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, position: int) -> Callable[..., Any]:
        return functools.partial(self.rule, position)


class together(tuple[Callable[..., Any], ...]):
    """Rules for all arguments that share a walk, which a backward pass takes once.

    `walk` takes what a rule takes; for each argument a function makes the gradient from its result.
    """

    walk: Callable[..., Any]
    ends: tuple[Callable[[Any], Any], ...]

    def __new__(cls, walk: Callable[..., Any], *ends: Callable[[Any], Any]) -> together:
        def alone(end: Callable[[Any], Any]) -> Callable[..., Any]:
            return lambda *given, **options: end(walk(*given, **options))

        made = super().__new__(cls, map(alone, ends))
        made.walk, made.ends = walk, ends
        return made

    def at_a_visit(self) -> list[Callable[..., Any]]:
        """The rules for one visit of a node."""
        found: list[Any] = []

        def visited(end: Callable[[Any], Any], *given: Any, **options: Any) -> Any:
            if not found:
                found.append(self.walk(*given, **options))
            return end(found[0])

        return [functools.partial(visited, end) for end in self.ends]


def zero(g: Any, y: Any, *arguments: Any, **options: Any) -> Any:
    """The rule for an argument on which y does not depend, wherever it has a derivative."""
    return np.zeros_like(y)


def composed(*keys: Any) -> Callable[[Function], Function]:
    """Enter a function whose derivatives come from the functions it calls."""

    def enter(function: Function) -> Function:
        for key in keys:
            table[key] = _without_out(key, function)
        return function

    return enter


def refuse(reason: str, *functions: Any) -> None:
    """State why these functions have no derivative, for the error and the page of what there is."""
    refused.update(dict.fromkeys(functions, reason))


def replacement(key: Any, keywords: dict[str, Any]) -> Callable[..., Any]:
    """What to call in place of NumPy's function on Tensors, or an error that names it."""
    if keywords.get("out") is not None:
        raise _overwriting(key)
    entry: Callable[..., Any] | None = table.get(key)
    return _late_or_refused(key) if entry is None else entry


def _late_or_refused(key: Any) -> Callable[..., Any]:
    for library in when_imported.keys() & sys.modules.keys():
        when_imported.pop(library)()
    if key in table:
        return table[key]  # type: ignore[no-any-return]
    name = full_name(key)
    if isinstance(key, tuple) and key[1] == "at":
        raise TypeError(
            f"{name} changes its argument in place; use t.at[index].add(values) or "
            ".set(values), which return a new Tensor"
        )
    if key in refused:
        raise TypeError(f"{name} {refused[key]}")
    raise TypeError(
        f"{name} has no derivative here; write it as microgradnd.primitive("
        "function, rule, ...), or leave the graph with t.numpy()"
    )


def explained(error: Exception, name: str, arguments: Iterable[Any]) -> Any:
    """An error of the same kind that names the function and the shapes of its arguments."""
    message = str(error).removeprefix(f"{name}: ").removeprefix(f"{name.rpartition('.')[2]}: ")
    if " (shapes: " in message:  # named already, further inside
        return error
    kinds = (np.exceptions.AxisError, np.linalg.LinAlgError, IndexError, TypeError, ValueError)
    kind: Any = next((kind for kind in kinds if isinstance(error, kind)), ValueError)
    shapes = ", ".join(str(x.shape) for x in arguments if hasattr(x, "shape"))
    return kind(f"{name}: {message}" + f" (shapes: {shapes})" * bool(shapes))


def _without_out(key: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, refusing an `out` that is given by position."""
    code: Any = function.__code__  # in a tenth of the time of inspect.signature
    positional = code.co_varnames[: code.co_argcount]
    if "out" not in positional:
        return function
    place = positional.index("out")

    @functools.wraps(function)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        if len(arguments) > place and arguments[place] is not None:
            raise _overwriting(key)
        return function(*arguments, **keywords)

    return checked


def _overwriting(key: Any) -> TypeError:
    return TypeError(
        f"{full_name(key)}(..., out=) would overwrite an array and lose the gradient; "
        "use the value it returns (for example `a = a + t` instead of `a += t`)"
    )


def full_name(key: Any) -> str:
    """NumPy's name for a key of the table."""
    if isinstance(key, tuple):
        return f"{full_name(key[0])}.{key[1]}"
    if isinstance(key, np.ufunc):  # it knows no module
        public = getattr(np, key.__name__, None) is key
        return f"np.{key.__name__}" if public else f"the ufunc {key.__name__}"
    return f"{key.__module__.replace('numpy', 'np', 1)}.{key.__name__}"


# ---- names read from a function ------------------------------------------------------------------


def parameter_names(rules: Any, function: Callable[..., Any]) -> list[str]:
    """The parameters of the rule, or of the function itself, that names most."""
    rules = [rules[0]] if isinstance(rules, each) else rules
    spelled = [_named(rule)[2:] for rule in rules if rule is not None]
    return max([*spelled, *([] if isinstance(function, np.ufunc) else [_named(function)])], key=len)


def _named(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments by position."""
    try:
        inspect.signature(function).bind_partial(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function of C's has no signature
        pass
    return True


def inferred_name(function: Callable[..., Any], depth: int) -> str:
    """The function's own name; for a lambda, that of the variable that the caller, so
    many calls away, assigns it to."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return name
    caller = sys._getframe(depth)
    line = linecache.getline(caller.f_code.co_filename, caller.f_lineno, caller.f_globals)
    assigned = re.match(r"\s*([^\W\d]\w*)\s*(:[^=]*)?=[^=]", line)
    return assigned[1] if assigned else "primitive"
