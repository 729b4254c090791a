"""The functions of `nn` under the names they have in `torch.nn.functional`.

>>> import nn.functional as F
>>> F.relu([-1.0, 2.0])
array([0., 2.])
"""

# ruff: noqa: F401
# isort: off
# fmt: off
from .functions import (
    celu, cosine_similarity, elu, gelu, glu, hardshrink, hardsigmoid, hardswish,
    hardtanh, leaky_relu, log_softmax, logsigmoid, mish, normalize, pairwise_distance, prelu, relu,
    relu6, rrelu, selu, sigmoid, silu, softmax, softmin, softplus, softshrink, softsign, tanh,
    tanhshrink, threshold,
)
from .layers.attention import scaled_dot_product_attention
from .layers.convolution import (
    conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d,
)
from .layers.dense import bilinear, linear
from .layers.dropout import dropout, dropout1d, dropout2d, dropout3d
from .layers.embedding import embedding, embedding_bag, one_hot
from .layers.normalisation import (
    batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm,
)
from .layers.padding import pad
from .layers.pooling import (
    avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d, max_unpool1d,
    max_unpool2d, max_unpool3d,
)
from .layers.resizing import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool2d, adaptive_max_pool3d, interpolate, pixel_shuffle, pixel_unshuffle,
)
from .losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_embedding_loss, cross_entropy,
    ctc_loss, gaussian_nll_loss, hinge_embedding_loss, huber_loss, kl_div, l1_loss,
    margin_ranking_loss, mse_loss, multi_margin_loss, multilabel_margin_loss,
    multilabel_soft_margin_loss, nll_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss,
    triplet_margin_loss,
)

__all__ = [name for name in dir() if name[0] != "_"]
