"""gradcheck where all is right: no alarm, however numbers cancel, tie or differ in size."""

import random
import re

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradcheck, gradients, history, primitive
from microgradnd.operators import plain
from tests.check.planted import WRONG_SINE, network, operations
from tests.engine.cases import CASES
from tests.numerical import outputs
from tests.properties.programs import NUMPY, program_from

X = np.array([0.5, 1.0, 2.0])
COEFFICIENTS = np.random.default_rng(0).normal(size=(3, 7))


@pytest.mark.parametrize("case", [c for c in CASES if all(x.size for x in c.inputs)], ids=repr)
def test_every_rule_of_the_engine_is_right(case):
    if any(y.size for y in outputs(case.call(*case.inputs))):
        assert gradcheck(case.call, *case.inputs, forward=True)


def is_defined(program):
    """Whether the program, drawn for other inputs perhaps, has a finite value and a gradient."""
    try:
        with np.errstate(all="ignore"):
            total = program.total([Tensor(x, requires_grad=True) for x in program.inputs()], NUMPY)
            total.backward()
            return np.isfinite(total.item())
    except (ZeroDivisionError, np.linalg.LinAlgError, RuntimeError):
        return False
    except (TypeError, ValueError) as error:
        if re.search("would overwrite|are not determined", str(error)):
            return False
        raise


# On jumps, at the end of a quantile's ties, by rounding alone, where a nan is ignored, on waves of
# a length of 1e-6 and 1e-9, at a distance of 1e-6 from a kink, and where many are tied.
FAILED_ONCE = 133, 307, 635, 1114, 265, 430, 1335, 2376, 4449, 1314
HEAVY = [
    pytest.param(range(k, k + step), changes, marks=pytest.mark.heavy)
    for step, changes in ((75, {}), (25, {"tied": True}))
    for k in range(0, 100 * step, step)
]


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:Degrees of freedom")
@pytest.mark.parametrize(
    ("numbers", "changes"),
    [
        (range(60), {}),
        (range(60), {"tied": True}),
        (FAILED_ONCE, {"tied": True}),
        ((8025,), {}),  # all changes are lost beside a 1
        *HEAVY,
    ],
)
def test_random_programs_raise_no_alarm(numbers, changes):
    for number in numbers:
        program = program_from(random.Random(number))._replace(**changes)
        if is_defined(program):
            f = lambda *xs, p=program: p.total(xs, NUMPY)  # noqa: E731
            report = gradcheck(f, *program.inputs(), forward=True)
            assert report, f"program {number}\n{program!r}\n{report}"


BEHIND = [(58, "inv"), (128, "nansum"), (172, "prod"), (204, "nanmean")]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("number", "name"), BEHIND)
def test_a_wrong_rule_is_named_where_all_inputs_are_at_kinks(number, name, monkeypatch):
    program = program_from(random.Random(number))._replace(tied=True)
    f = lambda *xs: program.total(xs, NUMPY)  # noqa: E731
    made = f(*(Tensor(x, requires_grad=True) for x in program.inputs()))
    operations = [node.operation for node in history(made) if node.operation is not None]
    operation = next(each for each in operations if each.name == name)
    rule, *others = operation.rules
    twice = lambda *given, **options: 2 * rule(*given, **options)  # noqa: E731
    monkeypatch.setattr(operation, "rules", (twice, *others))
    culprits = gradcheck(f, *program.inputs()).culprits
    assert {culprit.operation for culprit in culprits} == {name}


RIGHT = {
    "nine outputs, each looked at": lambda x: np.outer(x, x),
    "27 outputs, in random combinations": lambda x: np.kron(np.outer(x, x), x),
    "nested outputs": lambda x: (np.sin(x), {"sum": np.sum(x)}),
    "terms that cancel": lambda x: np.sum(
        x @ (COEFFICIENTS - np.mean(COEFFICIENTS, 1, keepdims=True))
    ),
    "zero but for rounding": lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))),
    "the same of a mean": lambda x: np.sum((x - np.mean(x)) / np.std(x)),
    "on a large offset": lambda x: 1e5 + np.sum(np.sin(x)),
    "contributions that cancel": lambda x: np.sum(x**3) + (1e10 * np.sum(x) - 1e10 * np.sum(x)),
    "a shift that cancels": lambda x: np.log(np.sum(np.exp(x - x.data.max()))) + x.data.max(),
    "gradients inside": lambda x: gradients(np.sum(np.tanh(x * (w := leaf()))), w) ** 2,
}


@pytest.mark.parametrize("many", [1, 30])  # entries one by one, or in directions
def test_the_function_gets_the_layout_of_the_inputs(many):
    x = np.random.default_rng(0).normal(size=(4 * many, 3)).T

    def of_columns(x):
        assert plain(x).flags.f_contiguous
        return np.sum(np.sin(np.ravel(x, order="A")) * np.arange(x.size))

    gradient = grad(of_columns)(x)
    assert gradcheck(of_columns, x, order=2, forward=True)
    assert gradcheck(of_columns, x, gradient=lambda x: gradient)
    assert not gradcheck(of_columns, x, gradient=gradient[::-1])
    report = gradcheck(lambda x: of_columns(x) + np.sum(WRONG_SINE(x) * x), x)
    assert [culprit.operation for culprit in report.culprits] == ["wrong_sine"]


def leaf():
    return Tensor([3.0, 1.0, 0.5], requires_grad=True)


@pytest.mark.parametrize("name", RIGHT)
def test_no_alarm_but_with_a_mistake_beside_it(name):
    f = RIGHT[name]
    for seed in range(6):
        x = np.random.default_rng(seed).normal(size=3)
        report = gradcheck(f, x)
        assert report
        assert not report.rows[0].having("kink")
    assert gradcheck(f, X, order=2)
    report = gradcheck(lambda x: (f(x), 1e-3 * np.sum(WRONG_SINE(x))), X)
    assert report.culprit.operation == "wrong_sine"


