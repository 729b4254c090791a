"""Practical Neural Networks, after Nielsen's book: neurons, cost, gradient descent, BP1 to BP4.

Weights are stored as (outputs, inputs); the input is layer 1.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

import nn

from .row import Row, Writer, convention, number, reported, rounds_to, unreadable
from .sample import Sample, random_samples, sgd_step, sigmoid, sigmoid_slope

Array = np.ndarray

# ---- what the formulas are tried on --------------------------------------------------------------


def neuron(rng: np.random.Generator) -> Sample:
    """A sigmoid neuron with inputs from 0 to 1."""
    given = {"w": rng.normal(size=5), "x": rng.uniform(size=(20, 5)), "b": rng.normal() - 0.5}
    return Sample(given, {"z": lambda v: v.x @ v.w + v.b, "a": lambda v: nn.Sigmoid()(v.z)})


def network(rng: np.random.Generator) -> Sample:
    """The network of the feedforward slides with one more output: 2, 3 and 2 neurons."""
    given = {
        "x": rng.normal(size=2), "y": rng.uniform(size=2),
        "w2": rng.normal(size=(3, 2)), "b2": rng.normal(size=3),
        "w3": rng.normal(size=(2, 3)), "b3": rng.normal(size=2),
    }  # fmt: skip
    steps = {
        "z2": lambda v: v.w2 @ v.x + v.b2,
        "a2": lambda v: sigmoid(v.z2),
        "z3": lambda v: v.w3 @ v.a2 + v.b3,
        "a3": lambda v: sigmoid(v.z3),
        "C": lambda v: np.sum((v.y - v.a3) ** 2) / 2,
    }
    return Sample(given, steps)


def training_set(rng: np.random.Generator) -> Sample:
    """One layer of 3 neurons and n = 6 inputs; C_x is the cost of each, C their mean."""
    given = {"x": rng.normal(size=(6, 4)), "y": rng.uniform(size=(6, 3)), "rate": 0.1,
             "w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}  # fmt: skip
    steps = {
        "a": lambda v: sigmoid(v.x @ v.w.T + v.b),
        "Cx": lambda v: np.sum((v.y - v.a) ** 2, axis=1) / 2,
        "C": lambda v: np.mean(v.Cx),
    }
    return Sample(given, steps)


def landscape(rng: np.random.Generator) -> Sample:
    """A cost of two variables, and a small step Δv."""
    step = rng.normal(size=2)
    return Sample({"v": rng.normal(size=2), "step": step, "t": 0.0, "eta": 1e-4, "epsilon": 1e-6},
                  {"C": lambda v: np.sin(v.v[0]) + v.v[0] * v.v[1] ** 2,
                   "moved": lambda v: np.sin(v.v[0] + v.t * v.step[0])
                   + (v.v[0] + v.t * v.step[0]) * (v.v[1] + v.t * v.step[1]) ** 2})  # fmt: skip


NEURON = Writer(random_samples(neuron))
NETWORK = Writer(random_samples(network))
SET = Writer(random_samples(training_set))
LANDSCAPE = Writer(random_samples(landscape))

# ---- sigmoid neurons -----------------------------------------------------------------------------


def neuron_rows(first: dict[str, str]) -> list[Row]:
    """What two slides say alike about the weighted input and the output."""
    return [
        NEURON.definition(first["sum"], "Weighted input z", "z ≡ Σ_k w_k x_k + b",
                          lambda s: [sum(s.w[k] * x[k] for k in range(5)) + s.b for x in s.x],
                          lambda s: nn.functional.linear(s.x, s.w[None], s.b)[:, 0]),
        NEURON.definition(first["dot"], "Weighted input z", "z ≡ w · x + b",
                          lambda s: [np.dot(s.w, x) + s.b for x in s.x], lambda s: s.z),
        NEURON.definition(first["product"], "Weighted input z", "w · x ≡ Σ_k w_k x_k; as matrices "
                          "w^T · x",
                          lambda s: [(s.w[:, None].T @ x[:, None])[0, 0] for x in s.x],
                          lambda s: [sum(s.w[k] * x[k] for k in range(5)) for x in s.x]),
        NEURON.definition(first["output"], "Output", "a = σ(w · x + b) = σ(z)",
                          lambda s: [sigmoid(np.dot(s.w, x) + s.b) for x in s.x], lambda s: s.a),
    ]  # fmt: skip


def logistic(line: str) -> Row:
    return NEURON.formula(line, "Sigmoid function",
    "σ(z) ≡ 1/(1 + e^{−z}) = 1/(1 + exp(−Σ_k w_k x_k "
                          "− b))",
                          lambda s: [1 / (1 + np.exp(-s.z)),
                                     [1 / (1 + np.exp(-sum(s.w[k] * x[k] for k in range(5)) - s.b))
                                      for x in s.x]], lambda s: [s.a] * 2)  # fmt: skip


def within(images: Array, low: float, high: float) -> bool:
    return bool(np.all((images >= low) & (images <= high)))


def digits() -> Array:
    return nn.data.digits().test.inputs


NEURONS = [
    unreadable("5", "Title", "53951431 530961517 67127549 75870286",
               "Digits read from a picture of "
               "handwriting."),
    NEURON.definition("23-24", "Sigmoid neuron", "inputs x_k in [0, 1], a weight w_k for each",
                      lambda s: within(digits(), 0, 1), lambda s: True,
                      note="As the digits that come with nn are."),
    NEURON.formula("27", "Sigmoid neuron", "b ≡ −threshold",
                   lambda s: s.x @ s.w + s.b > 0, lambda s: s.x @ s.w > -s.b,
                   note="So b is negative where the threshold is positive."),
    *neuron_rows({"sum": "38", "dot": "41-49", "product": "52-53", "output": "60-65"}),
    logistic("75"),
    NEURON.formula("77", "Sigmoid function", "z large and positive: e^{−z} ≈ 0, σ(z) ≈ 1",
                   lambda s: [0, 1], lambda s: np.round([np.exp(-50.0), nn.Sigmoid()(50.0)], 12)),
    NEURON.formula("77", "Sigmoid function", "z large and negative: e^{−z} → ∞, σ(z) ≈ 0",
                   lambda s: [np.inf > 1e20, 0],
                   lambda s: [np.exp(50.0) > 1e20, np.round(nn.Sigmoid()(-50.0), 12)]),
    NEURON.formula("82", "Sigmoid function", "z > 0: w · x > −b, or w · x > threshold",
                   lambda s: s.x @ s.w > -s.b, lambda s: s.z > 0),
    logistic("88"),
    convention("92", "Sigmoid function", "Δ output, Δw_k, Δb", "Small changes make small changes."),
    convention("100", "Architecture", "2 hidden layers", "In the picture."),
    number("102", "Architecture", "28 × 28 pixels, so 784 input neurons", "784",
           rounds_to(lambda: digits().shape[1], how="counted in the data")),
    NEURON.definition("103", "Architecture", "intensity scaled to [0, 1]",
                      lambda s: [0.0, 1.0], lambda s: [digits().min(), digits().max()]),
    NEURON.formula("104", "Architecture", "1 output neuron; value > 0.5: the image is a 9",
                   lambda s: s.a > 0.5, lambda s: s.z > 0, note="Which is where z is positive."),
    convention("134-137", "A simple network", "three layers, n hidden neurons", "The input is "
               "counted as a layer here. (The third text does not.)"),
    number("135", "A simple network", "28 × 28 = 784", "784",
           rounds_to(lambda: digits().shape[1], how="counted in the data")),
    NEURON.formula("136", "A simple network", "the input value is in [1.0, 0.0]",
                   lambda s: within(digits(), 1.0, 0.0), lambda s: True,
                   corrected="the input value is in [0.0, 1.0]",
                   correction=lambda s: within(digits(), 0.0, 1.0),
                   mistake="exchange: the ends of the interval; as printed it is empty",
                   note="Line 103 has it right."),
    number("138", "A simple network", "output: 10 neurons, #0 to #9", "10",
           rounds_to(lambda: len(range(0, 9 + 1)), how="counted")),
    NEURON.definition("139", "A simple network",
                      "the answer: the neuron with the highest activation",
                      lambda s: np.argmax(s.a),
                      lambda s: sorted(range(20), key=lambda k: s.z[k])[-1]),
    reported("149-153", "MNIST", "250 people; 60,000 and 10,000 images; another 250 people",
             "How the data was made."),
    unreadable("155", "MNIST", "504192", "Digits read from a picture of handwriting."),
    number("168", "MNIST", "28 × 28 = 784-dimension vector", "784",
           rounds_to(lambda: digits().shape[1], how="counted in the data")),
]  # fmt: skip

# ---- the cost ------------------------------------------------------------------------------------


def cost(lines: str) -> Row:
    return SET.definition(lines, "Cost function", "C(w, b) = 1/n Σ_x ‖y(x) − a^L(x, w, b)‖² / 2",
                          lambda s: sum(np.linalg.norm(y - a) ** 2 / 2
                                        for y, a in zip(s.y, s.a, strict=True)) / 6,
                          lambda s: nn.QuadraticLoss()(s.a, s.y))  # fmt: skip


COST = [
    SET.formula("190", "Cost function", "a^L ≈ y for every x",
                lambda s: 0.0, lambda s: nn.QuadraticLoss()(s.y, s.y),
                note="Where they are equal, the cost is at its least."),
    cost("195"),
    cost("205-208"),
    unreadable("209", "Cost function", "a^L is a vector, when input is x_{st neurons}",
               "The input is x; "
               "the rest is a label of the picture."),
    SET.formula("210", "Cost function", "a^L is 10-dimensional, like y", lambda s: (10,),
                lambda s: nn.Linear(30, 10)(np.zeros(30)).shape),
    SET.garbled("211", "Cost function", "||y a^L||: the length of the vector (y a^L)",
                "‖y − a^L‖: the length of y − a^L",
                lambda s: [np.linalg.norm(y - a) for y, a in zip(s.y, s.a, strict=True)],
                lambda s: np.sqrt(2 * s.Cx), note="The minus is lost."),
    SET.formula("212", "Cost function", "÷ 2, for convenience when differentiating",
                lambda s: (s.a - s.y) / 6,
                lambda s: Sample({"a": s.a}, {"C": lambda v: np.mean(
                    np.sum((s.y - v.a) ** 2, axis=1) / 2)})["∂C/∂a"],
                note="No 2 is left in the derivative."),
    cost("220"),
    SET.formula("222", "Cost function",
                "C(w, b) is non-negative", lambda s: True, lambda s: s.C >= 0),
    SET.formula("223", "Cost function", "C ≈ 0: a^L ≈ y for all x",
                lambda s: True, lambda s: bool(np.all(np.abs(s.y - s.a) <= np.sqrt(2 * 6 * s.C))),
                note="No output is farther from its truth than √(2nC)."),
    SET.garbled("225", "Cost function", "to minimize cot C(w, b)", "to minimize the cost C(w, b)",
                lambda s: s.C, lambda s: nn.QuadraticLoss()(s.a, s.y),
                note="cot is the cotangent; the t is from cost."),
    convention("237-244", "Minimizing", "C(v), v = v_1, v_2, …; more than 10,000 of w_k and b",
               "Names, and a size."),
]  # fmt: skip

# ---- gradient descent ----------------------------------------------------------------------------


def steepest(s: Sample) -> Array:
    """Of very many directions, the step of length ε that lowers ∇C · Δv most, by brute force."""
    turns = np.linspace(0, 2 * np.pi, 400_001)
    steps = s.epsilon * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return steps[np.argmin(steps @ s["∂C/∂v"])]


def descent_step(s: Sample) -> Array:
    return sgd_step(s.v, s["∂C/∂v"], s.eta) - s.v


def at_neuron(first: str, second: str) -> list[Row]:
    return [
        SET.definition(first, "Gradient descent in a network", "Δv ≡ [Δw_k; Δb] = −η ∇C ≡ "
                       "−η [∂C/∂w_k; ∂C/∂b] = [−η ∂C/∂w_k; −η ∂C/∂b]",
                       lambda s: [-s.rate * s["∂C/∂w[0, 1]"], -s.rate * s["∂C/∂b[0]"]],
                       lambda s: [sgd_step(s.w, s["∂C/∂w"], s.rate)[0, 1] - s.w[0, 1],
                                  sgd_step(s.b, s["∂C/∂b"], s.rate)[0] - s.b[0]]),
        SET.definition(second, "Gradient descent in a network",
                       "w_k → w_k − η ∂C/∂w_k and b → b − η "
                       "∂C/∂b",
                       lambda s: [s.w[0, 1] - s.rate * s["∂C/∂w[0, 1]"],
                                  s.b[0] - s.rate * s["∂C/∂b[0]"]],
                       lambda s: [sgd_step(s.w, s["∂C/∂w"], s.rate)[0, 1],
                                  sgd_step(s.b, s["∂C/∂b"], s.rate)[0]]),
    ]  # fmt: skip


def batch_means(s: Sample, size: int) -> list[Array]:
    """The mean gradient of every mini-batch of a size that there is."""
    return [np.mean(s["∂Cx/∂w"][list(chosen)], axis=0) for chosen in combinations(range(6), size)]


DESCENT = [
    LANDSCAPE.formula("252", "Minimizing", "ΔC ≈ ∂C/∂v_1 Δv_1 + ∂C/∂v_2 Δv_2",
                      lambda s: s["∂C/∂v[0]"] * s.step[0] + s["∂C/∂v[1]"] * s.step[1],
                      "∂moved/∂t", note="To first order: the slope of C along Δv."),
    LANDSCAPE.definition("252-256", "Minimizing", "∇C ≡ [∂C/∂v_1; ∂C/∂v_2], Δv ≡ [Δv_1; Δv_2]",
                         lambda s: [np.cos(s.v[0]) + s.v[1] ** 2, 2 * s.v[0] * s.v[1]], "∂C/∂v"),
    LANDSCAPE.formula("254", "Minimizing", "ΔC ≈ ∇C · Δv",
                      lambda s: s["∂C/∂v"] @ s.step, "∂moved/∂t"),
    LANDSCAPE.formula("262", "Minimizing",
                      "ΔC ≈ ∇C · Δv = Δv · ∇C = [Δv_1; Δv_2] · [∂C/∂v_1; ∂C/∂v_2]",
                      lambda s: s.step @ s["∂C/∂v"], "∂moved/∂t"),
    LANDSCAPE.definition("264-265", "Minimizing", "ΔC < 0; Δv = −η ∇C",
                         lambda s: -s.eta * s["∂C/∂v"], descent_step),
    LANDSCAPE.formula("267", "Minimizing", "ΔC ≈ −η ∇C · ∇C",
                      lambda s: -s.eta * s["∂C/∂v"] @ s["∂C/∂v"],
                      lambda s: s["∂C/∂v"] @ descent_step(s)),
    LANDSCAPE.formula("269-270", "Minimizing", "= −η ‖∇C‖² ≤ 0",
                      lambda s: [-s.eta * np.linalg.norm(s["∂C/∂v"]) ** 2, 1],
                      lambda s: [s["∂C/∂v"] @ descent_step(s), s["∂C/∂v"] @ descent_step(s) <= 0]),
    LANDSCAPE.definition("272", "Minimizing", "v_new = v_now − η ∇C",
                         lambda s: s.v - s.eta * s["∂C/∂v"],
                         lambda s: sgd_step(s.v, s["∂C/∂v"], s.eta),
                         note="Down from here; not always to the global minimum, as printed."),
    LANDSCAPE.formula("282-284", "Another viewpoint", "‖Δv‖ = ε, ΔC most negative: Δv = −η ∇C with "
                      "η = ε / ‖∇C‖",
                      lambda s: np.round(-s["∂C/∂v"] / np.linalg.norm(s["∂C/∂v"]), 4),
                      lambda s: np.round(steepest(s) / s.epsilon, 4),
                      note="Among 400,000 directions; compared to four digits."),
    LANDSCAPE.formula("286", "Another viewpoint", "Δv = −ε/‖∇C‖ ∇C = −ε ∇C/‖∇C‖",
                      lambda s: -s.epsilon / np.linalg.norm(s["∂C/∂v"]) * s["∂C/∂v"],
                      lambda s: -s.epsilon * (s["∂C/∂v"] / np.linalg.norm(s["∂C/∂v"]))),
    LANDSCAPE.formula("288", "Another viewpoint", "= −ε (unit vector in the direction of ∇C)",
                      lambda s: 1.0,
                      lambda s: np.linalg.norm(s["∂C/∂v"] / np.linalg.norm(s["∂C/∂v"]))),
    convention("296", "Gradient descent in a network", "w_k, b, C", "What is learned, by what."),
    LANDSCAPE.definition("299", "Gradient descent in a network", "Δv = −η ∇C",
                         lambda s: -s.eta * s["∂C/∂v"], descent_step),
    *at_neuron("302", "304, 308"),
    cost("311"),
    SET.formula("313", "Stochastic descent", "C is an average over the costs C_x",
                lambda s: sum(s.Cx) / 6, lambda s: s.C),
    SET.formula("314", "Stochastic descent", "∂C/∂w_k: the average of ∂C_x/∂w_k over all x",
                lambda s: sum(s["∂Cx/∂w"][x] for x in range(6)) / 6, "∂C/∂w"),
    convention("321-322", "Stochastic descent", "X_1, X_2, …, X_m", "A mini-batch of m inputs."),
    SET.formula("326-328", "Stochastic descent", "Σ_j ∇C_Xj / m ≈ Σ_x ∇C_x / n = ∇C",
                lambda s: [np.mean(batch_means(s, 2), axis=0), sum(s["∂Cx/∂w"]) / 6],
                lambda s: [s["∂C/∂w"]] * 2,
                note="≈ holds in the mean over all mini-batches: tried with all of m = 2."),
    SET.formula("330", "Stochastic descent", "∇C ≈ 1/m Σ_j ∇C_Xj",
                lambda s: np.mean(batch_means(s, 4), axis=0), "∂C/∂w",
                note="In the mean over all mini-batches: tried with all of m = 4."),
    LANDSCAPE.definition("334", "Stochastic descent", "v → v − η ∇C",
                         lambda s: s.v - s.eta * s["∂C/∂v"],
                         lambda s: sgd_step(s.v, s["∂C/∂v"], s.eta)),
    SET.definition("340-341", "Stochastic descent", "w_k → w_k − η/m Σ_j ∂C_Xj/∂w_k and b → …",
                   lambda s: s.w - s.rate / 2 * (s["∂Cx/∂w"][0] + s["∂Cx/∂w"][3]),
                   lambda s: sgd_step(s.w, np.mean(s["∂Cx/∂w"][[0, 3]], axis=0), s.rate)),
    number("351-353", "Stochastic descent", "n = 60,000, m = 10: a factor of 6,000", "6,000",
           rounds_to(lambda: 60_000 / 10)),
    *neuron_rows({"sum": "364", "dot": "366-370", "product": "376", "output": "383-388"}),
]  # fmt: skip

# ---- the layers of the 784-30-10 network ---------------------------------------------------------

THIRD_LAYER = "[w_11 w_1k ⋯ w_130; w_j1 w_jk ⋯ w_j30; ⋮; w_101 w_10k ⋯ w_1030]"

LAYERS = [
    NETWORK.formula("396", "Implementing", "w^{l=3} = weights[1], a 10 by 30 matrix",
                    lambda s: (10, 30), lambda s: nn.Linear(30, 10).weight.shape),
    NETWORK.formula("398", "Implementing", "a^{l=3} = σ(w^{l=3} a^{l=2} + b^{l=3})",
                    lambda s: sigmoid(s.w3 @ s.a2 + s.b3), lambda s: s.a3),
    NETWORK.garbled("400", "Implementing", f"σ({THIRD_LAYER} [a_1; a_k; ⋮; a_{{l=2}}^{{l=2}}; ⋮; "
                    "a_{l=2}^{l=2}] + [b_1; b_j; ⋮; b_10])",
                    "a_j = σ(Σ_k w_jk a_k + b_j) for j = 1 … 10, k = 1 … 30",
                    lambda s: [sigmoid(sum(s.w3[j, k] * s.a2[k] for k in range(3)) + s.b3[j])
                               for j in range(2)], lambda s: s.a3,
                    note="Tried with fewer neurons. w_130 is w_{1,30}."),
    NETWORK.formula("406", "Implementing",
                    "w_jk^{l=3}: from neuron k of layer 2 to neuron j of layer 3",
                    lambda s: s.w3 * sigmoid_slope(s.z3)[:, None], "∂a3/∂a2"),
    NETWORK.formula("410", "Implementing", "a^{l=3} = σ(w^{l=3} a^{l=2} + b^{l=3})",
                    lambda s: sigmoid(s.w3 @ s.a2 + s.b3), lambda s: s.a3),
    NETWORK.garbled("412", "Implementing", f"σ({THIRD_LAYER} [a_1; a_k; ⋮; a_k; ⋮; a_30] + …)",
                    "a_j = σ(Σ_k w_jk a_k + b_j) for j = 1 … 10, k = 1 … 30",
                    lambda s: [sigmoid(sum(s.w3[j, k] * s.a2[k] for k in range(3)) + s.b3[j])
                               for j in range(2)], lambda s: s.a3,
                    note="a_k stands in the column twice."),
    NETWORK.formula("418-419", "Implementing", "b^{l=3} = biases[1], a 10 by 1 matrix",
                    lambda s: (10, 1), lambda s: nn.Linear(30, 10).bias.numpy()[:, None].shape),
]  # fmt: skip

# ---- backpropagation -----------------------------------------------------------------------------

PASSES = "478-484, 488, 490-496, 498-504, 506-512"
FIVE = "Backpropagate the error, on five slides"


BACKWARD = [
    LANDSCAPE.definition("428", "Gradient descent in a network", "Δv = −η ∇C",
                         lambda s: -s.eta * s["∂C/∂v"], descent_step),
    *at_neuron("431", "433"),
    reported("437", "Backpropagation", "70's, 1986", "The years of its beginnings."),
    convention("438-444", "Backpropagation", "∂C_x/∂w_k, ∂C_x/∂b; ∂C_x/∂w_ik^l, ∂C_x/∂b_i^l",
               "Names, "
               "for the jth neuron of layer l; its indices are printed as i."),
    NETWORK.formula("452", "Feedforward", "[a_1^{l=1}; a_2^{l=1}] = [x_1; x_2], a^{l=2} = "
                    "σ([w_11 w_12; w_21 w_22] [a_1; a_2] + [b_1; b_2])",
                    lambda s: [sigmoid(s.w2[j, 0] * s.x[0] + s.w2[j, 1] * s.x[1] + s.b2[j])
                               for j in range(3)], lambda s: s.a2,
                    note="Tried with one hidden neuron more."),
    NETWORK.garbled("452", "Feedforward", "[a_1^{l=3}] = σ([w_11^{l=3} w_12^{l=3}; a_2^{l=2}] + "
                    "[b_1^{l=3}; b_1^{l=2}])",
                    "a_1^{l=3} = σ([w_11 w_12] [a_1^{l=2}; a_2^{l=2}] + b_1^{l=3})",
                    lambda s: sigmoid(s.w3[0] @ s.a2 + s.b3[0]), lambda s: s.a3[0],
                    note="Two columns have run into each other."),
    convention(PASSES, FIVE, "δ_j^l ≡ ∂C/∂z_j^l", "The name of the error."),
    NETWORK.formula(PASSES, f"{FIVE}, 1", "δ_j^L = ∂C/∂a_j^L σ'(z_j^L)",
                    lambda s: [s[f"∂C/∂a3[{j}]"] * sigmoid_slope(s.z3[j]) for j in range(2)],
                    "∂C/∂z3"),
    NETWORK.formula(PASSES, f"{FIVE}, 1",
                    "with the quadratic cost: δ_j^L = (a_j^L − y_j) σ'(z_j^L)",
                    lambda s: [(s.a3[j] - s.y[j]) * sigmoid_slope(s.z3[j]) for j in range(2)],
                    "∂C/∂z3"),
    NETWORK.formula(PASSES, f"{FIVE}, 2", "δ_j^l = Σ_k w_kj^{l+1} δ_k^{l+1} σ'(z_j^l)",
                    lambda s: [sum(s.w3[k, j] * s[f"∂C/∂z3[{k}]"] * sigmoid_slope(s.z2[j])
                                   for k in range(2)) for j in range(3)], "∂C/∂z2"),
    NETWORK.formula(PASSES, f"{FIVE}, 2", "= ((W_{:,j}^{l+1})^T δ^{l+1}) σ'(z_j^l)",
                    lambda s: [(s.w3[:, j].T @ s["∂C/∂z3"]) * sigmoid_slope(s.z2[j])
                               for j in range(3)], "∂C/∂z2"),
    NETWORK.formula(PASSES, f"{FIVE}, 3", "∂C/∂b_j^l = δ_j^l",
                    lambda s: [s[f"∂C/∂z2[{j}]"] for j in range(3)], "∂C/∂b2"),
    NETWORK.formula(PASSES, f"{FIVE}, 4", "∂C/∂w_jk^l = a_k^{l−1} δ_j^l",
                    lambda s: [[s.a2[k] * s[f"∂C/∂z3[{j}]"] for k in range(3)] for j in range(2)],
                    "∂C/∂w3"),
    unreadable("488", FIVE, "<== e.g. L = 32.", "L = 3, and the number 2 of the next equation."),
    NETWORK.formula("518-519", "Insights", "a_k^{l−1} small: ∂C/∂w small",
                    lambda s: s["∂C/∂w2"] / 1000,
                    lambda s: network_with(s, x=s.x / 1000, z2=s.z2)["∂C/∂w2"],
                    note="An input a thousand times smaller, the sums the same."),
    NETWORK.formula("520-521", "Insights", "σ'(z) ≈ 0 where σ(z) ≈ 0 or ≈ 1",
                    lambda s: [0, 0],
                    lambda s: np.round(sigmoid_slope(np.array([-40.0, 40.0])), 12)),
    NETWORK.formula("522-526", "Insights", "near saturation, ∂C/∂b and ∂C/∂w are small",
                    lambda s: 0.0, lambda s: np.round(np.max(np.abs(
                        network_with(s, b2=s.b2 + 40)["∂C/∂w2"])), 12)),
    NETWORK.formula("530", "Summary, BP1", "δ^L = ∇_a C ⊙ σ'(z^L)",
                    lambda s: s["∂C/∂a3"] * sigmoid_slope(s.z3), "∂C/∂z3"),
    NETWORK.formula("532", "Summary, BP2", "δ^l = ((w^{l+1})^T δ^{l+1}) ⊙ σ'(z^l)",
                    lambda s: (s.w3.T @ s["∂C/∂z3"]) * sigmoid_slope(s.z2), "∂C/∂z2"),
    NETWORK.formula("535", "Summary, BP3", "∂C/∂b_j^l = δ_j^l", lambda s: s["∂C/∂z3"], "∂C/∂b3"),
    NETWORK.formula("537", "Summary, BP4", "∂C/∂w_jk^l = a_k^{l−1} δ_j^l",
                    lambda s: np.einsum("k,j->jk", s.x, s["∂C/∂z2"]), "∂C/∂w2"),
]  # fmt: skip


def network_with(s: Sample, z2: Array | None = None, **changes: Array) -> Sample:
    """The same network with other quantities; where z2 is given, b2 makes up for the change."""
    given = {name: getattr(s, name) for name in ("x", "y", "w2", "b2", "w3", "b3")} | changes
    if z2 is not None:
        given["b2"] = z2 - given["w2"] @ given["x"]
    return Sample(given, s.steps)


ROWS: list[Row] = [*NEURONS, *COST, *DESCENT, *LAYERS, *BACKWARD]
