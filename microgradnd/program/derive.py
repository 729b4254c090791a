"""The backward pass as a person writes it by hand: `derive`, and its answer."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import holding, undisturbed
from ..habits import require
from ..random_state import shared_generators
from ..tensor import Tensor, constant
from .sheet import Sheet
from .surroundings import StepSnapshot, Surroundings
from .value import NotDerivableError
from .value_tape import ValueTape, on_tape

FOREIGN = ("erf",)  # of SciPy's functions, what Python's math has as well
BUFFERS = 1 << 20  # bytes of an array that a function may overwrite; what is larger are data


class Answer:
    """The loss and its gradients as a straight line of NumPy, as `derive` returns it.

    `source` is a function that imports NumPy and nothing else (erf is that of Python's `math`),
    `latex` the same as formulas, which a notebook typesets. Called with arrays by name, an answer
    returns a dict of the loss and the gradients; what is left out is as it was when derived.
    """

    def __init__(self, source: str, latex: str, values: dict[str, Array]) -> None:
        self.source, self.latex, self.values = source, latex, values
        made: dict[str, Any] = {}
        exec(compile(source, "<a derived function>", "exec"), made)
        self._function = made["gradients"]

    def __call__(self, **values: Any) -> dict[str, Any]:
        """Returns the loss and the gradients for other values of the arguments."""
        given = dict(self.values)
        for name, value in values.items():
            wrong = f"expected arguments out of {', '.join(given)}, got {name}"
            require(name in given, wrong, TypeError)
            array = np.asarray(getattr(value, "_array", value), given[name].dtype)
            require(
                array.shape == given[name].shape,
                f"expected {name} of shape {given[name].shape}, got {array.shape}; the source is "
                "that of these shapes, so derive it again for others",
            )
            given[name] = array
        with np.errstate(all="ignore"):
            found = self._function(**given)
        # Two results, or a result and an argument, may be one array.
        return {name: x.copy() if isinstance(x, np.ndarray) else x for name, x in found.items()}

    def check(self, expected: Iterable[Any], reason: str, **values: Any) -> None:
        """Raises an error if this is not what it returns for these values."""
        for (name, mine), exact in zip(self(**values).items(), expected, strict=True):
            size = max(1.0, np.max(np.abs(exact), initial=0))
            error = 1e-6 if exact.dtype.itemsize >= 8 else 1e-2
            same = np.asarray(mine).dtype == exact.dtype
            same = same and np.allclose(mine, exact, error, error / 1000 * size, equal_nan=True)
            wrong = f"{name} is not what this source computes: {reason}"
            require(same, wrong, NotDerivableError)

    def __repr__(self) -> str:
        return self.source

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


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
        targets = arguments[0] if len(arguments) == 1 else arguments
        return _answer(Sheet(of, _as_targets(targets), ValueTape(FOREIGN)))
    wrong = f"expected a function or a Tensor to derive, got {type(of).__name__}"
    require(callable(of), wrong, TypeError)
    return _traced(of, arguments)


def _answer(sheet: Sheet) -> Answer:
    writer, exact = sheet.written()
    values = {writer.names[value]: value.array for value in writer.arguments}
    answer = Answer(writer.source(), writer.latex(), values)
    answer.check(exact, answer.source)
    return answer


def _as_targets(targets: Any) -> list[Tensor]:
    found: list[Tensor] = [targets] if isinstance(targets, Tensor) else list(targets)
    missing = "expected the leaves to differentiate with respect to: derive(loss, [w])"
    require(found, missing, TypeError)
    for target in found:
        title = target.title if isinstance(target, Tensor) else f"a {type(target).__name__}"
        wrong = f"expected Tensors that require a gradient, got {title}"
        require(isinstance(target, Tensor) and target.requires_grad, wrong, TypeError)
    return found


def _traced(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """The answer for a function, called with stand-ins in its arguments and in all Tensors that it
    reaches."""
    around, tape = Surroundings(function), ValueTape(FOREIGN)
    small = [array for array in around.arrays if array.nbytes <= BUFFERS]
    before = StepSnapshot(around, small, shared_generators)
    found = [t for t in (*arguments, *around.tensors) if isinstance(t, Tensor)]
    learned = any(t.requires_grad for t in found)
    given = [_argument(argument, not learned) for argument in arguments]
    tensors = [each for each in given if isinstance(each, Tensor)]
    leaves = list(dict.fromkeys(t for t in (*tensors, *found) if t.operation is None))
    targets = [t for t in leaves if t.requires_grad]

    def loss_at(arrays: list[Any]) -> Tensor:
        before.generators.restore()
        with holding(leaves, arrays):
            loss: Tensor = function(*given)
        require(
            isinstance(loss, Tensor) and loss.requires_grad,
            "expected a function that returns a Tensor computed from what requires a gradient, got "
            f"{type(loss).__name__}; return the loss itself",
            TypeError,
        )
        return loss

    try:
        arrays = [t._array for t in leaves]
        with undisturbed(), on_tape(tape):
            seen = [tape.see(np.array(array), fixed=False) for array in arrays]
            loss = loss_at(seen)
        standing = dict(zip(leaves, seen, strict=True))
        sheet = Sheet(loss, targets, tape, standing, tensors, _variables(function, given))
        answer = _answer(sheet)
        # What a trace cannot see, such as an array that the function takes out of a Tensor by its
        # own means, would stay the same at other values.
        rng = np.random.default_rng(0)
        others = [
            a if a.dtype.kind != "f" else (a * (1 - rng.random(a.shape) / 64)).astype(a.dtype)
            for a in arrays
        ]
        with undisturbed():
            try:
                loss = loss_at(others)
            except (ValueError, ArithmeticError, IndexError):  # as it may for other values
                return answer
            slopes = differentiate({loss: loss.seed(None)}, {*targets})
        expected = [slopes.get(t, np.zeros(t.shape, t.dtype)) for t in sheet.targets]
        moved = {sheet.names[t]: other for t, other in zip(leaves, others, strict=True)}
        answer.check(
            [loss._array, *expected],
            "the function depends on its arguments in a way that derive() cannot see; does it read "
            ".data, or call something else than NumPy?",
            **{name: moved[name] for name in moved.keys() & answer.values.keys()},
        )
        return answer
    finally:
        before.restore()


def _argument(argument: Any, requires_grad: bool) -> Any:
    """An argument as the function gets it: arrays and floats as Tensors."""
    if isinstance(argument, np.ndarray | np.generic | float):
        array = np.asarray(argument)
        return Tensor(array, requires_grad) if array.dtype.kind == "f" else constant(array)
    if isinstance(argument, Tensor) and argument.operation is not None:
        return Tensor(argument.detach(), argument.requires_grad, argument.name)
    wrong = f"expected arrays, Tensors and numbers as arguments, got a {type(argument).__name__}; "
    wrong += "give each array as an argument of its own, or use those of the closure"
    require(isinstance(argument, Tensor | int | str | None), wrong, TypeError)
    return argument


def _variables(function: Any, given: list[Any]) -> dict[str, Any]:
    """The variables that a function uses, and its arguments, by name."""
    found: dict[str, Any] = {}
    with contextlib.suppress(TypeError):  # no function of Python's
        variables = inspect.getclosurevars(function)
        found |= {**variables.globals, **variables.nonlocals}
    with contextlib.suppress(ValueError):  # a function of C's has no signature
        found |= inspect.signature(function).bind(*given).arguments
    return found
