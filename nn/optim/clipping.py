"""Clipping of gradients between `backward()` and the optimiser's step: `nn.utils`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.habits import at_least, require

from .optimizer import listed


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Shortens the gradients, taken together as one vector, and returns the length they had.

    Arguments:
        parameters: the parameters whose gradients are shortened.
        max_norm: length to which they are shortened if they are longer.
        norm_type: p of the norm, also `inf`.
        error_if_nonfinite: whether to raise an error where the length is inf or nan.

    >>> import nn
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> np.sum(w * w).backward()
    >>> nn.utils.clip_grad_norm_([w], max_norm=5.0)
    10.0
    >>> w.grad.round(4)
    array([3., 4.])
    """
    moving, p = _with_gradients(parameters), float(norm_type)
    total = _norm(np.array([_norm(each.grad, p) for each in moving]), p)
    finite = not error_if_nonfinite or np.isfinite(total)
    require(finite, f"the norm of the gradients is {total}", RuntimeError)
    shrink = float(max_norm) / (total + 1e-6)  # as PyTorch has it, so that no norm divides by 0
    if not shrink >= 1:
        for each in moving:
            each.grad = each.grad * shrink
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clips every entry of the gradients to between -clip_value and clip_value.

    >>> import nn
    >>> w = Tensor([0.1, -4.0], requires_grad=True)
    >>> np.sum(w * w).backward()
    >>> nn.utils.clip_grad_value_([w], clip_value=1.0)
    >>> w.grad
    array([ 0.2, -1. ])
    """
    at_least(0.0, clip_value=clip_value)
    for p in _with_gradients(parameters):
        p.grad = np.clip(p.grad, -float(clip_value), float(clip_value))


def _with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    return [p for p in listed(parameters) if p.grad is not None]


def _norm(gradient: Any, p: float) -> float:
    """(Σ |g|ᵖ)^(1/p), relative to the largest entry: what is squared must not overflow."""
    largest = float(np.max(np.abs(gradient))) if gradient.size else 0.0
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(np.ravel(gradient) / largest, p))
