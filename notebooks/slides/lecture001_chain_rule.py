"""Deep Learning for Computer Vision, backpropagation: the chain rule, and a worked example.

Here a_i are the sums of layer i, h_i its activations, and weights are stored as (outputs, inputs).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from .row import Row, Writer, convention
from .sample import Sample, random_samples, sgd_step, sigmoid, softmax

# ---- what the formulas are tried on --------------------------------------------------------------


def network(rng: np.random.Generator, widths: tuple[int, ...] = (3, 3, 3, 2)) -> Sample:
    """Two hidden layers as wide as the input, and k = 2 outputs with a softmax."""
    given = {"h0": rng.normal(size=widths[0]), "y": rng.normal(size=widths[-1]), "rate": 0.3}
    for i in (1, 2, 3):
        given[f"W{i}"] = rng.normal(size=(widths[i], widths[i - 1]))
        given[f"b{i}"] = rng.normal(size=widths[i])
    steps = {
        "a1": lambda v: v.b1 + v.W1 @ v.h0,
        "h1": lambda v: sigmoid(v.a1),
        "a2": lambda v: v.b2 + v.W2 @ v.h1,
        "h2": lambda v: sigmoid(v.a2),
        "a3": lambda v: v.b3 + v.W3 @ v.h2,
        "ŷ": lambda v: softmax(v.a3) if widths[-1] > 1 else sigmoid(v.a3),
        "L": lambda v: np.sum((v.ŷ - v.y) ** 2),
    }
    return Sample(given, steps)


def neuron(rng: np.random.Generator) -> Sample:
    """One sigmoid neuron, for one point with the cost ½ (f − y)², and for five points."""
    given = dict(zip("wbxy", rng.normal(size=4), strict=True))
    given |= {"xs": rng.normal(size=5), "ys": rng.normal(size=5), "rate": 0.3}
    steps = {
        "e": lambda v: np.exp(-(v.w * v.x + v.b)),
        "f": lambda v: 1 / (1 + v.e),
        "error": lambda v: v.f - v.y,
        "cost": lambda v: v.error**2 / 2,
        "errors": lambda v: sigmoid(v.w * v.xs + v.b) - v.ys,
        "squares": lambda v: v.errors**2,
        "L": lambda v: np.mean(v.squares),
        "outside": lambda v: np.mean(v.errors) ** 2,
    }
    return Sample(given, steps)


def curve(rng: np.random.Generator) -> Sample:
    """Functions of one number."""
    steps = {
        "exp": lambda v: np.exp(v.x),
        "square": lambda v: v.x**2,
        "reciprocal": lambda v: 1 / v.x,
        "f": lambda v: np.exp(v.square),
        "g": lambda v: np.exp(v.f),
    }
    return Sample({"x": rng.uniform(0.3, 0.8)}, steps)


def example(x: np.ndarray, y: np.ndarray, W1: np.ndarray, W2: np.ndarray) -> Sample:
    """The worked example: 4 inputs, 4 sigmoid neurons, a softmax of 2, and squared errors."""
    steps = {
        "a1": lambda v: v.W1 @ v.x,
        "h1": lambda v: sigmoid(v.a1),
        "a2": lambda v: v.W2 @ v.h1,
        "ŷ": lambda v: softmax(v.a2),
        "L": lambda v: np.sum((v.y - v.ŷ) ** 2),
    }
    return Sample({"x": x, "y": y, "W1": W1, "W2": W2}, steps)


W1 = np.array([[0.1, 0.3, 0.8, -0.4], [-0.3, -0.2, 0.5, 0.5], [-0.3, 0, 0.5, 0.4],
               [0.2, 0.5, -0.9, 0.7]])  # fmt: skip
W2 = np.array([[0.5, 0.8, 0.2, 0.4], [0.5, 0.2, 0.3, -0.5]])
PRINTED = example(np.array([2.0, 5, 3, 3]), np.array([1.0, 0]), W1, W2)


def random_example(rng: np.random.Generator) -> Sample:
    return example(*(rng.normal(size=size) for size in (4, 2, (4, 4), (2, 4))))


random_examples = random_samples(random_example)
NETWORK = Writer(random_samples(network))
ONE_OUTPUT = Writer(random_samples(lambda rng: network(rng, (3, 3, 3, 1))))
NEURON = Writer(random_samples(neuron))
CURVE = Writer(random_samples(curve))
EXAMPLE = Writer(lambda: [PRINTED, *random_examples()])


# ---- the network ---------------------------------------------------------------------------------

FORWARD = [
    NETWORK.definition("30", "Feed forward networks", "a_i(x) = W_i h_{i−1}(x) + b_i",
                       lambda s: s.W2 @ s.h1 + s.b2, lambda s: s.a2),
    NETWORK.definition("32", "Feed forward networks", "h_i(x) = g(a_i(x))",
                       lambda s: sigmoid(s.a2), lambda s: s.h2),
    NETWORK.definition("35", "Feed forward networks", "f(x) = h_L = O(a_L)",
                       lambda s: softmax(s.a3), lambda s: s.ŷ),
    NETWORK.formula("48", "Feed forward networks", "L − 1 hidden layers (2, in this case)",
                    lambda s: 2, lambda s: sum(f"h{i}" in s for i in range(1, 9)),
                    note="With L = 3, as further below."),
    convention("49-51", "Feed forward networks", "k neurons; a_i, h_i; layers 0 and L", "Names."),
    NETWORK.formula("52", "Feed forward networks", "W_i ∈ R^{n×n}, b_i ∈ R^n (0 < i < L)",
                    lambda s: np.zeros((3, 3)).dot(s.h0).shape + np.zeros(3).shape,
                    lambda s: s.a1.shape * 2),
    NETWORK.formula("53", "Feed forward networks", "W_L ∈ R^{n×k}, b_L ∈ R^k (L = 3)",
                    lambda s: np.shape(np.ones((3, 2)) @ s.h2 + np.ones(2)), lambda s: s.a3.shape,
                    corrected="W_L ∈ R^{k×n}, b_L ∈ R^k",
                    correction=lambda s: np.shape(np.ones((2, 3)) @ s.h2 + np.ones(2)),
                    mistake="dimension: transposed; a_L = W_L h_{L−1} + b_L must have k entries"),
    NETWORK.definition("57", "Feed forward networks", "h_L = ŷ = f(x)",
                       lambda s: softmax(s.W3 @ s.h2 + s.b3), lambda s: s.ŷ),
    NETWORK.formula("63", "The pre-activation", "a_i(x) = b_i + W_i h_{i−1}(x)",
                    lambda s: s.b2 + s.W2 @ s.h1, lambda s: s.a2),
    NETWORK.formula("66-68", "The pre-activation", "a_1 = b_1 + W_1 h_0, with entries W_1jk",
                    lambda s: [s.b1[j] + np.dot([s.W1[j, 0], s.W1[j, 1], s.W1[j, 2]], s.h0)
                               for j in range(3)], lambda s: s.a1),
    NETWORK.formula("70", "The pre-activation", "= b_1j + (W_1j1 x_1 + W_1j2 x_2 + W_1j3 x_3)",
                    lambda s: [s.b1[j] + (s.W1[j, 0] * s.h0[0] + s.W1[j, 1] * s.h0[1]
                                          + s.W1[j, 2] * s.h0[2]) for j in range(3)],
                    lambda s: s.a1),
    NETWORK.formula("72", "The pre-activation", "= Σ_i W_1ji x_i + b_1j",
                    lambda s: [sum(s.W1[j, i] * s.h0[i] for i in range(3)) + s.b1[j]
                               for j in range(3)], lambda s: s.a1),
    NETWORK.definition("80", "Feed forward networks", "a_i = b_i + W_i h_{i−1}",
                       lambda s: s.b1 + s.W1 @ s.h0, lambda s: s.a1),
    NETWORK.definition("84", "Feed forward networks", "h_i = g(a_i)",
                       lambda s: sigmoid(s.a1), lambda s: s.h1),
    NETWORK.formula("88-90", "Feed forward networks",
                    "the activation at layer i: f(x) = h_L = O(a_L)",
                    lambda s: softmax(s.a1), lambda s: s.h1,
                    corrected="the activation at layer L: f(x) = h_L = O(a_L)",
                    correction=lambda s: sigmoid(s.a1),
                    mistake="index: layer i for the output layer L; inside, the activation is g",
                    note="Line 34 has it right."),
]  # fmt: skip

# ---- learning ------------------------------------------------------------------------------------

UPDATES = [
    NETWORK.definition(f"{line}", "Learning algorithm", f"w_{name} = w_{name} − η Δw_{name}",
                       lambda s, of=of, at=at: getattr(s, of)[at] - s.rate * s[f"∂L/∂{of}"][at],
                       lambda s, of=of, at=at:
                           sgd_step(getattr(s, of), s[f"∂L/∂{of}"], s.rate)[at])
    for line, name, of, at in ((105, "111", "W1", (0, 0)), (107, "112", "W1", (0, 1)),
                               (112, "313", "W3", (0, 2)))
]  # fmt: skip

LEARNING = [
    convention("96-102", "Learning algorithm", "w, b, ŷ, L(w, b)", "Names."),
    *UPDATES,
    convention("118", "Learning algorithm", "Δw_t = ∂L(w, b)/∂w", "Here Δw is the gradient; the "
               "step is −η Δw."),
    NEURON.definition("122", "Learning algorithm", "L = 1/5 Σ_i (f(x_i) − y_i)²",
                      lambda s: sum((sigmoid(s.w * s.xs[i] + s.b) - s.ys[i]) ** 2
                                    for i in range(5)) / 5, lambda s: s.L),
    NEURON.formula("124", "Learning algorithm", "∂L/∂w = ∂/∂w [1/5 Σ_i (f(x_i) − y_i)]²",
                   lambda s: s["∂outside/∂w"], "∂L/∂w",
                   corrected="∂L/∂w = ∂/∂w [1/5 Σ_i (f(x_i) − y_i)²]",
                   correction=lambda s: np.mean(s["∂squares/∂w"]),
                   mistake="bracket: the square of the sum for the sum of the squares"),
    NEURON.formula("127", "Learning algorithm", "Δw = ∂L/∂w = 1/5 Σ_i ∂/∂w (f(x_i) − y_i)²",
                   lambda s: sum(s["∂squares/∂w"][i] for i in range(5)) / 5, "∂L/∂w"),
    NEURON.formula("131", "Calculation of Δw", "∇w = ∂/∂w [½ (f(x) − y)²]",
                   lambda s: s["∂cost/∂w"], "∂cost/∂w"),
    NEURON.formula("131", "Calculation of Δw", "= ½ [2 (f(x) − y) · ∂/∂w (f(x) − y)]",
                   lambda s: (2 * (s.f - s.y) * s["∂error/∂w"]) / 2, "∂cost/∂w"),
    NEURON.formula("131", "Calculation of Δw", "= (f(x) − y) · ∂/∂w f(x)",
                   lambda s: (s.f - s.y) * s["∂f/∂w"], "∂cost/∂w"),
    NEURON.formula("131", "Calculation of Δw", "= (f(x) − y) · ∂/∂w (1/(1 + e^{−(wx+b)}))",
                   lambda s: (s.f - s.y) * Sample({"w": s.w}, {"f": lambda v: 1 / (
                       1 + np.exp(-(v.w * s.x + s.b)))})["∂f/∂w"], "∂cost/∂w"),
    NEURON.formula("131", "Calculation of Δw", "= (f(x) − y) · f(x) · (1 − f(x)) · x",
                   lambda s: (s.f - s.y) * s.f * (1 - s.f) * s.x, "∂cost/∂w"),
    NEURON.formula("133", "Calculation of Δw", "∂/∂w (1/(1 + e)) = −1/(1 + e)² · ∂e/∂w, "
                   "where e = e^{−(wx+b)}",
                   lambda s: -1 / (1 + s.e) ** 2 * s["∂e/∂w"], "∂f/∂w"),
    NEURON.formula("133", "Calculation of Δw", "= −1/(1 + e)² · e · ∂/∂w (−(wx + b))",
                   lambda s: -1 / (1 + s.e) ** 2 * s.e * Sample(
                       {"w": s.w}, {"z": lambda v: -(v.w * s.x + s.b)})["∂z/∂w"], "∂f/∂w"),
    NEURON.formula("133", "Calculation of Δw", "= −1/(1 + e) · e/(1 + e) · (−x)",
                   lambda s: -1 / (1 + s.e) * s.e / (1 + s.e) * -s.x, "∂f/∂w"),
    NEURON.formula("133", "Calculation of Δw", "= 1/(1 + e) · e/(1 + e) · (x)",
                   lambda s: 1 / (1 + s.e) * s.e / (1 + s.e) * s.x, "∂f/∂w"),
    NEURON.formula("133", "Calculation of Δw", "= f(x) · (1 − f(x)) · x",
                   lambda s: s.f * (1 - s.f) * s.x, "∂f/∂w"),
    convention("139", "Partial derivative, gradient", "Δw_t = ∂L(w, b)/∂w", "As above."),
]  # fmt: skip


def in_the_matrix(last_columns: int) -> np.ndarray:
    """How often each parameter stands in the matrix, for L = 3 and n = k = 3.

    A row of it has a row of each of W_1, W_2 and W_L, the last column of W_L so many times, and an
    entry of each bias.
    """
    entries: Counter[tuple[str, int, int]] = Counter()
    for row in range(3):
        for layer in ("W1", "W2"):
            entries.update((layer, row, column) for column in range(3))
        entries.update(("WL", row, column) for column in [0, 1, *[2] * last_columns])
        entries.update((bias, row, 0) for bias in ("b1", "b2", "bL"))
    return np.array([entries[name] for name in sorted(entries)])


GRADIENT = [
    NETWORK.formula("141", "Partial derivative, gradient",
                    "[∂L/∂W_111 ⋯ ∂L/∂W_{L,11} ⋯ ∂L/∂W_{L,1k} ∂L/∂W_{L,1k} ∂L/∂b_11 ⋯ ∂L/∂b_L1; …]",
                    lambda s: in_the_matrix(2), lambda s: np.ones(3 * 9 + 3 * 3),
                    "counted, for L = n = k = 3",
                    corrected="[∂L/∂W_111 ⋯ ∂L/∂W_{L,11} ⋯ ∂L/∂W_{L,1k} ∂L/∂b_11 ⋯ ∂L/∂b_L1; …]",
                    correction=lambda s: in_the_matrix(1),
                    mistake="count: the column of ∂L/∂W_{L,·k} stands there twice",
                    note="A matrix of n rows also needs k = n, for b_L has k entries."),
    convention("143-145", "Partial derivative, gradient", "∇f", "The vector of all partial "
               "derivatives."),
]  # fmt: skip

# ---- the chain rule ------------------------------------------------------------------------------


def basics(first: int) -> list[Row]:
    return [
        CURVE.formula(f"{first}", "Calculus basics", "de^x/dx = e^x",
                      lambda s: np.exp(s.x), "∂exp/∂x"),
        CURVE.formula(f"{first + 2}", "Calculus basics", "dx²/dx = 2x",
                      lambda s: 2 * s.x, "∂square/∂x"),
        CURVE.formula(f"{first + 4}", "Calculus basics", "d(1/x)/dx = −1/x²",
                      lambda s: -1 / s.x**2, "∂reciprocal/∂x"),
        CURVE.formula(f"{first + 6}", "Calculus basics", "de^{x²}/dx = de^{x²}/dx² · dx²/dx = "
                      "de^z/dz · dx²/dx = (e^z)(2x) = (e^{x²})(2x) = 2xe^{x²}",
                      lambda s: [s["∂f/∂square"] * s["∂square/∂x"], np.exp(s.square) * 2 * s.x,
                                 2 * s.x * np.exp(s.x**2)], lambda s: [s["∂f/∂x"]] * 3),
    ]  # fmt: skip


CHAIN_RULE = [
    *basics(150),
    convention("160-162", "Chain rule", "h = f(x), Y = f(h) = e^h", "Two functions share the name "
               "f: the inner one is x², the outer one e^h."),
    CURVE.formula("164", "Chain rule",
                  "dy/dx = dy/dh · dh/dx = de^h/dh · dx²/dx = e^h 2x = 2xe^{x²}",
                  lambda s: [s["∂f/∂square"] * s["∂square/∂x"], np.exp(s.square) * 2 * s.x,
                             2 * s.x * np.exp(s.x**2)], lambda s: [s["∂f/∂x"]] * 3),
    CURVE.formula("168", "Chain rule",
                  "de^{e^{x²}}/dx = de^{e^{x²}}/de^{x²} · de^{x²}/dx² · dx²/dx",
                  lambda s: s["∂g/∂f"] * s["∂f/∂square"] * s["∂square/∂x"], "∂g/∂x"),
    *basics(171),
    CURVE.formula("179", "Chain rule", "de^{e^{x²}}/dx = de^{e^{x²}}/de^{x²} · de^{x²}/dx = "
                  "de^z/dz · de^{x²}/dx = (e^z)(2xe^{x²}) = (e^{e^{x²}})(2xe^{x²}) = "
                  "2xe^{x²} e^{e^{x²}}",
                  lambda s: [s["∂g/∂f"] * s["∂f/∂x"], np.exp(s.f) * 2 * s.x * np.exp(s.x**2),
                             2 * s.x * np.exp(s.x**2) * np.exp(np.exp(s.x**2))],
                  lambda s: [s["∂g/∂x"]] * 3),
    NETWORK.formula("186, 199, 212, 225", "Backpropagation, on four slides",
                    "∂L/∂W_111 = (∂L/∂ŷ ∂ŷ/∂a_3) (∂a_3/∂h_2 ∂h_2/∂a_2) (∂a_2/∂h_1 ∂h_1/∂a_1) "
                    "∂a_1/∂W_111",
                    lambda s: s["∂L/∂ŷ"] @ s["∂ŷ/∂a3"] @ s["∂a3/∂h2"] @ s["∂h2/∂a2"] @ s["∂a2/∂h1"]
                    @ s["∂h1/∂a1"] @ s["∂a1/∂W1[0, 0]"], "∂L/∂W1[0, 0]",
                    note="The factors are Jacobian matrices; their products sum over all paths."),
    convention("188, 201, 214, 228", "Backpropagation, on four slides", "Δw_t = ∂L(w, b)/∂w", "As "
               "above; and the gradient ∇f (lines 192, 205, 218, 232)."),
    convention("241", "Learning algorithm", "w_222", "The weight to be learned."),
    NETWORK.definition("244", "Learning algorithm", "(w_222)_{t+1} = (w_222)_t − η · ∂L/∂w_222",
                       lambda s: s.W2[1, 1] - s.rate * s["∂L/∂W2[1, 1]"],
                       lambda s: sgd_step(s.W2, s["∂L/∂W2"], s.rate)[1, 1]),
    ONE_OUTPUT.formula("246", "Learning algorithm", "∂L/∂w_222 = ∂L/∂a_22 · ∂a_22/∂w_222",
                       lambda s: s["∂L/∂a2[1]"] * s["∂a2[1]/∂W2[1, 1]"], "∂L/∂W2[1, 1]"),
    ONE_OUTPUT.formula("246", "Learning algorithm", "= ∂L/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
                       lambda s: s["∂L/∂h2[1]"] * s["∂h2[1]/∂a2[1]"] * s["∂a2[1]/∂W2[1, 1]"],
                       "∂L/∂W2[1, 1]"),
    ONE_OUTPUT.formula("246", "Learning algorithm",
                       "= ∂L/∂a_31 · ∂a_31/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
                       lambda s: s["∂L/∂a3[0]"] * s["∂a3[0]/∂h2[1]"] * s["∂h2[1]/∂a2[1]"]
                       * s["∂a2[1]/∂W2[1, 1]"], "∂L/∂W2[1, 1]",
                       note="For one output, as ŷ without an index says; with k of them it is a "
                       "sum over all a_3j."),
    ONE_OUTPUT.formula("246", "Learning algorithm",
                       "= ∂L/∂ŷ · ∂ŷ/∂a_31 · ∂a_31/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
                       lambda s: s["∂L/∂ŷ[0]"] * s["∂ŷ[0]/∂a3[0]"] * s["∂a3[0]/∂h2[1]"]
                       * s["∂h2[1]/∂a2[1]"] * s["∂a2[1]/∂W2[1, 1]"], "∂L/∂W2[1, 1]"),
]  # fmt: skip

ROWS: list[Row] = [*FORWARD, *LEARNING, *GRADIENT, *CHAIN_RULE]
