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

from .backpropagation import LAYOUTS as LAYOUTS
from .backpropagation import BatchGradients as BatchGradients
from .backpropagation import Gradients as Gradients
from .backpropagation import Layer as Layer
from .backpropagation import Layout as Layout
from .backpropagation import backpropagate as backpropagate
from .backpropagation import bp1 as bp1
from .backpropagation import bp2 as bp2
from .backpropagation import bp3 as bp3
from .backpropagation import bp4 as bp4
from .backpropagation import elemental as elemental
from .backpropagation import feed_forward as feed_forward
from .backpropagation import quadratic_slope as quadratic_slope
from .backpropagation import sigmoid_batch as sigmoid_batch
from .backpropagation import softmax_batch as softmax_batch
from .backpropagation import softmax_point as softmax_point
from .closed_form import LayerGradients as LayerGradients
from .closed_form import closed_form as closed_form
from .neurons import Activation as Activation
from .neurons import elementwise as elementwise
from .neurons import elu as elu
from .neurons import identity as identity
from .neurons import leaky_relu as leaky_relu
from .neurons import log_softmax as log_softmax
from .neurons import relu as relu
from .neurons import sigmoid as sigmoid
from .neurons import softmax as softmax
from .neurons import tanh as tanh
