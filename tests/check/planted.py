"""Networks with one wrong rule in them: what gradcheck is to find, and to name."""

from __future__ import annotations

import inspect
from typing import NamedTuple

import numpy as np

from microgradnd import Tensor, primitive, scope

WRONG_SINE = primitive(np.sin, lambda g, y, x: -g * np.cos(x), name="wrong_sine")


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def normalised(x):
    return (x - np.mean(x, 0)) / np.std(x, 0)


def normalised_rule(g, y, x):
    return (g - np.mean(g, 0) - y * np.mean(g * y, 0)) / np.std(x, 0)


def logsumexp(z):
    return np.log(np.sum(np.exp(z), axis=-1))


def valid(x, kernel):
    """A row-wise convolution without flipping, valid part only."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.size, axis=1)
    return windows @ kernel


def spread(g, kernel, flipped=True):
    padded = np.pad(g, ((0, 0), (kernel.size - 1, kernel.size - 1)))
    return valid(padded, kernel[::-1] if flipped else kernel)


def windows_by(g, x, size):
    return np.einsum("ij,ijk->k", g, np.lib.stride_tricks.sliding_window_view(x, size, axis=1))


# The right operations of the networks, each as a function with its rules.
RIGHT = {
    "linear": (lambda x, w, b: x @ w.T + b, lambda g, y, x, w, b: g @ w,
               lambda g, y, x, w, b: g.T @ x, lambda g, y, x, w, b: g),
    "tanh": (lambda x: np.tanh(x), lambda g, y, x: g * (1 - y * y)),
    "sigmoid": (sigmoid, lambda g, y, x: g * y * (1 - y)),
    "softmax": (softmax, lambda g, y, x: y * (g - np.sum(g * y, -1, keepdims=True))),
    "multiply": (lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "divide": (lambda a, b: a / b, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * a / b**2),
    "square": (lambda x: x * x, lambda g, y, x: 2 * g * x),
    "exp": (lambda x: np.exp(x), lambda g, y, x: g * y),
    "sqrt": (lambda x: np.sqrt(x), lambda g, y, x: g / (2 * y)),
    "relu": (lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0)),
    "normalised": (normalised, normalised_rule),
    "logsumexp": (logsumexp, lambda g, y, x: g[..., None] * softmax(x)),
    "cumsum": (lambda x: np.cumsum(x, 1), lambda g, y, x: np.cumsum(g[:, ::-1], 1)[:, ::-1]),
    "valid": (valid, lambda g, y, x, k: spread(g, k), lambda g, y, x, k: windows_by(g, x, k.size)),
    "length": (lambda x: np.sqrt(np.sum(x * x, axis=1)), lambda g, y, x: (g / y)[:, None] * x),
    "matmul": (lambda a, b: a @ b, lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g),
    "cost": (lambda a, t: np.sum((a - t) ** 2) / (2 * len(a)),
             lambda g, y, a, t: g * (a - t) / len(a), lambda g, y, a, t: g * (t - a) / len(a)),
}  # fmt: skip


def changed_in_place(g, y, x):
    g *= 1 - y * y
    return g


class Plant(NamedTuple):
    """A wrong rule for one argument of an operation, and what the report should call it."""

    operation: str
    argument: int
    rule: object
    mistake: str


MISTAKES = """
tanh 0: -g * (1 - y * y) -> sign ; 2 * g * (1 - y * y) -> factor ; g * (1 + y * y) -> ; g * (1 - y) ->
tanh 0: g * (1 - x * x) -> used argument 0 where the output ; 1 - y * y -> forgot to multiply by the gradient
tanh 0: g * g * (1 - y * y) -> once too often ; 0 * g -> zero ; changed_in_place(g, y, x) -> in place
sigmoid 0: g * x * (1 - x) -> used argument 0 where the output ; g * (1 - y) -> forgot to multiply by the output
sigmoid 0: g * y * (y - 1) -> sign ; g * y * y * (1 - y) -> the output once too often
softmax 0: g * y * (1 - y) -> forgot paths ; g - np.sum(g * y, -1, keepdims=True) -> the output
softmax 0: y * (g - np.sum(g, -1, keepdims=True)) -> ; y * (g - np.sum(g * y, keepdims=True)) ->
linear 0: g @ w.T ->
linear 1: x.T @ g -> transposed ; g.T @ x / len(x) -> batch size ; g[:1].T @ x[:1] -> forgot to sum ; -(g.T @ x) -> sign
linear 2: g[0] -> forgot to sum ; np.mean(g, 0) -> batch size ; np.sum(g, 0) * b -> argument 2 once too often
multiply 0: g * a -> used argument 0 where argument 1 ; g -> forgot to multiply by argument 1
multiply 1: g * b -> used argument 1 where argument 0
divide 0: g * b ->
divide 1: g * a / b**2 -> sign ; -g * a / b -> used argument 0 where the output
square 0: g * x -> 1/2 ; 2 * g * y -> used the output where argument 0
exp 0: g * x -> used argument 0 where the output ; g -> forgot to multiply by the output
sqrt 0: g / (2 * x) -> used argument 0 where the output ; g / y -> factor
relu 0: g * (x < 0) -> ; g -> wrong at
normalised 0: g / np.std(x, 0) -> ; (g - np.mean(g, 0)) / np.std(x, 0) -> ; normalised_rule(g, y, x) * np.std(x, 0) ->
logsumexp 0: softmax(x) -> forgot to multiply by the gradient ; g[..., None] * np.exp(x) ->
cumsum 0: np.cumsum(g, axis=1) -> ; g -> forgot paths
valid 0: spread(g, k, flipped=False) ->
valid 1: windows_by(g, x, k.size)[::-1] -> ; windows_by(g, x, k.size) / len(x) -> batch size
length 0: g[:, None] * x ->
matmul 0: g @ b -> used argument 1 where its transpose
matmul 1: a @ g -> used argument 0 where its transpose ; (a.T @ g).T -> transposed
cost 0: g * (a - t) -> batch size ; g * (t - a) / len(a) -> sign ; (a - t) / len(a) -> forgot to multiply by the gradient
"""


def plants():
    for line in MISTAKES.strip().splitlines():
        place, _, rules = line.partition(": ")
        operation, argument = place.split()
        names = inspect.signature(RIGHT[operation][1]).parameters
        for rule, mistake in (each.split(" ->") for each in rules.split(" ; ")):
            wrong = eval(f"lambda {', '.join(names)}: {rule}", globals())
            yield Plant(operation, int(argument), wrong, mistake.strip())


PLANTS = list(plants())


def operations(plant=None):
    """The operations as primitives, with the plant's rule in place of the right one."""
    made = {}
    for name, (function, *rules) in RIGHT.items():
        if plant is not None and plant.operation == name:
            rules[plant.argument] = plant.rule
        made[name] = primitive(function, *rules, name=name)
    return made


