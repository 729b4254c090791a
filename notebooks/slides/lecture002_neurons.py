"""Introduction to Neural Networks, first part: perceptrons, neurons, softmax, the way forward.

Weights are stored as (outputs, inputs), and the points of a batch are columns.
"""

from itertools import pairwise

import numpy as np

import nn
from microgradnd.arrays import Array

from .row import Row, Rows, convention, reported
from .sample import Sample, sigmoid


def deep(hidden: int = 3, points: int = 5) -> str:
    """Hidden layers and a softmax of 3 classes, for a batch B of points."""
    widths = [3, 4, *[3] * hidden]
    steps = [f"B = rng.normal(size=(3, {points})); H0 = B; rate = 0.3"]
    steps += [f"Y = np.eye(3)[:, rng.integers(3, size={points})]"]
    for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        steps += [
            f"W{i} = rng.normal(size=({outputs}, {inputs})); b{i} = rng.normal(size={outputs})",
            f"Z{i} = W{i} @ H{i - 1} + b{i}[:, None]; H{i} = sigmoid(Z{i})",
        ]
    steps += [f"P = softmax(Z{hidden + 1}); each = -np.sum(Y * np.log(P), axis=0)"]
    return "\n".join([*steps, "L = np.mean(each)"])


# Eight points, with labels 1 and −1 by the side of a plane, and not too near to it.
SEPARABLE = Rows("""
    w = rng.normal(size=3); b = rng.normal(); many = rng.normal(size=(200, 3)); alpha = 0.1
    x = many[np.abs(many @ w + b) > 0.3 * np.linalg.norm(w)][:8]
    y = np.where(x @ w + b > 0, 1, -1); omega = -w
""", globals())  # fmt: skip
# Fifty points, and three perceptrons.
SIDES = Rows(
    "x = rng.normal(size=(50, 2)); w = rng.normal(size=(3, 2)); b = 1 + rng.uniform(size=3)",
    globals(),
)
SCORES = Rows("x = rng.normal(size=5); w = rng.normal(size=(4, 5))", globals())
TWO = Rows("x = rng.normal(size=5); w = rng.normal(size=(2, 5))", globals())
DEEP = Rows(deep(), globals())
number = Rows("", globals()).number
DIGITS = nn.data.digits().test.images


def step(values: Array) -> Array:
    return np.where(values > 0, 1, -1)


def labelings(s: Sample) -> list[Array]:
    """The right labels, and labels with one of them wrong."""
    return [s.y, np.where(np.arange(8) == 3, -s.y, s.y)]


def separates(s: Sample) -> list[bool]:
    """Whether the step function of w · x + b gives each point its label."""
    return [bool(np.all(step(s.x @ s.w + s.b) == y)) for y in labelings(s)]


def corrected(s: Sample) -> Array:
    """The weights ω, with which every point is misclassified, after nn has corrected the first."""
    perceptron = nn.Perceptron(-1, [*s.omega, -s.b])
    perceptron.fit(s.x[:1], s.y[:1] > 0, max_corrections=1)
    return perceptron.weights[:-1]


GRID = np.linspace(-2, 2, 401)
ACTIVATIONS = nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(0.1)


def by_hand(s: Sample) -> Array:
    """The probabilities of the first point: every neuron has a bias, also in the last layer."""
    h = s.B[:, 0]
    for W, b in ((s.W1, s.b1), (s.W2, s.b2), (s.W3, s.b3)):
        h = np.array([sigmoid(sum(w * x for w, x in zip(row, h, strict=True)) + c)
                      for row, c in zip(W, b, strict=True)])  # fmt: skip
    return nn.Softmax(dim=0)(s.W4 @ h + s.b4)


