"""Introduction to Neural Networks, last part: regularisation, dropout, batch normalisation."""

from itertools import product

import numpy as np

import nn
from microgradnd import Tensor
from microgradnd.arrays import Array

from .row import Row, Rows, convention, reported
from .sample import Sample, sigmoid

PENALTY = Rows("""
    theta = rng.normal(size=6); strength = rng.uniform(0.1, 0.9)
    l1 = nn.L1(strength)([Tensor(theta)]).item(); l2 = nn.L2(2 * strength)([Tensor(theta)]).item()
""", globals())  # fmt: skip

# Six values, and all models that are the mean of two of them.
VALUES = Rows("""
    values = rng.normal(size=6); mean = np.mean(values)
    fits = np.array([np.mean(two) for two in product(values, repeat=2)])
""", globals())  # fmt: skip

# The weights of a first layer, 4 × 3, and the outputs of the neurons before it; without the third.
LAYER = Rows("""
    W = rng.normal(size=(4, 3)); h = rng.normal(size=3)
    cut = np.stack([W[:, 0], W[:, 1], np.zeros(4)], axis=1)
""", globals())  # fmt: skip

# Four hidden layers, and one output layer; the closed form of ∂L/∂W^5.
DEEP = Rows("\n".join(
    ["x = rng.normal(size=3); h0 = x", *(
        f"W{i} = rng.normal(size=(3, 3)); b{i} = rng.normal(size=3); "
        f"h{i} = sigmoid(W{i} @ h{i - 1} + b{i})" for i in range(1, 6)
    ), "L = np.sum(h5**2); slope = (2 * h5 * h5 * (1 - h5))[:, None] * h4[None]"]
), globals())  # fmt: skip

# The outputs H of five neurons for m = 8 points, their means and standard deviations.
OUTPUTS = Rows("""
    H = rng.normal(size=(5, 8)) * rng.uniform(1, 3, size=(5, 1)) + rng.normal(size=(5, 1))
    gamma = rng.uniform(0.5, 2, size=5); beta = rng.normal(size=5); epsilon = 0.001
    mu = np.mean(H, axis=1, keepdims=True); sigma = np.std(H, axis=1, keepdims=True)
""", globals())  # fmt: skip
number = Rows("", globals()).number


MASKS = list(product((0, 1), repeat=3))  # all that have a probability


def seen() -> set[tuple[int, ...]]:
    """The masks of nn.Dropout in many iterations."""
    layer = nn.Dropout(0.34)
    return {tuple(int(x > 0) for x in layer(np.ones(3))) for _ in range(500)}


def backwards_as_forwards() -> bool:
    x = Tensor(np.ones(50), requires_grad=True)
    out = nn.Dropout(0.5)(x)
    np.sum(out).backward()
    return np.array_equal(x.grad, out.numpy())


def means_kept(*batches: Array) -> Array:
    """What batch normalisation keeps for test time."""
    layer = nn.BatchNorm1d(5, momentum=None)
    for batch in batches:
        layer(batch.T)
    return np.asarray(layer.running_mean)


ENTRIES_KEPT = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 0]])


def parses(code: str) -> bool:
    compile(code, "the slide", "eval")
    return True


def layer_of(W: Array, b: Array, h: Array) -> Array:
    return sigmoid(W @ h + b)


def keras_form(s: Sample) -> Array:
    """What a framework computes: with ε, and then γ and β. Its points are rows."""
    layer = nn.BatchNorm1d(5, eps=s.epsilon)
    layer.weight.data[...], layer.bias.data[...] = s.gamma, s.beta
    return layer(s.H.T).numpy().T


KERAS_LINE = (
    "model.add(BatchNormalization(axis=-1, epsilon=0.001, beta_initializer='zeros', "
    "gamma_initializer='ones'"
)


