"""gradcheck: right where differences agree, wrong with the culprit's name, kinks as kinks."""

import math
import random

import numpy as np
import pytest

from microgradnd import Tensor, gradcheck, no_grad, primitive, scope
from microgradnd.check.slopes import careful_slopes, quick_slope
from microgradnd.random_state import shared_generators
from tests.check.planted import PLANTS, network, operations
from tests.engine.cases import CASES
from tests.numerical import outputs
from tests.properties.programs import NUMPY, program_from

WRONG_SINE = primitive(np.sin, lambda g, y, x: -g * np.cos(x), name="wrong_sine")


# ---- the slopes ----------------------------------------------------------------------------------

SMOOTH = [
    (math.sin, math.cos, 0.3),
    (math.exp, math.exp, 3.0),
    (math.log, lambda x: 1 / x, 1e-6),
    (lambda x: math.sin(1000 * x), lambda x: 1000 * math.cos(1000 * x), 1.0),
    (lambda x: 1e8 + x * x, lambda x: 2 * x, 3.0),
    (lambda x: x**3, lambda x: 3 * x * x, 0.0),
    (lambda x: 5.0, lambda x: 0.0, 1.0),
    (lambda x: math.tanh(x) * 1e-9, lambda x: 1e-9 / math.cosh(x) ** 2, 0.2),
    (lambda x: (1 + x) ** 0.5, lambda x: 0.5 / (1 + x) ** 0.5, 1e-12),
]


@pytest.mark.parametrize(("f", "slope", "x"), SMOOTH)
def test_a_measured_slope_errs_by_less_than_it_says(f, slope, x):
    def along(t):
        try:
            return np.array([f(x + t)])
        except ValueError:
            return np.array([np.nan])

    through, left, right = careful_slopes(along, abs(x) or 1.0, abs(x))
    for found in (through, left, right):
        assert abs(found.value[0] - slope(x)) <= 10 * found.error[0] + 1e-9 * abs(slope(x))
    assert through.error[0] <= 1e-5 * max(abs(slope(x)), abs(f(x)), 1e-6)


def test_the_quick_slope_is_good_to_nine_digits_and_sees_a_bend():
    slope, bend = quick_slope(lambda t: np.sin([0.3 + t]), 1.0, np.sin([0.3]))
    assert abs(slope.value[0] - math.cos(0.3)) < 1e-9
    assert bend[0] < 1e-4
    _, bend = quick_slope(lambda t: np.abs([t]), 1.0, np.zeros(1))
    assert bend[0] == pytest.approx(2)


# ---- right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "case", [case for case in CASES if all(x.size for x in case.inputs)], ids=repr
)
def test_every_rule_of_the_engine_is_right(case, dtype):
    inputs = [x.astype(dtype) for x in case.inputs]
    if any(y.size for y in outputs(case.call(*inputs))):
        assert gradcheck(case.call, *inputs, forward=True)


def is_defined(program):
    """Whether the program, drawn for other inputs perhaps, has a finite value at its inputs."""
    try:
        with np.errstate(all="ignore"):
            return np.isfinite(program.total(map(Tensor, program.inputs()), NUMPY).item())
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return False


def check_programs(numbers, **changes):
    for number in numbers:
        program = program_from(random.Random(number))._replace(**changes)
        if is_defined(program):
            f = lambda *xs, p=program: p.total(xs, NUMPY)  # noqa: E731
            report = gradcheck(f, *program.inputs(), forward=True)
            assert report, f"program {number}\n{program!r}\n{report}"


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:Degrees of freedom")
def test_random_programs_raise_no_alarm():
    check_programs(range(60))
    check_programs(range(60), tied=True)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:Degrees of freedom")
@pytest.mark.parametrize("hundred", range(100))
def test_many_random_programs_raise_no_alarm(hundred):
    check_programs(range(hundred * 75, hundred * 75 + 75))
    check_programs(range(hundred * 25, hundred * 25 + 25), tied=True)


