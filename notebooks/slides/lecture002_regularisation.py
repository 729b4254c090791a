"""Introduction to Neural Networks, last part: regularisation, dropout, batch normalisation."""

from __future__ import annotations

from itertools import product

import numpy as np

import nn
from microgradnd import Tensor

from .row import Row, Writer, convention, number, reported, rounds_to
from .sample import Sample, random_samples, sigmoid

Array = np.ndarray


def penalised(rng: np.random.Generator) -> Sample:
    return Sample({"theta": rng.normal(size=6), "strength": rng.uniform(0.1, 0.9)})


def layer(rng: np.random.Generator) -> Sample:
    """The weights of a first layer, 4 × 3, and the outputs of the neurons before it."""
    return Sample({"W": rng.normal(size=(4, 3)), "h": rng.normal(size=3)})


def four_layers(rng: np.random.Generator) -> Sample:
    given = {f"W{i}": rng.normal(size=(3, 3)) for i in (1, 2, 3, 4, 5)}
    given |= {f"b{i}": rng.normal(size=3) for i in (1, 2, 3, 4, 5)} | {"x": rng.normal(size=3)}
    steps = {}
    for i in (1, 2, 3, 4, 5):
        before = f"h{i - 1}" if i > 1 else "x"
        steps[f"h{i}"] = lambda v, i=i, before=before: sigmoid(
            getattr(v, f"W{i}") @ getattr(v, before) + getattr(v, f"b{i}")
        )
    return Sample(given, steps | {"L": lambda v: np.sum(v.h5**2)})


def outputs(rng: np.random.Generator) -> Sample:
    """The outputs H of five neurons for m = 8 points, their means and standard deviations."""
    H = rng.normal(size=(5, 8)) * rng.uniform(1, 3, size=(5, 1)) + rng.normal(size=(5, 1))
    gamma, beta = rng.uniform(0.5, 2, size=5), rng.normal(size=5)
    return Sample({"H": H, "gamma": gamma, "beta": beta, "epsilon": 0.001},
                  {"mu": lambda v: np.mean(v.H, axis=1, keepdims=True),
                   "sigma": lambda v: np.std(v.H, axis=1, keepdims=True)})  # fmt: skip


PENALTY = Writer(random_samples(penalised))
LAYER = Writer(random_samples(layer))
DEEP = Writer(random_samples(four_layers))
OUTPUTS = Writer(random_samples(outputs))


# ---- terms of the cost ---------------------------------------------------------------------------

GRID = np.linspace(-2, 2, 4001)


def sparse(penalty: Array) -> bool:
    """Whether (w − 0.3)² / 2 plus a penalty of strength 1, on the grid, is least at exactly 0."""
    return GRID[np.argmin((GRID - 0.3) ** 2 / 2 + penalty)] == 0


def sparse_ones(names: dict[str, Array]) -> list[bool]:
    """For the lasso and the ridge, whether they make weights exactly 0."""
    return [sparse(names["lasso"]), sparse(names["ridge"])]


def l1(s: Sample) -> float:
    return nn.L1(s.strength)([Tensor(s.theta)]).item()


def l2(s: Sample) -> float:
    return nn.L2(2 * s.strength)([Tensor(s.theta)]).item()


