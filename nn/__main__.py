"""Train a network to read handwritten digits, or on data of one's own, and look
at what it learnt.

First its gradient is checked: autograd, the closed form and differences must
agree. Then it is trained, and tested on images it has never seen.

what is left in the output folder:
  model.npz      the weights, for nn.load(model, "digits/model.npz"); of a table
                 with its columns and scales, see nn.load
  history.npz    loss, accuracy and more of each epoch, for numpy.load
  run.json       the options and the result
  curves.png     loss and accuracy; layers.png: gradients, and stuck units
  confusion.png  what was taken for what; mistakes.png: the worst of these
  weights.png    what the first layer looks for
  graph.svg      the computation of the loss of one image

examples:
  python -m nn --layers 100 30 --optimizer adam
  python -m nn --data ../mnist --epochs 10 --output all-of-mnist
  python -m nn --data flowers.csv --label species
  python -m nn --data houses.csv --label price --columns zip=category id=skip
  python -m nn --data photos --size 32
               a folder with a folder of images for each class
  python -m nn --layers 30 --activation sigmoid --loss quadratic \\
      --optimizer sgd --lr 3 --schedule constant --batch-size 10 --no-augment
               the first network of Nielsen's book
  python -m nn --examples 1000 --no-augment --epochs 100 --output by-heart
               overfits: it learns its images by heart

Ctrl-C ends the training, and what was learnt so far is saved. The same command
with --resume goes on with it, or with a run that was killed, to the same end.
Until a run has come to its end, checkpoint.npz and checkpoint.json are there
for that.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

import nn
from microgradnd import draw
from microgradnd.arrays import Array
from microgradnd.draw.image import RenderingError
from microgradnd.habits import option_instead, require
from microgradnd.memory import keep_freed_memory
from microgradnd.text_table import text_table

from .data.own_data import OwnData, own_data
from .files.named_arrays import replacing, write

PROGRAM = "python -m nn"
INTERRUPTED = 130  # the exit code of what Ctrl-C ended
SECONDS = 30  # from checkpoint to checkpoint
UNFINISHED = ("checkpoint.json", "checkpoint.npz")  # the options of a run, and how far it came
NUMBERS = ("run.json", "model.npz", "history.npz")
PICTURES: dict[str, Callable[..., Any]] = {  # each from the history, the model, its loss, test data
    "curves.png": lambda history, *_: nn.plots.learning_curves(history),
    "layers.png": lambda history, *_: nn.plots.gradient_health(history),
    "confusion.png": lambda _, model, __, test: nn.plots.confusion_matrix(model, test),
    "mistakes.png": lambda _, model, __, test: nn.plots.worst_mistakes(model, test),
    "weights.png": lambda _, model, *__: nn.plots.first_layer_weights(model),
    "graph.svg": lambda _, model, loss, test: draw(
        lambda x: loss(model(x), test.labels[:1]), test.inputs[:1]
    ),
}

OF_IMAGES, OF_CLASSES = ("mistakes.png", "weights.png"), ("confusion.png",)

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "leaky-relu": nn.LeakyReLU, "elu": nn.ELU, "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}  # fmt: skip
LOSSES: dict[str, tuple[Any, list[Any], float]] = {  # what precedes it, and a rate for plain SGD
    "cross-entropy": (nn.CrossEntropyLoss, [], 0.3),
    "sigmoid-cross-entropy": (nn.SigmoidCrossEntropyLoss, [nn.Sigmoid], 0.3),
    "quadratic": (nn.QuadraticLoss, [nn.Sigmoid], 1.0),
}
SQUARES: tuple[Any, list[Any], float] = nn.QuadraticLoss, [], 0.3  # of numbers to be predicted
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any], Callable[[float], float]]] = {
    "momentum": (nn.optim.SGD, {"momentum": 0.9}, lambda plain: plain / 10),
    "nesterov": (nn.optim.SGD, {"momentum": 0.9, "nesterov": True}, lambda plain: plain / 10),
    "sgd": (nn.optim.SGD, {}, lambda plain: plain),
    "adagrad": (nn.optim.Adagrad, {}, lambda plain: 0.02),
    "rmsprop": (nn.optim.RMSprop, {}, lambda plain: 0.002),
    "adam": (nn.optim.Adam, {}, lambda plain: 0.003),
    "adamw": (nn.optim.AdamW, {}, lambda plain: 0.003),
}


def _number(kind: type[int | float], above: int = 0) -> Callable[[str], float]:
    """A function that reads a number, and refuses one that is too small."""

    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            if above < (value := kind(text)) < math.inf:
                return value
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"must be {what} above {above}, got {text!r}")

    return read


# The default, how it is read or what there is to choose from, and the help.
OPTIONS: dict[str, dict[str, tuple[Any, Any, str]]] = {
    "data": {
        "--data PATH": ("shipped", str, "a CSV file; a folder with a folder of images for each "
            "class; one with the IDX files of MNIST, gzipped or not; or 'shipped': the part of it "
            "in this package; or 'mnist': all of it, downloaded once"),
        "--examples N": (None, _number(int), "learn from N examples only, as many of each class"),
        "--augment": (None, bool, "turn, move, lean and resize each image a little, every time "
            "differently (default: yes for digits)"),
        "--label NAME": (None, str, "the column of labels in a CSV file (default: the last)"),
        "--columns NAME=KIND": ([], str, "what columns of a CSV file are, if not what they seem: "
            "number, category, date or skip"),
        "--numbers": (False, bool, "the labels of a CSV file are numbers to be predicted even if "
            "they are few and whole"),
        "--size N": (28, _number(int), "height and width to which own images are resized"),
        "--colour": (False, bool, "own images have colours that matter"),
    },
    "network": {
        "--layers N": ([100], _number(int), "neurons of each hidden layer (default: 100)"),
        "--activation NAME": ("relu", ACTIVATIONS, "the function of each hidden neuron"),
        "--loss NAME": ("cross-entropy", LOSSES, "cross-entropy (softmax or sigmoids) or squares"),
    },
    "learning": {
        "--epochs N": (30, _number(int), "passes through the data"),
        "--batch-size N": (32, _number(int), "images in a step"),
        "--optimizer NAME": ("momentum", OPTIMIZERS, "how steps are made from gradients"),
        "--lr RATE": (None, _number(float), "learning rate (default: one that suits the loss and "
            "the optimiser)"),
        "--schedule NAME": ("cosine", ["cosine", "constant"], "how the learning rate falls, if so"),
        "--seed N": (0, _number(int, -1), "of random numbers: the same seed gives the same run"),
    },
    "output": {
        "--output FOLDER": (None, pathlib.Path, "where the results go, and replace those of an "
            "earlier run (default: digits, or trained for data of one's own)"),
        "--resume": (False, bool, "go on with the run in the output folder that was killed or "
            "interrupted; the other options must be the same"),
        "--quiet": (False, bool, "print nothing unless something is wrong"),
    },
}  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Reads the options; an error is one line."""

    def __init__(self) -> None:
        description, what, left = (__doc__ or "").partition("what is left")
        form = argparse.RawDescriptionHelpFormatter
        how: dict[str, Any] = {"description": description, "epilog": what + left}
        super().__init__(PROGRAM, formatter_class=form, allow_abbrev=False, **how)
        for group, options in OPTIONS.items():
            add = self.add_argument_group(group).add_argument
            for typed, (default, read, meaning) in options.items():
                name, _, metavar = typed.partition(" ")
                how = {"metavar": metavar, "type": read}
                if read is bool:
                    both = default is not False
                    how = {"action": argparse.BooleanOptionalAction if both else "store_true"}
                elif isinstance(default, list):
                    how["nargs"] = "+"
                elif not callable(read):
                    how = {"metavar": metavar, "choices": list(read)}
                    meaning += ": %(choices)s"
                if isinstance(default, str | int | pathlib.Path) and read is not bool:
                    meaning += " (default: %(default)s)"
                add(name, default=default, help=meaning, **how)

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        if unknown := line.partition("unrecognized arguments: ")[2]:
            names = [typed.split()[0][2:] for group in OPTIONS.values() for typed in group]
            meant = option_instead(unknown.split()[0].strip("-").replace("-", "_"), names)
            option = meant.replace("use ", "use --").rstrip("=")
            line += option if unknown[0] == "-" else f"; use --data {unknown}"
        self.exit(2, f"{self.prog}: {line} (for help: {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, train, test and save a network. Returns the exit code."""
    commands = Parser()
    options = commands.parse_args(arguments)
    resume = options.resume
    optimizer, extra, usual_rate = OPTIMIZERS[options.optimizer]
    others = ("output", "resume", "quiet")  # which do not decide what is learnt
    chosen = {name: value for name, value in vars(options).items() if name not in others}
    record = {"made_by": PROGRAM, "options": chosen}
    # In order with the progress, which goes to stderr.
    say = (lambda text: None) if options.quiet else functools.partial(print, flush=True)
    nn.manual_seed(options.seed)
    try:
        own = own_data(options)
        train, test, kind = own.train, own.test, own.kind
        folder = options.output or pathlib.Path("digits" if kind == "digits" else "trained")
        loss, after, plain_rate = LOSSES[options.loss] if own.targets is None else SQUARES
        sizes = [train.inputs.shape[1], *options.layers, len(train.classes) or 1]
        hidden = ACTIVATIONS[options.activation]
        layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), hidden())]
        model = nn.Sequential(*layers[:-1], *(make() for make in after))
        _make_room(folder, record, resume)
    except (OSError, ValueError, MemoryError) as error:
        commands.error(str(error))
    loss = loss()
    optimizer = optimizer(model.parameters(), options.lr or usual_rate(plain_rate), **extra)
    things = "rows" if kind == "rows" else "images"
    say(f"Data: {len(train):,} {things} to learn from, {len(test):,} to test.")
    for note in own.notes:
        say(note)
    parameters = f"{sum(p.size for p in model.parameters()):,} parameters"
    what = "squares" if own.targets else options.loss
    network = "-".join(map(str, sizes)), options.activation, what, parameters
    say(f"Network: {', '.join(network)}.")

    report = nn.check_backprop(model, loss, train.inputs[:10], train.labels[:10])
    if not report:
        print(report, file=sys.stderr)
        if not resume:
            _forget(folder)
        return 1
    closed = max(row.difference for row in report.rows)
    numerical = max(row.numerical_difference for row in report.rows)
    say(f"Gradient: right. The closed form agrees with autograd to {closed:.0e}, "
        f"and with differences of the loss to {numerical:.0e}.")  # fmt: skip

    if resume:
        say(f"Going on with the run in {folder}.")
    cosine, constant = nn.optim.lr_scheduler.CosineAnnealingLR, options.schedule == "constant"
    augmented = kind == "digits" if options.augment is None else options.augment
    augment = nn.data.Augment(rotate=12, translate=2, scale=0.12, skew=12)
    try:
        with warnings.catch_warnings(record=True) as noticed:
            history = nn.fit(
                model, train, loss=loss, optimizer=optimizer, epochs=options.epochs,
                batch_size=options.batch_size, validation=test,
                schedule=None if constant else cosine(optimizer, options.epochs),
                augment=augment if augmented else None,
                checkpoint=nn.Checkpoint(folder / "checkpoint.npz", SECONDS),
                resume=resume, progress=not options.quiet,
            )  # fmt: skip
    except FloatingPointError as error:
        _forget(folder)
        print(f"{PROGRAM}: {error} (nothing is saved; try a smaller --lr)", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        done = "read" if isinstance(error, ValueError) else "saved"
        if done == "read" and not resume:
            raise
        commands.error(f"the checkpoint cannot be {done}: {error}")
    for warning in noticed if not options.quiet else ():  # below the progress bar
        print(f"Noticed: {warning.message}", file=sys.stderr)
    if history.interrupted:
        say("Interrupted (the same command with --resume goes on). What was learnt so far:")

    measured = _measures_on_test(nn.predict(model, test.inputs), own, say)

    missing: dict[str, list[str]] = {}
    try:
        for name in (*NUMBERS, *PICTURES):  # of an earlier run
            (folder / name).unlink(missing_ok=True)
        result = measured | {"epochs": len(history), "stopped": history.stopped}
        _write_record(folder / "run.json", record | {"result": result})
        nn.save(model, folder / "model.npz", *own.preparation)
        write(folder / "history.npz", history.arrays())
        for name, picture in PICTURES.items():
            if name in OF_IMAGES * (kind == "rows") + OF_CLASSES * (own.targets is not None):
                continue
            try:
                made = picture(history, model, loss, test)
                (made.save if name.endswith("svg") else made.savefig)(folder / name)
            except (ModuleNotFoundError, RenderingError, ValueError) as error:
                missing.setdefault(str(error), []).append(name)
        if not history.interrupted:
            _forget(folder)
    except OSError as error:
        commands.error(f"the results cannot be saved: {error}")
    for why, names in missing.items():
        say(f"Not made: {', '.join(names)}: {why}")
    left = [name for name in (*NUMBERS, *PICTURES, *UNFINISHED) if (folder / name).exists()]
    say(f"In {folder}: {', '.join(left)}")
    return INTERRUPTED if history.interrupted else 0


def _measures_on_test(outputs: Array, own: OwnData, say: Callable[[str], None]) -> dict[str, float]:
    """How well the test data are predicted, also in words."""
    test = own.test
    if own.targets is not None:
        right, found = (own.targets.inverse(y) for y in (test.labels, outputs))
        explained, error = nn.r2(found, right), float(np.sqrt(np.mean((found - right) ** 2)))
        say(f"R²: {explained:.3f} of the test rows, which it had never seen: of their variance "
            f"this share is explained. The typical error is {error:.4g}.")  # fmt: skip
        return {"r2": explained, "error": error}
    share = nn.accuracy(outputs, test.labels)
    things = "rows" if own.kind == "rows" else "images"
    say(f"Accuracy: {share:.1%} of the test {things}, which it had never seen.")
    each = "digit" if own.kind == "digits" else "class"
    say(f"A row for each {each}: what it was taken for, and how often.")
    rows = zip(test.classes, nn.confusion_matrix(outputs, test.labels).tolist(), strict=True)
    table = [["", *test.classes], *([name, *(str(n or ".") for n in row)] for name, row in rows)]
    say("\n".join(text_table(table, left=0)))
    return {"accuracy": share}


def _make_room(folder: pathlib.Path, record: dict[str, Any], resume: bool) -> None:
    """Begin a run, or find one to resume, before any work is done: results can be written, nothing
    else is lost, and a run to resume was begun with these options."""
    ours, begun = _recorded(folder / "run.json"), _recorded(folder / "checkpoint.json")
    names = [*(() if ours else (*NUMBERS, *PICTURES)), *(() if begun else UNFINISHED)]
    foreign = ", ".join(name for name in names if os.path.lexists(folder / name))
    lost = "from elsewhere, which would be lost; choose another folder"
    require(not foreign, f"--output {folder} has {foreign} {lost}")
    if not resume:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _forget(folder)
            _write_record(folder / "checkpoint.json", record)
        except OSError as error:
            raise ValueError(f"--output {folder} cannot be written to: {error.strerror}") from None
        return
    unfinished = begun and (folder / "checkpoint.npz").exists()
    require(unfinished, f"--resume: there is no unfinished run in {folder}")
    for name, value in record["options"].items():
        other = f"{name} = {begun.get(name)}, not {value}"
        require(begun.get(name) == value, f"--resume: the run in {folder} was begun with {other}")


def _write_record(path: pathlib.Path, record: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")


def _recorded(path: pathlib.Path) -> dict[str, Any]:
    """The options of a run, from its record; none if this is something else."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return dict(content["options"]) if content["made_by"] == PROGRAM else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _forget(folder: pathlib.Path) -> None:
    """Leave nothing to go on with."""
    for name in reversed(UNFINISHED):
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    keep_freed_memory()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os._exit(1)
