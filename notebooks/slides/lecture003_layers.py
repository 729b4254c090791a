"""Network training, convolutional and recurrent networks (lecture 20): backpropagation by layers.

w_ij^l leads from unit i of layer l − 1 to unit j of layer l, and sum_j^l is what arrives there. All
layers are equally wide here, so that a formula with a wrong index can be computed all the same.
"""

from __future__ import annotations

import numpy as np

import nn
from microgradnd import Tensor

from .row import Row, Writer, convention, reported, unreadable
from .sample import Sample, flat, random_samples, sgd_step, sigmoid

Array = np.ndarray
K = 3  # units in every layer, and classes
M = 4  # examples
SUMS = [f"sum{layer}" for layer in (2, 3, 4)]


def network(rng: np.random.Generator) -> Sample:
    """Layer 1 is the input, 2 and 3 are hidden, L = 4 is the output, for one example (m = 1)."""
    given = {"sigma1": rng.normal(size=K), "y": np.array([1.0, 0, 0]), "strength": 0.7, "rate": 0.3}
    given |= {f"w{layer}": rng.normal(size=(K, K)) for layer in (2, 3, 4)}
    steps = {}
    for layer in (2, 3, 4):
        steps[f"sum{layer}"] = lambda v, layer=layer: np.einsum(
            "kj,k->j", getattr(v, f"w{layer}"), getattr(v, f"sigma{layer - 1}")
        )
        steps[f"sigma{layer}"] = lambda v, layer=layer: sigmoid(getattr(v, f"sum{layer}"))
    steps["data"] = lambda v: -np.sum(v.y * np.log(v.sigma4) + (1 - v.y) * np.log(1 - v.sigma4))
    steps["weights"] = lambda v: sum(np.sum(w**2) for w in (v.w2, v.w3, v.w4))
    steps["E"] = lambda v: v.data + v.strength / 2 * v.weights
    return Sample(given, steps)


def outputs(rng: np.random.Generator) -> Sample:
    """The outputs of layer L for m examples, their labels, and weights."""
    return Sample({"sigma": sigmoid(rng.normal(size=(M, K))),
    "y": np.eye(K)[rng.integers(K, size=M)],
                   "w": rng.normal(size=(2, K, K)), "strength": rng.uniform(0.1, 0.9)})  # fmt: skip


NETWORK = Writer(random_samples(network))
OUTPUTS = Writer(random_samples(outputs))
formula, definition, garbled = NETWORK.formula, NETWORK.definition, NETWORK.garbled


def layers_and_widths(first: int, last: int, inputs: int, outputs: int) -> set[tuple]:
    """(l, inputs, outputs) of each matrix w^l, between the layers l + inputs and l + outputs."""
    widths = {1: 5, 2: 4, 3: 3, 4: 2}
    return {(i, widths.get(i + inputs), widths.get(i + outputs)) for i in range(first, last + 1)}


def is_the_network(matrices: set[tuple]) -> bool:
    """Whether they lead from 5 inputs over 4 and 3 units to 2, as sum^l = (w^l)^T σ^{l−1} needs."""
    return matrices == {(2, 5, 4), (3, 4, 3), (4, 3, 2)}


def initialised(lines: str, place: str, printed: str) -> Row:
    return formula(
        lines, place, printed, lambda s: is_the_network(layers_and_widths(1, 4, 0, 1)),
        lambda s: True, corrected="w_ij^l for l = 2 … L, i = 1 … s_{l−1}, j = 1 … s_l",
        correction=lambda s: is_the_network(layers_and_widths(2, 4, -1, 0)),
        mistake="index: w^l leads from layer l − 1 to l, as sum_j^l = Σ_k w_kj^l σ_k^{l−1} has it",
        note="Layer 1 is the input; the handwriting at line 55 says l = 2 … L as well.",
    )  # fmt: skip


def cross_entropy(s: Sample) -> float:
    """The cost by nn's cross-entropy and L2."""
    weights = [Tensor(w) for w in s.w]
    return nn.SigmoidCrossEntropyLoss()(s.sigma, s.y) + nn.L2(s.strength / M)(weights).item()


def objective(s: Sample) -> float:
    total = 0.0
    for i in range(M):
        for k in range(K):
            total += s.y[i, k] * np.log(s.sigma[i, k]) + (1 - s.y[i, k]) * np.log(1 - s.sigma[i, k])
    return -1 / M * total + s.strength / (2 * M) * np.sum(s.w**2)


OBJECTIVE = ("E(w) = −1/m [Σ_i Σ_k y_k^(i) log σ_k^L(x^(i)) + (1 − y_k^(i)) log(1 − σ_k^L(x^(i)))] "
             "+ λ/2m Σ_l Σ_i Σ_j (w_ij^l)²")  # fmt: skip