PENALTIES = [
    convention("743", "Regularisation", "objective = loss + regularisation term", "A definition in "
               "words."),
    PENALTY.formula("747", "Regularisation",
                    "L1 and L2 regularisation, also called ridge and lasso",
                    lambda s: sparse_ones({"ridge": np.abs(GRID), "lasso": GRID**2 / 2}),
                    lambda s: [True, False],
                    corrected="L1 and L2 regularisation, also called lasso and ridge",
                    correction=lambda s: sparse_ones({"lasso": np.abs(GRID), "ridge": GRID**2 / 2}),
                    mistake="exchange: the lasso is L1, as line 762 has it, and makes weights 0"),
    PENALTY.definition("751-753", "Regularisation", "objective = L(F(x_i), θ) + λ f(θ)",
                       lambda s: 1.5 + s.strength * np.sum(np.abs(s.theta)),
                       lambda s: 1.5 + l1(s), note="Tried with f = Σ|θ|, beside nn.L1(λ)."),
    PENALTY.formula("757", "L1 norm", "λ f(θ) = ‖θ‖_1", lambda s: np.linalg.norm(s.theta, 1), l1,
                    corrected="λ f(θ) = λ ‖θ‖_1",
                    correction=lambda s: s.strength * np.linalg.norm(s.theta, 1),
                    mistake="factor: λ is lost on the right"),
    PENALTY.formula("757", "L1 norm", "‖θ‖_1 is the sum of all the model parameters",
                    lambda s: np.sum(s.theta), lambda s: np.linalg.norm(s.theta, 1),
                    corrected="‖θ‖_1 is the sum of the absolute values of all weights",
                    correction=lambda s: np.sum(np.abs(s.theta)),
                    mistake="lost term: the absolute values"),
    PENALTY.formula("758", "L2 norm", "λ f(θ) = ‖θ‖_2", lambda s: np.linalg.norm(s.theta), l2,
                    corrected="λ f(θ) = λ ‖θ‖_2²",
                    correction=lambda s: s.strength * np.linalg.norm(s.theta) ** 2,
                    mistake="factor: λ is lost on the right, and the square"),
    PENALTY.formula("758", "L2 norm", "‖θ‖_2 is the sum of squares of all the model parameters",
                    lambda s: np.sum(s.theta**2), lambda s: np.linalg.norm(s.theta),
                    corrected="‖θ‖_2² is the sum of squares of all weights",
                    correction=lambda s: np.sqrt(np.sum(s.theta**2)),
                    mistake="power: ‖θ‖_2 is the root of that sum"),
]  # fmt: skip

# ---- dropout -------------------------------------------------------------------------------------

MASKS = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
ENTRIES_KEPT = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 0]])


def column_cut(s: Sample) -> Array:
    """The weight matrix after the third neuron before it is taken away, column by column."""
    columns = [s.W[:, 0], s.W[:, 1], np.zeros(4)]
    return np.stack(columns, axis=1)


def parses(code: str) -> bool:
    compile(code, "the slide", "eval")
    return True


DROPOUT = [
    LAYER.formula("770-773", "Dropout", "the weight matrix times a mask vector, W^l · α",
                  lambda s: s.W @ np.array([[1], [1], [0]]), column_cut,
                  corrected="W^l · diag(α): each column times its entry of α",
                  correction=lambda s: s.W @ np.diag([1, 1, 0]),
                  mistake="dimension: a matrix times a vector is a vector"),
    LAYER.garbled("777", "Dropout", "W^1 = egin{bmatrix} w_11 & w_12 & w_13 \\ … \\end{pmatrix}",
                  "W^1 = [w_11 w_12 w_13; …; w_41 w_42 w_43]", lambda s: s.W.shape,
                  lambda s: (4, *s.h.shape), note="Four neurons, three inputs."),
    LAYER.formula("779", "Dropout", "the shape of α is (3, 1)", lambda s: (3, 1),
                  lambda s: s.h[:, None].shape, note="An entry for each neuron of the layer "
                  "before."),
    number("779", "Dropout", "q = 0.66: two 1s and one 0", "2",
           rounds_to(lambda: 0.66 * 3, how="0.66 of 3 entries"),
           note="Rounded. As in line 791 each entry is drawn by itself, there can be other "
           "numbers."),
    LAYER.formula("779-781", "Dropout", "α is one of three: [1; 1; 0], [1; 0; 1], [0; 1; 1]",
                  lambda s: sorted(map(tuple, MASKS)),
                  lambda s: [mask for mask in product((0, 1), repeat=3) if sum(mask) == 2]),
    LAYER.formula("785", "Dropout", "[w_11 w_12 w_13; …] · [1; 1; 0] = [w_11 w_12 0; …]",
                  lambda s: s.W @ np.array([[1], [1], [0]]), column_cut,
                  corrected="[w_11 w_12 w_13; …] ⊙ [1 1 0] = [w_11 w_12 0; …]",
                  correction=lambda s: s.W * np.array([[1, 1, 0]]),
                  mistake="dimension: α must lie down, and be multiplied entry by entry"),
    convention("790-791", "Dropout", "p(1) = q", "Each entry of the mask is drawn by itself."),
    reported("799", "Dropout", "R^50", "An example of a space of many dimensions."),
    LAYER.formula("803", "Dropout", "column j set to 0: the contribution of neuron j is 0",
                  lambda s: column_cut(s) @ s.h, lambda s: s.W @ [s.h[0], s.h[1], 0]),
    LAYER.definition("805-807", "Dropout by weights", "[w_11 w_12 w_13; …; w_41 w_42 w_43]",
                     lambda s: s.W.shape, lambda s: (4, *s.h.shape), note="As above."),
    number("809-811", "Dropout by weights", "q = 0.66: [1 0 1; 1 1 0; 0 1 1; 1 1 0]", "8",
           rounds_to(lambda: 0.66 * ENTRIES_KEPT.size, how="0.66 of 12 entries"),
           note=f"It has {ENTRIES_KEPT.sum()} ones."),
    LAYER.formula("815", "Dropout by weights",
                  "= [w_11 0 w_13; w_21 w_22 0; 0 w_32 w_33; w_41 w_42 0]",
                  lambda s: [[s.W[0, 0], 0, s.W[0, 2]], [s.W[1, 0], s.W[1, 1], 0],
                             [0, s.W[2, 1], s.W[2, 2]], [s.W[3, 0], s.W[3, 1], 0]],
                  lambda s: s.W * ENTRIES_KEPT),
    LAYER.formula("819", "Dropout in Keras", "model.add(Dropout(0.2)",
                  lambda s: parses("model.add(Dropout(0.2)"), lambda s: True, "read by Python",
                  corrected="model.add(Dropout(0.2))",
                  correction=lambda s: parses("model.add(Dropout(0.2))"),
                  mistake="bracket: the last one is lost"),
    number("819-821", "Dropout in Keras", "20% neurons dropped: 0.2 is the probability of zeros",
           "20%", rounds_to(lambda: 100 * dropped(0.2), how="counted in nn.ClassicDropout(0.2)")),
]  # fmt: skip


