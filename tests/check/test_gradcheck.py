"""gradcheck: right where differences agree, wrong with the culprit's name, kinks as kinks."""

import random
import re

import numpy as np
import pytest

import nn
from microgradnd import Tensor, grad, gradcheck, gradients, no_grad, paths, primitive, scope, trace
from microgradnd.check.comparison import Comparison, Judgement
from microgradnd.check.report import Report
from microgradnd.operators import plain
from microgradnd.random_state import shared_generators
from tests.check.planted import PLANTS, network, operations
from tests.engine.cases import CASES
from tests.numerical import outputs
from tests.properties.programs import NUMPY, program_from

WRONG_SINE = primitive(np.sin, lambda g, y, x: -g * np.cos(x), name="wrong_sine")
X = np.array([0.5, 1.0, 2.0])


def raising(error):
    def rule(g, y, x):
        raise error("sorry")

    return rule


# ---- right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", [c for c in CASES if all(x.size for x in c.inputs)], ids=repr)
def test_every_rule_of_the_engine_is_right(case, dtype):
    inputs = [x.astype(dtype) for x in case.inputs]
    if any(y.size for y in outputs(case.call(*inputs))):
        assert gradcheck(case.call, *inputs, forward=True)


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


HEAVY = [
    pytest.param(range(k, k + step), changes, marks=pytest.mark.heavy)
    for step, changes in ((75, {}), (25, {"tied": True}))
    for k in range(0, 100 * step, step)
]


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:Degrees of freedom")
@pytest.mark.parametrize(
    ("numbers", "changes"), [(range(60), {}), (range(60), {"tied": True}), *HEAVY]
)
def test_random_programs_raise_no_alarm(numbers, changes):
    for number in numbers:
        program = program_from(random.Random(number))._replace(**changes)
        if is_defined(program):
            f = lambda *xs, p=program: p.total(xs, NUMPY)  # noqa: E731
            report = gradcheck(f, *program.inputs(), forward=True)
            assert report, f"program {number}\n{program!r}\n{report}"


RIGHT = {
    "nine outputs, each looked at": lambda x: np.outer(x, x),
    "27 outputs, in random combinations": lambda x: np.kron(np.outer(x, x), x),
    "nested outputs": lambda x: (np.sin(x), {"sum": np.sum(x)}),
    "zero but for rounding": lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))),
    "the same of a mean": lambda x: np.sum((x - np.mean(x)) / np.std(x)),
    "on a large offset": lambda x: 1e5 + np.sum(np.sin(x)),
    "contributions that cancel": lambda x: np.sum(x**3) + (1e10 * np.sum(x) - 1e10 * np.sum(x)),
    "gradients inside": lambda x: gradients(np.sum(np.tanh(x * (w := leaf()))), w) ** 2,
}


@pytest.mark.parametrize("seed", range(40))
def test_terms_that_cancel_up_to_rounding_raise_no_alarm(seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(5, rng.integers(2, 8)))
    centred = weights - np.mean(weights, axis=1, keepdims=True)
    ends = (1, weights.shape[1] + 1)
    f = lambda x: np.sum(np.diff(np.broadcast_to(x, ends), axis=1) * weights[0])  # noqa: E731
    assert gradcheck(f, rng.normal(size=(1, 1)))
    assert gradcheck(lambda x: np.sum(x @ centred), rng.normal(size=5))


ORDERS = [
    lambda x: np.ravel(x, order="A"),
    lambda x: np.reshape(x, (-1, 2), order="A") ** 2,
    lambda x: x.ravel(order="K"),
]


@pytest.mark.parametrize("many", [1, 30])  # entries one by one, or in directions
@pytest.mark.parametrize("f", ORDERS)
def test_the_function_gets_the_layout_of_the_inputs(f, many):
    x = np.random.default_rng(0).normal(size=(4 * many, 3)).T

    def of_columns(x):
        assert plain(x).flags.f_contiguous
        return np.sum(np.sin(f(x)).reshape(-1) * np.arange(x.size))

    gradient = grad(of_columns)(x)
    assert gradcheck(of_columns, x, order=2, forward=True)
    assert gradcheck(of_columns, x, gradient=gradient)
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
    assert not report.rows[0].having("kink")


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
    assert gradcheck(lambda x, n=2: np.sum(x[:n]), np.ones(3), 2)
    assert len(gradcheck(lambda x, n: np.sum(x**n), -np.ones(3), 2).rows) == 1
    assert gradcheck(lambda y: np.sum(y**2), leaf() * 2)  # computed, but not closed over


