"""Practical Neural Networks, last part: overfitting and its cures."""

import numpy as np

from .row import Row, Rows, convention, reported
from .sample import sigmoid_slope

# Weights, a cost C_0 of them, and λ and n.
PENALTY = Rows("""
    w = rng.normal(size=6); a = rng.normal(size=6); strength = rng.uniform(1, 5); n = 50
    C0 = np.sum((w - a) ** 2)
    C = C0 + strength / (2 * n) * np.sum(w**2)
""", globals())  # fmt: skip

# The outputs of six hidden neurons, and the weights that lead out of them.
DROPOUT = Rows("a = rng.uniform(size=6); w = rng.normal(size=(3, 6))", globals())
number = Rows("", globals()).number


def regularised(line: str, printed: str) -> Row:
    return PENALTY.definition(line, "L2 regularization", printed,
        "C0 + strength / (2 * n) * sum(w**2 for w in s.w)",
        "C0 + nn.L2(strength / n)([Tensor(w)]).item()",
        note="Beside nn.L2(λ/n); its gradient is (λ/n) w.")  # fmt: skip


def sensitivity(w: float, b: float) -> float:
    """The largest ∂a/∂x of a = σ(wx + b)."""
    x = np.linspace(-1, 1, 201) - b / w
    return float(np.max(w * sigmoid_slope(w * x + b)))


ROWS: list[Row] = [
    number("546", "Overfitting", "(28x28 x 30) + 30 + (30x10) + 10 = 23,860 parameters", "23,860",
        factors="(28 * 28 * 30) + 30 + (30 * 10) + 10", how="counted in nn",
        exact="nn.summary(nn.Sequential(nn.Linear(784, 30), nn.Linear(30, 10)), (784,))"
        ".parameters"),
    reported("546-547", "", "1,000 training images, epoch 400", "An experiment."),
    reported("553-555", "", "around epoch 280, around 82%",
        "An experiment; notebooks/experiments has its like."),
    reported("562", "", "100% of 1000 training images, 82% on test data", "As above."),
    reported("569-570", "More training data", "1,000 images; 50,000 for 30 epochs",
        "An experiment; of the 60,000 (line 151), 10,000 are kept for validation."),
    number("571", "", "97.86% 95.33% = 2.53%", exact="97.86 - 95.33",
        reading="97.86 % − 95.33 % = 2.53 %", otherwise="garbled",
        note="The minus is lost. The accuracies are those of an experiment."),
    number("571", "", "much smaller than the ~18%", "18%", exact="100 - 82",
        how="100 % − 82 %, from line 562"),
    regularised("582", "C = C_O + λ/(2n) Σ_w w²"),
    PENALTY("584-586", "L2 regularization", "the sum of the squares of all weights, scaled by λ/2n",
        "strength / (2 * n) * np.sum(w**2)", "C - C0"),
    regularised("595", "C = C_0 + λ/(2n) Σ_w w²"),
    DROPOUT("598", "", "a large bias does not make a neuron sensitive to its inputs as weights do",
        "[1 / 4, 100 / 4]", "[sensitivity(w, b) for w, b in ((1, 100), (100, 1))]",
        note="The largest ∂a/∂x that there is: a quarter of the weight, for any bias."),
    DROPOUT("599", "", "large biases make it easier for neurons to saturate", "0.0",
        "np.round(sigmoid_slope(0.5 + 50.0), 12)"),
    convention("608", "Dropout", "a random half of the hidden neurons", "How many are silent."),
    DROPOUT("612", "", "the full network: twice as many hidden neurons are active", "2 * 3",
        "len(a)", note="Than with half of them silent."),
    DROPOUT("613", "", "halve the weights outgoing from the hidden neurons", "(w / 2) @ a",
        "np.mean([w[:, list(kept)] @ a[list(kept)] for kept in combinations(range(6), 3)], axis=0)",
        note="Gives what all choices of a half give in the mean."),
    reported("626", "Artificially expanding the data", "up to 99.3%",
        "An experiment; notebooks/experiments has its like."),
    convention("632-661", "The last slides", "55; dates; cross-entropy, softmax, ReLU",
        "A digit from a picture, dates, and names without formulas."),
]  # fmt: skip
