"""Schedules of the learning rate, with torch.optim.lr_scheduler's names, arguments and numbers.

A schedule is one formula: the rate after t steps of the schedule. A warm-up is a chain of two:

>>> from microgradnd import Tensor
>>> from nn.optim import SGD
>>> from nn.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
>>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=0.8)
>>> warm_up = LinearLR(optimizer, start_factor=0.25, total_iters=3)
>>> decay = ExponentialLR(optimizer, gamma=0.5)
>>> schedule = SequentialLR(optimizer, [warm_up, decay], milestones=[3])
>>> rates = []
>>> for epoch in range(6):
...     rates += schedule.get_last_lr()  # here the training goes through the data once
...     schedule.step()
>>> [round(rate, 3) for rate in rates]
[0.2, 0.4, 0.6, 0.8, 0.4, 0.2]
"""

from .formulas import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler
from .several import ChainedScheduler, SequentialLR

__all__ = [
    "ChainedScheduler",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
