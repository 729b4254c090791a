"""Activations and nn.functional: against differences, closed forms and PyTorch; far out; at kinks."""

import inspect
import math
import sys

import numpy as np
import pytest

import nn
from microgradnd import Tensor, derive, grad, gradients, replay
from nn import functional
from nn import functions as act
from nn.functions import smooth
from tests.nn.layer_checks import check_against_torch, check_slopes
from tests.numerical import plain

# Modules with one operation, and their options.
PLAIN = "Sigmoid Tanh LogSigmoid SiLU Mish Softsign Tanhshrink SELU ReLU6 Hardsigmoid Hardswish"
CURVES = {name: {} for name in PLAIN.split()} | {
    "ReLU": {"inplace": True},
    "LeakyReLU": {"negative_slope": 0.3},
    "ELU": {"alpha": 0.7},
    "Softplus": {"beta": 3.0, "threshold": 2.0},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 0},
    "GELU": {"approximate": "none"},
    "CELU": {"alpha": 0.7},
    "Hardtanh": {"min_val": -0.7, "max_val": 1.2},
    "Hardshrink": {"lambd": 0.7},
    "Softshrink": {"lambd": 0.7},
    "Threshold": {"threshold": -0.7, "value": 2.0},
}
AS_PYTORCH = [
    *CURVES.items(),
    ("GELU", {"approximate": "tanh"}), ("GLU", {"dim": 1}), ("Softmin", {"dim": 1}),
    ("RReLU", {"lower": 0.3, "upper": 0.3}), ("PReLU", {}),
]  # fmt: skip
FUNCTIONS = {name.replace("_", ""): name for name in [*functional.__all__, "step"]}
KINKS = [-3.0, -1.0, -0.7, -0.5, 0.0, 0.5, 0.7, 1.0, 1.2, 3.0, 6.0, -0.0]
FAR = np.array([-1e4, -800.0, -90.0, -30.0, -1.0, 0.0, 1.0, 30.0, 90.0, 800.0, 1e4])


@pytest.mark.parametrize(("name", "options"), AS_PYTORCH)
def test_derivatives_of_first_and_second_order_are_those_of_differences(name, options, rng):
    x = rng.normal(size=(3, 4)) * 2
    assert np.abs(x).min() > 0.01 < np.abs(x - 2 / 3).min()  # no entry is near a kink
    check_slopes(getattr(nn, name)(**options).requires_grad_(False), x)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_and_the_type_is_kept_forwards_and_backwards(name, dtype):
    x = Tensor(np.array([FAR], dtype), requires_grad=True)
    y = getattr(nn, name)(**CURVES[name])(x)  # a RuntimeWarning fails the test
    (first,) = gradients(np.sum(y * y), [x])
    np.sum(first).backward()
    for values in (y.data, first.data, x.grad):
        assert values.dtype == dtype
        assert np.isfinite(values).all()


def test_a_step_is_above_the_threshold_without_one_above_0_and_has_no_slope():
    for options, expected in (({}, [0, 0, 1, 1]), ({"low": -1, "threshold": 0.5}, [-1, -1, 1, 1])):
        x = Tensor([-2.0, -0.0, 0.5, 2.0], requires_grad=True)
        np.sum(act.Step(**options)(x) * x).backward()
        assert x.grad.tolist() == act.step(x.data, **options).tolist() == expected
    assert act.step(np.zeros(1, np.float32), low=-1).dtype == np.float32


@pytest.mark.parametrize("name", [*CURVES, "Step"])
def test_a_module_is_its_function_recorded_under_its_name_also_of_integers(name):
    options = CURVES.get(name, {"low": -1.0, "threshold": 0.2})
    function = FUNCTIONS[name.lower()]
    module, x = getattr(nn, name)(**options), np.array([[-2.0, 1.0], [3.0, -1.0]])
    y = module(Tensor(x, requires_grad=True))
    assert y.operation.name == function
    assert y.scope == (name,)
    np.testing.assert_array_equal(plain(module(input=x)), y.data)
    whole = getattr(act, function)([[-2, 1], [3, -1]], **options)
    np.testing.assert_array_equal(plain(whole), y.data)
    assert x.tolist() == [[-2, 1], [3, -1]]  # also inplace
    assert not list(module.parameters())
    assert len({module, getattr(nn, name)(**options)}) == 2  # a module is equal only to itself
    shown = ", ".join(f"{option}={options[option]!r}" for option in options if option != "inplace")
    assert repr(module) == f"{name}({shown})"


@pytest.mark.parametrize(("name", "options"), AS_PYTORCH)
def test_as_pytorch(name, options, rng, torch):
    x = np.concatenate([rng.normal(size=(4, 12)) * 3, [KINKS, [*FAR, 0.0]]])
    x = np.clip(x, -30, 30) if name == "Mish" else x  # where PyTorch's has no second derivative
    options = {key: value for key, value in options.items() if key != "inplace"}
    ours, theirs = (getattr(library, name)(**options) for library in (nn, torch.nn))
    # PyTorch rounds the slope of Hardsigmoid to float32.
    check_against_torch(ours, theirs.double(), x, orders=0 if name == "Hardsigmoid" else 2)
    x[1, 1] = np.nan
    with np.errstate(invalid="ignore"):
        y = ours(Tensor(x)).numpy()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(theirs(torch.tensor(x)).detach().numpy()))


