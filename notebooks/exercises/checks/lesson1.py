"""Lesson 1: the chain rule and its many paths."""

from typing import Any

import numpy as np

from .exercise import Exercise, Loss, Slope, cut, drawn, sigmoid

SHAPES = [(4,), (2, 3), (5,), (1,)]


def _paths(w: Any, direct: int = 1, through_a: int = 1, through_both: int = 1) -> Any:
    """L = a + b² with a = sin w and b = w a, each of the three paths counted so many times."""
    a = np.sin(w)
    b = cut(w * a)
    b = b + direct * (w - cut(w)) * cut(a) + through_both * cut(w) * (a - cut(a))
    return np.sum(cut(a) + through_a * (a - cut(a)) + b**2)


EXERCISES = (
    Exercise(
        "1.1", gives=("the slope",), truth=Slope(lambda z: np.sum(sigmoid(z)), "z"),
        cases=drawn("shape", SHAPES, z="4 * rng.uniform(-1, 1, size=shape)"),
        extremes={"z of hundreds": {"z": "z * [1, 300, 300, 300]"}},
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
        "1.2", gives=("dy/dx",), truth=Slope(lambda x: np.sum(np.exp(np.exp(x**2))), "x"),
        cases=drawn("shape", SHAPES, x="1.2 * rng.uniform(-1, 1, size=shape)"),
        extremes={"x close to 0": {"x": "1e-9 * x"}},
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
        "1.3", gives=("dL/dw",), truth=Slope(_paths, "w"),
        cases=drawn("shape", SHAPES, w="3 * rng.uniform(-1, 1, size=shape)"),
        extremes={"w of a million": {"w": "1e6 * w"}},
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
