"""`gradcheck`: is this gradient right, and if not, which operation makes it wrong?"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..backward import differentiate
from ..context import trace, undisturbed
from ..habits import check_choice, explain_options, require
from ..operators import plain
from ..primitive import Primitive
from ..table import each, table
from ..tensor import Tensor
from ..transforms import heads_with, recorded_gradients
from ..tree import flatten
from .by_hand import check_by_hand
from .comparison import Comparison, compare
from .culprit import Culprit, cannot_differentiate, find_leak, find_suspects
from .function_under_test import FunctionUnderTest, heads
from .mistakes import same
from .report import Report
from .rule import flat

_EVERY_OUTPUT = 10  # up to so many outputs each is looked at alone
_TIMES = -2.0  # a power of two, so that rounding is the same
_EXCUSED = 64  # so many times its rounding forward mode may be off
_TINY = 1e-300  # below it numbers lose their digits


@explain_options
def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    gradient: Any = None,
    order: int = 1,
    forward: bool = False,
    generator: Any = None,
) -> Report:
    """Check the gradient of f with respect to its inputs against differences.

    Checked are Tensors that require a gradient, and plain arrays and numbers of floating point.
    The report is truthy when all are right. It names the operation whose rule is wrong, its
    arguments and source line, and the mistake if it is a usual one. At a kink, such as that of |x|
    at 0, it shows both slopes.

    Arguments:
        f: the function. A primitive alone, or a function of NumPy's, needs no inputs: it is tried
            on several of gradcheck's own choosing.
        inputs: the inputs of f. If f takes none and closes over them, as over the parameters of a
            model, they are Tensors whose data is moved and put back.
        gradient: a gradient written by hand, which is checked instead of the engine's: a function
            of the same inputs that returns the gradient of the scalar f with respect to each (or
            None), or these arrays.
        order: 2 to check the derivatives of the derivatives also.
        forward: also check that forward mode agrees with reverse mode.
        generator: what f draws random numbers from, if it is not found automatically.

    >>> from microgradnd import Tensor, gradcheck, primitive
    >>> w = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="w")
    >>> assert gradcheck(lambda w, x: np.tanh(w @ x), w, np.array([2.0, 5.0]))
    >>> sine = primitive(lambda x: np.sin(x), lambda g, y, x: -g * np.cos(x), name="sine")
    >>> gradcheck(lambda x: np.sum(sine(x) * x), np.array([0.5, 1.0])).culprit.mistake
    'wrong sign'
    """
    check_choice("order", order, 1, 2)
    with undisturbed():
        operation = table.get(f) if isinstance(f, Hashable) and not isinstance(f, Primitive) else f
        if not inputs and isinstance(operation, Primitive):
            return _check_alone(operation, order, forward)
        function = FunctionUnderTest(f, inputs, generator, as_arrays=gradient is not None)
        if gradient is not None:
            simple = order == 1 and not forward
            require(simple, "a gradient written by hand is checked to first order only")
            return check_by_hand(function, gradient, _check_engine)
        report = _check_engine(function)
        if forward and report:
            report += _check_forward(function)
        if order == 2 and report:
            report += _check_second(function)
        return report


def _check_engine(function: FunctionUnderTest) -> Report:
    """Check the engine's gradient of a function."""
    values = function.checked_values()
    few, rng = values.size <= _EVERY_OUTPUT, np.random.default_rng(0)
    weights = np.eye(values.size) if few else rng.normal(size=(3, values.size))
    rows: list[Comparison] = []
    note = None
    try:
        with function.claim(weights) as claim:  # in float64, whatever the dtypes are
            given, multiple = claim.gradients(), function.gradients(_TIMES * weights)
            for k, (name, array) in enumerate(zip(function.names, function.arrays, strict=True)):
                rows.append(compare(claim, k, given[k], array.dtype, name))
    except Exception as error:  # whatever a user's rule may raise
        rows, note = [], f"the backward pass raised {type(error).__name__}: {error}"
    else:  # every rule must be linear in the gradient of the output
        for a, b in zip(multiple, given, strict=True):
            if not same(a, _TIMES * b, 1e-3):
                times = f"{_TIMES} times"
                note = f"with {times} the gradient of the output it is not {times} as large"
    if note or any(row.verdict == "wrong" for row in rows):
        return _explained(function, weights, rows, note)
    moves = any(row.largest or row.found for row in rows)
    return Report(
        rows, notes=[] if moves else [f"{function.title} does not change with its inputs"]
    )


def _explained(
    function: FunctionUnderTest, weights: Array, rows: list[Comparison], note: str | None
) -> Report:
    """The report on a gradient that is wrong: with the culprit, or a reason why there is none."""
    with function.claim(weights) as claim:
        with function.on_copies(), trace(stop=False):
            outputs = function.outputs()
        culprits, kinks = find_suspects(outputs, function.variables)
        if note and not culprits:
            culprits = [Culprit("the gradient", mistake=note)]
        if culprits:
            return Report(rows, culprits, [note] if note else [])
        bent = any(j.left != j.right for row in rows for j in row.having("wrong"))
        if (kinks or bent or claim.is_kinked()) and claim.is_right_beside():
            reasons = kinks or ["slopes in two directions do not add up; right beside it"]
            notes = [f"not differentiable here: {reason}" for reason in reasons]
            return Report(rows, notes=notes, excused=True)
        with contextlib.suppress(Exception), claim.beside():  # outside f's domain
            if leak := find_leak(outputs, function.outputs()):
                return Report(rows, [leak])
    note = "every recorded rule is right by itself: f depends on its inputs in an unrecorded way"
    return Report(rows, notes=[note])


