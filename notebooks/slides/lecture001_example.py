"""The worked example of 4 inputs, 4 hidden neurons and 2 outputs, number by number.

Its printed slopes −0.46 and 0.46 are those of a softmax, whose outputs sum to 1 (with a sigmoid
each they would be different), and the cost is the sum of the squared errors. In a softmax each
output depends on both sums: this is what the formulas forget.
"""

import numpy as np

from .row import Row, Rows, convention
from .sample import Sample, random_samples

RANDOM = random_samples("""
    x = rng.normal(size=4); y = rng.normal(size=2)
    W1 = rng.normal(size=(4, 4)); W2 = rng.normal(size=(2, 4))
    a1 = W1 @ x; h1 = sigmoid(a1)
    a2 = W2 @ h1; ŷ = softmax(a2)
    L = np.sum((y - ŷ) ** 2)
""")
GIVEN = (  # the name, its lines, its values, and the shape that they have and must have
    ("b", "250; 291", "[0 0]", "(2,)", "a2.shape"),
    ("W_1", "252; 293", "[0.1 0.3 0.8 −0.4; −0.3 −0.2 0.5 0.5; −0.3 0 0.5 0.4; 0.2 0.5 −0.9 0.7]",
        "(4, 4)", "(*a1.shape, *x.shape)"),
    ("W_2", "254; 295", "[0.5 0.8 0.2 0.4; 0.5 0.2 0.3 −0.5]", "(2, 4)", "(*a2.shape, *h1.shape)"),
    ("x", "256; 287", "[2 5 3 3]", "(4,)", "W1.shape[1:]"),
    ("y", "258; 289", "[1 0]", "(2,)", "ŷ.shape"),
)  # fmt: skip


def read(printed: str) -> np.ndarray:
    """A vector, or a matrix with its rows between semicolons, as it is printed."""
    rows = [row.split() for row in printed.replace("−", "-").strip("[]").split(";")]
    return np.array(rows if len(rows) > 1 else rows[0], float)


PRINTED = Sample(
    {n.replace("_", ""): read(values) for n, _, values, *_ in GIVEN}, RANDOM()[0].steps
)
EXAMPLE = Rows(lambda: [PRINTED, *RANDOM()], globals())
number = Rows(lambda: [PRINTED], globals()).number

INHERITED = "inherited: the digits are those of the wrong formula"


def sums_into(s: Sample, k: int) -> float:
    """∂L/∂a_2k: over both outputs."""
    return sum(s[f"∂L/∂ŷ[{i}]"] * s[f"∂ŷ[{i}]/∂a2[{k}]"] for i in (0, 1))


def own_output_only(s: Sample, k: int) -> float:
    return s[f"∂L/∂ŷ[{k}]"] * s[f"∂ŷ[{k}]/∂a2[{k}]"]


def count_of_paths(s: Sample) -> int:
    """The ways from w_131 to L that carry a slope, through a_13, h_13, each a_2k and each ŷ_i."""
    return sum(
        s[f"∂a2[{k}]/∂h1[2]"] * s[f"∂ŷ[{i}]/∂a2[{k}]"] * s[f"∂L/∂ŷ[{i}]"] != 0
        for k in (0, 1) for i in (0, 1)
    )  # fmt: skip


