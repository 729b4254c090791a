"""The main job: a small network learns to tell the two arms of a spiral apart.

Its gradient is first held against finite differences, so that what follows can be believed.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradnd import Tensor, no_grad

Array = NDArray[np.float64]


def spiral(points: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points on two arms of a spiral, in random order, and 0 or 1 for the arm of each."""
    along, arm = np.sqrt(rng.uniform(0.02, 1, points)), rng.integers(0, 2, points)
    angle = 2 * np.pi * along + np.pi * arm
    noise = rng.normal(0, 0.02, (points, 2))
    return np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1) + noise, arm.astype(
        np.float64
    )


def network(rng: np.random.Generator, *widths: int) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of the layers between these widths."""
    return [
        (
            Tensor(rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)), requires_grad=True),
            Tensor(np.zeros(outputs), requires_grad=True),
        )
        for inputs, outputs in itertools.pairwise(widths)
    ]


def forward(layers: list[tuple[Tensor, Tensor]], x: Any) -> Any:
    """The network's output for each point: above 0 it says 1."""
    *hidden, (weights, biases) = layers
    for w, b in hidden:
        x = np.tanh(x @ w + b)
    return (x @ weights + biases)[:, 0]


def cross_entropy(z: Any, target: Array) -> Any:
    """The mean of -log p(target), with p = σ(z) for 1 and 1 - σ(z) for 0."""
    return np.mean(np.logaddexp(0, z) - target * z)


def largest_error(layers: list[tuple[Tensor, Tensor]], x: Array, target: Array) -> float:
    """How far the gradient is from central differences, relative to its largest entry."""
    cross_entropy(forward(layers, x), target).backward()
    worst = 0.0
    for parameter in (p for layer in layers for p in layer):
        for place in np.ndindex(parameter.shape):
            losses = []
            for step in (1e-5, -1e-5):
                with no_grad():
                    before = parameter.data[place]
                    parameter.data[place] = before + step
                    losses.append(cross_entropy(forward(layers, x), target).item())
                    parameter.data[place] = before
            difference = (losses[0] - losses[1]) / 2e-5
            worst = max(
                worst, abs(difference - parameter.grad[place]) / np.abs(parameter.grad).max()
            )
        parameter.zero_grad()
    return worst


def main() -> None:
    """Check, train, and say how well it went."""
    rng = np.random.default_rng(0)
    layers = network(rng, 2, 24, 24, 1)
    (x, target), (new_x, new_target) = spiral(400, rng), spiral(400, rng)
    error = largest_error(layers, x[:20], target[:20])
    print(f"gradient against finite differences: the largest relative error is {error:.0e}")
    parameters = [p for layer in layers for p in layer]
    velocities = [np.zeros(p.shape) for p in parameters]
    for step in range(1501):
        loss = cross_entropy(forward(layers, x), target)
        loss.backward()
        for p, velocity in zip(parameters, velocities, strict=True):
            velocity *= 0.9
            velocity -= 0.1 * p.grad
            p.data += velocity
            p.zero_grad()
        if step % 300 == 0:
            right = np.mean((forward(layers, new_x) > 0) == new_target)
            print(f"step {step:4d}   loss {loss:.4f}   new points told apart {right:.1%}")


if __name__ == "__main__":
    main()