def _check_second(function: FunctionUnderTest) -> Report:
    """Check the derivative of the function's derivative."""
    second = function.derivative()
    try:
        second.values()
    except Exception as error:  # whatever a user's rule may raise
        return Report(culprits=[cannot_differentiate(error)])
    return _check_engine(second)


def _check_forward(function: FunctionUnderTest) -> Report:
    """Compare forward mode with reverse mode, which agrees with differences.

    Forward mode is the derivative of what reverse mode pulls back, with respect to the weights.
    """
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=v.shape).astype(v.dtype) for v in function.variables]
    try:
        with function.on_copies():
            vector = function.vector()
            probe = Tensor(rng.normal(size=vector.size), requires_grad=True, dtype=vector.dtype)
            slopes = recorded_gradients(heads(vector, probe), function.variables)
            pairs = list(zip(slopes, directions, strict=True))
            pulled = float(sum(np.sum(plain(p) * d) for p, d in pairs))
            moving = [pair for pair in pairs if pair[0].requires_grad]
            start = heads_with([p for p, _ in moving], [d for _, d in moving])
            velocities = differentiate(start, {probe}, retain=True)
    except Exception as error:  # whatever a user's rule may raise
        return Report(culprits=[cannot_differentiate(error)])
    parts = {node: plain(node) * velocity for node, velocity in velocities.items()}
    bits = (np.finfo(p.dtype).eps * np.sum(np.abs(p[np.isfinite(p)])) for p in parts.values())
    pushed, rounding = float(np.sum(parts.get(probe, 0))), float(sum(bits))
    if abs(pushed - pulled) <= _EXCUSED * rounding + _TINY:
        return Report()
    if not np.isfinite(pushed) and not np.isfinite(pulled):
        return Report(notes=["the slope is not finite here: forward mode cannot be compared"])
    mistake = (
        f"forward mode gives {pushed:.6g} where reverse mode gives {pulled:.6g}: a rule is not "
        "linear in the gradient of the output, or is not written with NumPy's functions"
    )
    return Report(culprits=[Culprit("forward mode", mistake=mistake)])


# ---- an operation alone --------------------------------------------------------------------------

_ALIKE = (), (3,), (2, 3), (3, 3), (2, 2, 3), (1, 2, 6, 6)  # the shape of all arguments
_UNLIKE = (  # the shapes of up to three arguments
    ((3,), (), ()), ((2, 3), (3,), ()), ((2, 1), (1, 3), (3,)), ((), (2, 3), (3,)),
    ((2, 3), (1, 3), ()), ((2, 3), (4, 3), (4,)), ((2, 3), (3, 4), (4,)), ((3, 3), (3, 3), (3,)),
    ((2, 2, 3), (3, 2), (2,)), ((1, 2, 6, 6), (2, 2, 3, 3), (2,)),
)  # fmt: skip
_RANGES = ((-1.5, 1.5), (0.1, 0.9), (1.1, 2.0), (-0.9, -0.1))


def _check_alone(operation: Primitive, order: int, forward: bool) -> Report:
    """Try the rules on several shapes and values, broadcasting included."""
    report = Report()
    unfit: Report | None = None  # the function takes the arguments, but the rules do not
    for tensors in _arguments_for(operation):
        tried = gradcheck(operation, *tensors, order=order, forward=forward)
        if tried.culprit is not None and tried.culprit.raised and not tried.culprit.mistake:
            unfit = unfit or tried
            continue
        outputs = flatten(operation(*tensors))[0]
        tried.culprits = tried.culprits or find_suspects(outputs, tensors)[0]
        shapes = ", ".join(str(t.shape) for t in tensors)
        for row in tried.rows:
            row.name += f" of {shapes}"
        if not tried:
            return replace(tried, rows=report.rows + tried.rows)
        tried.notes = [note for note in tried.notes if note not in report.notes]
        report += tried
    if unfit is not None:
        if not report.rows:
            return unfit
        report.notes.append(f"for some shapes the rules cannot be applied: {unfit.culprit}")
    if report.rows:
        return report
    raise TypeError(
        f"{operation.name} takes none of the arguments tried (up to four axes, random values): "
        "check it in a function of your own, gradcheck(lambda x: operation(x, ...), x)"
    )


def _arguments_for(operation: Primitive) -> Iterator[list[Tensor]]:
    """Lists of random arguments that the operation takes."""
    count = 2 if isinstance(operation.rules, each) else len(operation.rules)
    shapes = [(shape,) * count for shape in _ALIKE]
    shapes += [several[:count] for several in _UNLIKE if 1 < count <= len(several)]
    rng = np.random.default_rng(0)
    for combination, (low, high) in itertools.product(shapes, _RANGES):
        arrays = [rng.uniform(low, high, shape) for shape in combination]
        values = np.array([np.nan])  # where the operation does not take them
        with contextlib.suppress(Exception):
            values = flat(operation.without_kept(operation.function(*arrays)))
        if np.isfinite(values).all():
            has_rule = [operation.rules[k] is not None for k in range(count)]
            yield list(map(Tensor, arrays, has_rule))