def test_a_network_is_right_to_second_order_and_forward():
    f, inputs = network(operations(), np.random.default_rng(0))
    report = gradcheck(f, *inputs, order=2, forward=True)
    assert report
    assert [row.name for row in report.rows[:3]] == ["x", "w", "b"]
    assert len(report.rows) == 16


@pytest.mark.parametrize("seed", range(10))
def test_contributions_that_cancel_leave_their_rounding(seed):
    """From Σx³ + cx - cx the gradient is (3x² + c) - c, which is a multiple of the last bit of c."""
    x = np.random.default_rng(seed).normal(size=4)
    cancelling = lambda x: np.sum(x**3) + (1e10 * np.sum(x) - 1e10 * np.sum(x))  # noqa: E731
    assert gradcheck(cancelling, x)
    report = gradcheck(lambda x: cancelling(x) + 1e-3 * np.sum(WRONG_SINE(x)), x)
    assert report.culprit.operation == "wrong_sine"


def test_it_needs_no_gradients_and_leaves_none():
    w = Tensor([0.5, -1.0], requires_grad=True)
    assert gradcheck(lambda: np.sum(np.tanh(w) ** 2), w)
    assert w.grad is None
    np.testing.assert_array_equal(w.data, [0.5, -1.0])


def test_outputs_that_are_not_scalar():
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    assert gradcheck(lambda x: np.outer(x[0], x[1]), x)  # nine outputs, each looked at
    assert gradcheck(lambda x: np.kron(x, x), x)  # 36 outputs, in random combinations
    assert gradcheck(lambda x: (np.sin(x), {"sum": np.sum(x)}), x)
    assert not gradcheck(lambda x: (np.cos(x), WRONG_SINE(x)), x)


def test_nested_inputs():
    inputs = {"weights": [np.ones((2, 2)), np.zeros(2)], "rate": 0.5}
    report = gradcheck(
        lambda p: np.sum(np.tanh(p["weights"][0] @ p["weights"][1]) * p["rate"]), inputs
    )
    assert len(report.rows) == 3


def test_a_large_network_in_directions():
    rng = np.random.default_rng(0)
    shapes = ((784, 30), (30,), (30, 10), (10,))
    parameters = [Tensor(rng.normal(0, 0.1, shape), requires_grad=True) for shape in shapes]
    x, t = rng.uniform(size=(10, 784)), np.eye(10)

    def loss(sine=np.sin):
        w, b, v, c = parameters
        return np.sum((sine(np.tanh(x @ w + b) @ v + c) - t) ** 2) / 20

    report = gradcheck(loss, *parameters)
    assert report
    assert report.rows[0].comparison.directions
    report = gradcheck(lambda: loss(WRONG_SINE), *parameters)
    assert report.culprit.operation == "wrong_sine"


def test_one_wrong_entry_among_many_is_found():
    def gradient(x):
        slope = 3 * x**2
        slope[123, 45] *= 1.001
        return slope

    x = np.random.default_rng(0).normal(1, 0.1, (200, 100))
    assert gradcheck(lambda x: np.sum(x**3), x, gradient=lambda x: 3 * x**2)
    report = gradcheck(lambda x: np.sum(x**3), x, gradient=gradient)
    assert not report
    assert (123, 45) in [wrong.place for wrong in report.rows[0].comparison.having("wrong")]


def test_float32_is_checked_without_false_alarms():
    rng = np.random.default_rng(0)
    w = Tensor(rng.normal(size=(20, 8)).astype(np.float32), requires_grad=True)
    x = rng.normal(size=(8, 20)).astype(np.float32)
    report = gradcheck(lambda: np.mean(np.exp(np.tanh(x @ w))), w)
    assert report
    assert w.dtype == np.float32
    assert not gradcheck(lambda: np.mean(np.exp(WRONG_SINE(x @ w))), w)