def dropped(p: float) -> float:
    """The part of many outputs that dropout sets to 0; nn means by p what Keras does."""
    return float(np.mean(nn.ClassicDropout(p)(np.ones(1000)) == 0))


# ---- batch normalisation -------------------------------------------------------------------------


def layer_of(W: Array, b: Array, h: Array) -> Array:
    return sigmoid(W @ h + b)


def standard(s: Sample) -> Array:
    """The outputs less their mean and divided by their deviation, neuron by neuron, in a loop."""
    rows = []
    for row in s.H:
        mean = sum(row) / len(row)
        rows.append((row - mean) / (sum((row - mean) ** 2) / len(row)) ** 0.5)
    return np.array(rows)


def keras_form(s: Sample) -> Array:
    """What a framework computes: with ε, and then γ and β. Its points are rows."""
    layer = nn.BatchNorm1d(5, eps=s.epsilon)
    layer.weight.data[...], layer.bias.data[...] = s.gamma, s.beta
    return layer(s.H.T).numpy().T


def moved(s: Sample) -> Sample:
    """∂L/∂W^5, by its closed form, as a function of W^4."""

    def slope(v) -> Array:  # noqa: ANN001
        h4 = layer_of(v.W4, s.b4, s.h3)
        h5 = layer_of(s.W5, s.b5, h4)
        return (2 * h5 * h5 * (1 - h5))[:, None] * h4[None]

    return Sample({"W4": s.W4}, {"slope": slope})


KERAS_LINE = (
    "model.add(BatchNormalization(axis=-1, epsilon=0.001, beta_initializer='zeros', "
    "gamma_initializer='ones'"
)