OVERVIEW = [
    convention("12-13", "Training, step 0", "input units: dimension of φ(x^(i)); outputs: classes",
               "How many units there are."),
    convention("14-15", "Training, step 0", "1 hidden layer; 3 or 4 times the dimension of x",
               "Rules of thumb."),
    definition("17", "Training, step 0", "g(s) = 1 / (1 + e^{−s})",
               lambda s: 1 / (1 + np.exp(-s.sum2)), lambda s: nn.Sigmoid()(s.sum2)),
    definition("18", "Training, step 0", "g(s) = 1 if s ∈ [θ, ∞), else 0",
               lambda s: [1 if value >= 0 else 0 for value in s.sum2],
               lambda s: np.heaviside(s.sum2, 1), note="Tried with θ = 0."),
    initialised("23", "High-level overview, 1",
                "w_ij^l for l = 1 … L, i = 1 … s_l, j = 1 … s_{l+1}"),
    convention("24", "High-level overview, 2", "f_w(x), x ∈ D", "The output of the network."),
    garbled("25", "High-level overview, 3", "∂/∂w^{(j)} E(w), for l = 1 … L, i = 1 … s_l, …",
            "∂/∂w_ij^l E(w), for every weight",
            lambda s: [[s[f"∂E/∂w3[{i}, {j}]"] for j in range(K)] for i in range(K)], "∂E/∂w3",
            note="The ranges are those of line 23."),
    garbled("29", "High-level overview, 3", "w'_ij = w'_ij − η ∂E(w)/∂w_ij^{(f)}",
            "w_ij^l = w_ij^l − η ∂E(w)/∂w_ij^l", lambda s: s.w3 - s.rate * s["∂E/∂w3"],
            lambda s: sgd_step(s.w3, s["∂E/∂w3"], s.rate)),
]  # fmt: skip

# ---- gradient computation ------------------------------------------------------------------------


def whole(s: Sample, layer: int, data_term: Array, factor: float) -> Array:
    return data_term + factor * s.strength * getattr(s, f"w{layer}")


def by_layers(s: Sample, layer: int) -> Array:
    """∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij."""
    return np.einsum("j,jj,jij->ij", s[f"∂E/∂sigma{layer}"], s[f"∂sigma{layer}/∂sum{layer}"],
                     s[f"∂sum{layer}/∂w{layer}"])  # fmt: skip


def too_little_decay(line: str, place: str, printed: str, **more: str) -> Row:
    return formula(
        line, place, printed, lambda s: whole(s, 3, by_layers(s, 3), 1 / 2), "∂E/∂w3",
        corrected="… + (λ/m) w_ij^l", correction=lambda s: whole(s, 3, by_layers(s, 3), 1),
        mistake="factor: the derivative of (λ/2m) w² is (λ/m) w", **more,
    )  # fmt: skip


def sums_by_k(lines: str, place: str) -> Row:
    return definition(lines, place, "sum_j^l = Σ_{k=1}^{s_{l−1}} w_kj^l σ_k^{l−1}",
                      lambda s: [sum(s.w3[k, j] * s.sigma2[k] for k in range(K)) for j in range(K)],
                      lambda s: nn.functional.linear(s.sigma2, s.w3.T))  # fmt: skip