# ---- wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}")
def test_a_planted_mistake_is_found_and_named(plant):
    f, inputs = network(operations(plant), np.random.default_rng(0))
    report = gradcheck(f, *inputs)
    assert not report
    assert (report.culprit.operation, report.culprit.argument) == (plant.operation, plant.argument)
    if plant.mistake is not None:
        assert plant.mistake in report.culprit.mistake
    assert plant.operation in str(report)


def test_the_culprit_tells_where_it_is():
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")

    def f(x):
        with scope("encoder"), scope("second"):
            return np.sum(WRONG_SINE(x) * x)

    culprit = gradcheck(f, x).culprit
    assert culprit.scope == ("encoder", "second")
    assert "test_gradcheck.py" in culprit.line
    assert "WRONG_SINE(x) * x" in culprit.line
    assert culprit.shapes == ((2, 3),)
    assert culprit.given == pytest.approx(-culprit.expected)


def test_a_value_that_left_the_graph_is_found():
    x = np.array([0.5, 2.0])
    culprit = gradcheck(lambda x: np.sum(np.exp(x) * x.detach()), x).culprit
    assert (culprit.operation, culprit.argument) == ("multiply", 1)
    assert "left the graph" in culprit.mistake
    culprit = gradcheck(lambda x: np.sum(x) * float(np.sum(x.numpy())), x).culprit
    assert "left the graph" in culprit.mistake
    report = gradcheck(lambda x: np.sum(x.numpy()), x)
    assert not report
    assert "no history" in report.culprit.mistake
    relu = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu")
    scaled = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, name="scaled")
    kinked = np.array([0.0, 1.0])
    report = gradcheck(lambda x: (np.sum(relu(x)), x.numpy() * 2), kinked)
    assert report.culprit.operation == "an output"
    report = gradcheck(lambda x: np.sum(scaled(relu(x), float(np.sum(x.numpy() ** 2)))), kinked)
    assert (report.culprit.operation, report.culprit.argument) == ("scaled", "k")


def test_a_rule_must_be_linear_in_the_gradient_even_where_that_is_1():
    for rule in (
        lambda g, y, x: 2 * x,
        lambda g, y, x: g * g * 2 * x,
        lambda g, y, x: abs(g) * 2 * x,
    ):
        square = primitive(lambda x: np.sum(x * x), rule, name="square")
        for report in (gradcheck(square, np.array([0.5, 1.0])), gradcheck(square)):
            assert not report
            assert report.culprit.operation == "square"


def test_a_rule_right_to_first_order_only():
    def rule(g, y, x):
        return g * Tensor(np.cos(getattr(x, "_data", x)))  # its own derivative is lost

    half = primitive(np.sin, rule, name="half")
    x = np.array([0.3, 1.0])
    assert gradcheck(lambda x: np.sum(half(x)), x)
    assert not gradcheck(lambda x: np.sum(half(x)), x, order=2)


# Right on arrays; handed Tensors it gives the same numbers, with another derivative.
ODD = primitive(np.sin, lambda g, y, x: g * np.cos(x) + (g - g.numpy()) * 2
                if isinstance(g, Tensor) else g * np.cos(x), name="odd")  # fmt: skip


def test_a_rule_that_is_not_linear_is_no_match_for_forward_mode():
    x = np.array([0.3, 1.0])
    assert gradcheck(lambda x: np.sum(ODD(x)), x)
    report = gradcheck(lambda x: np.sum(ODD(x)), x, forward=True)
    assert not report
    assert report.culprit.operation == "forward mode"


