"""Practical Neural Networks, after Nielsen's book: neurons, cost, gradient descent, BP1 to BP4.

Weights are stored as (outputs, inputs); the input is layer 1.
"""

from functools import cache
from itertools import combinations

import numpy as np

import nn
from microgradnd.arrays import Array

from .row import Row, Rows, convention, reported, unreadable
from .sample import Sample, sgd_step

# A sigmoid neuron with inputs from 0 to 1.
NEURON = Rows("""
    w = rng.normal(size=5); x = rng.uniform(size=(20, 5)); b = rng.normal() - 0.5
    z = x @ w + b; a = nn.Sigmoid()(z)
""", globals())  # fmt: skip

# The network of the feedforward slides with one more output: 2, 3 and 2 neurons.
NETWORK = Rows("""
    x = rng.normal(size=2); y = rng.uniform(size=2)
    w2 = rng.normal(size=(3, 2)); b2 = rng.normal(size=3)
    w3 = rng.normal(size=(2, 3)); b3 = rng.normal(size=2)
    z2 = w2 @ x + b2; a2 = sigmoid(z2)
    z3 = w3 @ a2 + b3; a3 = sigmoid(z3)
    C = np.sum((y - a3) ** 2) / 2
""", globals())  # fmt: skip

# One layer of 3 neurons and n = 6 inputs; C_x is the cost of each, C their mean.
SET = Rows("""
    x = rng.normal(size=(6, 4)); y = rng.uniform(size=(6, 3)); rate = 0.1
    w = rng.normal(size=(3, 4)); b = rng.normal(size=3)
    a = sigmoid(x @ w.T + b)
    Cx = np.sum((y - a) ** 2, axis=1) / 2
    C = np.mean(Cx); m = 2; M = 4
""", globals())  # fmt: skip

# A cost of two variables, and a small step Δv.
LANDSCAPE = Rows("""
    step = rng.normal(size=2); v = rng.normal(size=2); t = 0.0; eta = 1e-4; epsilon = 1e-6
    C = np.sin(v[0]) + v[0] * v[1] ** 2
    moved = np.sin(v[0] + t * step[0]) + (v[0] + t * step[0]) * (v[1] + t * step[1]) ** 2
""", globals())  # fmt: skip

number = Rows("", globals()).number


@cache
def digits() -> Array:
    return nn.data.digits().test.inputs


def steepest(s: Sample) -> Array:
    """Of very many directions, the step of length ε that lowers ∇C · Δv most, by brute force."""
    turns = np.linspace(0, 2 * np.pi, 400_001)
    steps = s.epsilon * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return steps[np.argmin(steps @ s["∂C/∂v"])]


def descent_step(s: Sample) -> Array:
    return sgd_step(s.v, s["∂C/∂v"], s.eta) - s.v


def batch_means(s: Sample, size: int) -> list[Array]:
    """The mean gradient of every mini-batch of a size that there is."""
    return [np.mean(s["∂Cx/∂w"][list(chosen)], axis=0) for chosen in combinations(range(6), size)]


THIRD_LAYER = "[w_11 w_1k ⋯ w_130; w_j1 w_jk ⋯ w_j30; ⋮; w_101 w_10k ⋯ w_1030]"


PASSES = "478-484, 488, 490-496, 498-504, 506-512"
FIVE = "Backpropagate the error, on five slides"


def network_with(s: Sample, z2: Array | None = None, **changes: Array) -> Sample:
    """The same network with other quantities; where z2 is given, b2 makes up for the change."""
    given = {name: getattr(s, name) for name in ("x", "y", "w2", "b2", "w3", "b3")} | changes
    if z2 is not None:
        given["b2"] = z2 - given["w2"] @ given["x"]
    return Sample(given, s.steps)


