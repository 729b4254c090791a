"""Image Processing and Machine Learning, lecture 12: errors of the layers, and the algorithm."""

from __future__ import annotations

import numpy as np

from .lecture000_gradients import (
    EVENTS,
    definition,
    formula,
    garbled,
    h,
    slope_of_h,
)
from .row import Row, convention
from .sample import Sample, flat

# ---- the errors ----------------------------------------------------------------------------------


def next_sums(s: Sample) -> Sample:
    """The inside of step 2, Σ_i (w_im a_i + b_m), as it is printed; and one product of it alone."""
    steps = {
        "a": lambda v: h(v.z),
        "printed": lambda v: np.sum(v.W * v.a[:, None] + v.b, axis=0),
        "products": lambda v: v.W * v.a[:, None],
    }
    return Sample({"W": s.W2, "b": s.b2, "z": s.z1}, steps)


ERRORS = [
    formula(
        "179-183", "δ of the last layer, steps 1 and 2", "J = ½ ‖y − y(x)‖² = ½ ‖y − a^H‖²",
        lambda s: np.linalg.norm(s.y - s.a2) ** 2 / 2, lambda s: s.J, note="Step 2 stands twice.",
    ),
    definition(
        "187", "δ of the last layer", "y(x) = h(z^H) = a^H", lambda s: h(s.z2), lambda s: s.a2
    ),
    formula(
        "190", "δ of the last layer, step 3", "δ_n^H = ∂J/∂a_n · ∂a_n/∂z_n",
        lambda s: s["∂J/∂a2"] * np.diagonal(s["∂a2/∂z2"]), "∂J/∂z2",
    ),
    formula(
        "191", "δ of the last layer, step 4", "∂J/∂a_n = −(2/2)(y_n − a_n) = a_n − y_n",
        lambda s: [-2 / 2 * (s.y - s.a2), s.a2 - s.y], lambda s: [s["∂J/∂a2"]] * 2,
    ),
    formula(
        "194", "δ of the last layer, step 5", "∂J/∂a^H = a^H − y", lambda s: s.a2 - s.y, "∂J/∂a2"
    ),
    formula(
        "195", "δ of the last layer, step 6", "∂a_n/∂z_n = ∂h(z_n)/∂z_n = h'(z_n)",
        lambda s: np.diag(slope_of_h(s.z2)), "∂a2/∂z2",
    ),
    formula(
        "198", "δ of the last layer, step 7", "δ_n^H = ∂J/∂a_n · ∂a_n/∂z_n = (a_n − y_n) · h'(z_n)",
        lambda s: [(s.a2[n] - s.y[n]) * slope_of_h(s.z2[n]) for n in range(2)], "∂J/∂z2",
    ),
    formula(
        "201", "δ of the last layer, step 8", "δ^H = (a^H − y) ⊙ h'(z^H)",
        lambda s: (s.a2 - s.y) * slope_of_h(s.z2), "∂J/∂z2",
    ),
    convention("207", "δ of other layers", "m in layer L + 1, n in layer L", "Names."),
    formula(
        "210", "δ of other layers, step 1", "δ_n^L = ∂J/∂z_n = Σ_m ∂J/∂z_m^{L+1} · ∂z_m^{L+1}/∂z_n",
        lambda s: np.einsum("m,mn->n", s["∂J/∂z2"], s["∂z2/∂z1"]), "∂J/∂z1",
    ),
    garbled(
        "210", "δ of other layers, step 1", "… = Σ_m (δ_m^{L+1} / ∂z_n) · ∂z_m^{L+1}/∂z_n",
        "Σ_m δ_m^{L+1} · ∂z_m^{L+1}/∂z_n",
        lambda s: np.einsum("m,mn->n", s["∂J/∂z2"], s["∂z2/∂z1"]), "∂J/∂z1",
        note="A stray ∂z_n under δ_m.",
    ),
    formula(
        "213", "δ of other layers, step 2", "z_m^{L+1} = Σ_i (w_im a_i + b_m)",
        lambda s: next_sums(s).printed, lambda s: s.z2,
        corrected="z_m^{L+1} = Σ_i w_im a_i + b_m",
        correction=lambda s: np.sum(s.W2 * s.a1[:, None], axis=0) + s.b2,
        mistake="bracket: the bias stands inside the sum, and is counted once for every neuron i",
    ),
    formula(
        "213", "δ of other layers, step 2", "∂z_m^{L+1}/∂z_n = ∂Σ_i (w_im a_i + b_m)/∂z_n",
        lambda s: next_sums(s)["∂printed/∂z"], "∂z2/∂z1",
        note="The misplaced bias does not change the derivative.",
    ),
    formula(
        "213", "δ of other layers, step 2", "… = ∂(w_nm a_n)/∂z_n",
        lambda s: np.einsum("nmn->mn", next_sums(s)["∂products/∂z"]), "∂z2/∂z1",
    ),
    formula(
        "216", "δ of other layers, step 3",
        "∂z_m^{L+1}/∂z_n = w_nm · ∂a_n/∂z_n = w_nm · ∂h(z_n)/∂z_n",
        lambda s: np.einsum("nm,nn->mn", s.W2, s["∂a1/∂z1"]), "∂z2/∂z1",
    ),
    formula(
        "216", "δ of other layers, step 3", "… = w_nm · h'(z_n)",
        lambda s: np.einsum("nm,n->mn", s.W2, slope_of_h(s.z1)), "∂z2/∂z1",
    ),
    formula(
        "223", "δ of other layers, step 4", "δ_n^L = Σ_m δ_m^{L+1} · w_nm · h'(z_n)",
        lambda s: [sum(s["∂J/∂z2"][m] * s.W2[n, m] * slope_of_h(s.z1[n]) for m in range(2))
                   for n in range(3)], "∂J/∂z1",
    ),
    formula(
        "223", "δ of other layers, step 4", "… = h'(z_n) Σ_m δ_m^{L+1} · w_nm",
        lambda s: slope_of_h(s.z1) * np.einsum("m,nm->n", s["∂J/∂z2"], s.W2), "∂J/∂z1",
    ),
    formula(
        "226", "δ of other layers, step 5", "δ^L = ∂J/∂z^L = h'(z^L) ⊙ W^{L+1} δ^{L+1}",
        lambda s: slope_of_h(s.z1) * (s.W2 @ s["∂J/∂z2"]), "∂J/∂z1",
    ),
]  # fmt: skip


