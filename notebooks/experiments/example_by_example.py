"""The course's first program as its book has it: a gradient for one example after the other.

Plain NumPy and backpropagation by hand, to be timed beside `nn.fit`, which does the same steps with
a mini-batch as one matrix. `weights` and `biases` have an array for each layer.
"""

from collections.abc import Iterable

import numpy as np

from microgradnd.arrays import Array


def descend(
    weights: list[Array], biases: list[Array], batches: Iterable[tuple[Array, Array]], rate: float
) -> None:
    """A step for each mini-batch, along the sum of the gradients of its examples."""
    for inputs, targets in batches:
        sums_w = [np.zeros(w.shape) for w in weights]
        sums_b = [np.zeros(b.shape) for b in biases]
        for x, y in zip(inputs, targets, strict=True):
            slopes_w, slopes_b = backpropagate(weights, biases, x, y)
            sums_w = [total + slope for total, slope in zip(sums_w, slopes_w, strict=True)]
            sums_b = [total + slope for total, slope in zip(sums_b, slopes_b, strict=True)]
        for parameter, total in zip(weights + biases, sums_w + sums_b, strict=True):
            parameter -= rate / len(inputs) * total


def backpropagate(
    weights: list[Array], biases: list[Array], x: Array, y: Array
) -> tuple[list[Array], list[Array]]:
    """The gradient of ½‖y - a‖² by the weights and by the biases, for one example."""
    activations = [x]
    for w, b in zip(weights, biases, strict=True):
        activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
    *before, a = activations
    deltas = [(a - y) * a * (1 - a)]  # BP1, with σ' = a (1 - a)
    for w, a in zip(weights[:0:-1], before[:0:-1], strict=True):
        deltas.insert(0, w.T @ deltas[0] * a * (1 - a))  # BP2
    # BP3: ∂C/∂b = δ. BP4: ∂C/∂w = δ aᵀ, with the activations a that go into the layer.
    return [np.outer(delta, a) for delta, a in zip(deltas, before, strict=True)], deltas