GRADIENTS = [
    OUTPUTS.definition("45-47", "Gradient computation", OBJECTIVE, objective, cross_entropy,
                       note="The sums over i and k go over both logarithms. Where the input is "
                       "layer 0, l begins at 1 as printed; where 1 (lines 55 and 130), at 2."),
    unreadable("49-55", "Gradient computation", "Only on L^th layer; Regula-rizahon; Is computed; "
               "for l = 2 h. L",
               "Handwriting: the first part sees layer L only, the regularisation "
               "is computed for l = 2 to L."),
    OUTPUTS.definition("61", "Gradient computation", OBJECTIVE, objective, cross_entropy),
    unreadable("63", "Gradient computation", "V_{ki} σ_k^{l−1} and σ_i^l = 1/(−s_{l−1}) [1/s_{l−1} "
               "(1/s_{l−1})]", "Line 68 once more, misread."),
    sums_by_k("68", "Gradient computation"),
    definition("69", "Gradient computation", "σ_i^l = 1 / (1 + e^{−sum_i^l})",
               lambda s: 1 / (1 + np.exp(-s.sum3)), lambda s: nn.Sigmoid()(s.sum3)),
    formula("72", "Gradient computation", "∂E/∂w_ij = ∂E/∂σ_i · ∂σ_j/∂sum_i · ∂sum_j/∂w_ij + …",
            lambda s: np.einsum("i,ji,jij->ij", s["∂data/∂sigma3"], s["∂sigma3/∂sum3"],
                                s["∂sum3/∂w3"]), "∂data/∂w3",
            corrected="∂E/∂w_ij = ∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij + …",
            correction=lambda s: by_layers(s, 3), mistake="index: σ_i and sum_i for σ_j and sum_j",
            note="Line 107 has the right indices."),
    too_little_decay("72", "Gradient computation", "… + (λ/2m) w_ij^l",
                     note="Tried with the first term put right."),
    formula("74", "Gradient computation",
            "∂σ_j/∂sum_j = (1/(1 + e^{−sum_i})) (1 − 1/(1 + e^{−sum_i}))",
            lambda s: [[sigmoid(s.sum3[i]) * (1 - sigmoid(s.sum3[i])) for i in range(K)]
                       for j in range(K)],
            lambda s: np.repeat(np.diagonal(s["∂sigma3/∂sum3"])[:, None], K, axis=1),
            corrected="∂σ_j/∂sum_j = (1/(1 + e^{−sum_j})) (1 − 1/(1 + e^{−sum_j}))",
            correction=lambda s: [[sigmoid(s.sum3[j]) * (1 - sigmoid(s.sum3[j])) for i in range(K)]
                                  for j in range(K)],
            mistake="index: sum_i for sum_j"),
    formula("74", "Gradient computation", "∂σ_j/∂sum_j = σ_j (1 − σ_j)",
            lambda s: s.sigma3 * (1 - s.sigma3), lambda s: np.diagonal(s["∂sigma3/∂sum3"])),
    formula("76", "Gradient computation", "∂sum_i/∂w_ij = σ_i^{l−1}",
            lambda s: np.einsum("iij->ij", s["∂sum3/∂w3"]),
            lambda s: np.repeat(s.sigma2[:, None], K, axis=1),
            corrected="∂sum_j/∂w_ij = σ_i^{l−1}",
            correction=lambda s: np.einsum("jij->ij", s["∂sum3/∂w3"]),
            mistake="index: sum_i for sum_j, on the left"),
    formula("76", "Gradient computation", "∂/∂w_ij (Σ_k w_kj^l σ_k^{l−1}) = σ_i^{l−1}",
            lambda s: np.repeat(s.sigma2[:, None], K, axis=1),
            lambda s: np.einsum("jij->ij", s["∂sum3/∂w3"])),
    unreadable("78-80", "Gradient computation", "How to compute DE OF",
               "Handwriting: how to compute "
               "∂E/∂σ_j^l?"),
    formula("88", "Back propagation", "∂E/∂σ_j^l = Σ_p ∂E/∂sum_p^{l+1} · ∂sum_p^{l+1}/∂σ_j^l",
            lambda s: np.einsum("p,pj->j", s["∂E/∂sum4"], s["∂sum4/∂sigma3"]), "∂E/∂sigma3",
            note="p = 1 … s_{l+1}."),
    garbled("88", "Back propagation", "= Σ_p ∂E/∂σ_p^{l+1} · ∂E/∂σ_j^{l+1} · ∂σ_j^{l+1}/∂σ_j^{l…",
            "= Σ_p ∂E/∂σ_p^{l+1} · ∂σ_p^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}",
            lambda s: np.einsum("p,pp,jp->j", s["∂E/∂sigma4"], s["∂sigma4/∂sum4"], s.w4),
            "∂E/∂sigma3"),
    formula("90", "Back propagation", "∂E/∂σ_i^L = −y_j/σ_i^L + (1 − y_j)/(1 − σ_i^L)",
            lambda s: [[-s.y[j] / s.sigma4[i] + (1 - s.y[j]) / (1 - s.sigma4[i])
                        for j in range(K)] for i in range(K)],
            lambda s: np.repeat(s["∂E/∂sigma4"][:, None], K, axis=1),
            corrected="∂E/∂σ_j^L = −y_j/σ_j^L + (1 − y_j)/(1 − σ_j^L)",
            correction=lambda s: [[-s.y[i] / s.sigma4[i] + (1 - s.y[i]) / (1 - s.sigma4[i])
                                   for j in range(K)] for i in range(K)],
            mistake="index: σ_i beside y_j"),
    garbled("92", "Back propagation", "E = fn(σ^L_{k}(σ^{L−1}_{k'}(σ^{L−2}_{k'} − − (σ^{L+1}_{k}(…",
            "E = fn(σ^L(σ^{L−1}(σ^{L−2}( … ))))",
            lambda s: -np.sum(np.log(np.where(s.y > 0, nested(s), 1 - nested(s)))),
            lambda s: s.data, note="Each layer is a function of the one before."),
]  # fmt: skip