HILBERT = 1 / (np.arange(8)[:, None] + np.arange(8) + 1.0)
ROUNDED = {
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


def test_forward_mode_where_inputs_share_a_gradient():
    assert gradcheck(lambda a, b: a + b, np.ones(3), 2.0, forward=True)
    assert gradcheck(np.add, np.ones(3), np.ones(3), forward=True)


def test_forward_mode_is_not_compared_where_slopes_are_infinite():
    report = gradcheck(lambda x: np.sum(np.sqrt(x)), np.array([0.0, 1.0]), forward=True)
    assert report
    assert "forward mode cannot be compared" in str(report)


# ---- kinks ---------------------------------------------------------------------------------------

KINKS = [
    (lambda x: np.sum(np.maximum(x, 0)), [0.0, 1.0], (0, 1)),
    (lambda x: np.sum(np.abs(x)), [0.0, -1.0], (-1, 1)),
    (lambda x: np.max(x), [2.0, 2.0, 1.0], (0, 1)),
    (lambda x: np.min(x), [1.0, 2.0, 1.0], (1, 0)),
    (lambda x: 3 * np.linalg.norm(x), [0.0, 0.0], (-3, 3)),
]


@pytest.mark.parametrize(("f", "x", "slopes"), KINKS)
def test_a_kink_is_no_mistake(f, x, slopes):
    report = gradcheck(f, np.array(x))
    assert report
    kink = report.rows[0].comparison.having("kink")[0]
    assert kink.place == (0,)
    assert (kink.left, kink.right) == pytest.approx(slopes, abs=1e-6)
    assert "not differentiable" in str(report)


def test_a_kink_that_is_very_near():
    assert gradcheck(lambda x: np.sum(np.maximum(x, 0)), np.array([1e-11, -1e-9, 3e-7]))


def test_ties_where_no_entry_alone_shows_the_kink():
    """Of three equal numbers the median stays if one moves either way; they share its gradient."""
    for f in (np.median, lambda x: np.partition(x, 1)[1], lambda x: np.sort(x)[1]):
        report = gradcheck(f, np.ones(3))
        assert report
        assert "not differentiable here" in str(report)
    report = gradcheck(
        lambda x: np.median(x) + 0 * np.sum(WRONG_SINE(x)) + np.sum(x.detach()), np.ones(3)
    )
    assert not report


def test_a_wrong_slope_at_a_single_point_that_is_no_kink():
    odd = primitive(np.sin, lambda g, y, x: g * np.cos(x) * (x != 0), name="odd")
    report = gradcheck(lambda x: np.sum(odd(x)), np.array([0.0, 1.0]))
    assert report.culprit.operation == "odd"


def test_a_mistake_beside_a_kink_is_still_one():
    wrong = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: -g * (x > 0), name="wrong")
    report = gradcheck(lambda x: np.sum(wrong(x)), np.array([0.0, 1.0, -1.0]))
    assert report.culprit.operation == "wrong"


def test_a_slope_outside_those_of_a_kink_is_wrong():
    wrong = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * ((x > 0) + 5.0 * (x == 0)))
    assert not gradcheck(lambda x: np.sum(wrong(x)), np.array([0.0, 1.0, -1.0]))


def test_relus_that_meet_at_their_kinks():
    """relu(x) - relu(-x) = x, but a graph with relu'(0) = 0 gives the slope 0 at 0."""
    relu = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu")
    report = gradcheck(lambda x: np.sum(relu(x) - relu(-x)), np.array([0.0, 1.0]))
    assert report
    assert "not differentiable here: relu" in str(report)


def test_the_edge_of_a_domain():
    report = gradcheck(lambda x: np.sum(np.sqrt(x)), np.array([0.0, 1.0]))
    assert report
    assert "not differentiable" in str(report)


# ---- gradients written by hand -------------------------------------------------------------------


def test_a_gradient_by_hand():
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(6, 3)), rng.normal(size=3)

    def cost(x):
        return 0.5 * np.mean((a @ x) ** 2)

    assert gradcheck(cost, x, gradient=lambda x: a.T @ (a @ x) / 6)
    assert gradcheck(cost, x, gradient=a.T @ (a @ x) / 6)
    for wrong, said in [
        (lambda x: -a.T @ (a @ x) / 6, "sign"),
        (lambda x: a.T @ (a @ x), "batch size"),
        (lambda x: 2 * a.T @ (a @ x) / 6, "factor: 2"),
        (lambda x: np.zeros(3), "zero"),
        (lambda x: (a.T @ (a @ x) / 6)[:2], "shape (2,)"),
    ]:
        report = gradcheck(cost, x, gradient=wrong)
        assert not report
        assert said in report.culprit.mistake


