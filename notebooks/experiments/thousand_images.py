"""Overfitting with little data: the same net as in `overfitting.py` learns only 1,000 images.

After 400 epochs it reads every one of them, and the course reports about 82 % of the test images.
Its test accuracy stops rising long before, and after some 15 epochs the cost on the test images
begins to rise again, while on those it learns it falls towards 0: it learns them by heart.
"""

from experiment import Experiment, runs_on
from overfitting import learn_and_compare


@runs_on("mnist")
def thousand_images(experiment: Experiment) -> None:
    train, test = experiment.digits()
    few, epochs, seeds = (300, 100, [0]) if experiment.quick else (1000, 400, [0, 1, 2])
    goal = "100 % and 82 to 84 %"
    learn_and_compare(experiment, train[:few], test, epochs, seeds, goal)
