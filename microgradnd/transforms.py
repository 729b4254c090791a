"""From functions to their derivatives: grad, vjp, jvp, jacobian, hessian, hvp. They nest freely.

Arguments may be arrays, numbers, Tensors, or lists, tuples and dicts of them. The results are
arrays for arrays, and Tensors for Tensors; also where something else in the function requires a
gradient, so that the derivative can be differentiated again with respect to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .arrays import own, real_as
from .backward import differentiate
from .context import current, recording_on
from .habits import explain_options
from .operators import beside
from .tensor import Tensor, history
from .tree import flatten, leaves_along

Argnum = int | tuple[int, ...]


@explain_options
def gradients(y: Tensor, xs: Any, gradient: Any = None) -> Any:
    """The gradients of y with respect to each of xs, recorded, to be differentiated again.

    No `.grad` is changed. Where y does not depend on x, the gradient is zero.

    Arguments:
        y: a Tensor that requires a gradient.
        xs: one Tensor, or a list, tuple or dict of them; the result has the same form.
        gradient: the gradient of a later result with respect to y; 1 for a scalar.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (slope,) = gradients(np.sum(x**3), [x])
    >>> np.sum(slope).backward()
    >>> x.grad
    array([ 6., 12.])
    """
    leaves, rebuild = flatten(xs)
    for tensor, what in ((y, "y"), *((x, "each x") for x in leaves)):
        if not isinstance(tensor, Tensor) or not tensor.requires_grad:
            expected = f"expected {what} to be a Tensor that requires a gradient"
            raise TypeError(f"gradients() {expected}, got {_kind(tensor)}")
    return rebuild(recorded_gradients({y: y.seed(gradient)}, leaves))


@explain_options
def value_and_grad(f: Callable[..., Any], argnum: Argnum = 0) -> Callable[..., Any]:
    """A function that returns the value of f and its gradient.

    Arguments:
        f: a function that returns a scalar, or an array of one entry.
        argnum: the argument to differentiate with respect to, or a tuple of several.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        call = _Call(f, arguments, keywords, argnum)
        y = call.single_output()
        if y.size != 1:
            found = f"grad() expected a scalar from {_name(f)}, got shape {y.shape}"
            raise ValueError(f"{found}; reduce it (np.sum), or use jacobian or vjp")
        return call.given(y), call.rebuild(call.pull({y: np.ones_like(y._array)}))

    return _named_after(wrapped, f, "value_and_grad")


@explain_options
def grad(f: Callable[..., Any], argnum: Argnum = 0) -> Callable[..., Any]:
    """A function that returns the gradient of f with respect to the argument, or tuple of them.

    >>> grad(np.tanh)(0.0)
    1.0
    >>> grad(grad(lambda x, a: a * x**4))(1.0, 2.0)
    24.0
    """
    both = value_and_grad(f, argnum)
    return _named_after(lambda *arguments, **keywords: both(*arguments, **keywords)[1], f, "grad")


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """f(*xs), and the function from a gradient of it to a tuple of gradients, one for each x.

    >>> y, pull = vjp(lambda a, b: a * b, 2.0, 5.0)
    >>> y, pull(10.0)
    (10.0, (50.0, 20.0))
    """
    call = _Call(f, xs, {}, tuple(range(len(xs))))
    outputs, form = call.outputs, call.rebuild_outputs(call.outputs)

    def pull(g: Any) -> Any:
        return call.rebuild(call.pull(heads_with(outputs, leaves_along(form, g))))

    return call.rebuild_outputs([call.given(y) for y in outputs]), pull


def jvp(f: Callable[..., Any], xs: Any, vs: Any) -> tuple[Any, Any]:
    """f(*xs), and its rate of change when the arguments move with the velocities vs.

    Forward mode: the pull-back is linear in the gradient, and this is that linear map transposed.

    >>> jvp(lambda a, b: a * b, (2.0, 5.0), (1.0, 10.0))
    (10.0, 25.0)
    """
    xs, vs = _as_tuples(xs, vs)
    call = _Call(f, xs, {}, tuple(range(len(xs))))
    value = call.rebuild_outputs([call.given(y) for y in call.outputs])
    return value, call.rebuild_outputs(call.pusher()(leaves_along(xs, vs)))