def backwards(s: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The five equations, one after another: the gradients of the first layer."""
    z0 = s.W0.T @ s.x + s.b0
    z1 = s.W1.T @ h(z0) + s.b1
    z2 = s.W2.T @ h(z1) + s.b2
    error = (h(z2) - s.y) * slope_of_h(z2)
    for W, z in ((s.W2, z1), (s.W1, z0)):
        error = slope_of_h(z) * (W @ error)
    return np.outer(s.x, error), error


# ---- the results once more -----------------------------------------------------------------------

RESULTS = [
    formula(
        "232", "Elemental form, eqn. 1", "z_m^L = Σ_i w_im a_i^{L−1} + b_m",
        lambda s: np.einsum("im,i->m", s.W1, s.a0) + s.b1, lambda s: s.z1,
    ),
    formula(
        "233", "Elemental form, eqn. 1", "L = 0: z_m = Σ_i w_im x_i + b_m",
        lambda s: np.einsum("im,i->m", s.W0, s.x) + s.b0, lambda s: s.z0,
    ),
    formula(
        "235", "Elemental form, eqn. 2", "a_m^L = h(z_m^L)",
        lambda s: [h(z) for z in s.z1], lambda s: s.a1,
    ),
    formula(
        "239", "Elemental form, eqn. 3", "δ_n^L = h'(z_n) Σ_m δ_m^{L+1} · w_nm^{L+1}",
        lambda s: slope_of_h(s.z0) * np.einsum("m,nm->n", s["∂J/∂z1"], s.W1), "∂J/∂z0",
    ),
    formula(
        "239", "Elemental form, eqn. 3", "L = H: δ_n = (a_n − y_n) · h'(z_n)",
        lambda s: (s.a2 - s.y) * slope_of_h(s.z2), "∂J/∂z2",
    ),
    formula(
        "241", "Elemental form, eqn. 4", "∂J/∂w_mn = δ_n · a_m^{L−1}",
        lambda s: np.einsum("n,m->mn", s["∂J/∂z2"], s.a1), "∂J/∂W2",
    ),
    formula(
        "241", "Elemental form, eqn. 4", "L = 0: ∂J/∂w_mn = δ_n · x_m",
        lambda s: np.einsum("n,m->mn", s["∂J/∂z0"], s.x), "∂J/∂W0",
    ),
    formula("243", "Elemental form, eqn. 5", "∂J/∂b_n = δ_n", lambda s: s["∂J/∂z0"], "∂J/∂b0"),
    convention("245-247", "Elemental form", "eqns. 1, 2 forwards; 3, 4, 5 backwards", "Which is "
               "used when: 3 needs the z and a of 1 and 2."),
    formula(
        "253", "Matrix form, eqn. 1", "z^L = (W^L)^t a^{L−1} + b^L; L = 0: (W^L)^t x + b^L",
        lambda s: [*(s.W1.T @ s.a0 + s.b1), *(s.W0.T @ s.x + s.b0)], lambda s: [*s.z1, *s.z0],
    ),
    formula("255", "Matrix form, eqn. 2", "a^L = h(z^L)", lambda s: h(s.z0), lambda s: s.a0),
    formula(
        "258", "Matrix form, eqn. 3", "δ^L = h'(z^L) ⊙ W^{L+1} δ^{L+1}",
        lambda s: slope_of_h(s.z0) * (s.W1 @ s["∂J/∂z1"]), "∂J/∂z0",
    ),
    formula(
        "259", "Matrix form, eqn. 3", "L = H: δ^L = (a^L − y) ⊙ h'(z^L)",
        lambda s: (s.a2 - s.y) * slope_of_h(s.z2), "∂J/∂z2",
    ),
    formula(
        "261", "Matrix form, eqn. 4", "∂J/∂w^L = a^{L−1} · (δ^L)^t",
        lambda s: np.outer(s.a1, s["∂J/∂z2"]), "∂J/∂W2", note="w is W here.",
    ),
    formula(
        "261", "Matrix form, eqn. 4", "L = 0: ∂J/∂w^L = x · (δ^L)^t",
        lambda s: np.outer(s.x, s["∂J/∂z0"]), "∂J/∂W0",
    ),
    formula(
        "263", "Matrix form, eqn. 5", "∂J/∂h^L = δ^L",
        lambda s: s["∂J/∂a1"], "∂J/∂z1",
        corrected="∂J/∂b^L = δ^L", correction=lambda s: s["∂J/∂b1"],
        mistake="letter: h for b; the slope by the output of h lacks the factor h'(z)",
    ),
    convention("266-268", "Matrix form", "eqns. 1, 2 forwards; 3, 4, 5 backwards", "As above."),
    definition(
        "274-277", "The algorithm, 1–3",
        "5 equations: forwards from layer 0 to H, back from H to 0",
        lambda s: flat(*backwards(s)), lambda s: flat(s["∂J/∂W0"], s["∂J/∂b0"]),
        note="Run in this order, they give the gradient of the first layer.",
    ),
    EVENTS.formula(
        "280", "The algorithm, 4", "W := W − (λ/d) Σ_x ∂J/∂W |_x",
        lambda s: s.W - s.rate / 5 * sum(s["∂each/∂W"][x] for x in range(5)),
        lambda s: s.W - s.rate * s["∂J/∂W"],
        note="J|_x is that of one event; the J with 1/(2d) has the mean in it already.",
    ),
    EVENTS.formula(
        "280", "The algorithm, 4", "b := b − (λ/d) Σ_x ∂J/∂b |_x",
        lambda s: s.b - s.rate / 5 * sum(s["∂each/∂b"][x] for x in range(5)),
        lambda s: s.b - s.rate * s["∂J/∂b"],
    ),
]  # fmt: skip

ROWS: list[Row] = [*ERRORS, *RESULTS]
