"""Image Processing and Machine Learning, lecture 12: errors of the layers, and the algorithm."""

import numpy as np

from .lecture000_gradients import EVENTS, NETWORK, h, slope_of_h
from .row import Row, Rows, convention
from .sample import Sample

NETWORK = Rows(NETWORK.samples, globals())
garbled = NETWORK.garbled


def backwards(s: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The five equations, one after another: the gradients of the first layer."""
    z0 = s.W0.T @ s.x + s.b0
    z1 = s.W1.T @ h(z0) + s.b1
    z2 = s.W2.T @ h(z1) + s.b2
    error = (h(z2) - s.y) * slope_of_h(z2)
    for W, z in ((s.W2, z1), (s.W1, z0)):
        error = slope_of_h(z) * (W @ error)
    return np.outer(s.x, error), error


ROWS: list[Row] = [
    # ---- the errors ------------------------------------------------------------------------------
    NETWORK("179-183", "δ of the last layer, steps 1 and 2", "J = ½ ‖y − y(x)‖² = ½ ‖y − a^H‖²",
        "np.linalg.norm(y - a2) ** 2 / 2", "J", note="Step 2 stands twice."),
    NETWORK("187", "δ of the last layer", "y(x) = h(z^H) = a^H", "h(z2)",
        "nn.Sigmoid()(nn.functional.linear(a1, W2.T, b2))"),
    NETWORK("190", "δ of the last layer, step 3", "δ_n^H = ∂J/∂a_n · ∂a_n/∂z_n",
        "∂J/∂a2 * np.diagonal(∂a2/∂z2)", "∂J/∂z2"),
    NETWORK("191", "δ of the last layer, step 4", "∂J/∂a_n = −(2/2)(y_n − a_n) = a_n − y_n",
        "[-2 / 2 * (y - a2), a2 - y]", "[∂J/∂a2] * 2"),
    NETWORK("194", "δ of the last layer, step 5", "∂J/∂a^H = a^H − y", "a2 - y", "∂J/∂a2"),
    NETWORK("195", "δ of the last layer, step 6", "∂a_n/∂z_n = ∂h(z_n)/∂z_n = h'(z_n)",
        "np.diag(slope_of_h(z2))", "∂a2/∂z2"),
    NETWORK("198", "δ of the last layer, step 7",
        "δ_n^H = ∂J/∂a_n · ∂a_n/∂z_n = (a_n − y_n) · h'(z_n)",
        "[(a2[n] - y[n]) * slope_of_h(z2[n]) for n in range(2)]", "∂J/∂z2"),
    NETWORK("201", "δ of the last layer, step 8", "δ^H = (a^H − y) ⊙ h'(z^H)",
        "(a2 - y) * slope_of_h(z2)", "∂J/∂z2"),
    convention("207", "δ of other layers", "m in layer L + 1, n in layer L", "Names."),
    NETWORK("210", "δ of other layers, step 1",
        "δ_n^L = ∂J/∂z_n = Σ_m ∂J/∂z_m^{L+1} · ∂z_m^{L+1}/∂z_n",
        "np.einsum('m,mn->n', ∂J/∂z2, ∂z2/∂z1)", "∂J/∂z1"),
    garbled("210", "", "… = Σ_m (δ_m^{L+1} / ∂z_n) · ∂z_m^{L+1}/∂z_n",
        "Σ_m δ_m^{L+1} · ∂z_m^{L+1}/∂z_n", "np.einsum('m,mn->n', ∂J/∂z2, ∂z2/∂z1)", "∂J/∂z1",
        note="A stray ∂z_n under δ_m."),
    NETWORK("213", "δ of other layers, step 2", "z_m^{L+1} = Σ_i (w_im a_i + b_m)",
        "inside2", "z2", corrected="z_m^{L+1} = Σ_i w_im a_i + b_m",
        correction="np.sum(W2 * a1[:, None], axis=0) + b2",
        mistake="bracket: the bias stands inside the sum, and is counted once for every neuron i"),
    NETWORK("213", "", "∂z_m^{L+1}/∂z_n = ∂Σ_i (w_im a_i + b_m)/∂z_n",
        "∂inside2/∂z1", "∂z2/∂z1",
        note="The misplaced bias does not change the derivative."),
    NETWORK("213", "", "… = ∂(w_nm a_n)/∂z_n", "np.einsum('nmn->mn', ∂products2/∂z1)",
        "∂z2/∂z1"),
    NETWORK("216", "δ of other layers, step 3",
        "∂z_m^{L+1}/∂z_n = w_nm · ∂a_n/∂z_n = w_nm · ∂h(z_n)/∂z_n",
        "np.einsum('nm,nn->mn', W2, ∂a1/∂z1)", "∂z2/∂z1"),
    NETWORK("216", "", "… = w_nm · h'(z_n)", "np.einsum('nm,n->mn', W2, slope_of_h(z1))",
        "∂z2/∂z1"),
    NETWORK("223", "δ of other layers, step 4", "δ_n^L = Σ_m δ_m^{L+1} · w_nm · h'(z_n)",
        "[sum((∂J/∂z2)[m] * W2[n, m] * slope_of_h(z1[n]) for m in range(2)) for n in range(3)]",
        "∂J/∂z1"),
    NETWORK("223", "", "… = h'(z_n) Σ_m δ_m^{L+1} · w_nm",
        "slope_of_h(z1) * np.einsum('m,nm->n', ∂J/∂z2, W2)", "∂J/∂z1"),
    NETWORK("226", "δ of other layers, step 5", "δ^L = ∂J/∂z^L = h'(z^L) ⊙ W^{L+1} δ^{L+1}",
        "slope_of_h(z1) * (W2 @ ∂J/∂z2)", "∂J/∂z1"),
    # ---- the results once more -------------------------------------------------------------------
    NETWORK("232", "Elemental form, eqn. 1", "z_m^L = Σ_i w_im a_i^{L−1} + b_m",
        "np.einsum('im,i->m', W1, a0) + b1", "z1"),
    NETWORK("233", "", "L = 0: z_m = Σ_i w_im x_i + b_m", "np.einsum('im,i->m', W0, x) + b0", "z0"),
    NETWORK("235", "Elemental form, eqn. 2", "a_m^L = h(z_m^L)", "[h(z) for z in z1]", "a1"),
    NETWORK("239", "Elemental form, eqn. 3", "δ_n^L = h'(z_n) Σ_m δ_m^{L+1} · w_nm^{L+1}",
        "slope_of_h(z0) * np.einsum('m,nm->n', ∂J/∂z1, W1)", "∂J/∂z0"),
    NETWORK("239", "", "L = H: δ_n = (a_n − y_n) · h'(z_n)", "(a2 - y) * slope_of_h(z2)", "∂J/∂z2"),
    NETWORK("241", "Elemental form, eqn. 4", "∂J/∂w_mn = δ_n · a_m^{L−1}",
        "np.einsum('n,m->mn', ∂J/∂z2, a1)", "∂J/∂W2"),
    NETWORK("241", "", "L = 0: ∂J/∂w_mn = δ_n · x_m", "np.einsum('n,m->mn', ∂J/∂z0, x)", "∂J/∂W0"),
    NETWORK("243", "Elemental form, eqn. 5", "∂J/∂b_n = δ_n", "∂J/∂z0", "∂J/∂b0"),
    convention("245-247", "Elemental form", "eqns. 1, 2 forwards; 3, 4, 5 backwards",
        "Which is used when: 3 needs the z and a of 1 and 2."),
    NETWORK("253", "Matrix form, eqn. 1", "z^L = (W^L)^t a^{L−1} + b^L; L = 0: (W^L)^t x + b^L",
        "[*(W1.T @ a0 + b1), *(W0.T @ x + b0)]", "[*z1, *z0]"),
    NETWORK("255", "Matrix form, eqn. 2", "a^L = h(z^L)", "h(z0)", "a0"),
    NETWORK("258", "Matrix form, eqn. 3", "δ^L = h'(z^L) ⊙ W^{L+1} δ^{L+1}",
        "slope_of_h(z0) * (W1 @ ∂J/∂z1)", "∂J/∂z0"),
    NETWORK("259", "", "L = H: δ^L = (a^L − y) ⊙ h'(z^L)", "(a2 - y) * slope_of_h(z2)", "∂J/∂z2"),
    NETWORK("261", "Matrix form, eqn. 4", "∂J/∂w^L = a^{L−1} · (δ^L)^t", "np.outer(a1, ∂J/∂z2)",
        "∂J/∂W2", note="w is W here."),
    NETWORK("261", "", "L = 0: ∂J/∂w^L = x · (δ^L)^t", "np.outer(x, ∂J/∂z0)", "∂J/∂W0"),
    NETWORK("263", "Matrix form, eqn. 5", "∂J/∂h^L = δ^L", "∂J/∂a1", "∂J/∂z1",
        corrected="∂J/∂b^L = δ^L", correction="∂J/∂b1",
        mistake="letter: h for b; the slope with respect to the output lacks the factor h'(z)"),
    convention("266-268", "Matrix form", "eqns. 1, 2 forwards; 3, 4, 5 backwards", "As above."),
    NETWORK("274-277", "The algorithm, 1–3",
        "5 equations: forwards from layer 0 to H, back from H to 0", "flat(*backwards(s))",
        "flat(∂J/∂W0, ∂J/∂b0)",
        note="Run in this order, they give the gradient of the first layer."),
    EVENTS("280", "The algorithm, 4", "W := W − (λ/d) Σ_x ∂J/∂W |_x",
        "W - rate / 5 * sum((∂each/∂W)[x] for x in range(5))", "W - rate * ∂J/∂W",
        note="J|_x is that of one event; the J with 1/(2d) has the mean in it already."),
    EVENTS("280", "", "b := b − (λ/d) Σ_x ∂J/∂b |_x",
        "b - rate / 5 * sum((∂each/∂b)[x] for x in range(5))", "b - rate * ∂J/∂b"),
]  # fmt: skip