def test_slopes_left_of_zero_are_learned_for_each_channel_or_random(rng):
    x, w = rng.normal(size=(2, 3, 4)), rng.normal(size=3)
    np.testing.assert_array_equal(act.prelu(x, w), np.where(x > 0, x, w[:, None] * x))
    np.testing.assert_array_equal(nn.PReLU(3, 0.1)(x).numpy(), act.prelu(x, [0.1] * 3))
    check_slopes(act.prelu, x, w)
    y = nn.RReLU(0.2, 0.4)(np.full(1000, -1.0))
    assert -0.4 <= y.min() < -0.39 < -0.21 < y.max() <= -0.2


def test_the_softmax_of_a_number_is_1():
    for dtype, dim in zip(("f2", "f4", "f8"), (0, -1, None), strict=True):
        x = Tensor(2.0, dtype=dtype, requires_grad=True)
        y = act.softmax(x, dim) + act.log_softmax(x, dim)
        y.backward()
        assert (y.item(), y.dtype, x.grad) == (1, np.dtype(dtype), 0)


@pytest.mark.parametrize("length", [100, 2**14, 2**14 + 1, 10**6])
def test_many_classes_in_single_precision_have_as_many_digits(length, rng):
    values, g = rng.normal(size=(2, length)), rng.normal(size=(2, length))
    slopes = []
    for dtype in np.float32, np.float64:
        x = Tensor(values, dtype=dtype, requires_grad=True)
        act.softmax(x, -1).backward(g.astype(dtype))
        slopes.append(x.grad)
    size = np.max(np.abs(slopes[1]))
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0, atol=2e-6 * size)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_the_axis_of_softmax_that_nobody_named_is_pytorchs(shape, rng):
    x, axis = rng.normal(size=shape), 0 if len(shape) in (1, 3) else 1
    np.testing.assert_array_equal(act.softmax(x), act.softmax(x, dim=axis))
    np.testing.assert_array_equal(act.log_softmax(x), act.log_softmax(x, dim=axis))


def test_gelu_is_the_same_without_scipy_also_replayed_and_derived(monkeypatch):
    x = Tensor(np.linspace(-40, 40, 8001), requires_grad=True, name="x")
    expected = [v * 0.5 * (1 + math.erf(v * math.sqrt(0.5))) for v in x.data.tolist()]
    for missing in ("scipy", "scipy.special"):
        monkeypatch.setitem(sys.modules, missing, None)
    smooth._erf.cache_clear()
    try:
        np.testing.assert_allclose(act.gelu(x).numpy(), expected, rtol=0, atol=1e-13)
        assert act.gelu([0.0]).tolist() == [0]
        assert np.isnan(act.gelu([np.nan])).all()
        step = replay(lambda: np.sum(act.gelu(x) ** 2))
        assert {step().item() for _ in range(4)} == {np.sum(act.gelu(x) ** 2).item()}
        source = derive(np.sum(act.gelu(x[:3])), [x]).source
    finally:
        smooth._erf.cache_clear()
    assert "np.vectorize(math.erf" in source


# ---- nn.functional -------------------------------------------------------------------------------

# What PyTorch keeps of its past, and options of its tensors that arrays do not have.
LEFT_OUT = {"size_average", "reduce", "dtype", "_stacklevel", "return_indices", "out"}


@pytest.mark.parametrize("name", functional.__all__)
def test_a_script_for_pytorch_calls_the_same(name, torch):
    try:
        expected = inspect.signature(getattr(torch.nn.functional, name)).parameters
    except ValueError:  # written in C, and so without a signature
        return
    if all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in expected.values()):
        return
    wanted = [p for n, p in expected.items() if n not in LEFT_OUT][1:]
    found = list(inspect.signature(getattr(functional, name)).parameters.values())[1:]
    assert [p.name for p in found] == [p.name for p in wanted]
    for ours, their in zip(found, wanted, strict=True):
        assert ours.default == their.default or their.default is inspect.Parameter.empty


def test_what_is_exported_is_there_once():
    callables = (name for name, thing in vars(functional).items() if callable(thing))
    assert sorted(functional.__all__) == sorted(name for name in callables if name[0] != "_")


def test_saturated_values_are_exact():
    assert act.sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-14)
    assert act.logsigmoid(-1e4) == -1e4
    assert act.silu(-700.0) == pytest.approx(-700.0 * np.exp(-700.0), rel=1e-14)
    np.testing.assert_array_equal(act.softmax(FAR, dim=0)[[0, -1]], [0, 1])
    np.testing.assert_array_equal(act.log_softmax(FAR, dim=0), FAR - 1e4)
    assert grad(act.silu)(1e4) == grad(act.softplus)(1e4) == 1
