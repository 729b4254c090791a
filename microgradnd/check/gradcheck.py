"""`gradcheck`: is this gradient right, and if not, which operation makes it wrong?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitive import Primitive
from ..table import table
from ..tensor import Tensor
from .by_hand import check_by_hand
from .comparison import Given, compare
from .culprits import Culprit, find_leak, find_suspects, not_again
from .forward import check_forward
from .mistakes import recognised
from .report import Report, Row
from .rules import Rule
from .slopes import Array
from .subject import Subject
from .trials import trials_of

_EVERY_OUTPUT = 10  # up to so many outputs each is looked at alone
_TIMES = -2.0  # a power of two, so that rounding is the same


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    gradient: Any = None,
    order: int = 1,
    forward: bool = False,
    generator: Any = None,
) -> Report:
    """Hold the gradient of f by its inputs against differences: truthy when right.

    f is called with the inputs. Where it takes none and closes over them, as over the parameters
    of a model, they are Tensors whose data is moved and put back. Checked are Tensors that require
    a gradient, and plain arrays and numbers of floating point; everything else is handed on.

    The report names the operation whose rule is wrong, its arguments and source line, and the
    mistake where it is one of the usual. At a kink, such as that of |x| at 0, it gives both slopes.

    - `gradient`: a function of the same inputs, written by hand, that gives the gradient of the
      scalar f by each input (or None); it is checked instead of the engine's. Arrays do as well.
    - `order=2` checks the derivatives of the derivatives too.
    - `forward=True` checks that forward mode agrees with reverse mode.
    - `generator`: what f draws random numbers from, if it is not found by itself.

    A primitive alone, or a function of NumPy's, is tried on arguments of gradcheck's own choosing.

    >>> import numpy as np
    >>> from microgradnd import Tensor, gradcheck, primitive
    >>> w = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="w")
    >>> assert gradcheck(lambda w, x: np.tanh(w @ x), w, np.array([2.0, 5.0]))
    >>> sine = primitive(lambda x: np.sin(x), lambda g, y, x: -g * np.cos(x), name="sine")
    >>> gradcheck(lambda x: np.sum(sine(x) * x), np.array([0.5, 1.0])).culprit.mistake
    'wrong sign'
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1 or 2, not {order!r}")
    operation = f if isinstance(f, Primitive) else _in_table(f)
    if not inputs and isinstance(operation, Primitive):
        return _check_alone(operation, order, forward)
    generators = generator if isinstance(generator, list | tuple) else (generator,)
    subject = Subject(f, inputs, generators, plain=gradient is not None)
    if gradient is not None:
        if order != 1 or forward:
            raise ValueError("a gradient written by hand is checked to first order, by itself")
        return check_by_hand(subject, gradient)
    report = _check_recorded(subject)
    if forward and report:
        report = _joined(report, check_forward(subject))
    if order == 2 and report:
        report = _joined(report, _check_second(subject))
    return report


def _in_table(f: Any) -> Any:
    try:
        return table.get(f)
    except TypeError:  # not hashable
        return None


def _joined(first: Report, second: Report) -> Report:
    """Both in one; what excuses the one does not excuse the other."""
    return Report(
        first.rows + second.rows, first.culprits + second.culprits, first.notes + second.notes,
        excused=bool(first) and bool(second),
    )  # fmt: skip


# ---- the engine's gradient -----------------------------------------------------------------------


def _check_recorded(subject: Subject) -> Report:
    outputs = subject.recorded()
    weights = _weights(outputs.size)
    try:
        given = subject.gradients(weights)
        again = subject.gradients(_TIMES * weights)
    except Exception as error:  # whatever a rule of somebody's may raise
        return _explained(subject, [], f"the backward pass raised {type(error).__name__}: {error}")
    if subject.is_disturbed():
        return _explained(subject, [], "the backward pass changes the inputs in place")
    rows = _compared(subject, weights, given)
    scale = max(np.max(np.abs(np.nan_to_num(part)), initial=0) for part in (outputs, *given))
    linear = all(_is_multiple(a, b, scale) for a, b in zip(again, given, strict=True))
    if linear and all(row.verdict != "wrong" for row in rows):
        moved = any(row.comparison.largest or row.comparison.found for row in rows)
        return Report(
            rows, [], [] if moved else [f"{subject.called} does not change with its inputs"]
        )
    note = f"with {_TIMES} times the gradient of the output it is not {_TIMES} times as large"
    return _explained(subject, rows, None if linear else note)


def _compared(subject: Subject, weights: Array, given: list[Array]) -> list[Row]:
    """A row for each input. The differences are taken in float64, whatever the inputs' dtype."""
    rounding = subject.rounding(weights, given)
    rows = []
    with subject.widened() as arrays:
        for k, array in enumerate(arrays):
            precision = float(np.finfo(subject.dtypes[k]).eps)
            claim = Given(
                given[k],
                precision,
                lambda k=k: rounding(k),  # type: ignore[misc]
                lambda k=k: subject.gradients_now(weights)[k],  # type: ignore[misc]
                subject.noise,
            )
            found = compare(lambda: weights @ subject.values(), array, claim)
            rows.append(Row(subject.names[k], array.shape, str(subject.dtypes[k]), found))
    return rows


