"""A function and its rules: how a call on Tensors is computed and recorded.

`primitive` is the public door: NumPy's derivatives, the layers of `nn` and your own functions all
go through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .arrays import check_again, check_array_like, holds_no_array, in_dtype, kept, operand, parts_of
from .backward import check_finite
from .context import EVERYTHING, USUALLY, State, current, users_line
from .habits import option_instead, require
from .operators import moved, plain
from .table import each, explained, inferred_name, parameter_names, table, takes, together
from .tensor import Tensor, constant
from .tree import flatten, like_tuple

Rule = Callable[..., Any]
_NUMBERS = frozenset((float, int, bool))
_ABOUT_MEMORY = {"out", "overwrite_input"}
_KNOWN = _NUMBERS | {np.ndarray, list, tuple, type(None)}
_NONE: dict[str, Any] = {}
_new = object.__new__


class Primitive:
    """A function with one rule of differentiation per argument, to be called on Tensors.

    A rule takes the gradient of the output, the output and the arguments, and returns the gradient
    of its argument. `kind` states what a rule does with the entries of a gradient:

    - "elementwise": entry i of the output depends on entry i of each (broadcast) argument alone;
    - "routes": passes entries on, repeated or added up, but never multiplied by what may be inf;
    - "selects": like "routes", and leaves some of them out.

    If it `keeps`, the function returns a tuple: the output, then what else its rules need.
    """

    __slots__ = (
        "_incomplete", "_names", "_options", "_taken", "function", "keeps", "kind", "name", "rules",
    )  # fmt: skip

    def __init__(
        self, function: Callable[..., Any], rules: Any, name: str, kind: str | None = None,
        keeps: bool = False,
    ) -> None:  # fmt: skip
        self.function, self.rules, self.name, self.kind = function, rules, name, kind
        self.keeps = keeps
        self._names: list[str] | None = None
        self._incomplete = not isinstance(rules, each) and None in rules
        ufunc = isinstance(function, np.ufunc) and function.nout == 1 and function.nin
        self._taken = 1 if len(rules) == 1 else 2 if ufunc == 2 else 0

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if not keywords and len(arguments) == self._taken:
            if self._taken == 1:
                return self.of_one(*arguments)
            left, right = arguments
            return self.between(left, right, self.function)
        if keywords or len(arguments) > len(self.rules):
            arguments, keywords = self._sorted(arguments, keywords)
        return self.apply(arguments, keywords)

    def apply(self, arguments: Iterable[Any], keywords: dict[str, Any]) -> Any:
        """Call the function on the arrays inside the arguments, and record the call."""
        arrays: list[Any] = []
        parents: list[Tensor | None] = []
        constants: list[int] = []
        wanted = False
        for argument in arguments:
            if isinstance(argument, Tensor):
                argument._shared = True
                if argument._requires_grad:
                    wanted = True
                parents.append(argument)
                arrays.append(argument._array)
            else:
                if type(argument) not in _KNOWN:
                    check_array_like(argument)
                elif type(argument) in (list, tuple):
                    self._refuse_tensors(argument, "[...]")
                if type(argument) not in _NUMBERS:
                    constants.append(len(parents))
                parents.append(None)
                arrays.append(argument)
        state = current.get()
        recorded = wanted and (state is None or state.how.enabled)
        if recorded:  # before the call, whose results may hold them
            for position in constants:
                arrays[position] = kept(arrays[position])
        try:
            output = self.function(*arrays, **keywords)
        except (ValueError, TypeError, IndexError) as error:
            given = [x if p is None else p for x, p in zip(arrays, parents, strict=True)]
            if (again := moved((given, keywords))) is None:
                raise explained(error, self.name, arrays) from error
            return self.apply(*again)
        if recorded:
            if self._incomplete:
                self._check_rules(parents)
            if self.keeps or not hasattr(output, "dtype"):
                return self._unusual(output, tuple(parents), arrays, keywords, state)
            return self.record(tuple(parents), (output, *arrays), keywords, output, state)
        value = self.without_kept(output)
        alone = all(parent is None for parent in parents)
        return value if alone else self.unneeded(parents, arrays, keywords, value, state)

    def _unusual(
        self, output: Any, parents: Any, arrays: Any, keywords: dict[str, Any], state: State | None
    ) -> Any:
        """Record what is no array: what the function keeps, several outputs, a number."""
        value = self.without_kept(output)
        require(value is not None, f"{self.name} returned None: end it with a return", TypeError)
        if not hasattr(value, "dtype"):
            if isinstance(value, tuple):
                return self._several(value, parents, arrays, keywords, state)
            value = np.asarray(value)
            output = (value, *output[1:]) if self.keeps else value
        return self.record(parents, (output, *arrays), keywords, value, state)

    def of_one(self, argument: Any) -> Any:
        """`apply` to one argument without options, in less time where it is recorded."""
        state = current.get()
        recorded = isinstance(argument, Tensor) and argument._requires_grad
        if not recorded or self._incomplete or not (state is None or state.how.enabled):
            return self.apply((argument,), _NONE)
        argument._shared = True
        array = argument._array
        try:
            output = self.function(array)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, self.name, (array,)) from error
        if self.keeps or not hasattr(output, "dtype"):
            return self._unusual(output, (argument,), (array,), _NONE, state)
        return self.record((argument,), (output, array), _NONE, output, state)

    def between(self, left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
        """`apply` for an operator or ufunc of two arguments, of which one is a Tensor.

        `compute` does what the ufunc does, and may be faster on NumPy's scalars.
        """
        left_array, right_array, left_parent, right_parent = left, right, None, None
        wanted = False
        if isinstance(left, Tensor):
            left._shared = True
            wanted, left_parent, left_array = left._requires_grad, left, left._array
        elif type(left) not in _KNOWN:
            check_array_like(left)
        if isinstance(right, Tensor):
            right._shared = True
            wanted, right_parent = wanted or right._requires_grad, right
            right_array = right._array
        elif type(right) not in _KNOWN:
            check_array_like(right)
        try:
            value = compute(left_array, right_array)
        except (ValueError, TypeError) as error:
            if (again := moved((left, right), lists=True)) is None:
                raise explained(error, self.name, (left_array, right_array)) from error
            return self.between(again[0], again[1], compute)
        state = current.get()
        if not wanted or not (state is None or state.how.enabled):
            operands = (left_parent, right_parent), (left_array, right_array)
            return self.unneeded(*operands, _NONE, value, state)
        if self._incomplete:
            self._check_rules([left_parent, right_parent])
        dtype, usual = value.dtype, state is None or state.how is USUALLY
        if left_parent is None:
            if type(left) not in _NUMBERS:
                left_array = operand(left, dtype)
        elif left_array.dtype is not dtype and left_array.dtype != dtype:
            if dtype.kind == "f":  # the rules compute in one dtype, as NumPy does
                return self.between(left.astype(dtype), in_dtype(right, dtype), compute)
            usual = False
        if right_parent is None:
            if type(right) not in _NUMBERS:
                right_array = operand(right, dtype)
        elif right_array.dtype is not dtype and right_array.dtype != dtype:
            if dtype.kind == "f":
                return self.between(in_dtype(left, dtype), right.astype(dtype), compute)
            usual = False
        arrays = value, left_array, right_array
        if not usual:
            return self.record((left_parent, right_parent), arrays, _NONE, value, state)
        made = _new(Tensor)  # as record() does, without the time of a call
        made._array = value
        made._requires_grad = True
        made.operation = self
        made._parents = (left_parent, right_parent)
        made.arrays = arrays
        made._keywords = _NONE
        made._shared = True
        made.opening = state
        made._grad = made.line = made.name = None
        return made

    def record(
        self, parents: tuple[Tensor | None, ...], arrays: tuple[Any, ...],
        keywords: dict[str, Any], value: Any, state: State | None,
    ) -> Tensor:  # fmt: skip
        """The Tensor that a call made; its rules get `arrays`: what it returned, the arguments."""
        if value.dtype.kind != "f":
            raise TypeError(
                f"{self.name} returned {value.dtype} for an argument that requires a gradient, "
                "which only real floating-point values can carry; detach() the argument"
            )
        made = _new(Tensor)
        made._array = value
        made._requires_grad = True
        made.operation = self
        made._parents = parents
        made.arrays = arrays
        made._keywords = keywords
        made._shared = True
        made.opening = state
        made._grad = made.line = made.name = None
        if state is not None and state.how is not USUALLY:
            if state.how.traced:
                made.line = users_line()
            if state.how.stops:
                check_finite(value, self.name, made)
        return made

    def unneeded(
        self, parents: Any, arrays: Any, keywords: dict[str, Any], value: Any, state: State | None
    ) -> Any:
        """What a call made that no gradient flows through: a constant, with its history only if
        everything is recorded."""
        made = _as_constants(value)
        if state is not None and state.how.enabled is EVERYTHING and isinstance(made, Tensor):
            known = zip(parents, arrays, strict=True)
            output = (made._array,) if self.keeps else made._array
            made.arrays = (output, *(kept(a) if p is None else a for p, a in known))
            made.operation, made._parents, made._keywords = self, tuple(parents), keywords
            made.opening, made.line = state, users_line() if state.how.traced else None
        return made

    def output(self, made: Tensor, output: Any, arguments: Iterable[Any]) -> Any:
        """What the function returned, as a recorded rule takes it: what it keeps, computed anew."""
        if not self.keeps:
            return made.as_recorded(output)
        first, (again, *others) = output[0], self.function(*arguments, **made._keywords)
        check_again(self.name, first, plain(again))
        return (made.as_recorded(first), *others)

    def without_kept(self, output: Any) -> Any:
        """The value of a call, from what the function returned."""
        if self.keeps and not isinstance(output, tuple):
            raise TypeError(f"{self.name} keeps: expected a tuple, got {type(output).__name__}")
        return output[0] if self.keeps else output

    def _several(
        self, values: tuple[Any, ...], parents: Any, arrays: list[Any], keywords: Any, state: Any
    ) -> Any:
        """Several outputs, recorded as parts of one vector that holds them all."""
        values = like_tuple(values, [v if hasattr(v, "dtype") else np.asarray(v) for v in values])
        joined = _Joined(self.function, _on_parts(self.rules), self.name)
        vector = np.concatenate([np.ravel(value) for value in values])
        made = joined.record(parents, (values, *arrays), keywords, vector, state)
        return like_tuple(values, joined.output(made, values, ()))

    # ---- arguments and options -------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The names of the arguments and options, as the rules name them."""
        if self._names is None:
            self._names = parameter_names(self.rules, self.function)
            self._options = frozenset(self._names[len(self.rules) :]) - _ABOUT_MEMORY
        return self._names

    def _sorted(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that have a rule by position, and the options by name."""
        count, names = len(self.rules), self.names
        if isinstance(self.rules, each):  # any number of arguments: what has a name is an option
            count, names = len(arguments), [""] * len(arguments) + names
        simple = len(arguments) == count and all(map(holds_no_array, keywords.values()))
        if simple and self._options.issuperset(keywords):  # the usual case
            return arguments, keywords
        if len(arguments) > len(names):
            raise TypeError(f"{self.name} takes {len(names)} arguments, got {len(arguments)}")
        options = {**dict(zip(names[count:], arguments[count:], strict=False)), **keywords}
        unknown = options.keys() - set(names)
        if unknown:
            asked = ", ".join(f"{name}=" for name in sorted(unknown))
            meant = option_instead(min(unknown), names) or f"; use {', '.join(self.names)}"
            raise TypeError(f"{self.name}({asked}) is not supported on Tensors{meant}")
        by_name = [name for name in names[len(arguments) : count] if name in options]
        ordered = (*arguments[:count], *map(options.pop, by_name))
        if options.pop("out", None) is not None:
            raise TypeError(f"{self.name}(out=) would overwrite an array and lose the gradient")
        options.pop("overwrite_input", None)  # allows NumPy to destroy the argument: never wanted
        for name, option in options.items():
            if not holds_no_array(option):
                self._refuse_tensors(option, f"{name}=")
                options[name] = kept(plain(option))
        return ordered, options

    def _refuse_tensors(self, value: Any, what: str) -> None:
        """Refuse Tensors where they would be read as constants."""
        for leaf in flatten(value)[0]:
            if isinstance(leaf, Tensor):
                leaf._refuse_to_drop(f"{self.name}({what})", "it has no rule; detach() it")

    def _check_rules(self, parents: list[Any]) -> None:
        for position, parent in enumerate(parents):
            if parent is not None and parent._requires_grad and self.rules[position] is None:
                raise TypeError(
                    f"{self.name} has no derivative with respect to argument {position}, and "
                    f"{parent.title} requires a gradient there; detach() it"
                )


class _Joined(Primitive):
    """A function of several outputs: a tuple for its rules, one vector for the graph."""

    __slots__ = ()

    def output(self, made: Tensor, output: Any, arguments: Iterable[Any]) -> Any:
        """The parts in the dtypes of the values; one without real numbers stays as it is."""
        pairs = zip(output, parts_of(made, output), strict=True)
        return tuple(in_dtype(p, v.dtype) if v.dtype.kind == "f" else v for v, p in pairs)


def _as_constants(value: Any) -> Any:
    """A value, or a tuple of several, without history."""
    if isinstance(value, tuple):
        return like_tuple(value, list(map(constant, value)))
    return constant(value)


def _on_parts(rules: Any) -> Any:
    """Rules for a tuple of gradients, made to take them as one vector."""
    if isinstance(rules, together):
        return together(*_on_parts([rules.walk]), *rules.ends)
    on = lambda rule: lambda g, y, *given, **how: rule(parts_of(g, y), y, *given, **how)  # noqa: E731
    return [rule and on(rule) for rule in rules]


def derivative(
    function: Any, *rules: Rule | None, kind: str | None = None, forward: Rule | None = None
) -> Any:
    """Enter one of NumPy's functions in the table, with its rules; a decorator of an only rule."""
    if not rules:
        return lambda rule: derivative(function, rule, kind=kind, forward=forward)
    table[function] = Primitive(forward or function, rules, function.__name__, kind)
    return rules[0]


def primitive(
    function: Callable[..., Any],
    *rules: Rule | None,
    name: str | None = None,
    kind: str | None = None,
    keeps: bool = False,
) -> Primitive:
    """Make a differentiable function from your own function and its rules.

    A rule is called with the gradient g of the output, the output y and the arguments, and returns
    the gradient of its argument. Written with operators and NumPy's functions, it can be
    differentiated again; it must not change its arguments. The engine sums its result over
    broadcast axes. For a function that returns a tuple, g and y are tuples.

    Arguments:
        function: computes the output from arrays; arguments beyond the rules are options.
        rules: one for each argument; None where there is no derivative, and a rule that returns 0
            where it is zero.
        name: for pictures and messages; by default that of the function or of its variable.
        kind: "elementwise" for a function of single entries: `np.where` then guards its branches.
        keeps: the function returns a tuple: the output, then arrays that rules would else compute
            again; they get it as y. To record them it is called on Tensors: write no `out=`.

    >>> softplus = primitive(lambda x: np.logaddexp(0, x), lambda g, y, x: g / (1 + np.exp(-x)))
    >>> x = Tensor([0.0, 2.0], requires_grad=True)
    >>> np.sum(softplus(x)).backward()
    >>> x.grad.round(3)
    array([0.5  , 0.881])
    """
    if not callable(function):
        raise TypeError(f"primitive() expected a function, got {type(function).__name__}")
    if not rules:
        raise TypeError("primitive() expected a rule (or None) for each argument, got none")
    form = "a rule takes the gradient of the output, the output and the arguments"
    for position, rule in enumerate(rules):
        if rule is not None and not callable(rule):
            raise TypeError(f"a rule must be a function or None, got {type(rule).__name__}")
        fits = rule is None or takes(rule, len(rules) + 2)
        require(fits, f"{form}, {len(rules) + 2} in all: rule {position} does not", TypeError)
    return Primitive(function, rules, name or inferred_name(function, depth=2), kind, keeps)
