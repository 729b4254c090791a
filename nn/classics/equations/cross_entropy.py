"""Whole networks with a cross-entropy: a softmax at the end, or sigmoids everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .five import Gradients, Layer, backpropagate, feed_forward
from .neurons import Activation, Array, identity, log_softmax, sigmoid, softmax


def softmax_point(
    weights: Sequence[Array], biases: Sequence[Array], hidden: Activation, x: Array, y: Array
) -> tuple[float, list[Gradients]]:
    """The loss -yᵀ log p of one point, and dz, dW, db and dh of each layer.

    The last layer makes probabilities p by a softmax, the others are `hidden`; W is stored as
    (outputs, inputs). What softmax and logarithm do to each other leaves dz = p - y.

    >>> import numpy as np
    >>> from nn.classics.equations import sigmoid, softmax_point
    >>> loss, (layer,) = softmax_point([np.eye(2)], [np.zeros(2)], sigmoid, np.zeros(2), [1.0, 0.0])
    >>> layer.delta
    array([-0.5,  0.5])
    """
    y, h, z = np.asarray(y, float), [np.asarray(x, float)], []
    for W, b in zip(weights, biases, strict=True):
        z.append(W @ h[-1] + b)
        h.append(hidden.of(z[-1]))
    p = softmax(0).of(z[-1])
    loss = -float(y @ log_softmax(0).of(z[-1]))
    dz, found = p - y, list[Gradients]()
    for layer in reversed(range(len(weights))):
        dh = weights[layer].T @ dz
        found.insert(0, Gradients(dz, np.outer(dz, h[layer]), dz, dh))
        if layer:
            dz = hidden.pull_back(dh, z[layer - 1], h[layer])
    return loss, found


class BatchGradients(NamedTuple):
    """dZ and dH have a column for each example, dW_each and db_each an entry along the first axis
    for each example; dW and db are their averages over the examples."""

    dZ: Array
    dW_each: Array
    db_each: Array
    dH: Array
    dW: Array
    db: Array


def softmax_batch(
    weights: Sequence[Array], biases: Sequence[Array], hidden: Activation, X: Array, Y: Array
) -> tuple[float, list[BatchGradients]]:
    """What `softmax_point` does, for a batch with the points stacked in columns; the loss is the
    average over them.

    >>> import numpy as np
    >>> from nn.classics.equations import sigmoid, softmax_batch
    >>> X, Y = np.zeros((2, 5)), np.eye(2)[:, [0, 0, 0, 1, 1]]
    >>> loss, (layer,) = softmax_batch([np.eye(2)], [np.zeros(2)], sigmoid, X, Y)
    >>> layer.dW_each.shape, layer.db.round(6)
    ((5, 2, 2), array([-0.1,  0.1]))
    """
    m, H, Z = X.shape[1], [X], []
    for W, b in zip(weights, biases, strict=True):
        Z.append(W @ H[-1] + b[:, np.newaxis])
        H.append(hidden.of(Z[-1]))
    P = softmax(0).of(Z[-1])
    loss = -float(np.sum(Y * log_softmax(0).of(Z[-1]))) / m
    dZ, found = P - Y, list[BatchGradients]()
    for layer in reversed(range(len(weights))):
        each = dZ.T[:, :, np.newaxis] * H[layer].T[:, np.newaxis, :]  # dz hᵀ of each example
        dH = weights[layer].T @ dZ
        averages = dZ @ H[layer].T / m, dZ.sum(axis=1) / m
        found.insert(0, BatchGradients(dZ, each, dZ.T, dH, *averages))
        if layer:
            dZ = hidden.pull_back(dH, Z[layer - 1], H[layer])
    return loss, found


def sigmoid_batch(
    weights: Sequence[Array], biases: Sequence[Array], x: Array, y: Array, strength: float = 0.0
) -> tuple[float, list[Gradients]]:
    """The cost and the gradients of a network of sigmoids with K outputs, m points in rows:

    E = -1/m ΣᵢΣₖ (yₖ log aₖ + (1 - yₖ) log(1 - aₖ)) + λ/2m Σ w², with λ the `strength`

    and W stored as (outputs, inputs). At the outputs ∂E/∂a = (a - y) / a(1 - a) / m, in which the
    sigmoid's slope a(1 - a) cancels, and δ = (a - y) / m. A weight has λ/m w more in its gradient.

    >>> import numpy as np
    >>> from nn.classics.equations import sigmoid_batch
    >>> W, b = np.array([[2.0]]), np.zeros(1)
    >>> cost, (layer,) = sigmoid_batch([W], [b], np.zeros((1, 1)), np.ones((1, 1)), strength=0.5)
    >>> round(cost, 6), layer.delta, layer.dW         # log 2 + ½ · ½ · 2²
    (1.693147, array([[-0.5]]), array([[1.]]))
    """
    m = len(x)
    *inner, outer = zip(weights, biases, strict=True)
    layers = [*(Layer(W, b, sigmoid) for W, b in inner), Layer(*outer, identity)]
    z = feed_forward(layers, x)[-1][1]
    surprise = y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)  # exact at saturated outputs
    cost = np.sum(surprise) / m + strength / (2 * m) * sum(np.sum(W * W) for W in weights)
    found = backpropagate(layers, x, y, lambda z, y: (sigmoid.of(z) - y) / m)
    regularised = [
        g._replace(dW=g.dW + strength / m * W) for g, W in zip(found, weights, strict=True)
    ]
    return float(cost), regularised
