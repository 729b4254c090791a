"""Deep Learning for Computer Vision, backpropagation: the network, learning, the chain rule.

Here a_i are the sums of layer i, h_i its activations, and weights are stored as (outputs, inputs).
"""

from .row import Row, Rows, convention

TWO_HIDDEN_LAYERS = """
    h0 = rng.normal(size=3); y = rng.normal(size={k}); rate = 0.3
    W1 = rng.normal(size=(3, 3)); b1 = rng.normal(size=3)
    W2 = rng.normal(size=(3, 3)); b2 = rng.normal(size=3)
    W3 = rng.normal(size=({k}, 3)); b3 = rng.normal(size={k})
    a1 = b1 + W1 @ h0; h1 = sigmoid(a1)
    a2 = b2 + W2 @ h1; h2 = sigmoid(a2)
    a3 = b3 + W3 @ h2; ŷ = {output}(a3)
    L = np.sum((ŷ - y) ** 2)
"""
NETWORK = Rows(TWO_HIDDEN_LAYERS.format(k=2, output="softmax"), globals())
ONE_OUTPUT = Rows(TWO_HIDDEN_LAYERS.format(k=1, output="sigmoid"), globals())

# One sigmoid neuron, for one point with the cost ½ (f − y)², and for five points.
NEURON = Rows("""
    w = rng.normal(); b = rng.normal(); x = rng.normal(); y = rng.normal()
    xs = rng.normal(size=5); ys = rng.normal(size=5); rate = 0.3
    minus = -(w * x + b)
    e = np.exp(minus)
    f = 1 / (1 + e)
    error = f - y
    cost = error**2 / 2
    errors = sigmoid(w * xs + b) - ys
    squares = errors**2
    L = np.mean(squares)
    outside = np.mean(errors) ** 2
""", globals())  # fmt: skip

# Functions of one number.
CURVE = Rows("""
    x = rng.uniform(0.3, 0.8)
    exp = np.exp(x)
    square = x**2
    reciprocal = 1 / x
    f = np.exp(square)
    g = np.exp(f)
""", globals())  # fmt: skip

ALL = "W1 b1 W2 b2 W3 b3"