ROWS: list[Row] = [
    *(EXAMPLE.definition(lines, "The example", f"{name} = {values}", claim, truth,
        note="Given; its shape fits " + ("layer 2." if name == "b" else "the others."))
      for name, lines, values, claim, truth in GIVEN),
    EXAMPLE("260", "The example, w_212", "∂L/∂w_212 = ∂L/∂a_21 · ∂a_21/∂w_212",
        "∂L/∂a2[0] * ∂a2[0]/∂W2[0, 1]", "∂L/∂W2[0, 1]"),
    EXAMPLE("260", "", "= ∂L/∂ŷ_1 · ∂ŷ_1/∂a_21 · ∂a_21/∂w_212",
        "own_output_only(s, 0) * ∂a2[0]/∂W2[0, 1]", "∂L/∂W2[0, 1]",
        corrected="= (∂L/∂ŷ_1 · ∂ŷ_1/∂a_21 + ∂L/∂ŷ_2 · ∂ŷ_2/∂a_21) · ∂a_21/∂w_212",
        correction="sums_into(s, 0) * ∂a2[0]/∂W2[0, 1]",
        mistake="lost term: the path through ŷ_2, which depends on a_21 as well"),
    EXAMPLE("263; 299", "", "∂L/∂ŷ_1 = −2(y_1 − ŷ_1)", "-2 * (y[0] - ŷ[0])", "∂L/∂ŷ[0]"),
    number("263; 299", "", "∂L/∂ŷ_1 = −0.46", exact="∂L/∂ŷ[0]"),
    EXAMPLE("265; 303", "", "∂ŷ_1/∂a_21 = ŷ_1 (1 − ŷ_1)(−a_22)", "ŷ[0] * (1 - ŷ[0]) * -a2[1]",
        "∂ŷ[0]/∂a2[0]", corrected="∂ŷ_1/∂a_21 = ŷ_1 (1 − ŷ_1)", correction="ŷ[0] * (1 - ŷ[0])",
        mistake="factor: −a_22 has no place in the slope of the softmax"),
    number("265; 303", "", "ŷ_1 (1 − ŷ_1)(−a_22) = −0.079", exact="ŷ[0] * (1 - ŷ[0]) * -a2[1]",
        note="The digits of the printed formula."),
    number("265; 303", "", "∂ŷ_1/∂a_21 = −0.079", exact="∂ŷ[0]/∂a2[0]", corrected="0.177",
        mistake=INHERITED),
    EXAMPLE("267", "", "∂a_21/∂w_212 = h_12", "h1[1]", "∂a2[0]/∂W2[0, 1]"),
    number("267", "", "h_12 = 0.80", exact="h1[1]"),
    EXAMPLE("269", "", "∂L/∂w_212 = (−2(y_1 − ŷ_1)) · (ŷ_1(1 − ŷ_1)(−a_22)) · (h_12)",
        "-2 * (y[0] - ŷ[0]) * (ŷ[0] * (1 - ŷ[0]) * -a2[1]) * h1[1]", "∂L/∂W2[0, 1]",
        corrected="∂L/∂w_212 = (−2(y_1 − ŷ_1) ŷ_1(1 − ŷ_1) + 2(y_2 − ŷ_2) ŷ_1 ŷ_2) · h_12",
        correction="(-2 * (y[0] - ŷ[0]) * ŷ[0] * (1 - ŷ[0]) + 2 * (y[1] - ŷ[1]) * ŷ[0] * ŷ[1]) * "
        "h1[1]", mistake="lost term: the path through ŷ_2; and the factor −a_22 too many"),
    number("269", "", "(−0.46) · (−0.079) · (0.80) = −0.029", factors="-0.46 * -0.079 * 0.80",
        exact="-2 * (y[0] - ŷ[0]) * (ŷ[0] * (1 - ŷ[0]) * -a2[1]) * h1[1]",
        corrected="0.029", mistake="sign: minus times minus is plus"),
    number("269", "", "∂L/∂w_212 = −0.029", exact="∂L/∂W2[0, 1]", how="autograd and differences",
        corrected="−0.1304",
        mistake="inherited: from the lost path, the factor −a_22 and the sign"),
    EXAMPLE("274-278", "Multiple paths", "2 different paths connect w_131 with the loss", "2",
        "count_of_paths(s)", "counted", corrected="4 different paths", correction="4",
        mistake="lost term: from each of a_21 and a_22 there are two, to ŷ_1 and ŷ_2"),
    EXAMPLE("279", "", "the sum over all paths is the derivative",
        "sum(∂L/∂ŷ[i] * ∂ŷ[i]/∂a2[k] * ∂a2[k]/∂h1[2] * ∂h1[2]/∂a1[2] * ∂a1[2]/∂W1[2, 0] for k in "
        "(0, 1) for i in (0, 1))", "∂L/∂W1[2, 0]"),
    EXAMPLE("297", "The example, w_131", "∂L/∂w_131 = (∂L/∂ŷ_1 · ∂ŷ_1/∂a_21 · ∂a_21/∂h_13 + "
        "∂L/∂ŷ_2 · ∂ŷ_2/∂a_22 · ∂a_22/∂h_13) · ∂h_13/∂a_13 · ∂a_13/∂w_131",
        "sum(own_output_only(s, k) * ∂a2[k]/∂h1[2] for k in (0, 1)) * ∂h1[2]/∂a1[2] * "
        "∂a1[2]/∂W1[2, 0]", "∂L/∂W1[2, 0]", corrected="∂L/∂w_131 = (Σ_k Σ_i ∂L/∂ŷ_i · ∂ŷ_i/∂a_2k · "
        "∂a_2k/∂h_13) · ∂h_13/∂a_13 · ∂a_13/∂w_131", correction="sum(sums_into(s, k) * "
        "∂a2[k]/∂h1[2] for k in (0, 1)) * ∂h1[2]/∂a1[2] * ∂a1[2]/∂W1[2, 0]",
        mistake="lost term: the paths from a_21 to ŷ_2 and from a_22 to ŷ_1"),
    EXAMPLE("301", "", "∂L/∂ŷ_2 = −2(y_2 − ŷ_2)", "-2 * (y[1] - ŷ[1])", "∂L/∂ŷ[1]"),
    number("301", "", "∂L/∂ŷ_2 = 0.46", exact="∂L/∂ŷ[1]"),
    EXAMPLE("305", "", "∂ŷ_2/∂a_22 = ŷ_2 (1 − ŷ_2)(−a_21)", "ŷ[1] * (1 - ŷ[1]) * -a2[0]",
        "∂ŷ[1]/∂a2[1]", corrected="∂ŷ_2/∂a_22 = ŷ_2 (1 − ŷ_2)", correction="ŷ[1] * (1 - ŷ[1])",
        mistake="factor: −a_21 has no place in the slope of the softmax"),
    number("305", "", "ŷ_2 (1 − ŷ_2)(−a_21) = −0.293", exact="ŷ[1] * (1 - ŷ[1]) * -a2[0]",
        note="The digits of the printed formula."),
    number("305", "", "∂ŷ_2/∂a_22 = −0.293", exact="∂ŷ[1]/∂a2[1]", corrected="0.177",
        mistake=INHERITED),
    EXAMPLE("307", "", "∂a_21/∂h_13 = w_213", "W2[0, 2]", "∂a2[0]/∂h1[2]"),
    number("307", "", "w_213 = 0.20", exact="W2[0, 2]"),
    EXAMPLE("309", "", "∂a_22/∂h_13 = w_223", "W2[1, 2]", "∂a2[1]/∂h1[2]"),
    number("309", "", "w_223 = 0.30", exact="W2[1, 2]"),
    EXAMPLE("311", "", "∂h_13/∂a_13 = h_13 (1 − h_13)", "h1[2] * (1 - h1[2])", "∂h1[2]/∂a1[2]"),
    number("311", "", "h_13 (1 − h_13) = 0.0979", exact="h1[2] * (1 - h1[2])",
        corrected="0.0972", mistake="rounding: 0.89 · 0.11, from h_13 = 0.8909 rounded"),
    EXAMPLE("313", "", "∂a_13/∂w_131 = x_1", "x[0]", "∂a1[2]/∂W1[2, 0]"),
    number("313", "", "x_1 = 2", exact="x[0]"),
    EXAMPLE("315", "", "∂L/∂w_131 = (−2(y_1 − ŷ_1) ŷ_1(1 − ŷ_1) w_213 + −2(y_2 − ŷ_2) ŷ_2(1 − ŷ_2) "
        "w_223) · h_13(1 − h_13) · x_1", "sum(-2 * (y[k] - ŷ[k]) * ŷ[k] * (1 - ŷ[k]) * W2[k, 2] "
        "for k in (0, 1)) * h1[2] * (1 - h1[2]) * x[0]", "∂L/∂W1[2, 0]",
        corrected="∂L/∂w_131 = ((y_2 − ŷ_2) − (y_1 − ŷ_1)) · 2 ŷ_1 ŷ_2 (w_213 − w_223) · h_13(1 − "
        "h_13) · x_1", correction="((y[1] - ŷ[1]) - (y[0] - ŷ[0])) * 2 * ŷ[0] * ŷ[1] * (W2[0, 2] - "
        "W2[1, 2]) * h1[2] * (1 - h1[2]) * x[0]",
        mistake="lost term: the paths from a_21 to ŷ_2 and from a_22 to ŷ_1",
        note="Here the factors −a_22 and −a_21 are gone again. It would be right for sigmoid "
        "outputs, but those have other values than the printed ones."),
    EXAMPLE("317", "", "∂a_21/∂w_131 = w_211 h_11 + w_212 h_12 + w_213 h_13 + w_214 h_14",
        "sum(W2[0, j] * h1[j] for j in range(4))", "∂a2[0]/∂W1[2, 0]",
        corrected="∂a_21/∂w_131 = w_213 h_13(1 − h_13) x_1",
        correction="W2[0, 2] * h1[2] * (1 - h1[2]) * x[0]",
        mistake="letter: the right side is a_21 itself, not its derivative"),
    convention("332", "Strategies", "mini-batches of 32, 64, 128", "Typical sizes."),
]  # fmt: skip
