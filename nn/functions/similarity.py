"""How alike vectors are: their angle, their distance; and vectors made as long as 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradnd.arrays import ArrayLike
from microgradnd.habits import explain_options

from ..init import numbers
from .declared import FunctionModule


@explain_options
def normalize(input: ArrayLike, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divides vectors along `dim` by their p-norm, or by `eps` where it is less.

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    x = numbers(input)
    return x / np.maximum(np.linalg.vector_norm(x, ord=p, axis=dim, keepdims=True), eps)


@explain_options
def cosine_similarity(x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8) -> Any:
    """Computes the cosine of the angle between vectors along `dim`; a length is at least `eps`.

    >>> cosine_similarity([[1.0, 0.0]], [[1.0, 1.0]]).round(3)
    array([0.707])
    >>> CosineSimilarity(dim=0)([1.0, 0.0], [0.0, 1.0]).item()
    0.0
    """
    a = numbers(x1)
    b = numbers(x2, a.dtype)
    a, b = np.broadcast_arrays(a, b) if a.shape != b.shape else (a, b)
    return np.sum(normalize(a, 2.0, dim, eps) * normalize(b, 2.0, dim, eps), axis=dim)


@explain_options
def pairwise_distance(
    x1: ArrayLike, x2: ArrayLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """Computes the p-norm of x₁ - x₂ + eps along the last axis.

    >>> pairwise_distance([[1.0, 5.0]], [[4.0, 1.0]], eps=0.0)
    array([5.])
    >>> PairwiseDistance(eps=0.0)([1.0], [3.0]).item()
    2.0
    """
    a = numbers(x1)
    return np.linalg.norm(a - numbers(x2, a.dtype) + eps, p, -1, keepdims=keepdim)


class CosineSimilarity(FunctionModule, of=cosine_similarity):
    _shows_options = False


class PairwiseDistance(FunctionModule, of=pairwise_distance):
    _shows_options = False
