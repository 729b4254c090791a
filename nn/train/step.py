"""One step of a training: forwards, back, and the optimiser's move; and what broke the model."""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from microgradnd import Tensor, program, trace
from microgradnd.arrays import Array, is_foreign
from microgradnd.backward import differentiate
from microgradnd.context import users_line, warn_user
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.program import NotReplayableError, holds
from microgradnd.random_state import restore

from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .callbacks import StepOrJump
from .health import TrainingWarning, layers_by_scope
from .metrics import Sums
from .run import Callback, Run, finite, overriding

_LEFT = "the model or the loss leaves the graph, as .numpy(), .data and .item() do"
PAYS = 250  # steps; a replay of a small network has cost as much as it has saved after 190
SMALL = 1 << 20  # entries of the parameters; with more, Python's share of the time is small
Found: TypeAlias = tuple[Tensor, Tensor, Any]  # cost of a batch, loss without penalty, outputs


class _NotFiniteError(ArithmeticError):
    """The cost of a step is nan or inf."""


class _Kept:
    """What a model keeps of its last training: the functions of a step, and the replay of it.

    The next training with the same loss, optimiser and regulariser goes on with its programs. A
    copy of the model keeps nothing.
    """

    replayed: program.Replay | None = None

    def __init__(self, loss: Any = None, *others: Any) -> None:
        self.loss, self.others = loss, others
        if others:
            self.forwards, self.slopes, self.descend = _functions(loss, *others)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Kept, ()

    def has(self, loss: Any) -> bool:
        """Whether this loss computes the same: it is the same object, or one of the same class of
        modules whose attributes are the same objects."""
        if loss is self.loss or type(loss) is not type(self.loss) or not isinstance(loss, Module):
            return loss is self.loss
        here, there = vars(self.loss), vars(loss)
        same = map(operator.is_, here.values(), map(there.get, here))
        return here.keys() == there.keys() and all(same)


def _functions(
    loss_of: Any, model: Module, penalty: Any, optimizer: Optimizer, moves: bool
) -> tuple[Any, Any, Any]:
    """Functions of a batch: forwards; also back; and all of a step, without the optimiser's move
    if processes meet before it. A replay records the last one, and all that is in its reach."""

    def forwards(x: Tensor, y: Array) -> Found:
        outputs = model(x)
        if outputs is None:
            raise TypeError(f"{type(model).__name__}.forward returned None: end it with a return")
        if not isinstance(loss := loss_of(outputs, y), Tensor):
            raise TypeError(f"expected the loss to be a Tensor, got {type(loss).__name__}: {_LEFT}")
        return (loss if penalty is None else loss + penalty(model)), loss, outputs

    def slopes(x: Tensor, y: Array) -> Found:
        found = forwards(x, y)
        optimizer.zero_grad()
        found[0].backward()
        return found

    def descend(x: Tensor, y: Array) -> tuple[Tensor, Tensor | None, Any]:
        cost, loss, outputs = slopes(x, y)
        if not holds(np.isfinite(cost.numpy())):
            raise _NotFiniteError
        if moves:
            optimizer.step()
        return cost, None if loss is cost else loss, outputs

    return forwards, slopes, descend


