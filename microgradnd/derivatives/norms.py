"""Norms of vectors and matrices."""

import numpy as np

from ..operators import real
from ..primitive import primitive
from ..table import composed
from .elementwise import nonzero
from .reductions import spread


def _euclidean(x, axis=None, keepdims=False):
    x = np.abs(x) if x.dtype.kind == "c" else x
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


euclidean = primitive(
    _euclidean,
    lambda g, y, x, axis=None, keepdims=False: (
        spread(g, x, axis, keepdims) * x / (nonzero(spread(y, x, axis, keepdims)) if x.size else 1)
    ),
    name="norm",
)


def _power_norm(x, order, axis, keepdims):
    """(Σ |x|ᵖ)^(1/p); where the sum is 0 the root has no slope, and 0 is a subgradient."""
    of_zero = 0 if order > 0 else np.inf
    total = np.sum(np.abs(x) ** order, axis=axis, keepdims=keepdims)
    return np.where(total == 0, of_zero, np.where(total == 0, 1, total) ** (1 / order))


def _vector_norm(x, ord, axis, keepdims):
    if getattr(ord, "requires_grad", False):
        return _power_norm(x, ord, axis, keepdims)
    if ord is None or ord == 2:
        return euclidean(x, axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.nan_to_num(np.abs(np.sign(x)), nan=1.0), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: vectors have no norm of order {ord!r}")
    return _power_norm(x, ord, axis, keepdims)


def _matrix_norm(x, ord, axis, keepdims):
    ord = (
        ord if ord is None or isinstance(ord, str) else float(ord)
    )  # a Tensor has no gradient here
    if ord is None or ord == "fro":
        return euclidean(x, axis=axis, keepdims=keepdims)
    x = np.moveaxis(x, axis, (-2, -1))
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
    elif ord in (2, -2, "nuc"):
        sums = np.linalg.svd(x, full_matrices=False)[1]
    else:
        raise ValueError(f"norm: matrices have no norm of order {ord!r}")
    if ord == "nuc":
        value = np.sum(sums, axis=-1)
    else:  # an empty matrix has norm 0
        value = np.max(sums, axis=-1, initial=0) if ord > 0 else np.min(sums, axis=-1)
    return np.expand_dims(value, tuple(a % (x.ndim) for a in axis)) if keepdims else value


@composed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = real(x)
    if axis is None and ord is None:
        return euclidean(x, axis=None, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis).tolist())
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: expected one or two axes, got axis {axis} of shape {x.shape}")


@composed(np.linalg.cond)
def cond(x, p=None):
    if p in (None, 2, -2):
        s = np.linalg.svdvals(real(x))
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.matrix_norm(x, ord=p) * np.linalg.matrix_norm(np.linalg.inv(x), ord=p)
