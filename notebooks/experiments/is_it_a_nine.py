"""One output neuron: is it a 9?

Nine of ten images are not a 9. Always saying no is right 90 % of the time and has learnt
nothing, so accuracy alone says little. Precision is the share of true nines among those called 9,
recall the share of the nines that were found. The threshold trades one for the other, and so does
a loss that counts each 9 as much as nine other images (`pos_weight=9`).

A single neuron, 784-1, stands beside a net with hidden units, 784-30-1.
"""

from typing import Any

import numpy as np
from experiment import Experiment, dense, learn, runs_on

import nn
from nn.data import Data
from nn.look.plots.figure import COLOURS, DASHES, legend, panels


def nine_or_not(data: Data) -> Data:
    """The same images, each with the label 1.0 for a 9 and 0.0 for all else."""
    return Data(data.inputs, (data.labels == 9).astype(np.float32)[:, None])


def precision_and_recall(called: Any, true: Any) -> list[float]:
    """How many of those called 9 are nines; how many of the nines were called 9."""
    return [float(measure(called, true, "binary")) for measure in (nn.precision, nn.recall)]


@runs_on("mnist")
def is_it_a_nine(experiment: Experiment) -> None:
    """Accuracy, precision and recall of four nets, and of always saying no."""
    digits, test_digits = experiment.digits()
    train, test = nine_or_not(digits), nine_or_not(test_digits)
    true = test.labels[:, 0] == 1
    epochs = 3 if experiment.quick else 6
    seeds = [1] if experiment.quick else [1, 2, 3]
    nets = {
        "one neuron": ([784, 1], 1.0),
        "one neuron, nines count nine times": ([784, 1], 9.0),
        "30 hidden": ([784, 30, 1], 1.0),
        "30 hidden, nines count nine times": ([784, 30, 1], 9.0),
    }
    experiment.row("always no", accuracy=float(np.mean(~true)), recall=0.0)
    title = "Is it a 9? Every threshold of a net is a point of its curve"
    heading = "Precision in per cent (dots: the sigmoid at 1/2)"
    figure, (axes,) = panels(5.4, 4.0, title, [heading], "recall in per cent")
    for number, (name, (sizes, weight)) in enumerate(nets.items()):
        measured = []
        for seed in seeds:
            nn.manual_seed(seed)
            # Its output is a score: above 0, where a sigmoid is above 1/2, it stands for a 9.
            model = dense(*sizes).astype(np.float32)
            loss = nn.BCEWithLogitsLoss(pos_weight=np.float32([weight]))
            learn(model, train, loss, 0.003, epochs, 32, nn.optim.Adam, seed=seed)
            scores = nn.predict(model, test.inputs)[:, 0]
            called = scores > 0
            measured.append((np.mean(called == true), *precision_and_recall(called, true)))
        rates = [list(map(float, values)) for values in zip(*measured, strict=True)]
        experiment.row(name, accuracy=rates[0], precision=rates[1], recall=rates[2])
        thresholds = np.quantile(scores, np.linspace(0.7, 0.999, 200))
        trade = [precision_and_recall(scores > threshold, true) for threshold in thresholds]
        precision, recall = 100 * np.array(trade).T
        look = {"color": COLOURS[number // 2], "linestyle": DASHES[number % 2]}
        axes.plot(recall, precision, label=name, **look)
        at_a_half = 100 * np.array(precision_and_recall(called, true))
        axes.plot(at_a_half[1], at_a_half[0], "o", color=COLOURS[number // 2])
    axes.set(xlim=(50, 101), ylim=(50, 101))
    legend(axes, loc="lower left")
    experiment.figure(figure)
