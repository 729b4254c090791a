"""How a function is declared as an operation with a rule, and as a module with options."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar, cast

from microgradnd import primitive
from microgradnd.habits import explain_options

from ..init import Parameter, numbers
from ..module import Module

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Rule)
_LEARNED = "Parameter", Parameter  # an annotation may be a string
_SELF = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _first_call(*given: Any, **options: Any) -> Any:
    return _compiled(given, options)  # type: ignore[name-defined] # noqa: F821


def _compiled_later(path: str, signature: inspect.Signature, body: str, **names: Any) -> Any:
    """A function from its source, as fast as if it were written by hand. It is compiled when it is
    first called, since to compile all of them takes a sixth of the time of `import nn`."""
    name, arguments = path.rpartition(".")[2], signature.parameters.values()

    def compiled(given: Any, options: Any) -> Any:
        taken = list[str]()
        for p in arguments:
            taken += ["*"] * (p.kind is p.KEYWORD_ONLY and "*" not in taken)
            taken.append(p.name)
        exec(compile(f"def {name}({', '.join(taken)}): {body}", __file__, "exec"), names)
        made.__code__ = names[name].__code__
        return made(*given, **options)

    names |= {"__name__": __name__, "_compiled": compiled}
    made: Any = FunctionType(_first_call.__code__, names, name)
    given = [p for p in arguments if p.default is not p.empty]
    made.__kwdefaults__ = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
    made.__defaults__ = tuple(p.default for p in given if p.kind is not p.KEYWORD_ONLY)
    made.__qualname__ = path
    made.__signature__ = signature
    return made


class FunctionModule(Module):
    """The module of a function: `forward` calls it with the options that the module has.

    The options are those of the function, or the annotated names in a subclass where it has some.
    As in a dataclass, which would take ten times as long to make, they become the arguments of the
    constructor and attributes. What is annotated as a `Parameter` is an attribute that
    `__post_init__` makes. `training` is passed on to a function that has this argument. The class's
    docstring is continued by the function's, unless it has an example of its own.

    Arguments of a subclass:
        of: the function. Its inputs, those of `forward`, are its first argument and others that are
            an `ArrayLike`; its options are all others with a name. Those of them that may be an
            `ArrayLike` are buffers, which belong to the module's state. What comes before as `axes`
            is an attribute of the class.
        inputs: names of further inputs; if given, the options are the annotated names and, behind
            them, the function's others.

    >>> def power(input, exponent=2.0):
    ...     return input**exponent
    >>> class Power(FunctionModule, of=power): ...
    >>> Power(), Power(exponent=3.0)(2.0)
    (Power(exponent=2.0), 8.0)
    """

    _options: Mapping[str, inspect.Parameter] = {}
    _learned: frozenset[str] = frozenset()
    _shows_options = True  # in the repr

    def __init__(self, *options: Any, **named_options: Any) -> None: ...

    def __init_subclass__(cls, of: Rule | None = None, inputs: str | None = None) -> None:
        super().__init_subclass__()
        if of is None and cls.forward is not Module.forward:
            return  # a user's subclass, whose annotations are no options
        taken = dict(inspect.signature(of).parameters) if of else {}
        axes = [taken.pop(first) for first in [*taken][:1] if first == "axes"]  # of the class
        cls._switches = "training" in taken
        annotated, own = inspect.get_annotations(cls), dict[str, inspect.Parameter]()
        cls._learned |= {name for name, kind in annotated.items() if kind in _LEARNED}
        for name in (name for name in annotated if name not in cls._learned):
            default = vars(cls).get(name, _SELF.empty)
            own[name] = _SELF.replace(name=name, default=default, annotation=annotated[name])
        if inputs is not None or not (own or cls._options):
            others = {name for name, p in taken.items() if p.annotation == "ArrayLike"}
            others |= {*cls._learned, *(inputs or "").split(), "training"}
            own |= {name: taken[name] for name in [*taken][1:] if name not in others}
        cls._options = options = {**cls._options, **own}
        cls._option_names = tuple(n for n in options if n != "inplace" and cls._shows_options)
        buffers = (name for name, p in options.items() if "ArrayLike" in str(p.annotation))
        cls._buffers = {**cls._buffers, **dict.fromkeys(buffers, True)}
        body = [f"self.{name} = {name}" for name in options] or ["pass"]
        body += ["self.__post_init__()"] * hasattr(cls, "__post_init__")
        signature = inspect.Signature([_SELF, *options.values()], return_annotation=None)
        kinds = set(re.findall(r"\w+", " ".join(str(p.annotation) for p in options.values())))
        spaces = getattr(of, "__globals__", {}), vars(sys.modules[cls.__module__])
        named = {kind: space[kind] for space in spaces for kind in kinds & space.keys()}
        made = _compiled_later(f"{cls.__name__}.__init__", signature, "; ".join(body), **named)
        annotations = {p.name: p.annotation for p in options.values()}
        made.__annotations__ = annotations | {"return": None}
        cls.__init__ = explain_options(made)  # type: ignore[method-assign]
        if of:
            title = inspect.cleandoc(cls.__doc__ or f"The module of `{of.__name__}`.")
            cls.__doc__ = title if ">>>" in title else f"{title}\n\n{inspect.getdoc(of)}"
            held = {*options, *cls._learned, "training"} & taken.keys()
            passed = (
                f"{name}=" * (p.kind is p.KEYWORD_ONLY) + "self." * (name in held) + name
                for name, p in taken.items()
            )
            given = [p for name, p in taken.items() if name not in held]
            call, names = f"return of({'self.axes, ' * len(axes)}{', '.join(passed)})", {"of": of}
            if of in operations and taken.keys() <= {given[0].name, "inplace"}:  # a call less
                call, names = _operating(operations[of], given[0].name)
            signature = inspect.Signature([_SELF, *given])
            cls.forward = _compiled_later(f"{cls.__name__}.forward", signature, call, **names)


operations: dict[Any, Any] = {}  # what is recorded of each function that has one rule


def _operating(operation: Any, array: str, passed: str = "") -> tuple[str, dict[str, Any]]:
    """The body of a function that calls the operation on numbers, and the names in it."""
    operate = operation if passed else operation.of_one
    return f"return operate(numbers({array}){passed})", {"operate": operate, "numbers": numbers}


def differentiable(
    rule: Rule, kind: str | None = "elementwise", keeps: bool = False
) -> Callable[[Function], Function]:
    """Declares what a function of one array computes as an operation with this rule.

    The rule takes the options by name. Numbers, lists and integers become arrays of floats. A
    function that `keeps` returns also what its rule needs.
    """

    def declare(function: Function) -> Function:
        name, signature = function.__name__, inspect.signature(function)
        array, *options = signature.parameters.values()
        operation = primitive(function, rule, name=name, kind=kind, keeps=keeps)
        passed = "".join(f", {p.name}={p.name}" for p in options if p.name != "inplace")
        call, names = _operating(operation, array.name, passed)
        made = functools.wraps(function)(_compiled_later(name, signature, call, **names))
        if kind != "elementwise":  # it has an axis, which is `dim` here
            made = explain_options(made)
        operations[made] = operation
        return cast(Function, made)

    return declare