def nested(s: Sample) -> Array:
    return sigmoid(sigmoid(sigmoid(s.sigma1 @ s.w2) @ s.w3) @ s.w4)


# ---- backpropagation in action -------------------------------------------------------------------


def wrong_p(line: str, place: str, printed: str, **more: str) -> Row:
    return formula(
        line, place, printed,
        lambda s: np.einsum("j,jp,jp->j", s["∂E/∂sigma4"], s["∂sigma4/∂sum4"], s.w4), "∂E/∂sigma3",
        corrected="∂E/∂σ_j^l = Σ_p ∂E/∂σ_p^{l+1} · ∂σ_p^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}",
        correction=lambda s: np.einsum("p,pp,jp->j", s["∂E/∂sigma4"], s["∂sigma4/∂sum4"], s.w4),
        mistake="index: σ_j^{l+1} for σ_p^{l+1}, over which the sum goes", **more,
    )  # fmt: skip


def wrong_p_with_slopes(line: str, place: str, printed: str) -> Row:
    def with_slopes(s: Sample, index: str) -> Array:
        slopes = s["∂E/∂sigma4"] * s.sigma4 * (1 - s.sigma4)
        return np.einsum(f"{index},jp->j", slopes, s.w4)

    return formula(
        line, place, printed, lambda s: with_slopes(s, "j"), "∂E/∂sigma3",
        corrected="∂E/∂σ_j^l = Σ_p ∂E/∂σ_p^{l+1} · σ_p^{l+1} (1 − σ_p^{l+1}) w_jp^{l+1}",
        correction=lambda s: with_slopes(s, "p"),
        mistake="index: σ_j^{l+1} for σ_p^{l+1}, over which the sum goes",
    )  # fmt: skip


def too_little_decay_again(line: str, place: str) -> Row:
    def gradient(s: Sample, factor: float) -> Array:
        slopes = s["∂E/∂sigma3"] * s.sigma3 * (1 - s.sigma3)
        return whole(s, 3, np.outer(s.sigma2, slopes), factor)

    return formula(
        line, place, "∂E/∂w_ij^l = ∂E/∂σ_j^l · σ_j^l (1 − σ_j^l) σ_i^{l−1} + (λ/2m) w_ij^l",
        lambda s: gradient(s, 1 / 2), "∂E/∂w3",
        corrected="∂E/∂w_ij^l = ∂E/∂σ_j^l · σ_j^l (1 − σ_j^l) σ_i^{l−1} + (λ/m) w_ij^l",
        correction=lambda s: gradient(s, 1), mistake="factor: the derivative of (λ/2m) w² is "
        "(λ/m) w",
    )  # fmt: skip


def updated(s: Sample, layers: range) -> Array:
    return flat(*(getattr(s, f"w{layer}") - (s.rate * s[f"∂E/∂w{layer}"] if layer in layers else 0)
                  for layer in (2, 3, 4)))  # fmt: skip