ROWS: list[Row] = [
    # ---- perceptrons -----------------------------------------------------------------------------
    SEPARABLE.definition("23", "Perceptrons", "returns 1 if the input is positive, else −1",
        "step(x @ w + b)", "nn.Perceptron(-1, [*w, b])(x)"),
    SEPARABLE("23-25", "", "in other words, returns 1 if it is positive and 0 if it is negative",
        "np.where(x @ w + b > 0, 1, 0)", "step(x @ w + b)",
        corrected="…, and −1 if it is negative", correction="np.where(x @ w + b > 0, 1, -1)",
        mistake="exchange: 0 is the output of the other step function, which follows"),
    SEPARABLE.definition("27-29", "", "y = 1 if x > 0; y = 0 if x ≤ 0",
        "[1 if x > 0 else 0 for x in s.x @ w + b]", "nn.Perceptron(0, [*w, b])(x)"),
    SEPARABLE("39", "", "w^T · x + b = w_1 x_1 + w_2 x_2 + … + w_k x_k + b",
        "[sum(w[k] * x[k] for k in range(3)) + b for x in s.x]", "x @ w + b"),
    SEPARABLE.garbled("43", "", "w = egin{bmatrix} w_1 \\ w_2 … w_k \\end{bmatrix}, x = "
        "egin{bmatrix} x_1 \\ x_2 … x_k \\end{bmatrix}",
        "w and x are columns with the entries w_1 … w_k and x_1 … x_k",
        "w.reshape(3, 1).T @ x[0].reshape(3, 1)", "[[w @ x[0]]]"),
    SEPARABLE.definition("51-54", "", "y = 1 if x > 0; y = −1 if x ≤ 0",
        "[1 if x > 0 else -1 for x in s.x @ w + b]", "nn.Perceptron(-1, [*w, b])(x)"),
    SEPARABLE("56", "", "a valid separator: y (w^T x + b) > 0 for all points",
        "[np.all(y * (x @ w + b) > 0) for y in labelings(s)]", "separates(s)"),
    SEPARABLE("56", "", "not a valid one: y (w^T x + b) < 0 for any point",
        "[not np.any(y * (x @ w + b) < 0) for y in labelings(s)]", "separates(s)",
        note="A point right on the boundary is in neither case."),
    SEPARABLE("66", "Homogeneous coordinates", "y (w^T x) > 0",
        "[np.all(y * (np.column_stack([x, np.ones(8)]) @ [*w, b]) > 0) for y in labelings(s)]",
        "separates(s)", note="With b as the last weight and a 1 appended to x."),
    SEPARABLE.garbled("71", "Rosenblatt's rule", "ω_{t+1} ← ω_t + ∀_{i_t} x_{i_t}",
        "ω_{t+1} ← ω_t + y_{i_t} x_{i_t}", "omega + y[0] * x[0]", "corrected(s)",
        note="∀ is a misread y."),
    SEPARABLE("73", "", "y_it · x_it, for a misclassified point; no dot product", "y[0] * x[0]",
        "corrected(s) - omega"),
    SIDES("80", "", "perceptrons and an AND gate enclose a class",
        "np.all([x @ w[i] + b[i] > 0 for i in range(3)], axis=0)",
        "nn.Region([nn.Perceptron(0, [*w[i], b[i]]) for i in range(3)], low=0)(x)"),
    # ---- neurons ---------------------------------------------------------------------------------
    convention("93", "Several classes", "P_1, P_2, P_3, P_4", "Names of the classes."),
    SEPARABLE("115", "Artificial neuron", "activation functions have no abrupt changes",
        "[True] * 4", "[np.max(np.abs(np.diff(f(GRID)))) < 0.011 for f in ACTIVATIONS]",
        note="In steps of 0.01. The slopes of ReLU and leaky ReLU do jump, at 0."),
    SEPARABLE("116", "", "activation functions make outputs non-linear", "[True] * 4",
        "[np.any(np.abs(f(GRID + 1) - f(GRID) - f(1)) > 0.01) for f in ACTIVATIONS]"),
    SEPARABLE.garbled("122", "Logistic function", "f(x) = rac{1}{1 + e^{−x}}",
        "f(x) = 1 / (1 + e^{−x})", "1 / (1 + np.exp(-x))", "nn.Sigmoid()(x)"),
    SEPARABLE("130", "Hyperbolic tangent", "tanh(x) = (e^x − e^{−x}) / (e^x + e^{−x})",
        "(np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))", "np.tanh(x)"),
    SEPARABLE.definition("134", "Rectilinear unit", "x for x ≥ 0, else 0", "np.where(x >= 0, x, 0)",
        "nn.ReLU()(x)"),
    SEPARABLE.definition("135", "Leaking ReLU", "x for x ≥ 0, else αx",
        "np.where(x >= 0, x, alpha * x)", "nn.LeakyReLU(alpha)(x)"),
    SEPARABLE("137", "Artificial neuron",
        "inputs: the attributes; outputs: the classes; 1 for a regression", "[(2, 3), (1, 3)]",
        "[of(nn.Linear, epochs=1).fit(x, t).model_.weight.shape for of, t in "
        "((nn.Classifier, [0, 1] * 4), (nn.Regressor, x @ w))]", "two classes, 3 attributes"),
    DEEP("139-146", "", "six main things need to be specified", "6", "len('topology input output "
        "weights activation biases'.split())", "counted in the list"),
    DEEP.definition("151", "Inputs",
        "w_n as a one-hot vector of size |V|, with a 1 at the nth place",
        "[1 if place == 4 else 0 for place in range(7)]", "nn.one_hot([4], 7)[0]"),
    reported("151", "", "|V| in tens of thousands", "The usual size of a vocabulary."),
    DEEP("159-163", "", "an image in the MNIST dataset is an 18 x 18 array", "(18, 18)",
        "DIGITS.shape[-2:]", "counted in the data",
        corrected="a 28 x 28 array", correction="(28, 28)",
        mistake="count: line 226 has 28x28; or the picture shows a part of it"),
    DEEP("159", "", "pixel values are high where the colour is white-ish, low in the black regions",
        "[0.0, 1.0]", "[np.max(x) for x in (DIGITS[..., 0, 0], DIGITS)]", "a corner and a stroke"),
    number("163", "", "an 18 x 18 array: a vector of size 324", "324",
        exact="np.ones((18, 18)).ravel().size", how="counted"),
    number("165", "", "18 × 18 × 3 = 972", exact="np.ones((18, 18, 3)).ravel().size",
        how="counted"),
    SCORES("167", "", "the 'probability' of each of the classes", "[1.0, True]",
        "[np.sum(softmax(w @ x)), np.all(nn.Softmax(dim=0)(w @ x) > 0)]",
        note="They sum to 1, and none is negative."),
    SCORES.garbled("169-174", "Softmax", "p_i = rac{e^{w_i.x'}}{Σ_{t=0}^{c−1} e^{w_t.x'}}",
        "p_i = e^{w_i·x'} / Σ_{t=0}^{c−1} e^{w_t·x'}",
        "[np.exp(w[i] @ x) / sum(np.exp(w[t] @ x) for t in range(4)) for i in range(4)]",
        "nn.Softmax(dim=0)(w @ x)"),
    SCORES("175", "", "the w_i are rows of a weight matrix", "[w[i] @ x for i in range(4)]",
        "nn.functional.linear(x, w)", note="This answers line 171: what is wi here?"),
    TWO.garbled("179-180", "Softmax of two", "p_0 = rac{e^{w_0.x'}}{…}, p_1 = rac{e^{w_1.x'}}{…}",
        "p_0 = e^{w_0·x'} / (e^{w_0·x'} + e^{w_1·x'}), and p_1 with e^{w_1·x'} above",
        "[np.exp(w[i] @ x) / (np.exp(w[0] @ x) + np.exp(w[1] @ x)) for i in (0, 1)]",
        "nn.Softmax(dim=0)(w @ x)"),
    TWO.garbled("188", "", "p_1 = rac{1}{1 + rac{e^{w_0·x'}}{e^{w_1·x'}}} = …",
        "p_1 = 1 / (1 + e^{w_0·x'} / e^{w_1·x'}) = 1 / (1 + e^{(w_0 − w_1)·x'})",
        "[1 / (1 + np.exp(w[0] @ x) / np.exp(w[1] @ x)), 1 / (1 + np.exp((w[0] - w[1]) @ x))]",
        "[nn.Softmax(dim=0)(w @ x)[1]] * 2"),
    TWO("190", "", "w_1 − w_0 = w: the sigmoid function", "nn.Sigmoid()((w[1] - w[0]) @ x)",
        "nn.Softmax(dim=0)(w @ x)[1]"),
    convention("215-224", "Notations", "W, b, x, y, p, h",
        "Names; superscripts count layers, subscripts neurons."),
    number("226", "", "28x28 = 784", exact="np.ones((28, 28)).size", how="counted"),
    number("226", "", "10 output neurons, one for each of the digits", "10",
        exact="len(set(nn.data.digits().test.labels))", how="counted in the data"),
    convention("226", "", "L hidden layers: an L + 1 layered network",
        "The inputs are not counted. (The fifth text does count them.)"),
    # ---- the way forward -------------------------------------------------------------------------
    DEEP("241", "Feedforward", "weights of first layer are inputs; 18*18*3 of them", "18 * 18 * 3",
        "nn.Linear(972, 20).weight.size", "counted in nn.Linear(972, 20)",
        corrected="weights of the first layer multiply the inputs; 18*18*3*20 of them",
        correction="18 * 18 * 3 * 20",
        mistake="letter: the x_i are the inputs; of weights there are 972*20 (line 243)"),
    DEEP("243", "", "972 inputs, 20 neurons: 972*20 weights", "972 * 20",
        "nn.Linear(972, 20).weight.size", "counted in nn.Linear(972, 20)"),
    number("243", "", "and 20 biases", "20", exact="nn.Linear(972, 20).bias.size",
        how="counted in nn.Linear(972, 20)"),
    DEEP("247", "", "x_i = [x_1; x_2; x_3], W^1 = [w_11 w_12 w_13; w_21 w_22 w_23; w_31 w_32 "
        "w_43], b^1 and h^1 with 4 entries", "np.array([[11, 12, 13], [21, 22, 23], [31, 32, 43]])",
        "[[10 * i + j for j in (1, 2, 3)] for i in range(1, 1 + len(b1))]",
        corrected="W^1 = [w_11 w_12 w_13; w_21 w_22 w_23; w_31 w_32 w_33; w_41 w_42 w_43]",
        correction="np.array([[11, 12, 13], [21, 22, 23], [31, 32, 33], [41, 42, 43]])",
        mistake="dimension: the third and the fourth row have run into one",
        note="Line 251 has all twelve."),
    DEEP.garbled("251", "", "h^1 = σ(W^1, x_i + b)", "h^1 = σ(W^1 · x_i + b^1)",
        "sigmoid(W1 @ B[:, 0] + b1)", "H1[:, 0]"),
    DEEP("251", "",
        "= [σ(w_11 x_1 + w_12 x_2 + w_13 x_3 + b_1); …; σ(w_41 x_1 + w_42 x_2 + w_43 x_3 + b_4)]",
        "[sigmoid(W1[i, 0] * B[0, 0] + W1[i, 1] * B[1, 0] + W1[i, 2] * B[2, 0] + b1[i]) for i in "
        "range(4)]", "H1[:, 0]"),
    DEEP("257-261", "",
        "neuron i: row i of the weights times the output before, plus bias i, then σ",
        "[sigmoid(W2[i] @ H1[:, 0] + b2[i]) for i in range(3)]", "H2[:, 0]"),
    DEEP.definition("266", "The algorithm for a point", "h^0 = x_i", "B[:, 0]", "H0[:, 0]"),
    DEEP("267-268", "", "for l in 1 … L: h^l = σ(W^l · h^{l−1} + b^l)",
        "sigmoid(W3 @ H2[:, 0] + b3)", "H3[:, 0]"),
    DEEP("269", "", "p_i = e^{W^o·h^L}", "np.exp(W4 @ H3[:, 0])", "by_hand(s)",
        corrected="p_i = normalize(e^{W^o·h^L + b^o})",
        correction="np.exp(W4 @ H3[:, 0] + b4) / np.sum(np.exp(W4 @ H3[:, 0] + b4))",
        mistake="lost term: the division by the sum, and the bias b^o",
        note="Every neuron has a bias (line 198), and line 282 has it for a batch."),
    DEEP("273", "", "p_i = egin{bmatrix} p_{i1} \\ p_{i1} …", "[P[0, 0], P[0, 0], P[2, 0]]",
        "by_hand(s)", corrected="p_i = [p_i1; p_i2; …; p_ic]",
        correction="[P[0, 0], P[1, 0], P[2, 0]]",
        mistake="index: p_i1 stands twice, for p_i2 as well", reading="p_i = [p_i1; p_i1; …]"),
    DEEP("274", "", "p_ij = rac{e^{w_j · h^L}}{Σ_{t=1}^c e^{w_t · h^L}}",
        "[np.exp(W4[j] @ H3[:, 0]) / sum(np.exp(W4[t] @ H3[:, 0]) for t in range(3)) for j in "
        "range(3)]", "by_hand(s)",
        corrected="p_ij = e^{w_j·h^L + b_j} / Σ_{t=1}^c e^{w_t·h^L + b_t}",
        correction="[np.exp(W4[j] @ H3[:, 0] + b4[j]) / sum(np.exp(W4[t] @ H3[:, 0] + b4[t]) for t "
        "in range(3)) for j in range(3)]", mistake="lost term: the biases of the output layer",
        reading="p_ij = e^{w_j·h^L} / Σ_{t=1}^c e^{w_t·h^L}",
        note="It would be right without biases, but line 282 has them."),
    DEEP.definition("279", "The algorithm for a batch", "H^0 = B", "B", "H0"),
    DEEP.garbled("280-281", "", "H^l = σ(W^l, H^{l−1} + b^l)", "H^l = σ(W^l · H^{l−1} + b^l)",
        "sigmoid(W2 @ H1 + b2[:, None])", "H2"),
    DEEP.garbled("282", "", "P = normalize(exp(W^o, H^L + b^o))",
        "P = normalize(exp(W^o · H^L + b^o))",
        "(np.exp(W4 @ H3 + b4[:, None]) / np.exp(W4 @ H3 + b4[:, None]).sum(axis=0))[:, 0]",
        "by_hand(s)", note="Each column is divided by its sum."),
    DEEP("290", "", "H^l = [h_i^l  h_{i+1}^l … h_{i+m−1}^l]",
        "np.column_stack([sigmoid(W1 @ B[:, i] + b1) for i in range(5)])", "H1"),
    DEEP("290", "", "P = [p_i  p_{i+1} … p_{i+m−1}]",
        "np.column_stack([softmax(W4 @ H3[:, i] + b4) for i in range(5)])", "P"),
    DEEP("292", "", "the number of columns is m", "[5, 5]", "[H2.shape[1], P.shape[1]]"),
    DEEP("296", "Parallelisation", "W^l·H^{l−1} + b^l = [W^l·h_i … W^l·h_{i+m−1}] + [b^l … b^l]",
        "np.column_stack([W2 @ H1[:, i] for i in range(5)]) + np.column_stack([b2] * 5)", "Z2"),
    DEEP("296", "", "= [W^l·h_i + b^l … W^l·h_{i+m−1} + b^l]",
        "np.column_stack([W2 @ H1[:, i] + b2 for i in range(5)])", "Z2"),
    convention("298", "", "b^l, h_i^{l−1}", "Adding b to each column is called broadcasting."),
]  # fmt: skip
