"""Optimisers and schedules, with the names, arguments and numbers of torch.optim."""

from microgradnd.late import import_late, late_module

from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .optimizer import Optimizer

lr_scheduler = late_module(f"{__name__}.lr_scheduler")

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler",
    *import_late(__name__, lbfgs="LBFGS", relatives="Adadelta Adamax Muon NAdam RAdam"),
]  # fmt: skip
