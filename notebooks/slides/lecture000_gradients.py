"""Image Processing and Machine Learning, lecture 12: keeping weights small, and backpropagation.

Weights are stored as (inputs, outputs), and the layers of neurons are numbered 0, 1, …, H.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import nn
from microgradnd import Tensor

from .row import Row, Rows, convention
from .sample import Sample, sigmoid, sigmoid_slope

# A model with a cost E, weights w and a strength λ; and a ball of radius c.
PENALTY = Rows("""
    a = rng.normal(size=4); w = rng.normal(size=4)
    strength = rng.uniform(0.1, 0.9); c = rng.uniform(1.5, 2.5)
    E = np.sum((w - a) ** 2)
    vectors = np.outer([0.5, 0.9 * c, 1.1 * c, 5], w / np.linalg.norm(w))
""", globals())  # fmt: skip

# A neuron with the output x, kept with probability p.
DROPOUT = Rows("x = rng.normal(); p = rng.uniform(0.2, 0.8)", globals())

# Three inputs and layers of 4, 3 and 2 neurons, for one event with the truth y.
NETWORK = Rows("""
    x = rng.normal(size=3); y = rng.normal(size=2)
    W0 = rng.normal(size=(3, 4)); b0 = rng.normal(size=4)
    W1 = rng.normal(size=(4, 3)); b1 = rng.normal(size=3)
    W2 = rng.normal(size=(3, 2)); b2 = rng.normal(size=2)
    z0 = np.einsum('mn,m->n', W0, x) + b0; a0 = sigmoid(z0)
    z1 = np.einsum('mn,m->n', W1, a0) + b1; a1 = sigmoid(z1)
    z2 = np.einsum('mn,m->n', W2, a1) + b2; a2 = sigmoid(z2)
    J = np.sum((y - a2) ** 2) / 2
    products1 = W1 * a0[:, None]; sums1 = np.sum(products1, axis=0); biased1 = sums1 + b1
    products2 = W2 * a1[:, None]; inside2 = np.sum(products2 + b2, axis=0)
""", globals())  # fmt: skip

# One layer and d = 5 events, with a cost of their own each, and the mean J of them.
EVENTS = Rows("""
    x = rng.normal(size=(5, 3)); y = rng.normal(size=(5, 2)); rate = rng.uniform(0.1, 1.0)
    W = rng.normal(size=(3, 2)); b = rng.normal(size=2)
    a = sigmoid(x @ W + b)
    each = np.sum((y - a) ** 2, axis=1) / 2
    J = np.sum((y - a) ** 2) / (2 * len(x))
