"""Introduction to Neural Networks, second part: the loss, and backpropagation step by step."""

import numpy as np

from microgradnd.arrays import Array

from .lecture002_neurons import deep
from .row import Row, Rows, convention
from .sample import Sample, sigmoid_slope

# The network of the slides: 3 layers, for one point; y is the one-hot label of its class.
THREE_LAYERS = """
    x = rng.normal(size=3); y = np.eye({classes})[rng.integers({classes})]; rate = 0.3
    W1 = rng.normal(size=(4, 3)); b1 = rng.normal(size=4)
    W2 = rng.normal(size=(2, 4)); b2 = rng.normal(size=2)
    W3 = rng.normal(size=({classes}, 2)); b3 = rng.normal(size={classes})
    z1 = W1 @ x + b1; h1 = sigmoid(z1)
    z2 = W2 @ h1 + b2; h2 = sigmoid(z2)
    z3 = W3 @ h2 + b3; q = softmax(z3)
    logs = y * np.log(q)
    L = -np.sum(logs)
"""
THREE = Rows(THREE_LAYERS.format(classes=3), globals())
TWO = Rows(THREE_LAYERS.format(classes=2), globals())
DEEP = Rows(deep(points=1), globals())

# The losses of n points, as functions of one weight: parabolas.
LOSSES = Rows(
    "centres = rng.normal(size=6); w = rng.normal(); each = (w - centres) ** 2", globals()
)
GRID = np.linspace(-3, 3, 601)


def entry(matrix: Array, i: int, j: int) -> float:
    """The entry in row i and column j, counted from 1 as in the text."""
    if not (1 <= i <= matrix.shape[0] and 1 <= j <= matrix.shape[1]):
        raise ValueError(f"a matrix of shape {matrix.shape} has no entry {i}{j}")
    return matrix[i - 1, j - 1]


NO_BIASES = "lost step: the slopes of the biases, db = dz, without which they cannot be updated"


def one_after_another(s: Sample) -> list[Array]:
    dz3 = s.q - s.y
    dW3, dh2 = np.outer(dz3, s.h2), s.W3.T @ dz3
    dz2 = dh2 * sigmoid_slope(s.z2)
    dW2, dh1 = np.outer(dz2, s.h1), s.W2.T @ dz2
    dz1 = dh1 * sigmoid_slope(s.z1)
    return [dz3, dW3, dh2, dz2, dW2, dh1, dz1, np.outer(dz1, s.x)]


WEIGHTS, ALL = "W1 W2 W3", "W1 W2 W3 b1 b2 b3"


