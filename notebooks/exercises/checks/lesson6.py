"""Lesson 6: gradient descent and its relatives."""

from collections.abc import Collection
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

import nn
from microgradnd import Tensor

from .exercise import Array, Exercise, drawn

State = dict[str, Any]


def _step(kind: Any, w: Array, g: Array, state: State, **options: Any) -> tuple[Array, State]:
    """One step of an optimiser of nn's from a state: the weights and the state after it."""
    optimizer = kind([Tensor(w, requires_grad=True)], **options)
    state = {name: np.array(x) if np.ndim(x) else x for name, x in state.items()}
    return w - optimizer.change(w, g, state, optimizer.param_groups[0]), state


# 6.1 momentum
def _momentum(
    w: Array, v: Array, g: Array, rate: float, momentum: float, dampening: float = 0
) -> tuple[Array, Array]:
    after, state = _step(
        nn.optim.SGD, w, g, {"momentum_buffer": v},
        lr=rate, momentum=momentum, dampening=dampening,
    )  # fmt: skip
    return after, state["momentum_buffer"]


# 6.2 Adam
def _adam(
    w: Array, m: Array, s: Array, g: Array, t: int, rate: float, **options: Any
) -> tuple[Array, Array, Array]:
    after, state = _step(
        nn.optim.Adam, w, g, {"step": t - 1, "exp_avg": m, "exp_avg_sq": s}, lr=rate, **options
    )
    return after, state["exp_avg"], state["exp_avg_sq"]


def _m_alone_corrected(w: Array, t: int, rate: float, **state: Array) -> Array:
    """By the factor by which √s is too small after t steps, the step is too large."""
    too_small = float(np.sqrt(1 - 0.999**t))
    return _adam(w, t=t, rate=rate / too_small, eps=1e-8 / too_small, **state)[0]


# 6.3 a broken optimiser
def _rmsprop(w: Array, s: Array, g: Array, rate: float) -> tuple[Array, Array]:
    after, state = _step(
        nn.optim.RMSprop, w, g, {"step": 1, "square_avg": s}, lr=rate, alpha=0.9, eps=1e-4
    )
    return after, state["square_avg"]


def _broken(
    left: Collection[str], w: Array, s: Array, g: Array, rate: float
) -> tuple[Array, Array]:
    """A step of RMSProp with some of its three faults left in."""
    average = 0.9 * s + 0.1 * (g if "square" in left else g * g)
    size = average if "root" in left else np.sqrt(average)
    return w + (1 if "sign" in left else -1) * rate * g / (size + 1e-4), average


_FAULTS = {
    "square": "the average is that of the gradients, not of their squares",
    "root": "the root is missing",
    "sign": "the step goes uphill",
}
_LEFT_IN = {
    "; ".join(_FAULTS[fault] for fault in left): partial(_broken, left)
    for count in (1, 2, 3)
    for left in combinations(_FAULTS, count)
}


# 6.4 Xavier
def _uniform(u: Array, variance: float) -> Array:
    """Uniform weights around 0 with this variance."""
    return (u - 0.5) * np.sqrt(12 * variance)


