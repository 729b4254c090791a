"""Losses that are minus the logarithm of a density, or a distance of distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.operators import plain
from microgradnd.program import holds

from ..init import numbers
from .targets import Loss, check_fits, fitting_pair, reduced


def _times_log(t: Any) -> Any:
    return t * np.log(np.where(t == 0, 1, t))  # 0 · log 0 is 0


def kl_div(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", log_target: bool = False
) -> Any:
    """Computes the Kullback-Leibler divergence q (log q - log p) of each entry.

    Arguments:
        input: log p, such as the output of a `log_softmax`.
        target: q, or log q if `log_target`.
        reduction: also "batchmean", the sum divided by the number of examples.

    >>> float(kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]], "batchmean").round(4))
    0.6931
    >>> KLDivLoss("sum", log_target=True)([-1.0], [-1.0]).item()
    0.0
    """
    log_p, q = fitting_pair(input, target, "kl_div")
    each = np.exp(q) * (q - log_p) if log_target else _times_log(q) - q * log_p
    if reduction == "batchmean":
        return np.sum(each) / (len(each) if each.ndim else 1)
    return reduced(each, reduction)


def gaussian_nll_loss(
    input: ArrayLike, target: ArrayLike, var: ArrayLike, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes ½ (log v + (input - target)² / v) for a mean, the input, and a variance v.

    Arguments:
        var: v, in the input's shape, with a last axis of length 1 or none, or one number.
        full: whether the constant ½ log 2π is added.
        eps: the least v; the gradient is as if it were not limited.

    >>> gaussian_nll_loss([1.0], [3.0], [4.0]).round(4).item()
    1.1931
    >>> GaussianNLLLoss(full=True)([1.0], [1.0], [1.0]).round(4).item()
    0.9189
    """
    x, t = fitting_pair(input, target, "gaussian_nll_loss")
    v = numbers(var, x.dtype)
    v = np.expand_dims(v, -1) if v.ndim and v.shape == x.shape[:-1] else v
    check_fits("var", v.shape, x.shape)
    if holds(np.any(plain(v) < 0)):
        raise ValueError("expected variances of 0 or more in var, got negative ones")
    v = v + (np.maximum(plain(v), eps) - plain(v)).astype(x.dtype)
    constant = math.log(2 * math.pi) / 2 if full else 0.0
    return reduced((np.log(v) + np.square(x - t) / v) / 2 + constant, reduction)


def poisson_nll_loss(
    input: ArrayLike, target: ArrayLike, log_input: bool = True, full: bool = False,
    eps: float = 1e-8, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes rate - count · log(rate), for counts that follow Poisson's distribution.

    Arguments:
        input: the logarithm of the rate; the rate itself without `log_input`.
        target: the counts.
        full: whether Stirling's approximation of log(count!) is added, of counts above 1.
        eps: added to the rate in the logarithm.

    >>> poisson_nll_loss([0.0], [2.0]).item(), PoissonNLLLoss(log_input=False)([1.0], [0.0]).item()
    (1.0, 1.0)
    """
    x, t = fitting_pair(input, target, "poisson_nll_loss")
    each = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        large = np.where(t > 1, t, 1)
        stirling = _times_log(large) - large + np.log(2 * math.pi * large) / 2
        each = each + np.where(t > 1, stirling, 0)
    return reduced(each, reduction)


# fmt: off
# These functions as modules, with their options.
class GaussianNLLLoss(Loss, of=gaussian_nll_loss): ...
class PoissonNLLLoss(Loss, of=poisson_nll_loss): ...
class KLDivLoss(Loss, of=kl_div):
    _reductions = "mean", "sum", "none", "batchmean"
