"""Backpropagation written out by hand, in NumPy, with no autograd.

A layer computes z = W a + b from the activations a of the layer before it, and a = h(z). Its error
is δ = ∂C/∂z. Everything else follows from the error of the last layer:

    (1) z  = W a⁻ + b           forwards: the weighted sums,
    (2) a  = h(z)               and what the neurons make of them
    (3) δ  = h'(z) ⊙ W⁺ᵀ δ⁺     backwards; in the last layer δ = h'(z) ⊙ ∂C/∂a
    (4) dW = δ a⁻ᵀ
    (5) db = δ

with a⁻ from the layer before, and W⁺ and δ⁺ of the layer after. Here they stand entry by entry
(`elemental`), with matrices for a batch (`backpropagate`), as the four equations of Nielsen's book
(`bp1` to `bp4`), for a softmax with cross-entropy (`softmax_point`, `softmax_batch`) and for
sigmoids with theirs (`sigmoid_batch`). `closed_form` applies them to a model.
"""

from .cross_entropy import BatchGradients, sigmoid_batch, softmax_batch, softmax_point
from .five import (
    LAYOUTS,
    Gradients,
    Layer,
    Layout,
    backpropagate,
    bp1,
    bp2,
    bp3,
    bp4,
    elemental,
    feed_forward,
    quadratic_slope,
)
from .models import LayerGradients, closed_form
from .neurons import (
    Activation,
    elementwise,
    elu,
    identity,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)

__all__ = [
    "LAYOUTS",
    "Activation",
    "BatchGradients",
    "Gradients",
    "Layer",
    "LayerGradients",
    "Layout",
    "backpropagate",
    "bp1",
    "bp2",
    "bp3",
    "bp4",
    "closed_form",
    "elemental",
    "elementwise",
    "elu",
    "feed_forward",
    "identity",
    "leaky_relu",
    "log_softmax",
    "quadratic_slope",
    "relu",
    "sigmoid",
    "sigmoid_batch",
    "softmax",
    "softmax_batch",
    "softmax_point",
    "tanh",
]
