"""The main job, `python -m nn`: a network learns to read handwritten digits.

Its gradient is first held against the closed form, so that what follows can be believed. What it
learnt, how, and where it errs is left in a folder.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from microgradnd import draw, no_grad
from microgradnd.draw.rendering import RenderingError

from .classics.backprop_check import check_backprop
from .command_line import ACTIVATIONS, LOSSES, OPTIMIZERS, PROGRAM, chosen, parser, typed
from .containers import Sequential
from .data import Augment, Data, TrainAndTest, digits, mnist
from .files import save
from .files.named_arrays import write
from .init import manual_seed
from .layers.dense import Linear
from .look import plots
from .optim.lr_scheduler import CosineAnnealingLR
from .train import Checkpoint, fit
from .train.history import History
from .train.metrics import accuracy, confusion_matrix

INTERRUPTED = 130  # the exit code of what Ctrl-C ended
NUMBERS = ("run.json", "model.npz", "history.npz")
PICTURES = (
    "curves.png",
    "layers.png",
    "confusion.png",
    "mistakes.png",
    "weights.png",
    "graph.svg",
)
SECONDS = 30  # from checkpoint to checkpoint
UNFINISHED = ("checkpoint.json", "checkpoint.npz")  # the options of a run, and how far it came


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, train, say how well it went, and save it. Returns the exit code."""
    commands = parser()
    options = commands.parse_args(arguments)
    say: Callable[[str], None] = (lambda text: None) if options.quiet else _say
    manual_seed(options.seed)
    try:
        train, test = _data(options)
        model, loss = _network(options, train.inputs.shape[1]), LOSSES[options.loss].module()
        _make_room(options.output)
        if options.resume:
            _check_that_it_can_go_on(options)
    except (OSError, ValueError, MemoryError) as error:
        commands.error(str(error))
    say(f"Data: {len(train):,} images to learn from, {len(test):,} to test.")
    say(_description(model, options))

    report = check_backprop(model, loss, train.inputs[:10], train.labels[:10])
    if not report:
        print(report, file=sys.stderr)
        return 1
    closed = max(row.difference for row in report.rows)
    numerical = max(row.numerical_difference for row in report.rows)
    say(
        f"Gradient: right. The closed form agrees with autograd to {closed:.0e}, "
        f"and with differences of the loss to {numerical:.0e}."
    )
    if options.resume:
        say(f"Going on with the run in {options.output}.")
    try:
        if not options.resume:
            _begin(options)
        history = _trained(model, loss, train, test, options)
    except FloatingPointError as error:
        _forget(options.output)
        print(f"{PROGRAM}: {error} (nothing is saved; try a smaller --lr)", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        commands.error(f"the checkpoint cannot be saved: {error}")
    except ValueError as error:
        if not options.resume:
            raise
        commands.error(str(error))  # the file is damaged
    if history.interrupted:
        say("Interrupted (the same command with --resume goes on). What was learnt so far:")
    with no_grad():
        outputs = model(test.inputs)
    share = accuracy(outputs, test.labels)
    say(f"Accuracy: {share:.1%} of the test images, which it had never seen.")
    say(_table(confusion_matrix(outputs, test.labels), test.classes))
    try:
        _save(options, model, history, share)
        for problem in _save_pictures(options.output, model, loss, history, test):
            say(problem)
        if not history.interrupted:
            _forget(options.output)
    except OSError as error:
        commands.error(f"the results cannot be saved: {error}")
    left = [name for name in (*NUMBERS, *PICTURES, *UNFINISHED) if (options.output / name).exists()]
    say(f"In {options.output}: {', '.join(left)}")
    return INTERRUPTED if history.interrupted else 0


def _data(options: argparse.Namespace) -> TrainAndTest:
    """The data that was asked for, or an OSError or ValueError that says what is wrong with it."""
    own = {"shipped": digits, "mnist": mnist}
    train, test = own[options.data]() if options.data in own else mnist(options.data)
    if not len(train) or not len(test) or train.inputs.shape[1] != test.inputs.shape[1]:
        sizes = " and ".join(f"{len(d)} of {d.inputs.shape[1]} pixels" for d in (train, test))
        raise ValueError(f"--data {options.data} has images to learn from and to test: {sizes}")
    if options.examples is not None and options.examples != len(train):
        if options.examples > len(train):
            raise ValueError(f"--examples {options.examples}: there are only {len(train)}")
        train, _ = train.split(options.examples, seed=options.seed, stratified=True)
    return TrainAndTest(train, test)


def _network(options: argparse.Namespace, inputs: int) -> Sequential:
    """Linear layers with activations between them, and after the last what the loss needs."""
    layers: list[Any] = []
    for outputs in options.layers:
        layers += [Linear(inputs, outputs), ACTIVATIONS[options.activation]()]
        inputs = outputs
    return Sequential(*layers, Linear(inputs, 10), *(make() for make in LOSSES[options.loss].after))


def _trained(
    model: Sequential, loss: Any, train: Data, test: Data, options: argparse.Namespace
) -> History:
    """Train the model; what is noticed on the way is said afterwards, below the progress bar."""
    make, usual_rate = OPTIMIZERS[options.optimizer]
    optimizer = make(model.parameters(), options.lr or usual_rate(LOSSES[options.loss].rate))
    cosine = options.schedule == "cosine"
    changes = Augment(rotate=12, translate=2, scale=0.12, skew=12)
    with warnings.catch_warnings(record=True) as noticed:
        history = fit(
            model,
            train,
            loss=loss,
            optimizer=optimizer,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=test,
            schedule=CosineAnnealingLR(optimizer, options.epochs) if cosine else None,
            augment=changes if options.augment else None,
            checkpoint=Checkpoint(options.output / "checkpoint.npz", SECONDS),
            resume=options.resume,
            progress=not options.quiet,
        )
    if not options.quiet:
        for warning in noticed:
            print(f"Noticed: {warning.message}", file=sys.stderr)
    return history


# ---- the folder of results -----------------------------------------------------------------------


def _make_room(folder: pathlib.Path) -> None:
    """Make sure, before any work is done, that results can be written and nothing else is lost."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output {folder} is a file, and not a folder")
    foreign = [
        name
        for record, names in (("run.json", (*NUMBERS, *PICTURES)), ("checkpoint.json", UNFINISHED))
        for name in names
        if os.path.lexists(folder / name) and not _options_in(folder / record)
    ]
    if foreign:
        raise ValueError(
            f"--output {folder} has {', '.join(foreign)} from elsewhere, which would be lost; "
            "choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"--output {folder} cannot be written to: {error.strerror}") from None


def _options_in(record: pathlib.Path) -> dict[str, Any]:
    """The options of a run of ours, from its record; none if this is something else."""
    try:
        content = json.loads(record.read_text("utf-8"))
        return dict(content["options"]) if content["made_by"] == PROGRAM else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _begin(options: argparse.Namespace) -> None:
    """Leave what `--resume` will need, and nothing of an earlier run that did not end."""
    _forget(options.output)
    record = options.output / "checkpoint.json"
    part = record.with_name(f".{record.name}.part")
    content = {"made_by": PROGRAM, "options": chosen(options)}
    part.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    os.replace(part, record)


def _check_that_it_can_go_on(options: argparse.Namespace) -> None:
    begun = _options_in(options.output / "checkpoint.json")
    if not begun or not (options.output / "checkpoint.npz").exists():
        raise ValueError(f"--resume: in {options.output} there is no unfinished run")
    for name, value in chosen(options).items():
        if begun.get(name) != value:
            raise ValueError(
                f"--resume: the run in {options.output} was begun with "
                f"{typed(name, begun.get(name))}, not with {typed(name, value)}"
            )


def _forget(folder: pathlib.Path) -> None:
    """Nothing is left to go on with."""
    for name in reversed(UNFINISHED):
        (folder / name).unlink(missing_ok=True)


def _save(options: argparse.Namespace, model: Sequential, history: History, share: float) -> None:
    """Leave the run in the folder, and nothing of an earlier one."""
    folder = options.output
    for name in (*NUMBERS, *PICTURES):
        (folder / name).unlink(missing_ok=True)
    record = {
        "made_by": PROGRAM,
        "options": chosen(options),
        "result": {"accuracy": share, "epochs": len(history), "stopped": history.stopped},
    }
    (folder / "run.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    save(model, folder / "model.npz")
    write(folder / "history.npz", history.arrays())


def _save_pictures(
    folder: pathlib.Path, model: Sequential, loss: Any, history: History, test: Data
) -> list[str]:
    """Leave the pictures in the folder, and say which could not be made, and why."""

    def save_one(name: str) -> None:
        if name == "graph.svg":
            draw(loss(model(test.inputs[:1]), test.labels[:1])).save(folder / name)
            return
        figure = {
            "curves.png": lambda: plots.learning_curves(history),
            "layers.png": lambda: plots.gradient_health(history),
            "confusion.png": lambda: plots.confusion_matrix(model, test),
            "mistakes.png": lambda: plots.worst_mistakes(model, test),
            "weights.png": lambda: plots.first_layer_weights(model),
        }[name]()
        figure.savefig(folder / name)

    missing: dict[str, list[str]] = {}
    for name in PICTURES:
        try:
            save_one(name)
        except (ModuleNotFoundError, RenderingError, ValueError) as error:  # noqa: PERF203
            missing.setdefault(str(error), []).append(name)
    return [f"Not made: {', '.join(names)}: {why}" for why, names in missing.items()]


# ---- words ---------------------------------------------------------------------------------------


def _say(text: str) -> None:
    print(text, flush=True)  # in order with the progress, which goes to stderr


def _description(model: Sequential, options: argparse.Namespace) -> str:
    weights = [layer.weight for layer in model if isinstance(layer, Linear)]
    sizes = "-".join(str(size) for size in (weights[0].shape[1], *(w.shape[0] for w in weights)))
    count = sum(parameter.size for parameter in model.parameters())
    return f"Network: {sizes}, {options.activation}, {options.loss}, {count:,} parameters."


def _table(matrix: Any, names: Sequence[str]) -> str:
    """What was taken for what, in rows."""
    cells = [["", *names]]
    cells += [
        [name, *(str(n or ".") for n in row)] for name, row in zip(names, matrix, strict=True)
    ]
    width = max(len(cell) for row in cells for cell in row)
    lines = ("  ".join(cell.rjust(width) for cell in row) for row in cells)
    return "\n".join(["A row for each digit: what it was taken for, and how often.", *lines])


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
