"""Training a model: `fit`."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from typing import Any

from ..classics.strategies import StepOrJump
from ..data import Batches, Data
from ..files.atomic import Path
from ..init import manual_seed
from ..module import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, OneCycleLR
from .callbacks import ClipNorm, Constraint, EachEpoch, EachStep
from .checkpoint import Callback, Checkpoint, Run
from .health import Health
from .history import History
from .loop import Loop
from .progress import progress_of
from .sums import Sums

Array = Any  # a NumPy array
Examples = Data | tuple[Any, Any]


def fit(
    model: Module,
    data: Examples | Batches,
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer | StepOrJump,
    epochs: int,
    batch_size: int | None = 32,
    validation: Examples | None = None,
    schedule: LRScheduler | EachEpoch | None = None,
    regulariser: Callable[[Module], Any] | None = None,
    constraint: Callable[[Module], Any] | None = None,
    clip_norm: float | None = None,
    augment: Callable[[Array], Array] | None = None,
    callbacks: Iterable[Callback] = (),
    checkpoint: Path | Checkpoint | None = None,
    resume: bool = False,
    seed: int | None = None,
    progress: bool = True,
    replay: bool = False,
) -> History:
    """Train a model, and tell how it went.

    Each epoch goes once through the data in mini-batches, in a new order, and does for each what
    one would write by hand:

    ```
    cost = loss(model(x), y) + regulariser(model)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    ```

    - `data` is a Data or a pair of inputs and labels, taken in batches of `batch_size` (1: purely
      stochastic; None: all data at once); or Batches, made as one likes. Numbers are brought to
      the dtype of the parameters.
    - `validation` is data on which the model is judged after each epoch, and never trained.
    - `schedule` of the learning rate goes on after each epoch, OneCycleLR and what is inside
      `EachStep` after each batch; `regulariser` is a term of the cost, such as `nn.L2`;
      `constraint` is restored after each step, such as `nn.MaxNorm`; `clip_norm` is the largest
      norm of the gradient; `augment` changes the inputs of each batch, such as `nn.data.Augment`.
    - The optimiser may be a `StepOrJump`. `callbacks` are `EarlyStopping`, `Restarts`,
      `OnlyMistakes`, `Health` or one's own.
    - `checkpoint` is a path, or a `Checkpoint`, that keeps the whole run; with `resume` a run that
      was killed goes on from there to the same end, bit for bit, if there is a file already.
    - `seed` is given to `nn.manual_seed` at the start.
    - `progress` is a bar, or in a log a line per epoch, with the measures and the time left.
    - `replay` records the steps and replays them, to the same end in less time. Where that cannot
      be it says why, and goes on without.

    Ctrl-C ends the training after the present step. A loss that is no number raises a
    FloatingPointError which says where that began, and leaves the model as it was before that step.
    In the end the model is in `eval()` mode: ready to be used.

    >>> import nn
    >>> from nn.train import fit
    >>> _ = nn.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    >>> history = fit(
    ...     model, nn.data.moons(500, seed=0), loss=nn.CrossEntropyLoss(),
    ...     optimizer=nn.optim.Adam(model.parameters(), lr=0.02), epochs=20, progress=False,
    ... )
    >>> len(history), history.accuracy[-1] > 0.95
    (20, True)
    """
    if epochs < 0:
        raise ValueError(f"a model is trained for 0 or more epochs, not {epochs}")
    given = data if isinstance(data, Batches) else _data(data).batches(batch_size)
    batches = copy.copy(given)
    batches.data = _in_type_of(model, batches.data)
    held_out = None if validation is None else _in_type_of(model, _data(validation))
    strategy = optimizer if isinstance(optimizer, StepOrJump) else None
    if strategy is not None and clip_norm is not None:
        raise ValueError("StepOrJump makes whole steps: between them there is nothing to clip")
    if strategy is not None and replay:
        raise ValueError("StepOrJump decides at each step what to do: that cannot be replayed")
    if not any(isinstance(callback, Health) for callback in callbacks):
        callbacks = [Health(), *callbacks]
    added = [
        *callbacks,
        *([] if clip_norm is None else [ClipNorm(clip_norm)]),
        *([] if constraint is None else [Constraint(constraint)]),
        *([] if schedule is None else [_stepped(schedule)]),
    ]
    moved: Any = strategy.optimizer if strategy else optimizer
    run = Run(model, loss, moved, batches, epochs, added, Sums(loss, batches.data.labels))
    keeper = _keeper(checkpoint, resume)
    if seed is not None:
        manual_seed(seed)
    for callback in added:
        callback.begin(run)
    if keeper is not None:
        if os.path.exists(keeper.path):
            keeper.resume(run)
        keeper.begin(run)
    shown = progress_of(run, progress)
    Loop(run, strategy, regulariser, augment, held_out, keeper, shown, replay).go()
    return run.history


def _data(data: Any) -> Data:
    if isinstance(data, Data):
        return data
    if isinstance(data, tuple | list) and len(data) == 2:
        return Data(*data)
    raise TypeError(f"fit takes Data, or a pair of inputs and labels, not {type(data).__name__}")


def _in_type_of(model: Module, data: Data) -> Data:
    """The data with its floats in the type of the model's, which decides how it computes."""
    dtype = next((parameter.dtype for parameter in model.parameters()), None)
    inputs, labels = (
        array.astype(dtype, copy=False) if dtype and array.dtype.kind == "f" else array
        for array in (data.inputs, data.labels)
    )
    return Data(inputs, labels, data.classes)


def _stepped(schedule: LRScheduler | EachEpoch) -> EachEpoch:
    if isinstance(schedule, EachEpoch):
        return schedule
    return EachStep(schedule) if isinstance(schedule, OneCycleLR) else EachEpoch(schedule)


def _keeper(checkpoint: Path | Checkpoint | None, resume: bool) -> Checkpoint | None:
    if checkpoint is None:
        if resume:
            raise ValueError("resume=True goes on from a checkpoint: give checkpoint=path")
        return None
    keeper = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
    if not resume and os.path.exists(keeper.path):
        raise FileExistsError(
            f"{os.fspath(keeper.path)} has a run already: go on with it by resume=True, or delete "
            "it to begin anew"
        )
    return keeper
