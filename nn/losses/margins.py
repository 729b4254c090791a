"""Losses that are 0 once scores, or distances of vectors, differ by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd import primitive
from microgradnd.arrays import ArrayLike
from microgradnd.habits import check_choice
from microgradnd.operators import beside, plain

from ..functions import logsigmoid, pairwise_distance, relu
from ..init import check_shapes, numbers, whole_numbers
from .targets import Loss, fitting_pair, hot_rows, reduced, weight_like


def _check_axes(loss: str, *inputs: Any) -> None:
    """As in PyTorch, a column beside a row of numbers is refused."""
    check_shapes(len(set(map(np.ndim, inputs))) == 1, f"as many axes in each of {loss}", *inputs)


# max(0, z), whose slope at 0 is PyTorch's 1: so a step tells equal scores apart.
_above = primitive(
    lambda z: np.maximum(z, 0),
    lambda g, y, z: np.where(z < 0, 0, g),
    name="relu",
    kind="elementwise",
)


def soft_margin_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Any:
    """Computes log(1 + e^(-target · input)) of scores, for targets 1 and -1.

    >>> soft_margin_loss([0.0], [1.0]).round(4).item(), SoftMarginLoss()([1e4], [-1]).item()
    (0.6931, 10000.0)
    """
    x, t = fitting_pair(input, target, "soft_margin_loss")
    return reduced(-logsigmoid(t * x), reduction)


def margin_ranking_loss(
    input1: ArrayLike, input2: ArrayLike, target: ArrayLike, margin: float = 0.0,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes max(0, margin - target · (input1 - input2)): which one should be larger by a margin.

    The target is 1 where it is the first one, and -1 where it is the second.

    >>> margin_ranking_loss([3.0], [1.0], [-1]).item()
    2.0
    >>> MarginRankingLoss(margin=9.0)([3.0], [1.0], [1]).item()
    7.0
    """
    a = numbers(input1)
    b, t = numbers(input2, a.dtype), numbers(target, a.dtype)
    _check_axes("margin_ranking_loss", a, b, t)
    return reduced(_above(margin - t * (a - b)), reduction)


