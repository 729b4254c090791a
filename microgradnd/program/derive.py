"""The backward pass as a person writes it by hand: `derive`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..backward import differentiate
from ..context import holding, undisturbed
from ..random_state import shared_generators
from ..tensor import Tensor, constant
from .answer import Answer
from .moment import Moment
from .reach import Reach
from .sheet import Sheet
from .value import NotDerivableError
from .value_tape import ValueTape, recording_on

BUFFERS = 1 << 20  # bytes of an array that a function may overwrite; what is larger are data


def derive(of: Any, *arguments: Any) -> Answer:
    """Returns a loss and its gradients as NumPy source, written as one writes it by hand.

    The source is a function of the arguments, or of the named leaves of the loss. Traced from a
    function it is right for all of their values. From a recorded loss the rules run again; what was
    computed outside of the graph, such as a mask, is a constant, and its line says "as recorded".

    Arguments:
        of: a function that computes a loss, or a loss that was recorded.
        arguments: of the function, arrays or Tensors; or one list of the leaves to differentiate
            with respect to. Of a function these are the Tensors that require a gradient, also in
            its closure, or all its arguments if none does.

    >>> W = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="W")
    >>> x = Tensor([2.0, 5.0], name="x")
    >>> answer = derive(lambda W, x: np.sum(np.tanh(W @ x) ** 2), W, x)
    >>> print(answer.source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def gradients(W, x):
        v2 = np.tanh(W @ x)                     # (2,): tanh
        L = np.sum(v2**2)                       # scalar: the loss
        dW = np.outer(2 * v2 * (1 - v2**2), x)  # (2, 2): through the matrix product
        return {"L": L, "dW": dW}
    <BLANKLINE>
    >>> answer(x=[1.0, 1.0])["dW"].round(4)
    array([[ 0.6502,  0.6502],
           [-0.7269, -0.7269]])
    """
    if isinstance(of, Tensor):
        targets = _targets(arguments)
        return Sheet(of, targets, ValueTape()).answer()
    if not callable(of):
        raise TypeError(f"expected a function or a Tensor to derive, got {type(of).__name__}")
    return _Trace(of, arguments).answer()


def _targets(arguments: tuple[Any, ...]) -> list[Tensor]:
    targets = arguments[0] if len(arguments) == 1 else arguments
    targets = [targets] if isinstance(targets, Tensor) else list(targets)
    if not targets:
        raise TypeError("expected the leaves to differentiate with respect to: derive(loss, [w])")
    for target in targets:
        if not isinstance(target, Tensor) or not target.requires_grad:
            title = target.title if isinstance(target, Tensor) else f"a {type(target).__name__}"
            raise TypeError(f"expected Tensors that require a gradient, got {title}")
    return targets


class _Trace:
    """A function that is called with stand-ins in its arguments and in all Tensors it reaches."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, reach = function, Reach(function)
        buffers = [array for array in reach.arrays if array.nbytes <= BUFFERS]
        self.before = Moment(reach, buffers, shared_generators)
        found = [t for t in (*arguments, *reach.tensors) if isinstance(t, Tensor)]
        learned = any(t.requires_grad for t in found)
        self.given = [_argument(argument, not learned) for argument in arguments]
        self.variables = _variables(function)
        self.tensors = [given for given in self.given if isinstance(given, Tensor)]
        leaves = [t for t in (*self.tensors, *found) if t.operation is None]
        self.leaves = list(dict.fromkeys(leaves))
        self.named = {
            t: name
            for t, name in zip(self.given, _argument_names(function, arguments), strict=True)
            if isinstance(t, Tensor) and not t.name
        }

    def answer(self) -> Answer:
        tape = ValueTape()
        try:
            with undisturbed(), recording_on(tape):
                seen = [tape.see(np.array(t._array), fixed=False) for t in self.leaves]
                loss = self.loss(seen)
            values = {each.value: leaf for each, leaf in zip(seen, self.leaves, strict=True)}
            targets = [t for t in self.leaves if t.requires_grad]
            sheet = Sheet(loss, targets, tape, values, self.named, self.tensors, self.variables)
            answer = sheet.answer()
            self.check(answer, sheet)
            return answer
        finally:
            self.before.go_back()

    def loss(self, arrays: Iterable[Any]) -> Tensor:
        """The loss when the leaves hold these arrays."""
        self.before.generators.restore()
        with holding(self.leaves, list(arrays)):
            loss = self.function(*self.given)
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            raise TypeError(
                "expected a function that returns a Tensor computed from what requires a gradient, "
                f"got {type(loss).__name__}; return the loss itself"
            )
        return loss

    def check(self, answer: Answer, sheet: Sheet) -> None:
        """Compares with the function itself at other values: what a trace cannot see, such as an
        array that the function takes out of a Tensor by its own means, would stay the same."""
        rng = np.random.default_rng(0)
        arrays = [t._array for t in self.leaves]
        others = [a * (1 - rng.random(a.shape) / 64) if a.dtype.kind == "f" else a for a in arrays]
        others = [np.asarray(new, old.dtype) for new, old in zip(others, arrays, strict=True)]
        try:
            with undisturbed():
                loss = self.loss(others)
        except (ValueError, ArithmeticError, IndexError):  # as the function may for other values
            return
        with undisturbed():
            found = differentiate({loss: loss.seed(None)}, set(sheet.targets))
        names = {sheet.names[t]: other for t, other in zip(self.leaves, others, strict=True)}
        results = answer(**{name: a for name, a in names.items() if name in answer.values})
        expected = [loss._array, *(found.get(t, np.zeros(t.shape)) for t in sheet.targets)]
        for name, mine, theirs in zip(results, results.values(), expected, strict=True):
            size = max(1.0, np.max(np.abs(theirs), initial=0))
            if not np.allclose(mine, theirs, 1e-6, 1e-9 * size, equal_nan=True):
                raise NotDerivableError(
                    f"{name} is another for other values than this source computes: the function "
                    "depends on its arguments in a way that derive() cannot see; does it read "
                    ".data, or call something else than NumPy?"
                )


def _argument(argument: Any, requires_grad: bool) -> Any:
    """An argument as the function gets it: arrays and floats as Tensors."""
    if isinstance(argument, np.ndarray | np.generic | float):
        array = np.asarray(argument)
        return Tensor(array, requires_grad) if array.dtype.kind == "f" else constant(array)
    if isinstance(argument, Tensor) and argument.operation is not None:
        return Tensor(argument.detach(), argument.requires_grad, argument.name)
    if isinstance(argument, Tensor | int | str | None):
        return argument
    raise TypeError(
        f"expected arrays, Tensors and numbers as arguments, got a {type(argument).__name__}; "
        "give each array as an argument of its own, or use those of the closure"
    )


def _variables(function: Any) -> dict[str, Any]:
    """The variables that a function uses, by name."""
    try:
        found = inspect.getclosurevars(function)
    except TypeError:  # no function of Python's
        return {}
    return {**found.globals, **found.nonlocals}


def _argument_names(function: Any, arguments: Any) -> list[str]:
    try:
        bound = inspect.signature(function).bind(*arguments).arguments
    except ValueError:  # a function of C's has no signature
        return [f"x{number}" for number, _ in enumerate(arguments, 1)]
    names: list[str] = []
    for name, value in bound.items():
        several = isinstance(value, tuple) and len(names) + len(value) == len(arguments)
        names += [f"{name}{number}" for number, _ in enumerate(value, 1)] if several else [name]
    return names
