"""Overfitting with little data: the same net as in `overfitting.py` learns only 1,000 images.

After 400 epochs it reads every one of them, and the course reports about 82 % of the test images.
Its test accuracy stops rising long before, and after some 15 epochs the cost on the test images
begins to rise again, while on those it learns it falls towards 0: it learns them by heart.
"""

from experiment import Experiment, main
from overfitting import learn_and_compare


def thousand_images(experiment: Experiment) -> None:
    train, test = experiment.digits()
    few, epochs, seeds = (300, 100, [0]) if experiment.quick else (1000, 400, [0, 1, 2])
    goal = "100 % and 82 to 84 %"
    learn_and_compare(experiment, train[:few], test, epochs, seeds, goal)


if __name__ == "__main__":
    main(thousand_images)
