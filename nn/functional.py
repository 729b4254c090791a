"""The functions of `nn` under the names they have in `torch.nn.functional`.

>>> import nn.functional as F
>>> F.relu([-1.0, 2.0])
array([0., 2.])
"""

# isort: off
# fmt: off
from .functions import (
    celu, elu, gelu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, log_softmax,
    logsigmoid, mish, prelu, relu, relu6, rrelu, selu, sigmoid, silu, softmax, softmin, softplus,
    softshrink, softsign, tanh, tanhshrink, threshold,
)
from .layers.attention import scaled_dot_product_attention
from .layers.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .layers.dense import linear
from .layers.dropout import dropout
from .layers.embedding import embedding, one_hot
from .layers.normalisation import batch_norm, layer_norm
from .layers.padding import pad
from .layers.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .layers.resizing import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d, interpolate,
    pixel_shuffle, pixel_unshuffle,
)
from .losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, huber_loss, l1_loss,
    mse_loss, nll_loss,
)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "avg_pool1d", "avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv_transpose1d",
    "conv_transpose2d", "cross_entropy", "dropout", "elu", "embedding", "gelu", "glu", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "interpolate", "l1_loss", "layer_norm",
    "leaky_relu", "linear", "log_softmax", "logsigmoid", "max_pool1d", "max_pool2d", "mish",
    "mse_loss", "nll_loss", "one_hot", "pad", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu",
    "relu6", "rrelu", "scaled_dot_product_attention", "selu", "sigmoid", "silu", "softmax",
    "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]