EXERCISES = (
    Exercise(
        "6.1", gives=("w", "v"), truth=_momentum,
        cases=drawn("shape", [(3,), (2, 3), (4,)], w="rng.normal(size=shape)",
            v="rng.normal(size=shape)", g="rng.normal(size=shape)",
            rate="float(rng.uniform(0.1, 0.4))", momentum="float(rng.uniform(0.6, 0.9))"),
        extremes={"gradients of 1e150": {"g": "1e150 * g"}},
        mistakes={
            "the weights move with the old velocity: update it first": "(w - rate * v, None)",
            "this is plain gradient descent: the weights move with v, not with g":
                "(true(v=0 * v)[0], None)",
            "the weights go uphill": "(2 * w - true()[0], None)",
            "g is multiplied by 1 - μ: this form of momentum takes all of it":
                "_momentum(w, v, g, rate, momentum, momentum)",
            "the rate is missing": "(true(rate=1.0)[0], None)",
            "this is Nesterov's step: it looks ahead by another μ v":
                "(w - rate * (g + momentum * true()[1]), None)",
            "v forgets nothing: multiply the old velocity by μ": "(w - rate * (v + g), v + g)",
            "g is subtracted from v, and v from w: that goes uphill": "true(g=-g)",
            "this v points downhill: here v adds up gradients, and w moves by -η v":
                "(w + momentum * v - rate * g, momentum * v - rate * g)",
            "the rate is in v: here it stands in the step of w only":
                "(w - true(g=rate * g)[1], true(g=rate * g)[1])",
        },
    ),
    Exercise(
        "6.2", gives=("w", "m", "s"), truth=_adam,
        cases=drawn("shape step", [((3,), 1), ((2, 3), 2), ((4,), 7), ((3,), 500)],
            w="rng.normal(size=shape)", m="0.1 * rng.normal(size=shape) * (step > 1)",
            s="rng.uniform(0.001, 0.01, shape) * (step > 1)", g="rng.normal(size=shape)",
            t="step", rate="float(rng.uniform(0.01, 0.1))"),
        extremes={"gradients that were always 0": {"g": "0 * g", "s": "0 * s"}},
        mistakes={
            "the averages are not corrected": "(true(t=10**9)[0], None, None)",
            "this corrects by one step too many: t is the number of this step":
                "(true(t=t + 1)[0], None, None)",
            "the gradient is not squared in s": "true(s=s + (1 - 0.999) / 0.999 * (g - g * g))",
            "the weights go uphill": "(2 * w - true()[0], None, None)",
            "only m is corrected, s is not": "(_m_alone_corrected(**case), None, None)",
            "only s is corrected, m is not": "(w + (true()[0] - w) * (1 - 0.9**t), None, None)",
            "β₁ and β₂ are exchanged": "_adam(w, m, s, g, t, rate, betas=(0.999, 0.9))",
            "the corrected averages are returned: those that go on are uncorrected":
                "(None, true()[1] / (1 - 0.9**t), true()[2] / (1 - 0.999**t))",
            "the new gradient has weight β, the old average 1 - β":
                "_adam(w, m, s, g, t, rate, betas=(0.1, 0.001))",
            "the average is not updated": "(None, m, s)",
        },
    ),
    Exercise(
        "6.3", gives=("w", "s"), truth=_rmsprop,
        cases=drawn("shape", [(3,), (2, 3), (4,)], w="rng.normal(size=shape)",
            s="rng.uniform(0.5, 2, shape)", g="rng.normal(size=shape)",
            rate="float(rng.uniform(0.01, 0.1))"),
        extremes={"gradients that were always 0": {"g": "0 * g", "s": "0 * s"}},
        mistakes={
            **_LEFT_IN,
            "ε stands inside the root": "(w - rate * g / np.sqrt(true()[1] + 1e-4), None)",
            "the step is divided by the old average: update it first":
                "(w - rate * g / (np.sqrt(s) + 1e-4), None)",
            "the new square has the weight 0.9, the old average 0.1":
                "(None, 0.1 * s + 0.9 * g * g)",
            "s is a sum here, as in AdaGrad, not an average": "(None, s + g * g)",
        },
    ),
    Exercise(
        "6.4", gives=("the weights",), truth="_uniform(u, 2 / sum(u.shape))",
        cases=drawn("shape", [(3, 5), (10, 2), (4, 7)], u="rng.uniform(size=shape)"),
        extremes={"a very wide layer": {"u": "rng.uniform(size=(1, 10_000))"}},
        mistakes={
            "a is not the standard deviation: a uniform distribution has the variance a²/3":
                "_uniform(u, 2 / sum(u.shape) / 3)",
            "this is He's variance, 2 / n_in: Xavier's has the inputs and the outputs":
                "_uniform(u, 2 / u.shape[1])",
            "the variance is 1 / n_in: Xavier's has the inputs and the outputs":
                "_uniform(u, 1 / u.shape[1])",
            "the variance is 2 / n_out: Xavier's has the inputs and the outputs":
                "_uniform(u, 2 / u.shape[0])",
            "the variance has 1 where there is a 2": "_uniform(u, 1 / sum(u.shape))",
            "the variance has the product of inputs and outputs: take their sum":
                "_uniform(u, 2 / u.size)",
            "the weights go from 0 to a, and none is negative": "u * np.sqrt(6 / sum(u.shape))",
            "the weights go from -a/2 to a/2": "_uniform(u, 0.5 / sum(u.shape))",
            "the root is missing": "(2 * u - 1) * 6 / sum(u.shape)",
            "the numbers are not centred: 2u - 1 lies between -1 and 1":
                "2 * u * np.sqrt(6 / sum(u.shape))",
        },
    ),
)  # fmt: skip