ROWS: list[Row] = [
    # ---- terms of the cost -----------------------------------------------------------------------
    convention("743", "Regularisation", "objective = loss + regularisation term",
        "A definition in words."),
    VALUES("745", "", "the bias of a model represents the amount of error on a given dataset",
        "np.mean((fits - mean) ** 2)", "np.mean(fits) - mean", "all data sets of two of six values",
        corrected="the bias is the mean of the models' errors, with their signs, over all datasets",
        correction="np.mean(fits - mean)",
        mistake="concept: the means of two have an error, and no bias"),
    VALUES("745", "", "the variance: how much the model changes with the dataset",
        "np.mean((fits - np.mean(fits)) ** 2)", "np.var(fits)",
        "all data sets of two of six values"),
    PENALTY("747", "", "L1 and L2 regularisation, also called ridge and lasso",
        "[False, True]", "[sparse(np.abs), sparse(np.square)]", "weights exactly 0?",
        corrected="L1 and L2 regularisation, also called lasso and ridge",
        correction="[True, False]", mistake="exchange: line 762 has it right",
        note="The lasso makes weights 0, a ridge does not."),
    PENALTY.definition("751-753", "", "objective = L(F(x_i), θ) + λ f(θ)",
        "1.5 + strength * np.sum(np.abs(theta))", "1.5 + l1",
        note="Tried with f = Σ|θ|, beside nn.L1(λ)."),
    PENALTY("757", "L1 norm", "λ f(θ) = ‖θ‖_1", "np.linalg.norm(theta, 1)", "l1",
        corrected="λ f(θ) = λ ‖θ‖_1", correction="strength * np.linalg.norm(theta, 1)",
        mistake="factor: λ is lost on the right"),
    PENALTY("757", "", "‖θ‖_1 is the sum of all the model parameters", "np.sum(theta)",
        "np.linalg.norm(theta, 1)",
        corrected="‖θ‖_1 is the sum of the absolute values of all weights",
        correction="np.sum(np.abs(theta))", mistake="lost term: the absolute values"),
    PENALTY("758", "L2 norm", "λ f(θ) = ‖θ‖_2", "np.linalg.norm(theta)", "l2",
        corrected="λ f(θ) = λ ‖θ‖_2²", correction="strength * np.linalg.norm(theta) ** 2",
        mistake="factor: λ is lost on the right, and the square"),
    PENALTY("758", "", "‖θ‖_2 is the sum of squares of all the model parameters",
        "np.sum(theta**2)", "np.linalg.norm(theta)",
        corrected="‖θ‖_2² is the sum of squares of all weights",
        correction="np.sqrt(np.sum(theta**2))", mistake="power: ‖θ‖_2 is the root of that sum"),
    PENALTY("762", "", "L1: a sparse weight matrix, which is not the case with L2", "[True, False]",
        "[sparse(np.abs), sparse(np.square)]", "weights exactly 0?"),
    PENALTY("762", "", "the sum of squares is easily differentiable (that of sizes is not)",
        "[False, True]", "[f(1e-6) + f(-1e-6) < 1e-9 for f in (np.abs, np.square)]",
        "one slope on both sides of 0?"),
    # ---- dropout ---------------------------------------------------------------------------------
    LAYER("770-773", "Dropout", "the weight matrix times a mask vector, W^l · α",
        "W @ np.array([[1], [1], [0]])", "cut",
        corrected="W^l · diag(α): each column times its entry of α",
        correction="W @ np.diag([1, 1, 0])",
        mistake="dimension: a matrix times a vector is a vector"),
    LAYER.garbled("777", "", "W^1 = egin{bmatrix} w_11 & w_12 & w_13 \\ … \\end{pmatrix}",
        "W^1 = [w_11 w_12 w_13; …; w_41 w_42 w_43]", "W.shape", "(4, *h.shape)",
        note="Four neurons, three inputs."),
    LAYER("779", "", "the shape of α is (3, 1)", "(3, 1)", "h[:, None].shape",
        note="An entry for each neuron of the layer before."),
    LAYER("779", "", "q = 0.66 is the probability of 1: α will have two 1s and one 0", "[2]",
        "sorted({sum(mask) for mask in MASKS})", "the masks of line 791",
        corrected="α has from 0 to 3 1s, 1.98 in the mean", correction="[0, 1, 2, 3]",
        mistake="concept: each entry is drawn by itself (line 791)"),
    LAYER("779-781", "", "α is one of three: [1; 1; 0], [1; 0; 1], [0; 1; 1]",
        "[(0, 1, 1), (1, 0, 1), (1, 1, 0)]", "MASKS", "the masks of line 791",
        corrected="α is one of 8", correction="[(i, j, k) for i in (0, 1) for j in (0, 1) for k in "
        "(0, 1)]", mistake="concept: these are only the masks with two ones, for the same reason"),
    LAYER("785", "", "[w_11 w_12 w_13; …] · [1; 1; 0] = [w_11 w_12 0; …]",
        "W @ np.array([[1], [1], [0]])", "cut",
        corrected="[w_11 w_12 w_13; …] ⊙ [1 1 0] = [w_11 w_12 0; …]",
        correction="W * np.array([[1, 1, 0]])",
        mistake="dimension: α must lie down, and be multiplied entry by entry"),
    LAYER("790", "", "the mask is generated independently for each layer", "len(MASKS) ** 2",
        "len(np.unique(np.hstack([nn.Dropout()(np.ones((2000, 3))) > 0 for _ in 'ab']), axis=0))",
        "counted: the pairs of two layers' masks that occur"),
    LAYER("790", "", "the same mask is used in backpropagation", "True", "backwards_as_forwards()",
        "tried with nn.Dropout"),
    LAYER("791", "", "the mask is sampled from a Bernoulli in each iteration: p(1) = q",
        "[True, 0.66]",
        "[seen() == set(MASKS), np.sum([0.66**sum(m) * 0.34**(3 - sum(m)) * m[0] for m in MASKS])]",
        "tried with nn.Dropout"),
    reported("799", "", "R^50", "An example of a space of many dimensions."),
    LAYER("803", "", "column j set to 0: the contribution of neuron j is 0", "cut @ h",
        "W @ [h[0], h[1], 0]"),
    LAYER.definition("805-807", "Dropout by weights", "[w_11 w_12 w_13; …; w_41 w_42 w_43]",
        "W.shape", "(4, *h.shape)", note="As above."),
    LAYER("809-811", "", "q = 0.66: [1 0 1; 1 1 0; 0 1 1; 1 1 0]", "ENTRIES_KEPT.sum()",
        "np.argmin(np.abs(np.arange(13) / 12 - 0.66))", "0.66 of 12 entries"),
    LAYER("815", "", "= [w_11 0 w_13; w_21 w_22 0; 0 w_32 w_33; w_41 w_42 0]",
        "[[W[0, 0], 0, W[0, 2]], [W[1, 0], W[1, 1], 0], [0, W[2, 1], W[2, 2]], [W[3, 0], W[3, 1], "
        "0]]", "W * ENTRIES_KEPT"),
    LAYER("819", "Dropout in Keras", "model.add(Dropout(0.2)", "parses('model.add(Dropout(0.2)')",
        "True", "read by Python", corrected="model.add(Dropout(0.2))",
        correction="parses('model.add(Dropout(0.2))')", mistake="bracket: the last one is lost"),
    number("819-821", "", "20% neurons dropped: 0.2 is the probability of zeros", "20%",
        exact="100 * np.mean(nn.ClassicDropout(0.2)(np.ones(1000)) == 0)", how="counted"),
    LAYER("823", "", "only during training, not at test time", "h", "nn.Dropout(0.5).eval()(h)"),
    # ---- batch normalisation ---------------------------------------------------------------------
    DEEP("833", "Batch normalisation", "h^1 = σ(W^1 · x + b^1)", "layer_of(W1, b1, x)", "h1"),
    DEEP("833", "", "h^2 = σ(W^2 · h^1 + b^2) = σ(W^2 · (σ(W^1 · x + b^1)) + b^2)",
        "[layer_of(W2, b2, h1), layer_of(W2, b2, layer_of(W1, b1, x))]", "[h2] * 2"),
    DEEP("833", "", "h^3 = σ(W^3 · h^2 + b^3) = σ(W^3 · (σ(W^2 · (σ(W^1 · x + b^1)) + b^2)) + b^3)",
        "[layer_of(W3, b3, h2), layer_of(W3, b3, layer_of(W2, b2, layer_of(W1, b1, x)))]",
        "[h3] * 2"),
    DEEP("833", "",
        "h^4 = σ(W^4 · h^3 + b^4) = σ(W^4 · (σ(W^3 · (… σ(W^1 · x + b^1) …)) + b^3)) + b^4)",
        "[layer_of(W4, b4, h3), layer_of(W4, b4, layer_of(W3, b3, layer_of(W2, b2, layer_of(W1, "
        "b1, x))))]", "[h4] * 2"),
    DEEP("838-840", "", "W^4 affects h^4, and so the gradient ∂L/∂W^5", "True",
        "np.any(∂slope/∂W4 != 0)"),
    OUTPUTS("852", "", "5 neurons: H^l of shape (5, m), μ and σ̂ of (5, 1)",
        "[(5, 8), (5, 1), (5, 1)]", "[H.shape, mu.shape, sigma.shape]", note="Here with m = 8."),
    OUTPUTS("852", "", "μ_1 is the mean of the first neuron's outputs for all m points, and so on",
        "[sum(H[i, j] for j in range(8)) / 8 for i in range(5)]", "means_kept(H)"),
    OUTPUTS.garbled("855", "", "H^l = rac{H^l − μ}{σ̂}", "H^l ← (H^l − μ) / σ̂", "(H - mu) / sigma",
        "nn.BatchNorm1d(5, eps=1e-99)(H.T).numpy().T"),
    OUTPUTS("861", "", "at test time the average of the μs of the batches", "(np.mean(H[:, :4], "
        "axis=1) + np.mean(H[:, 4:], axis=1)) / 2", "means_kept(H[:, :4], H[:, 4:])",
        note="The average of the σs lacks the spread of the μs: most libraries average squares."),
    OUTPUTS("875-876", "The form in Keras", "H^l = (H^l − μ)/σ̂ = (H^l − μ)/√(σ̂² + ε)",
        "(H - mu) / sigma", "(H - mu) / np.sqrt(sigma**2 + epsilon)",
        corrected="H^l ← (H^l − μ)/√(σ̂² + ε), in place of (H^l − μ)/σ̂",
        correction="nn.BatchNorm1d(5, eps=epsilon)(H.T).numpy().T",
        mistake="exchange: an equals sign between a form and the one that replaces it",
        reading="H^l = (H^l − μ)/σ̂ = (H^l − μ)/√(σ̂² + ε)"),
    OUTPUTS.garbled("876", "", "= γH^l+eta_1", "and then H^l ← γ H^l + β",
        "gamma[:, None] * (H - mu) / np.sqrt(sigma**2 + epsilon) + beta[:, None]", "keras_form(s)",
        note="H^l is the normalised one here."),
    OUTPUTS("878", "", "ε ensures that the denominator is not zero", "np.zeros((2, 8))",
        "nn.BatchNorm1d(2, eps=epsilon)(np.ones((8, 2))).numpy().T",
        note="For outputs that are all the same."),
    OUTPUTS("878-879", "", "the constants γ, β are hyperparameters", "0",
        "len(list(nn.BatchNorm1d(5).parameters()))",
        corrected="γ and β are parameters, learned like weights", correction="2",
        mistake="concept: the line of code gives them initial values, not values"),
    OUTPUTS("882", "", "axis = −1: normalisation across the rows", "((H - mu) / sigma).T",
        "(H.T - H.T.mean(axis=0)) / H.T.std(axis=0)", note="In Keras points are rows and features "
        "the last axis: each feature is normalised over all rows."),
    LAYER("883", "", "model.add(BatchNormalization(axis=-1, epsilon=0.001, "
        "beta_initializer='zeros', gamma_initializer='ones'", "parses(KERAS_LINE)", "True",
        "read by Python", corrected="…, gamma_initializer='ones'))",
        correction="parses(KERAS_LINE + '))')", mistake="bracket: the last two are lost"),
    OUTPUTS("883", "", "beta 'zeros', gamma 'ones'", "[np.zeros(5), np.ones(5)]",
        "[nn.BatchNorm1d(5).bias.numpy(), nn.BatchNorm1d(5).weight.numpy()]",
        note="nn begins with the same; epsilon = 0.001 is Keras's own default."),
]  # fmt: skip
