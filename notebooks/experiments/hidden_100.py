"""100 hidden neurons, softmax with log-likelihood, and L2: the dense network at its best.

The cost is the logarithm of the probability that a softmax gives to the right digit, and λ/2n Σ w²
over the weights, with λ = 5 for n = 50,000 images. Weights begin as N(0, 1/k) at a neuron with k
inputs, and the learning rate falls from 0.6 to 0 along a cosine: this rate was chosen on the 10,000
images of MNIST that are neither learnt nor tested here. It reads 98 % of the test images.
"""

import numpy as np
from experiment import Experiment, dense, learn, normal, runs_on

import nn


@runs_on("mnist")
def hidden_100(experiment: Experiment) -> None:
    train, test = experiment.digits()
    epochs, seeds = (4, [0]) if experiment.quick else (60, [0, 1, 2])
    histories = []
    for seed in seeds:
        nn.manual_seed(seed)
        model = dense(784, 100, 10, first=normal(small=True, biases=False)).astype(np.float32)
        loss = nn.CrossEntropyLoss()  # softmax and log-likelihood in one, from the scores
        options = {"regulariser": nn.L2(5.0 / 50_000), "validation": test, "cosine": True}
        histories.append(learn(model, train, loss, 0.6, epochs, **options))
    experiment.row(
        f"{len(train):,} images, {epochs} epochs",
        training_accuracy=[history.accuracy[-1] for history in histories],
        test_accuracy=[history.validation_accuracy[-1] for history in histories],
        best_test_accuracy=[max(history.validation_accuracy) for history in histories],
        goal="at least 98.0 %",
    )
    experiment.figure(histories[0].plot())