NORMALISATION = [
    *(DEEP.formula("833", "Batch normalisation", printed, claim, truth)
      for printed, claim, truth in [
          ("h^1 = σ(W^1 · x + b^1)", lambda s: layer_of(s.W1, s.b1, s.x), lambda s: s.h1),
          ("h^2 = σ(W^2 · h^1 + b^2) = σ(W^2 · (σ(W^1 · x + b^1)) + b^2)",
           lambda s: [layer_of(s.W2, s.b2, s.h1),
                      layer_of(s.W2, s.b2, layer_of(s.W1, s.b1, s.x))], lambda s: [s.h2] * 2),
          ("h^3 = σ(W^3 · h^2 + b^3) = σ(W^3 · (σ(W^2 · (σ(W^1 · x + b^1)) + b^2)) + b^3)",
           lambda s: [layer_of(s.W3, s.b3, s.h2), layer_of(s.W3, s.b3, layer_of(
               s.W2, s.b2, layer_of(s.W1, s.b1, s.x)))], lambda s: [s.h3] * 2),
          ("h^4 = σ(W^4 · h^3 + b^4) = σ(W^4 · (σ(W^3 · (… σ(W^1 · x + b^1) …)) + b^3)) + b^4)",
           lambda s: [layer_of(s.W4, s.b4, s.h3), layer_of(s.W4, s.b4, layer_of(
               s.W3, s.b3, layer_of(s.W2, s.b2, layer_of(s.W1, s.b1, s.x))))],
           lambda s: [s.h4] * 2)]),
    DEEP.formula("838-840", "Batch normalisation", "W^4 affects h^4, and so the gradient ∂L/∂W^5",
                 lambda s: True, lambda s: bool(np.any(moved(s)["∂slope/∂W4"] != 0))),
    OUTPUTS.formula("852", "Batch normalisation",
                    "5 neurons: H^l of shape (5, m), μ and σ̂ of (5, 1)",
                    lambda s: [(5, 8), (5, 1), (5, 1)],
                    lambda s: [s.H.shape, s.mu.shape, s.sigma.shape], note="Here with m = 8."),
    OUTPUTS.garbled("855", "Batch normalisation", "H^l = rac{H^l − μ}{σ̂}", "H^l ← (H^l − μ) / σ̂",
                    lambda s: (s.H - s.mu) / s.sigma, standard),
    convention("861", "Batch normalisation", "the average of the μs and σs of the batches",
               "What takes the place of μ and σ̂ at test time."),
    OUTPUTS.formula("875-876", "The form in Keras", "H^l = (H^l − μ)/σ̂ = (H^l − μ)/√(σ̂² + ε)",
                    lambda s: (s.H - s.mu) / s.sigma,
                    lambda s: (s.H - s.mu) / np.sqrt(s.sigma**2 + s.epsilon),
                    corrected="H^l ← (H^l − μ)/√(σ̂² + ε), in place of (H^l − μ)/σ̂",
                    correction=lambda s: nn.BatchNorm1d(5, eps=s.epsilon)(s.H.T).numpy().T,
                    mistake="exchange: an equals sign between a form and the one that replaces it",
                    reading="H^l = (H^l − μ)/σ̂ = (H^l − μ)/√(σ̂² + ε)"),
    OUTPUTS.garbled("876", "The form in Keras", "= γH^l+eta_1",
                    "and then H^l ← γ H^l + β",
                    lambda s: s.gamma[:, None] * (s.H - s.mu) / np.sqrt(s.sigma**2 + s.epsilon)
                    + s.beta[:, None], keras_form, note="H^l is the normalised one here."),
    OUTPUTS.formula("878", "The form in Keras", "ε ensures that the denominator is not zero",
                    lambda s: np.zeros((2, 8)),
                    lambda s: nn.BatchNorm1d(2, eps=s.epsilon)(np.ones((8, 2))).numpy().T,
                    note="For outputs that are all the same."),
    OUTPUTS.formula("878-879", "The form in Keras", "the constants γ, β are hyperparameters",
                    lambda s: 0, lambda s: len(list(nn.BatchNorm1d(5).parameters())),
                    corrected="γ and β are parameters, learned like weights",
                    correction=lambda s: 2,
                    mistake="concept: the line of code gives them initial values, not values"),
    OUTPUTS.formula("882", "The form in Keras", "axis = −1: normalisation across the rows",
                    lambda s: ((s.H - s.mu) / s.sigma).T,
                    lambda s: (s.H.T - s.H.T.mean(axis=0)) / s.H.T.std(axis=0),
                    note="In Keras points are rows and features the last axis: each feature is "
                    "normalised over all rows."),
    LAYER.formula("883", "The form in Keras",
                  "model.add(BatchNormalization(axis=-1, epsilon=0.001, "
                  "beta_initializer='zeros', gamma_initializer='ones'",
                  lambda s: parses(KERAS_LINE), lambda s: True, "read by Python",
                  corrected="…, gamma_initializer='ones'))",
                  correction=lambda s: parses(KERAS_LINE + "))"),
                  mistake="bracket: the last two are lost"),
    OUTPUTS.formula("883", "The form in Keras", "beta 'zeros', gamma 'ones'",
                    lambda s: [np.zeros(5), np.ones(5)],
                    lambda s: [nn.BatchNorm1d(5).bias.numpy(), nn.BatchNorm1d(5).weight.numpy()],
                    note="nn begins with the same; epsilon = 0.001 is Keras's own default."),
]  # fmt: skip

ROWS: list[Row] = [*PENALTIES, *DROPOUT, *NORMALISATION]
