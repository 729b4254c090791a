"""A function and its rules: how a call on Tensors is carried out and recorded.

`primitive` is the public door. NumPy's derivatives, the layers of `nn` and functions of one's own
all go through it.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .arrays import kept, operand
from .backward import check_finite
from .context import State, current, users_line
from .operators import plain
from .table import explained, table
from .tensor import Tensor, constant

Rule = Callable[..., Any]
_NUMBERS = frozenset((float, int, bool))
_NONE: dict[str, Any] = {}
_new = object.__new__


class Primitive:
    """A function with one rule of differentiation per argument, to be called on Tensors.

    A rule gets the gradient of the output, the output and the arguments, and gives the gradient of
    its argument. `kind` says what a rule does with the single entries of a gradient:

    - "elementwise": entry i of the output depends on entry i of each (broadcast) argument alone;
    - "routes": hands entries on, repeated or added up, but multiplied by nothing that may be inf;
    - "selects": does so too, and leaves some of them out.
    """

    __slots__ = ("_incomplete", "_names", "function", "kind", "name", "rules")

    def __init__(
        self, function: Callable[..., Any], rules: Any, name: str, kind: str | None = None
    ) -> None:
        self.function, self.rules, self.name, self.kind = function, rules, name, kind
        self._names: list[str] | None = None
        self._incomplete = not isinstance(rules, each) and None in rules

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if keywords or len(arguments) > len(self.rules):
            arguments, keywords = self._sorted(arguments, keywords)
        return self.apply(arguments, keywords)

    def apply(self, arguments: Iterable[Any], keywords: dict[str, Any]) -> Any:
        """Call the function on the arrays inside the arguments, and record the call."""
        arrays: list[Any] = []
        parents: list[Tensor | None] = []
        wanted = constants = False
        for argument in arguments:
            if isinstance(argument, Tensor):
                argument._shared = True
                if argument._requires_grad:
                    wanted = True
                parents.append(argument)
                arrays.append(argument._data)
            else:
                constants = constants or type(argument) not in _NUMBERS
                parents.append(None)
                arrays.append(argument)
        try:
            value = self.function(*arrays, **keywords)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, self.name, arrays) from error
        state = current.get()
        if not wanted or not (state is None or state.enabled):
            return value if all(parent is None for parent in parents) else _constants(value)
        if self._incomplete:
            self._check_rules(parents)
        if constants:
            keep = operand if isinstance(self.function, np.ufunc) else kept
            arrays = [
                keep(array) if parent is None else array
                for array, parent in zip(arrays, parents, strict=True)
            ]
        if not hasattr(value, "dtype"):
            if isinstance(value, tuple):
                return self._several(value, tuple(parents), arrays, keywords, state)
            value = np.asarray(value)
        return self.record(tuple(parents), (value, *arrays), keywords, value, state)

    def between(self, left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
        """What `apply` does, along a shorter way, for an operator: one of the two is a Tensor.

        `compute` does what the function does, and does it faster on NumPy's scalars.
        """
        left_array, right_array, left_parent, right_parent = left, right, None, None
        wanted = False
        if isinstance(left, Tensor):
            left._shared = True
            wanted, left_parent, left_array = left._requires_grad, left, left._data
        if isinstance(right, Tensor):
            right._shared = True
            wanted, right_parent = wanted or right._requires_grad, right
            right_array = right._data
        try:
            value = compute(left_array, right_array)
        except (ValueError, TypeError) as error:
            raise explained(error, self.name, (left_array, right_array)) from error
        state = current.get()
        if not wanted or not (state is None or state.enabled):
            return constant(value)
        if left_parent is None and type(left) not in _NUMBERS:
            left_array = operand(left)
        if right_parent is None and type(right) not in _NUMBERS:
            right_array = operand(right)
        arrays = value, left_array, right_array
        return self.record((left_parent, right_parent), arrays, _NONE, value, state)

    def record(
        self,
        parents: tuple[Tensor | None, ...],
        arrays: tuple[Any, ...],
        keywords: dict[str, Any],
        value: Any,
        state: State | None,
    ) -> Tensor:
        """The Tensor a call made. `arrays` is what the rules get: the output and the arguments."""
        if value.dtype.kind != "f":
            raise TypeError(
                f"{self.name} made {value.dtype} of an argument that requires a gradient, which "
                "only real floating-point values can carry: detach() the argument"
            )
        made = _new(Tensor)
        made._data = value
        made._requires_grad = True
        made.operation = self
        made._parents = parents
        made.arrays = arrays
        made._keywords = keywords
        if state is not None:
            made._scope = state.scope
            if state.traced:
                made.line = users_line()
            if state.stops:
                check_finite(value, self.name, made)
        return made

    def output(self, made: Tensor, value: Any) -> Any:
        """The output as a recorded rule gets it."""
        return made.as_recorded(value)

    def _several(
        self, values: tuple[Any, ...], parents: Any, arrays: list[Any], keywords: Any, state: Any
    ) -> Any:
        """Several outputs, recorded as parts of one vector that holds them all."""
        values = _like(values, [v if hasattr(v, "dtype") else np.asarray(v) for v in values])
        joined = _Joined(self.function, [_on_parts(rule) for rule in self.rules], self.name)
        vector = np.concatenate([np.ravel(value) for value in values])
        made = joined.record(parents, (values, *arrays), keywords, vector, state)
        return _like(values, joined.output(made, values))

    # ---- what was asked for ----------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The names of the arguments and options, as the rules spell them."""
        if self._names is None:
            self._names = _parameter_names(self.rules, self.function)
        return self._names

    def _sorted(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that have a rule by position, and the options by name."""
        count, names = len(self.rules), self.names
        if len(arguments) > len(names):
            raise TypeError(f"{self.name} takes {len(names)} arguments, {len(arguments)} given")
        options = {**dict(zip(names[count:], arguments[count:], strict=False)), **keywords}
        unknown = options.keys() - set(names)
        if unknown:
            asked = ", ".join(f"{name}=" for name in sorted(unknown))
            raise TypeError(
                f"{self.name}({asked}) is not supported on Tensors; it takes {', '.join(names)}"
            )
        by_name = [name for name in names[len(arguments) : count] if name in options]
        ordered = (*arguments[:count], *map(options.pop, by_name))
        if options.pop("out", None) is not None:
            raise TypeError(f"{self.name}(out=) would overwrite an array and lose the gradient")
        for name, option in options.items():
            if isinstance(option, Tensor) and option._requires_grad:
                option._refuse_to_drop(f"{self.name}({name}=)", "it has no derivative; detach() it")
        return ordered, {name: kept(plain(option)) for name, option in options.items()}

    def _check_rules(self, parents: list[Any]) -> None:
        for position, parent in enumerate(parents):
            if parent is not None and parent._requires_grad and self.rules[position] is None:
                raise TypeError(
                    f"{self.name} has no derivative by argument {position}, for which "
                    f"{parent.title} requires a gradient: detach() it"
                )


class each:
    """One rule for any number of arguments: it is told first for which of them it is asked."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, position: int) -> Rule:
        return functools.partial(self.rule, position)


class _Joined(Primitive):
    """A function of several outputs, which its rules see as a tuple and the graph as one vector."""

    __slots__ = ()

    def output(self, made: Tensor, value: Any) -> Any:
        """The parts in the types of the values; one that holds no real numbers stays as it is."""
        return tuple(
            each
            if each.dtype.kind != "f"
            else part
            if part.dtype == each.dtype
            else part.astype(each.dtype)
            for each, part in zip(value, _parts(made, value), strict=True)
        )


def _like(values: tuple[Any, ...], parts: Iterable[Any]) -> Any:
    """The parts as the kind of tuple that the values came in; NumPy likes to give named ones."""
    return getattr(type(values), "_make", tuple)(parts)


def _constants(value: Any) -> Any:
    """A value, or a tuple of several, without history."""
    return _like(value, list(map(constant, value))) if isinstance(value, tuple) else constant(value)


def _parts(vector: Any, like: tuple[Any, ...]) -> list[Any]:
    """The parts of a vector that holds arrays of these shapes one after the other."""
    ends = np.cumsum([value.size for value in like]).tolist()
    return [
        vector[end - value.size : end].reshape(value.shape)
        for value, end in zip(like, ends, strict=True)
    ]


def _on_parts(rule: Rule | None) -> Rule | None:
    """A rule that wants a tuple of gradients, made to take them as one vector."""
    if rule is None:
        return None
    return lambda g, y, *arguments, **options: rule(_parts(g, y), y, *arguments, **options)


def _parameter_names(rules: Any, function: Callable[..., Any]) -> list[str]:
    """The parameters of the rule that spells out most, or else of the function itself."""
    spelled = [_named(rule)[2:] for rule in rules if rule is not None]
    return max([*spelled, *([] if isinstance(function, np.ufunc) else [_named(function)])], key=len)


def _named(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def derivative(
    function: Callable[..., Any],
    *rules: Rule | None,
    kind: str | None = None,
    forward: Callable[..., Any] | None = None,
) -> None:
    """Enter one of NumPy's functions in the table, with its rules."""
    table[function] = Primitive(forward or function, rules, function.__name__, kind)


def primitive(
    function: Callable[..., Any],
    *rules: Rule | None,
    name: str | None = None,
    kind: str | None = None,
) -> Primitive:
    """A function of one's own, with one rule of differentiation per argument.

    A rule is called with the gradient g of the output, the output y and the arguments, and gives
    the gradient of its argument; write it with operators and NumPy's functions, and it can be
    differentiated again; it leaves what it is handed as it is, since others are handed the same.
    The engine sums its result over broadcast axes. Give None for an argument that
    cannot be differentiated, and a rule that gives 0 where the derivative is zero. Arguments after
    those are options. A function of several outputs returns a tuple, and g and y are tuples too.
    The name, for pictures and messages, is that of the function or of the variable it is put in.
    Say kind="elementwise" of a function of single entries: `np.where` then guards its branches.

    >>> import numpy as np
    >>> from microgradnd import Tensor, primitive
    >>> softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    >>> x = Tensor([0.0, 2.0], requires_grad=True)
    >>> np.sum(softplus(x)).backward()
    >>> x.grad.round(3)
    array([0.5  , 0.881])
    """
    if not callable(function):
        raise TypeError(f"primitive() takes a function, not {type(function).__name__}")
    if not rules:
        raise TypeError("primitive() needs a rule for each argument of the function, or None")
    for rule in rules:
        if rule is not None and not callable(rule):
            raise TypeError(f"a rule is a function or None, not {type(rule).__name__}: {rule!r}")
    return Primitive(function, rules, name or _inferred_name(function), kind)


def _inferred_name(function: Callable[..., Any]) -> str:
    """The function's own name; for a lambda the name it is being assigned to."""
    name = getattr(function, "__name__", type(function).__name__)
    if name != "<lambda>":
        return name
    caller = sys._getframe(2)
    line = linecache.getline(caller.f_code.co_filename, caller.f_lineno, caller.f_globals)
    assigned = re.match(r"\s*([^\W\d]\w*)\s*(:[^=]*)?=[^=]", line)
    return assigned[1] if assigned else "primitive"