class Stepper:
    """Makes the steps of a run, each by calling it with a batch, after `begin()` in each epoch."""

    def __init__(
        self,
        run: Run,
        regulariser: Callable[..., Any] | None,
        optimizer: Optimizer | StepOrJump,
        replay: bool | str,
    ) -> None:
        self._run, self._regulariser, self._optimizer = run, regulariser, optimizer
        self._lookers = overriding("after_backward", run.callbacks)
        self._whole, self._draws = run.together.size == 1, True
        self._take_functions()
        self.begin()
        self._replays, self._warns = bool(replay), replay is True
        if self._replays and (why := self._hindrance()):
            self._go_on_without_replay(why)

    def begin(self) -> None:
        """Find what the model consists of now."""
        self._parameters = [p for g in self._run.optimizer.param_groups for p in g["params"]]
        self._buffers = list(self._run.model.buffers())
        # What there was before the last step, and before the one before it: the steps, epochs and
        # batches, the batch, the values of all parameters and buffers, the state of the generator.
        self._before: deque[tuple[Any, ...]] = deque(maxlen=2)

    def _take_functions(self) -> None:
        """Take the functions of a step that the model has kept, or make new ones."""
        run = self._run
        others = run.model, self._regulariser, run.optimizer, self._whole
        self._kept: _Kept = vars(run.model).get("_kept") or _Kept()
        if [*map(id, self._kept.others)] != [*map(id, others)] or not self._kept.has(run.loss):
            self._kept = vars(run.model)["_kept"] = _Kept(run.loss, *others)

    def __call__(self, inputs: Tensor, targets: Array) -> None:
        """Make a step, and add the loss before it and the outputs to the measures of the run."""
        run, together, batch = self._run, self._run.together, (inputs, targets)
        model, _, optimizer, _ = self._kept.others
        same = run.model is model and run.optimizer is optimizer and self._kept.has(run.loss)
        if not same:  # as a callback has changed one of them
            self._take_functions()
        lookers = [callback for callback in self._lookers if callback.looks(run)]
        # A replay writes to the arrays of the parameters, and layers to their buffers.
        arrays = [plain(p).copy() if self._replays else plain(p) for p in self._parameters]
        arrays += [buffer.copy() for buffer in self._buffers]
        random = generator.bit_generator.state if self._draws or lookers else None
        self._before.append(((run.step, run.epoch, run.batch), batch, arrays, random))
        sums = run.sums if self._whole else Sums(run.loss)
        examples, moved = float(together.examples), False
        try:
            loss, outputs, moved = self._descended(*batch, not lookers)
            if examples:
                sums.add(loss, outputs, targets)
        except _NotFiniteError:
            examples = math.nan
        if lookers:
            self._draws = random != generator.bit_generator.state
        if not self._whole:  # one message goes to the other processes, also if the loss is nan
            held = [*self._parameters, *self._buffers]
            examples, *numbers = together.meet(held, examples, sums.numbers())
            if math.isfinite(examples):
                run.sums.include(numbers)
        if math.isnan(examples):
            raise self._error()
        if not moved:
            for callback in lookers:
                callback.after_backward(run)
            run.optimizer.step()

    def _descended(self, inputs: Tensor, targets: Array, moves: bool) -> tuple[float, Any, bool]:
        """The loss before the step, the outputs, and whether the parameters were moved."""
        run, kept = self._run, self._kept
        if self._replays and moves:
            try:
                kept.replayed = kept.replayed or program.Replay(kept.descend)
                run.cost = None  # and its graph, which may hold arrays that a replay writes to
                run.cost, loss, outputs = kept.replayed(inputs, targets)
                return (run.cost if loss is None else loss).item(), outputs, self._whole
            except (NotReplayableError, TypeError, AttributeError) as error:
                self._go_on_without_replay(str(error))  # if the step is wrong, we shall see
        if isinstance(self._optimizer, StepOrJump):
            return *self._jumped(self._optimizer, inputs, targets), True
        slopes = kept.slopes if run.at_once is None else self._slopes_in_parts
        run.cost, loss, outputs = slopes(inputs, targets)
        value = _finite(run.cost)
        return value if loss is run.cost else loss.item(), outputs, False

    def _jumped(self, optimizer: StepOrJump, inputs: Tensor, targets: Array) -> tuple[float, Any]:
        random, seen = generator.bit_generator.state, list[Found]()

        def cost() -> Tensor:
            restore(generator, random)  # the same dropout
            seen.append(self._kept.forwards(inputs, targets))
            _finite(seen[-1][0])
            return seen[-1][0]

        optimizer.step(cost)
        return seen[0][1].item(), seen[0][2]

    def _slopes_in_parts(self, inputs: Tensor, targets: Array) -> Found:
        """The gradient of a batch, added up from those of its parts, of which the last has the cost
        that is returned."""
        run, loss_of, whole = self._run, self._run.loss, len(targets)
        run.optimizer.zero_grad()
        answers, values, sums = list[Array](), list[float](), getattr(loss_of, "reduction", "")
        count = math.ceil(whole / (run.at_once or 1))  # even parts: BatchNorm needs two examples
        for part in (slice(whole * n // count, whole * (n + 1) // count) for n in range(count)):
            y, outputs = targets[part], run.model(inputs[part])
            fits = isinstance(outputs, Tensor) and outputs.shape[:1] == y.shape[:1]
            rows = "at_once= needs a model that returns a Tensor, a row per example"
            require(fits, rows, TypeError)
            cost = (1 if sums == "sum" else len(y) / whole) * loss_of(outputs, y)
            values.append(_finite(cost))
            cost.backward()
            answers.append(plain(outputs))
        answer = Tensor(np.concatenate(answers), copy=False)
        loss, total = loss_of(answer, targets), sum(values)
        found = f"this batch has {loss.item():.6g}, its parts together {total:.6g}"
        adds_up = f"at_once= needs a loss that is a mean or a sum over the examples; {found}"
        use = "With class weights or ignored labels use reduction='sum'"
        rounding = 1e3 * np.finfo(answer.dtype).eps * sum(map(abs, values))
        require(abs(loss.item() - total) <= rounding, f"{adds_up}. {use}")
        if self._regulariser is not None:
            penalty = self._regulariser(run.model)
            _finite(penalty)
            penalty.backward()
        return cost, loss, answer

    def check(self) -> None:
        """Raise an error if the last step has left nan or inf in the parameters."""
        if not finite(map(plain, self._parameters)):
            raise self._error()

    def _hindrance(self) -> str:
        """Why the steps are not replayed, or nothing."""
        run = self._run
        left = (run.epochs - run.epoch) * len(run.batches)
        entries = sum(parameter.size for parameter in self._parameters)
        pays = self._kept.replayed is not None or left >= PAYS or not len(run.batches)
        if not self._warns and not (pays and entries <= SMALL):
            return "to record one takes more time than it saves, or much memory"
        if run.at_once is not None:
            return "at_once= saves memory, and a replay keeps all of it"
        if isinstance(self._optimizer, StepOrJump):
            return "StepOrJump looks at the cost"
        if any(is_foreign(plain(p)) for p in self._parameters):
            return "its arrays are another library's, and programs are NumPy's"
        each = [type(c).__name__ for c in self._lookers if type(c).looks is Callback.looks]
        return f"{each[0]} looks at each gradient" if each else ""

    def _go_on_without_replay(self, why: str) -> None:
        self._replays, self._kept.replayed = False, None
        if self._warns:
            warn_user(f"training goes on without replay: {why}", TrainingWarning)

    def _error(self) -> FloatingPointError:
        """The error, with the model as it was before the first step that broke it."""
        model, count = self._run.model, len(self._parameters)
        known = [
            (place, batch, arrays, random)
            for place, batch, arrays, random in self._before
            if finite(arrays[:count])
        ]
        if not known:
            names = [path for path, p in model.named_parameters() if not finite([plain(p)])]
            return FloatingPointError(f"the model began with nan or inf in {', '.join(names)}")
        place, batch, arrays, random = known[-1]
        self._put_back(arrays, random)
        found = culprit(model, lambda x, y: self._kept.forwards(x, y)[0], *batch)
        too_long = "its gradients are finite, but the step of the optimiser was too long"
        where = self._run.together.first(found) or f"{too_long} for the weights"
        self._put_back(arrays, random)
        step, epoch, number = (each + 1 for each in place)
        began = f"It began at step {step} (epoch {epoch}, batch {number}): {where}"
        put_back = "The model is as it was before that step"
        return FloatingPointError(f"the loss is no longer a number. {began}. {put_back}")

    def _put_back(self, arrays: list[Array], random: Any) -> None:
        held: list[Any] = [*self._parameters, *self._buffers]
        for value, array in zip(held, arrays, strict=True):
            if isinstance(value, Tensor):
                value.hold(array.copy())
            else:
                value[...] = array
        if random is not None:
            restore(generator, random)
        self._run.model.zero_grad()


def _finite(cost: Tensor) -> float:
    value: float = cost.item()
    if not math.isfinite(value):
        raise _NotFiniteError
    return value


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