IN_ACTION = [
    garbled("103", "Recall and substitute", "sum_j^l = Σ_{k=1}^{r_{i−1}} w_kj^l σ_k^{l−1}",
            "sum_j^l = Σ_{k=1}^{s_{l−1}} w_kj^l σ_k^{l−1}",
            lambda s: [sum(s.w3[k, j] * s.sigma2[k] for k in range(K)) for j in range(K)],
            lambda s: s.sum3, note="r_{i−1} is a misread s_{l−1}."),
    definition("104", "Recall and substitute", "σ_i^l = 1 / (1 + e^{−sum_i^l})",
               lambda s: 1 / (1 + np.exp(-s.sum3)), lambda s: nn.Sigmoid()(s.sum3)),
    too_little_decay("107", "Recall and substitute",
                     "∂E/∂w_ij = ∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij + (λ/2m) w_ij^l"),
    formula("109", "Recall and substitute", "∂σ_j/∂sum_j = σ_j (1 − σ_j)",
            lambda s: s.sigma3 * (1 - s.sigma3), lambda s: np.diagonal(s["∂sigma3/∂sum3"])),
    formula("112", "Recall and substitute", "∂sum_i^l/∂w_ij^l = σ_i^{l−1}",
            lambda s: np.einsum("iij->ij", s["∂sum3/∂w3"]),
            lambda s: np.repeat(s.sigma2[:, None], K, axis=1),
            corrected="∂sum_j^l/∂w_ij^l = σ_i^{l−1}",
            correction=lambda s: np.einsum("jij->ij", s["∂sum3/∂w3"]),
            mistake="index: sum_i for sum_j"),
    wrong_p("114", "Recall and substitute",
            "∂E/∂σ_j^l = Σ_p ∂E/∂σ_j^{l+1} · ∂σ_j^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}"),
    formula("116", "Recall and substitute", "∂E/∂σ_i^L = −y_j/σ_i^L − (1 − y_j)/(1 − σ_i^L)",
            lambda s: -s.y / s.sigma4 - (1 - s.y) / (1 - s.sigma4), "∂E/∂sigma4",
            corrected="∂E/∂σ_j^L = −y_j/σ_j^L + (1 − y_j)/(1 − σ_j^L)",
            correction=lambda s: -s.y / s.sigma4 + (1 - s.y) / (1 - s.sigma4),
            mistake="sign: the second term is added, as in line 90",
            note="The σ_i beside y_j is wrong as in line 90; tried with j in its place, it still "
            "is."),
    initialised("126", "The algorithm, 1", "w_ii^l for l = 1 … L, i = 1 … s_l, j = 1 … s_{l+1}"),
    convention("127-128", "The algorithm, 2 and 3", "f_w(x), x ∈ D, E(w)", "As above."),
    formula("130", "The algorithm, 3", "for l = L − 1 down to 2",
            lambda s: updated(s, range(2, 4)), lambda s: flat(*(
                sgd_step(getattr(s, f"w{layer}"), s[f"∂E/∂w{layer}"], s.rate)
                for layer in (2, 3, 4))),
            corrected="for l = L down to 2", correction=lambda s: updated(s, range(2, 5)),
            mistake="range: the weights w^L of the output layer are never updated",
            note="For l = L, ∂E/∂σ^L is known from line 90."),
    wrong_p_with_slopes("132", "The algorithm, 3",
                        "∂E/∂σ_j^l = Σ_{p=1} ∂E/∂σ_j^{l+1} · σ_j^{l+1} (1 − σ_j^{l+1}) w_jp^{l+1}"),
    too_little_decay_again("132", "The algorithm, 3"),
    formula("132", "The algorithm, 3", "w_ii^l = w_ii^l − η ∂E/∂σ_j^l",
            lambda s: s.w3 - s.rate * s["∂E/∂sigma3"],
            lambda s: sgd_step(s.w3, s["∂E/∂w3"], s.rate),
            corrected="w_ij^l = w_ij^l − η ∂E/∂w_ij^l",
            correction=lambda s: s.w3 - s.rate * s["∂E/∂w3"],
            mistake="letter: the derivative by σ_j for that by w_ij; and w_ii for w_ij",
            note="Tried with w_ij. Line 134 has it right."),
    wrong_p_with_slopes("134", "The algorithm, 3",
                        "∂E/∂σ_j^l = Σ_{p=1}^{S_{i+1}} ∂E/∂σ_j^{l+1} · σ_j^{l+1} (1 − σ_j^{l+1}) "
                        "w_jp^{l+1}"),
    too_little_decay_again("134", "The algorithm, 3"),
    definition("134", "The algorithm, 3", "w_ij^l = w_ij^l − η ∂E/∂w_ij^l",
               lambda s: s.w3 - s.rate * s["∂E/∂w3"],
               lambda s: sgd_step(s.w3, s["∂E/∂w3"], s.rate)),
    unreadable("134-136", "The algorithm, 4", "until the cost function Σ_{E ∈ W …} …",
               "Keep picking "
               "misclassified examples until E(w) has fallen significantly, else change the "
               "weights "
               "at random."),
    unreadable("138-139", "The algorithm, notes",
               "Reasons for restart E(ω) Random restant help on …",
               "Handwriting about random restarts judged on held-out data; no formula."),
    unreadable("143-146", "Challenges", "(1) … (5)",
               "Five challenges, with handwriting between them: "
               "the number of examples needed grows exponentially with the dimension. No formula."),
    reported("152", "What changed", "McCulloch and Pitts (1943)", "The threshold logic unit."),
    reported("153", "What changed", "AlexNet 85 % (2012), before it 75 % (2011)",
             "AlexNet's paper reports top-5 errors of 15.3 % in the contest of 2012, and 25.7 % "
             "for "
             "the method of CVPR 2011, which is 84.7 % and 74.3 % right."),
    reported("154", "What changed", "96.5 % (2015)", "The paper of the 2015 winner reports a top-5 "
             "error of 3.57 %, which is 96.43 %."),
]  # fmt: skip

ROWS: list[Row] = [*OVERVIEW, *GRADIENTS, *IN_ACTION]
