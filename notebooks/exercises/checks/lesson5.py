"""Lesson 5: overfitting and its cures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import nn
from microgradnd import Tensor

from .exercise import Array, Case, Exercise, Slope, cut

TITLE = "Overfitting and its cures"
INTRODUCTION = """\
What L2, the max-norm constraint, dropout and batch normalisation do to the backward pass. A batch
has a **column** for each of its m points."""

# ---- 5.1 L2 --------------------------------------------------------------------------------------


def _decayed(W: Any, b: Any, dW: Array, db: Array, strength: float, n: float) -> Any:
    """A cost that has the gradients dW and db, and the penalty."""
    return np.sum(dW * W) + np.sum(db * b) + strength / (2 * n) * np.sum(W**2)


l2_gradients = Slope(_decayed, "W", "b")


def _weights(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((3, 3), (2, 4), (5, 2)):
        W, b = rng.normal(size=shape), rng.normal(size=shape[0])
        yield {
            "W": W, "b": b, "dW": rng.normal(size=shape), "db": rng.normal(size=shape[0]),
            "strength": float(rng.uniform(0.5, 5)), "n": float(rng.integers(10, 100)),
        }  # fmt: skip


# ---- 5.2 max-norm --------------------------------------------------------------------------------


def _projected(W: Array, c: float) -> Array:
    weights = Tensor(W)
    nn.MaxNorm(c)([weights])
    return weights.numpy()


def _long_and_short(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((4, 4), (5, 3), (3, 6)):
        W = rng.normal(size=shape)
        lengths = np.linspace(0.5, 6, len(W))[:, None]  # below 1, above 3, and some in between
        yield {"W": lengths * W / np.sqrt(np.sum(W * W, axis=1, keepdims=True)), "c": 3.0}


# ---- 5.3 dropout ---------------------------------------------------------------------------------

dropout_backward = Slope(
    lambda H, g, mask, keep: np.sum(g * H * mask / keep),
    "H",
    at=lambda g, mask, keep: {"H": np.ones(g.shape)},
)


def _masks(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((3, 5), (4, 4), (6, 2)):
        mask = (rng.random(shape) < 0.6).astype(float)
        mask[0, 0], mask[1, 1] = 0.0, 1.0
        yield {
            "g": rng.normal(size=shape), "mask": mask, "keep": float(rng.uniform(0.55, 0.9))
        }  # fmt: skip


# ---- 5.4 batch normalisation ---------------------------------------------------------------------


def _normalised(
    Z: Any, gamma: Any, beta: Any, g: Array, eps: float,
    mean: Any = lambda mean: mean, variance: Any = lambda variance: variance, axis: int = 1,
    correction: int = 0, root: Any = lambda variance, eps: np.sqrt(variance + eps),
) -> Any:  # fmt: skip
    """Σ g y with y = γ ẑ + β; the mean, the variance and its root may be handled otherwise."""
    centred = Z - mean(np.mean(Z, axis, keepdims=True))
    squares = np.sum((Z - np.mean(Z, axis, keepdims=True)) ** 2, axis, keepdims=True)
    spread = root(variance(squares / (Z.shape[axis] - correction)), eps)
    return np.sum(g * (gamma[:, None] * centred / spread + beta[:, None]))


batch_norm_backward = Slope(
    _normalised, "Z", "gamma", "beta", at=lambda g, Z, gamma, eps: {"beta": np.zeros(len(gamma))}
)


def _batches(rng: np.random.Generator) -> Iterator[Case]:
    for neurons, m in ((4, 4), (3, 6), (2, 5)):
        yield {
            "g": rng.normal(size=(neurons, m)), "Z": 1 + 2 * rng.normal(size=(neurons, m)),
            "gamma": rng.uniform(0.5, 2, size=neurons), "eps": 0.01,
        }  # fmt: skip


EXERCISES = (
    Exercise(
        number="5.1",
        name="l2_gradients",
        title="Gradients with L2 regularisation",
        statement="""\
A cost C₀ has the gradients `dW` and `db`. L2 regularisation adds a term that keeps the weights
small, and leaves the biases alone:

    C = C₀ + λ/(2n) · Σ w²        (over all weights)