def network(op, rng):
    """A function of its parameters with some 25 operations, and values for the parameters."""
    sizes = {"x": (3, 2), "w": (2, 2), "b": (2,), "v": (4, 2), "c": (4,), "k": (3,), "m": (2, 2)}
    sizes |= {"t": (3, 2)}
    arrays = {name: rng.uniform(-1, 1, shape) for name, shape in sizes.items()}
    inputs = [Tensor(x, requires_grad=True, name=name) for name, x in arrays.items()]

    def f(x, w, b, v, c, k, m, t):
        with scope("first"):
            z = op["linear"](x, w, b)
            h = op["tanh"](z + 0.1)
        with scope("second"):
            h = op["normalised"](h + op["relu"](z))
            h = op["multiply"](h, op["sigmoid"](z))
        with scope("wide"):
            wide = op["linear"](h, v, c)
            kept = op["valid"](op["cumsum"](wide), k)
        mixed = op["matmul"](op["softmax"](kept), m)
        ratio = op["divide"](mixed, 1 + op["exp"](-z))
        sizes = op["length"](op["square"](ratio) + 0.5)
        evidence = op["logsumexp"](ratio)
        return 3 * op["cost"](ratio, t) + np.mean(op["sqrt"](1 + sizes * sizes) * evidence)

    return f, inputs
