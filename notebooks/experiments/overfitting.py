"""Overfitting with much data: the net of the first program learns 50,000 images by cross-entropy.

Sigmoid neurons, weights and biases from N(0, 1), mini-batches of 10, a learning rate of 0.5, 30
epochs. The course reports that 97.86 % of the training images and 95.33 % of the test images are
read in the end: the network knows its examples better than the digits. `thousand_images.py` shows
how much wider this gap is with less data.
"""

from collections.abc import Iterable

from experiment import Experiment, learn, runs_on
from first_network import book_network

import nn
from nn.data import Data


def learn_and_compare(
    experiment: Experiment, train: Data, test: Data, epochs: int, seeds: Iterable[int], goal: str
) -> None:
    """Enter how many of the images are read in the end, and the curves of the last seed."""
    on_train, histories = [], []
    for seed in seeds:
        nn.manual_seed(seed)
        model, loss = book_network(), nn.SigmoidCrossEntropyLoss()
        histories.append(learn(model, train, loss, 0.5, epochs, validation=test))
        on_train.append(nn.accuracy(model(train.inputs), train.labels))
    experiment.row(
        f"{len(train):,} images, {epochs} epochs",
        training_accuracy=on_train,
        test_accuracy=[history.validation_accuracy[-1] for history in histories],
        best_test_accuracy=[max(history.validation_accuracy) for history in histories],
        test_cost=[history.validation_loss[-1] for history in histories],
        least_test_cost=[min(history.validation_loss) for history in histories],
        goal=goal,
    )
    experiment.figure(histories[-1].plot())


@runs_on("mnist")
def overfitting(experiment: Experiment) -> None:
    train, test = experiment.digits()
    epochs, seeds = (5, [0]) if experiment.quick else (30, [0, 1, 2])
    learn_and_compare(experiment, train, test, epochs, seeds, goal="97.86 % and 95.33 %, ± 0.5 %")
