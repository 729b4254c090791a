"""How a function is declared as an operation with a rule, and as a module with options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from microgradnd import primitive

from ..init import numbers
from ..module import Module

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Rule)


def _written(name: str, arguments: Iterable[str], body: str, **names: Any) -> Any:
    """A function from its source: as fast as if it were written by hand."""
    source = f"def {name}({', '.join(arguments)}): {body}"
    names["__name__"] = __name__
    exec(compile(source, __file__, "exec"), names)
    return names[name]


class FunctionModule(Module):
    """The module of a function: `forward` calls it with the options that the module has.

    The options are those of the function, or the annotated names in a subclass where it has some.
    As in a dataclass, which would take ten times as long to make, they become the arguments of the
    constructor and attributes. `training` is passed on to a function that has this argument. The
    class's docstring is continued by the function's.

    Arguments of a subclass:
        of: the function, which takes the inputs of `forward`, then the options by name.
        inputs: number of inputs; what follows in the function are options, if none are annotated.
        buffers: the options that are arrays and belong to the module's state.

    >>> def power(input, exponent=2.0):
    ...     return input**exponent
    >>> class Power(FunctionModule, of=power): ...
    >>> Power(), Power(exponent=3.0)(2.0)
    (Power(exponent=2.0), 8.0)
    """

    _options: Mapping[str, str] = {}  # their types

    def __init__(self, *options: Any, **named_options: Any) -> None: ...

    def __init_subclass__(
        cls, of: Rule | None = None, inputs: int = 1, buffers: tuple[str, ...] = ()
    ) -> None:
        super().__init_subclass__()
        if of is None and cls.forward is not Module.forward:
            return  # a user's subclass, whose annotations are no options
        taken = inspect.signature(of).parameters if of else {}
        options = dict[str, str]()
        for base in reversed(cls.__mro__[1:]):
            options |= vars(base).get("_options", {})
        kinds = inspect.get_annotations(cls)
        for name in list(taken)[inputs:] if not (kinds or options) else ():
            if name != "training":
                kinds[name] = taken[name].annotation
                if taken[name].default is not inspect.Parameter.empty:
                    setattr(cls, name, taken[name].default)
        options |= kinds
        by_name = [p.name for p in taken.values() if p.kind is p.KEYWORD_ONLY]
        cls._options, cls.__init__ = options, _constructor(cls, options, by_name)  # type: ignore
        cls._option_names = tuple(name for name in options if name != "inplace")
        cls._buffers = {**cls._buffers, **dict.fromkeys(buffers, True)}
        if of:
            title = inspect.cleandoc(cls.__doc__ or f"The module of `{of.__name__}`.")
            cls.__doc__ = f"{title}\n\n{inspect.getdoc(of)}"
            own = [name for name in taken if name in (*cls._option_names, "training")]
            given = [p for p in taken.values() if p.name not in (*options, "inplace", "training")]
            named = (f"{p.name}=" * (p.kind is not p.POSITIONAL_ONLY) + p.name for p in given)
            passed = [*named, *(f"{name}=self.{name}" for name in own)]
            arguments = [str(p.replace(annotation=p.empty)) for p in given]
            call = f"return of({', '.join(passed)})"
            cls.forward = _written("forward", ["self", *arguments], call, of=of)


def _constructor(cls: type, options: dict[str, str], by_name: list[str]) -> Any:
    """The options become attributes; from the first of those `by_name` on, they have names."""
    usual = {f"usual_{name}": getattr(cls, name) for name in options if hasattr(cls, name)}
    taken = [f"{name}=usual_{name}" if hasattr(cls, name) else name for name in options]
    place = next((k for k, name in enumerate(options) if name in by_name), len(taken))
    taken[place:place] = ["*"] * (place < len(taken))
    body = [f"self.{name} = {name}" for name in options] or ["pass"]
    body += ["self.__post_init__()"] * hasattr(cls, "__post_init__")
    made = _written("__init__", ["self", *taken], "; ".join(body), **usual)
    made.__annotations__ = {**options, "return": None}
    return made


operations: dict[Any, Any] = {}  # what is recorded of each function that has one rule


def differentiable(
    rule: Rule, kind: str | None = "elementwise", keeps: bool = False
) -> Callable[[Function], Function]:
    """Declares what a function of one array computes as an operation with this rule.

    The rule takes the options by name. Numbers, lists and integers become arrays of floats. A
    function that `keeps` returns also what its rule needs.
    """

    def declare(function: Function) -> Function:
        name, arguments = function.__name__, list(inspect.signature(function).parameters)
        operation = primitive(function, rule, name=name, kind=kind, keeps=keeps)
        options = "".join(f", {option}={option}" for option in arguments[1:] if option != "inplace")
        call, names = f"return operation(numbers(input){options})", {"numbers": numbers}
        made = _written(name, arguments, call, operation=operation, **names)
        made.__defaults__, operations[made] = function.__defaults__, operation
        return cast(Function, functools.wraps(function)(made))

    return declare
