"""Introduction to Neural Networks, third part: mini-batches, and backpropagation for a batch."""

import numpy as np

from .lecture002_neurons import deep
from .row import Row, Rows, convention
from .sample import Sample

M = 5  # points in a batch
N = 20  # points in all
BATCHES = "len(range(0, N, M))"
ALL, WITHOUT_LAST = "W1 W2 W3 b1 b2 b3", "W1 W2 b1 b2"

BATCH = Rows(deep(hidden=2, points=M), globals())


def own_gradient(s: Sample, by: str) -> np.ndarray:
    """The sum of the points' own gradients: m times that of the mean loss L."""
    return M * s[f"∂L/∂{by}"]


TOO_MANY = {
    "corrected": "n/m batches of m points",
    "correction": "N / M",
    "mistake": "exchange: m is the number of points in a batch (line 611), not of batches",
}


ROWS: list[Row] = [
    convention("611", "Pseudo code", "Batch size = m", "A name."),
    convention("613", "", "epoch = [1, … L]",
        "L is the number of epochs here, elsewhere of hidden layers, or the loss."),
    BATCH("616", "", "number of batches = n/m", "N / M", BATCHES,
        note="Where m does not divide n, the last batch is smaller: round up."),
    BATCH.garbled("618-621", "", "[batch<sub>i-1</sub> x m, batch<sub>i</sub> x m]",
        "batch i has the points from (i − 1) · m up to i · m",
        "np.concatenate([np.arange((i - 1) * M, i * M) for i in range(1, N // M + 1)])",
        "np.arange(N)", note="So every point is in one batch, once."),
    BATCH("623", "", "average gradient ∇w = sum of gradients ∇w / m",
        "sum(np.outer((P - Y)[:, i], H2[:, i]) for i in range(M)) / M", "∂L/∂W3"),
    BATCH("625", "", "average gradient ∇b = sum of gradients ∇b / m",
        "sum((P - Y)[:, i] for i in range(M)) / M", "∂L/∂b3"),
    BATCH.garbled("627", "", "w = w − λ ∇w/b = b − λ ∇b", "w = w − λ ∇w, and b = b − λ ∇b",
        "flat(W3 - rate * ∂L/∂W3, b3 - rate * ∂L/∂b3)",
        "flat(sgd_step(W3, ∂L/∂W3, rate), sgd_step(b3, ∂L/∂b3, rate))",
        note="Two lines have run together."),
    convention("635", "Mini-batches", "10, 20, 50, 100 epochs", "Typical numbers."),
    BATCH("635", "", "divide the reshuffled set into m batches", "M", BATCHES, **TOO_MANY),
    convention("641", "SGD in libraries", "10, 20, 50, 100 epochs", "Typical numbers."),
    BATCH("642", "", "the number of batches m (typically 32, 64, 128)", "M", BATCHES,
        **TOO_MANY, note="32, 64 and 128 are typical sizes of a batch."),
    BATCH("643", "", "reshuffled and divided into m batches", "M", BATCHES, **TOO_MANY),
    BATCH("644", "", "the average gradient of each batch makes an update",
        "np.mean([np.outer((P - Y)[:, i], H2[:, i]) for i in range(M)], axis=0)", "∂L/∂W3"),
    BATCH("648", "SGD and minima", "SGD helps to reach the global minimum", "True",
        "descended(1.5) > 0 > descended(1.5, noise=8)", "tried in two valleys",
        note="From the wrong valley, where the whole set's gradient stays: it helps, sometimes."),
    BATCH("650", "", "exploration: different starting points", "lowest(-2)",
        "min(descended(-1.5), descended(1.5), key=cost)", "tried in two valleys"),
    BATCH("650", "", "exploitation: the lowest point locally, not necessarily the global minimum",
        "[lowest(0), True]", "[descended(1.5), cost(lowest(-2)) < cost(descended(1.5))]",
        "tried in two valleys"),
    BATCH("657", "Batches", "DW^l = DZ^l · (H^{l−1})^T becomes a tensor", "3",
        "np.ndim((P - Y) @ H2.T)",
        corrected="DW^l is a matrix: the product is the sum over the points already",
        correction="2", mistake="dimension: the tensor has a matrix dz_i h_i^T for each point; "
        "this product is the sum of them"),
    BATCH("661", "", "Db^l becomes a matrix", "(3, M)", "own_gradient(s, 'Z3').shape"),
    BATCH("665", "", "DW^l and Db^l averaged along the batch dimension",
        "flat(np.mean([np.outer((P - Y)[:, i], H2[:, i]) for i in range(M)], axis=0), np.mean(P - "
        "Y, axis=1))", "flat(∂L/∂W3, ∂L/∂b3)",
        note="With a matrix for each point in DW, and a column for each in Db."),
    BATCH.definition("676", "Algorithm for a batch, 1", "H^0 = B", "B", "H0"),
    BATCH("678-683", "Algorithm for a batch, 2", "for l in 1 … L: H^l = σ(W^l · H^{l−1} + b^l)",
        "sigmoid(W2 @ H1 + b2[:, None])", "H2"),
    BATCH.garbled("686", "Algorithm for a batch, 3", "P = normalize(exp(W^o, H^L + b^o))",
        "P = normalize(exp(W^o · H^L + b^o))",
        "np.exp(W3 @ H2 + b3[:, None]) / np.exp(W3 @ H2 + b3[:, None]).sum(axis=0)", "P"),
    BATCH("689", "Algorithm for a batch, 4", "L = −(1/m) Y^T · log(P)",
        "-1 / M * (Y.T @ np.log(P))", "L",
        corrected="L = −(1/m) Σ_i y_i^T · log(p_i), the trace of the printed matrix",
        correction="-1 / M * np.trace(Y.T @ np.log(P))",
        mistake="dimension: Y^T log(P) is an m × m matrix; the loss is its trace"),
    BATCH("692", "Algorithm for a batch, 5", "DZ^{L+1} = P − Y", "P - Y", "own_gradient(s, 'Z3')",
        note="Each column for the loss of its own point; the 1/m of the mean comes in 7.5."),
    BATCH("695", "Algorithm for a batch, 6", "DW^{L+1} = DZ^{L+1} · (H^L)^T", "(P - Y) @ H2.T",
        "own_gradient(s, 'W3')"),
    BATCH("695", "", "Db^{L+1} = DZ^{L+1}", "P - Y", "(∂each/∂b3).T",
        note="A column for each point, the slopes of its own loss."),
    BATCH("697-702", "Algorithm for a batch, 7.1", "for l in L … 1: dH^l = (W^{l+1})^T · DZ^{l+1}",
        "flat(W3.T @ own_gradient(s, 'Z3'), W2.T @ own_gradient(s, 'Z2'))",
        "flat(own_gradient(s, 'H2'), own_gradient(s, 'H1'))"),
    BATCH("705", "Algorithm for a batch, 7.2", "DZ^l = dH^l ⊗ σ'(Z^l)",
        "own_gradient(s, 'H1') * sigmoid_slope(Z1)", "own_gradient(s, 'Z1')"),
    BATCH("708", "Algorithm for a batch, 7.3", "DW^l = DZ^l · (H^{l−1})^T",
        "own_gradient(s, 'Z1') @ H0.T", "own_gradient(s, 'W1')"),
    BATCH("711", "Algorithm for a batch, 7.4", "Db^l = DZ^l", "own_gradient(s, 'Z1')",
        "(∂each/∂b1).T", note="A column for each point, the slopes of its own loss."),
    BATCH("714", "Algorithm for a batch, 7.5", "∂L/∂W^l = (1/m) DW^l",
        "own_gradient(s, 'Z2') @ H1.T / M", "∂L/∂W2"),
    BATCH("714", "", "which is inside loop 7: ∂L/∂W^{L+1} stays DW^{L+1}", "(P - Y) @ H2.T",
        "∂L/∂W3", corrected="∂L/∂W^{L+1} = (1/m) DW^{L+1}", correction="1 / M * (P - Y) @ H2.T",
        mistake="lost step: nothing divides those of the output layer by m"),
    BATCH("717", "Algorithm for a batch, 7.6", "∂L/∂k^l = (1/m) Db^l", "own_gradient(s, 'Z2') / M",
        "∂L/∂b2", corrected="∂L/∂b^l = (1/m) Σ of the columns of Db^l",
        correction="own_gradient(s, 'Z2').sum(axis=1) / M", mistake="lost term: the sum over the "
        "points; Db^l is a matrix, b^l a vector; and k stands for b"),
    BATCH("719-721", "Algorithm for a batch, 8", "for l in [1, 2, …, L]: update W^l and b^l",
        "stepped(s, ALL, WITHOUT_LAST)", "stepped(s, ALL, ALL)",
        corrected="for l in [1, 2, …, L + 1]", correction="stepped(s, ALL, 'W1 W2 W3 b1 b2 b3')",
        mistake="range: the output layer L + 1 is never updated"),
    BATCH.definition("724-725", "Algorithm for a batch, 8.1", "W_new^l = W_old^l − α · ∂L/∂W^l",
        "W1 - rate * ∂L/∂W1", "sgd_step(W1, ∂L/∂W1, rate)"),
    BATCH.garbled("728-729", "Algorithm for a batch, 8.2",
        "b_new^l = b_old^l − lpha . rac{∂L}{∂b^l}", "b_new^l = b_old^l − α · ∂L/∂b^l",
        "b1 - rate * ∂L/∂b1", "sgd_step(b1, ∂L/∂b1, rate)"),
]  # fmt: skip
