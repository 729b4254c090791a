"""Networks with one wrong rule in them: what gradcheck is to find, and to name."""

from __future__ import annotations

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
    mistake: str | None


PLANTS = [
    Plant("tanh", 0, lambda g, y, x: -g * (1 - y * y), "sign"),
    Plant("tanh", 0, lambda g, y, x: 2 * g * (1 - y * y), "factor"),
    Plant("tanh", 0, lambda g, y, x: g * (1 - x * x), "used argument 0 where the output"),
    Plant("tanh", 0, lambda g, y, x: 1 - y * y, "forgot to multiply by the gradient"),
    Plant("tanh", 0, lambda g, y, x: g * g * (1 - y * y), "once too often"),
    Plant("tanh", 0, lambda g, y, x: g * (1 + y * y), None),
    Plant("tanh", 0, lambda g, y, x: g * (1 - y), None),
    Plant("tanh", 0, lambda g, y, x: 0 * g, "zero"),
    Plant("tanh", 0, changed_in_place, "in place"),
    Plant("sigmoid", 0, lambda g, y, x: g * x * (1 - x), "used argument 0 where the output"),
    Plant("sigmoid", 0, lambda g, y, x: g * (1 - y), "forgot to multiply by the output"),
    Plant("sigmoid", 0, lambda g, y, x: g * y * (y - 1), "sign"),
    Plant("sigmoid", 0, lambda g, y, x: g * y * y * (1 - y), "the output once too often"),
    Plant("softmax", 0, lambda g, y, x: g * y * (1 - y), "forgot paths"),
    Plant("softmax", 0, lambda g, y, x: y * (g - np.sum(g, -1, keepdims=True)), None),
    Plant("softmax", 0, lambda g, y, x: g - np.sum(g * y, -1, keepdims=True), "the output"),
    Plant("softmax", 0, lambda g, y, x: y * (g - np.sum(g * y, keepdims=True)), None),
    Plant("linear", 0, lambda g, y, x, w, b: g @ w.T, None),
    Plant("linear", 1, lambda g, y, x, w, b: x.T @ g, "transposed"),
    Plant("linear", 1, lambda g, y, x, w, b: g.T @ x / len(x), "batch size"),
    Plant("linear", 1, lambda g, y, x, w, b: g[:1].T @ x[:1], "forgot to sum"),
    Plant("linear", 1, lambda g, y, x, w, b: -(g.T @ x), "sign"),
    Plant("linear", 2, lambda g, y, x, w, b: g[0], "forgot to sum"),
    Plant("linear", 2, lambda g, y, x, w, b: np.mean(g, 0), "batch size"),
    Plant("linear", 2, lambda g, y, x, w, b: np.sum(g, 0) * b, "argument 2 once too often"),
    Plant("multiply", 0, lambda g, y, a, b: g * a, "used argument 0 where argument 1"),
    Plant("multiply", 1, lambda g, y, a, b: g * b, "used argument 1 where argument 0"),
    Plant("multiply", 0, lambda g, y, a, b: g, "forgot to multiply by argument 1"),
    Plant("divide", 1, lambda g, y, a, b: g * a / b**2, "sign"),
    Plant("divide", 1, lambda g, y, a, b: -g * a / b, "used argument 0 where the output"),
    Plant("divide", 0, lambda g, y, a, b: g * b, None),
    Plant("square", 0, lambda g, y, x: g * x, "1/2"),
    Plant("square", 0, lambda g, y, x: 2 * g * y, "used the output where argument 0"),
    Plant("exp", 0, lambda g, y, x: g * x, "used argument 0 where the output"),
    Plant("exp", 0, lambda g, y, x: g, "forgot to multiply by the output"),
    Plant("sqrt", 0, lambda g, y, x: g / (2 * x), "used argument 0 where the output"),
    Plant("sqrt", 0, lambda g, y, x: g / y, "factor"),
    Plant("relu", 0, lambda g, y, x: g * (x < 0), None),
    Plant("relu", 0, lambda g, y, x: g, "wrong at"),
    Plant("normalised", 0, lambda g, y, x: g / np.std(x, 0), None),
    Plant("normalised", 0, lambda g, y, x: (g - np.mean(g, 0)) / np.std(x, 0), None),
    Plant("normalised", 0, lambda g, y, x: normalised_rule(g, y, x) * np.std(x, 0), None),
    Plant("logsumexp", 0, lambda g, y, x: softmax(x), "forgot to multiply by the gradient"),
    Plant("logsumexp", 0, lambda g, y, x: g[..., None] * np.exp(x), None),
    Plant("cumsum", 0, lambda g, y, x: np.cumsum(g, axis=1), None),
    Plant("cumsum", 0, lambda g, y, x: g, "forgot paths"),
    Plant("valid", 0, lambda g, y, x, k: spread(g, k, flipped=False), None),
    Plant("valid", 1, lambda g, y, x, k: windows_by(g, x, k.size)[::-1], None),
    Plant("valid", 1, lambda g, y, x, k: windows_by(g, x, k.size) / len(x), "batch size"),
    Plant("length", 0, lambda g, y, x: g[:, None] * x, None),
    Plant("matmul", 0, lambda g, y, a, b: g @ b, "used argument 1 where its transpose"),
    Plant("matmul", 1, lambda g, y, a, b: a @ g, "used argument 0 where its transpose"),
    Plant("matmul", 1, lambda g, y, a, b: (a.T @ g).T, "transposed"),
    Plant("cost", 0, lambda g, y, a, t: g * (a - t), "batch size"),
    Plant("cost", 0, lambda g, y, a, t: g * (t - a) / len(a), "sign"),
    Plant("cost", 0, lambda g, y, a, t: (a - t) / len(a), "forgot to multiply by the gradient"),
]


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
    sizes = {"x": (5, 4), "w": (4, 4), "b": (4,), "v": (6, 4), "c": (6,), "k": (3,), "m": (4, 4)}
    sizes |= {"t": (5, 4)}
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
