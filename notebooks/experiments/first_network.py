"""The first program of the course: 30 hidden neurons learn to read handwritten digits.

Sigmoid neurons, the quadratic cost, all weights and biases from N(0, 1), mini-batches of 10, a
learning rate of 3.0, 30 epochs over 50,000 images: this reads 95 % of the test images. It reads
more if the weights of a neuron with n inputs begin √n times smaller: then its weighted sum is not
so large that it is saturated before it has learnt anything.

The book's program goes through a mini-batch example by example. The mini-batch as one matrix is the
same mathematics and takes less time: both are timed, in turns.
"""

import time
from typing import Any

import example_by_example
import numpy as np
from experiment import Experiment, curves, dense, learn, normal, runs_on

import nn
from nn.data import Data

RATE = 3.0


def book_network(small: bool = False) -> nn.Module:
    """The network of the first program, with its first weights or small ones."""
    return dense(784, 30, 10, first=normal(small), last=[nn.Sigmoid()]).astype(np.float32)


def descend(model: nn.Module, train: Data, epochs: int, **options: Any) -> nn.History:
    """The steps of the first program, with a mini-batch as one matrix."""
    return learn(model, train, nn.QuadraticLoss(), RATE, epochs, replay=True, **options)


def race(experiment: Experiment, part: Data) -> None:
    """Time both programs on the same images in turns, by the processor's clock: it is disturbed
    less by what else the machine does."""
    model = book_network()
    copies = [parameter.numpy().astype(float) for parameter in model.parameters()]
    examples = Data(part.inputs.astype(float), part.one_hot().labels)  # the book's are float64
    programs = {
        "as matrices": lambda: descend(model, part, epochs=1),
        "example by example": lambda: example_by_example.descend(
            copies[::2], copies[1::2], examples.batches(10), RATE
        ),
    }
    seconds = {name: [] for name in programs}
    for _ in range(3 if experiment.quick else 6):
        for name, program in programs.items():
            began = time.process_time()
            program()
            seconds[name].append(time.process_time() - began)
    ours, theirs = (50_000 / len(part) * float(np.median(turns)) for turns in seconds.values())
    experiment.row("an epoch, example by example", seconds=theirs)
    experiment.row(
        "an epoch, mini-batches as matrices",
        seconds=ours,
        share=ours / theirs,
        goal="a share of at most 0.2",
    )


@runs_on("mnist")
def first_network(experiment: Experiment) -> None:
    train, test = experiment.digits()
    epochs, seeds = (3, [0]) if experiment.quick else (30, [0, 1, 2])
    seen = {}
    for start, small, goal in (
        ("weights from N(0, 1)", False, "95.0 %"),
        ("weights from N(0, 1/n)", True, "95.7 %"),
    ):
        seen[start] = []
        for seed in seeds:
            nn.manual_seed(seed)
            history = descend(book_network(small), train, epochs, validation=test)
            seen[start].append(history.validation_accuracy)
        experiment.row(
            start,
            best_test_accuracy=[max(accuracies) for accuracies in seen[start]],
            last_test_accuracy=[accuracies[-1] for accuracies in seen[start]],
            goal=f"best epoch at least {goal}",
        )
    experiment.figure(curves({"Accuracy on the test images": seen}))
    race(experiment, train[: 200 if experiment.quick else 25_000])
