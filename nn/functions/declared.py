"""How a function is declared as an operation with a rule, and as a module with options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from microgradnd import primitive
from microgradnd.habits import explain_options

from ..init import numbers
from ..module import Module

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Rule)
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _written(path: str, arguments: Iterable[inspect.Parameter], body: str, **names: Any) -> Any:
    """A function from its source: as fast as if it were written by hand."""
    name, taken = path.rpartition(".")[2], list[str]()
    for p in arguments:
        taken += ["*"] * (p.kind is p.KEYWORD_ONLY and "*" not in taken)
        taken.append(p.name if p.default is p.empty else f"{p.name}={p.default!r}")
    names["__name__"] = __name__
    exec(compile(f"def {name}({', '.join(taken)}): {body}", __file__, "exec"), names)
    names[name].__qualname__ = path
    return names[name]


class FunctionModule(Module):
    """The module of a function: `forward` calls it with the options that the module has.

    The options are those of the function, or the annotated names in a subclass where it has some.
    As in a dataclass, which would take ten times as long to make, they become the arguments of the
    constructor and attributes. `training` is passed on to a function that has this argument. The
    class's docstring is continued by the function's.

    Arguments of a subclass:
        of: the function. Its inputs, those of `forward`, are its first argument and others that are
            an `ArrayLike`; its options are all others with a name. Those of them that may be an
            `ArrayLike` are buffers, which belong to the module's state.

    >>> def power(input, exponent=2.0):
    ...     return input**exponent
    >>> class Power(FunctionModule, of=power): ...
    >>> Power(), Power(exponent=3.0)(2.0)
    (Power(exponent=2.0), 8.0)
    """

    _options: Mapping[str, inspect.Parameter] = {}
    _shows_options = True  # in the repr

    def __init__(self, *options: Any, **named_options: Any) -> None: ...

    def __init_subclass__(cls, of: Rule | None = None) -> None:
        super().__init_subclass__()
        if of is None and cls.forward is not Module.forward:
            return  # a user's subclass, whose annotations are no options
        taken = dict(inspect.signature(of).parameters) if of else {}
        own = dict[str, inspect.Parameter]()
        for name, kind in inspect.get_annotations(cls).items():
            default = vars(cls).get(name, _SELF.empty)
            own[name] = _SELF.replace(name=name, default=default, annotation=kind)
        if not (own or cls._options):
            inputs = {name for name, p in taken.items() if p.annotation == "ArrayLike"}
            own = {name: taken[name] for name in [*taken][1:] if name not in {*inputs, "training"}}
        cls._options = options = {**cls._options, **own}
        cls._option_names = tuple(n for n in options if n != "inplace" and cls._shows_options)
        buffers = (name for name, p in options.items() if "ArrayLike" in str(p.annotation))
        cls._buffers = {**cls._buffers, **dict.fromkeys(buffers, True)}
        body = [f"self.{name} = {name}" for name in options] or ["pass"]
        body += ["self.__post_init__()"] * hasattr(cls, "__post_init__")
        made = _written(f"{cls.__name__}.__init__", [_SELF, *options.values()], "; ".join(body))
        made.__annotations__ = {name: p.annotation for name, p in options.items()} | {
            "return": None
        }
        cls.__init__ = explain_options(made)  # type: ignore[method-assign]
        if of:
            title = inspect.cleandoc(cls.__doc__ or f"The module of `{of.__name__}`.")
            cls.__doc__ = f"{title}\n\n{inspect.getdoc(of)}"
            held = {*options, "training"} & taken.keys()
            passed = (f"{name}={'self.' * (name in held)}{name}" for name in taken)
            given = [p for name, p in taken.items() if name not in held]
            call = f"return of({', '.join(passed)})"
            cls.forward = _written(f"{cls.__name__}.forward", [_SELF, *given], call, of=of)


operations: dict[Any, Any] = {}  # what is recorded of each function that has one rule


def differentiable(
    rule: Rule, kind: str | None = "elementwise", keeps: bool = False
) -> Callable[[Function], Function]:
    """Declares what a function of one array computes as an operation with this rule.

    The rule takes the options by name. Numbers, lists and integers become arrays of floats. A
    function that `keeps` returns also what its rule needs.
    """

    def declare(function: Function) -> Function:
        name, (array, *options) = function.__name__, inspect.signature(function).parameters.values()
        operation = primitive(function, rule, name=name, kind=kind, keeps=keeps)
        passed = "".join(f", {p.name}={p.name}" for p in options if p.name != "inplace")
        call = f"return operation(numbers({array.name}){passed})"
        made = _written(name, [array, *options], call, operation=operation, numbers=numbers)
        made = functools.wraps(function)(made)
        if kind != "elementwise":  # it has an axis, which is `dim` here
            made = explain_options(made)
        operations[made] = operation
        return cast(Function, made)

    return declare
