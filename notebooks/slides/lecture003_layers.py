"""Network training, convolutional and recurrent networks (lecture 20): backpropagation by layers.

w_ij^l leads from unit i of layer l − 1 to unit j of layer l, and sum_j^l is what arrives there. All
layers are equally wide here, so that a formula with a wrong index can be computed all the same.
"""

import numpy as np

import nn
from microgradnd import Tensor
from microgradnd.arrays import Array

from .row import Row, Rows, convention, reported, unreadable
from .sample import Sample, sigmoid

K = 3  # units in every layer, and classes


# Layer 1 is the input, 2 and 3 are hidden, L = 4 is the output, for one example (m = 1).
NETWORK = Rows("""
    sigma1 = rng.normal(size=3); y = np.array([1.0, 0, 0]); strength = 0.001; rate = 0.3
    w2 = rng.normal(size=(3, 3)); w3 = rng.normal(size=(3, 3)); w4 = rng.normal(size=(3, 3))
    theta = 0.5
    sum2 = np.einsum('kj,k->j', w2, sigma1); sigma2 = sigmoid(sum2)
    sum3 = np.einsum('kj,k->j', w3, sigma2); sigma3 = sigmoid(sum3)
    sum4 = np.einsum('kj,k->j', w4, sigma3); sigma4 = sigmoid(sum4)
    data = -np.sum(y * np.log(sigma4) + (1 - y) * np.log(1 - sigma4))
    E = data + strength / 2 * sum(np.sum(w**2) for w in (w2, w3, w4))
""", globals())  # fmt: skip

# The outputs of layer L for m examples, their labels, and weights.
OUTPUTS = Rows("""
    sigma = sigmoid(rng.normal(size=(4, 3))); y = np.eye(3)[rng.integers(3, size=4)]
    w = rng.normal(size=(2, 3, 3)); strength = rng.uniform(0.1, 0.9)
""", globals())  # fmt: skip
definition, garbled = NETWORK.definition, NETWORK.garbled


MATRICES = "[(l, l - 1, l) for l in range(2, 5) if np.all(s[f'∂sum{l}/∂sigma{l - 1}'] != 0)]"


def initialised(lines: str, place: str, printed: str) -> Row:
    return NETWORK(lines, place, printed, "[(l, l, l + 1) for l in (1, 2, 3, 4)]",
        MATRICES, "(l, from, to) of each w^l",
        corrected="w_ij^l for l = 2 … L, i = 1 … s_{l−1}, j = 1 … s_l",
        correction="[(l, l - 1, l) for l in (2, 3, 4)]",
        mistake="index: w^l leads from layer l − 1 to l, as sum_j^l = Σ_k w_kj^l σ_k^{l−1} has it",
        note="Layer 1 is the input; the handwriting at line 55 also says l = 2 … L.")  # fmt: skip


def cross_entropy(s: Sample) -> float:
    """The cost by nn's cross-entropy and L2."""
    weights = [Tensor(w) for w in s.w]
    return nn.SigmoidCrossEntropyLoss()(s.sigma, s.y) + nn.L2(s.strength / 4)(weights).item()


# ∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij, for l = 3
BY_LAYERS = "np.einsum('j,jj,jij->ij', ∂E/∂sigma3, ∂sigma3/∂sum3, ∂sum3/∂w3)"


def too_little_decay(line: str, place: str, printed: str, **more: str) -> Row:
    return NETWORK(line, place, printed, f"{BY_LAYERS} + strength * w3 / 2", "∂E/∂w3",
        corrected="… + (λ/m) w_ij^l", correction=f"{BY_LAYERS} + strength * w3",
        mistake="factor: the derivative of (λ/2m) w² is (λ/m) w", **more)  # fmt: skip


def nested(s: Sample) -> Array:
    return sigmoid(sigmoid(sigmoid(s.sigma1 @ s.w2) @ s.w3) @ s.w4)


