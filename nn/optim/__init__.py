"""Optimisers and schedules, with the names, arguments and numbers of torch.optim."""

from typing import TYPE_CHECKING

from microgradnd.late import import_late, late_module

from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .optimizer import Optimizer

if TYPE_CHECKING:
    from . import lr_scheduler
    from .lbfgs import LBFGS
    from .relatives import Adadelta, Adamax, Muon, NAdam, RAdam
else:
    lr_scheduler = late_module(f"{__name__}.lr_scheduler")
    import_late(__name__, lbfgs="LBFGS", relatives="Adadelta Adamax Muon NAdam RAdam")

__all__ = [
    "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "lr_scheduler",
]  # fmt: skip