def _explained(subject: Subject, rows: list[Row], note: str | None) -> Report:
    """The report on a gradient that is wrong: with the culprit, or a reason why it is none."""
    outputs, variables = subject.traced(), subject.variables
    heads = [y for y in outputs if getattr(y, "requires_grad", False)]
    culprits, kinks = find_suspects(heads, variables)
    if note and not culprits:
        culprits = [Culprit("the gradient", None, (), (), (), None, note)]
    if culprits:
        return Report(rows, culprits, [note] if note else [])
    bent = any(j.left != j.right for row in rows for j in row.comparison.having("wrong"))
    if (kinks or bent or subject.is_kinked()) and _right_beside(subject):
        return Report(rows, [], _where_kinked(kinks), excused=True)
    with subject.beside() as beside, contextlib.suppress(Exception):  # outside f's domain
        if leak := find_leak(outputs, beside.traced(), variables):
            return Report(rows, [leak], [])
    note = "every recorded rule is right by itself: f depends on its inputs in an unrecorded way"
    return Report(rows, [], [note])


def _is_multiple(again: Array, given: Array, scale: float) -> bool:
    """Whether the rules did what they must: be linear in the gradient they are handed."""
    size = 1e-3 * np.max(np.abs(np.nan_to_num(given)), initial=0) + 1e-9 * scale
    return np.allclose(again, _TIMES * given, rtol=1e-3, atol=size, equal_nan=True)


def _where_kinked(kinks: list[str]) -> list[str]:
    """What to say of a gradient that is right, but for a kink just here."""
    if kinks:
        return [f"not differentiable here: {kink}" for kink in kinks]
    return ["not differentiable here: slopes in two directions do not add up; right beside it"]


def _right_beside(subject: Subject) -> bool:
    """Whether the gradient is right a little further on, wherever f is defined there."""
    for seed in range(4):
        with subject.beside(seed) as beside, contextlib.suppress(Exception):  # outside f's domain
            weights = _weights(beside.recorded().size)
            rows = _compared(beside, weights, beside.gradients(weights))
            return all(row.verdict != "wrong" for row in rows)
    return True


def _weights(size: int) -> Array:
    """Gradients of the output to look at: each unit if they are few, else random ones."""
    if size <= _EVERY_OUTPUT:
        return np.eye(size)
    return np.random.default_rng(0).normal(size=(3, size))


def _check_second(subject: Subject) -> Report:
    """Check the gradient as a function of its own."""
    second = subject.differentiated()
    try:
        second.values()
    except Exception as error:  # whatever a rule of somebody's may raise
        return Report([], [not_again(error)], [])
    return _check_recorded(second)


# ---- an operation alone --------------------------------------------------------------------------


def _check_alone(operation: Primitive, order: int, forward: bool) -> Report:
    """Try the rules on shapes and values chosen here, broadcasting included."""
    rows: list[Row] = []
    notes: list[str] = []
    unfit: Report | None = None  # the function takes the arguments, but the rules do not
    for arguments in trials_of(operation):
        tensors = [Tensor(a, requires_grad=rule is not None) for a, rule in arguments]
        report = gradcheck(operation, *tensors, order=order, forward=forward)
        if report.culprit is not None and report.culprit.raised and not report.culprit.mistake:
            unfit = report if unfit is None else unfit
            continue
        shapes = ", ".join(str(t.shape) for t in tensors)
        rows += [row._replace(name=f"{row.name} of {shapes}") for row in report.rows]
        culprits = report.culprits or _changing(operation, arguments)
        if culprits or not report:
            return Report(rows, culprits, report.notes)
        notes += [note for note in report.notes if note not in notes]
    if unfit is not None and not rows:
        return unfit
    if unfit is not None:
        notes.append(f"for some shapes the rules cannot be applied: {unfit.culprit}")
    if rows:
        return Report(rows, [], notes, excused=True)  # where one was wrong, it ended there
    raise TypeError(
        f"{operation.name} takes none of the arguments tried (up to four axes, random values): "
        "check it in a function of your own, gradcheck(lambda x: operation(x, ...), x)"
    )


def _changing(operation: Primitive, arguments: list[tuple[Any, Any]]) -> list[Culprit]:
    """The rules that write into what they are handed, which does no harm until it is shared."""
    arrays = [array for array, _ in arguments]
    rules = [Rule(operation.function, rule, k, arrays) for k, (_, rule) in enumerate(arguments)
             if rule is not None]  # fmt: skip
    shapes = tuple(map(np.shape, arrays))
    return [
        Culprit(operation.name, rule.position, shapes, np.shape(rule.output()), (), None,
                recognised(rule))
        for rule in rules if rule.changes_what_it_is_handed()
    ]  # fmt: skip