@explain_options
def jacobian(f: Callable[..., Any], argnum: Argnum = 0) -> Callable[..., Any]:
    """A function that returns all derivatives of f, of shape (*shape of f, *shape of the argument).

    >>> jacobian(lambda x: x * x)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        call = _Call(f, arguments, keywords, argnum)
        ys, xs = call.outputs, call.variables
        by_rows = sum(y.size for y in ys) <= sum(x.size for x in xs)
        if by_rows:  # reverse mode
            lines = [[call.pull({y: unit}) for unit in _units(y)] for y in ys]
        else:  # forward mode
            push, still = call.pusher(), [np.zeros_like(x._array) for x in xs]
            lines = [
                [push([*still[:k], unit, *still[k + 1 :]]) for unit in _units(x)]
                for k, x in enumerate(xs)
            ]

        def block(j: int, k: int) -> Any:
            """The derivatives of output j with respect to variable k."""
            parts = [row[k] for row in lines[j]] if by_rows else [column[j] for column in lines[k]]
            shape = (*ys[j].shape, *xs[k].shape)
            if not parts:
                return np.zeros(shape, xs[k].dtype)
            return np.reshape(np.stack(parts, axis=0 if by_rows else -1), shape)

        rows = [[call.given(block(j, k)) for k in range(len(xs))] for j in range(len(ys))]
        return call.rebuild_outputs(list(map(call.rebuild, rows)))

    return _named_after(wrapped, f, "jacobian")


@explain_options
def hessian(f: Callable[..., Any], argnum: Argnum = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of a scalar f, of shape (*shape, *shape).

    For a tuple argnum a tuple of rows, each a tuple of blocks; for a dict a dict of dicts.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return _named_after(jacobian(grad(f, argnum), argnum), f, "hessian")


def hvp(f: Callable[..., Any], xs: Any, vs: Any) -> Any:
    """The Hessian of a scalar f at xs times vs, computed without the Hessian.

    The Hessian is symmetric, so pulling vs back through the gradient is pushing them forward.
    xs and vs are an array each, or tuples of arguments; the result has the same form.

    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])
    """
    arguments, velocities = _as_tuples(xs, vs)
    product = vjp(grad(f, tuple(range(len(arguments)))), *arguments)[1](velocities)
    return product if isinstance(xs, tuple) else product[0]


# ---- one call of f -------------------------------------------------------------------------------


class _Call:
    """A call of f in which some of the arguments are variables to differentiate by."""

    def __init__(self, f: Any, arguments: tuple[Any, ...], keywords: Any, argnum: Argnum) -> None:
        if not callable(f):
            raise TypeError(f"expected a function to differentiate, got {_kind(f)}")
        self.f, self.single = f, not isinstance(argnum, Iterable)
        chosen: Any = (argnum,) if self.single else tuple(argnum)  # type: ignore[arg-type]
        count = len(arguments)
        for position in chosen:
            if not isinstance(position, int | np.integer):
                raise TypeError(f"argnum must be a number or a tuple of them, got {argnum!r}")
            if not -count <= position < count:
                of_call = f"the number of arguments of this call of {_name(f)}"
                raise ValueError(f"argnum must be below {count}, {of_call}, got {position}")
        if len({position % count for position in chosen}) < len(chosen):
            raise ValueError(f"argnum must name each argument once, got {argnum!r}")
        leaves, self._rebuild = flatten(tuple(arguments[position] for position in chosen))
        state = current.get()  # whether an outer graph is recorded
        self._nested = state is None or bool(state.how.enabled)
        self._tensors = any(isinstance(leaf, Tensor) for leaf in leaves)
        self._numbers = all(type(leaf) in (int, float) for leaf in leaves)
        with recording_on():
            self.variables = [_variable(leaf, self._nested) for leaf in leaves]
            changed = list(arguments)
            for position, argument in zip(chosen, self._rebuild(self.variables), strict=True):
                changed[position] = argument
            result = f(*changed, **keywords)
        self.outputs, self.rebuild_outputs = flatten(result)
        self.one_output = isinstance(result, Tensor)
        for y in self.outputs:
            if not isinstance(y, Tensor):
                found = f"expected {_name(f)} to return Tensors, got {_kind(y)}"
                advice = "return the Tensor itself, not .item(), .numpy() or .data"
                raise TypeError(f"{found}, which has no history; {advice}")
        for variable in self.variables:
            if isinstance(variable, _Variable):
                variable.finished = True
        self.recorded = self._nested and any(
            node._requires_grad and node.operation is None and not getattr(node, "finished", False)
            for node in history(*self.outputs)
        )

    def single_output(self) -> Tensor:
        if not self.one_output:
            raise TypeError(f"{_name(self.f)} must return one Tensor, got {len(self.outputs)}")
        return self.outputs[0]  # type: ignore[no-any-return]

    def rebuild(self, parts: list[Any]) -> Any:
        """Results for the variables, in the form of the arguments."""
        rebuilt = self._rebuild(parts)
        return rebuilt[0] if self.single else rebuilt

    def given(self, value: Any) -> Any:
        """A result as a Tensor, array or number: see the top of this file."""
        if self.recorded:
            return value if isinstance(value, Tensor) else Tensor(value)
        array = value._array if isinstance(value, Tensor) else value
        if self._tensors:
            return Tensor(array)
        if self._numbers and array.shape == ():
            return array.item()
        return own(array)  # others may hold the same

    def pull(self, heads: dict[Tensor, Any], targets: list[Tensor] | None = None) -> list[Any]:
        """The gradients with respect to the variables, or to the targets."""
        targets = self.variables if targets is None else targets
        if self.recorded or any(isinstance(seed, Tensor) for seed in heads.values()):
            return list(recorded_gradients(heads, targets))
        return [self.given(g) for g in _gradients(heads, targets, recorded=False)]

    def pusher(self) -> Callable[[list[Any]], list[Any]]:
        """The function from velocities of the variables to velocities of the outputs."""
        probes = [Tensor(np.ones_like(y._array), requires_grad=True) for y in self.outputs]
        pulled = recorded_gradients(heads_with(self.outputs, probes), self.variables)
        return lambda velocities: self.pull(heads_with(pulled, velocities), probes)


class _Variable(Tensor):
    """A leaf that a transform made; once its function has run, nobody else differentiates by it."""

    __slots__ = ("finished",)

    finished: bool


def _variable(leaf: Any, nested: bool) -> Tensor:
    """A Tensor to differentiate by, connected to the outer graph that it is part of, if any."""
    if isinstance(leaf, Tensor) and leaf.requires_grad and nested:
        return np.copy(leaf)  # type: ignore[return-value]
    data = leaf.detach()._array if isinstance(leaf, Tensor) else leaf
    if isinstance(data, str) or data is None:
        raise TypeError(f"cannot differentiate with respect to {_kind(leaf)}")
    return _Variable(data, requires_grad=True)


def _gradients(heads: dict[Tensor, Any], targets: list[Tensor], recorded: bool) -> list[Any]:
    heads = {head: seed for head, seed in heads.items() if head.requires_grad}
    found = differentiate(heads, set(targets), recorded=recorded)
    return [found[x] if x in found else np.zeros_like(x._array) for x in targets]


def recorded_gradients(heads: dict[Tensor, Any], targets: list[Tensor]) -> list[Tensor]:
    with recording_on():
        found = _gradients(heads, targets, recorded=True)
        return [g if isinstance(g, Tensor) else Tensor(g) for g in found]


def heads_with(outputs: list[Tensor], seeds: Sequence[Any]) -> dict[Tensor, Any]:
    """The outputs with their gradients, checked; one that occurs twice gets the sum."""
    heads: dict[Tensor, Any] = {}
    for y, g in zip(outputs, seeds, strict=True):
        if not isinstance(g, Tensor):
            seed: Any = real_as(y.dtype, g)
        else:
            seed = g if g.dtype == y.dtype else g.astype(y.dtype)
        if seed.shape != y.shape:
            raise ValueError(f"expected a gradient of shape {y.shape}, got {seed.shape}")
        heads[y] = heads[y] + seed if y in heads else seed
    return heads


def _units(x: Tensor) -> Iterable[Any]:
    """For each entry of x, an array of zeros with a one there."""
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape, x.dtype)
        unit[place] = 1
        yield beside(unit, x)


def _as_tuples(xs: Any, vs: Any) -> tuple[Any, Any]:
    """The arguments as a tuple, and their velocities: one, or a tuple or list of several."""
    xs = xs if isinstance(xs, tuple) else (xs,)
    return xs, vs if len(xs) > 1 or isinstance(vs, tuple) else (vs,)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a Tensor that requires no gradient"
    return f"{type(value).__name__} {value!r}" if np.ndim(value) == 0 else type(value).__name__


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


def _named_after(wrapped: Callable[..., Any], f: Any, transform: str) -> Callable[..., Any]:
    wrapped.__name__ = wrapped.__qualname__ = f"{transform}({_name(f)})"
    return wrapped
