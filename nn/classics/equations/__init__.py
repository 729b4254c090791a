"""Backpropagation written out by hand, in NumPy, without autograd.

A layer computes z = W a + b from the activations a of the layer before it, and a = h(z). Its error
is δ = ∂C/∂z. Everything else follows from the error of the last layer:

    (1) z  = W a⁻ + b           forwards: the weighted sums,
    (2) a  = h(z)               and the outputs of the neurons
    (3) δ  = h'(z) ⊙ W⁺ᵀ δ⁺     backwards; in the last layer δ = h'(z) ⊙ ∂C/∂a
    (4) dW = δ a⁻ᵀ
    (5) db = δ

with a⁻ from the layer before, and W⁺ and δ⁺ of the layer after. Here they stand entry by entry
(`elemental`), with matrices for a batch (`backpropagate`), as the four equations of Nielsen's book
(`bp1` to `bp4`), for a softmax with cross-entropy (`softmax_point`, `softmax_batch`) and for
sigmoids with theirs (`sigmoid_batch`). `closed_form` applies them to a model.
"""

from .backpropagation import *  # noqa: F403  (what they have in __all__)
from .closed_form import LayerGradients as LayerGradients
from .closed_form import closed_form as closed_form