def test_a_large_network_in_directions():
    rng = np.random.default_rng(0)
    shapes = ((784, 30), (30,), (30, 10), (10,))
    parameters = [Tensor(rng.normal(0, 0.1, shape), requires_grad=True) for shape in shapes]
    x, t = rng.uniform(size=(10, 784)), np.eye(10)

    def loss(sine=np.sin):
        w, b, v, c = parameters
        return np.sum((sine(np.tanh(x @ w + b) @ v + c) - t) ** 2) / 20

    for dtype in (np.float64, np.float32):
        parameters = [Tensor(p.numpy().astype(dtype), requires_grad=True) for p in parameters]
        x, t = x.astype(dtype), t.astype(dtype)
        report = gradcheck(loss, *parameters)
        assert report
        assert report.rows[0].directions
        assert parameters[0].dtype == dtype
        assert gradcheck(lambda: loss(WRONG_SINE), *parameters).culprit.operation == "wrong_sine"


# ---- wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}")
def test_a_planted_mistake_is_found_and_named(plant):
    f, inputs = network(operations(plant), np.random.default_rng(0))
    report = gradcheck(f, *inputs)
    assert not report
    assert (report.culprit.operation, report.culprit.argument) == (plant.operation, plant.argument)
    assert (plant.mistake or "") in (report.culprit.mistake or "")
    assert plant.operation in str(report)


def test_the_culprit_says_where_it_is():
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")

    def f(x):
        with scope("encoder"), scope("second"):
            return np.sum(WRONG_SINE(x) * x)

    culprit = gradcheck(f, x).culprit
    assert (culprit.scope, culprit.shapes) == (("encoder", "second"), ((2, 3),))
    assert re.search(r"test_gradcheck.py.*WRONG_SINE\(x\) \* x", culprit.line)
    assert culprit.given == pytest.approx(-culprit.expected)


