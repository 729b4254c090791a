"""Losses: how far outputs are from their targets, as one number to be lowered; each also a module.

All take the outputs of a network as `input`, then `target`. The classes of a classification are
along axis 1 of the input, or along its only axis; labels are integers from 0. As in PyTorch,
`reduction` is "mean", "sum" or "none".
"""

from .distances import (
    HuberLoss,
    L1Loss,
    MSELoss,
    QuadraticLoss,
    huber_loss,
    l1_loss,
    mse_loss,
    quadratic_loss,
)
from .probabilities import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    NLLLoss,
    SigmoidCrossEntropyLoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    nll_loss,
    sigmoid_cross_entropy,
)

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss", "NLLLoss",
    "QuadraticLoss", "SigmoidCrossEntropyLoss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss", "mse_loss",
    "nll_loss", "quadratic_loss", "sigmoid_cross_entropy",
]  # fmt: skip