ROWS: list[Row] = [
    # ---- the network -----------------------------------------------------------------------------
    NETWORK.definition("30", "Feed forward networks", "a_i(x) = W_i h_{i−1}(x) + b_i",
        "W2 @ h1 + b2", "a2"),
    NETWORK.definition("32", "", "h_i(x) = g(a_i(x))", "sigmoid(a2)", "h2"),
    NETWORK.definition("35", "", "f(x) = h_L = O(a_L)", "softmax(a3)", "ŷ"),
    NETWORK("48", "", "L − 1 hidden layers (2, in this case)", "3 - 1",
        "sum(f'h{i}' in s.values for i in range(1, 9))", note="With L = 3, as further below."),
    convention("49-51", "", "k neurons; a_i, h_i; layers 0 and L", "Names."),
    NETWORK("52", "", "W_i ∈ R^{n×n}, b_i ∈ R^n (0 < i < L)",
        "np.zeros((3, 3)).dot(h0).shape + np.zeros(3).shape", "a1.shape * 2"),
    NETWORK("53", "", "W_L ∈ R^{n×k}, b_L ∈ R^k (L = 3)",
        "np.ones((3, 2)).dot(h2).shape + np.ones(2).shape", "a3.shape * 2",
        corrected="W_L ∈ R^{k×n}, b_L ∈ R^k",
        correction="np.ones((2, 3)).dot(h2).shape + np.ones(2).shape",
        mistake="dimension: transposed; a_L = W_L h_{L−1} + b_L must have k entries"),
    NETWORK.definition("57", "", "h_L = ŷ = f(x)", "softmax(W3 @ h2 + b3)", "ŷ"),
    NETWORK("63", "The pre-activation", "a_i(x) = b_i + W_i h_{i−1}(x)", "b2 + W2 @ h1", "a2"),
    NETWORK("66-68", "", "a_1 = b_1 + W_1 h_0, with entries W_1jk",
        "[b1[j] + np.dot([W1[j, 0], W1[j, 1], W1[j, 2]], h0) for j in range(3)]", "a1"),
    NETWORK("70", "", "= b_1j + (W_1j1 x_1 + W_1j2 x_2 + W_1j3 x_3)",
        "[b1[j] + (W1[j, 0] * h0[0] + W1[j, 1] * h0[1] + W1[j, 2] * h0[2]) for j in range(3)]",
        "a1"),
    NETWORK("72", "", "= Σ_i W_1ji x_i + b_1j",
        "[sum(W1[j, i] * h0[i] for i in range(3)) + b1[j] for j in range(3)]", "a1"),
    NETWORK.definition("80", "Feed forward networks", "a_i = b_i + W_i h_{i−1}", "b1 + W1 @ h0",
        "a1"),
    NETWORK.definition("84", "", "h_i = g(a_i)", "sigmoid(a1)", "h1"),
    NETWORK("88-90", "", "the activation at layer i: f(x) = h_L = O(a_L)", "softmax(a1)", "h1",
        corrected="the activation at layer L: f(x) = h_L = O(a_L)", correction="sigmoid(a1)",
        mistake="index: layer i for the output layer L; inside, the activation is g",
        note="Line 34 has it right."),
    # ---- learning --------------------------------------------------------------------------------
    convention("96-102", "Learning algorithm", "w, b, ŷ, L(w, b)", "Names."),
    ONE_OUTPUT("96-114", "", "initialise w, b; compute ŷ and L; w_111 = …, w_112 = …, …, w_313 = …",
        "stepped(s, ALL, 'W1 W2 W3')", "stepped(s, ALL, ALL)",
        corrected="…; and b_11 = b_11 − η Δb_11, …, b_31 = …", correction="stepped(s, ALL, "
        "'W1 W2 W3 b1 b2 b3')", mistake="lost step: the biases are never updated",
        note="For one output, where w_313 is the last weight."),
    *(NETWORK.definition(line, "Learning algorithm", f"w_{name} = w_{name} − η Δw_{name}",
        f"{w}{at} - rate * ∂L/∂{w}{at}", f"sgd_step({w}, ∂L/∂{w}, rate){at}")
      for line, name, w, at in (("105", "111", "W1", [0, 0]), ("107", "112", "W1", [0, 1]),
                                ("112", "313", "W3", [0, 2]))),
    convention("118", "", "Δw_t = ∂L(w, b)/∂w", "Here Δw is the gradient; the step is −η Δw."),
    NEURON.definition("122", "", "L = 1/5 Σ_i (f(x_i) − y_i)²",
        "sum((sigmoid(w * xs[i] + b) - ys[i]) ** 2 for i in range(5)) / 5", "L"),
    NEURON("124", "", "∂L/∂w = ∂/∂w [1/5 Σ_i (f(x_i) − y_i)]²", "∂outside/∂w", "∂L/∂w",
        corrected="∂L/∂w = ∂/∂w [1/5 Σ_i (f(x_i) − y_i)²]", correction="np.mean(∂squares/∂w)",
        mistake="bracket: the square of the sum for the sum of the squares"),
    NEURON("127", "", "Δw = ∂L/∂w = 1/5 Σ_i ∂/∂w (f(x_i) − y_i)²",
        "sum((∂squares/∂w)[i] for i in range(5)) / 5", "∂L/∂w"),
    NEURON("131", "Calculation of Δw", "∇w = ∂/∂w [½ (f(x) − y)²]",
        "Sample({'w': w, 'x': x, 'b': b, 'y': y}, 'C = 1 / 2 * (sigmoid(w * x + b) - y) ** 2')"
        "['∂C/∂w']", "∂cost/∂w"),
    NEURON("131", "", "= ½ [2 (f(x) − y) · ∂/∂w (f(x) − y)]", "(2 * (f - y) * ∂error/∂w) / 2",
        "∂cost/∂w"),
    NEURON("131", "", "= (f(x) − y) · ∂/∂w f(x)", "(f - y) * ∂f/∂w", "∂cost/∂w"),
    NEURON("131", "", "= (f(x) − y) · ∂/∂w (1/(1 + e^{−(wx+b)}))",
        "(f - y) * Sample({'w': w, 'x': x, 'b': b}, 'f = 1 / (1 + np.exp(-(w * x + b)))')['∂f/∂w']",
        "∂cost/∂w"),
    NEURON("131", "", "= (f(x) − y) · f(x) · (1 − f(x)) · x", "(f - y) * f * (1 - f) * x",
        "∂cost/∂w"),
    NEURON("133", "", "∂/∂w (1/(1 + e)) = −1/(1 + e)² · ∂e/∂w, where e = e^{−(wx+b)}",
        "-1 / (1 + e) ** 2 * ∂e/∂w", "∂f/∂w"),
    NEURON("133", "", "= −1/(1 + e)² · e · ∂/∂w (−(wx + b))",
        "-1 / (1 + e) ** 2 * e * ∂minus/∂w", "∂f/∂w"),
    NEURON("133", "", "= −1/(1 + e) · e/(1 + e) · (−x)", "-1 / (1 + e) * e / (1 + e) * -x",
        "∂f/∂w"),
    NEURON("133", "", "= 1/(1 + e) · e/(1 + e) · (x)", "1 / (1 + e) * e / (1 + e) * x", "∂f/∂w"),
    NEURON("133", "", "= f(x) · (1 − f(x)) · x", "f * (1 - f) * x", "∂f/∂w"),
    convention("139", "Partial derivative, gradient", "Δw_t = ∂L(w, b)/∂w", "As above."),
    NETWORK("141", "",
        "[∂L/∂W_111 ⋯ ∂L/∂W_{L,11} ⋯ ∂L/∂W_{L,1k} ∂L/∂W_{L,1k} ∂L/∂b_11 ⋯ ∂L/∂b_L1; …]",
        "[3, 3, 3 + 1, 1, 1, 1]", "[q.size // 3 for q in (W1, W2, W2, b1, b2, b2)]",
        "entries in a row, for L = n = k = 3",
        corrected="[∂L/∂W_111 ⋯ ∂L/∂W_{L,11} ⋯ ∂L/∂W_{L,1k} ∂L/∂b_11 ⋯ ∂L/∂b_L1; …]",
        correction="[3, 3, 3, 1, 1, 1]",
        mistake="count: the column of ∂L/∂W_{L,·k} stands there twice",
        note="A matrix of n rows also needs k = n, for b_L has k entries."),
    convention("143-145", "", "∇f", "The vector of all partial derivatives."),
    # ---- the chain rule --------------------------------------------------------------------------
    CURVE("150; 171", "Calculus basics", "de^x/dx = e^x", "np.exp(x)", "∂exp/∂x"),
    CURVE("152; 173", "", "dx²/dx = 2x", "2 * x", "∂square/∂x"),
    CURVE("154; 175", "", "d(1/x)/dx = −1/x²", "-1 / x**2", "∂reciprocal/∂x"),
    CURVE("156; 177", "", "de^{x²}/dx = de^{x²}/dx² · dx²/dx = de^z/dz · dx²/dx = (e^z)(2x) = "
        "(e^{x²})(2x) = 2xe^{x²}",
        "[∂f/∂square * ∂square/∂x, np.exp(square) * 2 * x, 2 * x * np.exp(x**2)]", "[∂f/∂x] * 3"),
    convention("160-162", "Chain rule", "h = f(x), Y = f(h) = e^h",
        "Two functions share the name f: the inner one is x², the outer one e^h."),
    CURVE("164", "", "dy/dx = dy/dh · dh/dx = de^h/dh · dx²/dx = e^h 2x = 2xe^{x²}",
        "[∂f/∂square * ∂square/∂x, np.exp(square) * 2 * x, 2 * x * np.exp(x**2)]", "[∂f/∂x] * 3"),
    CURVE("168", "", "de^{e^{x²}}/dx = de^{e^{x²}}/de^{x²} · de^{x²}/dx² · dx²/dx",
        "∂g/∂f * ∂f/∂square * ∂square/∂x", "∂g/∂x"),
    CURVE("179", "Chain rule", "de^{e^{x²}}/dx = de^{e^{x²}}/de^{x²} · de^{x²}/dx = de^z/dz · "
        "de^{x²}/dx = (e^z)(2xe^{x²}) = (e^{e^{x²}})(2xe^{x²}) = 2xe^{x²} e^{e^{x²}}",
        "[∂g/∂f * ∂f/∂x, np.exp(f) * 2 * x * np.exp(x**2), 2 * x * np.exp(x**2) * "
        "np.exp(np.exp(x**2))]", "[∂g/∂x] * 3"),
    NETWORK("186, 199, 212, 225", "Backpropagation, on four slides",
        "∂L/∂W_111 = (∂L/∂ŷ ∂ŷ/∂a_3) (∂a_3/∂h_2 ∂h_2/∂a_2) (∂a_2/∂h_1 ∂h_1/∂a_1) ∂a_1/∂W_111",
        "∂L/∂ŷ @ ∂ŷ/∂a3 @ ∂a3/∂h2 @ ∂h2/∂a2 @ ∂a2/∂h1 @ ∂h1/∂a1 @ ∂a1/∂W1[0, 0]", "∂L/∂W1[0, 0]",
        note="The factors are Jacobian matrices; their products sum over all paths."),
    convention("188, 201, 214, 228", "", "Δw_t = ∂L(w, b)/∂w",
        "As above; and the gradient ∇f (lines 192, 205, 218, 232)."),
    convention("241", "Learning algorithm", "w_222", "The weight to be learned."),
    NETWORK.definition("244", "", "(w_222)_{t+1} = (w_222)_t − η · ∂L/∂w_222",
        "W2[1, 1] - rate * ∂L/∂W2[1, 1]", "sgd_step(W2, ∂L/∂W2, rate)[1, 1]"),
    ONE_OUTPUT("246", "", "∂L/∂w_222 = ∂L/∂a_22 · ∂a_22/∂w_222", "∂L/∂a2[1] * ∂a2[1]/∂W2[1, 1]",
        "∂L/∂W2[1, 1]"),
    ONE_OUTPUT("246", "", "= ∂L/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
        "∂L/∂h2[1] * ∂h2[1]/∂a2[1] * ∂a2[1]/∂W2[1, 1]", "∂L/∂W2[1, 1]"),
    ONE_OUTPUT("246", "", "= ∂L/∂a_31 · ∂a_31/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
        "∂L/∂a3[0] * ∂a3[0]/∂h2[1] * ∂h2[1]/∂a2[1] * ∂a2[1]/∂W2[1, 1]", "∂L/∂W2[1, 1]",
        note="For one output, as ŷ without an index says; with k of them it is a sum over all "
        "a_3j."),
    ONE_OUTPUT("246", "", "= ∂L/∂ŷ · ∂ŷ/∂a_31 · ∂a_31/∂h_22 · ∂h_22/∂a_22 · ∂a_22/∂w_222",
        "∂L/∂ŷ[0] * ∂ŷ[0]/∂a3[0] * ∂a3[0]/∂h2[1] * ∂h2[1]/∂a2[1] * ∂a2[1]/∂W2[1, 1]",
        "∂L/∂W2[1, 1]"),
]  # fmt: skip