where λ is `strength` and n is the number of training examples. Write ∂C/∂W and ∂C/∂b.""",
        start='''\
def l2_gradients(W, b, dW, db, strength, n):
    """The gradients of the regularised cost, from those of the cost without."""
    ...
''',
        hints=(
            "The derivative of a sum is the sum of the derivatives: dW, and the derivative of the "
            "new term.",
            "λ/(2n) · w² has the derivative λ/n · w, for each weight by itself.",
            "The biases do not occur in the new term, so their gradient is db as before. Return "
            "both, and change neither of the arrays you were handed.",
        ),
        gives=("∂C/∂W", "∂C/∂b"),
        cases=_weights,
        truth=l2_gradients,
        mistakes={
            "you forgot to divide by n": lambda **case: (
                l2_gradients(**case | {"n": 1.0})[0],
                None,
            ),
            "a factor ½ too many: the square brings a 2, which cancels it": lambda **case: (
                l2_gradients(**case | {"n": 2 * case["n"]})[0],
                None,
            ),
            "a factor 2 too many: the ½ of the term cancels that of the square": lambda **case: (
                l2_gradients(**case | {"n": case["n"] / 2})[0],
                None,
            ),
            "the new term has the wrong sign: it pulls weights towards 0": lambda **case: (
                l2_gradients(**case | {"strength": -case["strength"]})[0],
                None,
            ),
            "the gradient of C₀ is lost: this is the new term alone": lambda **case: (
                l2_gradients(**case | {"dW": 0 * case["dW"]})[0],
                None,
            ),
            "this is L1, the sign of each weight: L2 has the weight itself": lambda **case: (
                case["dW"] + case["strength"] / case["n"] * np.sign(case["W"]),
                None,
            ),
            "λ is missing": lambda **case: (l2_gradients(**case | {"strength": 1.0})[0], None),
            "nothing was added to dW": lambda **case: (case["dW"], None),
            "the biases are regularised too: the term is over weights only": lambda **case: (
                None,
                case["db"] + case["strength"] / case["n"] * case["b"],
            ),
        },
    ),
    Exercise(
        number="5.2",
        name="max_norm",
        title="The max-norm constraint",
        statement="""\
After a step, no neuron's incoming weight vector may be longer than `c`. The incoming weights of a
neuron are a **row** of `W`. A row that is too long is projected onto the ball of radius c:
shortened to the length c, its direction kept. The others stay as they are. Return the new
weights.""",
        start='''\
def max_norm(W, c):
    """The weights, each row at most c long."""
    ...
''',
        hints=(
            "The length of a row is the root of the sum of its squares: sum along axis 1, with "
            "keepdims=True to divide by it later.",
            "A row of length L > c is multiplied by c/L. A row with L ≤ c is multiplied by 1.",
            "Both at once: W * np.minimum(1, c / lengths).",
        ),
        gives=("the weights",),
        cases=_long_and_short,
        truth=_projected,
        mistakes={
            "the lengths are those of columns: a neuron's incoming weights are a row": (
                lambda W, c: _projected(W.T, c).T
            ),
            "short rows are stretched to the length c: they should stay as they are": (
                lambda W, c: c * W / np.sqrt(np.sum(W * W, 1, keepdims=True))
            ),
            "all of W is treated as one vector: each row is one": lambda W, c: _projected(
                W.reshape(1, -1), c
            ).reshape(W.shape),
            "each weight is cut off by itself, which changes the direction": lambda W, c: np.clip(
                W, -c, c
            ),
            "divided by the square of the length": lambda W, c: np.where(
                np.sum(W * W, 1, keepdims=True) > c * c,
                c * W / np.sum(W * W, 1, keepdims=True),
                W,
            ),
            "the square of the length is compared with c: take the root first": lambda W, c: (
                np.where(
                    np.sum(W * W, 1, keepdims=True) > c,
                    c * W / np.sqrt(np.sum(W * W, 1, keepdims=True)),
                    W,
                )
            ),
            "long rows get the length 1: multiply by c": lambda W, c: np.where(
                np.sum(W * W, 1, keepdims=True) > c * c, _projected(W, 1e-9) * 1e9, W
            ),
            "nothing was shortened": lambda W, c: W,
        },
    ),
    Exercise(
        number="5.3",
        name="dropout_backward",
        title="Backward through inverted dropout",
        statement="""\
Inverted dropout keeps each activation with the probability `keep`, and divides those that are kept
by it, so that their mean stays as it was:

    Y = H ⊙ mask / keep           (mask is 1 for what is kept, 0 for what is dropped)

