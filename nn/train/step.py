"""One step of a training: forwards, back, and the optimiser's move; and what broke the model."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from microgradnd import Tensor, trace
from microgradnd.arrays import Array, is_foreign
from microgradnd.backward import differentiate
from microgradnd.context import users_line, warn_user
from microgradnd.operators import plain
from microgradnd.program import NotReplayableError, Replay, holds
from microgradnd.random_state import restore

from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .health import TrainingWarning, layers_by_scope
from .run import Callback, Run, overriding
from .strategies import StepOrJump

_LEFT = "the model or the loss leaves the graph, as .numpy(), .data and .item() do"
PAYS = 400  # steps; to record one takes as long as 200 of a small network
SMALL = 1 << 20  # entries of the parameters; with more, Python's share of the time is small


class _NotFiniteError(ArithmeticError):
    """The cost of a step is nan or inf."""


def _descent(
    model: Module, loss_of: Any, optimizer: Any, penalty: Any, split: bool
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Functions of a batch: to its cost, and down the gradient of it (if it is split, only as far
    as to the gradient).

    A replay looks at all that is in reach of the second: it reaches no more than it needs.
    """

    def forwards(x: Tensor, y: Array) -> tuple[Any, Any, Any]:
        outputs = model(x)
        if outputs is None:
            raise TypeError(f"{type(model).__name__}.forward returned None: end it with a return")
        loss = loss_of(outputs, y)
        if not isinstance(loss, Tensor):
            raise TypeError(f"expected the loss to be a Tensor, got {type(loss).__name__}: {_LEFT}")
        return (loss if penalty is None else loss + penalty(model)), loss, outputs

    def slopes(x: Tensor, y: Array, run: Run | None = None, *_: Any) -> tuple[Any, Any]:
        cost, loss, outputs = forwards(x, y)
        value = None if run is None else cost.item()  # once: it takes a fiftieth of a small step
        if not (holds(np.isfinite(cost.numpy())) if value is None else math.isfinite(value)):
            raise _NotFiniteError
        optimizer.zero_grad()
        cost.backward()
        if run is not None:
            run.cost = cost
        return (value if loss is cost and run is not None else loss), outputs

    def descend(
        x: Tensor, y: Array, run: Run | None = None, lookers: Sequence[Callback] = ()
    ) -> tuple[Any, Any]:
        found = slopes(x, y, run)
        for callback in lookers:
            callback.after_backward(cast(Run, run))
        optimizer.step()
        return found

    def descend_or_jump(x: Tensor, y: Array, *_: Any) -> tuple[Any, Any]:
        random, seen = generator.bit_generator.state, list[Any]()

        def cost() -> Any:
            if seen:
                restore(generator, random)  # the same dropout
            seen.append(forwards(x, y))
            if not math.isfinite(seen[-1][0].item()):
                raise _NotFiniteError
            return seen[-1][0]

        optimizer.step(cost)
        return seen[0][1], seen[0][2]

    if split:
        return forwards, slopes
    return forwards, descend_or_jump if isinstance(optimizer, StepOrJump) else descend


