"""Neural networks on top of `microgradnd`, with the names, arguments and numbers of `torch.nn`.

Parameters are made in the engine's default dtype, float64; `model.astype(np.float32)` or
`microgradnd.set_default_dtype` is how one trains at full speed.
"""

from microgradnd.replay import unchanging

from . import data, equations, functional, init, networks, optim, plots, utils
from .activations import (
    ELU,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from .backprop_check import check_backprop
from .callbacks import EachStep, EarlyStopping, OnlyMistakes, Restarts
from .checkpoint import Callback, Checkpoint, load, save
from .containers import ModuleDict, ModuleList, Sequential
from .draw_network import draw_network
from .functional_call import functional_call
from .health import Health, TrainingWarning
from .history import History
from .layers.convolution import Conv1d, Conv2d
from .layers.dense import Flatten, Identity, Linear
from .layers.dropout import ClassicDropout, DropConnect, Dropout
from .layers.embedding import Embedding, one_hot
from .layers.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm
from .layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from .layers.recurrent import GRU, LSTM, RNN
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    QuadraticLoss,
    SigmoidCrossEntropyLoss,
)
from .metrics import accuracy, confusion_matrix
from .module import Module, Parameter
from .perceptron import Perceptron, Region, Regions
from .randomness import manual_seed
from .regularisation import L1, L2, MaxNorm
from .strategies import StepOrJump, misclassified, random_restarts
from .summary import summary
from .training import fit

unchanging.add(__name__)  # a replayed step need not look whether a layer is still the same class

__all__ = [
    "ELU",
    "GRU",
    "L1",
    "L2",
    "LSTM",
    "RNN",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Callback",
    "Checkpoint",
    "ClassicDropout",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "DropConnect",
    "Dropout",
    "EachStep",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "Health",
    "History",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxNorm",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "OnlyMistakes",
    "Parameter",
    "Perceptron",
    "QuadraticLoss",
    "ReLU",
    "Region",
    "Regions",
    "Restarts",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropyLoss",
    "Softmax",
    "Softplus",
    "Step",
    "StepOrJump",
    "Tanh",
    "TrainingWarning",
    "accuracy",
    "check_backprop",
    "confusion_matrix",
    "data",
    "draw_network",
    "equations",
    "fit",
    "functional",
    "functional_call",
    "init",
    "load",
    "manual_seed",
    "misclassified",
    "networks",
    "one_hot",
    "optim",
    "plots",
    "random_restarts",
    "save",
    "summary",
    "utils",
]
