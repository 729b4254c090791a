"""Activations: against differences, closed forms and PyTorch; far out; at kinks; twice differentiated."""

import numpy as np
import pytest

from microgradnd import Tensor, grad, gradients
from nn import functions as act
from tests.numerical import plain, slope

CURVES = {
    "sigmoid": act.sigmoid,
    "tanh": act.tanh,
    "logsigmoid": act.logsigmoid,
    "relu": act.relu,
    "leaky_relu": lambda x: act.leaky_relu(x, negative_slope=0.2),
    "elu": lambda x: act.elu(x, alpha=1.5),
    "silu": act.silu,
    "softplus": lambda x: act.softplus(x, beta=2.0, threshold=30.0),
    "softmax": lambda x: act.softmax(x, dim=-1),
    "log_softmax": lambda x: act.log_softmax(x, dim=0),
}
MODULES = {
    "Sigmoid": {},
    "Tanh": {},
    "LogSigmoid": {},
    "ReLU": {"inplace": True},
    "LeakyReLU": {"negative_slope": 0.3},
    "ELU": {"alpha": 0.7},
    "SiLU": {},
    "Softplus": {"beta": 3.0, "threshold": 2.0},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 0},
}
FAR = np.array([-1e4, -800.0, -90.0, -30.0, -1.0, 0.0, 1.0, 30.0, 90.0, 800.0, 1e4])


@pytest.mark.parametrize("name", CURVES)
def test_derivatives_of_first_and_second_order_are_those_of_differences(name, rng):
    x, v = rng.normal(size=(2, 3, 4)) * 2  # no entry is near a kink
    assert np.abs(x).min() > 0.01
    weights = rng.normal(size=(3, 4))

    def total(x):
        return np.sum(weights * CURVES[name](x))

    first = grad(total)
    along = slope(total, [x], [v])[0]
    np.testing.assert_allclose(np.sum(first(x) * v), along, rtol=1e-9)
    second = grad(lambda x: np.sum(first(x) * v))
    np.testing.assert_allclose(second(x), slope(first, [x], [v])[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_and_the_type_is_kept_forwards_and_backwards(name, dtype):
    x = Tensor(FAR.astype(dtype), requires_grad=True)
    y = CURVES[name](x)  # a RuntimeWarning fails the test
    (first,) = gradients(np.sum(y * y), [x])
    np.sum(first).backward()
    for values in (y.data, first.data, x.grad):
        assert values.dtype == dtype
        assert np.isfinite(values).all()


def test_saturated_values_are_exact():
    assert act.sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-14)
    assert act.logsigmoid(-1e4) == -1e4
    assert act.silu(-700.0) == pytest.approx(-700.0 * np.exp(-700.0), rel=1e-14)
    np.testing.assert_array_equal(act.softmax(FAR, dim=0)[[0, -1]], [0, 1])
    np.testing.assert_array_equal(act.log_softmax(FAR, dim=0), FAR - 1e4)
    assert grad(act.silu)(1e4) == 1
    assert grad(act.softplus)(1e4) == 1


def test_softmax_of_two_scores_is_the_sigmoid_of_their_difference(rng):
    scores = rng.normal(size=(5, 2))
    first = act.softmax(scores, dim=1)[:, 0]
    np.testing.assert_allclose(first, act.sigmoid(scores[:, 0] - scores[:, 1]), rtol=1e-14)


def test_the_three_steps():
    x = [-2.0, -0.0, 0.0, 0.5, 2.0]
    np.testing.assert_array_equal(act.step(x), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(act.step(x, low=-1), [-1, -1, -1, 1, 1])
    np.testing.assert_array_equal(act.step(x, threshold=0.0), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(act.step(x, low=-1, threshold=0.5), [-1, -1, -1, 1, 1])
    np.testing.assert_array_equal(act.Step(threshold=1.0)(x), [0, 0, 0, 0, 1])
    assert act.step(np.zeros(1, np.float32), low=-1).dtype == np.float32


def test_the_gradient_of_a_step_is_zero():
    x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    np.sum(act.step(x) * x).backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 1])


@pytest.mark.parametrize("name", [*MODULES, "Step"])
def test_a_module_is_its_function_recorded_under_its_name(name, rng):
    module = getattr(act, name)(**MODULES.get(name, {}))
    x = rng.normal(size=(2, 3))
    y = module(Tensor(x, requires_grad=True))
    assert y.operation.name == {"LeakyReLU": "leaky_relu", "LogSoftmax": "log_softmax"}.get(
        name, name.lower()
    )
    assert y.scope == (name,)
    np.testing.assert_array_equal(plain(module(x)), y.data)
    assert not list(module.parameters())
    for option, value in MODULES.get(name, {}).items():
        assert option == "inplace" or f"{option}={value}" in repr(module)


@pytest.mark.parametrize("name", MODULES)
def test_as_pytorch(name, rng):
    torch = pytest.importorskip("torch")
    x = np.concatenate([rng.normal(size=(4, 11)) * 3, [FAR], np.zeros((1, 11))])
    g = rng.normal(size=x.shape)
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = getattr(act, name)(**MODULES[name])(ours)
    module = getattr(torch.nn, name)(**{k: v for k, v in MODULES[name].items() if k != "inplace"})
    expected = module(theirs)
    np.testing.assert_allclose(y.data, expected.detach(), rtol=1e-12, atol=1e-12)
    (y + y * y).backward(g)
    (expected + expected * expected).backward(torch.tensor(g))
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_the_axis_of_softmax_that_nobody_named_is_pytorchs(shape, rng):
    torch = pytest.importorskip("torch")
    x = rng.normal(size=shape)
    with pytest.warns(UserWarning, match="Implicit dimension"):
        expected = torch.nn.functional.softmax(torch.tensor(x))
    np.testing.assert_allclose(act.softmax(x), expected, rtol=1e-13)
    np.testing.assert_allclose(act.log_softmax(x), np.log(expected.numpy()), rtol=1e-12)


def test_numbers_lists_and_whole_numbers_are_taken():
    assert act.relu(-3) == 0
    np.testing.assert_allclose(act.elu([1, -1]), [1, np.exp(-1) - 1])
    np.testing.assert_allclose(act.sigmoid(np.array([0, 1])), [0.5, 1 / (1 + np.exp(-1))])