def wrong_p_with_slopes(line: str, printed: str) -> Row:
    return NETWORK(line, "", printed,
        "np.einsum('j,jp->j', ∂E/∂sigma4 * sigma4 * (1 - sigma4), w4)", "∂E/∂sigma3",
        corrected="∂E/∂σ_j^l = Σ_p ∂E/∂σ_p^{l+1} · σ_p^{l+1} (1 − σ_p^{l+1}) w_jp^{l+1}",
        correction="np.einsum('p,jp->j', ∂E/∂sigma4 * sigma4 * (1 - sigma4), w4)",
        mistake="index: σ_j^{l+1} for σ_p^{l+1}, over which the sum goes")  # fmt: skip


def bends_down(s: Sample) -> bool:
    """Whether E, on one of the straight lines along a weight of w^3, is above a chord."""
    E = [[Sample({**s.given, "w3": s.w3 + t * entry}, s.steps).E for t in np.linspace(-9, 9, 61)]
         for entry in np.eye(9).reshape(9, 3, 3)]  # fmt: skip
    return bool(np.any(np.diff(E, 2) < -1e-6))  # more than rounding does


ALL = "w2 w3 w4"


ROWS: list[Row] = [
    convention("12-13", "Training, step 0", "input units: dimension of φ(x^(i)); outputs: classes",
        "How many units there are."),
    convention("14-15", "", "1 hidden layer; 3 or 4 times the dimension of x", "Rules of thumb."),
    definition("17", "", "g(s) = 1 / (1 + e^{−s})", "1 / (1 + np.exp(-sum2))",
        "nn.Sigmoid()(sum2)"),
    definition("18", "", "g(s) = 1 if s ∈ [θ, ∞), else 0",
        "[1 if value >= theta else 0 for value in sum2]", "np.heaviside(sum2 - theta, 1)"),
    initialised("23", "High-level overview, 1",
                "w_ij^l for l = 1 … L, i = 1 … s_l, j = 1 … s_{l+1}"),
    convention("24", "High-level overview, 2", "f_w(x), x ∈ D", "The output of the network."),
    initialised("25", "High-level overview, 3",
                "∂E/∂w for l = 1 … L, i = 1 … s_l, j = 1 … s_{l+1}"),
    garbled("25", "", "∂/∂w^{(j)} E(w), for l = 1 … L, i = 1 … s_l, …",
        "∂/∂w_ij^l E(w), for every weight", "[[∂E/∂w3[i, j] for j in range(K)] for i in range(K)]",
        "∂E/∂w3"),
    NETWORK("26", "", "E(w) is non-convex", "True", "bends_down(s)", "tried on straight lines"),
    garbled("29", "", "w'_ij = w'_ij − η ∂E(w)/∂w_ij^{(f)}", "w_ij^l = w_ij^l − η ∂E(w)/∂w_ij^l",
        "w3 - rate * ∂E/∂w3", "sgd_step(w3, ∂E/∂w3, rate)"),
    # ---- gradient computation --------------------------------------------------------------------
    OUTPUTS.definition("45-47; 61", "Gradient computation",
        "E(w) = −1/m [Σ_i Σ_k y_k^(i) log σ_k^L(x^(i)) + (1 − y_k^(i)) log(1 − σ_k^L(x^(i)))] "
        "+ λ/2m Σ_l Σ_i Σ_j (w_ij^l)²",
        "-1 / 4 * sum(y[i, k] * np.log(sigma[i, k]) + (1 - y[i, k]) * np.log(1 - sigma[i, k]) "
        "for i in range(4) for k in range(3)) + strength / (2 * 4) * np.sum(w**2)",
        "cross_entropy(s)",
        note="The sums over i and k go over both logarithms."),
    NETWORK("47; 61", "", "… Σ_{l=1}^L Σ_{i=1}^{s_{l−1}} Σ_{j=1}^{s_l} (w_ij^l)²",
        "[(l, l - 1, l) for l in (1, 2, 3, 4)]", MATRICES, "(l, from, to) of each w^l",
        corrected="… Σ_{l=2}^L …", correction="[(l, l - 1, l) for l in (2, 3, 4)]",
        mistake="range: layer 1 is the input; the handwriting at line 55 has 2 … L"),
    unreadable("49-55", "", "Only on L^th layer; Regula-rizahon; Is computed; for l = 2 h. L",
        "Handwriting: the first part sees layer L only, the regularisation is computed for l = 2 "
        "to L."),
    unreadable("63", "", "V_{ki} σ_k^{l−1} and σ_i^l = 1/(−s_{l−1}) [1/s_{l−1} (1/s_{l−1})]",
        "Line 68 once more, misread."),
    definition("68", "", "sum_j^l = Σ_{k=1}^{s_{l−1}} w_kj^l σ_k^{l−1}",
        "[sum(w3[k, j] * sigma2[k] for k in range(K)) for j in range(K)]",
        "nn.functional.linear(sigma2, w3.T)"),
    definition("69; 104", "", "σ_i^l = 1 / (1 + e^{−sum_i^l})", "1 / (1 + np.exp(-sum3))",
        "nn.Sigmoid()(sum3)"),
    NETWORK("72", "", "∂E/∂w_ij = ∂E/∂σ_i · ∂σ_j/∂sum_i · ∂sum_j/∂w_ij + …",
        "np.einsum('i,ji,jij->ij', ∂data/∂sigma3, ∂sigma3/∂sum3, ∂sum3/∂w3)", "∂data/∂w3",
        corrected="∂E/∂w_ij = ∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij + …", correction=BY_LAYERS,
        mistake="index: σ_i and sum_i for σ_j and sum_j", note="Line 107 has the right indices."),
    too_little_decay("72", "Gradient computation", "… + (λ/2m) w_ij^l",
                     note="Tried with the first term put right."),
    NETWORK("74", "", "∂σ_j/∂sum_j = (1/(1 + e^{−sum_i})) (1 − 1/(1 + e^{−sum_i}))",
        "[[sigmoid(sum3[i]) * (1 - sigmoid(sum3[i])) for i in range(K)] for j in range(K)]",
        "np.repeat(np.diagonal(∂sigma3/∂sum3)[:, None], K, axis=1)",
        corrected="∂σ_j/∂sum_j = (1/(1 + e^{−sum_j})) (1 − 1/(1 + e^{−sum_j}))",
        correction="[[sigmoid(sum3[j]) * (1 - sigmoid(sum3[j])) for i in range(K)] for j in "
        "range(K)]", mistake="index: sum_i for sum_j"),
    NETWORK("74; 109", "", "∂σ_j/∂sum_j = σ_j (1 − σ_j)", "sigma3 * (1 - sigma3)",
        "np.diagonal(∂sigma3/∂sum3)"),
    NETWORK("76", "", "∂sum_i/∂w_ij = σ_i^{l−1}", "np.einsum('iij->ij', ∂sum3/∂w3)",
        "np.repeat(sigma2[:, None], K, axis=1)", corrected="∂sum_j/∂w_ij = σ_i^{l−1}",
        correction="np.einsum('jij->ij', ∂sum3/∂w3)",
        mistake="index: sum_i for sum_j, on the left"),
    NETWORK("76", "", "∂/∂w_ij (Σ_k w_kj^l σ_k^{l−1}) = σ_i^{l−1}",
        "np.repeat(sigma2[:, None], K, axis=1)", "np.einsum('jij->ij', ∂sum3/∂w3)"),
    unreadable("78-80", "", "How to compute DE OF", "Handwriting: how to compute ∂E/∂σ_j^l?"),
    NETWORK("88", "Back propagation", "∂E/∂σ_j^l = Σ_p ∂E/∂sum_p^{l+1} · ∂sum_p^{l+1}/∂σ_j^l",
        "np.einsum('p,pj->j', ∂E/∂sum4, ∂sum4/∂sigma3)", "∂E/∂sigma3", note="p = 1 … s_{l+1}."),
    garbled("88", "", "= Σ_p ∂E/∂σ_p^{l+1} · ∂E/∂σ_j^{l+1} · ∂σ_j^{l+1}/∂σ_j^{l…",
        "= Σ_p ∂E/∂σ_p^{l+1} · ∂σ_p^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}",
        "np.einsum('p,pp,jp->j', ∂E/∂sigma4, ∂sigma4/∂sum4, w4)", "∂E/∂sigma3"),
    NETWORK("90", "", "∂E/∂σ_i^L = −y_j/σ_i^L + (1 − y_j)/(1 − σ_i^L)",
        "[[-y[j] / sigma4[i] + (1 - y[j]) / (1 - sigma4[i]) for j in range(K)] for i in range(K)]",
        "np.repeat((∂E/∂sigma4)[:, None], K, axis=1)",
        corrected="∂E/∂σ_j^L = −y_j/σ_j^L + (1 − y_j)/(1 − σ_j^L)",
        correction="[[-y[i] / sigma4[i] + (1 - y[i]) / (1 - sigma4[i]) for j in range(K)] for i in "
        "range(K)]", mistake="index: σ_i beside y_j"),
    garbled("92", "", "E = fn(σ^L_{k}(σ^{L−1}_{k'}(σ^{L−2}_{k'} − − (σ^{L+1}_{k}(…",
        "E = fn(σ^L(σ^{L−1}(σ^{L−2}( … ))))",
        "-np.sum(np.log(np.where(y > 0, nested(s), 1 - nested(s))))", "data",
        note="Each layer is a function of the one before."),
    # ---- backpropagation in action ---------------------------------------------------------------
    garbled("103", "Recall and substitute", "sum_j^l = Σ_{k=1}^{r_{i−1}} w_kj^l σ_k^{l−1}",
        "sum_j^l = Σ_{k=1}^{s_{l−1}} w_kj^l σ_k^{l−1}",
        "[sum(w3[k, j] * sigma2[k] for k in range(K)) for j in range(K)]", "sum3",
        note="r_{i−1} is a misread s_{l−1}."),
    too_little_decay("107", "Recall and substitute",
                     "∂E/∂w_ij = ∂E/∂σ_j · ∂σ_j/∂sum_j · ∂sum_j/∂w_ij + (λ/2m) w_ij^l"),
    NETWORK("112", "", "∂sum_i^l/∂w_ij^l = σ_i^{l−1}", "np.einsum('iij->ij', ∂sum3/∂w3)",
        "np.repeat(sigma2[:, None], K, axis=1)", corrected="∂sum_j^l/∂w_ij^l = σ_i^{l−1}",
        correction="np.einsum('jij->ij', ∂sum3/∂w3)", mistake="index: sum_i for sum_j"),
    NETWORK("114", "", "∂E/∂σ_j^l = Σ_p ∂E/∂σ_j^{l+1} · ∂σ_j^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}",
        "np.einsum('j,jp,jp->j', ∂E/∂sigma4, ∂sigma4/∂sum4, w4)", "∂E/∂sigma3",
        corrected="∂E/∂σ_j^l = Σ_p ∂E/∂σ_p^{l+1} · ∂σ_p^{l+1}/∂sum_p^{l+1} · w_jp^{l+1}",
        correction="np.einsum('p,pp,jp->j', ∂E/∂sigma4, ∂sigma4/∂sum4, w4)",
        mistake="index: σ_j^{l+1} for σ_p^{l+1}, over which the sum goes"),
    NETWORK("116", "", "∂E/∂σ_i^L = −y_j/σ_i^L − (1 − y_j)/(1 − σ_i^L)",
        "-y / sigma4 - (1 - y) / (1 - sigma4)", "∂E/∂sigma4",
        corrected="∂E/∂σ_j^L = −y_j/σ_j^L + (1 − y_j)/(1 − σ_j^L)",
        correction="-y / sigma4 + (1 - y) / (1 - sigma4)",
        mistake="sign: the second term is added, as in line 90",
        note="The σ_i beside y_j is wrong as in line 90; tried with j in its place, it still is."),
    initialised("126", "The algorithm, 1", "w_ii^l for l = 1 … L, i = 1 … s_l, j = 1 … s_{l+1}"),
    convention("127-128", "The algorithm, 2 and 3", "f_w(x), x ∈ D, E(w)", "As above."),
    NETWORK("130", "The algorithm, 3", "for l = L − 1 down to 2", "stepped(s, ALL, 'w2 w3', 'E')",
        "stepped(s, ALL, ALL, 'E')", corrected="for l = L down to 2",
        correction="stepped(s, ALL, 'w2 w3 w4', 'E')",
        mistake="range: the weights w^L of the output layer are never updated",
        note="For l = L, ∂E/∂σ^L is known from line 90."),
    wrong_p_with_slopes("132",
                        "∂E/∂σ_j^l = Σ_{p=1} ∂E/∂σ_j^{l+1} · σ_j^{l+1} (1 − σ_j^{l+1}) w_jp^{l+1}"),
    wrong_p_with_slopes("134",
                        "∂E/∂σ_j^l = Σ_{p=1}^{S_{i+1}} ∂E/∂σ_j^{l+1} · σ_j^{l+1} (1 − σ_j^{l+1}) "
                        "w_jp^{l+1}"),
    NETWORK("132; 134", "",
        "∂E/∂w_ij^l = ∂E/∂σ_j^l · σ_j^l (1 − σ_j^l) σ_i^{l−1} + (λ/2m) w_ij^l",
        "np.outer(sigma2, ∂E/∂sigma3 * sigma3 * (1 - sigma3)) + strength * w3 / 2", "∂E/∂w3",
        corrected="∂E/∂w_ij^l = ∂E/∂σ_j^l · σ_j^l (1 − σ_j^l) σ_i^{l−1} + (λ/m) w_ij^l",
        correction="np.outer(sigma2, ∂E/∂sigma3 * sigma3 * (1 - sigma3)) + strength * w3",
        mistake="factor: the derivative of (λ/2m) w² is (λ/m) w"),
    NETWORK("132", "", "w_ii^l = w_ii^l − η ∂E/∂σ_j^l", "w3 - rate * ∂E/∂sigma3",
        "sgd_step(w3, ∂E/∂w3, rate)", corrected="w_ij^l = w_ij^l − η ∂E/∂w_ij^l",
        correction="w3 - rate * ∂E/∂w3", mistake="letter: ∂E/∂σ_j for ∂E/∂w_ij; and w_ii for w_ij",
        note="Tried with w_ij. Line 134 has it right."),
    definition("134", "", "w_ij^l = w_ij^l − η ∂E/∂w_ij^l", "w3 - rate * ∂E/∂w3",
        "sgd_step(w3, ∂E/∂w3, rate)"),
    unreadable("134-136", "The algorithm, 4", "until the cost function Σ_{E ∈ W …} …",
        "Keep picking misclassified examples until E(w) has fallen significantly, else change the "
        "weights at random."),
    unreadable("138-139", "The algorithm, notes",
        "Reasons for restart E(ω) Random restant help on …",
        "Handwriting about random restarts judged on held-out data; no formula."),
    unreadable("143-146", "Challenges", "(1) … (5)", "Five challenges, with handwriting between "
        "them: the number of examples needed grows exponentially with the dimension. No formula."),
    reported("152", "What changed", "McCulloch and Pitts (1943)", "The threshold logic unit."),
    reported("153", "", "AlexNet 85 % (2012), before it 75 % (2011)",
        "AlexNet's paper reports top-5 errors of 15.3 % in the contest of 2012, and 25.7 % for the "
        "method of CVPR 2011, which is 84.7 % and 74.3 % right."),
    reported("154", "", "96.5 % (2015)",
        "The paper of the 2015 winner reports a top-5 error of 3.57 %, which is 96.43 %."),
]  # fmt: skip
