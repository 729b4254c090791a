"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes

from nn.layers.resizing import _AdaptiveAvgPool
class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    output_size: Sizes
    def __init__(self, output_size: Sizes, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.resizing import _AdaptiveAvgPool
class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    output_size: Sizes
    def __init__(self, output_size: Sizes, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.resizing import _AdaptiveAvgPool
class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    output_size: Sizes
    def __init__(self, output_size: Sizes, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.resizing import _AdaptiveMaxPool
class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    output_size: Sizes
    return_indices: bool
    def __init__(self, output_size: Sizes, return_indices: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.resizing import _AdaptiveMaxPool
class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    output_size: Sizes
    return_indices: bool
    def __init__(self, output_size: Sizes, return_indices: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.resizing import _AdaptiveMaxPool
class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    output_size: Sizes
    return_indices: bool
    def __init__(self, output_size: Sizes, return_indices: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _Pool
class AvgPool1d(_Pool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    ceil_mode: bool
    count_include_pad: bool
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True, *, device: Any = None, dtype: Any = None) -> None: ...
class AvgPool2d(AvgPool1d):
    kernel_size: Size
    stride: Size | None
    padding: Size
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None, *, device: Any = None, dtype: Any = None) -> None: ...
class AvgPool3d(AvgPool2d):
    kernel_size: Size
    stride: Size | None
    padding: Size
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.losses.targets import Loss
class BCELoss(Loss):
    weight: ArrayLike | None
    reduction: str
    def __init__(self, weight: ArrayLike | None = None, reduction: str = 'mean') -> None: ...
from nn.losses.targets import Loss
class BCEWithLogitsLoss(Loss):
    weight: ArrayLike | None
    reduction: str
    pos_weight: ArrayLike | None
    def __init__(self, weight: ArrayLike | None = None, *, reduction: str = 'mean', pos_weight: ArrayLike | None = None) -> None: ...
from nn.layers.normalisation import _BatchNorm
class BatchNorm1d(_BatchNorm): ...
from nn.layers.normalisation import _BatchNorm
class BatchNorm2d(_BatchNorm): ...
from nn.layers.normalisation import _BatchNorm
class BatchNorm3d(_BatchNorm): ...
class Bilinear(Layer, FunctionModule):
    in1_features: int
    in2_features: int
    out_features: int
    bias: Any
    weight: Parameter
    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: Any = True, *, device: Any = None, dtype: Any = None) -> None: ...
class CELU(FunctionModule):
    alpha: float
    inplace: bool
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ...
from nn.train.callbacks import CSVLogger as CSVLogger
from nn.losses.targets import Loss
class CTCLoss(Loss):
    blank: int
    reduction: str
    zero_infinity: bool
    def __init__(self, blank: int = 0, reduction: str = 'mean', zero_infinity: bool = False) -> None: ...
from nn.train.run import Callback as Callback
from nn.train.run import Checkpoint as Checkpoint
from nn.layers.padding import _Pad
class CircularPad1d(_Pad): ...
from nn.layers.padding import _Pad
class CircularPad2d(_Pad): ...
from nn.layers.padding import _Pad
class CircularPad3d(_Pad): ...
from nn.layers.dropout import _Dropping
class ClassicDropout(_Dropping):
    p: float
    def __init__(self, p: float = 0.5, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.train.estimators import Classifier as Classifier
from nn.layers.padding import _ConstantPad
class ConstantPad1d(_ConstantPad): ...
from nn.layers.padding import _ConstantPad
class ConstantPad2d(_ConstantPad): ...
from nn.layers.padding import _ConstantPad
class ConstantPad3d(_ConstantPad): ...
from nn.layers.convolution import _Conv
class Conv1d(_Conv): ...
from nn.layers.convolution import _Conv
class Conv2d(_Conv): ...
from nn.layers.convolution import _Conv
class Conv3d(_Conv): ...
from nn.layers.convolution import _ConvTranspose
class ConvTranspose1d(_ConvTranspose): ...
from nn.layers.convolution import _ConvTranspose
class ConvTranspose2d(_ConvTranspose): ...
from nn.layers.convolution import _ConvTranspose
class ConvTranspose3d(_ConvTranspose): ...
from nn.losses.targets import Loss
class CosineEmbeddingLoss(Loss):
    margin: float
    reduction: str
    def __init__(self, margin: float = 0.0, reduction: str = 'mean') -> None: ...
class CosineSimilarity(FunctionModule):
    dim: int
    eps: float
    def __init__(self, dim: int = 1, eps: float = 1e-08) -> None: ...
from nn.losses.targets import Loss
class CrossEntropyLoss(Loss):
    weight: ArrayLike | None
    ignore_index: int
    reduction: str
    label_smoothing: float
    def __init__(self, weight: ArrayLike | None = None, *, ignore_index: int = -100, reduction: str = 'mean', label_smoothing: float = 0.0) -> None: ...
from nn.layers.dropout import DropConnect as DropConnect
from nn.layers.dropout import _Dropping
class Dropout(_Dropping):
    p: float
    inplace: bool
    def __init__(self, p: float = 0.5, inplace: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
class Dropout1d(Dropout):
    p: float
    inplace: bool
    def __init__(self, p: float = 0.5, inplace: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
class Dropout2d(Dropout):
    p: float
    inplace: bool
    def __init__(self, p: float = 0.5, inplace: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
class Dropout3d(Dropout):
    p: float
    inplace: bool
    def __init__(self, p: float = 0.5, inplace: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
class ELU(FunctionModule):
    alpha: float
    inplace: bool
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ...
from nn.train.callbacks import EachStep as EachStep
from nn.train.callbacks import EarlyStopping as EarlyStopping
from nn.layers.embedding import _Table
class Embedding(_Table):
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool
    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.embedding import _Table
class EmbeddingBag(_Table):
    num_embeddings: int
    embedding_dim: int
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    mode: str
    sparse: bool
    include_last_offset: bool
    padding_idx: int | None
    def __init__(self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = 'mean', sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.look.film import Film as Film
class Flatten(Layer, FunctionModule):
    start_dim: int
    end_dim: int
    def __init__(self, start_dim: int = 1, end_dim: int = -1, *, device: Any = None, dtype: Any = None) -> None: ...
class GELU(FunctionModule):
    approximate: str
    def __init__(self, approximate: str = 'none') -> None: ...
class GLU(FunctionModule):
    dim: int
    def __init__(self, dim: int = -1) -> None: ...
from nn.layers.recurrent import GRU as GRU
from nn.layers.recurrent import GRUCell as GRUCell
from nn.losses.targets import Loss
class GaussianNLLLoss(Loss):
    full: bool
    eps: float
    reduction: str
    def __init__(self, full: bool = False, eps: float = 1e-06, reduction: str = 'mean') -> None: ...
from nn.layers.normalisation import _Norm
class GroupNorm(_Norm, FunctionModule):
    num_groups: int
    num_channels: int
    eps: float
    affine: bool
    bias: Any
    weight: Parameter
    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-05, affine: bool = True, bias: Any = True, *, device: Any = None, dtype: Any = None) -> None: ...
class Hardshrink(FunctionModule):
    lambd: float
    def __init__(self, lambd: float = 0.5) -> None: ...
class Hardsigmoid(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
class Hardswish(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
class Hardtanh(FunctionModule):
    min_val: float
    max_val: float
    inplace: bool
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None: ...
from nn.train.health import Health as Health
from nn.losses.targets import Loss
class HingeEmbeddingLoss(Loss):
    margin: float
    reduction: str
    def __init__(self, margin: float = 1.0, reduction: str = 'mean') -> None: ...
from nn.train.history import History as History
from nn.losses.distances import _Unweighted
class HuberLoss(_Unweighted):
    reduction: str
    delta: float
    def __init__(self, reduction: str = 'mean', delta: float = 1.0) -> None: ...
from nn.layers.dense import Identity as Identity
from nn.layers.normalisation import _InstanceNorm
class InstanceNorm1d(_InstanceNorm): ...
from nn.layers.normalisation import _InstanceNorm
class InstanceNorm2d(_InstanceNorm): ...
from nn.layers.normalisation import _InstanceNorm
class InstanceNorm3d(_InstanceNorm): ...
from nn.losses.targets import Loss
class KLDivLoss(Loss):
    reduction: str
    log_target: bool
    def __init__(self, reduction: str = 'mean', log_target: bool = False) -> None: ...
from nn.train.regularisation import L1 as L1
from nn.losses.distances import _Unweighted
class L1Loss(_Unweighted):
    reduction: str
    def __init__(self, reduction: str = 'mean') -> None: ...
from nn.train.regularisation import L2 as L2
from nn.layers.recurrent import LSTM as LSTM
from nn.layers.recurrent import LSTMCell as LSTMCell
from nn.layers.normalisation import _OfPoints
class LayerNorm(_OfPoints):
    normalized_shape: int | Sequence[int]
    eps: float
    elementwise_affine: bool
    bias: Any
    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-05, elementwise_affine: bool = True, bias: Any = True, *, device: Any = None, dtype: Any = None) -> None: ...
class LeakyReLU(FunctionModule):
    negative_slope: float
    inplace: bool
    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None: ...
from nn.layers.dense import Linear as Linear
class LocalResponseNorm(Layer, FunctionModule):
    size: int
    alpha: float
    beta: float
    k: float
    def __init__(self, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0, *, device: Any = None, dtype: Any = None) -> None: ...
class LogSigmoid(FunctionModule):
    def __init__(self) -> None: ...
class LogSoftmax(FunctionModule):
    dim: int | None
    def __init__(self, dim: int | None = None) -> None: ...
from nn.losses.distances import _Unweighted
class MSELoss(_Unweighted):
    reduction: str
    def __init__(self, reduction: str = 'mean') -> None: ...
from nn.losses.targets import Loss
class MarginRankingLoss(Loss):
    margin: float
    reduction: str
    def __init__(self, margin: float = 0.0, reduction: str = 'mean') -> None: ...
from nn.train.regularisation import MaxNorm as MaxNorm
from nn.layers.pooling import _MaxPool
class MaxPool1d(_MaxPool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    dilation: Size
    return_indices: bool
    ceil_mode: bool
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1, return_indices: bool = False, ceil_mode: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _MaxPool
class MaxPool2d(_MaxPool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    dilation: Size
    return_indices: bool
    ceil_mode: bool
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1, return_indices: bool = False, ceil_mode: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _MaxPool
class MaxPool3d(_MaxPool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    dilation: Size
    return_indices: bool
    ceil_mode: bool
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1, return_indices: bool = False, ceil_mode: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _MaxUnpool
class MaxUnpool1d(_MaxUnpool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _MaxUnpool
class MaxUnpool2d(_MaxUnpool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.pooling import _MaxUnpool
class MaxUnpool3d(_MaxUnpool):
    kernel_size: Size
    stride: Size | None
    padding: Size
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, *, device: Any = None, dtype: Any = None) -> None: ...
class Mish(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
from nn.module import Module as Module
from nn.containers import ModuleDict as ModuleDict
from nn.containers import ModuleList as ModuleList
from nn.losses.targets import Loss
class MultiLabelMarginLoss(Loss):
    reduction: str
    def __init__(self, reduction: str = 'mean') -> None: ...
from nn.losses.targets import Loss
class MultiLabelSoftMarginLoss(Loss):
    weight: ArrayLike | None
    reduction: str
    def __init__(self, weight: ArrayLike | None = None, reduction: str = 'mean') -> None: ...
from nn.losses.targets import Loss
class MultiMarginLoss(Loss):
    p: int
    margin: float
    weight: ArrayLike | None
    reduction: str
    def __init__(self, p: int = 1, margin: float = 1.0, weight: ArrayLike | None = None, reduction: str = 'mean') -> None: ...
from nn.layers.attention import MultiheadAttention as MultiheadAttention
from nn.losses.targets import Loss
class NLLLoss(Loss):
    weight: ArrayLike | None
    ignore_index: int
    reduction: str
    def __init__(self, weight: ArrayLike | None = None, *, ignore_index: int = -100, reduction: str = 'mean') -> None: ...
from nn.train.callbacks import OnlyMistakes as OnlyMistakes
class PReLU(FunctionModule):
    num_parameters: int
    init: float
    weight: Parameter
    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None: ...
class PairwiseDistance(FunctionModule):
    p: float
    eps: float
    keepdim: bool
    def __init__(self, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> None: ...
from nn.init import Parameter as Parameter
from nn.containers import ParameterDict as ParameterDict
from nn.containers import ParameterList as ParameterList
from nn.classics.perceptrons import Perceptron as Perceptron
class PixelShuffle(Layer, FunctionModule):
    upscale_factor: int
    def __init__(self, upscale_factor: int, *, device: Any = None, dtype: Any = None) -> None: ...
class PixelUnshuffle(Layer, FunctionModule):
    downscale_factor: int
    def __init__(self, downscale_factor: int, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.losses.targets import Loss
class PoissonNLLLoss(Loss):
    log_input: bool
    full: bool
    eps: float
    reduction: str
    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-08, reduction: str = 'mean') -> None: ...
class QuadraticLoss(FunctionModule):
    def __init__(self) -> None: ...
from nn.layers.normalisation import _OfPoints
class RMSNorm(_OfPoints):
    normalized_shape: int | Sequence[int]
    eps: float | None
    elementwise_affine: bool
    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.recurrent import RNN as RNN
from nn.layers.recurrent import RNNCell as RNNCell
class RReLU(FunctionModule):
    lower: float
    upper: float
    inplace: bool
    def __init__(self, lower: float = 0.125, upper: float = 0.3333333333333333, inplace: bool = False) -> None: ...
class ReLU(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
class ReLU6(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
from nn.layers.recomputed import Recomputed as Recomputed
from nn.layers.padding import _Pad
class ReflectionPad1d(_Pad): ...
from nn.layers.padding import _Pad
class ReflectionPad2d(_Pad): ...
from nn.layers.padding import _Pad
class ReflectionPad3d(_Pad): ...
from nn.classics.perceptrons import Region as Region
from nn.classics.perceptrons import Regions as Regions
from nn.train.estimators import Regressor as Regressor
from nn.layers.padding import _Pad
class ReplicationPad1d(_Pad): ...
from nn.layers.padding import _Pad
class ReplicationPad2d(_Pad): ...
from nn.layers.padding import _Pad
class ReplicationPad3d(_Pad): ...
class SELU(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
from nn.containers import Sequential as Sequential
class SiLU(FunctionModule):
    inplace: bool
    def __init__(self, inplace: bool = False) -> None: ...
class Sigmoid(FunctionModule):
    def __init__(self) -> None: ...
class SigmoidCrossEntropyLoss(FunctionModule):
    logits: bool
    def __init__(self, logits: bool = False) -> None: ...
from nn.losses.targets import Loss
class SmoothL1Loss(Loss):
    reduction: str
    beta: float
    def __init__(self, reduction: str = 'mean', beta: float = 1.0) -> None: ...
from nn.losses.targets import Loss
class SoftMarginLoss(Loss):
    reduction: str
    def __init__(self, reduction: str = 'mean') -> None: ...
class Softmax(FunctionModule):
    dim: int | None
    def __init__(self, dim: int | None = None) -> None: ...
from nn.functions.smooth import Softmax2d as Softmax2d
class Softmin(FunctionModule):
    dim: int | None
    def __init__(self, dim: int | None = None) -> None: ...
class Softplus(FunctionModule):
    beta: float
    threshold: float
    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None: ...
class Softshrink(FunctionModule):
    lambd: float
    def __init__(self, lambd: float = 0.5) -> None: ...
class Softsign(FunctionModule):
    def __init__(self) -> None: ...
class Step(FunctionModule):
    low: float
    threshold: float | None
    def __init__(self, low: float = 0.0, threshold: float | None = None) -> None: ...
from nn.train.callbacks import StepOrJump as StepOrJump
class Tanh(FunctionModule):
    def __init__(self) -> None: ...
class Tanhshrink(FunctionModule):
    def __init__(self) -> None: ...
from nn.train.callbacks import TensorBoard as TensorBoard
class Threshold(FunctionModule):
    threshold: float
    value: float
    inplace: bool
    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None: ...
from nn.train.many_cores import Together as Together
from nn.train.health import TrainingWarning as TrainingWarning
from nn.layers.transformer import Transformer as Transformer
from nn.layers.transformer import TransformerDecoder as TransformerDecoder
from nn.layers.transformer import TransformerDecoderLayer as TransformerDecoderLayer
from nn.layers.transformer import TransformerEncoder as TransformerEncoder
from nn.layers.transformer import TransformerEncoderLayer as TransformerEncoderLayer
from nn.losses.targets import Loss
class TripletMarginLoss(Loss):
    margin: float
    p: float
    eps: float
    swap: bool
    reduction: str
    def __init__(self, margin: float = 1.0, p: float = 2, eps: float = 1e-06, swap: bool = False, reduction: str = 'mean') -> None: ...
class Unflatten(Layer, FunctionModule):
    dim: int
    unflattened_size: Sequence[int]
    def __init__(self, dim: int, unflattened_size: Sequence[int], *, device: Any = None, dtype: Any = None) -> None: ...
class Upsample(Layer, FunctionModule):
    size: int | Sequence[int] | None
    scale_factor: float | Sequence[float] | None
    mode: str
    align_corners: bool | None
    recompute_scale_factor: bool | None
    antialias: bool
    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None, mode: str = 'nearest', align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False, *, device: Any = None, dtype: Any = None) -> None: ...
from nn.layers.padding import _Pad
class ZeroPad1d(_Pad): ...
from nn.layers.padding import _Pad
class ZeroPad2d(_Pad): ...
from nn.layers.padding import _Pad
class ZeroPad3d(_Pad): ...
from nn.train.metrics import accuracy as accuracy
from nn.classics.backprop_check import check_backprop as check_backprop
from nn.train.metrics import confusion_matrix as confusion_matrix
from nn import data as data
from nn.losses import distributions as distributions
from nn.look.network_figure import draw_network as draw_network
from nn.classics import equations as equations
from nn.train.evaluation import evaluate as evaluate
from nn.train.metrics import f1 as f1
from nn.train.fit import find_learning_rate as find_learning_rate
from nn.train.fit import fit as fit
from nn import functional as functional
from nn.module import functional_call as functional_call
from nn import init as init
from nn.files.models import load as load
from nn.init import manual_seed as manual_seed
from nn.train.evaluation import misclassified as misclassified
from nn.classics import networks as networks
from nn.layers.embedding import one_hot as one_hot
from nn import optim as optim
from nn.train.evaluation import per_example_gradients as per_example_gradients
from nn.look import plots as plots
from nn.train.metrics import precision as precision
from nn.train.evaluation import predict as predict
from nn.train.metrics import r2 as r2
from nn.train.many_cores import random_restarts as random_restarts
from nn.train.metrics import recall as recall
from nn.train.metrics import roc_auc as roc_auc
from nn.train.metrics import roc_curve as roc_curve
from nn.train.many_cores import run_each as run_each
from nn.files.models import save as save
from nn.look.summary import summary as summary
from nn.train.metrics import top_k_accuracy as top_k_accuracy
from nn.layers import utils as utils
