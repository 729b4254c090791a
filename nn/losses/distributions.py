"""Distributions to draw from and to learn: `nn.distributions`, as PyTorch's.

Each has `sample`, `log_prob` and `entropy`; `rsample` where a sample has a slope with respect to
the parameters. Parameters may be numbers, arrays or Tensors that broadcast.

>>> p = Normal(0.0, [1.0, 2.0])
>>> p.sample((3,)).shape, p.log_prob(0.0).round(3), kl_divergence(p, p)
((3, 2), array([-0.919, -1.612]), array([0., 0.]))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradnd.habits import require
from microgradnd.operators import plain
from microgradnd.program import afresh, holds

from ..functions import log_softmax, logsigmoid, sigmoid, softmax
from ..init import generator, numbers, whole_numbers

Shape = int | Sequence[int]


def _demand(fine: Any, expected: str) -> None:
    require(holds(np.all(fine)), f"expected {expected}")


def _alike(*values: Any) -> tuple[Any, ...]:
    """All as floats, numbers in the dtype of the arrays and Tensors."""
    dtypes = [x.dtype for x in values if hasattr(x, "__array_function__") and x.dtype.kind == "f"]
    dtype = np.result_type(*dtypes) if dtypes else None
    return tuple(numbers(x, dtype) for x in values)


class Distribution:
    """What distributions have in common: `log_prob(value)`, the logarithm of the density or of the
    probability, and `entropy()`, its mean with the sign changed.

    >>> isinstance(Normal(0.0, 1.0), Distribution), Normal(0.0, [1.0, 2.0]).sample((3,)).shape
    (True, (3, 2))
    """

    _parameters: tuple[Any, ...]
    log_prob: Callable[[Any], Any]
    entropy: Callable[[], Any]
    _divergence: Callable[[Any], Any]  # of another one of the kind

    def _shape(self, more: Shape) -> tuple[int, ...]:
        each = (more,) if isinstance(more, int | np.integer) else tuple(more)
        return (*each, *np.broadcast_shapes(*(p.shape for p in self._parameters)))

    def rsample(self, sample_shape: Shape = ()) -> Any:
        """Draws samples through which gradients reach the parameters."""
        none = f"{type(self).__name__} has no rsample: its samples have no slope"
        raise NotImplementedError(f"{none}; use log_prob")

    def sample(self, sample_shape: Shape = ()) -> Any:
        """Draws samples, as an array of shape (*sample_shape, *shape of the parameters)."""
        return plain(self.rsample(sample_shape))


class Normal(Distribution):
    """The normal distribution with mean `loc` and standard deviation `scale`.

    >>> round(Normal(0.0, 1.0).entropy().item(), 4), Normal([0.0, 5.0], 0.1).rsample().shape
    (1.4189, (2,))
    """

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = self._parameters = _alike(loc, scale)
        _demand(plain(self.scale) > 0, "a scale above 0")

    def rsample(self, sample_shape: Shape = ()) -> Any:
        noise = afresh(generator.standard_normal, self._shape(sample_shape))
        return self.loc + self.scale * noise.astype(self.scale.dtype)

    def log_prob(self, value: Any) -> Any:
        z = (numbers(value, self.loc.dtype) - self.loc) / self.scale
        return -0.5 * z * z - np.log(self.scale) - math.log(2 * math.pi) / 2

    def entropy(self) -> Any:
        each = np.log(self.scale) + (1 + math.log(2 * math.pi)) / 2
        return np.broadcast_to(each, self._shape(()))

    def _divergence(self, q: Normal) -> Any:
        square, z = (self.scale / q.scale) ** 2, (self.loc - q.loc) / q.scale
        return (square + z * z - 1 - np.log(square)) / 2


class Uniform(Distribution):
    """All numbers from `low` to `high` with the same density.

    >>> Uniform(0.0, [1.0, 4.0]).log_prob([2.0, 2.0]).round(4)
    array([   -inf, -1.3863])
    """

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = self._parameters = _alike(low, high)
        _demand(plain(self.low) < plain(self.high), "low below high")

    def rsample(self, sample_shape: Shape = ()) -> Any:
        share = afresh(generator.random, self._shape(sample_shape))
        return self.low + (self.high - self.low) * share.astype(self.low.dtype)

    def log_prob(self, value: Any) -> Any:
        x, low, high = plain(numbers(value, self.low.dtype)), plain(self.low), plain(self.high)
        return np.where((low <= x) & (x < high), -self.entropy(), -np.inf)

    def entropy(self) -> Any:
        return np.log(self.high - self.low)

    def _divergence(self, q: Uniform) -> Any:
        outside = (plain(self.low) < plain(q.low)) | (plain(self.high) > plain(q.high))
        return np.where(outside, np.inf, q.entropy() - self.entropy())


class _OfClasses(Distribution):
    """From probabilities or their logarithms, whichever is given."""

    _both: Callable[[Any, bool], tuple[Any, Any]]  # from those given, and whether they are logits

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        require((probs is None) != (logits is None), "expected probs or logits, and not both")
        given: Any = numbers(logits if probs is None else probs)
        if probs is not None:
            _demand((plain(given) >= 0) & (plain(given) < np.inf), "probabilities of 0 or more")
        self._parameters = (given,)
        self.probs, self.logits = self._both(given, probs is None)


def _inside(p: Any) -> Any:
    """Probabilities that have logarithms, as PyTorch limits them."""
    eps = float(np.finfo(p.dtype).eps)
    return np.clip(p, eps, 1 - eps)


class Bernoulli(_OfClasses):
    """1 with a probability `probs`, or else 0; `logits` are log(p / (1 - p)).

    >>> Bernoulli(logits=0.0).probs.item(), Bernoulli([1.0, 0.0]).sample()
    (0.5, array([1., 0.]))
    """

    def _both(self, given: Any, of_logits: bool) -> tuple[Any, Any]:
        if of_logits:
            return sigmoid(given), given
        _demand(plain(given) <= 1, "probabilities from 0 to 1")
        inside = _inside(given)
        return given, np.log(inside) - np.log1p(-inside)

    def sample(self, sample_shape: Shape = ()) -> Any:
        drawn = afresh(generator.random, self._shape(sample_shape)) < plain(self.probs)
        return drawn.astype(self.logits.dtype)

    def log_prob(self, value: Any) -> Any:
        x = numbers(value, self.logits.dtype)
        _demand((plain(x) == 0) | (plain(x) == 1), "values that are 0 or 1")
        return x * logsigmoid(self.logits) + (1 - x) * logsigmoid(-self.logits)

    def entropy(self) -> Any:
        p = self.probs
        return -(p * logsigmoid(self.logits) + (1 - p) * logsigmoid(-self.logits))

    def _divergence(self, q: Bernoulli) -> Any:
        ones = _weighed(self.probs, logsigmoid(self.logits), q.probs, logsigmoid(q.logits))
        others = logsigmoid(-self.logits), 1 - q.probs, logsigmoid(-q.logits)
        return ones + _weighed(1 - self.probs, *others)


class Categorical(_OfClasses):
    """A class from 0 on; the last axis has the probabilities of the classes, or their logarithms.

    >>> Categorical([1.0, 0.0, 3.0]).log_prob([0, 2]).round(4)
    array([-1.3863, -0.2877])
    >>> Categorical(logits=[[0.0, 9e9]]).sample((2,)).ravel()
    array([1, 1])
    """

    def _both(self, given: Any, of_logits: bool) -> tuple[Any, Any]:
        require(given.ndim, "expected an axis of classes, got a single number")
        if of_logits:
            return softmax(given, -1), log_softmax(given, -1)
        total = np.sum(given, axis=-1, keepdims=True)
        _demand(plain(total) > 0, "probabilities that are not all 0")
        probs = given / total
        return probs, np.log(_inside(probs))

    def sample(self, sample_shape: Shape = ()) -> Any:
        drawn = afresh(generator.random, self._shape(sample_shape)[:-1])
        below = np.cumsum(plain(self.probs), axis=-1)[..., :-1]
        return np.sum(drawn[..., None] >= below, axis=-1)

    def log_prob(self, value: Any) -> Any:
        classes = self.logits.shape[-1]
        labels = whole_numbers(value, "Categorical", classes)
        shape = np.broadcast_shapes(labels.shape, self.logits.shape[:-1])
        logits = np.broadcast_to(self.logits, (*shape, classes))
        labels = np.broadcast_to(labels, shape)[..., None]
        return np.take_along_axis(logits, labels, axis=-1)[..., 0]

    def entropy(self) -> Any:
        finite = np.where(plain(self.logits) == -np.inf, 0, self.logits)  # 0 · log 0 is 0
        return -np.sum(self.probs * finite, axis=-1)

    def _divergence(self, q: Categorical) -> Any:
        return np.sum(_weighed(self.probs, self.logits, q.probs, q.logits), axis=-1)


def _weighed(p: Any, log_p: Any, q: Any, log_q: Any) -> Any:
    """p (log p - log q): 0 where p is 0, and inf where q is 0 and p is not."""
    each = p * (log_p - log_q)
    return np.where(plain(p) == 0, 0, np.where(plain(q) == 0, np.inf, each))


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """Returns the mean of log p - log q over samples of p, for two distributions of one kind.

    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0)).item()
    0.5
    """
    found = f"{type(p).__name__} and {type(q).__name__}"
    expected = f"expected two distributions of one kind, got {found}"
    require(type(p) is type(q) and hasattr(p, "_divergence"), expected, NotImplementedError)
    return p._divergence(q)