""", globals())  # fmt: skip

definition, garbled = NETWORK.definition, NETWORK.garbled

h, slope_of_h = sigmoid, sigmoid_slope


def weight_decay(start: np.ndarray, strength: float) -> np.ndarray:
    """The gradient that weight decay of the strength λ adds to that of the cost, by SGD itself."""
    w = Tensor(start, requires_grad=True)
    w.grad = np.zeros(4)
    nn.optim.SGD([w], lr=1.0, weight_decay=float(strength)).step()
    return start - w.numpy()


def held(s: Sample, steps: int) -> np.ndarray:
    """The vectors of weights under nn.MaxNorm, after steps down E, each much too long."""
    w = Tensor(s.vectors, requires_grad=True)
    nn.MaxNorm(s.c)(w)
    for _ in range(steps):
        w.grad = 2 * (w.numpy() - s.a)
        nn.optim.SGD([w], lr=10.0).step()
        nn.MaxNorm(s.c)(w)
    return w.numpy()


def slope(f: Callable[[Any], Any], w: np.ndarray) -> np.ndarray:
    return Sample({"w": w, "f_of": f}, "f = f_of(w)")["∂f/∂w"]


def expected(p: float, kept: float, silenced: float) -> float:
    """The mean output, over both things that may happen."""
    return sum((p if is_kept else 1 - p) * (kept if is_kept else silenced) for is_kept in (1, 0))


ROWS: list[Row] = [
    # ---- keeping weights small -------------------------------------------------------------------
    PENALTY.definition("41", "Regularization → Overfitting", "E(θ) → E(θ) + λ f(θ)",
        "slope(lambda w: np.sum((w - a) ** 2) + strength * np.sum(w**2) / 2, s.w) - ∂E/∂w",
        "weight_decay(w, strength)",
        note="With f = ½ w² it adds λw to the gradient, as weight decay does."),
    PENALTY("41", "", "f(θ) grows as the components of θ grow", "True",
        "all(f([Tensor(1.1 * w)]) > f([Tensor(w)]) for f in (nn.L1(1), nn.L2(1)))"),
    PENALTY("41", "", "λ = 0: no measures against overfitting", "np.zeros(4)",
        "weight_decay(w, 0)"),
    PENALTY("42", "L2 regularization", "f(θ) = ½ λ w², added as λ f(θ)",
        "slope(lambda w: strength * (strength * np.sum(w**2) / 2), s.w)",
        "weight_decay(w, strength)",
        corrected="f(θ) = ½ w²", correction="slope(lambda w: strength * (np.sum(w**2) / 2), s.w)",
        mistake="factor: λ twice, in f and before it"),
    PENALTY("42", "", "prefers diffuse weight vectors to peaky ones", "np.full(4, np.mean(w))",
        "np.linalg.lstsq(np.ones((1, 4)), [np.sum(w)])[0]", "computed another way",
        note="Of all weights with one sum, those that are alike have the least w²."),
    PENALTY("43", "L1 regularization", "f(θ) = λ |w|, added as λ f(θ)",
        "strength * (strength * np.sum(np.abs(w)))", "nn.L1(strength)([Tensor(w)]).item()",
        corrected="f(θ) = |w|", correction="strength * np.sum(np.abs(w))",
        mistake="factor: λ twice, in f and before it"),
    PENALTY("43", "", "leads to sparse weights: so does L1, not L2", "[True, False]",
        "[sparse(np.abs), sparse(np.square)]"),
    PENALTY("50", "Maximum norm constraints", "an upper bound for every neuron's incoming weights",
        "np.minimum(np.linalg.norm(vectors, axis=1), c)", "np.linalg.norm(held(s, 0), axis=1)"),
    PENALTY("51", "Maximum norm constraints", "if w² > c: back onto the ball of radius c",
        "[s.c * w / np.linalg.norm(w) if np.sum(w**2) > s.c else w for w in vectors]", "held(s, 0)",
        corrected="if |w| > c: back onto the ball of radius c",
        correction="[w * min(1, s.c / np.linalg.norm(w)) for w in vectors]",
        mistake="power: w² is the squared length, c a length; vectors inside would also be moved"),
    convention("52", "", "c = 3 and 4", "Typical values."),
    PENALTY("53", "", "the weights do not grow out of control, even at too high a learning rate",
        "True", "np.max(np.linalg.norm(held(s, 50), axis=1)) <= c * (1 + 1e-9)"),
    convention("60", "Dropout", "a neuron is kept with probability p", "The p of the next rows."),
    DROPOUT("63-65", "", "exponentially many architectures", "2**5",
        "len(set(product((0, 1), repeat=5)))", "counted", note="2ⁿ of n neurons: tried with 5."),
    DROPOUT("67, 75", "", "at test time, outputs must equal those expected in training",
        "expected(p, x, 0)", "nn.ClassicDropout(1 - p).eval()([x])[0]",
        note="nn means by p what is silenced."),
    DROPOUT.garbled("76", "Dropout, the expected output", "E(output) = px + (1 − p)x0 = px",
        "E(output) = p · x + (1 − p) · 0 = px", "p * x", "expected(p, x, 0)",
        note="The × before the 0 has become a letter x."),
    DROPOUT("78", "Inverted dropout", "active: divided by p; 1/p > 1", "[1 / p, True]",
        "[np.max(nn.Dropout(1 - p)(np.ones(99))), 1 / p > 1]", note="For p < 1."),
    DROPOUT("78-79", "", "output divided by p: E(output) does not change", "x",
        "expected(p, x / p, 0)"),
    # ---- notations -------------------------------------------------------------------------------
    convention("97-98", "Notations, 1 and 2", "i, y_i, y(x_i), d",
        "Names: an event's number, its truth, the output of the network, the number of events."),
    EVENTS.definition("101", "Notations, 3", "J = 1/(2d) Σ_i ‖y_i − y(x_i)‖²",
        "sum(np.linalg.norm(y[i] - a[i]) ** 2 for i in range(5)) / (2 * 5)", "np.mean(each)",
        note="It is the mean of what the next line has for one event."),
    definition("104", "Notations, 4", "J = ½ ‖y − y(x)‖²", "np.linalg.norm(y - a2) ** 2 / 2",
        "nn.QuadraticLoss()(a2[None], y[None])"),
    convention("110-113", "Elementwise notations, 1–4", "L, n, m, w_mn^L, b_n^L, z_n^L",
        "Names: w_mn leads from neuron m of layer L − 1 to neuron n of layer L."),
    NETWORK("111", "", "w_mn^L: from neuron m of layer L − 1 to neuron n of layer L", "W1",
        "(∂z1/∂a0).T"),
    definition("115", "Elementwise notations, 4", "z_n^L = Σ_m w_mn^L a_m^{L−1} + b_n^L",
        "[sum(W1[m, n] * a0[m] for m in range(4)) + b1[n] for n in range(3)]",
        "nn.functional.linear(a0, W1.T, b1)"),
    definition("117-118", "Elementwise notations, 5 and 6", "a_n^L = h(z_n^L)",
        "[h(z1[n]) for n in range(3)]", "nn.Sigmoid()(z1)"),
    definition("124", "Matrix notations, 1", "W^L has dimensions M*N, W^L[m, n] = w_mn^L",
        "(len(a0), len(a1))", "W1.shape",
        note="M neurons in layer L − 1, N in layer L. Most libraries store the transpose."),
    convention("125-127", "Matrix notations, 2–4", "b^L[n] = b_n^L, a^L[n] = a_n^L, z^L[n] = z_n^L",
        "Names."),
    NETWORK("131", "Matrix notations", "z^L = (W^L)^t a^{L−1} + b^L", "W1.T @ a0 + b1", "z1"),
    NETWORK("132", "", "a^L = h(z^L)", "h(z1)", "a1"),
    # ---- gradients of weights and biases ---------------------------------------------------------
    convention("138-139", "Gradients of weights and biases", "∂J/∂w_mn^L, ∂J/∂b_n^L", "Names."),
    NETWORK("142", "Weights, step 1", "∂J/∂w_mn = ∂J/∂z_n · ∂z_n/∂w_mn",
        "np.einsum('n,nmn->mn', ∂J/∂z1, ∂z1/∂W1)", "∂J/∂W1"),
    NETWORK("145", "Weights, step 2", "∂J/∂w_mn = ∂J/∂z_n · ∂(Σ_i w_in a_i + b_n)/∂w_mn",
        "np.einsum('n,nmn->mn', ∂J/∂z1, ∂biased1/∂W1)", "∂J/∂W1"),
    NETWORK("145", "", "… = ∂J/∂z_n · ∂(Σ_i w_in a_i)/∂w_mn",
        "np.einsum('n,nmn->mn', ∂J/∂z1, ∂sums1/∂W1)", "∂J/∂W1"),
    NETWORK("148", "Weights, step 3", "∂J/∂w_mn = δ_n · ∂(w_mn a_m)/∂w_mn",
        "np.einsum('n,mnmn->mn', ∂J/∂z1, ∂products1/∂W1)", "∂J/∂W1"),
    NETWORK("148", "", "… = ∂J/∂z_n · a_m^{L−1}", "np.einsum('n,m->mn', ∂J/∂z1, a0)", "∂J/∂W1"),
    convention("157", "Step 4", "δ_n^L = ∂J/∂z_n^L", "The name of the error."),
    NETWORK("158", "Step 5", "∂J/∂w_mn = δ_n · a_m^{L−1}",
        "[[(∂J/∂z1)[n] * a0[m] for n in range(3)] for m in range(4)]", "∂J/∂W1"),
    NETWORK("163", "Step 6, as vectors", "∂J/∂W^L = a^{L−1} · (δ^L)^t",
        "a0[:, None] @ (∂J/∂z1)[:, None].T", "∂J/∂W1"),
    NETWORK("168", "Biases, step 1", "∂J/∂b_n = ∂J/∂z_n · ∂z_n/∂b_n",
        "np.einsum('n,nn->n', ∂J/∂z1, ∂z1/∂b1)", "∂J/∂b1"),
    NETWORK("168", "Biases, step 2", "∂J/∂b_n = ∂J/∂z_n · ∂(Σ_i w_in a_i + b_n)/∂b_n",
        "np.einsum('n,nn->n', ∂J/∂z1, ∂biased1/∂b1)", "∂J/∂b1"),
    NETWORK("168", "", "… = ∂J/∂z_n · ∂b_n/∂b_n", "(∂b1/∂b1) @ ∂J/∂z1", "∂J/∂b1"),
    NETWORK("171", "Biases, step 3", "∂J/∂b_n = ∂J/∂z_n = δ_n", "∂J/∂z1", "∂J/∂b1"),
    NETWORK("172", "Biases, step 4, as vectors", "∂J/∂b^L = δ^L", "∂J/∂z1", "∂J/∂b1"),
]  # fmt: skip
