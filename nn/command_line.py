"""What `python -m nn` understands: its options, and what their names stand for."""

from __future__ import annotations

import argparse
import math
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

from .functions import ELU, LeakyReLU, ReLU, Sigmoid, Tanh
from .losses import CrossEntropyLoss, QuadraticLoss, SigmoidCrossEntropyLoss
from .optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

PROGRAM = "python -m nn"


class Loss(NamedTuple):
    """A loss, what the last layer is followed by for it, and a rate that plain SGD takes well."""

    module: Callable[[], Any]
    after: tuple[Callable[[], Any], ...]
    rate: float


# Of each table the first is what one gets without asking.
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "elu": ELU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}
LOSSES = {
    "cross-entropy": Loss(CrossEntropyLoss, (), 0.3),
    "sigmoid-cross-entropy": Loss(SigmoidCrossEntropyLoss, (Sigmoid,), 0.3),
    "quadratic": Loss(QuadraticLoss, (Sigmoid,), 1.0),
}
# The optimiser for parameters and a rate, and its usual rate, from that of plain SGD.
OPTIMIZERS: dict[str, tuple[Callable[[Any, float], Optimizer], Callable[[float], float]]] = {
    "momentum": (lambda w, lr: SGD(w, lr, momentum=0.9), lambda rate: rate / 10),
    "nesterov": (lambda w, lr: SGD(w, lr, momentum=0.9, nesterov=True), lambda rate: rate / 10),
    "sgd": (SGD, lambda rate: rate),
    "adagrad": (Adagrad, lambda rate: 0.02),
    "rmsprop": (RMSprop, lambda rate: 0.002),
    "adam": (Adam, lambda rate: 0.003),
    "adamw": (AdamW, lambda rate: 0.003),
}

DESCRIPTION = """\
Train a network to read handwritten digits, and look at what it learnt.

First its gradient is checked: autograd, the closed form and differences must
agree. Then it is trained, and tested on images it has never seen."""

EPILOG = """\
what is left in the output folder:
  model.npz      the weights, for nn.load(model, "digits/model.npz")
  history.npz    loss, accuracy and more of each epoch, for numpy.load
  run.json       the options and the result
  curves.png     loss and accuracy; layers.png: gradients, and stuck units
  confusion.png  what was taken for what; mistakes.png: the worst of these
  weights.png    what the first layer looks for
  graph.svg      the computation of the loss of one image

examples:
  python -m nn --layers 100 30 --optimizer adam
  python -m nn --data ../mnist --epochs 10 --output all-of-mnist
  python -m nn --layers 30 --activation sigmoid --loss quadratic \\
      --optimizer sgd --lr 3 --schedule constant --batch-size 10 --no-augment
               the first network of Nielsen's book
  python -m nn --examples 1000 --no-augment --epochs 100 --output by-heart
               overfits: it learns its images by heart

Ctrl-C ends the training, and what was learnt so far is saved. The same command
with --resume goes on with it, or with a run that was killed, to the same end.
Until a run has come to its end, checkpoint.npz and checkpoint.json are there
for that."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (for help: {self.prog} --help)\n")


def parser() -> Parser:
    """The options and their help.

    >>> from nn.command_line import parser
    >>> parser().parse_args(["--layers", "100", "30", "--no-augment"]).layers
    [100, 30]
    """
    made = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole = _above_zero(int)

    add = made.add_argument_group("data").add_argument
    add(
        "--data",
        default="shipped",
        metavar="FOLDER",
        help="folder with the four IDX files of MNIST, gzipped or not; or 'shipped': the part of "
        "it that is in this package; or 'mnist': all of it, downloaded once (default: shipped)",
    )
    add(
        "--examples",
        type=whole,
        metavar="N",
        help="learn from N images only, as many of each digit",
    )
    add(
        "--augment",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="turn, move, lean and resize each image a little, every time differently "
        "(default: yes)",
    )
    add = made.add_argument_group("network").add_argument
    add(
        "--layers",
        type=whole,
        nargs="+",
        default=[100],
        metavar="N",
        help="how many neurons each hidden layer has (default: 100)",
    )
    add("--activation", **_one_of(ACTIVATIONS, "what hidden neurons make of their weighted sums"))
    add("--loss", **_one_of(LOSSES, "cross-entropy of a softmax or of sigmoids, or squares"))

    add = made.add_argument_group("learning").add_argument
    add(
        "--epochs",
        type=whole,
        default=30,
        metavar="N",
        help="passes through the data (default: 30)",
    )
    add("--batch-size", type=whole, default=32, metavar="N", help="images in a step (default: 32)")
    add("--optimizer", **_one_of(OPTIMIZERS, "what makes steps of gradients"))
    add(
        "--lr",
        type=_above_zero(float),
        metavar="RATE",
        help="learning rate (default: one that suits the loss and the optimiser)",
    )
    add("--schedule", **_one_of(("cosine", "constant"), "how the learning rate falls, if it does"))
    add(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="of the random numbers: the same seed gives the same run (default: 0)",
    )
    add = made.add_argument_group("output").add_argument
    add(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("digits"),
        metavar="FOLDER",
        help="where the results go, and replace those of an earlier run (default: digits)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the run in the output folder that was killed or interrupted; the other "
        "options must be the same",
    )
    add("--quiet", action="store_true", help="say nothing unless something is wrong")
    return made


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The options that decide what is learnt."""
    others = ("output", "resume", "quiet")
    return {name: value for name, value in vars(options).items() if name not in others}


def typed(name: str, value: Any) -> str:
    """An option as it is typed.

    >>> from nn.command_line import typed
    >>> typed("layers", [100, 30]), typed("augment", False), typed("lr", None)
    ('--layers 100 30', '--no-augment', 'no --lr')
    """
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    if value is None:
        return f"no --{name}"
    return " ".join([f"--{name}", *map(str, value if isinstance(value, list) else [value])])


def _one_of(names: Iterable[str], meaning: str) -> dict[str, Any]:
    first, *others = names
    listed = ", ".join([first, *others])
    return {
        "choices": [first, *others],
        "default": first,
        "metavar": "NAME",
        "help": f"{meaning}: {listed} (default: {first})",
    }


def _above_zero(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {what} above 0, not {text!r}")
        return value

    return number


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)