def test_a_gradient_by_hand_of_several_inputs():
    def f(w, x, n):
        return np.sum((w @ x) ** n)

    def gradient(w, x, n):
        outer = n * (w @ x) ** (n - 1)
        return np.outer(x, outer), w.T @ outer

    w, x = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 2.0])
    report = gradcheck(f, w, x, np.array(3), gradient=gradient)
    assert not report
    assert report.culprit.operation == "the gradient with respect to w"
    assert "transposed" in report.culprit.mistake
    assert [row.verdict for row in report.rows] == ["wrong", "right"]


# What a gradient by x = [0, 1, 2] may give instead of an array of three numbers.
MISSHAPEN = {
    "too few": (lambda x: (2 * x)[:2], "(2,)"),
    "a list of too few": (lambda x: [0.0, 2.0], "(2,)"),
    "an axis too many": (lambda x: (2 * x)[None], "(1, 3)"),
    "the gradient of each example": (lambda x: np.ones((5, 3)), "(5, 3)"),
    "one number": (lambda x: 3.0, "()"),
    "an array, no function": (np.ones(4), "(4,)"),
    "as many as there are positive entries": (lambda x: (2 * x)[x > 0], "(2,)"),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_a_gradient_by_hand_of_a_wrong_shape(name):
    gradient, shape = MISSHAPEN[name]
    report = gradcheck(lambda x: np.sum(x**2), np.arange(3.0), gradient=gradient)
    assert not report
    assert report.culprit.operation == "the gradient with respect to x"
    assert f"of shape {shape} for an input of shape (3,): give" in report.culprit.mistake


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x, y: np.sum(x**2), np.arange(3.0)),  # looked at closely: where it has rounding
        (lambda x, y: np.sum(np.abs(x)), np.zeros(300)),  # at a kink, and beside it
    ],
)
@pytest.mark.parametrize("later", [np.ones(2), None])
def test_a_gradient_by_hand_whose_shape_changes_from_call_to_call(f, x, later):
    calls = iter([np.full(x.shape, 0.5)])
    report = gradcheck(f, x, np.ones(1), gradient=lambda x, y: (next(calls, later), np.zeros(1)))
    assert not report
    assert report.culprit.operation == "the gradient with respect to x"
    assert f"for an input of shape {x.shape}: give" in report.culprit.mistake


def test_a_gradient_by_hand_of_parts_that_fit_no_input():
    x = np.arange(3.0)
    for parts in ([np.zeros(2), np.zeros(3)], [[1.0, 2.0], [3.0]], [np.zeros(3), np.zeros(3)]):
        raises(ValueError, "give one for each", np.sum, x, gradient=lambda x, p=parts: p)
    for same in ([2 * x], (2 * x).tolist()):
        assert gradcheck(lambda x: np.sum(x**2), x, gradient=same)


# ---- what cannot be checked ----------------------------------------------------------------------


def raises(kind, text, *arguments, **options):
    with pytest.raises(kind, match=text):
        gradcheck(*arguments, **options)


