"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes

from nn.layers.resizing import adaptive_avg_pool1d as adaptive_avg_pool1d
from nn.layers.resizing import adaptive_avg_pool2d as adaptive_avg_pool2d
from nn.layers.resizing import adaptive_avg_pool3d as adaptive_avg_pool3d
from nn.layers.resizing import adaptive_max_pool1d as adaptive_max_pool1d
from nn.layers.resizing import adaptive_max_pool2d as adaptive_max_pool2d
from nn.layers.resizing import adaptive_max_pool3d as adaptive_max_pool3d
from nn.layers.pooling import avg_pool1d as avg_pool1d
from nn.layers.pooling import avg_pool2d as avg_pool2d
from nn.layers.pooling import avg_pool3d as avg_pool3d
from nn.layers.normalisation import batch_norm as batch_norm
from nn.layers.dense import bilinear as bilinear
from nn.losses.distances import binary_cross_entropy as binary_cross_entropy
from nn.losses.distances import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from nn.functions.pieces import celu as celu
from nn.layers.convolution import conv1d as conv1d
from nn.layers.convolution import conv2d as conv2d
from nn.layers.convolution import conv3d as conv3d
from nn.layers.convolution import conv_transpose1d as conv_transpose1d
from nn.layers.convolution import conv_transpose2d as conv_transpose2d
from nn.layers.convolution import conv_transpose3d as conv_transpose3d
from nn.losses.margins import cosine_embedding_loss as cosine_embedding_loss
from nn.functions.similarity import cosine_similarity as cosine_similarity
from nn.losses.likelihoods import cross_entropy as cross_entropy
from nn.losses.likelihoods import ctc_loss as ctc_loss
from nn.layers.dropout import dropout as dropout
from nn.layers.dropout import dropout1d as dropout1d
from nn.layers.dropout import dropout2d as dropout2d
from nn.layers.dropout import dropout3d as dropout3d
from nn.functions.pieces import elu as elu
from nn.layers.embedding import embedding as embedding
from nn.layers.embedding import embedding_bag as embedding_bag
from nn.losses.distances import gaussian_nll_loss as gaussian_nll_loss
from nn.functions.smooth import gelu as gelu
from nn.functions.smooth import glu as glu
from nn.layers.normalisation import group_norm as group_norm
from nn.functions.pieces import hardshrink as hardshrink
from nn.functions.pieces import hardsigmoid as hardsigmoid
from nn.functions.pieces import hardswish as hardswish
from nn.functions.pieces import hardtanh as hardtanh
from nn.losses.margins import hinge_embedding_loss as hinge_embedding_loss
from nn.losses.distances import huber_loss as huber_loss
from nn.layers.normalisation import instance_norm as instance_norm
from nn.layers.resizing import interpolate as interpolate
from nn.losses.distances import kl_div as kl_div
from nn.losses.distances import l1_loss as l1_loss
from nn.layers.normalisation import layer_norm as layer_norm
from nn.functions.pieces import leaky_relu as leaky_relu
from nn.layers.dense import linear as linear
from nn.layers.normalisation import local_response_norm as local_response_norm
from nn.functions.smooth import log_softmax as log_softmax
from nn.functions.smooth import logsigmoid as logsigmoid
from nn.losses.margins import margin_ranking_loss as margin_ranking_loss
from nn.layers.pooling import max_pool1d as max_pool1d
from nn.layers.pooling import max_pool2d as max_pool2d
from nn.layers.pooling import max_pool3d as max_pool3d
from nn.layers.pooling import max_unpool1d as max_unpool1d
from nn.layers.pooling import max_unpool2d as max_unpool2d
from nn.layers.pooling import max_unpool3d as max_unpool3d
from nn.functions.smooth import mish as mish
from nn.losses.distances import mse_loss as mse_loss
from nn.losses.margins import multi_margin_loss as multi_margin_loss
from nn.losses.margins import multilabel_margin_loss as multilabel_margin_loss
from nn.losses.margins import multilabel_soft_margin_loss as multilabel_soft_margin_loss
from nn.losses.likelihoods import nll_loss as nll_loss
from nn.functions.similarity import normalize as normalize
from nn.layers.embedding import one_hot as one_hot
from nn.layers.padding import pad as pad
from nn.functions.similarity import pairwise_distance as pairwise_distance
from nn.layers.resizing import pixel_shuffle as pixel_shuffle
from nn.layers.resizing import pixel_unshuffle as pixel_unshuffle
from nn.losses.distances import poisson_nll_loss as poisson_nll_loss
from nn.functions.pieces import prelu as prelu
from nn.functions.pieces import relu as relu
from nn.functions.pieces import relu6 as relu6
from nn.layers.normalisation import rms_norm as rms_norm
from nn.functions.pieces import rrelu as rrelu
from nn.layers.attention import scaled_dot_product_attention as scaled_dot_product_attention
from nn.functions.pieces import selu as selu
from nn.functions.smooth import sigmoid as sigmoid
from nn.functions.smooth import silu as silu
from nn.losses.distances import smooth_l1_loss as smooth_l1_loss
from nn.losses.margins import soft_margin_loss as soft_margin_loss
from nn.functions.smooth import softmax as softmax
from nn.functions.smooth import softmin as softmin
from nn.functions.smooth import softplus as softplus
from nn.functions.pieces import softshrink as softshrink
from nn.functions.smooth import softsign as softsign
from nn.functions.smooth import tanh as tanh
from nn.functions.smooth import tanhshrink as tanhshrink
from nn.functions.pieces import threshold as threshold
from nn.losses.margins import triplet_margin_loss as triplet_margin_loss
