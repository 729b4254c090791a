"""Losses as modules: how far the outputs of a network are from their targets.

What they compute and what they take is said by their functions, in `loss_functions`.
"""

from __future__ import annotations

from typing import Any

from .loss_functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    check_reduction,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    quadratic_loss,
    sigmoid_cross_entropy,
)
from .module import Module


class _Loss(Module):
    """A loss with the options of its function; a weight is a buffer, as in PyTorch."""

    weight: Any
    pos_weight: Any

    def __init__(self, reduction: str, **buffers: Any) -> None:
        check_reduction(reduction)
        self.reduction = reduction
        for name, array in buffers.items():
            self.register_buffer(name, array)


class MSELoss(_Loss):
    """The module of `mse_loss`: the mean of the squared errors.

    >>> from nn.losses import MSELoss
    >>> float(MSELoss(reduction="sum")([1.0, 2.0], [0.0, 4.0]))
    5.0
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """The module of `l1_loss`: the mean of the absolute errors.

    >>> from nn.losses import L1Loss
    >>> float(L1Loss()([1.0, 2.0], [0.0, 4.0]))
    1.5
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return l1_loss(input, target, self.reduction)


class HuberLoss(_Loss):
    """The module of `huber_loss`: half the squared error up to `delta`, and from there on straight.

    >>> from nn.losses import HuberLoss
    >>> float(HuberLoss(delta=2.0)([3.0], [0.0]))
    4.0
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return huber_loss(input, target, self.reduction, self.delta)


class QuadraticLoss(Module):
    """The module of `quadratic_loss`: 1/2n Σ ‖y - a‖², y being one-hot rows, values or labels.

    >>> from nn.losses import QuadraticLoss
    >>> float(QuadraticLoss()([[0.0, 1.0], [1.0, 0.0]], [1, 1]))
    0.5
    """

    def forward(self, input: Any, target: Any) -> Any:
        return quadratic_loss(input, target)


class BCELoss(_Loss):
    """The module of `binary_cross_entropy`, on probabilities.

    >>> from nn.losses import BCELoss
    >>> float(BCELoss()([0.5, 1.0], [1.0, 1.0]).round(4))
    0.3466
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction, weight=weight)

    def forward(self, input: Any, target: Any) -> Any:
        return binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The module of `binary_cross_entropy_with_logits`, on the scores before a sigmoid.

    >>> from nn.losses import BCEWithLogitsLoss
    >>> float(BCEWithLogitsLoss()([0.0, 1e4], [1.0, 1.0]).round(4))
    0.3466
    """

    def __init__(
        self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
    ) -> None:
        super().__init__(reduction, weight=weight, pos_weight=pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class SigmoidCrossEntropyLoss(Module):
    """The module of `sigmoid_cross_entropy`: K sigmoid outputs, or with `logits` what comes before.

    >>> from nn.losses import SigmoidCrossEntropyLoss
    >>> float(SigmoidCrossEntropyLoss(logits=True)([0.0, 1e4], [1, 1]).round(4))
    0.6931
    """

    def __init__(self, logits: bool = False) -> None:
        self.logits = logits

    def forward(self, input: Any, target: Any) -> Any:
        return sigmoid_cross_entropy(input, target, self.logits)


class NLLLoss(_Loss):
    """The module of `nll_loss`, on logarithms of probabilities.

    >>> from nn.losses import NLLLoss
    >>> float(NLLLoss()([[-0.5, -1.5]], [1]))
    1.5
    """

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, weight=weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_Loss):
    """The module of `cross_entropy`, on the scores before a softmax.

    >>> from nn.losses import CrossEntropyLoss
    >>> float(CrossEntropyLoss()([[0.0, 0.0], [1e4, -1e4]], [1, 0]).round(4))
    0.3466
    """

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction, weight=weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