ROWS: list[Row] = [
    # ---- sigmoid neurons -------------------------------------------------------------------------
    unreadable("5", "Title", "53951431 530961517 67127549 75870286",
        "Digits read from a picture of handwriting."),
    NEURON("23-24", "Sigmoid neuron", "inputs x_k in [0, 1], a weight w_k for each", "[0, 1]",
        "[digits().min(), digits().max()]", "counted in the data"),
    NEURON("27", "", "b ≡ −threshold", "x @ w > -b", "nn.Perceptron(0, [*w, b])(x)",
        note="So b is negative where the threshold is positive."),
    NEURON.definition("38; 364", "Weighted input z", "z ≡ Σ_k w_k x_k + b",
        "[sum(w[k] * x[k] for k in range(5)) + b for x in s.x]",
        "nn.functional.linear(x, w[None], b)[:, 0]"),
    NEURON.definition("41-49; 366-370", "", "z ≡ w · x + b", "[np.dot(w, x) + b for x in s.x]",
        "z"),
    NEURON.definition("52-53; 376", "", "w · x ≡ Σ_k w_k x_k; as matrices w^T · x",
        "[(w[:, None].T @ x[:, None])[0, 0] for x in s.x]",
        "[sum(w[k] * x[k] for k in range(5)) for x in s.x]"),
    NEURON.definition("60-65; 383-388", "Output", "a = σ(w · x + b) = σ(z)",
        "[sigmoid(np.dot(w, x) + b) for x in s.x]", "a"),
    NEURON("75; 88", "Sigmoid function",
        "σ(z) ≡ 1/(1 + e^{−z}) = 1/(1 + exp(−Σ_k w_k x_k − b))",
        "[1 / (1 + np.exp(-z)), [1 / (1 + np.exp(-sum(w[k] * x[k] for k in range(5)) - b)) for x "
        "in s.x]]", "[a] * 2"),
    NEURON("77", "Sigmoid function", "z large and positive: e^{−z} ≈ 0, σ(z) ≈ 1", "[0, 1]",
        "np.round([np.exp(-50.0), nn.Sigmoid()(50.0)], 12)"),
    NEURON("77", "", "z large and negative: e^{−z} → ∞, σ(z) ≈ 0", "[0, 0]",
        "np.round([1 / np.exp(50.0), nn.Sigmoid()(-50.0)], 12)"),
    NEURON("78", "", "a smoothed out step function (~ perceptron output)",
        "nn.Perceptron(0, [*w, b])(x)", "np.round(nn.Sigmoid()(1e9 * z), 9)",
        note="Of weights and a bias that are a billion times larger."),
    NEURON("82", "", "z > 0: w · x > −b, or w · x > threshold", "x @ w > -b", "z > 0"),
    NEURON("92", "", "no big change Δ output from small changes Δw_k and Δb", "True",
        "np.max(np.abs(nn.Sigmoid()(x @ (w + 1e-6) + b + 1e-6) - a)) <= 6e-6 / 4",
        note="At most a quarter of that of z."),
    convention("100", "Architecture", "2 hidden layers", "In the picture."),
    number("102", "", "28 × 28 pixels, so 784 input neurons", "784", factors="28 * 28",
        exact="digits().shape[1]", how="counted in the data"),
    NEURON("103", "", "intensity scaled to [0, 1]", "[0.0, 1.0]",
        "[digits().min(), digits().max()]"),
    NEURON("104", "", "1 output neuron; value > 0.5: the image is a 9", "a > 0.5", "z > 0",
        note="Which is where z is positive."),
    NETWORK("123", "A simple network", "each neuron has a single output", "len(b2)",
        "np.size(nn.Sigmoid()(nn.functional.linear(x, w2, b2)))"),
    NETWORK("124", "", "its output is an input of all neurons in the following layer", "True",
        "bool(np.all(∂z3/∂a2 != 0))"),
    convention("134-137", "A simple network", "three layers, n hidden neurons",
        "The input is counted as a layer here. (The third text does not.)"),
    number("135", "", "28 × 28 = 784", factors="28 * 28", exact="digits().shape[1]",
        how="counted in the data"),
    NEURON("136", "", "the input value is in [1.0, 0.0]", "[1.0, 0.0]",
        "[digits().min(), digits().max()]", "counted in the data",
        corrected="the input value is in [0.0, 1.0]", correction="[0.0, 1.0]",
        mistake="exchange: the ends of the interval; as printed it is empty",
        note="Line 103 has it right."),
    number("138", "", "output: 10 neurons, #0 to #9", "10", exact="len(range(0, 9 + 1))",
        how="counted"),
    NEURON.definition("139", "", "the answer: the neuron with the highest activation",
        "np.argmax(a)", "sorted(range(20), key=lambda k: z[k])[-1]"),
    reported("149-153", "MNIST", "250 people; 60,000 and 10,000 images; another 250 people",
        "How the data was made."),
    unreadable("155", "", "504192", "Digits read from a picture of handwriting."),
    number("168", "", "28 × 28 = 784-dimension vector", "784", factors="28 * 28",
        exact="digits().shape[1]", how="counted in the data"),
    # ---- the cost --------------------------------------------------------------------------------
    SET("190", "Cost function", "a^L ≈ y for every x", "0.0", "nn.QuadraticLoss()(y, y)",
        note="Where they are equal, the cost is at its least."),
    SET.definition("195; 205-208; 220; 311", "Cost function",
        "C(w, b) = 1/n Σ_x ‖y(x) − a^L(x, w, b)‖² / 2",
        "sum(np.linalg.norm(y - a) ** 2 / 2 for y, a in zip(s.y, s.a, strict=True)) / 6",
        "nn.QuadraticLoss()(a, y)"),
    SET("205", "", "quadratic or mean squared error MSE cost function", "C",
        "np.mean([np.linalg.norm(y - a) ** 2 for y, a in zip(s.y, s.a, strict=True)])",
        corrected="half the mean squared error", correction="2 * C",
        mistake="factor: the mean of ‖y − a^L‖² has no ½", note="Both are least at one place."),
    unreadable("209", "", "a^L is a vector, when input is x_{st neurons}",
        "The input is x; the rest is a label of the picture."),
    SET("210", "", "a^L is 10-dimensional, like y", "10",
        "nn.data.digits().test.one_hot().labels.shape[1]", "counted in the data"),
    SET.garbled("211", "", "||y a^L||: the length of the vector (y a^L)",
        "‖y − a^L‖: the length of y − a^L",
        "[np.linalg.norm(y - a) for y, a in zip(s.y, s.a, strict=True)]", "np.sqrt(2 * Cx)",
        note="The minus is lost."),
    SET("212", "", "÷ 2, for convenience when differentiating", "(a - y) / 6",
        "Sample({'a': a, 'y': y}, 'C = np.mean(np.sum((y - a) ** 2, axis=1) / 2)')['∂C/∂a']",
        note="No 2 is left in the derivative."),
    SET("222", "", "C(w, b) is non-negative", "True", "C >= 0"),
    SET("223", "", "C ≈ 0: a^L ≈ y for all x", "True",
        "bool(np.all(np.abs(y - a) <= np.sqrt(2 * 6 * C)))",
        note="No output is farther from its truth than √(2nC)."),
    SET.garbled("225", "", "to minimize cot C(w, b)", "to minimize the cost C(w, b)", "C",
        "nn.QuadraticLoss()(a, y)", note="cot is the cotangent; the t is from cost."),
    convention("237-244", "Minimizing", "C(v), v = v_1, v_2, …; more than 10,000 of w_k and b",
        "Names, and a size."),
    # ---- gradient descent ------------------------------------------------------------------------
    LANDSCAPE("252", "Minimizing", "ΔC ≈ ∂C/∂v_1 Δv_1 + ∂C/∂v_2 Δv_2",
        "∂C/∂v[0] * step[0] + ∂C/∂v[1] * step[1]", "∂moved/∂t",
        note="To first order: the slope of C along Δv."),
    LANDSCAPE.definition("252-256", "", "∇C ≡ [∂C/∂v_1; ∂C/∂v_2], Δv ≡ [Δv_1; Δv_2]",
        "[np.cos(v[0]) + v[1] ** 2, 2 * v[0] * v[1]]", "∂C/∂v"),
    LANDSCAPE("254", "", "ΔC ≈ ∇C · Δv", "∂C/∂v @ step", "∂moved/∂t"),
    LANDSCAPE("262", "", "ΔC ≈ ∇C · Δv = Δv · ∇C = [Δv_1; Δv_2] · [∂C/∂v_1; ∂C/∂v_2]",
        "step @ ∂C/∂v", "∂moved/∂t"),
    LANDSCAPE.definition("264-265", "", "ΔC < 0; Δv = −η ∇C", "-eta * ∂C/∂v", "descent_step(s)"),
    LANDSCAPE("267", "", "ΔC ≈ −η ∇C · ∇C", "-eta * ∂C/∂v @ ∂C/∂v", "∂C/∂v @ descent_step(s)"),
    LANDSCAPE("269-270", "", "= −η ‖∇C‖² ≤ 0", "[-eta * np.linalg.norm(∂C/∂v) ** 2, 1]",
        "[∂C/∂v @ descent_step(s), ∂C/∂v @ descent_step(s) <= 0]"),
    LANDSCAPE.definition("272", "", "v_new = v_now − η ∇C", "v - eta * ∂C/∂v",
        "sgd_step(v, ∂C/∂v, eta)"),
    LANDSCAPE("272", "", "… to move towards global C minimum", "lowest(-2)", "descended(1.5)",
        "tried in two valleys", corrected="… towards a local minimum", correction="lowest(0)",
        mistake="concept: it goes down from where it is, and stays in that valley"),
    LANDSCAPE("282-284", "Another viewpoint",
        "‖Δv‖ = ε, ΔC most negative: Δv = −η ∇C with η = ε / ‖∇C‖",
        "np.round(-(epsilon / np.linalg.norm(∂C/∂v)) * ∂C/∂v / epsilon, 4)",
        "np.round(steepest(s) / epsilon, 4)",
        note="Among 400,000 directions; compared to four digits."),
    LANDSCAPE("286-288", "", "Δv = −ε/‖∇C‖ ∇C = −ε ∇C/‖∇C‖ = −ε (unit vector in direction of ∇C)",
        "[*np.round(-∂C/∂v / np.linalg.norm(∂C/∂v), 4), 1.0]",
        "[*np.round(steepest(s) / epsilon, 4), np.linalg.norm(steepest(s)) / epsilon]"),
    convention("296", "Gradient descent in a network", "w_k, b, C", "What is learned, by what."),
    LANDSCAPE.definition("299; 428", "Gradient descent in a network", "Δv = −η ∇C",
        "-eta * ∂C/∂v", "descent_step(s)"),
    SET.definition("302; 431", "",
        "Δv ≡ [Δw_k; Δb] = −η ∇C ≡ −η [∂C/∂w_k; ∂C/∂b] = [−η ∂C/∂w_k; −η ∂C/∂b]",
        "[-rate * ∂C/∂w[0, 1], -rate * ∂C/∂b[0]]",
        "[sgd_step(w, ∂C/∂w, rate)[0, 1] - w[0, 1], sgd_step(b, ∂C/∂b, rate)[0] - b[0]]"),
    SET.definition("304, 308; 433", "", "w_k → w_k − η ∂C/∂w_k and b → b − η ∂C/∂b",
        "[w[0, 1] - rate * ∂C/∂w[0, 1], b[0] - rate * ∂C/∂b[0]]",
        "[sgd_step(w, ∂C/∂w, rate)[0, 1], sgd_step(b, ∂C/∂b, rate)[0]]"),
    SET("313", "Stochastic descent", "C is an average over the costs C_x", "sum(Cx) / 6",
        "nn.QuadraticLoss()(a, y)"),
    SET("314", "", "∂C/∂w_k: the average of ∂C_x/∂w_k over all x",
        "sum((∂Cx/∂w)[x] for x in range(6)) / 6", "∂C/∂w"),
    convention("321-322", "", "X_1, X_2, …, X_m", "A mini-batch of m inputs."),
    SET("326-328", "", "Σ_j ∇C_Xj / m ≈ Σ_x ∇C_x / n = ∇C",
        "[np.mean(batch_means(s, m), axis=0), sum(∂Cx/∂w) / 6]", "[∂C/∂w] * 2",
        note="≈ holds in the mean over all mini-batches: tried with all of m = 2."),
    SET("326", "", "provided m is large enough", "True",
        "np.sum(np.var(batch_means(s, M), axis=0)) < np.sum(np.var(batch_means(s, m), axis=0))",
        note="With m = 4 the mini-batches differ less than with m = 2."),
    SET("330", "", "∇C ≈ 1/m Σ_j ∇C_Xj", "np.mean(batch_means(s, M), axis=0)", "∂C/∂w",
        note="In the mean over all mini-batches: tried with all of m = 4."),
    LANDSCAPE.definition("334", "", "v → v − η ∇C", "v - eta * ∂C/∂v", "sgd_step(v, ∂C/∂v, eta)"),
    SET.definition("340-341", "", "w_k → w_k − η/m Σ_j ∂C_Xj/∂w_k and b → …",
        "w - rate / 2 * ((∂Cx/∂w)[0] + (∂Cx/∂w)[3])",
        "sgd_step(w, np.mean((∂Cx/∂w)[[0, 3]], axis=0), rate)"),
    number("351-353", "", "n = 60,000, m = 10: a factor of 6,000", "6,000", exact="60_000 / 10"),
    # ---- the layers of the 784-30-10 network -----------------------------------------------------
    NETWORK("396", "Implementing", "w^{l=3} = weights[1], a 10 by 30 matrix", "(10, 30)",
        "nn.Linear(30, 10).weight.shape"),
    NETWORK("398; 410", "", "a^{l=3} = σ(w^{l=3} a^{l=2} + b^{l=3})", "sigmoid(w3 @ a2 + b3)",
        "a3"),
    NETWORK.garbled("400", "", f"σ({THIRD_LAYER} [a_1; a_k; ⋮; a_{{l=2}}^{{l=2}}; ⋮; "
        "a_{l=2}^{l=2}] + [b_1; b_j; ⋮; b_10])",
        "a_j = σ(Σ_k w_jk a_k + b_j) for j = 1 … 10, k = 1 … 30",
        "[sigmoid(sum(w3[j, k] * a2[k] for k in range(3)) + b3[j]) for j in range(2)]", "a3",
        note="Tried with fewer neurons. w_130 is w_{1,30}."),
    NETWORK("406", "", "w_jk^{l=3}: from neuron k of layer 2 to neuron j of layer 3",
        "w3 * sigmoid_slope(z3)[:, None]", "∂a3/∂a2"),
    NETWORK.garbled("412", "", f"σ({THIRD_LAYER} [a_1; a_k; ⋮; a_k; ⋮; a_30] + …)",
        "a_j = σ(Σ_k w_jk a_k + b_j) for j = 1 … 10, k = 1 … 30",
        "[sigmoid(sum(w3[j, k] * a2[k] for k in range(3)) + b3[j]) for j in range(2)]", "a3",
        note="a_k stands in the column twice."),
    NETWORK("418-419", "", "b^{l=3} = biases[1], a 10 by 1 matrix", "(10, 1)",
        "(nn.Linear(30, 10).weight @ np.ones((30, 1))).shape", note="As w a must be; nn has rows."),
    # ---- backpropagation -------------------------------------------------------------------------
    reported("437", "Backpropagation", "70's, 1986", "The years of its beginnings."),
    convention("438-444", "", "∂C_x/∂w_k, ∂C_x/∂b; ∂C_x/∂w_ik^l, ∂C_x/∂b_i^l",
        "Names, for the jth neuron of layer l; its indices are printed as i."),
    NETWORK("452", "Feedforward", "[a_1^{l=1}; a_2^{l=1}] = [x_1; x_2], a^{l=2} = σ([w_11 w_12; "
        "w_21 w_22] [a_1; a_2] + [b_1; b_2])",
        "[sigmoid(w2[j, 0] * x[0] + w2[j, 1] * x[1] + b2[j]) for j in range(3)]", "a2",
        note="Tried with one hidden neuron more."),
    NETWORK.garbled("452", "",
        "[a_1^{l=3}] = σ([w_11^{l=3} w_12^{l=3}; a_2^{l=2}] + [b_1^{l=3}; b_1^{l=2}])",
        "a_1^{l=3} = σ([w_11 w_12] [a_1^{l=2}; a_2^{l=2}] + b_1^{l=3})",
        "sigmoid(w3[0] @ a2 + b3[0])", "a3[0]", note="Two columns have run into each other."),
    convention(PASSES, FIVE, "δ_j^l ≡ ∂C/∂z_j^l", "The name of the error."),
    NETWORK(PASSES, f"{FIVE}, 1", "δ_j^L = ∂C/∂a_j^L σ'(z_j^L)",
        "[∂C/∂a3[j] * sigmoid_slope(z3[j]) for j in range(2)]", "∂C/∂z3"),
    NETWORK(PASSES, "", "with the quadratic cost: δ_j^L = (a_j^L − y_j) σ'(z_j^L)",
        "[(a3[j] - y[j]) * sigmoid_slope(z3[j]) for j in range(2)]", "∂C/∂z3"),
    NETWORK(PASSES, f"{FIVE}, 2", "δ_j^l = Σ_k w_kj^{l+1} δ_k^{l+1} σ'(z_j^l)",
        "[sum(w3[k, j] * ∂C/∂z3[k] * sigmoid_slope(z2[j]) for k in range(2)) for j in range(3)]",
        "∂C/∂z2"),
    NETWORK(PASSES, "", "= ((W_{:,j}^{l+1})^T δ^{l+1}) σ'(z_j^l)",
        "[(w3[:, j].T @ ∂C/∂z3) * sigmoid_slope(z2[j]) for j in range(3)]", "∂C/∂z2"),
    NETWORK(PASSES, f"{FIVE}, 3", "∂C/∂b_j^l = δ_j^l", "[∂C/∂z2[j] for j in range(3)]", "∂C/∂b2"),
    NETWORK(PASSES, f"{FIVE}, 4", "∂C/∂w_jk^l = a_k^{l−1} δ_j^l",
        "[[a2[k] * ∂C/∂z3[j] for k in range(3)] for j in range(2)]", "∂C/∂w3"),
    unreadable("488", FIVE, "<== e.g. L = 32.", "L = 3, and the number 2 of the next equation."),
    NETWORK("518-519", "Insights", "a_k^{l−1} small: ∂C/∂w small", "∂C/∂w2 / 1000",
        "network_with(s, x=x / 1000, z2=z2)['∂C/∂w2']",
        note="An input a thousand times smaller, the sums the same."),
    NETWORK("520-521", "", "σ'(z) ≈ 0 where σ(z) ≈ 0 or ≈ 1", "[0, 0]",
        "np.round(sigmoid_slope(np.array([-40.0, 40.0])), 12)"),
    NETWORK("522-526", "", "near saturation, ∂C/∂b and ∂C/∂w are small", "0.0",
        "np.round(np.max(np.abs(network_with(s, b2=b2 + 40)['∂C/∂w2'])), 12)"),
    NETWORK("530", "Summary, BP1", "δ^L = ∇_a C ⊙ σ'(z^L)", "∂C/∂a3 * sigmoid_slope(z3)", "∂C/∂z3"),
    NETWORK("532", "Summary, BP2", "δ^l = ((w^{l+1})^T δ^{l+1}) ⊙ σ'(z^l)",
        "(w3.T @ ∂C/∂z3) * sigmoid_slope(z2)", "∂C/∂z2"),
    NETWORK("535", "Summary, BP3", "∂C/∂b_j^l = δ_j^l", "∂C/∂z3", "∂C/∂b3"),
    NETWORK("537", "Summary, BP4", "∂C/∂w_jk^l = a_k^{l−1} δ_j^l",
        "np.einsum('k,j->jk', x, ∂C/∂z2)", "∂C/∂w2"),
]  # fmt: skip
