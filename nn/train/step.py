"""One step of a training: forwards, back, and the optimiser's move; and what broke the model."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from microgradnd import Tensor, program, trace
from microgradnd.arrays import Array, is_foreign
from microgradnd.backward import differentiate
from microgradnd.context import users_line, warn_user
from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.program import NotReplayableError, holds
from microgradnd.random_state import restore
from microgradnd.tree import leaves_of

from ..init import generator
from ..module import Module
from ..optim import Optimizer
from .health import TrainingWarning, layers_by_scope
from .run import Callback, Run, overriding
from .strategies import StepOrJump

_LEFT = "the model or the loss leaves the graph, as .numpy(), .data and .item() do"
PAYS = 400  # steps; to record one takes as long as 200 of a small network
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

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        made: tuple[Any, ...] = _functions(*parts) if parts else (None,) * 3
        self.forwards, self.slopes, self.descend = made

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Kept, ()


def _is_like(one: object, other: object) -> bool:
    """Whether it is the same, or a module without parameters of the same kind and options."""
    if one is other or type(one) is not type(other) or not isinstance(one, Module):
        return one is other
    large = (isinstance(value, Tensor | np.ndarray | Module) for value in leaves_of(vars(one)))
    return not any(large) and _agree(vars(one), vars(other))


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    try:
        return one == other
    except ValueError:  # an array beside something else
        return False


def _functions(
    model: Module, loss_of: Any, penalty: Any, optimizer: Optimizer, moves: bool
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
        found = slopes(x, y)
        if not holds(np.isfinite(found[0].numpy())):
            raise _NotFiniteError
        if moves:
            optimizer.step()
        cost, loss, outputs = found
        return cost, None if loss is cost else loss, outputs

    return forwards, slopes, descend


class _Before(NamedTuple):
    """What there was before a step, to be put back."""

    place: tuple[int, int, int]  # steps, epochs and batches before it
    batch: tuple[Tensor, Array]
    arrays: list[Array]  # the values of all parameters, then the buffers
    random: Any  # the state of the generator, if steps draw from it


class Step:
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
        self.begin()
        self._replays, self._warns = bool(replay), replay is True
        if self._replays and (why := self._hindrance()):
            self._go_on_without_replay(why)

    def begin(self) -> None:
        """Find what the model consists of now."""
        self._parameters = [p for g in self._run.optimizer.param_groups for p in g["params"]]
        self._buffers = list(self._run.model.buffers())
        self._before: deque[_Before] = deque(maxlen=2)  # of the last step, and of the one before it
        self._take_functions()

    def _take_functions(self) -> None:
        """Take the functions of a step that the model has kept, or make new ones."""
        run = self._run
        parts = run.model, run.loss, self._regulariser, run.optimizer, self._whole
        kept = vars(run.model).get("_kept", _Kept())
        if not (kept.parts and all(map(_is_like, kept.parts, parts))):
            kept = vars(run.model)["_kept"] = _Kept(*parts)
        self._kept: _Kept = kept
        self._loss = run.loss
        self._losses = [getattr(loss, "__dict__", {}) for loss in (kept.parts[1], run.loss)]

    def __call__(self, inputs: Tensor, targets: Array) -> None:
        """Make a step, and add the loss before it and the outputs to the measures of the run."""
        run, (kept, present) = self._run, self._losses
        changed = kept is not present and not _agree(kept, present)
        if changed or run.loss is not self._loss:
            self._take_functions()
        lookers = [callback for callback in self._lookers if callback.looks(run)]
        place = run.step, run.epoch, run.batch
        arrays = [plain(p).copy() if self._replays else plain(p) for p in self._parameters]
        arrays += [buffer.copy() for buffer in self._buffers]
        random = generator.bit_generator.state if self._draws or lookers else None
        self._before.append(_Before(place, (inputs, targets), arrays, random))
        sums, together = run.sums if self._whole else run.sums.new(), run.together
        examples, moved = float(together.examples), False
        try:
            loss, outputs, moved = self._descended(inputs, targets, not lookers)
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
            if seen:
                restore(generator, random)  # the same dropout
            seen.append(self._kept.forwards(inputs, targets))
            _finite(seen[-1][0])
            return seen[-1][0]

        optimizer.step(cost)
        _, loss, outputs = seen[0]
        return loss.item(), outputs

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
            require(
                fits, "at_once= needs a model that returns a Tensor, a row per example", TypeError
            )
            cost = (1 if sums == "sum" else len(y) / whole) * loss_of(outputs, y)
            values.append(_finite(cost))
            cost.backward()
            answers.append(plain(outputs))
        answer = Tensor(np.concatenate(answers), copy=False)
        loss = loss_of(answer, targets)
        rounding = 1e3 * np.finfo(answer.dtype).eps * sum(map(abs, values))
        require(
            abs(loss.item() - sum(values)) <= rounding,
            "at_once= needs a loss that is a mean or a sum over the examples; this batch has "
            f"{loss.item():.6g}, its parts together {sum(values):.6g}. With class weights or "
            "ignored labels use reduction='sum'",
        )
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
        model = self._run.model
        count = len(self._parameters)
        known = (each for each in reversed(self._before) if finite(each.arrays[:count]))
        before = next(known, None)
        if before is None:
            names = [path for path, p in model.named_parameters() if not finite([plain(p)])]
            return FloatingPointError(f"the model began with nan or inf in {', '.join(names)}")
        self._put_back(before)
        found = culprit(model, lambda x, y: self._kept.forwards(x, y)[0], *before.batch)
        where = self._run.together.first(found) or (
            "its gradients are finite, but the step of the optimiser was too long for the weights"
        )
        self._put_back(before)
        step, epoch, batch = (count + 1 for count in before.place)
        return FloatingPointError(
            f"the loss is no longer a number. It began at step {step} (epoch {epoch}, batch "
            f"{batch}): {where}. The model is as it was before that step"
        )

    def _put_back(self, before: _Before) -> None:
        held: list[Any] = [*self._parameters, *self._buffers]
        for value, array in zip(held, before.arrays, strict=True):
            if isinstance(value, Tensor):
                value.hold(array.copy())
            else:
                value[...] = array
        if before.random is not None:
            restore(generator, before.random)
        self._run.model.zero_grad()


def _finite(cost: Tensor) -> float:
    value: float = cost.item()
    if not math.isfinite(value):
        raise _NotFiniteError
    return value


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