def _descent_in_parts(
    model: Module, loss_of: Any, optimizer: Any, penalty: Any, at_once: int
) -> Callable[..., Any]:
    """A function of a batch, to its gradient, which is added up from those of its parts."""

    def back(cost: Any) -> float:
        value: float = cost.item()
        if not math.isfinite(value):
            raise _NotFiniteError
        cost.backward()
        return value

    def slopes(x: Tensor, y: Array, run: Run, *_: Any) -> tuple[Any, Any]:
        optimizer.zero_grad()
        parts, answers = list[float](), list[Array]()
        count = math.ceil(len(y) / at_once)  # of even parts: BatchNorm needs more than one example
        for part in (slice(len(y) * n // count, len(y) * (n + 1) // count) for n in range(count)):
            targets, outputs = y[part], model(x[part])
            if not isinstance(outputs, Tensor) or outputs.shape[:1] != targets.shape[:1]:
                raise TypeError("at_once= needs a model that returns a Tensor, a row per example")
            share = 1 if getattr(loss_of, "reduction", "") == "sum" else len(targets) / len(y)
            run.cost = share * loss_of(outputs, targets)
            parts.append(back(run.cost))
            answers.append(plain(outputs))
        answer = Tensor(np.concatenate(answers), copy=False)
        loss = loss_of(answer, y).item()
        rounding = 1e3 * np.finfo(answer.dtype).eps * sum(map(abs, parts))
        if not abs(loss - sum(parts)) <= rounding:
            raise ValueError(
                "at_once= needs a loss that is a mean or a sum over the examples; this batch has "
                f"{loss:.6g}, its parts together {sum(parts):.6g}. With class weights or ignored "
                "labels use reduction='sum'"
            )
        if penalty is not None:
            back(penalty(model))
        return loss, answer

    return slopes


class _Kept:
    """What a model keeps of its last training: the functions of a step, and the replay of it.

    The next training with the same loss, optimiser and regulariser goes on with its programs. A
    copy of the model keeps nothing.
    """

    def __init__(self) -> None:
        self.parts: tuple[Any, ...] = ()
        self.functions: Any = None
        self.replayed: Replay | None = None

    def __reduce__(self) -> Any:
        return _Kept, ()

    @staticmethod
    def of(model: Module, *others: Any) -> _Kept:
        kept: _Kept = vars(model).setdefault("_kept", _Kept())
        parts = model, *others
        if not (kept.parts and all(map(_is_like, kept.parts, parts))):
            kept.parts, kept.functions, kept.replayed = parts, _descent(*parts), None
        return kept


def _is_like(one: Any, other: Any) -> bool:
    """Whether it is the same, or a module without parameters of the same kind and options."""
    if one is other or type(one) is not type(other) or not isinstance(one, Module):
        return one is other
    if any(isinstance(value, Tensor | np.ndarray | Module) for value in vars(one).values()):
        return False
    return bool(vars(one) == vars(other))


class _Before(NamedTuple):
    """What there was before a step, to be put back."""

    place: tuple[int, int, int]  # step, epoch and batch
    batch: tuple[Tensor, Array]
    values: list[Array]
    buffers: list[Array]
    random: Any


class Step:
    """Makes the steps of a run, each by calling it with a batch."""

    def __init__(
        self,
        run: Run,
        regulariser: Callable[..., Any] | None,
        optimizer: Optimizer | StepOrJump,
        replay: bool | str,
    ) -> None:
        self._run = run
        self._parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        self._warns = replay is True
        self._split = run.together.size > 1 or run.at_once is not None
        self._kept = _Kept.of(run.model, run.loss, optimizer, regulariser, self._split)
        if replay and run.at_once is not None:
            self._go_on_without_replay("at_once= saves memory, and a replay keeps all of it")
            replay = False
        if replay and any(is_foreign(plain(p)) for p in self._parameters):
            self._go_on_without_replay("its arrays are another library's, and programs are NumPy's")
            replay = False
        if replay == "auto":
            replay = not isinstance(optimizer, StepOrJump) and self._pays()
        self._buffers = list(run.model.buffers())
        self._before: deque[_Before] = deque(maxlen=2)  # of the last step, and of the one before it
        self._overwritten = bool(replay)
        self._forwards, self._descend = self._kept.functions
        if run.at_once is not None:
            whole = run.model, run.loss, optimizer, regulariser
            self._descend = _descent_in_parts(*whole, run.at_once)
        if replay and self._kept.replayed is None:
            self._kept.replayed = Replay(self._descend)
        self._replayed = self._kept.replayed if replay else None
        self._lookers = overriding("after_backward", run.callbacks)
        for callback in self._lookers:
            if replay and type(callback).looks is Callback.looks:
                self._go_on_without_replay(f"{type(callback).__name__} looks at each gradient")

    def __call__(self, inputs: Tensor, targets: Array) -> None:
        """Make a step, and add the loss before it and the outputs to the measures of the run."""
        run = self._run
        # An optimiser gives its parameters new arrays: only a replay overwrites those there are.
        values = [p.data.copy() if self._overwritten else p.data for p in self._parameters]
        buffers = [buffer.copy() for buffer in self._buffers]
        place, batch = (run.step + 1, run.epoch + 1, run.batch + 1), (inputs, targets)
        self._before.append(_Before(place, batch, values, buffers, generator.bit_generator.state))
        lookers = [callback for callback in self._lookers if callback.looks(run)]
        try:
            if run.together.size > 1:
                self._meet(inputs, targets, lookers)
            else:
                run.sums.add(*self._descended(inputs, targets, lookers), targets)
        except _NotFiniteError:
            raise self._error() from None
        if self._split:
            for callback in lookers:
                callback.after_backward(run)
            run.optimizer.step()

    def _meet(self, inputs: Tensor, targets: Array, lookers: list[Callback]) -> None:
        """Average with the other processes, to which one message goes, also if the loss is nan."""
        run, together = self._run, self._run.together
        part, examples = run.sums.new(), float(together.examples)
        try:
            loss, outputs = self._descended(inputs, targets, lookers)
            if examples:
                part.add(loss, outputs, targets)
        except _NotFiniteError:
            examples = math.nan
        total = together.meet([*self._parameters, *self._buffers], examples, part.numbers())
        if not math.isfinite(total[0]):
            raise _NotFiniteError
        run.sums.include(total[1:])

    def _descended(
        self, inputs: Tensor, targets: Array, lookers: list[Callback]
    ) -> tuple[float, Any]:
        """The loss before the step, and the outputs."""
        if self._replayed is not None and not lookers:
            try:
                loss, outputs = self._replayed(inputs, targets)
                return loss.item(), outputs
            except (NotReplayableError, TypeError, AttributeError) as error:
                self._go_on_without_replay(str(error))  # if the step is wrong, we shall see
        loss, outputs = self._descend(inputs, targets, self._run, lookers)
        return loss if isinstance(loss, float) else loss.item(), outputs

    def check(self) -> None:
        """Raise an error if the last step has left nan or inf in the parameters."""
        if not finite(map(plain, self._parameters)):
            raise self._error()

    def _pays(self) -> bool:
        """Whether recording costs less time than replaying saves, and little memory."""
        run = self._run
        left = (run.epochs - run.epoch) * len(run.batches)
        entries = sum(parameter.size for parameter in self._parameters)
        paid = self._kept.replayed is not None
        return (paid or left >= PAYS or not len(run.batches)) and entries <= SMALL

    def _go_on_without_replay(self, why: str) -> None:
        self._replayed = self._kept.replayed = None
        if not self._warns:
            return
        warn_user(f"training goes on without replay: {why}", TrainingWarning)

    def _error(self) -> FloatingPointError:
        """The error, with the model as it was before the first step that broke it."""
        model = self._run.model
        before = next((each for each in reversed(self._before) if finite(each.values)), None)
        if before is None:
            names = [path for path, p in model.named_parameters() if not finite([plain(p)])]
            return FloatingPointError(f"the model began with nan or inf in {', '.join(names)}")
        self._put_back(before)
        found = culprit(model, lambda x, y: self._forwards(x, y)[0], *before.batch)
        where = self._run.together.first(found) or (
            "its gradients are finite, but the step of the optimiser was too long for the weights"
        )
        self._put_back(before)
        step, epoch, batch = before.place
        return FloatingPointError(
            f"the loss is no longer a number. It began at step {step} (epoch {epoch}, batch "
            f"{batch}): {where}. The model is as it was before that step"
        )

    def _put_back(self, before: _Before) -> None:
        for parameter, array in zip(self._parameters, before.values, strict=True):
            parameter.hold(array.copy())
        for buffer, array in zip(self._buffers, before.buffers, strict=True):
            buffer[...] = array
        restore(generator, before.random)
        self._run.model.zero_grad()


# ---- where nan and inf came from -----------------------------------------------------------------


def finite(arrays: Iterable[Array]) -> bool:
    """Whether there is neither nan nor inf in any of these arrays."""
    return all(np.isfinite(array).all() for array in arrays)


def culprit(
    model: Module, cost: Callable[[Tensor, Array], Tensor], inputs: Tensor, targets: Array
) -> str:
    """What went wrong in a step, in words: the step is traced, and its graph searched. Nothing
    where all is finite."""

    def worst(values: Array) -> str:
        return "nan" if np.isnan(values).any() else "inf"

    def found(words: str, node: Tensor, values: Array) -> str:
        name = node.operation.name if node.operation else repr(node.name or "a constant")
        layer = layers_by_scope(model).get(node.scope, ".".join(node.scope))
        # The user's line, unless it is the one that calls `fit`.
        line = f" at {node.line}" if node.line and node.line != users_line() else ""
        return f"{words.format(f'{name} in {layer}' if layer else name)} {worst(values)}{line}"

    for name, values in (("inputs", plain(inputs)), ("targets", targets)):
        if not finite([values]):
            return f"the {name} of this batch hold {worst(values)}"
    with trace(stop=False):  # what np.where leaves out may be inf and do no harm
        node = head = cost(inputs, targets)
    # From the loss back to an operation on numbers that did not give any.
    while bad := [parent for parent in node.parents if not finite([parent.numpy()])]:
        node = bad[0]
    if not finite([node.numpy()]):
        return found("{} gave", node, node.numpy())
    broken: list[str] = []

    def visit(node: Any, position: int, gradient: Any, contribution: Any) -> Any:
        if not finite([contribution]):
            broken.append(found("the gradient of {} is", node, contribution))
        return contribution

    differentiate({head: np.ones_like(plain(head))}, visit=visit)
    return (broken or [""])[0]