Write the gradient by H, from the gradient `g` by Y and the **mask of the forward pass**.""",
        start='''\
def dropout_backward(g, mask, keep):
    """The gradient by H."""
    ...
''',
        hints=(
            "mask and keep are numbers that H is multiplied by, entry by entry.",
            "The derivative of a · h by h is a.",
            "So the gradient is g times what H was multiplied by: mask / keep.",
        ),
        gives=("the gradient",),
        cases=_masks,
        truth=dropout_backward,
        mistakes={
            "you forgot to divide by keep": lambda g, mask, keep: g * mask,
            "you forgot the mask: no gradient reaches what was dropped": lambda g, mask, keep: (
                g / keep
            ),
            "neither the mask nor keep is there": lambda g, mask, keep: g,
            "multiplied by keep: divide, as the forward pass does": lambda g, mask, keep: (
                g * mask * keep
            ),
            "divided by 1 - keep, the probability to be dropped": lambda g, mask, keep: (
                g * mask / (1 - keep)
            ),
            "the mask is the wrong way round: 1 is for what is kept": lambda g, mask, keep: (
                g * (1 - mask) / keep
            ),
            "divided by keep twice": lambda g, mask, keep: g * mask / keep**2,
            "g is missing": lambda g, mask, keep: mask / keep,
        },
    ),
    Exercise(
        number="5.4",
        name="batch_norm_backward",
        title="Backward through batch normalisation",
        statement="""\
For each neuron, a row of `Z`, batch normalisation takes the mean μ and the variance σ² over the m
points of the batch (σ² is the mean of the squared differences from μ), and gives

    Ẑ = (Z - μ) / √(σ² + ε)
    Y = γ Ẑ + β                   (γ and β have one entry for each neuron)

Write the gradients by Z, γ and β, from the gradient `g` by Y. Every entry of Z reaches the cost by
three paths: directly, through μ, and through σ².""",
        start='''\
def batch_norm_backward(g, Z, gamma, eps):
    """The gradients by Z, by gamma and by beta."""
    dZ = ...
    dgamma = ...
    dbeta = ...
    return dZ, dgamma, dbeta
''',
        hints=(
            "γ and β are used for every point of the batch, so their gradients are sums over axis "
            "1: of g times what γ is multiplied by, and of g.",
            "Let G = γ g be the gradient by Ẑ, and s = √(σ² + ε). The direct path gives G/s. The "
            "path through μ takes away the mean of G/s over the batch, from every entry.",
            "The path through σ² takes away Ẑ times the mean of G Ẑ, divided by s. All together: "
            "dZ = (G - mean(G) - Ẑ mean(G Ẑ)) / s, with means over axis 1.",
        ),
        gives=("dZ", "dγ", "dβ"),
        cases=_batches,
        truth=batch_norm_backward,
        mistakes={
            "the path through the mean μ is missing": batch_norm_backward.of(
                lambda **case: _normalised(**case, mean=cut)
            ),
            "the path through the variance σ² is missing": batch_norm_backward.of(
                lambda **case: _normalised(**case, variance=cut)
            ),
            "the paths through μ and σ² are missing: only the direct one is there": (
                batch_norm_backward.of(lambda **case: _normalised(**case, mean=cut, variance=cut))
            ),
            "the batch is along axis 1: means go over the points, not over the neurons": (
                batch_norm_backward.of(lambda **case: _normalised(**case, axis=0))
            ),
            "the variance is divided by m - 1: here it is the mean of the squares": (
                batch_norm_backward.of(lambda **case: _normalised(**case, correction=1))
            ),
            "ε stands outside the root: it belongs inside": batch_norm_backward.of(
                lambda **case: _normalised(**case, root=lambda v, eps: np.sqrt(v) + eps)
            ),
            "ε is missing": batch_norm_backward.of(
                lambda **case: _normalised(**case, root=lambda v, eps: np.sqrt(v))
            ),
            "divided by the variance, not by its root": batch_norm_backward.of(
                lambda **case: _normalised(**case, root=lambda v, eps: v + eps)
            ),
            "γ is missing": lambda g, Z, gamma, eps: (
                batch_norm_backward(g=g, Z=Z, gamma=np.ones(len(gamma)), eps=eps)[0],
                None,
                None,
            ),
            "it is the mean over the batch: γ and β are used m times, and paths are added": (
                lambda **case: tuple(
                    part / case["g"].shape[1] for part in batch_norm_backward(**case)
                )
            ),
            "γ is multiplied by Ẑ, the normalised Z: this has Z": lambda g, Z, gamma, eps: (
                None,
                np.sum(g * Z, axis=1),
                None,
            ),
        },
    ),
)
