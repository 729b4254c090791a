"""Optimisers and schedules, with the names, arguments and numbers of torch.optim."""

from . import lr_scheduler
from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .relatives import Adadelta, Adamax, Muon, NAdam, RAdam

__all__ = [
    "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "lr_scheduler",
]  # fmt: skip