def hinge_embedding_loss(
    input: ArrayLike, target: ArrayLike, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """Computes the input, a distance, where the target is 1, and max(0, margin - input) at -1.

    >>> hinge_embedding_loss([0.2, 0.2], [1, -1], reduction="none")
    array([0.2, 0.8])
    >>> HingeEmbeddingLoss(0.1)([0.2], [-1]).item()
    0.0
    """
    x, t = fitting_pair(input, target, "hinge_embedding_loss")
    zero = x.dtype.type(0)
    each = np.where(t != 1, _above(margin - x), zero) + np.where(t != -1, x, zero)
    return reduced(each, reduction)


def cosine_embedding_loss(
    input1: ArrayLike, input2: ArrayLike, target: ArrayLike, margin: float = 0.0,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes 1 - cos where the target is 1, and max(0, cos - margin) where it is -1.

    Here cos is the cosine of the angle between vectors, which are along the last axis.

    >>> cosine_embedding_loss([[1.0, 0.0]], [[0.0, 1.0]], [1]).item()
    1.0
    >>> CosineEmbeddingLoss(0.5)([[1.0, 0.0]], [[0.0, 1.0]], [-1]).item()
    0.0
    """
    a = numbers(input1)
    b, t = fitting_pair(input2, a, "cosine_embedding_loss")[0], plain(numbers(target, a.dtype))
    check_shapes(t.shape == a.shape[:-1], f"a target of shape {a.shape[:-1]}", t)
    squares = (np.sum(np.square(a), -1) + 1e-12) * (np.sum(np.square(b), -1) + 1e-12)
    cosine = np.sum(a * b, -1) / np.sqrt(squares)
    zero = a.dtype.type(0)
    apart = np.where(t == -1, _above(cosine - margin), zero)
    return reduced(np.where(t == 1, 1 - cosine, zero) + apart, reduction)


def triplet_margin_loss(
    anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes max(0, margin + d(anchor, positive) - d(anchor, negative)), of distances d.

    Arguments:
        p, eps: of `pairwise_distance`.
        swap: whether the distance of positive and negative counts instead where it is less.

    >>> triplet_margin_loss([[0.0]], [[1.0]], [[3.0]], margin=4.0).round(5).item()
    2.0
    >>> TripletMarginLoss(4.0, swap=True)([[0.0]], [[1.0]], [[3.0]]).round(5).item()
    3.0
    """
    _check_axes("triplet_margin_loss", anchor, positive, negative)
    near, far = (pairwise_distance(anchor, other, p, eps) for other in (positive, negative))
    if swap:
        far = np.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(_above(margin + near - far), reduction)


def _scores_and_targets(input: Any, target: Any, axes: int, loss: str) -> tuple[Any, Any, bool]:
    """Scores (N, C), and their targets as whole numbers; and whether it is one example alone."""
    x = numbers(input)
    t = beside(whole_numbers(target, loss), x)
    alone = x.ndim == 1
    x, t = (x[None], t[None] if t.ndim < axes else t) if alone else (x, t)
    shapes = f"an input of shape (N, C) and labels of shape {('(N,)', '(N, C)')[axes - 1]}"
    check_shapes(x.ndim == 2 and t.shape == x.shape[:axes], f"{shapes} in {loss}", x, t)
    whole_numbers(np.where(t == 1 - axes, 0, t), loss, x.shape[1])  # -1 stands behind the last
    return x, t, alone


def multi_margin_loss(
    input: ArrayLike, target: ArrayLike, p: int = 1, margin: float = 1.0,
    weight: ArrayLike | None = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """Computes the mean over classes of max(0, margin - score of the label + score)ᵖ.

    Arguments:
        input: the scores, of shape (N, C) or (C,).
        target: a label for each example.
        p: 1 or 2.
        weight: how much each class counts, as a label.

    >>> multi_margin_loss([[0.0, 3.0]], [0]).item(), MultiMarginLoss(p=2)([0.0, 3.0], 0).item()
    (2.0, 8.0)
    """
    check_choice("p", p, 1, 2)
    x, t, alone = _scores_and_targets(input, target, 1, "multi_margin_loss")
    others = beside(np.arange(x.shape[1]), t) != t[:, None]
    z = relu(margin - np.take_along_axis(x, t[:, None], 1) + x) ** p * others
    each = np.sum(z, 1) / x.shape[1]
    each = each if weight is None else each * weight_like(weight, x)[t]
    return reduced(each[0] if alone else each, reduction)


def multilabel_margin_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Any:
    """Computes Σ max(0, 1 - score of a label + score) / C, over labels and classes that are none.

    Arguments:
        input: the scores, of shape (N, C) or (C,).
        target: the labels of each example, with -1 behind the last, of the same shape.

    >>> multilabel_margin_loss([0.0, 3.0], [0, -1]).item()
    2.0
    >>> MultiLabelMarginLoss()([0.0, 3.0], [0, 1]).item()
    0.0
    """
    x, t, alone = _scores_and_targets(input, target, 2, "multilabel_margin_loss")
    given = np.cumprod(t >= 0, axis=1) == 1
    is_label = (given[..., None] & hot_rows(t, x.shape[1])).any(1)
    of_labels = np.take_along_axis(x, np.where(given, t, 0), 1)
    z = relu(1 - of_labels[..., None] + np.expand_dims(x, 1))
    each = np.sum(z * (given[..., None] & ~is_label[:, None]), (1, 2)) / x.shape[1]
    return reduced(each[0] if alone else each, reduction)


def multilabel_soft_margin_loss(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean"
) -> Any:
    """Computes the binary cross-entropy of scores, averaged over the classes of each example.

    `weight` multiplies the classes, which are along the last axis.

    >>> multilabel_soft_margin_loss([[0.0, 0.0]], [[1, 0]]).round(4).item()
    0.6931
    >>> MultiLabelSoftMarginLoss()([[1e4, -1e4]], [[1, 0]]).item()
    0.0
    """
    x, t = fitting_pair(input, target, "multilabel_soft_margin_loss")
    each = -(t * logsigmoid(x) + (1 - t) * logsigmoid(-x))
    each = each if weight is None else each * weight_like(weight, x)
    return reduced(np.mean(each, axis=-1), reduction)


# fmt: off
# These functions as modules, with their options.
class SoftMarginLoss(Loss, of=soft_margin_loss): ...
class MarginRankingLoss(Loss, of=margin_ranking_loss): ...
class HingeEmbeddingLoss(Loss, of=hinge_embedding_loss): ...
class CosineEmbeddingLoss(Loss, of=cosine_embedding_loss): ...
class TripletMarginLoss(Loss, of=triplet_margin_loss): ...
class MultiMarginLoss(Loss, of=multi_margin_loss): ...
class MultiLabelMarginLoss(Loss, of=multilabel_margin_loss): ...
class MultiLabelSoftMarginLoss(Loss, of=multilabel_soft_margin_loss): ...
