"""Lesson 1: the chain rule and its many paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Exercise, Loss, Slope, cut, drawn, sigmoid

TITLE = "The chain rule and its many paths"
INTRODUCTION = """\
Three derivatives to work out by hand: of one function, of functions inside each other, and of a
number that is reached by several paths."""
SHAPES = [(4,), (2, 3), (5,), (1,)]


def _paths(w: Any, direct: int = 1, through_a: int = 1, through_both: int = 1) -> Any:
    """L = a + b² with a = sin w and b = w a, each of the three paths counted so many times."""
    a = np.sin(w)
    b = cut(w * a)
    b = b + direct * (w - cut(w)) * cut(a) + through_both * cut(w) * (a - cut(a))
    return np.sum(cut(a) + through_a * (a - cut(a)) + b**2)


EXERCISES = (
    Exercise(
        "1.1", "sigmoid_slope", "The derivative of the sigmoid",
        statement="""\
The sigmoid is σ(z) = 1 / (1 + e⁻ᶻ). Write its derivative σ′(z), for each entry of an array `z`.""",
        start='''\
def sigmoid_slope(z):
    """σ'(z) for each entry of z."""
    ...
''',
        hints=(
            "σ is 1/u with u = 1 + e⁻ᶻ. The chain rule gives the derivative of 1/u by u, times "
            "that of u by z.",
            "The derivative of 1/u is -1/u², and that of e⁻ᶻ is -e⁻ᶻ: two minus signs.",
            "You have e⁻ᶻ / (1 + e⁻ᶻ)². Write it with s = σ(z) alone: e⁻ᶻ / (1 + e⁻ᶻ) is 1 - s.",
        ),
        gives=("the slope",), truth=Slope(lambda z: np.sum(sigmoid(z)), "z"),
        cases=drawn("shape", SHAPES, z="4 * rng.uniform(-1, 1, size=shape)"),
        mistakes={
            "this is σ(z) itself; its slope has one more factor": "sigmoid(z)",
            "this is 1 - σ(z); the slope has one more factor": "sigmoid(-z)",
            "the slope is written with σ(z), and you put z in its place": "z - z**2",
            "σ is applied twice": "true(z=sigmoid(z))",
            "there is a + where the slope has a -": "sigmoid(z) * (1 + sigmoid(z))",
            "this is the derivative of tanh": Loss("np.sum(np.tanh(z))"),
            "you forgot the inner derivative, that of 1 + e⁻ᶻ": "-(sigmoid(z) ** 2)",
        },
    ),
    Exercise(
        "1.2", "tower_slope", "A function of a function of a function",
        statement="""\
Let y = exp(exp(x²)). Write dy/dx, for each entry of an array `x`: three functions inside each
other, so three factors.""",
        start='''\
def tower_slope(x):
    """dy/dx of y = exp(exp(x²)), for each entry of x."""
    ...
''',
        hints=(
            "Give the parts names: u = x², v = eᵘ, y = eᵛ. The chain rule is "
            "dy/dx = dy/dv · dv/du · du/dx.",
            "Each factor is taken where its own function is: dy/dv = eᵛ at v = exp(x²), not at x.",
            "dv/du = eᵘ = exp(x²) and du/dx = 2x. Multiply the three.",
        ),
        gives=("dy/dx",), truth=Slope(lambda x: np.sum(np.exp(np.exp(x**2))), "x"),
        cases=drawn("shape", SHAPES, x="1.2 * rng.uniform(-1, 1, size=shape)"),
        mistakes={
            "you forgot the innermost factor, the derivative of x²":
                Loss("np.sum(np.exp(np.exp(as_if(x**2, x))))"),
            "you forgot the factor in the middle, the derivative of exp(u) at u = x²":
                Loss("np.sum(np.exp(as_if(np.exp(x**2), x**2)))"),
            "you forgot the outermost factor, the derivative of exp(v) at v = exp(x²)":
                Loss("np.sum(np.exp(x**2))"),
            "the outer exponential is taken at x², not at exp(x²)":
                Loss("np.sum(np.exp(2 * x**2)) / 2"),
            "this is y itself, not its derivative": "np.exp(np.exp(x**2))",
        },
    ),
    Exercise(
        "1.3", "all_paths", "The forgotten path",
        statement="""\
A number `w` reaches L by several paths:

    a = sin(w)
    b = w · a
    L = a + b²

Somebody wrote dL/dw and forgot a path. Draw the graph, count the paths, and add the one that is
missing.""",
        start='''\
def all_paths(w):
    """dL/dw of L = a + b², a = sin(w), b = w a, for each entry of w."""
    a = np.sin(w)
    b = w * a
    dL_da, dL_db = 1, 2 * b
    db_dw, da_dw = a, np.cos(w)
    return dL_db * db_dw + dL_da * da_dw
''',
        hints=(
            "Arrows go from w to a, from w to b, from a to b, from a to L and from b to L. How "
            "many ways lead from w to L?",
            "Three: w → b → L, w → a → L, and one that visits both a and b.",
            "The third is w → a → b → L. Its product is dL/db · db/da · da/dw, and db/da = w.",
        ),
        gives=("dL/dw",), truth=Slope(_paths, "w"),
        cases=drawn("shape", SHAPES, w="3 * rng.uniform(-1, 1, size=shape)"),
        mistakes={
            "the path w → a → b → L is missing": Loss("_paths(w, through_both=0)"),
            "the path w → b → L is missing": Loss("_paths(w, direct=0)"),
            "the path w → a → L is missing": Loss("_paths(w, through_a=0)"),
            "only the path w → b → L is counted": Loss("_paths(w, 1, 0, 0)"),
            "only the path w → a → L is counted": Loss("_paths(w, 0, 1, 0)"),
            "only the path w → a → b → L is counted": Loss("_paths(w, 0, 0, 1)"),
            "the path w → a → b → L is counted with the wrong sign": Loss("_paths(w, 1, 1, -1)"),
            "the path w → a → L is counted twice": Loss("_paths(w, 1, 2, 1)"),
            "the path w → b → L is counted twice": Loss("_paths(w, 2, 1, 1)"),
        },
    ),
)  # fmt: skip
