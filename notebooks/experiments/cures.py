"""Cures for overfitting, each beside no cure.

784-30-10 sigmoid neurons, cross-entropy on sigmoids, mini-batches of 10, a learning rate of 0.5: on
the first 1,000 images of MNIST such a network learns all of them by heart and reads few others.
Whatever the cure is, the network takes the same 10,000 steps: 100 epochs of 1,000 images, 2 of
50,000. It is judged after the last one.

Each cure is tried from two starts: from weights of N(0, 1), as in the course, and from N(0, 1/n) at
a neuron with n inputs. The first start is so bad that what makes weights smaller helps there
whatever else it does; the second is a cure itself, and shows what the others add to it.

A cure helps ("yes") if its worst seed is better than the best one without it, and harms ("no") if
its best seed is worse than the worst one without; else the difference is within the spread. Dropout
among 100 hidden neurons is compared with 100 without.

The strengths of L1 and L2, the p of dropout and DropConnect (0.2 or 0.5), what early stopping looks
at, and the bounds of the augmentation were chosen in a few tries with another seed, judged on the
images 45,001 to 50,000 of the training set. Early stopping looks at 1,000 of these, so it has seen
more than the 1,000 images it learns from; or at 200 of the 1,000, and learns the other 800.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, accuracy, dense, normal, runs_on
from experiment import learn as fit

import nn
from nn.data import Augment, Data
from nn.look.plots.figure import FAINT, GRID, legend, marked, panels

IMAGES, BATCH, RATE = 1_000, 10, 0.5
STARTS = {"": False, "small start: ": True}


class Cure(NamedTuple):
    """What is done: to the network, to the data, or in training by an option of `nn.fit`."""

    fit: Mapping[str, Any] = {}
    layers: Callable[..., Sequence[nn.Module]] = lambda *layers: layers
    hidden: int = 30
    images: int = IMAGES
    held_out: slice | None = None
    beside: str = "no cure"  # what it is compared with


def stopping(images: int, held_out: slice) -> Cure:
    """Early stopping, which looks at held-out images."""
    callback = nn.EarlyStopping(patience=20, measure="validation_accuracy")
    return Cure({"callbacks": [callback]}, images=images, held_out=held_out)


CURES = {
    "no cure": Cure(beside=""),
    "L1": Cure({"regulariser": nn.L1(0.3 / IMAGES)}),
    "L2": Cure({"regulariser": nn.L2(1.0 / IMAGES)}),
    "L2 with biases": Cure({"regulariser": nn.L2(1.0 / IMAGES, biases=True)}),
    "max-norm, c = 3": Cure({"constraint": nn.MaxNorm(3)}),
    "max-norm, c = 4": Cure({"constraint": nn.MaxNorm(4)}),
    "dropout": Cure(layers=lambda z, a, out: (z, a, nn.Dropout(0.2), out)),
    "dropout, half, weights halved in use": Cure(
        layers=lambda z, a, out: (z, a, nn.ClassicDropout(0.5), out)
    ),
    "DropConnect": Cure(layers=lambda z, a, out: (z, a, nn.DropConnect(out, 0.2))),
    "early stopping by 1,000 other images": stopping(IMAGES, slice(-1_000, None)),
    "early stopping by 200 of the 1,000": stopping(800, slice(800, IMAGES)),
    "batch normalisation of Z": Cure(layers=lambda z, a, out: (z, nn.BatchNorm1d(30), a, out)),
    "batch normalisation of H": Cure(layers=lambda z, a, out: (z, a, nn.BatchNorm1d(30), out)),
    "moved and turned images": Cure({"augment": Augment(translate=1, rotate=10)}),
    "elastic distortions": Cure({"augment": Augment(elastic=(20, 3))}),
    "5,000 images": Cure(images=5_000),
    "50,000 images": Cure(images=50_000),
    "100 hidden neurons": Cure(hidden=100),
    "100 hidden neurons, dropout": Cure(
        layers=lambda z, a, out: (z, a, nn.Dropout(0.5), out),
        hidden=100,
        beside="100 hidden neurons",
    ),
}


def learn(cure: Cure, train: Data, steps: int, seed: int, small: bool) -> nn.Module:
    """A network after so many steps, or fewer where the cure stops early."""
    nn.manual_seed(seed)
    layers = dense(784, cure.hidden, 10, first=normal(small))  # the loss has the sigmoids
    model = nn.Sequential(*cure.layers(*layers)).astype(np.float32)
    data = train[: cure.images]
    loss, epochs = nn.SigmoidCrossEntropyLoss(logits=True), steps * BATCH // len(data)
    held_out = None if cure.held_out is None else train[cure.held_out]
    fit(model, data, loss, RATE, epochs, validation=held_out, **cure.fit)
    return model


def helps(with_cure: Sequence[float], without: Sequence[float]) -> str:
    """Whether all seeds with the cure are better than all without, or worse, or neither."""
    if min(with_cure) > max(without):
        return "yes"
    return "no" if max(with_cure) < min(without) else "within the spread"


def dots(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Any:
    """A dot for each seed, the cures in the order of their medians from the first start."""
    first = found[""]
    names = sorted(first, key=lambda name: float(np.median(first[name])))
    headings = ["weights from N(0, 1)", "weights from N(0, 1/n)"]
    looks = dict(zip(("yes", "within the spread", "no"), (2, 6, 1), strict=True))
    figure, places = panels(
        9.6, 1.5 + 0.29 * len(names), "Test images read, in per cent", headings, grid=None
    )
    for axes, accuracies in zip(places, found.values(), strict=True):
        for place, name in enumerate(names):
            values, beside = accuracies[name], accuracies[CURES[name].beside or name]
            axes.axhline(place, color=GRID, linewidth=0.8, zorder=0)
            look = {"markersize": 4.5, "linestyle": "", **marked(looks[helps(values, beside)])}
            axes.plot(100 * np.array(values), [place] * len(values), **look)
        low, high = (100 * f(accuracies["no cure"]) for f in (min, max))
        axes.axvspan(low, high, color=FAINT, alpha=0.15, linewidth=0, zorder=0)
    places[0].set_yticks(range(len(names)), names)
    places[1].set_yticks(range(len(names)), [])
    for helped, look in looks.items():
        places[0].plot([], [], label=f"helps: {helped}", linestyle="", **marked(look))
    legend(figure, loc="outside lower center", ncols=len(looks))
    return figure


@runs_on("mnist")
def cures(experiment: Experiment) -> None:
    train, test = experiment.digits()
    names, seeds, steps = list(CURES), range(5), 10_000
    if experiment.quick:
        names, seeds, steps = ["no cure", "L2", "max-norm, c = 3", "5,000 images"], range(2), 1_000
    found: dict[str, dict[str, list[float]]] = {start: {} for start in STARTS}
    for name in names:
        cure = CURES[name]
        measured: dict[str, Any] = {}
        for start, small in STARTS.items():
            models = [learn(cure, train, steps, seed, small) for seed in seeds]
            tested = found[start][name] = [accuracy(model, test) for model in models]
            if not small:
                learnt = train[: cure.images]
                measured["training accuracy"] = [accuracy(model, learnt) for model in models]
            measured[f"{start}test accuracy"] = tested
            if cure.beside:
                beside = found[start][cure.beside]
                pairs = zip(tested, beside, strict=True)
                measured[f"{start}points gained"] = [round(100 * (a - b), 2) for a, b in pairs]
                measured[f"{start}helps"] = helps(tested, beside)
        experiment.row(name, **measured)
    experiment.figure(dots(found))
