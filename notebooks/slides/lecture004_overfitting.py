"""Practical Neural Networks, last part: overfitting and its cures."""

from __future__ import annotations

from itertools import combinations

import numpy as np

import nn
from microgradnd import Tensor

from .row import Row, Writer, convention, number, reported, rounds_to
from .sample import Sample, random_samples


def penalised(rng: np.random.Generator) -> Sample:
    """Weights, a cost C_0 of them, and λ and n."""
    given = {
        "w": rng.normal(size=6),
        "a": rng.normal(size=6),
        "strength": rng.uniform(1, 5),
        "n": 50,
    }
    steps = {
        "C0": lambda v: np.sum((v.w - v.a) ** 2),
        "C": lambda v: v.C0 + v.strength / (2 * v.n) * np.sum(v.w**2),
    }
    return Sample(given, steps)


def hidden_layer(rng: np.random.Generator) -> Sample:
    """The outputs of six hidden neurons, and the weights that lead out of them."""
    return Sample({"a": rng.uniform(size=6), "w": rng.normal(size=(3, 6))})


PENALTY = Writer(random_samples(penalised))
DROPOUT = Writer(random_samples(hidden_layer))


def regularised(line: str, printed: str) -> Row:
    return PENALTY.definition(line, "L2 regularization", printed,
                              lambda s: s.C0 + s.strength / (2 * s.n) * sum(w**2 for w in s.w),
                              lambda s: s.C0 + nn.L2(s.strength / s.n)([Tensor(s.w)]).item(),
                              note="Beside nn.L2(λ/n); its gradient is (λ/n) w.")  # fmt: skip


def parameters() -> int:
    return nn.summary(nn.Sequential(nn.Linear(784, 30), nn.Linear(30, 10)), (784,)).parameters


ROWS: list[Row] = [
    number("546", "Overfitting", "(28x28 x 30) + 30 + (30x10) + 10 = 23,860 parameters", "23,860",
           rounds_to(parameters, how="counted in nn: 784–30–10")),
    number("546", "Overfitting", "(28x28 x 30) + 30 + (30x10) + 10", "23,860",
           rounds_to(lambda: (28 * 28 * 30) + 30 + (30 * 10) + 10)),
    reported("546-547", "Overfitting", "1,000 training images, epoch 400", "An experiment."),
    reported("553-555", "Overfitting", "around epoch 280, around 82%", "An experiment; "
             "notebooks/experiments has its like."),
    reported("562", "Overfitting", "100% of 1000 training images, 82% on test data", "As above."),
    reported("569-570", "More training data", "1,000 images; 50,000 for 30 epochs",
             "An experiment."),
    number("571", "More training data", "97.86% 95.33% = 2.53%", "2.53%",
           rounds_to(lambda: 97.86 - 95.33), reading="97.86 % − 95.33 % = 2.53 %",
           otherwise="garbled", note="The minus is lost. The accuracies are those of an "
           "experiment."),
    number("571", "More training data", "much smaller than the ~18%", "18%",
           rounds_to(lambda: 100 - 82, how="100 % − 82 %, from line 562")),
    regularised("582", "C = C_O + λ/(2n) Σ_w w²"),
    PENALTY.definition("584-586", "L2 regularization", "the sum of the squares of all weights, "
                       "scaled by λ/2n",
                       lambda s: s.strength / (2 * s.n) * np.sum(s.w**2), lambda s: s.C - s.C0),
    regularised("595", "C = C_0 + λ/(2n) Σ_w w²"),
    convention("608", "Dropout", "a random half of the hidden neurons", "How many are silent."),
    DROPOUT.formula("612", "Dropout", "the full network: twice as many hidden neurons are active",
                    lambda s: 2 * 3, lambda s: len(s.a), note="Than with half of them silent."),
    DROPOUT.formula("613", "Dropout", "halve the weights outgoing from the hidden neurons",
                    lambda s: (s.w / 2) @ s.a,
                    lambda s: np.mean([s.w[:, list(kept)] @ s.a[list(kept)]
                                       for kept in combinations(range(6), 3)], axis=0),
                    note="Gives what all choices of a half give in the mean."),
    reported("626", "Artificially expanding the data", "up to 99.3%", "An experiment; "
             "notebooks/experiments has its like."),
    convention("632-661", "The last slides", "55; dates; cross-entropy, softmax, ReLU",
               "A digit from a "
               "picture, dates, and names without formulas."),
]  # fmt: skip
