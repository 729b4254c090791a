"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes

from nn.optim.algorithms import SGD as SGD
from nn.optim.algorithms import Adagrad as Adagrad
from nn.optim.algorithms import Adam as Adam
from nn.optim.algorithms import AdamW as AdamW
from nn.optim.optimizer import Optimizer as Optimizer
from nn.optim.algorithms import RMSprop as RMSprop
from nn.optim import lr_scheduler as lr_scheduler
from nn.optim.lbfgs import LBFGS as LBFGS
from nn.optim.relatives import Adadelta as Adadelta
from nn.optim.relatives import Adamax as Adamax
from nn.optim.relatives import Muon as Muon
from nn.optim.relatives import NAdam as NAdam
from nn.optim.relatives import RAdam as RAdam
