"""Lesson 8: derivatives beyond gradients, and an autograd of one's own."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import nn.functional as F  # noqa: N812
from microgradnd import Tensor, grad, gradients, hessian, hvp

from .exercise import Array, Case, Exercise, cut, drawn

# 8.1 a Jacobian
_softmax = partial(F.softmax, dim=0)


# 8.2 and 8.3 the cost of a logistic regression
def _cost(w: Any, X: Array, y: Array) -> Any:
    z = X @ w
    return np.sum(np.logaddexp(0, z) - y * z) / len(X)


def _hessian_times(X: Array, w: Array, v: Array, cost: Callable[..., Any] = _cost) -> Any:
    return hvp(lambda w: cost(w, X, np.zeros(len(X))), w, v)


def _newton(w: Array, X: Array, y: Array) -> Array:
    return w - np.linalg.solve(*_both(w, X, y))


def _both(w: Array, X: Array, y: Array) -> tuple[Array, Array]:
    """The Hessian and the gradient of the cost."""
    return hessian(lambda w: _cost(w, X, y))(w), grad(lambda w: _cost(w, X, y))(w)


# 8.4 an autograd
Program = list[list[Any]]

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "matmul": lambda a, b: a @ b,
    "tanh": lambda a: np.tanh(a),
    "sum": lambda a: np.sum(a),
}


def _run(
    program: Program, inputs: list[Any], operations: dict[str, Callable[..., Any]] = _OPERATIONS
) -> Any:
    values = list(inputs)
    for name, *places in program:
        values.append(operations[name](*(values[place] for place in places)))
    return values[-1]


def _gradients(
    program: Program, x: Array, y: Array, z: Array, run: Callable[..., Any] = _run
) -> tuple[Array, ...]:
    leaves = [Tensor(value, requires_grad=True) for value in (x, y, z)]
    return tuple(part.numpy() for part in gradients(run(program, leaves), leaves))


def _with(case: Case, **operations: Callable[..., Any]) -> tuple[Array, ...]:
    """The gradients where some operations have another derivative."""
    return _gradients(**case, run=lambda p, v: _run(p, v, _OPERATIONS | operations))


def _counting_one_use(case: Case, keep_last: bool) -> tuple[Array, ...]:
    """The gradients where of all uses of a value only one is counted."""

    def run(program: Program, inputs: list[Any]) -> Any:
        uses = [(k, j) for k, (_, *places) in enumerate(program) for j in range(len(places))]
        counted: dict[int, tuple[int, int]] = {}
        for k, j in uses if keep_last else reversed(uses):
            counted[program[k][1 + j]] = (k, j)
        values = list(inputs)
        for k, (name, *places) in enumerate(program):
            operands = [
                values[place] if counted[place] == (k, j) else cut(values[place])
                for j, place in enumerate(places)
            ]
            values.append(_OPERATIONS[name](*operands))
        return values[-1]

    return _gradients(**case, run=run)


def _programs(rng: np.random.Generator) -> Iterator[Case]:
    def case(program: Program, *shapes: tuple[int, ...]) -> Case:
        x, y, z = (0.5 * rng.normal(size=shape) for shape in shapes)
        return {"program": program, "x": x, "y": y, "z": z}

    yield case([["add", 0, 1], ["mul", 3, 2], ["sum", 4]], (3,), (3,), (3,))
    yield case([["matmul", 0, 1], ["tanh", 3], ["mul", 4, 2], ["sum", 5]], (2, 3), (3, 4), (2, 4))
    yield case(
        [["mul", 0, 1], ["tanh", 3], ["add", 4, 3], ["mul", 5, 0], ["mul", 6, 2], ["sum", 7]],
        (4,), (4,), (4,),
    )  # fmt: skip
    yield case([["add", 0, 1], ["mul", 3, 2], ["sum", 4]], (4, 3), (3,), (4, 1))
    yield case([["add", 0, 1], ["sum", 3]], (2,), (2,), (2,))
    doubled = [["add", k, k] for k in range(3, 43)]
    yield case([["mul", 0, 1], *doubled, ["mul", 43, 2], ["sum", 44]], (2,), (2,), (2,))
    long = [["add", 3 + k, 1] for k in range(3000)]
    yield case([["mul", 0, 2], *long, ["sum", 3003]], (2,), (2,), (2,))


EXERCISES = (
    Exercise(
        "8.1", gives=("the Jacobian",), truth="jacobian(_softmax)(z)",
        cases=drawn("n", [4, 3, 6], z="rng.normal(size=n)"),
        extremes={"z of 800": {"z": "z + 800 * np.sign(z)"}},
        mistakes={
            "the path through the sum S is missing":
                "jacobian(lambda z: np.exp(z) / np.sum(np.exp(cut(z))))(z)",
            "the path through exp(z[i]) is missing: it is there for k = i":
                "jacobian(lambda z: np.exp(cut(z)) / np.sum(np.exp(z)))(z)",
            "this is the diagonal alone: each score reaches every probability":
                "np.diag(np.diag(jacobian(_softmax)(z)))",
            "this is the diagonal as a vector: J has a row for each p[i]":
                "np.diag(jacobian(_softmax)(z))",
            "the term p[i] p[k] has the wrong sign: more of one score makes the others less":
                "jacobian(lambda z: (np.exp(z) * cut(1 / np.sum(np.exp(z))) - np.exp(cut(z)) / "
                "np.sum(np.exp(z))))(z)",
            "this is the Jacobian of log(softmax)":
                "jacobian(lambda z: z - np.log(np.sum(np.exp(z))))(z)",
            "p[i] (1 - p[i]) is the slope of a sigmoid: here also off the diagonal":
                "np.repeat(np.diag(jacobian(_softmax)(z))[:, None], len(z), axis=1)",
        },
    ),
    Exercise(
        "8.2", gives=("H v",), truth=_hessian_times,
        cases=drawn("m n", [(6, 3), (4, 4), (9, 2), (3, 20_000)], X="rng.normal(size=(m, n))",
            w="rng.normal(size=n) / np.sqrt(n)", v="rng.normal(size=n) / np.sqrt(n)"),
        about=("", "", "", "20,000 weights: H is too large to be built"),
        extremes={"sums of hundreds":
            {"X": "np.append(X[:3], np.sign(X[3:, :1]) * 800 * w / (w @ w), axis=0)"}},
        mistakes={
            "σ′ is missing":
                "_hessian_times(X, w, v, lambda w, X, y: np.sum((X @ w) ** 2) / (2 * len(X)))",
            "you forgot to divide by the number of points": "len(X) * true()",
            "this has σ(z) where σ′(z) belongs": "X.T @ (sigmoid(X @ w) * (X @ v)) / len(X)",
            "σ′ is taken at X v: it belongs at X w": "_hessian_times(X, v, v)",
            "w and v are exchanged": "_hessian_times(X, v, w)",
            "σ′ is taken at X w, but w stands where v belongs": "_hessian_times(X, w, w)",
            "this is the gradient, with y = 0": "grad(lambda w: _cost(w, X, np.zeros(len(X))))(w)",
            "this is v · H v, one number": "np.sum(v * true())",
        },
    ),
    Exercise(
        "8.3", gives=("the weights",), truth=_newton,
        cases=drawn("m n", [(12, 3), (8, 2), (20, 4)], w="0.5 * rng.normal(size=n)",
            X="rng.normal(size=(m, n))", y="rng.integers(0, 2, m).astype(float)"),
        extremes={"features of 10,000": {"X": "1e4 * X", "w": "1e-4 * w"}},
        mistakes={
            "the step goes the wrong way": "2 * w - true()",
            "this is the step of gradient descent: the Hessian is missing": "w - _both(w, X, y)[1]",
            "multiplied by H: solve H d = -∇C, which divides by it":
                "w - _both(w, X, y)[0] @ _both(w, X, y)[1]",
            "only the diagonal of H is used": "w - _both(w, X, y)[1] / np.diag(_both(w, X, y)[0])",
            "the step is m times too long: gradient and Hessian share the 1/m":
                "w + len(X) * (true() - w)",
            "the step is m times too short: gradient and Hessian share the 1/m":
                "w + (true() - w) / len(X)",
            "this is the step alone: add it to w": "true() - w",
            "the Hessian lacks σ′(z)": "w - np.linalg.solve(X.T @ X / len(X), _both(w, X, y)[1])",
            "the gradient has no labels: it is Xᵀ(σ(z) - y)/m":
                "w - np.linalg.solve(_both(w, X, y)[0], _both(w, X, 0 * y)[1])",
        },
    ),
    Exercise(
        "8.4", gives=("dx", "dy", "dz"), cases=_programs, truth=_gradients,
        about=(
            "add and mul",
            "matmul and tanh",
            "values that are used several times",
            "operands that are repeated",
            "an input that is not used",
            "a value doubled 40 times: visit every value once, not every path",
            "a chain of 3,000 steps: use a loop where a function calls itself",
        ),
        extremes={"inputs of a million": {"x": "1e6 * x"}},
        mistakes={
            "of the several uses of a value only the last is counted: add them":
                "_counting_one_use(case, keep_last=True)",
            "of the several uses of a value only the first is counted: add them":
                "_counting_one_use(case, keep_last=False)",
            "the slope of tanh is missing": "_with(case, tanh=lambda a: as_if(np.tanh(a), a))",
            "tanh has the slope 1 - tanh²: this has 1 - tanh":
                "_with(case, tanh=lambda a: as_if(np.tanh(a), cut(1 - np.tanh(a)) * a))",
            "mul gives each operand its own value: it belongs to the other":
                "_with(case, mul=lambda a, b: as_if(a * b, cut(a) * a + cut(b) * b))",
            "mul is treated as add: each operand's slope is the other operand":
                "_with(case, mul=lambda a, b: as_if(a * b, a + b))",
        },
    ),
)  # fmt: skip
