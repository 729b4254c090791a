"""Lesson 5: overfitting and its cures."""

from typing import Any

import numpy as np

import nn
from microgradnd import Tensor

from .exercise import Array, Exercise, Loss, Slope, drawn


# 5.1 L2
def _decayed(W: Any, b: Any, dW: Array, db: Array, strength: float, n: float) -> Any:
    """A cost that has the gradients dW and db, and the penalty."""
    return np.sum(dW * W) + np.sum(db * b) + strength / (2 * n) * np.sum(W**2)


# 5.2 max-norm
def _projected(W: Array, c: float) -> Array:
    weights = Tensor(W)
    nn.MaxNorm(c)([weights])
    return weights.numpy()


# 5.4 batch normalisation
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


EXERCISES = (
    Exercise(
        "5.1", gives=("∂C/∂W", "∂C/∂b"), truth=Slope(_decayed, "W", "b"),
        cases=drawn("shape", [(3, 3), (2, 4), (5, 2)],
            W="rng.normal(size=shape)", b="rng.normal(size=shape[0])",
            dW="rng.normal(size=shape)", db="rng.normal(size=shape[0])",
            strength="float(rng.uniform(0.5, 5))", n="float(rng.integers(10, 100))"),
        extremes={"weights of 1e150": {"W": "1e150 * W"}},
        mistakes={
            "you forgot to divide by n": "(true(n=1.0)[0], None)",
            "a factor ½ too many: the square brings a 2, which cancels it":
                "(true(n=2 * n)[0], None)",
            "a factor 2 too many: the ½ of the term cancels that of the square":
                "(true(n=n / 2)[0], None)",
            "the new term has the wrong sign: it pulls weights towards 0":
                "(true(strength=-strength)[0], None)",
            "the gradient of C₀ is lost: this is the new term alone": "(true(dW=0 * dW)[0], None)",
            "this is L1, the sign of each weight: L2 has the weight itself":
                "(dW + strength / n * np.sign(W), None)",
            "λ is missing": "(true(strength=1.0)[0], None)",
            "nothing was added to dW": "(dW, None)",
            "the biases are also regularised: the term is over weights only":
                "(None, db + strength / n * b)",
        },
    ),
    Exercise(
        "5.2", gives=("the weights",), truth=_projected,
        cases=drawn("shape", [(4, 4), (5, 3), (3, 6)],  # lengths below 1, above 3, and in between
            W="np.linspace(0.5, 6, shape[0])[:, None] * unit_rows(rng.normal(size=shape))",
            c="3.0"),
        extremes={"a neuron whose weights are 0": {"W": "np.append(0 * W[:1], W, axis=0)"}},
        mistakes={
            "the lengths are those of columns: a neuron's incoming weights are a row":
                "_projected(W.T, c).T",
            "short rows are stretched to the length c: they should stay as they are":
                "c * W / np.sqrt(np.sum(W * W, 1, keepdims=True))",
            "all of W is treated as one vector: each row is one":
                "_projected(W.reshape(1, -1), c).reshape(W.shape)",
            "each weight is cut off by itself, which changes the direction": "np.clip(W, -c, c)",
            "divided by the square of the length":
                "np.where(np.sum(W * W, 1, keepdims=True) > c * c, c * W / np.sum(W * W, 1, "
                "keepdims=True), W)",
            "the square of the length is compared with c: take the root first":
                "np.where(np.sum(W * W, 1, keepdims=True) > c, c * W / np.sqrt(np.sum(W * W, 1, "
                "keepdims=True)), W)",
            "long rows get the length 1: multiply by c":
                "np.where(np.sum(W * W, 1, keepdims=True) > c * c, _projected(W, 1e-9) * 1e9, W)",
            "nothing was shortened": "W",
        },
    ),
    Exercise(
        "5.3", gives=("the gradient",),
        truth=Slope(lambda H, g, mask, keep: np.sum(g * H * mask / keep), "H",
            at=lambda g, mask, keep: {"H": np.ones(g.shape)}),
        cases=drawn("shape", [(8, 6), (4, 4), (6, 2)], g="rng.normal(size=shape)",
            mask="1.0 * rng.permutation(np.arange(np.prod(shape)) % 5 < 3).reshape(shape)",
            keep="float(rng.uniform(0.55, 0.9))"),
        extremes={"gradients of 1e300": {"g": "1e300 * g"}},
        mistakes={
            "you forgot to divide by keep": "g * mask",
            "you forgot the mask: no gradient reaches what was dropped": "g / keep",
            "neither the mask nor keep is there": "g",
            "multiplied by keep: divide, as the forward pass does": "g * mask * keep",
            "divided by 1 - keep, the probability to be dropped": "g * mask / (1 - keep)",
            "the mask is the wrong way round: 1 is for what is kept": "g * (1 - mask) / keep",
            "divided by keep twice": "g * mask / keep**2",
            "g is missing": "mask / keep",
        },
    ),
    Exercise(
        "5.4", gives=("dZ", "dγ", "dβ"),
        truth=Slope(_normalised, "Z", "gamma", "beta",
            at=lambda g, Z, gamma, eps: {"beta": np.zeros(len(gamma))}),
        cases=drawn("neurons m", [(4, 4), (3, 6), (2, 5)], g="rng.normal(size=(neurons, m))",
            Z="1 + 2 * rng.normal(size=(neurons, m))",
            gamma="rng.uniform(0.5, 2, size=neurons)", eps="0.01"),
        extremes={"a neuron that never changes": {"Z": "np.append(0 * Z[:1], Z[1:], axis=0)"}},
        mistakes={
            "the path through the mean μ is missing": Loss("_normalised(**case, mean=cut)"),
            "the path through the variance σ² is missing":
                Loss("_normalised(**case, variance=cut)"),
            "the paths through μ and σ² are missing: only the direct one is there":
                Loss("_normalised(**case, mean=cut, variance=cut)"),
            "the batch is along axis 1: means go over the points, not over the neurons":
                Loss("_normalised(**case, axis=0)"),
            "the variance is divided by m - 1: here it is the mean of the squares":
                Loss("_normalised(**case, correction=1)"),
            "ε stands outside the root: it belongs inside":
                Loss("_normalised(**case, root=lambda v, eps: np.sqrt(v) + eps)"),
            "ε is missing": Loss("_normalised(**case, root=lambda v, eps: np.sqrt(v))"),
            "divided by the variance, not by its root":
                Loss("_normalised(**case, root=lambda v, eps: v + eps)"),
            "γ is missing": "(true(gamma=np.ones(len(gamma)))[0], None, None)",
            "it is the mean over the batch: γ and β are used m times, and paths are added":
                "tuple(part / g.shape[1] for part in true())",
            "γ is multiplied by Ẑ, the normalised Z: this has Z":
                "(None, np.sum(g * Z, axis=1), None)",
        },
    ),
)  # fmt: skip