RELU = primitive(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu")
SCALED = primitive(lambda x, k: x * k, lambda g, y, x, k: g * k, name="scaled")


def half_changed(g, y, x):
    slope = g * np.cos(x)
    x *= 0
    return slope


def wrong(rule, function=np.sin):
    """A sum of a function with this rule."""
    operation = primitive(function, rule, name="wrong")
    return lambda x: 2 * np.sum(operation(x))


# A function, where, the culprit and a part of its mistake (or of what it raised).
WRONG = {
    "one of two outputs": (lambda x: (np.cos(x), WRONG_SINE(x)), X, "wrong_sine", "wrong sign"),
    "detached": (lambda x: np.sum(np.exp(x) * x.detach()), X, "multiply", "left the graph"),
    "a number": (lambda x: np.sum(x) * float(np.sum(x.numpy())), X, "multiply", "left the graph"),
    "an option": (
        lambda x: np.sum(SCALED(RELU(x), float(np.sum(x.numpy() ** 2)))), X - 0.5, "scaled", "left",
    ),
    "everything": (lambda x: np.sum(x.numpy()), X, "an output", "no history"),
    "one output": (lambda x: (np.sum(RELU(x)), x.numpy() * 2), X - 0.5, "an output", "no history"),
    "beside an infinite slope": (
        lambda x: np.sum(np.sqrt(x)) + np.sum(WRONG_SINE(x)), X - 0.5, "wrong_sine", "sign",
    ),
    "a point that is no kink": (
        wrong(lambda g, y, x: g * np.cos(x) * (x != 0)), X - 0.5, "wrong", "wrong at 1 of 3",
    ),
    "beside a kink": (
        wrong(lambda g, y, x: -g * (x > 0), lambda x: np.maximum(x, 0)), X - 0.5, "wrong", "wrong at 2",
    ),
    "steeper than a kink": (
        wrong(lambda g, y, x: g * ((x > 0) + 5.0 * (x == 0)), lambda x: np.maximum(x, 0)),
        X - 0.5, "wrong", "wrong at 1 of 3",
    ),
    "ties that get too much together": (
        wrong(lambda g, y, x: g * (x == y), np.max), np.array([1.0, 1.0, 0.0]), "wrong", "",
    ),
    "arguments changed in place": (wrong(half_changed), X, "wrong", "in place"),
    "no array": (wrong(lambda g, y, x: "text"), X, "wrong", ""),
    **{
        error.__name__: (wrong(raising(error)), X, "wrong", error.__name__)
        for error in (NameError, AttributeError, KeyError, AssertionError, NotImplementedError)
    },
}  # fmt: skip


@pytest.mark.parametrize(("f", "x", "operation", "text"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_found(f, x, operation, text):
    w = Tensor(x, requires_grad=True)
    for report in (gradcheck(f, x), gradcheck(lambda: f(w), w)):
        assert not report
        assert report.culprit.operation == operation
        assert text in str(report.culprit)
    np.testing.assert_array_equal(w.data, x)


def test_a_mistake_hidden_by_ties_or_failures():
    f = lambda x: np.median(x) + 0 * np.sum(WRONG_SINE(x)) + np.sum(x.detach())  # noqa: E731
    assert not gradcheck(f, np.ones(3))
    w = Tensor([0.5, 1.0], requires_grad=True)

    def fails_elsewhere():
        if (w.numpy() != [0.5, 1.0]).all():
            raise RuntimeError("only here")
        return np.sum(w.detach() * 2)

    assert not gradcheck(fails_elsewhere, w)
    np.testing.assert_array_equal(w.data, [0.5, 1.0])


@pytest.mark.parametrize("slope", [lambda g: 2, lambda g: 2 * g * g, lambda g: 2 * abs(g)])
def test_a_rule_must_be_linear_in_the_gradient_even_where_that_is_1(slope):
    square = primitive(lambda x: np.sum(x * x), lambda g, y, x: slope(g) * x, name="square")
    for report in (gradcheck(square, np.array([0.5, 1.0])), gradcheck(square)):
        assert not report
        assert report.culprit.operation == "square"


def test_a_rule_right_to_first_order_only():
    half = primitive(np.sin, lambda g, y, x: g * Tensor(np.cos(plain(x))))
    assert gradcheck(lambda x: np.sum(half(x)), X)  # but its own derivative is lost
    assert not gradcheck(lambda x: np.sum(half(x)), X, order=2)


def test_a_rule_that_cannot_be_differentiated_again():
    def rule(g, y, x):
        slope = np.zeros_like(x)
        for i in range(len(x)):
            slope[i] = g[i] * np.cos(x[i])
        return slope

    loop = primitive(np.sin, rule, name="loop")
    w = Tensor([0.5, 1.0], requires_grad=True)
    assert gradcheck(lambda x: np.sum(loop(x)), w)
    report = gradcheck(lambda x: np.sum(loop(x)), w, order=2)
    assert "differentiated again" in report.culprit.mistake
    assert not gradcheck(lambda x: np.sum(loop(x)), w, forward=True)
    assert paths(np.sum(loop(w)), w, 0).total == pytest.approx(np.cos(0.5))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_kinks_among_many_entries_hide_nothing(share):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 50)) * (rng.random((40, 50)) > share)

    def rule(g, y, x):
        slope = g * (x > 0)
        slope[:, -1] = 0
        return slope

    f = wrong(rule, lambda x: np.maximum(x, 0))
    assert gradcheck(lambda x: np.sum(RELU(x)), x)
    assert gradcheck(f, x).culprit.operation == "wrong"
    assert not gradcheck(lambda x: np.sum(np.maximum(x, 0)), x, gradient=lambda x: rule(1, 0, x))


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


# ---- kinks ---------------------------------------------------------------------------------------

KINKS = [
    (lambda x: np.sum(np.maximum(x, 0)), [0.0, 1.0], (0, 1)),
    (lambda x: np.sum(np.abs(x)), [0.0, -1.0], (-1, 1)),
    (lambda x: np.max(x), [2.0, 2.0, 1.0], (0, 1)),
    (lambda x: np.min(x), [1.0, 2.0, 1.0], (1, 0)),
    (lambda x: 3 * np.linalg.norm(x), [0.0, 0.0], (-3, 3)),
    (lambda x: np.sum(np.sqrt(x)), [0.0, 1.0], (np.nan, np.inf)),
]


@pytest.mark.parametrize(("f", "x", "slopes"), KINKS)
def test_a_kink_is_no_mistake(f, x, slopes):
    report = gradcheck(f, np.array(x))
    assert report
    kink = report.rows[0].having("kink")[0]
    assert kink.place == (0,)
    assert (kink.left, kink.right) == pytest.approx(slopes, abs=1e-6, nan_ok=True)
    assert "not differentiable" in str(report)
    assert not gradcheck(f, np.array(x), gradient=lambda x: np.full(len(x), -77.0))


# No entry alone shows these kinks: of three equal numbers the median stays if one moves either way,
# and relu(x) - relu(-x) = x has the slope 0 at 0 in a graph with relu'(0) = 0.
def zero_slope(x):
    return np.sum(RELU(x - 1) - RELU(1 - x))


@pytest.mark.parametrize(
    "f", [np.median, lambda x: np.partition(x, 1)[1], lambda x: np.sort(x)[1], zero_slope]
)
def test_kinks_that_only_show_together(f):
    report = gradcheck(f, np.ones(3))
    assert report
    assert "not differentiable here" in str(report)


def test_a_domain_guarded_by_an_assertion():
    def f(x):
        assert x.numpy().min() >= 0
        return np.sum(x * x)

    assert gradcheck(f, np.array([0.0, 1.0]))


# ---- what cannot be checked, and what stays as it was --------------------------------------------

W = leaf() * 2
REFUSED = {
    "nothing to check.*int64": (TypeError, np.sum, [np.arange(3)], {}),
    "nothing to check .no inputs": (TypeError, lambda: 0, [], {}),
    "nothing to check.*complex128": (TypeError, np.sum, [X + 1j], {}),
    "a function, got float": (TypeError, 3.0, [X], {}),
    "empty": (ValueError, np.sum, [np.ones((0, 3))], {}),
    "input x holds nan": (ValueError, lambda x: x, [np.array([1.0, np.nan])], {}),
    "gives nan or inf.*log gave -inf": (ValueError, lambda x: np.log(x - 1), [np.ones(3)], {}),
    "returned <U4": (TypeError, lambda x: "text", [X], {}),
    "is a return missing": (TypeError, lambda x: None, [X], {}),
    "must be 1 or 2, got 3": (ValueError, np.sum, [X], {"order": 3}),
    "of a scalar": (ValueError, lambda x: x, [X], {"gradient": lambda x: x}),
    "one for each": (ValueError, np.dot, [X, X], {"gradient": lambda x, y: y}),
    "to first order": (ValueError, np.sum, [X], {"gradient": X, "order": 2}),
    "closes over": (TypeError, lambda: 0.0, [X], {}),
    "got this result of multiply": (TypeError, lambda: np.sum(W**2), [W], {}),
    "strange takes none": (
        TypeError,
        primitive(lambda x: np.linalg.inv(x)[5], lambda g, y, x: g, name="strange"), [], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "call"), REFUSED.items(), ids=REFUSED)
def test_bad_input_gets_a_clear_answer(text, call):
    kind, f, inputs, options = call
    with pytest.raises(kind, match=text):
        gradcheck(f, *inputs, **options)


def test_a_function_that_changes_its_input_is_caught():
    def f(x):
        x[0] += 1
        return np.sum(x**2)

    def g():
        w.data[0] += 1
        return np.sum(w**2)

    x, w = np.ones(3), Tensor(np.ones(3), requires_grad=True, name="w")
    with pytest.raises(ValueError, match="changes x in place"):
        gradcheck(f, x, gradient=lambda x: 2 * x)
    with pytest.raises(ValueError, match="changes w in place"):
        gradcheck(g, w)
    with pytest.raises(ValueError, match="the gradient function changes w in place"):
        gradcheck(lambda w: np.sum(w**2), w, gradient=lambda w: np.multiply(w.data, 2, out=w.data))
    np.testing.assert_array_equal([x, w.data], 1)


def test_random_functions_draw_the_same_each_time():
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
    with pytest.raises(ValueError, match="generator="):
        gradcheck(dropout, x)
    assert gradcheck(dropout, x, generator=dropout.rng)
    shared_generators.append(dropout.rng)
    try:
        assert gradcheck(dropout, x)
    finally:
        shared_generators.remove(dropout.rng)


def test_running_averages_are_put_back():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    x = np.random.default_rng(0).normal(size=(5, 3))
    before = model.state_dict()
    assert gradcheck(lambda: np.sum(np.sin(model(x))), *model.parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# ---- an operation alone --------------------------------------------------------------------------

ALONE = ("tanh", "multiply", "softmax", "linear", "divide", "exp")


def test_an_operation_alone_is_tried_on_shapes_of_its_own():
    right = operations()
    own = [right[name] for name in (*ALONE, "matmul", "logsumexp")]
    for function in (*own, np.tanh, np.hypot, np.matmul, np.log, np.arccosh):
        report = gradcheck(function)
        assert report
        assert report.rows
    assert any("(2, 1), (1, 3)" in row.name for row in gradcheck(right["multiply"]).rows)


@pytest.mark.parametrize(
    "plant",
    [plant for plant in PLANTS if plant.operation in ALONE],
    ids=lambda p: f"{p.operation}-{p.argument}-{p.mistake}",
)
def test_a_wrong_operation_alone(plant):
    report = gradcheck(operations(plant)[plant.operation])
    assert not report
    assert report.culprit.argument == plant.argument


@pytest.mark.parametrize("given", [None, "text", [1.0, 2.0], NameError])
def test_a_broken_rule_alone(given):
    rule = raising(given) if isinstance(given, type) else lambda g, y, x: given
    assert gradcheck(primitive(np.sin, rule, name="broken")).culprit.operation == "broken"


def test_a_rule_that_works_for_some_shapes_only():
    product = primitive(
        lambda a, b: a * b,
        lambda g, y, a, b: np.einsum("ij,ij->ij", g, b),
        lambda g, y, a, b: g * a,
        name="product",
    )
    assert "cannot be applied" in str(gradcheck(product))


# ---- the report ----------------------------------------------------------------------------------


def test_the_report_escapes_what_users_write():
    x = Tensor([1.0, 2.0], requires_grad=True, name="<b>x</b>")
    page = gradcheck(lambda x: np.sum(WRONG_SINE(x)), x)._repr_html_()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "wrong sign" in page


def test_what_excuses_one_report_excuses_no_other():
    rows = [Comparison("x", (1,), "float64", 1, 0, 1.0, 1.0, [Judgement("wrong", 1.0, 2.0)])]
    kink, bad = Report(rows, excused=True), Report(rows)
    assert [bool(r) for r in (kink, bad, kink + kink, kink + bad, bad + kink)] == [1, 0, 1, 0, 0]


def test_nothing_that_changes_is_noted():
    w = Tensor([1.0, 2.0], requires_grad=True)
    values = np.array(w.numpy())
    assert "does not change" in str(gradcheck(lambda: np.sum(values**2), w))


def test_what_surrounds_a_check_does_not_matter():
    f = lambda x: np.sum(np.where(x.numpy() > 0, np.log(abs(x)), 0))  # noqa: E731
    with trace(), no_grad(), scope("around"), np.errstate(divide="ignore"):
        assert gradcheck(f, X, forward=True, order=2)
        assert gradcheck(wrong(lambda g, y, x: -g * np.cos(x)), X).culprit.mistake == "wrong sign"