SCALES = {
    "a flat entry beside a steep one": (lambda x: np.sum(np.exp(-(x**2))), [0.5, 1e4]),
    "a narrow bump": (lambda x: np.sum(np.exp(-((1e4 * x) ** 2))), [5e-5, 1.0]),
    "saturated": (lambda x: np.sum(np.tanh(x)), [0.5, 1e15]),
    "small beside large": (lambda x: np.sum(np.log(x)), [1e-10, 1.0]),
    "huge": (lambda x: np.sum(x / 1e160), [1e200, -3e200]),
    "tiny": (lambda x: np.sum(x * x), [1e-310, 2e-310]),
    "very near a kink": (lambda x: np.sum(np.maximum(x, 0)), [1e-11, -1e-9, 3e-7]),
}


@pytest.mark.parametrize(("f", "x"), SCALES.values(), ids=SCALES)
def test_no_alarm_on_any_scale(f, x):
    report = gradcheck(f, np.array(x))
    assert report
    assert report.rows[0].verdict == "right"


def test_a_network_is_right_to_second_order_and_forward():
    f, inputs = network(operations(), np.random.default_rng(0))
    report = gradcheck(f, *inputs, order=2, forward=True)
    assert report
    assert [row.name for row in report.rows[:3]] == ["x", "w", "b"]
    assert len(report.rows) == 16
    assert all(x.grad is None for x in inputs)


def test_nested_inputs_and_whole_numbers():
    inputs = {"weights": [np.ones((2, 2)), np.zeros(2)], "rate": 0.5}
    f = lambda p: np.sum(np.tanh(p["weights"][0] @ p["weights"][1]) * p["rate"])  # noqa: E731
    assert len(gradcheck(f, inputs).rows) == 3
    assert gradcheck(np.sum, np.ones((2, 3)), 1)
    assert gradcheck(lambda x, y: np.sum(x * x) + np.sum(y), np.ones(3), np.ones((0, 2)))
    assert gradcheck(lambda x, n=2: np.sum(x[:n]), np.ones(3), 2)
    assert len(gradcheck(lambda x, n: np.sum(x**n), -np.ones(3), 2).rows) == 1
    assert gradcheck(lambda y: np.sum(y**2), leaf() * 2)  # computed, but not closed over


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_large_network_in_directions(dtype):
    rng = np.random.default_rng(0)
    shapes = ((784, 30), (30,), (30, 10), (10,))
    arrays = [rng.normal(0, 0.1, shape).astype(dtype) for shape in shapes]
    parameters = w, b, v, c = [Tensor(array, requires_grad=True) for array in arrays]
    x, t = rng.uniform(size=(10, 784)).astype(dtype), np.eye(10, dtype=dtype)

    def loss(sine=np.sin):
        return np.sum((sine(np.tanh(x @ w + b) @ v + c) - t) ** 2) / 20

    report = gradcheck(loss, *parameters)
    assert report
    assert report.rows[0].directions
    assert w.dtype == dtype
    assert gradcheck(lambda: loss(WRONG_SINE), *parameters).culprit.operation == "wrong_sine"


# ---- forward mode --------------------------------------------------------------------------------

# Right on arrays; handed Tensors it gives the same numbers, with another derivative.
ODD = primitive(np.sin, lambda g, y, x: g * np.cos(x) + (g - g.numpy()) * 2
                if isinstance(g, Tensor) else g * np.cos(x), name="odd")  # fmt: skip
HILBERT = 1 / (np.arange(8)[:, None] + np.arange(8) + 1.0)
ROUNDED = {
    "exact": lambda x: np.sum(x),
    "a large number that cancels": lambda x: np.sum(x**3) + (1e9 * np.sum(x) - 1e9 * np.sum(x)),
    "large functions that nearly cancel": lambda x: np.sum((1e9 * np.sin(x) + x**2) - 1e9 * np.sin(x)),
    "large factors that nearly cancel": lambda x: np.sum(np.exp(x)) * 1e9 - np.sum(np.exp(x)) * (1e9 - 1),
    "a sum that is constant": lambda x: 1e9 * np.sum(np.exp(x) / np.sum(np.exp(x))),
    "on a large offset": lambda x: np.sum(np.sin((x + 1e9) - 1e9)),
    "products that cancel inside": lambda x: np.array([1e9, 1 - 1e9, 1.0]) @ np.stack([x, x, np.sin(x)]),
    "an unstable solution": lambda x: np.linalg.solve(HILBERT * x[0], np.ones(8)),
    "tiny": lambda x: np.sum((1e-155 * x) * (1e-155 * x)),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("seed", range(3))
def test_forward_mode_may_be_off_by_what_rounding_explains(name, seed):
    f, x = ROUNDED[name], np.random.default_rng(seed).normal(size=4)
    assert gradcheck(f, x, forward=True)
    report = gradcheck(lambda x: np.sum(f(x)) + np.sum(ODD(x)), x, forward=True)
    assert report.culprit.operation == "forward mode"
    assert gradcheck(lambda x: np.sum(ODD(x)), x)


def test_forward_mode_where_inputs_share_a_gradient_or_slopes_are_infinite():
    assert gradcheck(lambda a, b: a + b, np.ones(3), 2.0, forward=True)
    assert gradcheck(np.add, np.ones(3), np.ones(3), forward=True)
    report = gradcheck(lambda x: np.sum(np.sqrt(x)), np.array([0.0, 1.0]), forward=True)
    assert report
    assert "forward mode cannot be compared" in str(report)