def test_bad_input_gets_a_clear_answer():
    x = np.ones(3)
    raises(TypeError, "nothing to check.*int64", np.sum, np.arange(3))
    raises(TypeError, "nothing to check", lambda: 0)
    raises(TypeError, "complex", np.sum, x + 1j)
    raises(TypeError, "expected a function, got float", 3.0, x)
    raises(ValueError, "empty", np.sum, np.ones((0, 3)))
    raises(ValueError, "input x holds nan", lambda x: x, np.array([1.0, np.nan]))
    raises(ValueError, "gives nan or inf.*log gave -inf", lambda x: np.log(x - 1), x)
    raises(TypeError, "returned", lambda x: "text", x)
    raises(ValueError, "order must be 1 or 2", np.sum, x, order=3)
    raises(ValueError, "of a scalar", lambda x: x, x, gradient=lambda x: x)
    raises(ValueError, "give one for each", lambda x, y: x @ y, x, x, gradient=lambda x, y: y)
    raises(TypeError, "closes over", lambda: 0.0, x)
    with no_grad():
        assert gradcheck(lambda x: np.sum(x**2), x)


def test_a_function_that_changes_its_input_is_caught():
    def f(x):
        x[0] += 1
        return np.sum(x**2)

    x = np.ones(3)
    raises(ValueError, "changes x in place", f, x, gradient=lambda x: 2 * x)
    np.testing.assert_array_equal(x, 1)

    w = Tensor(np.ones(3), requires_grad=True, name="w")

    def g():
        w.data[0] += 1
        return np.sum(w**2)

    raises(ValueError, "changes w in place", g, w)
    np.testing.assert_array_equal(w.data, 1)


def test_random_functions_are_given_the_same_luck():
    rng = np.random.default_rng(0)
    x = np.linspace(1, 2, 20)
    before = rng.bit_generator.state
    assert gradcheck(lambda x: np.sum(x * (rng.uniform(size=20) < 0.5)), x)
    assert rng.bit_generator.state == before
    assert gradcheck(lambda x: np.sum(x * np.random.uniform(size=20)), x)
    assert gradcheck(lambda x: np.sum(x * random.random()), x)

    class Dropout:
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def __call__(self, x):
            return np.sum(x * (self.rng.uniform(size=20) < 0.5))

    dropout = Dropout()
    raises(ValueError, "generator=", dropout, x)
    assert gradcheck(dropout, x, generator=dropout.rng)
    shared_generators.append(dropout.rng)
    try:
        assert gradcheck(dropout, x)
    finally:
        shared_generators.remove(dropout.rng)


def test_computed_inputs():
    leaf = Tensor([1.0, 2.0], requires_grad=True)
    assert gradcheck(lambda y: np.sum(y**2), leaf * 2)
    y = leaf * 2
    raises(ValueError, "computed", lambda: np.sum(y**2), y)


# ---- an operation alone --------------------------------------------------------------------------


def test_an_operation_alone_is_tried_on_shapes_of_its_own():
    right = {name: operation for name, operation in operations().items() if name != "cost"}
    for name in ("tanh", "multiply", "softmax", "linear", "matmul", "divide", "logsumexp"):
        report = gradcheck(right[name])
        assert report
        assert report.rows
    shapes = {row.name for row in gradcheck(right["multiply"]).rows}
    assert any("(2, 1), (1, 3)" in shape for shape in shapes)


@pytest.mark.parametrize(
    "plant",
    [
        p
        for p in PLANTS
        if p.operation in ("tanh", "multiply", "softmax", "linear", "divide", "exp")
    ],
    ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}",
)
def test_a_wrong_operation_alone(plant):
    report = gradcheck(operations(plant)[plant.operation])
    assert not report
    assert report.culprit.argument == plant.argument


def test_numpys_functions_alone():
    for function in (np.tanh, np.hypot, np.matmul, np.log, np.arccosh):
        assert gradcheck(function)
    strange = primitive(lambda x: np.linalg.inv(x)[5], lambda g, y, x: g, name="strange")
    raises(TypeError, "strange takes none", strange)


# ---- the report ----------------------------------------------------------------------------------


def test_the_report_escapes_what_users_write():
    x = Tensor([1.0, 2.0], requires_grad=True, name="<b>x</b>")
    report = gradcheck(lambda x: np.sum(WRONG_SINE(x)), x)
    page = report._repr_html_()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "wrong sign" in page