ROWS: list[Row] = [
    THREE("195", "Assumptions, 2", "neurons within a layer do not interact",
        "np.diag(np.diagonal(∂h2/∂z2))", "∂h2/∂z2"),
    THREE("197", "Assumptions, 4", "all neurons of a layer are connected to all of the next", "W2",
        "∂z2/∂h1"),
    THREE("198", "Assumptions, 5", "a weight for every interconnection, a bias for every neuron",
        "(3 * 4 + 4 * 2 + 2 * 3) + (4 + 2 + 3)",
        "nn.summary(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 3)), (3,))"
        ".parameters", "counted in nn"),
    # ---- the loss --------------------------------------------------------------------------------
    THREE("312", "The cost", "the desired output minus the actual output is the cost", "y - q", "L",
        corrected="the cost is a number that is least where they are equal: −y^T log(p)",
        correction="-y @ np.log(q)",
        mistake="concept: a difference of vectors cannot be minimised; it has no least"),
    LOSSES("317", "The total loss", "L = L_1 + L_2 + L_3 + … + L_1000000", "sum(each)",
        "len(centres) * np.mean(each)", note="For a million points; tried with six."),
    LOSSES("319", "", "the average is least where the total is",
        "np.argmin(np.mean((GRID[:, None] - centres) ** 2, axis=1))",
        "np.argmin(np.sum((GRID[:, None] - centres) ** 2, axis=1))"),
    LOSSES.definition("324-326", "The loss function", "G(w, b) = 1/n Σ_i L(F(x_i), y_i)",
        "sum(each[i] for i in range(6)) / 6", "np.mean(each)"),
    THREE("330", "The network", "a 3-layer network having 2 hidden layers", "3",
        "sum(name in s.values for name in ('h1', 'h2', 'q'))"),
    convention("334", "", "3 neurons in the output layer", "With a softmax."),
    THREE.garbled("343", "The way forward, 1", "h^1 = σ(W^1, x + b^1)", "h^1 = σ(W^1 · x + b^1)",
        "sigmoid(W1 @ x + b1)", "h1"),
    THREE("346", "The way forward, 2", "h^2 = σ(W^2 · h^1 + b^2)", "sigmoid(W2 @ h1 + b2)", "h2"),
    THREE("349-350", "The way forward, 3", "p_i = normalized(e^{W^0·h^L})", "softmax(W3 @ h2)", "q",
        corrected="p_i = normalized(e^{W^o·h^L + b^o})", correction="softmax(W3 @ h2 + b3)",
        mistake="lost term: the bias b^o, which lines 435 and 437 have as b^3",
        note="W^0 is the W^o of the output layer."),
    THREE.garbled("354-355", "Cross-entropy", "−y^T · log(p) = −[y_1 y_2 y_3]. egin{bmatrix} …",
        "−y^T · log(p) = −[y_1 y_2 y_3] · [log p_1; log p_2; log p_3]",
        "-(y[None] @ np.log(q)[:, None])[0, 0]", "L"),
    THREE("355", "", "= −(y_1 log(p_1) + y_2 log(p_2) + y_3 log(p_3))",
        "-(y[0] * np.log(q[0]) + y[1] * np.log(q[1]) + y[2] * np.log(q[2]))", "L"),
    THREE("357", "", "p is the predicted label as a one hot matrix", "np.eye(3)[np.argmax(q)]", "q",
        corrected="p holds the probabilities, y is one-hot",
        correction="np.exp(z3) / np.sum(np.exp(z3))",
        mistake="concept: a one-hot p would have an infinite or no loss"),
    # ---- the softmax layer -----------------------------------------------------------------------
    THREE("363", "The last layer", "q_1 = e^{z_1} / (e^{z_1} + e^{z_2})",
        "np.exp(z3[0]) / (np.exp(z3[0]) + np.exp(z3[1]))", "q[0]",
        corrected="q_1 = e^{z_1} / (e^{z_1} + e^{z_2} + e^{z_3})",
        correction="np.exp(z3[0]) / (np.exp(z3[0]) + np.exp(z3[1]) + np.exp(z3[2]))",
        mistake="lost term: e^{z_3}"),
    THREE("365", "", "q_2 = e^{z_2} / (e^{z_1} + e^{z_2} + e^{z_3})",
        "np.exp(z3[1]) / (np.exp(z3[0]) + np.exp(z3[1]) + np.exp(z3[2]))", "q[1]"),
    THREE.garbled("367", "", "q_1 = rac{e^{z_1}}{e^{z_1} + e^{z_2} + e^{z_3}}, q_2, q_3",
        "q_i = e^{z_i} / (e^{z_1} + e^{z_2} + e^{z_3})",
        "[np.exp(z3[i]) / (np.exp(z3[0]) + np.exp(z3[1]) + np.exp(z3[2])) for i in range(3)]", "q"),
    THREE("373", "", "∂L/∂z_1 = −Σ_i ∂(y_i log(q_i))/∂q_i · ∂q_i/∂z_1",
        "-sum(∂logs[i]/∂q[i] * ∂q[i]/∂z3[0] for i in range(3))", "∂L/∂z3[0]",
        note="Written out; a closing bracket is missing in the third term."),
    THREE("373", "", "= −(y_1/q_1 ∂q_1/∂z_1 + y_2/q_2 ∂q_2/∂z_1 + y_3/q_3 ∂q_3/∂z_1)",
        "-sum(y[i] / q[i] * ∂q[i]/∂z3[0] for i in range(3))", "∂L/∂z3[0]"),
    THREE("377", "", "∂q_1/∂z_1 = q_1 (1 − q_1)", "q[0] * (1 - q[0])", "∂q[0]/∂z3[0]"),
    THREE("377", "", "∂q_2/∂z_1 = −q_1 q_2", "-q[0] * q[1]", "∂q[1]/∂z3[0]"),
    THREE("377", "", "∂q_3/∂z_1 = −q_1 q_3", "-q[0] * q[2]", "∂q[2]/∂z3[0]"),
    THREE("381-382", "", "∂L/∂z_1 = q_1 − y_1, ∂L/∂z_2 = q_2 − y_2, ∂L/∂z_3 = q_3 − y_3",
        "[q[i] - y[i] for i in range(3)]", "∂L/∂z3"),
    THREE("391", "", "dz^3 = ∂L/∂z^3 = q − y", "q - y", "∂L/∂z3"),
    THREE("395", "", "∂L/∂W^3 = ∂L/∂z^3 · ∂z^3/∂W^3", "np.einsum('i,ijk->jk', ∂L/∂z3, ∂z3/∂W3)",
        "∂L/∂W3"),
    THREE("404-411", "The order", "dz^3, dW^3, dh^2, dz^2, dW^2, dh^1, dz^1, dW^1",
        "flat(*one_after_another(s))",
        "flat(*(s[f'∂L/∂{name}'] for name in ('z3', 'W3', 'h2', 'z2', 'W2', 'h1', 'z1', 'W1')))",
        note="Each needs those before it only."),
    THREE("404-411", "", "the gradients: dz^3, dW^3, dh^2, dz^2, dW^2, dh^1, dz^1, dW^1",
        "stepped(s, ALL, WEIGHTS)", "stepped(s, ALL, ALL)", corrected="…, db^3, db^2 and db^1",
        correction="stepped(s, ALL, 'W1 W2 W3 b1 b2 b3')", mistake=NO_BIASES),
    # ---- two output neurons, entry by entry ------------------------------------------------------
    TWO.definition("425", "dW^3", "∂L/∂W^3 = [∂L/∂w_11 ∂L/∂w_12; ∂L/∂w_21 ∂L/∂w_22]",
        "[[∂L/∂W3[i, j] for j in (0, 1)] for i in (0, 1)]", "∂L/∂W3"),
    TWO("429", "", "∂L/∂W^3 = ∂L/∂z^3 · ∂z^3/∂W^3", "np.einsum('i,ijk->jk', ∂L/∂z3, ∂z3/∂W3)",
        "∂L/∂W3"),
    TWO("435", "dW^3, (1)", "z_1 = w_11 h_1 + w_12 h_2 + b_1",
        "W3[0, 0] * h2[0] + W3[0, 1] * h2[1] + b3[0]", "z3[0]"),
    TWO("437", "dW^3, (2)", "z_2 = w_21 h_1 + w_22 h_2 + b_2",
        "W3[1, 0] * h2[0] + W3[1, 1] * h2[1] + b3[1]", "z3[1]"),
    TWO("443", "dW^3", "∂L/∂w_11 = ∂L/∂z_1 · ∂z_1/∂w_11 + ∂L/∂z_2 · ∂z_2/∂w_11",
        "sum(∂L/∂z3[i] * ∂z3[i]/∂W3[0, 0] for i in (0, 1))", "∂L/∂W3[0, 0]"),
    TWO("447", "", "∂z_1/∂w_11 = h_1", "h2[0]", "∂z3[0]/∂W3[0, 0]"),
    TWO("447", "", "∂z_2/∂w_11 = 0", "0.0", "∂z3[1]/∂W3[0, 0]"),
    TWO("455", "", "∂L/∂w_11 = ∂L/∂z_1 · h_1 = dz_1 · h_1", "∂L/∂z3[0] * h2[0]", "∂L/∂W3[0, 0]"),
    TWO("459; 463", "", "∂L/∂w_12 = dz_1 · h_2", "∂L/∂z3[0] * h2[1]", "∂L/∂W3[0, 1]"),
    TWO("461", "", "∂L/∂w_01 = dz_2 · h_1", "entry(∂L/∂W3, 0, 1)", "∂L/∂z3[1] * h2[0]",
        corrected="∂L/∂w_21 = dz_2 · h_1", correction="entry(∂L/∂W3, 2, 1)",
        mistake="index: w_01 for w_21"),
    TWO("464", "", "∂L/∂w_21 = dz_2 · h_1", "∂L/∂z3[1] * h2[0]", "∂L/∂W3[1, 0]"),
    TWO("464", "", "∂L/∂w_22 = dz_2 · h_2", "∂L/∂z3[1] * h2[1]", "∂L/∂W3[1, 1]"),
    TWO.garbled("468", "", "dW^3 = rac{∂L}{∂W^3} = egin{bmatrix} dz_1 \\ dz_2 …",
        "dW^3 = ∂L/∂W^3 = [dz_1; dz_2] [h_1 h_2] = dz^3 · (h^2)^T", "(∂L/∂z3)[:, None] @ h2[None]",
        "∂L/∂W3"),
    TWO.definition("472-473", "The update", "W^3 = W^3 − α · ∂L/∂W^3", "W3 - rate * ∂L/∂W3",
        "sgd_step(W3, ∂L/∂W3, rate)"),
    TWO("477", "", "w_ij = w_ij − α · ∂L/∂w_ij, for w_11, w_12, w_21, w_22",
        "[[W3[i, j] - rate * ∂L/∂W3[i, j] for j in (0, 1)] for i in (0, 1)]",
        "sgd_step(W3, ∂L/∂W3, rate)"),
    *(TWO(line, f"dh^2, ({k + 3})",
        f"∂L/∂h_{k + 1} = ∂L/∂z_1 · ∂z_1/∂h_{k + 1} + ∂L/∂z_2 · ∂z_2/∂h_{k + 1}",
        f"sum(∂L/∂z3[i] * ∂z3[i]/∂h2[{k}] for i in (0, 1))", f"∂L/∂h2[{k}]")
      for k, line in enumerate(("481", "483"))),
    TWO("487-488", "dh^2", "∂z_1/∂h_1 = w_11 and ∂z_2/∂h_1 = w_21", "[W3[0, 0], W3[1, 0]]",
        "[∂z3[0]/∂h2[0], ∂z3[1]/∂h2[0]]"),
    TWO.garbled("492-493", "", "rac{∂z_1}{∂h_2} = w_12 and rac{∂z_2}{∂h_2} = w_22",
        "∂z_1/∂h_2 = w_12 and ∂z_2/∂h_2 = w_22", "[W3[0, 1], W3[1, 1]]",
        "[∂z3[0]/∂h2[1], ∂z3[1]/∂h2[1]]"),
    TWO("501", "", "∂L/∂h_1 = dz_1 · w_11 + dz_2 · w_21",
        "∂L/∂z3[0] * W3[0, 0] + ∂L/∂z3[1] * W3[1, 0]", "∂L/∂h2[0]"),
    TWO("501", "", "∂L/∂h_2 = dz_1 · w_21 + dz_2 · w_22",
        "∂L/∂z3[0] * W3[1, 0] + ∂L/∂z3[1] * W3[1, 1]", "∂L/∂h2[1]",
        corrected="∂L/∂h_2 = dz_1 · w_12 + dz_2 · w_22",
        correction="∂L/∂z3[0] * W3[0, 1] + ∂L/∂z3[1] * W3[1, 1]", mistake="index: w_21 for w_12"),
    TWO("505", "", "∂L/∂h^2 = dh^2 = (W^3)^T · dz^3", "W3.T @ ∂L/∂z3", "∂L/∂h2"),
    TWO.garbled("509-510", "",
        "W^3 = egin{bmatrix} w_11 & w_12 \\ w_21 & w_22 …, dz^3 = egin{bmatrix} dz_1 \\ dz_2 …",
        "W^3 = [w_11 w_12; w_21 w_22], dz^3 = [dz_1; dz_2]",
        "[[∂z3[i]/∂h2[j] for j in (0, 1)] for i in (0, 1)]", "W3"),
    TWO.garbled("514-517", "dz^2", "h^2 = σ(z^2), [egin{array}{c} h_1 \\ h_2 …] = [egin{array} …",
        "h^2 = σ(z^2): h_1 = σ(z_1) and h_2 = σ(z_2)", "[sigmoid(z2[0]), sigmoid(z2[1])]", "h2"),
    TWO("521", "", "dz_1 = ∂L/∂h_1 · ∂h_1/∂z_1 + ∂L/∂h_2 · ∂h_2/∂z_1",
        "sum(∂L/∂h2[i] * ∂h2[i]/∂z2[0] for i in (0, 1))", "∂L/∂z2[0]"),
    TWO("521", "", "= dh_1 · σ'(z_1)", "∂L/∂h2[0] * sigmoid_slope(z2[0])", "∂L/∂z2[0]"),
    TWO("522", "", "∂h_1/∂z_1 = σ'(z_1) and ∂h_2/∂z_1 = 0", "[sigmoid_slope(z2[0]), 0]",
        "[∂h2[0]/∂z2[0], ∂h2[1]/∂z2[0]]"),
    TWO("524-526", "", "dz_2 = dh_2 · σ'(z_2)", "∂L/∂h2[1] * sigmoid_slope(z2[1])", "∂L/∂z2[1]"),
    TWO("530-532", "", "dz^2 = dh^2 ⊗ σ'(z^2)", "∂L/∂h2 * sigmoid_slope(z2)", "∂L/∂z2",
        note="⊗ is the product entry by entry, elsewhere written ⊙."),
    # ---- summaries -------------------------------------------------------------------------------
    TWO("541", "Summary, 1", "dz^3 = q − y = p − y", "q - y", "∂L/∂z3"),
    TWO("544", "Summary, 2", "dW^3 = dz^3 · (h^2)^T", "np.outer(∂L/∂z3, h2)", "∂L/∂W3"),
    TWO("547", "Summary, 3", "dh^2 = (W^3)^T · dz^3", "W3.T @ ∂L/∂z3", "∂L/∂h2"),
    TWO("549", "Summary, 4", "dz^2 = dh^2 ⊗ . σ'(z^2)", "∂L/∂h2 * sigmoid_slope(z2)", "∂L/∂z2",
        note="A stray dot."),
    TWO("552", "Summary, 5", "dW^2 = dz^2 · (h^1)^T", "np.outer(∂L/∂z2, h1)", "∂L/∂W2"),
    TWO("555", "Summary, 6", "dh^1 = (W^2)^T · dz^2", "W2.T @ ∂L/∂z2", "∂L/∂h1"),
    TWO("558", "Summary, 7", "dz^1 = dh^1 ⊗ . σ'(z^1)", "∂L/∂h1 * sigmoid_slope(z1)", "∂L/∂z1",
        note="A stray dot."),
    TWO("561", "Summary, 8", "dW^1 = dz^1 · (x)^T", "np.outer(∂L/∂z1, x)", "∂L/∂W1"),
    DEEP("563-600", "The algorithm", "the consolidated algorithm: dW^o, dW^l",
        "stepped(s, f'{ALL} W4 b4', f'{WEIGHTS} W4')",
        "stepped(s, f'{ALL} W4 b4', f'{ALL} W4 b4')", corrected="…, db^o = dz^o, db^l = dz^l",
        correction="stepped(s, f'{ALL} W4 b4', 'W1 W2 W3 W4 b1 b2 b3 b4')", mistake=NO_BIASES),
    DEEP.definition("566", "The algorithm, 1", "h^0 = x", "B", "H0"),
    DEEP("569-573", "The algorithm, 2", "for l in 1 … L: h^l = σ(W^l · h^{l−1} + b^l)",
        "sigmoid(W3 @ H2 + b3[:, None])", "H3",
        note="Tried with L = 3 hidden layers, as all of this algorithm."),
    DEEP("575", "The algorithm, 3", "p = normalize(exp(W^o · h^L + b^o))",
        "np.exp(Z4) / np.sum(np.exp(Z4))", "P"),
    DEEP("578-579", "The algorithm, 4", "L = −y^T · log(p)", "(-Y.T @ np.log(P))[0, 0]", "L"),
    DEEP("582", "The algorithm, 5", "dz^o = p − y", "P - Y", "∂L/∂Z4"),
    DEEP("585", "The algorithm, 6", "dW^o = dz^o · (h^2)^T", "∂L/∂Z4 @ H2.T", "∂L/∂W4",
        corrected="dW^o = dz^o · (h^L)^T", correction="∂L/∂Z4 @ H3.T",
        mistake="index: h^2 is h^L only in a network with two hidden layers"),
    DEEP("589-592", "The algorithm, 7.1", "for l in L … 1: dh^l = (W^{l+1})^T · dz^{l+1}",
        "flat(*(s[f'∂L/∂Z{i + 1}'].T @ getattr(s, f'W{i + 1}') for i in (3, 2, 1)))",
        "flat(*(s[f'∂L/∂H{i}'] for i in (3, 2, 1)))", note="For l = L, W^{L+1} is W^o."),
    DEEP("595", "The algorithm, 7.2", "dz^l = dh^l ⊗ . σ'(z^l)",
        "flat(*(s[f'∂L/∂H{i}'] * sigmoid_slope(getattr(s, f'Z{i}')) for i in (3, 2, 1)))",
        "flat(*(s[f'∂L/∂Z{i}'] for i in (3, 2, 1)))", note="A stray dot."),
    DEEP("598", "The algorithm, 7.3", "dW^l = dz^l · (h^{l−1})^T",
        "flat(*(s[f'∂L/∂Z{i}'] @ getattr(s, f'H{i - 1}').T for i in (3, 2, 1)))",
        "flat(*(s[f'∂L/∂W{i}'] for i in (3, 2, 1)))"),
]  # fmt: skip
