"""Training a model: `fit`; and a short training that finds a learning rate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, count
from typing import Any

import numpy as np

from microgradnd import Tensor, no_grad
from microgradnd.arrays import Array, ArrayLike
from microgradnd.habits import at_least, check_choice, explain_options, require
from microgradnd.random_state import Snapshot

from ..data import Batches, Data
from ..data.stream import Stream
from ..files.named_arrays import Path
from ..init import generator, manual_seed
from ..module import Module
from ..optim import Optimizer, lr_scheduler
from ..optim.optimizer import clip_grad_norm_
from ..optim.schedule import LRScheduler
from .callbacks import EachEpoch, EachStep, Progress, StepOrJump
from .evaluation import Metric, dtype_of, in_mode, known, measures, placing
from .health import Health
from .history import History, RateTest
from .many_cores import Together
from .metrics import Sums
from .run import Callback, Checkpoint, Run, acting, overriding
from .step import Stepper

Examples = Data | tuple[ArrayLike, ArrayLike]
_VALIDATED_AT_ONCE = 500  # examples


@explain_options
def fit(
    model: Module,
    data: Examples | Batches | Iterable[Any],
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer | StepOrJump,
    epochs: int,
    batch_size: int | None = 32,
    steps: int | None = None,
    at_once: int | None = None,
    validation: Examples | None = None,
    metrics: Iterable[Metric] = (),
    schedule: LRScheduler | EachEpoch | None = None,
    regulariser: Callable[[Module], Any] | None = None,
    constraint: Callable[[Module], Any] | None = None,
    clip_norm: float | None = None,
    augment: Callable[[Array], Array] | None = None,
    callbacks: Callback | Iterable[Callback] = (),
    checkpoint: Path | Checkpoint | None = None,
    resume: bool = False,
    seed: int | None = None,
    progress: bool = True,
    replay: bool | str = "auto",
) -> History:
    """Train a model, and return how it went.

    Each epoch goes once through the data in mini-batches, in a new order, and does for each what
    one would write by hand:

    ```
    cost = loss(model(x), y) + regulariser(model)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    ```

    Ctrl-C ends the training after the present step. A loss that is nan or inf raises a
    FloatingPointError that names where it began, and leaves the model as it was before that step.
    In the end the model is in `eval()` mode: ready to be used.

    Arguments:
        data: a Data, a pair of inputs and labels, Batches, or an iterable of batches (pairs), such
            as a DataLoader or a generator; floats get the model's dtype.
        optimizer: an optimiser of the model's parameters, or a `StepOrJump`.
        batch_size: examples in a batch of a Data or a pair (Batches and iterables have their own);
            1 is purely stochastic, None takes all data at once.
        steps: of an iterable, the batches in an epoch; without it an epoch ends where they end.
        at_once: examples computed at once. The gradients of the parts of a batch are added up: the
            same step in less memory, but for BatchNorm and dropout, which see each part alone.
        validation: data on which the model is judged after each epoch, and which is never trained.
        metrics: names or functions as for `evaluate`, computed from the validation data after each
            epoch, for `history.metrics`.
        schedule: changes the learning rate after each epoch; OneCycleLR and what is inside
            `EachStep` after each batch.
        regulariser: a term of the cost, such as `nn.L2`.
        constraint: restored after each step, such as `nn.MaxNorm`.
        clip_norm: the largest norm of the gradient.
        augment: changes the inputs of each batch, such as `nn.data.Augment`.
        callbacks: `EarlyStopping`, `OnlyMistakes`, `Health` or one's own.
        checkpoint: a path, or a `Checkpoint`, that keeps the whole run.
        resume: go on with the run in the checkpoint, if it exists, to the same end, bit for bit.
        seed: passed to `nn.manual_seed` at the start.
        progress: show a bar, or in a log a line per epoch, with the measures and the time left.
        replay: whether to record the steps and replay them, to the same end in less time: "auto"
            does so where it pays and is possible; True also warns, with the reason, where it is
            impossible, and goes on without.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    >>> history = nn.fit(
    ...     model, nn.data.moons(500, seed=0), loss=nn.CrossEntropyLoss(), epochs=20, seed=0,
    ...     optimizer=nn.optim.Adam(model.parameters(), lr=0.05), progress=False,
    ... )
    >>> history.accuracy[-1] > 0.9
    True
    """
    at_least(0, epochs=epochs)
    at_least(1, None, steps=steps, at_once=at_once, batch_size=batch_size)
    at_least(0.0, None, clip_norm=clip_norm)
    require(clip_norm != 0, "clip_norm must be above 0, got 0")
    _expect("a model, such as nn.Linear(2, 1)", isinstance(model, Module), model)
    functions = {"regulariser": regulariser, "constraint": constraint, "augment": augment}
    for name, given in functions.items():
        _expect(f"a function as {name}", given is None or callable(given), given)
    made = callable(loss) and not isinstance(loss, type)
    _expect("a loss, such as nn.CrossEntropyLoss()", made, loss)
    moves = hasattr(optimizer, "param_groups") or isinstance(optimizer, StepOrJump)
    _expect("an optimiser, such as nn.optim.Adam(model.parameters())", moves, optimizer)
    dtype = dtype_of(model)
    batches: Batches | Stream
    if Stream.is_meant(data):
        batches = Stream(data, steps, dtype)
    elif steps is not None:
        raise ValueError("steps= counts batches of an iterable: use batch_size= with examples")
    elif isinstance(data, Batches):
        batches = data.of(Data.of(data.data, dtype))
    else:
        batches = Data.of(data, dtype).batches(batch_size)
    share = isinstance(validation, int | float)
    _expect("validation data, such as data.split(0.8)[1]", not share, validation)
    held_out = None if validation is None else Data.of(validation, dtype)
    metrics = known(metrics)
    held = "metrics= are computed from held-out data: give fit validation="
    require(held_out is not None or not metrics, held)
    check_choice("replay", replay, True, False, "auto")
    callbacks = [callbacks] if isinstance(callbacks, Callback | type) else list(callbacks)
    for callback in callbacks:
        _expect("callbacks, such as nn.EarlyStopping()", isinstance(callback, Callback), callback)
    if not any(isinstance(callback, Health) for callback in callbacks):
        callbacks.insert(0, Health())
    if clip_norm is not None:
        clip = partial(clip_grad_norm_, list(model.parameters()), clip_norm)
        callbacks.append(acting("ClipNorm", after_backward=lambda run: clip()))
    if constraint is not None:
        restore = partial(constraint, model)
        callbacks.append(acting("Constraint", after_step=lambda run: restore()))
    if isinstance(schedule, LRScheduler):
        by_step = isinstance(schedule, lr_scheduler.OneCycleLR)
        schedule = EachStep(schedule) if by_step else EachEpoch(schedule)
    if schedule is not None:
        use = "a schedule, such as nn.optim.lr_scheduler.StepLR(optimizer, 10)"
        _expect(use, isinstance(schedule, EachEpoch), schedule)
        callbacks.append(schedule)
    callbacks.sort(key=lambda callback: isinstance(callback, Together))  # last, it decides for all
    together = callbacks[-1] if isinstance(callbacks[-1], Together) else Together(None)
    moved: Any = optimizer
    if isinstance(optimizer, StepOrJump):
        moved = optimizer.optimizer
        parts = clip_norm or at_once or replay is True or together.size > 1
        without = "use it without clip_norm=, at_once=, replay= and Together"
        require(not parts, f"StepOrJump tries whole steps: {without}")
    for module in model.modules() if together.size > 1 or at_once is not None else ():
        cuts = together.size > 1 and getattr(module, "max_norm", None) is not None
        only = f"{module._where()}: max_norm and scale_grad_by_freq are for whole batches"
        parts = cuts or getattr(module, "scale_grad_by_freq", False)
        require(not parts, f"{only}, and not for at_once= and Together")
    options = {**functions, "clip_norm": clip_norm}
    run = Run(model, loss, moved, batches, epochs, callbacks, together, at_once, options)
    keeper = Callback() if together.rank else _keeper(checkpoint, resume)
    shown = Progress() if progress and not together.rank else Callback()
    if seed is not None:
        manual_seed(seed)
    everyone = *callbacks, keeper, shown
    for callback in everyone:
        callback.begin(run)
    again = "resume=True expects batches that can begin anew, such as a list"
    require(not (run.step and isinstance(batches, Stream) and batches.once), again)
    together.share(run)
    step = Stepper(run, regulariser, optimizer, replay)
    lookers, place = overriding("after_step", everyone), placing(model)

    # That a loss is nan or inf is found by looking at it, without NumPy's warnings.
    with _ctrl_c() as pressed, np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        try:
            while run.epoch < run.epochs and not run.stopped and not together.ends(pressed):
                if not run.batch:
                    run.sums.clear()
                    for callback in callbacks:
                        callback.before_epoch(run)
                    if run.stopped:
                        break
                model.train()
                step.begin()
                for x, y in run.batches_left():
                    x = x if augment is None else augment(x)
                    step(Tensor(place(x), copy=False), place(y))
                    run.batch += 1
                    run.step += 1
                    for callback in lookers:
                        callback.after_step(run)
                    if together.ends(pressed):
                        break
                else:
                    if not run.batch:
                        require(run.step, "expected batches to train on, got none")
                        run.stop("the batches have ended")
                        break
                    step.check()
                    _measure(run, held_out, metrics)
                    run.epoch += 1
                    run.batch = 0
                    for callback in everyone:
                        callback.after_epoch(run)
            keeper.end(run)
        except KeyboardInterrupt:  # from elsewhere, perhaps in the middle of a step
            pressed.append(True)
        finally:
            shown.end(run)
            model.eval()
            run.cost = None
    for callback in callbacks:
        callback.end(run)
    run.history.stopped = run.stopped or "interrupted" * together.ends(pressed)
    return run.history


def _expect(what: str, right: bool, found: Any) -> None:
    require(right, f"expected {what}, got {found!r}", TypeError)


def _keeper(checkpoint: Path | Checkpoint | None, resume: bool) -> Callback:
    if checkpoint is None:
        require(not resume, "resume=True goes on from a checkpoint: give checkpoint=path")
        return Callback()
    keeper = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
    begun = f"{os.fspath(keeper.path)} has a run already"
    what = f"{begun}: go on with it by resume=True, or delete it to begin anew"
    require(resume or not os.path.exists(keeper.path), what, FileExistsError)
    return keeper


def _measure(run: Run, held_out: Data | None, metrics: list[Metric]) -> None:
    if held_out is not None:
        sums, answers = Sums(run.loss), list[Array]()
        batches, place = held_out.batches(_VALIDATED_AT_ONCE, shuffle=False), placing(run.model)
        run.model.eval()
        with no_grad():
            for x, y in batches.epoch(cut=run.together.cut):
                targets, outputs = place(y), run.model(Tensor(place(x), copy=False))
                if run.together.examples:
                    sums.add(run.loss(outputs, targets).item(), outputs, targets)
                if metrics:
                    answers += run.together.gathered(outputs.numpy())
        run.together.total(sums)
        if metrics:
            whole = np.concatenate(answers)
            found = measures(whole, held_out.labels, metrics, sums.threshold)
            run.history.append(**{f"metrics/{name}": value for name, value in found.items()})
        run.history.append(validation_loss=sums.loss, validation_accuracy=sums.accuracy)
    run.history.append(
        loss=run.sums.loss, accuracy=run.sums.accuracy, rate=run.rate, seconds=run.sums.seconds
    )


@contextmanager
def _ctrl_c() -> Iterator[list[bool]]:
    """Inside, Ctrl-C is noted, so that a step may be finished; pressed again, it interrupts."""
    import signal  # slow, and `import nn` should be quick

    pressed: list[bool] = []

    def note(*_: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with suppress(ValueError):  # where this is not the main thread
            signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def find_learning_rate(
    model: Module,
    data: Data | tuple[ArrayLike, ArrayLike],
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> RateTest:
    """Trains for some steps with a rate that rises from step to step, and puts everything back.

    The loss is smoothed; the test ends where it is four times its least value. `plot()` draws it.

    Arguments:
        lowest, highest: rates of the first and the last step, evenly spaced on a logarithmic axis.
        steps: number of steps, one batch each.

    >>> import nn
    >>> model, data = nn.Linear(2, 2), nn.data.moons(200, seed=0)
    >>> sgd = nn.optim.SGD(model.parameters())
    >>> test = find_learning_rate(model, data, loss=nn.CrossEntropyLoss(), optimizer=sgd)
    >>> 0.01 < test.best < 10
    True
    """
    at_least(2, steps=steps)
    rising = f"expected 0 < lowest < highest, got {lowest} and {highest}"
    require(0 < lowest < highest, rising)
    parts: list[Any] = [model, optimizer, *[loss] * isinstance(loss, Module)]
    before = [part.state_dict() for part in parts]
    random = Snapshot([generator])
    batches = Data.of(data, dtype_of(model)).batches(batch_size)
    smooth, losses = 0.0, list[float]()
    rates = np.geomspace(lowest, highest, steps)
    endless = chain.from_iterable(batches.epoch() for _ in count())
    try:
        with in_mode(model, training=True):
            for number, (rate, (x, y)) in enumerate(zip(rates, endless, strict=False), 1):
                for group in optimizer.param_groups:
                    group["lr"] = float(rate)
                cost = loss(model(Tensor(x, copy=False)), y)
                smooth = 0.9 * smooth + 0.1 * cost.item()
                losses.append(smooth / (1 - 0.9**number))
                if not np.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
                    losses.pop()
                    break
                optimizer.zero_grad()
                cost.backward()
                optimizer.step()
    finally:
        for part, state in zip(parts, before, strict=True):
            part.load_state_dict(state)
        optimizer.zero_grad()
        random.restore()
    require(losses, f"expected a finite loss at the first step, got {cost.item()}")
    return RateTest(rates[: len(losses)], np.array(losses), rates[np.argmin(losses)].item() / 10)
